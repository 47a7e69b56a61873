//! Short texts kept once and known by a number: names and addresses recur, and a log may hold a million of them.

use std::hash::{BuildHasher, RandomState};

/// The number of a text; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u32);

impl Id {
    /// No text.
    pub const NONE: Self = Self(0);

    /// Whether it is of no text.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Its place in a table of as many entries as there are numbers, from 0.
    #[must_use]
    pub const fn place(self) -> usize {
        self.0 as usize
    }
}

/// Texts, each once, in the order that they first came.
#[derive(Clone, Debug, Default)]
pub(super) struct Interner {
    bytes: Vec<u8>,
    /// Where each text ends in `bytes`.
    ends: Vec<u32>,
    /// Numbers by hash, and 0 where there is none; a power of two of them, at most seven eighths taken.
    slots: Vec<u32>,
    /// Seeded by the system: peers choose the texts, and are not to choose where they collide.
    state: RandomState,
}

impl Interner {
    /// How many numbers there are, that of no text included.
    pub(super) fn numbers(&self) -> usize {
        self.ends.len() + 1
    }

    /// All numbers, that of no text first.
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> {
        (0..self.numbers()).map_while(|number| u32::try_from(number).ok().map(Id))
    }

    /// The number of `text`, a new one where it never came. [`Id::NONE`] where no number or place is left.
    pub(super) fn intern(&mut self, text: &[u8]) -> Id {
        if self.ends.len() * 8 >= self.slots.len() * 7 {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut slot = self.hash(text) & mask;
        while let Some(number) = self.slots.get(slot).copied().filter(|number| *number != 0) {
            if self.get(Id(number)) == text {
                return Id(number);
            }
            slot = (slot + 1) & mask;
        }
        let end = u32::try_from(self.bytes.len() + text.len());
        let (Ok(end), Ok(number)) = (end, u32::try_from(self.ends.len() + 1)) else {
            return Id::NONE;
        };
        self.bytes.extend_from_slice(text);
        self.ends.push(end);
        if let Some(free) = self.slots.get_mut(slot) {
            *free = number;
        }
        Id(number)
    }

    /// The text of a number; nothing for [`Id::NONE`].
    pub(super) fn get(&self, id: Id) -> &[u8] {
        let Some(last) = id.place().checked_sub(1) else {
            return b"";
        };
        let end = |place: usize| self.ends.get(place).map_or(0, |end| *end as usize);
        let start = last.checked_sub(1).map_or(0, end);
        self.bytes.get(start..end(last)).unwrap_or_default()
    }

    fn hash(&self, text: &[u8]) -> usize {
        // Where the upper half is lost, the lower tells texts apart as well.
        #[allow(clippy::cast_possible_truncation)]
        let hash = self.state.hash_one(text) as usize;
        hash
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(64);
        self.slots = vec![0; size];
        for number in 1..self.numbers() {
            let Ok(number) = u32::try_from(number) else {
                return;
            };
            let mut slot = self.hash(self.get(Id(number))) & (size - 1);
            while self.slots.get(slot).is_some_and(|number| *number != 0) {
                slot = (slot + 1) & (size - 1);
            }
            if let Some(free) = self.slots.get_mut(slot) {
                *free = number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_text_has_one_number_and_each_number_its_text(
            texts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6), 0..400),
        ) {
            let mut interner = Interner::default();
            let mut known: HashMap<Vec<u8>, Id> = HashMap::new();
            for text in &texts {
                let id = interner.intern(text);
                prop_assert!(!id.is_none());
                prop_assert_eq!(*known.entry(text.clone()).or_insert(id), id);
            }
            for (text, id) in &known {
                prop_assert_eq!(interner.get(*id), text.as_slice());
            }
            prop_assert_eq!(interner.numbers(), known.len() + 1);
        }
    }
}
