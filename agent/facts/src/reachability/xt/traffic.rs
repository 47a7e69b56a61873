//! Matches that depend on traffic or on time: what they usually, or now, come to.

use jiff::tz::TimeZone;

use super::super::step::Effect;
use super::{Asked, depends};

pub(super) fn matches(name: &str, asked: Asked<'_>) -> Option<Effect<'static>> {
    let info = asked.info;
    Some(match (name, asked.revision) {
        ("limit", _) => depends(name, Some(true)),
        // struct hashlimit_cfg1, from revision 2 on after a longer name: XT_HASHLIMIT_INVERT.
        ("hashlimit", 1..=3) => {
            let mode = info.word(if asked.revision == 1 { 16 } else { 272 })?;
            depends(name, Some(mode & 0x10 == 0))
        }
        // struct xt_connlimit_info: the connection itself counts.
        ("connlimit", _) => {
            let more = info.word(16)? == 0;
            let inverted = info.word(20)? & 1 != 0;
            if more {
                return Some(if inverted { Effect::Stop } else { Effect::Go });
            }
            depends(name, Some(inverted))
        }
        // struct xt_quota_info
        ("quota", 0) => {
            let spent = info.word(8)? == 0 && info.word(12)? == 0;
            depends(name, Some(spent == (info.word(0)? & 1 != 0)))
        }
        ("time", 0) => time(asked)?,
        ("nfacct", _) => Effect::Go,
        ("statistic", 0) => statistic(asked)?,
        ("connbytes" | "cpu" | "rateest" | "osf" | "bpf" | "cluster" | "socket" | "mac", _) => {
            depends(name, None)
        }
        _ => return None,
    })
}

/// `struct xt_statistic_info`: at random or every so many, of which all and none are certain.
fn statistic(asked: Asked<'_>) -> Option<Effect<'static>> {
    /// A probability of one.
    const CERTAIN: u32 = 0x8000_0000;
    let info = asked.info;
    let inverted = info.short(2)? & 1 != 0;
    let number = info.word(4)?;
    let matches = match (info.short(0)?, number) {
        (0, CERTAIN..) | (1, 0) => true,
        (0, 0) => false,
        _ => return Some(depends("statistic", None)),
    };
    Some(if matches == inverted {
        Effect::Stop
    } else {
        Effect::Go
    })
}

/// `struct xt_time_info`, by the time at which the rules were read.
fn time(asked: Asked<'_>) -> Option<Effect<'static>> {
    /// `XT_TIME_LOCAL_TZ`, `XT_TIME_CONTIGUOUS`.
    const LOCAL: u8 = 1;
    const CONTIGUOUS: u8 = 2;
    const DAY: i64 = 86_400;
    let info = asked.info;
    let doubt = "it depends on the time".to_owned();
    let Some(now) = asked.machine.surroundings.now else {
        return Some(Effect::Maybe { usual: None, doubt });
    };
    let flags = info.byte(21)?;
    // The kernel's own zone, which systems leave at UTC.
    if flags & LOCAL != 0 {
        return Some(Effect::Maybe { usual: None, doubt });
    }
    let (start, stop) = (i64::from(info.word(8)?), i64::from(info.word(12)?));
    let seconds = now.as_second();
    let in_range = i64::from(info.word(0)?) <= seconds && seconds <= i64::from(info.word(4)?);
    let of_day = seconds.rem_euclid(DAY);
    let in_day = if start < stop {
        (start..=stop).contains(&of_day)
    } else {
        !(stop < of_day && of_day < start)
    };
    // After midnight of a period that began the day before, that day is meant.
    let back = flags & CONTIGUOUS != 0 && stop < start && of_day <= stop;
    let date = jiff::Timestamp::from_second(if back { seconds - DAY } else { seconds })
        .ok()?
        .to_zoned(TimeZone::UTC);
    let weekday = u32::try_from(date.weekday().to_monday_one_offset()).ok()?;
    let in_week = u32::from(info.byte(20)?).checked_shr(weekday).unwrap_or(0) & 1 != 0;
    let day = u32::try_from(date.day()).ok()?;
    let in_month = info.word(16)?.checked_shr(day).unwrap_or(0) & 1 != 0;
    let usual = Some(in_range && in_day && in_week && in_month);
    Some(Effect::Maybe { usual, doubt })
}
