//! Slows down whoever keeps guessing: failed attempts are counted, by source and by the user that is tried, in tables of
//! fixed size.
//!
//! Only failures count, so a thousand hosts that enrol from behind one address are not held up. Tokens have 160 random
//! bits and can't be guessed anyway; this keeps guessers from costing more than their connections. Passwords can be
//! guessed: an attempt on a user counts before it is judged, so that many at once are no way round, and stops to count
//! when it turns out right. Who tries somebody else's name can hold that person up for as long as they go on; a
//! password opens nothing in that time, an API token and the identity provider do.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is borne.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// Failures that may come at once.
    burst: u32,
    /// One failure is forgiven after this long.
    forgiven_after: Duration,
}

/// From one source.
const OF_SOURCE: Patience = Patience {
    burst: 30,
    forgiven_after: Duration::from_secs(2),
};

/// On one user: some 1500 guesses a day.
const OF_USER: Patience = Patience {
    burst: 10,
    forgiven_after: Duration::from_secs(60),
};

/// Keys remembered in a table. When all are bad the table is full, and new ones share one count.
const KEYS: usize = 10_000;

/// Failures by source, and by user.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    sources: Mutex<Table<IpAddr>>,
    users: Mutex<Table<String>>,
}

impl Throttle {
    /// Whether a source may try now; otherwise in how many seconds.
    pub(crate) fn may_try(&self, source: IpAddr, now: Instant) -> Result<(), u64> {
        lock(&self.sources).may_try(&network(source), now, OF_SOURCE)
    }

    /// Counts a failure of a source.
    pub(crate) fn failed(&self, source: IpAddr, now: Instant) {
        lock(&self.sources).failed(network(source), now, OF_SOURCE);
    }

    /// Whether a source may try a user's password now; otherwise in how many seconds. Counts as a failure of both until
    /// [`Self::signed_in`] says otherwise. The name is kept: its length is the caller's to bound.
    pub(crate) fn may_sign_in(&self, source: IpAddr, user: &str, now: Instant) -> Result<(), u64> {
        let source = network(source);
        let mut sources = lock(&self.sources);
        let mut users = lock(&self.users);
        sources.may_try(&source, now, OF_SOURCE)?;
        users.may_try(&user.to_owned(), now, OF_USER)?;
        sources.failed(source, now, OF_SOURCE);
        users.failed(user.to_owned(), now, OF_USER);
        Ok(())
    }

    /// Takes back the failures that [`Self::may_sign_in`] counted, and what others did to the user.
    pub(crate) fn signed_in(&self, source: IpAddr, user: &str) {
        if let Some(bucket) = lock(&self.sources).buckets.get_mut(&network(source)) {
            bucket.failures = bucket.failures.saturating_sub(1);
        }
        lock(&self.users).buckets.remove(user);
    }
}

/// A count that is off by one is better than no service.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct Table<K> {
    buckets: HashMap<K, Bucket>,
    others: Bucket,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self {
            buckets: HashMap::new(),
            others: Bucket::default(),
        }
    }
}

/// Failures not yet forgiven.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    failures: u32,
    since: Option<Instant>,
}

impl Bucket {
    fn forgive(&mut self, now: Instant, patience: Patience) {
        let Some(since) = self.since else { return };
        let forgiven = now.saturating_duration_since(since).as_secs() / patience.forgiven_after.as_secs();
        let forgiven = u32::try_from(forgiven).unwrap_or(u32::MAX);
        if forgiven > 0 {
            self.failures = self.failures.saturating_sub(forgiven);
            self.since = Some(now);
        }
    }
}

impl<K: Eq + Hash> Table<K> {
    fn may_try(&mut self, key: &K, now: Instant, patience: Patience) -> Result<(), u64> {
        let full = self.buckets.len() >= KEYS;
        let bucket = match self.buckets.get_mut(key) {
            Some(bucket) => bucket,
            None if full => &mut self.others,
            None => return Ok(()),
        };
        bucket.forgive(now, patience);
        if bucket.failures < patience.burst {
            Ok(())
        } else {
            Err(patience.forgiven_after.as_secs())
        }
    }

    fn failed(&mut self, key: K, now: Instant, patience: Patience) {
        if self.buckets.len() >= KEYS && !self.buckets.contains_key(&key) {
            self.buckets.retain(|_, bucket| {
                bucket.forgive(now, patience);
                bucket.failures > 0
            });
        }
        let full = self.buckets.len() >= KEYS && !self.buckets.contains_key(&key);
        let bucket = if full {
            &mut self.others
        } else {
            self.buckets.entry(key).or_default()
        };
        bucket.forgive(now, patience);
        if bucket.failures == 0 {
            bucket.since = Some(now);
        }
        bucket.failures = bucket.failures.saturating_add(1).min(patience.burst);
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
        for _ in 0..OF_SOURCE.burst {
            assert!(throttle.may_try(guesser, now).is_ok());
            throttle.failed(guesser, now);
        }
        assert!(throttle.may_try(guesser, now).is_err());
        assert!(
            throttle.may_try(source("::ffff:192.0.2.1"), now).is_err(),
            "the same over IPv6"
        );
        assert!(throttle.may_try(source("192.0.2.2"), now).is_ok());
        assert!(throttle.may_try(guesser, now + OF_SOURCE.forgiven_after).is_ok());
    }

    #[test]
    fn one_network_of_ipv6_is_one_source() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for host in 0..OF_SOURCE.burst {
            throttle.failed(source(&format!("2001:db8::{host:x}")), now);
        }
        assert!(throttle.may_try(source("2001:db8::ffff"), now).is_err());
        assert!(throttle.may_try(source("2001:db8:0:1::1"), now).is_ok());
    }

    #[test]
    fn the_table_does_not_grow_with_the_number_of_guessers() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for number in 0..u32::try_from(KEYS).unwrap() + 100 {
            throttle.failed(IpAddr::V4((0x0a00_0000 + number).into()), now);
        }
        assert_eq!(throttle.sources.lock().unwrap().buckets.len(), KEYS);
        assert!(
            throttle.may_try(source("192.0.2.1"), now).is_err(),
            "newcomers share what is left"
        );
    }

    #[test]
    fn a_user_is_guessed_at_from_everywhere_but_a_few_times() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for number in 0..OF_USER.burst {
            let from = source(&format!("192.0.2.{number}"));
            assert!(throttle.may_sign_in(from, "alice", now).is_ok());
        }
        let other = source("198.51.100.1");
        assert_eq!(throttle.may_sign_in(other, "alice", now), Err(60));
        assert!(throttle.may_sign_in(other, "bob", now).is_ok());
        assert!(
            throttle
                .may_sign_in(other, "alice", now + OF_USER.forgiven_after)
                .is_ok()
        );
    }

    #[test]
    fn who_signs_in_has_not_failed() {
        let throttle = Throttle::default();
        let now = Instant::now();
        let office = source("192.0.2.1");
        for _ in 0..1_000 {
            assert!(throttle.may_sign_in(office, "alice", now).is_ok());
            throttle.signed_in(office, "alice");
        }
        for _ in 0..OF_SOURCE.burst {
            throttle.failed(office, now);
        }
        assert_eq!(
            throttle.may_sign_in(office, "alice", now),
            Err(2),
            "others there have"
        );
    }
}
