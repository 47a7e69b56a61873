//! Attempts to log in, from every log that tells of them.
//!
//! Sources, brought together and each attempt counted once: the systemd journal, `auth.log` or `secure` of a syslog
//! daemon, the files of web panels, the records of wtmp and btmp, and the database of wtmpdb. A run reads what was written
//! since the last one; the events of the last [`KEPT_FOR`] and the reading positions stay in [`Memory`](crate::Memory).
//! All that is kept is withheld of names that need not be accounts: people type passwords there.

pub(crate) mod accounts;
mod attempt;
mod compression;
mod condense;
mod connection;
mod console;
mod databases;
mod drill;
mod dropbear;
mod duplicate;
mod event;
pub(crate) mod follow;
mod geoip;
mod habit;
mod inspect;
mod intern;
mod journal;
mod line;
mod mail_ftp;
mod packed;
mod pam;
mod panels;
mod privilege;
mod read;
mod remember;
mod said;
mod scan;
mod sqlite;
mod sshd;
mod sudo_su;
mod timestamp;
mod utmp;
mod xrdp;

use jiff::Timestamp;
use serde::Serialize;

use crate::ask::Ask;
use crate::facts::Facts;
use crate::host::Host;
use crate::known::Known;
use crate::probe::{Probe, ProbeId};

use panels::Panels;
use read::{FALLBACK_LOG, places, read};

pub use attempt::Winnow;
pub use drill::{Drill, Drilled};
pub use event::{LoginEvent, Method, Outcome, Service, Source};
pub use geoip::{Coordinates, Places};
pub use habit::{Habit, Habits, Network};
pub use inspect::{Input, InspectError, Inspected, Zone, inspect, inspect_within};
pub use intern::Id;
pub use packed::{Events, Row};
pub use privilege::{PrivilegeChange, PrivilegeKind};
pub use remember::{KEPT_FOR, LoginMemory, MOST_EVENTS};

/// Logins and failed logins by utmp(5).
const RECORDS: [(&str, utmp::Kind); 2] = [
    ("/var/log/wtmp", utmp::Kind::Wtmp),
    ("/var/log/btmp", utmp::Kind::Btmp),
];

/// The name that the journal goes by among the sources.
const JOURNAL: &str = "journal";

/// What would let us read logs: they belong to these groups on Debian and with systemd.
const NEEDS: &str = "CAP_DAC_READ_SEARCH, or group adm and systemd-journal";

/// What [`LoginsProbe`] reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoginFacts {
    /// Attempts since this time are held.
    pub since: Timestamp,
    /// Attempts, oldest first; names of accounts that may not exist are withheld.
    pub events: Events,
    /// Drills of this time, with their attempts, which are not among [`Self::events`].
    pub drills: Vec<Drilled>,
    /// What was done to, or tried for, privileges since then, oldest first.
    pub changes: Vec<PrivilegeChange>,
    /// How users were used to log in before that.
    pub habits: Habits,
    /// Where the networks of logins are, by the GeoIP file that the plan names.
    pub places: Places,
    /// A key of this host alone, to hash under what is not to be told.
    pub key: [u64; 2],
    /// Every source that was looked for.
    pub sources: Vec<SourceReading>,
    /// Attempts of this time that had to be dropped to stay within [`MOST_EVENTS`].
    pub evicted: u64,
}

/// A source, and what came of reading it.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceReading {
    /// Path of the file, or `journal`.
    pub name: String,
    /// What this run read of it.
    pub reading: Known<Reading>,
}

/// What one run read of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// Lines, entries or records.
    pub lines: u64,
    /// Lines that could not be understood.
    pub unparsed: u64,
    /// Time of the first line that told of a login.
    pub from: Option<Timestamp>,
    /// When a file was last written to.
    pub written_at: Option<Timestamp>,
    /// Something was written that this run could not read any more: a rotated file is gone, or there was too much.
    pub lost: bool,
}

/// Reads logs.
pub struct LoginsProbe;

impl Probe for LoginsProbe {
    type Fact = LoginFacts;
    const ID: ProbeId = ProbeId::Logins;
    // The journal is written through memory, which no watch of a file tells of; journald sets its files to the size that
    // they have, which one does (journal_file_post_change in systemd). What goes past that its pulse tells.
    const WATCHES: &'static [&'static str] = &[
        "/var/log/auth.log",
        "/var/log/secure",
        "/var/log/btmp",
        "/var/log/wtmp",
        databases::WTMPDB,
        FALLBACK_LOG,
        "/var/log/journal/*",
        "/run/log/journal/*",
        accounts::PASSWD,
        accounts::GROUP,
        accounts::SUDOERS,
        accounts::SUDOERS_DIRECTORY,
        "/root/.ssh/authorized_keys",
    ];
    const PULSE: Option<fn(&Host) -> Option<u64>> = Some(journal::pulse);
    const URGENT: bool = true;

    fn gather(host: &Host, ask: &Ask, facts: &mut Facts) -> Known<LoginFacts> {
        let mut memory = ask.memory.logins.clone();
        memory.kept_for = Some(ask.logins_kept_for);
        let panels = Panels::new(&ask.login_patterns);
        let mut sources = read(host, ask.now, &mut memory, &panels);
        let known = if sources.iter().any(shows_failures) {
            let networks = memory.networks();
            let places = ask.geoip_file.as_deref().map(|path| places(host, path, networks));
            let places = places.and_then(|(places, unread)| {
                sources.extend(unread);
                places
            });
            let since = memory.since(ask.now);
            facts.memory.drills.retain(|drill| drill.until >= since);
            let mut events = utmp::merge(memory.events.clone(), &memory.records);
            Known::Value(LoginFacts {
                places: places.unwrap_or_default(),
                since,
                drills: drill::take_out(&facts.memory.drills, &mut events),
                key: memory.key(),
                changes: memory.changes.clone(),
                habits: memory.habits.clone(),
                events,
                evicted: memory.evicted,
                sources,
            })
        } else {
            none_readable(&sources)
        };
        facts.memory.logins = memory;
        known
    }

    fn slot(facts: &mut Facts) -> &mut Known<LoginFacts> {
        &mut facts.logins
    }
}

/// Whether a source was read that would show a failed login: wtmp shows none.
fn shows_failures(source: &SourceReading) -> bool {
    matches!(source.reading, Known::Value(_)) && tells_of_failures(source)
}

/// Whether a source is one that tells of failed logins: wtmp does not, nor does who has privileges.
fn tells_of_failures(source: &SourceReading) -> bool {
    ![RECORDS[0].0, databases::WTMPDB, accounts::NAME].contains(&source.name.as_str())
}

fn none_readable(sources: &[SourceReading]) -> Known<LoginFacts> {
    let refused: Vec<&str> = sources
        .iter()
        .filter(|source| source.name != accounts::NAME)
        .filter(|source| matches!(source.reading, Known::Denied(_)))
        .map(|source| source.name.as_str())
        .collect();
    if !refused.is_empty() {
        return Known::denied(refused.join(", "), NEEDS);
    }
    let why = |source: &SourceReading| match &source.reading {
        Known::Failed { why, .. } => why.clone(),
        _ => format!("{} does not exist", source.name),
    };
    let logs = sources.iter().filter(|source| source.name != accounts::NAME);
    let reasons: Vec<String> = logs.map(why).collect();
    Known::failed("login records", reasons.join("; "))
}

#[cfg(test)]
mod tests;
