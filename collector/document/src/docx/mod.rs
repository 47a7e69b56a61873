//! Documents as DOCX (ECMA-376 WordprocessingML), for Word and LibreOffice.
//!
//! Written here and not by a library, because it must not be held in memory: rows go to a file without a name as they
//! come, and from there, compressed, to where the document goes. What is kept in memory is the headings of the table of
//! contents and the pictures.

mod parts;
mod picture;
mod table;
mod text;

use std::fmt::Write as _;
use std::io::Write;

use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use crate::spool::Spool;
use crate::{Block, Chart, Column, Cover, DocumentError, Properties, Style, Text, Writer, code};
use parts::{DECLARATION, R, W};
use table::Table;
use text::{escaped, open_paragraph, paragraph, runs};

/// Makes a DOCX file.
#[derive(Debug)]
pub struct DocxWriter {
    properties: Properties,
    body: Spool,
    /// What stands above the table of contents.
    contents: Option<String>,
    headings: Vec<Heading>,
    pictures: Vec<Vec<u8>>,
    table: Option<Table>,
    has_cover: bool,
}

/// A heading that the table of contents names.
#[derive(Debug)]
struct Heading {
    level: u8,
    words: String,
}

impl DocxWriter {
    /// Begins a document. Fails where no file can be made in the directory for temporary files.
    pub fn new(properties: Properties) -> Result<Self, DocumentError> {
        Ok(Self {
            properties,
            body: Spool::new()?,
            contents: None,
            headings: Vec::new(),
            pictures: Vec::new(),
            table: None,
            has_cover: false,
        })
    }

    fn put(&mut self, xml: &str) -> Result<(), DocumentError> {
        Ok(self.body.put(xml)?)
    }

    fn paragraph(&mut self, style: &str, text: &Text) -> Result<(), DocumentError> {
        let mut xml = String::new();
        paragraph(&mut xml, style, text);
        self.put(&xml)
    }

    fn cover(&mut self, cover: Cover) -> Result<(), DocumentError> {
        self.has_cover = true;
        self.paragraph("Company", &cover.company.into())?;
        self.paragraph("Title", &cover.title.into())?;
        self.paragraph("Subtitle", &cover.subtitle.into())?;
        self.put(&table::facts(&cover.facts))?;
        let Some((says, words)) = cover.code else {
            return Ok(());
        };
        self.pictures.push(code::png(&says)?);
        let mut xml = String::new();
        open_paragraph(&mut xml, "Normal");
        xml.push_str(&picture::inline(self.pictures.len(), &words.words()));
        xml.push_str("</w:p>");
        let soft = words.0.into_iter().map(|span| crate::Span {
            style: Style::Soft,
            ..span
        });
        paragraph(&mut xml, "Normal", &Text(soft.collect()));
        self.put(&xml)
    }

    fn heading(&mut self, level: u8, text: &Text) -> Result<(), DocumentError> {
        let level = level.clamp(1, 3);
        let style = format!("Heading{level}");
        if level == 3 {
            return self.paragraph(&style, text);
        }
        self.headings.push(Heading {
            level,
            words: text.words(),
        });
        let number = self.headings.len();
        let mut xml = String::new();
        open_paragraph(&mut xml, &style);
        // Writing to a string does not fail.
        let _written = write!(
            xml,
            "<w:bookmarkStart w:id=\"{number}\" w:name=\"_Toc{number}\"/>"
        );
        runs(&mut xml, text);
        let _written = write!(xml, "<w:bookmarkEnd w:id=\"{number}\"/></w:p>");
        self.put(&xml)
    }

    fn begin_table(&mut self, columns: &[Column]) -> Result<(), DocumentError> {
        let table = Table::new(columns)?;
        self.put(&table.head())?;
        self.table = Some(table);
        Ok(())
    }

    fn row(&mut self, cells: &[Text]) -> Result<(), DocumentError> {
        let table = self
            .table
            .as_ref()
            .ok_or_else(|| misplaced("a row outside a table"))?;
        let xml = table.row(cells)?;
        self.put(&xml)
    }

    fn end_table(&mut self) -> Result<(), DocumentError> {
        self.table
            .take()
            .ok_or_else(|| misplaced("the end of no table"))?;
        self.put(table::END)
    }

    /// A chart is a table here: its numbers can be read, copied and heard.
    fn chart(&mut self, chart: &Chart) -> Result<(), DocumentError> {
        self.paragraph("Heading3", &chart.title.as_str().into())?;
        let titles = std::iter::once("").chain(chart.layers.iter().map(|layer| layer.title.as_str()));
        let columns: Vec<Column> = titles
            .map(|title| Column {
                title: title.to_owned(),
                share: 1.0,
            })
            .collect();
        self.begin_table(&columns)?;
        for (at, place) in chart.places.iter().enumerate() {
            let numbers = chart.layers.iter().map(|layer| {
                let number = layer.numbers.get(at).map(ToString::to_string).unwrap_or_default();
                Text::default().and(Style::Status(layer.tone), number)
            });
            let row: Vec<Text> = std::iter::once(place.as_str().into()).chain(numbers).collect();
            self.row(&row)?;
        }
        self.end_table()
    }

    /// The table of contents: a field that Word lays out with its pages when the document is opened, and until then the
    /// headings.
    fn contents_xml(&self, title: &str) -> String {
        let mut xml = String::new();
        paragraph(&mut xml, "TOCHeading", &title.into());
        let begin = "<w:r><w:fldChar w:fldCharType=\"begin\" w:dirty=\"true\"/></w:r><w:r><w:instrText \
                     xml:space=\"preserve\"> TOC \\o \"1-2\" \\h \\z \\u </w:instrText></w:r><w:r><w:fldChar \
                     w:fldCharType=\"separate\"/></w:r>";
        for (number, heading) in self.headings.iter().enumerate() {
            open_paragraph(&mut xml, if heading.level == 1 { "TOC1" } else { "TOC2" });
            if number == 0 {
                xml.push_str(begin);
            }
            let at = number + 1;
            let words = escaped(&heading.words.replace(['\n', '\t'], " "));
            // Writing to a string does not fail.
            let _written = write!(
                xml,
                "<w:hyperlink w:anchor=\"_Toc{at}\" w:history=\"1\"><w:r><w:t xml:space=\"preserve\">{words}</w:t></w:r>\
                 </w:hyperlink></w:p>"
            );
        }
        if !self.headings.is_empty() {
            xml.push_str("<w:p><w:r><w:fldChar w:fldCharType=\"end\"/></w:r></w:p>");
        }
        xml
    }

    /// Pages of A4, numbered but for the cover.
    fn section(&self) -> String {
        let title_page = if self.has_cover { "<w:titlePg/>" } else { "" };
        format!(
            "<w:sectPr><w:footerReference w:type=\"default\" r:id=\"rId4\"/><w:pgSz w:w=\"11906\" w:h=\"16838\"/>\
             <w:pgMar w:top=\"1134\" w:right=\"1134\" w:bottom=\"1134\" w:left=\"1134\" w:header=\"567\" \
             w:footer=\"567\" w:gutter=\"0\"/>{title_page}</w:sectPr>"
        )
    }

    fn document(self, out: &mut dyn Write) -> Result<(), DocumentError> {
        let drawing = "http://schemas.openxmlformats.org/drawingml/2006";
        write!(
            out,
            "{DECLARATION}<w:document xmlns:w=\"{W}\" xmlns:r=\"{R}\" xmlns:a=\"{drawing}/main\" \
             xmlns:wp=\"{drawing}/wordprocessingDrawing\" xmlns:pic=\"{drawing}/picture\"><w:body>"
        )?;
        let contents = self.contents.as_ref().map(|title| self.contents_xml(title));
        let section = self.section();
        self.body.pour(&contents.unwrap_or_default(), out)?;
        Ok(write!(out, "{section}</w:body></w:document>")?)
    }

    fn document_relations(&self) -> String {
        let fixed =
            ["styles", "settings", "fontTable"].map(|part| (format!("{R}/{part}"), format!("{part}.xml")));
        let footer = (format!("{R}/footer"), "footer1.xml".to_owned());
        let pictures =
            (1..=self.pictures.len()).map(|number| (format!("{R}/image"), format!("media/{number}.png")));
        let all: Vec<(String, String)> = fixed.into_iter().chain([footer]).chain(pictures).collect();
        parts::relations(&all)
    }
}

impl Writer for DocxWriter {
    fn write(&mut self, block: Block) -> Result<(), DocumentError> {
        if self.table.is_some() && !matches!(block, Block::Row(_) | Block::TableEnd) {
            return Err(misplaced("something else than a row in a table"));
        }
        match block {
            Block::Cover(cover) => self.cover(cover),
            Block::Contents { title } => {
                self.body.leave_gap();
                self.contents = Some(title);
                Ok(())
            }
            Block::Heading { level, text } => self.heading(level, &text),
            Block::Paragraph(text) => self.paragraph("Normal", &text),
            Block::List(points) => points
                .iter()
                .try_for_each(|point| self.paragraph("ListParagraph", point)),
            Block::Facts(facts) => self.put(&table::facts(&facts)),
            Block::Table(columns) => self.begin_table(&columns),
            Block::Row(cells) => self.row(&cells),
            Block::TableEnd => self.end_table(),
            Block::Chart(chart) => self.chart(&chart),
            Block::PageBreak => self.put("<w:p><w:r><w:br w:type=\"page\"/></w:r></w:p>"),
        }
    }

    fn finish(self: Box<Self>, out: &mut dyn Write) -> Result<(), DocumentError> {
        if self.table.is_some() {
            return Err(misplaced("a table that does not end"));
        }
        let properties = &self.properties;
        let mut package = Package(ZipWriter::new_stream(out));
        package.part("[Content_Types].xml", parts::content_types().as_bytes())?;
        package.part("_rels/.rels", parts::package_relations().as_bytes())?;
        package.part("docProps/core.xml", parts::core(properties).as_bytes())?;
        package.part("docProps/app.xml", parts::app(properties).as_bytes())?;
        package.part("word/styles.xml", parts::styles(properties.lang).as_bytes())?;
        package.part("word/settings.xml", parts::settings().as_bytes())?;
        package.part("word/fontTable.xml", parts::font_table().as_bytes())?;
        package.part("word/footer1.xml", parts::footer(properties).as_bytes())?;
        package.part(
            "word/_rels/document.xml.rels",
            self.document_relations().as_bytes(),
        )?;
        for (number, picture) in self.pictures.iter().enumerate() {
            package.part(&format!("word/media/{}.png", number + 1), picture)?;
        }
        package.begin("word/document.xml")?;
        self.document(&mut package.0)?;
        package.0.finish().map_err(zipped)?;
        Ok(())
    }
}

/// The parts in their archive. No part has a time, so the same parts give the same bytes.
struct Package<'o>(ZipWriter<StreamWriter<&'o mut dyn Write>>);

impl Package<'_> {
    fn part(&mut self, name: &str, bytes: &[u8]) -> Result<(), DocumentError> {
        self.begin(name)?;
        Ok(self.0.write_all(bytes)?)
    }

    fn begin(&mut self, name: &str) -> Result<(), DocumentError> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        self.0.start_file(name, options).map_err(zipped)
    }
}

fn zipped(error: zip::result::ZipError) -> DocumentError {
    match error {
        zip::result::ZipError::Io(error) => DocumentError::Output(error),
        other => DocumentError::Layout(other.to_string()),
    }
}

fn misplaced(what: &str) -> DocumentError {
    DocumentError::Layout(format!("the document has {what}"))
}
