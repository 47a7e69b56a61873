//! The first page, and the QR code on it.

use super::band::{Band, Cell};
use super::flow::Flow;
use super::look::{
    BODY, BOTTOM, COVER_COMPANY, COVER_SUBTITLE, COVER_TITLE, Face, INK, LEFT, RULE, TOP, WIDTH,
};
use super::sheet::{Point, Sheet};
use crate::{Cover, DocumentError, code};

/// Width of a code of few words.
const CODE: f32 = 86.0;
/// Phones read codes whose squares are at least as wide as this, on good paper.
const MODULE: f32 = 1.1;

/// Draws the first page.
pub(super) fn draw(flow: &mut Flow<'_>, cover: &Cover) -> Result<(), DocumentError> {
    flow.begin_bare_page();
    flow.y = TOP + 118.0;
    line(flow, &cover.company, COVER_COMPANY, 10.0);
    line(flow, &cover.title, COVER_TITLE, 10.0);
    line(flow, &cover.subtitle, COVER_SUBTITLE, 0.0);
    let y = flow.y + 24.0;
    flow.draw(|sheet| sheet.area(LEFT, y, 42.0, 3.0, INK));
    flow.y = y + 36.0;
    flow.facts(&cover.facts, BODY);
    if let Some((says, words)) = &cover.code {
        let code = Code::new(says)?;
        let words = flow.typesetter.set(words, BODY, WIDTH - code.width - 20.0);
        let height = code.width.max(words.height());
        flow.leave(24.0);
        flow.open(height);
        flow.y = flow.y.max(BOTTOM - height);
        let y = flow.y;
        let at = Point { x: LEFT, y };
        flow.draw(|sheet| {
            sheet.rule(LEFT, y - 14.0, WIDTH, 0.6, RULE);
            code.draw(at, sheet);
        });
        // The words stand beside the code's middle.
        let x = LEFT + code.width + 20.0;
        let y = y + (code.width - words.height()).max(0.0) / 2.0;
        flow.draw_passage(&words, Point { x, y });
        flow.y = y + height;
    }
    flow.end_page();
    Ok(())
}

fn line(flow: &mut Flow<'_>, words: &str, face: Face, below: f32) {
    if !words.is_empty() {
        let passage = flow.typesetter.plain(words, face, WIDTH);
        flow.place(Band::running(vec![Cell::new(0.0, passage)]), below);
    }
}

struct Code {
    modules: Vec<bool>,
    side: usize,
    width: f32,
}

impl Code {
    fn new(says: &str) -> Result<Self, DocumentError> {
        let (side, modules) = code::modules(says)?;
        Ok(Self {
            modules,
            side,
            width: (side as f32 * MODULE).max(CODE),
        })
    }

    /// Draws its squares, those beside each other as one: between two a printer may leave a white line.
    fn draw(&self, at: Point, sheet: &mut Sheet) {
        let module = self.width / self.side as f32;
        for (row, modules) in self.modules.chunks(self.side).enumerate() {
            let mut column = 0;
            for run in modules.chunk_by(|one, next| one == next) {
                if run.first() == Some(&true) {
                    let x = at.x + column as f32 * module;
                    let y = at.y + row as f32 * module;
                    // Slightly into the row below, for the same reason.
                    sheet.area(x, y, run.len() as f32 * module, module + 0.02, INK);
                }
                column += run.len();
            }
        }
    }
}
