//! Matches on the headers of a packet.

use super::super::bits::{self, Byte, Cause, Truth};
use super::super::packet::State;
use super::super::step::Effect;
use super::words;
use super::{Asked, both, either, flip};

/// TCP options that a system sends when it opens a connection: segment size, window scale, selective acknowledgement,
/// timestamps.
const USUAL_OPTIONS: [u8; 4] = [2, 3, 4, 8];

pub(super) fn matches(name: &str, asked: Asked<'_>, state: &State) -> Option<Effect<'static>> {
    let (info, at) = (asked.info, asked.at);
    let truth = match (name, asked.revision) {
        ("comment", _) => Truth::Yes,
        ("tcp" | "udp" | "udplite", 0) => return ports(name, asked, state),
        ("multiport", 1) => multiport(asked, state)?,
        // Other protocols than those that are asked about.
        ("icmp" | "icmp6" | "esp" | "ah" | "sctp" | "dccp" | "ipcomp" | "mh", _) => Truth::No,
        // Routing, fragment, hop-by-hop, destination and segment headers, which no packet here has.
        ("rt" | "frag" | "hbh" | "dst" | "srh", _) => Truth::No,
        // struct ip6t_ipv6header_info: which headers, inverted, any of them; here there is the transport header alone.
        ("ipv6header", 0) => {
            const TRANSPORT: u8 = 1;
            let (wanted, inverted) = (info.byte(0)?, info.byte(1)?);
            Truth::from_bool(match info.byte(2)? {
                0 => TRANSPORT == wanted ^ inverted,
                _ => (TRANSPORT ^ wanted ^ inverted) & wanted == 0,
            })
        }
        // struct xt_dscp_info
        ("dscp", _) => flip(
            class(at.v6, state, info.byte(0)?.checked_shl(2)?, 0xfc),
            info.byte(1)? != 0,
        ),
        // struct xt_tos_match_info
        ("tos", 1) => flip(
            class(at.v6, state, info.byte(1)?, info.byte(0)?),
            info.byte(2)? != 0,
        ),
        // struct xt_length_info: of the whole packet.
        ("length", 0) => {
            let (low, high) = (info.short(0)?, info.short(2)?);
            let (offset, header) = if at.v6 { (4, 40) } else { (2, 0) };
            let bytes = state.network.get(offset..offset + 2)?;
            let low = low.saturating_sub(header);
            let high = high.checked_sub(header);
            let inside = high.map_or(Truth::No, |high| {
                bits::within(bytes, &low.to_be_bytes(), &high.to_be_bytes())
            });
            flip(inside, info.byte(4)? != 0)
        }
        // struct ipt_ttl_info, struct ip6t_hl_info: equal, not equal, lower, higher; the order differs.
        ("ttl" | "hl", 0) => {
            let byte = *state.network.get(if at.v6 { 7 } else { 8 })?;
            let wanted = [info.byte(1)?];
            match info.byte(0)? {
                0 => bits::equal(&[byte], &wanted),
                1 => bits::equal(&[byte], &wanted).not(),
                2 => bits::less(&[byte], &wanted),
                3 => bits::greater(&[byte], &wanted),
                _ => return None,
            }
        }
        // struct xt_tcpmss_match_info
        ("tcpmss", 0) => {
            let size = state.segment_size?;
            let inside = info.short(0)? <= size && size <= info.short(2)?;
            Truth::from_bool(inside != (info.byte(4)? != 0))
        }
        ("u32", 0) => words::matches(asked, state)?,
        // A first packet, and those that open a TCP connection, carry no text.
        ("string", 0 | 1) => {
            let flags = info.byte(149)?;
            let inverted = if asked.revision == 0 {
                flags != 0
            } else {
                flags & 2 != 0
            };
            return Some(Effect::Maybe {
                usual: Some(inverted),
                doubt: "string depends on what is sent".to_owned(),
            });
        }
        _ => return None,
    };
    Some(Effect::Test(truth))
}

fn port(state: &State, destination: bool, first: u16, last: u16) -> Truth {
    let bytes = if destination {
        state.port()
    } else {
        state.transport.get(..2).unwrap_or_default()
    };
    bits::within(bytes, &first.to_be_bytes(), &last.to_be_bytes())
}

/// `struct xt_tcp`, `struct xt_udp`: source ports, destination ports, then what is inverted.
fn ports(name: &str, asked: Asked<'_>, state: &State) -> Option<Effect<'static>> {
    let info = asked.info;
    let tcp = name == "tcp";
    if asked.at.protocol != if tcp { 6 } else { 17 } {
        return Some(Effect::Stop);
    }
    let inverted = info.byte(if tcp { 11 } else { 8 })?;
    let mut all = both(
        flip(
            port(state, false, info.short(0)?, info.short(2)?),
            inverted & 1 != 0,
        ),
        flip(
            port(state, true, info.short(4)?, info.short(6)?),
            inverted & 2 != 0,
        ),
    );
    if tcp {
        let (mask, wanted) = (info.byte(9)?, info.byte(10)?);
        let flags = state.transport.get(13)?.masked(mask, 0);
        all = both(all, flip(bits::equal(&[flags], &[wanted]), inverted & 4 != 0));
        let option = info.byte(8)?;
        if option != 0 && all == Truth::Yes {
            return Some(Effect::Maybe {
                usual: Some(USUAL_OPTIONS.contains(&option) != (inverted & 8 != 0)),
                doubt: "a TCP option".to_owned(),
            });
        }
        if option != 0 && all != Truth::No {
            all = Truth::Unknown(Cause::OTHER);
        }
    }
    Some(Effect::Test(all))
}

/// `struct xt_multiport_v1`.
fn multiport(asked: Asked<'_>, state: &State) -> Option<Truth> {
    let info = asked.info;
    let (which, count) = (info.byte(0)?, usize::from(info.byte(1)?).min(15));
    let mut found = Truth::No;
    let mut place = 0;
    while place < count {
        let first = info.short(2 + place * 2)?;
        let range = info.byte(32 + place)? != 0;
        place += usize::from(range);
        let last = info.short(2 + place * 2)?;
        place += 1;
        // XT_MULTIPORT_SOURCE, _DESTINATION, _EITHER.
        if which != 1 {
            found = either(found, port(state, false, first, last));
        }
        if which != 0 {
            found = either(found, port(state, true, first, last));
        }
    }
    Some(flip(found, info.byte(47)? != 0))
}

/// Whether the bits of the type of service or traffic class under the mask are these.
fn class(v6: bool, state: &State, wanted: u8, mask: u8) -> Truth {
    let byte = |at: usize| state.network.get(at).copied().unwrap_or_default();
    let (bytes, values): (Vec<Byte>, Vec<u8>) = if v6 {
        // It stands across the first two bytes.
        (
            vec![byte(0).masked(mask >> 4, 0), byte(1).masked(mask << 4, 0)],
            vec![wanted >> 4, wanted << 4],
        )
    } else {
        (vec![byte(1).masked(mask, 0)], vec![wanted])
    };
    bits::equal(&bytes, &values)
}
