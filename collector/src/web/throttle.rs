//! Slows down whoever keeps guessing: failed attempts are counted by source, in a table of fixed size.
//!
//! Only failures count, so a thousand hosts that enrol from behind one address are not held up. Tokens have 160 random
//! bits and can't be guessed anyway; this keeps guessers from costing more than their connections.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures that may come at once.
const BURST: u32 = 30;

/// One failure is forgiven after this long.
const FORGIVEN_AFTER: Duration = Duration::from_secs(2);

/// Sources remembered. When all are bad the table is full, and new ones share one count.
const SOURCES: usize = 10_000;

/// Failures by source.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    sources: HashMap<IpAddr, Bucket>,
    others: Bucket,
}

/// Failures not yet forgiven.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    failures: u32,
    since: Option<Instant>,
}

impl Bucket {
    fn forgive(&mut self, now: Instant) {
        let Some(since) = self.since else { return };
        let forgiven = now.saturating_duration_since(since).as_secs() / FORGIVEN_AFTER.as_secs();
        let forgiven = u32::try_from(forgiven).unwrap_or(u32::MAX);
        if forgiven > 0 {
            self.failures = self.failures.saturating_sub(forgiven);
            self.since = Some(now);
        }
    }
}

impl Throttle {
    /// Whether a source may try now; otherwise in how many seconds.
    pub(crate) fn may_try(&self, source: IpAddr, now: Instant) -> Result<(), u64> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = table.bucket(network(source), now, false);
        bucket.forgive(now);
        if bucket.failures < BURST {
            Ok(())
        } else {
            Err(FORGIVEN_AFTER.as_secs())
        }
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, source: IpAddr, now: Instant) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = table.bucket(network(source), now, true);
        bucket.forgive(now);
        if bucket.failures == 0 {
            bucket.since = Some(now);
        }
        bucket.failures = bucket.failures.saturating_add(1).min(BURST);
    }
}

impl Table {
    /// The bucket of a source; a new one if `keep` and there is room.
    fn bucket(&mut self, source: IpAddr, now: Instant, keep: bool) -> &mut Bucket {
        if !self.sources.contains_key(&source) {
            if keep && self.sources.len() >= SOURCES {
                self.sources.retain(|_, bucket| {
                    bucket.forgive(now);
                    bucket.failures > 0
                });
            }
            if !keep || self.sources.len() >= SOURCES {
                return &mut self.others;
            }
        }
        self.sources.entry(source).or_default()
    }
}

/// Who is likely one and the same: an IPv4 address, or the /64 that one subscriber has of IPv6 (RFC 6177).
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn failures_are_counted_by_source_and_forgiven_with_time() {
        let throttle = Throttle::default();
        let now = Instant::now();
        let guesser = source("192.0.2.1");
        for _ in 0..BURST {
            assert!(throttle.may_try(guesser, now).is_ok());
            throttle.failed(guesser, now);
        }
        assert!(throttle.may_try(guesser, now).is_err());
        assert!(
            throttle.may_try(source("::ffff:192.0.2.1"), now).is_err(),
            "the same over IPv6"
        );
        assert!(throttle.may_try(source("192.0.2.2"), now).is_ok());
        assert!(throttle.may_try(guesser, now + FORGIVEN_AFTER).is_ok());
    }

    #[test]
    fn one_network_of_ipv6_is_one_source() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for host in 0..BURST {
            throttle.failed(source(&format!("2001:db8::{host:x}")), now);
        }
        assert!(throttle.may_try(source("2001:db8::ffff"), now).is_err());
        assert!(throttle.may_try(source("2001:db8:0:1::1"), now).is_ok());
    }

    #[test]
    fn the_table_does_not_grow_with_the_number_of_guessers() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for number in 0..u32::try_from(SOURCES).unwrap() + 100 {
            throttle.failed(IpAddr::V4((0x0a00_0000 + number).into()), now);
        }
        assert_eq!(throttle.table.lock().unwrap().sources.len(), SOURCES);
        assert!(
            throttle.may_try(source("192.0.2.1"), now).is_err(),
            "newcomers share what is left"
        );
    }
}
