//! Classes of interfaces: those that the rules can't tell apart fare the same.

use std::collections::{BTreeMap, BTreeSet};

use crate::firewall::Surroundings;
use crate::firewall::expression::{Expression, Header, Meta};
use crate::firewall::ruleset::{Rule, Ruleset, Table};

use super::packet::Link;

/// Stands for every interface that no rule names. No interface can be called that.
const OTHER: &str = "(other)";
/// An index that no interface has in practice.
const OTHER_INDEX: u32 = 0x7fff_fffe;
/// What an interface that no rule names is called in the answer.
pub(super) const OTHER_LABEL: &str = "other";

/// Interfaces that fare the same.
#[derive(Clone, Debug)]
pub(super) struct LinkClass {
    /// One of them.
    pub(super) link: Link,
    /// Their names.
    pub(super) names: Vec<String>,
}

/// The interface that no rule names.
pub(super) fn other() -> Link {
    Link {
        name: OTHER.to_owned(),
        index: Some(OTHER_INDEX),
    }
}

/// What rules compare interfaces with.
#[derive(Debug, Default)]
struct Named {
    /// Names, or what names start with.
    names: BTreeSet<(String, bool)>,
    indices: BTreeSet<u32>,
}

/// The classes of interfaces that packets of others come in on.
pub(super) fn classes(ruleset: &Ruleset, surroundings: &Surroundings) -> Vec<LinkClass> {
    let named = named(ruleset);
    let Some(interfaces) = &surroundings.interfaces else {
        return named.classes();
    };
    let apart = tells_apart(ruleset);
    let mut classes: BTreeMap<_, LinkClass> = BTreeMap::new();
    for interface in interfaces.iter().filter(|interface| interface.name != "lo") {
        let names = named.names.iter();
        let signature: Vec<bool> = names
            .map(|(name, stem)| {
                if *stem {
                    interface.name.starts_with(name)
                } else {
                    interface.name == *name
                }
            })
            .chain(named.indices.iter().map(|index| interface.index == *index))
            .chain([surroundings.routes_loopback(&interface.name)])
            .collect();
        let place = apart.then_some(interface.index);
        let bridged = interface.master.is_some() || interface.kind.as_deref() == Some("bridge");
        let class = classes
            .entry((signature, place, bridged))
            .or_insert_with(|| LinkClass {
                link: Link {
                    name: interface.name.clone(),
                    index: Some(interface.index),
                },
                names: Vec::new(),
            });
        class.names.push(interface.name.clone());
    }
    classes.into_values().collect()
}

/// Whether rules ask for something of an interface that is not its name: its routes, its group, its kind.
fn tells_apart(ruleset: &Ruleset) -> bool {
    ruleset.expressions().any(|expression| match expression {
        Expression::Fib { .. } => true,
        Expression::Meta { key, .. } => matches!(key, Meta::Other(8 | 21 | 26)),
        Expression::Payload { base, .. } => *base == Header::Link,
        Expression::Extension(extension) => {
            ["addrtype", "devgroup", "physdev", "rpfilter", "set"].contains(&extension.name.as_str())
        }
        _ => false,
    })
}

impl Named {
    /// Without a list of interfaces: one for each name, and one that has none of them.
    fn classes(&self) -> Vec<LinkClass> {
        let mut classes: Vec<_> = self
            .names
            .iter()
            .filter(|(name, stem)| *stem || name != "lo")
            .map(|(name, stem)| LinkClass {
                link: Link {
                    // A name of that beginning that no rule gives in full.
                    name: if *stem { format!("{name}~") } else { name.clone() },
                    index: None,
                },
                names: vec![if *stem { format!("{name}*") } else { name.clone() }],
            })
            .collect();
        classes.push(LinkClass {
            link: other(),
            names: vec![OTHER_LABEL.to_owned()],
        });
        classes
    }

    fn name(&mut self, bytes: &[u8], whole: bool) {
        let text: Vec<u8> = bytes.iter().copied().take_while(|byte| *byte != 0).collect();
        let printable = text.iter().all(u8::is_ascii_graphic);
        if let (true, Ok(name)) = (printable, String::from_utf8(text))
            && !name.is_empty()
        {
            self.names.insert((name, !whole));
        }
    }

    fn index(&mut self, bytes: &[u8]) {
        if let Ok(bytes) = bytes.try_into() {
            self.indices.insert(u32::from_ne_bytes(bytes));
        }
    }

    fn rule(&mut self, table: &Table, rule: &Rule) {
        let loads = |keys: [Meta; 2]| {
            let mut expressions = rule.expressions.iter();
            expressions.any(|e| matches!(e, Expression::Meta { key, .. } if keys.contains(key)))
        };
        let by_name = loads([Meta::IifName, Meta::OifName]);
        let by_index = loads([Meta::Iif, Meta::Oif]);
        if !by_name && !by_index {
            return;
        }
        let mut constant = |bytes: &[u8], last: &[u8]| {
            if by_name {
                // A comparison shorter than a name is with its beginning.
                self.name(bytes, bytes == last && bytes.len() == 16);
            }
            if by_index {
                self.index(bytes);
            }
        };
        for expression in &rule.expressions {
            match expression {
                Expression::Compare { value, .. } => constant(value, value),
                Expression::Range { low, high, .. } => constant(low, high),
                Expression::Lookup { set, .. } => {
                    let Some(set) = table.sets.get(set) else { continue };
                    for element in &set.elements {
                        for offset in (0..element.low.len()).step_by(4) {
                            for length in [4, 16] {
                                let span = offset..offset + length;
                                let bounds = (element.low.get(span.clone()), element.high.get(span));
                                if let (Some(low), Some(high)) = bounds {
                                    constant(low, high);
                                }
                            }
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

/// The interfaces that rules name. Constants that are compared with something else may be among them; that only makes
/// more classes than are needed.
fn named(ruleset: &Ruleset) -> Named {
    let mut named = Named::default();
    for table in &ruleset.tables {
        for chain in table.chains.values() {
            for device in chain.base.iter().flat_map(|base| &base.devices) {
                let stem = device.strip_suffix('*');
                named.name(stem.unwrap_or(device).as_bytes(), stem.is_none());
            }
            for rule in &chain.rules {
                named.rule(table, rule);
            }
        }
    }
    named
}
