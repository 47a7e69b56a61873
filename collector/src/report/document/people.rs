//! Waivers, corrective actions and incidents.

use plumbline_document::{Block, DocumentError, Style, Text, Tone, Writer};

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

pub(super) fn incidents(
    report: &Report,
    words: &Words<'_>,
    writer: &mut dyn Writer,
) -> Result<(), DocumentError> {
    writer.write(heading(1, words.t("report-incidents")))?;
    let incidents = words.incidents(report);
    if incidents.is_empty() {
        return writer.write(Block::Paragraph(words.t("report-incidents-none").into()));
    }
    let columns = [
        ("report-incident-what", 2.4),
        ("report-incident-clock", 3.0),
        ("report-incident-steps", 6.6),
    ];
    writer.write(table(words, &columns))?;
    for incident in incidents {
        let what = Text::plain(incident.kind).and(Style::Strong, format!("\n{}", incident.host));
        let style = if incident.is_late {
            Style::Status(Tone::Bad)
        } else {
            Style::Plain
        };
        let clock = Text::plain(incident.state).and(style, format!("\n{}", incident.clock));
        let row = vec![
            what.and(Style::Soft, format!("\n{}", incident.id)),
            clock,
            incident.steps.join("\n").into(),
        ];
        writer.write(Block::Row(row))?;
    }
    writer.write(Block::TableEnd)
}
