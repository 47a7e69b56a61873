//! The report's one model, rendered in several formats. The same inputs give the same bytes.

use std::cmp::Reverse;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plumbline_config::finding::{Finding, Severity, Status};
use plumbline_config::ident::Role;
use serde::{Serialize, Serializer};

use super::course::CoursePoint;
use crate::checklist::{Checklist, LineStatus};
use crate::freshness::{Cutoff, HostState};
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::tree::Hash;
use crate::records::People;

/// What a report says of all hosts together. The hosts themselves are read while it is written.
#[derive(Clone, Debug)]
pub struct Report {
    /// The company, as its plan names it.
    pub company: String,
    /// First day of the period.
    pub first: Date,
    /// Last day of the period.
    pub last: Date,
    /// The Section 12 checklist.
    pub checklist: Checklist,
    /// It is of a period that is over: what single hosts show today is not what they showed then.
    pub is_past: bool,
    /// What people say.
    pub people: Arc<People>,
    /// The zone that times are printed in.
    pub zone: TimeZone,
    /// What is stale.
    pub cutoff: Cutoff,
    /// The ledger as it was last signed; `None` before the first checkpoint.
    pub ledger: Option<LedgerHead>,
    /// How the period went, as it was recorded day by day.
    pub course: Vec<CoursePoint>,
}

/// The newest checkpoint of the ledger: printed on a report, the paper itself holds what is on record to what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerHead {
    /// Which ledger.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
    /// When it was signed, by the collector's clock.
    pub signed_at: Timestamp,
}

impl LedgerHead {
    /// What was signed first of all: origin, size and root, each in a line (<https://c2sp.org/tlog-checkpoint>).
    #[must_use]
    pub fn text(&self) -> String {
        Checkpoint {
            origin: self.origin.clone(),
            size: self.size,
            root: self.root,
            extensions: Vec::new(),
        }
        .to_string()
    }

    /// The root as checkpoints write it, in base64.
    #[must_use]
    pub fn root_text(&self) -> String {
        self.root.base64()
    }
}

impl Report {
    /// Items and lines by status, best first.
    pub(super) fn totals(&self) -> Vec<(LineStatus, usize, usize)> {
        let items = &self.checklist.items;
        let count = |status: LineStatus| {
            let lines = items
                .iter()
                .flat_map(|item| &item.lines)
                .filter(|line| line.status == status)
                .count();
            (
                status,
                items.iter().filter(|item| item.status == status).count(),
                lines,
            )
        };
        LineStatus::ALL.map(count).into()
    }
}

/// A host in the report.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ReportHost {
    /// Its id.
    pub(super) id: String,
    /// Its name.
    pub(super) name: String,
    /// Its role.
    pub(super) role: Role,
    /// Its operating system.
    pub(super) system: String,
    /// Whether it is heard from.
    pub(super) state: HostState,
    /// When it was last heard from, by the collector's clock.
    pub(super) last_heard: Option<Timestamp>,
    /// Its findings.
    pub(super) findings: Vec<ShownFinding>,
}

/// A finding with the status that it is shown with: its own, or `stale`, or `waived`.
#[derive(Clone, Debug)]
pub(super) struct ShownFinding {
    /// The host's name.
    pub(super) host_name: String,
    /// What the host said.
    pub(super) finding: Finding,
    /// What is shown of it today.
    pub(super) shown: Status,
    /// The waiver that covers it.
    pub(super) waived_by: Option<String>,
}

impl ShownFinding {
    /// How bad it is: worse is greater.
    pub(super) fn badness(&self) -> (u8, Severity) {
        (self.shown.concern(), self.finding.severity)
    }
}

impl Serialize for ShownFinding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            host: &'a str,
            shown: Status,
            waived_by: &'a Option<String>,
            #[serde(flatten)]
            finding: &'a Finding,
        }
        let row = Row {
            host: &self.host_name,
            shown: self.shown,
            waived_by: &self.waived_by,
            finding: &self.finding,
        };
        row.serialize(serializer)
    }
}

impl ReportHost {
    /// Puts its findings worst first. What is alike stays in the order of check and subject, so the same inputs give the
    /// same bytes.
    pub(super) fn sort(&mut self) {
        self.findings.sort_by_key(|finding| Reverse(finding.badness()));
    }
}
