//! The checklist as comma-separated values, one row a requirement line.
//!
//! RFC 4180, UTF-8 with a byte order mark, which Excel needs to read Chinese. Cells that a spreadsheet would take for
//! a formula are escaped.

use plumbline_config::lang::Lang;
use plumbline_config::message::text;

use crate::checklist::{Checklist, LineIncident};

/// Headings in the order of the columns.
const HEADINGS: [&str; 23] = [
    "csv-item",
    "csv-item-title",
    "csv-line",
    "csv-clause",
    "csv-requirement",
    "csv-status",
    "csv-basis",
    "csv-checks",
    "csv-not-measured",
    "csv-attestation",
    "csv-reason",
    "csv-pass",
    "csv-fail",
    "csv-stale",
    "csv-error",
    "csv-waived",
    "csv-not-applicable",
    "csv-attestation-id",
    "csv-effective-on",
    "csv-due-at",
    "csv-waivers",
    "csv-action",
    "csv-incidents",
];

/// Writes the checklist.
pub(super) fn render(checklist: &Checklist, lang: Lang) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(b"\xEF\xBB\xBF".to_vec());
    writer.write_record(HEADINGS.map(|key| text(lang, key)))?;
    for item in &checklist.items {
        for line in &item.lines {
            let ids = |measured: bool| {
                let ids: Vec<&str> = line
                    .checks
                    .iter()
                    .filter(|c| c.measured == measured)
                    .map(|c| c.check.as_str())
                    .collect();
                ids.join(" ")
            };
            let hosts = line.hosts;
            let counts = [
                hosts.pass,
                hosts.fail,
                hosts.stale,
                hosts.error,
                hosts.waived,
                hosts.not_applicable,
            ];
            let words = [
                item.number.to_string(),
                item.title.get(lang).to_owned(),
                line.id.clone(),
                line.clause.clone(),
                line.title.get(lang).to_owned(),
                text(lang, line.status.key()),
                text(lang, line.basis.key()),
                ids(true),
                ids(false),
                line.attestation_kind
                    .map(|kind| text(lang, kind.key()))
                    .unwrap_or_default(),
                line.reason.clone().unwrap_or_default(),
            ];
            let attestation = line.attestation.as_ref();
            let action = line.corrective_action.as_ref();
            let incident = |incident: &LineIncident| {
                let state = text(lang, incident.state.key());
                match incident.clock {
                    Some(clock) => format!("{} {state} {}", incident.id, clock.deadline_at),
                    None => format!("{} {state}", incident.id),
                }
            };
            let incidents: Vec<String> = line.incidents.iter().map(incident).collect();
            let people = [
                attestation.map(|latest| latest.id.clone()),
                attestation.map(|latest| latest.effective_on.to_string()),
                line.due_at.map(|at| at.to_string()),
                Some(line.waivers.join(" ")),
                action.map(|action| format!("{} {}", action.id, text(lang, action.stage.key()))),
                Some(incidents.join("; ")),
            ];
            let cells = words
                .iter()
                .map(|cell| guarded(cell))
                .chain(counts.map(|count| count.to_string()))
                .chain(people.map(|cell| guarded(&cell.unwrap_or_default())));
            writer.write_record(cells)?;
        }
    }
    writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

/// A cell that begins as a formula would is made text by a leading apostrophe (OWASP, "CSV Injection").
fn guarded(cell: &str) -> String {
    if cell.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ]) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_a_spreadsheet_would_run_is_made_text() {
        for cell in ["=1+1", "+cmd", "-2", "@SUM(A1)", "\t=1", "＝1"] {
            assert_eq!(guarded(cell), format!("'{cell}"));
        }
        assert_eq!(guarded("7.1.3"), "7.1.3");
    }
}
