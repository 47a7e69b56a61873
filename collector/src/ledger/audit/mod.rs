//! The audit: whether everything on record is what it was when it was taken in.
//!
//! The leaves are read once in their order ([`tree`]): each must be the hash of what it stands for, the inner nodes and
//! the right edge must be what the leaves make, and every checkpoint must be signed and have the root that the tree
//! had at its size; so each checkpoint is consistent with the next. Then the reports are read host by host
//! ([`chain`]): each must follow the one before, in the tree too, and have a body with the hash on record that the host
//! signed. And no report or act may be without a leaf, and no record without an act that names it ([`record`]).
//!
//! An excerpt, as an evidence bundle is, begins with the tree before its first leaf and is read once, in the order of
//! the leaves ([`excerpt`]), and a signature may stand for all reports before it ([`signatures`]).
//!
//! Rows are read a page at a time and bodies one by one, so memory is bounded whatever the number of hosts. All is read
//! as it was at one moment ([`Archive`]), so a collector may take in more meanwhile.

mod anchor;
mod archive;
mod chain;
mod excerpt;
mod fault;
pub(crate) mod parallel;
mod record;
mod signatures;
mod tree;

use serde::Serialize;

pub use archive::{
    ActRow, Archive, CheckpointRow, Excerpt, GapRow, Incarnation, LeafRow, Place, RecordRow, ReportRow,
    Signatures, Subject,
};
pub(crate) use chain::signed_by;
pub use fault::{Fault, FaultKind, MOST_FAULTS};
pub(crate) use record::faults_of_record;

use self::anchor::Anchors;
use self::excerpt::Chains;
use self::signatures::Unverified;
use super::note::VerifierKey;
use super::statement::Statement;
use super::tree::{Frontier, Hash};

/// Rows read at once.
const PAGE: usize = 1_000;

/// How long leaves may be without a checkpoint before that is a fault, in microseconds: an hour. A running collector
/// signs within seconds; one that was killed signs when it starts again.
const OVERDUE: i64 = 3_600 * 1_000_000;

/// What an audit found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Findings {
    /// Leaves of the tree.
    pub size: u64,
    /// Its root.
    pub root: Option<Hash>,
    /// Checkpoints looked at.
    pub checkpoints: u64,
    /// Size of the largest of them that stands.
    pub newest_checkpoint: Option<u64>,
    /// Checkpoints kept elsewhere that the tree continues.
    pub anchors: u64,
    /// Checkpoints kept elsewhere from before the leaves of an excerpt, which nothing can be said of.
    pub anchors_before: u64,
    /// Checkpoints kept elsewhere from after the leaves of an excerpt, which nothing can be said of.
    pub anchors_after: u64,
    /// Reports looked at.
    pub reports: u64,
    /// Of these, bodies that are kept.
    pub bodies: u64,
    /// Acts looked at.
    pub acts: u64,
    /// Records looked at.
    pub records: u64,
    /// Files of evidence that are what they were; those of a bundle are among its members.
    pub evidence: u64,
    /// Files that are kept and that no record names: left by an attestation that was never recorded, or put there.
    pub evidence_without_record: u64,
    /// Faults found.
    pub faults_total: u64,
    /// The first of them, at most [`MOST_FAULTS`].
    pub faults: Vec<Fault>,
}

impl Findings {
    /// Adds a fault.
    pub(crate) fn add(&mut self, fault: Fault) {
        self.faults_total += 1;
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(fault);
        }
    }
}

/// How far an audit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many leaves of so many.
    Leaves(u64, u64),
    /// So many reports.
    Reports(u64),
    /// So many files of evidence of so many.
    Evidence(u64, u64),
}

/// One audit.
pub struct Audit<'a, A: ?Sized> {
    archive: &'a A,
    key: &'a VerifierKey,
    /// Now, in microseconds since 1970.
    now: i64,
    anchors: Anchors<'a>,
    chains: Chains,
    unverified: Unverified,
    progress: &'a mut dyn FnMut(Progress),
    found: Findings,
}

impl<'a, A: Archive + ?Sized> Audit<'a, A> {
    /// Audits `archive`, whose checkpoints are signed with `key`, at `now` in microseconds since 1970. The tree must
    /// continue the checkpoints `anchors`, which were kept elsewhere and are in the order of their sizes.
    pub fn run(
        archive: &'a A,
        key: &'a VerifierKey,
        anchors: &'a [Statement],
        now: i64,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Result<Findings, A::Error> {
        let mut audit = Self {
            archive,
            key,
            now,
            anchors: Anchors::new(anchors),
            chains: Chains::default(),
            unverified: Unverified::default(),
            progress,
            found: Findings::default(),
        };
        let head = match audit.archive.head()? {
            Some(head) => head,
            None => {
                let nothing = "nothing that can be read";
                audit.fault(Fault::new(FaultKind::HeadDiffers).differs("frontier", "a frontier", nothing));
                Frontier::empty()
            }
        };
        (audit.found.size, audit.found.root) = (head.size(), Some(head.root()));
        audit.tree(&head)?;
        audit.anchors_ahead(&head);
        audit.acts_outside()?;
        audit.records_outside()?;
        match archive.excerpt() {
            Some(_) => audit.last_signatures(),
            None => audit.chains()?,
        }
        Ok(audit.found)
    }

    fn fault(&mut self, fault: Fault) {
        self.found.add(fault);
    }

    /// Every act must have a leaf.
    fn acts_outside(&mut self) -> Result<(), A::Error> {
        for act in self.archive.acts_outside(MOST_FAULTS)? {
            self.fault(Fault::new(FaultKind::ActOutside).act(&act));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
