//! The probe on directories: what is read on from run to run.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::SignedDuration;

use super::*;
use crate::memory::Memory;

mod bad_input;

/// A host with an `auth.log`, and the memory of the agent on it.
struct Watched {
    dir: tempfile::TempDir,
    memory: Memory,
    now: Timestamp,
    written: u64,
}

impl Watched {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("var/log")).unwrap();
        Self {
            dir,
            memory: Memory::default(),
            now: "2026-11-22T08:00:00Z".parse().unwrap(),
            written: 0,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("var/log").join(name)
    }

    /// Writes `count` more failures, each of a connection of its own.
    fn log(&mut self, name: &str, count: u64) {
        let mut text = String::new();
        for _ in 0..count {
            self.written += 1;
            text.push_str(&self.line(self.written));
        }
        append(&self.path(name), text.as_bytes());
    }

    fn line(&self, number: u64) -> String {
        let at = self.now.strftime("%Y-%m-%dT%H:%M:%S+00:00");
        format!("{at} web sshd[{number}]: Failed password for root from 203.0.113.7 port {number} ssh2\n")
    }

    /// Runs the probe, as after a restart: the memory goes through its written form.
    fn run(&mut self) -> LoginFacts {
        let text = serde_json::to_string(&self.memory).unwrap();
        let ask = Ask {
            probes: BTreeSet::from([ProbeId::Logins]),
            now: self.now,
            memory: serde_json::from_str(&text).unwrap(),
            ..Ask::default()
        };
        let facts = crate::gather(&Host::at(self.dir.path()).unwrap(), &ask);
        self.memory = facts.memory;
        self.now = self.now.checked_add(SignedDuration::from_mins(1)).unwrap();
        facts.logins.value().unwrap().clone()
    }

    /// Runs the probe and holds it to every failure written so far, each once, and nothing lost.
    fn expect_all(&mut self, what: &str) {
        let facts = self.run();
        let counted: u64 = facts.events.iter().map(|event| u64::from(event.count)).sum();
        assert_eq!(counted, self.written, "{what}");
        let lost =
            |source: &SourceReading| matches!(source.reading, Known::Value(Reading { lost: true, .. }));
        assert!(!facts.sources.iter().any(lost), "{what}: {:?}", facts.sources);
    }
}

fn append(path: &Path, bytes: &[u8]) {
    let mut file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(bytes).unwrap();
}

fn compress(from: &Path, to: &Path) {
    let written = fs::metadata(from).unwrap().modified().unwrap();
    let mut encoder = GzEncoder::new(fs::File::create(to).unwrap(), Compression::fast());
    std::io::copy(
        &mut fs::OpenOptions::new().read(true).open(from).unwrap(),
        &mut encoder,
    )
    .unwrap();
    encoder.finish().unwrap().set_modified(written).unwrap();
    fs::remove_file(from).unwrap();
}

#[test]
fn appended_lines_are_read_once() {
    let mut host = Watched::new();
    host.log("auth.log", 3);
    host.expect_all("first");
    host.expect_all("nothing new");
    host.log("auth.log", 2);
    host.expect_all("more");
}

#[test]
fn half_a_line_is_read_when_it_is_whole() {
    let mut host = Watched::new();
    host.log("auth.log", 1);
    let line = host.line(2);
    let (head, tail) = line.split_at(70);
    append(&host.path("auth.log"), head.as_bytes());
    host.expect_all("half");
    append(&host.path("auth.log"), tail.as_bytes());
    host.written += 1;
    host.expect_all("whole");
}

#[test]
fn a_renamed_log_is_read_to_its_end() {
    let mut host = Watched::new();
    host.log("auth.log", 3);
    host.expect_all("first");
    host.log("auth.log", 2);
    fs::rename(host.path("auth.log"), host.path("auth.log.1")).unwrap();
    host.expect_all("not made anew yet");
    host.log("auth.log.1", 1);
    host.log("auth.log", 4);
    host.expect_all("rotated");
    // The syslog daemon had not yet been told when it was rotated.
    host.log("auth.log.1", 1);
    host.log("auth.log", 1);
    host.expect_all("written to after rotation");
    host.expect_all("nothing new");
}

#[test]
fn a_copied_and_truncated_log_is_read_to_its_end() {
    let mut host = Watched::new();
    host.log("auth.log", 5);
    host.expect_all("first");
    host.log("auth.log", 2);
    fs::copy(host.path("auth.log"), host.path("auth.log.1")).unwrap();
    fs::File::create(host.path("auth.log")).unwrap();
    host.expect_all("truncated");
    host.log("auth.log", 12);
    host.expect_all("longer than before");
    fs::copy(host.path("auth.log"), host.path("auth.log.1")).unwrap();
    fs::File::create(host.path("auth.log")).unwrap();
    host.log("auth.log", 30);
    host.expect_all("longer than before at once");
}

#[test]
fn several_rotations_and_compression_between_runs_are_caught_up() {
    let mut host = Watched::new();
    host.log("auth.log", 3);
    host.expect_all("first");
    host.log("auth.log", 2);
    fs::rename(host.path("auth.log"), host.path("auth.log.2")).unwrap();
    compress(&host.path("auth.log.2"), &host.path("auth.log.2.gz"));
    std::thread::sleep(std::time::Duration::from_millis(20));
    host.log("auth.log.1", 4);
    std::thread::sleep(std::time::Duration::from_millis(20));
    host.log("auth.log", 1);
    host.expect_all("two rotations");
    fs::rename(host.path("auth.log"), host.path("auth.log-20261122")).unwrap();
    compress(
        &host.path("auth.log-20261122"),
        &host.path("auth.log-20261122.gz"),
    );
    host.log("auth.log", 2);
    host.expect_all("by date");
}

#[test]
fn a_log_that_is_gone_is_said_to_be_lost() {
    let mut host = Watched::new();
    host.log("auth.log", 3);
    host.run();
    fs::remove_file(host.path("auth.log")).unwrap();
    host.log("auth.log", 1);
    let facts = host.run();
    assert_eq!(facts.events.len(), 4);
    let log = facts
        .sources
        .iter()
        .find(|source| source.name == "/var/log/auth.log")
        .unwrap();
    assert!(log.reading.value().unwrap().lost);
}

#[test]
fn a_first_run_reads_rotated_logs_of_the_last_days() {
    let mut host = Watched::new();
    host.log("auth.log.1", 3);
    host.log("auth.log", 2);
    compress(&host.path("auth.log.1"), &host.path("auth.log.1.gz"));
    let old = host.now - KEPT_FOR - SignedDuration::from_hours(1);
    let now = std::mem::replace(&mut host.now, old);
    let stale = host.line(1);
    fs::write(host.path("auth.log.2"), stale).unwrap();
    host.now = now;
    host.expect_all("first");
}

#[test]
fn records_add_what_no_line_told() {
    let mut host = Watched::new();
    host.log("auth.log", 1);
    let second = u32::try_from(host.now.as_second()).unwrap();
    let mut records = utmp::tests::record(6, "ssh:notty", "root", "203.0.113.7", second);
    records.extend(utmp::tests::record(6, "tty1", "hunter2", "", second));
    fs::write(host.path("btmp"), &records[..records.len() - 10]).unwrap();
    fs::write(
        host.path("wtmp"),
        utmp::tests::record(7, "pts/0", "ann", "192.0.2.9", second),
    )
    .unwrap();
    assert_eq!(host.run().events.len(), 2);
    append(&host.path("btmp"), &records[records.len() - 10..]);
    let events = host.run().events;
    assert_eq!(events.len(), 3);
    assert!(!format!("{events:?}").contains("hunter2"));
    assert_eq!(host.run().events.len(), 3);
}

#[test]
fn a_host_without_any_record_of_failures_is_no_value() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("var/log")).unwrap();
    fs::write(dir.path().join("var/log/wtmp"), "").unwrap();
    let ask = Ask {
        probes: BTreeSet::from([ProbeId::Logins]),
        ..Ask::default()
    };
    let facts = crate::gather(&Host::at(dir.path()).unwrap(), &ask);
    let why = format!("{:?}", facts.logins);
    assert!(
        matches!(facts.logins, Known::Failed { .. }) && why.contains("/var/log/btmp"),
        "{why}"
    );
}

#[test]
fn files_a_person_names_are_recognised_and_read_whole() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        PathBuf::from("/").join(name)
    };
    let line = "Dec 31 08:00:00 web sshd[7]: Failed password for root from 203.0.113.7 port 9 ssh2";
    let log = write("log", format!("{line}\nno log line\n\n{line}").as_bytes());
    compress(&dir.path().join("log"), &dir.path().join("log.gz"));
    let at: Timestamp = "2025-12-31T08:00:00Z".parse().unwrap();
    let record = utmp::tests::record(
        6,
        "ssh:notty",
        "root",
        "203.0.113.7",
        u32::try_from(at.as_second()).unwrap() + 1,
    );
    let records = write("failed", &record.repeat(3));
    let entry = "__CURSOR=s\n__REALTIME_TIMESTAMP=1767168000500000\nMESSAGE=Failed password for root from 203.0.113.7 port 9 ssh2\nSYSLOG_IDENTIFIER=sshd\nSYSLOG_PID=7\n\n";
    let export = write("export", entry.as_bytes());
    let host = Host::at(dir.path()).unwrap();
    let counted = |files: &[&PathBuf]| {
        let input = Input {
            files: files.iter().map(|path| (*path).clone()).collect(),
            year: Some(2025),
            ..Input::default()
        };
        let found = inspect(&host, &input).unwrap();
        let count: u32 = found.events.iter().map(|event| event.count).sum();
        assert!(
            found
                .events
                .iter()
                .all(|event| event.at.duration_since(at).abs() < SignedDuration::from_mins(1))
        );
        (found.lines, found.unparsed, count)
    };
    let packed = PathBuf::from("/log.gz");
    assert_eq!(counted(&[&packed]), (3, 1, 2));
    assert_eq!(counted(&[&records]), (3, 0, 3));
    assert_eq!(counted(&[&export]), (1, 0, 1));
    assert_eq!(counted(&[&export, &packed]), (4, 1, 2));
    assert_eq!(counted(&[&packed, &records]), (6, 1, 3));
    let missing = Input {
        files: vec![log],
        year: None,
        ..Input::default()
    };
    assert!(
        inspect(&host, &missing)
            .unwrap_err()
            .to_string()
            .contains("does not exist")
    );
}

#[test]
fn every_kind_of_compression_is_inflated_and_broken_streams_are_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let line = "Nov 22 08:00:00 web sshd[9]: Failed password for root from 203.0.113.7 port 4022 ssh2\n";
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let zstandard = ruzstd::encoding::compress_to_vec(line.as_bytes(), level);
    // `xz -9` of the same line.
    let xz = hex::decode(
        "fd377a585a000004e6d6b4460200210116000000742fe5a3e0005500535d00271bcac201225efe405d0a744c05bdcde4\
         b86b69477a90b40cf57b106f98f2f073a85f9fc877db2d5edbce3ce30177e55547c22a8578e6af6127469d5c1f9b170b\
         2c19f5555c1a1ac3efde6dc8e721c4f1000000009ec2b7ebc5ba007100016f568236eb401fb6f37d010000000004595a",
    )
    .unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    bzip2.write_all(line.as_bytes()).unwrap();
    let bzip2 = bzip2.finish().unwrap();
    let host = Host::at(dir.path()).unwrap();
    let read = |bytes: &[u8]| {
        fs::write(dir.path().join("log"), bytes).unwrap();
        let input = Input {
            files: vec!["/log".into()],
            year: Some(2026),
            ..Input::default()
        };
        inspect(&host, &input).map(|found| found.events.len())
    };
    for packed in [bzip2, xz, zstandard] {
        assert_eq!(read(&packed).unwrap(), 1);
        assert!(read(&packed[..packed.len() - 20]).is_err());
    }
}

#[test]
fn what_is_not_kept_becomes_habit_and_new_privileges_are_told() {
    let mut host = Watched::new();
    fs::create_dir_all(host.dir.path().join("etc")).unwrap();
    let write = |path: &str, text: &str| fs::write(host.dir.path().join(path), text).unwrap();
    write(
        "etc/passwd",
        "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n",
    );
    write("etc/group", "sudo:x:27:\n");
    let old = host.now - SignedDuration::from_hours(20 * 24);
    let line = format!(
        "{} web sshd[7]: Accepted publickey for ann from 203.0.113.7 port 9 ssh2\n",
        old.strftime("%Y-%m-%dT%H:%M:%SZ")
    );
    append(&host.path("auth.log"), line.as_bytes());
    let facts = host.run();
    assert!(facts.events.is_empty());
    assert_eq!(facts.habits.of("ann").unwrap().last_at, old);
    assert_eq!(facts.habits.since, Some(old));
    let write = |path: &str, text: &str| fs::write(host.dir.path().join(path), text).unwrap();
    write("etc/group", "sudo:x:27:ann\n");
    let changes = host.run().changes;
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(
        (changes[0].kind, changes[0].user.as_deref()),
        (PrivilegeKind::Member, Some("ann"))
    );
}

#[test]
fn any_bytes_and_endless_lines_are_read_without_harm() {
    let mut host = Watched::new();
    let mut bytes = vec![b'x'; 3 * scan::LONGEST_LINE];
    bytes.extend(b"\n\0\0\0\n\xff\xfe broken\r\n");
    append(&host.path("auth.log"), &bytes);
    host.log("auth.log", 1);
    host.expect_all("after rubbish");
    let facts = host.run();
    let log = facts
        .sources
        .iter()
        .find(|source| source.name == "/var/log/auth.log")
        .unwrap();
    assert_eq!(log.reading.value().unwrap().lines, 0);
}
