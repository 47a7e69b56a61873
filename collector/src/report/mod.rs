//! The audit report: one model, and its renderers.
//!
//! What it says of all hosts together is built once ([`report()`]) and costs the number of checks. The hosts are read
//! page by page while it is written ([`write()`]), so that it takes the same memory for ten hosts and for a hundred
//! thousand: a page of the store, one host's findings, and lists of fixed length.

mod build;
mod csv;
mod fleet;
pub mod html;
mod json;
mod model;
mod overview;
#[cfg(test)]
mod tests;
mod worst;

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use plumbline_config::lang::Lang;

use crate::records::day_of;
use crate::records::waived::InForce;
use crate::store::{Store, StoreError};
use fleet::{Fleet, Nobody, Waivered};

pub use build::{BuildError, Source, checklist, current_report, day_end, report, zone};
pub use model::Report;

/// A format that the report is rendered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportFormat {
    /// One self-contained page.
    Html,
    /// All there is.
    Json,
    /// One row a requirement line.
    Csv,
}

impl ReportFormat {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Html, Self::Json, Self::Csv];

    /// The name used on command lines and in addresses, and the file's extension.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }

    /// Whether it reads every host, and so takes as long as there are hosts.
    #[must_use]
    pub const fn reads_hosts(self) -> bool {
        match self {
            Self::Html | Self::Json => true,
            Self::Csv => false,
        }
    }

    /// Media type, RFC 6838.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }
}

impl fmt::Display for ReportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A format the report can't be rendered in.
#[derive(Debug, thiserror::Error)]
#[error("unknown report format `{0}`; use html, json or csv")]
pub struct UnknownFormat(String);

impl FromStr for ReportFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == text)
            .ok_or_else(|| UnknownFormat(text.chars().take(40).collect()))
    }
}

/// Why a report could not be written to its end.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The table could not be made.
    #[error("the table could not be made: {0}")]
    Csv(#[from] ::csv::Error),
    /// It could not be sent or written where it should go, or a part could not be rendered.
    #[error("the report could not be written: {0}")]
    Output(#[from] io::Error),
}

impl WriteError {
    /// Whether all that went wrong is that nobody reads it any more.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Writes the report; the same report over the same store gives the same bytes. Where it fails, what was written is no
/// report.
///
/// Flushes what can be read while the rest takes time, and again now and then: there `out` may refuse once nobody wants
/// the rest. Hosts are read in many transactions, so what is said of them is not of one moment.
pub fn write(
    report: &Report,
    store: &dyn Store,
    format: ReportFormat,
    lang: Lang,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    if report.is_past {
        return write_from(report, &Nobody, format, lang, out);
    }
    let today = day_of(report.checklist.as_of, &report.zone);
    let fleet = Waivered {
        store,
        waivers: InForce::on(&report.people, today),
    };
    write_from(report, &fleet, format, lang, out)
}

fn write_from(
    report: &Report,
    fleet: &dyn Fleet,
    format: ReportFormat,
    lang: Lang,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    match format {
        ReportFormat::Html => html::write(report, fleet, lang, out)?,
        ReportFormat::Json => json::write(report, fleet, out)?,
        ReportFormat::Csv => out.write_all(&csv::render(&report.checklist, lang)?)?,
    }
    Ok(out.flush()?)
}
