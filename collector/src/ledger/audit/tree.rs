//! The leaves, the nodes over them, and the checkpoints.

use std::collections::VecDeque;

use super::archive::{Archive, CheckpointRow, LeafRow, Subject};
use super::fault::{Fault, FaultKind};
use super::{Audit, OVERDUE, PAGE, Progress, parallel};
use crate::ledger::statement::Statement;
use crate::ledger::tree::{Frontier, Hash, LARGEST_TREE, Node, TILE_HEIGHT};

/// Most checkpoints held at once.
const CHECKPOINTS: usize = 500;

/// Levels of inner nodes that are kept in the largest tree: 8, 16 … 56.
const HIGHEST_KEPT: u8 = 56;

/// Checkpoints in the order of their sizes, read as the tree grows to them.
#[derive(Default)]
struct Due {
    waiting: VecDeque<CheckpointRow>,
    after: Option<i64>,
    ended: bool,
    /// Size that the last one stated; the next one must name it.
    stated: u64,
    /// Size of the last one with the root of the leaves.
    stands: u64,
    /// One had another root: no later one can have the root of the leaves.
    differs: bool,
}

impl<A: Archive + ?Sized> Audit<'_, A> {
    /// Rebuilds the tree from its leaves, and compares everything with it.
    pub(super) fn tree(&mut self, head: &Frontier) -> Result<(), A::Error> {
        let mut due = Due::default();
        let excerpt = self.archive.excerpt();
        let mut tree = Some(excerpt.map_or_else(Frontier::empty, |excerpt| excerpt.before().clone()));
        let mut kept: Vec<Node> = Vec::new();
        let mut next = tree.as_ref().map_or(0, Frontier::size);
        due.stands = next;
        self.anchors_before(next);
        self.checkpoints_at(&mut due, next, tree.as_ref())?;
        self.anchors_at(tree.as_ref());
        while next < head.size() {
            let page = self.archive.leaves(next, PAGE)?;
            let last = page.last().map(|leaf| leaf.index);
            if let Some(excerpt) = excerpt {
                self.follow(excerpt, &page)?;
            }
            let expected = parallel::map(&page, |leaf| leaf.of.leaf_hash());
            for (leaf, expected) in page.into_iter().zip(expected) {
                if leaf.index >= head.size() {
                    break;
                }
                // The tree can't be rebuilt over a leaf that is not there.
                if leaf.index > next || leaf.hash.is_none() {
                    tree = None;
                }
                self.missing(next, leaf.index);
                next = leaf.index + 1;
                self.leaf(&leaf, expected);
                if let (Some(tree), Some(hash)) = (&mut tree, leaf.hash) {
                    kept.extend(tree.push(hash));
                }
                self.checkpoints_at(&mut due, next, tree.as_ref())?;
                self.anchors_at(tree.as_ref());
            }
            if excerpt.is_some() {
                kept.clear();
            }
            for node in kept.drain(..) {
                self.node(&node)?;
            }
            (self.progress)(Progress::Leaves(next, head.size()));
            if last.is_none_or(|last| last >= head.size()) {
                self.missing(next, head.size());
                if next < head.size() {
                    tree = None;
                }
                break;
            }
        }
        if let Some(tree) = tree.filter(|tree| tree != head && !due.differs) {
            let fault = Fault::new(FaultKind::HeadDiffers).among(due.stands, head.size());
            self.fault(fault.differs("root", tree.root(), head.root()));
        }
        self.outside(head)?;
        self.checkpoints_ahead(&mut due, head)?;
        self.overdue(&due, head)
    }

    /// Leaves from `from` to before `to` are not there. They are named as one where they are many.
    fn missing(&mut self, from: u64, to: u64) {
        if from < to {
            let fault = Fault::new(FaultKind::LeafMissing).leaf(from);
            self.fault(fault.differs("leaves", format!("{from} to {}", to - 1), "none"));
        }
    }

    /// A leaf must be the hash of what it stands for.
    fn leaf(&mut self, leaf: &LeafRow, expected: Option<Hash>) {
        match &leaf.of {
            Subject::Report(_) => {}
            Subject::Act(act) => {
                self.found.acts += 1;
                self.record(act);
            }
            Subject::Missing(_) => {
                self.fault(Fault::new(FaultKind::RowMissing).leaf(leaf.index).of(&leaf.of));
                return;
            }
        }
        if expected.is_none() || expected != leaf.hash {
            let or_none = |hash: Option<Hash>| hash.map_or_else(|| "none".to_owned(), |hash| hash.hex());
            let fault = Fault::new(FaultKind::LeafDiffers).leaf(leaf.index);
            self.fault(
                fault
                    .of(&leaf.of)
                    .differs("hash", or_none(leaf.hash), or_none(expected)),
            );
        }
    }

    /// An inner node must be kept as the leaves make it.
    fn node(&mut self, node: &Node) -> Result<(), A::Error> {
        let Node { level, index, hash } = *node;
        let kept = self.archive.nodes(level, index..index + 1)?;
        match kept.first() {
            None => self.fault(Fault::new(FaultKind::NodeMissing).node(level, index)),
            Some((_, Some(kept))) if *kept == hash => {}
            Some((_, kept)) => {
                let kept = kept.map_or_else(|| "none".to_owned(), |hash| hash.hex());
                let fault = Fault::new(FaultKind::NodeChanged).node(level, index);
                self.fault(fault.differs("hash", hash, kept));
            }
        }
        Ok(())
    }

    /// Nothing may be kept that the tree has no room for.
    fn outside(&mut self, head: &Frontier) -> Result<(), A::Error> {
        for leaf in self.archive.leaves(head.size(), PAGE)? {
            self.fault(Fault::new(FaultKind::LeafOutside).leaf(leaf.index).of(&leaf.of));
        }
        for level in (TILE_HEIGHT..=HIGHEST_KEPT).step_by(usize::from(TILE_HEIGHT)) {
            for (index, _) in self.archive.nodes(level, head.size() >> level..LARGEST_TREE)? {
                self.fault(Fault::new(FaultKind::NodeOutside).node(level, index));
            }
        }
        Ok(())
    }

    /// Judges the checkpoints that the tree has grown to.
    fn checkpoints_at(&mut self, due: &mut Due, size: u64, tree: Option<&Frontier>) -> Result<(), A::Error> {
        while self.read_checkpoints(due)? {
            let Some(checkpoint) = due.waiting.pop_front_if(|next| next.size <= signed(size)) else {
                break;
            };
            self.checkpoint(due, &checkpoint, tree)?;
        }
        Ok(())
    }

    /// Reads more checkpoints where none waits; false when there are no more.
    fn read_checkpoints(&mut self, due: &mut Due) -> Result<bool, A::Error> {
        if due.waiting.is_empty() && !due.ended {
            let page = self.archive.checkpoints(due.after, CHECKPOINTS)?;
            due.after = page.last().map(|checkpoint| checkpoint.size).or(due.after);
            due.ended = page.is_empty();
            due.waiting.extend(page);
        }
        Ok(!due.waiting.is_empty())
    }

    fn checkpoint(
        &mut self,
        due: &mut Due,
        kept: &CheckpointRow,
        tree: Option<&Frontier>,
    ) -> Result<(), A::Error> {
        self.found.checkpoints += 1;
        let size = kept.size;
        let statement = match Statement::read(kept.note.as_bytes(), self.key) {
            Ok(statement) => statement,
            Err(reason) => {
                let fault = Fault::new(FaultKind::CheckpointSignature).checkpoint(size);
                self.fault(fault.differs("note", format!("signed by {}", self.key), reason));
                // Nothing can be said of what the next one names.
                due.stated = u64::try_from(size).unwrap_or(0);
                return Ok(());
            }
        };
        self.previous(due, &statement)?;
        due.stated = statement.size;
        for (what, stated, kept) in [
            ("size", i128::from(statement.size), i128::from(size)),
            (
                "signed_at",
                i128::from(statement.signed_at),
                i128::from(kept.signed_at),
            ),
        ] {
            if stated != kept {
                let fault = Fault::new(FaultKind::CheckpointDiffers).checkpoint(size);
                self.fault(fault.differs(what, stated, kept));
            }
        }
        // Without a root its leaves are not all there, or its row has a false size; both are told.
        let root = tree
            .filter(|tree| tree.size() == statement.size)
            .map(Frontier::root);
        let Some(root) = root.filter(|_| !due.differs) else {
            return Ok(());
        };
        if root == statement.root {
            due.stands = statement.size;
            self.found.newest_checkpoint = Some(statement.size);
        } else {
            due.differs = true;
            let fault = Fault::new(FaultKind::CheckpointRoot)
                .checkpoint(size)
                .among(due.stands, statement.size);
            self.fault(fault.differs("root", statement.root, root));
        }
        Ok(())
    }

    /// The checkpoint that a checkpoint says it follows must be on record. Two collectors that sign at once may both
    /// follow the same one.
    fn previous(&mut self, due: &Due, statement: &Statement) -> Result<(), A::Error> {
        let previous = statement.previous;
        let first = self
            .archive
            .excerpt()
            .map_or(0, |excerpt| excerpt.before().size());
        if previous == due.stated || previous == 0 || previous < first {
            return Ok(());
        }
        let found = self.archive.checkpoints(Some(signed(previous) - 1), 1)?;
        if found.first().is_none_or(|found| found.size != signed(previous)) {
            let fault = Fault::new(FaultKind::CheckpointMissing).checkpoint(signed(statement.size));
            self.fault(fault.differs("previous", previous, due.stated));
        }
        Ok(())
    }

    /// A checkpoint of more leaves than there are tells of leaves that were taken away.
    fn checkpoints_ahead(&mut self, due: &mut Due, head: &Frontier) -> Result<(), A::Error> {
        while self.read_checkpoints(due)? {
            for checkpoint in std::mem::take(&mut due.waiting) {
                let fault = Fault::new(FaultKind::CheckpointAhead).checkpoint(checkpoint.size);
                self.fault(fault.differs("size", checkpoint.size, head.size()));
                self.checkpoint(due, &checkpoint, None)?;
            }
        }
        Ok(())
    }

    /// Leaves that have long had no checkpoint: it was taken away, or never signed.
    fn overdue(&mut self, due: &Due, head: &Frontier) -> Result<(), A::Error> {
        if due.stated >= head.size() {
            return Ok(());
        }
        // An excerpt ends with a checkpoint.
        if self.archive.excerpt().is_some() {
            let fault = Fault::new(FaultKind::CheckpointMissing).checkpoint(signed(head.size()));
            self.fault(fault.differs("size", head.size(), due.stated));
            return Ok(());
        }
        let first = self.archive.leaves(due.stated, 1)?;
        let since = first.first().and_then(|leaf| match &leaf.of {
            Subject::Report(report) => Some(report.received_at),
            Subject::Act(act) => Some(act.at),
            Subject::Missing(_) => None,
        });
        if since.is_some_and(|since| self.now.saturating_sub(since) > OVERDUE) {
            let fault = Fault::new(FaultKind::CheckpointOverdue).leaf(due.stated);
            self.fault(fault.differs("size", head.size(), due.stated));
        }
        Ok(())
    }
}

/// A size as rows have it.
fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
