//! Events of the audit log: records with one serial number, which may stand among those of others.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::Record;

/// Most events whose records may still come.
const MOST_OPEN: usize = 256;

/// Most paths of one event kept.
const MOST_PATHS: usize = 8;

/// Longest line taken, in bytes; the kernel's own limit is 8970 (MAX_AUDIT_MESSAGE_LENGTH).
const LONGEST_LINE: usize = 64 * 1024;

/// The login id of a process that nobody logged in for.
const UNSET: u64 = 0xffff_ffff;

/// Somebody opened something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Access {
    /// When.
    pub(super) at: Timestamp,
    /// Who logged in, or, where nobody did, whom the process runs as.
    pub(super) user: User,
    /// The program.
    pub(super) program: Option<String>,
    /// What was opened, as absolute paths.
    pub(super) paths: Vec<PathBuf>,
}

/// An account, as an event names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct User {
    pub(super) id: u32,
    pub(super) name: Option<String>,
}

/// What is known of an event so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Open {
    at: Timestamp,
    serial: u64,
    user: Option<User>,
    success: bool,
    program: Option<String>,
    directory: Option<PathBuf>,
    paths: Vec<PathBuf>,
}

/// Puts events together out of bytes.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    open: BTreeMap<(Timestamp, u64), Open>,
    line: Vec<u8>,
    /// The line began in the middle, or is too long: it is passed over.
    skipping: bool,
    /// Time of the latest record.
    pub(super) newest: Option<Timestamp>,
    pub(super) lines: u64,
    pub(super) unparsed: u64,
    pub(super) accesses: Vec<Access>,
}

impl Assembler {
    /// Goes on with events whose records had not all come.
    pub(super) fn resume(open: Vec<Open>) -> Self {
        let open = open.into_iter().map(|event| ((event.at, event.serial), event));
        Self {
            open: open.collect(),
            ..Self::default()
        }
    }

    /// Events whose records may still come.
    pub(super) fn still_open(self) -> Vec<Open> {
        self.open.into_values().collect()
    }

    /// Bytes of a line whose end has not come.
    pub(super) fn unread(&self) -> usize {
        self.line.len()
    }

    /// What came before is not continued. `skip`: what comes begins in the middle of a line.
    pub(super) fn next_file(&mut self, skip: bool) {
        self.line.clear();
        self.skipping = skip;
    }

    /// Takes in a piece of the log.
    pub(super) fn feed(&mut self, piece: &[u8]) {
        let mut pieces = piece.split_inclusive(|byte| *byte == b'\n');
        for part in &mut pieces {
            let ended = part.last() == Some(&b'\n');
            if self.skipping {
                self.skipping = !ended;
                continue;
            }
            if self.line.len() + part.len() > LONGEST_LINE {
                self.line.clear();
                self.skipping = !ended;
                self.lines += 1;
                self.unparsed += 1;
                continue;
            }
            self.line.extend_from_slice(part);
            if ended {
                let line = std::mem::take(&mut self.line);
                self.take(&line);
                self.line = line;
                self.line.clear();
            }
        }
    }

    fn take(&mut self, line: &[u8]) {
        self.lines += 1;
        let Some(record) = Record::parse(line) else {
            self.unparsed += u64::from(!line.trim_ascii().is_empty());
            return;
        };
        let place = (record.at, record.serial);
        self.newest = self.newest.max(Some(record.at));
        match record.kind {
            b"SYSCALL" => {
                let event = self.event(&record);
                event.user = user(&record);
                event.success = record.raw(b"success") == Some(b"yes");
                event.program = record.text(b"exe").map(lossy);
            }
            b"CWD" => self.event(&record).directory = record.text(b"cwd").map(path),
            b"PATH" if record.raw(b"nametype") != Some(b"PARENT") => {
                if let Some(name) = record.text(b"name") {
                    let event = self.event(&record);
                    if event.paths.len() < MOST_PATHS {
                        event.paths.push(path(name));
                    }
                }
            }
            // The kernel writes it last.
            b"PROCTITLE" | b"EOE" => {
                if let Some(event) = self.open.remove(&place) {
                    self.end(event);
                }
            }
            _ => {}
        }
        while self.open.len() > MOST_OPEN {
            if let Some((_, oldest)) = self.open.pop_first() {
                self.end(oldest);
            }
        }
    }

    fn event(&mut self, record: &Record<'_>) -> &mut Open {
        self.open
            .entry((record.at, record.serial))
            .or_insert_with(|| Open {
                at: record.at,
                serial: record.serial,
                user: None,
                success: false,
                program: None,
                directory: None,
                paths: Vec::new(),
            })
    }

    /// Events older than `before` get no more records.
    pub(super) fn settle(&mut self, before: Timestamp) {
        while let Some(entry) = self.open.first_entry() {
            if entry.key().0 >= before {
                break;
            }
            let event = entry.remove();
            self.end(event);
        }
    }

    fn end(&mut self, event: Open) {
        let Some(user) = event.user.filter(|_| event.success) else {
            return;
        };
        let directory = event.directory.unwrap_or_else(|| PathBuf::from("/"));
        let paths = event
            .paths
            .iter()
            .map(|path| plain(&directory.join(path)))
            .collect();
        self.accesses.push(Access {
            at: event.at,
            user,
            program: event.program,
            paths,
        });
    }
}

fn user(record: &Record<'_>) -> Option<User> {
    let of = |number: &[u8], name: &[u8]| {
        let id = record.number(number).filter(|id| *id != UNSET)?;
        Some(User {
            id: u32::try_from(id).ok()?,
            name: record.enriched(name),
        })
    };
    of(b"auid", b"AUID").or_else(|| of(b"uid", b"UID"))
}

fn path(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(&bytes))
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Without `.` and `..`, by name alone: what the links on the way were then is not known.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            _ => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As auditd on Debian 12 writes it (`log_format = ENRICHED` is its default).
    const ENRICHED: &[u8] = b"type=SYSCALL msg=audit(1761868800.100:1): arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=7ffd a2=0 a3=0 items=1 ppid=900 pid=901 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm=\"cat\" exe=\"/usr/bin/cat\" subj=unconfined key=\"personal-data\"\x1dARCH=x86_64 SYSCALL=openat AUID=\"alice\" UID=\"root\" GID=\"root\"\n\
type=CWD msg=audit(1761868800.100:1): cwd=\"/srv/pii\"\n\
type=PATH msg=audit(1761868800.100:1): item=0 name=\"../pii/customers.csv\" inode=131 dev=fe:00 mode=0100600 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0\x1dOUID=\"root\" OGID=\"root\"\n\
type=PROCTITLE msg=audit(1761868800.100:1): proctitle=636174002E2E2F7069692F637573746F6D6572732E637376\n";

    fn read(log: &[u8], piece: usize) -> Assembler {
        let mut assembler = Assembler::default();
        log.chunks(piece).for_each(|piece| assembler.feed(piece));
        assembler
    }

    #[test]
    fn records_of_one_event_become_who_opened_what() {
        for piece in [1, 7, 4096] {
            let read = read(ENRICHED, piece);
            let [access] = &read.accesses[..] else {
                panic!("{read:?}")
            };
            assert_eq!(
                access.user.name.as_deref(),
                Some("alice"),
                "who logged in, not root"
            );
            assert_eq!(access.paths, [PathBuf::from("/srv/pii/customers.csv")]);
            assert_eq!(access.program.as_deref(), Some("/usr/bin/cat"));
            assert_eq!((read.lines, read.unparsed), (4, 0));
        }
    }

    #[test]
    fn events_among_one_another_are_told_apart_and_a_daemon_is_who_it_runs_as() {
        let log =
            b"type=SYSCALL msg=audit(5.000:8): success=yes auid=4294967295 uid=33 exe=\"/usr/sbin/a\"\n\
type=SYSCALL msg=audit(5.000:9): success=no auid=1000 uid=0 exe=\"/bin/b\"\n\
type=CWD msg=audit(5.000:8): cwd=\"/\"\n\
type=PATH msg=audit(5.000:9): item=0 name=\"/srv/pii/x\" nametype=NORMAL\n\
type=PATH msg=audit(5.000:8): item=0 name=\"/srv/pii\" nametype=PARENT\n\
type=PATH msg=audit(5.000:8): item=1 name=\"/srv/pii/y\" nametype=NORMAL\n\
type=PROCTITLE msg=audit(5.000:8): proctitle=\"a\"\n\
type=PROCTITLE msg=audit(5.000:9): proctitle=\"b\"\n";
        let read = read(log, 64);
        assert_eq!(read.accesses.len(), 1, "what was refused was not read");
        assert_eq!(
            (read.accesses[0].user.id, &read.accesses[0].user.name),
            (33, &None)
        );
        assert_eq!(read.accesses[0].paths, [PathBuf::from("/srv/pii/y")]);
    }

    #[test]
    fn an_event_that_is_cut_off_goes_on_in_the_next_run() {
        let half = ENRICHED.len() / 2;
        let mut first = Assembler::default();
        let whole_lines = ENRICHED[..half].iter().rposition(|b| *b == b'\n').unwrap() + 1;
        first.feed(&ENRICHED[..whole_lines]);
        assert!(first.accesses.is_empty());
        let mut second = Assembler::resume(first.still_open());
        second.feed(&ENRICHED[whole_lines..]);
        assert_eq!(second.accesses.len(), 1);
    }

    #[test]
    fn an_event_without_an_end_ends_by_age_and_many_open_ones_take_no_memory() {
        let mut log = Vec::new();
        for serial in 0..3 * MOST_OPEN {
            log.extend(
                format!("type=SYSCALL msg=audit(5.000:{serial}): success=yes uid=1 exe=\"/x\"\n").bytes(),
            );
        }
        let mut read = read(&log, 4096);
        assert_eq!(read.open.len(), MOST_OPEN);
        assert_eq!(read.accesses.len(), 2 * MOST_OPEN);
        read.settle(Timestamp::from_second(6).unwrap());
        assert_eq!((read.open.len(), read.accesses.len()), (0, 3 * MOST_OPEN));
    }

    #[test]
    fn a_line_without_end_is_passed_over() {
        let mut log = vec![b'x'; 3 * LONGEST_LINE];
        log.push(b'\n');
        log.extend(ENRICHED);
        let read = read(&log, 1000);
        assert_eq!((read.accesses.len(), read.unparsed), (1, 1));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic_and_within_bounds(log: Vec<u8>, piece in 1_usize..100) {
            let read = read(&log, piece);
            prop_assert!(read.line.len() <= LONGEST_LINE);
        }
    }
}
