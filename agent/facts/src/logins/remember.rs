//! What the probe keeps from run to run.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::accounts::Privileges;
use super::attempt::MOST_CHANGES;
use super::connection::OpenConnection;
use super::duplicate::Single;
use super::event::{Method, Outcome};
use super::follow::{FilePosition, Followed};
use super::habit::{Habits, Network};
use super::intern::Id;
use super::packed::{Events, Row};
use super::privilege::PrivilegeChange;
use super::utmp;
use crate::host::ReadError;

/// How long attempts are kept: a slow attack takes a day to show, and is to be seen for a day after.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(48);

/// Longest that attempts are kept, however long the plan reports them.
const LONGEST_KEPT: SignedDuration = SignedDuration::from_hours(33 * 24);

/// Most attempts kept, of log lines and of records each.
pub const MOST_EVENTS: usize = 65_536;

/// Reading positions, and the attempts of the last [`KEPT_FOR`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoginMemory {
    /// How far each file has been read.
    pub(super) positions: Vec<FilePosition>,
    /// The last journal entry that was read.
    pub(super) journal_cursor: Option<String>,
    /// When the journal was last read to its end.
    pub(super) journal_read_at: Option<Timestamp>,
    /// The last row of wtmpdb that was read.
    pub(super) wtmpdb_row: Option<i64>,
    /// Attempts that log lines told of.
    pub(super) events: Events,
    /// Attempts that records of wtmp and btmp told of.
    pub(super) records: Events,
    /// Connections that may not have ended.
    pub(super) connections: Vec<OpenConnection>,
    /// Lines that may yet come by another way.
    pub(super) singles: Vec<Single>,
    /// What was done to privileges.
    pub(super) changes: Vec<PrivilegeChange>,
    /// Who had privileges in the last run.
    pub(super) privileges: Privileges,
    /// How users were used to log in before the attempts that are kept.
    pub(super) habits: Habits,
    /// What addresses are hashed under where the plan does not want them told; it stays on the host.
    pub(super) key: Option<[u64; 2]>,
    /// How long attempts are kept, where the plan reports them for longer than [`KEPT_FOR`] allows.
    #[serde(skip)]
    pub(super) kept_for: Option<SignedDuration>,
    /// Attempts dropped for want of room, and when that was last.
    pub(super) evicted: u64,
    pub(super) evicted_at: Option<Timestamp>,
}

impl LoginMemory {
    /// The key that addresses are hashed under, made at first use.
    pub(crate) fn key(&mut self) -> [u64; 2] {
        // The standard library seeds each of these from the system's random numbers.
        let random = || RandomState::new().hash_one(0);
        *self.key.get_or_insert_with(|| [random(), random()])
    }

    /// Attempts before this are of no interest.
    pub(super) fn since(&self, now: Timestamp) -> Timestamp {
        // Logs have whole seconds, and so have those who read this.
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let kept_for = self.kept_for.unwrap_or(KEPT_FOR).clamp(KEPT_FOR, LONGEST_KEPT);
        now.saturating_sub(kept_for).unwrap_or(Timestamp::MIN)
    }

    pub(super) fn position(&self, path: &str) -> Option<&FilePosition> {
        self.positions.iter().find(|position| position.path == path)
    }

    /// Keeps how far `path` has been read. Gives whether something was lost.
    pub(super) fn follow(
        &mut self,
        path: &str,
        followed: Result<Followed, ReadError>,
    ) -> Result<bool, ReadError> {
        let followed = followed?;
        self.positions.retain(|position| position.path != path);
        self.positions.push(followed.position);
        Ok(followed.lost)
    }

    /// Adds what a run read, and drops what is too old or too much.
    pub(super) fn keep(&mut self, now: Timestamp, events: &Events, records: &Events) {
        let since = self.since(now);
        let mut evicted = 0;
        let mut old = [Events::default(), Events::default()];
        let kept_and_new = [(&mut self.events, events), (&mut self.records, records)];
        for ((kept, new), old) in kept_and_new.into_iter().zip(&mut old) {
            kept.extend(new);
            *old = kept.split_before(since);
            kept.withhold();
            kept.sort();
            evicted += evict(kept.rows_mut(), MOST_EVENTS);
        }
        let [mut events, records] = old;
        events.sort();
        // What is not kept any more has become habit.
        for event in utmp::merge(events, &records).iter() {
            self.habits.learn(&event);
        }
        let first = self.events.rows().first().map_or(now, Row::at);
        self.habits.since.get_or_insert(first);
        if self.evicted_at.is_some_and(|at| at < since) {
            (self.evicted, self.evicted_at) = (0, None);
        }
        self.count_evicted(now, evicted);
    }
}

impl LoginMemory {
    /// The networks of logins, and those that their users came from last before.
    pub(super) fn networks(&self) -> BTreeSet<Network> {
        let mut networks = BTreeSet::new();
        for events in [&self.events, &self.records] {
            networks.extend(networks_of(events));
            let users = events
                .rows()
                .iter()
                .filter(|row| row.outcome == Outcome::Accepted);
            let habits = users.filter_map(|row| self.habits.of(events.name(row.user)?));
            networks.extend(habits.filter_map(|habit| Some(habit.last_network()?.0.clone())));
        }
        networks
    }

    /// Counts attempts that a run had to drop.
    pub(super) fn count_evicted(&mut self, now: Timestamp, evicted: u64) {
        if evicted > 0 {
            self.evicted = self.evicted.saturating_add(evicted);
            self.evicted_at = Some(now);
        }
    }

    /// Adds what was done to privileges, and drops what is too old or too much.
    pub(super) fn keep_changes(&mut self, now: Timestamp, changes: Vec<PrivilegeChange>) {
        let since = self.since(now);
        self.changes.extend(changes);
        self.changes.retain(|change| change.at >= since);
        for change in &mut self.changes {
            change.line = 0;
        }
        self.changes.sort_by_key(|change| change.at);
        let excess = self.changes.len().saturating_sub(MOST_CHANGES);
        self.changes.drain(..excess);
    }
}

/// The networks that logins came from.
pub(super) fn networks_of(events: &Events) -> BTreeSet<Network> {
    let logins = events
        .rows()
        .iter()
        .filter(|row| row.outcome == Outcome::Accepted);
    let sources: BTreeSet<Id> = logins.map(|row| row.source).collect();
    sources
        .into_iter()
        .filter_map(|id| Network::of(&events.source(id)?))
        .collect()
}

/// Drops down to `most`: what matters least goes first, and of that the oldest. Gives how many attempts went.
pub(super) fn evict(rows: &mut Vec<Row>, most: usize) -> u64 {
    let mut excess = rows.len().saturating_sub(most);
    let mut evicted = 0;
    for least in [is_probe, is_failure, |_: &Row| true] {
        if excess == 0 {
            break;
        }
        rows.retain(|row| {
            let drop = excess > 0 && least(row);
            if drop {
                excess -= 1;
                evicted += u64::from(row.count);
            }
            !drop
        });
    }
    evicted
}

fn is_probe(row: &Row) -> bool {
    row.method == Method::Probe
}

fn is_failure(row: &Row) -> bool {
    row.outcome == Outcome::Failed
}

#[cfg(test)]
mod tests {
    use super::super::event::{LoginEvent, Service, Source};
    use super::*;

    fn event(second: i64, outcome: Outcome, method: Method) -> LoginEvent {
        LoginEvent {
            at: Timestamp::from_second(second).unwrap(),
            service: Service::Sshd,
            user: Some("hunter2".into()),
            unknown_user: outcome == Outcome::Failed,
            by: None,
            source: Some(Source::Address([203, 0, 113, 7].into())),
            outcome,
            method,
            count: 1,
            line: 5,
        }
    }

    #[test]
    fn the_least_interesting_goes_first_and_is_counted() {
        let mut memory = LoginMemory::default();
        let mut events = vec![event(1, Outcome::Accepted, Method::Password)];
        events.extend((0..10).map(|n| event(2 + n, Outcome::Failed, Method::Probe)));
        events.extend((0..MOST_EVENTS as i64 + 1).map(|n| event(20 + n, Outcome::Failed, Method::Password)));
        memory.keep(
            Timestamp::from_second(100_000).unwrap(),
            &events.into_iter().collect(),
            &Events::default(),
        );
        assert_eq!((memory.events.len(), memory.evicted), (MOST_EVENTS, 12));
        assert_eq!(memory.events.rows()[0].outcome, Outcome::Accepted);
        assert!(memory.events.iter().all(|event| event.method == Method::Password));
        let kept = serde_json::to_string(&memory.events.iter().nth(1)).unwrap();
        assert!(!kept.contains("hunter2"), "{kept}");
    }

    #[test]
    fn what_is_too_old_goes_and_so_does_the_word_of_what_was_dropped() {
        let mut memory = LoginMemory {
            evicted: 3,
            evicted_at: Some(Timestamp::from_second(5).unwrap()),
            ..LoginMemory::default()
        };
        let events = vec![
            event(1, Outcome::Failed, Method::Password),
            event(300_000, Outcome::Failed, Method::Password),
        ];
        memory.keep(
            Timestamp::from_second(300_000).unwrap(),
            &events.into_iter().collect(),
            &Events::default(),
        );
        assert_eq!((memory.events.len(), memory.evicted), (1, 0));
    }

    #[test]
    fn memory_reads_what_it_writes() {
        let mut memory = LoginMemory::default();
        let events = vec![event(9, Outcome::Accepted, Method::Publickey)];
        memory.keep(
            Timestamp::from_second(10).unwrap(),
            &events.into_iter().collect(),
            &Events::default(),
        );
        let text = serde_json::to_string(&memory).unwrap();
        assert_eq!(serde_json::from_str::<LoginMemory>(&text).unwrap(), memory);
    }
}
