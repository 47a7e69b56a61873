//! Rules of iptables-legacy, which nf_tables does not list: read by getsockopt(2) and kept as tables of the same kind.
//!
//! Source: `include/uapi/linux/netfilter_ipv4/ip_tables.h`, `netfilter_ipv6/ip6_tables.h`, `netfilter/x_tables.h`. Only
//! tables that are loaded already are asked for, since asking loads them. Needs CAP_NET_ADMIN.

use std::collections::BTreeMap;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::expression::{Comparison, Expression, Extension, Header, Meta, Register, Verdict};
use super::ruleset::{Base, Chain, Family, Hook, Rule, Table};

/// `SOL_IP`, `SOL_IPV6` of ip(7) and ipv6(7).
const LEVEL_V4: i32 = 0;
const LEVEL_V6: i32 = 41;
/// `IPT_SO_GET_INFO`, `IPT_SO_GET_ENTRIES`.
const GET_INFO: i32 = 64;
const GET_ENTRIES: i32 = 65;
/// Bytes of `struct ipt_getinfo`, and of `struct ipt_get_entries` before its entries.
const INFO_BYTES: usize = 84;
const ENTRIES_HEADER: usize = 40;
/// Largest table taken, in bytes.
const LARGEST_TABLE: usize = 64 * 1024 * 1024;
/// How often a table is read anew because it changed under the reading.
const MOST_ATTEMPTS: u32 = 10;
/// Bytes of `struct xt_entry_match` before its data; of `struct xt_entry_target` too.
const EXTENSION_HEADER: usize = 32;

/// A loaded table; `name` as in `/proc/net/ip_tables_names`.
pub(super) fn read(v6: bool, name: &str) -> Result<Table, String> {
    parse(v6, name, &record(v6, name)?).ok_or_else(|| "it can't be understood".to_owned())
}

/// The recorded answers of [`record`] as a table; `None` where they contradict themselves.
pub(super) fn parse(v6: bool, name: &str, recorded: &[u8]) -> Option<Table> {
    let (info, entries) = recorded.split_at_checked(INFO_BYTES)?;
    table(v6, name, info, entries)
}

/// The kernel's answers about a table: `struct ipt_getinfo`, then the entries.
pub(super) fn record(v6: bool, name: &str) -> Result<Vec<u8>, String> {
    let (family, level) = if v6 {
        (AddressFamily::Inet6, LEVEL_V6)
    } else {
        (AddressFamily::Inet, LEVEL_V4)
    };
    let said = |errno: Errno| match errno {
        Errno::EPERM => "permission refused, it needs CAP_NET_ADMIN".to_owned(),
        other => other.to_string(),
    };
    let socket = socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).map_err(said)?;
    let ask = |option, bytes: &mut [u8]| {
        uapi::getsockopt(socket.as_raw_fd(), level, option, bytes)
            .map(drop)
            .map_err(|uapi::Errno(code)| Errno::from_raw(code))
    };
    for _ in 0..MOST_ATTEMPTS {
        let mut info = [0; INFO_BYTES];
        let name_space = info.get_mut(..31).unwrap_or_default();
        for (space, byte) in name_space.iter_mut().zip(name.bytes()) {
            *space = byte;
        }
        let head: Vec<u8> = info.iter().take(32).copied().collect();
        ask(GET_INFO, &mut info).map_err(said)?;
        let size = usize::try_from(word(&info, 80).unwrap_or_default()).unwrap_or(usize::MAX);
        if size > LARGEST_TABLE {
            return Err(format!("it is larger than {LARGEST_TABLE} bytes"));
        }
        let mut entries = head;
        entries.extend(u32::try_from(size).unwrap_or_default().to_ne_bytes());
        entries.resize(ENTRIES_HEADER + size, 0);
        match ask(GET_ENTRIES, &mut entries) {
            Ok(()) => {
                let entries = entries.get(ENTRIES_HEADER..).unwrap_or_default();
                return Ok([&info, entries].concat());
            }
            // It changed between the two questions.
            Err(Errno::EAGAIN) => {}
            Err(errno) => return Err(said(errno)),
        }
    }
    Err("it kept changing while it was read".to_owned())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?)))
}

/// Where things stand in `struct ipt_entry` and `struct ip6t_entry`.
struct Layout {
    v6: bool,
    address: usize,
    interfaces: usize,
    protocol: usize,
    flags: usize,
    inverted: usize,
    target: usize,
    next: usize,
    matches: usize,
}

const LAYOUT_V4: Layout = Layout {
    v6: false,
    address: 4,
    interfaces: 16,
    protocol: 80,
    flags: 82,
    inverted: 83,
    target: 88,
    next: 90,
    matches: 112,
};
const LAYOUT_V6: Layout = Layout {
    v6: true,
    address: 16,
    interfaces: 64,
    protocol: 128,
    flags: 131,
    inverted: 132,
    target: 140,
    next: 142,
    matches: 168,
};

/// `NF_INET_*` hooks by their number.
const HOOKS: [(Hook, &str); 5] = [
    (Hook::Prerouting, "PREROUTING"),
    (Hook::Input, "INPUT"),
    (Hook::Forward, "FORWARD"),
    (Hook::Output, "OUTPUT"),
    (Hook::Postrouting, "POSTROUTING"),
];

/// `NF_IP_PRI_*`: where the chains of a table run.
fn priority(table: &str, hook: Hook) -> i32 {
    match (table, hook) {
        ("raw", _) => -300,
        ("mangle", _) => -150,
        ("nat", Hook::Prerouting | Hook::Output) => -100,
        ("nat", _) => 100,
        ("security", _) => 50,
        _ => 0,
    }
}

/// The answers to [`GET_INFO`] and [`GET_ENTRIES`] as a table; `None` where they contradict themselves.
fn table(v6: bool, name: &str, info: &[u8], entries: &[u8]) -> Option<Table> {
    let layout = if v6 { &LAYOUT_V6 } else { &LAYOUT_V4 };
    let family = if v6 { Family::Ip6 } else { Family::Ip };
    let mut found = Table::new(family, format!("legacy {name}"));
    // Where chains start: those of hooks as the table says, others after the entry that bears their name.
    let mut starts: BTreeMap<usize, String> = BTreeMap::new();
    let mut ends = Vec::new();
    for (number, (hook, chain)) in HOOKS.iter().enumerate() {
        if word(info, 32)? & 1 << number == 0 {
            continue;
        }
        starts.insert(
            usize::try_from(word(info, 36 + number * 4)?).ok()?,
            (*chain).to_owned(),
        );
        ends.push(usize::try_from(word(info, 56 + number * 4)?).ok()?);
        let base = Base {
            hook: *hook,
            priority: priority(name, *hook),
            nat: name == "nat",
            drops: false,
            devices: Vec::new(),
        };
        found.chains.entry((*chain).to_owned()).or_default().base = Some(base);
    }
    let mut places = Vec::new();
    let mut offset = 0;
    while offset < entries.len() {
        let entry = entries.get(offset..)?;
        let (target, next) = (short(entry, layout.target)?, short(entry, layout.next)?);
        if target < layout.matches || next < target.checked_add(EXTENSION_HEADER)? {
            return None;
        }
        let entry = entry.get(..next)?;
        places.push((offset, entry, target));
        if extension_name(entry, target)? == "ERROR" {
            starts.insert(
                offset + next,
                text(entry.get(target + EXTENSION_HEADER..)?).to_owned(),
            );
        }
        offset += next;
    }
    let mut chain = String::new();
    for (offset, entry, target) in places {
        if let Some(start) = starts.get(&offset) {
            chain.clone_from(start);
            found.chains.entry(chain.clone()).or_default();
        }
        if extension_name(entry, target)? == "ERROR" {
            continue;
        }
        let expressions = rule(layout, entry, target, offset, &starts)?;
        let chain: &mut Chain = found.chains.get_mut(&chain)?;
        // The last entry of a hooked chain is its policy.
        if let (Some(base), true) = (&mut chain.base, ends.contains(&offset)) {
            base.drops = expressions.contains(&Expression::Verdict(Verdict::Drop));
            continue;
        }
        let handle = chain.rules.len() as u64 + 1;
        chain.rules.push(Rule { handle, expressions });
    }
    Some(found)
}

fn text(bytes: &[u8]) -> &str {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    std::str::from_utf8(bytes.get(..end).unwrap_or_default()).unwrap_or_default()
}

/// The name in `struct xt_entry_match` or `struct xt_entry_target`.
fn extension_name(entry: &[u8], at: usize) -> Option<&str> {
    Some(text(entry.get(at + 2..at + 31)?))
}

fn extension(entry: &[u8], at: usize, is_target: bool) -> Option<(Extension, usize)> {
    let length = short(entry, at)?;
    let info = entry.get(at + EXTENSION_HEADER..at.checked_add(length)?)?;
    let found = Extension {
        target: is_target,
        name: extension_name(entry, at)?.to_owned(),
        revision: u32::from(*entry.get(at + 31)?),
        info: info.to_vec(),
    };
    Some((found, length))
}

fn rule(
    layout: &Layout,
    entry: &[u8],
    target: usize,
    offset: usize,
    starts: &BTreeMap<usize, String>,
) -> Option<Vec<Expression>> {
    let mut expressions = header(layout, entry)?;
    let mut at = layout.matches;
    while at < target {
        let (found, length) = extension(entry, at, false)?;
        expressions.push(Expression::Extension(found));
        at += length;
    }
    let (found, _) = extension(entry, target, true)?;
    // The standard target has no name, and a verdict: less than 0 an end, else where the evaluation goes on.
    if !found.name.is_empty() {
        expressions.push(Expression::Extension(found));
        return Some(expressions);
    }
    let verdict = word(&found.info, 0)?.cast_signed();
    let goes_to = *entry.get(layout.flags)? & if layout.v6 { 4 } else { 2 } != 0;
    let verdict = match verdict {
        -1 => Verdict::Drop,
        -2 => Verdict::Accept,
        -4 => Verdict::Queue {
            first: 0,
            last: 0,
            bypass: false,
        },
        -5 => Verdict::Return,
        other if other < 0 => Verdict::Other(i64::from(other)),
        other => match usize::try_from(other).ok()? {
            // A rule without a target goes on with the next.
            place if place == offset + entry.len() && !starts.contains_key(&place) => {
                return Some(expressions);
            }
            place => {
                let chain = starts.get(&place)?.clone();
                if goes_to {
                    Verdict::Goto(chain)
                } else {
                    Verdict::Jump(chain)
                }
            }
        },
    };
    expressions.push(Expression::Verdict(verdict));
    Some(expressions)
}

/// `struct ipt_ip`, `struct ip6t_ip6`: addresses, interfaces and protocol as comparisons.
fn header(layout: &Layout, entry: &[u8]) -> Option<Vec<Expression>> {
    /// `IPT_INV_VIA_IN` and so on, the same for IPv6.
    const IN: u8 = 1;
    const OUT: u8 = 2;
    const SOURCE: u8 = 8;
    const DESTINATION: u8 = 0x10;
    const FRAGMENT: u8 = 0x20;
    const PROTOCOL: u8 = 0x40;
    let inverted = *entry.get(layout.inverted)?;
    let compare = |bit: u8, value: Vec<u8>| Expression::Compare {
        from: Register::FIRST,
        comparison: if inverted & bit == 0 {
            Comparison::Equal
        } else {
            Comparison::NotEqual
        },
        value,
    };
    let to = Register::FIRST;
    let width = layout.address;
    let mut found = Vec::new();
    for (number, bit, offset) in [
        (0, SOURCE, if layout.v6 { 8 } else { 12 }),
        (1, DESTINATION, if layout.v6 { 24 } else { 16 }),
    ] {
        let address = entry.get(number * width..(number + 1) * width)?.to_vec();
        let mask = entry.get((number + 2) * width..(number + 3) * width)?.to_vec();
        if mask.iter().all(|byte| *byte == 0) && inverted & bit == 0 {
            continue;
        }
        let length = u32::try_from(width).ok()?;
        let xor = vec![0; width];
        let base = Header::Network;
        found.extend([
            Expression::Payload {
                base,
                offset,
                length,
                to,
            },
            Expression::Bitwise {
                from: to,
                to,
                mask,
                xor,
            },
            compare(bit, address),
        ]);
    }
    for (number, bit, key) in [(0, IN, Meta::IifName), (1, OUT, Meta::OifName)] {
        let place = layout.interfaces + number * 16;
        let name = entry.get(place..place + 16)?;
        let mask = entry.get(place + 32..place + 48)?;
        let length = mask.iter().take_while(|byte| **byte == u8::MAX).count();
        if length == 0 && inverted & bit == 0 {
            continue;
        }
        // The mask of a whole name takes in the NUL at its end.
        let mut value = name.get(..length)?.to_vec();
        if value.last() == Some(&0) {
            value.resize(16, 0);
        }
        found.extend([Expression::Meta { key, to }, compare(bit, value)]);
    }
    let protocol = u8::try_from(short(entry, layout.protocol)?).ok()?;
    if protocol != 0 {
        let key = Meta::L4Proto;
        found.extend([Expression::Meta { key, to }, compare(PROTOCOL, vec![protocol])]);
    }
    // IPT_F_FRAG: only for later fragments, which no packet here is.
    let fragments = !layout.v6 && *entry.get(layout.flags)? & 1 != 0;
    if fragments && inverted & FRAGMENT == 0 {
        found.push(Expression::Verdict(Verdict::Break));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An entry of IPv4 with a standard target.
    fn entry(verdict: i32) -> Vec<u8> {
        let mut bytes = vec![0; 112];
        bytes[88..90].copy_from_slice(&112u16.to_ne_bytes());
        bytes[90..92].copy_from_slice(&152u16.to_ne_bytes());
        bytes.extend(40u16.to_ne_bytes());
        bytes.resize(112 + 32, 0);
        bytes.extend(verdict.to_ne_bytes());
        bytes.resize(152, 0);
        bytes
    }

    fn info(size: usize) -> Vec<u8> {
        let mut info = vec![0; INFO_BYTES];
        info[32] = 2;
        // The chain of INPUT starts at 0, its policy is the second entry.
        info[60..64].copy_from_slice(&152u32.to_ne_bytes());
        info[80..84].copy_from_slice(&u32::try_from(size).unwrap().to_ne_bytes());
        info
    }

    #[test]
    fn the_last_entry_of_a_hook_is_its_policy() {
        let mut first = entry(-2);
        first[80..82].copy_from_slice(&6u16.to_ne_bytes());
        let entries = [first, entry(-1)].concat();
        let found = table(false, "filter", &info(entries.len()), &entries).unwrap();
        let chain = &found.chains["INPUT"];
        assert!(chain.base.as_ref().unwrap().drops);
        assert_eq!(chain.rules.len(), 1);
        assert_eq!(
            chain.rules[0].expressions.last(),
            Some(&Expression::Verdict(Verdict::Accept))
        );
    }

    proptest! {
        #[test]
        fn spoilt_entries_are_read_to_an_end(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
            v6 in any::<bool>(),
        ) {
            let mut entries = [entry(-2), entry(152), entry(-1)].concat();
            for (place, byte) in changes {
                let place = place.index(entries.len());
                entries[place] = byte;
            }
            let _ = table(v6, "filter", &info(entries.len()), &entries);
        }
    }
}
