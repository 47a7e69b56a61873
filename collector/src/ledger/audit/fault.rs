//! What an audit finds wrong.

use serde::Serialize;

use super::archive::{ActRow, Place, RecordRow, ReportRow, Subject};

/// Most faults that are named; the rest are counted.
pub const MOST_FAULTS: usize = 10_000;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $key:literal;)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum FaultKind {
            $($(#[$doc])* $kind,)*
        }

        impl FaultKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// Key of the sentence for people.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self {
                    $(Self::$kind => $key,)*
                }
            }
        }
    };
}

kinds! {
    /// An act that no leaf stands for.
    ActOutside = "ledger-fault-act-outside";
    /// A checkpoint kept elsewhere is of more leaves than there are.
    AnchorAhead = "ledger-fault-anchor-ahead";
    /// A checkpoint kept elsewhere has another root than the leaves.
    AnchorRoot = "ledger-fault-anchor-root";
    /// A checkpoint kept elsewhere is not signed with the collector's key, or is none.
    AnchorSignature = "ledger-fault-anchor-signature";
    /// The body is not the one whose hash is on record.
    BodyChanged = "ledger-fault-body-changed";
    /// What the body says is not what is on record of it.
    BodyDiffers = "ledger-fault-body-differs";
    /// The body can't be unpacked or read.
    BodyUnreadable = "ledger-fault-body-unreadable";
    /// A report's `previous` is not the hash of the one before it, and no gap is on record.
    ChainBroken = "ledger-fault-chain-broken";
    /// Reports are missing that no gap on record speaks of.
    ChainGap = "ledger-fault-chain-gap";
    /// A checkpoint of more leaves than there are.
    CheckpointAhead = "ledger-fault-checkpoint-ahead";
    /// A checkpoint's row says something else than the note that was signed.
    CheckpointDiffers = "ledger-fault-checkpoint-differs";
    /// The checkpoint that another one follows is not on record.
    CheckpointMissing = "ledger-fault-checkpoint-missing";
    /// Leaves that have long had no checkpoint.
    CheckpointOverdue = "ledger-fault-checkpoint-overdue";
    /// A checkpoint with another root than the leaves have.
    CheckpointRoot = "ledger-fault-checkpoint-root";
    /// A checkpoint that is not signed with the collector's key, or is none.
    CheckpointSignature = "ledger-fault-checkpoint-signature";
    /// A file of evidence is not the one that a record names.
    EvidenceChanged = "ledger-fault-evidence-changed";
    /// A file of evidence that a record names is not there.
    EvidenceMissing = "ledger-fault-evidence-missing";
    /// A file of evidence is not locked where it should be.
    EvidenceUnlocked = "ledger-fault-evidence-unlocked";
    /// A gap on record that the reports around it don't show.
    GapDiffers = "ledger-fault-gap-differs";
    /// The right edge that is kept is not that of the leaves.
    HeadDiffers = "ledger-fault-head-differs";
    /// A leaf's hash is not that of what it stands for, as that is on record: one of them was changed.
    LeafDiffers = "ledger-fault-leaf-differs";
    /// An act from before the leaves of a bundle is not in the tree.
    InclusionFalse = "bundle-fault-inclusion-false";
    /// Of two reports of a host the later one has the earlier leaf.
    LeafOrder = "ledger-fault-leaf-order";
    /// A leaf is not there.
    LeafMissing = "ledger-fault-leaf-missing";
    /// A leaf that the tree has no room for.
    LeafOutside = "ledger-fault-leaf-outside";
    /// The manifest of a bundle is not signed with the collector's key.
    ManifestSignature = "bundle-fault-manifest-signature";
    /// A member that the manifest of a bundle does not name.
    MemberAdded = "bundle-fault-member-added";
    /// A member that is not the one that the manifest of a bundle names.
    MemberChanged = "bundle-fault-member-changed";
    /// A member of a bundle that is not there.
    MemberMissing = "bundle-fault-member-missing";
    /// A member of a bundle, or a line of it, that can't be read.
    MemberUnreadable = "bundle-fault-member-unreadable";
    /// An inner node has another hash than the leaves give it.
    NodeChanged = "ledger-fault-node-changed";
    /// An inner node is not there.
    NodeMissing = "ledger-fault-node-missing";
    /// An inner node that the tree has no room for.
    NodeOutside = "ledger-fault-node-outside";
    /// A plan that is not the one published, or not signed with the collector's key.
    PlanDiffers = "bundle-fault-plan-differs";
    /// A record is not the one that its act names, or its act names none.
    RecordDiffers = "ledger-fault-record-differs";
    /// The record that an act names is not there.
    RecordMissing = "ledger-fault-record-missing";
    /// A record that no act names.
    RecordOutside = "ledger-fault-record-outside";
    /// A report that no leaf stands for.
    ReportOutside = "ledger-fault-report-outside";
    /// What a leaf stands for is not on record any more.
    RowMissing = "ledger-fault-row-missing";
    /// No key on record made the host's signature.
    Signature = "ledger-fault-signature";
}

/// One thing that does not stand, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Host.
    pub host: Option<String>,
    /// Which enrolment of it.
    pub incarnation: Option<i64>,
    /// Number of the report.
    pub sequence: Option<i64>,
    /// Number of the act.
    pub act: Option<i64>,
    /// Subject and version of the record.
    pub record: Option<String>,
    /// Number of the leaf.
    pub leaf: Option<u64>,
    /// The first and the last of the leaves of which one must be at fault.
    pub leaves: Option<(u64, u64)>,
    /// Level and number of the inner node.
    pub node: Option<(u8, u64)>,
    /// Size of the checkpoint.
    pub checkpoint: Option<i64>,
    /// Name of the bundle's member.
    pub member: Option<String>,
    /// What differs.
    pub what: Option<&'static str>,
    /// As it must be.
    pub expected: Option<String>,
    /// As it is.
    pub found: Option<String>,
}

impl Fault {
    pub(crate) const fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            host: None,
            incarnation: None,
            sequence: None,
            act: None,
            record: None,
            leaf: None,
            leaves: None,
            node: None,
            checkpoint: None,
            member: None,
            what: None,
            expected: None,
            found: None,
        }
    }

    pub(super) fn of(mut self, subject: &Subject) -> Self {
        match subject {
            Subject::Report(report) => self = self.report(report),
            Subject::Act(act) => self = self.act(act),
            Subject::Missing(name) => self.found = Some(name.clone()),
        }
        self
    }

    pub(super) fn report(self, report: &ReportRow) -> Self {
        let leaf = self.leaf.or(report.leaf);
        Self {
            leaf,
            ..self.at(&report.place)
        }
    }

    pub(super) fn at(self, place: &Place) -> Self {
        Self {
            host: Some(place.host.clone()),
            incarnation: Some(place.incarnation),
            sequence: Some(place.sequence),
            ..self
        }
    }

    pub(crate) fn record(mut self, record: &RecordRow) -> Self {
        self.record = Some(format!("{} {}", record.subject, record.version));
        self
    }

    pub(crate) const fn act(mut self, act: &ActRow) -> Self {
        self.act = Some(act.id);
        self
    }

    pub(crate) const fn leaf(mut self, index: u64) -> Self {
        self.leaf = Some(index);
        self
    }

    /// One of the leaves from `from` to before `to`.
    pub(super) const fn among(mut self, from: u64, to: u64) -> Self {
        if from < to {
            self.leaves = Some((from, to - 1));
        }
        self
    }

    pub(super) const fn node(mut self, level: u8, index: u64) -> Self {
        self.node = Some((level, index));
        self
    }

    pub(crate) const fn checkpoint(mut self, size: i64) -> Self {
        self.checkpoint = Some(size);
        self
    }

    pub(crate) fn member(mut self, name: &str) -> Self {
        self.member = Some(name.to_owned());
        self
    }

    pub(crate) fn differs(
        mut self,
        what: &'static str,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        self.what = Some(what);
        self.expected = Some(expected.to_string());
        self.found = Some(found.to_string());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_sentence() {
        for kind in FaultKind::ALL {
            assert!(plumbline_config::message::exists(kind.key()), "{}", kind.key());
        }
    }
}
