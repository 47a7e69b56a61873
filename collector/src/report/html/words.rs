//! Words, times and numbers in the reader's language.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumbline_config::lang::{Bilingual, Lang};
use plumbline_config::message::{Message, text};

use crate::checklist::HostCounts;

/// How the page speaks.
pub(super) struct Words<'a> {
    pub(super) lang: Lang,
    /// The zone that times are printed in.
    pub(super) zone: &'a TimeZone,
}

impl Words<'_> {
    /// The text under a key.
    pub(super) fn t(&self, key: &'static str) -> String {
        text(self.lang, key)
    }

    pub(super) fn words<'t>(&self, text: &'t Bilingual) -> &'t str {
        text.get(self.lang)
    }

    /// That a check was not measured, in words.
    pub(super) fn not_measured(&self, check: &Bilingual) -> String {
        Message::new("report-check-not-measured")
            .arg("check", self.words(check))
            .render_in(self.lang)
    }

    pub(super) fn time(&self, at: &Timestamp) -> String {
        at.to_zoned(self.zone.clone())
            .strftime("%Y-%m-%d %H:%M:%S %:z")
            .to_string()
    }

    /// Joins what is listed in one sentence.
    pub(super) fn list(&self, said: &[String]) -> String {
        said.join(separator(self.lang))
    }
}

const fn separator(lang: Lang) -> &'static str {
    match lang {
        Lang::ZhTw => "、",
        Lang::En => ", ",
    }
}

/// A number with its thousands apart: `12,345` in both languages.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Hosts by what they show, in words; what none of them shows is left out.
pub(crate) fn host_counts(counts: &HostCounts, lang: Lang) -> String {
    let said = [
        ("hosts-pass", counts.pass),
        ("hosts-fail", counts.fail),
        ("hosts-stale", counts.stale),
        ("hosts-error", counts.error),
        ("hosts-waived", counts.waived),
        ("hosts-manual", counts.manual),
        ("hosts-not-applicable", counts.not_applicable),
    ];
    let said = said.into_iter().filter(|(_, count)| *count > 0);
    let said: Vec<String> = said
        .map(|(key, count)| Message::new(key).arg("count", count).render_in(lang))
        .collect();
    said.join(separator(lang))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let said = [0, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(said, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }
}
