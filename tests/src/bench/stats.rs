//! What requests came to, and how long the accepted ones took.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Counts shared by all tasks of a fleet.
#[derive(Debug, Default)]
pub(crate) struct Stats(Mutex<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    accepted: BTreeMap<&'static str, Vec<u32>>,
    refused: BTreeMap<String, u64>,
}

impl Stats {
    pub(crate) fn accepted(&self, kind: &'static str, took: Duration) {
        self.numbers()
            .accepted
            .entry(kind)
            .or_default()
            .push(micros(took));
    }

    pub(crate) fn refused(&self, why: String) {
        *self.numbers().refused.entry(why).or_default() += 1;
    }

    pub(crate) fn total(&self) -> usize {
        self.numbers().accepted.values().map(Vec::len).sum()
    }

    /// One line for each kind of request, one for the refusals.
    pub(crate) fn lines(&self, elapsed: Duration) -> String {
        let mut numbers = self.numbers();
        let mut text = String::new();
        for (kind, micros) in &mut numbers.accepted {
            micros.sort_unstable();
            let rate = micros.len() as f64 / elapsed.as_secs_f64();
            let _written = writeln!(
                text,
                "  accepted {kind:<10} {:>8}  {rate:>7.0}/s  p50 {:>8.1} ms  p99 {:>8.1} ms  max {:>8.1} ms",
                micros.len(),
                quantile(micros, 50),
                quantile(micros, 99),
                quantile(micros, 100),
            );
        }
        for (why, times) in &numbers.refused {
            let _written = writeln!(text, "  refused  {times:>8}  {why}");
        }
        text
    }

    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A time as it is kept here.
pub(crate) fn micros(took: Duration) -> u32 {
    u32::try_from(took.as_micros()).unwrap_or(u32::MAX)
}

/// A quantile of sorted microseconds, in milliseconds; `percent` of them are no more.
pub(crate) fn quantile(sorted: &[u32], percent: usize) -> f64 {
    let place = sorted.len().saturating_sub(1) * percent / 100;
    sorted
        .get(place)
        .map_or(f64::NAN, |micros| f64::from(*micros) / 1_000.0)
}
