//! Lines that fall: a corrective action is opened on each by itself (Section 15).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::checklist::LineStatus;

/// How long a line must stay fallen before anybody is troubled: a host that is started anew is silent for a while.
const LASTING: SignedDuration = SignedDuration::from_mins(10);

/// A line that fell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fall {
    /// The line.
    pub line: String,
    /// What stood there.
    pub before: LineStatus,
    /// What stands there now.
    pub now: LineStatus,
}

/// What stands on each line, and which of them lie lower for the moment.
#[derive(Clone, Debug, Default)]
pub struct Falls {
    standing: BTreeMap<String, LineStatus>,
    low_since: BTreeMap<String, Timestamp>,
}

impl Falls {
    /// From what stood on the lines when last was looked.
    #[must_use]
    pub const fn since(standing: BTreeMap<String, LineStatus>) -> Self {
        Self {
            standing,
            low_since: BTreeMap::new(),
        }
    }

    /// Looks at what stands now; gives the lines that have lain lower for long enough, each once.
    pub fn look(
        &mut self,
        now: Timestamp,
        lines: impl IntoIterator<Item = (String, LineStatus)>,
    ) -> Vec<Fall> {
        let mut fallen = Vec::new();
        for (line, status) in lines {
            let before = *self.standing.entry(line.clone()).or_insert(status);
            if !is_lower(status, before) {
                self.standing.insert(line.clone(), status);
                self.low_since.remove(&line);
                continue;
            }
            let since = *self.low_since.entry(line.clone()).or_insert(now);
            if now.duration_since(since) >= LASTING {
                self.standing.insert(line.clone(), status);
                self.low_since.remove(&line);
                fallen.push(Fall {
                    line,
                    before,
                    now: status,
                });
            }
        }
        fallen
    }
}

/// Whether a line lies lower than before. One that did not apply has not fallen when it does: the plan was changed.
const fn is_lower(status: LineStatus, before: LineStatus) -> bool {
    use LineStatus::{Conforming, Nonconforming, Partly};
    matches!(
        (before, status),
        (Conforming, Partly | Nonconforming) | (Partly, Nonconforming)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use LineStatus::{Conforming, Nonconforming, NotApplicable, Partly};

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn run(statuses: &[(i64, LineStatus)]) -> Vec<(i64, LineStatus, LineStatus)> {
        let mut falls = Falls::default();
        let mut seen = Vec::new();
        for (minutes, status) in statuses {
            for fall in falls.look(at(*minutes), [("7.1.3".to_owned(), *status)]) {
                seen.push((*minutes, fall.before, fall.now));
            }
        }
        seen
    }

    #[test]
    fn a_line_that_stays_low_falls_once() {
        let seen = run(&[
            (0, Conforming),
            (1, Partly),
            (10, Partly),
            (11, Partly),
            (12, Partly),
            (60, Partly),
        ]);
        assert_eq!(seen, [(11, Conforming, Partly)]);
    }

    #[test]
    fn a_line_that_recovers_soon_has_not_fallen() {
        let seen = run(&[
            (0, Conforming),
            (1, Nonconforming),
            (9, Conforming),
            (12, Nonconforming),
        ]);
        assert_eq!(seen, []);
    }

    #[test]
    fn a_line_falls_further_and_again() {
        let seen = run(&[
            (0, Conforming),
            (1, Partly),
            (11, Partly),
            (12, Nonconforming),
            (22, Nonconforming),
            (23, Conforming),
            (24, Partly),
            (40, Partly),
        ]);
        assert_eq!(
            seen,
            [
                (11, Conforming, Partly),
                (22, Partly, Nonconforming),
                (40, Conforming, Partly)
            ]
        );
    }

    #[test]
    fn what_begins_to_apply_or_was_never_met_has_not_fallen() {
        assert_eq!(
            run(&[(0, NotApplicable), (1, Nonconforming), (99, Nonconforming)]),
            []
        );
        assert_eq!(run(&[(0, Nonconforming), (99, Nonconforming)]), []);
    }

    #[test]
    fn what_stood_before_a_restart_is_what_a_line_falls_from() {
        let mut falls = Falls::since([("10.1".to_owned(), Conforming)].into());
        let line = || [("10.1".to_owned(), Nonconforming)];
        assert_eq!(falls.look(at(0), line()), []);
        assert_eq!(falls.look(at(10), line()).len(), 1);
    }
}
