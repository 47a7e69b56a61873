//! How many findings of each kind a host has, check by check: small enough to be read and written with every report.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt::Write;

use plumbline_config::catalogue;
use plumbline_config::finding::{Severity, Status};

/// Counts of one host's findings as measured, in the order of check, status and severity. None is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally(Vec<Count>);

/// How many findings of a check have a status and a severity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    /// Borrowed from the catalogue where it knows the check: a tally is read and copied with every report.
    check: Cow<'static, str>,
    pub(crate) status: Status,
    pub(crate) severity: Severity,
    pub(crate) number: u32,
}

impl Count {
    fn new(check: &str, status: Status, severity: Severity, number: u32) -> Self {
        let known = catalogue::check(check).map(|entry| Cow::Borrowed(entry.id.as_str()));
        Self {
            check: known.unwrap_or_else(|| Cow::Owned(check.to_owned())),
            status,
            severity,
            number,
        }
    }

    pub(crate) fn check(&self) -> &str {
        &self.check
    }

    fn order(&self, check: &str, status: Status, severity: Severity) -> Ordering {
        (self.check(), self.status, self.severity).cmp(&(check, status, severity))
    }
}

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
        match self.place(check, status, severity) {
            Ok(at) => self.0[at].number = self.0[at].number.saturating_add(1),
            Err(at) => self.0.insert(at, Count::new(check, status, severity, 1)),
        }
    }

    /// A finding goes.
    pub(crate) fn remove(&mut self, check: &str, status: Status, severity: Severity) {
        let Ok(at) = self.place(check, status, severity) else {
            return;
        };
        if self.0[at].number > 1 {
            self.0[at].number -= 1;
        } else {
            self.0.remove(at);
        }
    }

    /// So many findings that fail are waived: counted apart, never kept so.
    pub(crate) fn waive(&mut self, check: &str, severity: Severity, number: u32) {
        for _ in 0..number {
            if self.place(check, Status::Fail, severity).is_ok() {
                self.remove(check, Status::Fail, severity);
                self.add(check, Status::Waived, severity);
            }
        }
    }

    fn place(&self, check: &str, status: Status, severity: Severity) -> Result<usize, usize> {
        self.0
            .binary_search_by(|count| count.order(check, status, severity))
    }

    /// The checks that have other counts here than there.
    pub(crate) fn differing<'t>(&'t self, other: &'t Self) -> BTreeSet<&'t str> {
        let here = self.checks().filter(|counts| other.of(name(counts)) != *counts);
        let there = other.checks().filter(|counts| self.of(name(counts)).is_empty());
        here.chain(there).map(name).collect()
    }

    /// All counts.
    pub(crate) fn counts(&self) -> impl Iterator<Item = &Count> {
        self.0.iter()
    }

    /// The counts of each check that has findings.
    fn checks(&self) -> impl Iterator<Item = &[Count]> {
        self.0.chunk_by(|one, next| one.check == next.check)
    }

    /// The counts of one check.
    fn of(&self, check: &str) -> &[Count] {
        let start = self.0.partition_point(|count| count.check() < check);
        let rest = &self.0[start..];
        &rest[..rest.partition_point(|count| count.check() == check)]
    }

    /// What a host shows on a check: the worst of its findings; `None` when it has none.
    pub(crate) fn worst(&self, check: &str) -> Option<Status> {
        let statuses = self.of(check).iter().map(|count| count.status);
        statuses.max_by_key(|status| rank(*status))
    }

    /// As it is kept: `check=ph3,fc1;…`, with a letter for the status, one for the severity, and the number.
    pub(crate) fn encode(&self) -> String {
        let mut text = String::with_capacity(self.0.len() * 32);
        for counts in self.checks() {
            text.push_str(name(counts));
            let mut before = '=';
            for count in counts {
                let (Some(status), Some(severity)) = (
                    letter(&STATUSES, count.status),
                    letter(&SEVERITIES, count.severity),
                ) else {
                    continue;
                };
                // Writing to a string can't fail.
                let _written = write!(text, "{before}{status}{severity}{}", count.number);
                before = ',';
            }
            text.push(';');
        }
        text
    }

    /// From what was kept; `None` when it was not kept by [`Self::encode`].
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let mut tally = Self(Vec::with_capacity(text.len() / 24));
        for part in text.split_terminator(';') {
            let (check, counts) = part.split_once('=')?;
            for count in counts.split(',') {
                let mut letters = count.chars();
                let status = meaning(&STATUSES, letters.next()?)?;
                let severity = meaning(&SEVERITIES, letters.next()?)?;
                let number = letters.as_str().parse().ok().filter(|number| *number > 0)?;
                let after = |last: &Count| last.order(check, status, severity) == Ordering::Less;
                if !tally.0.last().is_none_or(after) {
                    return None;
                }
                tally.0.push(Count::new(check, status, severity, number));
            }
        }
        Some(tally)
    }
}

/// The check that counts are of.
fn name(counts: &[Count]) -> &str {
    counts.first().map_or("", Count::check)
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

    #[test]
    fn checks_that_count_otherwise_are_found_on_either_side() {
        let (mut one, mut other) = (Tally::default(), Tally::default());
        for tally in [&mut one, &mut other] {
            tally.add("a.same", Status::Pass, Severity::Low);
        }
        one.add("b.only-here", Status::Pass, Severity::Low);
        other.add("c.only-there", Status::Pass, Severity::Low);
        one.add("d.other-number", Status::Fail, Severity::Low);
        other.add("d.other-number", Status::Fail, Severity::Low);
        other.add("d.other-number", Status::Fail, Severity::Low);
        let differing = BTreeSet::from(["b.only-here", "c.only-there", "d.other-number"]);
        assert_eq!(one.differing(&other), differing);
        assert_eq!(other.differing(&one), differing);
        assert!(one.differing(&one.clone()).is_empty());
    }

    #[test]
    fn what_was_not_kept_so_is_no_tally() {
        for bad in [
            "a",
            "a=",
            "a=p",
            "a=ph0",
            "a=ph-1",
            "a=xh1",
            "b=ph1;a=ph1",
            "a=ph1,ph1",
            "a=ph1;a=ph1",
        ] {
            assert_eq!(Tally::decode(bad), None, "{bad}");
        }
    }
}
