//! From the kernel's netlink messages to a [`Ruleset`].
//!
//! Source: the attribute enumerations of `include/uapi/linux/netfilter/nf_tables.h`, named in the comments.

use std::collections::{BTreeMap, BTreeSet};

use super::attributes::{Attributes, Message};
use super::expression::{
    Comparison, Conntrack, Expression, Extension, FibResult, Header, LookupTo, Meta, Nat, NatKind, Register,
    Verdict,
};
use super::ruleset::{Base, Chain, Family, Hook, Object, Rule, Ruleset};
use super::set::{Data, Element, Set, intervals};

/// Most expressions of a rule; the kernel's own limit (`NFT_RULE_MAXEXPRS`).
const MOST_EXPRESSIONS: usize = 128;
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
    let table = ruleset.table_mut(family, &attributes.text(1)?)?;
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
    let table = ruleset.table_mut(family, &attributes.text(1)?)?;
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
        nat: chain.text(7).as_deref() == Some("nat"),
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
    let table = ruleset.table_mut(family, &attributes.text(1)?)?;
    let chain: &mut Chain = table.chains.entry(attributes.text(2)?).or_default();
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
    let inverted = inverted.unwrap_or_default() & 1 != 0;
    let table = ruleset.table_mut(family, &attributes.text(1)?)?;
    let name = attributes.text(2)?;
    table.objects.insert((kind, name), Object { inverted });
    Some(())
}

/// `enum nft_data_attributes` holding a value.
fn value(data: Attributes<'_>) -> Option<Vec<u8>> {
    data.get(1)
        .filter(|bytes| bytes.len() <= LONGEST_VALUE)
        .map(<[u8]>::to_vec)
}

fn read_data(data: Attributes<'_>) -> Option<Data> {
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
        code if code & 0xff == 3 => Verdict::Queue,
        code => Verdict::Other(i64::from(code)),
    })
}

/// A list of `enum nft_expr_attributes`.
fn expressions(list: Attributes<'_>) -> Vec<Expression> {
    let mut found: Vec<_> = list
        .take(MOST_EXPRESSIONS)
        .map(|(_, element)| {
            let element = Attributes(element);
            let name = element.text(1).unwrap_or_default();
            let data = element.nested(2);
            read_expression(&name, data).unwrap_or(Expression::Opaque { name })
        })
        .collect();
    if list.count() > MOST_EXPRESSIONS {
        let name = "a rule of more expressions than the kernel allows".to_owned();
        found.push(Expression::Opaque { name });
    }
    found
}

fn register(data: Attributes<'_>, kind: u16) -> Option<Register> {
    Register::from_number(data.number(kind)?)
}

/// One expression by its name; `None` where it holds something that this version does not know.
fn read_expression(name: &str, data: Attributes<'_>) -> Option<Expression> {
    Some(match name {
        "meta" => meta(data)?,
        "payload" => payload(data)?,
        "exthdr" => option(data)?,
        "ct" => conntrack(data)?,
        "fib" => fib(data)?,
        "immediate" => immediate(data)?,
        "bitwise" => bitwise(data)?,
        // enum nft_byteorder_attributes
        "byteorder" => Expression::Byteorder {
            from: register(data, 1)?,
            to: register(data, 2)?,
            length: data.number(4)?,
            size: data.number(5)?,
        },
        // enum nft_cmp_attributes
        "cmp" => Expression::Compare {
            from: register(data, 1)?,
            comparison: comparison(data.number(2)?)?,
            value: value(data.nested(3))?,
        },
        // enum nft_range_attributes
        "range" => Expression::Range {
            from: register(data, 1)?,
            inverted: data.number(2)? != 0,
            low: value(data.nested(3))?,
            high: value(data.nested(4))?,
        },
        "lookup" => lookup(data)?,
        // enum nft_dynset_attributes: inverted (flag 1), or with expressions for each element.
        "dynset" => Expression::SetUpdate {
            set: data.text(1)?,
            stateful: data.number(9).unwrap_or_default() & 1 != 0
                || data.get(7).is_some()
                || data.get(10).is_some(),
        },
        "reject" => Expression::Reject,
        "nat" => nat(data)?,
        "masq" => Expression::Nat(Nat::plain(NatKind::Source)),
        // enum nft_redir_attributes
        "redir" => Expression::Nat(Nat {
            port: register(data, 1),
            port_to: register(data, 2).filter(|to| Some(*to) != register(data, 1)),
            ..Nat::plain(NatKind::Redirect)
        }),
        "notrack" => Expression::NoTrack,
        "limit" => limited(name, data.number(5)),
        "quota" | "connlimit" => limited(name, data.number(2)),
        // enum nft_objref_attributes; by a map where 1 is missing.
        "objref" => Expression::Object {
            kind: data.number(1)?,
            name: data.text(2)?,
        },
        "counter" | "log" | "last" | "dup" | "flow_offload" => Expression::Passive,
        "match" | "target" => extension(name == "target", data)?,
        // Each has its destination register as attribute 1 or 2.
        "numgen" | "osf" | "rt" | "xfrm" => opaque_load(name, register(data, 1)),
        "hash" | "socket" | "tunnel" => opaque_load(name, register(data, 2)),
        "queue" => Expression::Verdict(Verdict::Queue),
        _ => return None,
    })
}

fn opaque_load(name: &str, to: Option<Register>) -> Expression {
    let name = name.to_owned();
    Expression::LoadOpaque { to, name }
}

fn limited(name: &str, flags: Option<u32>) -> Expression {
    Expression::Limit {
        name: name.to_owned(),
        inverted: flags.unwrap_or_default() & 1 != 0,
    }
}

const fn comparison(number: u32) -> Option<Comparison> {
    Some(match number {
        0 => Comparison::Equal,
        1 => Comparison::NotEqual,
        2 => Comparison::Less,
        3 => Comparison::LessOrEqual,
        4 => Comparison::Greater,
        5 => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

/// `enum nft_meta_attributes`.
fn meta(data: Attributes<'_>) -> Option<Expression> {
    let key = match data.number(2)? {
        1 => Meta::Protocol,
        3 => Meta::Mark,
        4 => Meta::Iif,
        5 => Meta::Oif,
        6 => Meta::IifName,
        7 => Meta::OifName,
        15 => Meta::NfProto,
        16 => Meta::L4Proto,
        19 => Meta::PacketType,
        other => Meta::Other(other),
    };
    Some(match data.get(3) {
        Some(_) => Expression::MetaSet {
            key,
            from: register(data, 3)?,
        },
        None => Expression::Meta {
            key,
            to: register(data, 1)?,
        },
    })
}

/// `enum nft_payload_attributes`.
fn payload(data: Attributes<'_>) -> Option<Expression> {
    let base = match data.number(2)? {
        0 => Header::Link,
        1 => Header::Network,
        2 => Header::Transport,
        _ => Header::Inner,
    };
    let (offset, length) = (data.number(3)?, data.number(4)?);
    Some(match data.get(5) {
        Some(_) => Expression::PayloadSet {
            base,
            offset,
            length,
            from: register(data, 5)?,
        },
        None => Expression::Payload {
            base,
            offset,
            length,
            to: register(data, 1)?,
        },
    })
}

/// `enum nft_exthdr_attributes`.
fn option(data: Attributes<'_>) -> Option<Expression> {
    // A source register: an option that is written, or (no register) taken out.
    let Some(to) = register(data, 1) else {
        return Some(Expression::Passive);
    };
    let operation = data.number(6).unwrap_or_default();
    Some(Expression::Option {
        presence: data.number(5).unwrap_or_default() & 1 != 0,
        network: operation == 0 || operation == 2,
        to,
        length: data.number(4)?,
    })
}

/// `enum nft_ct_attributes`.
fn conntrack(data: Attributes<'_>) -> Option<Expression> {
    let key = match data.number(2)? {
        0 => Conntrack::State,
        1 => Conntrack::Direction,
        2 => Conntrack::Status,
        3 => Conntrack::Mark,
        7 => Conntrack::Family,
        8 | 19 | 21 => Conntrack::Source,
        9 | 20 | 22 => Conntrack::Destination,
        10 => Conntrack::Protocol,
        11 => Conntrack::SourcePort,
        12 => Conntrack::DestinationPort,
        other => Conntrack::Other(other),
    };
    Some(match data.get(4) {
        Some(_) => Expression::ConntrackSet {
            key,
            from: register(data, 4)?,
        },
        None => Expression::Conntrack {
            key,
            reply: data.byte(3).map(|direction| direction == 1),
            to: register(data, 1)?,
        },
    })
}

/// `enum nft_fib_attributes`.
fn fib(data: Attributes<'_>) -> Option<Expression> {
    let flags = data.number(3)?;
    Some(Expression::Fib {
        result: match data.number(2)? {
            1 => FibResult::Interface,
            2 => FibResult::InterfaceName,
            3 => FibResult::AddressType,
            _ => return None,
        },
        // NFTA_FIB_F_SADDR and NFTA_FIB_F_PRESENT.
        source: flags & 1 != 0,
        presence: flags & 0x20 != 0,
        to: register(data, 1)?,
    })
}

/// `enum nft_immediate_attributes`.
fn immediate(data: Attributes<'_>) -> Option<Expression> {
    Some(match read_data(data.nested(2))? {
        Data::Verdict(verdict) => Expression::Verdict(verdict),
        Data::Value(value) => Expression::Load {
            to: register(data, 1)?,
            value,
        },
        Data::None => return None,
    })
}

/// `enum nft_bitwise_attributes`.
fn bitwise(data: Attributes<'_>) -> Option<Expression> {
    let (from, to) = (register(data, 1)?, register(data, 2)?);
    if data.number(6).unwrap_or_default() != 0 {
        // A shift, or an operation on two registers.
        return Some(opaque_load("bitwise", Some(to)));
    }
    Some(Expression::Bitwise {
        from,
        to,
        mask: value(data.nested(4))?,
        xor: value(data.nested(5))?,
    })
}

/// `enum nft_lookup_attributes`.
fn lookup(data: Attributes<'_>) -> Option<Expression> {
    let to = match data.number(3) {
        None => None,
        Some(0) => Some(LookupTo::Verdict),
        Some(number) => Some(LookupTo::Register(Register::from_number(number)?)),
    };
    Some(Expression::Lookup {
        set: data.text(1)?,
        from: register(data, 2)?,
        to,
        inverted: data.number(5).unwrap_or_default() & 1 != 0,
    })
}

/// `enum nft_nat_attributes`.
fn nat(data: Attributes<'_>) -> Option<Expression> {
    let kind = match data.number(1)? {
        0 => NatKind::Source,
        1 => NatKind::Destination,
        _ => return None,
    };
    let (address, port) = (register(data, 3), register(data, 5));
    let flags = data.number(7).unwrap_or_default();
    Some(Expression::Nat(Nat {
        kind,
        address,
        address_to: register(data, 4).filter(|to| Some(*to) != address),
        port,
        port_to: register(data, 6).filter(|to| Some(*to) != port),
        ipv6: data.number(2) == Some(10),
        // NF_NAT_RANGE_PROTO_OFFSET and NF_NAT_RANGE_NETMAP.
        mapped: flags & 0x60 != 0,
    }))
}

impl Nat {
    /// With no new address or port.
    #[must_use]
    pub const fn plain(kind: NatKind) -> Self {
        Self {
            kind,
            address: None,
            address_to: None,
            port: None,
            port_to: None,
            ipv6: false,
            mapped: false,
        }
    }
}

/// `enum nft_match_attributes` and `enum nft_target_attributes`, which have the same numbers.
fn extension(target: bool, data: Attributes<'_>) -> Option<Expression> {
    Some(Expression::Extension(Extension {
        target,
        name: data.text(1)?,
        revision: data.number(2).unwrap_or_default(),
        info: data.get(3).unwrap_or_default().to_vec(),
    }))
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
        fn any_bytes_decode_to_something(
            kind in 0u16..0x0b00,
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            name in "(meta|payload|exthdr|ct|fib|immediate|bitwise|byteorder|cmp|range|lookup|dynset|nat|redir|match|socket|limit|objref)",
        ) {
            let mut decoder = Decoder::default();
            for kind in [kind, NEW_SET, NEW_SET_ELEMENTS, NEW_RULE] {
                decoder.add(Message { kind, flags: 0, payload: &bytes });
            }
            let _ = decoder.finish();
            let _ = read_expression(&name, Attributes(&bytes));
            prop_assert!(expressions(Attributes(&bytes)).len() <= bytes.len() + 1);
        }
    }
}
