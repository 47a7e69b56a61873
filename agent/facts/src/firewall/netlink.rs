//! Reads the rules that the kernel has loaded in this network namespace, over netlink and without changing anything.
//!
//! Source: `net/netfilter/nf_tables_api.c`. Needs CAP_NET_ADMIN.

use std::collections::BTreeSet;

use nix::errno::Errno;

use super::attributes::Message;
use super::connection::{ACKNOWLEDGE, Connection, DUMP, DumpError, NETFILTER, attribute, netfilter, text};
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
/// Bytes of the elements of a set beyond which only the keys that are looked up are asked for.
const MANY_BYTES: usize = 96 * 1024;
/// How often the reading starts anew because the rules changed under it.
const MOST_ATTEMPTS: u32 = 10;

/// The rules loaded in this network namespace.
///
/// `keys`: the only values that will be looked up; then of a set of many elements no more is read than whether it holds
/// these.
pub(super) fn dump(keys: Option<&Keys>) -> Result<Ruleset, DumpError> {
    let mut connection = Connection::open(NETFILTER)?;
    for _ in 0..MOST_ATTEMPTS {
        if let Some(ruleset) = attempt(&mut connection, keys, &mut |_| {})? {
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
        if attempt(&mut connection, None, &mut |message| {
            bytes.extend(message.bytes());
        })?
        .is_some()
        {
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
fn attempt(
    connection: &mut Connection,
    keys: Option<&Keys>,
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
        let whole = match keys {
            Some(keys) => asked_elements(connection, &mut decoder, &name, keys)?,
            None => elements(connection, &mut decoder, &name, see)?,
        };
        if !whole {
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

/// Values that will be looked up.
pub type Keys = BTreeSet<Vec<u8>>;

/// The elements of a set, or, where there are many, those that hold one of the keys.
fn asked_elements(
    connection: &mut Connection,
    decoder: &mut Decoder,
    name: &SetName,
    keys: &Keys,
) -> Result<bool, DumpError> {
    let (family, table, set) = name;
    let attributes = [text(1, table), text(2, set)].concat();
    let most = if decoder.has_single_field(name) {
        MANY_BYTES
    } else {
        usize::MAX
    };
    let body = netfilter(*family, &attributes);
    let mut messages = Vec::new();
    let take = |message: Message<'_>| messages.push(message.bytes());
    if let Some(whole) = connection.ask_for(GET_SET_ELEMENTS, DUMP, &body, most, take)? {
        for bytes in messages {
            super::attributes::messages(&bytes).for_each(|message| decoder.add(message));
        }
        decoder.close_set(name, None);
        return Ok(whole);
    }
    // A dump that is not taken to its end takes its connection with it.
    *connection = Connection::open(NETFILTER)?;
    for key in keys {
        // NFTA_SET_ELEM_LIST_ELEMENTS, an element, its NFTA_SET_ELEM_KEY, NFTA_DATA_VALUE.
        let element = attribute(1, &attribute(1, key));
        let question = [attributes.clone(), attribute(3, &attribute(1, &element))].concat();
        let body = netfilter(*family, &question);
        if decoder.key_length(name) == Some(key.len()) {
            let take = |message: Message<'_>| decoder.add_asked(message, key);
            // It answers "no such entry" for a key that the set does not hold.
            connection.ask(GET_SET_ELEMENTS, ACKNOWLEDGE, &body, take)?;
        }
    }
    // NFTA_SET_ELEM_FLAGS: NFT_SET_ELEM_CATCHALL.
    let element = attribute(3, &2u32.to_be_bytes());
    let question = [attributes, attribute(3, &attribute(1, &element))].concat();
    let catchall = connection.ask(
        GET_SET_ELEMENTS,
        ACKNOWLEDGE,
        &netfilter(*family, &question),
        |message| {
            decoder.add(message);
        },
    );
    match catchall {
        Ok(_) => {}
        // A kernel that knows no such element takes the question amiss.
        Err(DumpError::Io(error)) if error.raw_os_error() == Some(Errno::EINVAL as i32) => {}
        Err(error) => return Err(error),
    }
    decoder.close_set(name, None);
    decoder.only(name, keys);
    Ok(true)
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
