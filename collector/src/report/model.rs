//! The report's one model, built once and rendered in several formats. The same inputs give the same bytes.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plumbline_config::finding::{Finding, Status};
use plumbline_config::ident::Role;
use serde::Serialize;

use crate::checklist::Checklist;
use crate::freshness::HostState;

/// Everything that a report says.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The company, as its plan names it.
    pub company: String,
    /// First day of the period.
    pub first: Date,
    /// Last day of the period.
    pub last: Date,
    /// The Section 12 checklist.
    pub checklist: Checklist,
    /// Findings that fail or could not be had, worst first.
    #[serde(serialize_with = "shown_findings")]
    pub attention: Vec<ShownFinding>,
    /// The hosts covered and the hosts silent.
    pub hosts: Vec<ReportHost>,
    /// The zone that times are printed in.
    #[serde(skip)]
    pub zone: TimeZone,
}

/// A host in the report.
#[derive(Clone, Debug, Serialize)]
pub struct ReportHost {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its operating system.
    pub system: String,
    /// Whether it is heard from.
    pub state: HostState,
    /// When it was last heard from, by the collector's clock.
    pub last_heard: Option<Timestamp>,
    /// Its findings, worst first.
    #[serde(serialize_with = "shown_findings")]
    pub findings: Vec<ShownFinding>,
}

/// A finding with the status that it is shown with: its own, or `stale`, or `waived`.
#[derive(Clone, Debug)]
pub struct ShownFinding {
    /// The host's name.
    pub host_name: String,
    /// What the host said.
    pub finding: Finding,
    /// What is shown of it today.
    pub shown: Status,
}

fn shown_findings<S: serde::Serializer>(findings: &[ShownFinding], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Row<'a> {
        host: &'a str,
        shown: Status,
        #[serde(flatten)]
        finding: &'a Finding,
    }
    serializer.collect_seq(findings.iter().map(|f| Row {
        host: &f.host_name,
        shown: f.shown,
        finding: &f.finding,
    }))
}
