//! The table of contents.

use super::band::{Band, Cell};
use super::flow::Flow;
use super::look::{ENTRY_1, ENTRY_2, Face, LEFT, SOFT, WIDTH};
use super::sheet::{Area, Link, Point};
use super::typeset::Passage;

/// Width kept free for page numbers and the end of the leaders.
const NUMBERS: f32 = 46.0;
const INDENT: f32 = 14.0;
/// Distance of a leader's dots, which stand below each other on all lines.
const DOTS: f32 = 4.2;

impl Flow<'_> {
    /// The headings of levels 1 and 2 with their pages, on pages of its own.
    pub(super) fn contents(&mut self, title: &str) {
        self.end_page();
        let title = self.typesetter.plain(title, Face::heading(1), WIDTH);
        self.title(1, title);
        self.y += 10.0;
        let headings = self.headings;
        for (index, heading) in headings
            .iter()
            .enumerate()
            .filter(|(_, heading)| heading.level <= 2)
        {
            let (face, x, above) = match heading.level {
                2 => (ENTRY_2, INDENT, 0.5),
                _ => (ENTRY_1, 0.0, 7.0),
            };
            let passage = self.typesetter.plain(&heading.title, face, WIDTH - x - NUMBERS);
            self.entry(index, passage, face, x, above);
        }
        self.end_page();
    }

    fn entry(&mut self, index: usize, passage: Passage, face: Face, x: f32, above: f32) {
        let height = passage.height();
        let end = LEFT + x + passage.last_width();
        let from_last_line = face.size * face.leading;
        self.leave(above);
        self.open(height);
        let top = self.y;
        let mut band = Band::running(vec![Cell::new(x, passage)]);
        band.whole = true;
        self.place(band, 0.0);
        let Some(place) = self.known.places.get(index).copied() else {
            return;
        };
        let number = self
            .typesetter
            .plain(&(place.page + 1).to_string(), face, NUMBERS);
        let number_x = LEFT + WIDTH - number.width();
        let y = self.y - from_last_line;
        let dots_y = y + number.baseline() - 1.0;
        self.draw_passage(&number, Point { x: number_x, y });
        self.draw(|sheet| {
            let mut dot = LEFT + WIDTH - DOTS * ((LEFT + WIDTH - number_x + 4.0) / DOTS).ceil();
            while dot > end + 4.0 {
                sheet.area(dot, dots_y, 0.9, 0.9, SOFT);
                dot -= DOTS;
            }
            let area = Area {
                x: LEFT + x,
                y: top,
                width: WIDTH - x,
                height: y + from_last_line - top,
            };
            sheet.links.push(Link { area, to: place });
        });
    }
}
