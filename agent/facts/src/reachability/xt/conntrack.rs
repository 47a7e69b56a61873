//! Matches on connection tracking and marks.

use super::super::bits::{self, Byte, Bytes, Truth};
use super::super::packet::{Stage, State, Tracking, Tuple};
use super::super::step::Effect;
use super::{Asked, both, flip};

/// Bits of the state: invalid, established, related, new as for nf_tables, then apart from it:
const STATE_DNAT: u32 = 1 << 7;
const STATE_UNTRACKED: u32 = 1 << 8;
const STATE_SNAT: u32 = 1 << 6;

pub(super) fn matches(name: &str, asked: Asked<'_>, state: &State) -> Option<Effect<'static>> {
    let (info, at) = (asked.info, asked.at);
    let tracking = at.tracking(state);
    let seen = !matches!(tracking, Some(Tracking::Untracked | Tracking::Invalid));
    let truth = match (name, asked.revision) {
        ("conntrack", 1..=3) => conntrack(asked, state)?,
        // struct xt_state_info
        ("state", 0) => Truth::from_bool(info.word(0)? & connection_state(asked, state, 1 << 6)? != 0),
        // struct xt_mark_mtinfo1
        ("mark", 1) => marked(asked, &state.mark)?,
        ("connmark", 1) if !seen => Truth::No,
        ("connmark", 1) if tracking.is_none() => return None,
        ("connmark", 1) => marked(asked, &state.connection_mark)?,
        // struct xt_helper_info: a connection that no helper expected.
        ("helper", 0) => Truth::from_bool(info.word(0)? != 0),
        _ => return None,
    };
    Some(Effect::Test(truth))
}

/// `struct xt_mark_mtinfo1`, `struct xt_connmark_mtinfo1`.
fn marked(asked: Asked<'_>, mark: &[Byte; 4]) -> Option<Truth> {
    let (wanted, mask) = (
        asked.info.word(0)?.to_ne_bytes(),
        asked.info.word(4)?.to_ne_bytes(),
    );
    let bytes: Vec<_> = mark
        .iter()
        .zip(mask)
        .map(|(byte, mask)| byte.masked(mask, 0))
        .collect();
    Some(flip(bits::equal(&bytes, &wanted), asked.info.byte(8)? != 0))
}

/// The packet's state as a bit; `None` where it can't be told.
fn connection_state(asked: Asked<'_>, state: &State, untracked: u32) -> Option<u32> {
    Some(match asked.at.tracking(state)? {
        Tracking::Untracked => untracked,
        Tracking::Invalid => 1,
        Tracking::New => 8,
        Tracking::Established => 2,
    })
}

/// `conntrack_mt` on `struct xt_conntrack_mtinfo1` to `3`.
fn conntrack(asked: Asked<'_>, state: &State) -> Option<Truth> {
    /// `XT_CONNTRACK_STATE` and so on.
    const STATE: u16 = 1;
    const PROTOCOL: u16 = 1 << 1;
    const STATUS: u16 = 1 << 6;
    const EXPIRES: u16 = 1 << 7;
    const DIRECTION: u16 = 1 << 12;
    let (info, at) = (asked.info, asked.at);
    let (flags, inverted) = (info.short(146)?, info.short(148)?);
    let (states, statuses) = match asked.revision {
        1 => (u32::from(info.byte(150)?), u32::from(info.byte(151)?)),
        _ => (u32::from(info.short(150)?), u32::from(info.short(152)?)),
    };
    let tracking = at.tracking(state)?;
    let seen = !matches!(tracking, Tracking::Untracked | Tracking::Invalid);
    if flags & STATE != 0 {
        let mut bit = connection_state(asked, state, STATE_UNTRACKED)?;
        if seen && state.redirected {
            bit |= STATE_DNAT;
        }
        // Source NAT is decided after a first packet has passed here.
        if at.stage != Stage::First && state.rewritten_source {
            bit |= STATE_SNAT;
        }
        if (states & bit != 0) == (inverted & STATE != 0) {
            return Some(Truth::No);
        }
    }
    if !seen {
        return Some(Truth::from_bool(flags & STATE != 0));
    }
    let backward = at.stage == Stage::Reply && tracking == Tracking::Established;
    if flags & DIRECTION != 0 && backward != (inverted & DIRECTION != 0) {
        return Some(Truth::No);
    }
    let protocol = info.short(136)? == u16::from(at.protocol);
    if flags & PROTOCOL != 0 && protocol == (inverted & PROTOCOL != 0) {
        return Some(Truth::No);
    }
    let all = tuples(asked, state, flags, inverted)?;
    if flags & STATUS != 0 {
        // Expected, answered, assured and confirmed are not yet of a first packet; later they depend.
        let known = if at.stage == Stage::First { 0x3f } else { 0x20 };
        let status = if state.redirected { 0x20 } else { 0 };
        if statuses & !known != 0 {
            return None;
        }
        if (statuses & status != 0) == (inverted & STATUS != 0) {
            return Some(Truth::No);
        }
    }
    (flags & EXPIRES == 0).then_some(all)
}

/// Addresses and ports of the connection as it began, and as it is answered.
fn tuples(asked: Asked<'_>, state: &State, flags: u16, inverted: u16) -> Option<Truth> {
    let (info, at) = (asked.info, asked.at);
    let original: &Tuple = at.original;
    let width = if at.v6 { 16 } else { 4 };
    let mut all = Truth::Yes;
    // XT_CONNTRACK_ORIGSRC, _ORIGDST, _REPLSRC, _REPLDST: address and mask of 16 bytes each.
    for (bit, offset, bytes) in [
        (1 << 2, 0, Some(&original.source)),
        (1 << 3, 32, Some(&original.destination)),
        (1 << 4, 64, (!state.redirected).then_some(&original.destination)),
        (1 << 5, 96, Some(&original.source)),
    ] {
        if flags & bit == 0 {
            continue;
        }
        let (wanted, mask) = (info.bytes(offset, width)?, info.bytes(offset + 16, width)?);
        let now;
        let bytes = match bytes {
            Some(bytes) => bytes,
            None if at.stage == Stage::First => {
                now = Bytes::from(state.destination(at.v6));
                &now
            }
            None => return None,
        };
        let masked: Vec<_> = bytes
            .iter()
            .zip(mask)
            .map(|(byte, mask)| byte.masked(*mask, 0))
            .collect();
        let wanted: Vec<_> = wanted.iter().zip(mask).map(|(byte, mask)| byte & mask).collect();
        all = both(all, flip(bits::equal(&masked, &wanted), inverted & bit != 0));
    }
    // _ORIGSRC_PORT, _ORIGDST_PORT, _REPLSRC_PORT, _REPLDST_PORT: of the host's order from revision 3 on.
    let ranges = asked.revision >= 3;
    for (bit, low, high, bytes) in [
        (1 << 8, 138, 154, Some(&original.source_port)),
        (1 << 9, 140, 156, Some(&original.port)),
        (1 << 10, 142, 158, (!state.redirected).then_some(&original.port)),
        (1 << 11, 144, 160, Some(&original.source_port)),
    ] {
        if flags & bit == 0 {
            continue;
        }
        let bytes = bytes?;
        let (first, last) = if ranges {
            (info.short(low)?.to_be_bytes(), info.short(high)?.to_be_bytes())
        } else {
            let port = info.short(low)?.to_ne_bytes();
            (port, port)
        };
        all = both(all, flip(bits::within(bytes, &first, &last), inverted & bit != 0));
    }
    Some(all)
}
