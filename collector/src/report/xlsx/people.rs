//! Waivers, corrective actions and incidents.

use super::book::{Book, Column, Sheet};
use super::cell::Cell;
use crate::report::WriteError;
use crate::report::model::Report;
use crate::report::words::Words;

pub(super) fn waivers(report: &Report, words: &Words<'_>, book: &mut Book<'_>) -> Result<(), WriteError> {
    let columns = [
        ("report-column-id", 22.0),
        ("report-waiver-check", 26.0),
        ("report-column-subject", 26.0),
        ("report-hosts", 30.0),
        ("report-waiver-reason", 60.0),
        ("report-waiver-time", 24.0),
        ("report-column-status", 14.0),
        ("report-waiver-by", 40.0),
    ];
    let columns = columns.map(|(key, width)| Column::new(words.t(key), width));
    let mut sheet = Sheet::new(words.t("report-waivers"), columns.into());
    book.begin(&mut sheet)?;
    for waiver in words.waivers(report) {
        let cells = [
            waiver.id,
            waiver.check,
            waiver.subject.unwrap_or_default(),
            waiver.hosts,
            format!("{}\n{}", waiver.reason, waiver.compensating),
            waiver.days,
            waiver.state,
            waiver.said.join("\n"),
        ];
        book.row(&mut sheet, cells.map(Cell::text).into())?;
    }
    book.end(&sheet)
}

pub(super) fn actions(report: &Report, words: &Words<'_>, book: &mut Book<'_>) -> Result<(), WriteError> {
    let columns = [
        ("report-column-id", 22.0),
        ("report-action-line", 16.0),
        ("report-action-stage", 16.0),
        ("report-action-owner", 26.0),
        ("report-action-steps", 80.0),
    ];
    let columns = columns.map(|(key, width)| Column::new(words.t(key), width));
    let mut sheet = Sheet::new(words.t("report-actions"), columns.into());
    book.begin(&mut sheet)?;
    for action in words.actions(report) {
        let cells = [
            action.id,
            action.line,
            action.stage,
            action.owner,
            action.steps.join("\n"),
        ];
        book.row(&mut sheet, cells.map(Cell::text).into())?;
    }
    book.end(&sheet)
}

pub(super) fn incidents(report: &Report, words: &Words<'_>, book: &mut Book<'_>) -> Result<(), WriteError> {
    let columns = [
        ("report-column-id", 22.0),
        ("incident-heading-kind", 16.0),
        ("incident-heading-host", 24.0),
        ("report-column-state", 20.0),
        ("incident-heading-clock", 44.0),
        ("report-incident-steps", 80.0),
    ];
    let columns = columns.map(|(key, width)| Column::new(words.t(key), width));
    let mut sheet = Sheet::new(words.t("report-incidents"), columns.into());
    book.begin(&mut sheet)?;
    for incident in words.incidents(report) {
        let cells = [
            incident.id,
            incident.kind,
            incident.host,
            incident.state,
            incident.clock,
            incident.steps.join("\n"),
        ];
        book.row(&mut sheet, cells.map(Cell::text).into())?;
    }
    book.end(&sheet)
}
