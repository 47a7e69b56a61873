//! Matches and targets of iptables, and sets of ipset(8).

use crate::cases::{Case, script};

macro_rules! iptables {
    ($before:literal, $rules:literal) => {
        concat!(
            $before,
            "\niptables-nft-restore <<'RULES'\n*filter\n:INPUT DROP\n-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n",
            $rules,
            "\nCOMMIT\nRULES\n"
        )
    };
}

pub(crate) const CASES: &[Case] = &[
    script(
        "address matches",
        &["iptables-nft-restore"],
        iptables!(
            "",
            "-A INPUT -p tcp --dport 22 -m iprange --src-range 192.0.2.60-192.0.2.70 -j ACCEPT
-A INPUT -p tcp --dport 80 -m iprange ! --src-range 192.0.2.60-192.0.2.70 -m iprange --dst-range 10.9.0.0-10.9.0.5 -j ACCEPT
-A INPUT -p tcp --dport 443 -m addrtype --dst-type LOCAL --limit-iface-in -j ACCEPT
-A INPUT -p tcp --dport 5432 -m addrtype --src-type LOCAL -j ACCEPT
-A INPUT -p udp --dport 53 -m addrtype ! --src-type LOCAL -j ACCEPT
-A INPUT -p udp --dport 5353 -m addrtype --dst-type MULTICAST -j ACCEPT
-A INPUT -p udp --dport 5353 -m pkttype --pkt-type broadcast -j ACCEPT
-A INPUT -p tcp --dport 8080 -m pkttype --pkt-type unicast -s 10.9.0.0/16 -j ACCEPT
-A INPUT -p udp --dport 123 -m physdev ! --physdev-is-bridged -j ACCEPT
-A INPUT -m policy --dir in --pol ipsec -j ACCEPT"
        ),
    ),
    script(
        "reverse path and groups",
        &["iptables-nft-restore"],
        concat!(
            "ip link set eth1 group 9
             iptables-nft -t raw -A PREROUTING -m rpfilter --invert -j DROP\n",
            iptables!(
                "",
                "-A INPUT -m devgroup --src-group 9 -p tcp --dport 22 -j ACCEPT
-A INPUT -m policy --dir in --pol none -p tcp --dport 80 -j ACCEPT"
            )
        ),
    ),
    script(
        "limits of traffic",
        &["iptables-nft-restore"],
        iptables!(
            "",
            "-A INPUT -p tcp --dport 22 -m hashlimit --hashlimit-upto 1000/sec --hashlimit-burst 1000 --hashlimit-mode srcip --hashlimit-name a -j ACCEPT
-A INPUT -p tcp --dport 80 -m hashlimit --hashlimit-above 1000/sec --hashlimit-burst 1000 --hashlimit-name b -j DROP
-A INPUT -p tcp --dport 80 -m connlimit --connlimit-above 100 -j REJECT
-A INPUT -p tcp --dport 80 -j ACCEPT
-A INPUT -p tcp --dport 443 -m connlimit --connlimit-upto 100 --connlimit-saddr -j ACCEPT
-A INPUT -p tcp --dport 5432 -m connlimit --connlimit-above 0 -j DROP
-A INPUT -p tcp --dport 5432 -j ACCEPT
-A INPUT -p udp --dport 53 -m limit --limit 1000/sec --limit-burst 1000 -j ACCEPT
-A INPUT -p udp --dport 123 -m quota --quota 1000000 -j ACCEPT
-A INPUT -p udp --dport 5353 -m statistic --mode nth --every 1 --packet 0 -j ACCEPT"
        ),
    ),
    Case { everywhere: false, ..script(
        "lists of addresses that came",
        &["iptables-nft-restore"],
        iptables!(
            "",
            "-A INPUT -p tcp --dport 9000 -m recent --name knock --set -j DROP
-A INPUT -p tcp --dport 22 -m recent --name knock --rcheck --seconds 60 -j ACCEPT
-A INPUT -p tcp --dport 80 -m recent --name flood --update --seconds 10 --hitcount 20 -j DROP
-A INPUT -p tcp --dport 80 -m recent --name flood --set -j ACCEPT
-A INPUT -p udp --dport 53 -m recent --name banned ! --rcheck -j ACCEPT"
        ),
    ) },
    script(
        "words, texts and headers",
        &["iptables-nft-restore"],
        iptables!(
            "",
            "-A INPUT -m u32 --u32 \"6&0xFF=6&&0>>22&0x3C@0&0xFFFF=22\" -j ACCEPT
-A INPUT -m u32 --u32 \"12=0xC0000200:0xC00002FF&&6&0xFF=17\" -j ACCEPT
-A INPUT -p tcp --dport 80 -m string --string attack --algo bm -j DROP
-A INPUT -p tcp --dport 80 -m length --length 40:100 -j ACCEPT
-A INPUT -p tcp --dport 443 -m ttl --ttl-gt 10 -m dscp --dscp 0 -j ACCEPT
-A INPUT -p tcp --dport 443 -m tos ! --tos 0 -j DROP
-A INPUT -p tcp --dport 5432 --tcp-option 8 -j ACCEPT
-A INPUT -p tcp --dport 8080 --syn -m tcpmss --mss 1000:2000 -j ACCEPT
-A INPUT -p tcp ! --syn --dport 8080 -j DROP
-A INPUT -p udp --dport 53 -m time --timestart 00:00 --timestop 23:59 -j ACCEPT
-A INPUT -p udp --dport 123 -m time --datestop 2001-01-01 -j ACCEPT"
        ),
    ),
    script(
        "connection matches and marks",
        &["iptables-nft-restore"],
        concat!(
            "iptables-nft-restore <<'RULES'
*mangle
-A PREROUTING -p tcp --dport 22 -j CONNMARK --set-mark 0x7
-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff
-A PREROUTING -p tcp --dport 80 -j MARK --set-xmark 0x30/0xf0
-A PREROUTING -m mark --mark 0x30/0xf0 -j CONNMARK --save-mark
COMMIT
*raw
-A PREROUTING -p udp --dport 53 -j CT --notrack
-A PREROUTING -s 192.0.2.66 -p udp --dport 123 -j NOTRACK
COMMIT
RULES\n",
            iptables!(
                "",
                "-A INPUT -m mark --mark 0x7 -j ACCEPT
-A INPUT -m connmark --mark 0x30/0xf0 -j ACCEPT
-A INPUT -m conntrack --ctstate UNTRACKED -p udp --dport 53 -j ACCEPT
-A INPUT -p udp --dport 123 -m conntrack --ctstate NEW -j ACCEPT
-A INPUT -m conntrack --ctorigsrc 198.51.100.0/24 --ctorigdstport 443 --ctproto tcp -j ACCEPT
-A INPUT -m conntrack --ctdir REPLY -p tcp --dport 5432 -j ACCEPT
-A INPUT -m conntrack --ctstatus NONE -p tcp --dport 8080 -j ACCEPT
-A INPUT -m helper --helper ftp -j ACCEPT"
            )
        ),
    ),
    script(
        "translations",
        &["iptables-nft-restore"],
        concat!(
            "iptables-nft-restore <<'RULES'
*nat
-A PREROUTING -p tcp --dport 8081 -j DNAT --to-destination 172.17.0.2:80
-A PREROUTING -p tcp --dport 9000 -j DNAT --to-destination 10.9.0.1
-A PREROUTING -p tcp --dport 9100 -j REDIRECT --to-ports 443
-A PREROUTING -d 10.9.1.0/24 -p tcp --dport 22 -j NETMAP --to 10.9.0.0/24
-A PREROUTING -p udp --dport 9053 -j DNAT --to-destination :53
COMMIT
RULES\n",
            iptables!(
                "",
                "-A INPUT -m conntrack --ctstate DNAT -p tcp --dport 443 -j ACCEPT
-A INPUT -d 10.9.0.1 -p tcp --dport 22 -j ACCEPT
-A INPUT -m conntrack --ctorigdstport 9053 -j ACCEPT
-A INPUT -p tcp --dport 9000 -j ACCEPT"
            )
        ),
    ),
    script(
        "ipset",
        &["ipset", "iptables-nft-restore"],
        concat!(
            "ipset restore <<'SETS'
create admins hash:ip
add admins 192.0.2.66
create nets hash:net
add nets 192.0.2.0/24
add nets 192.0.2.64/26 nomatch
add nets 198.51.100.0/24
create pairs hash:ip,port
add pairs 10.9.0.2,tcp:443
add pairs 10.9.1.2,udp:53
create ports bitmap:port range 0-65535
add ports 5432
add ports 123
create far hash:net,iface
add far 10.9.1.0/24,eth1
create both list:set
add both admins
add both far
create netports hash:net,port
add netports 198.51.100.0/24,udp:5000-6000
create six hash:ip family inet6
add six 2001:db8:66::66
create range bitmap:ip range 10.9.0.0/24
add range 10.9.0.2
SETS\n",
            iptables!(
                "",
                "-A INPUT -p tcp --dport 22 -m set --match-set admins src -j ACCEPT
-A INPUT -p tcp --dport 80 -m set --match-set nets src -j ACCEPT
-A INPUT -m set --match-set pairs src,dst -j ACCEPT
-A INPUT -p tcp -m set --match-set ports dst -m set ! --match-set admins src -j ACCEPT
-A INPUT -p tcp --dport 8080 -m set --match-set both src,src -j ACCEPT
-A INPUT -m set --match-set netports src,dst -j ACCEPT
-A INPUT -p udp --dport 123 -m set --match-set range src -j ACCEPT"
            ),
            "ip6tables-nft-restore <<'RULES'
*filter
:INPUT DROP
-A INPUT -p ipv6-icmp -j ACCEPT
-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m set --match-set six src -j ACCEPT
-A INPUT -p udp -m set --match-set ports dst -j ACCEPT
COMMIT
RULES"
        ),
    ),
    script(
        "ipset, legacy",
        &["ipset", "iptables-legacy"],
        "ipset create banned hash:net; ipset add banned 192.0.2.0/24; ipset add banned 10.9.1.0/24
         iptables-legacy -A INPUT -m set --match-set banned src -j DROP
         iptables-legacy -A INPUT -p tcp -m set --match-set banned dst -j ACCEPT
         iptables-legacy -A INPUT -p tcp --dport 9999 -j SET --add-set banned src",
    ),
    script(
        "targets that change nothing",
        &["iptables-nft-restore"],
        iptables!(
            "",
            "-A INPUT -j LOG --log-prefix x
-A INPUT -p tcp -j TRACE
-A INPUT -p tcp --dport 22 -j NFLOG --nflog-group 3
:web - [0:0]
-A INPUT -p tcp --dport 22 -g web
-A INPUT -p tcp --dport 22 -j ACCEPT
-A INPUT -p tcp --dport 80 -j REJECT --reject-with icmp-admin-prohibited
-A INPUT -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A INPUT -p udp --dport 53 -j ACCEPT
-A INPUT -j REJECT --reject-with icmp-host-prohibited
-A web -s 192.0.2.66 -j ACCEPT"
        ),
    ),
];
