//! The rules of a packet filter as the kernel holds them: tables, chains, rules, sets.
//!
//! Source: `include/uapi/linux/netfilter/nf_tables.h`, nft(8), libnftables-json(5).

use std::collections::BTreeMap;
use std::fmt;

use super::expression::{Expression, Verdict};
use super::set::Set;

/// Everything loaded in one network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// The tables, in the order the kernel lists them.
    pub tables: Vec<Table>,
    /// What was listed and not understood, in words. Each may hold a rule that matters.
    pub gaps: Vec<String>,
}

/// The family of a table: which packets its chains see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4 packets.
    Ip,
    /// IPv6 packets.
    Ip6,
    /// Both.
    Inet,
    /// ARP messages.
    Arp,
    /// Frames that pass a bridge.
    Bridge,
    /// Every frame of a device.
    Netdev,
}

impl Family {
    /// The name nft(8) gives it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Inet => "inet",
            Self::Arp => "arp",
            Self::Bridge => "bridge",
            Self::Netdev => "netdev",
        }
    }

    /// The family of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Ip,
            Self::Ip6,
            Self::Inet,
            Self::Arp,
            Self::Bridge,
            Self::Netdev,
        ]
        .into_iter()
        .find(|family| family.name() == name)
    }

    /// The family with the kernel's number (`NFPROTO_*`).
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Inet,
            2 => Self::Ip,
            3 => Self::Arp,
            5 => Self::Netdev,
            7 => Self::Bridge,
            10 => Self::Ip6,
            _ => return None,
        })
    }

    /// The kernel's number (`NFPROTO_*`).
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Inet => 1,
            Self::Ip => 2,
            Self::Arp => 3,
            Self::Netdev => 5,
            Self::Bridge => 7,
            Self::Ip6 => 10,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its family.
    pub family: Family,
    /// Its name.
    pub name: String,
    /// Loaded and switched off (`flags dormant`): its base chains are not hooked.
    pub dormant: bool,
    /// Chains by name.
    pub chains: BTreeMap<String, Chain>,
    /// Sets and maps by name.
    pub sets: BTreeMap<String, Set>,
    /// Stateful objects by type (`NFT_OBJECT_*`) and name.
    pub objects: BTreeMap<(u32, String), Object>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub const fn new(family: Family, name: String) -> Self {
        Self {
            family,
            name,
            dormant: false,
            chains: BTreeMap::new(),
            sets: BTreeMap::new(),
            objects: BTreeMap::new(),
        }
    }

    /// Whether it is one of iptables-legacy. nft(8) takes no name with a space in it.
    #[must_use]
    pub fn is_legacy(&self) -> bool {
        self.name.starts_with("legacy ")
    }
}

/// A named limit, quota, counter … of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// Usually does not match: it does while *over* the limit or quota, or the quota is used up.
    pub inverted: bool,
}

/// A chain: a list of rules, hooked or only jumped to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Where it is hooked; `None` for a chain that is only jumped to.
    pub base: Option<Base>,
    /// Its rules in order.
    pub rules: Vec<Rule>,
}

/// How a base chain is hooked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Where.
    pub hook: Hook,
    /// Lower runs earlier.
    pub priority: i32,
    /// `filter`, `nat` or `route`.
    pub nat: bool,
    /// Whether a packet that falls through is dropped.
    pub drops: bool,
    /// Devices of an ingress or egress chain.
    pub devices: Vec<String>,
}

/// A point in the path of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hook {
    /// As the frame comes from the device.
    Ingress,
    /// Before the routing decision.
    Prerouting,
    /// To a socket of this host.
    Input,
    /// To another host.
    Forward,
    /// From a socket of this host.
    Output,
    /// After the routing decision.
    Postrouting,
    /// As the frame goes to the device.
    Egress,
}

impl Hook {
    /// The hook of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "ingress" => Self::Ingress,
            "prerouting" => Self::Prerouting,
            "input" => Self::Input,
            "forward" => Self::Forward,
            "output" => Self::Output,
            "postrouting" => Self::Postrouting,
            "egress" => Self::Egress,
            _ => return None,
        })
    }

    /// The hook with the kernel's number in a table of `family` (`NF_INET_*`, `NF_NETDEV_*`).
    #[must_use]
    pub const fn from_number(family: Family, number: u32) -> Option<Self> {
        Some(match (family, number) {
            (Family::Netdev, 0) | (Family::Inet, 5) => Self::Ingress,
            (Family::Netdev, 1) => Self::Egress,
            // NF_ARP_IN and NF_ARP_OUT.
            (Family::Arp, 0) => Self::Input,
            (Family::Arp, 1) => Self::Output,
            (Family::Netdev | Family::Arp, _) => return None,
            (_, 0) => Self::Prerouting,
            (_, 1) => Self::Input,
            (_, 2) => Self::Forward,
            (_, 3) => Self::Output,
            (_, 4) => Self::Postrouting,
            _ => return None,
        })
    }
}

/// A rule: expressions that are run in order until one does not match or gives a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The kernel's name for it within its table.
    pub handle: u64,
    /// What it does.
    pub expressions: Vec<Expression>,
}

impl Ruleset {
    /// Whether any chain is hooked at all.
    #[must_use]
    pub fn filters(&self) -> bool {
        self.tables
            .iter()
            .filter(|table| !table.dormant)
            .any(|table| table.chains.values().any(|chain| chain.base.is_some()))
    }

    /// The table of that family and name, made if there is none.
    pub fn table_mut(&mut self, family: Family, name: &str) -> Option<&mut Table> {
        let place = self
            .tables
            .iter()
            .position(|table| table.family == family && table.name == name);
        let place = place.unwrap_or_else(|| {
            self.tables.push(Table::new(family, name.to_owned()));
            self.tables.len() - 1
        });
        self.tables.get_mut(place)
    }

    /// Whether any rule was made by iptables-nft or ebtables-nft, whose extensions are kept as opaque bytes.
    #[must_use]
    pub fn has_extensions(&self) -> bool {
        self.expressions()
            .any(|expression| matches!(expression, Expression::Extension(_)))
    }

    /// Every expression of every rule.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let chains = self.tables.iter().flat_map(|table| table.chains.values());
        chains
            .flat_map(|chain| &chain.rules)
            .flat_map(|rule| &rule.expressions)
    }
}

impl Verdict {
    /// The chain it goes on in, if any.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        match self {
            Self::Jump(chain) | Self::Goto(chain) => Some(chain),
            _ => None,
        }
    }
}
