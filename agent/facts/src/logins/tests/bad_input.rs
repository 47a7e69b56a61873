//! Logs that are broken, forged, or no logs at all: what is real in them is counted, and nothing blocks or grows.

use jiff::tz::TimeZone;
use nix::sys::stat::Mode;

use super::super::attempt::{MOST_HELD, Merger};
use super::super::duplicate::Seen;
use super::super::scan::Scan;
use super::super::timestamp::Clock;
use super::*;
use crate::host::ReadError;

/// What the lines of a log tell: source, user and count of each attempt, `?` before users that may not exist.
fn told(log: &[u8]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("log"), log).unwrap();
    let input = Input {
        files: vec!["/log".into()],
        year: Some(2026),
        ..Input::default()
    };
    let found = inspect(&Host::at(dir.path()).unwrap(), &input).unwrap();
    let show = |event: LoginEvent| {
        let source = event.source.map_or("-".to_owned(), |source| source.to_string());
        let mark = if event.unknown_user { "?" } else { "" };
        format!(
            "{source} {mark}{} {}",
            event.user.unwrap_or_default(),
            event.count
        )
    };
    found.events.iter().map(show).collect()
}

#[test]
fn nul_bytes_and_broken_text_within_a_name_lose_no_attempt() {
    let log =
        b"Nov 22 08:00:00 web sshd[1]: Failed password for invalid user a\0b from 203.0.113.7 port 1 ssh2\n\
        Nov 22 08:00:01 web sshd[2]: Failed password for invalid user \xff\xfe from 203.0.113.8 port 1 ssh2\n\
        \0\0\0\0Nov 22 08:00:02 web sshd[3]: Failed password for root from 203.0.113.9 port 1 ssh2\n\
        Nov 22 08:00:03 web sshd[4]: Failed password for root from 203.0.113.10 port 1 ssh2\r\n";
    let expected = [
        "203.0.113.7 ?a\0b 1",
        "203.0.113.8 ?\u{fffd}\u{fffd} 1",
        "203.0.113.10 root 1",
    ];
    assert_eq!(told(log), expected);
}

#[test]
fn a_line_of_any_length_is_passed_over_and_the_next_is_read() {
    for length in [
        scan::LONGEST_LINE - 1,
        scan::LONGEST_LINE + 1,
        5 * scan::LONGEST_LINE,
    ] {
        let mut log = b"Nov 22 08:00:00 web sshd[1]: Failed password for invalid user ".to_vec();
        log.resize(length, b'x');
        log.extend(b" from 192.0.2.250 port 1 ssh2\nNov 22 08:00:03 web sshd[4]: Failed password for root from 203.0.113.10 port 1 ssh2\n");
        assert_eq!(told(&log), ["203.0.113.10 root 1"], "{length}");
    }
}

#[test]
fn lines_forged_within_a_name_blame_nobody_else() {
    // sshd writes control characters as `\012` and the like (strnvis(3)).
    for name in [
        r"x\nNov 22 08:00:00 web sshd[9]: Failed password for root from 192.0.2.250 port 22 ssh2",
        r"x\012Nov 22 08:00:00 web sshd[9]: Accepted password for root from 192.0.2.250 port 22 ssh2",
        "root from 192.0.2.250 port 22 ssh2",
        "message repeated 900 times: [ Failed password for root from 192.0.2.250 port 22 ssh2]",
    ] {
        let log = format!(
            "Nov 22 08:00:00 web sshd[1]: Failed password for invalid user {name} from 203.0.113.7 port 1 ssh2\n"
        );
        let told = told(log.as_bytes());
        assert_eq!(told.len(), 1, "{name}");
        assert!(
            told[0].starts_with("203.0.113.7 ") && told[0].ends_with(" 1"),
            "{told:?}"
        );
    }
}

#[test]
fn a_clock_that_jumps_and_an_hour_that_comes_twice_lose_no_attempt() {
    let dir = tempfile::tempdir().unwrap();
    // A zone of one rule: Central European time, with summer time.
    let mut zone = Vec::new();
    for _ in 0..2 {
        zone.extend(b"TZif2");
        zone.extend([0; 15]);
        for count in [0u32, 0, 0, 0, 1, 4] {
            zone.extend(count.to_be_bytes());
        }
        zone.extend(3_600i32.to_be_bytes());
        zone.extend([0, 0]);
        zone.extend(b"CET\0");
    }
    zone.extend(b"\nCET-1CEST,M3.5.0,M10.5.0/3\n");
    TimeZone::tzif("Local", &zone).unwrap();
    fs::create_dir_all(dir.path().join("etc")).unwrap();
    fs::write(dir.path().join("etc/localtime"), zone).unwrap();
    let times = [
        "Oct 25 01:59:59",
        "Oct 25 02:30:00",
        "Oct 25 02:59:59",
        "Oct 25 02:00:01",
        "Oct 25 02:30:00",
        "Oct 25 03:00:00",
        "Mar 29 01:59:59",
        "Mar 29 02:30:00",
        "Mar 29 03:00:00",
        "Oct 26 12:00:00",
        "Oct 20 12:00:00",
        "Oct 26 12:00:01",
    ];
    let line = |(number, time): (usize, &&str)| {
        format!("{time} web sshd[{number}]: Failed password for root from 203.0.113.7 port {number} ssh2\n")
    };
    let log: String = times.iter().enumerate().map(line).collect();
    fs::write(dir.path().join("log"), log).unwrap();
    let input = Input {
        files: vec!["/log".into()],
        year: Some(2026),
        ..Input::default()
    };
    let found = inspect(&Host::at(dir.path()).unwrap(), &input).unwrap();
    assert_eq!((found.events.len(), found.unparsed), (times.len(), 0));
    let at = |place: usize| found.events.rows()[place].at().to_string();
    assert_eq!(at(0), "2026-03-29T00:59:59Z", "in order of time");
    assert_eq!(at(times.len() - 1), "2026-10-26T11:00:01Z");
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let mut host = Watched::new();
    host.log("secure", 1);
    nix::unistd::mkfifo(&host.path("auth.log"), Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink("/dev/zero", host.path("btmp")).unwrap();
    let facts = host.run();
    assert_eq!(facts.events.len(), 1);
    let log = facts
        .sources
        .iter()
        .find(|source| source.name == "/var/log/auth.log");
    assert!(matches!(&log.unwrap().reading, Known::Failed { why, .. } if why.contains("not a regular file")));
    let zero = host.path("zero");
    std::os::unix::fs::symlink("/dev/zero", &zero).unwrap();
    for path in [zero, host.path("auth.log")] {
        let input = Input {
            files: vec![path],
            ..Input::default()
        };
        let refused = inspect(&Host::live().unwrap(), &input);
        assert!(matches!(
            refused,
            Err(InspectError::Read(ReadError::NotRegular(_)))
        ));
    }
}

#[test]
fn processes_that_begin_anew_after_a_reboot_are_others() {
    let log = b"Nov 22 08:00:00 web sshd[700]: Failed password for root from 203.0.113.7 port 5 ssh2\n\
        Nov 22 08:01:00 web sshd[700]: Failed password for root from 203.0.113.8 port 5 ssh2\n\
        Nov 22 08:02:00 web sshd[700]: Failed password for ann from 203.0.113.8 port 5 ssh2\n";
    let expected = ["203.0.113.7 root 1", "203.0.113.8 root 1", "203.0.113.8 ann 1"];
    assert_eq!(told(log), expected);
}

#[test]
fn more_sources_than_there_is_room_for_are_held_within_bounds_and_what_goes_is_counted() {
    const SOURCES: u32 = 400_000;
    // Nothing can be spared: all of it was within the hour.
    let spare = |_: &mut Events, _: Timestamp| {};
    let (mut merger, mut seen) = (Merger::within(&spare), Seen::default());
    let mut clock = Clock::new(TimeZone::UTC, Timestamp::UNIX_EPOCH, Some(2026));
    let panels = Panels::default();
    let mut scan = Scan::new(&mut merger, &mut seen, &mut clock, &panels, Timestamp::MIN);
    let mut piece = String::new();
    for number in 0..SOURCES {
        use std::fmt::Write;
        let [_, b, c, d] = number.to_be_bytes();
        let (minute, second) = (number / 60 % 60, number % 60);
        writeln!(
            piece,
            "Nov 22 08:{minute:02}:{second:02} web sshd[{number}]: Failed password for u{number} from 100.{b}.{c}.{d} port 5 ssh2"
        )
        .unwrap();
        if number % 10_000 == 9_999 {
            scan.feed(piece.as_bytes());
            piece.clear();
        }
    }
    assert_eq!(scan.end(true).lines, u64::from(SOURCES));
    let evicted = merger.evicted;
    let (events, _) = merger.finish(None);
    assert!(
        events.len() <= MOST_HELD && events.names() <= 2 * MOST_HELD,
        "{}",
        events.len()
    );
    assert!(evicted > 0);
    assert_eq!(events.attempts() + evicted, u64::from(SOURCES));
}
