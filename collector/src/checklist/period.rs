//! The span of days that a checklist or report is about.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A quarter (`2026Q4`), a year (`2026`) or any days (`2026-10-01/2026-12-31`, both included), by the plan's zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// First day.
    pub first: Date,
    /// Last day, itself included.
    pub last: Date,
}

/// A text that names no period.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a period; write a quarter (2026Q4), a year (2026) or days (2026-10-01/2026-12-31)")]
pub struct InvalidPeriod(String);

impl Period {
    /// The quarter that `now` lies in.
    #[must_use]
    pub fn current(now: Timestamp, zone: &TimeZone) -> Self {
        let today = now.to_zoned(zone.clone()).date();
        quarter(today.year(), (today.month() - 1) / 3 + 1).unwrap_or(Self {
            first: today,
            last: today,
        })
    }

    /// When it begins.
    #[must_use]
    pub fn start(&self, zone: &TimeZone) -> Timestamp {
        midnight(self.first, zone)
    }

    /// When it is over: the midnight after its last day.
    #[must_use]
    pub fn end(&self, zone: &TimeZone) -> Timestamp {
        self.last
            .tomorrow()
            .map_or(Timestamp::MAX, |after| midnight(after, zone))
    }
}

fn midnight(date: Date, zone: &TimeZone) -> Timestamp {
    date.to_zoned(zone.clone())
        .map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

fn quarter(year: i16, number: i8) -> Option<Period> {
    let first = Date::new(year, number.checked_sub(1)?.checked_mul(3)?.checked_add(1)?, 1).ok()?;
    let last = first.checked_add(3.months()).ok()?.yesterday().ok()?;
    (1..=4).contains(&number).then_some(Period { first, last })
}

/// A year of four digits: others are slips of the finger.
fn year(text: &str) -> Option<i16> {
    (text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

impl FromStr for Period {
    type Err = InvalidPeriod;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            if let Some((first, last)) = text.split_once('/') {
                let (first, last): (Date, Date) = (first.parse().ok()?, last.parse().ok()?);
                return (first <= last).then_some(Self { first, last });
            }
            if let Some((of_year, number)) = text.split_once(['Q', 'q']) {
                return quarter(year(of_year)?, number.parse().ok()?);
            }
            let of_year = year(text)?;
            Some(Self {
                first: Date::new(of_year, 1, 1).ok()?,
                last: Date::new(of_year, 12, 31).ok()?,
            })
        };
        parse().ok_or_else(|| InvalidPeriod(text.chars().take(80).collect()))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = (self.first.month() - 1) / 3 + 1;
        if quarter(self.first.year(), number).as_ref() == Some(self) {
            write!(f, "{:04}Q{number}", self.first.year())
        } else if format!("{:04}", self.first.year()).parse().ok().as_ref() == Some(self) {
            write!(f, "{:04}", self.first.year())
        } else {
            write!(f, "{}/{}", self.first, self.last)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["2026Q4", "2026Q1", "2026", "2026-10-02/2026-12-31"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
        assert_eq!(
            "2026-10-01/2026-12-31".parse::<Period>().unwrap().to_string(),
            "2026Q4"
        );
    }

    #[test]
    fn refuses_what_names_no_days() {
        for text in [
            "",
            "2026Q5",
            "2026Q0",
            "26Q4",
            "2026-13-01/2026-12-31",
            "2026-12-31/2026-01-01",
            "2026Q",
            "Q4",
        ] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_quarter_begins_and_ends_at_midnight_in_taipei() {
        let zone = TimeZone::get("Asia/Taipei").unwrap();
        let period: Period = "2026Q4".parse().unwrap();
        assert_eq!(period.start(&zone).to_string(), "2026-09-30T16:00:00Z");
        assert_eq!(period.end(&zone).to_string(), "2026-12-31T16:00:00Z");
        assert_eq!(
            Period::current("2026-12-31T17:00:00Z".parse().unwrap(), &zone).to_string(),
            "2027Q1"
        );
    }
}
