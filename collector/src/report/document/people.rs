//! Waivers and corrective actions.

use plumbline_document::{Block, DocumentError, Style, Text, Writer};

use super::{heading, table};
use crate::report::model::Report;
use crate::report::words::Words;

pub(super) fn waivers(
    report: &Report,
    words: &Words<'_>,
    writer: &mut dyn Writer,
) -> Result<(), DocumentError> {
    writer.write(heading(1, words.t("report-waivers")))?;
    let waivers = words.waivers(report);
    if waivers.is_empty() {
        return writer.write(Block::Paragraph(words.t("report-waivers-none").into()));
    }
    let columns = [
        ("report-waiver-check", 2.4),
        ("report-hosts", 2.0),
        ("report-waiver-reason", 3.6),
        ("report-waiver-time", 1.6),
        ("report-column-status", 1.4),
        ("report-waiver-by", 2.4),
    ];
    writer.write(table(words, &columns))?;
    for waiver in waivers {
        let mut check = Text::plain(waiver.check);
        if let Some(subject) = waiver.subject {
            check = check.and(Style::Strong, format!("\n{subject}"));
        }
        let row = vec![
            check.and(Style::Soft, format!("\n{}", waiver.id)),
            waiver.hosts.into(),
            format!("{}\n{}", waiver.reason, waiver.compensating).into(),
            waiver.days.into(),
            waiver.state.into(),
            waiver.said.join("\n").into(),
        ];
        writer.write(Block::Row(row))?;
    }
    writer.write(Block::TableEnd)
}

pub(super) fn actions(
    report: &Report,
    words: &Words<'_>,
    writer: &mut dyn Writer,
) -> Result<(), DocumentError> {
    writer.write(heading(1, words.t("report-actions")))?;
    let actions = words.actions(report);
    if actions.is_empty() {
        return writer.write(Block::Paragraph(words.t("report-actions-none").into()));
    }
    let columns = [
        ("report-action-line", 2.0),
        ("report-action-stage", 1.6),
        ("report-action-owner", 2.0),
        ("report-action-steps", 6.4),
    ];
    writer.write(table(words, &columns))?;
    for action in actions {
        let line = Text::plain(action.line).and(Style::Soft, format!("\n{}", action.id));
        let row = vec![
            line,
            action.stage.into(),
            action.owner.into(),
            action.steps.join("\n").into(),
        ];
        writer.write(Block::Row(row))?;
    }
    writer.write(Block::TableEnd)
}
