//! From the cover to the summary.

use plumbline_document::{Block, Chart, Cover, DocumentError, Layer, Style, Text, Writer};

use super::{heading, line_status, table, tone};
use crate::checklist::LineStatus;
use crate::report::CoursePoint;
use crate::report::model::Report;
use crate::report::words::{Words, grouped};

pub(super) fn write(
    report: &Report,
    words: &Words<'_>,
    writer: &mut dyn Writer,
) -> Result<(), DocumentError> {
    writer.write(Block::Cover(cover(report, words)))?;
    writer.write(Block::Contents {
        title: words.t("report-contents"),
    })?;
    summary(report, words, writer)
}

fn cover(report: &Report, words: &Words<'_>) -> Cover {
    let checklist = &report.checklist;
    let plan = match &checklist.plan {
        Some(plan) => Text::plain(words.plan_version(&plan.version))
            .and(Style::Soft, format!("\nSHA-256 {}", plan.sha256)),
        None => words.t("report-plan-none").into(),
    };
    let mut facts = vec![
        (
            words.t("report-period"),
            format!("{} ({})", checklist.period, words.days(report)).into(),
        ),
        (words.t("report-as-of"), words.time(&checklist.as_of).into()),
        (
            words.t("report-generated"),
            words.time(&checklist.generated_at).into(),
        ),
        (words.t("report-plan"), plan),
    ];
    if let Some(ledger) = &report.ledger {
        let root = format!("\n{}", ledger.root_text());
        let said = Text::plain(words.ledger(ledger)).and(Style::Soft, root);
        facts.push((words.t("report-ledger"), said));
    }
    Cover {
        company: report.company.clone(),
        title: words.t("report-title"),
        subtitle: words.t("report-checklist-title"),
        facts,
        code: report
            .ledger
            .as_ref()
            .map(|ledger| (ledger.text(), words.t("report-ledger-code").into())),
    }
}

fn summary(report: &Report, words: &Words<'_>, writer: &mut dyn Writer) -> Result<(), DocumentError> {
    writer.write(heading(1, words.t("report-summary")))?;
    let columns = [
        ("report-column-status", 2.0),
        ("report-items", 1.0),
        ("report-column-lines", 1.0),
    ];
    writer.write(table(words, &columns))?;
    for (status, items, lines) in report.totals() {
        let row = vec![
            line_status(words, status),
            grouped(items).into(),
            grouped(lines).into(),
        ];
        writer.write(Block::Row(row))?;
    }
    writer.write(Block::TableEnd)?;
    let legend = Text::default().and(Style::Soft, words.t("report-legend"));
    writer.write(Block::Paragraph(legend))?;
    if let Some(chart) = course(report, words) {
        writer.write(chart)?;
    }
    let columns = [
        ("report-column-number", 0.6),
        ("report-items", 7.0),
        ("report-column-status", 2.0),
    ];
    writer.write(table(words, &columns))?;
    for item in &report.checklist.items {
        let title = words.words(&item.title);
        let row = vec![
            item.number.to_string().into(),
            title.into(),
            line_status(words, item.status),
        ];
        writer.write(Block::Row(row))?;
    }
    writer.write(Block::TableEnd)
}

/// How the period went; `None`: there is nothing to compare.
fn course(report: &Report, words: &Words<'_>) -> Option<Block> {
    if report.course.len() < 2 {
        return None;
    }
    let layers = LineStatus::ALL
        .into_iter()
        .enumerate()
        .map(|(place, status)| Layer {
            title: words.t(status.key()),
            tone: tone(status),
            numbers: report
                .course
                .iter()
                .map(|point| point.lines.get(place).map_or(0, |lines| *lines as u64))
                .collect(),
        });
    Some(Block::Chart(Chart {
        title: words.t("report-course"),
        places: report.course.iter().map(CoursePoint::label).collect(),
        layers: layers.collect(),
    }))
}
