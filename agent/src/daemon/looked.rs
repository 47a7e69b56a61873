//! When each check last looked, by a clock that nobody sets and that goes on while the host sleeps.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// When each check last looked; nothing from before this start of the daemon.
#[derive(Debug)]
pub(super) struct Looked {
    known: Vec<&'static str>,
    at: Mutex<BTreeMap<&'static str, Duration>>,
}

impl Looked {
    /// None of the checks `known` has looked yet.
    pub(super) fn new(known: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            known: known.into_iter().collect(),
            at: Mutex::default(),
        }
    }

    /// These checks looked at the moment `at`, and what they said is kept.
    pub(super) fn note(&self, checks: impl IntoIterator<Item = &'static str>, at: Option<Duration>) {
        let Some(at) = at else {
            return;
        };
        let mut looked = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        looked.extend(checks.into_iter().map(|check| (check, at)));
    }

    /// What was seen counts no more.
    pub(super) fn clear(&self) {
        self.at.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Seconds from the oldest of the last looks to `now`; `None` until every check has looked.
    pub(super) fn age_seconds(&self, now: Option<Duration>) -> Option<u64> {
        let looked = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        let all: Option<Vec<Duration>> = self
            .known
            .iter()
            .map(|check| looked.get(check).copied())
            .collect();
        let oldest = all?.into_iter().min()?;
        Some(now?.saturating_sub(oldest).as_secs())
    }
}

/// Time since the host started, sleep included (CLOCK_BOOTTIME, clock_gettime(2)).
pub(super) fn since_boot() -> Option<Duration> {
    clock_gettime(ClockId::CLOCK_BOOTTIME).ok().map(Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_that_of_the_oldest_and_unknown_until_all_have_looked() {
        let second = |seconds| Some(Duration::from_secs(seconds));
        let looked = Looked::new(["a", "b"]);
        looked.note(["a"], second(100));
        assert_eq!(looked.age_seconds(second(110)), None);
        looked.note(["b"], second(105));
        assert_eq!(looked.age_seconds(second(110)), Some(10));
        looked.note(["a"], second(108));
        assert_eq!(looked.age_seconds(second(110)), Some(5));
        assert_eq!(looked.age_seconds(None), None);
        looked.clear();
        assert_eq!(looked.age_seconds(second(110)), None);
    }

    #[test]
    fn the_clock_goes() {
        let one = since_boot().unwrap();
        assert!(since_boot().unwrap() >= one);
    }
}
