//! Drills: failed logins that this agent has written itself, told apart from those of anybody else.
//!
//! A drill is made by the daemon at the word of root, and kept in the agent's own state. Its label is a name of 96 random
//! bits that nobody can know before the first of its lines is written. Whoever reads it then can't hide behind it: an
//! attempt is a drill's only if it also failed, came within the drill's minutes, is one of no more than were announced,
//! and came from the drill's address, which is of TEST-NET-1 (192.0.2.0/24, RFC 5737): no connection to sshd, which is who
//! writes addresses into the log, can come from there.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::event::{LoginEvent, Outcome, Source};
use super::packed::Events;

/// A log's times have whole seconds.
const CLOCK: SignedDuration = SignedDuration::from_secs(1);

/// A drill of failed logins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    /// Tells it from others; no secret.
    pub id: String,
    /// The account that is tried: the label.
    pub user: String,
    /// Where the attempts come from, as they say.
    pub source: IpAddr,
    /// The first moment that an attempt counts at, by the host's clock.
    pub from: Timestamp,
    /// The last.
    pub until: Timestamp,
    /// How many attempts are made.
    pub attempts: u32,
}

/// A drill, and what was found of it in the logs.
#[derive(Clone, Debug, PartialEq)]
pub struct Drilled {
    /// The drill.
    pub drill: Drill,
    /// Its attempts, oldest first.
    pub events: Events,
}

impl Drill {
    /// One of these random bytes, from now on for so long.
    #[must_use]
    pub fn new(random: [u8; 18], now: Timestamp, length: SignedDuration, attempts: u32) -> Self {
        let [last, rest @ ..] = random;
        let (id, label) = rest.split_at(5);
        Self {
            id: hex::encode(id),
            user: format!("drill-{}", hex::encode(label)),
            // 192.0.2.1 to 192.0.2.254.
            source: IpAddr::V4(Ipv4Addr::new(192, 0, 2, last % 254 + 1)),
            from: now,
            until: now.saturating_add(length).unwrap_or(Timestamp::MAX),
            attempts,
        }
    }

    fn is_at(&self, at: Timestamp) -> bool {
        let from = self.from.saturating_sub(CLOCK).unwrap_or(Timestamp::MIN);
        (from..=self.until).contains(&at)
    }

    fn is_of(&self, event: &LoginEvent) -> bool {
        self.is_at(event.at)
            && event.outcome == Outcome::Failed
            && event.user.as_ref() == Some(&self.user)
            && !event.unknown_user
            && event.source == Some(Source::Address(self.source))
    }
}

/// Takes from `events`, oldest first, those of drills. What goes beyond the announced number stays.
pub(super) fn take_out(drills: &[Drill], events: &mut Events) -> Vec<Drilled> {
    let mut taken = Vec::with_capacity(drills.len());
    for drill in drills {
        let mut left = drill.attempts;
        let mut mine = BTreeMap::new();
        let rows = events.rows().iter().enumerate();
        for (place, row) in rows.filter(|(_, row)| drill.is_at(row.at())) {
            let event = events.event(row);
            if event.count <= left && drill.is_of(&event) {
                left -= event.count;
                mine.insert(place, event);
            }
        }
        events.retain(|place, _| !mine.contains_key(&place));
        taken.push(Drilled {
            drill: drill.clone(),
            events: mine.into_values().collect(),
        });
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logins::{Method, Service};

    fn drill() -> Drill {
        Drill::new([7; 18], at(0), SignedDuration::from_secs(300), 6)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn attempts(change: impl Fn(&mut LoginEvent)) -> Vec<LoginEvent> {
        let drill = drill();
        let attempt = |second| {
            let mut event = LoginEvent {
                at: at(second),
                service: Service::Sshd,
                user: Some(drill.user.clone()),
                unknown_user: false,
                by: None,
                source: Some(Source::Address(drill.source)),
                outcome: Outcome::Failed,
                method: Method::Password,
                count: 1,
                line: 0,
            };
            change(&mut event);
            event
        };
        (0..6).map(attempt).collect()
    }

    /// How many of these are taken for the drill.
    fn taken(events: Vec<LoginEvent>) -> usize {
        let mut events: Events = events.into_iter().collect();
        let all = events.len();
        let drilled = take_out(&[drill()], &mut events);
        assert_eq!(drilled[0].events.len() + events.len(), all);
        drilled[0].events.len()
    }

    #[test]
    fn the_attempts_of_a_drill_are_its_own_and_those_beyond_are_not() {
        assert_eq!(taken(attempts(|_| ())), 6);
        let mut twice = attempts(|_| ());
        twice.extend(attempts(|_| ()));
        assert_eq!(taken(twice), 6, "no more than were announced");
        assert_eq!(taken(attempts(|event| event.count = 4)), 1, "nor by repetition");
    }

    #[test]
    fn nobody_hides_behind_a_label_that_was_copied() {
        let elsewhere = Source::Address("203.0.113.7".parse().unwrap());
        assert_eq!(
            taken(attempts(|event| event.source = Some(elsewhere.clone()))),
            0,
            "from its own address"
        );
        let named = Source::Host(drill().source.to_string());
        assert_eq!(taken(attempts(|event| event.source = Some(named.clone()))), 0);
        assert_eq!(taken(attempts(|event| event.source = None)), 0);
        assert_eq!(
            taken(attempts(|event| event.user = Some("root".to_owned()))),
            0,
            "at another account"
        );
        assert_eq!(
            taken(attempts(|event| event.user = Some("drill-00".to_owned()))),
            0,
            "under a guessed label"
        );
        assert_eq!(taken(attempts(|event| event.unknown_user = true)), 0);
        assert_eq!(
            taken(attempts(|event| event.outcome = Outcome::Accepted)),
            0,
            "having got in"
        );
        assert_eq!(taken(attempts(|event| event.at = at(301))), 0, "later");
        assert_eq!(taken(attempts(|event| event.at = at(-2))), 0, "earlier");
    }

    #[test]
    fn labels_differ_and_addresses_are_of_the_test_network() {
        for byte in 0..=255 {
            let drill = Drill::new([byte; 18], at(0), SignedDuration::from_secs(1), 1);
            let IpAddr::V4(address) = drill.source else {
                panic!()
            };
            assert!(address.is_documentation() && address.octets()[..3] == [192, 0, 2]);
            assert!(!matches!(address.octets()[3], 0 | 255));
            assert!(drill.user.len() <= 32, "as long as an account's name may be");
        }
        assert_ne!(
            drill().user,
            Drill::new([8; 18], at(0), SignedDuration::from_secs(1), 1).user
        );
    }
}
