//! Matches on addresses, interfaces and routes.

use super::super::bits::{self, Cause, Truth};
use super::super::packet::{Link, State};
use super::super::routing::Told;
use super::super::step::Effect;
use super::{Asked, both, depends, flip};
use crate::firewall::ruleset::Hook;

pub(super) fn matches(name: &str, asked: Asked<'_>, state: &State) -> Option<Effect<'static>> {
    let (info, at) = (asked.info, asked.at);
    let truth = match (name, asked.revision) {
        ("addrtype", 0 | 1) => address_type(asked, state)?,
        // struct xt_iprange_mtinfo
        ("iprange", 1) => {
            let width = if at.v6 { 16 } else { 4 };
            let flags = info.byte(64)?;
            let mut all = Truth::Yes;
            // IPRANGE_SRC, _DST, _SRC_INV, _DST_INV.
            for (bit, bytes, low, high) in [
                (1, state.source(at.v6), 0, 16),
                (2, state.destination(at.v6), 32, 48),
            ] {
                if flags & bit != 0 {
                    let inside = bits::within(bytes, info.bytes(low, width)?, info.bytes(high, width)?);
                    all = both(all, flip(inside, flags & bit << 4 != 0));
                }
            }
            all
        }
        // struct xt_pkttype_info
        ("pkttype", 0) => {
            let kind = u32::from(at.cast);
            at.inward?;
            Truth::from_bool((kind == info.word(0)?) != (info.word(4)? != 0))
        }
        // struct xt_physdev_info, of a packet that no bridge has passed on.
        ("physdev", 0) => {
            let bridge = |link: Option<&Link>| {
                let interface = link.and_then(|link| asked.machine.surroundings.interface(&link.name));
                interface.is_none_or(|interface| interface.kind.as_deref() == Some("bridge"))
            };
            if bridge(at.inward) {
                return Some(depends("physdev", None));
            }
            Truth::from_bool(info.byte(65)? & !info.byte(64)? & 0x1f == 0)
        }
        // struct xt_devgroup_info: XT_DEVGROUP_MATCH_SRC, _INVERT_SRC, _MATCH_DST, _INVERT_DST.
        ("devgroup", 0) => {
            let flags = info.word(0)?;
            let mut all = true;
            for (bit, link, group) in [(1, at.inward, 4), (4, at.outward, 12)] {
                if flags & bit == 0 {
                    continue;
                }
                let interface = asked.machine.surroundings.interface(&link?.name)?;
                let same = (info.word(group)? ^ interface.group) & info.word(group + 4)? == 0;
                all &= same != (flags & bit << 1 != 0);
            }
            Truth::from_bool(all)
        }
        // struct xt_rpfilter_info
        ("rpfilter", 0) => return reverse_path(asked, state),
        // struct xt_policy_info, of a packet outside IPsec: XT_POLICY_MATCH_NONE.
        ("policy", 0) => Truth::from_bool(info.short(304)? & 4 != 0),
        // No socket is known yet of a packet that comes in.
        ("cgroup" | "owner", _) if matches!(at.hook, Hook::Ingress | Hook::Prerouting | Hook::Input) => {
            Truth::No
        }
        _ => return None,
    };
    Some(Effect::Test(truth))
}

/// `addrtype_mt_v0`, `addrtype_mt_v1`.
fn address_type(asked: Asked<'_>, state: &State) -> Option<Truth> {
    let (info, at) = (asked.info, asked.at);
    let flags = if asked.revision == 0 { 0 } else { info.word(4)? };
    // XT_ADDRTYPE_LIMIT_IFACE_IN, _OUT.
    let device = match flags & 0xc {
        0 => None,
        4 => Some(at.inward?),
        8 => Some(at.outward?),
        _ => return None,
    };
    let mut all = Truth::Yes;
    for (source, mask, inverted) in [
        (
            true,
            info.short(0)?,
            if asked.revision == 0 {
                info.word(4)? != 0
            } else {
                flags & 1 != 0
            },
        ),
        (
            false,
            info.short(2)?,
            if asked.revision == 0 {
                info.word(8)? != 0
            } else {
                flags & 2 != 0
            },
        ),
    ] {
        if mask == 0 {
            continue;
        }
        let truth = match asked.machine.address_type(at, state, source, device) {
            Told::Yes(kind) => Truth::from_bool(u32::from(mask).checked_shr(kind).unwrap_or(0) & 1 != 0),
            Told::Unknown(cause) => Truth::Unknown(cause),
        };
        all = both(all, flip(truth, inverted));
    }
    Some(all)
}

/// `rpfilter_mt`: whether answers go out on the interface that the packet came in on.
fn reverse_path(asked: Asked<'_>, state: &State) -> Option<Effect<'static>> {
    /// `XT_RPFILTER_LOOSE`, `_VALID_MARK`, `_INVERT`.
    const LOOSE: u8 = 1;
    const MARK: u8 = 2;
    const INVERT: u8 = 8;
    let flags = asked.info.byte(0)?;
    let inverted = flags & INVERT != 0;
    let link = asked.at.inward?;
    if link.is_loopback() {
        return Some(Effect::Test(Truth::from_bool(!inverted)));
    }
    Some(match asked.machine.way_back(asked.at, state, flags & MARK != 0) {
        Told::Yes(None) => Effect::Test(Truth::from_bool(inverted)),
        Told::Yes(Some(interfaces)) => {
            let same = link.index.is_some_and(|index| interfaces.contains(&index));
            Effect::Test(Truth::from_bool((same || flags & LOOSE != 0) != inverted))
        }
        Told::Unknown(cause) if cause.has(Cause::OTHER) => Effect::Maybe {
            usual: Some(!inverted),
            doubt: "the way back to the source is not known".to_owned(),
        },
        Told::Unknown(cause) => Effect::Test(Truth::Unknown(cause)),
    })
}
