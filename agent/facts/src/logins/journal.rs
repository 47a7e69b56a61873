//! The systemd journal, read through journalctl(1): the format of its files is private to systemd, and its export
//! format (systemd's JOURNAL_EXPORT_FORMATS) is the one that it promises to keep.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::NEEDS;
use crate::command::{self, CommandError, Ending, Limits};
use crate::host::{Host, ReadError};
use crate::known::Denial;

/// By absolute path: nothing that a PATH could change.
const JOURNALCTL: &str = "/usr/bin/journalctl";

/// Journal files are read at about 100 MB/s; a run that takes longer than this is stuck.
const LIMITS: Limits = Limits {
    time: Duration::from_secs(60),
    output: 256 * 1024 * 1024,
};

/// Longest field kept. A message longer than this tells of no login.
const LONGEST_FIELD: usize = 64 * 1024;

/// Programs whose messages are asked for. A match costs the journal nothing but what it hits.
const IDENTIFIERS: &[&str] = &[
    "sshd",
    "sshd-session",
    "sshd-auth",
    "dropbear",
    "sudo",
    "su",
    "su-l",
    "login",
    "gdm-password]",
    "gdm-launch-environment]",
    "gdm-autologin]",
    "gdm-fingerprint]",
    "lightdm",
    "sddm",
    "sddm-helper",
    "vsftpd",
    "dovecot",
    "auth",
    "postfix/smtpd",
    "postfix/submission/smtpd",
    "postfix/smtps/smtpd",
    "cockpit-session",
    "xrdp",
    "xrdp-sesman",
    "polkit-agent-helper-1",
    "useradd",
    "usermod",
    "adduser",
    "newusers",
    "groupmems",
    "gpasswd",
    "doas",
];

/// Fields asked for; the cursor and times always come.
const FIELDS: &str = "MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,_HOSTNAME,_SOURCE_REALTIME_TIMESTAMP";

/// Directories of the journal: persistent and volatile (systemd-journald.service(8)).
const JOURNALS: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// One entry of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) cursor: Vec<u8>,
    pub(super) message: Vec<u8>,
    pub(super) identifier: Vec<u8>,
    pub(super) host: Vec<u8>,
    pub(super) pid: Option<u32>,
    pub(super) at: Option<Timestamp>,
}

/// Reads entries of [`IDENTIFIERS`] and of `programs` behind `cursor`, or since a time where there is none.
pub(super) fn read(
    programs: &[&str],
    cursor: Option<&str>,
    since: Timestamp,
    take: &mut dyn FnMut(&Entry),
) -> Result<Ending, CommandError> {
    let mut arguments: Vec<String> = ["--output=export", "--no-pager", "--quiet", "--all"]
        .into_iter()
        .map(str::to_owned)
        .collect();
    arguments.push(format!("--output-fields={FIELDS}"));
    arguments.push(match cursor {
        Some(cursor) => format!("--after-cursor={cursor}"),
        None => format!("--since=@{}", since.as_second()),
    });
    let names = IDENTIFIERS.iter().chain(programs);
    let matches = names.map(|name| format!("SYSLOG_IDENTIFIER={name}"));
    arguments.extend(matches);
    let mut export = Export::default();
    command::run(Path::new(JOURNALCTL), &arguments, LIMITS, &mut |piece| {
        export.feed(piece, take);
    })
}

/// A fingerprint of how many entries the journal's live files hold: their headers count them.
pub(super) fn pulse(host: &Host) -> Option<u64> {
    /// Bytes of the header (systemd's JOURNAL_FILE_FORMAT) up to the counts and times of entries.
    const HEADER: u64 = 256;
    let mut hasher = DefaultHasher::new();
    for top in JOURNALS {
        for machine in host.list(top).unwrap_or_default() {
            let path = format!("{top}/{machine}/system.journal");
            if let Ok(header) = host.read_head(&path, HEADER) {
                (path, header).hash(&mut hasher);
            }
        }
    }
    Some(hasher.finish())
}

/// Whether there are journal files, and all of them can be read.
pub(super) fn has_files(host: &Host) -> Result<bool, Denial> {
    let refused = |path: String| Denial {
        what: path,
        needs: NEEDS.to_owned(),
    };
    let mut found = false;
    for top in JOURNALS {
        let machines = match host.list(top) {
            Ok(machines) => machines,
            Err(ReadError::Denied(_)) => return Err(refused(top.to_owned())),
            Err(_) => continue,
        };
        for machine in machines {
            let directory = format!("{top}/{machine}");
            let names = match host.list(&directory) {
                Ok(names) => names,
                Err(ReadError::Denied(_)) => return Err(refused(directory)),
                Err(_) => continue,
            };
            for name in names
                .iter()
                .filter(|name| name.starts_with("system") && name.ends_with(".journal"))
            {
                let path = format!("{directory}/{name}");
                match host.open_file(&path) {
                    Ok(_) => found = true,
                    Err(ReadError::Denied(_)) => return Err(refused(path)),
                    Err(_) => {}
                }
            }
        }
    }
    Ok(found)
}

/// A reader of the export format, in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct Export {
    state: State,
    /// The part of a name, line or length that has been read.
    partial: Vec<u8>,
    entry: Entry,
    /// Whether the entry has any field.
    begun: bool,
}

#[derive(Debug, Default)]
enum State {
    /// In a line: `NAME=value`, or `NAME` alone before a value by length.
    #[default]
    Line,
    /// In a line too long to keep.
    LongLine,
    /// In the length of a value: eight bytes, little endian.
    Length(Vec<u8>),
    /// In a value of a name, with so many bytes to come, and the line feed behind it.
    Value(Vec<u8>, u64),
}

impl Export {
    /// Takes in the next piece.
    pub(super) fn feed(&mut self, piece: &[u8], take: &mut dyn FnMut(&Entry)) {
        let mut rest = piece;
        while !rest.is_empty() {
            rest = match &mut self.state {
                State::Line | State::LongLine => self.line(rest, take),
                State::Length(name) => {
                    let need = 8 - self.partial.len();
                    let (head, behind) = rest.split_at(need.min(rest.len()));
                    self.partial.extend_from_slice(head);
                    if let Ok(length) = <[u8; 8]>::try_from(self.partial.as_slice()) {
                        let name = std::mem::take(name);
                        self.partial.clear();
                        self.state = State::Value(name, u64::from_le_bytes(length).saturating_add(1));
                    }
                    behind
                }
                State::Value(name, left) => {
                    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    let (head, behind) = rest.split_at(length);
                    let room = LONGEST_FIELD.saturating_sub(self.partial.len());
                    self.partial
                        .extend_from_slice(head.get(..room.min(length)).unwrap_or_default());
                    *left -= length as u64;
                    if *left == 0 {
                        let name = std::mem::take(name);
                        let mut value = std::mem::take(&mut self.partial);
                        if value.last() == Some(&b'\n') {
                            value.pop();
                        }
                        self.field(&name, &value);
                        self.state = State::Line;
                    }
                    behind
                }
            };
        }
    }

    /// Ends the text: the last entry may lack the blank line behind it.
    pub(super) fn end(mut self, take: &mut dyn FnMut(&Entry)) {
        self.feed(b"\n\n", take);
    }

    fn line<'p>(&mut self, rest: &'p [u8], take: &mut dyn FnMut(&Entry)) -> &'p [u8] {
        let long = matches!(self.state, State::LongLine);
        let Some(end) = memchr::memchr(b'\n', rest) else {
            if long || self.partial.len() + rest.len() > LONGEST_FIELD {
                self.partial.clear();
                self.state = State::LongLine;
            } else {
                self.partial.extend_from_slice(rest);
            }
            return b"";
        };
        let (head, behind) = (
            rest.get(..end).unwrap_or_default(),
            rest.get(end + 1..).unwrap_or_default(),
        );
        let mut whole = std::mem::take(&mut self.partial);
        whole.extend_from_slice(head);
        self.state = State::Line;
        if long || whole.len() > LONGEST_FIELD {
            return behind;
        }
        if whole.is_empty() {
            if self.begun {
                take(&self.entry);
            }
            self.entry = Entry::default();
            self.begun = false;
        } else {
            match memchr::memchr(b'=', &whole) {
                Some(at) => {
                    let (name, value) = whole.split_at(at);
                    self.field(name, value.get(1..).unwrap_or_default());
                }
                None => self.state = State::Length(whole),
            }
        }
        behind
    }

    fn field(&mut self, name: &[u8], value: &[u8]) {
        self.begun = true;
        let entry = &mut self.entry;
        let number = || std::str::from_utf8(value).ok()?.parse::<u64>().ok();
        match name {
            b"__CURSOR" => entry.cursor = value.to_vec(),
            b"MESSAGE" => entry.message = value.to_vec(),
            b"SYSLOG_IDENTIFIER" => entry.identifier = value.to_vec(),
            b"_HOSTNAME" => entry.host = value.to_vec(),
            // The process that the program itself names, else the one that the kernel saw.
            b"SYSLOG_PID" => entry.pid = number().and_then(|pid| u32::try_from(pid).ok()),
            b"_PID" => {
                let pid = || number().and_then(|pid| u32::try_from(pid).ok());
                entry.pid = entry.pid.or_else(pid);
            }
            // When it was said, else when it was received.
            b"_SOURCE_REALTIME_TIMESTAMP" => entry.at = number().and_then(microseconds).or(entry.at),
            b"__REALTIME_TIMESTAMP" => entry.at = entry.at.or_else(|| number().and_then(microseconds)),
            _ => {}
        }
    }
}

/// A journal time: microseconds since the epoch. Fractions of a second are dropped, as files have none.
fn microseconds(count: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(count / 1_000_000).ok()?).ok()
}

/// Whether `head`, the start of a file, is journal export and no log.
pub(super) fn looks_like_export(head: &[u8]) -> bool {
    head.starts_with(b"__CURSOR=")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries(text: &[u8], piece: usize) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut export = Export::default();
        for piece in text.chunks(piece.max(1)) {
            export.feed(piece, &mut |entry| entries.push(entry.clone()));
        }
        export.end(&mut |entry| entries.push(entry.clone()));
        entries
    }

    fn write(message: &[u8], by_length: bool) -> Vec<u8> {
        let mut text = b"__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1700000000999999\n".to_vec();
        if by_length {
            text.extend(b"MESSAGE\n");
            text.extend((message.len() as u64).to_le_bytes());
            text.extend(message);
            text.push(b'\n');
        } else {
            text.extend(b"MESSAGE=");
            text.extend(message);
            text.push(b'\n');
        }
        text.extend(b"SYSLOG_IDENTIFIER=sshd\n_PID=9\nSYSLOG_PID=7\n_HOSTNAME=web\n\n");
        text
    }

    #[test]
    fn entries_are_read_in_pieces_of_any_size() {
        let mut text = write(b"two\nlines", true);
        text.extend(write(b"one line", false));
        text.truncate(text.len() - 1);
        for piece in [1, 3, 1000] {
            let read = entries(&text, piece);
            assert_eq!(read.len(), 2);
            assert_eq!(read[0].message, b"two\nlines");
            assert_eq!(read[1].message, b"one line");
            assert_eq!((read[1].pid, read[1].host.as_slice()), (Some(7), &b"web"[..]));
            assert_eq!(read[1].at.unwrap().as_second(), 1_700_000_000);
        }
    }

    proptest! {
        #[test]
        fn any_message_comes_back_as_it_was_written(message: Vec<u8>, piece in 1usize..50) {
            prop_assert_eq!(&entries(&write(&message, true), piece)[0].message, &message);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, piece in 1usize..50) {
            entries(&bytes, piece);
            let mut text = b"MESSAGE\n".to_vec();
            text.extend(&bytes);
            entries(&text, piece);
        }
    }
}
