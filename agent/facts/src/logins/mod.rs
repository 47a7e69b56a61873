//! Attempts to log in, from every log that tells of them.
//!
//! Sources, brought together and each attempt counted once: the systemd journal, `auth.log` or `secure` of a syslog
//! daemon, and the records of wtmp and btmp. A run reads what was written since the last one; the events of the last
//! [`KEPT_FOR`] and the reading positions stay in [`Memory`](crate::Memory). All that is kept is withheld of names that
//! need not be accounts: people type passwords there.

pub(crate) mod accounts;
mod attempt;
mod compression;
mod condense;
mod console;
mod drill;
mod dropbear;
mod duplicate;
mod event;
pub(crate) mod follow;
mod habit;
mod inspect;
mod journal;
mod line;
mod mail_ftp;
mod pam;
mod privilege;
mod remember;
mod said;
mod scan;
mod sshd;
mod sudo_su;
mod timestamp;
mod utmp;
mod xrdp;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::ask::Ask;
use crate::command::{CommandError, Ending};
use crate::facts::Facts;
use crate::host::{Host, ReadError};
use crate::known::Known;
use crate::probe::{Probe, ProbeId};

use attempt::Merger;
use duplicate::{Origin, Seen};
use scan::{Scan, Told};
use timestamp::Clock;
use utmp::Records;

pub use drill::{Drill, Drilled};
pub use event::{LoginEvent, Method, Outcome, Service, Source};
pub use habit::{Habit, Habits, Network};
pub use inspect::{Input, InspectError, Inspected, Zone, inspect};
pub use privilege::{PrivilegeChange, PrivilegeKind};
pub use remember::{KEPT_FOR, LoginMemory, MOST_EVENTS};

/// Logs of a syslog daemon that hold what sshd, su, sudo and PAM say: Debian's name and Red Hat's.
const LOGS: [&str; 2] = ["/var/log/auth.log", "/var/log/secure"];

/// Where they stand on a system that has neither (Alpine, Arch, SUSE).
const FALLBACK_LOG: &str = "/var/log/messages";

/// Logins and failed logins by utmp(5).
const RECORDS: [(&str, utmp::Kind); 2] = [
    ("/var/log/wtmp", utmp::Kind::Wtmp),
    ("/var/log/btmp", utmp::Kind::Btmp),
];

/// The name that the journal goes by among the sources.
const JOURNAL: &str = "journal";

/// What would let us read logs: they belong to these groups on Debian and with systemd.
const NEEDS: &str = "CAP_DAC_READ_SEARCH, or group adm and systemd-journal";

/// How far back the first run reads, to learn how users are used to log in.
const HISTORY: SignedDuration = SignedDuration::from_hours(60 * 24);

/// Largest time zone file taken, in bytes.
const LARGEST_ZONE: u64 = 256 * 1024;

/// What [`LoginsProbe`] reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoginFacts {
    /// Attempts since this time are held.
    pub since: Timestamp,
    /// Attempts, oldest first; names of accounts that may not exist are withheld.
    pub events: Vec<LoginEvent>,
    /// Drills of this time, with their attempts, which are not among [`Self::events`].
    pub drills: Vec<Drilled>,
    /// What was done to, or tried for, privileges since then, oldest first.
    pub changes: Vec<PrivilegeChange>,
    /// How users were used to log in before that.
    pub habits: Habits,
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
        let sources = read(host, ask.now, &mut memory);
        let known = if sources.iter().any(shows_failures) {
            let since = memory.since(ask.now);
            facts.memory.drills.retain(|drill| drill.until >= since);
            let mut events = utmp::merge(memory.events.clone(), &memory.records);
            Known::Value(LoginFacts {
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
    source.name != RECORDS[0].0 && source.name != accounts::NAME
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

/// Reads on in every source.
fn read(host: &Host, now: Timestamp, memory: &mut LoginMemory) -> Vec<SourceReading> {
    // The first time, what is older is read too: habits are learned of it.
    let since = match memory.habits.since {
        Some(_) => memory.since(now),
        None => now.saturating_sub(HISTORY).unwrap_or(Timestamp::MIN),
    };
    learn_last_logins(host, now, memory);
    let zone = zone(host);
    let mut merger = Merger::resume(std::mem::take(&mut memory.connections));
    let mut seen = Seen::resume(&memory.singles);
    let mut sources = vec![SourceReading {
        name: JOURNAL.to_owned(),
        reading: read_journal(host, now, since, memory, (&mut merger, &mut seen)),
    }];
    let mut read_log = |path: &str, memory: &mut LoginMemory| {
        let mut clock = Clock::new(zone.clone(), now, None);
        let mut scan = Scan::new(&mut merger, &mut seen, &mut clock, since);
        let followed = follow::follow(host, path, memory.position(path), since, 1, &mut scan);
        let tally = scan.end(false);
        SourceReading {
            name: path.to_owned(),
            reading: known(memory.follow(path, followed), |lost| Reading {
                lines: tally.lines,
                unparsed: tally.unparsed,
                from: tally.first_at,
                written_at: accounts::written_at(host, path),
                lost,
            }),
        }
    };
    let logs = LOGS.map(|path| read_log(path, memory));
    let none_there = logs.iter().all(|log| matches!(log.reading, Known::Absent(_)));
    sources.extend(logs);
    if none_there {
        sources.push(read_log(FALLBACK_LOG, memory));
    }
    let mut changes = std::mem::take(&mut merger.changes);
    let evicted = merger.evicted;
    let (events, connections) = merger.finish(Some(now));
    memory.connections = connections;
    memory.singles = seen.remembered(now);
    let mut records = Vec::new();
    for (path, kind) in RECORDS {
        let mut sink = Records::new(kind);
        let unit = utmp::RECORD as u64;
        let followed = follow::follow(host, path, memory.position(path), since, unit, &mut sink);
        sources.push(SourceReading {
            name: path.to_owned(),
            reading: known(memory.follow(path, followed), |lost| Reading {
                lines: sink.read,
                unparsed: 0,
                from: sink.events.first().map(|event| event.at),
                written_at: accounts::written_at(host, path),
                lost,
            }),
        });
        records.extend(sink.events);
    }
    let (new, seen) = memory.privileges.update(host, now);
    changes.extend(new);
    sources.push(SourceReading {
        name: accounts::NAME.to_owned(),
        reading: seen,
    });
    memory.keep(now, events, records);
    memory.count_evicted(now, evicted);
    memory.keep_changes(now, changes);
    sources
}

/// The first time, accounts whose last login is further back than any log are known by lastlog.
fn learn_last_logins(host: &Host, now: Timestamp, memory: &mut LoginMemory) {
    if memory.habits.since.is_some() {
        return;
    }
    let Ok(accounts) = accounts::accounts(host) else {
        return;
    };
    let since = memory.since(now);
    for (user, at) in accounts::last_logins(host, &accounts) {
        // What is within the time that attempts are kept for is in the logs, and is to be judged.
        if at < since {
            memory.habits.learn_last_login(&user, at);
        }
    }
}

fn known(followed: Result<bool, ReadError>, reading: impl FnOnce(bool) -> Reading) -> Known<Reading> {
    match followed {
        Ok(lost) => Known::Value(reading(lost)),
        Err(ReadError::NotFound(path)) => Known::Absent(path.display().to_string()),
        Err(ReadError::Denied(path)) => Known::denied(path.display().to_string(), NEEDS),
        Err(error) => error.into_known(),
    }
}

fn read_journal(
    host: &Host,
    now: Timestamp,
    since: Timestamp,
    memory: &mut LoginMemory,
    (merger, seen): (&mut Merger, &mut Seen),
) -> Known<Reading> {
    // journalctl speaks of the running host alone.
    if !host.is_live() {
        return Known::Absent(JOURNAL.to_owned());
    }
    match journal::has_files(host) {
        Ok(true) => {}
        Ok(false) => return Known::Absent(JOURNAL.to_owned()),
        Err(denial) => return Known::Denied(denial),
    }
    let mut reading = Reading::default();
    let mut cursor = None;
    let mut take = |entry: &journal::Entry| {
        reading.lines += 1;
        if let Ok(text) = std::str::from_utf8(&entry.cursor) {
            cursor = Some(text.to_owned());
        }
        let Some(at) = entry.at else {
            reading.unparsed += 1;
            return;
        };
        let line = line::Line::of_entry(entry);
        let told = Told::of(&line);
        if !told.is_nothing() {
            reading.from.get_or_insert(at);
            if at >= since {
                scan::take(merger, seen, &line, &told, (at, 0), Origin::Journal);
            }
        }
    };
    let from = memory.journal_read_at.unwrap_or(since);
    let ending = match (
        &memory.journal_cursor,
        journal::read(memory.journal_cursor.as_deref(), from, &mut take),
    ) {
        // A cursor that the journal does not know any more.
        (Some(_), Err(CommandError::Failed { .. })) => journal::read(None, from, &mut take),
        (_, ending) => ending,
    };
    memory.journal_cursor = cursor.or(memory.journal_cursor.take());
    match ending {
        Ok(ending) => {
            // What was cut off comes in the next run, behind the cursor.
            if ending == Ending::Success {
                memory.journal_read_at = Some(now);
            }
            Known::Value(reading)
        }
        Err(CommandError::NotFound(program)) => Known::Absent(program.display().to_string()),
        Err(error) => Known::failed(JOURNAL, error),
    }
}

/// The zone that the host's logs without one are written in.
fn zone(host: &Host) -> TimeZone {
    host.read("/etc/localtime", LARGEST_ZONE)
        .ok()
        .and_then(|bytes| TimeZone::tzif("Local", &bytes).ok())
        .unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests;
