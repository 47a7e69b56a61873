//! Tells lines that reach us by two ways: the journal keeps what a syslog daemon writes to files as well.
//!
//! Two lines of different origin are one message when process and text are the same and the times differ by at most a
//! second. Within one origin every line counts: sshd may say the same twice in a second and mean it.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A syslog daemon lags behind the journal by no more than this, so lines are remembered for as long.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_mins(15);

/// rsyslog holds `message repeated` back until another message comes: copies in the journal are older by up to this.
const REPEATED_WITHIN_SECONDS: i64 = 600;

/// Most lines remembered within one run, about 10 MiB; what comes beyond counts once for each origin.
const MOST_IN_RUN: usize = 262_144;

/// Most lines remembered from one run to the next; the oldest go first.
const MOST_BETWEEN_RUNS: usize = 8_192;

/// By which way a line reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Origin {
    /// A file of a syslog daemon.
    File,
    /// The journal.
    Journal,
}

impl Origin {
    const fn other(self) -> Self {
        match self {
            Self::File => Self::Journal,
            Self::Journal => Self::File,
        }
    }
}

/// A line that waits for its copy from the other origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Single {
    origin: Origin,
    /// Digest of process and text.
    key: u64,
    second: i64,
    /// Tells like lines apart.
    ordinal: u64,
}

/// A message as it is compared with copies of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) pid: Option<u32>,
    pub(super) text: &'a [u8],
    /// How many messages the line stands for.
    pub(super) repeats: u32,
    pub(super) at: Timestamp,
}

/// Lines that have been seen by one way only.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// `None`: there is but one origin, and nothing to compare.
    singles: Option<BTreeSet<Single>>,
    ordinal: u64,
}

impl Seen {
    /// Goes on where an earlier run ended.
    pub(super) fn resume(remembered: &[Single]) -> Self {
        Self {
            singles: Some(remembered.iter().take(MOST_BETWEEN_RUNS).copied().collect()),
            ordinal: remembered
                .iter()
                .map(|single| single.ordinal)
                .max()
                .unwrap_or_default(),
        }
    }

    /// How many of the messages that a line stands for have not been seen by the other way.
    pub(super) fn count_new(&mut self, message: Message<'_>, origin: Origin) -> u32 {
        let Some(singles) = &mut self.singles else {
            return message.repeats;
        };
        let mut hasher = DefaultHasher::new();
        (message.pid, message.text).hash(&mut hasher);
        let key = hasher.finish();
        let second = message.at.as_second();
        let back = if message.repeats > 1 {
            REPEATED_WITHIN_SECONDS
        } else {
            1
        };
        let at = |origin, second, ordinal| Single {
            origin,
            key,
            second,
            ordinal,
        };
        let other = origin.other();
        let range = at(other, second.saturating_sub(back), 0)..=at(other, second.saturating_add(1), u64::MAX);
        let most = usize::try_from(message.repeats).unwrap_or(usize::MAX);
        let copies: Vec<Single> = singles.range(range).take(most).copied().collect();
        for copy in &copies {
            singles.remove(copy);
        }
        let new = message.repeats - u32::try_from(copies.len()).unwrap_or(message.repeats);
        for _ in 0..new {
            if singles.len() >= MOST_IN_RUN {
                break;
            }
            self.ordinal += 1;
            singles.insert(at(origin, second, self.ordinal));
        }
        new
    }

    /// What the next run must know.
    pub(super) fn remembered(&self, now: Timestamp) -> Vec<Single> {
        let oldest = now
            .saturating_sub(REMEMBERED_FOR)
            .unwrap_or(Timestamp::MIN)
            .as_second();
        let mut singles: Vec<Single> = self
            .singles
            .iter()
            .flatten()
            .filter(|single| single.second >= oldest)
            .copied()
            .collect();
        singles.sort_unstable_by_key(|single| (std::cmp::Reverse(single.second), single.ordinal));
        singles.truncate(MOST_BETWEEN_RUNS);
        singles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str, second: i64, repeats: u32) -> Message<'_> {
        Message {
            pid: Some(7),
            text: text.as_bytes(),
            repeats,
            at: Timestamp::from_second(second).unwrap(),
        }
    }

    #[test]
    fn a_copy_of_the_other_origin_counts_once() {
        let mut seen = Seen::resume(&[]);
        assert_eq!(seen.count_new(message("a", 100, 1), Origin::Journal), 1);
        assert_eq!(
            seen.count_new(message("a", 100, 1), Origin::Journal),
            1,
            "said twice"
        );
        assert_eq!(seen.count_new(message("a", 101, 1), Origin::File), 0);
        assert_eq!(seen.count_new(message("a", 101, 1), Origin::File), 0);
        assert_eq!(
            seen.count_new(message("a", 101, 1), Origin::File),
            1,
            "a third is new"
        );
        assert_eq!(seen.count_new(message("b", 100, 1), Origin::File), 1);
        assert_eq!(
            seen.count_new(message("b", 103, 1), Origin::Journal),
            1,
            "too far apart"
        );
    }

    #[test]
    fn copies_are_known_in_the_next_run_and_repeats_are_matched_one_by_one() {
        let mut seen = Seen::resume(&[]);
        for second in [100, 103, 106] {
            seen.count_new(message("a", second, 1), Origin::Journal);
        }
        let mut seen = Seen::resume(&seen.remembered(Timestamp::from_second(110).unwrap()));
        assert_eq!(seen.count_new(message("a", 120, 4), Origin::File), 1);
    }

    #[test]
    fn with_one_origin_nothing_is_remembered() {
        let mut seen = Seen::default();
        assert_eq!(seen.count_new(message("a", 100, 3), Origin::File), 3);
        assert!(seen.remembered(Timestamp::UNIX_EPOCH).is_empty());
    }
}
