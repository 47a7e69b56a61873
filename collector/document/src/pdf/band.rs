//! Cells beside each other: the rows of tables, facts, points of a list, paragraphs.

use super::look::{LEFT, RULE, WIDTH};
use super::sheet::{Point, Sheet};
use super::typeset::{Passage, Typesetter};

/// Passages side by side that begin at the same height.
pub(super) struct Band {
    pub(super) cells: Vec<Cell>,
    /// Space above and below the words.
    pub(super) padding: f32,
    /// Whether a line is drawn below.
    pub(super) ruled: bool,
    /// Whether it stays on one page, if a page can hold it.
    pub(super) whole: bool,
}

pub(super) struct Cell {
    /// Distance from the left margin.
    pub(super) x: f32,
    pub(super) passage: Passage,
    /// How many lines have been drawn.
    drawn: usize,
}

impl Cell {
    pub(super) fn new(x: f32, passage: Passage) -> Self {
        Self { x, passage, drawn: 0 }
    }

    fn left(&self) -> usize {
        self.passage.len() - self.drawn
    }
}

impl Band {
    /// Words that may run on to the next page.
    pub(super) fn running(cells: Vec<Cell>) -> Self {
        Self {
            cells,
            padding: 0.0,
            ruled: false,
            whole: false,
        }
    }

    pub(super) fn height(&self) -> f32 {
        let heights = self.cells.iter().map(|cell| cell.passage.height());
        heights.fold(0.0, f32::max) + 2.0 * self.padding
    }

    /// Height of its first lines: as little of it as may stand at a page's foot.
    pub(super) fn lead(&self) -> f32 {
        let leads = self.cells.iter().map(|cell| {
            // Of three lines the last would stand alone on the next page.
            let lines = if cell.passage.len() == 3 { 3 } else { 2 };
            cell.passage.height_of(0..lines.min(cell.passage.len()))
        });
        leads.fold(0.0, f32::max) + 2.0 * self.padding
    }

    /// Draws as many lines as a height holds, below `y`, and says the height that they took. Nothing is drawn where not
    /// even one line fits, unless it is `forced`.
    pub(super) fn draw(
        &mut self,
        y: f32,
        room: f32,
        forced: bool,
        typesetter: &mut Typesetter,
        sheet: Option<&mut Sheet>,
    ) -> Option<f32> {
        let room = room - 2.0 * self.padding;
        let alone = self.cells.len() == 1;
        let mut taken: Vec<usize> = Vec::with_capacity(self.cells.len());
        for cell in &self.cells {
            let fitting = cell.passage.fitting(cell.drawn, room);
            taken.push(match cell.left() - fitting {
                1 if alone && fitting > 2 => fitting - 1,
                _ => fitting,
            });
        }
        if taken.iter().all(|lines| *lines == 0) && self.cells.iter().any(|cell| cell.left() > 0) {
            if !forced {
                return None;
            }
            taken = self.cells.iter().map(|cell| cell.left().min(1)).collect();
        }
        let mut height = 0.0_f32;
        let mut sheet = sheet;
        for (cell, lines) in self.cells.iter_mut().zip(taken) {
            let range = cell.drawn..cell.drawn + lines;
            height = height.max(cell.passage.height_of(range.clone()));
            if let Some(sheet) = sheet.as_deref_mut() {
                let at = Point {
                    x: LEFT + cell.x,
                    y: y + self.padding,
                };
                typesetter.draw(&cell.passage, range, at, sheet);
            }
            cell.drawn += lines;
        }
        height += 2.0 * self.padding;
        if let Some(sheet) = sheet
            && self.ruled
        {
            sheet.rule(LEFT, y + height, WIDTH, 0.6, RULE);
        }
        Some(height)
    }

    /// Whether all of it has been drawn.
    pub(super) fn is_drawn(&self) -> bool {
        self.cells.iter().all(|cell| cell.left() == 0)
    }
}
