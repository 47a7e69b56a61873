//! Checkpoints that were kept elsewhere: the tree must continue each.

use super::archive::Archive;
use super::fault::{Fault, FaultKind};
use super::{Audit, Frontier};
use crate::ledger::statement::Statement;

/// Checkpoints kept elsewhere, in the order of their sizes, as the tree grows to them.
pub(super) struct Anchors<'a>(&'a [Statement]);

impl<'a> Anchors<'a> {
    pub(super) const fn new(anchors: &'a [Statement]) -> Self {
        Self(anchors)
    }

    /// The next one, if it is of no more than `size` leaves.
    fn up_to(&mut self, size: u64) -> Option<&'a Statement> {
        let (next, rest) = self.0.split_first()?;
        (next.size <= size).then(|| {
            self.0 = rest;
            next
        })
    }
}

impl<A: Archive + ?Sized> Audit<'_, A> {
    /// Passes over those from before an excerpt.
    pub(super) fn anchors_before(&mut self, first: u64) {
        let Some(most) = first.checked_sub(1) else { return };
        while self.anchors.up_to(most).is_some() {
            self.found.anchors_before += 1;
        }
    }

    /// Judges those that the tree has grown to.
    pub(super) fn anchors_at(&mut self, tree: Option<&Frontier>) {
        // Over a leaf that is not there the tree can't be rebuilt, which is told.
        let Some(tree) = tree else { return };
        while let Some(anchor) = self.anchors.up_to(tree.size()) {
            let root = tree.root();
            if anchor.root == root {
                self.found.anchors += 1;
            } else {
                let size = i64::try_from(anchor.size).unwrap_or(i64::MAX);
                let fault = Fault::new(FaultKind::AnchorRoot).checkpoint(size);
                self.fault(fault.differs("root", anchor.root, root));
            }
        }
    }

    /// Those of more leaves than there are: the whole ledger has lost some, an excerpt ends before.
    pub(super) fn anchors_ahead(&mut self, head: &Frontier) {
        while let Some(anchor) = self.anchors.up_to(u64::MAX) {
            if anchor.size <= head.size() {
                continue;
            }
            if self.archive.excerpt().is_some() {
                self.found.anchors_after += 1;
                continue;
            }
            let size = i64::try_from(anchor.size).unwrap_or(i64::MAX);
            let fault = Fault::new(FaultKind::AnchorAhead).checkpoint(size);
            self.fault(fault.differs("size", anchor.size, head.size()));
        }
    }
}
