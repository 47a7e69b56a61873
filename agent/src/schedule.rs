//! When each check runs next: on its interval, and soon after something it reads has changed.
//!
//! Decides only; it does not sleep. Time is passed in.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::transport::Random;

/// A change is waited out for this long, so that a package upgrade or a log line in parts is one change.
const QUIET: Duration = Duration::from_secs(1);
/// A change that goes on is not waited out for longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Least time between two runs of a check for changes; doubled while changes keep coming.
const LEAST_SPACING: Duration = Duration::from_secs(2);
/// The spacing grows to this, so that a log that is written each second costs a run a minute.
const MOST_SPACING: Duration = Duration::from_secs(60);
/// What is urgent is waited out for this long only: a burst of log lines is one change all the same.
const URGENT_QUIET: Duration = Duration::from_millis(200);
/// An urgent change that goes on is not waited out for longer than this.
const URGENT_LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Least time between two urgent runs for changes.
const URGENT_LEAST_SPACING: Duration = Duration::from_millis(500);
/// An urgent check runs again after so many times what it took, so that it takes a fiftieth of one processor, whatever
/// is written and however fast.
const URGENT_SPACING_PARTS: u32 = 50;
/// The spacing of urgent runs grows to this.
const URGENT_MOST_SPACING: Duration = Duration::from_secs(15);
/// Checks due this soon run along, so that facts are gathered once for all.
const TOGETHER: Duration = Duration::from_secs(1);

/// When each check runs next.
#[derive(Debug)]
pub struct Schedule {
    interval: Duration,
    checks: BTreeMap<&'static str, Times>,
}

#[derive(Debug)]
struct Times {
    /// The next step of the interval.
    regular: Instant,
    /// An extra run that is to count as a regular one, outside of the steps.
    extra: Option<Instant>,
    change: Option<Change>,
    /// When a change last made it run.
    changed_run: Option<Instant>,
    spacing: Duration,
    /// What it tells of must be known within seconds, even where it changes without end.
    urgent: bool,
}

#[derive(Clone, Copy, Debug)]
struct Change {
    first: Instant,
    due: Instant,
}

/// The checks of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Due on their interval.
    pub regular: Vec<&'static str>,
    /// Due for a change alone.
    pub changed: Vec<&'static str>,
}

impl Due {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &'static str> {
        self.regular.iter().chain(&self.changed).copied()
    }
}

impl Schedule {
    /// All checks are due at once, and again at one moment of the next interval that is drawn for this start, so that
    /// a fleet that was started at one moment does not stay in step; then every interval.
    #[must_use]
    pub fn new(
        checks: impl IntoIterator<Item = &'static str>,
        interval: Duration,
        random: Random,
        now: Instant,
    ) -> Self {
        let times = || Times {
            regular: now,
            extra: None,
            change: None,
            changed_run: None,
            spacing: LEAST_SPACING,
            urgent: false,
        };
        let mut schedule = Self {
            interval: interval.max(Duration::from_secs(1)),
            checks: checks.into_iter().map(|check| (check, times())).collect(),
        };
        schedule.spread(random, now);
        schedule
    }

    /// The first regular time is now; `advance` steps whole intervals from it, so it is set back by the drawn part.
    fn spread(&mut self, random: Random, now: Instant) {
        let part = random.up_to(self.interval);
        let back = self.interval.saturating_sub(part);
        let start = now.checked_sub(back).unwrap_or(now);
        for times in self.checks.values_mut() {
            times.regular = start;
        }
    }

    /// What `check` tells of must be known within seconds: its changes are waited out for less, and how soon it runs
    /// again goes by what it costs ([`Self::took`]) and not by how often there are changes.
    pub fn hurry(&mut self, check: &str) {
        if let Some(times) = self.checks.get_mut(check) {
            times.urgent = true;
            times.spacing = URGENT_LEAST_SPACING;
        }
    }

    /// A run of `check` took this long.
    pub fn took(&mut self, check: &str, duration: Duration) {
        if let Some(times) = self.checks.get_mut(check).filter(|times| times.urgent) {
            times.spacing = duration
                .saturating_mul(URGENT_SPACING_PARTS)
                .clamp(URGENT_LEAST_SPACING, URGENT_MOST_SPACING);
        }
    }

    /// From now on another interval; what is due later than that by the old one comes forward.
    pub fn set_interval(&mut self, interval: Duration, now: Instant) {
        self.interval = interval.max(Duration::from_secs(1));
        for times in self.checks.values_mut() {
            times.regular = times.regular.min(now + self.interval);
        }
    }

    /// When the next check is due; `None` where there are none.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.checks.values().map(Times::due).min()
    }

    /// When each check is due.
    pub fn times(&self) -> impl Iterator<Item = (&'static str, Instant)> {
        self.checks.iter().map(|(check, times)| (*check, times.due()))
    }

    /// Something that `check` reads has changed.
    pub fn changed(&mut self, check: &str, now: Instant) {
        if let Some(times) = self.checks.get_mut(check) {
            let first = times.change.map_or(now, |change| change.first);
            let (quiet, longest) = if times.urgent {
                (URGENT_QUIET, URGENT_LONGEST_WAIT)
            } else {
                (QUIET, LONGEST_WAIT)
            };
            let quiet = (now + quiet).min(first + longest);
            let spaced = times.changed_run.map_or(quiet, |run| run + times.spacing);
            times.change = Some(Change {
                first,
                due: quiet.max(spaced),
            });
        }
    }

    /// Nothing can be relied on to be as it was: every check is as if changed.
    pub fn all_changed(&mut self, now: Instant) {
        let checks: Vec<&str> = self.checks.keys().copied().collect();
        for check in checks {
            self.changed(check, now);
        }
    }

    /// `check` is to run once more at `at`. The steps of its interval stay.
    pub fn run_extra(&mut self, check: &str, at: Instant) {
        if let Some(times) = self.checks.get_mut(check) {
            times.extra = Some(times.extra.map_or(at, |extra| extra.min(at)));
        }
    }

    /// As [`Self::run_extra`], for every check: under a new plan, or after the host slept.
    pub fn run_all_extra(&mut self, at: Instant) {
        for times in self.checks.values_mut() {
            times.extra = Some(times.extra.map_or(at, |extra| extra.min(at)));
        }
    }

    /// The checks that are due, or will be in a moment where one is; they count as run from here.
    pub fn take_due(&mut self, now: Instant) -> Due {
        let mut due = Due::default();
        if self.next().is_none_or(|next| next > now) {
            return due;
        }
        let horizon = now + TOGETHER.min(self.interval / 10);
        for (check, times) in &mut self.checks {
            let extra = times.extra.is_some_and(|extra| extra <= horizon);
            if extra || times.regular <= horizon {
                due.regular.push(check);
                times.extra = None;
                times.change = None;
                while times.regular <= horizon {
                    times.advance(self.interval, horizon);
                }
            } else if times
                .change
                .is_some_and(|change| change.due <= times.horizon(now, horizon))
            {
                due.changed.push(check);
                times.ran_for_change(now);
            }
        }
        due
    }
}

impl Times {
    fn due(&self) -> Instant {
        let change = self.change.map(|change| change.due);
        let others = [self.extra, change].into_iter().flatten();
        others.fold(self.regular, Instant::min)
    }

    /// What is urgent does not run ahead of its spacing for company's sake.
    const fn horizon(&self, now: Instant, together: Instant) -> Instant {
        if self.urgent { now } else { together }
    }

    /// To the first step of the interval after `horizon`. Steps that were slept through are left out.
    fn advance(&mut self, interval: Duration, horizon: Instant) {
        let late = horizon.saturating_duration_since(self.regular);
        let steps = late.as_nanos() / interval.as_nanos().max(1) + 1;
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        self.regular += interval.saturating_mul(steps);
    }

    fn ran_for_change(&mut self, now: Instant) {
        self.change = None;
        if self.urgent {
            self.changed_run = Some(now);
            return;
        }
        let again_soon = self
            .changed_run
            .is_some_and(|run| now < run + self.spacing.saturating_mul(2) + LONGEST_WAIT);
        self.spacing = if again_soon {
            self.spacing.saturating_mul(2).min(MOST_SPACING)
        } else {
            LEAST_SPACING
        };
        self.changed_run = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const SECOND: Duration = Duration::from_secs(1);

    fn schedule(random: Random, now: Instant) -> Schedule {
        Schedule::new(["a", "b"], HOUR, random, now)
    }

    #[test]
    fn all_run_at_start_then_at_a_drawn_moment_then_every_interval() {
        let start = Instant::now();
        let mut schedule = schedule(Random::fixed(|| u64::MAX / 4), start);
        assert_eq!(schedule.take_due(start).regular, ["a", "b"]);
        let second = schedule.next().unwrap();
        let quarter = (second - start).as_secs();
        assert!((899..=901).contains(&quarter), "{quarter}");
        assert_eq!(schedule.take_due(second - 2 * SECOND), Due::default());
        assert_eq!(schedule.take_due(second).regular, ["a", "b"]);
        assert_eq!(schedule.next().unwrap(), second + HOUR);
    }

    #[test]
    fn a_change_runs_its_check_within_seconds_and_no_other() {
        let start = Instant::now();
        let mut schedule = schedule(Random::fixed(|| u64::MAX), start);
        schedule.take_due(start);
        let now = start + 60 * SECOND;
        schedule.changed("b", now);
        schedule.changed("unknown", now);
        assert_eq!(schedule.next().unwrap(), now + QUIET);
        let due = schedule.take_due(now + QUIET);
        assert_eq!((due.regular.len(), due.changed), (0, vec!["b"]));
        assert_eq!(schedule.next().unwrap(), start + HOUR);
    }

    #[test]
    fn a_change_that_goes_on_is_waited_out_for_a_while_only() {
        let start = Instant::now();
        let mut schedule = schedule(Random::fixed(|| u64::MAX), start);
        schedule.take_due(start);
        let begun = start + 60 * SECOND;
        for tenths in 0..200 {
            schedule.changed("a", begun + tenths * SECOND / 10);
        }
        assert_eq!(schedule.next().unwrap(), begun + LONGEST_WAIT);
    }

    #[test]
    fn a_file_that_changes_without_end_costs_at_most_a_run_a_minute() {
        let start = Instant::now();
        let mut schedule = schedule(Random::fixed(|| u64::MAX), start);
        schedule.take_due(start);
        let mut runs = Vec::new();
        for second in 60..1_260 {
            let now = start + second * SECOND;
            schedule.changed("a", now);
            if !schedule.take_due(now).changed.is_empty() {
                runs.push(second);
            }
        }
        assert!(runs[0] <= 66, "the first soon");
        assert!(runs.len() < 30, "{}", runs.len());
        schedule.take_due(start + 1_400 * SECOND);
        let later = start + 2_000 * SECOND;
        schedule.changed("a", later);
        assert_eq!(
            schedule.next().unwrap(),
            later + QUIET,
            "after a quiet while soon again"
        );
    }

    #[test]
    fn what_is_urgent_runs_within_a_second_of_a_change_though_changes_never_end_and_at_its_cost() {
        let start = Instant::now();
        let runs_of = |cost: Duration| {
            let mut schedule = schedule(Random::fixed(|| u64::MAX), start);
            schedule.hurry("a");
            schedule.take_due(start);
            let mut runs = Vec::new();
            for tenth in 600..1_800 {
                let now = start + tenth * SECOND / 10;
                schedule.changed("a", now);
                if schedule.take_due(now).changed == ["a"] {
                    schedule.took("a", cost);
                    runs.push(now - start - 60 * SECOND);
                }
            }
            runs
        };
        let cheap = runs_of(Duration::from_millis(10));
        assert!(cheap[0] <= URGENT_LONGEST_WAIT, "{:?}", cheap[0]);
        let longest = cheap.windows(2).map(|two| two[1] - two[0]).max().unwrap();
        assert!(longest <= 2 * SECOND, "{longest:?}");
        let dear = runs_of(Duration::from_millis(100));
        assert!(dear[0] <= URGENT_LONGEST_WAIT, "{:?}", dear[0]);
        assert!((20..=25).contains(&dear.len()), "{}", dear.len());
        let endless = runs_of(60 * SECOND);
        assert_eq!(endless.len(), 8, "never less often than this");
    }

    #[test]
    fn a_regular_run_takes_the_change_along() {
        let start = Instant::now();
        let mut schedule = schedule(Random::fixed(|| u64::MAX), start);
        schedule.take_due(start);
        schedule.changed("a", start + HOUR - SECOND / 2);
        assert_eq!(schedule.take_due(start + HOUR).regular, ["a", "b"]);
        assert!(
            schedule
                .take_due(start + HOUR + 10 * SECOND)
                .all()
                .next()
                .is_none()
        );
    }

    #[test]
    fn an_extra_run_counts_as_regular_and_leaves_the_steps() {
        let start = Instant::now();
        let mut schedule = schedule(Random::fixed(|| u64::MAX), start);
        schedule.take_due(start);
        schedule.run_all_extra(start + 90 * SECOND);
        schedule.run_extra("b", start + 60 * SECOND);
        assert_eq!(schedule.take_due(start + 60 * SECOND).regular, ["b"]);
        assert_eq!(schedule.take_due(start + 90 * SECOND).regular, ["a"]);
        assert_eq!(schedule.next().unwrap(), start + HOUR);
    }

    #[test]
    fn a_shorter_interval_takes_hold_at_once() {
        let start = Instant::now();
        let mut schedule = schedule(Random::fixed(|| u64::MAX), start);
        schedule.take_due(start);
        schedule.set_interval(60 * SECOND, start + SECOND);
        assert_eq!(schedule.next().unwrap(), start + 61 * SECOND);
    }

    proptest! {
        /// However late it is asked, each check runs at least once an interval and is never left behind.
        #[test]
        fn no_check_waits_longer_than_its_interval(
            draw in 0_u64..u64::MAX,
            delays in proptest::collection::vec(0_u64..10_000, 1..50),
        ) {
            let start = Instant::now();
            let part = Duration::from_nanos(draw % 3_600_000_000_000);
            let mut schedule = schedule(Random::fixed(|| 0), start);
            for times in schedule.checks.values_mut() {
                times.regular = start - part;
            }
            let mut now = start;
            for delay in delays {
                schedule.take_due(now);
                prop_assert!(schedule.next().unwrap() > now);
                prop_assert!(schedule.next().unwrap() <= now + HOUR + 2 * SECOND);
                now += Duration::from_secs(delay);
            }
        }
    }
}
