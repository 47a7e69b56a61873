//! Findings as events of the Open Cybersecurity Schema Framework 1.3 (<https://schema.ocsf.io/1.3.0>): one Compliance
//! Finding (class 2003) a line, for log systems.

use std::io::Write;

use plumbline_config::catalogue;
use plumbline_config::finding::{Severity, Status};
use serde::Serialize;
use serde_json::{Value, json};

use super::WriteError;
use super::fleet::{Fleet, Walk};
use super::ids::Ids;
use super::model::{Report, ReportHost, ShownFinding};
use super::words::Words;

/// Version of the schema.
const VERSION: &str = "1.3.0";

/// A finding as an event.
#[derive(Serialize)]
struct Event {
    activity_id: u8,
    activity_name: &'static str,
    category_uid: u8,
    category_name: &'static str,
    class_uid: u16,
    class_name: &'static str,
    type_uid: u32,
    type_name: &'static str,
    /// Milliseconds since 1970.
    time: i64,
    severity_id: u8,
    severity: &'static str,
    status_id: u8,
    status: &'static str,
    message: String,
    metadata: Value,
    finding_info: Value,
    compliance: Value,
    resources: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    remediation: Option<Value>,
    unmapped: Value,
}

/// Writes an event for each finding of each host.
pub(super) fn write(
    report: &Report,
    fleet: &dyn Fleet,
    words: &Words<'_>,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    let ids = Ids::new(report);
    for host in Walk::new(fleet, report.cutoff) {
        let mut host = host?;
        host.sort();
        for found in &host.findings {
            let event = event(&host, found, &ids, words);
            serde_json::to_writer(&mut *out, &event).map_err(|error| WriteError::Output(error.into()))?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

fn event(host: &ReportHost, found: &ShownFinding, ids: &Ids, words: &Words<'_>) -> Event {
    let finding = &found.finding;
    let (severity_id, severity) = severity(found);
    let (status_id, status) = match found.shown {
        Status::Pass | Status::NotApplicable => (4, "Resolved"),
        Status::Waived => (3, "Suppressed"),
        Status::Fail | Status::Error | Status::Manual | Status::Stale => (1, "New"),
    };
    let (compliance_id, compliance) = match found.shown {
        Status::Pass => (1, "Pass"),
        Status::Fail => (3, "Fail"),
        Status::Error | Status::Manual | Status::Stale => (0, "Unknown"),
        Status::NotApplicable | Status::Waived => (99, found.shown.name()),
    };
    let title =
        catalogue::check(&finding.check).map_or(finding.check.as_str(), |entry| entry.title.get(words.lang));
    let time = finding.observed_at.as_millisecond();
    let remedy = words.words(&finding.remediation);
    Event {
        activity_id: 1,
        activity_name: "Create",
        category_uid: 2,
        category_name: "Findings",
        class_uid: 2003,
        class_name: "Compliance Finding",
        type_uid: 200_301,
        type_name: "Compliance Finding: Create",
        time,
        severity_id,
        severity,
        status_id,
        status,
        message: words.words(&finding.summary).to_owned(),
        metadata: json!({
            "version": VERSION,
            "product": {
                "name": "Plumbline",
                "vendor_name": "Plumbline",
                "version": env!("CARGO_PKG_VERSION"),
                "lang": words.lang.tag(),
            },
        }),
        finding_info: json!({
            "uid": ids.observation(&host.id, finding),
            "title": title,
            "desc": words.words(&finding.summary),
            "types": [finding.check],
            "analytic": {"uid": finding.check, "name": title, "type_id": 1, "type": "Rule"},
            "last_seen_time": time,
        }),
        compliance: json!({
            "control": finding.clause,
            "requirements": [finding.clause],
            "standards": [words.t("report-standard")],
            "status_id": compliance_id,
            "status": compliance,
            "status_detail": words.t(found.shown.key()),
        }),
        resources: json!([{
            "uid": host.id,
            "name": host.name,
            "type": "host",
            "labels": [words.role(&host.role), words.t(host.state.key())],
        }]),
        remediation: (!remedy.is_empty()).then(|| json!({"desc": remedy})),
        unmapped: json!({
            "subject": finding.subject,
            "shown": found.shown,
            "expected": finding.expected,
            "actual": finding.actual,
        }),
    }
}

/// How much it matters: what is as it should be only informs.
const fn severity(found: &ShownFinding) -> (u8, &'static str) {
    match (found.shown, found.finding.severity) {
        (Status::Pass | Status::NotApplicable, _) => (1, "Informational"),
        (_, Severity::Low) => (2, "Low"),
        (_, Severity::Medium) => (3, "Medium"),
        (_, Severity::High) => (4, "High"),
        (_, Severity::Critical) => (5, "Critical"),
    }
}
