//! Statements of a dump as the expressions of a rule.

use serde_json::Value;

use super::operand::{host_order, operand};
use super::text;
use super::value::{Kind, elements, prefix_mask, verdict};
use crate::firewall::expression::{
    Comparison, Conntrack, Expression, Extension, LookupTo, Meta, Nat, NatKind, Register, Verdict,
};
use crate::firewall::ruleset::Table;
use crate::firewall::set::Set;

/// Compiles the statements of one rule.
pub(super) struct RuleCompiler<'t> {
    table: &'t Table,
    expressions: Vec<Expression>,
    sets: Vec<(String, Set)>,
}

impl<'t> RuleCompiler<'t> {
    pub(super) const fn new(table: &'t Table) -> Self {
        Self {
            table,
            expressions: Vec::new(),
            sets: Vec::new(),
        }
    }

    /// The expressions, and the sets written out within the rule under names of their own.
    pub(super) fn compile(mut self, statements: &[Value]) -> (Vec<Expression>, Vec<(String, Set)>) {
        for statement in statements {
            let Some((name, body)) = statement.as_object().and_then(|object| object.iter().next()) else {
                // `{"accept": null}` may stand as "accept" in other writers.
                self.opaque("statement");
                continue;
            };
            if let Some(verdict) = verdict(statement) {
                self.expressions.push(Expression::Verdict(verdict));
            } else if self.statement(name, body).is_none() {
                self.opaque(name);
            }
        }
        (self.expressions, self.sets)
    }

    fn opaque(&mut self, name: &str) {
        let name = name.to_owned();
        self.expressions.push(Expression::Opaque { name });
    }

    /// A comparison that can't be told: goes on, or not.
    fn opaque_match(&mut self, name: &str) {
        let name = name.to_owned();
        self.expressions.push(Expression::LoadOpaque { to: None, name });
    }

    fn statement(&mut self, name: &str, body: &Value) -> Option<()> {
        let one = match name {
            "match" => {
                if self.compare(body).is_none() {
                    self.opaque_match("match");
                }
                return Some(());
            }
            "vmap" => {
                self.lookup(
                    body.get("key")?,
                    body.get("data")?,
                    Some(LookupTo::Verdict),
                    false,
                )?;
                return Some(());
            }
            "mangle" => return self.mangle(body),
            "dnat" => return self.nat(NatKind::Destination, body),
            "redirect" => return self.nat(NatKind::Redirect, body),
            "snat" | "masquerade" => Expression::Nat(Nat::plain(NatKind::Source)),
            "reject" => Expression::Reject,
            "notrack" => Expression::NoTrack,
            "limit" | "quota" | "ct count" => limited(name, body),
            "set" | "map" => {
                // The key is loaded first: a packet that does not have it does not match.
                let element = body.get("elem").or_else(|| body.get("key"))?;
                let key = element
                    .get("elem")
                    .and_then(|inner| inner.get("val"))
                    .unwrap_or(element);
                let parts = key.get("concat").and_then(Value::as_array);
                for part in parts.map_or(std::slice::from_ref(key), Vec::as_slice) {
                    self.expressions.extend(operand(part, Register::FIRST).load);
                }
                Expression::SetUpdate {
                    set: text(body, name)?.trim_start_matches('@').to_owned(),
                    usual: !statements(body).any(exceeds),
                    removes: text(body, "op") == Some("delete"),
                }
            }
            "counter" | "log" | "last" | "dup" | "flow" | "ct helper" | "ct timeout" | "ct expectation"
            | "secmark" => Expression::Passive,
            "queue" => queue(body),
            "tproxy" => Expression::TransparentProxy,
            "synproxy" => Expression::SynProxy,
            "xt" => Expression::Extension(Extension {
                target: text(body, "type") != Some("match"),
                name: text(body, "name")?.to_owned(),
                revision: 0,
                info: Vec::new(),
            }),
            _ => return None,
        };
        self.expressions.push(one);
        Some(())
    }

    /// `{"op", "left", "right"}`; `None` where the right can't be read, the left then being loaded already.
    fn compare(&mut self, body: &Value) -> Option<()> {
        let (left, right) = (body.get("left")?, body.get("right")?);
        let op = text(body, "op")?;
        let inverted = op == "!=";
        let listed = right.get("set").is_some();
        if listed || right.as_str().is_some_and(|name| name.starts_with('@')) {
            return self.lookup(left, right, None, inverted);
        }
        let from = Register::FIRST;
        let operand = operand(left, from);
        self.expressions.extend(operand.load);
        let kind = operand.kind?;
        match op {
            "in" | "!" => {
                let wanted = if op == "in" {
                    Comparison::NotEqual
                } else {
                    Comparison::Equal
                };
                self.any_bit(kind, right, wanted)
            }
            "==" | "!=" => self.equal(kind, right, inverted),
            "<" | "<=" | ">" | ">=" => {
                let comparison = match op {
                    "<" => Comparison::Less,
                    "<=" => Comparison::LessOrEqual,
                    ">" => Comparison::Greater,
                    _ => Comparison::GreaterOrEqual,
                };
                let value = kind.one(right)?;
                self.in_network_order(kind, from);
                self.push_compare(comparison, value);
                Some(())
            }
            _ => None,
        }
    }

    fn any_bit(&mut self, kind: Kind, right: &Value, comparison: Comparison) -> Option<()> {
        let mut mask = kind.one(right).filter(|_| kind.is_bits())?;
        if kind.of_host_order() {
            host_order(&mut mask);
        }
        let zero = vec![0; mask.len()];
        self.expressions.push(Expression::Bitwise {
            from: Register::FIRST,
            to: Register::FIRST,
            mask,
            xor: zero.clone(),
        });
        self.push_compare(comparison, zero);
        Some(())
    }

    fn equal(&mut self, kind: Kind, right: &Value, inverted: bool) -> Option<()> {
        let from = Register::FIRST;
        let comparison = if inverted {
            Comparison::NotEqual
        } else {
            Comparison::Equal
        };
        if let Some(stem) = kind.stem(right) {
            self.push_compare(comparison, stem.to_vec());
            return Some(());
        }
        if let Some(prefix) = right.get("prefix") {
            let length = usize::try_from(prefix.get("len")?.as_u64()?).ok()?;
            let mask = prefix_mask(kind.width(), length);
            let (low, _) = kind.bounds(right)?;
            self.in_network_order(kind, from);
            let xor = vec![0; mask.len()];
            self.expressions.push(Expression::Bitwise {
                from,
                to: from,
                mask,
                xor,
            });
            self.push_compare(comparison, low);
            return Some(());
        }
        let (low, high) = kind.bounds(right)?;
        self.in_network_order(kind, from);
        if low == high {
            self.push_compare(comparison, low);
        } else {
            self.expressions.push(Expression::Range {
                from,
                inverted,
                low,
                high,
            });
        }
        Some(())
    }

    fn push_compare(&mut self, comparison: Comparison, value: Vec<u8>) {
        self.expressions.push(Expression::Compare {
            from: Register::FIRST,
            comparison,
            value,
        });
    }

    /// Values of a dump are kept in network order, what the kernel loads may not be.
    fn in_network_order(&mut self, kind: Kind, register: Register) {
        if kind.of_host_order() && cfg!(target_endian = "little") {
            let length = u32::try_from(kind.width()).unwrap_or_default();
            self.expressions.push(Expression::Byteorder {
                from: register,
                to: register,
                length,
                size: length,
            });
        }
    }

    /// Loads the key, each field of a concatenation to its own words, and looks it up in a named or written-out set.
    fn lookup(&mut self, key: &Value, set: &Value, to: Option<LookupTo>, inverted: bool) -> Option<()> {
        let parts = match key.get("concat").and_then(Value::as_array) {
            Some(parts) => parts.iter().collect(),
            None => vec![key],
        };
        let mut kinds = Vec::new();
        let mut word = 0;
        let mut loads = Vec::new();
        for part in parts {
            let register = Register::word(word)?;
            let operand = operand(part, register);
            // A required protocol is checked in the register that the field itself then takes.
            loads.extend(operand.load);
            let Some(kind) = operand.kind else {
                self.expressions.append(&mut loads);
                self.opaque_lookup(set, to);
                return Some(());
            };
            loads.append(&mut self.ordered(kind, register));
            word += kind.width().div_ceil(4);
            kinds.push(kind);
        }
        self.expressions.append(&mut loads);
        let name = match set.as_str() {
            Some(name) => name.trim_start_matches('@').to_owned(),
            None => self.write_out(&kinds, set, to)?,
        };
        self.expressions.push(Expression::Lookup {
            set: name,
            from: Register::FIRST,
            to,
            inverted,
        });
        Some(())
    }

    fn ordered(&mut self, kind: Kind, register: Register) -> Vec<Expression> {
        let before = self.expressions.len();
        self.in_network_order(kind, register);
        self.expressions.split_off(before)
    }

    fn opaque_lookup(&mut self, set: &Value, to: Option<LookupTo>) {
        match to {
            Some(LookupTo::Verdict) => self.opaque("vmap"),
            Some(LookupTo::Register(register)) => self.expressions.push(Expression::LoadOpaque {
                to: Some(register),
                name: "map".to_owned(),
            }),
            None => self.opaque_match(set.as_str().unwrap_or("set")),
        }
    }

    /// Keeps `{"set": […]}` as a set of its own.
    fn write_out(&mut self, kinds: &[Kind], set: &Value, to: Option<LookupTo>) -> Option<String> {
        let listed = set.get("set")?;
        let one;
        let listed = match listed.as_array() {
            Some(listed) => listed.as_slice(),
            None => {
                one = [listed.clone()];
                &one
            }
        };
        let data = match to {
            None => None,
            Some(LookupTo::Verdict) => Some(vec![Kind::Verdict]),
            Some(LookupTo::Register(_)) => Some(guess(listed.first()?.get(1)?)?),
        };
        let unreadable =
            || Set::unknown("a set in the rule is of a type that this version does not read from a dump");
        let set = elements(kinds, data.as_deref(), listed).unwrap_or_else(unreadable);
        // Not a name that nft accepts, so that none is taken.
        let name = format!("#{}.{}", self.table.sets.len(), self.sets.len());
        self.sets.push((name.clone(), set));
        Some(name)
    }

    /// `{"key", "value"}`: sets a mark, or writes into the packet.
    fn mangle(&mut self, body: &Value) -> Option<()> {
        let key = body.get("key")?;
        let to = Register::FIRST;
        let target = operand(key, to);
        let kind = target.kind;
        let value = body.get("value")?;
        match kind.and_then(|kind| kind.one(value).map(|bytes| (kind, bytes))) {
            Some((kind, mut value)) => {
                if kind.of_host_order() {
                    host_order(&mut value);
                }
                self.expressions.push(Expression::Load { to, value });
            }
            None => self.expressions.extend(operand(value, to).load),
        }
        let set = match target.load.last() {
            Some(Expression::Meta { key, .. }) => Expression::MetaSet { key: *key, from: to },
            Some(Expression::Conntrack { key, .. }) => Expression::ConntrackSet { key: *key, from: to },
            Some(Expression::Payload {
                base, offset, length, ..
            }) => Expression::PayloadSet {
                base: *base,
                offset: *offset,
                length: *length,
                from: to,
            },
            _ if key.get("ct").is_some() => Expression::ConntrackSet {
                key: Conntrack::Other(0),
                from: to,
            },
            _ if key.get("meta").is_some() => Expression::MetaSet {
                key: Meta::Other(0),
                from: to,
            },
            // Part of a byte of the packet, or a TCP option.
            _ if key.get("tcp option").is_some() => Expression::Passive,
            _ => return None,
        };
        self.expressions.push(set);
        Some(())
    }

    fn nat(&mut self, kind: NatKind, body: &Value) -> Option<()> {
        let mut nat = Nat::plain(kind);
        let mut word = 0;
        if let Some(address) = body.get("addr") {
            nat.ipv6 = match text(body, "family") {
                Some(family) => family == "ip6",
                None => address.as_str().is_some_and(|address| address.contains(':')),
            };
            let address_kind = if nat.ipv6 { Kind::Ipv6 } else { Kind::Ipv4 };
            nat.mapped = address.get("prefix").is_some()
                || body.get("type_flags").is_some_and(|flags| flags == "prefix");
            if let Some(map) = address.get("map") {
                let to = Register::FIRST;
                self.lookup(
                    map.get("key")?,
                    map.get("data")?,
                    Some(LookupTo::Register(to)),
                    false,
                )?;
                nat.address = Some(to);
                // A map of addresses and ports holds the port in the word after the address.
                if self.holds_port(map, address_kind) {
                    nat.port = Register::word(address_kind.width() / 4);
                }
                word = 5;
            } else {
                let bounds = address_kind.bounds(address)?;
                (nat.address, nat.address_to) = self.load_bounds(bounds, &mut word)?;
            }
        }
        if let Some(port) = body.get("port") {
            let bounds = Kind::Network(2).bounds(port);
            match bounds {
                Some(bounds) => (nat.port, nat.port_to) = self.load_bounds(bounds, &mut word)?,
                None => {
                    // By a map of ports or by a hash: any port.
                    let to = Register::word(word)?;
                    self.expressions.push(Expression::LoadOpaque {
                        to: Some(to),
                        name: "port map".to_owned(),
                    });
                    nat.port = Some(to);
                }
            }
        }
        self.expressions.push(Expression::Nat(nat));
        Some(())
    }

    /// Loads the lowest and, where it differs, the highest value to the next free words.
    fn load_bounds(
        &mut self,
        (low, high): (Vec<u8>, Vec<u8>),
        word: &mut usize,
    ) -> Option<(Option<Register>, Option<Register>)> {
        let mut put = |value: Vec<u8>| {
            let to = Register::word(*word)?;
            *word += value.len().div_ceil(4);
            self.expressions.push(Expression::Load { to, value });
            Some(to)
        };
        let differs = low != high;
        let first = put(low)?;
        let last = if differs { Some(put(high)?) } else { None };
        Some((Some(first), last))
    }

    fn holds_port(&self, map: &Value, address: Kind) -> bool {
        let Some(Expression::Lookup { set, .. }) = self.expressions.last() else {
            return false;
        };
        let own = self.sets.iter().find(|(name, _)| name == set).map(|(_, set)| set);
        let set = own.or_else(|| self.table.sets.get(set));
        let held = set
            .and_then(|set| set.elements.first())
            .map(|element| &element.data);
        let longer = |value: &[u8]| value.len() > address.width();
        map.get("data").is_some()
            && matches!(held, Some(crate::firewall::set::Data::Value(value)) if longer(value))
    }
}

/// Statements for each element of a set.
fn statements(body: &Value) -> impl Iterator<Item = &Value> {
    let listed = body.get("stmt").and_then(Value::as_array);
    listed.into_iter().flatten()
}

/// Whether a statement only lets go on what has come too often.
fn exceeds(statement: &Value) -> bool {
    let bodies = statement
        .as_object()
        .into_iter()
        .flat_map(serde_json::Map::values);
    bodies
        .into_iter()
        .any(|body| body.get("inv").and_then(Value::as_bool).unwrap_or_default())
}

/// `{"num", "flags"}`, the number one or a range.
fn queue(body: &Value) -> Expression {
    let number = |value: &Value| u16::try_from(value.as_u64()?).ok();
    let named = body.get("num");
    let range = named
        .and_then(|value| value.get("range"))
        .and_then(Value::as_array);
    let first = named.and_then(number).or_else(|| number(range?.first()?));
    let last = named.and_then(number).or_else(|| number(range?.get(1)?));
    Expression::Verdict(Verdict::Queue {
        first: first.unwrap_or_default(),
        last: last.or(first).unwrap_or_default(),
        bypass: super::flags(body).any(|flag| flag == "bypass"),
    })
}

fn limited(name: &str, body: &Value) -> Expression {
    let kind = match name {
        "quota" => 2,
        "limit" => 4,
        _ => 5,
    };
    // The connection itself counts.
    let inverted = body.get("inv").and_then(Value::as_bool).unwrap_or_default();
    if name == "ct count" && body.get("val").and_then(Value::as_u64) == Some(0) {
        return if inverted {
            Expression::Passive
        } else {
            Expression::Verdict(Verdict::Break)
        };
    }
    match body.as_str() {
        Some(object) => Expression::Object {
            kind,
            name: object.to_owned(),
        },
        None => Expression::Limit {
            name: name.to_owned(),
            inverted: body.get("inv").and_then(Value::as_bool).unwrap_or_default(),
        },
    }
}

/// The kinds of what a map written out in a rule holds, from its first value.
fn guess(value: &Value) -> Option<Vec<Kind>> {
    if let Some(parts) = value.get("concat").and_then(Value::as_array) {
        let kinds: Option<Vec<_>> = parts.iter().map(guess).collect();
        return kinds.map(|kinds| kinds.concat());
    }
    let kind = match value {
        Value::Number(_) => Kind::Network(2),
        Value::String(text) if text.parse::<std::net::Ipv4Addr>().is_ok() => Kind::Ipv4,
        Value::String(text) if text.parse::<std::net::Ipv6Addr>().is_ok() => Kind::Ipv6,
        _ => return None,
    };
    Some(vec![kind])
}
