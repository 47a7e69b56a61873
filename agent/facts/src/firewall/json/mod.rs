//! Reads a dump of `nft -j list ruleset`, the second way to the same [`Ruleset`].
//!
//! Source: libnftables-json(5). An object or statement that is not known does not spoil the rest: it becomes an
//! expression whose outcome is unknown. nft leaves out of its JSON what iptables extensions hold, so their rules stay
//! unknown here; the netlink reading has them.

mod operand;
mod statement;
mod value;

use serde_json::Value;

use super::ruleset::{Base, Family, Hook, Object, Rule, Ruleset};
use super::set::Set;
use statement::RuleCompiler;
use value::{Kind, elements};

/// A dump that is not one of `nft -j list ruleset`.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Syntax(#[from] serde_json::Error),
    /// It has no `nftables` array.
    #[error("no \"nftables\" array; write the file with `nft -j list ruleset`")]
    Shape,
}

/// The ruleset in a dump of `nft -j list ruleset`.
pub fn parse(text: &[u8]) -> Result<Ruleset, JsonError> {
    let dump: Value = serde_json::from_slice(text)?;
    let objects = dump
        .get("nftables")
        .and_then(Value::as_array)
        .ok_or(JsonError::Shape)?;
    let mut ruleset = Ruleset::default();
    // Sets stand before the rules that look into them, and an object that can't be read spoils itself alone.
    for wanted in [
        &[
            "table", "chain", "set", "map", "limit", "quota", "ct count", "synproxy",
        ][..],
        &["element"],
        &["rule"],
    ] {
        for object in objects {
            let Some((kind, body)) = object.as_object().and_then(|object| object.iter().next()) else {
                continue;
            };
            if wanted.contains(&kind.as_str()) && read(&mut ruleset, kind, body).is_none() {
                ruleset.gaps.push(format!("an unreadable {kind} in the dump"));
            }
        }
    }
    Ok(ruleset)
}

fn read(ruleset: &mut Ruleset, kind: &str, body: &Value) -> Option<()> {
    let family = Family::from_name(text(body, "family")?)?;
    let name = text(body, "name");
    if kind == "table" {
        let name = name?;
        let table = ruleset.table_mut(family, name)?;
        table.dormant = flags(body).any(|flag| flag == "dormant");
        // nft 1.0.6 writes rubbish for a flag, and the flag may be the one that switches the table off.
        if flags(body).any(|flag| !["dormant", "owner", "persist"].contains(&flag)) {
            ruleset
                .gaps
                .push(format!("whether table {family} {name} is dormant"));
        }
        return Some(());
    }
    let table = ruleset.table_mut(family, text(body, "table")?)?;
    match kind {
        "chain" => {
            let base = match body.get("hook") {
                Some(_) => Some(base(body)?),
                None => None,
            };
            let devices = base.as_ref().is_none_or(|base| {
                !matches!(base.hook, Hook::Ingress | Hook::Egress) || !base.devices.is_empty()
            });
            table.chains.entry(name?.to_owned()).or_default().base = base;
            // nft 1.0.6 leaves them out.
            if !devices {
                ruleset.gaps.push(format!("the devices of chain {}", name?));
            }
        }
        "rule" => {
            let (expressions, sets) = RuleCompiler::new(table).compile(body.get("expr")?.as_array()?);
            table.sets.extend(sets);
            let rule = Rule {
                handle: body.get("handle").and_then(Value::as_u64).unwrap_or_default(),
                expressions,
            };
            let chain = text(body, "chain")?.to_owned();
            table.chains.entry(chain).or_default().rules.push(rule);
        }
        "set" | "map" => {
            let set = set(body).unwrap_or_else(|| {
                Set::unknown("the set is of a type that this version does not read from a dump")
            });
            table.sets.insert(name?.to_owned(), set);
        }
        "element" => {
            // Older dumps list elements apart; a set that has some unread is not wholly known.
            if let Some(set) = table.sets.get_mut(name?) {
                set.incomplete = Some("the dump lists elements apart from their set".to_owned());
            }
        }
        "limit" | "quota" | "ct count" => {
            let number = match kind {
                "quota" => 2,
                "limit" => 4,
                _ => 5,
            };
            let number_of = |field| body.get(field).and_then(Value::as_u64);
            let spent = kind == "quota"
                && number_of("bytes")
                    .zip(number_of("used"))
                    .is_some_and(|(bytes, used)| used >= bytes);
            let inverted = body.get("inv").and_then(Value::as_bool).unwrap_or_default() != spent;
            table
                .objects
                .insert((number, name?.to_owned()), Object { inverted });
        }
        _ => {}
    }
    Some(())
}

fn base(body: &Value) -> Option<Base> {
    let devices = match body.get("dev") {
        Some(Value::String(name)) => vec![name.clone()],
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    };
    Some(Base {
        hook: Hook::from_name(text(body, "hook")?)?,
        priority: i32::try_from(body.get("prio")?.as_i64()?).ok()?,
        nat: text(body, "type") == Some("nat"),
        drops: text(body, "policy") == Some("drop"),
        devices,
    })
}

/// A named set or map; `None` where its type is not known here.
fn set(body: &Value) -> Option<Set> {
    let keys = Kind::of_type(body.get("type")?)?;
    let data = match body.get("map") {
        Some(kind) if kind == "verdict" => Some(vec![Kind::Verdict]),
        Some(kind) => Some(Kind::of_type(kind)?),
        None => None,
    };
    let listed = body.get("elem").and_then(Value::as_array);
    elements(
        &keys,
        data.as_deref(),
        listed.map(Vec::as_slice).unwrap_or_default(),
    )
}

/// A field that is a text.
fn text<'a>(body: &'a Value, field: &str) -> Option<&'a str> {
    body.get(field)?.as_str()
}

/// The flags of an object: one text or an array of them.
fn flags(body: &Value) -> impl Iterator<Item = &str> {
    let flags = body.get("flags");
    let many = flags.and_then(Value::as_array).map(Vec::as_slice);
    let one = flags.filter(|flags| flags.is_string());
    many.unwrap_or_default()
        .iter()
        .chain(one)
        .filter_map(Value::as_str)
}
