//! Sets of ipset(8) that rules name, read over netlink.
//!
//! Source: `include/uapi/linux/netfilter/ipset/ip_set.h`, `net/netfilter/ipset/`. Needs CAP_NET_ADMIN.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::attributes::Attributes;
use super::connection::{ACKNOWLEDGE, Connection, DUMP, DumpError, NETFILTER, attribute, netfilter, text};
use super::set::{Data, Element, Set};

/// `NFNL_SUBSYS_IPSET << 8`, `IPSET_CMD_LIST`, `IPSET_CMD_GET_BYINDEX`.
const SUBSYSTEM: u16 = 6 << 8;
const LIST: u16 = SUBSYSTEM | 7;
const BY_INDEX: u16 = SUBSYSTEM | 15;
/// `IPSET_PROTOCOL`.
const PROTOCOL: u8 = 7;
/// Most elements taken of one set; a larger one counts as unknown.
const MOST_ELEMENTS: usize = 500_000;
/// Most sets that a `list:set` is followed to.
const MOST_MEMBERS: usize = 64;

/// A part of a set's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// An address or network.
    Address,
    /// A port with its protocol.
    Port,
    /// A port of whatever protocol (`bitmap:port`).
    BarePort,
    /// An interface's name.
    Interface,
    /// A hardware address.
    Hardware,
}

/// A set of ipset(8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpSet {
    /// Its name.
    pub name: String,
    /// Family of its addresses; `None` where it holds none.
    pub v6: Option<bool>,
    /// The parts of its key.
    pub parts: Vec<Part>,
    /// What it holds: each part one field, a port with its protocol two.
    pub set: Set,
    /// Sets that a `list:set` holds.
    pub members: Vec<IpSet>,
}

/// Reads the sets of these indices.
pub(super) fn read(indices: &BTreeSet<u16>) -> Result<BTreeMap<u16, IpSet>, DumpError> {
    let mut found = BTreeMap::new();
    if indices.is_empty() {
        return Ok(found);
    }
    let mut connection = Connection::open(NETFILTER)?;
    for index in indices {
        let mut name = None;
        let question = [attribute(1, &[PROTOCOL]), attribute(11, &index.to_be_bytes())].concat();
        connection.ask(BY_INDEX, ACKNOWLEDGE, &netfilter(2, &question), |message| {
            if let Some((_, attributes)) = message.netfilter() {
                name = attributes.text(2);
            }
        })?;
        if let Some(name) = name {
            found.insert(*index, list(&mut connection, &name, 0)?);
        }
    }
    Ok(found)
}

fn list(connection: &mut Connection, name: &str, depth: usize) -> Result<IpSet, DumpError> {
    let mut reader = Reader::new(name);
    let question = [attribute(1, &[PROTOCOL]), text(2, name)].concat();
    let whole = connection.ask(LIST, DUMP, &netfilter(2, &question), |message| {
        if let Some((_, attributes)) = message.netfilter() {
            reader.add(attributes);
        }
    })?;
    if !whole {
        reader.doubt("changed while it was read");
    }
    let mut names = std::mem::take(&mut reader.members);
    if names.len() > MOST_MEMBERS || depth > 0 && !names.is_empty() {
        reader.doubt("holds too many sets");
        names.clear();
    }
    let mut set = reader.finish();
    for member in names {
        set.members.push(list(connection, &member, depth + 1)?);
    }
    Ok(set)
}

struct Reader {
    set: IpSet,
    elements: Vec<Element>,
    exceptions: Vec<Element>,
    members: Vec<String>,
    /// Leading bits of an address that count, where the set says so for all (`netmask`).
    bits: Option<u8>,
    doubt: Option<String>,
}

impl Reader {
    fn new(name: &str) -> Self {
        Self {
            set: IpSet {
                name: name.to_owned(),
                ..IpSet::default()
            },
            elements: Vec::new(),
            exceptions: Vec::new(),
            members: Vec::new(),
            bits: None,
            doubt: None,
        }
    }

    fn doubt(&mut self, why: &str) {
        self.doubt = Some(format!("ipset {} {why}", self.set.name));
    }

    /// One message of the answer: what the set is, and some of its elements.
    fn add(&mut self, attributes: Attributes<'_>) {
        if let Some(kind) = attributes.text(3) {
            let v6 = attributes.byte(5) == Some(10);
            self.describe(&kind, v6);
            self.bits = attributes.nested(7).byte(20);
        }
        for (_, element) in attributes.nested(8) {
            if self.elements.len() >= MOST_ELEMENTS {
                self.doubt(&format!("holds more than {MOST_ELEMENTS} elements"));
                return;
            }
            if self.element(Attributes(element)).is_none() {
                self.doubt("holds elements that can't be read");
            }
        }
    }

    fn describe(&mut self, kind: &str, v6: bool) {
        let (method, fields) = kind.split_once(':').unwrap_or((kind, ""));
        if kind == "list:set" {
            return;
        }
        for field in fields.split(',') {
            self.set.parts.push(match field {
                "ip" | "net" => Part::Address,
                "port" if method == "bitmap" => Part::BarePort,
                "port" => Part::Port,
                "iface" => Part::Interface,
                "mac" => Part::Hardware,
                _ => return self.doubt("is of a type that this version does not read"),
            });
        }
        if self.set.parts.contains(&Part::Hardware) || fields.contains("mark") {
            self.doubt("is of a type that this version does not evaluate");
        }
        let width = if v6 { 16 } else { 4 };
        self.set.v6 = self.set.parts.contains(&Part::Address).then_some(v6);
        self.set.set.fields = self
            .set
            .parts
            .iter()
            .flat_map(|part| match part {
                Part::Address => vec![width],
                Part::Port => vec![1, 2],
                Part::BarePort => vec![2],
                Part::Interface => vec![16],
                Part::Hardware => vec![6],
            })
            .collect();
        self.set.set.key_length = self
            .set
            .set
            .fields
            .iter()
            .map(|length| length.next_multiple_of(4))
            .sum();
    }

    fn element(&mut self, element: Attributes<'_>) -> Option<()> {
        /// `IPSET_FLAG_NOMATCH`, and for interfaces `IPSET_FLAG_PHYSDEV`, `IPSET_FLAG_IFACE_WILDCARD`.
        const NO_MATCH: u32 = 4;
        const ODD: u32 = 2 | 0x10;
        if let Some(name) = element.text(18) {
            self.members.push(name);
            return Some(());
        }
        let flags = element.number(8).unwrap_or_default();
        let (mut low, mut high) = (Vec::new(), Vec::new());
        let mut put = |first: &[u8], last: &[u8]| {
            for (key, bytes) in [(&mut low, first), (&mut high, last)] {
                key.extend(bytes);
                key.resize(key.len().next_multiple_of(4), 0);
            }
        };
        let mut addresses = [(1, 2, 3), (20, 22, 21)].into_iter();
        for part in &self.set.parts {
            match part {
                Part::Address => {
                    let (from, to, length) = addresses.next()?;
                    let first = address(element, from)?;
                    let last = match (address(element, to), element.byte(length).or(self.bits)) {
                        (Some(last), _) => last,
                        (None, Some(bits)) => last_of(&first, bits),
                        (None, None) => first.clone(),
                    };
                    put(&first, &last);
                }
                Part::Port | Part::BarePort => {
                    if *part == Part::Port {
                        let protocol = [element.byte(7)?];
                        put(&protocol, &protocol);
                    }
                    let first = element.get(4)?;
                    put(first, element.get(5).unwrap_or(first));
                }
                Part::Interface => {
                    let mut name = element.text(23)?.into_bytes();
                    name.resize(16, 0);
                    put(&name, &name);
                }
                Part::Hardware => return Some(()),
            }
        }
        if flags & ODD != 0 {
            self.doubt("has elements that this version does not evaluate");
        }
        let data = Data::None;
        let list = if flags & NO_MATCH != 0 {
            &mut self.exceptions
        } else {
            &mut self.elements
        };
        list.push(Element { low, high, data });
        Some(())
    }

    fn finish(mut self) -> IpSet {
        let single = self.set.parts.as_slice() == [Part::Address];
        if !self.exceptions.is_empty() {
            if single {
                self.elements = without(self.elements, self.exceptions);
            } else {
                self.doubt("has exceptions among several parts");
            }
        } else if single {
            self.elements = without(self.elements, Vec::new());
        }
        let fields = if single {
            Vec::new()
        } else {
            std::mem::take(&mut self.set.set.fields)
        };
        let mut set = Set::new(self.set.set.key_length, fields, self.elements);
        set.incomplete = self.doubt;
        self.set.set = set;
        self.set
    }
}

/// `IPSET_ATTR_IP` holds the address in an attribute of its own.
fn address(element: Attributes<'_>, kind: u16) -> Option<Vec<u8>> {
    let nested = element.nested(kind);
    let bytes = nested.get(1).or_else(|| nested.get(2))?;
    matches!(bytes.len(), 4 | 16).then(|| bytes.to_vec())
}

/// The last address of the network that starts there.
fn last_of(first: &[u8], bits: u8) -> Vec<u8> {
    let byte = |(place, byte): (usize, &u8)| {
        let known = usize::from(bits).saturating_sub(place * 8).min(8);
        let wild = u8::MAX
            .checked_shr(u32::try_from(known).unwrap_or(8))
            .unwrap_or(0);
        byte | wild
    };
    first.iter().enumerate().map(byte).collect()
}

/// Networks that may lie in one another, some of them exceptions, as ranges that do not overlap. The smallest network
/// that holds an address decides on it.
fn without(elements: Vec<Element>, exceptions: Vec<Element>) -> Vec<Element> {
    let mut all: Vec<(Element, bool)> = elements.into_iter().map(|element| (element, true)).collect();
    all.extend(exceptions.into_iter().map(|element| (element, false)));
    // Outer networks first; then each is on top of those that hold it.
    all.sort_by(|(one, _), (other, _)| one.low.cmp(&other.low).then(other.high.cmp(&one.high)));
    let mut found: Vec<Element> = Vec::new();
    let mut open: Vec<(Vec<u8>, bool)> = Vec::new();
    let mut at: Option<Vec<u8>> = None;
    let mut emit = |from: &[u8], to: &[u8], inside: bool| {
        if inside && from <= to {
            match found.last_mut() {
                Some(last) if next(&last.high).as_deref() == Some(from) => last.high = to.to_vec(),
                _ => found.push(Element {
                    low: from.to_vec(),
                    high: to.to_vec(),
                    data: Data::None,
                }),
            }
        }
    };
    for (element, inside) in all {
        while let Some((high, kind)) = open.last().filter(|(high, _)| *high < element.low) {
            if let Some(from) = &at {
                emit(from, high, *kind);
            }
            at = next(high);
            open.pop();
        }
        if let (Some(from), Some((_, kind)), Some(end)) = (&at, open.last(), previous(&element.low)) {
            emit(from, &end, *kind);
        }
        at = Some(element.low);
        open.push((element.high, inside));
    }
    while let Some((high, kind)) = open.pop() {
        if let Some(from) = &at {
            emit(from, &high, kind);
        }
        at = next(&high);
    }
    found
}

/// The key one higher; `None` after the highest.
fn next(key: &[u8]) -> Option<Vec<u8>> {
    let mut key = key.to_vec();
    for byte in key.iter_mut().rev() {
        let (higher, carried) = byte.overflowing_add(1);
        *byte = higher;
        if !carried {
            return Some(key);
        }
    }
    None
}

/// The key one lower; `None` before the lowest.
fn previous(key: &[u8]) -> Option<Vec<u8>> {
    let mut key = key.to_vec();
    for byte in key.iter_mut().rev() {
        let (lower, borrowed) = byte.overflowing_sub(1);
        *byte = lower;
        if !borrowed {
            return Some(key);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(first: u8, bits: u8) -> Element {
        let low = vec![first & u8::MAX.checked_shl(8 - u32::from(bits)).unwrap_or(0)];
        Element {
            high: last_of(&low, bits),
            low,
            data: Data::None,
        }
    }

    proptest! {
        /// Of every address the smallest network that holds it decides.
        #[test]
        fn exceptions_leave_what_the_smallest_network_says(
            networks in proptest::collection::btree_map((any::<u8>(), 1u8..=8), any::<bool>(), 0..12)
        ) {
            let networks: BTreeMap<(Vec<u8>, u8), bool> = networks
                .into_iter()
                .map(|((first, bits), inside)| ((network(first, bits).low, bits), inside))
                .collect();
            let of = |wanted: bool| networks
                .iter()
                .filter(|(_, inside)| **inside == wanted)
                .map(|((low, bits), _)| network(low[0], *bits))
                .collect::<Vec<_>>();
            let found = without(of(true), of(false));
            for address in 0..=u8::MAX {
                let holds = |element: &Element| element.low[0] <= address && address <= element.high[0];
                let smallest = networks
                    .iter()
                    .filter(|((low, bits), _)| holds(&network(low[0], *bits)))
                    .max_by_key(|((_, bits), _)| *bits)
                    .is_some_and(|(_, inside)| *inside);
                prop_assert_eq!(found.iter().any(holds), smallest, "{} in {:?}", address, found);
            }
        }

        #[test]
        fn any_bytes_are_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut reader = Reader::new("s");
            reader.describe("hash:net,port", false);
            reader.add(Attributes(&bytes));
            let _ = reader.element(Attributes(&bytes));
            let _ = reader.finish();
        }
    }
}
