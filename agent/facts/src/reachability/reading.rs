//! What expressions read of a packet and its surroundings.
//!
//! Source: `nft_meta.c`, `nft_payload.c`, `nft_ct.c`, `nft_fib*.c` of `net/netfilter`.

use jiff::tz::TimeZone;

use crate::firewall::Interface;
use crate::firewall::expression::{Conntrack, FibDevice, FibResult, Header, Meta, Register};
use crate::firewall::ruleset::Hook;

use super::bits::{Byte, Bytes, Cause, known, unknown};
use super::machine::{At, Machine, Registers};
use super::packet::{
    Link, STATE_ESTABLISHED, STATE_INVALID, STATE_NEW, STATE_UNTRACKED, Stage, State, Tracking,
};
use super::routing::Told;
use super::step::{Effect, Way, load};

/// What an expression reads.
pub(super) enum Load {
    /// These bytes.
    Known(Bytes),
    /// So many bytes that can't be told, or nothing: then the rule does not match.
    Unknown(usize),
    /// Nothing: the rule does not match.
    Nothing,
    /// What it is now; it changes with time.
    Now(Vec<u8>),
}

/// `nft_meta_get_eval`.
pub(super) fn meta(machine: &Machine<'_>, at: &At<'_>, state: &State, key: Meta) -> Load {
    // Neither comes from nor goes to an interface: the kernel gives 0 and an empty name.
    let index = |link: Option<&Link>| match link {
        None => Load::Known(known(&[0; 4])),
        Some(link) => match link.index {
            Some(index) => Load::Known(known(&index.to_ne_bytes())),
            None => Load::Unknown(4),
        },
    };
    let name = |link: Option<&Link>| {
        let name = link.map_or("", |link| link.name.as_str());
        let mut bytes = known(name.as_bytes());
        bytes.resize(16, Byte::known(0));
        Load::Known(bytes)
    };
    let leaves = matches!(
        at.hook,
        Hook::Forward | Hook::Output | Hook::Postrouting | Hook::Egress
    );
    match key {
        Meta::Protocol => Load::Known(known(if at.v6 { &[0x86, 0xdd] } else { &[0x08, 0x00] })),
        Meta::Mark => Load::Known(Bytes::from_slice(&state.mark)),
        Meta::Iif => index(at.inward),
        Meta::IifName => name(at.inward),
        Meta::Oif if leaves && at.outward.is_none() => Load::Unknown(4),
        Meta::OifName if leaves && at.outward.is_none() => Load::Unknown(16),
        Meta::Oif => index(at.outward.filter(|_| leaves)),
        Meta::OifName => name(at.outward.filter(|_| leaves)),
        Meta::NfProto => Load::Known(known(if at.v6 { &[10] } else { &[2] })),
        Meta::L4Proto => Load::Known(known(&[at.protocol])),
        Meta::PacketType if at.inward.is_some() => Load::Known(known(&[at.cast])),
        Meta::PacketType => Load::Unknown(1),
        Meta::Other(key) => other_meta(machine, at, state, key),
    }
}

/// Keys by their number (`NFT_META_*`).
fn other_meta(machine: &Machine<'_>, at: &At<'_>, state: &State, key: u32) -> Load {
    let arrives = matches!(at.hook, Hook::Ingress | Hook::Prerouting | Hook::Input);
    let interface = |link: Option<&Link>| machine.surroundings.interface(&link?.name);
    let of = |link: Option<&Link>, read: &dyn Fn(&Interface) -> Load| match (link, interface(link)) {
        (_, Some(interface)) => read(interface),
        (Some(_), None) => Load::Unknown(16),
        (None, None) => Load::Nothing,
    };
    let hardware = |interface: &Interface| Load::Known(known(&interface.hardware.to_ne_bytes()));
    let group = |interface: &Interface| Load::Known(known(&interface.group.to_ne_bytes()));
    let kind = |interface: &Interface| match &interface.kind {
        Some(kind) => {
            let mut bytes = known(kind.as_bytes());
            bytes.resize(16, Byte::known(0));
            Load::Known(bytes)
        }
        None => Load::Nothing,
    };
    match key {
        // NFT_META_LEN: of the whole packet.
        0 => {
            let (offset, header) = if at.v6 { (4, 40) } else { (2, 0) };
            let bytes = state.network.get(offset..offset + 2);
            match bytes.and_then(super::bits::value).as_deref() {
                Some([high, low]) => {
                    let length = u32::from(u16::from_be_bytes([*high, *low])) + header;
                    Load::Known(known(&length.to_ne_bytes()))
                }
                _ => Load::Unknown(4),
            }
        }
        // NFT_META_PRIORITY, of a packet that comes in.
        2 if arrives => Load::Known(known(&[0; 4])),
        // NFT_META_IIFTYPE, _OIFTYPE, _IIFGROUP, _OIFGROUP, _IIFKIND, _OIFKIND.
        8 => of(at.inward, &hardware),
        9 => of(at.outward, &hardware),
        21 => of(at.inward, &group),
        22 => of(at.outward, &group),
        26 => of(at.inward, &kind),
        27 => of(at.outward, &kind),
        // NFT_META_SKUID, _SKGID, _CGROUP: no socket is known yet.
        10 | 11 | 23 if arrives && at.cast == 0 => Load::Nothing,
        // NFT_META_SECPATH: no packet here is of IPsec.
        25 => Load::Known(known(&[0])),
        30..=32 => time(machine, key),
        _ => Load::Unknown(16),
    }
}

/// `nft_meta_weekday`, `nft_meta_hour`: by universal time, as nft(8) translates it.
fn time(machine: &Machine<'_>, key: u32) -> Load {
    const DAY: i64 = 86_400;
    let Some(now) = machine.surroundings.now else {
        return Load::Unknown(16);
    };
    Load::Now(match key {
        30 => now
            .as_nanosecond()
            .to_ne_bytes()
            .get(..8)
            .map_or_else(Vec::new, |bytes| {
                // A number of 16 bytes of which the lower 8 hold the time.
                match cfg!(target_endian = "little") {
                    true => bytes.to_vec(),
                    false => now
                        .as_nanosecond()
                        .to_ne_bytes()
                        .iter()
                        .skip(8)
                        .copied()
                        .collect(),
                }
            }),
        31 => {
            let weekday = now.to_zoned(TimeZone::UTC).weekday().to_sunday_zero_offset();
            vec![u8::try_from(weekday).unwrap_or_default()]
        }
        _ => {
            let seconds = u32::try_from(now.as_second().rem_euclid(DAY)).unwrap_or_default();
            seconds.to_ne_bytes().to_vec()
        }
    })
}

/// `nft_payload_eval`.
pub(super) fn payload(
    machine: &Machine<'_>,
    at: &At<'_>,
    state: &State,
    base: Header,
    offset: u32,
    length: u32,
) -> Load {
    let (offset, length) = (offset as usize, (length as usize).min(16));
    let network = if at.v6 { 40 } else { 20 };
    let transport = if at.protocol == 6 { 20 } else { 8 };
    let header = state.transport.get(..transport).unwrap_or_default();
    let end = offset.saturating_add(length);
    let across;
    let bytes: &[Byte] = match base {
        // There being no options, the transport header follows the network header.
        Header::Network if end <= network => &state.network,
        Header::Network => {
            let network = state.network.get(..network).unwrap_or_default();
            across = [network, header].concat();
            &across
        }
        Header::Transport => header,
        Header::Link => {
            across = link_header(machine, at);
            &across
        }
        Header::Inner => &[],
    };
    bytes
        .get(offset..end)
        .map_or(Load::Unknown(length), |bytes| Load::Known(bytes.into()))
}

/// The header of Ethernet: whose hardware address a sender has is not known.
fn link_header(machine: &Machine<'_>, at: &At<'_>) -> Vec<Byte> {
    let interface = at
        .inward
        .and_then(|link| machine.surroundings.interface(&link.name));
    let Some(interface) = interface.filter(|interface| interface.hardware == 1 && at.cast == 0) else {
        return Vec::new();
    };
    let own = interface
        .mac
        .map_or_else(|| unknown(6, Cause::OTHER), |mac| known(&mac));
    let kind: [u8; 2] = if at.v6 { [0x86, 0xdd] } else { [0x08, 0x00] };
    [own.as_slice(), &unknown(6, Cause::OTHER), &known(&kind)].concat()
}

/// `nft_ct_get_eval`.
pub(super) fn conntrack(at: &At<'_>, state: &State, key: Conntrack, reply: Option<bool>) -> Load {
    let number = |number: u32| Load::Known(known(&number.to_ne_bytes()));
    let Some(tracking) = at.tracking(state) else {
        return Load::Unknown(16);
    };
    let backward = at.stage == Stage::Reply && tracking == Tracking::Established;
    if key == Conntrack::State {
        return number(match tracking {
            Tracking::Untracked => STATE_UNTRACKED,
            Tracking::Invalid => STATE_INVALID,
            Tracking::New => STATE_NEW,
            Tracking::Established => STATE_ESTABLISHED,
        });
    }
    if matches!(tracking, Tracking::Untracked | Tracking::Invalid) {
        return Load::Nothing;
    }
    // An answer that begins a connection of its own.
    if at.stage == Stage::Reply && tracking == Tracking::New {
        return Load::Unknown(16);
    }
    match key {
        Conntrack::State => Load::Unknown(4),
        Conntrack::Direction => Load::Known(known(&[u8::from(backward)])),
        Conntrack::Status => {
            // Of a first packet: expected, answered, assured, confirmed and source NAT are not yet; destination NAT
            // (0x20) has been decided. Other bits tell of the NAT machinery.
            let certain: u32 = if at.stage == Stage::First { 0x3f } else { 0x20 };
            let value = if state.redirected { 0x20u32 } else { 0 };
            let bytes = value.to_ne_bytes().into_iter().zip(certain.to_ne_bytes());
            Load::Known(
                bytes
                    .map(|(value, known)| Byte::partly(value, known, Cause::OTHER))
                    .collect(),
            )
        }
        Conntrack::Mark => Load::Known(Bytes::from_slice(&state.connection_mark)),
        Conntrack::Family => Load::Known(known(if at.v6 { &[10] } else { &[2] })),
        Conntrack::Protocol => Load::Known(known(&[at.protocol])),
        Conntrack::Source | Conntrack::Destination | Conntrack::SourcePort | Conntrack::DestinationPort => {
            let reply = reply.unwrap_or(backward);
            if reply && state.redirected {
                return Load::Unknown(16);
            }
            let tuple = at.original;
            let asked = match (key, reply) {
                (Conntrack::Source, false) | (Conntrack::Destination, true) => &tuple.source,
                (Conntrack::Destination, false) | (Conntrack::Source, true) => &tuple.destination,
                (Conntrack::SourcePort, false) | (Conntrack::DestinationPort, true) => &tuple.source_port,
                _ => &tuple.port,
            };
            Load::Known(asked.clone())
        }
        // NFT_CT_HELPER: no helper expected it.
        Conntrack::Other(6) => Load::Nothing,
        Conntrack::Other(_) => Load::Unknown(16),
    }
}

/// What a `fib` expression asks.
pub(super) struct FibAsked {
    pub(super) result: FibResult,
    pub(super) source: bool,
    pub(super) mark: bool,
    pub(super) device: Option<FibDevice>,
    pub(super) presence: bool,
    pub(super) to: Register,
}

/// `nft_fib4_eval`, `nft_fib6_eval`.
pub(super) fn fib(
    machine: &Machine<'_>,
    at: &At<'_>,
    state: &State,
    asked: &FibAsked,
    registers: &mut Registers,
) -> Effect<'static> {
    let to = asked.to;
    let device = match asked.device {
        None => None,
        Some(FibDevice::Inward) => at.inward,
        Some(FibDevice::Outward) => at.outward,
    };
    if asked.result == FibResult::AddressType {
        let found = match machine.address_type(at, state, asked.source, device) {
            Told::Yes(kind) => Load::Known(known(&kind.to_ne_bytes())),
            Told::Unknown(cause) if cause.has(Cause::OTHER) => Load::Unknown(4),
            // The lookup has another answer for each part of the class, none of which is known of the whole.
            Told::Unknown(cause) => Load::Known(unknown(4, cause)),
        };
        return load(registers, to, found, || "the type of the address".to_owned());
    }
    let Some(link) = at.inward.filter(|_| asked.source) else {
        return load(registers, to, Load::Unknown(16), || "the route".to_owned());
    };
    let here = found_route(asked, Some(link));
    if link.is_loopback() {
        return load(registers, to, Load::Known(here), String::new);
    }
    match machine.way_back(at, state, asked.mark) {
        Told::Yes(None) => load(registers, to, Load::Known(found_route(asked, None)), String::new),
        Told::Yes(Some(interfaces)) => {
            let out = match device {
                Some(device) => device
                    .index
                    .filter(|index| interfaces.contains(index))
                    .map(|_| device.clone()),
                None => interfaces
                    .first()
                    .and_then(|index| machine.surroundings.interface_at(*index))
                    .map(|interface| Link {
                        name: interface.name.clone(),
                        index: Some(interface.index),
                    }),
            };
            load(
                registers,
                to,
                Load::Known(found_route(asked, out.as_ref())),
                String::new,
            )
        }
        Told::Unknown(cause) if cause.has(Cause::OTHER) => {
            // A source usually comes in on the interface that answers to it go out on.
            let way = |usual, bytes| Way {
                usual,
                verdict: None,
                to,
                bytes,
            };
            let other = unknown(if asked.presence { 1 } else { 16 }, Cause::OTHER);
            Effect::Branches {
                ways: vec![way(true, here), way(false, other)],
                missing: None,
                open: false,
                cause: Cause::OTHER,
                doubt: Some("the way back to the source is not known".to_owned()),
            }
        }
        Told::Unknown(cause) => {
            let length = if asked.presence { 1 } else { 16 };
            load(registers, to, Load::Known(unknown(length, cause)), String::new)
        }
    }
}

/// What is put into the register for a route by that interface, or for none.
fn found_route(asked: &FibAsked, link: Option<&Link>) -> Bytes {
    match asked.result {
        _ if asked.presence => known(&[u8::from(link.is_some())]),
        FibResult::InterfaceName => {
            let mut name = known(link.map_or("", |link| link.name.as_str()).as_bytes());
            name.resize(16, Byte::known(0));
            name
        }
        _ => match link.map(|link| link.index) {
            None => known(&[0; 4]),
            Some(Some(index)) => known(&index.to_ne_bytes()),
            Some(None) => unknown(4, Cause::OTHER),
        },
    }
}
