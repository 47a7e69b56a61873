//! iptables matches and targets inside nf_tables rules, as iptables-nft, ufw and Docker leave them.
//!
//! Source: the structures of `include/uapi/linux/netfilter/xt_*.h` and `match`/`target` functions of
//! `net/netfilter/xt_*.c`. Their numbers are of the host's order unless said otherwise.

use crate::firewall::expression::{Extension, Verdict};

use super::bits::{self, Byte, Cause, Truth, known, unknown};
use super::machine::At;
use super::packet::{Link, Stage, State};
use super::step::Effect;

/// Bits of the state in an extension: invalid, established, related, new, then apart from those of nf_tables:
const STATE_DNAT: u32 = 1 << 7;
const STATE_UNTRACKED: u32 = 1 << 8;

/// Runs an extension.
pub(super) fn evaluate(extension: &Extension, at: &At<'_>, state: &mut State) -> Effect {
    let info = Info(&extension.info);
    let known = if extension.target {
        target(extension, info, at, state)
    } else {
        matches(extension, info, at, state)
    };
    known.unwrap_or_else(|| {
        let kind = if extension.target { "target" } else { "match" };
        let doubt = format!("xt {kind} {} is not evaluated", extension.name);
        if extension.target {
            Effect::Undecided {
                cause: Cause::OTHER,
                doubt: Some(doubt),
            }
        } else {
            Effect::Maybe { usual: None, doubt }
        }
    })
}

/// The structure of an extension.
#[derive(Clone, Copy)]
struct Info<'a>(&'a [u8]);

impl Info<'_> {
    fn byte(self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    fn short(self, at: usize) -> Option<u16> {
        Some(u16::from_ne_bytes(*self.0.get(at..)?.first_chunk()?))
    }

    fn word(self, at: usize) -> Option<u32> {
        Some(u32::from_ne_bytes(*self.0.get(at..)?.first_chunk()?))
    }
}

fn matches(extension: &Extension, info: Info<'_>, at: &At<'_>, state: &State) -> Option<Effect> {
    let port = |destination: bool, first: u16, last: u16| {
        let bytes = if destination {
            state.port()
        } else {
            state.transport.get(..2).unwrap_or_default()
        };
        bits::within(bytes, &first.to_be_bytes(), &last.to_be_bytes())
    };
    let truth = match (extension.name.as_str(), extension.revision) {
        ("comment", _) => Truth::Yes,
        ("conntrack", revision @ 1..=3) => return conntrack(info, revision, at, state),
        // struct xt_state_info
        ("state", 0) => Truth::from_bool(info.word(0)? & connection_state(at, state, 1 << 6)? != 0),
        // struct xt_tcp, struct xt_udp: source ports, destination ports, then what is inverted.
        ("tcp" | "udp", 0) => {
            let tcp = extension.name == "tcp";
            let inverted = info.byte(if tcp { 11 } else { 8 })?;
            let flip = |truth: Truth, bit: u8| if inverted & bit != 0 { truth.not() } else { truth };
            let mut all = both(
                flip(port(false, info.short(0)?, info.short(2)?), 1),
                flip(port(true, info.short(4)?, info.short(6)?), 2),
            );
            if tcp {
                let (mask, wanted) = (info.byte(9)?, info.byte(10)?);
                let flags = state.transport.get(13)?.masked(mask, 0);
                all = both(all, flip(bits::equal(&[flags], &[wanted]), 4));
                if info.byte(8)? != 0 && all != Truth::No {
                    all = Truth::Unknown(Cause::OTHER);
                }
            }
            all
        }
        // struct xt_multiport_v1
        ("multiport", 1) => {
            let (which, count) = (info.byte(0)?, usize::from(info.byte(1)?).min(15));
            let mut found = Truth::No;
            let mut place = 0;
            while place < count {
                let first = info.short(2 + place * 2)?;
                let range = info.byte(32 + place)? != 0;
                place += usize::from(range);
                let last = info.short(2 + place * 2)?;
                place += 1;
                // XT_MULTIPORT_SOURCE, _DESTINATION, _EITHER.
                if which != 1 {
                    found = either(found, port(false, first, last));
                }
                if which != 0 {
                    found = either(found, port(true, first, last));
                }
            }
            if info.byte(47)? != 0 { found.not() } else { found }
        }
        ("addrtype", 0 | 1) => return address_type(info, extension.revision, at, state),
        // struct xt_mark_mtinfo1
        ("mark", 1) => {
            let (mark, mask) = (info.word(0)?.to_ne_bytes(), info.word(4)?.to_ne_bytes());
            let bytes: Vec<_> = state
                .mark
                .iter()
                .zip(mask)
                .map(|(byte, mask)| byte.masked(mask, 0))
                .collect();
            let same = bits::equal(&bytes, &mark);
            if info.byte(8)? != 0 { same.not() } else { same }
        }
        ("limit", _) => {
            return Some(Effect::Maybe {
                usual: Some(true),
                doubt: "limit depends on traffic".to_owned(),
            });
        }
        // struct xt_recent_mtinfo: a first packet is added to the list (XT_RECENT_SET), and was not on it before.
        ("recent", _) => {
            let (set, inverted) = (info.byte(8)? & 2 != 0, info.byte(9)? != 0);
            return Some(Effect::Maybe {
                usual: Some(set != inverted),
                doubt: "recent depends on traffic".to_owned(),
            });
        }
        _ => return None,
    };
    Some(Effect::Test(truth))
}

const fn both(one: Truth, other: Truth) -> Truth {
    match (one, other) {
        (Truth::No, _) | (_, Truth::No) => Truth::No,
        (Truth::Yes, truth) | (truth, Truth::Yes) => truth,
        (unknown, _) => unknown,
    }
}

const fn either(one: Truth, other: Truth) -> Truth {
    both(one.not(), other.not()).not()
}

/// The packet's state as a bit; `None` where it can't be told.
fn connection_state(at: &At<'_>, state: &State, untracked: u32) -> Option<u32> {
    if state.unrecorded && !state.untracked {
        return None;
    }
    Some(match (state.untracked, at.tracked?, at.stage) {
        (true, _, _) => untracked,
        (false, false, _) => 1,
        (false, true, Stage::First) => 8,
        (false, true, _) => 2,
    })
}

/// `conntrack_mt` on `struct xt_conntrack_mtinfo1` to `3`.
fn conntrack(info: Info<'_>, revision: u32, at: &At<'_>, state: &State) -> Option<Effect> {
    /// `XT_CONNTRACK_STATE`, `_PROTO`, `_DIRECTION`, `_STATE_ALIAS`.
    const STATE: u16 = 1;
    const PROTOCOL: u16 = 1 << 1;
    const DIRECTION: u16 = 1 << 12;
    const ALIAS: u16 = 1 << 13;
    let (asked, inverted) = (info.short(146)?, info.short(148)?);
    let mask = match revision {
        1 => u32::from(info.byte(150)?),
        _ => u32::from(info.short(150)?),
    };
    let seen = !state.untracked && at.tracked?;
    if asked & STATE != 0 {
        let mut bit = connection_state(at, state, STATE_UNTRACKED)?;
        if seen && state.redirected {
            bit |= STATE_DNAT;
        }
        // Source NAT is decided after a first packet has passed here.
        if (mask & bit != 0) == (inverted & STATE != 0) {
            return Some(Effect::Stop);
        }
    }
    if !seen {
        return Some(if asked & STATE != 0 {
            Effect::Go
        } else {
            Effect::Stop
        });
    }
    let backward = at.stage == Stage::Reply;
    if asked & DIRECTION != 0 && backward != (inverted & DIRECTION != 0) {
        return Some(Effect::Stop);
    }
    let protocol = info.short(136)? == u16::from(at.protocol);
    if asked & PROTOCOL != 0 && protocol == (inverted & PROTOCOL != 0) {
        return Some(Effect::Stop);
    }
    // Addresses, status, expiry and ports are left open.
    (asked & !(STATE | PROTOCOL | DIRECTION | ALIAS) == 0).then_some(Effect::Go)
}

/// `addrtype_mt_v0`, `addrtype_mt_v1`.
fn address_type(info: Info<'_>, revision: u32, at: &At<'_>, state: &State) -> Option<Effect> {
    /// `XT_ADDRTYPE_UNICAST`, `XT_ADDRTYPE_LOCAL`.
    const UNICAST: u16 = 1 << 1;
    const LOCAL: u16 = 1 << 2;
    let (source, destination) = (info.short(0)?, info.short(2)?);
    let (source_inverted, destination_inverted) = match revision {
        0 => (info.word(4)? != 0, info.word(8)? != 0),
        _ => (info.word(4)? & 1 != 0, info.word(4)? & 2 != 0),
    };
    let inward = at.inward?;
    if source != 0 {
        let kind = if Link::is_loopback(inward) { LOCAL } else { UNICAST };
        if (source & kind != 0) == source_inverted {
            return Some(Effect::Stop);
        }
    }
    if destination != 0 {
        if state.redirected {
            return None;
        }
        if (destination & LOCAL != 0) == destination_inverted {
            return Some(Effect::Stop);
        }
    }
    Some(Effect::Go)
}

fn target(extension: &Extension, info: Info<'_>, at: &At<'_>, state: &mut State) -> Option<Effect> {
    match (extension.name.as_str(), extension.revision) {
        ("LOG" | "NFLOG" | "TRACE" | "AUDIT" | "TCPMSS" | "CHECKSUM" | "CLASSIFY" | "TTL" | "HL", _) => {
            Some(Effect::Go)
        }
        ("REJECT", _) => Some(Effect::Verdict(Verdict::Drop)),
        ("MASQUERADE" | "SNAT", _) => {
            state.translated = true;
            Some(Effect::Verdict(Verdict::Accept))
        }
        // struct xt_mark_tginfo2
        ("MARK", 2) => {
            let (mark, mask) = (info.word(0)?.to_ne_bytes(), info.word(4)?.to_ne_bytes());
            for (byte, (mark, mask)) in state.mark.iter_mut().zip(mark.into_iter().zip(mask)) {
                *byte = byte.masked(!mask, mark);
            }
            Some(Effect::Go)
        }
        // struct nf_nat_range2: flags, lowest and highest address of 16 bytes, lowest and highest port.
        ("DNAT", 1 | 2) => translate(at, state, info, 4, 20, 16, 36),
        // struct nf_nat_ipv4_multi_range_compat: how many, then flags, addresses of 4 bytes, ports.
        ("DNAT" | "REDIRECT", 0) if !at.v6 => translate(at, state, Info(info.0.get(4..)?), 4, 8, 4, 12),
        ("REDIRECT", 0) => translate(at, state, info, 4, 20, 16, 36),
        _ => None,
    }
}

/// Gives the packet the new destination of a NAT range: flags at 0, addresses and ports in network order.
fn translate(
    at: &At<'_>,
    state: &mut State,
    info: Info<'_>,
    lowest: usize,
    highest: usize,
    length: usize,
    ports: usize,
) -> Option<Effect> {
    /// `NF_NAT_RANGE_MAP_IPS`, `_PROTO_SPECIFIED`, `_PROTO_OFFSET`, `_NETMAP`.
    const ADDRESS: u32 = 1;
    const PORT: u32 = 2;
    const OFFSET: u32 = 1 << 5;
    const MAPPED: u32 = 1 << 6;
    let flags = info.word(0)?;
    let width = if at.v6 { 16 } else { 4 };
    let certain = flags & MAPPED == 0;
    let address: Vec<Byte> = if flags & ADDRESS == 0 {
        // REDIRECT: to this host, by the address of the interface it came in on.
        unknown(width, Cause::DESTINATION)
    } else if certain && info.0.get(lowest..lowest + length)? == info.0.get(highest..highest + length)? {
        known(info.0.get(lowest..lowest + width)?)
    } else {
        unknown(width, Cause::OTHER)
    };
    state.set_destination(at.v6, &address);
    if flags & PORT != 0 {
        let (first, last) = (info.0.get(ports..ports + 2)?, info.0.get(ports + 2..ports + 4)?);
        let single = first == last && flags & OFFSET == 0;
        state.set_port(&if single {
            known(first)
        } else {
            unknown(2, Cause::OTHER)
        });
    }
    state.translated = true;
    state.redirected = true;
    Some(Effect::Verdict(Verdict::Accept))
}
