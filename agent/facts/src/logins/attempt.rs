//! Brings together what several messages say about one attempt.
//!
//! sshd tells of one wrong password up to four times: `Invalid user`, pam_unix, `Failed password`, and at the end of
//! the connection once more. Within one connection (one process, one user, one source) an attempt causes at most one
//! message of each [`Kind`], so the attempts number as many as the most frequent kind.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

use jiff::{SignedDuration, Timestamp};

use super::condense::join_like;
use super::connection::{Connection, LONGEST_SILENCE, OpenConnection};
use super::event::{Method, Outcome};
use super::intern::Id;
use super::line::Line;
use super::packed::{Events, Row, line_number};
use super::privilege::PrivilegeChange;
use super::remember::{MOST_EVENTS, evict};
use super::said::{Kind, Said};

/// A PAM failure that nothing has confirmed or refuted by then stands.
const PAM_SETTLES_AFTER: SignedDuration = SignedDuration::from_mins(2);

/// Most connections followed at once; when full, those silent for longest are settled.
const MOST_CONNECTIONS: usize = 8_192;

/// Most changes of privileges kept.
pub(super) const MOST_CHANGES: usize = 4_096;

/// Most attempts held of files that a person names, unless all are to be told: about 8 MiB.
pub(super) const MOST_HELD: usize = 4 * MOST_EVENTS;

/// Drops attempts that nothing can be made of any more, when the log has been read up to a time.
pub type Winnow<'w> = &'w dyn Fn(&mut Events, Timestamp);

/// Turns messages into events.
#[derive(Default)]
pub(super) struct Merger<'w> {
    connections: HashMap<u64, Connection, BuildHasherDefault<Hashed>>,
    /// Events in the order they came to be known.
    pub(super) events: Events,
    /// What lines told of privileges, in the order they came.
    pub(super) changes: Vec<PrivilegeChange>,
    /// So many events may stand at once; `None`: any number.
    most_events: Option<usize>,
    winnow: Option<Winnow<'w>>,
    /// Attempts dropped to stay within that.
    pub(super) evicted: u64,
    /// Attempts that `winnow` dropped.
    pub(super) winnowed: u64,
    /// The host that wrote last, and its hash.
    host: (Vec<u8>, u64),
}

impl<'w> Merger<'w> {
    /// Goes on with the connections that an earlier run left open.
    pub(super) fn resume(connections: &[OpenConnection]) -> Self {
        let mut events = Events::default();
        Self {
            connections: connections
                .iter()
                .take(MOST_CONNECTIONS)
                .map(|connection| connection.resume(&mut events))
                .collect(),
            events,
            most_events: Some(2 * MOST_EVENTS),
            ..Self::default()
        }
    }

    /// Holds at most [`MOST_HELD`]: has those dropped first that `winnow` can spare.
    pub(super) fn within(winnow: Winnow<'w>) -> Self {
        Self {
            most_events: Some(MOST_HELD),
            winnow: Some(winnow),
            ..Self::default()
        }
    }

    /// Takes in what a line said of `count` attempts, at a time and line number.
    pub(super) fn add(
        &mut self,
        line: &Line<'_>,
        said: &Said<'_>,
        count: u32,
        (at, number): (Timestamp, u64),
    ) {
        let key = self.key(line, said);
        let at = at.as_microsecond();
        let mut name = |name: Option<&[u8]>| name.map_or(Id::NONE, |name| self.events.number_name(name));
        let user = name(said.user.filter(|user| !user.is_empty()));
        let by = name(said.by);
        let source = said.source.as_ref();
        let source = source.map_or(Id::NONE, |source| self.events.number_source(source));
        if self.connections.len() >= MOST_CONNECTIONS && !self.connections.contains_key(&key) {
            self.settle_oldest();
        }
        let connection = self
            .connections
            .entry(key)
            .or_insert_with(|| Connection::new(said.service, at));
        if !connection.takes(said, (user, source), at, &self.events) {
            settle(connection, &mut self.events);
            *connection = Connection::new(said.service, at);
        }
        connection.last_at = connection.last_at.max(at);
        for (known, told) in [(&mut connection.user, user), (&mut connection.by, by)] {
            if known.is_none() {
                *known = told;
            }
        }
        connection.unknown_user |= said.unknown_user;
        if !source.is_none() && !self.events.is_address(connection.source) {
            connection.source = source;
        }
        connection.port = connection.port.or(said.port);
        let heard = Heard {
            kind: said.kind,
            method: said.method,
            count,
            at,
            line: line_number(number),
        };
        hear(connection, heard, &mut self.events);
        if self.most_events.is_some_and(|most| self.events.len() >= most) {
            self.make_room(self.events.len() / 4 * 3);
        }
    }

    /// Makes room for a quarter more than `most`: what nothing can be made of goes; if that is not enough, like failures
    /// within ten minutes become one, and then the least interesting go.
    fn make_room(&mut self, most: usize) {
        for connection in self.connections.values_mut() {
            connection.last_event = None;
        }
        let read_to = self.events.rows().last().map(Row::at);
        if let (Some(winnow), Some(read_to)) = (self.winnow, read_to) {
            self.events.sort();
            let before = self.events.attempts();
            winnow(&mut self.events, read_to);
            self.winnowed += before - self.events.attempts();
        }
        if self.events.len() > most {
            join_like(self.events.rows_mut());
        }
        if self.events.len() > most {
            let dropped = evict(self.events.rows_mut(), most / 3 * 2);
            self.evicted = self.evicted.saturating_add(dropped);
        }
        let held = self.connections.values_mut().flat_map(Connection::held);
        self.events.forget_unused(held);
    }

    /// Takes in what a line told of privileges; the oldest go when there are too many.
    pub(super) fn change(&mut self, changes: Vec<PrivilegeChange>) {
        self.changes.extend(changes);
        let excess = self.changes.len().saturating_sub(2 * MOST_CHANGES);
        if excess > 0 {
            self.changes.drain(..excess + MOST_CHANGES);
        }
    }

    /// Ends the reading at `now`: what is settled by then becomes events, the rest is handed back for the next run.
    pub(super) fn finish(mut self, now: Option<Timestamp>) -> (Events, Vec<OpenConnection>) {
        let mut open = Vec::new();
        for (key, mut connection) in self.connections.drain() {
            let last_at = Timestamp::from_microsecond(connection.last_at).unwrap_or_default();
            let age = now.map(|now| now.duration_since(last_at));
            if age.is_none_or(|age| age > PAM_SETTLES_AFTER) {
                settle(&mut connection, &mut self.events);
            }
            if age.is_some_and(|age| age <= LONGEST_SILENCE) {
                open.push(OpenConnection::of(key, &connection, &self.events));
            }
        }
        open.sort_unstable_by_key(|connection| (connection.last_at, connection.key));
        self.events.sort();
        (self.events, open)
    }

    /// Makes room by settling the quarter that has been silent for longest.
    fn settle_oldest(&mut self) {
        let mut times: Vec<_> = self.connections.values().map(|known| known.last_at).collect();
        let middle = times.len() / 4;
        let (_, limit, _) = times.select_nth_unstable(middle);
        let limit = *limit;
        let events = &mut self.events;
        self.connections.retain(|_, connection| {
            let keep = connection.last_at > limit;
            if !keep {
                settle(connection, events);
            }
            keep
        });
    }

    /// One process of one host is one connection at a time. Without a process, the user and source must do.
    fn key(&mut self, line: &Line<'_>, said: &Said<'_>) -> u64 {
        if self.host.1 == 0 || self.host.0 != line.host {
            self.host = (line.host.to_vec(), hash(line.host).max(1));
        }
        let other = match line.pid {
            Some(pid) => u64::from(pid),
            None => hash((
                said.service,
                said.user,
                said.source.as_ref().filter(|_| !said.service.is_escalation()),
            )),
        };
        // The last step of splitmix64, which spreads each bit over all.
        let mixed = self.host.1 ^ other.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl fmt::Debug for Merger<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merger")
            .field("connections", &self.connections.len())
            .field("events", &self.events.len())
            .finish_non_exhaustive()
    }
}

/// One message of a connection.
#[derive(Clone, Copy, Debug)]
struct Heard {
    kind: Kind,
    method: Method,
    count: u32,
    at: i64,
    line: u32,
}

fn hear(connection: &mut Connection, heard: Heard, events: &mut Events) {
    let told = connection.tell(heard.kind, heard.count);
    match heard.kind {
        Kind::Accepted => {
            // The secret was right after all: another module took it.
            connection.forget_pam();
            events.push_row(Row {
                outcome: Outcome::Accepted,
                unknown_user: false,
                ..row(connection, heard)
            });
        }
        Kind::PamAccepted => connection.forget_pam(),
        Kind::PamUnix | Kind::PamOther => {
            if told > connection.guesses && connection.pending.is_none() {
                connection.pending = Some((heard.at, heard.line));
            }
        }
        Kind::Key => {
            connection.keys = connection.keys.saturating_add(heard.count);
            events.push_row(row(connection, heard));
        }
        Kind::Failed | Kind::Refused => {
            let (at, line) = connection.pending.take().unwrap_or((heard.at, heard.line));
            guess(connection, Heard { at, line, ..heard }, told, events);
        }
        Kind::Offer => {
            // Clients offer all they have: with the secret that follows, this is one attempt.
            if connection.guesses == 0 && connection.keys == 0 {
                guess(connection, Heard { count: 1, ..heard }, 1, events);
            }
        }
        Kind::Ended | Kind::TooMany | Kind::Probe => {
            settle(connection, events);
            let known = connection.guesses.saturating_add(connection.keys);
            if told > known && connection.told(Kind::Accepted) == 0 {
                let count = told - known;
                connection.guesses = connection.guesses.saturating_add(count);
                connection.last_event = u32::try_from(events.len()).ok();
                events.push_row(row(connection, Heard { count, ..heard }));
            }
        }
    }
}

/// Tells of as many attempts at a secret as `told` exceeds those told of before.
fn guess(connection: &mut Connection, heard: Heard, told: u32, events: &mut Events) {
    if told > connection.guesses {
        let count = told - connection.guesses;
        connection.guesses = told;
        connection.last_event = u32::try_from(events.len()).ok();
        events.push_row(row(connection, Heard { count, ..heard }));
        return;
    }
    // Told of before, by a message that knew less.
    let last = connection
        .last_event
        .and_then(|place| events.row_mut(place as usize));
    if let Some(last) = last {
        if matches!(last.method, Method::Unknown | Method::None) {
            last.method = heard.method;
        }
        for (known, told) in [
            (&mut last.user, connection.user),
            (&mut last.by, connection.by),
            (&mut last.source, connection.source),
        ] {
            if known.is_none() {
                *known = told;
            }
        }
        last.unknown_user = connection.unknown_user || last.user.is_none();
    }
}

/// PAM failures that nothing refuted stand.
fn settle(connection: &mut Connection, events: &mut Events) {
    let Some((at, line)) = connection.pending.take() else {
        return;
    };
    let told = connection
        .told(Kind::PamUnix)
        .max(connection.told(Kind::PamOther));
    let heard = Heard {
        kind: Kind::PamUnix,
        method: Method::Password,
        count: 0,
        at,
        line,
    };
    if told > connection.guesses {
        guess(connection, heard, told, events);
    }
}

fn row(connection: &Connection, heard: Heard) -> Row {
    Row {
        at: heard.at,
        service: connection.service,
        user: connection.user,
        unknown_user: connection.unknown_user || connection.user.is_none(),
        by: connection.by,
        source: connection.source,
        outcome: Outcome::Failed,
        method: heard.method,
        count: heard.count,
        line: heard.line,
    }
}

/// The keys of connections are hashes already.
#[derive(Clone, Copy, Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

#[cfg(test)]
mod tests;
