//! The formats of documents: the plan document, and the notices of an incident.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use plumbline_document::docx::DocxWriter;
use plumbline_document::html::HtmlWriter;
use plumbline_document::{DocumentError, Properties, Writer, pdf_writer};

/// A format that documents other than the report are made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DocumentFormat {
    /// One page for a browser.
    Html,
    /// A document for Word, to go on with.
    Docx,
    /// Pages, as they are printed.
    Pdf,
}

impl DocumentFormat {
    /// Every format.
    pub(crate) const ALL: [Self; 3] = [Self::Html, Self::Docx, Self::Pdf];

    /// The name used on command lines, in addresses, and at the end of file names.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Docx => "docx",
            Self::Pdf => "pdf",
        }
    }

    /// The format asked for by name, else the one that the file's name ends in, else HTML.
    pub(crate) fn of(asked: Option<&str>, file: &Path) -> Result<Self, UnknownFormat> {
        let of_file = || file.extension()?.to_str()?.parse().ok();
        asked.map_or_else(|| Ok(of_file().unwrap_or(Self::Html)), str::parse)
    }

    /// Media type, RFC 6838.
    #[must_use]
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Pdf => "application/pdf",
        }
    }

    /// What makes a file of this format.
    pub(crate) fn writer(self, properties: Properties) -> Result<Box<dyn Writer>, DocumentError> {
        Ok(match self {
            Self::Html => Box::new(HtmlWriter::new(properties)?),
            Self::Docx => Box::new(DocxWriter::new(properties)?),
            Self::Pdf => pdf_writer(properties)?,
        })
    }
}

impl fmt::Display for DocumentFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A format such a document can't be made in.
#[derive(Debug, thiserror::Error)]
#[error("unknown format `{0}` of a document; use html, pdf or docx")]
pub(crate) struct UnknownFormat(String);

impl FromStr for DocumentFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut known = Self::ALL.into_iter();
        known
            .find(|format| format.name() == text)
            .ok_or_else(|| UnknownFormat(text.chars().take(40).collect()))
    }
}
