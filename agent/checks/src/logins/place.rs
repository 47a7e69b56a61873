//! Where attempts came from, as it is told.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use plumbline_facts::logins::{Events, Id, Row, Source};
use serde::{Serialize, Serializer};

/// The bits of an address that are one site's.
const SITE: u128 = u128::MAX << 64;

/// A place that attempts came from. There may be as many as the internet has, so that they are kept small.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// An address.
    V4(Ipv4Addr),
    /// An address, the only one of its /64.
    V6(Ipv6Addr),
    /// The first address of a /64 that several came from.
    Site(Ipv6Addr),
    /// A host name, or what is told instead of any of these.
    Text(Box<str>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => address.fmt(f),
            Self::Site(prefix) => write!(f, "{prefix}/64"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::V4(address) => {
                // There may be tens of thousands, and formatting them takes longer than finding them.
                let mut text = String::with_capacity(15);
                for (place, octet) in address.octets().into_iter().enumerate() {
                    if place > 0 {
                        text.push('.');
                    }
                    for (least, unit) in [(100, 100), (10, 10), (0, 1)] {
                        if octet >= least {
                            text.push(char::from(b'0' + octet / unit % 10));
                        }
                    }
                }
                serializer.serialize_str(&text)
            }
            _ => serializer.collect_str(self),
        }
    }
}

/// Where `rows` came from, each place once and in order: addresses first, several of one IPv6 /64 as that, then names.
/// Terminals are not among them.
pub(super) fn places(events: &Events, rows: &[&Row]) -> Vec<Place> {
    let mut ids: Vec<Id> = rows.iter().map(|row| row.source).collect();
    ids.sort_unstable();
    ids.dedup();
    let (mut v4, mut v6, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for id in ids {
        match events.source(id) {
            Some(Source::Address(IpAddr::V4(address))) => v4.push(address),
            Some(Source::Address(IpAddr::V6(address))) => v6.push(u128::from(address)),
            Some(Source::Host(name)) => names.push(name),
            Some(Source::Terminal(_)) | None => {}
        }
    }
    v4.sort_unstable();
    v6.sort_unstable();
    names.sort_unstable();
    let sites = v6.chunk_by(|one, other| one & SITE == other & SITE);
    let sites = sites.filter_map(|addresses| match addresses {
        [only] => Some(Place::V6((*only).into())),
        [first, ..] => Some(Place::Site((first & SITE).into())),
        [] => None,
    });
    let addresses = v4.into_iter().map(Place::V4).chain(sites);
    addresses
        .chain(names.into_iter().map(|name| Place::Text(name.into())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_it_is_shown() {
        for octet in 0..=255 {
            let place = Place::V4(Ipv4Addr::new(octet, 255 - octet, 1, octet));
            assert_eq!(serde_json::to_value(&place).unwrap(), place.to_string());
        }
    }
}
