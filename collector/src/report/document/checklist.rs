//! The five particulars and the twelve items.

use plumbline_document::{Block, DocumentError, Style, Text, Writer};

use super::{heading, line_status, table};
use crate::checklist::{Item, Line};
use crate::report::model::Report;
use crate::report::words::Words;

pub(super) fn particulars(
    report: &Report,
    words: &Words<'_>,
    writer: &mut dyn Writer,
) -> Result<(), DocumentError> {
    writer.write(heading(1, words.t("report-particulars")))?;
    for particular in &report.checklist.particulars {
        let title = Text::default()
            .and(Style::Soft, format!("{}　", particular.clause))
            .and(Style::Plain, words.words(&particular.title));
        writer.write(heading(2, title))?;
        let answers = particular.answers.iter().map(|answer| {
            let said = words.words(&answer.text);
            format!("{}{said}", words.mark(&answer.checked)).into()
        });
        writer.write(Block::List(answers.collect()))?;
    }
    Ok(())
}

pub(super) fn items(
    report: &Report,
    words: &Words<'_>,
    writer: &mut dyn Writer,
) -> Result<(), DocumentError> {
    writer.write(heading(1, words.t("report-checklist-title")))?;
    for item in &report.checklist.items {
        one(item, words, writer)?;
    }
    Ok(())
}

fn one(item: &Item, words: &Words<'_>, writer: &mut dyn Writer) -> Result<(), DocumentError> {
    let mut title = Text::plain(format!("{}. {}　", item.number, words.words(&item.title)));
    title.0.extend(line_status(words, item.status).0);
    writer.write(heading(2, title))?;
    let columns = [
        ("report-column-clause", 1.2),
        ("report-column-requirement", 4.6),
        ("report-column-status", 2.0),
        ("report-column-basis", 3.0),
    ];
    writer.write(table(words, &columns))?;
    for line in &item.lines {
        let row = vec![
            line.clause.as_str().into(),
            words.words(&line.title).into(),
            line_status(words, line.status),
            basis(line, words),
        ];
        writer.write(Block::Row(row))?;
    }
    writer.write(Block::TableEnd)
}

/// What the status rests on, and what is wanting.
fn basis(line: &Line, words: &Words<'_>) -> Text {
    let mut said = Vec::new();
    if line.hosts.total() > 0 {
        said.push(words.host_counts(&line.hosts));
    }
    let unmeasured = line.checks.iter().filter(|check| !check.measured);
    said.extend(unmeasured.map(|check| words.not_measured(&check.title)));
    said.extend(words.said_of(line));
    if let (Some(kind), None) = (&line.attestation_kind, &line.attestation) {
        said.push(words.no_attestation(kind));
    }
    if let Some(reason) = &line.reason {
        said.push(words.reason(reason));
    }
    let basis = Text::plain(words.t(line.basis.key()));
    said.into_iter()
        .fold(basis, |text, said| text.and(Style::Soft, format!("\n{said}")))
}
