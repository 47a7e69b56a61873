//! Sliding windows over attempts in order of time.

use jiff::SignedDuration;
use plumbline_facts::logins::{Id, Row};

/// What a window sums up as it slides.
pub(super) trait Measure {
    /// An attempt enters.
    fn add(&mut self, row: &Row);
    /// An attempt leaves.
    fn remove(&mut self, row: &Row);
    /// Whether what is inside is abnormal.
    fn is_abnormal(&self) -> bool;
}

/// Marks every attempt that lies in some abnormal window of length `within`, ends included.
pub(super) fn mark(rows: &[&Row], within: SignedDuration, mut measure: impl Measure, marks: &mut [bool]) {
    let within = microseconds(within);
    let (mut start, mut marked) = (0, 0);
    for (end, row) in rows.iter().enumerate() {
        measure.add(row);
        while let Some(oldest) = rows.get(start)
            && row.microsecond().saturating_sub(oldest.microsecond()) > within
        {
            measure.remove(oldest);
            start += 1;
        }
        if measure.is_abnormal() {
            for mark in marks.iter_mut().take(end + 1).skip(start.max(marked)) {
                *mark = true;
            }
            marked = end + 1;
        }
    }
    for row in rows.iter().skip(start) {
        measure.remove(row);
    }
}

/// The marked attempts, parted where they lie more than `gap` apart.
pub(super) fn episodes<'e>(rows: &[&'e Row], marks: &[bool], gap: SignedDuration) -> Vec<Vec<&'e Row>> {
    let gap = microseconds(gap);
    let mut episodes: Vec<Vec<&Row>> = Vec::new();
    let marked = rows.iter().zip(marks).filter(|(_, marked)| **marked);
    for (row, _) in marked {
        let goes_on = |last: &&Row| row.microsecond().saturating_sub(last.microsecond()) <= gap;
        match episodes.last_mut() {
            Some(episode) if episode.last().is_some_and(goes_on) => episode.push(row),
            _ => episodes.push(vec![row]),
        }
    }
    episodes
}

pub(super) fn microseconds(time: SignedDuration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// At least so many attempts.
pub(super) struct Attempts {
    least: u64,
    sum: u64,
}

impl Attempts {
    pub(super) const fn least(least: u64) -> Self {
        Self { least, sum: 0 }
    }
}

impl Measure for Attempts {
    fn add(&mut self, row: &Row) {
        self.sum += u64::from(row.count);
    }

    fn remove(&mut self, row: &Row) {
        self.sum -= u64::from(row.count);
    }

    fn is_abnormal(&self) -> bool {
        self.sum >= self.least
    }
}

/// At least so many different values of a key.
pub(super) struct Different<'c, F> {
    least: usize,
    key: F,
    /// How many attempts within have each key.
    counts: &'c mut [u32],
    different: usize,
}

impl<'c, F: Fn(&Row) -> Id> Different<'c, F> {
    /// `counts` has a place for each number that `key` gives, and all of them are 0, now and when the window has closed.
    pub(super) const fn least(least: usize, key: F, counts: &'c mut [u32]) -> Self {
        Self {
            least,
            key,
            counts,
            different: 0,
        }
    }

    fn count(&mut self, row: &Row) -> Option<&mut u32> {
        let key = (self.key)(row);
        self.counts.get_mut(key.place()).filter(|_| !key.is_none())
    }
}

impl<F: Fn(&Row) -> Id> Measure for Different<'_, F> {
    fn add(&mut self, row: &Row) {
        if let Some(count) = self.count(row) {
            *count += 1;
            if *count == 1 {
                self.different += 1;
            }
        }
    }

    fn remove(&mut self, row: &Row) {
        if let Some(count) = self.count(row) {
            *count -= 1;
            if *count == 0 {
                self.different -= 1;
            }
        }
    }

    fn is_abnormal(&self) -> bool {
        self.different >= self.least
    }
}

/// Both at once.
pub(super) struct Both<A, B>(pub(super) A, pub(super) B);

impl<A: Measure, B: Measure> Measure for Both<A, B> {
    fn add(&mut self, row: &Row) {
        self.0.add(row);
        self.1.add(row);
    }

    fn remove(&mut self, row: &Row) {
        self.0.remove(row);
        self.1.remove(row);
    }

    fn is_abnormal(&self) -> bool {
        self.0.is_abnormal() && self.1.is_abnormal()
    }
}
