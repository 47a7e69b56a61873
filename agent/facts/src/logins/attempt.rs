//! Brings together what several messages say about one attempt.
//!
//! sshd tells of one wrong password up to four times: `Invalid user`, pam_unix, `Failed password`, and at the end of
//! the connection once more. Within one connection (one process, one user, one source) an attempt causes at most one
//! message of each [`Kind`], so the attempts number as many as the most frequent kind.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::event::{LoginEvent, Method, Outcome, Service, Source, is_withheld, user_name, withheld};
use super::line::Line;
use super::said::{Kind, Said};

/// A process that was silent for this long and speaks again is another connection: sshd's LoginGraceTime is 2 minutes.
const LONGEST_SILENCE: SignedDuration = SignedDuration::from_mins(10);

/// A PAM failure that nothing has confirmed or refuted by then stands.
const PAM_SETTLES_AFTER: SignedDuration = SignedDuration::from_mins(2);

/// Most connections followed at once; when full, those silent for longest are settled.
const MOST_CONNECTIONS: usize = 65_536;

/// What has been told about one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Connection {
    key: u64,
    service: Service,
    last_at: Timestamp,
    user: Option<String>,
    unknown_user: bool,
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
    connections: HashMap<u64, Connection>,
    /// Events in the order they came to be known.
    pub(super) events: Vec<LoginEvent>,
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
            events: Vec::new(),
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
        self.events.sort_by_key(|event| (event.at, event.line));
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
        source: connection.source.clone(),
        outcome: Outcome::Failed,
        method: heard.method,
        count: heard.count,
        line: heard.line,
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
mod tests {
    use super::super::duplicate::Seen;
    use super::super::scan::Scan;
    use super::super::timestamp::Clock;
    use super::*;
    use jiff::tz::TimeZone;

    /// Events of a log: time of day, user, method, outcome, count.
    fn events(log: &str) -> Vec<String> {
        let (mut merger, mut seen) = (Merger::default(), Seen::default());
        let mut clock = Clock::new(TimeZone::UTC, Timestamp::UNIX_EPOCH, Some(2026));
        let mut scan = Scan::new(&mut merger, &mut seen, &mut clock, Timestamp::MIN);
        scan.feed(log.as_bytes());
        scan.end(true);
        let (events, _) = merger.finish(None);
        let show = |event: &LoginEvent| {
            let user = event.user.as_deref().unwrap_or("-");
            let mark = if event.unknown_user { "?" } else { "" };
            let source = event.source.as_ref().map_or("-".to_owned(), ToString::to_string);
            let (outcome, method) = (event.outcome.name(), event.method.name());
            let time = event.at.strftime("%H:%M:%S");
            format!("{time} {outcome} {method} {mark}{user} {source} x{}", event.count)
        };
        events.iter().map(show).collect()
    }

    #[test]
    fn one_wrong_password_is_one_attempt_however_often_it_is_told() {
        let log = "\
Nov 22 08:00:00 web sshd[9]: Invalid user admin from 203.0.113.7 port 4022
Nov 22 08:00:01 web sshd[9]: pam_unix(sshd:auth): check pass; user unknown
Nov 22 08:00:01 web sshd[9]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7
Nov 22 08:00:03 web sshd[9]: Failed password for invalid user admin from 203.0.113.7 port 4022 ssh2
Nov 22 08:00:04 web sshd[9]: Connection closed by invalid user admin 203.0.113.7 port 4022 [preauth]
";
        assert_eq!(events(log), ["08:00:00 failed password ?admin 203.0.113.7 x1"]);
    }

    #[test]
    fn each_password_of_a_connection_counts_once() {
        let log = "\
Nov 22 08:00:01 web sshd[9]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7  user=root
Nov 22 08:00:03 web sshd[9]: Failed password for root from 203.0.113.7 port 4022 ssh2
Nov 22 08:00:12 web sshd[9]: message repeated 5 times: [ Failed password for root from 203.0.113.7 port 4022 ssh2]
Nov 22 08:00:12 web sshd[9]: error: maximum authentication attempts exceeded for root from 203.0.113.7 port 4022 ssh2 [preauth]
Nov 22 08:00:12 web sshd[9]: Disconnecting authenticating user root 203.0.113.7 port 4022: Too many authentication failures [preauth]
Nov 22 08:00:12 web sshd[9]: PAM 5 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7  user=root
";
        assert_eq!(
            events(log),
            [
                "08:00:01 failed password root 203.0.113.7 x1",
                "08:00:12 failed password root 203.0.113.7 x5"
            ]
        );
    }

    #[test]
    fn a_second_pam_module_that_accepts_makes_no_failure() {
        let log = "\
Nov 22 08:00:01 web sshd[9]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.9  user=ann
Nov 22 08:00:01 web sshd[9]: pam_sss(sshd:auth): authentication success; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.9 user=ann
Nov 22 08:00:01 web sshd[9]: Accepted password for ann from 192.0.2.9 port 4022 ssh2
";
        assert_eq!(events(log), ["08:00:01 accepted password ann 192.0.2.9 x1"]);
    }

    #[test]
    fn keys_that_a_client_tries_are_told_apart_from_guesses() {
        let log = "\
Nov 22 08:00:01 web sshd[9]: Failed publickey for ann from 192.0.2.9 port 4022 ssh2: RSA SHA256:x
Nov 22 08:00:01 web sshd[9]: Failed publickey for ann from 192.0.2.9 port 4022 ssh2: RSA SHA256:y
Nov 22 08:00:02 web sshd[9]: Accepted publickey for ann from 192.0.2.9 port 4022 ssh2: ED25519 SHA256:z
Nov 22 08:01:02 web sshd[10]: Connection closed by authenticating user ann 192.0.2.9 port 4023 [preauth]
Nov 22 08:02:02 web sshd[11]: Connection closed by 192.0.2.9 port 4024 [preauth]
";
        assert_eq!(
            events(log),
            [
                "08:00:01 failed publickey ann 192.0.2.9 x1",
                "08:00:01 failed publickey ann 192.0.2.9 x1",
                "08:00:02 accepted publickey ann 192.0.2.9 x1",
                "08:01:02 failed unknown ann 192.0.2.9 x1",
                "08:02:02 failed probe ?- 192.0.2.9 x1"
            ]
        );
    }

    #[test]
    fn what_a_client_offers_for_a_stranger_is_one_attempt_with_the_secret() {
        let log = "\
Nov 22 08:00:00 web sshd[9]: Failed none for invalid user x from 203.0.113.7 port 4022 ssh2
Nov 22 08:00:00 web sshd[9]: Failed publickey for invalid user x from 203.0.113.7 port 4022 ssh2: RSA SHA256:x
Nov 22 08:00:01 web sshd[9]: Failed publickey for invalid user x from 203.0.113.7 port 4022 ssh2: RSA SHA256:y
Nov 22 08:00:03 web sshd[9]: Failed password for invalid user x from 203.0.113.7 port 4022 ssh2
Nov 22 08:00:04 web sshd[9]: Connection reset by invalid user x 203.0.113.7 port 4022 [preauth]
";
        assert_eq!(events(log), ["08:00:00 failed password ?x 203.0.113.7 x1"]);
    }

    #[test]
    fn a_connection_goes_on_in_the_next_run_without_its_strangers_name() {
        let run = |connections, line: &str| {
            let (mut merger, mut seen) = (Merger::resume(connections), Seen::default());
            let mut clock = Clock::new(TimeZone::UTC, Timestamp::UNIX_EPOCH, None);
            let mut scan = Scan::new(&mut merger, &mut seen, &mut clock, Timestamp::MIN);
            scan.feed(line.as_bytes());
            scan.end(true);
            let now: Timestamp = "2026-11-22T08:00:30Z".parse().unwrap();
            merger.finish(Some(now))
        };
        let (first, open) = run(
            Vec::new(),
            "2026-11-22T08:00:00Z web sshd[9]: Invalid user hunter2 from 203.0.113.7 port 5\n",
        );
        let kept = serde_json::to_string(&open).unwrap();
        assert!(!kept.contains("hunter2"), "{kept}");
        let (second, _) = run(
            open,
            "2026-11-22T08:00:02Z web sshd[9]: Failed password for invalid user hunter2 from 203.0.113.7 port 5 ssh2\n",
        );
        assert_eq!((first.len(), second.len()), (1, 0));
    }

    #[test]
    fn a_process_number_used_again_is_another_connection() {
        let log = "\
Nov 22 08:00:00 web sshd[9]: Failed password for root from 203.0.113.7 port 1 ssh2
Nov 22 08:01:00 web sshd[9]: Failed password for root from 203.0.113.7 port 2 ssh2
Nov 22 09:00:00 web sshd[9]: Failed password for root from 203.0.113.7 port 2 ssh2
Nov 22 09:00:01 db sshd[9]: Failed password for root from 203.0.113.7 port 2 ssh2
Nov 22 09:00:02 web sshd: Failed password for root from 203.0.113.7 port 2 ssh2
Nov 22 09:00:02 web last message repeated 2 times
";
        let counted: u64 = events(log)
            .iter()
            .map(|e| e.rsplit('x').next().unwrap().parse::<u64>().unwrap())
            .sum();
        assert_eq!(counted, 7);
    }

    #[test]
    fn sudo_failures_are_one_with_what_pam_said_of_them() {
        let log = "\
Nov 22 08:00:01 web sudo: pam_unix(sudo:auth): authentication failure; logname=ann uid=1000 euid=0 tty=/dev/pts/0 ruser=ann rhost=  user=ann
Nov 22 08:00:09 web sudo: pam_unix(sudo:auth): 2 more authentication failures; logname=ann uid=1000 euid=0 tty=/dev/pts/0 ruser=ann rhost=  user=ann
Nov 22 08:00:09 web sudo:      ann : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls
";
        assert_eq!(events(log), ["08:00:01 failed password ann pts/0 x3"]);
    }
}
