//! What stands in a cell.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumbline_config::finding::Status;
use rust_xlsxwriter::ExcelDateTime;

use crate::checklist::LineStatus;
use crate::freshness::HostState;
use crate::report::words::Words;

/// Most UTF-16 units of a text: what Excel takes.
const LONGEST_TEXT: usize = 32_767;

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// Words. Never taken for a formula, whatever they begin with.
    Text(String),
    /// Words in a colour.
    Coloured(String, Colour),
    Number(u32),
    /// A date and time of day in the plan's zone.
    Time(Timestamp),
}

/// How good something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    Good,
    Doubtful,
    Bad,
    Neutral,
}

impl Cell {
    pub(super) fn text(words: impl Into<String>) -> Self {
        Self::Text(fitting(words.into()))
    }

    pub(super) fn status(shown: Status, words: &Words<'_>) -> Self {
        let colour = match shown {
            Status::Pass => Colour::Good,
            Status::Fail | Status::Error => Colour::Bad,
            Status::Stale | Status::Manual | Status::Waived => Colour::Doubtful,
            Status::NotApplicable => Colour::Neutral,
        };
        Self::Coloured(words.t(shown.key()), colour)
    }

    pub(super) fn line_status(shown: LineStatus, words: &Words<'_>) -> Self {
        let colour = match shown {
            LineStatus::Conforming => Colour::Good,
            LineStatus::Partly => Colour::Doubtful,
            LineStatus::Nonconforming => Colour::Bad,
            LineStatus::NotApplicable => Colour::Neutral,
        };
        Self::Coloured(words.t(shown.key()), colour)
    }

    pub(super) fn host_state(state: HostState, words: &Words<'_>) -> Self {
        let colour = match state {
            HostState::Fresh => Colour::Good,
            HostState::Stale => Colour::Doubtful,
            HostState::Revoked => Colour::Neutral,
        };
        Self::Coloured(words.t(state.key()), colour)
    }
}

impl From<u32> for Cell {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

/// Whether a spreadsheet would take the words for a formula if they were typed (OWASP, "CSV Injection").
pub(super) fn looks_like_a_formula(words: &str) -> bool {
    words.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ])
}

/// The moment as Excel counts it: days since 1900 by the clock of the zone. `None`: no year that Excel knows.
pub(super) fn excel_time(at: Timestamp, zone: &TimeZone) -> Option<ExcelDateTime> {
    let at = at.to_zoned(zone.clone());
    let part = |number: i8| u8::try_from(number).ok();
    ExcelDateTime::from_ymd(u16::try_from(at.year()).ok()?, part(at.month())?, part(at.day())?)
        .ok()?
        .and_hms(
            u16::try_from(at.hour()).ok()?,
            part(at.minute())?,
            part(at.second())?,
        )
        .ok()
}

/// The words without characters that no cell may hold, and no longer than one may be.
fn fitting(words: String) -> String {
    let is_out_of_place =
        |c: char| matches!(c, '\u{0}'..'\u{20}' | '\u{fffe}' | '\u{ffff}') && !matches!(c, '\n' | '\t');
    let words = if words.contains(is_out_of_place) {
        words.replace(is_out_of_place, "\u{fffd}")
    } else {
        words
    };
    if words.len() <= LONGEST_TEXT || words.encode_utf16().count() <= LONGEST_TEXT {
        return words;
    }
    let mut room = LONGEST_TEXT - 1;
    let kept = words.chars().take_while(|c| {
        let fits = c.len_utf16() <= room;
        room = room.saturating_sub(c.len_utf16());
        fits
    });
    kept.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_too_long_ends_in_an_ellipsis() {
        let words = fitting("𠮷".repeat(20_000));
        assert_eq!(words.encode_utf16().count(), LONGEST_TEXT);
        assert!(words.ends_with("𠮷…"));
        assert_eq!(fitting("字".repeat(LONGEST_TEXT)), "字".repeat(LONGEST_TEXT));
    }

    #[test]
    fn a_time_is_that_of_the_zone() {
        let zone = TimeZone::get("Asia/Taipei").unwrap();
        let at = |text: &str| excel_time(text.parse().unwrap(), &zone);
        let second = ExcelDateTime::from_ymd(2026, 10, 1)
            .unwrap()
            .and_hms(0, 0, 1)
            .unwrap();
        assert_eq!(at("2026-09-30T16:00:01Z").unwrap().to_excel(), second.to_excel());
        assert!(at("-000100-01-01T00:00:00Z").is_none());
    }

    proptest! {
        #[test]
        fn any_words_fit(words in "\\PC*|[\\x00-\\x7f]*") {
            let fitted = fitting(words.clone());
            prop_assert!(fitted.encode_utf16().count() <= LONGEST_TEXT);
            prop_assert_eq!(fitted.chars().count(), words.chars().count());
        }
    }
}
