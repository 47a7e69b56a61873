//! PDF: the same document on any computer, in print and in an archive (PDF/A-2u).
//!
//! Blocks are kept in a file without a name until the last has come; then they are laid out twice, first to learn on which
//! page everything stands, then to draw. What is held in memory grows with the number of pages and headings alone.

mod band;
mod chart;
mod contents;
mod cover;
mod flow;
mod fonts;
mod legible;
mod look;
mod mark;
mod paper;
mod sheet;
mod table;
mod typeset;

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};

use self::flow::{Flow, Heading, Plan};
use self::paper::Paper;
use self::typeset::Typesetter;
use crate::{Block, DocumentError, Properties, Writer};

pub use self::fonts::FontPaths;

/// Writes a document as PDF.
pub struct PdfWriter {
    properties: Properties,
    typesetter: Typesetter,
    /// The blocks, each a line of JSON.
    spool: BufWriter<File>,
    headings: Vec<Heading>,
    /// How many columns the table has that stands open.
    columns: Option<usize>,
}

impl PdfWriter {
    /// A writer with nothing written yet. Until it is finished it keeps the blocks in a file without a name, in the
    /// directory for temporary files.
    ///
    /// # Errors
    ///
    /// If that file cannot be made. Later ones are [`DocumentError::Layout`] for blocks in an order that makes no sense
    /// and for a code on the cover that holds too much, and [`DocumentError::Output`] for all that files may do.
    pub fn new(properties: Properties, fonts: &FontPaths) -> Result<Self, DocumentError> {
        Ok(Self {
            properties,
            typesetter: Typesetter::new(fonts)?,
            spool: BufWriter::new(tempfile::tempfile()?),
            headings: Vec::new(),
            columns: None,
        })
    }

    /// Refuses what no writer could make sense of.
    fn check(&mut self, block: &Block) -> Result<(), DocumentError> {
        let refuse = |words: String| Err(DocumentError::Layout(words));
        match (block, self.columns) {
            (Block::Row(_), None) => refuse("a row stands outside of a table".into()),
            (Block::Row(cells), Some(columns)) if cells.len() != columns => refuse(format!(
                "a row has {} cells, and its table {columns} columns",
                cells.len()
            )),
            (Block::Row(_), Some(_)) => Ok(()),
            (Block::TableEnd, None) => refuse("a table ends that never began".into()),
            (Block::TableEnd, Some(_)) => {
                self.columns = None;
                Ok(())
            }
            (_, Some(_)) => refuse("something other than a row stands in a table".into()),
            (Block::Table(columns), None) => {
                self.columns = Some(columns.len());
                Ok(())
            }
            (Block::Heading { level, text }, None) => {
                self.headings.push(Heading {
                    level: (*level).clamp(1, 3),
                    title: legible::line(&text.words()),
                });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Lays all blocks out, twice.
    fn file(&mut self) -> Result<Vec<u8>, DocumentError> {
        let mut spool = self.spool.get_ref().try_clone()?;
        let plan = self.flow(&mut spool, &Plan::default(), None)?;
        let mut paper = Paper::new(&self.properties)?;
        let plan = self.flow(&mut spool, &plan, Some(&mut paper))?;
        paper.finish(&self.headings, &plan)
    }

    fn flow(
        &mut self,
        spool: &mut File,
        known: &Plan,
        paper: Option<&mut Paper>,
    ) -> Result<Plan, DocumentError> {
        spool.rewind()?;
        let mut flow = Flow::new(
            &mut self.typesetter,
            &self.properties.footer,
            &self.headings,
            known,
            paper,
        );
        let mut lines = BufReader::with_capacity(64 << 10, spool);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            flow.block(serde_json::from_slice(&line).map_err(io::Error::from)?)?;
            line.clear();
        }
        Ok(flow.end())
    }
}

impl Writer for PdfWriter {
    fn write(&mut self, mut block: Block) -> Result<(), DocumentError> {
        self.check(&block)?;
        if let Block::Table(columns) = &mut block {
            // JSON has no infinity.
            for column in columns.iter_mut().filter(|column| !column.share.is_finite()) {
                column.share = 0.0;
            }
        }
        serde_json::to_writer(&mut self.spool, &block).map_err(io::Error::from)?;
        self.spool.write_all(b"\n")?;
        Ok(())
    }

    fn finish(mut self: Box<Self>, out: &mut dyn Write) -> Result<(), DocumentError> {
        self.spool.flush()?;
        let file = match self.file() {
            // A font of the computer may be one that must not be embedded, or that krilla cannot embed.
            Err(DocumentError::Layout(_)) if self.typesetter.asked_computer() => {
                self.typesetter = Typesetter::new(&FontPaths(Vec::new()))?;
                self.file()?
            }
            file => file?,
        };
        out.write_all(&file)?;
        Ok(out.flush()?)
    }
}
