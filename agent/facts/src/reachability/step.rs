//! What one expression does with a packet.
//!
//! Source: the `eval` functions of `net/netfilter/nft_*.c`.

use std::borrow::Cow;

use crate::firewall::expression::{
    Comparison, Conntrack, Expression, Header, Meta, Nat, NatKind, Register, Verdict,
};
use crate::firewall::ruleset::Table;

use super::bits::{self, Byte, Bytes, Cause, Truth, cause, known, unknown};
use super::lookup::{lookup, search, unknown_lookup};
use super::machine::{At, Machine, Registers, store};
use super::packet::{SetId, State, put};
use super::reading::{FibAsked, Load, conntrack, fib, meta, payload};
use super::xt;

/// Most numbers that are each followed.
const MOST_NUMBERS: u32 = 16;
/// TCP options that a system sends when it opens a connection.
const USUAL_OPTIONS: [u8; 4] = [2, 3, 4, 8];

/// What is said of a set that is large and was asked about other keys alone.
pub(super) const ASKED_ABOUT_OTHERS: &str = "was not read whole";

/// What running an expression comes to.
pub(super) enum Effect<'v> {
    /// The next expression.
    Go,
    /// The next rule.
    Stop,
    /// The next expression where it holds, else the next rule.
    Test(Truth),
    /// The next expression or the next rule; what usually happens may be known.
    Maybe { usual: Option<bool>, doubt: String },
    /// The end of the rule.
    Verdict(Cow<'v, Verdict>),
    /// Anything.
    Undecided { cause: Cause, doubt: Option<String> },
    /// One of several values or verdicts, or, where `missing` is, the next rule.
    Branches {
        ways: Vec<Way<'v>>,
        missing: Option<bool>,
        /// Or anything, though not usually.
        open: bool,
        cause: Cause,
        doubt: Option<String>,
    },
}

/// One way that a lookup may go.
pub(super) struct Way<'v> {
    pub(super) usual: bool,
    pub(super) verdict: Option<Cow<'v, Verdict>>,
    pub(super) to: Register,
    pub(super) bytes: Bytes,
}

pub(super) fn maybe(doubt: impl Into<String>) -> Effect<'static> {
    Effect::Maybe {
        usual: None,
        doubt: doubt.into(),
    }
}

pub(super) fn undecided(doubt: impl Into<String>) -> Effect<'static> {
    Effect::Undecided {
        cause: Cause::OTHER,
        doubt: Some(doubt.into()),
    }
}

/// Bytes of the register file.
fn read(registers: &Registers, from: Register, length: usize) -> &[Byte] {
    let end = from.offset().saturating_add(length).min(registers.len());
    registers.get(from.offset()..end).unwrap_or_default()
}

/// Runs one expression.
pub(super) fn step<'r>(
    machine: &Machine<'_>,
    place: usize,
    table: &'r Table,
    at: &At<'_>,
    expression: &'r Expression,
    registers: &mut Registers,
    state: &mut State,
) -> Effect<'r> {
    match expression {
        Expression::Meta { key, to } => load(registers, *to, meta(machine, at, state, *key), || {
            format!("{key:?}")
        }),
        Expression::MetaSet { key, from } => match key {
            Meta::Mark => {
                put(&mut state.mark, 0, read(registers, *from, 4));
                Effect::Go
            }
            Meta::Other(_) => Effect::Go,
            _ => undecided("the packet is made to look like another"),
        },
        Expression::Payload {
            base,
            offset,
            length,
            to,
        } => {
            let found = payload(machine, at, state, *base, *offset, *length);
            load(registers, *to, found, || {
                "part of the packet that senders choose".to_owned()
            })
        }
        Expression::PayloadSet {
            base,
            offset,
            length,
            from,
        } => {
            payload_set(at, state, registers, (*base, *offset, *length), *from);
            Effect::Go
        }
        Expression::Option {
            presence,
            network,
            kind,
            to,
            length,
        } => match (*network, *presence) {
            // The packet that stands for the class has no extension header and no IP option.
            (true, true) => load(registers, *to, Load::Known(known(&[0])), String::new),
            (true, false) => Effect::Stop,
            // Segment size, which is the one that rules look at.
            (false, false) if *kind == 2 && state.segment_size.is_some() => {
                let size = state.segment_size.unwrap_or_default().to_be_bytes();
                load(registers, *to, Load::Known(known(&size)), String::new)
            }
            (false, true) if state.segment_size.is_some() => {
                let there = at.protocol == 6 && USUAL_OPTIONS.contains(kind);
                load(
                    registers,
                    *to,
                    Load::Known(known(&[u8::from(there)])),
                    String::new,
                )
            }
            (false, _) if state.segment_size.is_some() && !USUAL_OPTIONS.contains(kind) => Effect::Stop,
            (false, _) => {
                let length = usize::try_from(*length).unwrap_or_default().min(16);
                load(registers, *to, Load::Unknown(length), || {
                    "a TCP option".to_owned()
                })
            }
        },
        Expression::Conntrack { key, reply, to } => {
            let found = conntrack(at, state, *key, *reply);
            load(registers, *to, found, || format!("ct {key:?}"))
        }
        Expression::ConntrackSet { key, from } => {
            if *key == Conntrack::Mark && at.tracked != Some(false) && !state.untracked {
                put(&mut state.connection_mark, 0, read(registers, *from, 4));
            }
            Effect::Go
        }
        Expression::Fib {
            result,
            source,
            mark,
            device,
            presence,
            to,
        } => {
            let asked = FibAsked {
                result: *result,
                source: *source,
                mark: *mark,
                device: *device,
                presence: *presence,
                to: *to,
            };
            fib(machine, at, state, &asked, registers)
        }
        Expression::Number { to, modulus, offset } => number(registers, *to, *modulus, *offset),
        Expression::TransparentProxy => maybe("whether a transparent proxy listens is not known"),
        Expression::SynProxy => Effect::Verdict(Cow::Owned(Verdict::Accept)),
        Expression::Load { to, value } => load(registers, *to, Load::Known(known(value)), String::new),
        Expression::LoadOpaque { to, name } => {
            if let Some(to) = to {
                store(registers, *to, &unknown(16, Cause::OTHER));
            }
            maybe(format!("{name} is not evaluated"))
        }
        Expression::Bitwise { from, to, mask, xor } => {
            let bytes = read(registers, *from, mask.len())
                .iter()
                .zip(mask.iter().zip(xor));
            let bytes: Bytes = bytes
                .map(|(byte, (mask, xor))| byte.masked(*mask, *xor))
                .collect();
            store(registers, *to, &bytes);
            Effect::Go
        }
        Expression::Byteorder {
            from,
            to,
            length,
            size,
        } => {
            let (length, size) = (*length as usize, (*size as usize).max(1));
            let mut bytes = Bytes::from_slice(read(registers, *from, length));
            if cfg!(target_endian = "little") {
                bytes.chunks_mut(size).for_each(<[Byte]>::reverse);
            }
            store(registers, *to, &bytes);
            Effect::Go
        }
        Expression::Compare {
            from,
            comparison,
            value,
        } => Effect::Test(compare(read(registers, *from, value.len()), *comparison, value)),
        Expression::Range {
            from,
            inverted,
            low,
            high,
        } => {
            let inside = bits::within(read(registers, *from, low.len()), low, high);
            Effect::Test(if *inverted { inside.not() } else { inside })
        }
        Expression::Lookup {
            set: name,
            from,
            to,
            inverted,
        } => {
            let Some(set) = table.sets.get(name) else {
                return unknown_lookup(*to, format!("set {name} is missing"));
            };
            if let Some(reason) = &set.incomplete {
                return unknown_lookup(*to, reason.clone());
            }
            let key = read(registers, *from, set.key_length);
            if let Some(only) = &set.only
                && !bits::value(key).is_some_and(|key| only.contains(key.as_slice()))
            {
                return unknown_lookup(*to, format!("set {name} {ASKED_ABOUT_OTHERS}"));
            }
            let changed = || state.is_put_into(&SetId::Named(place, name.clone()));
            if let (None, false) = (to, state.changed.is_empty())
                && let Some(added) = changed()
            {
                return Effect::Maybe {
                    usual: Some(added != *inverted),
                    doubt: format!("set {name} is changed by the rules themselves"),
                };
            }
            let found = search(set, key);
            let updated = machine.is_updated(place, name);
            lookup(found, *to, *inverted, updated.then_some(name))
        }
        Expression::SetUpdate { set, usual, removes } => {
            state.changed.push((SetId::Named(place, set.clone()), !removes));
            Effect::Maybe {
                usual: Some(*usual),
                doubt: format!("set {set} is changed by the rules themselves"),
            }
        }
        Expression::Verdict(verdict) => Effect::Verdict(Cow::Borrowed(verdict)),
        Expression::Reject => Effect::Verdict(Cow::Owned(Verdict::Drop)),
        Expression::Nat(nat) => translate(at, state, registers, nat),
        Expression::NoTrack => exempt(at, state),
        Expression::Limit { name, inverted } => Effect::Maybe {
            usual: Some(!inverted),
            doubt: format!("{name} depends on traffic"),
        },
        Expression::Object { kind, name } => object(table, *kind, name),
        Expression::Passive => Effect::Go,
        Expression::Extension(extension) => xt::evaluate(machine, extension, at, state),
        Expression::Opaque { name } => undecided(format!("{name} is not evaluated")),
    }
}

pub(super) fn load(
    registers: &mut Registers,
    to: Register,
    found: Load,
    what: impl FnOnce() -> String,
) -> Effect<'static> {
    match found {
        Load::Known(bytes) => {
            store(registers, to, &bytes);
            Effect::Go
        }
        Load::Unknown(length) => {
            store(registers, to, &unknown(length, Cause::OTHER));
            maybe(format!("{} is not known", what()))
        }
        Load::Nothing => Effect::Stop,
        Load::Now(bytes) => Effect::Branches {
            ways: vec![
                Way {
                    usual: true,
                    verdict: None,
                    to,
                    bytes: known(&bytes),
                },
                Way {
                    usual: false,
                    verdict: None,
                    to,
                    bytes: unknown(bytes.len(), Cause::OTHER),
                },
            ],
            missing: None,
            open: false,
            cause: Cause::OTHER,
            doubt: Some("it depends on the time".to_owned()),
        },
    }
}

/// One of several numbers.
fn number(registers: &mut Registers, to: Register, modulus: u32, offset: u32) -> Effect<'static> {
    if modulus > MOST_NUMBERS {
        store(registers, to, &unknown(4, Cause::OTHER));
        return maybe("a number that the kernel chooses");
    }
    let way = |number: u32| Way {
        usual: modulus == 1,
        verdict: None,
        to,
        bytes: known(&offset.wrapping_add(number).to_ne_bytes()),
    };
    Effect::Branches {
        ways: (0..modulus).map(way).collect(),
        missing: None,
        open: false,
        cause: Cause::OTHER,
        doubt: Some("the kernel chooses among several numbers".to_owned()),
    }
}

/// `nft_notrack_eval`, `notrack_tg`: leaves out of connection tracking what it has not seen yet.
pub(super) fn exempt(at: &At<'_>, state: &mut State) -> Effect<'static> {
    match at.tracked {
        Some(false) => {
            state.untracked = true;
            Effect::Go
        }
        Some(true) => Effect::Go,
        None => undecided("notrack at the priority of connection tracking"),
    }
}

/// `nft_nat_setup_netmap`: the bits in which lowest and highest are the same are new, the others stay.
pub(super) fn netmap(old: &[Byte], low: &[Byte], high: &[Byte]) -> Bytes {
    let byte = |(old, (low, high)): (&Byte, (&Byte, &Byte))| {
        let kept = low.value ^ high.value;
        let old = old.masked(kept, 0);
        if low.known & high.known != u8::MAX {
            return Byte::unknown(Cause::OTHER);
        }
        Byte::partly(old.value | (low.value & !kept), old.known, old.cause)
    };
    old.iter().zip(low.iter().zip(high)).map(byte).collect()
}

fn compare(bytes: &[Byte], comparison: Comparison, value: &[u8]) -> Truth {
    match comparison {
        Comparison::Equal => bits::equal(bytes, value),
        Comparison::NotEqual => bits::equal(bytes, value).not(),
        Comparison::Less => bits::less(bytes, value),
        Comparison::GreaterOrEqual => bits::less(bytes, value).not(),
        Comparison::Greater => bits::greater(bytes, value),
        Comparison::LessOrEqual => bits::greater(bytes, value).not(),
    }
}

/// `nft_payload_set_eval`: translation without connection tracking, and the like.
fn payload_set(
    at: &At<'_>,
    state: &mut State,
    registers: &Registers,
    (base, offset, length): (Header, u32, u32),
    from: Register,
) {
    let bytes = read(registers, from, (length as usize).min(16));
    let destination = |state: &State| (Bytes::from(state.destination(at.v6)), Bytes::from(state.port()));
    let before = destination(state);
    match base {
        Header::Network => put(&mut state.network, offset as usize, bytes),
        Header::Transport => put(&mut state.transport, offset as usize, bytes),
        Header::Link | Header::Inner => {}
    }
    state.redirected |= before != destination(state);
}

/// `nft_nat_eval`, `nft_redir_eval`, `nft_masq_eval`.
fn translate(at: &At<'_>, state: &mut State, registers: &Registers, nat: &Nat) -> Effect<'static> {
    // A translation of the other family is passed over (`nft_nat_inet_eval`).
    if nat.kind == NatKind::Destination && nat.address.is_some() && nat.ipv6 != at.v6 {
        return Effect::Go;
    }
    state.translated = true;
    if nat.kind == NatKind::Source {
        state.rewritten_source = true;
        return Effect::Verdict(Cow::Owned(Verdict::Accept));
    }
    state.redirected = true;
    let width = if at.v6 { 16 } else { 4 };
    if let Some(address) = nat.address {
        let bytes = if let (true, Some(high)) = (nat.mapped, nat.address_to) {
            let (low, high) = (read(registers, address, width), read(registers, high, width));
            netmap(state.destination(at.v6), low, high)
        } else if nat
            .address_to
            .is_none_or(|high| same(registers, address, high, width))
        {
            Bytes::from_slice(read(registers, address, width))
        } else {
            unknown(width, Cause::OTHER)
        };
        state.set_destination(at.v6, &bytes);
    } else if nat.kind == NatKind::Redirect {
        // To an address of the interface it came in on: of this host, whichever it is.
        state.set_destination(at.v6, &unknown(width, Cause::DESTINATION));
    }
    if let Some(port) = nat.port {
        let single = nat.port_to.is_none_or(|high| same(registers, port, high, 2));
        let certain = single && !nat.shifted;
        let bytes = if certain {
            Bytes::from_slice(read(registers, port, 2))
        } else {
            unknown(2, Cause::OTHER)
        };
        state.set_port(&bytes);
    }
    Effect::Verdict(Cow::Owned(Verdict::Accept))
}

/// Whether two registers hold the same known value.
fn same(registers: &Registers, one: Register, other: Register, length: usize) -> bool {
    let (one, other) = (read(registers, one, length), read(registers, other, length));
    one == other && bits::value(one).is_some()
}

/// `nft_objref_eval`, by `NFT_OBJECT_*`.
fn object(table: &Table, kind: u32, name: &str) -> Effect<'static> {
    match kind {
        // Counter, conntrack helper, tunnel, timeout, security mark, expectation.
        1 | 3 | 6 | 7 | 8 | 9 => Effect::Go,
        // Quota, limit, connlimit.
        2 | 4 | 5 => Effect::Maybe {
            usual: table
                .objects
                .get(&(kind, name.to_owned()))
                .map(|object| !object.inverted),
            doubt: format!("{name} depends on traffic"),
        },
        _ => undecided(format!("object {name} is not evaluated")),
    }
}

/// The unknown bits of a value, for those who look at a state from outside.
pub(super) fn doubt_of(bytes: &[Byte]) -> Cause {
    cause(bytes)
}
