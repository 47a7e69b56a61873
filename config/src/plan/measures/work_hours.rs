//! The hours of a day at which people work.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Hours of the day, written `07:00-21:00`; `22:00-06:00` goes through midnight and `00:00-24:00` is all day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkHours {
    /// Minutes of the day.
    from: u16,
    until: u16,
}

/// What is no span of hours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no span of hours; write one such as \"08:00-18:00\", or \"00:00-24:00\" for all day")]
pub struct WorkHoursError(String);

impl WorkHours {
    /// Whether a time of day is within them.
    #[must_use]
    pub const fn contains(self, hour: u16, minute: u16) -> bool {
        let at = hour * 60 + minute;
        if self.from < self.until {
            self.from <= at && at < self.until
        } else {
            self.from <= at || at < self.until
        }
    }
}

impl Default for WorkHours {
    fn default() -> Self {
        Self {
            from: 7 * 60,
            until: 21 * 60,
        }
    }
}

impl FromStr for WorkHours {
    type Err = WorkHoursError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let span = || {
            let (from, until) = text.split_once('-')?;
            let (from, until) = (minutes(from)?, minutes(until)?);
            (from != until && from < 24 * 60).then_some(Self { from, until })
        };
        span().ok_or_else(|| WorkHoursError(text.chars().take(32).collect()))
    }
}

/// `HH:MM` in minutes of the day; 24:00 is its end.
fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 || !text.bytes().all(|b| b.is_ascii_digit() || b == b':') {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
}

impl TryFrom<String> for WorkHours {
    type Error = WorkHoursError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<WorkHours> for String {
    fn from(hours: WorkHours) -> Self {
        hours.to_string()
    }
}

impl fmt::Display for WorkHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |minutes: u16| (minutes / 60, minutes % 60);
        let ((a, b), (c, d)) = (clock(self.from), clock(self.until));
        write!(f, "{a:02}:{b:02}-{c:02}:{d:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_as_written() {
        for (text, inside, outside) in [
            ("07:00-21:00", (7, 0), Some((21, 0))),
            ("22:00-06:30", (6, 29), Some((12, 0))),
            ("00:00-24:00", (23, 59), None),
        ] {
            let hours: WorkHours = text.parse().unwrap();
            assert_eq!(hours.to_string(), text);
            assert!(hours.contains(inside.0, inside.1), "{text}");
            assert!(outside.is_none_or(|(h, m)| !hours.contains(h, m)), "{text}");
        }
        for text in [
            "",
            "7-21",
            "07:00",
            "07:00-07:00",
            "24:00-06:00",
            "07:60-08:00",
            "07:00-25:00",
            "+7:00-08:00",
        ] {
            assert!(text.parse::<WorkHours>().is_err(), "{text}");
        }
    }
}
