//! Values of a dump as the bytes that the kernel compares.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use crate::firewall::expression::Verdict;
use crate::firewall::set::{Data, Element, Set};

/// Bytes of an interface name (`IFNAMSIZ`).
pub(super) const NAME_BYTES: usize = 16;

/// How a value is written as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number in network order, of so many bytes.
    Network(usize),
    /// A number in the host's order, of so many bytes. Kept in network order in sets and for order comparisons.
    Host(usize),
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// An interface name; a `*` at its end stands for any rest.
    Name,
    /// A number with names, 1 byte.
    Named(&'static [(&'static str, u8)]),
    /// EtherType.
    EtherType,
    /// A bit field in the host's order with names.
    HostBits(&'static [(&'static str, u32)]),
    /// A bit field of 1 byte with names.
    ByteBits(&'static [(&'static str, u32)]),
    /// A type of address, as the kernel's number in the host's order.
    AddressType,
    /// A verdict; only the value of a map.
    Verdict,
}

/// IANA protocol numbers that rules name.
pub(super) const PROTOCOLS: &[(&str, u8)] = &[
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmpv6", 58),
    ("ipv6-icmp", 58),
    ("comp", 108),
    ("sctp", 132),
    ("udplite", 136),
];
/// `NFPROTO_IPV4`, `NFPROTO_IPV6`.
pub(super) const FAMILIES: &[(&str, u8)] = &[("ipv4", 2), ("ipv6", 10), ("ip", 2), ("ip6", 10)];
/// `PACKET_HOST` … of packet(7).
pub(super) const PACKET_TYPES: &[(&str, u8)] = &[
    ("host", 0),
    ("unicast", 0),
    ("broadcast", 1),
    ("multicast", 2),
    ("other", 3),
];
/// Directions of a connection.
pub(super) const DIRECTIONS: &[(&str, u8)] = &[("original", 0), ("reply", 1)];
/// `NF_CT_STATE_BIT`.
pub(super) const STATES: &[(&str, u32)] = &[
    ("invalid", 1),
    ("established", 2),
    ("related", 4),
    ("new", 8),
    ("untracked", 64),
];
/// `IPS_*`.
pub(super) const STATUSES: &[(&str, u32)] = &[
    ("expected", 1),
    ("seen-reply", 2),
    ("assured", 4),
    ("confirmed", 8),
    ("snat", 16),
    ("dnat", 32),
    ("dying", 512),
];
/// Flags of a TCP header.
pub(super) const TCP_FLAGS: &[(&str, u32)] = &[
    ("fin", 1),
    ("syn", 2),
    ("rst", 4),
    ("psh", 8),
    ("ack", 16),
    ("urg", 32),
    ("ecn", 64),
    ("cwr", 128),
];
/// `RTN_*` of rtnetlink(7).
const ADDRESS_TYPES: &[(&str, u32)] = &[
    ("unspec", 0),
    ("unicast", 1),
    ("local", 2),
    ("broadcast", 3),
    ("anycast", 4),
    ("multicast", 5),
    ("blackhole", 6),
    ("unreachable", 7),
    ("prohibit", 8),
];

impl Kind {
    /// Bytes of a value.
    pub(super) const fn width(self) -> usize {
        match self {
            Self::Network(width) | Self::Host(width) => width,
            Self::Ipv4 | Self::HostBits(_) | Self::AddressType => 4,
            Self::Ipv6 => 16,
            Self::Name => NAME_BYTES,
            Self::Named(_) | Self::ByteBits(_) => 1,
            Self::EtherType => 2,
            Self::Verdict => 0,
        }
    }

    /// Whether the kernel keeps it in the host's order.
    pub(super) const fn of_host_order(self) -> bool {
        matches!(self, Self::Host(_) | Self::HostBits(_) | Self::AddressType)
    }

    /// Whether its values are sets of bits.
    pub(super) const fn is_bits(self) -> bool {
        matches!(self, Self::HostBits(_) | Self::ByteBits(_))
    }

    /// The kinds of a declared type: one name, or an array of them for a concatenation.
    pub(super) fn of_type(declared: &Value) -> Option<Vec<Self>> {
        match declared {
            Value::String(name) => Some(vec![Self::of_type_name(name)?]),
            Value::Array(names) => names
                .iter()
                .map(|name| Self::of_type_name(name.as_str()?))
                .collect(),
            _ => None,
        }
    }

    fn of_type_name(name: &str) -> Option<Self> {
        Some(match name {
            "ipv4_addr" => Self::Ipv4,
            "ipv6_addr" => Self::Ipv6,
            "inet_proto" => Self::Named(PROTOCOLS),
            "inet_service" => Self::Network(2),
            "ifname" | "iface_index" => Self::Name,
            "mark" => Self::Host(4),
            "ct_state" => Self::HostBits(STATES),
            "ct_status" => Self::HostBits(STATUSES),
            "ct_dir" => Self::Named(DIRECTIONS),
            "nf_proto" => Self::Named(FAMILIES),
            "pkt_type" => Self::Named(PACKET_TYPES),
            "ether_type" => Self::EtherType,
            "fib_addrtype" => Self::AddressType,
            "tcp_flag" => Self::ByteBits(TCP_FLAGS),
            "verdict" => Self::Verdict,
            _ => return None,
        })
    }

    /// The lowest and highest value that `value` stands for, in network order.
    pub(super) fn bounds(self, value: &Value) -> Option<(Vec<u8>, Vec<u8>)> {
        if let Some(range) = value.get("range").and_then(Value::as_array) {
            return Some((self.one(range.first()?)?, self.one(range.get(1)?)?));
        }
        if let Some(prefix) = value.get("prefix") {
            let address = self.one(prefix.get("addr")?)?;
            let length = usize::try_from(prefix.get("len")?.as_u64()?).ok()?;
            let mask = prefix_mask(self.width(), length);
            let low = address
                .iter()
                .zip(&mask)
                .map(|(byte, mask)| byte & mask)
                .collect();
            let high = address
                .iter()
                .zip(&mask)
                .map(|(byte, mask)| byte | !mask)
                .collect();
            return Some((low, high));
        }
        let low = self.one(value)?;
        let mut high = low.clone();
        if let Some(stem) = self.stem(value) {
            high.iter_mut().skip(stem.len()).for_each(|byte| *byte = u8::MAX);
        }
        Some((low, high))
    }

    /// What a wildcard name starts with.
    pub(super) fn stem(self, value: &Value) -> Option<&[u8]> {
        let name = value.as_str().filter(|_| self == Self::Name)?;
        name.strip_suffix('*').map(str::as_bytes)
    }

    /// One value in network order.
    pub(super) fn one(self, value: &Value) -> Option<Vec<u8>> {
        match self {
            Self::Network(width) | Self::Host(width) => number(value, width),
            Self::Ipv4 => Some(value.as_str()?.parse::<Ipv4Addr>().ok()?.octets().to_vec()),
            Self::Ipv6 => Some(value.as_str()?.parse::<Ipv6Addr>().ok()?.octets().to_vec()),
            Self::Name => {
                let name = value.as_str()?;
                let mut bytes = name.strip_suffix('*').unwrap_or(name).as_bytes().to_vec();
                (bytes.len() < NAME_BYTES).then(|| bytes.resize(NAME_BYTES, 0))?;
                Some(bytes)
            }
            Self::Named(names) => match value.as_str() {
                Some(name) => names
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, n)| vec![*n]),
                None => number(value, 1),
            },
            Self::EtherType => match value.as_str() {
                Some("ip") => Some(vec![0x08, 0x00]),
                Some("arp") => Some(vec![0x08, 0x06]),
                Some("ip6") => Some(vec![0x86, 0xdd]),
                Some(_) => None,
                None => number(value, 2),
            },
            Self::HostBits(names) => Some(bits(value, names)?.to_be_bytes().to_vec()),
            Self::AddressType => Some(bits(value, ADDRESS_TYPES)?.to_be_bytes().to_vec()),
            Self::ByteBits(names) => Some(vec![u8::try_from(bits(value, names)?).ok()?]),
            Self::Verdict => None,
        }
    }
}

/// A number, or a text of one, in network order.
fn number(value: &Value, width: usize) -> Option<Vec<u8>> {
    let number = match value {
        Value::String(text) => match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok()?,
            None => text.parse().ok()?,
        },
        Value::Bool(flag) => u64::from(*flag),
        other => other.as_u64()?,
    };
    let bytes = u128::from(number).to_be_bytes();
    let (high, low) = bytes.split_at(bytes.len().checked_sub(width)?);
    high.iter().all(|byte| *byte == 0).then(|| low.to_vec())
}

/// A value of named bits: a name, a number, or an array or `|` of such.
fn bits(value: &Value, names: &[(&str, u32)]) -> Option<u32> {
    if let Some(list) = value.as_array().or_else(|| value.get("|")?.as_array()) {
        return list
            .iter()
            .try_fold(0, |all, value| Some(all | bits(value, names)?));
    }
    match value.as_str() {
        Some(name) => names
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, bit)| *bit),
        None => u32::try_from(value.as_u64()?).ok(),
    }
}

/// A mask of `length` leading ones.
pub(super) fn prefix_mask(width: usize, length: usize) -> Vec<u8> {
    (0..width)
        .map(|index| match length.saturating_sub(index * 8) {
            0 => 0,
            bits @ 1..=7 => !(u8::MAX >> bits),
            _ => u8::MAX,
        })
        .collect()
}

/// A set of listed elements, or a map where `data` names what it holds; `None` where one can't be read.
pub(super) fn elements(keys: &[Kind], data: Option<&[Kind]>, listed: &[Value]) -> Option<Set> {
    let mut found = Vec::with_capacity(listed.len());
    let mut catchall = None;
    for element in listed {
        let (key, held) = match data {
            Some(kinds) => (element.get(0)?, datum(kinds, element.get(1)?)?),
            None => (element, Data::None),
        };
        // An element with a timeout, a counter or a comment is wrapped.
        let key = key.get("elem").and_then(|inner| inner.get("val")).unwrap_or(key);
        if key == "*" {
            catchall = Some(held);
            continue;
        }
        let (low, high) = concatenated(keys, key)?;
        found.push(Element {
            low,
            high,
            data: held,
        });
    }
    let fields: Vec<_> = keys.iter().map(|kind| kind.width()).collect();
    let length = match fields.as_slice() {
        [one] => *one,
        many => many.iter().map(|width| width.next_multiple_of(4)).sum(),
    };
    let fields = if fields.len() > 1 { fields } else { Vec::new() };
    let mut set = Set::new(length, fields, found);
    set.catchall = catchall;
    Some(set)
}

/// Bounds of a key of one or more fields, each of several padded to 4 bytes.
fn concatenated(keys: &[Kind], value: &Value) -> Option<(Vec<u8>, Vec<u8>)> {
    if let [only] = keys {
        return only.bounds(value);
    }
    let parts = value.get("concat")?.as_array()?;
    (parts.len() == keys.len()).then_some(())?;
    let (mut low, mut high) = (Vec::new(), Vec::new());
    for (kind, part) in keys.iter().zip(parts) {
        let (first, last) = kind.bounds(part)?;
        low.extend(first);
        high.extend(last);
        low.resize(low.len().next_multiple_of(4), 0);
        high.resize(high.len().next_multiple_of(4), 0);
    }
    Some((low, high))
}

fn datum(kinds: &[Kind], value: &Value) -> Option<Data> {
    if kinds == [Kind::Verdict] {
        return verdict(value).map(Data::Verdict);
    }
    let (low, high) = concatenated(kinds, value)?;
    (low == high).then_some(Data::Value(low))
}

/// `{"accept": null}`, `{"jump": {"target": "x"}}`.
pub(super) fn verdict(statement: &Value) -> Option<Verdict> {
    let (name, body) = statement.as_object()?.iter().next()?;
    let target = || body.get("target")?.as_str().map(str::to_owned);
    Some(match name.as_str() {
        "accept" => Verdict::Accept,
        "drop" => Verdict::Drop,
        "continue" => Verdict::Continue,
        "return" => Verdict::Return,
        "jump" => Verdict::Jump(target()?),
        "goto" => Verdict::Goto(target()?),
        _ => return None,
    })
}
