//! Sliding windows over events in order of time.

use std::collections::HashMap;
use std::hash::Hash;

use jiff::SignedDuration;
use plumbline_facts::logins::LoginEvent;

/// What a window sums up as it slides.
pub(super) trait Measure {
    /// An event enters.
    fn add(&mut self, event: &LoginEvent);
    /// An event leaves.
    fn remove(&mut self, event: &LoginEvent);
    /// Whether what is inside is abnormal.
    fn is_abnormal(&self) -> bool;
}

/// Marks every event that lies in some abnormal window of length `within`, ends included.
pub(super) fn mark(
    events: &[&LoginEvent],
    within: SignedDuration,
    mut measure: impl Measure,
    marks: &mut [bool],
) {
    let (mut start, mut marked) = (0, 0);
    for (end, event) in events.iter().enumerate() {
        measure.add(event);
        while let Some(oldest) = events.get(start)
            && event.at.duration_since(oldest.at) > within
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
}

/// The marked events, parted where they lie more than `gap` apart.
pub(super) fn episodes<'e>(
    events: &[&'e LoginEvent],
    marks: &[bool],
    gap: SignedDuration,
) -> Vec<Vec<&'e LoginEvent>> {
    let mut episodes: Vec<Vec<&LoginEvent>> = Vec::new();
    let marked = events.iter().zip(marks).filter(|(_, marked)| **marked);
    for (event, _) in marked {
        match episodes.last_mut() {
            Some(episode)
                if episode
                    .last()
                    .is_some_and(|last| event.at.duration_since(last.at) <= gap) =>
            {
                episode.push(event);
            }
            _ => episodes.push(vec![event]),
        }
    }
    episodes
}

/// At least so many attempts.
pub(super) struct Attempts {
    pub(super) least: u64,
    pub(super) sum: u64,
}

impl Attempts {
    pub(super) const fn least(least: u64) -> Self {
        Self { least, sum: 0 }
    }
}

impl Measure for Attempts {
    fn add(&mut self, event: &LoginEvent) {
        self.sum += u64::from(event.count);
    }

    fn remove(&mut self, event: &LoginEvent) {
        self.sum -= u64::from(event.count);
    }

    fn is_abnormal(&self) -> bool {
        self.sum >= self.least
    }
}

/// At least so many different values of a key.
pub(super) struct Different<K, F> {
    least: usize,
    key: F,
    counts: HashMap<K, usize>,
}

impl<K: Hash + Eq, F: Fn(&LoginEvent) -> Option<K>> Different<K, F> {
    pub(super) fn least(least: usize, key: F) -> Self {
        Self {
            least,
            key,
            counts: HashMap::new(),
        }
    }
}

impl<K: Hash + Eq, F: Fn(&LoginEvent) -> Option<K>> Measure for Different<K, F> {
    fn add(&mut self, event: &LoginEvent) {
        if let Some(key) = (self.key)(event) {
            *self.counts.entry(key).or_default() += 1;
        }
    }

    fn remove(&mut self, event: &LoginEvent) {
        if let Some(key) = (self.key)(event)
            && let Some(count) = self.counts.get_mut(&key)
        {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&key);
            }
        }
    }

    fn is_abnormal(&self) -> bool {
        self.counts.len() >= self.least
    }
}

/// Both at once.
pub(super) struct Both<A, B>(pub(super) A, pub(super) B);

impl<A: Measure, B: Measure> Measure for Both<A, B> {
    fn add(&mut self, event: &LoginEvent) {
        self.0.add(event);
        self.1.add(event);
    }

    fn remove(&mut self, event: &LoginEvent) {
        self.0.remove(event);
        self.1.remove(event);
    }

    fn is_abnormal(&self) -> bool {
        self.0.is_abnormal() && self.1.is_abnormal()
    }
}
