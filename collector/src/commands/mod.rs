//! One file for each command.

pub(crate) mod acts;
pub(crate) mod apitoken;
pub(crate) mod attest;
pub(crate) mod checklist;
pub(crate) mod correct;
mod deliver;
mod evidence;
pub(crate) mod export;
pub(crate) mod findings;
pub(crate) mod health;
pub(crate) mod hosts;
pub(crate) mod incident;
pub(crate) mod init;
pub(crate) mod ledger;
mod password;
pub(crate) mod plan;
mod records;
pub(crate) mod report;
pub(crate) mod revoke;
pub(crate) mod serve;
pub(crate) mod store;
pub(crate) mod token;
pub(crate) mod user;
pub(crate) mod verify;
pub(crate) mod waive;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use plumbline_config::interval::Interval;
use plumbline_config::plan::Plan;

use crate::store::Act;

/// An act of whoever runs the command, now.
pub(crate) fn act(what: &str, on: impl ToString) -> Act {
    Act {
        at: Timestamp::now(),
        who: whoever(),
        what: what.to_owned(),
        on: on.to_string(),
    }
}

/// Whoever runs the command, as acts have it.
fn whoever() -> String {
    format!("cli:uid-{}", nix::unistd::getuid())
}

/// A length of time on the command line: `24h`, `30m`, `7d`, or as in files, `7 days`.
pub(crate) fn duration(text: &str) -> Result<SignedDuration, String> {
    let short = || {
        let unit = text.chars().last()?;
        let seconds: i64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 7 * 86_400,
            _ => return None,
        };
        let count: i64 = text.strip_suffix(unit)?.parse().ok()?;
        count.checked_mul(seconds).filter(|_| count >= 0)
    };
    short()
        .map(SignedDuration::from_secs)
        .or_else(|| text.parse::<Interval>().ok().map(Interval::nominal))
        .ok_or_else(|| "write a number and a unit, such as 30m, 24h, 7d or \"3 months\"".to_owned())
}

/// A time as people count it, in a zone.
fn in_zone(at: Timestamp, zone: &TimeZone) -> String {
    let at = at.to_zoned(zone.clone());
    at.strftime("%Y-%m-%d %H:%M %:z").to_string()
}

/// A day on the command line: `2026-11-01`.
pub(crate) fn day(text: &str) -> Result<Date, String> {
    text.parse()
        .map_err(|_| "write a day as year, month and day, such as 2026-11-01".to_owned())
}

/// A moment on the command line: `2026-11-22 09:30` where the plan counts days, or as RFC 3339 has it.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    let local = || {
        let local: DateTime = text.parse().ok()?;
        local.to_zoned(Plan::default().zone()).ok()
    };
    text.parse()
        .ok()
        .or_else(|| Some(local()?.timestamp()))
        .ok_or_else(|| "write a moment as \"2026-11-22 09:30\" or 2026-11-22T01:30:00Z".to_owned())
}

/// `yes` or `no` on the command line.
pub(crate) fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("say yes or no".to_owned()),
    }
}

/// A label on the command line: `key=value`.
pub(crate) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write a label as KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_read_short_and_long() {
        assert_eq!(duration("24h").unwrap(), SignedDuration::from_hours(24));
        assert_eq!(duration("90s").unwrap(), SignedDuration::from_secs(90));
        assert_eq!(duration("7 days").unwrap(), SignedDuration::from_hours(168));
        for bad in [
            "",
            "h",
            "-1h",
            "1.5h",
            "99999999999999999999d",
            "9223372036854775807w",
            "3 é",
            "é",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_moment_is_read_where_the_plan_counts_days() {
        for text in [
            "2026-11-22 09:30",
            "2026-11-22T09:30",
            "2026-11-22T01:30:00Z",
            "2026-11-22 09:30:00+08:00",
        ] {
            assert_eq!(
                moment(text).unwrap().to_string(),
                "2026-11-22T01:30:00Z",
                "{text}"
            );
        }
        for bad in ["", "now", "09:30", "2026-13-01 00:00"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_label_is_a_key_and_a_value() {
        assert_eq!(label("a=b=c").unwrap(), ("a".to_owned(), "b=c".to_owned()));
        assert!(label("=b").is_err() && label("a").is_err());
    }
}
