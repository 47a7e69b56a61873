//! Sets and maps of a table, and the search in them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::expression::Verdict;

/// A set or map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    /// Lengths of the fields of a concatenated key, in bytes, each padded to 4 in the key. Empty: one field.
    pub fields: Vec<usize>,
    /// Bytes of the key.
    pub key_length: usize,
    /// Elements, ordered by key, none overlapping another of a set of one field.
    pub elements: Vec<Element>,
    /// What every key that no element holds is mapped to.
    pub catchall: Option<Data>,
    /// Only whether it holds these keys is known; `None`: of every key.
    pub only: Option<BTreeSet<Vec<u8>>>,
    /// The elements are not all known, for this reason.
    pub incomplete: Option<String>,
}

/// An element: the keys from `low` to `high`, field by field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Element {
    /// Lowest key.
    pub low: Vec<u8>,
    /// Highest key, itself included.
    pub high: Vec<u8>,
    /// What a map holds for it.
    pub data: Data,
}

/// What a map holds for a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Data {
    /// Nothing: a set.
    #[default]
    None,
    /// A value.
    Value(Vec<u8>),
    /// A verdict.
    Verdict(Verdict),
}

impl Set {
    /// A set of these elements, put in order.
    #[must_use]
    pub fn new(key_length: usize, fields: Vec<usize>, mut elements: Vec<Element>) -> Self {
        elements.sort();
        Self {
            fields,
            key_length,
            elements,
            only: None,
            catchall: None,
            incomplete: None,
        }
    }

    /// A set whose elements are not known.
    #[must_use]
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self {
            incomplete: Some(reason.into()),
            ..Self::default()
        }
    }

    /// Offset and length of each field of the key.
    pub fn spans(&self) -> impl Iterator<Item = (usize, usize)> {
        let whole = self.fields.is_empty().then_some((0, self.key_length));
        let fields = self.fields.iter().scan(0usize, |offset, length| {
            let start = *offset;
            *offset = start.saturating_add(length.next_multiple_of(4));
            Some((start, *length))
        });
        whole.into_iter().chain(fields)
    }

    /// The elements that a key between `low` and `high` may be in: of a set of one field, those found by bisection;
    /// of a concatenation all.
    #[must_use]
    pub fn candidates(&self, low: &[u8], high: &[u8]) -> &[Element] {
        if !self.fields.is_empty() {
            return &self.elements;
        }
        let from = self
            .elements
            .partition_point(|element| element.high.as_slice() < low);
        let rest = self.elements.get(from..).unwrap_or_default();
        let count = rest.partition_point(|element| element.low.as_slice() <= high);
        rest.get(..count).unwrap_or_default()
    }
}

/// Elements of an interval set as the kernel lists them: each key starts an interval or, with `end`, ends the one
/// before it. Turned into closed intervals.
#[must_use]
pub fn intervals(mut marks: Vec<(Vec<u8>, bool, Data)>) -> Vec<Element> {
    // At one key the end of an interval stands before the start of the next.
    marks.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    let mut elements = Vec::new();
    let mut marks = marks.into_iter().peekable();
    while let Some((low, end, data)) = marks.next() {
        if end {
            continue;
        }
        let high = match marks.peek() {
            Some((next, _, _)) if *next > low => before(next),
            Some(_) => low.clone(),
            None => vec![u8::MAX; low.len()],
        };
        elements.push(Element { low, high, data });
    }
    elements
}

/// The key one lower, as a big-endian number.
fn before(key: &[u8]) -> Vec<u8> {
    let mut key = key.to_vec();
    for byte in key.iter_mut().rev() {
        let (lower, borrowed) = byte.overflowing_sub(1);
        *byte = lower;
        if !borrowed {
            break;
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(key: u16, end: bool) -> (Vec<u8>, bool, Data) {
        (key.to_be_bytes().to_vec(), end, Data::None)
    }

    #[test]
    fn starts_and_ends_become_closed_intervals() {
        // The order and the leading end that the kernel gives for { 22, 80-90, 91-95, 1024-65535 }.
        let listed = vec![
            mark(1024, false),
            mark(96, true),
            mark(91, false),
            mark(91, true),
            mark(80, false),
            mark(23, true),
            mark(22, false),
            mark(0, true),
        ];
        let found: Vec<_> = intervals(listed)
            .into_iter()
            .map(|element| {
                let number = |bytes: Vec<u8>| u16::from_be_bytes([bytes[0], bytes[1]]);
                (number(element.low), number(element.high))
            })
            .collect();
        assert_eq!(found, [(22, 22), (80, 90), (91, 95), (1024, 65535)]);
    }
}
