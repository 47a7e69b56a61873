//! How fast one credential may ask: a steady rate and a burst over it (GCRA, a leaky bucket that keeps one time a key).
//!
//! The keys are those of credentials that were found good, so there are never more than were handed out; the table has a
//! fixed size all the same.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time that one request takes up: 100 a second in the long run.
const EACH: Duration = Duration::from_millis(10);

/// How far ahead of that rate a credential may be: 2000 requests at once.
const AHEAD: Duration = Duration::from_secs(20);

/// Credentials remembered.
const KEYS: usize = 10_000;

/// When each credential will have used up what it asked for so far.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    until: Mutex<HashMap<String, Instant>>,
}

impl Pace {
    /// Whether a credential may ask once more now; otherwise in how many seconds.
    pub(crate) fn take(&self, key: &str, now: Instant) -> Result<(), u64> {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= KEYS && !until.contains_key(key) {
            until.retain(|_, until| *until > now);
            if until.len() >= KEYS {
                // Ten thousand credentials at work at once: the next ones wait until some rest.
                return Err(1);
            }
        }
        let next = until.get(key).copied().unwrap_or(now).max(now) + EACH;
        let ahead = next.saturating_duration_since(now);
        if ahead > AHEAD {
            return Err((ahead - AHEAD).as_secs().max(1));
        }
        until.insert(key.to_owned(), next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let pace = Pace::default();
        let now = Instant::now();
        for _ in 0..2_000 {
            assert_eq!(pace.take("a", now), Ok(()));
        }
        assert_eq!(pace.take("a", now), Err(1));
        assert_eq!(pace.take("b", now), Ok(()), "another credential");
        assert_eq!(pace.take("a", now + EACH), Ok(()));
        assert_eq!(pace.take("a", now + EACH), Err(1));
    }

    #[test]
    fn the_table_has_an_end_and_forgets_who_rests() {
        let pace = Pace::default();
        let now = Instant::now();
        for number in 0..KEYS {
            assert_eq!(pace.take(&number.to_string(), now), Ok(()));
        }
        assert_eq!(pace.take("one more", now), Err(1));
        assert_eq!(pace.take("one more", now + EACH), Ok(()));
        assert_eq!(pace.until.lock().unwrap().len(), 1);
    }
}
