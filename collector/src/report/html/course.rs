//! The period's course as bars, drawn without a script and without styles of its own.

use super::super::course::CoursePoint;
use crate::checklist::LineStatus;

/// Height of the highest bar; all lengths are in units of the drawing, which the page scales.
const HEIGHT: usize = 160;

/// From one bar to the next.
const SLOT: usize = 46;

/// Width of a bar.
const BAR: usize = 30;

/// Room above for nothing, below for the days.
const MARGIN: usize = 8;
const LABEL: usize = 18;

/// Slots that there is room for at least, so that few bars are no wider than many.
const FEWEST: usize = 14;

/// Least height of a part that has room for its number.
const NUMBERED: usize = 11;

/// The drawing.
pub(super) struct Course {
    /// Its size.
    pub(super) width: usize,
    pub(super) height: usize,
    /// Where the days stand.
    pub(super) label_y: usize,
    /// The bars.
    pub(super) bars: Vec<Bar>,
}

/// A day.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) middle: usize,
    pub(super) parts: Vec<Part>,
}

/// The lines of a day that stood alike.
pub(super) struct Part {
    pub(super) status: LineStatus,
    pub(super) number: usize,
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    /// Where the number stands, if there is room for it.
    pub(super) number_y: Option<usize>,
}

impl Course {
    /// Draws it; `None`: there is nothing to compare.
    pub(super) fn of(points: &[CoursePoint]) -> Option<Self> {
        let highest = points
            .iter()
            .map(|point| point.lines.iter().sum::<usize>())
            .max()?;
        if points.len() < 2 || highest == 0 {
            return None;
        }
        let bars = points.iter().enumerate().map(|(place, point)| {
            let x = place * SLOT + (SLOT - BAR) / 2;
            let (mut foot, mut parts) = (MARGIN + HEIGHT, Vec::new());
            let statuses = LineStatus::ALL.into_iter().zip(point.lines);
            for (status, number) in statuses.filter(|(_, number)| *number > 0) {
                let height = (number * HEIGHT / highest).max(1);
                foot = foot.saturating_sub(height);
                parts.push(Part {
                    status,
                    number,
                    x,
                    y: foot,
                    width: BAR,
                    height,
                    number_y: (height >= NUMBERED).then_some(foot + height / 2 + 4),
                });
            }
            Bar {
                label: point.label(),
                middle: x + BAR / 2,
                parts,
            }
        });
        Some(Self {
            width: points.len().max(FEWEST) * SLOT,
            height: MARGIN + HEIGHT + LABEL,
            label_y: MARGIN + HEIGHT + LABEL - 4,
            bars: bars.collect(),
        })
    }
}
