//! Targets.

use std::borrow::Cow;

use crate::firewall::expression::Verdict;

use super::super::bits::{Byte, Bytes, Cause, known, unknown};
use super::super::packet::{SetId, State};
use super::super::step::{Effect, exempt, netmap};
use super::Asked;

/// Targets that note, mark for others or rewrite what no rule of a filter asks about.
const PASSIVE: &[&str] = &[
    "AUDIT",
    "CHECKSUM",
    "CLASSIFY",
    "CONNSECMARK",
    "DSCP",
    "ECN",
    "HL",
    "IDLETIMER",
    "LED",
    "LOG",
    "NFLOG",
    "RATEEST",
    "SECMARK",
    "TCPMSS",
    "TCPOPTSTRIP",
    "TEE",
    "TOS",
    "TRACE",
    "TTL",
    "ULOG",
];

pub(super) fn run(name: &str, asked: Asked<'_>, state: &mut State) -> Option<Effect<'static>> {
    let (info, at) = (asked.info, asked.at);
    match (name, asked.revision) {
        // struct xt_set_info_target_v1 to _v3: a set to add to, a set to take from.
        ("SET", 1..=3) => {
            const NONE: u16 = 0xffff;
            for (index, added) in [(info.short(0)?, true), (info.short(4)?, false)] {
                if index != NONE {
                    state.changed.push((SetId::IpSet(index), added));
                }
            }
            Some(Effect::Go)
        }
        (name, _) if PASSIVE.contains(&name) => Some(Effect::Go),
        ("REJECT", _) => Some(Effect::Verdict(Cow::Owned(Verdict::Drop))),
        ("MASQUERADE" | "SNAT", _) => {
            state.translated = true;
            state.rewritten_source = true;
            Some(Effect::Verdict(Cow::Owned(Verdict::Accept)))
        }
        // struct xt_ct_target_info: XT_CT_NOTRACK.
        ("CT", _) if info.short(0)? & 1 == 0 => Some(Effect::Go),
        ("CT" | "NOTRACK", _) => Some(exempt(at, state)),
        // struct xt_mark_tginfo2
        ("MARK", 2) => {
            set_bits(&mut state.mark, info.word(0)?, info.word(4)?);
            Some(Effect::Go)
        }
        ("CONNMARK", 1 | 2) => connection_mark(asked, state),
        ("HMARK", _) => {
            state.mark = [Byte::unknown(Cause::OTHER); 4];
            Some(Effect::Go)
        }
        // struct xt_NFQ_info, _v1 with a total, _v2 and _v3 with a flag for going on without a program.
        ("NFQUEUE", revision) => {
            let bypass = revision >= 2 && info.short(4)? & 1 != 0;
            Some(Effect::Verdict(Cow::Owned(Verdict::Queue {
                first: info.short(0)?,
                last: info.short(0)?.saturating_add(if revision == 0 {
                    0
                } else {
                    info.short(2)?.saturating_sub(1)
                }),
                bypass,
            })))
        }
        // The kernel answers in place of the socket, then connects the two.
        ("SYNPROXY", _) => Some(Effect::Verdict(Cow::Owned(Verdict::Accept))),
        // struct nf_nat_range2: flags, lowest and highest address of 16 bytes, lowest and highest port.
        ("DNAT", 1 | 2) => translate(asked, state, info.0, 4, 20, 36, false),
        // struct nf_nat_ipv4_multi_range_compat: how many, then flags, addresses of 4 bytes, ports.
        ("DNAT" | "REDIRECT" | "NETMAP", 0) if !at.v6 => {
            translate(asked, state, info.0.get(4..)?, 4, 8, 12, name == "NETMAP")
        }
        ("REDIRECT" | "NETMAP", 0) => translate(asked, state, info.0, 4, 20, 36, name == "NETMAP"),
        _ => None,
    }
}

/// `(mark & ~mask) ^ value`.
fn set_bits(mark: &mut [Byte; 4], value: u32, mask: u32) {
    let pairs = value.to_ne_bytes().into_iter().zip(mask.to_ne_bytes());
    for (byte, (value, mask)) in mark.iter_mut().zip(pairs) {
        *byte = byte.masked(!mask, value);
    }
}

/// `struct xt_connmark_tginfo1`, `2`.
fn connection_mark(asked: Asked<'_>, state: &mut State) -> Option<Effect<'static>> {
    /// `XT_CONNMARK_SET`, `_SAVE`, `_RESTORE`.
    const SET: u8 = 0;
    const SAVE: u8 = 1;
    const RESTORE: u8 = 2;
    let info = asked.info;
    let (mark, mask, packet_mask) = (info.word(0)?, info.word(4)?, info.word(8)?);
    // Revision 2 may shift, by a direction and a number of bits before the mode.
    let mode = match asked.revision {
        2 if info.byte(13)? != 0 => return None,
        2 => info.byte(14)?,
        _ => info.byte(12)?,
    };
    if state.untracked || asked.at.tracked == Some(false) {
        return Some(Effect::Go);
    }
    // Where the bits that are put in and those that are taken out do not meet, exclusive or is or.
    let merge = |kept: &[Byte; 4], keep: u32, new: &[Byte; 4], take: u32| -> Option<[Byte; 4]> {
        let (keep, take) = (keep.to_ne_bytes(), take.to_ne_bytes());
        let mut merged = [Byte::known(0); 4];
        for (number, byte) in merged.iter_mut().enumerate() {
            let (keep, take) = (*keep.get(number)?, *take.get(number)?);
            let (old, new) = (
                kept.get(number)?.masked(keep, 0),
                new.get(number)?.masked(take, 0),
            );
            *byte = Byte::partly(
                old.value ^ new.value,
                old.known & new.known,
                old.cause | new.cause,
            );
        }
        Some(merged)
    };
    match mode {
        SET => set_bits(&mut state.connection_mark, mark, mask),
        SAVE => state.connection_mark = merge(&state.connection_mark, !mask, &state.mark, packet_mask)?,
        RESTORE => state.mark = merge(&state.mark, !packet_mask, &state.connection_mark, mask)?,
        _ => return None,
    }
    Some(Effect::Go)
}

/// Gives the packet the new destination of a NAT range: flags at 0, addresses and ports in network order.
fn translate(
    asked: Asked<'_>,
    state: &mut State,
    range: &[u8],
    lowest: usize,
    highest: usize,
    ports: usize,
    whole_network: bool,
) -> Option<Effect<'static>> {
    /// `NF_NAT_RANGE_MAP_IPS`, `_PROTO_SPECIFIED`, `_PROTO_OFFSET`, `_NETMAP`.
    const ADDRESS: u32 = 1;
    const PORT: u32 = 2;
    const OFFSET: u32 = 1 << 5;
    const MAPPED: u32 = 1 << 6;
    let at = asked.at;
    let flags = u32::from_ne_bytes(*range.first_chunk()?);
    let width = if at.v6 { 16 } else { 4 };
    let (low, high) = (
        range.get(lowest..lowest + width)?,
        range.get(highest..highest + width)?,
    );
    let address: Bytes = if flags & ADDRESS == 0 {
        // REDIRECT: to this host, by the address of the interface it came in on.
        unknown(width, Cause::DESTINATION)
    } else if whole_network || flags & MAPPED != 0 {
        netmap(state.destination(at.v6), &known(low), &known(high))
    } else if low == high {
        known(low)
    } else {
        unknown(width, Cause::OTHER)
    };
    state.set_destination(at.v6, &address);
    if flags & PORT != 0 {
        let (first, last) = (range.get(ports..ports + 2)?, range.get(ports + 2..ports + 4)?);
        let single = first == last && flags & OFFSET == 0;
        state.set_port(&if single {
            known(first)
        } else {
            unknown(2, Cause::OTHER)
        });
    }
    state.translated = true;
    state.redirected = true;
    Some(Effect::Verdict(Cow::Owned(Verdict::Accept)))
}
