//! Reads on in every source.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::attempt::Merger;
use super::databases::{self, NotRead};
use super::duplicate::{Origin, Seen};
use super::geoip::{GeoFile, Places};
use super::habit::Network;
use super::packed::{Events, Row};
use super::panels::Panels;
use super::remember::LoginMemory;
use super::scan::{self, Scan, Told};
use super::timestamp::Clock;
use super::utmp::{self, Records};
use super::{JOURNAL, NEEDS, RECORDS, Reading, SourceReading, accounts, follow, journal, line};
use crate::command::{CommandError, Ending};
use crate::host::{Host, ReadError};
use crate::known::Known;

/// Logs of a syslog daemon that hold what sshd, su, sudo and PAM say: Debian's name and Red Hat's.
const LOGS: [&str; 2] = ["/var/log/auth.log", "/var/log/secure"];

/// Where they stand on a system that has neither (Alpine, Arch, SUSE).
pub(super) const FALLBACK_LOG: &str = "/var/log/messages";

/// How far back the first run reads, to learn how users are used to log in.
const HISTORY: SignedDuration = SignedDuration::from_hours(60 * 24);

/// Largest time zone file taken, in bytes.
const LARGEST_ZONE: u64 = 256 * 1024;

/// Reads on in every source.
pub(super) fn read(
    host: &Host,
    now: Timestamp,
    memory: &mut LoginMemory,
    panels: &Panels,
) -> Vec<SourceReading> {
    // The first time, what is older is read too: habits are learned of it.
    let since = match memory.habits.since {
        Some(_) => memory.since(now),
        None => now.saturating_sub(HISTORY).unwrap_or(Timestamp::MIN),
    };
    learn_last_logins(host, now, memory);
    let zone = zone(host);
    let mut merger = Merger::resume(&memory.connections);
    let mut seen = Seen::resume(&memory.singles);
    let mut sources = vec![SourceReading {
        name: JOURNAL.to_owned(),
        reading: read_journal(host, now, since, memory, (&mut merger, &mut seen, panels)),
    }];
    let mut read_log = |path: &str, memory: &mut LoginMemory| {
        let mut clock = Clock::new(zone.clone(), now, None);
        let mut scan = Scan::new(&mut merger, &mut seen, &mut clock, panels, since);
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
    for path in panels.files().iter().filter_map(|path| path.to_str()) {
        let log = read_log(path, memory);
        // Most hosts have none of them.
        if !matches!(log.reading, Known::Absent(_)) {
            sources.push(log);
        }
    }
    let mut changes = std::mem::take(&mut merger.changes);
    let evicted = merger.evicted;
    let (events, connections) = merger.finish(Some(now));
    memory.connections = connections;
    memory.singles = seen.remembered(now);
    let mut records = Events::default();
    for (path, kind) in RECORDS {
        let mut sink = Records::new(kind);
        let unit = utmp::RECORD as u64;
        let followed = follow::follow(host, path, memory.position(path), since, unit, &mut sink);
        sources.push(SourceReading {
            name: path.to_owned(),
            reading: known(memory.follow(path, followed), |lost| Reading {
                lines: sink.read,
                unparsed: 0,
                from: sink.events.rows().first().map(Row::at),
                written_at: accounts::written_at(host, path),
                lost,
            }),
        });
        records.extend(&sink.events);
    }
    let (reading, records) = read_wtmpdb(host, since, memory, records);
    sources.push(reading);
    let (new, seen) = memory.privileges.update(host, now);
    changes.extend(new);
    sources.push(SourceReading {
        name: accounts::NAME.to_owned(),
        reading: seen,
    });
    memory.keep(now, &events, &records);
    memory.count_evicted(now, evicted);
    memory.keep_changes(now, changes);
    sources
}

/// Reads on in the database that takes the place of wtmp, and gives the records with those that wtmp does not have.
fn read_wtmpdb(
    host: &Host,
    since: Timestamp,
    memory: &mut LoginMemory,
    records: Events,
) -> (SourceReading, Events) {
    let path = databases::WTMPDB;
    let (reading, records) = match databases::read(host, path, memory.wtmpdb_row, since) {
        Ok(read) => {
            memory.wtmpdb_row = read.last;
            let reading = Reading {
                lines: read.rows,
                unparsed: read.broken,
                from: read.events.rows().first().map(Row::at),
                written_at: accounts::written_at(host, path),
                lost: false,
            };
            (Known::Value(reading), utmp::merge(records, &read.events))
        }
        Err(NotRead::File(ReadError::NotFound(path))) => (Known::Absent(path.display().to_string()), records),
        Err(NotRead::File(ReadError::Denied(path))) => {
            (Known::denied(path.display().to_string(), NEEDS), records)
        }
        Err(error) => (Known::failed(path, error), records),
    };
    let name = path.to_owned();
    (SourceReading { name, reading }, records)
}

/// Where networks are by the GeoIP file at `path`; if it can't be used, what came of reading it.
pub(super) fn places(
    host: &Host,
    path: &Path,
    networks: BTreeSet<Network>,
) -> (Option<Places>, Option<SourceReading>) {
    let name = path.display().to_string();
    let reading = match host.open_file(path) {
        Ok(file) => {
            let found = GeoFile::open(file).and_then(|file| file.places(networks.into_iter()));
            match found {
                Ok(places) => return (Some(places), None),
                Err(error) => Known::failed(&name, error),
            }
        }
        Err(ReadError::Denied(_)) => Known::denied(&name, NEEDS),
        // The plan says that it is there.
        Err(error) => Known::failed(&name, error),
    };
    (None, Some(SourceReading { name, reading }))
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
    let mut last_logins = accounts::last_logins(host, &accounts);
    last_logins.extend(databases::last_logins(host).unwrap_or_default());
    for (user, at) in last_logins {
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
    (merger, seen, panels): (&mut Merger<'_>, &mut Seen, &Panels),
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
        let told = Told::of(&line, panels);
        if !told.is_nothing() {
            reading.from.get_or_insert(at);
            if at >= since {
                scan::take(merger, seen, &line, &told, (at, 0), Origin::Journal);
            }
        }
    };
    let from = memory.journal_read_at.unwrap_or(since);
    let programs = panels.programs();
    let ending = match (
        &memory.journal_cursor,
        journal::read(&programs, memory.journal_cursor.as_deref(), from, &mut take),
    ) {
        // A cursor that the journal does not know any more.
        (Some(_), Err(CommandError::Failed { .. })) => journal::read(&programs, None, from, &mut take),
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
pub(super) fn zone(host: &Host) -> TimeZone {
    host.read("/etc/localtime", LARGEST_ZONE)
        .ok()
        .and_then(|bytes| TimeZone::tzif("Local", &bytes).ok())
        .unwrap_or(TimeZone::UTC)
}
