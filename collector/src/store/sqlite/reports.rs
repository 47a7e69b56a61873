//! Taking reports in: what the rules of [`crate::store::intake`] read, and what came of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use plumbline_config::finding::Status;
use plumbline_config::ident::HostId;
use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use super::column::{Columns, count, json, micros};
use super::ledger::{self, RowOf};
use super::totals;
use crate::store::intake::{FindingKey, FindingRow, Gap, Ground, HostRow, Known, Wanted, Writes, judge};
use crate::store::leaves::report_entry;
use crate::store::{Incoming, Keep, StoreError, Transition};

pub(super) fn keep(tx: &Transaction<'_>, reports: &[Incoming]) -> Result<Vec<Keep>, StoreError> {
    let (outcomes, writes) = judge(&mut Reading(tx), reports)?;
    write(tx, &writes)?;
    Ok(outcomes)
}

/// Reads the pages that [`keep`] will need for a report, and throws away what they say: it may be another by then.
pub(super) fn read_ahead(db: &Connection, incoming: &Incoming) -> Result<(), StoreError> {
    let mut reading = Reading(db);
    totals::row(db, &incoming.host)?;
    reading.kept_sha256(incoming)?;
    if let Some(assessment) = &incoming.report.assessment {
        let mut wanted = Wanted::default();
        wanted.add(&incoming.host, assessment);
        reading.findings(&wanted)?;
    }
    // Where a change would go in the index of the history.
    db.prepare_cached("SELECT max(id) FROM findings_history WHERE host = ?1")?
        .query_row([incoming.host.as_str()], |_| Ok(()))?;
    Ok(())
}

struct Reading<'d>(&'d Connection);

impl Ground for Reading<'_> {
    fn hosts(&mut self, ids: &BTreeSet<&HostId>) -> Result<HashMap<HostId, HostRow>, StoreError> {
        let mut hosts = HashMap::with_capacity(ids.len());
        for id in ids {
            if let Some(host) = totals::row(self.0, id)? {
                hosts.insert((*id).clone(), host);
            }
        }
        Ok(hosts)
    }

    fn kept_sha256(&mut self, incoming: &Incoming) -> Result<Option<String>, StoreError> {
        Ok(self
            .0
            .prepare_cached(
                "SELECT body_sha256 FROM reports WHERE host = ?1 AND incarnation = ?2 AND sequence = ?3",
            )?
            .query_row(key(incoming), |row| row.get(0))
            .optional()?)
    }

    fn findings(
        &mut self,
        wanted: &Wanted,
    ) -> Result<HashMap<HostId, BTreeMap<FindingKey, Known>>, StoreError> {
        let mut known: HashMap<HostId, BTreeMap<FindingKey, Known>> = HashMap::new();
        let mut of_host = self.0.prepare_cached(
            "SELECT check_id, subject, status, severity, since, hash FROM findings_latest WHERE host = ?1",
        )?;
        for host in &wanted.hosts {
            let rows = of_host.query_map([host.as_str()], read_known)?;
            known.insert(host.clone(), rows.collect::<Result<_, _>>()?);
        }
        let mut one = self.0.prepare_cached(
            "SELECT check_id, subject, status, severity, since, hash FROM findings_latest
             WHERE host = ?1 AND check_id = ?2 AND subject = ?3",
        )?;
        for (host, key) in wanted
            .findings
            .iter()
            .filter(|(host, _)| !wanted.hosts.contains(host))
        {
            let row = one
                .query_row((host.as_str(), &key.check, &key.subject), read_known)
                .optional()?;
            known.entry(host.clone()).or_default().extend(row);
        }
        Ok(known)
    }
}

fn read_known(row: &Row<'_>) -> rusqlite::Result<(FindingKey, Known)> {
    let key = FindingKey {
        check: row.get("check_id")?,
        subject: row.get("subject")?,
    };
    let known = Known {
        status: row.named("status")?,
        severity: row.named("severity")?,
        since: row.time("since")?,
        hash: row.get::<_, [u8; 32]>("hash")?.into(),
    };
    Ok((key, known))
}

fn write(tx: &Transaction<'_>, writes: &Writes<'_>) -> Result<(), StoreError> {
    let mut leaves = Vec::with_capacity(writes.reports.len());
    for incoming in &writes.reports {
        let id = add_report(tx, incoming)?;
        leaves.push((RowOf::Report(id), report_entry(incoming)?.leaf_hash()));
    }
    ledger::append(tx, &leaves)?;
    for gap in &writes.gaps {
        add_gap(tx, gap)?;
    }
    for incoming in &writes.forks {
        add_fork(tx, incoming)?;
    }
    for host in &writes.hosts {
        put_host(tx, host)?;
        if writes.tallied.contains(&host.id) {
            totals::put_tally(tx, &host.id, &host.tally)?;
        }
    }
    for ((host, key), row) in &writes.findings {
        match row {
            Some(row) => put_finding(tx, host, row)?,
            None => remove_finding(tx, host, key)?,
        }
    }
    for (host, transition) in &writes.history {
        add_transition(tx, host, transition)?;
    }
    totals::add(tx, &writes.totals)
}

fn add_report(tx: &Transaction<'_>, incoming: &Incoming) -> Result<i64, StoreError> {
    let (host, incarnation, sequence) = key(incoming);
    tx.prepare_cached(
        "INSERT INTO reports (host, incarnation, sequence, received_at, sealed_at, body_sha256, signature, body, packing,
             previous)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute((
        host,
        incarnation,
        sequence,
        micros(incoming.received_at),
        micros(incoming.report.sealed_at),
        &incoming.body.sha256,
        &incoming.signature,
        &incoming.body.packed,
        incoming.body.packing.name(),
        &incoming.report.previous,
    ))?;
    Ok(tx.last_insert_rowid())
}

fn add_gap(tx: &Transaction<'_>, gap: &Gap<'_>) -> Result<(), StoreError> {
    let (host, incarnation, sequence) = key(gap.incoming);
    tx.execute(
        "INSERT INTO report_gaps (host, incarnation, sequence, missing, chained, noticed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (
            host,
            incarnation,
            sequence,
            count(gap.missing),
            gap.chained,
            micros(gap.incoming.received_at),
        ),
    )?;
    Ok(())
}

fn add_fork(tx: &Transaction<'_>, incoming: &Incoming) -> Result<(), StoreError> {
    let (host, incarnation, sequence) = key(incoming);
    tx.execute(
        "INSERT INTO report_forks (host, incarnation, sequence, offered_sha256, times, first_at, last_at)
         VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5)
         ON CONFLICT (host, incarnation, sequence) DO UPDATE SET times = times + 1,
             offered_sha256 = excluded.offered_sha256, last_at = excluded.last_at",
        (
            host,
            incarnation,
            sequence,
            &incoming.body.sha256,
            micros(incoming.received_at),
        ),
    )?;
    Ok(())
}

fn put_host(tx: &Transaction<'_>, host: &HostRow) -> Result<(), StoreError> {
    tx.prepare_cached(
        "UPDATE hosts SET last_sequence = ?2, last_sha256 = ?3, name = ?4, os = ?5, agent_version = ?6,
                clock_skew_ms = ?7, plan_version = ?8, plan_sha256 = ?9, sum = ?10, reports = ?11,
                missing_reports = ?12, forks = ?13
         WHERE id = ?1",
    )?
    .execute((
        host.id.as_str(),
        count(host.last_sequence),
        &host.last_sha256,
        &host.name,
        json(&host.os)?,
        &host.agent_version,
        host.clock_skew_ms,
        host.plan.as_ref().map(|plan| &plan.version),
        host.plan.as_ref().map(|plan| &plan.sha256),
        host.sum.bytes(),
        count(host.reports),
        count(host.missing_reports),
        count(host.forks),
    ))?;
    totals::put_pulse(tx, &host.id, &host.pulse)
}

fn key(incoming: &Incoming) -> (&str, u32, i64) {
    (
        incoming.host.as_str(),
        incoming.incarnation,
        count(incoming.report.sequence),
    )
}

fn put_finding(tx: &Transaction<'_>, host: &HostId, row: &FindingRow<'_>) -> Result<(), StoreError> {
    let finding = row.finding;
    tx.prepare_cached(
        "INSERT INTO findings_latest
             (host, check_id, subject, status, severity, observed_at, received_at, since, finding, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (host, check_id, subject) DO UPDATE SET status = excluded.status, severity = excluded.severity,
             observed_at = excluded.observed_at, received_at = excluded.received_at, since = excluded.since,
             finding = excluded.finding, hash = excluded.hash",
    )?
    .execute((
        host.as_str(),
        &finding.check,
        &finding.subject,
        finding.status.name(),
        finding.severity.name(),
        micros(finding.observed_at),
        micros(row.received_at),
        micros(row.known.since),
        json(finding)?,
        row.known.hash.bytes(),
    ))?;
    Ok(())
}

fn remove_finding(tx: &Transaction<'_>, host: &HostId, key: &FindingKey) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM findings_latest WHERE host = ?1 AND check_id = ?2 AND subject = ?3")?
        .execute((host.as_str(), &key.check, &key.subject))?;
    Ok(())
}

fn add_transition(tx: &Transaction<'_>, host: &HostId, transition: &Transition) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO findings_history (host, check_id, subject, change, before, after, severity, at, sequence)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute((
        host.as_str(),
        &transition.check,
        &transition.subject,
        transition.change.name(),
        transition.before.map(Status::name),
        transition.after.map(Status::name),
        transition.severity.name(),
        micros(transition.at),
        count(transition.sequence),
    ))?;
    Ok(())
}
