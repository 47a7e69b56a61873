//! How many findings of each kind a host has, check by check: small enough to be read and written with every report.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use plumbline_config::finding::{Severity, Status};

/// Counts of one host's findings as measured, by check, status and severity. None is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally(BTreeMap<String, BTreeMap<(Status, Severity), u32>>);

/// Letters of the statuses that a host can give, as they are kept.
const STATUSES: [(char, Status); 5] = [
    ('p', Status::Pass),
    ('f', Status::Fail),
    ('n', Status::NotApplicable),
    ('e', Status::Error),
    ('m', Status::Manual),
];

/// Letters of the severities, as they are kept.
const SEVERITIES: [(char, Severity); 4] = [
    ('l', Severity::Low),
    ('m', Severity::Medium),
    ('h', Severity::High),
    ('c', Severity::Critical),
];

impl Tally {
    /// A finding comes.
    pub(crate) fn add(&mut self, check: &str, status: Status, severity: Severity) {
        if !self.0.contains_key(check) {
            self.0.insert(check.to_owned(), BTreeMap::new());
        }
        if let Some(counts) = self.0.get_mut(check) {
            *counts.entry((status, severity)).or_default() += 1;
        }
    }

    /// A finding goes.
    pub(crate) fn remove(&mut self, check: &str, status: Status, severity: Severity) {
        let Some(counts) = self.0.get_mut(check) else {
            return;
        };
        if let Some(number) = counts.get_mut(&(status, severity)) {
            *number = number.saturating_sub(1);
        }
        counts.retain(|_, number| *number > 0);
        if counts.is_empty() {
            self.0.remove(check);
        }
    }

    /// The checks that have other counts here than there.
    pub(crate) fn differing<'t>(&'t self, other: &'t Self) -> BTreeSet<&'t str> {
        let here = self
            .0
            .iter()
            .filter(|(check, counts)| other.0.get(*check) != Some(counts));
        let there = other.0.keys().filter(|check| !self.0.contains_key(*check));
        here.map(|(check, _)| check.as_str())
            .chain(there.map(String::as_str))
            .collect()
    }

    /// Each check that has findings, with their counts.
    pub(crate) fn checks(&self) -> impl Iterator<Item = (&str, &BTreeMap<(Status, Severity), u32>)> {
        self.0.iter().map(|(check, counts)| (check.as_str(), counts))
    }

    /// What a host shows on a check: the worst of its findings; `None` when it has none.
    pub(crate) fn worst(&self, check: &str) -> Option<Status> {
        let statuses = self.0.get(check)?.keys().map(|(status, _)| *status);
        statuses.max_by_key(|status| rank(*status))
    }

    /// As it is kept: `check=ph3,fc1;…`, with a letter for the status, one for the severity, and the number.
    pub(crate) fn encode(&self) -> String {
        let mut text = String::new();
        for (check, counts) in &self.0 {
            text.push_str(check);
            let mut before = '=';
            for ((status, severity), number) in counts {
                let (Some(status), Some(severity)) =
                    (letter(&STATUSES, *status), letter(&SEVERITIES, *severity))
                else {
                    continue;
                };
                // Writing to a string can't fail.
                let _written = write!(text, "{before}{status}{severity}{number}");
                before = ',';
            }
            text.push(';');
        }
        text
    }

    /// From what was kept; `None` when it was not kept by [`Self::encode`].
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let mut tally = Self::default();
        for part in text.split_terminator(';') {
            let (check, counts) = part.split_once('=')?;
            let mut of_check = BTreeMap::new();
            for count in counts.split(',') {
                let mut letters = count.chars();
                let status = meaning(&STATUSES, letters.next()?)?;
                let severity = meaning(&SEVERITIES, letters.next()?)?;
                of_check.insert((status, severity), letters.as_str().parse().ok()?);
            }
            tally.0.insert(check.to_owned(), of_check);
        }
        Some(tally)
    }
}

/// Worse is higher. A host that passes while something else does not apply passes.
pub(crate) const fn rank(status: Status) -> u8 {
    match status {
        Status::NotApplicable => 0,
        other => 1 + other.concern(),
    }
}

fn letter<T: PartialEq>(letters: &[(char, T)], value: T) -> Option<char> {
    let found = letters.iter().find(|(_, meaning)| *meaning == value);
    found.map(|(letter, _)| *letter)
}

fn meaning<T: Copy>(letters: &[(char, T)], letter: char) -> Option<T> {
    let found = letters.iter().find(|(of, _)| *of == letter);
    found.map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept() -> impl Strategy<Value = (u8, Status, Severity)> {
        let status = proptest::sample::select(STATUSES.map(|(_, status)| status).to_vec());
        (0..3_u8, status, proptest::sample::select(Severity::ALL.to_vec()))
    }

    proptest! {
        #[test]
        fn what_is_kept_is_what_is_read(findings in proptest::collection::vec(kept(), 0..30), gone in 0..30_usize) {
            let check = |number: u8| format!("area.check-{number}");
            let mut tally = Tally::default();
            for (number, status, severity) in &findings {
                tally.add(&check(*number), *status, *severity);
            }
            prop_assert_eq!(Tally::decode(&tally.encode()), Some(tally.clone()));
            for (number, status, severity) in findings.iter().take(gone) {
                tally.remove(&check(*number), *status, *severity);
            }
            let mut rest = Tally::default();
            for (number, status, severity) in findings.iter().skip(gone) {
                rest.add(&check(*number), *status, *severity);
            }
            prop_assert_eq!(tally, rest);
        }

        #[test]
        fn any_text_is_answered(text in ".*") {
            let _answered = Tally::decode(&text);
        }
    }

    #[test]
    fn the_worst_finding_of_a_check_is_what_the_host_shows() {
        let mut tally = Tally::default();
        assert_eq!(tally.worst("a.b"), None);
        tally.add("a.b", Status::NotApplicable, Severity::High);
        assert_eq!(tally.worst("a.b"), Some(Status::NotApplicable));
        tally.add("a.b", Status::Pass, Severity::High);
        assert_eq!(tally.worst("a.b"), Some(Status::Pass));
        tally.add("a.b", Status::Fail, Severity::Low);
        assert_eq!(tally.worst("a.b"), Some(Status::Fail));
    }
}
