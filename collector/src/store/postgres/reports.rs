//! Taking reports in: what the rules of [`crate::store::intake`] read, and what came of them. A batch costs a handful of
//! statements whatever its size: rows go over as arrays.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use plumbline_config::finding::Status;
use plumbline_config::ident::HostId;
use tokio_postgres::Row;

use super::column::{Columns, count, json, micros, text};
use super::ledger::{self, Queued};
use super::pool::Tx;
use super::totals;
use crate::ledger::tree::Hash;
use crate::store::intake::{FindingKey, FindingRow, Gap, Ground, HostRow, Known, Wanted, Writes, judge};
use crate::store::leaves::report_entry;
use crate::store::{Incoming, Keep, StoreError, Transition};

/// Rows in one statement, so that no message grows past what the protocol takes (1 GiB).
const ROWS_AT_ONCE: usize = 5_000;

/// Reports in one statement: each has a body.
const REPORTS_AT_ONCE: usize = 64;

pub(super) fn keep(tx: &mut Tx<'_>, shard: &str, reports: &[Incoming]) -> Result<Vec<Keep>, StoreError> {
    if reports.is_empty() {
        return Ok(Vec::new());
    }
    let (outcomes, writes) = judge(&mut InTransaction(tx), reports)?;
    write(tx, shard, &writes)?;
    Ok(outcomes)
}

struct InTransaction<'t, 'p>(&'t mut Tx<'p>);

impl Ground for InTransaction<'_, '_> {
    fn hosts(&mut self, ids: &BTreeSet<&HostId>) -> Result<HashMap<HostId, HostRow>, StoreError> {
        let ids: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
        totals::lock(self.0, &ids)?;
        let hosts = totals::rows(self.0, &ids)?.into_iter();
        Ok(hosts.map(|host| (host.id.clone(), host)).collect())
    }

    fn kept_sha256(&mut self, incoming: &Incoming) -> Result<Option<String>, StoreError> {
        let row = self.0.query_one(
            "SELECT body_sha256 FROM reports WHERE host = $1 AND incarnation = $2 AND sequence = $3",
            &[
                &incoming.host.as_str(),
                &i64::from(incoming.incarnation),
                &count(incoming.report.sequence),
            ],
        )?;
        row.map(|row| row.value("body_sha256")).transpose()
    }

    fn findings(
        &mut self,
        wanted: &Wanted,
    ) -> Result<HashMap<HostId, BTreeMap<FindingKey, Known>>, StoreError> {
        let mut known: HashMap<HostId, BTreeMap<FindingKey, Known>> = HashMap::new();
        if !wanted.hosts.is_empty() {
            let hosts: Vec<&str> = wanted.hosts.iter().map(HostId::as_str).collect();
            let rows = self.0.query(
                "SELECT host, check_id, subject, status, severity, since, hash FROM findings_latest
                 WHERE host = ANY($1)",
                &[&hosts],
            )?;
            read_known(&rows, &mut known)?;
        }
        let single: Vec<&(HostId, FindingKey)> = wanted
            .findings
            .iter()
            .filter(|(host, _)| !wanted.hosts.contains(host))
            .collect();
        for some in single.chunks(ROWS_AT_ONCE) {
            let hosts: Vec<&str> = some.iter().map(|(host, _)| host.as_str()).collect();
            let checks: Vec<&str> = some.iter().map(|(_, key)| key.check.as_str()).collect();
            let subjects: Vec<Vec<u8>> = some.iter().map(|(_, key)| subject_key(&key.subject)).collect();
            let rows = self.0.query(
                "SELECT f.host, f.check_id, f.subject, f.status, f.severity, f.since, f.hash
                 FROM unnest($1::text[], $2::text[], $3::bytea[]) AS n (host, check_id, subject_key)
                 JOIN findings_latest f
                   ON f.host = n.host AND f.check_id = n.check_id AND f.subject_key = n.subject_key",
                &[&hosts, &checks, &subjects],
            )?;
            read_known(&rows, &mut known)?;
        }
        Ok(known)
    }
}

fn read_known(
    rows: &[Row],
    known: &mut HashMap<HostId, BTreeMap<FindingKey, Known>>,
) -> Result<(), StoreError> {
    for row in rows {
        let key = FindingKey {
            check: row.text("check_id")?,
            subject: row.text("subject")?,
        };
        let stands = Known {
            status: row.named("status")?,
            severity: row.named("severity")?,
            since: row.time("since")?,
            hash: row.hash("hash")?.into(),
        };
        known.entry(row.host("host")?).or_default().insert(key, stands);
    }
    Ok(())
}

/// What stands for a subject in the key: its SHA-256.
pub(super) fn subject_key(subject: &str) -> Vec<u8> {
    Hash::of(subject.as_bytes()).as_bytes().to_vec()
}

fn write(tx: &mut Tx<'_>, shard: &str, writes: &Writes<'_>) -> Result<(), StoreError> {
    for some in writes.reports.chunks(REPORTS_AT_ONCE) {
        add_reports(tx, some)?;
    }
    add_gaps(tx, &writes.gaps)?;
    for incoming in &writes.forks {
        add_fork(tx, incoming)?;
    }
    put_hosts(tx, &writes.hosts)?;
    let (mut put, mut gone) = (Vec::new(), Vec::new());
    for ((host, key), row) in &writes.findings {
        match row {
            Some(row) => put.push((host, row)),
            None => gone.push((host, key)),
        }
    }
    for some in put.chunks(ROWS_AT_ONCE) {
        put_findings(tx, some)?;
    }
    for some in gone.chunks(ROWS_AT_ONCE) {
        remove_findings(tx, some)?;
    }
    for some in writes.history.chunks(ROWS_AT_ONCE) {
        add_transitions(tx, some)?;
    }
    totals::add(tx, shard, &writes.totals)
}

fn add_reports(tx: &mut Tx<'_>, reports: &[&Incoming]) -> Result<(), StoreError> {
    let hosts: Vec<&str> = reports.iter().map(|one| one.host.as_str()).collect();
    let incarnations: Vec<i64> = reports.iter().map(|one| i64::from(one.incarnation)).collect();
    let sequences: Vec<i64> = reports.iter().map(|one| count(one.report.sequence)).collect();
    let received: Vec<i64> = reports.iter().map(|one| micros(one.received_at)).collect();
    let sealed: Vec<i64> = reports.iter().map(|one| micros(one.report.sealed_at)).collect();
    let previous: Vec<&str> = reports.iter().map(|one| one.report.previous.as_str()).collect();
    let sha256s: Vec<&str> = reports.iter().map(|one| one.body.sha256.as_str()).collect();
    let signatures: Vec<&str> = reports.iter().map(|one| one.signature.as_str()).collect();
    let packings: Vec<&str> = reports.iter().map(|one| one.body.packing.name()).collect();
    let bodies: Vec<&[u8]> = reports.iter().map(|one| one.body.packed.as_slice()).collect();
    let rows = tx.query(
        "INSERT INTO reports (host, incarnation, sequence, received_at, sealed_at, previous, body_sha256, signature)
         SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[],
             $7::text[], $8::text[])
         RETURNING id, host, incarnation, sequence",
        &[
            &hosts,
            &incarnations,
            &sequences,
            &received,
            &sealed,
            &previous,
            &sha256s,
            &signatures,
        ],
    )?;
    // No engine promises to give the rows back in their order.
    let mut ids: HashMap<(String, i64, i64), i64> = HashMap::with_capacity(rows.len());
    for row in &rows {
        let key = (
            row.value("host")?,
            row.value("incarnation")?,
            row.value("sequence")?,
        );
        ids.insert(key, row.value("id")?);
    }
    let mut queued = Vec::with_capacity(reports.len());
    for incoming in reports {
        let key = (
            incoming.host.to_string(),
            i64::from(incoming.incarnation),
            count(incoming.report.sequence),
        );
        let reference = ids
            .remove(&key)
            .ok_or_else(|| StoreError::damaged("answer", "a report was written and is not there"))?;
        queued.push(Queued {
            hash: report_entry(incoming)?.leaf_hash(),
            reference,
            at: micros(incoming.received_at),
        });
    }
    let ids: Vec<i64> = queued.iter().map(|leaf| leaf.reference).collect();
    tx.execute(
        "INSERT INTO report_bodies (id, received_at, packing, body)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bytea[])",
        &[&ids, &received, &packings, &bodies],
    )?;
    ledger::queue_reports(tx, &queued)
}

fn add_gaps(tx: &mut Tx<'_>, gaps: &[Gap<'_>]) -> Result<(), StoreError> {
    if gaps.is_empty() {
        return Ok(());
    }
    let hosts: Vec<&str> = gaps.iter().map(|gap| gap.incoming.host.as_str()).collect();
    let incarnations: Vec<i64> = gaps
        .iter()
        .map(|gap| i64::from(gap.incoming.incarnation))
        .collect();
    let sequences: Vec<i64> = gaps
        .iter()
        .map(|gap| count(gap.incoming.report.sequence))
        .collect();
    let missing: Vec<i64> = gaps.iter().map(|gap| count(gap.missing)).collect();
    let chained: Vec<bool> = gaps.iter().map(|gap| gap.chained).collect();
    let noticed: Vec<i64> = gaps.iter().map(|gap| micros(gap.incoming.received_at)).collect();
    tx.execute(
        "INSERT INTO report_gaps (host, incarnation, sequence, missing, chained, noticed_at)
         SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::boolean[], $6::bigint[])",
        &[&hosts, &incarnations, &sequences, &missing, &chained, &noticed],
    )?;
    Ok(())
}

/// One by one: a batch may hold two of the same place, and forks are rare.
fn add_fork(tx: &mut Tx<'_>, incoming: &Incoming) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO report_forks (host, incarnation, sequence, offered_sha256, times, first_at, last_at)
         VALUES ($1, $2, $3, $4, 1, $5, $5)
         ON CONFLICT (host, incarnation, sequence) DO UPDATE SET times = report_forks.times + 1,
             offered_sha256 = excluded.offered_sha256, last_at = excluded.last_at",
        &[
            &incoming.host.as_str(),
            &i64::from(incoming.incarnation),
            &count(incoming.report.sequence),
            &incoming.body.sha256,
            &micros(incoming.received_at),
        ],
    )?;
    Ok(())
}

fn put_hosts(tx: &mut Tx<'_>, hosts: &[HostRow]) -> Result<(), StoreError> {
    if hosts.is_empty() {
        return Ok(());
    }
    let plan = |host: &HostRow, of: fn(&plumbline_config::wire::PlanRef) -> &str| {
        host.plan.as_ref().map(|plan| text(of(plan)).into_owned())
    };
    let ids: Vec<&str> = hosts.iter().map(|host| host.id.as_str()).collect();
    let sequences: Vec<i64> = hosts.iter().map(|host| count(host.last_sequence)).collect();
    let sha256s: Vec<Option<&str>> = hosts.iter().map(|host| host.last_sha256.as_deref()).collect();
    let names: Vec<String> = hosts.iter().map(|host| text(&host.name).into_owned()).collect();
    let systems: Vec<String> = hosts
        .iter()
        .map(|host| json(&host.os))
        .collect::<Result<_, _>>()?;
    let versions: Vec<String> = hosts
        .iter()
        .map(|host| text(&host.agent_version).into_owned())
        .collect();
    let skews: Vec<Option<i64>> = hosts.iter().map(|host| host.clock_skew_ms).collect();
    let plan_versions: Vec<Option<String>> = hosts
        .iter()
        .map(|host| plan(host, |plan| &plan.version))
        .collect();
    let plan_sha256s: Vec<Option<String>> =
        hosts.iter().map(|host| plan(host, |plan| &plan.sha256)).collect();
    let sums: Vec<&[u8]> = hosts.iter().map(|host| host.sum.bytes().as_slice()).collect();
    let reports: Vec<i64> = hosts.iter().map(|host| count(host.reports)).collect();
    let missing: Vec<i64> = hosts.iter().map(|host| count(host.missing_reports)).collect();
    let forks: Vec<i64> = hosts.iter().map(|host| count(host.forks)).collect();
    tx.execute(
        "UPDATE hosts h SET last_sequence = n.last_sequence, last_sha256 = n.last_sha256, name = n.name, os = n.os,
                agent_version = n.agent_version, clock_skew_ms = n.clock_skew_ms, plan_version = n.plan_version,
                plan_sha256 = n.plan_sha256, sum = n.sum, reports = n.reports, missing_reports = n.missing_reports,
                forks = n.forks
         FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
                $8::text[], $9::text[], $10::bytea[], $11::bigint[], $12::bigint[], $13::bigint[])
              AS n (id, last_sequence, last_sha256, name, os, agent_version, clock_skew_ms, plan_version, plan_sha256,
                sum, reports, missing_reports, forks)
         WHERE h.id = n.id",
        &[
            &ids,
            &sequences,
            &sha256s,
            &names,
            &systems,
            &versions,
            &skews,
            &plan_versions,
            &plan_sha256s,
            &sums,
            &reports,
            &missing,
            &forks,
        ],
    )?;
    let pulses: Vec<_> = hosts.iter().map(|host| (&host.id, &host.pulse)).collect();
    totals::put_pulses(tx, &pulses)?;
    let tallies: Vec<_> = hosts.iter().map(|host| (&host.id, &host.tally)).collect();
    totals::put_tallies(tx, &tallies)
}

fn put_findings(tx: &mut Tx<'_>, rows: &[(&HostId, &FindingRow<'_>)]) -> Result<(), StoreError> {
    let hosts: Vec<&str> = rows.iter().map(|(host, _)| host.as_str()).collect();
    let checks: Vec<&str> = rows.iter().map(|(_, row)| row.finding.check.as_str()).collect();
    let keys: Vec<Vec<u8>> = rows
        .iter()
        .map(|(_, row)| subject_key(&row.finding.subject))
        .collect();
    let subjects: Vec<String> = rows
        .iter()
        .map(|(_, row)| text(&row.finding.subject).into_owned())
        .collect();
    let statuses: Vec<&str> = rows.iter().map(|(_, row)| row.finding.status.name()).collect();
    let severities: Vec<&str> = rows.iter().map(|(_, row)| row.finding.severity.name()).collect();
    let observed: Vec<i64> = rows
        .iter()
        .map(|(_, row)| micros(row.finding.observed_at))
        .collect();
    let received: Vec<i64> = rows.iter().map(|(_, row)| micros(row.received_at)).collect();
    let since: Vec<i64> = rows.iter().map(|(_, row)| micros(row.known.since)).collect();
    let findings: Vec<String> = rows
        .iter()
        .map(|(_, row)| json(row.finding))
        .collect::<Result<_, _>>()?;
    let hashes: Vec<&[u8]> = rows
        .iter()
        .map(|(_, row)| row.known.hash.bytes().as_slice())
        .collect();
    tx.execute(
        "INSERT INTO findings_latest
             (host, check_id, subject_key, subject, status, severity, observed_at, received_at, since, finding, hash)
         SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::bigint[],
             $8::bigint[], $9::bigint[], $10::text[], $11::bytea[])
         ON CONFLICT (host, check_id, subject_key) DO UPDATE SET status = excluded.status,
             severity = excluded.severity, observed_at = excluded.observed_at, received_at = excluded.received_at,
             since = excluded.since, finding = excluded.finding, hash = excluded.hash",
        &[
            &hosts,
            &checks,
            &keys,
            &subjects,
            &statuses,
            &severities,
            &observed,
            &received,
            &since,
            &findings,
            &hashes,
        ],
    )?;
    Ok(())
}

fn remove_findings(tx: &mut Tx<'_>, rows: &[(&HostId, &FindingKey)]) -> Result<(), StoreError> {
    let hosts: Vec<&str> = rows.iter().map(|(host, _)| host.as_str()).collect();
    let checks: Vec<&str> = rows.iter().map(|(_, key)| key.check.as_str()).collect();
    let keys: Vec<Vec<u8>> = rows.iter().map(|(_, key)| subject_key(&key.subject)).collect();
    tx.execute(
        "DELETE FROM findings_latest f
         USING unnest($1::text[], $2::text[], $3::bytea[]) AS n (host, check_id, subject_key)
         WHERE f.host = n.host AND f.check_id = n.check_id AND f.subject_key = n.subject_key",
        &[&hosts, &checks, &keys],
    )?;
    Ok(())
}

fn add_transitions(tx: &mut Tx<'_>, rows: &[(HostId, Transition)]) -> Result<(), StoreError> {
    let hosts: Vec<&str> = rows.iter().map(|(host, _)| host.as_str()).collect();
    let checks: Vec<&str> = rows.iter().map(|(_, row)| row.check.as_str()).collect();
    let subjects: Vec<String> = rows
        .iter()
        .map(|(_, row)| text(&row.subject).into_owned())
        .collect();
    let changes: Vec<&str> = rows.iter().map(|(_, row)| row.change.name()).collect();
    let before: Vec<Option<&str>> = rows.iter().map(|(_, row)| row.before.map(Status::name)).collect();
    let after: Vec<Option<&str>> = rows.iter().map(|(_, row)| row.after.map(Status::name)).collect();
    let severities: Vec<&str> = rows.iter().map(|(_, row)| row.severity.name()).collect();
    let at: Vec<i64> = rows.iter().map(|(_, row)| micros(row.at)).collect();
    let sequences: Vec<i64> = rows.iter().map(|(_, row)| count(row.sequence)).collect();
    tx.execute(
        "INSERT INTO findings_history (host, check_id, subject, change, before, after, severity, at, sequence)
         SELECT host, check_id, subject, change, before, after, severity, at, sequence
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
             $9::bigint[]) WITH ORDINALITY
              AS n (host, check_id, subject, change, before, after, severity, at, sequence, ord)
         ORDER BY ord",
        &[
            &hosts,
            &checks,
            &subjects,
            &changes,
            &before,
            &after,
            &severities,
            &at,
            &sequences,
        ],
    )?;
    Ok(())
}
