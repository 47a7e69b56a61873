//! From the kernel's netlink messages to a [`Ruleset`].
//!
//! Source: the attribute enumerations of `include/uapi/linux/netfilter/nf_tables.h`, named in the comments.

use std::collections::{BTreeMap, BTreeSet};

use super::attributes::{Attributes, Message};
use super::decode_expression::expressions;
use super::expression::{Expression, Verdict};
use super::ruleset::{Base, Chain, Family, Hook, Object, Rule, Ruleset};
use super::set::{Data, Element, Set, intervals};

/// Longest value, in bytes (`NFT_DATA_VALUE_MAXLEN`).
const LONGEST_VALUE: usize = 64;

/// `NFNL_SUBSYS_NFTABLES` in the high byte of a message type.
const SUBSYSTEM: u16 = 10 << 8;
/// `NFT_MSG_NEWTABLE` and so on, as answers to a dump.
const NEW_TABLE: u16 = SUBSYSTEM;
const NEW_CHAIN: u16 = SUBSYSTEM | 3;
const NEW_RULE: u16 = SUBSYSTEM | 6;
const NEW_SET: u16 = SUBSYSTEM | 9;
const NEW_SET_ELEMENTS: u16 = SUBSYSTEM | 12;
const NEW_OBJECT: u16 = SUBSYSTEM | 18;

/// `NFT_SET_INTERVAL` and others of `enum nft_set_flags`.
const SET_INTERVAL: u32 = 0x4;
const SET_MAP: u32 = 0x8;
/// `NFT_SET_ELEM_INTERVAL_END` and `NFT_SET_ELEM_CATCHALL`.
const ELEMENT_END: u32 = 0x1;
const ELEMENT_CATCHALL: u32 = 0x2;

/// Builds a ruleset, message by message. Sets come before their elements.
#[derive(Default)]
pub(super) struct Decoder {
    pub(super) ruleset: Ruleset,
    sets: BTreeMap<SetName, SetReader>,
}

/// Family number, table and name of a set.
pub(super) type SetName = (u8, String, String);

impl Decoder {
    /// Adds what a message of a dump of tables, chains, rules, sets, elements or objects tells.
    pub(super) fn add(&mut self, message: Message<'_>) {
        let Some((number, attributes)) = message.netfilter() else {
            return;
        };
        let ruleset = &mut self.ruleset;
        let Some(family) = Family::from_number(number) else {
            ruleset.gaps.push(format!("a table of family number {number}"));
            return;
        };
        let added = match message.kind {
            NEW_TABLE => add_table(ruleset, family, attributes),
            NEW_CHAIN => add_chain(ruleset, family, attributes),
            NEW_RULE => add_rule(ruleset, family, attributes),
            NEW_OBJECT => add_object(ruleset, family, attributes),
            NEW_SET => self.add_set(family, attributes),
            NEW_SET_ELEMENTS => self.add_elements(family, attributes),
            _ => Some(()),
        };
        if added.is_none() {
            let gap = format!("an unreadable netlink message of type {}", message.kind);
            self.ruleset.gaps.push(gap);
        }
    }

    /// The sets that rules look into, which are those whose elements are needed.
    pub(super) fn wanted_sets(&self) -> Vec<SetName> {
        let mut wanted = BTreeSet::new();
        for table in self.ruleset.tables.iter().filter(|table| !table.dormant) {
            let rules = table.chains.values().flat_map(|chain| &chain.rules);
            for expression in rules.flat_map(|rule| &rule.expressions) {
                if let Expression::Lookup { set, .. } = expression {
                    wanted.insert((table.family.number(), table.name.clone(), set.clone()));
                }
            }
        }
        wanted
            .into_iter()
            .filter(|name| self.sets.contains_key(name))
            .collect()
    }

    /// Notes that all elements of the set that are wanted were given, or why not.
    pub(super) fn close_set(&mut self, name: &SetName, incomplete: Option<String>) {
        if let Some(reader) = self.sets.get_mut(name) {
            reader.incomplete = incomplete;
        }
    }

    /// Elements of the set given so far.
    pub(super) fn elements(&self, name: &SetName) -> usize {
        self.sets
            .get(name)
            .map_or(0, |reader| reader.marks.len() + reader.elements.len())
    }

    /// Whether the set has a key of one field.
    pub(super) fn has_single_field(&self, name: &SetName) -> bool {
        self.sets.get(name).is_some_and(|reader| reader.fields.is_empty())
    }

    /// Bytes of a key of the set.
    pub(super) fn key_length(&self, name: &SetName) -> Option<usize> {
        self.sets.get(name).map(|reader| reader.key_length)
    }

    /// Adds the element that was found for a key: an interval is listed by its start alone.
    pub(super) fn add_asked(&mut self, message: Message<'_>, key: &[u8]) {
        let found = || {
            let (number, attributes) = message.netfilter()?;
            let name = (number, attributes.text(1)?, attributes.text(2)?);
            let (_, element) = attributes.nested(3).next()?;
            let data = match Attributes(element).get(2) {
                Some(data) => read_data(Attributes(data))?,
                None => Data::None,
            };
            Some((name, data))
        };
        if message.kind != NEW_SET_ELEMENTS {
            return;
        }
        match found() {
            Some((name, data)) => {
                if let Some(reader) = self.sets.get_mut(&name) {
                    reader.elements.push(Element {
                        low: key.to_vec(),
                        high: key.to_vec(),
                        data,
                    });
                }
            }
            None => self
                .ruleset
                .gaps
                .push("an unreadable element of a set".to_owned()),
        }
    }

    /// Notes that the set was asked about these keys alone.
    pub(super) fn only(&mut self, name: &SetName, keys: &BTreeSet<Vec<u8>>) {
        if let Some(reader) = self.sets.get_mut(name) {
            reader.only = Some(keys.clone());
        }
    }

    /// The ruleset, with its sets filled.
    pub(super) fn finish(self) -> Ruleset {
        let mut ruleset = self.ruleset;
        for ((number, table, name), reader) in self.sets {
            let family = Family::from_number(number);
            if let Some(table) = family.and_then(|family| ruleset.table_mut(family, &table)) {
                let set = reader.finish(&name);
                table.sets.insert(name, set);
            }
        }
        ruleset
    }

    /// `enum nft_set_attributes`.
    fn add_set(&mut self, family: Family, attributes: Attributes<'_>) -> Option<()> {
        let flags = attributes.number(3).unwrap_or_default();
        let concatenation = attributes.nested(9).nested(2);
        let mut fields = Vec::new();
        // A concatenation without intervals is compared as a whole.
        if flags & SET_INTERVAL != 0 {
            for (_, field) in concatenation.take(LONGEST_VALUE) {
                fields.push(usize::try_from(Attributes(field).number(1)?).ok()?);
            }
        }
        let reader = SetReader {
            flags,
            fields,
            key_length: usize::try_from(attributes.number(5)?).ok()?,
            marks: Vec::new(),
            elements: Vec::new(),
            catchall: None,
            incomplete: Some("the elements of the set were not read".to_owned()),
            unreadable: false,
            only: None,
        };
        let (table, name) = (attributes.text(1)?, attributes.text(2)?);
        self.sets.insert((family.number(), table, name), reader);
        Some(())
    }

    /// `enum nft_set_elem_list_attributes`.
    fn add_elements(&mut self, family: Family, attributes: Attributes<'_>) -> Option<()> {
        let name = (family.number(), attributes.text(1)?, attributes.text(2)?);
        let reader = self.sets.get_mut(&name)?;
        for (_, element) in attributes.nested(3) {
            if reader.element(Attributes(element)).is_none() {
                reader.unreadable = true;
            }
        }
        Some(())
    }
}

/// A set as its elements are read.
struct SetReader {
    flags: u32,
    fields: Vec<usize>,
    key_length: usize,
    marks: Vec<(Vec<u8>, bool, Data)>,
    elements: Vec<Element>,
    catchall: Option<Data>,
    incomplete: Option<String>,
    unreadable: bool,
    only: Option<BTreeSet<Vec<u8>>>,
}

impl SetReader {
    /// `enum nft_set_elem_attributes`.
    fn element(&mut self, element: Attributes<'_>) -> Option<()> {
        let flags = element.number(3).unwrap_or_default();
        let data = match element.get(2) {
            Some(data) => read_data(Attributes(data))?,
            None => Data::None,
        };
        if flags & ELEMENT_CATCHALL != 0 {
            self.catchall = Some(data);
            return Some(());
        }
        let key = value(element.nested(1))?;
        match element.get(10).map(Attributes) {
            None if self.flags & SET_INTERVAL != 0 => self.marks.push((key, flags & ELEMENT_END != 0, data)),
            end => self.elements.push(Element {
                high: end.map_or_else(|| Some(key.clone()), value)?,
                low: key,
                data,
            }),
        }
        Some(())
    }

    fn finish(self, name: &str) -> Set {
        let mut elements = self.elements;
        elements.extend(intervals(self.marks));
        let mut set = Set::new(self.key_length, self.fields, elements);
        set.only = self.only;
        set.catchall = self.catchall;
        set.incomplete = self.incomplete;
        if self.unreadable {
            set.incomplete = Some(format!("set {name} holds elements that can't be read"));
        }
        let objects = set.elements.iter().any(|element| element.data == Data::None);
        if self.flags & SET_MAP != 0 && objects {
            set.incomplete = Some(format!("map {name} holds objects"));
        }
        set
    }
}

/// `enum nft_table_attributes`.
fn add_table(ruleset: &mut Ruleset, family: Family, attributes: Attributes<'_>) -> Option<()> {
    let table = ruleset.table_mut(family, &attributes.name(1)?)?;
    table.dormant = attributes.number(2).unwrap_or_default() & 1 != 0;
    Some(())
}

/// `enum nft_chain_attributes`.
fn add_chain(ruleset: &mut Ruleset, family: Family, attributes: Attributes<'_>) -> Option<()> {
    let name = attributes.text(3)?;
    let base = match attributes.get(4) {
        Some(hook) => Some(base(family, attributes, Attributes(hook))?),
        None => None,
    };
    let table = ruleset.table_mut(family, &attributes.name(1)?)?;
    table.chains.entry(name).or_default().base = base;
    Some(())
}

/// `enum nft_hook_attributes`.
fn base(family: Family, chain: Attributes<'_>, hook: Attributes<'_>) -> Option<Base> {
    let mut devices: Vec<String> = hook.text(3).into_iter().collect();
    // NFTA_HOOK_DEVS holds NFTA_DEVICE_NAME (1) and, for names that end in `*`, NFTA_DEVICE_PREFIX (2).
    for (kind, value) in hook.nested(4) {
        let name = String::from_utf8_lossy(value);
        let name = name.trim_end_matches('\0');
        let wild = if kind == 1 { "" } else { "*" };
        devices.push(format!("{name}{wild}"));
    }
    devices.sort_unstable();
    devices.dedup();
    Some(Base {
        hook: Hook::from_number(family, hook.number(1)?)?,
        priority: hook.number(2).unwrap_or_default().cast_signed(),
        nat: chain.name(7).as_deref() == Some("nat"),
        // NF_DROP is 0, NF_ACCEPT 1.
        drops: chain.number(5) == Some(0),
        devices,
    })
}

/// `enum nft_rule_attributes`.
fn add_rule(ruleset: &mut Ruleset, family: Family, attributes: Attributes<'_>) -> Option<()> {
    let rule = Rule {
        handle: attributes.long(3).unwrap_or_default(),
        expressions: expressions(attributes.nested(4)),
    };
    let table = ruleset.table_mut(family, &attributes.name(1)?)?;
    let name = attributes.name(2)?;
    let chain: &mut Chain = match table.chains.get_mut(name.as_ref()) {
        Some(chain) => chain,
        None => table.chains.entry(name.into_owned()).or_default(),
    };
    chain.rules.push(rule);
    Some(())
}

/// `enum nft_object_attributes`.
fn add_object(ruleset: &mut Ruleset, family: Family, attributes: Attributes<'_>) -> Option<()> {
    let kind = attributes.number(3)?;
    let data = attributes.nested(4);
    let inverted = match kind {
        // NFT_OBJECT_QUOTA: NFTA_QUOTA_FLAGS; NFT_OBJECT_LIMIT: NFTA_LIMIT_FLAGS; NFT_OBJECT_CONNLIMIT.
        2 | 5 => data.number(2),
        4 => data.number(5),
        _ => None,
    };
    // NFTA_QUOTA_BYTES, NFTA_QUOTA_CONSUMED: one that is used up does the opposite of one that is not.
    let spent = kind == 2
        && data
            .long(1)
            .zip(data.long(4))
            .is_some_and(|(bytes, used)| used >= bytes);
    let inverted = (inverted.unwrap_or_default() & 1 != 0) != spent;
    let table = ruleset.table_mut(family, &attributes.name(1)?)?;
    let name = attributes.text(2)?;
    table.objects.insert((kind, name), Object { inverted });
    Some(())
}

/// `enum nft_data_attributes` holding a value.
pub(super) fn value(data: Attributes<'_>) -> Option<Vec<u8>> {
    data.get(1)
        .filter(|bytes| bytes.len() <= LONGEST_VALUE)
        .map(<[u8]>::to_vec)
}

pub(super) fn read_data(data: Attributes<'_>) -> Option<Data> {
    match data.get(2) {
        Some(verdict) => read_verdict(Attributes(verdict)).map(Data::Verdict),
        None => value(data).map(Data::Value),
    }
}

/// `enum nft_verdict_attributes`.
fn read_verdict(verdict: Attributes<'_>) -> Option<Verdict> {
    let code = verdict.number(1)?.cast_signed();
    let chain = || verdict.text(2);
    Some(match code {
        0 => Verdict::Drop,
        1 => Verdict::Accept,
        -1 => Verdict::Continue,
        -2 => Verdict::Break,
        -3 => Verdict::Jump(chain()?),
        -4 => Verdict::Goto(chain()?),
        -5 => Verdict::Return,
        // NF_QUEUE, with the number of the queue in the upper half.
        code if code & 0xff == 3 => {
            let first = u16::try_from(code.cast_unsigned() >> 16).unwrap_or_default();
            Verdict::Queue {
                first,
                last: first,
                // NF_VERDICT_FLAG_QUEUE_BYPASS.
                bypass: code & 0x8000 != 0,
            }
        }
        code => Verdict::Other(i64::from(code)),
    })
}

/// The rules in the recorded answers to dumps of tables, chains, objects, sets, rules and elements.
#[cfg(test)]
pub(crate) fn recorded(bytes: &[u8]) -> Ruleset {
    let mut decoder = Decoder::default();
    super::attributes::messages(bytes).for_each(|message| decoder.add(message));
    for name in decoder.wanted_sets() {
        decoder.close_set(&name, None);
    }
    decoder.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_decode_to_a_ruleset(
            kind in 0u16..0x0b00,
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut decoder = Decoder::default();
            for kind in [kind, NEW_SET, NEW_SET_ELEMENTS, NEW_RULE] {
                decoder.add(Message { kind, flags: 0, payload: &bytes });
            }
            let _ = decoder.finish();
        }
    }
}
