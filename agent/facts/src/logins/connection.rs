//! What has been told about one connection: in one run by numbers, from run to run by texts.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::event::{Service, Source, is_withheld, withheld};
use super::intern::Id;
use super::packed::{Events, Held};
use super::said::{Kind, Said};

/// A process that was silent for this long and speaks again is another connection: sshd's LoginGraceTime is 2 minutes.
pub(super) const LONGEST_SILENCE: SignedDuration = SignedDuration::from_mins(10);

/// One connection under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    /// Microseconds since 1970 of the last message.
    pub(super) last_at: i64,
    pub(super) user: Id,
    pub(super) by: Id,
    pub(super) source: Id,
    pub(super) port: Option<u32>,
    /// Messages by [`Kind`].
    told: [u32; Kind::COUNT],
    /// Attempts told on as events: at secrets, and at keys.
    pub(super) guesses: u32,
    pub(super) keys: u32,
    /// The first PAM failure that nothing has confirmed or refuted yet, and its line.
    pub(super) pending: Option<(i64, u32)>,
    /// Place of the last event of this connection among those of this run.
    pub(super) last_event: Option<u32>,
    pub(super) service: Service,
    pub(super) unknown_user: bool,
}

impl Connection {
    pub(super) const fn new(service: Service, at: i64) -> Self {
        Self {
            service,
            last_at: at,
            user: Id::NONE,
            unknown_user: false,
            by: Id::NONE,
            source: Id::NONE,
            port: None,
            told: [0; Kind::COUNT],
            guesses: 0,
            keys: 0,
            pending: None,
            last_event: None,
        }
    }

    /// Whether a message at `at` can be about this connection; `user` and `source` are those it names.
    pub(super) fn takes(&self, said: &Said<'_>, (user, source): (Id, Id), at: i64, events: &Events) -> bool {
        let same_user = self.user == user || self.user.is_none() || user.is_none() || {
            // Names that may be passwords are withheld between runs.
            match (events.name(self.user), events.name(user)) {
                (Some(known), Some(told)) => is_withheld(known) && known == withheld(told),
                _ => true,
            }
        };
        let same_port = self.port.is_none() || said.port.is_none() || self.port == said.port;
        // PAM may name the host where sshd names its address.
        let same_source =
            self.source == source || !(events.is_address(self.source) && events.is_address(source));
        let silence = at.saturating_sub(self.last_at).unsigned_abs();
        u128::from(silence) <= LONGEST_SILENCE.as_micros().unsigned_abs()
            && same_user
            && same_source
            && same_port
    }

    pub(super) fn told(&self, kind: Kind) -> u32 {
        self.told.get(kind as usize).copied().unwrap_or_default()
    }

    pub(super) fn tell(&mut self, kind: Kind, count: u32) -> u32 {
        match self.told.get_mut(kind as usize) {
            Some(told) => {
                *told = told.saturating_add(count);
                *told
            }
            None => 0,
        }
    }

    pub(super) fn forget_pam(&mut self) {
        for kind in [Kind::PamUnix, Kind::PamOther] {
            if let Some(told) = self.told.get_mut(kind as usize) {
                *told = (*told).min(self.guesses);
            }
        }
        self.pending = None;
    }

    /// The numbers that stand here for texts.
    pub(super) fn held(&mut self) -> [Held<'_>; 3] {
        [
            Held::Name(&mut self.user),
            Held::Name(&mut self.by),
            Held::Source(&mut self.source),
        ]
    }
}

/// A connection that may go on in the next run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OpenConnection {
    pub(super) key: u64,
    service: Service,
    pub(super) last_at: Timestamp,
    user: Option<String>,
    unknown_user: bool,
    #[serde(default)]
    by: Option<String>,
    source: Option<Source>,
    port: Option<u32>,
    told: [u32; Kind::COUNT],
    guesses: u32,
    keys: u32,
    pending_at: Option<Timestamp>,
}

impl OpenConnection {
    /// Names that may be passwords are withheld.
    pub(super) fn of(key: u64, connection: &Connection, events: &Events) -> Self {
        let name = |id| events.name(id).map(str::to_owned);
        let time = |at| Timestamp::from_microsecond(at).unwrap_or_default();
        let user = name(connection.user);
        Self {
            key,
            service: connection.service,
            last_at: time(connection.last_at),
            user: match user {
                Some(user) if connection.unknown_user && !is_withheld(&user) => Some(withheld(&user)),
                user => user,
            },
            unknown_user: connection.unknown_user,
            by: name(connection.by),
            source: events.source(connection.source),
            port: connection.port,
            told: connection.told,
            guesses: connection.guesses,
            keys: connection.keys,
            pending_at: connection.pending.map(|(at, _)| time(at)),
        }
    }

    /// The connection by its key, its texts numbered by `events`.
    pub(super) fn resume(&self, events: &mut Events) -> (u64, Connection) {
        let mut name = |name: &Option<String>| {
            name.as_ref()
                .map_or(Id::NONE, |name| events.number_name(name.as_bytes()))
        };
        let (user, by) = (name(&self.user), name(&self.by));
        let source = self.source.as_ref();
        let connection = Connection {
            last_at: self.last_at.as_microsecond(),
            user,
            by,
            source: source.map_or(Id::NONE, |source| events.number_source(source)),
            port: self.port,
            told: self.told,
            guesses: self.guesses,
            keys: self.keys,
            pending: self.pending_at.map(|at| (at.as_microsecond(), 0)),
            last_event: None,
            service: self.service,
            unknown_user: self.unknown_user,
        };
        (self.key, connection)
    }
}
