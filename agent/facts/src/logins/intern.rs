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
    /// A power of two of them, at most half taken.
    slots: Vec<Slot>,
    taken: usize,
    /// Seeded by the system: peers choose the texts, and are not to choose where they collide.
    state: RandomState,
}

/// The number of a text by its hash; 0 where there is none.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    hash: u32,
    number: u32,
}

impl Interner {
    /// How many numbers there are, that of no text included.
    pub(super) const fn numbers(&self) -> usize {
        self.ends.len() + 1
    }

    /// All numbers, that of no text first.
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> {
        (0..self.numbers()).map_while(|number| u32::try_from(number).ok().map(Id))
    }

    /// The number of `text`, a new one where it never came. [`Id::NONE`] where no number or place is left.
    pub(super) fn intern(&mut self, text: &[u8]) -> Id {
        if self.taken * 2 >= self.slots.len() {
            self.grow();
        }
        // Half of the hash is enough: there are no more numbers than that.
        #[allow(clippy::cast_possible_truncation)]
        let hash = (self.state.hash_one(text) >> 32) as u32;
        let mask = self.slots.len() - 1;
        let mut place = hash as usize & mask;
        while let Some(slot) = self.slots.get(place).filter(|slot| slot.number != 0) {
            if slot.hash == hash && self.get(Id(slot.number)) == text {
                return Id(slot.number);
            }
            place = (place + 1) & mask;
        }
        let id = self.add(text);
        if let Some(free) = self.slots.get_mut(place) {
            *free = Slot { hash, number: id.0 };
            self.taken += 1;
        }
        id
    }

    /// A number for a text that is known to have none, and that [`Self::intern`] is never asked for.
    fn add(&mut self, text: &[u8]) -> Id {
        let end = u32::try_from(self.bytes.len() + text.len());
        let (Ok(end), Ok(number)) = (end, u32::try_from(self.ends.len() + 1)) else {
            return Id::NONE;
        };
        self.bytes.extend_from_slice(text);
        self.ends.push(end);
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

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(64);
        let taken = std::mem::replace(&mut self.slots, vec![Slot::default(); size]);
        for slot in taken.iter().filter(|slot| slot.number != 0) {
            let mut place = slot.hash as usize & (size - 1);
            while self.slots.get(place).is_some_and(|slot| slot.number != 0) {
                place = (place + 1) & (size - 1);
            }
            if let Some(free) = self.slots.get_mut(place) {
                *free = *slot;
            }
        }
    }
}

/// The numbers of IPv4 addresses among the texts of an [`Interner`]. Nearly all sources are such, and this finds them in
/// one place of memory instead of three.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    /// The hash is of one address alone. A power of two of them, at most half taken.
    slots: Vec<Slot>,
    taken: usize,
    /// Drawn by the system, so that peers can't choose addresses that collide.
    seed: u64,
}

impl Default for Addresses {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            taken: 0,
            seed: RandomState::new().hash_one(0),
        }
    }
}

impl Addresses {
    /// The number of an address, which stands as `text` among `texts`.
    pub(super) fn intern(&mut self, address: u32, text: &[u8], texts: &mut Interner) -> Id {
        if self.taken * 2 >= self.slots.len() {
            self.grow();
        }
        // Each step can be undone, so that no two addresses have one hash.
        #[allow(clippy::cast_possible_truncation)]
        let [lower, upper] = [self.seed as u32, (self.seed >> 32) as u32];
        let mixed = (address ^ lower).wrapping_mul(upper | 1);
        let hash = (mixed ^ (mixed >> 15)).wrapping_mul(0x846c_a68b);
        let hash = hash ^ (hash >> 16);
        let place = free_or(&self.slots, hash);
        match self.slots.get_mut(place) {
            Some(slot) if slot.number == 0 => {
                let id = texts.add(text);
                *slot = Slot { hash, number: id.0 };
                self.taken += 1;
                id
            }
            Some(slot) => Id(slot.number),
            None => Id::NONE,
        }
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(64);
        let taken = std::mem::replace(&mut self.slots, vec![Slot::default(); size]);
        for slot in taken.iter().filter(|slot| slot.number != 0) {
            let place = free_or(&self.slots, slot.hash);
            if let Some(free) = self.slots.get_mut(place) {
                *free = *slot;
            }
        }
    }
}

/// The place of a hash, or the one where it would go.
fn free_or(slots: &[Slot], hash: u32) -> usize {
    let mask = slots.len() - 1;
    let mut place = hash as usize & mask;
    while slots
        .get(place)
        .is_some_and(|slot| slot.number != 0 && slot.hash != hash)
    {
        place = (place + 1) & mask;
    }
    place
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_address_has_one_number(addresses in proptest::collection::vec(0u32..500, 0..800)) {
            let (mut texts, mut numbers) = (Interner::default(), Addresses::default());
            for address in addresses {
                let address = address.wrapping_mul(0x0101_0101);
                let id = numbers.intern(address, &address.to_be_bytes(), &mut texts);
                let text = address.to_be_bytes();
                prop_assert_eq!(texts.get(id), text.as_slice());
                prop_assert_eq!(numbers.intern(address, b"", &mut texts), id);
            }
            prop_assert_eq!(numbers.taken + 1, texts.numbers());
        }

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
