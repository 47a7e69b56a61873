//! What came of a batch of reports, as statements that go to the server together: rows go over as arrays, so that there
//! are as many statements whatever the batch's size.

use plumbline_config::finding::Status;
use plumbline_config::ident::HostId;

use super::column::{count, json, micros, text};
use super::flight::{Flight, values};
use super::reports::{ROWS_AT_ONCE, subject_key};
use super::tx::Tx;
use super::{ledger, totals};
use crate::store::intake::{FindingKey, FindingRow, Gap, HostRow, Writes};
use crate::store::leaves::report_entry;
use crate::store::{Incoming, StoreError, Transition};

/// Reports in one statement: each has a body.
const REPORTS_AT_ONCE: usize = 64;

/// Bytes of bodies that wait to be sent, about; more go ahead of the rest.
const BODIES_AT_ONCE: usize = 16 * 1024 * 1024;

/// Writes, and commits. `ids`: one for each report at least.
pub(super) fn write(
    tx: &mut Tx<'_>,
    shard: &str,
    writes: &Writes<'_>,
    ids: &[i64],
) -> Result<(), StoreError> {
    if ids.len() < writes.reports.len() {
        return Err(StoreError::damaged("answer", "the server drew too few ids"));
    }
    let mut flight = Flight::default();
    let mut waiting = 0;
    for (some, ids) in writes
        .reports
        .chunks(REPORTS_AT_ONCE)
        .zip(ids.chunks(REPORTS_AT_ONCE))
    {
        add_reports(&mut flight, some, ids)?;
        waiting += some.iter().map(|one| one.body.packed.len()).sum::<usize>();
        if waiting > BODIES_AT_ONCE {
            tx.send(&std::mem::take(&mut flight))?;
            waiting = 0;
        }
    }
    add_gaps(&mut flight, &writes.gaps);
    for incoming in &writes.forks {
        add_fork(&mut flight, incoming);
    }
    put_hosts(&mut flight, &writes.hosts)?;
    let tallied = writes
        .hosts
        .iter()
        .filter(|host| writes.tallied.contains(&host.id));
    let tallies: Vec<_> = tallied.map(|host| (&host.id, &host.tally)).collect();
    totals::put_tallies(&mut flight, &tallies);
    let (mut put, mut gone) = (Vec::new(), Vec::new());
    for ((host, key), row) in &writes.findings {
        match row {
            Some(row) => put.push((host, row)),
            None => gone.push((host, key)),
        }
    }
    for some in put.chunks(ROWS_AT_ONCE) {
        put_findings(&mut flight, some)?;
    }
    for some in gone.chunks(ROWS_AT_ONCE) {
        remove_findings(&mut flight, some);
    }
    for some in writes.history.chunks(ROWS_AT_ONCE) {
        add_transitions(&mut flight, some);
    }
    totals::add(&mut flight, shard, &writes.totals);
    tx.commit(&flight)?;
    Ok(())
}

fn add_reports<'w>(flight: &mut Flight<'w>, reports: &[&'w Incoming], ids: &[i64]) -> Result<(), StoreError> {
    let ids: Vec<i64> = ids.iter().copied().take(reports.len()).collect();
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
    let hashes: Vec<Vec<u8>> = reports
        .iter()
        .map(|one| Ok(report_entry(one)?.leaf_hash().as_bytes().to_vec()))
        .collect::<Result<_, StoreError>>()?;
    flight.add(
        "INSERT INTO reports
             (id, host, incarnation, sequence, received_at, sealed_at, previous, body_sha256, signature)
         SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
             $7::text[], $8::text[], $9::text[])",
        values![
            ids.clone(),
            hosts,
            incarnations,
            sequences,
            received.clone(),
            sealed,
            previous,
            sha256s,
            signatures
        ],
    );
    flight.add(
        "INSERT INTO report_bodies (id, received_at, packing, body)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bytea[])",
        values![ids.clone(), received.clone(), packings, bodies],
    );
    ledger::queue_reports(flight, hashes, ids, received);
    Ok(())
}

fn add_gaps<'w>(flight: &mut Flight<'w>, gaps: &'w [Gap<'_>]) {
    if gaps.is_empty() {
        return;
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
    flight.add(
        "INSERT INTO report_gaps (host, incarnation, sequence, missing, chained, noticed_at)
         SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::boolean[], $6::bigint[])",
        values![hosts, incarnations, sequences, missing, chained, noticed],
    );
}

/// One by one: a batch may hold two of the same place, and forks are rare.
fn add_fork<'w>(flight: &mut Flight<'w>, incoming: &'w Incoming) {
    flight.add(
        "INSERT INTO report_forks (host, incarnation, sequence, offered_sha256, times, first_at, last_at)
         VALUES ($1, $2, $3, $4, 1, $5, $5)
         ON CONFLICT (host, incarnation, sequence) DO UPDATE SET times = report_forks.times + 1,
             offered_sha256 = excluded.offered_sha256, last_at = excluded.last_at",
        values![
            incoming.host.as_str(),
            i64::from(incoming.incarnation),
            count(incoming.report.sequence),
            incoming.body.sha256.as_str(),
            micros(incoming.received_at),
        ],
    );
}

fn put_hosts<'w>(flight: &mut Flight<'w>, hosts: &'w [HostRow]) -> Result<(), StoreError> {
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
    flight.add(
        "UPDATE hosts h SET last_sequence = n.last_sequence, last_sha256 = n.last_sha256, name = n.name, os = n.os,
                agent_version = n.agent_version, clock_skew_ms = n.clock_skew_ms, plan_version = n.plan_version,
                plan_sha256 = n.plan_sha256, sum = n.sum, reports = n.reports, missing_reports = n.missing_reports,
                forks = n.forks
         FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
                $8::text[], $9::text[], $10::bytea[], $11::bigint[], $12::bigint[], $13::bigint[])
              AS n (id, last_sequence, last_sha256, name, os, agent_version, clock_skew_ms, plan_version, plan_sha256,
                sum, reports, missing_reports, forks)
         WHERE h.id = n.id",
        values![
            ids,
            sequences,
            sha256s,
            names,
            systems,
            versions,
            skews,
            plan_versions,
            plan_sha256s,
            sums,
            reports,
            missing,
            forks,
        ],
    );
    let pulses: Vec<_> = hosts.iter().map(|host| (&host.id, &host.pulse)).collect();
    totals::put_pulses(flight, &pulses);
    Ok(())
}

fn put_findings<'w>(
    flight: &mut Flight<'w>,
    rows: &[(&'w HostId, &'w FindingRow<'_>)],
) -> Result<(), StoreError> {
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
    flight.add(
        "INSERT INTO findings_latest
             (host, check_id, subject_key, subject, status, severity, observed_at, received_at, since, finding, hash)
         SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::bigint[],
             $8::bigint[], $9::bigint[], $10::text[], $11::bytea[])
         ON CONFLICT (host, check_id, subject_key) DO UPDATE SET status = excluded.status,
             severity = excluded.severity, observed_at = excluded.observed_at, received_at = excluded.received_at,
             since = excluded.since, finding = excluded.finding, hash = excluded.hash",
        values![
            hosts,
            checks,
            keys,
            subjects,
            statuses,
            severities,
            observed,
            received,
            since,
            findings,
            hashes,
        ],
    );
    Ok(())
}

fn remove_findings<'w>(flight: &mut Flight<'w>, rows: &[(&'w HostId, &'w FindingKey)]) {
    let hosts: Vec<&str> = rows.iter().map(|(host, _)| host.as_str()).collect();
    let checks: Vec<&str> = rows.iter().map(|(_, key)| key.check.as_str()).collect();
    let keys: Vec<Vec<u8>> = rows.iter().map(|(_, key)| subject_key(&key.subject)).collect();
    flight.add(
        "DELETE FROM findings_latest f
         USING unnest($1::text[], $2::text[], $3::bytea[]) AS n (host, check_id, subject_key)
         WHERE f.host = n.host AND f.check_id = n.check_id AND f.subject_key = n.subject_key",
        values![hosts, checks, keys],
    );
}

fn add_transitions<'w>(flight: &mut Flight<'w>, rows: &'w [(HostId, Transition)]) {
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
    flight.add(
        "INSERT INTO findings_history (host, check_id, subject, change, before, after, severity, at, sequence)
         SELECT host, check_id, subject, change, before, after, severity, at, sequence
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
             $9::bigint[]) WITH ORDINALITY
              AS n (host, check_id, subject, change, before, after, severity, at, sequence, ord)
         ORDER BY ord",
        values![
            hosts,
            checks,
            subjects,
            changes,
            before,
            after,
            severities,
            at,
            sequences,
        ],
    );
}
