//! How a host looked over time, for attempts that it hears of later.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use plumbline_config::outside::Attempt;

use super::sight::{Sight, compare};
use super::{Evaluated, Proof};

/// Most looks kept that differ from the one before.
const MOST_LOOKS: usize = 8;
/// By how much the clocks of two hosts may differ.
const CLOCKS: SignedDuration = SignedDuration::from_secs(2);

/// How the host looked lately.
#[derive(Clone, Debug, Default)]
pub struct History(VecDeque<Stretch>);

/// A time over which it looked the same each time that it was looked at.
#[derive(Clone, Debug)]
struct Stretch {
    sight: Sight,
    last: Timestamp,
}

impl History {
    /// Takes a look in. `true`: it differs from the one before.
    pub fn add(&mut self, sight: Sight) -> bool {
        if let Some(newest) = self.0.back_mut().filter(|newest| newest.sight.is_like(&sight)) {
            newest.last = sight.at;
            return false;
        }
        if self.0.len() == MOST_LOOKS {
            self.0.pop_front();
        }
        let last = sight.at;
        self.0.push_back(Stretch { sight, last });
        true
    }

    /// How it looked last.
    #[must_use]
    pub fn newest(&self) -> Option<&Sight> {
        self.0.back().map(|newest| &newest.sight)
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What follows for an attempt: where the rules changed about its time, from what was before and after. Of a time
    /// that was not looked at nothing follows.
    #[must_use]
    pub fn beside(&self, attempt: Attempt) -> Proof {
        let at = attempt.at;
        let earliest = at.checked_sub(CLOCKS).unwrap_or(at);
        let latest = at.checked_add(CLOCKS).unwrap_or(at);
        let begun = self.0.front().is_some_and(|oldest| oldest.sight.at <= at);
        let ended = self.0.back().is_some_and(|newest| newest.last >= at);
        if !(begun && ended) {
            return Proof {
                attempt,
                evaluated: Evaluated::Changed,
                because: Vec::new(),
            };
        }
        // A look holds from after the last that was another until before the next that is another.
        let before = |place: usize| place.checked_sub(1).and_then(|before| self.0.get(before));
        let sights = self.0.iter().enumerate().filter(|(place, stretch)| {
            let from = before(*place).map_or(stretch.sight.at, |before| before.last);
            let until = self.0.get(place + 1).map_or(stretch.last, |next| next.sight.at);
            from <= latest && earliest <= until
        });
        let sights: Vec<&Sight> = sights.map(|(_, stretch)| &stretch.sight).collect();
        compare(&sights, attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sight::tests::{attempt, sight};
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_attempt_is_held_against_the_rules_of_its_own_time() {
        let at = [("0.0.0.0", 22), ("0.0.0.0", 80)];
        let look = |rule: &str, when| Sight {
            at: second(when),
            ..sight(rule, &at)
        };
        let mut history = History::default();
        assert!(history.add(look("22", 100)));
        assert!(!history.add(look("22", 200)));
        assert!(history.add(look("80", 300)));
        assert!(!history.add(look("80", 400)));
        let evaluated = |port, when| {
            let attempt = Attempt {
                at: second(when),
                ..attempt(port)
            };
            history.beside(attempt).evaluated
        };
        assert_eq!(evaluated(22, 150), Evaluated::Reachable);
        assert_eq!(evaluated(80, 150), Evaluated::Blocked);
        assert_eq!(evaluated(22, 350), Evaluated::Blocked);
        // Between two looks that differ it may have been either; and of no look nothing follows.
        assert_eq!(evaluated(22, 250), Evaluated::Changed);
        assert_eq!(evaluated(23, 250), Evaluated::Blocked);
        assert_eq!(evaluated(22, 201), Evaluated::Changed);
        assert_eq!(evaluated(22, 90), Evaluated::Changed);
        assert_eq!(evaluated(22, 410), Evaluated::Changed);
        for when in 0..20 {
            history.add(look(if when % 2 == 0 { "22" } else { "80" }, 500 + when));
        }
        assert_eq!(history.0.len(), MOST_LOOKS);
    }
}
