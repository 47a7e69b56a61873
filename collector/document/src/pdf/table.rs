//! Tables: columns by their shares, a head that each page repeats, rows that stay whole.

use super::band::{Band, Cell};
use super::flow::Flow;
use super::look::{CELL, HEAD, HEIGHT, INK, LEFT, WASH, WIDTH};
use super::sheet::{Point, Sheet};
use super::typeset::{Passage, Typesetter};
use crate::{Column, Text};

/// Space between a column's edge and its words.
const SIDE: f32 = 4.5;
/// Space above and below a cell's words.
const PADDING: f32 = 3.2;

/// The table that stands open.
pub(super) struct Table {
    columns: Vec<Place>,
    head: Vec<Passage>,
    head_height: f32,
}

/// Where a column's words stand.
struct Place {
    x: f32,
    width: f32,
}

impl Table {
    pub(super) fn new(columns: &[Column], typesetter: &mut Typesetter) -> Self {
        let places = places(columns);
        let head: Vec<Passage> = columns
            .iter()
            .zip(&places)
            .map(|(column, place)| typesetter.plain(&column.title, HEAD, place.width))
            .collect();
        // A head takes no more than a quarter of a page, or no row would find room below it.
        let height = head
            .iter()
            .map(Passage::height)
            .fold(0.0, f32::max)
            .min(HEIGHT / 4.0);
        Self {
            columns: places,
            head,
            head_height: height + 2.0 * PADDING,
        }
    }

    pub(super) fn head_height(&self) -> f32 {
        self.head_height
    }

    pub(super) fn draw_head(&self, y: f32, typesetter: &mut Typesetter, sheet: &mut Sheet) {
        sheet.area(LEFT, y, WIDTH, self.head_height, WASH);
        sheet.rule(LEFT, y + self.head_height, WIDTH, 0.9, INK);
        for (passage, place) in self.head.iter().zip(&self.columns) {
            let lines = passage.fitting(0, self.head_height - 2.0 * PADDING);
            let x = LEFT + place.x;
            typesetter.draw(passage, 0..lines, Point { x, y: y + PADDING }, sheet);
        }
    }
}

impl Flow<'_> {
    pub(super) fn row(&mut self, cells: &[Text]) {
        let Some(table) = self.table.clone() else {
            return;
        };
        let cells = cells
            .iter()
            .zip(&table.columns)
            .map(|(text, place)| Cell::new(place.x, self.typesetter.set(text, CELL, place.width)))
            .collect();
        let band = Band {
            cells,
            padding: PADDING,
            ruled: true,
            whole: true,
        };
        self.place(band, 0.0);
    }
}

fn places(columns: &[Column]) -> Vec<Place> {
    let share = |column: &Column| match column.share {
        share if share.is_finite() && share > 0.0 => share.min(1e6),
        _ => 0.0,
    };
    let total: f32 = columns.iter().map(share).sum();
    let mut edge = 0.0;
    columns
        .iter()
        .map(|column| {
            let width = if total > 0.0 {
                WIDTH * share(column) / total
            } else {
                WIDTH
            };
            let place = Place {
                x: edge + SIDE,
                width: width - 2.0 * SIDE,
            };
            edge += width;
            place
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(share: f32) -> Column {
        Column {
            title: String::new(),
            share,
        }
    }

    #[test]
    fn columns_share_the_width() {
        let places = places(&[column(1.0), column(3.0), column(f32::NAN)]);
        assert!((places[1].width + 2.0 * SIDE - WIDTH * 0.75).abs() < 0.01);
        assert!(
            (places[2].x - SIDE - WIDTH).abs() < 0.01,
            "a share that is no number gets nothing"
        );
    }
}
