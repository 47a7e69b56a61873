//! The audit report: one model, built once from what is kept, and its renderers.

mod build;
pub mod csv;
pub mod html;
mod model;

use std::fmt;
use std::str::FromStr;

use plumbline_config::lang::Lang;

pub use build::{BuildError, Source, checklist, current, report};
pub use model::{Report, ReportHost};

/// A format that the report is rendered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportFormat {
    /// One self-contained page.
    Html,
    /// The whole model.
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

/// Why a report could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The page's template failed.
    #[error("the page could not be made: {0}")]
    Html(#[from] askama::Error),
    /// The table could not be written.
    #[error("the table could not be made: {0}")]
    Csv(#[from] ::csv::Error),
    /// The JSON could not be written.
    #[error("the JSON could not be made: {0}")]
    Json(#[from] serde_json::Error),
}

/// Renders the report. The same report gives the same bytes.
pub fn render(report: &Report, format: ReportFormat, lang: Lang) -> Result<Vec<u8>, RenderError> {
    Ok(match format {
        ReportFormat::Html => html::render(report, lang)?.into_bytes(),
        ReportFormat::Json => serde_json::to_vec_pretty(report)?,
        ReportFormat::Csv => csv::render(&report.checklist, lang)?,
    })
}
