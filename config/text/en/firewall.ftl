## firewall
