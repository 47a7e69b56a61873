//! Blanks and boxes, filled in or not.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumbline_config::message::Message;

use super::Notice;

/// A moment as people count it.
pub(super) fn in_zone(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone())
        .strftime("%Y-%m-%d %H:%M %:z")
        .to_string()
}

impl Notice<'_> {
    /// The words, or a blank.
    pub(super) fn filled(&self, words: &str) -> String {
        let words = words.trim();
        if words.is_empty() {
            self.t("notice-unfilled")
        } else {
            words.to_owned()
        }
    }

    /// The moment, or a blank for it.
    pub(super) fn moment(&self, at: Option<Timestamp>) -> String {
        at.map_or_else(|| self.t("notice-unfilled-time"), |at| self.time(at))
    }

    /// The number, or a blank for it.
    pub(super) fn number(&self, number: Option<u64>) -> String {
        number.map_or_else(|| self.t("notice-unfilled"), |number| number.to_string())
    }

    /// A sentence with one value or blank in it.
    pub(super) fn with(&self, key: &'static str, name: &'static str, value: impl ToString) -> String {
        Message::new(key)
            .arg(name, value.to_string())
            .render_in(self.lang)
    }
}

/// A box with its words.
pub(super) fn ticked(is_ticked: bool, words: &str) -> String {
    format!("{} {words}", if is_ticked { '■' } else { '□' })
}

/// Boxes side by side that a person is to tick.
pub(super) fn boxes<S: AsRef<str>>(words: &[S]) -> String {
    let boxes: Vec<String> = words.iter().map(|words| ticked(false, words.as_ref())).collect();
    boxes.join("　")
}
