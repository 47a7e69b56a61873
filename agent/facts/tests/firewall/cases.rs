//! Rulesets of many kinds.

/// A ruleset, and how many of its probes may stay unknown.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) rules: &'static str,
    /// A script that loads more.
    pub(crate) script: &'static str,
    /// Programs that the script needs.
    pub(crate) needs: &'static [&'static str],
    /// Also tried on other addresses, groups and the container.
    pub(crate) everywhere: bool,
    pub(crate) unknown: usize,
}

const fn case(name: &'static str, rules: &'static str) -> Case {
    Case {
        name,
        rules,
        script: "",
        needs: &[],
        everywhere: false,
        unknown: 0,
    }
}

/// Rules that a script loads, which are tried everywhere.
pub(crate) const fn script(name: &'static str, needs: &'static [&'static str], script: &'static str) -> Case {
    Case {
        name,
        rules: "",
        script,
        needs,
        everywhere: true,
        unknown: 0,
    }
}

/// Opens and ends an inet input chain that drops by default.
macro_rules! input {
    ($rules:literal) => {
        concat!(
            "table inet f { chain i { type filter hook input priority 0; policy drop; ",
            "iif lo accept; ct state established,related accept; icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; ",
            $rules,
            " }; };"
        )
    };
}

pub(crate) const CASES: &[Case] = &[
    case("no rules", ""),
    case("policy drop, one port", input!("tcp dport 22 accept;")),
    case(
        "sets and intervals",
        "table inet f { set admins { type ipv4_addr; flags interval; elements = { 192.0.2.0/24, 10.9.0.2 }; }; \
         set admins6 { type ipv6_addr; flags interval; elements = { 2001:db8:66::/48 }; }; \
         set ports { type inet_service; flags interval; elements = { 80, 440-450 }; }; \
         chain i { type filter hook input priority 0; policy drop; iif lo accept; ct state established accept; \
         meta l4proto ipv6-icmp accept; ip saddr @admins tcp dport 22 accept; ip6 saddr @admins6 tcp dport { 22, 8080 } accept; \
         tcp dport @ports accept; ip saddr != { 192.0.2.0/25, 198.51.100.0-198.51.100.9 } udp dport { 53, 100-130 } accept; }; };",
    ),
    case(
        "maps and verdict maps",
        "table inet f { map m { type inet_service : verdict; elements = { 22 : accept, 80 : jump web, 443 : drop }; }; \
         chain web { ip saddr 192.0.2.0/24 drop; accept; }; \
         chain i { type filter hook input priority 0; policy drop; iif lo accept; ct state vmap { established : accept, invalid : drop }; \
         meta l4proto ipv6-icmp accept; tcp dport vmap @m; meta nfproto vmap { ipv4 : goto four, ipv6 : jump six }; udp dport 123 accept; }; \
         chain four { udp dport 53 accept; return; }; chain six { udp dport 5353 accept; tcp dport 8080 accept; }; };",
    ),
    case(
        "concatenations",
        "table inet f { set c { type ipv4_addr . inet_service; flags interval; elements = { 192.0.2.0/24 . 20-30, 10.9.0.2 . 80, 198.51.100.7 . 443 }; }; \
         set e { type ifname . inet_service; elements = { eth1 . 5432 }; }; \
         map v { type ipv4_addr . inet_proto : verdict; elements = { 192.0.2.66 . udp : accept, 10.9.0.2 . udp : drop }; }; \
         chain i { type filter hook input priority 0; policy drop; iif lo accept; ct state established accept; \
         ip saddr . tcp dport @c accept; meta iifname . tcp dport @e accept; ip saddr . meta l4proto vmap @v; }; };",
    ),
    case(
        "jump, goto and return",
        "table inet f { chain a { tcp dport 22 return; tcp dport 80 accept; goto b; }; chain b { tcp dport 443 accept; ip saddr 192.0.2.66 drop; }; \
         chain i { type filter hook input priority 0; policy accept; iif lo accept; ct state established accept; meta l4proto ipv6-icmp accept; \
         tcp dport != 5432 jump a; tcp dport { 22, 8080 } drop; udp dport 53 goto b; udp dport 53 drop; udp dport 123 goto c; accept; }; \
         chain c { ip saddr 192.0.2.66 return; drop; }; };",
    ),
    case(
        "two tables of different families and priorities",
        "table ip early { chain i { type filter hook input priority -10; policy accept; tcp dport 80 accept; ip saddr 192.0.2.66 tcp dport 22 drop; }; }; \
         table inet late { chain i { type filter hook input priority 10; policy drop; iif lo accept; ct state established accept; meta l4proto ipv6-icmp accept; \
         tcp dport { 22, 443 } accept; udp dport 53 accept; }; }; \
         table ip6 six { chain i { type filter hook input priority 0; tcp dport 443 drop; }; };",
    ),
    case(
        "interfaces",
        input!(
            "iifname \"eth1\" tcp dport 22 accept; iifname \"eth*\" tcp dport 80 accept; iifname != \"eth0\" udp dport 53 accept; iifname { eth0, wg0 } tcp dport 443 accept;"
        ),
    ),
    case(
        "reject, and order",
        input!(
            "tcp dport 22 reject with tcp reset; tcp dport 22 accept; ip saddr 192.0.2.66 reject; tcp dport { 80, 443 } accept; udp dport 53 reject; meta l4proto udp accept;"
        ),
    ),
    case(
        "dormant table, unhooked chain",
        "table inet f { flags dormant; chain i { type filter hook input priority 0; policy drop; }; }; \
         table inet g { chain input { drop; }; };",
    ),
    case(
        "redirect and translation to this host",
        "table inet n { chain p { type nat hook prerouting priority dstnat; tcp dport 8080 redirect to :80; ip saddr 192.0.2.66 tcp dport 22 redirect to :443; \
         tcp dport 9000 dnat ip to 10.9.0.1:5432; udp dport 9053 redirect to :53; tcp dport 9100 dnat ip to 10.9.0.1:9999; }; }; \
         table inet f { chain i { type filter hook input priority 0; policy drop; iif lo accept; ct state established accept; meta l4proto ipv6-icmp accept; \
         ct status dnat tcp dport 5432 accept; tcp dport 80 accept; udp dport 53 accept; tcp dport 22 accept; }; };",
    ),
    case(
        "source port",
        input!(
            "tcp sport 53 tcp dport 22 accept; udp sport 1024-65535 udp dport 53 accept; tcp sport != 0-1023 tcp dport 80 accept;"
        ),
    ),
    case(
        "raw payload and masks",
        input!(
            "meta l4proto tcp @th,16,16 22 accept; meta l4proto { tcp, udp } th dport 53 accept; @nh,96,8 10 tcp dport 80 accept; ip saddr & 255.255.0.0 == 192.0.0.0 tcp dport 443 accept; \
                tcp flags & (fin|syn|rst|ack) == syn tcp dport 5432 accept; tcp dport & 0xfff0 == 0x1f90 accept; ip6 saddr & ffff:ffff:ffff:: == 2001:db8:66:: tcp dport 443 accept;"
        ),
    ),
    case(
        "prerouting, raw and marks",
        "table inet r { chain p { type filter hook prerouting priority raw; ip saddr 192.0.2.66 tcp dport 80 drop; udp dport 53 notrack; ct state invalid meta mark set 7; }; \
         chain m { type filter hook prerouting priority mangle; tcp dport 22 meta mark set 0x10; tcp dport 443 ct mark set 3; }; \
         chain i { type filter hook input priority 0; policy drop; iif lo accept; meta l4proto ipv6-icmp accept; ct state established accept; meta mark & 0x10 == 0x10 accept; ct mark 3 accept; \
         ct state untracked udp dport 53 accept; meta mark 7 tcp dport 80 accept; }; };",
    ),
    Case {
        // Connections to 5432 open, and their later packets are dropped.
        unknown: 6,
        ..case(
            "only new connections, and answers",
            "table inet f { chain i { type filter hook input priority 0; policy drop; iif lo accept; meta l4proto ipv6-icmp accept; ct state established tcp dport != 5432 accept; \
         ct state new tcp dport { 22, 80, 443, 5432 } accept; udp dport 53 accept; }; \
         chain o { type filter hook output priority 0; policy accept; tcp sport 443 drop; ct state established tcp sport 80 ip daddr 192.0.2.66 reject; }; };",
        )
    },
    case(
        "ingress",
        "table netdev d { chain g { type filter hook ingress device eth0 priority 0; policy accept; tcp dport 22 drop; ip saddr 192.0.2.66 udp dport 53 drop; ip6 nexthdr tcp tcp dport 443 drop; }; }; \
         table inet e { chain g { type filter hook ingress device eth1 priority 0; policy accept; tcp dport 80 drop; }; };",
    ),
    Case {
        // Port 5432 needs a set that the rules fill; whether a source is in it by then is not known.
        unknown: 4,
        ..case(
            "limits, counts, sets that rules fill, routes back",
            "table inet f { set seen { type ipv4_addr; flags dynamic,timeout; timeout 1m; }; limit l { rate 100/second; }; quota q { over 1 mbytes; }; \
             chain i { type filter hook input priority 0; policy drop; iif lo accept; ct state established accept; meta l4proto ipv6-icmp accept; \
             tcp dport 22 limit rate 100/second burst 100 packets accept; tcp dport 80 limit rate over 100/second burst 100 packets drop; tcp dport 80 accept; \
             tcp dport 443 ct count over 50 drop; tcp dport 443 accept; tcp dport 5432 ip saddr @seen accept; fib saddr . iif oif missing drop; \
             udp dport 53 limit name l accept; udp dport 123 add @seen { ip saddr limit rate 100/second } accept; quota name q drop; udp dport 5353 accept; }; };",
        )
    },
    case(
        "iptables extensions",
        "*filter\n:INPUT DROP\n:web - [0:0]\n-A INPUT -i lo -j ACCEPT\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
         -A INPUT -m conntrack --ctstate INVALID -j DROP\n-A INPUT -m conntrack ! --ctstate NEW -j DROP\n\
         -A INPUT -p tcp -m multiport --dports 80,440:450 -m comment --comment web -j web\n\
         -A INPUT -s 192.0.2.0/24 -p tcp -m tcp --dport 22 -m state --state NEW -j ACCEPT\n\
         -A INPUT -p tcp --dport 22 -j LOG --log-prefix no\n-A INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset\n\
         -A INPUT -m addrtype --dst-type LOCAL -p udp -m multiport ! --dports 53,123 -j ACCEPT\n\
         -A INPUT -m mark --mark 0x7/0xf -j ACCEPT\n-A INPUT -p tcp --dport 5432 -m addrtype ! --dst-type LOCAL -j ACCEPT\n\
         -A web -s 198.51.100.7 -j RETURN\n-A web -p tcp --dport 443 -m limit --limit 100/sec --limit-burst 100 -j ACCEPT\n\
         -A web -p tcp --dport 80 -j ACCEPT\nCOMMIT\n\
         *mangle\n-A PREROUTING -p udp --dport 53 -j MARK --set-xmark 0x17/0xff\nCOMMIT\n\
         *nat\n-A PREROUTING -p tcp --dport 9000 -j REDIRECT --to-ports 80\n\
         -A PREROUTING -p tcp --dport 9100 -j DNAT --to-destination 10.9.0.1:443\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n",
    ),
    Case {
        // The way of ufw: an address that comes too often is on a list that is not read.
        unknown: 0,
        ..case(
            "iptables, recent",
            "*filter\n:INPUT DROP\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
             -A INPUT -p tcp --dport 22 -m conntrack --ctstate NEW -m recent --set\n\
             -A INPUT -p tcp --dport 22 -m conntrack --ctstate NEW -m recent --update --seconds 30 --hitcount 6 -j DROP\n\
             -A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n",
        )
    },
];
