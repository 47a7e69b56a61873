//! Stacked bars, which tell their layers apart by texture, too: many reports are printed in black and white.

use super::flow::Flow;
use super::look::{CHART, Colour, Face, INK, LEFT, RULE, SOFT, WHITE, WIDTH, tone};
use super::sheet::{Area, Point, Sheet};
use super::typeset::Passage;
use crate::{Chart, Tone};

/// Height of the highest bar.
const HEIGHT: f32 = 140.0;
/// Widest bar.
const BAR: f32 = 40.0;
const SWATCH: f32 = 9.0;
/// Weight of outlines and hatching.
const LINE: f32 = 0.8;

/// How a layer's bars are filled.
#[derive(Clone, Copy, PartialEq)]
struct Texture {
    tone: Tone,
    /// How many layers of the same tone came before.
    repeated: usize,
}

/// The steps of the scale beside the bars.
struct Scale {
    step: u64,
    steps: u64,
}

impl Flow<'_> {
    pub(super) fn chart(&mut self, chart: &Chart) {
        let title = self.typesetter.plain(&chart.title, Face::heading(3), WIDTH);
        let textures = textures(chart);
        let key: Vec<Passage> = chart
            .layers
            .iter()
            .map(|layer| {
                self.typesetter
                    .plain(&layer.title, CHART.coloured(INK), WIDTH / 2.0)
            })
            .collect();
        let (at, key_height) = key_places(&key);
        let scale = Scale::new(totals(chart).max().unwrap_or(0));
        self.leave(10.0);
        self.open(title.height() + key_height + HEIGHT + 40.0);

        let y = self.y;
        self.draw_passage(&title, Point { x: LEFT, y });
        self.y += title.height() + 4.0;
        for ((passage, texture), at) in key.iter().zip(&textures).zip(&at) {
            let y = self.y + at.y;
            let swatch = Area {
                x: LEFT + at.x,
                y: y + (passage.height() - SWATCH) / 2.0,
                width: SWATCH,
                height: SWATCH,
            };
            self.draw(|sheet| texture.fill(swatch, sheet));
            let x = LEFT + at.x + SWATCH + 4.0;
            self.draw_passage(passage, Point { x, y });
        }
        self.y += key_height + 8.0;
        self.plot(chart, &textures, &scale);
        self.leave(10.0);
    }

    fn plot(&mut self, chart: &Chart, textures: &[Texture], scale: &Scale) {
        let top = self.y;
        let bottom = top + HEIGHT;
        let labels: Vec<Passage> = (0..=scale.steps)
            .map(|step| {
                let number = u128::from(step) * u128::from(scale.step);
                self.typesetter.plain(&number.to_string(), CHART, WIDTH)
            })
            .collect();
        let gutter = labels.iter().map(Passage::width).fold(0.0, f32::max) + 6.0;
        let left = LEFT + gutter;
        let width = WIDTH - gutter;
        for (step, label) in labels.iter().enumerate() {
            let y = bottom - HEIGHT * step as f32 / scale.steps as f32;
            self.draw(|sheet| sheet.rule(left, y, width, 0.5, if step == 0 { SOFT } else { RULE }));
            let x = left - 6.0 - label.width();
            self.draw_passage(
                label,
                Point {
                    x,
                    y: y - label.height() / 2.0,
                },
            );
        }
        if chart.places.is_empty() {
            self.y = bottom + 6.0;
            return;
        }
        let slot = width / chart.places.len() as f32;
        let bar = (slot * 0.62).min(BAR);
        for place in 0..chart.places.len() {
            let x = left + slot * place as f32 + (slot - bar) / 2.0;
            let mut foot = bottom;
            for (layer, texture) in chart.layers.iter().zip(textures) {
                let number = layer.numbers.get(place).copied().unwrap_or(0);
                let height = scale.height(number);
                let area = Area {
                    x,
                    y: foot - height,
                    width: bar,
                    height,
                };
                foot -= height;
                if number > 0 {
                    self.draw(|sheet| texture.fill(area, sheet));
                    self.number(number, area, *texture);
                }
            }
        }
        self.y = bottom + 4.0;
        self.places(&chart.places, left, slot);
    }

    /// A number on its part of a bar, where it fits.
    fn number(&mut self, number: u64, area: Area, texture: Texture) {
        let number = self
            .typesetter
            .plain(&number.to_string(), CHART.coloured(texture.ink()), WIDTH);
        let (width, height) = (number.width(), number.height());
        if width + 4.0 > area.width || height + 1.0 > area.height {
            return;
        }
        let x = area.x + (area.width - width) / 2.0;
        let y = area.y + (area.height - height) / 2.0;
        if texture.is_hatched() {
            self.draw(|sheet| sheet.area(x - 1.5, y, width + 3.0, height, WHITE));
        }
        self.draw_passage(&number, Point { x, y });
    }

    /// What stands under the bars: as many as there is room for, the newest always.
    fn places(&mut self, places: &[String], left: f32, slot: f32) {
        let widest = places.iter().rev().take(64);
        let widest = widest.map(|place| self.typesetter.plain(place, CHART, WIDTH).width());
        let widest = widest.fold(0.0, f32::max) + 6.0;
        let mut next = f32::INFINITY;
        let mut height = 0.0_f32;
        for (index, place) in places.iter().enumerate().rev() {
            let middle = left + slot * (index as f32 + 0.5);
            if middle + widest / 2.0 > next {
                continue;
            }
            let label = self.typesetter.plain(place, CHART, widest.min(WIDTH / 2.0));
            let x = (middle - label.width() / 2.0).min(LEFT + WIDTH - label.width());
            let y = self.y;
            self.draw_passage(&label, Point { x, y });
            height = height.max(label.height());
            next = x;
        }
        self.y += height;
    }
}

impl Scale {
    /// At most five steps of 1, 2 or 5 times a power of ten.
    fn new(highest: u64) -> Self {
        let mut step = 1_u64;
        for factor in [2, 5, 10].into_iter().cycle() {
            if step.saturating_mul(5) >= highest {
                break;
            }
            let power = 10_u64.saturating_pow(step.ilog10());
            step = power.saturating_mul(factor);
        }
        Self {
            step,
            steps: highest.div_ceil(step).max(1),
        }
    }

    fn height(&self, number: u64) -> f32 {
        HEIGHT * (number as f32 / (self.step as f32 * self.steps as f32))
    }
}

impl Texture {
    fn fill(self, area: Area, sheet: &mut Sheet) {
        let colour = tone(self.tone);
        let Area { x, y, width, height } = area;
        // Of ninety narrow bars the outlines would be all that is seen.
        let weight = LINE.min(width / 8.0);
        let inner = match self.tone {
            Tone::Good => tint(colour),
            Tone::Bad => colour,
            Tone::Doubtful | Tone::Neutral => WHITE,
        };
        sheet.area(x, y, width, height, inner);
        if self.tone == Tone::Doubtful {
            hatch(area, 4.0, colour, sheet);
        }
        if self.repeated > 0 {
            let colour = if self.tone == Tone::Bad { WHITE } else { colour };
            let mut line = y + 4.0;
            while line < y + height {
                sheet.rule(x, line, width, weight, colour);
                line += 3.0 + self.repeated as f32;
            }
        }
        let corners = [
            (x, y),
            (x + width, y),
            (x + width, y + height),
            (x, y + height),
            (x, y),
        ];
        let corners = corners.map(|(x, y)| Point { x, y });
        for (from, to) in corners.iter().zip(corners.iter().skip(1)) {
            sheet.line(*from, *to, weight, colour);
        }
    }

    fn is_hatched(self) -> bool {
        self.tone == Tone::Doubtful || self.repeated > 0
    }

    /// The colour of words on it.
    fn ink(self) -> Colour {
        if self.tone == Tone::Bad && self.repeated == 0 {
            WHITE
        } else {
            INK
        }
    }
}

/// Slanting lines over an area.
fn hatch(area: Area, distance: f32, colour: Colour, sheet: &mut Sheet) {
    let Area { x, y, width, height } = area;
    let mut offset = distance;
    while offset < width + height {
        // The line on which the distances from the left and the upper edge add up to the offset.
        let from = Point {
            x: x + (offset - height).max(0.0),
            y: y + offset.min(height),
        };
        let to = Point {
            x: x + offset.min(width),
            y: y + (offset - width).max(0.0),
        };
        sheet.line(from, to, LINE, colour);
        offset += distance;
    }
}

fn tint(colour: Colour) -> Colour {
    let pale = |part: u8| 255 - (255 - part) / 3;
    Colour(pale(colour.0), pale(colour.1), pale(colour.2))
}

fn textures(chart: &Chart) -> Vec<Texture> {
    let layers = chart.layers.iter().enumerate();
    layers
        .map(|(index, layer)| Texture {
            tone: layer.tone,
            repeated: chart
                .layers
                .iter()
                .take(index)
                .filter(|other| other.tone == layer.tone)
                .count(),
        })
        .collect()
}

fn totals(chart: &Chart) -> impl Iterator<Item = u64> {
    (0..chart.places.len()).map(|place| {
        let numbers = chart.layers.iter().filter_map(|layer| layer.numbers.get(place));
        numbers.fold(0_u64, |total, number| total.saturating_add(*number))
    })
}

/// Where each entry of the key stands, and the height of all.
fn key_places(key: &[Passage]) -> (Vec<Point>, f32) {
    let mut at = Point { x: 0.0, y: 0.0 };
    let mut line = 0.0_f32;
    let mut places = Vec::new();
    for passage in key {
        let width = SWATCH + 4.0 + passage.width() + 16.0;
        if at.x > 0.0 && at.x + width > WIDTH {
            at = Point {
                x: 0.0,
                y: at.y + line,
            };
            line = 0.0;
        }
        places.push(at);
        at.x += width;
        line = line.max(passage.height());
    }
    (places, at.y + line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_round_and_reach_the_highest_bar() {
        for (highest, step, steps) in [
            (0, 1, 1),
            (5, 1, 5),
            (6, 2, 3),
            (138, 50, 3),
            (4_999, 1_000, 5),
            (5_001, 2_000, 3),
        ] {
            let scale = Scale::new(highest);
            assert_eq!((scale.step, scale.steps), (step, steps), "{highest}");
        }
        let scale = Scale::new(u64::MAX);
        assert!(scale.steps <= 5 && scale.height(u64::MAX) <= HEIGHT);
    }
}
