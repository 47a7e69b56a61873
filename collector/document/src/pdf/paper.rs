//! The file itself, page by page, by krilla.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use krilla::action::Action;
use krilla::annotation::{LinkAnnotation, Target};
use krilla::color::rgb;
use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule, Stroke};
use krilla::surface::Surface;
use krilla::{Document, SerializeSettings};
use plumbline_config::lang::Lang;

use super::flow::{Heading, Plan};
use super::legible;
use super::look::{Colour, LEFT, PAGE_HEIGHT, PAGE_WIDTH};
use super::sheet::{Area, Glyphs, Link, Mark, Place, Point, Sheet};
use crate::{DocumentError, Properties};

/// How much thicker outlines become for a heavier weight, in sizes of type.
const HEAVIER: f32 = 0.03;

/// A file that is being written.
pub(super) struct Paper {
    document: Document,
}

impl Paper {
    pub(super) fn new(properties: &Properties) -> Result<Self, DocumentError> {
        let configuration = ConfigurationBuilder::new()
            .with_archival_validator(Archival::A2_U)
            .finish()
            .map_err(|error| DocumentError::Layout(format!("{error:?}")))?;
        let mut document = Document::new_with(SerializeSettings {
            configuration,
            // A tree of all cells of a large annex would take more memory than all its pages.
            enable_tagging: false,
            ..SerializeSettings::default()
        });
        document.set_metadata(metadata(properties));
        Ok(Self { document })
    }

    /// Adds a page.
    pub(super) fn add(&mut self, sheet: Sheet) {
        let settings = PageSettings::from_wh(PAGE_WIDTH, PAGE_HEIGHT).unwrap_or_default();
        let mut page = self.document.start_page_with(settings);
        let mut surface = page.surface();
        for mark in sheet.marks {
            match mark {
                Mark::Glyphs(glyphs) => draw_glyphs(&mut surface, &glyphs),
                Mark::Areas(areas, colour) => draw_areas(&mut surface, &areas, colour),
                Mark::Lines(lines, weight, colour) => draw_lines(&mut surface, &lines, weight, colour),
            }
        }
        surface.finish();
        for Link { area, to } in sheet.links {
            if let Some(area) = rect(area) {
                let target = Target::Action(Action::Goto(destination(to).into()));
                page.add_annotation(LinkAnnotation::new(area, target).into());
            }
        }
    }

    /// The file's bytes.
    pub(super) fn finish(mut self, headings: &[Heading], plan: &Plan) -> Result<Vec<u8>, DocumentError> {
        let entries: Vec<(&Heading, Place)> = headings.iter().zip(plan.places.iter().copied()).collect();
        let mut outline = Outline::new();
        for node in nodes(&entries, 1) {
            outline.push_child(node);
        }
        self.document.set_outline(outline);
        self.document
            .finish()
            .map_err(|error| DocumentError::Layout(error.to_string()))
    }
}

/// Entries of a level with those below them. An entry that skips a level stands where the level above would.
fn nodes(entries: &[(&Heading, Place)], level: u8) -> Vec<OutlineNode> {
    let mut nodes = Vec::new();
    let mut rest = entries;
    while let Some(((heading, place), after)) = rest.split_first() {
        let below = match level {
            ..3 => after
                .iter()
                .take_while(|(heading, _)| heading.level > level)
                .count(),
            3.. => 0,
        };
        let (children, next) = after.split_at(below);
        let mut node = OutlineNode::new(heading.title.clone(), destination(*place));
        for child in nodes_below(children, level) {
            node.push_child(child);
        }
        nodes.push(node);
        rest = next;
    }
    nodes
}

fn nodes_below(entries: &[(&Heading, Place)], level: u8) -> Vec<OutlineNode> {
    if level < 3 {
        nodes(entries, level + 1)
    } else {
        Vec::new()
    }
}

fn destination(place: Place) -> XyzDestination {
    XyzDestination::new(
        place.page,
        krilla::geom::Point {
            x: LEFT,
            y: (place.y - 6.0).max(0.0),
        },
    )
}

fn metadata(properties: &Properties) -> Metadata {
    let language = match properties.lang {
        Lang::ZhTw => "zh-TW",
        Lang::En => "en",
    };
    // PDF/A wants a date (ISO 19005-2, 6.6.2.3): where there is none, the same one each time.
    let made_at = properties.made_at.and_then(|at| Timestamp::from_second(at).ok());
    Metadata::new()
        .title(legible::line(&properties.title))
        .authors(vec![legible::line(&properties.company)])
        .creator("Plumbline".to_owned())
        .language(language.to_owned())
        .creation_date(date(made_at.unwrap_or(Timestamp::UNIX_EPOCH)))
}

fn date(at: Timestamp) -> DateTime {
    let at = at.to_zoned(TimeZone::UTC);
    DateTime::new(at.year().unsigned_abs())
        .month(at.month().unsigned_abs())
        .day(at.day().unsigned_abs())
        .hour(at.hour().unsigned_abs())
        .minute(at.minute().unsigned_abs())
        .second(at.second().unsigned_abs())
        .utc_offset_hour(0)
        .utc_offset_minute(0)
}

fn draw_glyphs(surface: &mut Surface<'_>, glyphs: &Glyphs) {
    surface.set_fill(Some(fill(glyphs.colour)));
    surface.set_stroke(
        glyphs
            .embolden
            .then(|| stroke(glyphs.colour, glyphs.size * HEAVIER)),
    );
    surface.draw_glyphs(
        point(glyphs.at),
        &glyphs.glyphs,
        glyphs.font.clone(),
        &glyphs.words,
        glyphs.size,
        false,
    );
}

fn draw_areas(surface: &mut Surface<'_>, areas: &[Area], colour: Colour) {
    let mut path = PathBuilder::new();
    for area in areas.iter().filter_map(|area| rect(*area)) {
        path.push_rect(area);
    }
    if let Some(path) = path.finish() {
        surface.set_fill(Some(fill(colour)));
        surface.set_stroke(None);
        surface.draw_path(&path);
    }
}

fn draw_lines(surface: &mut Surface<'_>, lines: &[(Point, Point)], weight: f32, colour: Colour) {
    let mut path = PathBuilder::new();
    for (from, to) in lines {
        path.move_to(from.x, from.y);
        path.line_to(to.x, to.y);
    }
    if let Some(path) = path.finish() {
        surface.set_fill(None);
        surface.set_stroke(Some(stroke(colour, weight)));
        surface.draw_path(&path);
    }
}

fn fill(colour: Colour) -> Fill {
    Fill {
        paint: rgb::Color::new(colour.0, colour.1, colour.2).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::NonZero,
    }
}

fn stroke(colour: Colour, width: f32) -> Stroke {
    Stroke {
        paint: rgb::Color::new(colour.0, colour.1, colour.2).into(),
        width,
        ..Stroke::default()
    }
}

fn rect(area: Area) -> Option<Rect> {
    Rect::from_xywh(area.x, area.y, area.width, area.height)
}

fn point(point: Point) -> krilla::geom::Point {
    krilla::geom::Point {
        x: point.x,
        y: point.y,
    }
}
