//! Rules as ufw, firewalld, Docker and the older engine load them, and what decides along with them.

use crate::cases::{Case, script};

/// The settings of ufw are changed in a mount namespace alone.
macro_rules! ufw {
    ($commands:literal) => {
        concat!(
            "copy=$(mktemp -d); cp -a /etc/ufw $copy/etc; cp -a /etc/default/ufw $copy/default
             mount --bind $copy/etc /etc/ufw; mount --bind $copy/default /etc/default/ufw
             trap 'umount /etc/ufw /etc/default/ufw; rm -rf $copy' EXIT
             ufw default deny incoming >/dev/null\n",
            $commands,
            "\nufw --force enable >/dev/null\n"
        )
    };
}

/// firewalld on a message bus of its own, stopped again once it has loaded its rules.
macro_rules! firewalld {
    ($commands:literal) => {
        concat!(
            "mount -t tmpfs tmpfs /run; mkdir /run/copy /run/firewalld; cp -a /etc/firewalld /run/copy/etc
             mount --bind /run/copy/etc /etc/firewalld
             cat >/run/copy/bus.conf <<'BUS'
<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">
<busconfig><type>system</type><listen>unix:path=/run/copy/bus</listen><auth>EXTERNAL</auth>
<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/><allow send_type=\"method_call\"/>
<allow send_destination=\"*\"/><allow receive_sender=\"*\"/></policy></busconfig>
BUS
             dbus-daemon --config-file=/run/copy/bus.conf --nofork --nopidfile & bus=$!
             export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/copy/bus
             until [ -S /run/copy/bus ]; do sleep 0.05; done
             firewalld --nofork --nopid >/dev/null 2>&1 & daemon=$!
             trap 'kill -9 $daemon $bus' EXIT
             for i in $(seq 100); do if firewall-cmd --state >/dev/null 2>&1; then break; fi; sleep 0.1; done
             exec >/dev/null\n",
            $commands,
            "\n"
        )
    };
}

/// Chains as dockerd makes them, with 8081 published to a container, and 8082 to a port on which nothing listens.
macro_rules! docker {
    ($program:literal, $filter:literal) => {
        concat!(
            $program,
            "-restore <<'RULES'
*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o br0 -j MASQUERADE
-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
-A DOCKER -i br0 -j RETURN
-A DOCKER ! -i br0 -p tcp -m tcp --dport 8081 -j DNAT --to-destination 172.17.0.2:80
-A DOCKER ! -i br0 -p tcp -m tcp --dport 8082 -j DNAT --to-destination 172.17.0.2:81
-A DOCKER ! -i br0 -p udp -m udp --dport 8053 -j DNAT --to-destination 172.17.0.2:53
COMMIT
*filter
:INPUT DROP
:FORWARD DROP
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp --dport 22 -j ACCEPT
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o br0 -j DOCKER
-A FORWARD -i br0 ! -o br0 -j ACCEPT
-A FORWARD -i br0 -o br0 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i br0 -o br0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i br0 -o br0 -p tcp -m tcp --dport 81 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i br0 -o br0 -p udp -m udp --dport 53 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i br0 ! -o br0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o br0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN\n",
            $filter,
            "COMMIT\nRULES\n"
        )
    };
}

pub(crate) const CASES: &[Case] = &[
    script(
        "ufw",
        &["ufw"],
        ufw!(
            "ufw allow 22/tcp >/dev/null; ufw allow from 192.0.2.0/24 to any port 5432 proto tcp >/dev/null
             ufw allow in on eth1 to any port 53 proto udp >/dev/null; ufw deny from 198.51.100.7 >/dev/null
             ufw allow 443 >/dev/null"
        ),
    ),
    script(
        "ufw, limits, refusals and routes",
        &["ufw"],
        ufw!(
            "ufw limit 22/tcp >/dev/null; ufw reject 80/tcp >/dev/null; ufw allow 8080:8090/tcp >/dev/null
             ufw route allow proto tcp from any to 172.17.0.2 port 80 >/dev/null; ufw logging high >/dev/null"
        ),
    ),
    script(
        "ufw, everything let in",
        &["ufw"],
        ufw!("ufw default allow incoming >/dev/null; ufw deny 5432/tcp >/dev/null"),
    ),
    script(
        "ufw and Docker",
        &["ufw"],
        concat!(
            ufw!("ufw allow 22/tcp >/dev/null"),
            "iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport 8081 -j DNAT --to-destination 172.17.0.2:80
             iptables -I FORWARD -o br0 -d 172.17.0.2 -p tcp --dport 80 -j ACCEPT
             iptables -I FORWARD -i br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
             iptables -I FORWARD -o br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
        ),
    ),
    script(
        "firewalld",
        &["firewalld", "firewall-cmd", "dbus-daemon"],
        firewalld!(
            "firewall-cmd --zone=public --add-service=http; firewall-cmd --zone=public --add-port=53/udp
             firewall-cmd --zone=internal --add-source=192.0.2.0/24; firewall-cmd --zone=internal --add-port=5432/tcp
             firewall-cmd --zone=drop --add-source=198.51.100.7; firewall-cmd --zone=trusted --change-interface=eth1"
        ),
    ),
    script(
        "firewalld, rich rules and translation",
        &["firewalld", "firewall-cmd", "dbus-daemon"],
        firewalld!(
            "firewall-cmd --add-rich-rule='rule family=ipv4 source address=192.0.2.66 port port=443 protocol=tcp accept'
             firewall-cmd --add-rich-rule='rule family=ipv4 source not address=10.9.0.0/16 port port=123 protocol=udp accept'
             firewall-cmd --add-rich-rule='rule family=ipv6 port port=8080 protocol=tcp reject'
             firewall-cmd --add-forward-port=port=9000:proto=tcp:toport=80
             firewall-cmd --add-forward-port=port=8081:proto=tcp:toport=80:toaddr=172.17.0.2
             firewall-cmd --remove-service=ssh"
        ),
    ),
    script("Docker", &["iptables-nft"], docker!("iptables-nft", "")),
    script(
        "Docker, one source kept out",
        &["iptables-nft"],
        docker!(
            "iptables-nft",
            "-A DOCKER-USER -s 192.0.2.0/24 -j DROP\n-A DOCKER-USER -i eth1 -j RETURN\n-A DOCKER-USER -j RETURN\n"
        ),
    ),
    script("Docker, legacy", &["iptables-legacy"], docker!("iptables-legacy", "")),
    script(
        "Docker, by nft",
        &[],
        "nft -f - <<'RULES'
table ip docker { map ports { type inet_proto . inet_service : ipv4_addr . inet_service; elements = { tcp . 8081 : 172.17.0.2 . 80, udp . 8053 : 172.17.0.2 . 53 }; }
  chain p { type nat hook prerouting priority dstnat; fib daddr type local dnat ip to meta l4proto . th dport map @ports; }
  chain s { type nat hook postrouting priority srcnat; ip saddr 172.17.0.0/16 oifname != br0 masquerade; }
  chain f { type filter hook forward priority 0; policy drop; ct state established,related accept; ct status dnat oifname br0 ip saddr != 192.0.2.66 accept; }
}
RULES",
    ),
    script(
        "a router that forwards to no one but answers",
        &[],
        "nft 'table inet f { chain f { type filter hook forward priority 0; policy drop; ct state established accept; }; }'",
    ),
    script(
        "no forwarding",
        &[],
        "echo 0 >/proc/sys/net/ipv4/ip_forward
         nft 'table ip n { chain p { type nat hook prerouting priority -100; tcp dport 8081 dnat to 172.17.0.2:80; }; }'",
    ),
    script(
        "legacy",
        &["iptables-legacy", "ip6tables-legacy"],
        "iptables-legacy-restore <<'RULES'
*filter
:INPUT DROP
:web - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
-A INPUT -p tcp -m multiport --dports 80,443 -j web
-A INPUT ! -s 10.9.0.0/24 -i eth0 -p tcp --dport 22 -j ACCEPT
-A INPUT -i eth+ -p udp --dport 53 -m comment --comment names -j ACCEPT
-A INPUT -p udp -m udp ! --dport 53 -s 192.0.2.66 -g web
-A web -s 192.0.2.66 -j RETURN
-A web -p tcp -j ACCEPT
-A web
COMMIT
*mangle
-A PREROUTING -p tcp --dport 5432 -j MARK --set-mark 5
COMMIT
*raw
-A PREROUTING -s 198.51.100.7 -p tcp --dport 80 -j DROP
COMMIT
*nat
-A PREROUTING -p tcp --dport 9000 -j REDIRECT --to-ports 443
-A PREROUTING -i eth0 -p tcp --dport 8081 -j DNAT --to-destination 172.17.0.2:80
COMMIT
RULES
         ip6tables-legacy-restore <<'RULES'
*filter
:INPUT DROP
-A INPUT -p ipv6-icmp -j ACCEPT
-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A INPUT -s 2001:db8:66::/48 -p tcp --dport 22 -j ACCEPT
-A INPUT -p tcp --dport 8080 -j REJECT --reject-with tcp-reset
-A INPUT -p tcp --dport 8000:8100 -j ACCEPT
-A INPUT -p udp -m udp --sport 1024: -j ACCEPT
COMMIT
RULES",
    ),
    script(
        "legacy under nft",
        &["iptables-legacy"],
        "iptables-legacy -A INPUT -p tcp --dport 22 -s 192.0.2.66 -j DROP
         iptables-legacy -A INPUT -p udp -j DROP
         nft 'table inet f { chain i { type filter hook input priority 0; policy drop; iif lo accept; ct state established accept; meta l4proto ipv6-icmp accept; tcp dport { 22, 80 } accept; udp dport 53 accept; }; }'",
    ),
    script(
        "legacy, accepts all",
        &["iptables-legacy"],
        "iptables-legacy -P INPUT ACCEPT; iptables-legacy -A INPUT -p tcp --dport 443 -j ACCEPT",
    ),
    script(
        "ip6tables",
        &["ip6tables-nft-restore"],
        "ip6tables-nft-restore <<'RULES'
*filter
:INPUT DROP
-A INPUT -m rt --rt-type 0 -j DROP
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -m hl --hl-eq 255 -j ACCEPT
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 136 -m hl --hl-eq 255 -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -m frag --fragmore -j DROP
-A INPUT -m ipv6header --header frag -j DROP
-A INPUT -s 2001:db8:66::66 -p tcp --dport 22 -j ACCEPT
-A INPUT -p tcp -m multiport --dports 80,8080 -j ACCEPT
-A INPUT -m iprange --src-range 2001:db8:9::1-2001:db8:9::5 -p udp --dport 53 -j ACCEPT
COMMIT
RULES",
    ),
    script(
        "strict reverse path",
        &[],
        "echo 1 >/proc/sys/net/ipv4/conf/eth1/rp_filter
         ip rule add pref 100 from 10.9.1.1 table 77
         ip route add blackhole 198.51.100.7",
    ),
    script(
        "a mark that leads into a table that discards",
        &[],
        "ip rule add pref 101 fwmark 5 table 77
         ip route add blackhole default table 77
         nft 'table ip m { chain p { type filter hook prerouting priority mangle; tcp dport 8081 mark set 5; ip saddr 192.0.2.66 ip daddr 172.17.0.2 meta mark set 5; }; chain n { type nat hook prerouting priority dstnat; tcp dport 8081 dnat to 172.17.0.2:80; }; }'",
    ),
    script(
        "loopback sockets by translation",
        &[],
        "echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet
         nft 'table ip n { chain p { type nat hook prerouting priority dstnat; tcp dport 8081 dnat to 127.0.0.1:7003; tcp dport 7003 redirect to :22; }; }'",
    ),
    script(
        "groups and everyone",
        &[],
        "nft 'table inet f { chain i { type filter hook input priority 0; policy drop; iif lo accept; ct state established accept; meta l4proto ipv6-icmp accept; ip protocol igmp accept; ip daddr 224.0.0.251 udp dport 5353 accept; meta pkttype multicast drop; fib daddr type broadcast udp dport 5353 accept; tcp dport 22 accept; ip daddr 10.9.0.9 accept; }; }'",
    ),
];
