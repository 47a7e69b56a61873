//! Each kind of fault, made on purpose in an archive that stands.

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
    /// Keys of the hosts.
    hosts: BTreeMap<String, KeyPair>,
}

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
        let act = ActRow {
            id: i64::try_from(self.acts.len()).unwrap() + 1,
            at: self.now(),
            who: "cli:uid-0".to_owned(),
            what: what.to_owned(),
            on: "x".to_owned(),
            nonce: "ab".repeat(16),
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
        let Ok(found) = Audit::run(self, &key, now, &mut |_| {});
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

/// A name, what it does to the book, and the fault that must be named, with what it must name.
type Tampering = (FaultKind, fn(&mut Book) -> Fault);

fn at(kind: FaultKind, place: &Place) -> Fault {
    Fault::new(kind).at(place)
}

const TAMPERINGS: &[Tampering] = &[
    (FaultKind::ActOutside, |book| {
        let act = ActRow {
            id: 99,
            ..book.acts[&3].clone()
        };
        book.acts.insert(99, act.clone());
        Fault::new(FaultKind::ActOutside).act(&act)
    }),
    (FaultKind::BodyChanged, |book| {
        let place = place("h-1", 5);
        book.bodies.insert(place.clone(), b"{}".to_vec());
        at(FaultKind::BodyChanged, &place)
    }),
    (FaultKind::BodyDiffers, |book| {
        let place = book.change("h-1", 5, |row| row.sealed_at -= 1);
        at(FaultKind::BodyDiffers, &place)
    }),
    (FaultKind::BodyUnreadable, |book| {
        let place = place("h-1", 5);
        book.bodies.insert(place.clone(), b"damaged".to_vec());
        at(FaultKind::BodyUnreadable, &place)
    }),
    (FaultKind::BodyUnreadable, |book| {
        let place = place("h-1", 5);
        book.bodies.insert(place.clone(), b"no JSON".to_vec());
        at(FaultKind::BodyUnreadable, &place)
    }),
    (FaultKind::ChainBroken, |book| {
        let place = book.change("h-2", 6, |row| row.previous = "2".repeat(64));
        at(FaultKind::ChainBroken, &place)
    }),
    (FaultKind::ChainBroken, |book| {
        let record = book.incarnations.get_mut(&("h-1".to_owned(), 1)).unwrap();
        record.last = Some((90, Some("2".repeat(64))));
        at(FaultKind::ChainBroken, &place("h-1", 90))
    }),
    (FaultKind::ChainGap, |book| {
        book.reports.remove(&place("h-1", 50));
        at(FaultKind::ChainGap, &place("h-1", 51))
    }),
    (FaultKind::ChainGap, |book| {
        book.reports.remove(&place("h-1", 90));
        at(FaultKind::ChainGap, &place("h-1", 89))
    }),
    (FaultKind::ChainGap, |book| {
        book.gaps.clear();
        at(FaultKind::ChainGap, &place("h-2", 10))
    }),
    (FaultKind::CheckpointAhead, |book| {
        // The store is put back to an older state, but for its checkpoints.
        book.leaves.retain(|index, _| *index < 200);
        book.references.retain(|index, _| *index < 200);
        let references: Vec<_> = book.references.values().copied().collect();
        book.reports.retain(|_, row| references.contains(&Ok(row.id)));
        book.acts.retain(|_, row| references.contains(&Err(row.id)));
        book.nodes.clear();
        book.head = Frontier::empty();
        for leaf in book.leaves.values() {
            book.head.push(leaf.hash.unwrap());
        }
        Fault::new(FaultKind::CheckpointAhead).checkpoint(280)
    }),
    (FaultKind::CheckpointDiffers, |book| {
        book.checkpoints.first_entry().unwrap().get_mut().signed_at -= SECOND;
        Fault::new(FaultKind::CheckpointDiffers).checkpoint(16)
    }),
    (FaultKind::CheckpointMissing, |book| {
        book.checkpoints.pop_first();
        let next = *book.checkpoints.first_key_value().unwrap().0;
        Fault::new(FaultKind::CheckpointMissing).checkpoint(next)
    }),
    (FaultKind::CheckpointRoot, |book| {
        // Signed with the right key all the same.
        let statement = Statement {
            origin: ORIGIN.to_owned(),
            size: 16,
            root: Hash::of(b"other"),
            signed_at: 1,
            previous: 0,
        };
        book.keep_checkpoint(&statement);
        Fault::new(FaultKind::CheckpointRoot).checkpoint(16)
    }),
    (FaultKind::CheckpointSignature, |book| {
        let kept = book.checkpoints.first_entry().unwrap().into_mut();
        kept.note = kept.note.replace("\n16\n", "\n17\n");
        Fault::new(FaultKind::CheckpointSignature).checkpoint(16)
    }),
    (FaultKind::GapDiffers, |book| {
        book.gaps[0].missing += 1;
        at(FaultKind::GapDiffers, &place("h-2", 10))
    }),
    (FaultKind::GapDiffers, |book| {
        book.gaps[0].noticed_at += 1;
        at(FaultKind::GapDiffers, &place("h-2", 10))
    }),
    (FaultKind::GapDiffers, |book| {
        book.gaps[1].place.sequence += 1;
        at(FaultKind::GapDiffers, &book.gaps[1].place)
    }),
    (FaultKind::GapDiffers, |book| {
        let mut twice = book.gaps[1].clone();
        twice.id += 1_000;
        book.gaps.insert(2, twice);
        at(FaultKind::GapDiffers, &book.gaps[1].place)
    }),
    (FaultKind::GapDiffers, |book| {
        let mut late = book.gaps[1].clone();
        late.place = place("h-3", 91);
        book.gaps.push(late);
        at(FaultKind::GapDiffers, &place("h-3", 91))
    }),
    (FaultKind::HeadDiffers, |book| {
        book.head.push(Hash::of(b"more"));
        let mut smaller = Frontier::empty();
        for leaf in book.leaves.values().take(279) {
            smaller.push(leaf.hash.unwrap());
        }
        smaller.push(Hash::of(b"other"));
        book.head = smaller;
        Fault::new(FaultKind::HeadDiffers)
    }),
    (FaultKind::LeafDiffers, |book| {
        let place = book.change("h-3", 7, |row| row.received_at -= 86_400 * SECOND);
        at(FaultKind::LeafDiffers, &place)
    }),
    (FaultKind::LeafDiffers, |book| {
        let place = book.change("h-3", 7, |row| row.body_sha256 = "not a hash".to_owned());
        at(FaultKind::LeafDiffers, &place)
    }),
    (FaultKind::LeafDiffers, |book| {
        book.acts.get_mut(&3).unwrap().who = "cli:uid-1".to_owned();
        book.follow_rows();
        Fault::new(FaultKind::LeafDiffers).act(&book.acts[&3])
    }),
    (FaultKind::LeafDiffers, |book| {
        book.leaves.get_mut(&8).unwrap().hash = Some(Hash::of(b"other"));
        Fault::new(FaultKind::LeafDiffers).leaf(8)
    }),
    (FaultKind::LeafOrder, |book| {
        let places = [place("h-1", 20), place("h-1", 21)];
        let [first, second] = places.clone().map(|place| book.reports[&place].leaf);
        book.reports.get_mut(&places[0]).unwrap().leaf = second;
        book.reports.get_mut(&places[1]).unwrap().leaf = first;
        at(FaultKind::LeafOrder, &places[0])
    }),
    (FaultKind::LeafMissing, |book| {
        book.leaves.remove(&100);
        Fault::new(FaultKind::LeafMissing).leaf(100)
    }),
    (FaultKind::LeafMissing, |book| {
        book.leaves.pop_last();
        Fault::new(FaultKind::LeafMissing).leaf(279)
    }),
    (FaultKind::LeafOutside, |book| {
        let leaf = LeafRow {
            index: 280,
            ..book.leaves[&279].clone()
        };
        book.leaves.insert(280, leaf);
        Fault::new(FaultKind::LeafOutside).leaf(280)
    }),
    (FaultKind::NodeChanged, |book| {
        book.nodes.insert((8, 0), Hash::of(b"other"));
        Fault::new(FaultKind::NodeChanged).node(8, 0)
    }),
    (FaultKind::NodeMissing, |book| {
        book.nodes.clear();
        Fault::new(FaultKind::NodeMissing).node(8, 0)
    }),
    (FaultKind::NodeOutside, |book| {
        book.nodes.insert((16, 0), Hash::of(b"other"));
        Fault::new(FaultKind::NodeOutside).node(16, 0)
    }),
    (FaultKind::ReportOutside, |book| {
        let row = ReportRow {
            id: 999,
            leaf: None,
            place: place("h-1", 91),
            ..book.reports[&place("h-1", 90)].clone()
        };
        book.reports.insert(row.place.clone(), row.clone());
        Fault::new(FaultKind::ReportOutside).report(&row)
    }),
    (FaultKind::RowMissing, |book| {
        book.reports.remove(&place("h-1", 1));
        book.follow_rows();
        Fault::new(FaultKind::RowMissing).leaf(0)
    }),
    (FaultKind::Signature, |book| {
        let place = book.change("h-1", 5, |row| row.signature.replace_range(40..42, "ff"));
        at(FaultKind::Signature, &place)
    }),
    (FaultKind::Signature, |book| {
        let other = book.incarnations[&("h-1".to_owned(), 1)].keys.clone();
        book.incarnations.get_mut(&("h-3".to_owned(), 1)).unwrap().keys = other;
        at(FaultKind::Signature, &place("h-3", 1))
    }),
];

#[test]
fn every_kind_of_fault_is_found_and_named() {
    for (kind, tamper) in TAMPERINGS {
        let mut book = Book::new();
        let wanted = tamper(&mut book);
        let faults = book.audited().faults;
        let same = |fault: &&Fault| {
            fault.kind == wanted.kind
                && (wanted.host.is_none() || fault.host == wanted.host)
                && (wanted.sequence.is_none() || fault.sequence == wanted.sequence)
                && (wanted.act.is_none() || fault.act == wanted.act)
                && (wanted.leaf.is_none() || fault.leaf == wanted.leaf)
                && (wanted.node.is_none() || fault.node == wanted.node)
                && (wanted.checkpoint.is_none() || fault.checkpoint == wanted.checkpoint)
        };
        assert!(
            faults.iter().any(|fault| same(&fault)),
            "{kind:?}: {wanted:?} is not in {faults:#?}"
        );
    }
    for kind in FaultKind::ALL {
        let tried =
            TAMPERINGS.iter().any(|(tried, _)| tried == kind) || *kind == FaultKind::CheckpointOverdue;
        assert!(tried, "{kind:?} is not tried");
    }
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
