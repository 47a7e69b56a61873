//! Expressions of nf_tables beyond the common ones.

use crate::cases::{Case, script};

/// An input chain that drops, beside other chains.
macro_rules! load {
    ($more:literal, $rules:literal) => {
        concat!(
            "nft -f - <<'RULES'\ntable inet f { ",
            $more,
            "\nchain i { type filter hook input priority 0; policy drop; iif lo accept; ct state established,related accept; meta l4proto ipv6-icmp accept;\n",
            $rules,
            "\n}; }\nRULES\n"
        )
    };
}

pub(crate) const CASES: &[Case] = &[
    script(
        "fib",
        &[],
        load!(
            "chain p { type filter hook prerouting priority raw; fib saddr . iif oif missing drop; fib daddr type { blackhole, prohibit } drop; }",
            "fib daddr type local tcp dport 22 accept; fib daddr . iif type local tcp dport 80 accept; fib saddr oifname \"eth1\" tcp dport 443 accept; fib daddr type != local udp dport 5353 accept; fib saddr type unicast udp dport 53 accept"
        ),
    ),
    // Which socket takes a datagram for a group is known early, and with it its user, which is not looked up.
    Case {
        unknown: 1,
        ..script(
        "surroundings of a packet",
        &[],
        concat!(
            "ip link set eth1 group 7\n",
            load!(
                "",
                "iifgroup 7 tcp dport 22 accept; meta iiftype ether tcp dport 80 accept; meta iiftype loopback tcp dport 443 accept; meta iifkind \"veth\" udp dport 5353 accept; meta pkttype host udp dport 53 accept; meta skuid 0 udp dport 123 accept; meta secpath exists tcp dport 8080 accept; meta length 1-2000 tcp dport 5432 accept"
            )
        ),
    )
    },
    script(
        "times",
        &[],
        load!(
            "",
            "meta time \"2001-01-01 00:00:00\"-\"2090-01-01 00:00:00\" tcp dport 22 accept; meta time < \"2001-01-01 00:00:00\" tcp dport 80 accept; meta hour \"00:00\"-\"23:59\" tcp dport 443 accept; meta day { Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday } udp dport 53 accept"
        ),
    ),
    script(
        "what senders choose",
        &[],
        load!(
            "",
            "ip dscp != cs0 drop; ip ttl < 3 drop; ip6 hoplimit > 1 tcp dport 22 accept; ip ttl 10-64 tcp dport 22 accept; tcp option maxseg size 1-500 drop; tcp option sack-perm exists tcp dport 80 accept; tcp flags & (fin|syn|rst|ack) != syn tcp dport 443 drop; tcp dport 443 accept; ip version 4 udp dport 53 accept; ip frag-off & 0x3fff != 0 drop; exthdr frag exists drop; rt type 0 drop; ip option lsrr exists drop; udp dport 123 accept"
        ),
    ),
    script(
        "numbers that the kernel chooses",
        &[],
        load!(
            "chain p { type nat hook prerouting priority dstnat; tcp dport 9000 redirect to numgen inc mod 2 map { 0 : 80, 1 : 443 }; tcp dport 9100 redirect to jhash ip saddr mod 2 map { 0 : 80, 1 : 443 }; }",
            "numgen inc mod 1 == 0 tcp dport 22 accept; tcp dport { 80, 443 } accept; numgen random mod 4 <= 3 udp dport 53 accept"
        ),
    ),
    script(
        "networks and ports translated one to one",
        &[],
        "nft -f - <<'RULES'
table ip n { chain p { type nat hook prerouting priority dstnat; tcp dport 8081 dnat ip prefix to 172.17.0.0/24; tcp dport 9000-9001 redirect to :80; ip daddr 10.9.1.0/24 tcp dport 8081 redirect to :22; tcp dport 9100 dnat to 10.9.0.1-10.9.0.1:443; }; }
table ip f { chain i { type filter hook input priority 0; policy drop; ct state established accept; meta l4proto tcp ct original proto-dst 9000 accept; ct status dnat tcp dport 22 accept; ct original ip daddr 10.9.0.1 tcp dport 443 accept; ct direction original udp dport 53 accept; }; }
RULES",
    ),
    script(
        "maps with a value for all else",
        &[],
        load!(
            "map v { type ipv4_addr : verdict; elements = { 192.0.2.66 : drop, 198.51.100.7 : jump few, * : accept }; }; set s { type inet_service; flags interval; elements = { 20-30, 5000-6000 }; }; chain few { tcp dport @s accept; drop; }",
            "ip6 saddr 2001:db8:66::/48 tcp dport vmap { 80 : accept, * : drop }; tcp dport @s ip saddr vmap @v; udp dport { 53, 123 } ip saddr vmap @v"
        ),
    ),
    script(
        "queues",
        &[],
        "nft 'table inet f { chain i { type filter hook input priority 0; policy accept; tcp dport 22 counter; }; }'
         iptables-nft -A INPUT -p tcp --dport 22 -j NFQUEUE --queue-num 5
         iptables-nft -A INPUT -p tcp --dport 80 -j NFQUEUE --queue-num 6 --queue-bypass
         iptables-nft -A INPUT -p udp --dport 53 -j NFQUEUE --queue-balance 1:4",
    ),
    Case { everywhere: false, ..script(
        "knocking",
        &[],
        load!(
            "set k { type ipv4_addr; flags dynamic,timeout; timeout 1m; }; set full { type ipv4_addr; flags dynamic,timeout; timeout 1m; elements = { 192.0.2.66 }; }; set rate { type ipv4_addr; flags dynamic,timeout; timeout 1m; }",
            "tcp dport 9000 add @k { ip saddr } drop; ip saddr @k tcp dport 22 accept; ip saddr @full tcp dport 80 accept; udp dport 53 update @rate { ip saddr limit rate over 1000/second } drop; udp dport 53 accept; tcp dport 443 ct count 0 accept; tcp dport 5432 ct count over 0 drop; tcp dport 5432 accept; tcp dport 8080 ct count 100 accept"
        ),
    ) },
    script(
        "a set that takes in the connection that it lets in",
        &[],
        load!(
            "set k { type ipv4_addr . inet_service; flags dynamic,timeout; timeout 1m; }; chain r { type filter hook prerouting priority 0; tcp dport 22 ip saddr . tcp sport @k drop; tcp dport 443 ip saddr . tcp sport != @k drop; }",
            "tcp dport 22 add @k { ip saddr . tcp sport } accept; tcp dport { 80, 443 } accept"
        ),
    ),
    script(
        "quotas",
        &[],
        load!(
            "quota q { over 5 bytes used 5 bytes; }; quota u { until 6 bytes used 6 bytes; }",
            "quota name \"q\" tcp dport 22 drop; tcp dport 22 accept; quota name \"u\" tcp dport 80 accept; tcp dport 443 quota until 5000 mbytes accept; udp dport 53 accept"
        ),
    ),
    script(
        "marks",
        &[],
        load!(
            "chain p { type filter hook prerouting priority mangle; ct mark set tcp dport map { 22 : 0x1, 80 : 0x2, 443 : 0x13 }; meta mark set ct mark & 0xf; udp dport 53 meta mark set meta mark or 0x20; ip saddr 192.0.2.66 meta mark set meta mark xor 0x2; ip dscp set cs1; }",
            "meta mark 0x1 accept; ct mark & 0x10 == 0x10 accept; meta mark 0x20-0x2f accept; meta mark 0x2 accept"
        ),
    ),
    script(
        "hardware addresses",
        &[],
        concat!(
            "own=$(cat /sys/class/net/eth0/address 2>/dev/null || ip -br link show eth0 | awk '{ print $3 }')\n",
            "own=$(ip -br link show eth0 | awk '{ print $3 }')
             nft \"table inet f { chain i { type filter hook input priority 0; policy drop; ct state established accept; meta l4proto ipv6-icmp accept; ether daddr $own tcp dport 22 accept; ether type ip tcp dport 80 accept; ether type ip6 udp dport 53 accept; }; }\""
        ),
    ),
    script(
        "early and late",
        &[],
        "nft -f - <<'RULES'
table inet a { chain i { type filter hook input priority -400; policy accept; ct state new tcp dport 22 drop; }; chain r { type filter hook prerouting priority -300; tcp dport 80 notrack; ip saddr 192.0.2.66 udp dport 53 notrack; }; }
table inet b { chain i { type filter hook input priority 0; policy drop; meta l4proto ipv6-icmp accept; ct state established accept; ct state new tcp dport { 22, 80, 443 } accept; ct state untracked udp dport 53 accept; ct state vmap { invalid : drop, new : jump n, untracked : accept }; }; chain n { tcp dport 5432 accept; udp dport 123 return; }; }
table inet c { chain o { type filter hook output priority 0; policy accept; ct state untracked tcp sport 80 drop; oifname eth1 tcp sport 443 drop; }; chain i { type filter hook input priority 10; policy accept; tcp dport 5432 ip saddr 198.51.100.7 drop; }; chain g { type filter hook ingress device eth1 priority 0; ip saddr 10.9.1.2 tcp dport 443 accept; tcp dport 5432 drop; }; }
RULES",
    ),
    Case { unknown: 2, ..script(
        "bridge and arp rules",
        &[],
        "nft -f - <<'RULES'
table bridge b { chain i { type filter hook input priority 0; policy drop; ether type arp accept; }; }
table arp a { chain i { type filter hook input priority 0; policy accept; }; }
RULES",
    ) },
    // A datagram comes in though its answer is dropped.
    Case { unknown: 1, ..script(
        "egress",
        &[],
        "nft -f - <<'RULES'
table netdev d { chain e { type filter hook egress device eth0 priority 0; policy accept; tcp sport 22 drop; ip daddr 192.0.2.66 udp sport 53 drop; }; chain g { type filter hook ingress device eth0 priority -500; ip saddr { 198.51.100.0/24, 203.0.113.0/24 } tcp dport { 80, 443 } drop; }; }
RULES",
    ) },
    script(
        "what is not there",
        &[],
        load!(
            "",
            "ipsec in reqid 1 tcp dport 22 accept; rt ipsec exists tcp dport 80 accept; rt ipsec missing tcp dport 443 accept; ct helper \"ftp\" tcp dport 5432 accept; ct status expected udp dport 53 accept; ct state related udp dport 123 accept"
        ),
    ),
];
