//! The worst of many, in as much memory as is kept of them.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// The worst `most` of all that is offered; of what is equally bad, what was offered first.
#[derive(Debug)]
pub(super) struct Worst<K, T> {
    most: usize,
    offered: usize,
    /// What would go next is on top.
    kept: BinaryHeap<Kept<K, T>>,
}

#[derive(Debug)]
struct Kept<K, T> {
    /// Worse is greater.
    badness: K,
    place: usize,
    value: T,
}

impl<K: Ord, T> Worst<K, T> {
    /// Nothing yet, and never more than `most`.
    pub(super) const fn new(most: usize) -> Self {
        Self {
            most,
            offered: 0,
            kept: BinaryHeap::new(),
        }
    }

    /// Offers one; it is made only if it is kept for now.
    pub(super) fn offer(&mut self, badness: K, make: impl FnOnce() -> T) {
        let place = self.offered;
        self.offered += 1;
        if self.kept.len() == self.most {
            match self.kept.peek() {
                Some(mildest) if mildest.badness < badness => self.kept.pop(),
                // What is equally bad came before.
                _ => return,
            };
        }
        self.kept.push(Kept {
            badness,
            place,
            value: make(),
        });
    }

    /// How many were offered.
    pub(super) const fn offered(&self) -> usize {
        self.offered
    }

    /// What is kept, worst first.
    pub(super) fn into_sorted(self) -> Vec<T> {
        let sorted = self.kept.into_sorted_vec();
        sorted.into_iter().map(|kept| kept.value).collect()
    }
}

impl<K: Ord, T> Ord for Kept<K, T> {
    /// Worse is less, so that the heap has the mildest on top.
    fn cmp(&self, other: &Self) -> Ordering {
        (&other.badness, self.place).cmp(&(&self.badness, other.place))
    }
}

impl<K: Ord, T> PartialOrd for Kept<K, T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Ord, T> PartialEq for Kept<K, T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<K: Ord, T> Eq for Kept<K, T> {}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_worst_are_those_that_a_full_sort_puts_first(
            badness in proptest::collection::vec(0..12_u8, 0..200),
            most in 0..60_usize,
        ) {
            let mut worst = Worst::new(most);
            for (place, badness) in badness.iter().enumerate() {
                worst.offer(*badness, || (*badness, place));
                prop_assert!(worst.kept.len() <= most);
            }
            prop_assert_eq!(worst.offered(), badness.len());
            let mut all: Vec<(u8, usize)> = badness.into_iter().zip(0..).collect();
            all.sort_by_key(|(badness, _)| Reverse(*badness));
            all.truncate(most);
            prop_assert_eq!(worst.into_sorted(), all);
        }
    }

    #[test]
    fn what_is_not_kept_is_not_made() {
        let mut worst = Worst::new(1);
        let mut made = 0;
        for badness in [1, 1, 0, 2, 2] {
            worst.offer(badness, || made += 1);
        }
        assert_eq!((made, worst.offered()), (2, 5));
    }
}
