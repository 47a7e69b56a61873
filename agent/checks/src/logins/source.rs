//! Sources that belong together.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use plumbline_facts::logins::{Events, Id, Row, Source};

/// One peer, as far as it can be told: an IPv4 address, an IPv6 /64 (the least that one site is given, RFC 6177, and so
/// within one peer's gift to change), or a host name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceGroup {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// The first address of an IPv6 /64.
    V6(Ipv6Addr),
    /// A host name.
    Host(String),
}

impl SourceGroup {
    /// The group of a source; `None` for a terminal of the host itself.
    #[must_use]
    pub fn of(source: &Source) -> Option<Self> {
        match source {
            Source::Address(IpAddr::V4(address)) => Some(Self::V4(*address)),
            Source::Address(IpAddr::V6(address)) => {
                let prefix = u128::from(*address) & (u128::MAX << 64);
                Some(Self::V6(prefix.into()))
            }
            Source::Host(name) => Some(Self::Host(name.clone())),
            Source::Terminal(_) => None,
        }
    }
}

impl fmt::Display for SourceGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => address.fmt(f),
            Self::V6(prefix) => write!(f, "{prefix}/64"),
            Self::Host(name) => f.write_str(name),
        }
    }
}

/// Which sources of some attempts belong together: each is known by the first of its group.
#[derive(Debug)]
pub(super) struct Groups(Vec<Id>);

impl Groups {
    pub(super) fn of(events: &Events) -> Self {
        let mut prefixes: HashMap<Ipv6Addr, Id> = HashMap::new();
        let mut group = |id| match SourceGroup::of(&events.source(id)?)? {
            SourceGroup::V6(prefix) => Some(*prefixes.entry(prefix).or_insert(id)),
            SourceGroup::V4(_) | SourceGroup::Host(_) => Some(id),
        };
        Self(events.sources().map(|id| group(id).unwrap_or(Id::NONE)).collect())
    }

    /// How many numbers of groups there can be.
    pub(super) const fn numbers(&self) -> usize {
        self.0.len()
    }

    /// The number of the group that an attempt came from; [`Id::NONE`] where that is the host itself or nobody knows.
    pub(super) fn number(&self, row: &Row) -> Id {
        self.0.get(row.source.place()).copied().unwrap_or(Id::NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_site_belong_together() {
        let group = |text: &str| {
            SourceGroup::of(&Source::Address(text.parse().unwrap()))
                .unwrap()
                .to_string()
        };
        assert_eq!(group("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(group("2001:db8:1:2::1"), "2001:db8:1:2::/64");
        assert_eq!(group("203.0.113.7"), "203.0.113.7");
        assert_eq!(SourceGroup::of(&Source::Terminal("tty1".into())), None);
    }
}
