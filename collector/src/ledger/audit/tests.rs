//! An archive in memory that stands, and what is found in it.

mod kinds;
mod signatures;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::ops::Range;

use plumbline_config::seal::{Sealer, sha256_hex};
use plumbline_config::wire::FIRST_PREVIOUS;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use ring::signature::Ed25519KeyPair;
use serde_json::json;

use super::*;
use crate::ledger::statement::Statement;
use crate::ledger::tree::{Node, TILE_HEIGHT};
use crate::store::bound;

const ORIGIN: &str = "plumbline-ca-test";

/// When the first leaf was made.
const BEGAN: i64 = 1_795_347_600_000_000;

/// A second, in microseconds.
const SECOND: i64 = 1_000_000;

/// An archive in memory.
#[derive(Default)]
struct Book {
    head: Frontier,
    leaves: BTreeMap<u64, LeafRow>,
    nodes: BTreeMap<(u8, u64), Hash>,
    checkpoints: BTreeMap<i64, CheckpointRow>,
    reports: BTreeMap<Place, ReportRow>,
    bodies: BTreeMap<Place, Vec<u8>>,
    /// Which row each leaf stands for: of `reports`, or of `acts`.
    references: BTreeMap<u64, Result<i64, i64>>,
    acts: BTreeMap<i64, ActRow>,
    incarnations: BTreeMap<(String, i64), Incarnation>,
    gaps: Vec<GapRow>,
    /// Records that no act names.
    records: Vec<RecordRow>,
    /// Checkpoints that were kept elsewhere.
    anchors: Vec<Statement>,
    /// Keys of the hosts.
    hosts: BTreeMap<String, KeyPair>,
}

/// The act that has a record as its body.
const ATTESTED: i64 = 5;

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

impl Book {
    /// Three hosts with their chains, one with gaps; acts; a checkpoint now and then; more than one tile.
    fn new() -> Self {
        let mut book = Self::default();
        for name in ["h-1", "h-2", "h-3"] {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
            let record = Incarnation {
                keys: vec![key.der_bytes().to_vec()],
                ..Incarnation::default()
            };
            book.incarnations.insert((name.to_owned(), 1), record);
            book.hosts.insert(name.to_owned(), key);
        }
        for round in 0..90 {
            book.report("h-1", 0);
            book.report("h-2", if round % 30 == 7 { 2 } else { 0 });
            book.report("h-3", 0);
            if round % 9 == 0 {
                book.act(&format!("token.create {round}"));
            }
            if round % 20 == 4 {
                book.checkpoint();
            }
        }
        book.checkpoint();
        book
    }

    fn now(&self) -> i64 {
        BEGAN + i64::try_from(self.head.size()).unwrap() * SECOND
    }

    fn add_leaf(&mut self, of: Subject, entry: &crate::ledger::entry::Entry) {
        let (index, hash) = (self.head.size(), entry.leaf_hash());
        let reference = match &of {
            Subject::Report(report) => Ok(report.id),
            Subject::Act(act) => Err(act.id),
            Subject::Missing(_) => unreachable!(),
        };
        self.references.insert(index, reference);
        for Node { level, index, hash } in self.head.push(hash) {
            self.nodes.insert((level, index), hash);
        }
        let hash = Some(hash);
        self.leaves.insert(index, LeafRow { index, hash, of });
    }

    /// The next report of a host, which says that so many before it are missing.
    fn report(&mut self, host: &str, missing: i64) {
        let now = self.now();
        let record = self.incarnations.get_mut(&(host.to_owned(), 1)).unwrap();
        let (last, sha256) = record.last.clone().unwrap_or((0, None));
        let place = Place {
            host: host.to_owned(),
            incarnation: 1,
            sequence: last + 1 + missing,
        };
        let unknown = "1".repeat(64);
        let previous = match sha256 {
            _ if missing > 0 => unknown,
            None => FIRST_PREVIOUS.to_owned(),
            Some(sha256) => sha256,
        };
        let body = json!({
            "incarnation": 1, "sequence": place.sequence, "previous": previous, "agent_version": "1",
            "sealed_at": "2026-11-22T00:00:00Z", "assessment": {"host": {"id": host}}, "dropped_reports": missing,
        });
        let body = body.to_string().into_bytes();
        let sealer = Sealer::from_pkcs8(self.hosts[host].serialized_der()).unwrap();
        if missing > 0 {
            self.gaps.push(GapRow {
                id: place.sequence,
                place: place.clone(),
                missing,
                chained: 0,
                noticed_at: now,
            });
        }
        record.last = Some((place.sequence, Some(sha256_hex(&body))));
        let report = ReportRow {
            id: i64::try_from(self.reports.len()).unwrap() + 1,
            leaf: Some(self.head.size()),
            place: place.clone(),
            previous,
            received_at: now,
            sealed_at: 1_795_305_600_000_000,
            body_sha256: sha256_hex(&body),
            signature: sealer.seal(&body).unwrap(),
        };
        self.add_leaf(Subject::Report(report.clone()), &report.entry().unwrap());
        self.reports.insert(place.clone(), report);
        self.bodies.insert(place, body);
    }

    fn act(&mut self, what: &str) {
        let id = i64::try_from(self.acts.len()).unwrap() + 1;
        // One of them has a record as its body.
        let record = (id == ATTESTED).then(|| RecordRow {
            family: "attestation".to_owned(),
            subject: "a-1".to_owned(),
            version: 1,
            body: "{}".to_owned(),
        });
        let act = ActRow {
            id,
            at: self.now(),
            who: "cli:uid-0".to_owned(),
            what: record.as_ref().map_or(what, |_| "attestation.give").to_owned(),
            on: record
                .as_ref()
                .map_or_else(|| "x".to_owned(), |_| bound("a-1", 1, "{}")),
            nonce: "ab".repeat(16),
            record,
        };
        self.add_leaf(Subject::Act(act.clone()), &act.entry().unwrap());
        self.acts.insert(act.id, act);
    }

    fn checkpoint(&mut self) {
        let signed_at = self.now();
        let statement = Statement {
            origin: ORIGIN.to_owned(),
            size: self.head.size(),
            root: self.head.root(),
            signed_at: signed_at.try_into().unwrap(),
            previous: self
                .checkpoints
                .last_key_value()
                .map_or(0, |(size, _)| u64::try_from(*size).unwrap()),
        };
        self.keep_checkpoint(&statement);
    }

    fn keep_checkpoint(&mut self, statement: &Statement) {
        let kept = CheckpointRow {
            size: statement.size.try_into().unwrap(),
            signed_at: statement.signed_at.try_into().unwrap(),
            note: statement.sign(&pair()).unwrap().to_string(),
        };
        self.checkpoints.insert(kept.size, kept);
    }

    /// Changes a report's row, as the leaf sees it too.
    fn change(&mut self, host: &str, sequence: i64, change: impl Fn(&mut ReportRow)) -> Place {
        let place = place(host, sequence);
        change(self.reports.get_mut(&place).unwrap());
        self.follow_rows();
        place
    }

    /// Changes the record of the act that has one, as the leaf sees it too; gives the act.
    fn change_record(&mut self, change: impl Fn(&mut RecordRow)) -> (ActRow, RecordRow) {
        let act = self.acts.get_mut(&ATTESTED).unwrap();
        change(act.record.as_mut().unwrap());
        let act = act.clone();
        self.follow_rows();
        let record = act.record.clone().unwrap();
        (act, record)
    }

    /// Leaves show the rows that they stand for.
    fn follow_rows(&mut self) {
        for leaf in self.leaves.values_mut() {
            let reference = self.references[&leaf.index];
            let report = self.reports.values().find(|report| Ok(report.id) == reference);
            let act = self.acts.values().find(|act| Err(act.id) == reference);
            leaf.of = match (report, act) {
                (Some(report), _) => Subject::Report(report.clone()),
                (None, Some(act)) => Subject::Act(act.clone()),
                (None, None) => Subject::Missing("nothing".to_owned()),
            };
        }
    }

    fn audited_at(&self, now: i64) -> Findings {
        let key = VerifierKey::of(ORIGIN, &pair()).unwrap();
        let Ok(found) = Audit::run(self, &key, &self.anchors, now, &mut |_| {});
        found
    }

    fn audited(&self) -> Findings {
        self.audited_at(self.now())
    }
}

fn place(host: &str, sequence: i64) -> Place {
    Place {
        host: host.to_owned(),
        incarnation: 1,
        sequence,
    }
}

impl Archive for Book {
    type Error = Infallible;

    fn head(&self) -> Result<Option<Frontier>, Infallible> {
        Ok(Some(self.head.clone()))
    }

    fn checkpoints(&self, after: Option<i64>, limit: usize) -> Result<Vec<CheckpointRow>, Infallible> {
        let from = after.map_or(0, |after| after + 1);
        Ok(self
            .checkpoints
            .range(from..)
            .map(|(_, kept)| kept.clone())
            .take(limit.min(3))
            .collect())
    }

    fn leaves(&self, from: u64, limit: usize) -> Result<Vec<LeafRow>, Infallible> {
        Ok(self
            .leaves
            .range(from..)
            .map(|(_, leaf)| leaf.clone())
            .take(limit.min(64))
            .collect())
    }

    fn nodes(&self, level: u8, range: Range<u64>) -> Result<Vec<(u64, Option<Hash>)>, Infallible> {
        assert_eq!(level % TILE_HEIGHT, 0);
        let range = (level, range.start)..(level, range.end);
        Ok(self
            .nodes
            .range(range)
            .map(|((_, index), hash)| (*index, Some(*hash)))
            .collect())
    }

    fn reports(&self, after: Option<&Place>, limit: usize) -> Result<Vec<ReportRow>, Infallible> {
        let later = self
            .reports
            .values()
            .filter(|report| after.is_none_or(|after| report.place > *after));
        Ok(later.take(limit.min(50)).cloned().collect())
    }

    fn acts(&self, after: i64, limit: usize) -> Result<Vec<(u64, ActRow)>, Infallible> {
        let leaf = |id| {
            self.references
                .iter()
                .find(|(_, of)| **of == Err(id))
                .map(|(leaf, _)| *leaf)
        };
        let acts = self
            .acts
            .range(after + 1..)
            .filter_map(|(id, act)| Some((leaf(*id)?, act.clone())));
        Ok(acts.take(limit).collect())
    }

    fn acts_outside(&self, limit: usize) -> Result<Vec<ActRow>, Infallible> {
        let inside = |id| self.references.values().any(|reference| *reference == Err(id));
        Ok(self
            .acts
            .values()
            .filter(|row| !inside(row.id))
            .take(limit)
            .cloned()
            .collect())
    }

    fn records_outside(&self, _limit: usize) -> Result<Vec<RecordRow>, Infallible> {
        Ok(self.records.clone())
    }

    fn body(&self, report: &ReportRow) -> Result<Option<io::Result<Vec<u8>>>, Infallible> {
        let unpacked = |body: &Vec<u8>| match body.as_slice() {
            b"damaged" => Err(io::Error::other("damaged")),
            body => Ok(body.to_vec()),
        };
        Ok(self.bodies.get(&report.place).map(unpacked))
    }

    fn gaps(&self, after: Option<&GapRow>, limit: usize) -> Result<Vec<GapRow>, Infallible> {
        let later = |gap: &&GapRow| after.is_none_or(|after| (&gap.place, gap.id) > (&after.place, after.id));
        Ok(self
            .gaps
            .iter()
            .filter(later)
            .take(limit.min(2))
            .cloned()
            .collect())
    }

    fn incarnation(&self, host: &str, incarnation: i64) -> Result<Incarnation, Infallible> {
        Ok(self.incarnations[&(host.to_owned(), incarnation)].clone())
    }
}

#[test]
fn what_was_left_alone_stands() {
    let book = Book::new();
    let found = book.audited();
    assert_eq!(found.faults, []);
    assert_eq!((found.size, found.reports, found.acts), (280, 270, 10));
    assert_eq!(found.records, 1);
    assert_eq!(
        (found.bodies, found.checkpoints, found.newest_checkpoint),
        (270, 6, Some(280))
    );
    assert_eq!(found.root, Some(book.head.root()));
    assert_eq!(Book::default().audited().faults, [], "nothing at all stands too");
    let mut book = book;
    book.bodies.remove(&place("h-1", 3));
    assert_eq!(book.audited().faults, [], "bodies may be gone");
}

#[test]
fn the_newest_checkpoint_is_missed_after_an_hour() {
    let mut book = Book::new();
    book.checkpoints.pop_last();
    assert_eq!(book.audited().faults, [], "a collector may have been killed");
    let faults = book.audited_at(book.now() + OVERDUE + SECOND).faults;
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].kind, FaultKind::CheckpointOverdue);
}

#[test]
fn faults_without_end_are_counted_and_not_all_named() {
    let mut book = Book::new();
    for _ in 0..40 {
        book.report("h-1", 0);
    }
    for record in book.incarnations.values_mut() {
        record.keys.clear();
    }
    let found = book.audited();
    assert_eq!(found.faults_total, 310);
    assert_eq!(found.faults.len(), 310.min(MOST_FAULTS));
}
