//! Brings together what several messages say about one attempt.
//!
//! sshd tells of one wrong password up to four times: `Invalid user`, pam_unix, `Failed password`, and at the end of
//! the connection once more. Within one connection (one process, one user, one source) an attempt causes at most one
//! message of each [`Kind`], so the attempts number as many as the most frequent kind.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::condense::join_like;
use super::event::{LoginEvent, Method, Outcome, Service, Source, is_withheld, user_name, withheld};
use super::line::Line;
use super::privilege::PrivilegeChange;
use super::remember::{MOST_EVENTS, evict};
use super::said::{Kind, Said};

/// A process that was silent for this long and speaks again is another connection: sshd's LoginGraceTime is 2 minutes.
const LONGEST_SILENCE: SignedDuration = SignedDuration::from_mins(10);

/// A PAM failure that nothing has confirmed or refuted by then stands.
const PAM_SETTLES_AFTER: SignedDuration = SignedDuration::from_mins(2);

/// Most connections followed at once; when full, those silent for longest are settled.
const MOST_CONNECTIONS: usize = 8_192;

/// Most changes of privileges kept.
pub(super) const MOST_CHANGES: usize = 4_096;

/// What has been told about one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Connection {
    key: u64,
    service: Service,
    last_at: Timestamp,
    user: Option<String>,
    unknown_user: bool,
    #[serde(default)]
    by: Option<String>,
    source: Option<Source>,
    port: Option<u32>,
    /// Messages by [`Kind`].
    told: [u32; Kind::COUNT],
    /// Attempts told on as events: at secrets, and at keys.
    guesses: u32,
    keys: u32,
    /// The first PAM failure that nothing has confirmed or refuted yet.
    pending_at: Option<Timestamp>,
    #[serde(skip)]
    pending_line: u64,
    /// Place of the last event of this connection among those of this run.
    #[serde(skip)]
    last_event: Option<usize>,
}

impl Connection {
    const fn new(key: u64, service: Service, at: Timestamp) -> Self {
        Self {
            key,
            service,
            last_at: at,
            user: None,
            unknown_user: false,
            by: None,
            source: None,
            port: None,
            told: [0; Kind::COUNT],
            guesses: 0,
            keys: 0,
            pending_at: None,
            pending_line: 0,
            last_event: None,
        }
    }

    /// Whether a message at `at` can be about this connection.
    fn takes(&self, said: &Said<'_>, user: Option<&String>, at: Timestamp) -> bool {
        // Names that may be passwords are withheld between runs.
        let same_user = match (&self.user, user) {
            (Some(known), Some(told)) => known == told || *known == withheld(told),
            _ => true,
        };
        let same_port = self.port.is_none() || said.port.is_none() || self.port == said.port;
        // PAM may name the host where sshd names its address.
        let same_source = match (&self.source, &said.source) {
            (Some(Source::Address(known)), Some(Source::Address(told))) => known == told,
            _ => true,
        };
        at.duration_since(self.last_at).abs() <= LONGEST_SILENCE && same_user && same_source && same_port
    }

    fn told(&self, kind: Kind) -> u32 {
        self.told.get(kind as usize).copied().unwrap_or_default()
    }

    fn tell(&mut self, kind: Kind, count: u32) -> u32 {
        match self.told.get_mut(kind as usize) {
            Some(told) => {
                *told = told.saturating_add(count);
                *told
            }
            None => 0,
        }
    }

    fn forget_pam(&mut self) {
        for kind in [Kind::PamUnix, Kind::PamOther] {
            if let Some(told) = self.told.get_mut(kind as usize) {
                *told = (*told).min(self.guesses);
            }
        }
        self.pending_at = None;
    }
}

/// Turns messages into events.
#[derive(Clone, Debug, Default)]
pub(super) struct Merger {
    connections: HashMap<u64, Connection, BuildHasherDefault<Hashed>>,
    /// Events in the order they came to be known.
    pub(super) events: Vec<LoginEvent>,
    /// What lines told of privileges, in the order they came.
    pub(super) changes: Vec<PrivilegeChange>,
    /// So many events may stand at once; `None`: any number.
    most_events: Option<usize>,
    /// Attempts dropped to stay within that.
    pub(super) evicted: u64,
}

impl Merger {
    /// Goes on with the connections that an earlier run left open.
    pub(super) fn resume(connections: Vec<Connection>) -> Self {
        Self {
            connections: connections
                .into_iter()
                .take(MOST_CONNECTIONS)
                .map(|connection| (connection.key, connection))
                .collect(),
            most_events: Some(2 * MOST_EVENTS),
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
        let key = key(line, said);
        let user = said.user.filter(|user| !user.is_empty()).map(user_name);
        if self.connections.len() >= MOST_CONNECTIONS && !self.connections.contains_key(&key) {
            self.settle_oldest();
        }
        let connection = self
            .connections
            .entry(key)
            .or_insert_with(|| Connection::new(key, said.service, at));
        if !connection.takes(said, user.as_ref(), at) {
            settle(connection, &mut self.events);
            *connection = Connection::new(key, said.service, at);
        }
        connection.last_at = connection.last_at.max(at);
        connection.user = connection.user.take().or(user);
        connection.unknown_user |= said.unknown_user;
        connection.by = connection.by.take().or_else(|| said.by.map(user_name));
        if !matches!(connection.source, Some(Source::Address(_))) {
            connection.source = said.source.clone().or_else(|| connection.source.take());
        }
        connection.port = connection.port.or(said.port);
        let heard = Heard {
            kind: said.kind,
            method: said.method,
            count,
            at,
            line: number,
        };
        hear(connection, heard, &mut self.events);
        if self.most_events.is_some_and(|most| self.events.len() >= most) {
            self.condense();
        }
    }

    /// Makes room: like failures within ten minutes become one, and if that is not enough the least interesting go.
    fn condense(&mut self) {
        for connection in self.connections.values_mut() {
            connection.last_event = None;
        }
        join_like(&mut self.events);
        if self.events.len() > MOST_EVENTS {
            self.evicted = self.evicted.saturating_add(evict(&mut self.events));
        }
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
    pub(super) fn finish(mut self, now: Option<Timestamp>) -> (Vec<LoginEvent>, Vec<Connection>) {
        let mut open = Vec::new();
        for (_, mut connection) in self.connections.drain() {
            let age = now.map(|now| now.duration_since(connection.last_at));
            if age.is_none_or(|age| age > PAM_SETTLES_AFTER) {
                settle(&mut connection, &mut self.events);
            }
            if age.is_some_and(|age| age <= LONGEST_SILENCE) {
                connection.last_event = None;
                if connection.unknown_user
                    && let Some(user) = &mut connection.user
                    && !is_withheld(user)
                {
                    *user = withheld(user);
                }
                open.push(connection);
            }
        }
        open.sort_unstable_by_key(|connection| (connection.last_at, connection.key));
        // Lines are told apart by their numbers, so nothing depends on the order of equals; in place, since there are many.
        self.events.sort_unstable_by_key(|event| (event.at, event.line));
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
}

/// One message of a connection.
#[derive(Clone, Copy, Debug)]
struct Heard {
    kind: Kind,
    method: Method,
    count: u32,
    at: Timestamp,
    line: u64,
}

fn hear(connection: &mut Connection, heard: Heard, events: &mut Vec<LoginEvent>) {
    let told = connection.tell(heard.kind, heard.count);
    match heard.kind {
        Kind::Accepted => {
            // The secret was right after all: another module took it.
            connection.forget_pam();
            let mut event = event(connection, heard);
            event.outcome = Outcome::Accepted;
            event.unknown_user = false;
            events.push(event);
        }
        Kind::PamAccepted => connection.forget_pam(),
        Kind::PamUnix | Kind::PamOther => {
            if told > connection.guesses && connection.pending_at.is_none() {
                (connection.pending_at, connection.pending_line) = (Some(heard.at), heard.line);
            }
        }
        Kind::Key => {
            connection.keys = connection.keys.saturating_add(heard.count);
            events.push(event(connection, heard));
        }
        Kind::Failed | Kind::Refused => {
            let (at, line) = match connection.pending_at.take() {
                Some(pending) => (pending, connection.pending_line),
                None => (heard.at, heard.line),
            };
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
                connection.last_event = Some(events.len());
                events.push(event(connection, Heard { count, ..heard }));
            }
        }
    }
}

/// Tells of as many attempts at a secret as `told` exceeds those told of before.
fn guess(connection: &mut Connection, heard: Heard, told: u32, events: &mut Vec<LoginEvent>) {
    if told > connection.guesses {
        let count = told - connection.guesses;
        connection.guesses = told;
        connection.last_event = Some(events.len());
        events.push(event(connection, Heard { count, ..heard }));
        return;
    }
    // Told of before, by a message that knew less.
    let last = connection.last_event.and_then(|place| events.get_mut(place));
    if let Some(last) = last {
        if matches!(last.method, Method::Unknown | Method::None) {
            last.method = heard.method;
        }
        last.user = last.user.take().or_else(|| connection.user.clone());
        last.by = last.by.take().or_else(|| connection.by.clone());
        last.source = last.source.take().or_else(|| connection.source.clone());
        last.unknown_user = connection.unknown_user || last.user.is_none();
    }
}

/// PAM failures that nothing refuted stand.
fn settle(connection: &mut Connection, events: &mut Vec<LoginEvent>) {
    let Some(at) = connection.pending_at.take() else {
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
        line: connection.pending_line,
    };
    if told > connection.guesses {
        guess(connection, heard, told, events);
    }
}

fn event(connection: &Connection, heard: Heard) -> LoginEvent {
    LoginEvent {
        at: heard.at,
        service: connection.service,
        user: connection.user.clone(),
        unknown_user: connection.unknown_user || connection.user.is_none(),
        by: connection.by.clone(),
        source: connection.source.clone(),
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

/// One process of one host is one connection at a time. Without a process, the user and source must do.
fn key(line: &Line<'_>, said: &Said<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.host.hash(&mut hasher);
    match line.pid {
        Some(pid) => pid.hash(&mut hasher),
        None => (
            said.service,
            said.user,
            said.source.as_ref().filter(|_| !said.service.is_escalation()),
        )
            .hash(&mut hasher),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;
