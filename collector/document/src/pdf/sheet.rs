//! What stands on one page, before it goes into the file.

use std::rc::Rc;

use krilla::text::{Font, KrillaGlyph};

use super::look::Colour;

/// One page's marks, in the order they are drawn.
#[derive(Default)]
pub(super) struct Sheet {
    pub(super) marks: Vec<Mark>,
    pub(super) links: Vec<Link>,
}

pub(super) enum Mark {
    Glyphs(Glyphs),
    /// Filled rectangles of one colour.
    Areas(Vec<Area>, Colour),
    /// Straight lines of one width and colour.
    Lines(Vec<(Point, Point)>, f32, Colour),
}

/// Glyphs on one baseline, alike in everything.
pub(super) struct Glyphs {
    pub(super) at: Point,
    pub(super) font: Font,
    pub(super) size: f32,
    pub(super) colour: Colour,
    /// The font has no heavier weight of its own: its outlines are drawn thicker.
    pub(super) embolden: bool,
    pub(super) glyphs: Vec<KrillaGlyph>,
    /// What the glyphs say.
    pub(super) words: Rc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: f32,
    pub(super) y: f32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) height: f32,
}

/// A part of the page that leads to another.
pub(super) struct Link {
    pub(super) area: Area,
    pub(super) to: Place,
}

/// A place in the document.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// The page, counted from 0.
    pub(super) page: usize,
    pub(super) y: f32,
}

impl Sheet {
    pub(super) fn area(&mut self, x: f32, y: f32, width: f32, height: f32, colour: Colour) {
        let area = Area { x, y, width, height };
        match self.marks.last_mut() {
            Some(Mark::Areas(areas, same)) if *same == colour => areas.push(area),
            _ => self.marks.push(Mark::Areas(vec![area], colour)),
        }
    }

    /// A line from left to right.
    pub(super) fn rule(&mut self, x: f32, y: f32, width: f32, weight: f32, colour: Colour) {
        self.area(x, y - weight / 2.0, width, weight, colour);
    }

    pub(super) fn line(&mut self, from: Point, to: Point, weight: f32, colour: Colour) {
        match self.marks.last_mut() {
            Some(Mark::Lines(lines, same, alike)) if *same == weight && *alike == colour => {
                lines.push((from, to));
            }
            _ => self.marks.push(Mark::Lines(vec![(from, to)], weight, colour)),
        }
    }
}
