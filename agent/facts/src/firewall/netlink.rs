//! Reads the rules that the kernel has loaded in this network namespace, over netlink and without changing anything.
//!
//! Source: `net/netfilter/nf_tables_api.c`. Needs CAP_NET_ADMIN.

use nix::errno::Errno;

use super::attributes::Message;
use super::connection::{ACKNOWLEDGE, Connection, DUMP, DumpError, NETFILTER, netfilter, text};
use super::decode::{Decoder, SetName};
use super::ruleset::Ruleset;

/// `NFNL_SUBSYS_NFTABLES << 8`.
const SUBSYSTEM: u16 = 10 << 8;
/// `NFT_MSG_GET…`.
const GET_TABLE: u16 = SUBSYSTEM | 1;
const GET_CHAIN: u16 = SUBSYSTEM | 4;
const GET_RULE: u16 = SUBSYSTEM | 7;
const GET_SET: u16 = SUBSYSTEM | 10;
const GET_SET_ELEMENTS: u16 = SUBSYSTEM | 13;
const NEW_GENERATION: u16 = SUBSYSTEM | 15;
const GET_GENERATION: u16 = SUBSYSTEM | 16;
const GET_OBJECT: u16 = SUBSYSTEM | 19;

/// Most elements taken of one set; a larger one counts as unknown.
const MOST_ELEMENTS: usize = 500_000;
/// How often the reading starts anew because the rules changed under it.
const MOST_ATTEMPTS: u32 = 10;

/// The rules loaded in this network namespace.
pub(super) fn dump() -> Result<Ruleset, DumpError> {
    let mut connection = Connection::open(NETFILTER)?;
    for _ in 0..MOST_ATTEMPTS {
        if let Some(ruleset) = attempt(&mut connection)? {
            return Ok(ruleset);
        }
    }
    Err(DumpError::Unstable)
}

/// The kernel's messages about them, one after the other.
pub(super) fn record() -> Result<Vec<u8>, DumpError> {
    let mut connection = Connection::open(NETFILTER)?;
    for _ in 0..MOST_ATTEMPTS {
        let mut bytes = Vec::new();
        if attempt_with(&mut connection, &mut |message| bytes.extend(message.bytes()))?.is_some() {
            return Ok(bytes);
        }
    }
    Err(DumpError::Unstable)
}

/// The number of the generation of the loaded rules, which every change raises; `None` where it can't be asked.
pub(super) fn generation() -> Option<u32> {
    generation_of(&mut Connection::open(NETFILTER).ok()?).ok()?
}

/// One reading; `None` where the rules changed meanwhile.
fn attempt(connection: &mut Connection) -> Result<Option<Ruleset>, DumpError> {
    attempt_with(connection, &mut |_| {})
}

/// As [`attempt`], each message given to `see` as well.
fn attempt_with(
    connection: &mut Connection,
    see: &mut dyn FnMut(Message<'_>),
) -> Result<Option<Ruleset>, DumpError> {
    // To the first question of all, the lack of the subsystem is the one invalid thing about it.
    let before = generation_of(connection).map_err(|error| match error {
        DumpError::Io(error) if error.raw_os_error() == Some(Errno::EINVAL as i32) => DumpError::Unsupported,
        other => other,
    })?;
    let mut decoder = Decoder::default();
    // Objects and sets before the rules that name them, elements last: only what rules look into.
    for kind in [GET_TABLE, GET_CHAIN, GET_OBJECT, GET_SET, GET_RULE] {
        let take = |message: Message<'_>| {
            see(message);
            decoder.add(message);
        };
        if !connection.ask(kind, DUMP, &netfilter(0, &[]), take)? {
            return Ok(None);
        }
    }
    for name in decoder.wanted_sets() {
        if !elements(connection, &mut decoder, &name, see)? {
            return Ok(None);
        }
    }
    Ok((before == generation_of(connection)?).then(|| decoder.finish()))
}

fn elements(
    connection: &mut Connection,
    decoder: &mut Decoder,
    name: &SetName,
    see: &mut dyn FnMut(Message<'_>),
) -> Result<bool, DumpError> {
    let (family, table, set) = name;
    let attributes = [text(1, table), text(2, set)].concat();
    let whole = connection.ask(
        GET_SET_ELEMENTS,
        DUMP,
        &netfilter(*family, &attributes),
        |message| {
            if decoder.elements(name) < MOST_ELEMENTS {
                see(message);
                decoder.add(message);
            }
        },
    )?;
    let too_many = decoder.elements(name) >= MOST_ELEMENTS;
    decoder.close_set(
        name,
        too_many.then(|| format!("set {set} holds more than {MOST_ELEMENTS} elements")),
    );
    Ok(whole)
}

/// The number of the generation of the rules, which every change raises.
fn generation_of(connection: &mut Connection) -> Result<Option<u32>, DumpError> {
    let mut generation = None;
    connection.ask(GET_GENERATION, ACKNOWLEDGE, &netfilter(0, &[]), |message| {
        if message.kind == NEW_GENERATION {
            generation = message
                .netfilter()
                .and_then(|(_, attributes)| attributes.number(1));
        }
    })?;
    Ok(generation)
}
