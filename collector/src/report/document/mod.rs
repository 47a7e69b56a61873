//! The report as a run of blocks: what becomes PDF and DOCX.
//!
//! It holds what the HTML page holds. Where there are more hosts than fit on paper, it says where the rest is.

mod checklist;
mod front;
mod hosts;
mod people;

use std::io;

use plumbline_config::finding::Status;
use plumbline_config::lang::Lang;
use plumbline_document::{Block, Column, Properties, Style, Text, Tone, Writer};

use super::WriteError;
use super::fleet::Fleet;
use super::model::Report;
use super::overview::Overview;
use super::words::Words;
use crate::checklist::LineStatus;
use crate::freshness::HostState;

/// What is said of the document as a whole.
pub(super) fn properties(report: &Report, lang: Lang) -> Properties {
    let words = Words {
        lang,
        zone: &report.zone,
    };
    let title = format!("{} {}", words.t("report-title"), report.checklist.period);
    Properties {
        footer: if report.company.is_empty() {
            title.clone()
        } else {
            format!("{}　{title}", report.company)
        },
        title,
        company: report.company.clone(),
        lang,
        made_at: Some(report.checklist.generated_at.as_second()),
    }
}

/// Sends the report to `writer`; now and then `go_on` says whether anybody still waits for it.
pub(super) fn write(
    report: &Report,
    fleet: &dyn Fleet,
    lang: Lang,
    writer: &mut dyn Writer,
    mut go_on: impl FnMut() -> io::Result<()>,
) -> Result<(), WriteError> {
    let words = Words {
        lang,
        zone: &report.zone,
    };
    front::write(report, &words, writer)?;
    checklist::particulars(report, &words, writer)?;
    checklist::items(report, &words, writer)?;
    people::waivers(report, &words, writer)?;
    people::actions(report, &words, writer)?;
    people::incidents(report, &words, writer)?;
    let overview = Overview::read(fleet, report.cutoff, lang, &mut go_on)?;
    if report.is_past {
        return Ok(hosts::past(&words, writer)?);
    }
    hosts::attention(&overview, &words, writer)?;
    hosts::list(&overview, &words, writer)?;
    hosts::annex(report, fleet, &overview, &words, writer, &mut go_on)
}

fn heading(level: u8, text: impl Into<Text>) -> Block {
    Block::Heading {
        level,
        text: text.into(),
    }
}

/// A table of these columns, each with the key of its title and its share of the width.
fn table(words: &Words<'_>, columns: &[(&'static str, f32)]) -> Block {
    let columns = columns.iter().map(|(key, share)| Column {
        title: if key.is_empty() {
            String::new()
        } else {
            words.t(key)
        },
        share: *share,
    });
    Block::Table(columns.collect())
}

fn status(words: impl Into<String>, tone: Tone) -> Text {
    Text::default().and(Style::Status(tone), words)
}

/// A line's or an item's status with its box.
fn line_status(words: &Words<'_>, shown: LineStatus) -> Text {
    // The box stays with its word.
    let said = format!("{}\u{a0}{}", words.box_of(&shown), words.t(shown.key()));
    status(said, tone(shown))
}

const fn tone(shown: LineStatus) -> Tone {
    match shown {
        LineStatus::Conforming => Tone::Good,
        LineStatus::Partly => Tone::Doubtful,
        LineStatus::Nonconforming => Tone::Bad,
        LineStatus::NotApplicable => Tone::Neutral,
    }
}

fn finding_status(words: &Words<'_>, shown: Status) -> Text {
    let tone = match shown {
        Status::Pass => Tone::Good,
        Status::Fail | Status::Error => Tone::Bad,
        Status::Stale | Status::Manual | Status::Waived => Tone::Doubtful,
        Status::NotApplicable => Tone::Neutral,
    };
    status(words.t(shown.key()), tone)
}

fn host_state(words: &Words<'_>, state: HostState) -> Text {
    let tone = match state {
        HostState::Fresh => Tone::Good,
        HostState::Stale => Tone::Doubtful,
        HostState::Revoked => Tone::Neutral,
    };
    status(words.t(state.key()), tone)
}
