//! Blocks down the pages: where each stands, and where a page ends.

use std::rc::Rc;

use super::band::{Band, Cell};
use super::look::{BODY, BOTTOM, FOOT, FOOTER, Face, HEIGHT, INK, LEFT, PAGE_WIDTH, RULE, SOFT, TOP, WIDTH};
use super::mark::marked;
use super::paper::Paper;
use super::sheet::{Place, Point, Sheet};
use super::table::Table;
use super::typeset::{Passage, Typesetter};
use crate::{Block, Cover, DocumentError, Text};

/// A heading of the document, in its order.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    pub(super) level: u8,
    pub(super) title: String,
}

/// What a first flow finds out for a second one.
#[derive(Default)]
pub(super) struct Plan {
    /// Where each heading stands.
    pub(super) places: Vec<Place>,
    /// How many pages there are; 0 in the first flow.
    pub(super) pages: usize,
}

/// Lays blocks out on pages. The first of two flows only counts; the second draws.
pub(super) struct Flow<'a> {
    pub(super) typesetter: &'a mut Typesetter,
    pub(super) headings: &'a [Heading],
    /// What the flow before found out.
    pub(super) known: &'a Plan,
    paper: Option<&'a mut Paper>,
    /// What this flow finds out.
    found: Plan,
    sheet: Sheet,
    footer: Passage,
    pub(super) table: Option<Rc<Table>>,
    /// Where the next thing begins.
    pub(super) y: f32,
    /// Space wanted above the next thing, unless it begins a page.
    gap: f32,
    /// Whether anything stands on the page.
    used: bool,
    /// Whether the page has no foot.
    bare: bool,
    /// Whether the next thing begins a page.
    breaks: bool,
    /// What must not stand at a page's foot without what follows.
    waiting: Vec<Waiting>,
}

enum Waiting {
    Heading { level: u8, passage: Passage },
    TableHead,
}

impl<'a> Flow<'a> {
    pub(super) fn new(
        typesetter: &'a mut Typesetter,
        footer: &str,
        headings: &'a [Heading],
        known: &'a Plan,
        paper: Option<&'a mut Paper>,
    ) -> Self {
        let footer = typesetter.plain(footer, FOOTER, WIDTH - 90.0);
        Self {
            typesetter,
            headings,
            known,
            paper,
            found: Plan::default(),
            sheet: Sheet::default(),
            footer,
            table: None,
            y: TOP,
            gap: 0.0,
            used: false,
            bare: false,
            breaks: false,
            waiting: Vec::new(),
        }
    }

    pub(super) fn block(&mut self, block: Block) -> Result<(), DocumentError> {
        match block {
            Block::Cover(cover) => self.cover(&cover)?,
            Block::Contents { title } => self.contents(&title),
            Block::Heading { level, text } => self.heading(level, &text),
            Block::Paragraph(text) => {
                let passage = self.typesetter.set(&text, BODY, WIDTH);
                self.place(Band::running(vec![Cell::new(0.0, passage)]), 5.0);
            }
            Block::List(points) => self.list(&points),
            Block::Facts(facts) => self.facts(&facts, BODY),
            Block::Table(columns) => {
                let table = Table::new(&columns, self.typesetter);
                self.table = Some(Rc::new(table));
                self.waiting.push(Waiting::TableHead);
            }
            Block::Row(cells) => self.row(&cells),
            Block::TableEnd => {
                self.settle();
                self.table = None;
                self.gap = 12.0;
            }
            Block::Chart(chart) => self.chart(&chart),
            Block::PageBreak => {
                self.settle();
                self.breaks = true;
            }
        }
        Ok(())
    }

    /// Ends the last page and says what was found.
    pub(super) fn end(mut self) -> Plan {
        self.settle();
        if self.used || self.found.pages == 0 {
            self.turn();
        }
        self.found
    }

    fn heading(&mut self, level: u8, text: &Text) {
        if level <= 1 {
            self.settle();
            self.breaks = true;
        }
        let passage = self.typesetter.set(text, Face::heading(level), WIDTH);
        self.waiting.push(Waiting::Heading { level, passage });
    }

    fn list(&mut self, points: &[Text]) {
        const INDENT: f32 = 13.0;
        for (index, point) in points.iter().enumerate() {
            let (mark, words) = marked(point);
            let cells = vec![
                Cell::new(2.0, self.typesetter.plain(mark, BODY, INDENT)),
                Cell::new(INDENT, self.typesetter.set(&words, BODY, WIDTH - INDENT)),
            ];
            let last = index + 1 == points.len();
            self.place(Band::running(cells), if last { 8.0 } else { 2.0 });
        }
    }

    /// Names and what they are, in two columns.
    pub(super) fn facts(&mut self, facts: &[(String, Text)], face: Face) {
        let names: Vec<Passage> = facts
            .iter()
            .map(|(name, _)| {
                let face = face.coloured(SOFT);
                self.typesetter.plain(name, face, WIDTH * 0.35)
            })
            .collect();
        let x = names.iter().map(Passage::width).fold(0.0, f32::max) + 16.0;
        for (index, (name, (_, value))) in names.into_iter().zip(facts).enumerate() {
            let value = self.typesetter.set(value, face, WIDTH - x);
            let mut band = Band::running(vec![Cell::new(0.0, name), Cell::new(x, value)]);
            band.whole = true;
            let last = index + 1 == facts.len();
            self.place(band, if last { 8.0 } else { 1.5 });
        }
    }

    /// Places cells below what stands there, on the next page where need be, and leaves a space below.
    pub(super) fn place(&mut self, mut band: Band, below: f32) {
        let head = self.table.as_ref().map_or(0.0, |table| table.head_height());
        let height = band.height();
        let whole = band.whole && height <= HEIGHT - head;
        let wanted = if whole {
            height
        } else {
            band.lead().min(HEIGHT - head)
        };
        self.open(wanted);
        // Headings that waited may have left too little of a page that they began.
        if whole && self.y + height > BOTTOM + 0.01 && !self.is_fresh(head) {
            self.turn();
            self.repeat_head();
        }
        loop {
            let forced = self.is_fresh(head);
            let sheet = self.paper.is_some().then_some(&mut self.sheet);
            let drawn = band.draw(self.y, BOTTOM - self.y, forced, self.typesetter, sheet);
            if let Some(height) = drawn {
                self.y += height;
                self.used = true;
            }
            if band.is_drawn() {
                break;
            }
            self.turn();
            self.repeat_head();
        }
        self.gap = below;
    }

    /// Whether nothing but a table's head stands on the page.
    fn is_fresh(&self, head: f32) -> bool {
        self.y - TOP - head < 1.0
    }

    /// Makes room for something of a height and places what waits for it.
    pub(super) fn open(&mut self, height: f32) {
        let waiting = std::mem::take(&mut self.waiting);
        let mut needed = height;
        let mut gap = self.gap;
        for waiting in &waiting {
            needed += gap.max(waiting.above()) + self.height_of(waiting);
            gap = waiting.below();
        }
        needed += gap;
        let full = self.y + needed > BOTTOM + 0.01;
        if self.used && (self.breaks || full) {
            self.turn();
            if waiting.is_empty() {
                self.repeat_head();
            }
        }
        self.breaks = false;
        for waiting in waiting {
            self.skip(waiting.above());
            self.place_waiting(waiting);
        }
        self.skip(0.0);
    }

    /// Places what waits, though nothing follows it.
    fn settle(&mut self) {
        if !self.waiting.is_empty() {
            self.open(0.0);
        }
    }

    /// Draws, in the second flow.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Sheet)) {
        self.used = true;
        if self.paper.is_some() {
            draw(&mut self.sheet);
        }
    }

    /// Draws all of a passage, in the second flow.
    pub(super) fn draw_passage(&mut self, passage: &Passage, at: Point) {
        self.used = true;
        if self.paper.is_some() {
            self.typesetter
                .draw(passage, 0..passage.len(), at, &mut self.sheet);
        }
    }

    /// Makes the page one of its own, without a foot.
    pub(super) fn begin_bare_page(&mut self) {
        self.breaks = true;
        self.open(0.0);
        self.bare = true;
    }

    /// Leaves at least this much above what comes next.
    pub(super) fn leave(&mut self, gap: f32) {
        self.gap = self.gap.max(gap);
    }

    /// What comes next begins a page.
    pub(super) fn end_page(&mut self) {
        self.breaks = true;
    }

    fn height_of(&self, waiting: &Waiting) -> f32 {
        match waiting {
            Waiting::Heading { passage, .. } => passage.height(),
            Waiting::TableHead => self.table.as_ref().map_or(0.0, |table| table.head_height()),
        }
    }

    fn place_waiting(&mut self, waiting: Waiting) {
        let below = waiting.below();
        match waiting {
            Waiting::Heading { level, passage } => {
                self.found.places.push(Place {
                    page: self.found.pages,
                    y: self.y,
                });
                self.title(level, passage);
            }
            Waiting::TableHead => self.repeat_head(),
        }
        self.gap = below;
    }

    /// Places a heading's words, underlined at level 1.
    pub(super) fn title(&mut self, level: u8, passage: Passage) {
        let mut band = Band::running(vec![Cell::new(0.0, passage)]);
        band.whole = true;
        self.place(band, 0.0);
        if level <= 1 {
            let y = self.y + 3.0;
            self.draw(|sheet| sheet.rule(LEFT, y, WIDTH, 1.4, INK));
        }
    }

    fn repeat_head(&mut self) {
        if let Some(table) = self.table.clone() {
            let y = self.y;
            self.used = true;
            if self.paper.is_some() {
                table.draw_head(y, self.typesetter, &mut self.sheet);
            }
            self.y += table.head_height();
        }
    }

    /// Leaves the space that is wanted between two things, but not above the first of a page.
    fn skip(&mut self, above: f32) {
        if self.y > TOP {
            self.y += self.gap.max(above);
        }
        self.gap = 0.0;
    }

    /// Ends the page.
    fn turn(&mut self) {
        let mut sheet = std::mem::take(&mut self.sheet);
        if let Some(paper) = self.paper.as_deref_mut() {
            if !self.bare {
                sheet.rule(LEFT, FOOT, WIDTH, 0.5, RULE);
                let y = FOOT + 4.0;
                self.typesetter
                    .draw(&self.footer, 0..1, Point { x: LEFT, y }, &mut sheet);
                let number = format!("{} / {}", self.found.pages + 1, self.known.pages);
                let number = self.typesetter.plain(&number, FOOTER, WIDTH);
                let x = PAGE_WIDTH - LEFT - number.width();
                self.typesetter.draw(&number, 0..1, Point { x, y }, &mut sheet);
            }
            paper.add(sheet);
        }
        self.found.pages += 1;
        self.y = TOP;
        self.gap = 0.0;
        self.used = false;
        self.bare = false;
    }

    fn cover(&mut self, cover: &Cover) -> Result<(), DocumentError> {
        self.settle();
        super::cover::draw(self, cover)
    }
}

impl Waiting {
    /// Space above it.
    fn above(&self) -> f32 {
        match self {
            Self::Heading { level: 0 | 1, .. } => 0.0,
            Self::Heading { level: 2, .. } => 20.0,
            Self::Heading { .. } => 13.0,
            Self::TableHead => 4.0,
        }
    }

    /// Space below it.
    fn below(&self) -> f32 {
        match self {
            Self::Heading { level: 0 | 1, .. } => 14.0,
            Self::Heading { level: 2, .. } => 6.0,
            Self::Heading { .. } => 3.0,
            Self::TableHead => 0.0,
        }
    }
}
