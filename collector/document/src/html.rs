//! Documents as one HTML file: no scripts, no outside resources, laid out for the screen and for A4 paper.

use std::fmt::Write as _;
use std::io::Write;

use crate::spool::Spool;
use crate::{Block, Chart, Column, Cover, DocumentError, Properties, Style, Text, Tone, Writer, code};

/// The style sheet.
/// The style sheet that every document holds, for a content security policy that names its hash.
pub const STYLE: &str = include_str!("html.css");

/// Makes an HTML file.
#[derive(Debug)]
pub struct HtmlWriter {
    properties: Properties,
    body: Spool,
    contents: Option<String>,
    headings: Vec<(u8, String)>,
    /// Columns of the table that has begun.
    columns: Option<usize>,
}

impl HtmlWriter {
    /// Begins a document. Fails where no file can be made in the directory for temporary files.
    pub fn new(properties: Properties) -> Result<Self, DocumentError> {
        Ok(Self {
            properties,
            body: Spool::new()?,
            contents: None,
            headings: Vec::new(),
            columns: None,
        })
    }

    fn cover(cover: &Cover) -> Result<String, DocumentError> {
        let mut html = format!(
            "<header>\n<p class=\"soft\">{}</p>\n<h1>{}</h1>\n<p>{}</p>\n",
            escaped(&cover.company),
            escaped(&cover.title),
            escaped(&cover.subtitle)
        );
        facts(&mut html, &cover.facts);
        if let Some((says, words)) = &cover.code {
            html.push_str(&code::svg(says, &escaped(&words.words()))?);
            html.push_str("\n<p class=\"soft\">");
            spans(&mut html, words);
            html.push_str("</p>\n");
        }
        html.push_str("</header>\n");
        Ok(html)
    }

    fn heading(&mut self, level: u8, text: &Text) -> String {
        let level = level.clamp(1, 3);
        self.headings.push((level, text.words()));
        let (tag, number) = (level + 1, self.headings.len());
        let mut html = format!("<h{tag} id=\"h{number}\">");
        spans(&mut html, text);
        html.push_str(&format!("</h{tag}>\n"));
        html
    }

    fn begin_table(&mut self, columns: &[Column]) -> String {
        self.columns = Some(columns.len());
        let all: f32 = columns.iter().map(|column| column.share).sum();
        let mut html = String::from("<table>\n<colgroup>");
        for column in columns {
            // Writing to a string does not fail.
            let _written = write!(html, "<col style=\"width:{:.1}%\">", column.share / all * 100.0);
        }
        html.push_str("</colgroup>\n<thead><tr>");
        for column in columns {
            let _written = write!(html, "<th>{}</th>", escaped(&column.title));
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        html
    }

    fn row(&self, cells: &[Text]) -> Result<String, DocumentError> {
        if self.columns != Some(cells.len()) {
            return Err(DocumentError::Layout(
                "the document has a row that does not fit its table".to_owned(),
            ));
        }
        let mut html = String::from("<tr>");
        for cell in cells {
            html.push_str("<td>");
            spans(&mut html, cell);
            html.push_str("</td>");
        }
        html.push_str("</tr>\n");
        Ok(html)
    }

    /// A chart is a table here: its numbers can be read, copied and heard.
    fn chart(&mut self, chart: &Chart) -> Result<String, DocumentError> {
        let titles = std::iter::once("").chain(chart.layers.iter().map(|layer| layer.title.as_str()));
        let columns: Vec<Column> = titles
            .map(|title| Column {
                title: title.to_owned(),
                share: 1.0,
            })
            .collect();
        let mut html = format!(
            "<h4>{}</h4>\n{}",
            escaped(&chart.title),
            self.begin_table(&columns)
        );
        for (at, place) in chart.places.iter().enumerate() {
            let numbers = chart.layers.iter().map(|layer| {
                let number = layer.numbers.get(at).map(ToString::to_string).unwrap_or_default();
                Text::default().and(Style::Status(layer.tone), number)
            });
            let row: Vec<Text> = std::iter::once(place.as_str().into()).chain(numbers).collect();
            html.push_str(&self.row(&row)?);
        }
        html.push_str(END_OF_TABLE);
        self.columns = None;
        Ok(html)
    }

    /// The headings of levels 1 and 2, as links.
    fn navigation(&self, title: &str) -> String {
        let mut html = format!("<nav>\n<h2>{}</h2>\n<ul>\n", escaped(title));
        let (mut is_open, mut is_inside) = (false, false);
        for (number, (level, words)) in self.headings.iter().enumerate() {
            let link = format!("<a href=\"#h{}\">{}</a>", number + 1, escaped(words));
            match level {
                1 => {
                    html.push_str(if is_inside { "</ul>" } else { "" });
                    html.push_str(if is_open { "</li>\n" } else { "" });
                    let _written = write!(html, "<li>{link}");
                    (is_open, is_inside) = (true, false);
                }
                2 if is_open => {
                    html.push_str(if is_inside { "" } else { "\n<ul>\n" });
                    let _written = writeln!(html, "<li>{link}</li>");
                    is_inside = true;
                }
                _ => {}
            }
        }
        html.push_str(if is_inside { "</ul>" } else { "" });
        html.push_str(if is_open { "</li>\n" } else { "" });
        html.push_str("</ul>\n</nav>\n");
        html
    }
}

const END_OF_TABLE: &str = "</tbody>\n</table>\n";

impl Writer for HtmlWriter {
    fn write(&mut self, block: Block) -> Result<(), DocumentError> {
        if self.columns.is_some() != matches!(block, Block::Row(_) | Block::TableEnd) {
            return Err(DocumentError::Layout(
                "the document has a row outside a table, or something else in one".to_owned(),
            ));
        }
        let html = match block {
            Block::Cover(cover) => Self::cover(&cover)?,
            Block::Contents { title } => {
                self.body.leave_gap();
                self.contents = Some(title);
                return Ok(());
            }
            Block::Heading { level, text } => self.heading(level, &text),
            Block::Paragraph(text) => element("p", &text),
            Block::List(points) => {
                let points: String = points.iter().map(|point| element("li", point)).collect();
                format!("<ul>\n{points}</ul>\n")
            }
            Block::Facts(of) => {
                let mut html = String::new();
                facts(&mut html, &of);
                html
            }
            Block::Table(columns) => self.begin_table(&columns),
            Block::Row(cells) => self.row(&cells)?,
            Block::TableEnd => {
                self.columns = None;
                END_OF_TABLE.to_owned()
            }
            Block::Chart(chart) => self.chart(&chart)?,
            Block::PageBreak => "<div style=\"break-after:page\"></div>\n".to_owned(),
        };
        Ok(self.body.put(&html)?)
    }

    fn finish(self: Box<Self>, out: &mut dyn Write) -> Result<(), DocumentError> {
        if self.columns.is_some() {
            return Err(DocumentError::Layout(
                "the document has a table that does not end".to_owned(),
            ));
        }
        let Properties {
            title, lang, footer, ..
        } = &self.properties;
        write!(
            out,
            "<!DOCTYPE html>\n<html lang=\"{lang}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
            escaped(title)
        )?;
        let navigation = self.contents.as_ref().map(|title| self.navigation(title));
        self.body.pour(&navigation.unwrap_or_default(), out)?;
        Ok(writeln!(
            out,
            "<footer class=\"soft\">{}</footer>\n</body>\n</html>",
            escaped(footer)
        )?)
    }
}

fn facts(html: &mut String, facts: &[(String, Text)]) {
    html.push_str("<dl>\n");
    for (name, text) in facts {
        // Writing to a string does not fail.
        let _written = write!(html, "<dt>{}</dt><dd>", escaped(name));
        spans(html, text);
        html.push_str("</dd>\n");
    }
    html.push_str("</dl>\n");
}

fn element(name: &str, text: &Text) -> String {
    let mut html = format!("<{name}>");
    spans(&mut html, text);
    html.push_str(&format!("</{name}>\n"));
    html
}

fn spans(html: &mut String, text: &Text) {
    for span in &text.0 {
        let words = escaped(&span.words).replace('\n', "<br>");
        let class = match span.style {
            Style::Plain => {
                html.push_str(&words);
                continue;
            }
            Style::Strong => {
                // Writing to a string does not fail.
                let _written = write!(html, "<b>{words}</b>");
                continue;
            }
            Style::Soft => "soft",
            Style::Status(Tone::Good) => "good",
            Style::Status(Tone::Doubtful) => "doubtful",
            Style::Status(Tone::Bad) => "bad",
            Style::Status(Tone::Neutral) => "neutral",
        };
        let _written = write!(html, "<span class=\"{class}\">{words}</span>");
    }
}

/// Words as HTML takes them, in an element or an attribute.
fn escaped(words: &str) -> String {
    let mut html = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\0' => html.push('\u{fffd}'),
            _ => html.push(c),
        }
    }
    html
}
