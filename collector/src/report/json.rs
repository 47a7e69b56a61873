//! The report as JSON: all of it, written while it is read.

use std::io::Write;

use jiff::civil::Date;
use serde::Serialize;

use super::WriteError;
use super::course::CoursePoint;
use super::fleet::{Fleet, Walk, attention};
use super::incidents::incidents_of;
use super::model::{LedgerHead, Report, ReportHost, ShownFinding};
use super::reading::{List, Reading};
use crate::checklist::Checklist;
use crate::view::{IncidentView, RecordView};

#[derive(Serialize)]
struct Document<'r> {
    company: &'r str,
    first: Date,
    last: Date,
    checklist: &'r Checklist,
    incidents: Vec<RecordView<IncidentView>>,
    ledger: Option<&'r LedgerHead>,
    course: &'r [CoursePoint],
    /// Of a period that is over single hosts are not listed: what they show now is not what they showed then.
    #[serde(skip_serializing_if = "Option::is_none")]
    hosts_left_out: Option<&'static str>,
    attention: List<'r, ShownFinding>,
    hosts: List<'r, ReportHost>,
}

/// Writes the report.
pub(super) fn write(report: &Report, fleet: &dyn Fleet, out: &mut dyn Write) -> Result<(), WriteError> {
    let reading = Reading::default();
    let hosts = Walk::new(fleet, report.cutoff).map(|host| {
        let mut host = host?;
        host.sort();
        Ok(host)
    });
    let document = Document {
        company: &report.company,
        first: report.first,
        last: report.last,
        checklist: &report.checklist,
        incidents: incidents_of(report),
        ledger: report.ledger.as_ref(),
        course: &report.course,
        hosts_left_out: report.is_past.then_some("period-over"),
        attention: reading.list(attention(fleet, report.cutoff)),
        hosts: reading.list(hosts),
    };
    reading.write(&document, out)
}
