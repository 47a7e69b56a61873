//! Tables as wide as the text, whose columns keep their widths and whose heads stand on each page.

use std::fmt::Write;

use super::misplaced;
use super::text::paragraph;
use crate::{Column, DocumentError, Style, Text};

/// Width of the text on a page, in twentieths of a point.
const TEXT_WIDTH: u32 = 9638;

/// Most columns: what Word takes.
const MOST_COLUMNS: usize = 63;

/// The end of a table, and a line after it: two tables without anything between would be one.
pub(super) const END: &str = "</w:tbl><w:p><w:pPr><w:pStyle w:val=\"AfterTable\"/></w:pPr></w:p>";

/// A table that has begun.
#[derive(Debug)]
pub(super) struct Table {
    titles: Vec<Text>,
    widths: Vec<u32>,
}

impl Table {
    pub(super) fn new(columns: &[Column]) -> Result<Self, DocumentError> {
        if columns.is_empty() || columns.len() > MOST_COLUMNS {
            return Err(misplaced("a table with no column, or with more than Word takes"));
        }
        let strong = |column: &Column| Text::default().and(Style::Strong, column.title.as_str());
        Ok(Self {
            titles: columns.iter().map(strong).collect(),
            widths: widths(columns),
        })
    }

    /// Its beginning, with the head.
    pub(super) fn head(&self) -> String {
        let lines = "<w:tblBorders><w:top w:val=\"single\" w:sz=\"6\" w:space=\"0\" w:color=\"5B6675\"/>\
                     <w:bottom w:val=\"single\" w:sz=\"6\" w:space=\"0\" w:color=\"5B6675\"/><w:insideH w:val=\"single\" \
                     w:sz=\"4\" w:space=\"0\" w:color=\"D5DBE3\"/></w:tblBorders>";
        let mut xml = opened(lines, &self.widths);
        xml.push_str("<w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>");
        for (title, width) in self.titles.iter().zip(&self.widths) {
            let shade = "<w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"F4F6F9\"/>";
            cell(&mut xml, *width, shade, "ColumnTitle", title);
        }
        xml.push_str("</w:tr>");
        xml
    }

    /// A row: one cell for each column.
    pub(super) fn row(&self, cells: &[Text]) -> Result<String, DocumentError> {
        if cells.len() != self.widths.len() {
            return Err(misplaced(
                "a row with another number of cells than the table has columns",
            ));
        }
        let mut xml = String::from("<w:tr><w:trPr><w:cantSplit/></w:trPr>");
        for (text, width) in cells.iter().zip(&self.widths) {
            cell(&mut xml, *width, "", "Cell", text);
        }
        xml.push_str("</w:tr>");
        Ok(xml)
    }
}

/// Names with what they are, without lines.
pub(super) fn facts(facts: &[(String, Text)]) -> String {
    if facts.is_empty() {
        return String::new();
    }
    let [name_width, width] = [TEXT_WIDTH / 5, TEXT_WIDTH - TEXT_WIDTH / 5];
    let mut xml = opened("", &[name_width, width]);
    for (name, text) in facts {
        xml.push_str("<w:tr><w:trPr><w:cantSplit/></w:trPr>");
        let name = Text::default().and(Style::Soft, name.as_str());
        cell(&mut xml, name_width, "", "Normal", &name);
        cell(&mut xml, width, "", "Normal", text);
        xml.push_str("</w:tr>");
    }
    xml.push_str(END);
    xml
}

fn opened(lines: &str, widths: &[u32]) -> String {
    let mut xml = format!(
        "<w:tbl><w:tblPr><w:tblW w:w=\"{TEXT_WIDTH}\" w:type=\"dxa\"/>{lines}<w:tblLayout w:type=\"fixed\"/></w:tblPr>\
         <w:tblGrid>"
    );
    for width in widths {
        // Writing to a string does not fail.
        let _written = write!(xml, "<w:gridCol w:w=\"{width}\"/>");
    }
    xml.push_str("</w:tblGrid>");
    xml
}

fn cell(xml: &mut String, width: u32, properties: &str, style: &str, text: &Text) {
    // Writing to a string does not fail.
    let _written = write!(
        xml,
        "<w:tc><w:tcPr><w:tcW w:w=\"{width}\" w:type=\"dxa\"/>{properties}</w:tcPr>"
    );
    paragraph(xml, style, text);
    xml.push_str("</w:tc>");
}

/// The columns' widths: each its share, and the last what is left.
fn widths(columns: &[Column]) -> Vec<u32> {
    let share = |column: &Column| {
        if column.share.is_finite() {
            column.share.max(0.0)
        } else {
            0.0
        }
    };
    let all: f32 = columns.iter().map(share).sum();
    let mut left = TEXT_WIDTH;
    let mut widths = Vec::with_capacity(columns.len());
    for column in columns {
        let part = if all > 0.0 { share(column) / all } else { 0.0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a part of 9638, at least 0"
        )]
        #[expect(clippy::cast_precision_loss, reason = "9638 is exact")]
        let width = ((part * TEXT_WIDTH as f32) as u32).min(left);
        left -= width;
        widths.push(width);
    }
    if let Some(last) = widths.last_mut() {
        *last += left;
    }
    widths
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn columns_fill_the_width(shares in prop::collection::vec(prop_oneof![any::<f32>(), 0.1_f32..9.0], 1..63)) {
            let columns: Vec<Column> = shares
                .iter()
                .map(|share| Column { title: String::new(), share: *share })
                .collect();
            let widths = widths(&columns);
            prop_assert_eq!(widths.len(), columns.len());
            prop_assert_eq!(widths.iter().sum::<u32>(), TEXT_WIDTH);
        }
    }
}
