//! A document as a run of blocks: what the audit report and the plan document are made of before they become PDF or DOCX.
//!
//! Who makes a document sends one [`Block`] after another to a [`Writer`], so that neither side ever holds all of it: the
//! annexes of a large fleet have more rows than fit in memory. A block holds words and what they mean, never how they
//! look; each writer knows how its format shows a heading or a status.

mod code;
#[cfg(feature = "docx")]
pub mod docx;
pub mod html;
#[cfg(feature = "pdf")]
pub mod pdf;
mod spool;

use std::io;

use plumbline_config::lang::Lang;
use serde::{Deserialize, Serialize};

/// What is said of a document as a whole. It is known before the first block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Properties {
    /// Title, also in the file's own metadata.
    pub title: String,
    /// Who it is about, also as its author.
    pub company: String,
    /// Its language.
    pub lang: Lang,
    /// When it was made, in seconds since 1970: a file's own metadata say nothing later, so that the same document has
    /// the same bytes. `None`: nothing is said of it, where the format allows that.
    pub made_at: Option<i64>,
    /// What stands at the foot of each page, beside the page's number.
    pub footer: String,
}

/// One part of a document, in its order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Block {
    /// The first page.
    Cover(Cover),
    /// The table of contents: headings of levels 1 and 2 with their pages.
    Contents {
        /// What stands above it.
        title: String,
    },
    /// A heading, levels 1 to 3. One of level 1 begins a page in print.
    Heading {
        /// 1, 2 or 3.
        level: u8,
        /// Its words.
        text: Text,
    },
    /// A paragraph.
    Paragraph(Text),
    /// A list of points, each under the one before.
    List(Vec<Text>),
    /// Names with what they are: two columns without lines.
    Facts(Vec<(String, Text)>),
    /// A table begins. Nothing but rows comes until it ends.
    Table(Vec<Column>),
    /// A row of the table that has begun, a cell for each column.
    Row(Vec<Text>),
    /// The table ends.
    TableEnd,
    /// A chart.
    Chart(Chart),
    /// What follows begins on another page.
    PageBreak,
}

/// The first page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cover {
    /// Who it is about.
    pub company: String,
    /// What it is.
    pub title: String,
    /// What it is, more closely.
    pub subtitle: String,
    /// Period, moment, plan.
    pub facts: Vec<(String, Text)>,
    /// What a QR code says, and the words beside it.
    pub code: Option<(String, Text)>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its heading, repeated on each page.
    pub title: String,
    /// Its share of the table's width: shares are added up, and each column gets its part.
    pub share: f32,
}

/// Numbers over days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chart {
    /// What stands above it.
    pub title: String,
    /// What stands under each place, oldest first.
    pub places: Vec<String>,
    /// What is drawn above each other: each has a number for each place.
    pub layers: Vec<Layer>,
}

/// One of the things that a chart adds up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// What the key says.
    pub title: String,
    /// How it is coloured.
    pub tone: Tone,
    /// A number for each place.
    pub numbers: Vec<u64>,
}

/// Words. A line feed in them begins another line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text(pub Vec<Span>);

/// Words that are set alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The words.
    pub words: String,
    /// How they are set.
    pub style: Style,
}

/// How words are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Style {
    /// As the text around.
    Plain,
    /// Heavier.
    Strong,
    /// Smaller and paler.
    Soft,
    /// A status: heavier, in a colour.
    Status(Tone),
}

/// How good something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Partly so, or not known.
    Doubtful,
    /// Not as it should be.
    Bad,
    /// Does not count.
    Neutral,
}

/// Makes a file of blocks.
pub trait Writer {
    /// Takes the next block.
    fn write(&mut self, block: Block) -> Result<(), DocumentError>;
    /// Writes what is left, after the last block. What was written before is no file without it.
    fn finish(self: Box<Self>, out: &mut dyn io::Write) -> Result<(), DocumentError>;
}

/// What makes a PDF, with fonts from the usual places where the font carried along lacks a character.
pub fn pdf_writer(properties: Properties) -> Result<Box<dyn Writer>, DocumentError> {
    #[cfg(feature = "pdf")]
    return Ok(Box::new(pdf::PdfWriter::new(
        properties,
        &pdf::FontPaths::default(),
    )?));
    #[cfg(not(feature = "pdf"))]
    {
        drop(properties);
        Err(DocumentError::WithoutPdf)
    }
}

/// Why a document could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It could not be written where it should go, or kept meanwhile.
    #[error(transparent)]
    Output(#[from] io::Error),
    /// The format's library refused.
    #[error("the document could not be laid out: {0}")]
    Layout(String),
    /// There is no PDF in this program.
    #[error("this program was built without PDF; ask for docx or html, or build it with the feature `pdf`")]
    WithoutPdf,
}

impl Text {
    /// Plain words.
    #[must_use]
    pub fn plain(words: impl Into<String>) -> Self {
        Self::default().and(Style::Plain, words)
    }

    /// With more words after.
    #[must_use]
    pub fn and(mut self, style: Style, words: impl Into<String>) -> Self {
        self.0.push(Span {
            words: words.into(),
            style,
        });
        self
    }

    /// The words alone.
    #[must_use]
    pub fn words(&self) -> String {
        self.0.iter().map(|span| span.words.as_str()).collect()
    }
}

impl From<&str> for Text {
    fn from(words: &str) -> Self {
        Self::plain(words)
    }
}

impl From<String> for Text {
    fn from(words: String) -> Self {
        Self::plain(words)
    }
}
