//! Where the kernel sends a packet: the routing tables, and the rules that choose among them.
//!
//! Source: rtnetlink(7), `include/uapi/linux/rtnetlink.h`, `fib_rules.h`; `net/ipv4/fib_rules.c`, `fib_semantics.c`.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Most tables that one search goes through.
const MOST_RULES: usize = 1024;

/// `RTN_UNICAST` … of rtnetlink(7): what a route says of its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteKind {
    /// To another host.
    Unicast,
    /// An address of this host.
    Local,
    /// A broadcast address.
    Broadcast,
    /// An anycast address of this host.
    Anycast,
    /// Multicast.
    Multicast,
    /// Discarded in silence.
    Blackhole,
    /// Discarded, and told so.
    Unreachable,
    /// Discarded as forbidden.
    Prohibit,
    /// The search goes on with the next table.
    Throw,
}

impl RouteKind {
    /// The kernel's number.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Unicast => 1,
            Self::Local => 2,
            Self::Broadcast => 3,
            Self::Anycast => 4,
            Self::Multicast => 5,
            Self::Blackhole => 6,
            Self::Unreachable => 7,
            Self::Prohibit => 8,
            Self::Throw => 9,
        }
    }

    /// The kind with the kernel's number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        [
            Self::Unicast,
            Self::Local,
            Self::Broadcast,
            Self::Anycast,
            Self::Multicast,
            Self::Blackhole,
            Self::Unreachable,
            Self::Prohibit,
            Self::Throw,
        ]
        .into_iter()
        .find(|kind| kind.number() == u32::from(number))
    }
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The table it is in; 255 is `local`, 254 `main`, 253 `default`.
    pub table: u32,
    /// Its destinations.
    pub destination: IpNet,
    /// What it says of them.
    pub kind: RouteKind,
    /// Interfaces it goes out on; several where it has several next hops.
    pub interfaces: Vec<u32>,
    /// The lowest wins.
    pub metric: u32,
    /// Something of it is not evaluated: a source, a type of service, a next hop kept elsewhere.
    pub odd: bool,
}

/// A rule that chooses a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingRule {
    /// For IPv6.
    pub v6: bool,
    /// The lowest is asked first.
    pub priority: u32,
    /// Sources it is for.
    pub from: Option<IpNet>,
    /// Destinations it is for.
    pub to: Option<IpNet>,
    /// Mark it is for, and the bits of it that count.
    pub mark: Option<(u32, u32)>,
    /// Incoming interface it is for.
    pub inward: Option<String>,
    /// The table; `None` for a rule that discards.
    pub table: Option<u32>,
    /// For all but those.
    pub inverted: bool,
    /// Routes whose prefix is of this length or shorter do not count.
    pub suppressed: Option<u8>,
    /// Something of it is not evaluated.
    pub odd: bool,
}

/// Routing tables and rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routes {
    /// Every route.
    pub routes: Vec<Route>,
    /// Every rule, in the order they are asked.
    pub rules: Vec<RoutingRule>,
}

/// What the tables say of an address, or of all addresses of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// A route.
    Found(RouteKind, Vec<u32>),
    /// There is none.
    Missing,
    /// They differ among the addresses of the network.
    Mixed,
    /// It can't be told.
    Unsure,
}

/// What is looked up.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// An address, or a network of which all are asked about.
    pub to: IpNet,
    /// Source, where it is known.
    pub from: Option<IpAddr>,
    /// Mark, where it is known.
    pub mark: Option<u32>,
    /// Incoming interface; empty: this host.
    pub inward: &'a str,
}

impl Routes {
    /// The route to it.
    #[must_use]
    pub fn search(&self, search: &Search<'_>) -> Way {
        let v6 = matches!(search.to, IpNet::V6(_));
        for rule in self.rules.iter().filter(|rule| rule.v6 == v6).take(MOST_RULES) {
            match rule.is_for(search) {
                Some(true) => {}
                Some(false) => continue,
                None => return Way::Unsure,
            }
            let Some(table) = rule.table else {
                return Way::Missing;
            };
            match self.in_table(table, search.to, rule.suppressed) {
                Way::Missing | Way::Found(RouteKind::Throw, _) => {}
                found => return found,
            }
        }
        Way::Missing
    }

    /// What the table of local addresses says.
    #[must_use]
    pub fn local(&self, to: IpNet) -> Way {
        /// `RT_TABLE_LOCAL`.
        const LOCAL: u32 = 255;
        self.in_table(LOCAL, to, None)
    }

    fn in_table(&self, table: u32, to: IpNet, suppressed: Option<u8>) -> Way {
        let mut best: Option<&Route> = None;
        let mut inside = Vec::new();
        for route in self.routes.iter().filter(|route| route.table == table) {
            if covers(route.destination, to) {
                let rank = |route: &Route| (route.destination.prefix_len(), u32::MAX - route.metric);
                if best.is_none_or(|best| rank(route) > rank(best)) {
                    best = Some(route);
                }
            } else if covers(to, route.destination) {
                inside.push(route);
            }
        }
        if best
            .into_iter()
            .chain(inside.iter().copied())
            .any(|route| route.odd)
        {
            return Way::Unsure;
        }
        let best = best.filter(|best| suppressed.is_none_or(|length| best.destination.prefix_len() > length));
        let of = |route: &Route| (route.kind, route.interfaces.clone());
        if inside.iter().any(|route| best.map(of) != Some(of(route))) {
            return Way::Mixed;
        }
        best.map_or(Way::Missing, |best| {
            Way::Found(best.kind, best.interfaces.clone())
        })
    }
}

/// Whether every address of `narrow` is one of `wide`.
fn covers(wide: IpNet, narrow: IpNet) -> bool {
    let differs = |one: u128, other: u128, width: u32| {
        let low = width.saturating_sub(wide.prefix_len().into());
        (one ^ other).checked_shr(low).unwrap_or(0) != 0
    };
    wide.prefix_len() <= narrow.prefix_len()
        && match (wide.addr(), narrow.addr()) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                !differs(one.to_bits().into(), other.to_bits().into(), 32)
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => !differs(one.to_bits(), other.to_bits(), 128),
            _ => false,
        }
}

impl RoutingRule {
    /// Whether it is for this packet; `None` where that can't be told.
    fn is_for(&self, search: &Search<'_>) -> Option<bool> {
        let mut all = Some(true);
        let mut and = |holds: Option<bool>| {
            all = match (all, holds) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            }
        };
        if let Some(from) = self.from {
            and(search.from.map(|address| from.contains(&address)));
        }
        if let Some(to) = self.to {
            and(match (to.contains(&search.to), search.to.contains(&to)) {
                (false, true) => None,
                (contains, _) => Some(contains),
            });
        }
        if let Some((mark, mask)) = self.mark {
            and(search.mark.map(|value| value & mask == mark & mask));
        }
        if let Some(inward) = &self.inward {
            and(Some(
                search.inward == inward || search.inward.is_empty() && inward == "lo",
            ));
        }
        if self.odd {
            and(None);
        }
        if self.inverted { all.map(|all| !all) } else { all }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn route(table: u32, destination: &str, kind: RouteKind, interface: u32) -> Route {
        Route {
            table,
            destination: destination.parse().unwrap(),
            kind,
            interfaces: vec![interface],
            metric: 0,
            odd: false,
        }
    }

    fn rule(priority: u32, table: u32) -> RoutingRule {
        RoutingRule {
            v6: false,
            priority,
            from: None,
            to: None,
            mark: None,
            inward: None,
            table: Some(table),
            inverted: false,
            suppressed: None,
            odd: false,
        }
    }

    fn ask(routes: &Routes, to: &str, mark: u32) -> Way {
        routes.search(&Search {
            to: to.parse().unwrap(),
            from: None,
            mark: Some(mark),
            inward: "eth0",
        })
    }

    proptest! {
        #[test]
        fn a_network_covers_what_ipnet_says_it_contains(
            one in any::<u32>(), flip in 0u32..32, other in any::<u32>(), lengths in (0u8..=32, 0u8..=32), v6 in any::<bool>(),
        ) {
            // Neighbours that differ in one bit, and strangers.
            for other in [one ^ (1 << flip), other] {
                let net = |bits: u32, length: u8| match v6 {
                    true => IpNet::new(IpAddr::from((u128::from(bits) << 96).to_be_bytes()), length).unwrap(),
                    false => IpNet::new(IpAddr::from(bits.to_be_bytes()), length).unwrap(),
                };
                let (wide, narrow) = (net(one, lengths.0), net(other, lengths.1));
                prop_assert_eq!(covers(wide, narrow), wide.contains(&narrow));
            }
        }
    }

    #[test]
    fn the_longest_prefix_of_the_first_table_that_has_one_is_taken() {
        let mut marked = rule(100, 7);
        marked.mark = Some((1, 0xff));
        let routes = Routes {
            routes: vec![
                route(255, "192.0.2.1/32", RouteKind::Local, 2),
                route(254, "192.0.2.0/24", RouteKind::Unicast, 2),
                route(254, "0.0.0.0/0", RouteKind::Unicast, 3),
                route(7, "0.0.0.0/0", RouteKind::Local, 1),
            ],
            rules: vec![rule(0, 255), marked, rule(32766, 254)],
        };
        assert_eq!(
            ask(&routes, "192.0.2.1/32", 0),
            Way::Found(RouteKind::Local, vec![2])
        );
        assert_eq!(
            ask(&routes, "192.0.2.9/32", 0),
            Way::Found(RouteKind::Unicast, vec![2])
        );
        assert_eq!(
            ask(&routes, "198.51.100.0/24", 0),
            Way::Found(RouteKind::Unicast, vec![3])
        );
        assert_eq!(
            ask(&routes, "198.51.100.1/32", 0x101),
            Way::Found(RouteKind::Local, vec![1])
        );
        // Of a network that holds several routes nothing holds for all.
        assert_eq!(ask(&routes, "192.0.0.0/16", 0), Way::Mixed);
        assert_eq!(ask(&Routes::default(), "192.0.2.1/32", 0), Way::Missing);
        let mut suppressing = routes.clone();
        suppressing.rules[2].suppressed = Some(0);
        assert_eq!(ask(&suppressing, "198.51.100.1/32", 0), Way::Missing);
    }
}
