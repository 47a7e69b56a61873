//! What one expression does with a packet.
//!
//! Source: the `eval` functions of `net/netfilter/nft_*.c`.

use crate::firewall::expression::{
    Comparison, Conntrack, Expression, FibResult, Header, LookupTo, Meta, Nat, NatKind, Register, Verdict,
};
use crate::firewall::ruleset::{Hook, Table};
use crate::firewall::set::{Data, Set};

use super::bits::{self, Byte, Cause, Truth, cause, known, unknown};
use super::extension;
use super::machine::{At, Machine, Registers, place_of, store};
use super::packet::{
    Link, STATE_ESTABLISHED, STATE_INVALID, STATE_NEW, STATE_UNTRACKED, Stage, State, Tuple, put,
};

/// Most values of a map that are followed; beyond, the outcome counts as unknown.
const MOST_WAYS: usize = 16;
/// `RTN_UNICAST`, `RTN_LOCAL` of rtnetlink(7).
const ADDRESS_UNICAST: u32 = 1;
const ADDRESS_LOCAL: u32 = 2;

/// What running an expression comes to.
pub(super) enum Effect {
    /// The next expression.
    Go,
    /// The next rule.
    Stop,
    /// The next expression where it holds, else the next rule.
    Test(Truth),
    /// The next expression or the next rule; what usually happens may be known.
    Maybe { usual: Option<bool>, doubt: String },
    /// The end of the rule.
    Verdict(Verdict),
    /// Anything.
    Undecided { cause: Cause, doubt: Option<String> },
    /// One of several values or verdicts, or, where `missing` is, the next rule.
    Branches {
        ways: Vec<Way>,
        missing: Option<bool>,
        cause: Cause,
        doubt: Option<String>,
    },
}

/// One way that a lookup may go.
pub(super) struct Way {
    pub(super) usual: bool,
    pub(super) verdict: Option<Verdict>,
    pub(super) to: Register,
    pub(super) bytes: Vec<Byte>,
}

fn maybe(doubt: impl Into<String>) -> Effect {
    Effect::Maybe {
        usual: None,
        doubt: doubt.into(),
    }
}

fn undecided(doubt: impl Into<String>) -> Effect {
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
pub(super) fn step(
    machine: &Machine<'_>,
    place: usize,
    table: &Table,
    at: &At<'_>,
    expression: &Expression,
    registers: &mut Registers,
    state: &mut State,
) -> Effect {
    match expression {
        Expression::Meta { key, to } => load(registers, *to, meta(at, state, *key), || format!("{key:?}")),
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
            let found = payload(at, state, *base, *offset, *length);
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
            to,
            length,
        } => match (*network, *presence) {
            // The packet that stands for the class has no extension header and no IP option.
            (true, true) => load(registers, *to, Load::Known(known(&[0])), String::new),
            (true, false) => Effect::Stop,
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
            presence,
            to,
        } => fib(at, state, *result, *source, *presence, *to, registers),
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
            let bytes: Vec<_> = bytes
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
            let mut bytes = read(registers, *from, length).to_vec();
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
            let found = search(set, read(registers, *from, set.key_length));
            let updated = machine.is_updated(place, name);
            lookup(found, *to, *inverted, updated.then_some(name))
        }
        Expression::SetUpdate { set, .. } => Effect::Maybe {
            usual: Some(true),
            doubt: format!("set {set} is changed by the rules themselves"),
        },
        Expression::Verdict(verdict) => Effect::Verdict(verdict.clone()),
        Expression::Reject => Effect::Verdict(Verdict::Drop),
        Expression::Nat(nat) => translate(at, state, registers, nat),
        Expression::NoTrack => match at.tracked {
            Some(false) => {
                state.untracked = true;
                Effect::Go
            }
            Some(true) => Effect::Go,
            None => undecided("notrack at the priority of connection tracking"),
        },
        Expression::Limit { name, inverted } => Effect::Maybe {
            usual: Some(!inverted),
            doubt: format!("{name} depends on traffic"),
        },
        Expression::Object { kind, name } => object(table, *kind, name),
        Expression::Passive => Effect::Go,
        Expression::Extension(extension) => extension::evaluate(extension, at, state),
        Expression::Opaque { name } => undecided(format!("{name} is not evaluated")),
    }
}

/// What an expression reads.
pub(super) enum Load {
    /// These bytes.
    Known(Vec<Byte>),
    /// So many bytes that can't be told, or nothing: then the rule does not match.
    Unknown(usize),
    /// Nothing: the rule does not match.
    Nothing,
}

fn load(registers: &mut Registers, to: Register, found: Load, what: impl FnOnce() -> String) -> Effect {
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
    }
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

/// `nft_meta_get_eval`.
fn meta(at: &At<'_>, state: &State, key: Meta) -> Load {
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
fn payload(at: &At<'_>, state: &State, base: Header, offset: u32, length: u32) -> Load {
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

/// `nft_payload_set_eval`: translation without connection tracking, and the like.
fn payload_set(
    at: &At<'_>,
    state: &mut State,
    registers: &Registers,
    (base, offset, length): (Header, u32, u32),
    from: Register,
) {
    let bytes = read(registers, from, (length as usize).min(16)).to_vec();
    let before = (state.destination(at.v6).to_vec(), state.port().to_vec());
    match base {
        Header::Network => put(&mut state.network, offset as usize, &bytes),
        Header::Transport => put(&mut state.transport, offset as usize, &bytes),
        Header::Link | Header::Inner => {}
    }
    state.redirected |= before != (state.destination(at.v6).to_vec(), state.port().to_vec());
}

/// `nft_ct_get_eval`.
fn conntrack(at: &At<'_>, state: &State, key: Conntrack, reply: Option<bool>) -> Load {
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
fn fib(
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

/// What a search in a set comes to.
struct Found<'s> {
    /// What the elements hold that may match.
    hits: Vec<&'s Data>,
    /// Whether none may match.
    misses: bool,
    cause: Cause,
    /// There are more hits than are listed.
    more: bool,
}

fn search<'s>(set: &'s Set, key: &[Byte]) -> Found<'s> {
    let mut found = Found {
        hits: Vec::new(),
        misses: true,
        cause: Cause::default(),
        more: false,
    };
    if key.len() < set.key_length {
        found.cause = Cause::OTHER;
        found.more = true;
        return found;
    }
    for element in set.candidates(&bits::lowest(key), &bits::highest(key)) {
        let inside = set.spans().fold(Truth::Yes, |all, (offset, length)| {
            let span = offset..offset.saturating_add(length);
            let parts = (
                key.get(span.clone()),
                element.low.get(span.clone()),
                element.high.get(span),
            );
            let (Some(key), Some(low), Some(high)) = parts else {
                return Truth::Unknown(Cause::OTHER);
            };
            match (all, bits::within(key, low, high)) {
                (Truth::No, _) | (_, Truth::No) => Truth::No,
                (Truth::Yes, other) | (other, Truth::Yes) => other,
                (Truth::Unknown(one), Truth::Unknown(other)) => Truth::Unknown(one | other),
            }
        });
        match inside {
            Truth::No => continue,
            Truth::Yes => found.misses = false,
            Truth::Unknown(cause) => found.cause = found.cause | cause,
        }
        if !found.hits.contains(&&element.data) {
            found.hits.push(&element.data);
        }
        if inside == Truth::Yes {
            break;
        }
        if found.hits.len() > MOST_WAYS {
            found.more = true;
            break;
        }
    }
    if found.misses
        && let Some(data) = &set.catchall
    {
        found.misses = false;
        if !found.hits.contains(&data) {
            found.hits.push(data);
        }
    }
    if !found.misses && found.hits.len() == 1 {
        found.cause = Cause::default();
    }
    found
}

fn unknown_lookup(to: Option<LookupTo>, doubt: String) -> Effect {
    match to {
        Some(_) => undecided(doubt),
        None => maybe(doubt),
    }
}

/// `nft_lookup_eval`. `updated`: the name of the set, where rules change it.
fn lookup(found: Found<'_>, to: Option<LookupTo>, inverted: bool, updated: Option<&String>) -> Effect {
    let doubt = updated.map(|name| format!("set {name} is changed by the rules themselves"));
    let Some(to) = to else {
        let inside = match (found.hits.is_empty() && !found.more, found.misses) {
            (true, _) => Truth::No,
            (false, false) => Truth::Yes,
            (false, true) => Truth::Unknown(found.cause),
        };
        let matches = if inverted { inside.not() } else { inside };
        return match (doubt, matches) {
            (Some(doubt), Truth::Yes | Truth::No) => Effect::Maybe {
                usual: Some(matches == Truth::Yes),
                doubt,
            },
            (_, matches) => Effect::Test(matches),
        };
    };
    if found.more || updated.is_some() {
        let cause = if updated.is_some() {
            found.cause | Cause::OTHER
        } else {
            found.cause
        };
        return Effect::Undecided { cause, doubt };
    }
    let single = !found.misses && found.hits.len() == 1 || found.hits.is_empty();
    let mut ways = Vec::new();
    for data in found.hits {
        let (verdict, bytes) = match data {
            Data::Verdict(verdict) => (Some(verdict.clone()), Vec::new()),
            Data::Value(value) => (None, known(value)),
            Data::None => return undecided("a map of objects"),
        };
        ways.push(Way {
            usual: single,
            verdict,
            to: place_of(to),
            bytes,
        });
    }
    Effect::Branches {
        ways,
        missing: found.misses.then_some(single),
        cause: found.cause,
        doubt: None,
    }
}

/// `nft_nat_eval`, `nft_redir_eval`, `nft_masq_eval`.
fn translate(at: &At<'_>, state: &mut State, registers: &Registers, nat: &Nat) -> Effect {
    // A translation of the other family is passed over (`nft_nat_inet_eval`).
    if nat.kind == NatKind::Destination && nat.address.is_some() && nat.ipv6 != at.v6 {
        return Effect::Go;
    }
    state.translated = true;
    if nat.kind == NatKind::Source {
        return Effect::Verdict(Verdict::Accept);
    }
    state.redirected = true;
    let width = if at.v6 { 16 } else { 4 };
    if let Some(address) = nat.address {
        let certain = nat.address_to.is_none() && !nat.mapped;
        let bytes = if certain {
            read(registers, address, width).to_vec()
        } else {
            unknown(width, Cause::OTHER)
        };
        state.set_destination(at.v6, &bytes);
    } else if nat.kind == NatKind::Redirect {
        // To an address of the interface it came in on: of this host, whichever it is.
        state.set_destination(at.v6, &unknown(width, Cause::DESTINATION));
    }
    if let Some(port) = nat.port {
        let certain = nat.port_to.is_none() && !nat.mapped;
        let bytes = if certain {
            read(registers, port, 2).to_vec()
        } else {
            unknown(2, Cause::OTHER)
        };
        state.set_port(&bytes);
    }
    Effect::Verdict(Verdict::Accept)
}

/// `nft_objref_eval`, by `NFT_OBJECT_*`.
fn object(table: &Table, kind: u32, name: &str) -> Effect {
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
