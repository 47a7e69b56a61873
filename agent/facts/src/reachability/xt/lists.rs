//! Matches that look into lists outside the rules: sets of ipset(8), lists of `-m recent`.

use crate::firewall::expression::Extension;
use crate::firewall::ipset::{IpSet, Part};
use crate::firewall::lists::{recent_name, set_index};

use super::super::bits::{self, Byte, Cause, Truth, known};
use super::super::lookup::{holds, search};
use super::super::packet::{SetId, State};
use super::super::step::Effect;
use super::{Asked, both, depends, either, flip};

pub(super) fn matches(extension: &Extension, asked: Asked<'_>, state: &State) -> Option<Effect<'static>> {
    match (extension.name.as_str(), extension.revision) {
        ("set", 1..=4) => set(extension, asked, state),
        ("recent", 0 | 1) => recent(extension, asked, state),
        _ => None,
    }
}

/// `struct xt_set_info`: index, dimensions, flags; the first flag inverts, the others say which are of the source.
fn set(extension: &Extension, asked: Asked<'_>, state: &State) -> Option<Effect<'static>> {
    let info = asked.info;
    let (dimensions, flags) = (usize::from(info.byte(2)?), info.byte(3)?);
    // Counters that are compared.
    if extension.revision >= 3 && (info.byte(16)? != 0 || info.byte(32)? != 0) {
        return None;
    }
    let index = set_index(extension)?;
    if let Some(added) = state.is_put_into(&SetId::IpSet(index)) {
        return Some(depends(
            "an ipset that the rules change",
            Some(added != (flags & 1 != 0)),
        ));
    }
    let Some(set) = asked.machine.surroundings.ip_sets.get(&index) else {
        return Some(depends("an ipset that was not read", None));
    };
    let mut all = Truth::No;
    if set.members.is_empty() {
        all = in_set(set, asked, state, dimensions, flags)?;
    }
    for member in &set.members {
        all = either(all, in_set(member, asked, state, dimensions, flags)?);
    }
    Some(Effect::Test(flip(all, flags & 1 != 0)))
}

/// `None` where the set is not wholly known.
fn in_set(set: &IpSet, asked: Asked<'_>, state: &State, dimensions: usize, flags: u8) -> Option<Truth> {
    let at = asked.at;
    // ip_set_test: a set of another family, or of more parts than the rule names, holds nothing.
    if set.v6.is_some_and(|v6| v6 != at.v6) || dimensions < set.parts.len() {
        return Some(Truth::No);
    }
    if set.set.incomplete.is_some() {
        return None;
    }
    let mut key: Vec<Byte> = Vec::new();
    for (number, part) in set.parts.iter().enumerate() {
        let source = flags & 2u8.checked_shl(u32::try_from(number).ok()?)? != 0;
        let port = if source {
            state.transport.get(..2)?
        } else {
            state.port()
        };
        match part {
            Part::Address if source => key.extend(state.source(at.v6)),
            Part::Address => key.extend(state.destination(at.v6)),
            Part::Port => {
                key.extend(known(&[at.protocol, 0, 0, 0]));
                key.extend(port);
            }
            Part::BarePort => key.extend(port),
            Part::Interface => {
                let link = if source { at.inward } else { at.outward };
                let mut name = link?.name.clone().into_bytes();
                name.resize(16, 0);
                key.extend(known(&name));
            }
            Part::Hardware => return None,
        }
        while !key.len().is_multiple_of(4) {
            key.push(Byte::known(0));
        }
    }
    Some(holds(&search(&set.set, &key)))
}

/// `struct xt_recent_mtinfo`, `_v1`.
fn recent(extension: &Extension, asked: Asked<'_>, state: &State) -> Option<Effect<'static>> {
    /// `XT_RECENT_SET`, `XT_RECENT_REMOVE`.
    const SET: u8 = 2;
    const REMOVE: u8 = 8;
    let (info, at) = (asked.info, asked.at);
    let (check, inverted) = (info.byte(8)?, info.byte(9)? != 0);
    // A first packet is added to the list, whatever it holds.
    if check & SET != 0 {
        return Some(Effect::Test(Truth::from_bool(!inverted)));
    }
    let bytes = if info.byte(210)? == 0 {
        state.source(at.v6)
    } else {
        state.destination(at.v6)
    };
    let Some(listed) = asked.machine.surroundings.recent.get(&recent_name(extension)) else {
        return Some(depends("recent", Some(inverted)));
    };
    let mut on_list = Truth::No;
    for address in listed.iter().filter(|address| address.is_ipv6() == at.v6) {
        let octets = match address {
            std::net::IpAddr::V4(address) => address.octets().to_vec(),
            std::net::IpAddr::V6(address) => address.octets().to_vec(),
        };
        on_list = either(on_list, bits::equal(bytes, &octets));
    }
    let hits = info.word(4)?;
    let seconds = info.word(0)?;
    // One that is on the list may have come too seldom or too long ago.
    let counts = if check & REMOVE == 0 && (hits > 1 || seconds > 0) {
        Truth::Unknown(Cause::OTHER)
    } else {
        Truth::Yes
    };
    Some(match both(on_list, counts) {
        Truth::No => depends("recent", Some(inverted)),
        Truth::Yes => depends("recent", Some(!inverted)),
        Truth::Unknown(cause) if cause.has(Cause::OTHER) => depends("recent", None),
        truth => Effect::Test(flip(truth, inverted)),
    })
}
