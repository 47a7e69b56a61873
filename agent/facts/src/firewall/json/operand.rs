//! Left-hand sides of a dump: what a rule reads of a packet, as the expressions that load it.

use serde_json::Value;

use super::text;
use super::value::{DIRECTIONS, FAMILIES, Kind, PACKET_TYPES, PROTOCOLS, STATES, STATUSES, TCP_FLAGS};
use crate::firewall::expression::{
    Comparison, Conntrack, Expression, FibDevice, FibResult, Header, Meta, Register,
};

/// A value loaded into a register.
pub(super) struct Operand {
    /// The expressions that check that the packet has it, and load it.
    pub(super) load: Vec<Expression>,
    /// How its values are written; `None` where that is not known, and with it what comparisons mean.
    pub(super) kind: Option<Kind>,
}

impl Operand {
    fn new(kind: Kind, load: Vec<Expression>) -> Self {
        Self {
            load,
            kind: Some(kind),
        }
    }

    fn opaque(name: &str, to: Register) -> Self {
        let name = name.to_owned();
        Self {
            load: vec![Expression::LoadOpaque { to: Some(to), name }],
            kind: None,
        }
    }
}

/// Compiles what a rule reads into loads to `to`.
pub(super) fn operand(value: &Value, to: Register) -> Operand {
    read(value, to).unwrap_or_else(|| {
        let name = value.as_object().and_then(|object| object.keys().next());
        Operand::opaque(name.map_or("value", String::as_str), to)
    })
}

fn read(value: &Value, to: Register) -> Option<Operand> {
    let (name, body) = value.as_object()?.iter().next()?;
    match name.as_str() {
        "meta" => meta(body, to),
        "payload" => payload(body, to),
        "ct" => conntrack(body, to),
        "fib" => fib(body, to),
        "&" => masked(body, to),
        "exthdr" | "ip option" => {
            let presence = body.get("field").is_none();
            Some(Operand {
                load: vec![Expression::Option {
                    presence,
                    network: true,
                    kind: 0,
                    to,
                    length: 1,
                }],
                kind: presence.then_some(Kind::Network(1)),
            })
        }
        _ => None,
    }
}

fn meta(body: &Value, to: Register) -> Option<Operand> {
    let key = body.get("key").unwrap_or(body).as_str()?;
    let (key, kind) = match key {
        "protocol" => (Meta::Protocol, Kind::EtherType),
        "mark" => (Meta::Mark, Kind::Host(4)),
        // A dump names the interface behind an index.
        "iif" | "iifname" => (Meta::IifName, Kind::Name),
        "oif" | "oifname" => (Meta::OifName, Kind::Name),
        "nfproto" => (Meta::NfProto, Kind::Named(FAMILIES)),
        "l4proto" => (Meta::L4Proto, Kind::Named(PROTOCOLS)),
        "pkttype" => (Meta::PacketType, Kind::Named(PACKET_TYPES)),
        _ => return None,
    };
    Some(Operand::new(kind, vec![Expression::Meta { key, to }]))
}

/// Expressions that go on only where the packet's property is `value`.
fn require(key: Meta, value: u8, to: Register) -> [Expression; 2] {
    let compare = Expression::Compare {
        from: to,
        comparison: Comparison::Equal,
        value: vec![value],
    };
    [Expression::Meta { key, to }, compare]
}

fn payload(body: &Value, to: Register) -> Option<Operand> {
    if let Some(base) = text(body, "base") {
        let base = match base {
            "nh" => Header::Network,
            "th" => Header::Transport,
            "ll" => Header::Link,
            _ => Header::Inner,
        };
        let bits = |field| u32::try_from(body.get(field)?.as_u64()?).ok();
        let (offset, length) = (bits("offset")?, bits("len")?);
        // Fields that don't fill bytes are masked and shifted by nft: not known here.
        (offset % 8 == 0 && length % 8 == 0 && length <= 128).then_some(())?;
        let (offset, length) = (offset / 8, length / 8);
        let kind = Kind::Network(usize::try_from(length).ok()?);
        return Some(Operand::new(
            kind,
            vec![Expression::Payload {
                base,
                offset,
                length,
                to,
            }],
        ));
    }
    let (protocol, field) = (text(body, "protocol")?, text(body, "field")?);
    let number = PROTOCOLS
        .iter()
        .find(|(name, _)| *name == protocol)
        .map(|(_, n)| *n);
    let (base, mut load) = match protocol {
        "ip" => (Header::Network, require(Meta::NfProto, 2, to).to_vec()),
        "ip6" => (Header::Network, require(Meta::NfProto, 10, to).to_vec()),
        "th" => (Header::Transport, Vec::new()),
        _ => (Header::Transport, require(Meta::L4Proto, number?, to).to_vec()),
    };
    let Some((offset, kind)) = payload_field(protocol, field) else {
        // The packet must still be of that protocol.
        load.push(Expression::LoadOpaque {
            to: Some(to),
            name: format!("{protocol} {field}"),
        });
        return Some(Operand { load, kind: None });
    };
    let length = u32::try_from(kind.width()).ok()?;
    load.push(Expression::Payload {
        base,
        offset,
        length,
        to,
    });
    Some(Operand::new(kind, load))
}

/// Offset and kind of a header's field. Only fields of whole bytes.
fn payload_field(protocol: &str, field: &str) -> Option<(u32, Kind)> {
    Some(match (protocol, field) {
        ("ip", "length") => (2, Kind::Network(2)),
        ("ip", "id") => (4, Kind::Network(2)),
        ("ip", "frag-off") => (6, Kind::Network(2)),
        ("ip", "ttl") => (8, Kind::Network(1)),
        ("ip", "protocol") => (9, Kind::Named(PROTOCOLS)),
        ("ip", "saddr") => (12, Kind::Ipv4),
        ("ip", "daddr") => (16, Kind::Ipv4),
        ("ip6", "length") => (4, Kind::Network(2)),
        ("ip6", "nexthdr") => (6, Kind::Named(PROTOCOLS)),
        ("ip6", "hoplimit") => (7, Kind::Network(1)),
        ("ip6", "saddr") => (8, Kind::Ipv6),
        ("ip6", "daddr") => (24, Kind::Ipv6),
        ("tcp" | "udp" | "udplite" | "sctp" | "dccp" | "th", "sport") => (0, Kind::Network(2)),
        ("tcp" | "udp" | "udplite" | "sctp" | "dccp" | "th", "dport") => (2, Kind::Network(2)),
        ("tcp", "flags") => (13, Kind::ByteBits(TCP_FLAGS)),
        ("tcp", "window") => (14, Kind::Network(2)),
        ("udp", "length") => (4, Kind::Network(2)),
        _ => return None,
    })
}

fn conntrack(body: &Value, to: Register) -> Option<Operand> {
    let reply = match text(body, "dir") {
        Some("original") => Some(false),
        Some("reply") => Some(true),
        Some(_) => return None,
        None => None,
    };
    let (key, kind) = match text(body, "key")? {
        "state" => (Conntrack::State, Kind::HostBits(STATES)),
        "direction" => (Conntrack::Direction, Kind::Named(DIRECTIONS)),
        "status" => (Conntrack::Status, Kind::HostBits(STATUSES)),
        "mark" => (Conntrack::Mark, Kind::Host(4)),
        "l3proto" => (Conntrack::Family, Kind::Named(FAMILIES)),
        "protocol" => (Conntrack::Protocol, Kind::Named(PROTOCOLS)),
        "ip saddr" => (Conntrack::Source, Kind::Ipv4),
        "ip daddr" => (Conntrack::Destination, Kind::Ipv4),
        "ip6 saddr" => (Conntrack::Source, Kind::Ipv6),
        "ip6 daddr" => (Conntrack::Destination, Kind::Ipv6),
        "proto-src" => (Conntrack::SourcePort, Kind::Network(2)),
        "proto-dst" => (Conntrack::DestinationPort, Kind::Network(2)),
        _ => return None,
    };
    let mut load = match kind {
        Kind::Ipv4 => require(Meta::NfProto, 2, to).to_vec(),
        Kind::Ipv6 => require(Meta::NfProto, 10, to).to_vec(),
        _ => Vec::new(),
    };
    load.push(Expression::Conntrack { key, reply, to });
    Some(Operand::new(kind, load))
}

fn fib(body: &Value, to: Register) -> Option<Operand> {
    let flags = body.get("flags")?;
    let has = |flag: &str| {
        flags == flag
            || flags
                .as_array()
                .is_some_and(|flags| flags.iter().any(|f| f == flag))
    };
    let (result, presence, kind) = match text(body, "result")? {
        "type" => (FibResult::AddressType, false, Kind::AddressType),
        // A comparison with true or false asks whether there is a route.
        "oif" => (FibResult::Interface, true, Kind::Network(1)),
        _ => return None,
    };
    let source = has("saddr");
    Some(Operand::new(
        kind,
        vec![Expression::Fib {
            result,
            source,
            mark: has("mark"),
            device: match (has("iif"), has("oif")) {
                (true, false) => Some(FibDevice::Inward),
                (false, true) => Some(FibDevice::Outward),
                _ => None,
            },
            presence,
            to,
        }],
    ))
}

/// `{"&": [operand, mask]}`.
fn masked(body: &Value, to: Register) -> Option<Operand> {
    let [left, right] = body.as_array()?.as_slice() else {
        return None;
    };
    let inner = operand(left, to);
    let (Some(kind), mut load) = (inner.kind, inner.load) else {
        return None;
    };
    let mut mask = kind.one(right)?;
    if kind.of_host_order() {
        host_order(&mut mask);
    }
    load.push(Expression::Bitwise {
        from: to,
        to,
        xor: vec![0; mask.len()],
        mask,
    });
    Some(Operand::new(kind, load))
}

/// From network order to the host's.
pub(super) fn host_order(bytes: &mut [u8]) {
    if cfg!(target_endian = "little") {
        bytes.reverse();
    }
}
