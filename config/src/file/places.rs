//! Where the keys of a TOML text stand, so that a fault found in a value can name its line.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// The keys and values of a TOML text with their places.
#[derive(Debug)]
pub(crate) struct Places<'t> {
    /// Offsets of the line ends.
    ends: Vec<usize>,
    root: DeTable<'t>,
}

/// A value that is neither a table nor a list of tables.
#[derive(Debug)]
pub(crate) struct Leaf<'a> {
    /// Its dotted key without places in lists: `service.intrusion.firewall.allowed_ports.port`.
    pub(crate) key: String,
    /// The value.
    pub(crate) value: &'a DeValue<'a>,
    /// Line it stands on, from 1.
    pub(crate) line: usize,
}

impl<'t> Places<'t> {
    /// The places in `text`; `None` when it is not TOML.
    pub(crate) fn of(text: &'t str) -> Option<Self> {
        let root = DeTable::parse(text).ok()?.into_inner();
        let ends = text.match_indices('\n').map(|(at, _)| at).collect();
        Some(Self { ends, root })
    }

    /// The line, from 1, of the key `path` (`audit.capital_twd`, `outsourcing.vendors.0.name`); of the nearest table
    /// above it when it is not written down; 1 when none is.
    pub(crate) fn line(&self, path: &str) -> usize {
        let mut at = Range::default();
        let mut here = Here::Table(&self.root);
        for part in path.split('.') {
            let Some((span, next)) = here.step(part) else {
                break;
            };
            at = span;
            here = next;
        }
        self.line_at(at.start)
    }

    /// Whether the key `path` is written down.
    pub(crate) fn has(&self, path: &str) -> bool {
        let mut here = Here::Table(&self.root);
        path.split('.')
            .all(|part| here.step(part).map(|(_, next)| here = next).is_some())
    }

    /// The dotted key whose value holds byte `offset`, without places in lists; `None` outside all.
    pub(crate) fn key_at(&self, offset: usize) -> Option<String> {
        let mut path = Vec::new();
        let mut table = &self.root;
        loop {
            let (key, value) = table.iter().find(|(_, value)| covers(value, offset))?;
            path.push(key.get_ref().as_ref());
            match descend(value.get_ref(), offset) {
                Some(next) => table = next,
                None => return Some(path.join(".")),
            }
        }
    }

    /// Every value that is neither a table nor a list of tables.
    pub(crate) fn leaves(&self) -> Vec<Leaf<'_>> {
        let mut found = Vec::new();
        self.collect(&self.root, "", &mut found);
        found
    }

    /// Every table, with the keys that stand in it: `("service.encryption", "paths")`. The root is named by "".
    pub(crate) fn keys(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        keys_of(&self.root, "", &mut found);
        found
    }

    fn line_at(&self, offset: usize) -> usize {
        self.ends.partition_point(|end| *end < offset) + 1
    }

    // Recursion is as deep as the text nests, which the parser bounds.
    fn collect<'a>(&'a self, table: &'a DeTable<'a>, prefix: &str, found: &mut Vec<Leaf<'a>>) {
        for (key, value) in table {
            let path = join(prefix, key.get_ref());
            match value.get_ref() {
                DeValue::Table(table) => self.collect(table, &path, found),
                DeValue::Array(list) if tables(list).next().is_some() => {
                    for table in tables(list) {
                        self.collect(table, &path, found);
                    }
                }
                leaf => found.push(Leaf {
                    key: path,
                    value: leaf,
                    line: self.line_at(value.span().start),
                }),
            }
        }
    }
}

/// The line, from 1, that holds byte `offset` of `text`.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

enum Here<'a> {
    Table(&'a DeTable<'a>),
    List(&'a DeArray<'a>),
    Leaf,
}

impl<'a> Here<'a> {
    fn step(&self, part: &str) -> Option<(Range<usize>, Here<'a>)> {
        let (span, value) = match self {
            Self::Table(table) => {
                let (key, value) = table.iter().find(|(key, _)| key.get_ref() == part)?;
                (key.span(), value)
            }
            Self::List(list) => {
                let value = list.get(part.parse::<usize>().ok()?)?;
                (value.span(), value)
            }
            Self::Leaf => return None,
        };
        let next = match value.get_ref() {
            DeValue::Table(table) => Here::Table(table),
            DeValue::Array(list) => Here::List(list),
            _ => Here::Leaf,
        };
        Some((span, next))
    }
}

/// Whether `offset` lies in the value, or in one below it: the parts of a table may be scattered over the text.
fn covers(value: &Spanned<DeValue<'_>>, offset: usize) -> bool {
    value.span().contains(&offset)
        || match value.get_ref() {
            DeValue::Table(table) => table.iter().any(|(_, value)| covers(value, offset)),
            DeValue::Array(list) => list.iter().any(|value| covers(value, offset)),
            _ => false,
        }
}

fn descend<'a>(value: &'a DeValue<'a>, offset: usize) -> Option<&'a DeTable<'a>> {
    let table = match value {
        DeValue::Table(table) => table,
        DeValue::Array(list) => list
            .iter()
            .find(|value| covers(value, offset))?
            .get_ref()
            .as_table()?,
        _ => return None,
    };
    table
        .iter()
        .any(|(_, value)| covers(value, offset))
        .then_some(table)
}

fn keys_of(table: &DeTable<'_>, prefix: &str, found: &mut Vec<(String, String)>) {
    for (key, value) in table {
        found.push((prefix.to_owned(), key.get_ref().to_string()));
        let path = join(prefix, key.get_ref());
        match value.get_ref() {
            DeValue::Table(table) => keys_of(table, &path, found),
            DeValue::Array(list) => {
                for table in tables(list) {
                    keys_of(table, &path, found);
                }
            }
            _ => {}
        }
    }
}

fn tables<'a>(list: &'a DeArray<'a>) -> impl Iterator<Item = &'a DeTable<'a>> {
    list.iter().filter_map(|value| value.get_ref().as_table())
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() {
        key.to_owned()
    } else {
        format!("{prefix}.{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a = 1\n[b.c]\nd = \"x\"\n[[b.e]]\nf = 2\n[[b.e]]\nf = [\n  3,\n]\n";

    #[test]
    fn a_key_has_its_line_and_a_missing_one_its_tables() {
        let places = Places::of(TEXT).unwrap();
        assert_eq!(places.line("a"), 1);
        assert_eq!(places.line("b.c.d"), 3);
        assert_eq!(places.line("b.c.missing"), 2);
        assert_eq!(places.line("b.e.1.f"), 7);
        assert_eq!(places.line("nowhere"), 1);
        assert!(places.has("b.e.0.f") && !places.has("b.e.2"));
    }

    #[test]
    fn a_place_has_its_key() {
        let places = Places::of(TEXT).unwrap();
        let key = |what: &str| places.key_at(TEXT.rfind(what).unwrap());
        assert_eq!(key("\"x\"").as_deref(), Some("b.c.d"));
        assert_eq!(key("3,").as_deref(), Some("b.e.f"));
        assert_eq!(places.key_at(10_000), None);
    }

    #[test]
    fn leaves_are_all_values_that_hold_no_keys() {
        let places = Places::of(TEXT).unwrap();
        let seen: Vec<_> = places
            .leaves()
            .into_iter()
            .map(|leaf| (leaf.key, leaf.line))
            .collect();
        assert_eq!(
            seen,
            [("a", 1), ("b.c.d", 3), ("b.e.f", 5), ("b.e.f", 7)].map(|(key, line)| (key.to_owned(), line))
        );
    }
}
