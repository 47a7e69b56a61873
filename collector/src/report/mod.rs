//! The audit report: one model, and its renderers.
//!
//! What it says of all hosts together is built once ([`report()`]) and costs the number of checks. The hosts are read
//! page by page while it is written ([`write()`]), so that it takes the same memory for ten hosts and for a hundred
//! thousand: a page of the store, one host's findings, and lists of fixed length.

mod build;
mod course;
mod csv;
mod document;
mod fleet;
pub mod html;
mod ids;
mod incidents;
mod json;
mod model;
mod ocsf;
mod oscal;
mod overview;
mod people;
mod reading;
#[cfg(test)]
mod tests;
mod words;
mod worst;
mod xlsx;

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use plumbline_config::lang::Lang;
use plumbline_document::docx::DocxWriter;
use plumbline_document::{DocumentError, Writer, pdf_writer};

use crate::records::day_of;
use crate::records::waived::InForce;
use crate::store::{Store, StoreError};
use fleet::{Fleet, Nobody, Waivered};

pub(crate) use build::published_plan;
pub use build::{BuildError, Source, checklist, current_report, day_end, report, zone};
pub use course::CoursePoint;
pub(crate) use incidents::line_incident;
pub use model::{LedgerHead, Report};
use words::Words;
pub(crate) use words::{grouped, host_counts};

/// A format that the report is rendered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportFormat {
    /// One self-contained page.
    Html,
    /// Pages, as they are printed.
    Pdf,
    /// A document for Word.
    Docx,
    /// A workbook with every finding.
    Xlsx,
    /// One row a requirement line.
    Csv,
    /// All there is.
    Json,
    /// OSCAL assessment results.
    Oscal,
    /// Findings as OCSF events, one a line.
    Ocsf,
}

impl ReportFormat {
    /// Every format.
    pub const ALL: [Self; 8] = [
        Self::Html,
        Self::Pdf,
        Self::Docx,
        Self::Xlsx,
        Self::Csv,
        Self::Json,
        Self::Oscal,
        Self::Ocsf,
    ];

    /// The name used on command lines and in addresses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Pdf => "pdf",
            Self::Docx => "docx",
            Self::Xlsx => "xlsx",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Oscal => "oscal",
            Self::Ocsf => "ocsf",
        }
    }

    /// What the name of its file ends in.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Oscal => "oscal.json",
            Self::Ocsf => "ocsf.jsonl",
            other => other.name(),
        }
    }

    /// The format whose files are named so.
    #[must_use]
    pub fn of_file(name: &str) -> Option<Self> {
        let is_named_so = |format: &Self| {
            let stem = name.strip_suffix(format.extension());
            stem.is_some_and(|stem| stem.ends_with('.'))
        };
        // `report.oscal.json` is OSCAL, though it is JSON too.
        Self::ALL
            .into_iter()
            .filter(is_named_so)
            .max_by_key(|format| format.extension().len())
    }

    /// Whether it reads every host, and so takes as long as there are hosts.
    #[must_use]
    pub const fn reads_hosts(self) -> bool {
        !matches!(self, Self::Csv)
    }

    /// Media type, RFC 6838.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Pdf => "application/pdf",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Json => "application/json",
            Self::Oscal => "application/oscal+json",
            Self::Ocsf => "application/x-ndjson",
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
#[error("unknown report format `{given}`; use one of {known}", given = .0, known = ReportFormat::ALL.map(ReportFormat::name).join(", "))]
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
    /// The document could not be made.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The workbook could not be made.
    #[error("the workbook could not be made: {0}")]
    Workbook(#[from] rust_xlsxwriter::XlsxError),
    /// It could not be sent or written where it should go, or a part could not be rendered.
    #[error("the report could not be written: {0}")]
    Output(#[from] io::Error),
}

impl WriteError {
    /// Whether all that went wrong is that nobody reads it any more.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        matches!(self, Self::Output(error) | Self::Document(DocumentError::Output(error))
            if error.kind() == io::ErrorKind::BrokenPipe)
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
    let words = Words {
        lang,
        zone: &report.zone,
    };
    match format {
        ReportFormat::Html => html::write(report, fleet, lang, out)?,
        ReportFormat::Pdf => {
            let writer = pdf_writer(document::properties(report, lang))?;
            paper(report, fleet, lang, writer, out)?;
        }
        ReportFormat::Docx => {
            let writer = DocxWriter::new(document::properties(report, lang))?;
            paper(report, fleet, lang, Box::new(writer), out)?;
        }
        ReportFormat::Xlsx => xlsx::write(report, fleet, lang, out)?,
        ReportFormat::Csv => out.write_all(&csv::render(&report.checklist, lang)?)?,
        ReportFormat::Json => json::write(report, fleet, out)?,
        ReportFormat::Oscal => oscal::write(report, fleet, &words, out)?,
        ReportFormat::Ocsf => ocsf::write(report, fleet, &words, out)?,
    }
    Ok(out.flush()?)
}

/// Writes the report as a document of pages.
fn paper(
    report: &Report,
    fleet: &dyn Fleet,
    lang: Lang,
    mut writer: Box<dyn Writer>,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    document::write(report, fleet, lang, writer.as_mut(), || out.flush())?;
    Ok(writer.finish(out)?)
}
