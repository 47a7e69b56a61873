//! Words into lines: fonts, shaping and line breaking by parley.

use std::ops::Range;
use std::rc::Rc;

use krilla::text::{GlyphId, KrillaGlyph};
use parley::{
    Alignment, AlignmentOptions, BaseDirection, FontWeight, Layout, LayoutContext, LineHeight, OverflowWrap,
    StyleProperty,
};

use super::fonts::{FontPaths, Fonts};
use super::legible::{self, Shown};
use super::look::{Colour, Face, SOFT, SOFTER, tone};
use super::sheet::{Glyphs, Mark, Point, Sheet};
use crate::{DocumentError, Style, Text};

/// Longer runs of words without a line feed are set in parts of this many bytes, so that the cost of hostile ones stays
/// in proportion.
const MAX_PART: usize = 16 << 10;

/// Sets words in lines.
pub(super) struct Typesetter {
    fonts: Fonts,
    context: LayoutContext<Colour>,
}

/// Words in lines.
#[derive(Default)]
pub(super) struct Passage {
    parts: Vec<Part>,
    lines: Vec<Line>,
}

/// What stands between two line feeds.
struct Part {
    layout: Layout<Colour>,
    words: Rc<str>,
}

#[derive(Clone, Copy)]
struct Line {
    part: usize,
    index: usize,
    height: f32,
}

/// Words and their styles, before they are set.
#[derive(Default)]
struct Draft {
    words: String,
    styles: Vec<(Range<usize>, Style)>,
}

impl Typesetter {
    pub(super) fn new(paths: &FontPaths) -> Result<Self, DocumentError> {
        Ok(Self {
            fonts: Fonts::new(paths)?,
            context: LayoutContext::new(),
        })
    }

    /// Whether fonts of the computer were looked at.
    pub(super) fn asked_computer(&self) -> bool {
        self.fonts.asked_computer
    }

    /// Sets words in lines of a width.
    pub(super) fn set(&mut self, text: &Text, face: Face, width: f32) -> Passage {
        // A column that is narrower than a letter still holds one in each line.
        let width = width.max(face.size);
        let mut passage = Passage::default();
        for draft in drafts(text) {
            let part = self.part(draft, face, width);
            let index = passage.parts.len();
            passage
                .lines
                .extend(part.layout.lines().enumerate().map(|(line, lines)| Line {
                    part: index,
                    index: line,
                    height: lines.metrics().block_max_coord - lines.metrics().block_min_coord,
                }));
            passage.parts.push(part);
        }
        passage
    }

    /// Sets words that are the product's own or count something.
    pub(super) fn plain(&mut self, words: &str, face: Face, width: f32) -> Passage {
        self.set(&Text::plain(words), face, width)
    }

    fn part(&mut self, mut draft: Draft, face: Face, width: f32) -> Part {
        let mut layout = self.layout(&draft, face, width);
        let mut missing = missing(&layout);
        if !missing.is_empty() && self.fonts.ask_computer() {
            layout = self.layout(&draft, face, width);
            missing = self::missing(&layout);
        }
        // What stands below a missing mark may be missing itself, but that shows only when it stands alone.
        for _ in 0..2 {
            if missing.is_empty() {
                break;
            }
            draft = draft.with_numbers(&missing);
            layout = self.layout(&draft, face, width);
            missing = self::missing(&layout);
        }
        Part {
            layout,
            words: draft.words.into(),
        }
    }

    fn layout(&mut self, draft: &Draft, face: Face, width: f32) -> Layout<Colour> {
        let families = self.fonts.families();
        let mut builder = self
            .context
            .ranged_builder(&mut self.fonts.context, &draft.words, 1.0, false);
        // Numbers and marks keep their places beside words that run from right to left.
        builder.set_base_direction(BaseDirection::Ltr);
        builder.push_default(StyleProperty::FontFamily(families));
        builder.push_default(StyleProperty::FontSize(face.size));
        builder.push_default(StyleProperty::LineHeight(LineHeight::Absolute(
            face.size * face.leading,
        )));
        builder.push_default(StyleProperty::OverflowWrap(OverflowWrap::Anywhere));
        builder.push_default(StyleProperty::Brush(face.colour));
        if face.bold {
            builder.push_default(StyleProperty::FontWeight(FontWeight::BOLD));
        }
        for (range, style) in &draft.styles {
            match style {
                Style::Plain => {}
                Style::Strong => builder.push(StyleProperty::FontWeight(FontWeight::BOLD), range.clone()),
                Style::Soft => {
                    builder.push(StyleProperty::Brush(SOFT), range.clone());
                    builder.push(StyleProperty::FontSize(face.size * SOFTER), range.clone());
                }
                Style::Status(status) => {
                    builder.push(StyleProperty::FontWeight(FontWeight::BOLD), range.clone());
                    builder.push(StyleProperty::Brush(tone(*status)), range.clone());
                }
            }
        }
        let mut layout = builder.build(&draft.words);
        layout.break_all_lines(Some(width));
        layout.align(Alignment::Start, AlignmentOptions::default());
        layout
    }

    /// Draws some lines of a passage, the first with its upper edge at `at`.
    pub(super) fn draw(&mut self, passage: &Passage, lines: Range<usize>, at: Point, sheet: &mut Sheet) {
        let mut y = at.y;
        for line in passage.lines.get(lines).unwrap_or_default() {
            if let Some(part) = passage.parts.get(line.part)
                && !part.words.is_empty()
            {
                self.draw_line(part, line.index, Point { x: at.x, y }, sheet);
            }
            y += line.height;
        }
    }

    fn draw_line(&mut self, part: &Part, index: usize, at: Point, sheet: &mut Sheet) {
        let Some(line) = part.layout.get(index) else {
            return;
        };
        let metrics = line.metrics();
        let y = at.y + metrics.baseline - metrics.block_min_coord;
        let mut x = at.x + metrics.offset;
        for run in line.runs() {
            let Some(font) = self.fonts.embedded(run.font()) else {
                continue;
            };
            let size = run.font_size();
            let start = |x, colour| Glyphs {
                at: Point { x, y },
                font: font.clone(),
                size,
                colour,
                embolden: run.synthesis().embolden(),
                glyphs: Vec::new(),
                words: Rc::clone(&part.words),
            };
            let mut glyphs: Option<Glyphs> = None;
            for cluster in run.visual_clusters() {
                if cluster.is_ligature_continuation() {
                    if let Some(last) = glyphs.as_mut().and_then(|glyphs| glyphs.glyphs.last_mut()) {
                        last.text_range.end = last.text_range.end.max(cluster.text_range().end);
                    }
                    continue;
                }
                let colour = cluster.style().brush;
                // What has no glyph was given by its number; a box that says nothing is never drawn.
                for glyph in cluster.glyphs().filter(|glyph| glyph.id != 0) {
                    if let Some(other) = glyphs.take_if(|glyphs| glyphs.colour != colour) {
                        sheet.marks.push(Mark::Glyphs(other));
                    }
                    let current = glyphs.get_or_insert_with(|| start(x, colour));
                    current.glyphs.push(KrillaGlyph::new(
                        GlyphId::new(glyph.id),
                        glyph.advance / size,
                        glyph.x / size,
                        glyph.y / size,
                        0.0,
                        cluster.text_range(),
                        None,
                    ));
                    x += glyph.advance;
                }
            }
            if let Some(glyphs) = glyphs {
                sheet.marks.push(Mark::Glyphs(glyphs));
            }
        }
    }
}

impl Passage {
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn height(&self) -> f32 {
        self.height_of(0..self.lines.len())
    }

    /// Height of some of its lines.
    pub(super) fn height_of(&self, lines: Range<usize>) -> f32 {
        let lines = self.lines.get(lines).unwrap_or_default();
        lines.iter().map(|line| line.height).sum()
    }

    /// How many lines from one on stand in a height.
    pub(super) fn fitting(&self, from: usize, height: f32) -> usize {
        let mut left = height;
        let lines = self.lines.get(from..).unwrap_or_default();
        lines
            .iter()
            .take_while(|line| {
                left -= line.height;
                // Sums of the same heights differ in their last digits.
                left > -0.01
            })
            .count()
    }

    /// Width of its widest line.
    pub(super) fn width(&self) -> f32 {
        self.parts
            .iter()
            .map(|part| part.layout.width())
            .fold(0.0, f32::max)
    }

    /// Distance of the first line's baseline from its upper edge.
    pub(super) fn baseline(&self) -> f32 {
        self.parts
            .first()
            .and_then(|part| part.layout.first_baseline())
            .unwrap_or(0.0)
    }

    /// Width of its last line.
    pub(super) fn last_width(&self) -> f32 {
        let last = self.lines.last();
        last.and_then(|line| self.parts.get(line.part)?.layout.get(line.index))
            .map_or(0.0, |line| line.metrics().advance)
    }
}

/// What has no glyph in any font, in the order of the words.
fn missing(layout: &Layout<Colour>) -> Vec<Range<usize>> {
    let mut missing = Vec::new();
    for line in layout.lines() {
        for run in line.runs() {
            for cluster in run.clusters() {
                if cluster.glyphs().any(|glyph| glyph.id == 0) {
                    missing.push(cluster.text_range());
                }
            }
        }
    }
    missing.sort_by_key(|range| range.start);
    missing.dedup();
    missing
}

/// Parts of a text between its line feeds, with what cannot be seen made visible.
fn drafts(text: &Text) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let mut draft = Draft::default();
    for span in &text.0 {
        let mut start = draft.words.len();
        for character in span.words.chars() {
            let shown = legible::shown(character);
            if shown == Shown::NewLine || draft.words.len() >= MAX_PART {
                draft.styles.push((start..draft.words.len(), span.style));
                drafts.push(std::mem::take(&mut draft));
                start = 0;
            }
            match shown {
                Shown::AsIs => draft.words.push(character),
                Shown::Space => draft.words.push(' '),
                Shown::Number => draft.words.push_str(&legible::number(character)),
                Shown::NewLine | Shown::Nothing => {}
            }
        }
        draft.styles.push((start..draft.words.len(), span.style));
    }
    drafts.push(draft);
    drafts
}

impl Draft {
    /// With the numbers of characters in the stead of those in some ranges: of each range all but the first, which may
    /// bear the others as its marks.
    fn with_numbers(&self, ranges: &[Range<usize>]) -> Self {
        let mut words = String::new();
        let mut styles = Vec::new();
        for (range, style) in &self.styles {
            let start = words.len();
            let first = ranges.partition_point(|missing| missing.end <= range.start);
            let mut missing = ranges.get(first..).unwrap_or_default().iter().peekable();
            for (offset, character) in self.words.get(range.clone()).unwrap_or_default().char_indices() {
                let at = range.start + offset;
                while missing.next_if(|missing| missing.end <= at).is_some() {}
                let is_missing = missing.peek().is_some_and(|missing| {
                    let alone = missing.len() == character.len_utf8();
                    missing.contains(&at) && (alone || at > missing.start)
                });
                if is_missing {
                    words.push_str(&legible::number(character));
                } else {
                    words.push(character);
                }
            }
            styles.push((start..words.len(), *style));
        }
        Self { words, styles }
    }
}
