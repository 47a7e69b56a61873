//! Periodic jobs: who does them, and what SQLite wants of them.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Transaction;

use super::column::{limit, micros};
use super::{people, totals};
use crate::store::{Act, StoreError};

/// What stands for the packing of a body that was removed when its time was over.
pub(super) const NO_BODY: &str = "removed";

pub(super) fn take_lease(
    tx: &Transaction<'_>,
    name: &str,
    holder: &str,
    ttl: Duration,
) -> Result<bool, StoreError> {
    let ttl = i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX);
    let now: i64 = tx.query_row(
        "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
        [],
        |row| row.get(0),
    )?;
    let taken = tx.execute(
        "INSERT INTO leases (name, holder, until) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
             WHERE holder = excluded.holder OR until <= ?4",
        (name, holder, now.saturating_add(ttl), now),
    )?;
    Ok(taken > 0)
}

/// Lets SQLite look over its statistics where they are out of date (sqlite.org/lang_analyze.html); bounded by itself.
pub(super) fn optimize(tx: &Transaction<'_>) -> Result<(), StoreError> {
    tx.execute_batch("PRAGMA analysis_limit = 1000; PRAGMA optimize")?;
    Ok(())
}

/// The note that tells up to which id bodies were removed.
const PRUNED_TO: &str = "pruned_to";

/// Rows are added in the order they are received, so the oldest have the lowest ids. Should a clock have run ahead, they
/// wait until what came before them is old enough too.
pub(super) fn prune(
    tx: &Transaction<'_>,
    before: Timestamp,
    most: usize,
    act: &Act,
) -> Result<usize, StoreError> {
    let from: i64 = totals::noted(tx, PRUNED_TO)?
        .and_then(|id| id.parse().ok())
        .unwrap_or(0);
    let oldest = "SELECT id FROM (SELECT id, received_at FROM reports WHERE id > ?1 ORDER BY id LIMIT ?2)
        WHERE received_at < ?3";
    let values = (from, limit(most), micros(before));
    let to: Option<i64> = tx.query_row(&format!("SELECT max(id) FROM ({oldest})"), values, |row| {
        row.get(0)
    })?;
    let mut removed = tx.execute(
        &format!("UPDATE reports SET body = x'', packing = '{NO_BODY}' WHERE id IN ({oldest})"),
        values,
    )?;
    if let Some(to) = to {
        totals::note(tx, PRUNED_TO, &to.to_string())?;
    }
    removed += tx.execute(
        "DELETE FROM findings_history WHERE id IN (SELECT id FROM
             (SELECT id, at FROM findings_history ORDER BY id LIMIT ?2) WHERE at < ?1)",
        (micros(before), limit(most)),
    )?;
    if removed > 0 {
        let act = Act {
            on: format!("{}: {removed} rows", act.on),
            ..act.clone()
        };
        people::record(tx, &act)?;
    }
    Ok(removed)
}
