//! What expressions read of a packet and its surroundings.
//!
//! Source: `nft_meta.c`, `nft_payload.c`, `nft_ct.c`, `nft_fib*.c` of `net/netfilter`.

use crate::firewall::expression::{Conntrack, FibResult, Header, Meta, Register};
use crate::firewall::ruleset::Hook;

use super::bits::{Byte, Cause, known, unknown};
use super::machine::{At, Registers};
use super::packet::{
    Link, STATE_ESTABLISHED, STATE_INVALID, STATE_NEW, STATE_UNTRACKED, Stage, State, Tuple,
};
use super::step::{Effect, Way, load};

/// `RTN_UNICAST`, `RTN_LOCAL` of rtnetlink(7).
const ADDRESS_UNICAST: u32 = 1;
const ADDRESS_LOCAL: u32 = 2;

/// What an expression reads.
pub(super) enum Load {
    /// These bytes.
    Known(Vec<Byte>),
    /// So many bytes that can't be told, or nothing: then the rule does not match.
    Unknown(usize),
    /// Nothing: the rule does not match.
    Nothing,
}

/// `nft_meta_get_eval`.
pub(super) fn meta(at: &At<'_>, state: &State, key: Meta) -> Load {
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
        let mut bytes = name.as_bytes().to_vec();
        bytes.resize(16, 0);
        Load::Known(known(&bytes))
    };
    let leaves = matches!(
        at.hook,
        Hook::Forward | Hook::Output | Hook::Postrouting | Hook::Egress
    );
    match key {
        Meta::Protocol => Load::Known(known(if at.v6 { &[0x86, 0xdd] } else { &[0x08, 0x00] })),
        Meta::Mark => Load::Known(state.mark.to_vec()),
        Meta::Iif => index(at.inward),
        Meta::IifName => name(at.inward),
        Meta::Oif if leaves && at.outward.is_none() => Load::Unknown(4),
        Meta::OifName if leaves && at.outward.is_none() => Load::Unknown(16),
        Meta::Oif => index(at.outward.filter(|_| leaves)),
        Meta::OifName => name(at.outward.filter(|_| leaves)),
        Meta::NfProto => Load::Known(known(if at.v6 { &[10] } else { &[2] })),
        Meta::L4Proto => Load::Known(known(&[at.protocol])),
        Meta::PacketType if at.inward.is_some() => Load::Known(known(&[0])),
        Meta::PacketType => Load::Unknown(1),
        Meta::Other(_) => Load::Unknown(16),
    }
}

/// `nft_payload_eval`.
pub(super) fn payload(at: &At<'_>, state: &State, base: Header, offset: u32, length: u32) -> Load {
    let (offset, length) = (offset as usize, (length as usize).min(16));
    let network = if at.v6 { 40 } else { 20 };
    let transport = if at.protocol == 6 { 20 } else { 8 };
    let header = state.transport.iter().take(transport);
    let bytes: Vec<Byte> = match base {
        // There being no options, the transport header follows the network header.
        Header::Network => state
            .network
            .iter()
            .take(network)
            .chain(header)
            .copied()
            .collect(),
        Header::Transport => header.copied().collect(),
        Header::Link | Header::Inner => Vec::new(),
    };
    match bytes.get(offset..offset.saturating_add(length)) {
        Some(bytes) => Load::Known(bytes.to_vec()),
        None => Load::Unknown(length),
    }
}

/// `nft_ct_get_eval`.
pub(super) fn conntrack(at: &At<'_>, state: &State, key: Conntrack, reply: Option<bool>) -> Load {
    let number = |number: u32| Load::Known(known(&number.to_ne_bytes()));
    if state.untracked || at.tracked == Some(false) {
        return match key {
            Conntrack::State if state.untracked => number(STATE_UNTRACKED),
            Conntrack::State => number(STATE_INVALID),
            _ => Load::Nothing,
        };
    }
    if at.tracked.is_none() || state.unrecorded {
        return Load::Unknown(16);
    }
    let backward = at.stage == Stage::Reply;
    match key {
        Conntrack::State if at.stage == Stage::First => number(STATE_NEW),
        Conntrack::State => number(STATE_ESTABLISHED),
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
        Conntrack::Mark => Load::Known(state.connection_mark.to_vec()),
        Conntrack::Family => Load::Known(known(if at.v6 { &[10] } else { &[2] })),
        Conntrack::Protocol => Load::Known(known(&[at.protocol])),
        Conntrack::Source | Conntrack::Destination | Conntrack::SourcePort | Conntrack::DestinationPort => {
            let reply = reply.unwrap_or(backward);
            if reply && state.redirected {
                return Load::Unknown(16);
            }
            let tuple = if reply {
                at.original.reversed()
            } else {
                Tuple::clone(at.original)
            };
            Load::Known(match key {
                Conntrack::Source => tuple.source,
                Conntrack::Destination => tuple.destination,
                Conntrack::SourcePort => tuple.source_port,
                _ => tuple.port,
            })
        }
        Conntrack::Other(_) => Load::Unknown(16),
    }
}

/// `nft_fib4_eval`, `nft_fib6_eval`.
pub(super) fn fib(
    at: &At<'_>,
    state: &State,
    result: FibResult,
    source: bool,
    presence: bool,
    to: Register,
    registers: &mut Registers,
) -> Effect {
    let arrives = matches!(at.hook, Hook::Ingress | Hook::Prerouting | Hook::Input);
    let local = at.inward.is_some_and(Link::is_loopback);
    if result == FibResult::AddressType {
        let kind = match source {
            // Packets of others come from addresses that are not this host's.
            true if at.inward.is_some() => Some(if local { ADDRESS_LOCAL } else { ADDRESS_UNICAST }),
            // What is asked about is a packet to this host, until a rule sends it elsewhere.
            false if arrives && !state.redirected => Some(ADDRESS_LOCAL),
            _ => None,
        };
        let found = match kind {
            Some(kind) => Load::Known(known(&kind.to_ne_bytes())),
            None => Load::Unknown(4),
        };
        return load(registers, to, found, || "the type of the address".to_owned());
    }
    let Some(link) = at.inward.filter(|_| source) else {
        return load(registers, to, Load::Unknown(16), || "the route".to_owned());
    };
    // The reverse path: a source usually comes in on the interface that answers to it go out on.
    let usual = match result {
        _ if presence => known(&[1]),
        FibResult::Interface => match link.index {
            Some(index) => known(&index.to_ne_bytes()),
            None => unknown(4, Cause::OTHER),
        },
        _ => {
            let mut name = link.name.clone().into_bytes();
            name.resize(16, 0);
            known(&name)
        }
    };
    let other = if presence {
        known(&[0])
    } else {
        unknown(16, Cause::OTHER)
    };
    let way = |usual, bytes| Way {
        usual,
        verdict: None,
        to,
        bytes,
    };
    Effect::Branches {
        ways: vec![way(true, usual), way(false, other)],
        missing: None,
        cause: Cause::OTHER,
        doubt: Some("the way back to the source is not looked up".to_owned()),
    }
}
