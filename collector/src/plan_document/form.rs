//! The lines of the form, filled in.

use std::mem;

use plumbline_config::catalogue;
use plumbline_config::plan::Plan;
use plumbline_document::{Block, DocumentError, Style, Text, Tone, Writer};

use super::boxes::is_ticked;
use super::tables;
use super::values::{UNFILLED, Values, not_applicable};

/// The form.
pub(super) const FORM: &str = include_str!("form.txt");

/// Longest heading of a part, in characters: a longer line is a paragraph under the part's title.
const LONGEST_HEADING: usize = 30;

/// A piece of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'f> {
    Words(&'f str),
    Blank(&'f str),
    Box(&'f str),
}

/// Sends every line of the form; `contents` after the first, which says what the document is.
pub(super) fn write(plan: &Plan, contents: Block, writer: &mut dyn Writer) -> Result<(), DocumentError> {
    let mut filler = Filler {
        plan,
        values: Values::new(plan),
        points: Vec::new(),
        section: 0,
    };
    let (opening, sections) = FORM.split_once('\n').unwrap_or((FORM, ""));
    filler.line(opening, writer)?;
    writer.write(contents)?;
    for line in sections.lines() {
        filler.line(line, writer)?;
    }
    filler.end_points(writer)
}

struct Filler<'p> {
    plan: &'p Plan,
    values: Values<'p>,
    /// Points that stand under each other.
    points: Vec<Text>,
    /// Number of the section, 0 before the first.
    section: usize,
}

impl Filler<'_> {
    fn line(&mut self, line: &str, writer: &mut dyn Writer) -> Result<(), DocumentError> {
        if let Some(table) = line.strip_prefix('@') {
            self.end_points(writer)?;
            return tables::write(table, self.plan, writer);
        }
        if let Some(table) = line.strip_prefix('~') {
            self.points.extend(not_applicable(self.plan, table));
            return Ok(());
        }
        if let Some(ours) = line.strip_prefix('+') {
            let is_filled =
                |piece: &Piece<'_>| !matches!(piece, Piece::Blank(key) if self.values.get(key).is_none());
            if pieces(ours).all(|piece| is_filled(&piece)) {
                self.points.push(self.filled(ours));
            }
            return Ok(());
        }
        if is_section(line) {
            self.end_points(writer)?;
            self.section += 1;
            return writer.write(Block::Heading {
                level: 1,
                text: self.filled(line),
            });
        }
        if let Some(rest) = line.strip_prefix('（')
            && let Some((number, rest)) = rest.split_once('）')
            && number.chars().all(|c| c.is_ascii_digit())
        {
            self.end_points(writer)?;
            return self.part(number, rest.trim_start(), writer);
        }
        if line.starts_with('[') || line.starts_with('·') || line.starts_with('(') {
            self.points.push(self.filled(line));
            return Ok(());
        }
        self.end_points(writer)?;
        writer.write(Block::Paragraph(self.filled(line)))
    }

    /// A part of a section: its title, and what stands behind it in the same line.
    fn part(&mut self, number: &str, line: &str, writer: &mut dyn Writer) -> Result<(), DocumentError> {
        let (title, rest) = line.split_once('：').unwrap_or((line, ""));
        let is_title = title.chars().count() <= LONGEST_HEADING && !title.contains(['{', '[']);
        let (title, rest) = if is_title {
            (title, rest)
        } else {
            (self.title_of_part(number).unwrap_or(title), line)
        };
        writer.write(Block::Heading {
            level: 2,
            text: Text::plain(format!("（{number}） {title}")),
        })?;
        if rest.is_empty() {
            return Ok(());
        }
        writer.write(Block::Paragraph(self.filled(rest)))
    }

    fn title_of_part(&self, number: &str) -> Option<&'static str> {
        let section = catalogue::sections().get(self.section.checked_sub(1)?)?;
        let part = section.parts.get(number.parse::<usize>().ok()?.checked_sub(1)?)?;
        Some(&part.zh_tw)
    }

    fn end_points(&mut self, writer: &mut dyn Writer) -> Result<(), DocumentError> {
        if self.points.is_empty() {
            return Ok(());
        }
        writer.write(Block::List(mem::take(&mut self.points)))
    }

    fn filled(&self, line: &str) -> Text {
        pieces(line).fold(Text::default(), |text, piece| match piece {
            Piece::Words(words) => text.and(Style::Plain, words),
            Piece::Blank(key) => match self.values.get(key) {
                Some(value) => text.and(Style::Strong, value),
                None => text.and(Style::Status(Tone::Bad), UNFILLED),
            },
            Piece::Box(key) if is_ticked(self.plan, key) => text.and(Style::Plain, "■"),
            Piece::Box(_) => text.and(Style::Plain, "□"),
        })
    }
}

/// `1、 …` and the appendix.
fn is_section(line: &str) -> bool {
    let number = line.split_once('、').map_or("", |(number, _)| number);
    line.starts_with("附錄：") || !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
}

/// A line as words, blanks and boxes.
pub(super) fn pieces(line: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        if let Some((key, after)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            rest = after;
            return Some(Piece::Blank(key));
        }
        if let Some((key, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            rest = after;
            return Some(Piece::Box(key));
        }
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(['{', '[']).unwrap_or(rest.len());
        let (words, after) = rest.split_at_checked(end.max(1)).unwrap_or((rest, ""));
        rest = after;
        Some(Piece::Words(words))
    })
}
