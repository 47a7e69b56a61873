//! The search in a set with a key of which some bits are not known.

use std::borrow::Cow;

use crate::firewall::expression::LookupTo;
use crate::firewall::set::{Data, Set};

use super::bits::{self, Byte, Bytes, Cause, Truth, known};
use super::machine::place_of;
use super::step::{Effect, Way, maybe, undecided};

/// Most values of a map that are followed; beyond, the outcome counts as unknown.
const MOST_WAYS: usize = 16;

/// What a search in a set comes to.
pub(super) struct Found<'s> {
    /// What the elements hold that may match.
    hits: Vec<&'s Data>,
    /// Whether none may match.
    misses: bool,
    cause: Cause,
    /// There are more hits than are listed.
    more: bool,
}

pub(super) fn search<'s>(set: &'s Set, key: &[Byte]) -> Found<'s> {
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

/// Whether the set holds the key.
pub(super) fn holds(found: &Found<'_>) -> Truth {
    match (found.hits.is_empty() && !found.more, found.misses) {
        (true, _) => Truth::No,
        (false, false) => Truth::Yes,
        (false, true) => Truth::Unknown(found.cause),
    }
}

pub(super) fn unknown_lookup(to: Option<LookupTo>, doubt: String) -> Effect<'static> {
    match to {
        Some(_) => undecided(doubt),
        None => maybe(doubt),
    }
}

/// `nft_lookup_eval`. `updated`: the name of the set, where rules change it.
pub(super) fn lookup<'s>(
    found: Found<'s>,
    to: Option<LookupTo>,
    inverted: bool,
    updated: Option<&String>,
) -> Effect<'s> {
    let doubt = updated.map(|name| format!("set {name} is changed by the rules themselves"));
    let Some(to) = to else {
        let inside = holds(&found);
        let matches = if inverted { inside.not() } else { inside };
        return match (doubt, matches) {
            (Some(doubt), Truth::Yes | Truth::No) => Effect::Maybe {
                usual: Some(matches == Truth::Yes),
                doubt,
            },
            (_, matches) => Effect::Test(matches),
        };
    };
    if found.more {
        return Effect::Undecided {
            cause: found.cause,
            doubt,
        };
    }
    let single = !found.misses && found.hits.len() == 1 || found.hits.is_empty();
    let mut ways = Vec::new();
    for data in found.hits {
        let (verdict, bytes) = match data {
            Data::Verdict(verdict) => (Some(Cow::Borrowed(verdict)), Bytes::new()),
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
        // What the map holds by then may be something else.
        open: updated.is_some(),
        cause: if updated.is_some() {
            found.cause | Cause::OTHER
        } else {
            found.cause
        },
        doubt,
    }
}
