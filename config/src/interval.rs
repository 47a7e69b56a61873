//! Lengths of time as the plan declares them: `3 months`, `1 year`, `7 days`, `10 minutes`.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::message::Message;

use crate::lang::Bilingual;

/// A length of time in the unit a person declared it in. Months and years follow the calendar: three months from
/// 30 November end on the last day of February.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Interval {
    count: u32,
    unit: Unit,
}

/// The unit of an [`Interval`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Seconds.
    Second,
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
    /// Days of 24 hours.
    Day,
    /// Weeks.
    Week,
    /// Calendar months.
    Month,
    /// Calendar years.
    Year,
}

impl Unit {
    const ALL: [Self; 7] = [
        Self::Second,
        Self::Minute,
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Year,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// Seconds in one, a month counted as 30 days and a year as 365.
    const fn nominal_seconds(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
            Self::Month => 30 * 86_400,
            Self::Year => 365 * 86_400,
        }
    }
}

/// The longest interval a plan may declare, in nominal seconds: a century.
const LONGEST_SECONDS: i64 = 100 * Unit::Year.nominal_seconds();

impl Interval {
    /// `count` of `unit`.
    #[must_use]
    pub const fn new(count: u32, unit: Unit) -> Self {
        Self { count, unit }
    }

    /// `count` days.
    #[must_use]
    pub const fn days(count: u32) -> Self {
        Self::new(count, Unit::Day)
    }

    /// `count` calendar months.
    #[must_use]
    pub const fn months(count: u32) -> Self {
        Self::new(count, Unit::Month)
    }

    /// `count` minutes.
    #[must_use]
    pub const fn minutes(count: u32) -> Self {
        Self::new(count, Unit::Minute)
    }

    /// Length in seconds, a month counted as 30 days and a year as 365. For comparing, not for due dates.
    #[must_use]
    pub const fn nominal_seconds(self) -> i64 {
        self.count as i64 * self.unit.nominal_seconds()
    }

    /// Length as a duration, a month counted as 30 days and a year as 365.
    #[must_use]
    pub const fn nominal(self) -> SignedDuration {
        SignedDuration::from_secs(self.nominal_seconds())
    }

    /// Whether it is longer than `other` by the calendar: 13 months exceed a year, 60 months do not exceed 5 years.
    #[must_use]
    pub fn exceeds(self, other: Self) -> bool {
        let start = Timestamp::UNIX_EPOCH;
        self.after(start, &TimeZone::UTC) > other.after(start, &TimeZone::UTC)
    }

    /// The interval as people read it: `3 months`, `3 個月`.
    #[must_use]
    pub fn words(self) -> Bilingual {
        let key = match self.unit {
            Unit::Second => "interval-seconds",
            Unit::Minute => "interval-minutes",
            Unit::Hour => "interval-hours",
            Unit::Day => "interval-days",
            Unit::Week => "interval-weeks",
            Unit::Month => "interval-months",
            Unit::Year => "interval-years",
        };
        Message::new(key).number("count", self.count as usize).render()
    }

    /// When the interval that began at `start` is over, by the calendar of `zone`.
    #[must_use]
    pub fn after(self, start: Timestamp, zone: &TimeZone) -> Timestamp {
        let count = i64::from(self.count);
        let span = match self.unit {
            Unit::Month => Span::new().try_months(count),
            Unit::Year => Span::new().try_years(count),
            _ => return start.saturating_add(self.nominal()).unwrap_or(Timestamp::MAX),
        };
        span.and_then(|span| start.to_zoned(zone.clone()).checked_add(span))
            .map_or(Timestamp::MAX, |zoned| zoned.timestamp())
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.count == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", self.count, self.unit.name())
    }
}

/// A text that is not a length of time.
#[derive(Debug, thiserror::Error)]
pub enum InvalidInterval {
    /// Not `number unit`.
    #[error(
        "`{0}` is not a length of time; write a number and a unit, such as \"3 months\", \"1 year\" or \"10 minutes\""
    )]
    Shape(String),
    /// Longer than a century.
    #[error("`{0}` is longer than 100 years")]
    TooLong(String),
}

impl FromStr for Interval {
    type Err = InvalidInterval;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shape = || InvalidInterval::Shape(text.chars().take(80).collect());
        let trimmed = text.trim();
        let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
        let (count, unit) = trimmed.split_at(digits);
        let count: u32 = count.parse().map_err(|_| shape())?;
        let unit = unit.trim_start().to_ascii_lowercase();
        let singular = unit.strip_suffix('s').unwrap_or(&unit);
        let unit = Unit::ALL
            .into_iter()
            .find(|u| u.name() == singular)
            .ok_or_else(shape)?;
        let interval = Self { count, unit };
        if interval.nominal_seconds() > LONGEST_SECONDS {
            return Err(InvalidInterval::TooLong(trimmed.to_owned()));
        }
        Ok(interval)
    }
}

impl TryFrom<String> for Interval {
    type Error = InvalidInterval;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Interval> for String {
    fn from(interval: Interval) -> Self {
        interval.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in [
            "3 months",
            "1 year",
            "10 minutes",
            "0 days",
            "1 week",
            "30 seconds",
        ] {
            assert_eq!(text.parse::<Interval>().unwrap().to_string(), text);
        }
        assert_eq!("6months".parse::<Interval>().unwrap(), Interval::months(6));
        assert_eq!(Interval::months(6).words().zh_tw, "6 個月");
    }

    #[test]
    fn reads_for_people_in_both_languages() {
        let text = Interval::months(3).words();
        assert_eq!((text.zh_tw.as_str(), text.en.as_str()), ("3 個月", "3 months"));
        for unit in Unit::ALL {
            assert!(Interval::new(1, unit).words().zh_tw.starts_with("1 "), "{unit:?}");
        }
    }

    #[test]
    fn refuses_what_is_no_length() {
        for text in [
            "",
            "months",
            "3",
            "-3 months",
            "3 fortnights",
            "99999999999 days",
            "1e3 days",
            "200 years",
        ] {
            assert!(text.parse::<Interval>().is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_compare_by_the_calendar() {
        let length = |text: &str| text.parse::<Interval>().unwrap();
        for (shorter, longer) in [
            ("1 year", "13 months"),
            ("59 months", "5 years"),
            ("365 days", "2 years"),
        ] {
            assert!(length(longer).exceeds(length(shorter)) && !length(shorter).exceeds(length(longer)));
        }
        for (one, same) in [
            ("12 months", "1 year"),
            ("60 months", "5 years"),
            ("72 hours", "3 days"),
        ] {
            assert!(!length(one).exceeds(length(same)) && !length(same).exceeds(length(one)));
        }
    }

    #[test]
    fn months_end_by_the_calendar_of_taipei() {
        let zone = TimeZone::get("Asia/Taipei").unwrap();
        let start: Timestamp = "2026-11-30T01:00:00Z".parse().unwrap();
        assert_eq!(
            Interval::months(3).after(start, &zone).to_string(),
            "2027-02-28T01:00:00Z"
        );
    }
}
