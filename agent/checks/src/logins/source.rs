//! Sources that belong together.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use plumbline_facts::logins::Source;

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
