//! What an audit reads: a store as it is at one moment, or an evidence bundle. Rows come as they are on record,
//! so that a damaged one is a fault with a name and not the end of the audit.

use std::io;
use std::ops::Range;

use crate::ledger::entry::{ActEntry, Entry, ReportEntry};
use crate::ledger::tree::{Frontier, Hash};

/// Something that holds a ledger, and what its leaves stand for.
pub trait Archive {
    /// Why it could not be read.
    type Error;

    /// The tree as it stands; `None` when what is kept of it can't be read.
    fn head(&self) -> Result<Option<Frontier>, Self::Error>;

    /// Checkpoints in the order of their sizes, after the size `after`.
    fn checkpoints(&self, after: Option<i64>, limit: usize) -> Result<Vec<CheckpointRow>, Self::Error>;

    /// Leaves in order, from the number `from`, each with what it stands for.
    fn leaves(&self, from: u64, limit: usize) -> Result<Vec<LeafRow>, Self::Error>;

    /// Inner nodes of a level, by number; those that are not there are left out, and so may be all past the first
    /// [`MOST_FAULTS`](super::MOST_FAULTS).
    fn nodes(&self, level: u8, range: Range<u64>) -> Result<Vec<(u64, Option<Hash>)>, Self::Error>;

    /// Reports in the order of hosts, incarnations and sequences, after the place `after`.
    fn reports(&self, after: Option<&Place>, limit: usize) -> Result<Vec<ReportRow>, Self::Error>;

    /// Acts in the order of their numbers, after the number `after`, each with its leaf; those without one are left out.
    fn acts(&self, after: i64, limit: usize) -> Result<Vec<(u64, ActRow)>, Self::Error>;

    /// Acts that no leaf stands for.
    fn acts_outside(&self, limit: usize) -> Result<Vec<ActRow>, Self::Error>;

    /// Records that are the body of no act: family, subject and version of each.
    fn records_outside(&self, limit: usize) -> Result<Vec<RecordRow>, Self::Error>;

    /// The body of a report, unpacked; `None` when it is no longer kept.
    fn body(&self, report: &ReportRow) -> Result<Option<io::Result<Vec<u8>>>, Self::Error>;

    /// Gaps in the order of the reports that told of them, after the row `after`.
    fn gaps(&self, after: Option<&GapRow>, limit: usize) -> Result<Vec<GapRow>, Self::Error>;

    /// What is on record of one incarnation of a host.
    fn incarnation(&self, host: &str, incarnation: i64) -> Result<Incarnation, Self::Error>;

    /// What it is an excerpt of; `None`: it holds the whole ledger.
    fn excerpt(&self) -> Option<&dyn Excerpt> {
        None
    }
}

/// An archive of some leaves that follow one another, and of all that stands for them. It keeps no inner nodes, and is
/// read once, in the order of the leaves: bodies and gaps are there for the leaves that were read last.
pub trait Excerpt {
    /// The tree before its first leaf.
    fn before(&self) -> &Frontier;

    /// The gaps that the report of a leaf told of.
    fn told(&self, leaf: u64) -> Vec<GapRow>;

    /// Which of the hosts' signatures are verified.
    fn signatures(&self) -> Signatures;
}

/// Which of the hosts' signatures an audit verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signatures {
    /// Each.
    Every,
    /// That of the last report of each unbroken chain, which holds the hash of the one before, and so vouches for all of
    /// them: the host signed that they were its own.
    OfLast,
}

/// Which report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Id of the host.
    pub host: String,
    /// Which enrolment of it.
    pub incarnation: i64,
    /// Number of the report.
    pub sequence: i64,
}

/// A checkpoint on record.
#[derive(Clone, Debug)]
pub struct CheckpointRow {
    /// Size of the tree.
    pub size: i64,
    /// When it was signed, in microseconds since 1970.
    pub signed_at: i64,
    /// The signed note.
    pub note: String,
}

/// A leaf on record.
#[derive(Clone, Debug)]
pub struct LeafRow {
    /// Its number.
    pub index: u64,
    /// Its hash; `None` when what is kept is no hash.
    pub hash: Option<Hash>,
    /// What it stands for, as that is on record.
    pub of: Subject,
}

/// What a leaf stands for.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A report.
    Report(ReportRow),
    /// An act.
    Act(ActRow),
    /// It is on record what it stands for, but not that.
    Missing(String),
}

/// A report on record.
#[derive(Clone, Debug)]
pub struct ReportRow {
    /// Number of its row.
    pub id: i64,
    /// Its leaf; `None`: no leaf stands for it.
    pub leaf: Option<u64>,
    /// Which.
    pub place: Place,
    /// SHA-256 of the body before it, in hexadecimal.
    pub previous: String,
    /// When it was received, in microseconds since 1970.
    pub received_at: i64,
    /// When the host sealed it, in microseconds since 1970.
    pub sealed_at: i64,
    /// SHA-256 of its body, in hexadecimal.
    pub body_sha256: String,
    /// The host's signature, in hexadecimal.
    pub signature: String,
}

/// An act on record.
#[derive(Clone, Debug)]
pub struct ActRow {
    /// Its number.
    pub id: i64,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Who.
    pub who: String,
    /// What.
    pub what: String,
    /// To what.
    pub on: String,
    /// The nonce, in hexadecimal.
    pub nonce: String,
    /// The record that is its body.
    pub record: Option<RecordRow>,
}

/// A record on record.
#[derive(Clone, Debug)]
pub struct RecordRow {
    /// What it is about.
    pub family: String,
    /// Which of them.
    pub subject: String,
    /// Which version of it.
    pub version: i64,
    /// What it says.
    pub body: String,
}

/// What is on record of one incarnation of a host.
#[derive(Clone, Debug, Default)]
pub struct Incarnation {
    /// Public keys it was certified for, revoked ones too, oldest first.
    pub keys: Vec<Vec<u8>>,
    /// The last report, if it is the host's current incarnation: sequence and SHA-256.
    pub last: Option<(i64, Option<String>)>,
}

/// A gap on record.
#[derive(Clone, Debug)]
pub struct GapRow {
    /// Number of its row.
    pub id: i64,
    /// The report that told of it.
    pub place: Place,
    /// Reports that never came.
    pub missing: i64,
    /// 1: the chain of hashes runs on over it; 0: it begins anew.
    pub chained: i64,
    /// When it was told, in microseconds since 1970.
    pub noticed_at: i64,
}

impl Subject {
    /// The hash of the leaf that it must have; `None` when a column is not what it can be, or it is not there.
    #[must_use]
    pub fn leaf_hash(&self) -> Option<Hash> {
        let entry = match self {
            Self::Report(report) => report.entry(),
            Self::Act(act) => act.entry(),
            Self::Missing(_) => None,
        };
        Some(entry?.leaf_hash())
    }
}

impl ReportRow {
    /// The entry that it must have been taken in as; `None` when a column is not what it can be.
    #[must_use]
    pub fn entry(&self) -> Option<Entry> {
        let signature = data_encoding::HEXLOWER.decode(self.signature.as_bytes());
        Some(Entry::Report(ReportEntry {
            host: self.place.host.parse().ok()?,
            incarnation: self.place.incarnation.try_into().ok()?,
            sequence: self.place.sequence.try_into().ok()?,
            previous: Hash::from_hex(&self.previous)?,
            received_at: self.received_at,
            sealed_at: self.sealed_at,
            body_sha256: Hash::from_hex(&self.body_sha256)?,
            signature: signature.ok()?,
        }))
    }
}

impl ActRow {
    /// The entry that it must have been taken in as; `None` when a column is not what it can be.
    #[must_use]
    pub fn entry(&self) -> Option<Entry> {
        let nonce = data_encoding::HEXLOWER.decode(self.nonce.as_bytes()).ok()?;
        Some(Entry::Act(ActEntry {
            at: self.at,
            who: self.who.clone(),
            what: self.what.clone(),
            on: self.on.clone(),
            nonce: nonce.try_into().ok()?,
        }))
    }
}
