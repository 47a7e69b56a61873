//! How long to wait before trying again.

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};

/// The ceiling of the first wait.
const FIRST: Duration = Duration::from_secs(1);
/// The ceiling that waits grow to.
pub const CAP: Duration = Duration::from_secs(5 * 60);
/// Never sooner than this, however the dice fall.
const FLOOR: Duration = Duration::from_millis(200);
/// The longest `Retry-After` that is believed.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);
/// What is added to a `Retry-After` at random, at least, so that hosts told the same do not come back as one.
const LEAST_SPREAD: Duration = Duration::from_secs(1);

/// Exponential backoff with full jitter: the ceiling doubles up to [`CAP`], and the wait is drawn evenly from zero to
/// the ceiling *after* capping, so that a fleet that lost its collector at one moment does not return at one moment.
#[derive(Debug)]
pub struct Backoff {
    failures: u32,
    random: Random,
}

impl Backoff {
    /// No failure yet.
    #[must_use]
    pub const fn new(random: Random) -> Self {
        Self { failures: 0, random }
    }

    /// It worked: the next failure is a first one.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure.
    pub fn after_failure(&mut self) -> Duration {
        let ceiling = FIRST
            .checked_mul(2_u32.saturating_pow(self.failures))
            .map_or(CAP, |ceiling| ceiling.min(CAP));
        self.failures = self.failures.saturating_add(1);
        self.random.up_to(ceiling).max(FLOOR)
    }

    /// The wait after being told `Retry-After: asked`: never less, and spread over as long again.
    pub fn asked(&mut self, asked: Duration) -> Duration {
        let asked = asked.min(LONGEST_RETRY_AFTER);
        asked.saturating_add(self.random.up_to(asked.max(LEAST_SPREAD)))
    }
}

/// A source of even draws.
#[derive(Clone, Copy, Debug)]
pub struct Random(fn() -> u64);

impl Random {
    /// The operating system's.
    #[must_use]
    pub const fn system() -> Self {
        Self(|| {
            let mut bytes = [0; 8];
            // Where the system gives no random bytes the whole ceiling is waited: slow, never a stampede of one.
            match SystemRandom::new().fill(&mut bytes) {
                Ok(()) => u64::from_le_bytes(bytes),
                Err(_) => u64::MAX,
            }
        })
    }

    /// Draws that a test decides: 0 is the least, `u64::MAX` the most.
    #[must_use]
    pub const fn fixed(draw: fn() -> u64) -> Self {
        Self(draw)
    }

    /// Evenly from zero to `ceiling`.
    #[must_use]
    pub fn up_to(self, ceiling: Duration) -> Duration {
        let nanos = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
        // 128-bit: the product of two 64-bit numbers does not overflow it.
        let drawn = u128::from((self.0)()) * u128::from(nanos) / u128::from(u64::MAX);
        Duration::from_nanos(u64::try_from(drawn).unwrap_or(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_to_the_cap_and_starts_over() {
        let mut longest = Backoff::new(Random::fixed(|| u64::MAX));
        let waits: Vec<u64> = (0..12).map(|_| longest.after_failure().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        for _ in 0..100 {
            longest.after_failure();
        }
        assert_eq!(longest.after_failure(), CAP);
        longest.reset();
        assert_eq!(longest.after_failure(), FIRST);
    }

    #[test]
    fn jitter_reaches_down_from_the_cap_to_almost_nothing() {
        let mut shortest = Backoff::new(Random::fixed(|| 0));
        for _ in 0..20 {
            assert_eq!(shortest.after_failure(), FLOOR);
        }
        let mut middle = Backoff::new(Random::fixed(|| u64::MAX / 2));
        let last = (0..20).map(|_| middle.after_failure()).last().unwrap();
        assert_eq!(last.as_secs(), CAP.as_secs() / 2 - 1 + CAP.as_secs() % 2);
    }

    #[test]
    fn what_the_collector_asks_is_never_undercut_and_is_bounded() {
        let mut backoff = Backoff::new(Random::fixed(|| 0));
        assert_eq!(backoff.asked(Duration::from_secs(30)).as_secs(), 30);
        let mut backoff = Backoff::new(Random::fixed(|| u64::MAX));
        assert_eq!(backoff.asked(Duration::from_secs(30)).as_secs(), 60);
        assert_eq!(backoff.asked(Duration::ZERO), LEAST_SPREAD);
        assert_eq!(
            backoff.asked(Duration::from_secs(u64::MAX)),
            2 * LONGEST_RETRY_AFTER
        );
    }

    #[test]
    fn draws_of_the_system_stay_under_the_ceiling() {
        let ceiling = Duration::from_secs(9);
        assert!((0..1_000).all(|_| Random::system().up_to(ceiling) <= ceiling));
    }
}
