//! Measures and colours: the same as those of the report's style sheet, `collector/templates/report.css`.
//!
//! All lengths are in points, 72 to an inch; y grows downwards from a page's upper edge.

use crate::Tone;

/// Points in a millimetre.
const MM: f32 = 72.0 / 25.4;

pub(super) const PAGE_WIDTH: f32 = 210.0 * MM;
pub(super) const PAGE_HEIGHT: f32 = 297.0 * MM;
pub(super) const LEFT: f32 = 14.0 * MM;
pub(super) const TOP: f32 = 16.0 * MM;
/// Width between the margins.
pub(super) const WIDTH: f32 = PAGE_WIDTH - 2.0 * LEFT;
/// Where the foot's margin begins.
pub(super) const BOTTOM: f32 = PAGE_HEIGHT - 18.0 * MM;
/// Height between the margins.
pub(super) const HEIGHT: f32 = BOTTOM - TOP;
/// Upper edge of the running foot.
pub(super) const FOOT: f32 = PAGE_HEIGHT - 13.0 * MM;

/// An sRGB colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Colour(pub(super) u8, pub(super) u8, pub(super) u8);

pub(super) const INK: Colour = Colour(0x1c, 0x24, 0x30);
pub(super) const SOFT: Colour = Colour(0x5b, 0x66, 0x75);
pub(super) const RULE: Colour = Colour(0xd5, 0xdb, 0xe3);
pub(super) const WASH: Colour = Colour(0xf4, 0xf6, 0xf9);
pub(super) const WHITE: Colour = Colour(0xff, 0xff, 0xff);

/// The colour of a status.
pub(super) const fn tone(tone: Tone) -> Colour {
    match tone {
        Tone::Good => Colour(0x1a, 0x7f, 0x4b),
        Tone::Doubtful => Colour(0xa6, 0x64, 0x00),
        Tone::Bad => Colour(0xb3, 0x26, 0x1e),
        Tone::Neutral => SOFT,
    }
}

/// How words are set where their own style says nothing else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Face {
    /// Size of type.
    pub(super) size: f32,
    /// Distance of lines, in sizes of type.
    pub(super) leading: f32,
    pub(super) bold: bool,
    pub(super) colour: Colour,
}

impl Face {
    const fn new(size: f32, leading: f32, bold: bool, colour: Colour) -> Self {
        Self {
            size,
            leading,
            bold,
            colour,
        }
    }

    /// The face of a heading of this level.
    pub(super) const fn heading(level: u8) -> Self {
        match level {
            0 | 1 => Self::new(18.0, 1.35, true, INK),
            2 => Self::new(13.0, 1.4, true, INK),
            _ => Self::new(10.5, 1.45, true, INK),
        }
    }

    /// The same in another colour.
    pub(super) const fn coloured(self, colour: Colour) -> Self {
        Self { colour, ..self }
    }
}

pub(super) const BODY: Face = Face::new(10.0, 1.6, false, INK);
pub(super) const CELL: Face = Face::new(8.5, 1.5, false, INK);
pub(super) const HEAD: Face = Face::new(8.5, 1.4, true, INK);
pub(super) const FOOTER: Face = Face::new(8.0, 1.3, false, SOFT);
pub(super) const CHART: Face = Face::new(7.5, 1.3, false, SOFT);
pub(super) const ENTRY_1: Face = Face::new(10.5, 1.5, true, INK);
pub(super) const ENTRY_2: Face = Face::new(9.5, 1.5, false, INK);
pub(super) const COVER_COMPANY: Face = Face::new(13.0, 1.4, false, SOFT);
pub(super) const COVER_TITLE: Face = Face::new(30.0, 1.25, true, INK);
pub(super) const COVER_SUBTITLE: Face = Face::new(14.0, 1.45, false, INK);

/// How much smaller soft words are than those around them.
pub(super) const SOFTER: f32 = 0.87;
