//! The monthly partitions of what is kept for years: made ahead, and dropped whole when all in them is old enough.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::column::{Columns, limit, micros};
use super::people;
use super::pool::Pool;
use super::tx::Tx;
use crate::store::{Act, StoreError};

/// Tables with partitions.
const PARTED: [&str; 3] = ["reports", "report_bodies", "findings_history"];

/// Those of them whose rows go when their time is over, and the column that parts them.
const PRUNED: [(&str, &str); 2] = [("report_bodies", "received_at"), ("findings_history", "at")];

/// Months that have their partitions ahead of time.
const AHEAD: i32 = 3;

/// Nothing was collected before this program was: what claims to be older goes where all without a partition do.
const EARLIEST: Timestamp = Timestamp::constant(1_735_689_600, 0);

/// Makes the partitions of this month and the next ones.
pub(super) fn make(pool: &Pool, now: Timestamp) -> Result<(), StoreError> {
    make_from(pool, now, now)
}

/// Makes the partitions from the month of `from` to the one after the next of `now`.
///
/// A partition that can't be made is no fault: its rows go where all others do that have none.
pub(super) fn make_from(pool: &Pool, from: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    let month = |at: Timestamp| at.to_zoned(TimeZone::UTC).date().first_of_month();
    let damaged = |error| StoreError::damaged("month", error);
    let end = month(now).checked_add(AHEAD.months()).map_err(damaged)?;
    let mut this = month(from.max(EARLIEST));
    while this < end {
        for table in PARTED {
            make_one(pool, table, this)?;
        }
        this = this.checked_add(1.month()).map_err(damaged)?;
    }
    Ok(())
}

fn make_one(pool: &Pool, table: &str, month: Date) -> Result<(), StoreError> {
    let name = name(table, month);
    let made = pool.transaction(|tx| {
        if is_there(tx, &name)? {
            return Ok(());
        }
        // It wants the table to itself for a moment, and whoever comes then waits behind it: not for long.
        tx.batch("SET LOCAL lock_timeout = '2s'")?;
        let (start, end) = bounds(month)?;
        // Bodies lie with their rows (migration 2).
        let with = match table {
            "report_bodies" => "WITH (toast_tuple_target = 8160)",
            _ => "",
        };
        tx.batch(&format!(
            "CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} FOR VALUES FROM ({start}) TO ({end}) {with}"
        ))
    });
    match made {
        Err(error @ StoreError::Refused(_)) => {
            tracing::warn!(partition = name, %error, "a partition was not made");
            Ok(())
        }
        made => made,
    }
}

/// Removes what was received before `before`: whole partitions, and up to `most` rows of what lies outside them. Says
/// how many rows; what is removed is put on record in the same transaction.
pub(super) fn prune(tx: &mut Tx<'_>, before: Timestamp, most: usize, act: &Act) -> Result<usize, StoreError> {
    let mut removed = 0;
    for (table, column) in PRUNED {
        for (name, end) in made(tx, table)? {
            if end <= micros(before) {
                let rows = tx.query_one(&format!("SELECT count(*) AS rows FROM {name}"), &[])?;
                let rows: i64 = rows.map_or(Ok(0), |row| row.value("rows"))?;
                tx.batch(&format!("SET LOCAL lock_timeout = '5s'; DROP TABLE {name}"))?;
                removed += usize::try_from(rows).unwrap_or(usize::MAX);
            }
        }
        let rest = tx.execute(
            &format!(
                "DELETE FROM {table}_rest WHERE id IN
                     (SELECT id FROM {table}_rest WHERE {column} < $1 ORDER BY id LIMIT $2)"
            ),
            &[&micros(before), &limit(most)],
        )?;
        removed += usize::try_from(rest).unwrap_or(usize::MAX);
    }
    if removed > 0 {
        let act = Act {
            on: format!("{}: {removed} rows", act.on),
            ..act.clone()
        };
        people::record(tx, &act)?;
    }
    Ok(removed)
}

/// The partitions of a table with the moments they end at, by their names.
fn made(tx: &mut Tx<'_>, table: &str) -> Result<Vec<(String, i64)>, StoreError> {
    let rows = tx.query(
        "SELECT table_name::text AS name FROM information_schema.tables
         WHERE table_schema = current_schema() ORDER BY table_name",
        &[],
    )?;
    let mut made = Vec::new();
    for row in &rows {
        let name: String = row.value("name")?;
        if let Some(month) = month_of(table, &name) {
            made.push((name, bounds(month)?.1));
        }
    }
    Ok(made)
}

fn is_there(tx: &mut Tx<'_>, name: &str) -> Result<bool, StoreError> {
    let there = tx.query_one(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = $1::text",
        &[&name],
    )?;
    Ok(there.is_some())
}

fn name(table: &str, month: Date) -> String {
    format!("{table}_{:04}_{:02}", month.year(), month.month())
}

fn month_of(table: &str, name: &str) -> Option<Date> {
    let (year, month) = name.strip_prefix(table)?.strip_prefix('_')?.split_once('_')?;
    Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()
}

/// Where a month begins and where the next does, in microseconds.
fn bounds(month: Date) -> Result<(i64, i64), StoreError> {
    let start = |month: Date| -> Result<i64, jiff::Error> {
        Ok(month.to_zoned(TimeZone::UTC)?.timestamp().as_microsecond())
    };
    let both = || -> Result<_, jiff::Error> { Ok((start(month)?, start(month.checked_add(1.month())?)?)) };
    both().map_err(|error| StoreError::damaged("month", error))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_partition_holds_its_month() {
        let december = date(2026, 12, 1);
        assert_eq!(name("reports", december), "reports_2026_12");
        assert_eq!(month_of("reports", "reports_2026_12"), Some(december));
        assert_eq!(EARLIEST.to_string(), "2025-01-01T00:00:00Z");
        for other in [
            "reports",
            "reports_rest",
            "reports_by_sequence",
            "reports_2026_13",
            "findings_history_2026_12",
        ] {
            assert_eq!(month_of("reports", other), None, "{other}");
        }
        let (start, end) = bounds(december).unwrap();
        assert_eq!(end - start, 31 * 86_400 * 1_000_000);
        assert_eq!(
            start,
            "2026-12-01T00:00:00Z"
                .parse::<Timestamp>()
                .unwrap()
                .as_microsecond()
        );
    }
}
