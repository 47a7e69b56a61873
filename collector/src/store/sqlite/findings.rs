//! Looking findings up.

use plumbline_config::ident::HostId;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use super::column::{Columns, limit, micros};
use crate::store::{Change, Cursor, FindingPage, FindingQuery, LatestFinding, StoreError, Transition};

/// What [`read_finding`] reads.
const FINDING: &str = "SELECT f.host, h.name, h.role, h.revoked_at, f.finding, f.received_at, f.since,
        p.looked_at
    FROM findings_latest f JOIN hosts h ON h.id = f.host JOIN host_pulse p ON p.host = f.host";

pub(super) fn of_host(db: &Connection, host: &HostId) -> Result<Vec<LatestFinding>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "{FINDING} WHERE f.host = ?1 ORDER BY f.check_id, f.subject"
    ))?;
    Ok(statement
        .query_map([host.as_str()], read_finding)?
        .collect::<Result<_, _>>()?)
}

pub(super) fn page(db: &Connection, query: &FindingQuery) -> Result<FindingPage, StoreError> {
    let (conditions, values) = conditions(query);
    let mut statement = db.prepare_cached(&format!(
        "{FINDING} {conditions} ORDER BY f.host, f.check_id, f.subject LIMIT ?"
    ))?;
    let mut findings: Vec<LatestFinding> = statement
        .query_map(params_from_iter(values), read_finding)?
        .collect::<Result<_, _>>()?;
    let more = findings.len() > query.limit;
    findings.truncate(query.limit);
    let next = findings.last().filter(|_| more).map(Cursor::of);
    Ok(FindingPage { findings, next })
}

/// Conditions for what is asked alone, so that each question finds its index; and the values for their `?`, with the
/// limit at the end.
fn conditions(query: &FindingQuery) -> (String, Vec<Value>) {
    let mut conditions: Vec<&str> = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    let mut ask = |condition, value: &str| {
        conditions.push(condition);
        values.push(Value::Text(value.to_owned()));
    };
    if let Some(host) = &query.host {
        ask("f.host = ?", host.as_str());
    }
    if let Some(check) = &query.check {
        ask("f.check_id = ?", check);
    }
    if let Some(severity) = query.severity {
        ask("f.severity = ?", severity.name());
    }
    if let Some(role) = query.role {
        ask("h.role = ?", role.name());
    }
    if let Some(after) = &query.after {
        ask("(f.host, f.check_id, f.subject) > (?, ?, ?)", after.host.as_str());
        values.push(Value::Text(after.check.clone()));
        values.push(Value::Text(after.subject.clone()));
    }
    if let Some(status) = query.status {
        // `Cutoff::shown` in SQL; the behaviour suite holds the two together.
        conditions.push(
            "CASE WHEN h.revoked_at IS NOT NULL OR coalesce(p.looked_at, 0) <= ? THEN 'stale' ELSE f.status END = ?",
        );
        values.push(Value::Integer(micros(query.cutoff.at())));
        values.push(Value::Text(status.name().to_owned()));
    }
    // One more than asked for tells whether there is a next page.
    values.push(Value::Integer(limit(query.limit.saturating_add(1))));
    let conditions = match conditions.as_slice() {
        [] => String::new(),
        some => format!("WHERE {}", some.join(" AND ")),
    };
    (conditions, values)
}

fn read_finding(row: &Row<'_>) -> rusqlite::Result<LatestFinding> {
    Ok(LatestFinding {
        host: row.host("host")?,
        host_name: row.get("name")?,
        role: row.named("role")?,
        host_revoked: row.time_or_none("revoked_at")?.is_some(),
        finding: row.json("finding")?,
        received_at: row.time("received_at")?,
        since: row.time("since")?,
        looked_at: row.time_or_none("looked_at")?,
        waived_by: None,
    })
}

pub(super) fn history(db: &Connection, host: &HostId, most: usize) -> Result<Vec<Transition>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT * FROM findings_history WHERE host = ?1 ORDER BY id DESC LIMIT ?2")?;
    let read = |row: &Row<'_>| {
        let change: String = row.get("change")?;
        Ok(Transition {
            check: row.get("check_id")?,
            subject: row.get("subject")?,
            change: Change::from_name(&change).unwrap_or(Change::Changed),
            before: row.named_or_none("before")?,
            after: row.named_or_none("after")?,
            severity: row.named("severity")?,
            at: row.time("at")?,
            sequence: row.number("sequence")?,
        })
    };
    Ok(statement
        .query_map((host.as_str(), limit(most)), read)?
        .collect::<Result<_, _>>()?)
}
