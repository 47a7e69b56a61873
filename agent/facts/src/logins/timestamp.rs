//! Times at the head of a log line: RFC 3164's `Mmm dd hh:mm:ss`, which has no year, and RFC 3339's, which has all.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// A clock may run ahead of the one that judges it by this much; a year-less time later than that is last year's.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// A time as written, without what the line leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    /// `Nov  2 15:40:14`: no year, no zone.
    Yearless {
        /// 1 to 12.
        month: i8,
        /// 1 to 31.
        day: i8,
        /// Time of day.
        time: Time,
    },
    /// With a year and no zone.
    Local(DateTime),
    /// With everything.
    Instant(Timestamp),
    /// With everything, by a clock that was not set to UTC.
    Offset(Timestamp, Offset),
}

/// Takes a time from the head of `line`, and the single space behind it.
pub(super) fn take(line: &[u8]) -> Option<(Stamp, &[u8])> {
    let (stamp, rest) = match line.first()? {
        b'0'..=b'9' => take_rfc3339(line)?,
        _ => take_traditional(line)?,
    };
    Some((stamp, rest.strip_prefix(b" ")?))
}

/// A time by RFC 3339 that is all of `text`.
pub(super) fn whole(text: &[u8]) -> Option<Stamp> {
    let (stamp, rest) = take_rfc3339(text)?;
    rest.is_empty().then_some(stamp)
}

fn take_traditional(line: &[u8]) -> Option<(Stamp, &[u8])> {
    let month = month(line.get(..3)?)?;
    let rest = line.get(3..)?.strip_prefix(b" ")?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let (day, rest) = digits(rest, 1, 2)?;
    let rest = rest.strip_prefix(b" ")?;
    // `Nov 22 2026 08:00:00`, as some devices write.
    let (year, rest) = match digits(rest, 4, 4) {
        Some((year, rest)) => (Some(year), rest.strip_prefix(b" ")?),
        None => (None, rest),
    };
    let (time, rest) = take_time(rest)?;
    let (month, day) = (month, i8::try_from(day).ok()?);
    match year {
        Some(year) => {
            let date = Date::new(i16::try_from(year).ok()?, month, day).ok()?;
            Some((Stamp::Local(date.to_datetime(time)), rest))
        }
        // 2000 was a leap year, so that 29 February is a day and 30 February is none.
        None => {
            Date::new(2000, month, day).ok()?;
            Some((Stamp::Yearless { month, day, time }, rest))
        }
    }
}

fn take_rfc3339(line: &[u8]) -> Option<(Stamp, &[u8])> {
    let (year, rest) = digits(line, 4, 4)?;
    let (month, rest) = digits(rest.strip_prefix(b"-")?, 2, 2)?;
    let (day, rest) = digits(rest.strip_prefix(b"-")?, 2, 2)?;
    let rest = rest.strip_prefix(b"T").or_else(|| rest.strip_prefix(b" "))?;
    let (time, rest) = take_time(rest)?;
    let date = Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    );
    let written = date.ok()?.to_datetime(time);
    let (sign, behind) = match rest.first() {
        Some(b'Z') => {
            let at = Offset::UTC.to_timestamp(written).ok()?;
            return Some((Stamp::Instant(at), rest.get(1..)?));
        }
        Some(b'+') => (1, rest.get(1..)?),
        Some(b'-') => (-1, rest.get(1..)?),
        _ => return Some((Stamp::Local(written), rest)),
    };
    // `+0800` or `+08:00`.
    let (hours, behind) = behind.split_at_checked(2)?;
    let (hours, _) = digits(hours, 2, 2)?;
    let (minutes, behind) = digits(behind.strip_prefix(b":").unwrap_or(behind), 2, 2)?;
    let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
    let offset = Offset::from_seconds(sign * seconds).ok()?;
    Some((Stamp::Offset(offset.to_timestamp(written).ok()?, offset), behind))
}

/// `hh:mm:ss`, with a fraction that is read over: nothing here is told apart within a second.
fn take_time(text: &[u8]) -> Option<(Time, &[u8])> {
    let (hour, rest) = digits(text, 2, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(b":")?, 2, 2)?;
    let (second, rest) = digits(rest.strip_prefix(b":")?, 2, 2)?;
    let rest = match rest.first() {
        Some(b'.' | b',') => {
            let fraction = rest.get(1..)?;
            let length = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            fraction.get(length..)?
        }
        _ => rest,
    };
    // A leap second is told as the second before it.
    let second = second.min(59);
    let time = Time::new(
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second).ok()?,
        0,
    );
    Some((time.ok()?, rest))
}

/// A number of `least` to `most` digits, with nothing numeric behind it.
#[inline]
fn digits(text: &[u8], least: usize, most: usize) -> Option<(u16, &[u8])> {
    let length = text
        .iter()
        .take(most + 1)
        .take_while(|b| b.is_ascii_digit())
        .count();
    if !(least..=most).contains(&length) {
        return None;
    }
    let (number, rest) = text.split_at_checked(length)?;
    let value = number
        .iter()
        .fold(0, |sum: u16, digit| sum * 10 + u16::from(digit - b'0'));
    Some((value, rest))
}

fn month(name: &[u8]) -> Option<i8> {
    const NAMES: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let place = NAMES.chunks_exact(3).position(|known| known == name)?;
    i8::try_from(place + 1).ok()
}

/// Turns what a line says into an instant.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    zone: TimeZone,
    /// The latest time that a year-less line can have, and the date of that.
    latest: Timestamp,
    latest_year: i16,
    /// Set: the year of year-less lines.
    year: Option<i16>,
    /// The last year-less month and day, and the year it got.
    last: Option<(i8, i8, i16)>,
    /// The minute last resolved, since looking up a zone costs more than all else here.
    minute: Option<(DateTime, Timestamp)>,
    /// The same of lines without a year, where no second of it is too late for the year that it got.
    yearless: Option<((i8, i8, i8, i8), Timestamp)>,
    /// The offset that a line last had.
    offset: Option<Offset>,
}

impl Clock {
    /// Year-less lines were written by a clock in `zone`, at most a day after `reference`; or in `year`, if given.
    pub(super) fn new(zone: TimeZone, reference: Timestamp, year: Option<i16>) -> Self {
        let latest = reference.saturating_add(AHEAD).unwrap_or(reference);
        let latest_year = latest.to_zoned(zone.clone()).year();
        Self {
            zone,
            latest,
            latest_year,
            year,
            last: None,
            minute: None,
            yearless: None,
            offset: None,
        }
    }

    /// The zone that lines say they were written in.
    pub(super) fn offset(&self) -> Option<TimeZone> {
        self.offset.map(TimeZone::fixed)
    }

    /// The instant of `stamp`; `None` for a time that is none, such as 29 February of a set year without one.
    pub(super) fn resolve(&mut self, stamp: Stamp) -> Option<Timestamp> {
        match stamp {
            Stamp::Instant(at) => Some(at),
            Stamp::Offset(at, offset) => {
                self.offset = Some(offset);
                Some(at)
            }
            Stamp::Local(written) => self.local(written),
            Stamp::Yearless { month, day, time } => {
                if let Some(year) = self.year {
                    let year = self.set_year(year, month, day);
                    return self.local(Date::new(year, month, day).ok()?.to_datetime(time));
                }
                let minute = (month, day, time.hour(), time.minute());
                if let Some((known, start)) = self.yearless
                    && known == minute
                {
                    return Timestamp::from_second(start.as_second() + i64::from(time.second())).ok();
                }
                // 29 February recurs after at most eight years (1896 to 1904).
                let at = (0..=8).find_map(|back| {
                    let date = Date::new(self.latest_year - back, month, day).ok()?;
                    self.local(date.to_datetime(time)).filter(|at| *at <= self.latest)
                })?;
                self.yearless = self
                    .minute
                    .filter(|(_, start)| start.as_second() + 59 <= self.latest.as_second())
                    .map(|(_, start)| (minute, start));
                Some(at)
            }
        }
    }

    /// The set year is the first line's; a log that goes from the end of December to the start of January goes on
    /// into the next year.
    fn set_year(&mut self, set: i16, month: i8, day: i8) -> i16 {
        let year = match self.last {
            Some((12, last_day, year)) if last_day >= 25 && month == 1 && day <= 7 => year + 1,
            Some((1, last_day, year)) if last_day <= 7 && month == 12 && day >= 25 => year - 1,
            Some((_, _, year)) => year,
            None => set,
        };
        self.last = Some((month, day, year));
        year
    }

    fn local(&mut self, written: DateTime) -> Option<Timestamp> {
        let second = written.second();
        let whole = written.date().at(written.hour(), written.minute(), 0, 0);
        let start = match self.minute {
            Some((known, start)) if known == whole => start,
            _ => {
                let start = self.zone.to_timestamp(whole).ok()?;
                self.minute = Some((whole, start));
                start
            }
        };
        Timestamp::from_second(start.as_second() + i64::from(second)).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(line: &str, zone: &str, reference: &str, year: Option<i16>) -> String {
        let mut clock = Clock::new(TimeZone::get(zone).unwrap(), reference.parse().unwrap(), year);
        let (stamp, rest) = take(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(rest, b"host", "{line}");
        clock.resolve(stamp).unwrap().to_string()
    }

    #[test]
    fn a_year_less_time_takes_the_newest_year_not_a_day_ahead() {
        let reference = "2026-01-02T00:00:00Z";
        for (line, expected) in [
            ("Dec 31 23:00:00 host", "2025-12-31T23:00:00Z"),
            ("Jan  2 23:00:00 host", "2026-01-02T23:00:00Z"),
            ("Jan  3 00:00:01 host", "2025-01-03T00:00:01Z"),
            ("Feb 29 12:00:00 host", "2024-02-29T12:00:00Z"),
            ("Aug 03 21:39:20 host", "2025-08-03T21:39:20Z"),
            ("Feb 8 17:15:01 host", "2025-02-08T17:15:01Z"),
        ] {
            assert_eq!(at(line, "UTC", reference, None), expected, "{line}");
        }
    }

    #[test]
    fn a_set_year_passes_new_year_with_the_log() {
        let mut clock = Clock::new(TimeZone::UTC, Timestamp::UNIX_EPOCH, Some(2024));
        let years: Vec<_> = [
            "Dec 31 23:59:59 h",
            "Jan  1 00:00:00 h",
            "Dec 31 23:59:59 h",
            "Jun  1 00:00:00 h",
        ]
        .iter()
        .map(|line| {
            clock
                .resolve(take(line.as_bytes()).unwrap().0)
                .unwrap()
                .to_zoned(TimeZone::UTC)
                .year()
        })
        .collect();
        assert_eq!(years, [2024, 2025, 2024, 2024]);
    }

    #[test]
    fn zones_and_offsets_are_heeded() {
        let reference = "2026-11-22T00:00:00Z";
        for (line, expected) in [
            ("2023-11-14T00:20:42.738197+01:00 host", "2023-11-13T23:20:42Z"),
            ("2023-11-14T00:20:42Z host", "2023-11-14T00:20:42Z"),
            ("2023-11-14T00:20:42-0530 host", "2023-11-14T05:50:42Z"),
            ("2023-11-14 08:20:42,123 host", "2023-11-14T00:20:42Z"),
            ("Nov 14 2023 08:20:42 host", "2023-11-14T00:20:42Z"),
            ("Nov 14 08:20:42 host", "2026-11-14T00:20:42Z"),
        ] {
            assert_eq!(at(line, "Asia/Taipei", reference, None), expected, "{line}");
        }
        // An hour that summer time skips, and one that it repeats, still are instants.
        at("Mar 29 02:30:00 host", "Europe/Berlin", reference, None);
        at("Oct 25 02:30:00 host", "Europe/Berlin", reference, None);
    }

    #[test]
    fn what_is_no_time_is_none() {
        for line in [
            "",
            "Nov",
            "Nov 31 00:00:00 host",
            "Feb 30 00:00:00 host",
            "Nov 22 24:00:00 host",
            "Nov 22 08:00:00",
            "nov 22 08:00:00 host",
            "2023-13-14T00:20:42Z host",
            "2023-11-14T00:20:42+99:00 host",
        ] {
            assert!(take(line.as_bytes()).is_none(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_without_panic(bytes: Vec<u8>) {
            let mut clock = Clock::new(TimeZone::UTC, Timestamp::UNIX_EPOCH, None);
            if let Some((stamp, _)) = take(&bytes) {
                clock.resolve(stamp);
            }
        }

        #[test]
        fn rfc3339_reads_what_jiff_writes(second in -2_000_000_000i64..4_000_000_000) {
            let at = Timestamp::from_second(second).unwrap();
            let line = format!("{at} x");
            prop_assert_eq!(take(line.as_bytes()).unwrap().0, Stamp::Instant(at));
        }
    }
}
