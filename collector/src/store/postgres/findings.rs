//! Looking findings up.

use plumbline_config::ident::HostId;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::column::{Columns, limit, micros, text};
use super::tx::Tx;
use crate::store::{Change, Cursor, FindingPage, FindingQuery, LatestFinding, StoreError, Transition};

/// What [`read_finding`] reads.
const FINDING: &str = "SELECT f.host, h.name, h.role, h.revoked_at, f.finding, f.received_at, f.since,
        p.looked_at
    FROM findings_latest f JOIN hosts h ON h.id = f.host JOIN host_pulse p ON p.host = f.host";

pub(super) fn of_host(tx: &mut Tx<'_>, host: &HostId) -> Result<Vec<LatestFinding>, StoreError> {
    let rows = tx.query(
        &format!("{FINDING} WHERE f.host = $1 ORDER BY f.check_id, f.subject"),
        &[&host.as_str()],
    )?;
    rows.iter().map(read_finding).collect()
}

pub(super) fn page(tx: &mut Tx<'_>, query: &FindingQuery) -> Result<FindingPage, StoreError> {
    let asked = Asked::of(query);
    let values: Vec<&(dyn ToSql + Sync)> = asked.values.iter().map(|value| value.as_ref() as _).collect();
    let rows = tx.query(
        &format!(
            "{FINDING} {} ORDER BY f.host, f.check_id, f.subject LIMIT ${}",
            asked.conditions(),
            asked.values.len()
        ),
        &values,
    )?;
    let mut findings: Vec<LatestFinding> = rows.iter().map(read_finding).collect::<Result<_, _>>()?;
    let more = findings.len() > query.limit;
    findings.truncate(query.limit);
    let next = findings.last().filter(|_| more).map(Cursor::of);
    Ok(FindingPage { findings, next })
}

/// Conditions for what is asked alone, so that each question finds its index; and the values for their numbers, with
/// the limit at the end.
#[derive(Default)]
struct Asked {
    conditions: Vec<String>,
    values: Vec<Box<dyn ToSql + Sync>>,
}

impl Asked {
    fn of(query: &FindingQuery) -> Self {
        let mut asked = Self::default();
        if let Some(host) = &query.host {
            asked.equal("f.host", host.as_str());
        }
        if let Some(check) = &query.check {
            asked.equal("f.check_id", check);
        }
        if let Some(severity) = query.severity {
            asked.equal("f.severity", severity.name());
        }
        if let Some(role) = query.role {
            asked.equal("h.role", role.name());
        }
        if let Some(after) = &query.after {
            let places = [after.host.as_str(), &after.check, &after.subject]
                .map(|place| asked.value(text(place).into_owned()));
            asked.conditions.push(format!(
                "(f.host, f.check_id, f.subject) > ({})",
                places.join(", ")
            ));
        }
        if let Some(status) = query.status {
            // `Cutoff::shown` in SQL; the behaviour suite holds the two together.
            let cutoff = asked.value(micros(query.cutoff.at()));
            let status = asked.value(status.name().to_owned());
            asked.conditions.push(format!(
                "CASE WHEN h.revoked_at IS NOT NULL OR coalesce(p.looked_at, 0) <= {cutoff} THEN 'stale'
                      ELSE f.status END = {status}"
            ));
        }
        // One more than asked for tells whether there is a next page.
        asked.value(limit(query.limit.saturating_add(1)));
        asked
    }

    fn equal(&mut self, column: &str, value: &str) {
        let value = self.value(text(value).into_owned());
        self.conditions.push(format!("{column} = {value}"));
    }

    /// The name of a new value.
    fn value(&mut self, value: impl ToSql + Sync + 'static) -> String {
        self.values.push(Box::new(value));
        format!("${}", self.values.len())
    }

    fn conditions(&self) -> String {
        match self.conditions.as_slice() {
            [] => String::new(),
            some => format!("WHERE {}", some.join(" AND ")),
        }
    }
}

fn read_finding(row: &Row) -> Result<LatestFinding, StoreError> {
    Ok(LatestFinding {
        host: row.host("host")?,
        host_name: row.text("name")?,
        role: row.named("role")?,
        host_revoked: row.time_or_none("revoked_at")?.is_some(),
        finding: row.json("finding")?,
        received_at: row.time("received_at")?,
        since: row.time("since")?,
        looked_at: row.time_or_none("looked_at")?,
        waived_by: None,
    })
}

pub(super) fn history(tx: &mut Tx<'_>, host: &HostId, most: usize) -> Result<Vec<Transition>, StoreError> {
    let rows = tx.query(
        "SELECT * FROM findings_history WHERE host = $1 ORDER BY id DESC LIMIT $2",
        &[&host.as_str(), &limit(most)],
    )?;
    let read = |row: &Row| {
        let change: String = row.value("change")?;
        Ok(Transition {
            check: row.text("check_id")?,
            subject: row.text("subject")?,
            change: Change::from_name(&change).unwrap_or(Change::Changed),
            before: row.named_or_none("before")?,
            after: row.named_or_none("after")?,
            severity: row.named("severity")?,
            at: row.time("at")?,
            sequence: row.number("sequence")?,
        })
    };
    rows.iter().map(read).collect()
}
