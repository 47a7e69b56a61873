//! iptables matches and targets, as iptables-nft, iptables-legacy, ufw and Docker leave them.
//!
//! Source: the structures of `include/uapi/linux/netfilter/xt_*.h`, `netfilter_ipv4/ipt_*.h`, `netfilter_ipv6/ip6t_*.h`,
//! and the `match` and `target` functions of `net/netfilter/xt_*.c`. Their numbers are of the host's order unless said
//! otherwise.

mod address;
mod conntrack;
mod header;
mod lists;
mod target;
mod traffic;
mod words;

use crate::firewall::expression::Extension;

use super::bits::{Cause, Truth};
use super::machine::{At, Machine};
use super::packet::State;
use super::step::Effect;

/// What a match or target is looked at with.
#[derive(Clone, Copy)]
struct Asked<'a> {
    machine: &'a Machine<'a>,
    at: &'a At<'a>,
    info: Info<'a>,
    revision: u32,
}

/// Runs an extension.
pub(super) fn evaluate(
    machine: &Machine<'_>,
    extension: &Extension,
    at: &At<'_>,
    state: &mut State,
) -> Effect<'static> {
    let asked = Asked {
        machine,
        at,
        info: Info(&extension.info),
        revision: extension.revision,
    };
    let known = if extension.target {
        target::run(&extension.name, asked, state)
    } else {
        matches(extension, asked, state)
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

/// `None` where it is not known to this version.
fn matches(extension: &Extension, asked: Asked<'_>, state: &State) -> Option<Effect<'static>> {
    let name = extension.name.as_str();
    header::matches(name, asked, state)
        .or_else(|| address::matches(name, asked, state))
        .or_else(|| conntrack::matches(name, asked, state))
        .or_else(|| lists::matches(extension, asked, state))
        .or_else(|| traffic::matches(name, asked))
}

/// The structure of an extension.
#[derive(Clone, Copy)]
struct Info<'a>(&'a [u8]);

impl<'a> Info<'a> {
    fn byte(self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    fn short(self, at: usize) -> Option<u16> {
        Some(u16::from_ne_bytes(*self.0.get(at..)?.first_chunk()?))
    }

    fn word(self, at: usize) -> Option<u32> {
        Some(u32::from_ne_bytes(*self.0.get(at..)?.first_chunk()?))
    }

    fn bytes(self, at: usize, length: usize) -> Option<&'a [u8]> {
        self.0.get(at..at.checked_add(length)?)
    }
}

fn flip(truth: Truth, inverted: bool) -> Truth {
    if inverted { truth.not() } else { truth }
}

const fn both(one: Truth, other: Truth) -> Truth {
    match (one, other) {
        (Truth::No, _) | (_, Truth::No) => Truth::No,
        (Truth::Yes, truth) | (truth, Truth::Yes) => truth,
        (Truth::Unknown(one), Truth::Unknown(other)) => Truth::Unknown(one.and(other)),
    }
}

const fn either(one: Truth, other: Truth) -> Truth {
    both(one.not(), other.not()).not()
}

/// What depends on traffic or time, with what it usually or now comes to.
fn depends(name: &str, usual: Option<bool>) -> Effect<'static> {
    Effect::Maybe {
        usual,
        doubt: format!("{name} depends on traffic"),
    }
}
