//! The day that a plan's version names.

use jiff::civil::Date;

use super::values::YEAR_BEFORE_FIRST;

/// The day in words like `115年10月01日 第1版`, as the form counts years, or `2026-10-01`; `None`: they name none.
pub(super) fn day(version: &str) -> Option<Date> {
    version
        .char_indices()
        .filter(|(_, letter)| letter.is_ascii_digit())
        .find_map(|(at, _)| of_the_form(&version[at..]).or_else(|| of_iso(&version[at..])))
}

fn of_the_form(words: &str) -> Option<Date> {
    let (year, rest) = words.split_once('年')?;
    let (month, rest) = rest.split_once('月')?;
    let (day, _) = rest.split_once('日')?;
    let year: i16 = year.trim().parse().ok()?;
    let year = if year < YEAR_BEFORE_FIRST {
        year.checked_add(YEAR_BEFORE_FIRST)?
    } else {
        year
    };
    Date::new(year, month.trim().parse().ok()?, day.trim().parse().ok()?).ok()
}

fn of_iso(words: &str) -> Option<Date> {
    words.get(..10)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_version_names_its_day_by_either_calendar() {
        let october = Some(date(2026, 10, 1));
        assert_eq!(day("115年10月01日 第1版"), october);
        assert_eq!(day("版本 2，2026年10月1日"), october);
        assert_eq!(day("v3 (2026-10-01)"), october);
        for none in ["第1版", "115年13月01日", "", "1.2.3", "２年1月1日"] {
            assert_eq!(day(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn any_words_are_a_version(words in "\\PC*") {
            let _day = day(&words);
        }
    }
}
