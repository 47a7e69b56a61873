//! Records of wtmp and btmp: utmp(5) as glibc lays it out for 32-bit times, 384 bytes each.

use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;

use super::event::{LoginEvent, Method, Outcome, Service, Source, peer, terminal, user_name};
use super::follow::Sink;
use super::intern::Id;
use super::packed::{Events, Row};

/// Bytes of one record.
pub(super) const RECORD: usize = 384;

/// A record and a log line on the same attempt are written within this of one another: a PAM failure is logged before
/// its delay and recorded after it, and rsyslog holds repeated lines back.
const WITHIN: SignedDuration = SignedDuration::from_secs(150);

/// `ut_type` of a process that a user logged in with.
const USER_PROCESS: i16 = 7;
/// `ut_type` of a process that waits for a user; btmp has it too.
const LOGIN_PROCESS: i16 = 6;

/// Which file the records are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Logins.
    Wtmp,
    /// Failed logins.
    Btmp,
}

/// A reader of records, in pieces of any size.
#[derive(Debug)]
pub(super) struct Records {
    kind: Kind,
    partial: Vec<u8>,
    /// Records read.
    pub(super) read: u64,
    /// Records of logins.
    pub(super) events: Events,
}

impl Records {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            partial: Vec::new(),
            read: 0,
            events: Events::default(),
        }
    }

    /// Takes in the next piece.
    pub(super) fn feed(&mut self, piece: &[u8]) {
        let mut rest = piece;
        if !self.partial.is_empty() {
            let need = RECORD - self.partial.len();
            let (head, behind) = rest.split_at(need.min(rest.len()));
            self.partial.extend_from_slice(head);
            rest = behind;
            if self.partial.len() < RECORD {
                return;
            }
            let whole = std::mem::take(&mut self.partial);
            self.record(&whole);
        }
        let mut records = rest.chunks_exact(RECORD);
        for record in &mut records {
            self.record(record);
        }
        self.partial.extend_from_slice(records.remainder());
    }

    fn record(&mut self, record: &[u8]) {
        self.read += 1;
        let line = self.read;
        if let Some(event) = read(record, self.kind) {
            self.events.push(&LoginEvent { line, ..event });
        }
    }
}

impl Sink for Records {
    fn feed(&mut self, piece: &[u8]) {
        self.feed(piece);
    }

    fn unread(&self) -> usize {
        self.partial.len()
    }

    fn next_file(&mut self, _skip: bool) {
        self.partial.clear();
    }
}

/// The login that a record tells of, if any.
fn read(record: &[u8], kind: Kind) -> Option<LoginEvent> {
    let kind_of_record = i16::from_le_bytes(field(record, 0)?);
    let wanted = match kind {
        Kind::Wtmp => kind_of_record == USER_PROCESS,
        Kind::Btmp => matches!(kind_of_record, USER_PROCESS | LOGIN_PROCESS),
    };
    if !wanted {
        return None;
    }
    let (line, user, host) = (
        text(record, 8, 32)?,
        text(record, 44, 32)?,
        text(record, 76, 256)?,
    );
    // Unsigned, so that it lasts until 2106.
    let second = u32::from_le_bytes(field(record, 340)?);
    let at = Timestamp::from_second(i64::from(second)).ok()?;
    if second == 0 {
        return None;
    }
    let address: [u8; 16] = field(record, 348)?;
    let source = peer(host)
        .filter(|source| matches!(source, Source::Address(_)))
        .or_else(|| address_of(address))
        .or_else(|| peer(host))
        .or_else(|| terminal(line));
    let service = match line {
        b"ssh:notty" => Service::Sshd,
        _ if line.starts_with(b"tty") => Service::Login,
        _ => Service::Utmp,
    };
    let user = (!user.is_empty()).then(|| user_name(user));
    let failed = kind == Kind::Btmp;
    Some(LoginEvent {
        at,
        service,
        // btmp holds whatever was typed at the prompt.
        unknown_user: failed && user.as_deref() != Some("root"),
        user,
        by: None,
        source,
        outcome: if failed {
            Outcome::Failed
        } else {
            Outcome::Accepted
        },
        // Only failures of passwords are recorded.
        method: if failed { Method::Password } else { Method::Unknown },
        count: 1,
        line: 0,
    })
}

fn field<const N: usize>(record: &[u8], offset: usize) -> Option<[u8; N]> {
    record.get(offset..offset + N)?.try_into().ok()
}

/// A text field: up to its first NUL, if any.
fn text(record: &[u8], offset: usize, length: usize) -> Option<&[u8]> {
    record.get(offset..offset + length)?.split(|b| *b == 0).next()
}

/// `ut_addr_v6`: IPv4 has its four bytes first and zeroes behind.
fn address_of(bytes: [u8; 16]) -> Option<Source> {
    let address = std::net::Ipv6Addr::from(bytes);
    let v4 = u128::from(address).trailing_zeros() >= 96;
    let [a, b, c, d, ..] = bytes;
    match (address.is_unspecified(), v4) {
        (true, _) => None,
        (_, true) => Some(Source::Address(std::net::Ipv4Addr::new(a, b, c, d).into())),
        (_, false) => Some(Source::Address(std::net::IpAddr::from(address).to_canonical())),
    }
}

/// Which of the two a file of records is, by its name, else by its records: only wtmp tells of boots and ends.
/// `None`: it holds no such records.
pub(super) fn kind_of(name: &str, size: u64, head: &[u8]) -> Option<Kind> {
    let plausible = |record: &[u8]| {
        let kind = field(record, 0).map(i16::from_le_bytes);
        kind.is_some_and(|kind| (0..=9).contains(&kind)) && field(record, 2) == Some([0u8; 2])
    };
    let mut records = head.chunks_exact(RECORD);
    if size == 0 || !size.is_multiple_of(RECORD as u64) || !records.clone().all(plausible) {
        return None;
    }
    if name.contains("btmp") {
        return Some(Kind::Btmp);
    }
    let only_attempts = records.all(|record| {
        let kind = field(record, 0).map(i16::from_le_bytes);
        kind.is_some_and(|kind| kind == LOGIN_PROCESS || kind == USER_PROCESS)
            && text(record, 8, 32)
                .is_some_and(|line| line.ends_with(b":notty") || kind == Some(LOGIN_PROCESS))
    });
    if name.contains("wtmp") || !only_attempts {
        return Some(Kind::Wtmp);
    }
    Some(Kind::Btmp)
}

/// Adds those `records` to `events` that no log line told of, in order of time.
pub(super) fn merge(mut events: Events, records: &Events) -> Events {
    if records.is_empty() {
        return events;
    }
    let told_of = events.len();
    events.extend(records);
    let mut rows = std::mem::take(events.rows_mut());
    let records = rows.split_off(told_of);
    let from_elsewhere: Vec<bool> = events.sources_are_elsewhere();
    let place = |row: &Row| {
        let elsewhere = from_elsewhere.get(row.source.place()) == Some(&true);
        (row.outcome, if elsewhere { row.source } else { Id::NONE })
    };
    // When, who, and how many attempts no record has been found for yet.
    type Told = Vec<(i64, Id, u32)>;
    let mut told: HashMap<(Outcome, Id), Told> = HashMap::new();
    for row in rows.iter().filter(|row| !row.service.is_escalation()) {
        told.entry(place(row))
            .or_default()
            .push((row.at, row.user, row.count));
    }
    for alike in told.values_mut() {
        alike.sort_by_key(|(at, _, _)| *at);
    }
    let within = i64::try_from(WITHIN.as_micros()).unwrap_or_default();
    for record in records {
        let alike = told
            .get_mut(&place(&record))
            .map(Vec::as_mut_slice)
            .unwrap_or_default();
        let start = alike.partition_point(|(at, _, _)| *at < record.at.saturating_sub(within));
        let latest = record.at.saturating_add(within);
        let near = alike
            .iter_mut()
            .skip(start)
            .take_while(|(at, _, _)| *at <= latest);
        let same = |known: Id| known.is_none() || record.user.is_none() || known == record.user;
        match near
            .into_iter()
            .find(|(_, known, left)| *left > 0 && same(*known))
        {
            Some((_, _, left)) => *left -= 1,
            None => rows.push(record),
        }
    }
    *events.rows_mut() = rows;
    events.rows_mut().sort_by_key(|row| row.at);
    events
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A record as glibc writes it.
    pub(in super::super) fn record(kind: i16, line: &str, user: &str, host: &str, second: u32) -> Vec<u8> {
        let mut record = vec![0; RECORD];
        record[0..2].copy_from_slice(&kind.to_le_bytes());
        record[4..8].copy_from_slice(&77i32.to_le_bytes());
        for (offset, text) in [(8, line), (44, user), (76, host)] {
            record[offset..offset + text.len()].copy_from_slice(text.as_bytes());
        }
        record[340..344].copy_from_slice(&second.to_le_bytes());
        if let Ok(address) = host.parse::<std::net::Ipv4Addr>() {
            record[348..352].copy_from_slice(&address.octets());
        }
        record
    }

    fn events(kind: Kind, bytes: &[u8], piece: usize) -> Vec<LoginEvent> {
        let mut records = Records::new(kind);
        for piece in bytes.chunks(piece.max(1)) {
            records.feed(piece);
        }
        records.events.iter().collect()
    }

    #[test]
    fn records_are_read_in_pieces_of_any_size() {
        let mut bytes = record(2, "~", "reboot", "6.1.0", 1_700_000_000);
        bytes.extend(record(7, "pts/0", "ann", "203.0.113.7", 1_700_000_100));
        bytes.extend(record(8, "pts/0", "", "", 1_700_000_200));
        bytes.extend(record(7, "tty1", "ann", ":0", 1_700_000_300));
        for piece in [1, 100, 383, 384, 10_000] {
            let events = events(Kind::Wtmp, &bytes, piece);
            assert_eq!(events.len(), 2);
            assert_eq!(events[0].source.as_ref().unwrap().to_string(), "203.0.113.7");
            assert_eq!((events[0].at.as_second(), events[0].line), (1_700_000_100, 2));
            assert_eq!(events[1].source, Some(Source::Terminal("tty1".into())));
        }
        let failed = events(
            Kind::Btmp,
            &record(6, "ssh:notty", "hunter2", "2001:db8::7", 1),
            384,
        );
        assert_eq!(
            (failed[0].outcome, failed[0].unknown_user),
            (Outcome::Failed, true)
        );
        assert_eq!(failed[0].source.as_ref().unwrap().to_string(), "2001:db8::7");
    }

    #[test]
    fn the_address_field_serves_where_the_host_is_a_name() {
        let mut bytes = record(7, "pts/0", "ann", "pc.example.com", 9);
        bytes[348..352].copy_from_slice(&[203, 0, 113, 7]);
        assert_eq!(
            events(Kind::Wtmp, &bytes, 384)[0]
                .source
                .as_ref()
                .unwrap()
                .to_string(),
            "203.0.113.7"
        );
        bytes[348..364].copy_from_slice(&"2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap().octets());
        assert_eq!(
            events(Kind::Wtmp, &bytes, 384)[0]
                .source
                .as_ref()
                .unwrap()
                .to_string(),
            "2001:db8::7"
        );
    }

    #[test]
    fn files_of_records_are_told_from_text_and_from_one_another() {
        let boot = record(2, "~", "reboot", "", 9);
        let failed = record(6, "ssh:notty", "x", "203.0.113.7", 9);
        assert_eq!(kind_of("x", 384, &boot), Some(Kind::Wtmp));
        assert_eq!(kind_of("x", 384, &failed), Some(Kind::Btmp));
        assert_eq!(kind_of("wtmp.1", 384, &failed), Some(Kind::Wtmp));
        assert_eq!(
            kind_of("btmp", 384, &record(7, "tty1", "x", "", 9)),
            Some(Kind::Btmp)
        );
        assert_eq!(kind_of("btmp", 384, &[b'N'; 384]), None);
        assert_eq!(kind_of("btmp", 100, b"Nov 22"), None);
    }

    #[test]
    fn a_record_of_what_a_line_told_is_not_counted_again() {
        let line = |second: i64, count| LoginEvent {
            at: Timestamp::from_second(second).unwrap(),
            count,
            ..read(&record(6, "ssh:notty", "root", "203.0.113.7", 1), Kind::Btmp).unwrap()
        };
        let records: Events = [100, 103, 106, 900]
            .map(|second| line(second, 1))
            .into_iter()
            .collect();
        let merged = merge([line(98, 1), line(110, 2)].into_iter().collect(), &records);
        let seconds: Vec<_> = merged.iter().map(|event| event.at.as_second()).collect();
        assert_eq!(seconds, [98, 110, 900]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000), piece in 1usize..900) {
            events(Kind::Btmp, &bytes, piece);
            events(Kind::Wtmp, &bytes, piece);
            kind_of("", bytes.len() as u64, &bytes);
        }
    }
}
