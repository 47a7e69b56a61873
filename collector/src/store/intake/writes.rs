//! What a batch of reports changes in the database.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use plumbline_config::finding::Finding;
use plumbline_config::ident::HostId;

use super::{FindingKey, HostRow, Known};
use crate::store::totals::Totals;
use crate::store::{Incoming, Transition};

/// What is to be written, in one transaction.
#[derive(Debug, Default)]
pub(in crate::store) struct Writes<'r> {
    /// Reports to keep, in order; each becomes a leaf of the ledger.
    pub(in crate::store) reports: Vec<&'r Incoming>,
    /// Gaps that reports told of.
    pub(in crate::store) gaps: Vec<Gap<'r>>,
    /// Reports that contradict a kept one.
    pub(in crate::store) forks: Vec<&'r Incoming>,
    /// Hosts that changed, as they are now.
    pub(in crate::store) hosts: Vec<HostRow>,
    /// Those of them whose tally changed.
    pub(in crate::store) tallied: BTreeSet<HostId>,
    /// Findings as they are now; `None`: no more.
    pub(in crate::store) findings: BTreeMap<(HostId, FindingKey), Option<FindingRow<'r>>>,
    /// Changes of findings, in order.
    pub(in crate::store) history: Vec<(HostId, Transition)>,
    /// By how much the totals change.
    pub(in crate::store) totals: Totals,
}

/// Reports that never came, as a report that did come told.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Gap<'r> {
    /// The report that told.
    pub(in crate::store) incoming: &'r Incoming,
    /// How many.
    pub(in crate::store) missing: u64,
    /// The chain of hashes runs on; else it begins anew at this report.
    pub(in crate::store) chained: bool,
}

/// A finding to keep.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct FindingRow<'r> {
    pub(in crate::store) finding: &'r Finding,
    pub(in crate::store) received_at: Timestamp,
    pub(in crate::store) known: Known,
}
