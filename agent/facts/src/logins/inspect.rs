//! Reads files that a person names, whole and at once: logs, wtmp and btmp, journal export.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumbline_config::plan::LoginPattern;

use super::attempt::{MOST_HELD, Merger, Winnow};
use super::duplicate::{Origin, Seen};
use super::follow::{self, Sink};
use super::geoip::{GeoFile, Places};
use super::journal::{self, Export};
use super::line::Line;
use super::packed::Events;
use super::panels::Panels;
use super::privilege::PrivilegeChange;
use super::read::zone;
use super::remember::{evict, networks_of};
use super::scan::{self, Scan, Tally, Told};
use super::timestamp::Clock;
use super::utmp::{self, Records};
use super::{databases, sqlite};
use crate::host::{Host, ReadError};

/// How files are to be read.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Files, oldest first where one follows another.
    pub files: Vec<PathBuf>,
    /// Year of lines without one; `None`: the newest that is not after the file was last written to.
    pub year: Option<i16>,
    /// Patterns of a plan.
    pub patterns: Vec<LoginPattern>,
    /// A GeoIP file.
    pub geoip_file: Option<PathBuf>,
}

/// What the files tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inspected {
    /// Lines, entries and records.
    pub lines: u64,
    /// Those that could not be understood.
    pub unparsed: u64,
    /// How many attempts they tell of.
    pub attempts: u64,
    /// Attempts, oldest first: all, or those that something may be made of.
    pub events: Events,
    /// Attempts that had to be dropped for want of room.
    pub evicted: u64,
    /// What was done to, or tried for, privileges, oldest first.
    pub changes: Vec<PrivilegeChange>,
    /// Where the networks of logins are.
    pub places: Places,
    /// The zone that the lines were written in: their own offset where they have one, else that of this host.
    pub zone: Zone,
}

/// A zone; UTC unless set.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone(pub TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// It could not be opened or read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is compressed, and broken or cut off.
    #[error("{} is compressed and can't be read to its end; is it whole?", .0.display())]
    Broken(PathBuf),
    /// It is a GeoIP file that can't be read.
    #[error("{}: {why}", path.display())]
    Places {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It is a database that can't be read.
    #[error("{}: {why}; of databases, wtmpdb's wtmp.db and lastlog2.db are read", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Log,
    Export,
    Records(utmp::Kind),
    /// Of wtmpdb or lastlog2.
    Database,
}

/// Reads `input.files` of `host`, and holds every attempt.
pub fn inspect(host: &Host, input: &Input) -> Result<Inspected, InspectError> {
    read(host, input, None)
}

/// Reads `input.files` of `host` in bounded memory: whenever there are too many attempts, `winnow` is to drop those that
/// nothing can be made of. If that is not enough, the least interesting go, and are counted.
pub fn inspect_within(host: &Host, input: &Input, winnow: Winnow<'_>) -> Result<Inspected, InspectError> {
    read(host, input, Some(winnow))
}

fn read(host: &Host, input: &Input, winnow: Option<Winnow<'_>>) -> Result<Inspected, InspectError> {
    let mut files = Vec::new();
    for path in &input.files {
        let name = path.to_string_lossy().into_owned();
        let (format, written_at) = recognise(host, &name)?;
        files.push((name, format, written_at));
    }
    let zone = zone(host);
    let panels = Panels::new(&input.patterns);
    let any = |format| files.iter().any(|(_, known, _)| *known == format);
    // Only where there are both can a line have come by both ways.
    let mut seen = if any(Format::Log) && any(Format::Export) {
        Seen::resume(&[])
    } else {
        Seen::default()
    };
    let mut merger = winnow.map_or_else(Merger::default, Merger::within);
    // Kept from file to file, since a set year goes on through new year.
    let mut set_clock = Clock::new(zone.clone(), Timestamp::UNIX_EPOCH, input.year);
    let mut records = Events::default();
    let mut written_in = None;
    let mut inspected = Inspected::default();
    for (name, format, written_at) in &files {
        let (lines, unparsed, cut) = match format {
            Format::Log => {
                let mut own_clock = Clock::new(zone.clone(), *written_at, None);
                let clock = if input.year.is_some() {
                    &mut set_clock
                } else {
                    &mut own_clock
                };
                let mut scan = Scan::new(&mut merger, &mut seen, clock, &panels, Timestamp::MIN);
                let cut = follow::read_whole(host, name, &mut scan)?;
                let Tally { lines, unparsed, .. } = scan.end(true);
                written_in = clock.offset().or(written_in);
                (lines, unparsed, cut)
            }
            Format::Export => {
                let mut entries = Entries {
                    export: Export::default(),
                    taken: Taken {
                        merger: &mut merger,
                        seen: &mut seen,
                        panels: &panels,
                        lines: 0,
                        unparsed: 0,
                    },
                };
                let cut = follow::read_whole(host, name, &mut entries)?;
                let Entries { export, mut taken } = entries;
                export.end(&mut |entry| taken.take(entry));
                (taken.lines, taken.unparsed, cut)
            }
            Format::Database => {
                let read = databases::read(host, name, None, Timestamp::MIN).map_err(|error| {
                    let (path, why) = (Path::new(name).to_owned(), error.to_string());
                    InspectError::Database { path, why }
                })?;
                records = utmp::merge(records, &read.events);
                (read.rows, read.broken, false)
            }
            Format::Records(kind) => {
                let mut sink = Records::new(*kind);
                let cut = follow::read_whole(host, name, &mut sink)?;
                records.extend(&sink.events);
                if winnow.is_some() && records.len() > MOST_HELD {
                    records.sort();
                    inspected.evicted += evict(records.rows_mut(), MOST_HELD);
                }
                (sink.read, 0, cut)
            }
        };
        if cut {
            return Err(InspectError::Broken(Path::new(name).to_owned()));
        }
        inspected.lines += lines;
        inspected.unparsed += unparsed;
    }
    inspected.evicted += merger.evicted;
    inspected.attempts = inspected.evicted + merger.winnowed;
    inspected.changes = std::mem::take(&mut merger.changes);
    inspected.changes.sort_by_key(|change| change.at);
    inspected.zone = Zone(written_in.unwrap_or(zone));
    let (events, _) = merger.finish(None);
    inspected.events = utmp::merge(events, &records);
    inspected.attempts += inspected.events.attempts();
    if let Some(path) = &input.geoip_file {
        let file = host.open_file(path)?;
        let places =
            GeoFile::open(file).and_then(|file| file.places(networks_of(&inspected.events).into_iter()));
        inspected.places = places.map_err(|error| InspectError::Places {
            path: path.clone(),
            why: error.to_string(),
        })?;
    }
    Ok(inspected)
}

/// What a file holds, by its first bytes and size, and when it was last written to.
fn recognise(host: &Host, path: &str) -> Result<(Format, Timestamp), ReadError> {
    /// Enough for ten records.
    const HEAD: u64 = 10 * utmp::RECORD as u64;
    let (head, metadata, compressed) = follow::peek(host, path, HEAD)?;
    let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
    // Of a compressed file only the head's size is known.
    let whole = head.len() - head.len() % utmp::RECORD;
    let size = match compressed {
        true if head.len() as u64 == HEAD => whole as u64,
        true => head.len() as u64,
        false => std::os::unix::fs::MetadataExt::size(&metadata),
    };
    let format = if head.starts_with(sqlite::MAGIC) {
        Format::Database
    } else if journal::looks_like_export(&head) {
        Format::Export
    } else if let Some(kind) = utmp::kind_of(&name, size, &head) {
        Format::Records(kind)
    } else {
        Format::Log
    };
    let second = std::os::unix::fs::MetadataExt::mtime(&metadata);
    Ok((format, Timestamp::from_second(second).unwrap_or_default()))
}

/// Takes in journal export.
struct Entries<'a, 'w> {
    export: Export,
    taken: Taken<'a, 'w>,
}

struct Taken<'a, 'w> {
    merger: &'a mut Merger<'w>,
    seen: &'a mut Seen,
    panels: &'a Panels,
    lines: u64,
    unparsed: u64,
}

impl Taken<'_, '_> {
    fn take(&mut self, entry: &journal::Entry) {
        self.lines += 1;
        let Some(at) = entry.at else {
            self.unparsed += 1;
            return;
        };
        let line = Line::of_entry(entry);
        let told = Told::of(&line, self.panels);
        if !told.is_nothing() {
            let place = (at, self.lines);
            scan::take(self.merger, self.seen, &line, &told, place, Origin::Journal);
        }
    }
}

impl Sink for Entries<'_, '_> {
    fn feed(&mut self, piece: &[u8]) {
        let taken = &mut self.taken;
        self.export.feed(piece, &mut |entry| taken.take(entry));
    }

    fn unread(&self) -> usize {
        0
    }

    fn next_file(&mut self, _skip: bool) {
        self.export = Export::default();
    }
}
