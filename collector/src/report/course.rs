//! The period's course: how many lines stood how, at the end of some of its days, as it was recorded then.

use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Serialize, Serializer};

use crate::checklist::{Checklist, LineStatus, Period};
use crate::records::day;
use crate::store::{Store, StoreError};

/// Most days that are shown: as many bars as can be read on paper.
const MOST_POINTS: i32 = 14;

/// How many days earlier is looked for one that was recorded, where a collector was down.
const LOOK_BACK: i32 = 7;

/// Lines by status, in the order of [`LineStatus::ALL`], at the end of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoursePoint {
    /// The day.
    pub day: Date,
    /// How many lines stood so.
    pub lines: [usize; LineStatus::ALL.len()],
}

impl CoursePoint {
    fn of(day: Date, lines: impl Iterator<Item = LineStatus>) -> Self {
        let mut point = Self {
            day,
            lines: Default::default(),
        };
        for line in lines {
            for (number, status) in point.lines.iter_mut().zip(LineStatus::ALL) {
                *number += usize::from(status == line);
            }
        }
        point
    }

    /// The day, as it stands under a bar.
    #[must_use]
    pub fn label(&self) -> String {
        self.day.strftime("%m/%d").to_string()
    }
}

impl Serialize for CoursePoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(Some(1 + self.lines.len()))?;
        map.serialize_entry("day", &self.day)?;
        for (status, number) in LineStatus::ALL.iter().zip(self.lines) {
            map.serialize_entry(status.name(), &number)?;
        }
        map.end()
    }
}

/// The course of a period, oldest day first. Its last day is `today`, with what stands now, where the period runs still.
/// Days around which nothing was recorded are left out.
pub(super) fn read(
    store: &dyn Store,
    period: &Period,
    today: Option<(Date, &Checklist)>,
) -> Result<Vec<CoursePoint>, StoreError> {
    let last = today.map_or(period.last, |(today, _)| today);
    let mut points = Vec::new();
    let mut wanted = last;
    if let Some((today, checklist)) = today {
        let lines = checklist.items.iter().flat_map(|item| &item.lines);
        points.push(CoursePoint::of(today, lines.map(|line| line.status)));
        wanted = earlier(wanted, step(period));
    }
    while wanted >= period.first && points.len() < usize::try_from(MOST_POINTS).unwrap_or(0) {
        let next = earlier(wanted, step(period));
        let from = next.max(earlier(period.first, 1));
        let mut day = wanted;
        for _ in 0..LOOK_BACK {
            if day <= from {
                break;
            }
            if let Some(end) = day::read(store, day)? {
                points.push(CoursePoint::of(day, end.lines.into_values()));
                break;
            }
            day = earlier(day, 1);
        }
        if next == wanted {
            break;
        }
        wanted = next;
    }
    points.reverse();
    Ok(points)
}

/// Days from one bar to the next: a week in a quarter.
fn step(period: &Period) -> i32 {
    let days = (period.last - period.first).get_days().saturating_add(1);
    days.div_euclid(MOST_POINTS)
        .saturating_add(i32::from(days % MOST_POINTS != 0))
        .max(1)
}

fn earlier(day: Date, days: i32) -> Date {
    day.saturating_sub(days.days())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use jiff::civil::date;

    use super::*;
    use crate::records::day::{DayEnd, keep};
    use crate::store::SqliteStore;

    fn recorded(store: &dyn Store, days: impl Iterator<Item = Date>) {
        for day in days {
            let lines = BTreeMap::from([
                ("1.1".to_owned(), LineStatus::Conforming),
                ("1.2".to_owned(), LineStatus::Conforming),
                ("7.1.3".to_owned(), LineStatus::Nonconforming),
            ]);
            let end = DayEnd {
                day,
                plan: None,
                numbers: BTreeMap::new(),
                lines,
            };
            assert!(keep(store, &end, Timestamp::UNIX_EPOCH).unwrap());
        }
    }

    fn days(points: &[CoursePoint]) -> Vec<String> {
        points.iter().map(CoursePoint::label).collect()
    }

    #[test]
    fn a_quarter_is_shown_week_by_week_to_its_last_day() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("collector.db")).unwrap();
        // Nothing was recorded in the first ten days, and on some later.
        let missing = [date(2026, 11, 5), date(2026, 12, 31)];
        let all = date(2026, 10, 11).series(1.day()).take(82);
        recorded(&store, all.filter(|day| !missing.contains(day)));
        let period: Period = "2026Q4".parse().unwrap();
        let points = read(&store, &period, None).unwrap();
        assert_eq!(
            days(&points),
            [
                "10/15", "10/22", "10/29", "11/04", "11/12", "11/19", "11/26", "12/03", "12/10", "12/17",
                "12/24", "12/30"
            ]
        );
        assert!(points.iter().all(|point| point.lines == [2, 0, 1, 0]));
    }

    #[test]
    fn a_period_without_bounds_costs_no_more_than_another() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("collector.db")).unwrap();
        for period in ["0001-01-01/9999-12-31", "2026-10-01/2026-10-01"] {
            let period: Period = period.parse().unwrap();
            assert_eq!(read(&store, &period, None).unwrap(), []);
        }
        recorded(&store, [date(2026, 10, 1)].into_iter());
        let period: Period = "2026-10-01/2026-10-01".parse().unwrap();
        assert_eq!(days(&read(&store, &period, None).unwrap()), ["10/01"]);
    }
}
