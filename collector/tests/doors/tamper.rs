//! Whatever single record of the ledgered tables is changed, `verify` finds and names it.

use std::fs;
use std::path::Path;

use plumbline_collector::ledger::audit::{Archive, Audit, Fault};
use plumbline_collector::ledger::note::VerifierKey;
use plumbline_collector::store::{Family, NewRecord, SqliteStore, Store};
use plumbline_config::Timestamp;
use plumbline_config::finding::Status;
use plumbline_config::seal::sha256_hex;
use plumbline_config::wire::FIRST_PREVIOUS;
use reqwest::StatusCode;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params};
use serde_json::Value;
use tempfile::TempDir;

use crate::host::{Host, body};
use crate::lab::{Lab, json_of, run};
use crate::ledger::report;

/// Records that are tampered with, one after another, each in a fresh copy.
const TAMPERINGS: usize = 200;

/// Hosts, and reports of each.
const HOSTS: usize = 4;
const REPORTS: u64 = 70;

/// A repeatable source of numbers (xorshift64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 1).unwrap() % most
    }

    pub(crate) fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// A row: its table, and its key.
#[derive(Clone, Copy, Debug)]
struct Record {
    table: &'static str,
    key: i64,
}

/// Tables, and the columns that a record may be changed in.
const TABLES: &[(&str, &[&str])] = &[
    (
        "reports",
        &[
            "host",
            "incarnation",
            "sequence",
            "received_at",
            "sealed_at",
            "body_sha256",
            "signature",
            "body",
            "packing",
            "previous",
        ],
    ),
    ("acts", &["at", "who", "what", "subject", "nonce"]),
    ("records", &["nonce", "family", "subject", "version", "body"]),
    ("ledger_leaves", &["idx", "hash", "kind", "reference"]),
    ("ledger_nodes", &["hash"]),
    ("ledger_head", &["size", "frontier"]),
    ("ledger_checkpoints", &["size", "note", "signed_at"]),
    ("report_gaps", &["sequence", "missing", "chained", "noticed_at"]),
];

/// A stopped collector with the reports of several hosts, gaps and acts.
async fn collector() -> (TempDir, VerifierKey) {
    let lab = Lab::start().await;
    for number in 0..HOSTS {
        let host = Host::enrol(&lab).await;
        let mut last = (0, FIRST_PREVIOUS.to_owned());
        report(&lab, &host, &mut last, REPORTS / 2).await;
        if number == 1 {
            let mut after = host.report(last.0 + 3, &"a".repeat(64), Status::Fail);
            after.dropped_reports = 2;
            let bytes = body(&after);
            last = (after.sequence, sha256_hex(&bytes));
            assert_eq!(host.post(&lab, bytes).await.status(), StatusCode::OK);
        }
        report(&lab, &host, &mut last, REPORTS / 2).await;
    }
    attest(&lab.path("collector.db"), 1..=10);
    let key = String::from_utf8(lab.run(&["ledger", "key"]).stdout).unwrap();
    let key = key.trim_end().parse().unwrap();
    (lab.leave().await, key)
}

/// Keeps records, two of each subject.
pub(crate) fn attest(database: &Path, subjects: std::ops::RangeInclusive<u32>) {
    let store = SqliteStore::open_current(database).unwrap();
    for subject in subjects {
        for version in 1..=2 {
            let record = NewRecord {
                family: Family::Incident,
                subject: format!("a-{subject}"),
                version,
                verb: "report",
                body: format!("{{\"step\":\"contain\",\"text\":\"{subject} {version}\"}}"),
                at: Timestamp::now(),
                who: "user:alice".to_owned(),
            };
            assert!(store.add_record(&record).unwrap());
        }
    }
}

fn audit(database: &Path, key: &VerifierKey) -> Vec<Fault> {
    let store = SqliteStore::open_read_only(database).unwrap();
    // Later, so that a missing newest checkpoint is overdue.
    let now = Timestamp::now().as_microsecond() + 7_200_000_000;
    Audit::run(&store.snapshot().unwrap(), key, &[], now, &mut |_| {})
        .unwrap()
        .faults
}

/// What a fault may say to name a record: host, incarnation and sequence; an act; a leaf; a checkpoint; a node.
fn names_of(db: &Connection, record: Record) -> Vec<String> {
    let Record { table, key } = record;
    let said = |sql: &str, key: i64| db.query_row(sql, [key], |row| row.get::<_, String>(0)).ok();
    let report =
        "SELECT 'report ' || host || ' ' || incarnation || ' ' || sequence FROM reports WHERE id = ?1";
    let leaf_of_report = "SELECT 'leaf ' || idx FROM ledger_leaves WHERE kind = 'report' AND reference = ?1";
    let leaf_of_act = "SELECT 'leaf ' || idx FROM ledger_leaves WHERE kind = 'act' AND reference = ?1";
    let gap =
        "SELECT 'report ' || host || ' ' || incarnation || ' ' || sequence FROM report_gaps WHERE id = ?1";
    let record = "SELECT 'record ' || subject || ' ' || version FROM records WHERE rowid = ?1";
    let act_of_record =
        "SELECT 'act ' || a.id FROM records r JOIN acts a ON a.nonce = r.nonce WHERE r.rowid = ?1";
    let names = match table {
        "reports" => [said(report, key), said(leaf_of_report, key)],
        "acts" => [Some(format!("act {key}")), said(leaf_of_act, key)],
        "records" => [said(record, key), said(act_of_record, key)],
        "ledger_leaves" => [Some(format!("leaf {key}")), None],
        "ledger_nodes" => [Some(format!("node 8 {key}")), None],
        "ledger_head" => [Some("head".to_owned()), None],
        "ledger_checkpoints" => [Some(format!("checkpoint {key}")), None],
        "report_gaps" => [said(gap, key), None],
        other => panic!("{other}"),
    };
    names.into_iter().flatten().collect()
}

/// What a fault names.
pub(crate) fn named(fault: &Fault) -> Vec<String> {
    let mut all = Vec::new();
    if let (Some(host), Some(incarnation), Some(sequence)) = (&fault.host, fault.incarnation, fault.sequence)
    {
        all.push(format!("report {host} {incarnation} {sequence}"));
    }
    all.extend(fault.act.map(|act| format!("act {act}")));
    all.extend(fault.record.as_ref().map(|record| format!("record {record}")));
    all.extend(fault.leaf.map(|leaf| format!("leaf {leaf}")));
    all.extend(fault.node.map(|(level, index)| format!("node {level} {index}")));
    all.extend(fault.member.as_ref().map(|member| format!("member {member}")));
    all.extend(fault.checkpoint.map(|size| format!("checkpoint {size}")));
    if matches!(
        fault.kind.key(),
        "ledger-fault-head-differs" | "ledger-fault-leaf-outside"
    ) {
        all.push("head".to_owned());
    }
    all
}

fn key_column(table: &str) -> &'static str {
    match table {
        "ledger_leaves" | "ledger_nodes" => "idx",
        "ledger_checkpoints" => "size",
        "records" => "rowid",
        _ => "id",
    }
}

fn keys(db: &Connection, table: &str) -> Vec<i64> {
    let key = key_column(table);
    let sql = format!("SELECT {key} FROM {table} ORDER BY {key}");
    let mut statement = db.prepare(&sql).unwrap();
    let keys = statement.query_map([], |row| row.get(0)).unwrap();
    keys.map(Result::unwrap).collect()
}

/// What was done, and what a fault may name for it to be found.
struct Done {
    what: String,
    table: &'static str,
    names: Vec<String>,
}

/// Changes one record; `None` when the draw changes nothing.
fn tamper(db: &Connection, random: &mut Random) -> Option<Done> {
    let (table, columns) = *random.of(TABLES);
    let all = keys(db, table);
    let key = *random.of(&all);
    let column = key_column(table);
    let mut names = names_of(db, Record { table, key });
    let what = match random.below(10) {
        0 | 1 => {
            if table == "ledger_checkpoints" {
                // Missed by the next one, or by the leaves after the one before.
                let next = all.iter().find(|other| **other > key);
                names.extend(next.map(|next| format!("checkpoint {next}")));
                let before = all.iter().rfind(|other| **other < key).unwrap_or(&0);
                names.push(format!("leaf {before}"));
            }
            let sql = format!("DELETE FROM {table} WHERE {column} = ?1");
            db.execute(&sql, [key]).unwrap();
            "delete".to_owned()
        }
        2 | 3 => {
            let other = *random.of(&all);
            // A record's place is its act's, not its row's.
            if other == key || table == "records" {
                return None;
            }
            names.extend(names_of(db, Record { table, key: other }));
            // Over a third place, since a key is unique at every moment.
            let sql = format!("UPDATE {table} SET {column} = ?2 WHERE {column} = ?1");
            for step in [[key, -1], [other, key], [-1, other]] {
                db.execute(&sql, step).unwrap();
            }
            format!("swap with {other}")
        }
        _ => {
            let changing = *random.of(columns);
            let sql = format!("SELECT {changing} FROM {table} WHERE {column} = ?1");
            let value = db.query_row(&sql, [key], |row| row.get(0)).unwrap();
            let value = changed(value, random);
            let sql = format!("UPDATE {table} SET {changing} = ?2 WHERE {column} = ?1");
            // What would stand twice is refused by the database.
            db.execute(&sql, params![key, value]).ok()?;
            if let (true, Sql::Integer(key)) = (changing == column, &value) {
                names.extend(names_of(db, Record { table, key: *key }));
            }
            format!("{changing} := {value:?}")
        }
    };
    // A record is named as what it was, or as what it is now.
    names.extend(names_of(db, Record { table, key }));
    Some(Done {
        what: format!("{table} {key}: {what}"),
        table,
        names,
    })
}

/// Another value of the same type.
fn changed(value: Sql, random: &mut Random) -> Sql {
    match value {
        Sql::Integer(0) => Sql::Integer(1),
        // Back-dated by a day, moved by one, or far off.
        Sql::Integer(number) => Sql::Integer(match random.below(3) {
            0 => number - 86_400_000_000,
            1 => number - 1,
            _ => number + 1 + i64::try_from(random.below(1_000)).unwrap(),
        }),
        Sql::Text(text) => {
            let mut bytes = text.into_bytes();
            let at = random.below(bytes.len());
            bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
            Sql::Text(String::from_utf8_lossy(&bytes).into_owned())
        }
        Sql::Blob(mut bytes) => {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
            Sql::Blob(bytes)
        }
        other => panic!("{other:?}"),
    }
}

/// Every body, unpacked: a packed one may be changed without a change of what it holds.
fn bodies(database: &Path) -> Vec<Option<Vec<u8>>> {
    let store = SqliteStore::open_read_only(database).unwrap();
    let snapshot = store.snapshot().unwrap();
    let reports = snapshot.reports(None, 10_000).unwrap();
    let body = |report| snapshot.body(report).unwrap().and_then(Result::ok);
    reports.iter().map(body).collect()
}

/// Whether a fault names what was done.
fn is_named(done: &Done, fault: &Fault) -> bool {
    let in_stretch = |(first, last): (u64, u64)| {
        let leaf = |name: &String| name.strip_prefix("leaf ")?.parse().ok();
        let is_in = |name: &String| leaf(name).is_some_and(|leaf: u64| (first..=last).contains(&leaf));
        // Leaves that changed places together with their rows are named by the stretch that they lie in.
        done.table == "ledger_leaves" && done.names.iter().all(is_in)
    };
    named(fault).iter().any(|name| done.names.contains(name)) || fault.leaves.is_some_and(in_stretch)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tampered_record_is_found_and_named() {
    let (dir, key) = collector().await;
    let original = dir.path().join("data/collector.db");
    let copy = dir.path().join("copy.db");
    {
        let db = Connection::open(&original).unwrap();
        db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        assert!(keys(&db, "reports").len() > 200);
        for (table, _) in TABLES {
            assert!(!keys(&db, table).is_empty(), "{table} has nothing to tamper with");
        }
    }
    assert_eq!(audit(&original, &key), [], "the untouched store stands");
    let intact = bodies(&original);
    let mut random = Random(0x5eed_1edb_e2d0_0d1e);
    let mut tampered = 0;
    while tampered < TAMPERINGS {
        fs::copy(&original, &copy).unwrap();
        let done = {
            let db = Connection::open(&copy).unwrap();
            db.pragma_update(None, "foreign_keys", false).unwrap();
            tamper(&db, &mut random)
        };
        let Some(done) = done else { continue };
        let faults = audit(&copy, &key);
        if faults.is_empty() && done.table == "reports" && bodies(&copy) == intact {
            continue;
        }
        let found = faults.iter().any(|fault| is_named(&done, fault));
        assert!(
            found,
            "{}\nis to be named as one of {:?}, in\n{faults:#?}",
            done.what, done.names
        );
        tampered += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_names_what_was_tampered_with() {
    let lab = Lab::start().await;
    let host = Host::enrol(&lab).await;
    report(&lab, &host, &mut (0, FIRST_PREVIOUS.to_owned()), 5).await;
    let name = host.id().to_string();
    let dir = lab.leave().await;
    let db = Connection::open(dir.path().join("data/collector.db")).unwrap();
    db.execute(
        "UPDATE reports SET received_at = received_at - 1 WHERE sequence = 3",
        [],
    )
    .unwrap();
    drop(db);
    let verified = run(&dir, &["verify"]);
    assert_eq!(verified.status.code(), Some(1));
    let found = json_of(&verified);
    assert_eq!(found["faults_total"], 1, "{found}");
    let fault = &found["faults"][0];
    assert_eq!(fault["kind"], "leaf-differs");
    assert_eq!(
        (&fault["host"], &fault["sequence"]),
        (&Value::from(name.as_str()), &Value::from(3))
    );
}
