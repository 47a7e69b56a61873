//! The report as a workbook: the checklist, the five particulars, waivers, corrective actions, what needs attention, the hosts, and every finding.
//!
//! Rows go to files without names as they come; what is kept in memory is a row of each sheet.

mod book;
mod cell;
mod people;

use std::io::Write;

use plumbline_config::finding::Status;
use plumbline_config::lang::Lang;
use plumbline_config::message::Message;

use super::WriteError;
use super::fleet::{Fleet, Walk, attention};
use super::model::{Report, ReportHost, ShownFinding};
use super::overview::Counts;
use super::words::Words;
use crate::checklist::{Line, LineStatus};
use book::{Book, Column, Sheet};
use cell::Cell;

/// Writes the report.
pub(super) fn write(
    report: &Report,
    fleet: &dyn Fleet,
    lang: Lang,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    let words = Words {
        lang,
        zone: &report.zone,
    };
    let mut book = Book::new(report, &words)?;
    about(report, &words, &mut book)?;
    checklist(report, &words, &mut book)?;
    course(report, &words, &mut book)?;
    particulars(report, &words, &mut book)?;
    people::waivers(report, &words, &mut book)?;
    people::actions(report, &words, &mut book)?;
    people::incidents(report, &words, &mut book)?;
    let mut sheet = Sheet::new(words.t("report-attention"), finding_columns(&words, false));
    book.begin(&mut sheet)?;
    for found in attention(fleet, report.cutoff) {
        book.row(&mut sheet, finding_cells(None, &found?, &words))?;
        out.flush()?;
    }
    book.end(&sheet)?;
    hosts(report, fleet, &words, &mut book, out)?;
    book.save(out)
}

/// What the report is about.
fn about(report: &Report, words: &Words<'_>, book: &mut Book<'_>) -> Result<(), WriteError> {
    let columns = vec![
        Column::new(words.t("report-column-fact"), 24.0),
        Column::new(String::new(), 90.0),
    ];
    let mut sheet = Sheet::new(words.t("report-sheet-about"), columns);
    book.begin(&mut sheet)?;
    let checklist = &report.checklist;
    let mut row = |key, cell| book.row(&mut sheet, vec![Cell::text(words.t(key)), cell]);
    row("report-company", Cell::text(report.company.as_str()))?;
    row(
        "report-period",
        Cell::text(format!("{} ({})", checklist.period, words.days(report))),
    )?;
    row("report-as-of", Cell::Time(checklist.as_of))?;
    row("report-generated", Cell::Time(checklist.generated_at))?;
    if let Some(plan) = &checklist.plan {
        row("report-plan", Cell::text(words.plan_version(&plan.version)))?;
        row("report-plan-hash", Cell::text(plan.sha256.as_str()))?;
    } else {
        row("report-plan", Cell::text(words.t("report-plan-none")))?;
    }
    if let Some(ledger) = &report.ledger {
        row("report-ledger", Cell::text(ledger.root_text()))?;
        row("report-ledger-checkpoint", Cell::text(words.ledger(ledger)))?;
    }
    if report.is_past {
        row("report-hosts", Cell::text(words.t("report-past-hosts")))?;
    }
    row("report-legend-title", Cell::text(words.t("report-legend")))?;
    book.end(&sheet)
}

fn checklist(report: &Report, words: &Words<'_>, book: &mut Book<'_>) -> Result<(), WriteError> {
    let mut columns: Vec<Column> = [
        ("report-column-number", 7.0),
        ("report-items", 26.0),
        ("report-column-line", 16.0),
        ("report-column-clause", 11.0),
        ("report-column-requirement", 60.0),
        ("report-column-status", 14.0),
        ("report-column-basis", 18.0),
        ("report-column-not-measured", 40.0),
        ("report-column-attestation", 26.0),
        ("report-column-reason", 30.0),
        ("report-column-people", 60.0),
    ]
    .map(|(key, width)| Column::new(words.t(key), width))
    .into();
    columns.extend(HOST_STATUSES.map(|status| Column::new(hosts_by(status, words), 12.0)));
    let mut sheet = Sheet::new(words.t("report-sheet-checklist"), columns);
    book.begin(&mut sheet)?;
    for item in &report.checklist.items {
        for line in &item.lines {
            let mut cells = vec![
                Cell::from(u32::from(item.number)),
                Cell::text(words.words(&item.title)),
            ];
            cells.extend(line_cells(line, words));
            book.row(&mut sheet, cells)?;
        }
    }
    book.end(&sheet)
}

/// How the period went, with its chart beside the numbers.
fn course(report: &Report, words: &Words<'_>, book: &mut Book<'_>) -> Result<(), WriteError> {
    let day = Column::new(words.t("report-column-day"), 14.0);
    let statuses = LineStatus::ALL.map(|status| Column::new(words.t(status.key()), 12.0));
    let mut sheet = Sheet::new(
        words.t("report-sheet-course"),
        std::iter::once(day).chain(statuses).collect(),
    );
    book.begin(&mut sheet)?;
    for point in &report.course {
        let numbers = point
            .lines
            .map(|lines| Cell::from(u32::try_from(lines).unwrap_or(u32::MAX)));
        let day = Cell::text(point.day.to_string());
        book.row(&mut sheet, std::iter::once(day).chain(numbers).collect())?;
    }
    if report.course.len() > 1 {
        book.stacked_columns(&sheet, &words.t("report-course"))?;
    }
    book.end(&sheet)
}

/// Statuses in the order of the columns that count hosts.
const HOST_STATUSES: [Status; 7] = [
    Status::Pass,
    Status::Fail,
    Status::Stale,
    Status::Error,
    Status::Waived,
    Status::Manual,
    Status::NotApplicable,
];

fn hosts_by(status: Status, words: &Words<'_>) -> String {
    Message::new("report-column-hosts-by")
        .arg("status", words.t(status.key()))
        .render_in(words.lang)
}

fn line_cells(line: &Line, words: &Words<'_>) -> Vec<Cell> {
    let unmeasured: Vec<String> = line
        .checks
        .iter()
        .filter(|check| !check.measured)
        .map(|check| words.words(&check.title).to_owned())
        .collect();
    let attestation = match (&line.attestation_kind, &line.attestation) {
        (None, _) => String::new(),
        (Some(kind), None) => words.no_attestation(kind),
        (Some(kind), Some(_)) => words.t(kind.key()),
    };
    let hosts = line.hosts;
    let mut cells = vec![
        Cell::text(line.id.as_str()),
        Cell::text(line.clause.as_str()),
        Cell::text(words.words(&line.title)),
        Cell::line_status(line.status, words),
        Cell::text(words.t(line.basis.key())),
        Cell::text(words.list(&unmeasured)),
        Cell::text(attestation),
        Cell::text(line.reason.clone().unwrap_or_default()),
        Cell::text(words.said_of(line).join("\n")),
    ];
    let counts = [
        hosts.pass,
        hosts.fail,
        hosts.stale,
        hosts.error,
        hosts.waived,
        hosts.manual,
        hosts.not_applicable,
    ];
    cells.extend(counts.map(Cell::from));
    cells
}

fn particulars(report: &Report, words: &Words<'_>, book: &mut Book<'_>) -> Result<(), WriteError> {
    let columns = [
        ("report-column-clause", 11.0),
        ("report-column-particular", 30.0),
        ("report-column-box", 7.0),
        ("report-column-answer", 80.0),
    ];
    let columns = columns.map(|(key, width)| Column::new(words.t(key), width));
    let mut sheet = Sheet::new(words.t("report-sheet-particulars"), columns.into());
    book.begin(&mut sheet)?;
    for particular in &report.checklist.particulars {
        for answer in &particular.answers {
            let cells = vec![
                Cell::text(particular.clause.as_str()),
                Cell::text(words.words(&particular.title)),
                Cell::text(words.mark(&answer.checked).trim_end()),
                Cell::text(words.words(&answer.text)),
            ];
            book.row(&mut sheet, cells)?;
        }
    }
    book.end(&sheet)
}

/// A row for each host, and one for each of its findings.
fn hosts(
    report: &Report,
    fleet: &dyn Fleet,
    words: &Words<'_>,
    book: &mut Book<'_>,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    let mut columns: Vec<Column> = [
        ("report-column-id", 38.0),
        ("report-column-host", 24.0),
        ("report-column-role", 22.0),
        ("report-column-system", 26.0),
        ("report-column-state", 10.0),
    ]
    .map(|(key, width)| Column::new(words.t(key), width))
    .into();
    columns.push(Column::time(words.t("report-column-heard"), words));
    columns.push(Column::new(words.t("report-column-worst"), 14.0));
    columns.extend(HOST_STATUSES.map(|status| Column::new(words.t(status.key()), 10.0)));
    let mut list = Sheet::new(words.t("report-hosts"), columns);
    book.begin(&mut list)?;
    let mut findings = Sheet::new(words.t("report-column-findings"), finding_columns(words, true));
    book.begin(&mut findings)?;
    for host in Walk::new(fleet, report.cutoff) {
        let mut host = host?;
        host.sort();
        book.row(&mut list, host_cells(&host, words))?;
        for found in &host.findings {
            book.row(&mut findings, finding_cells(Some(&host), found, words))?;
        }
        out.flush()?;
    }
    book.end(&list)?;
    book.end(&findings)
}

fn host_cells(host: &ReportHost, words: &Words<'_>) -> Vec<Cell> {
    let counts = Counts::of(&host.findings);
    let mut cells = vec![
        Cell::text(host.id.as_str()),
        Cell::text(host.name.as_str()),
        Cell::text(words.role(&host.role)),
        Cell::text(host.system.as_str()),
        Cell::host_state(host.state, words),
        host.last_heard.map_or(Cell::text(""), Cell::Time),
        counts
            .worst()
            .map_or(Cell::text(""), |worst| Cell::status(worst, words)),
    ];
    let number = |status| {
        counts
            .each()
            .iter()
            .find(|(of, _)| *of == status)
            .map_or(0, |(_, count)| *count)
    };
    cells.extend(HOST_STATUSES.map(|status| Cell::from(u32::try_from(number(status)).unwrap_or(u32::MAX))));
    cells
}

/// The columns of [`finding_cells`].
fn finding_columns(words: &Words<'_>, with_host: bool) -> Vec<Column> {
    let host = [("report-column-id", 38.0), ("report-column-role", 22.0)];
    let finding = [
        ("report-column-status", 12.0),
        ("report-column-severity", 8.0),
        ("report-column-host", 24.0),
        ("report-column-clause", 10.0),
        ("report-column-check", 26.0),
        ("report-column-subject", 30.0),
        ("report-column-summary", 60.0),
        ("report-column-expected", 30.0),
        ("report-column-actual", 30.0),
        ("report-column-remedy", 50.0),
    ];
    let host = host.into_iter().filter(|_| with_host);
    let mut columns: Vec<Column> = host
        .chain(finding)
        .map(|(key, width)| Column::new(words.t(key), width))
        .collect();
    columns.push(Column::time(words.t("report-column-observed"), words));
    columns
}

/// A finding; with its host's id and role where the host is known.
fn finding_cells(host: Option<&ReportHost>, found: &ShownFinding, words: &Words<'_>) -> Vec<Cell> {
    let finding = &found.finding;
    let json = |value: &serde_json::Value| {
        if value.is_null() {
            String::new()
        } else {
            value.to_string()
        }
    };
    let host = host.map(|host| [Cell::text(host.id.as_str()), Cell::text(words.role(&host.role))]);
    let mut cells: Vec<Cell> = host.into_iter().flatten().collect();
    cells.extend([
        Cell::status(found.shown, words),
        Cell::text(words.t(finding.severity.key())),
        Cell::text(found.host_name.as_str()),
        Cell::text(finding.clause.as_str()),
        Cell::text(finding.check.as_str()),
        Cell::text(finding.subject.as_str()),
        Cell::text(words.words(&finding.summary)),
        Cell::text(json(&finding.expected)),
        Cell::text(json(&finding.actual)),
        Cell::text(words.words(&finding.remediation)),
        Cell::Time(finding.observed_at),
    ]);
    cells
}
