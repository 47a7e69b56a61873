//! Totals over all hosts, and the pulses that age them.

use jiff::Timestamp;
use plumbline_config::ident::HostId;
use plumbline_config::wire::PlanRef;
use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use super::column::{Columns, limit, micros};
use crate::freshness::Cutoff;
use crate::store::intake::{HostRow, Pulse};
use crate::store::tally::Tally;
use crate::store::totals::{Counted, Recount, Totals, catalogue_digest, waive};
use crate::store::{Beat, StoreError, Waived};

/// SQLite has one writer, and so one shard.
const SHARD: &str = "";
/// The note that tells by which catalogue the totals were counted.
const COUNTED_BY: &str = "totals_catalogue";
/// The note that tells up to which cutoff hosts were aged, in microseconds.
const AGED_TO: &str = "aged_to";

/// What [`read_row`] reads.
const ROW: &str = "SELECT h.id, h.role, h.incarnation, h.revoked_at, h.last_sequence, h.last_sha256, h.name, h.os,
        h.agent_version, h.clock_skew_ms, h.plan_version, h.plan_sha256, h.sum, h.reports, h.missing_reports, h.forks,
        p.heard_at, p.looked_at, p.silent, p.overdue, t.tally
    FROM hosts h JOIN host_pulse p ON p.host = h.id LEFT JOIN host_tallies t ON t.host = h.id";

pub(super) fn row(db: &Connection, host: &HostId) -> Result<Option<HostRow>, StoreError> {
    Ok(db
        .prepare_cached(&format!("{ROW} WHERE h.id = ?1"))?
        .query_row([host.as_str()], read_row)
        .optional()?)
}

/// What it makes different that findings of hosts are waived.
pub(super) fn waived(db: &Connection, waived: &[(HostId, Vec<Waived>)]) -> Result<Totals, StoreError> {
    let mut difference = Totals::default();
    for (host, findings) in waived {
        if let Some(host) = row(db, host)? {
            waive(&host.as_counted(), findings, &mut difference);
        }
    }
    Ok(difference)
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<HostRow> {
    let plan = match (row.get("plan_version")?, row.get("plan_sha256")?) {
        (Some(version), Some(sha256)) => Some(PlanRef { version, sha256 }),
        _ => None,
    };
    Ok(HostRow {
        id: row.host("id")?,
        role: row.named("role")?,
        incarnation: row.number("incarnation")?,
        revoked: row.time_or_none("revoked_at")?.is_some(),
        last_sequence: row.number("last_sequence")?,
        last_sha256: row.get("last_sha256")?,
        name: row.get("name")?,
        os: row.json("os")?,
        agent_version: row.get("agent_version")?,
        clock_skew_ms: row.get("clock_skew_ms")?,
        plan,
        sum: row.get::<_, [u8; 32]>("sum")?.into(),
        reports: row.number("reports")?,
        missing_reports: row.number("missing_reports")?,
        forks: row.number("forks")?,
        pulse: Pulse {
            heard_at: row.time("heard_at")?,
            looked_at: row.time_or_none("looked_at")?,
            silent: row.get("silent")?,
            overdue: row.get("overdue")?,
        },
        tally: row.tally("tally")?,
        taken: Default::default(),
    })
}

pub(super) fn put_pulse(tx: &Transaction<'_>, host: &HostId, pulse: &Pulse) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO host_pulse (host, heard_at, looked_at, silent, overdue) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (host) DO UPDATE SET heard_at = excluded.heard_at, looked_at = excluded.looked_at,
             silent = excluded.silent, overdue = excluded.overdue",
    )?
    .execute((
        host.as_str(),
        micros(pulse.heard_at),
        pulse.looked_at.map(micros),
        pulse.silent,
        pulse.overdue,
    ))?;
    Ok(())
}

pub(super) fn put_tally(tx: &Transaction<'_>, host: &HostId, tally: &Tally) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO host_tallies (host, tally) VALUES (?1, ?2) ON CONFLICT (host) DO UPDATE SET tally = excluded.tally",
    )?
    .execute((host.as_str(), tally.encode()))?;
    Ok(())
}

pub(super) fn add(tx: &Transaction<'_>, difference: &Totals) -> Result<(), StoreError> {
    let mut statement = tx.prepare_cached(
        "INSERT INTO totals (shard, counted, number) VALUES (?1, ?2, ?3)
         ON CONFLICT (shard, counted) DO UPDATE SET number = number + excluded.number",
    )?;
    for (counted, number) in difference.numbers() {
        statement.execute((SHARD, counted.to_string(), number))?;
    }
    Ok(())
}

pub(super) fn beat(tx: &Transaction<'_>, beats: &[Beat]) -> Result<(), StoreError> {
    let mut totals = Totals::default();
    for beat in beats {
        let counts = tx
            .prepare_cached(
                "UPDATE host_pulse SET heard_at = max(heard_at, ?2),
                        looked_at = CASE WHEN ?3 IS NULL OR looked_at > ?3 THEN looked_at ELSE ?3 END
                 WHERE host = ?1 RETURNING silent, overdue",
            )?
            .query_row(
                (
                    beat.host.as_str(),
                    micros(beat.heard_at),
                    beat.looked_at.map(micros),
                ),
                |row| Ok((row.get::<_, bool>("silent")?, row.get::<_, bool>("overdue")?)),
            )
            .optional()?;
        let (silent, overdue) = counts.unwrap_or_default();
        if silent || (overdue && beat.looked_at.is_some()) {
            change_pulse(tx, &beat.host, &mut totals, |pulse| {
                pulse.silent = false;
                pulse.overdue = overdue && beat.looked_at.is_none();
            })?;
        }
    }
    add(tx, &totals)
}

fn change_pulse(
    tx: &Transaction<'_>,
    host: &HostId,
    totals: &mut Totals,
    change: impl FnOnce(&mut Pulse),
) -> Result<(), StoreError> {
    let Some(mut host) = row(tx, host)? else {
        return Ok(());
    };
    host.as_counted().contribute(totals, -1);
    change(&mut host.pulse);
    host.as_counted().contribute(totals, 1);
    put_pulse(tx, &host.id, &host.pulse)
}

/// Hosts that the line has passed since they were counted.
const PASSED: &str =
    "SELECT host, heard_at <= ?1 AS silent, coalesce(looked_at, 0) <= ?1 AS overdue FROM host_pulse
    WHERE (heard_at <= ?1 AND silent = 0) OR (coalesce(looked_at, 0) <= ?1 AND overdue = 0) LIMIT ?2";

fn passed(db: &Connection, cutoff: Cutoff, most: usize) -> Result<Vec<(HostId, bool, bool)>, StoreError> {
    let mut statement = db.prepare_cached(PASSED)?;
    let read = |row: &Row<'_>| Ok((row.host("host")?, row.get("silent")?, row.get("overdue")?));
    Ok(statement
        .query_map((micros(cutoff.at()), limit(most)), read)?
        .collect::<Result<_, _>>()?)
}

pub(super) fn age(tx: &Transaction<'_>, cutoff: Cutoff, most: usize) -> Result<usize, StoreError> {
    let hosts = passed(tx, cutoff, most)?;
    let mut totals = Totals::default();
    for (host, silent, overdue) in &hosts {
        change_pulse(tx, host, &mut totals, |pulse| {
            pulse.silent = *silent;
            pulse.overdue = *overdue;
        })?;
    }
    add(tx, &totals)?;
    if hosts.len() < most {
        note(tx, AGED_TO, &micros(cutoff.at()).to_string())?;
    }
    Ok(hosts.len())
}

/// The totals as they are kept.
fn stand(db: &Connection) -> Result<Totals, StoreError> {
    let mut totals = Totals::default();
    let mut statement =
        db.prepare_cached("SELECT counted, sum(number) AS number FROM totals GROUP BY counted")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(counted) = Counted::parse(&row.get::<_, String>("counted")?) {
            totals.shift(counted, row.get("number")?);
        }
    }
    Ok(totals)
}

/// The totals as they stand. Where nobody has aged the hosts lately, those that the line passed meanwhile are counted
/// here: an old count must not look fresh because the server is down.
pub(super) fn totals(db: &Connection, cutoff: Cutoff) -> Result<Totals, StoreError> {
    let mut totals = stand(db)?;
    let aged_to: Option<i64> = noted(db, AGED_TO)?.and_then(|value| value.parse().ok());
    let aged_to = aged_to.and_then(|at| Timestamp::from_microsecond(at).ok());
    if aged_to.is_none_or(|at| cutoff.is_long_past(at)) {
        for (host, silent, overdue) in passed(db, cutoff, usize::MAX)? {
            if let Some(mut host) = row(db, &host)? {
                host.as_counted().contribute(&mut totals, -1);
                host.pulse.silent = silent;
                host.pulse.overdue = overdue;
                host.as_counted().contribute(&mut totals, 1);
            }
        }
    }
    Ok(totals)
}

/// Counts everything anew where this program's catalogue is not the one that was counted by.
pub(super) fn recount_if_needed(tx: &Transaction<'_>) -> Result<(), StoreError> {
    if noted(tx, COUNTED_BY)?.as_deref() == Some(catalogue_digest()) {
        return Ok(());
    }
    recount(tx).map(|_| ())
}

/// Counts everything anew, and says what came of it.
pub(super) fn recount(tx: &Transaction<'_>) -> Result<Recount, StoreError> {
    let mut wrong = stand(tx)?;
    tx.execute("DELETE FROM totals", [])?;
    retally(tx)?;
    let mut recount = Recount::default();
    let mut totals = Totals::default();
    let mut statement = tx.prepare(ROW)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        read_row(row)?.as_counted().contribute(&mut totals, 1);
        recount.hosts += 1;
    }
    add(tx, &totals)?;
    note(tx, COUNTED_BY, catalogue_digest())?;
    for (counted, number) in totals.numbers() {
        wrong.shift(counted, -number);
    }
    recount.corrected = wrong.numbers().len();
    Ok(recount)
}

/// Makes the tallies that a database of an earlier schema has not.
fn retally(tx: &Transaction<'_>) -> Result<(), StoreError> {
    let mut statement = tx.prepare(
        "SELECT host, check_id, status, severity FROM findings_latest
         WHERE host NOT IN (SELECT host FROM host_tallies) ORDER BY host",
    )?;
    let mut rows = statement.query([])?;
    let mut of: Option<(HostId, Tally)> = None;
    while let Some(row) = rows.next()? {
        let host = row.host("host")?;
        if let Some((done, tally)) = of.take_if(|(current, _)| *current != host) {
            put_tally(tx, &done, &tally)?;
        }
        let (_, tally) = of.get_or_insert_with(|| (host, Tally::default()));
        let check: String = row.get("check_id")?;
        tally.add(&check, row.named("status")?, row.named("severity")?);
    }
    if let Some((host, tally)) = of {
        put_tally(tx, &host, &tally)?;
    }
    Ok(())
}

pub(super) fn noted(db: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    Ok(db
        .prepare_cached("SELECT value FROM notes WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?)
}

pub(super) fn note(tx: &Transaction<'_>, name: &str, value: &str) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO notes (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )?;
    Ok(())
}
