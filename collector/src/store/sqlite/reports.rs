//! Taking a report in: its place in the chain, and the findings it replaces.

use std::collections::{BTreeMap, HashMap, HashSet};

use plumbline_config::finding::{Finding, Severity, Status};
use plumbline_config::ident::Role;
use plumbline_config::wire::{Assessment, FIRST_PREVIOUS};
use rusqlite::{OptionalExtension, Row, Transaction};

use super::column::{Columns, count, json, micros};
use crate::store::{Change, CheckTally, Fork, Incoming, Keep, StoreError, Transition};

/// What of a host decides whether its report is taken.
struct Chain {
    role: Role,
    last_sequence: u64,
    last_sha256: Option<String>,
}

pub(super) fn keep(tx: &Transaction<'_>, incoming: &Incoming) -> Result<Keep, StoreError> {
    let Some(chain) = chain(tx, incoming)? else {
        return Ok(Keep::Superseded);
    };
    let sequence = incoming.report.sequence;
    let last = chain.last_sequence;
    if sequence <= last {
        if kept_sha256(tx, incoming)?.as_deref() == Some(&incoming.body.sha256) {
            return Ok(Keep::Duplicate { sequence: last });
        }
        note_fork(tx, incoming)?;
        return Ok(Keep::Fork {
            fork: Fork::Body,
            last,
        });
    }
    let previous = chain.last_sha256.as_deref().unwrap_or(FIRST_PREVIOUS);
    let chained = sequence == last + 1 && incoming.report.previous == previous;
    let missing = (sequence - last - 1).max(incoming.report.dropped_reports);
    if missing > incoming.report.dropped_reports {
        return Ok(Keep::Gap { last });
    }
    if missing > 0 {
        // The host says itself that reports are missing. Then the chain may begin anew, on record: so a host gets on
        // with a collector that was restored from a backup.
        note_gap(tx, incoming, missing, chained)?;
    } else if !chained {
        note_fork(tx, incoming)?;
        return Ok(Keep::Fork {
            fork: Fork::Previous,
            last,
        });
    }
    add_report(tx, incoming)?;
    advance_host(tx, incoming, missing)?;
    let (transitions, tallies) = match &incoming.report.assessment {
        Some(assessment) => replace_findings(tx, incoming, assessment)?,
        None => (Vec::new(), Vec::new()),
    };
    Ok(Keep::Kept {
        sequence,
        role: chain.role,
        transitions,
        tallies,
    })
}

/// The host's chain, unless it was revoked or enrolled again since its certificate was judged.
fn chain(tx: &Transaction<'_>, incoming: &Incoming) -> Result<Option<Chain>, StoreError> {
    let read = |row: &Row<'_>| {
        Ok(Chain {
            role: row.named("role")?,
            last_sequence: row.number("last_sequence")?,
            last_sha256: row.get("last_sha256")?,
        })
    };
    Ok(tx
        .prepare_cached(
            "SELECT role, last_sequence, last_sha256 FROM hosts
             WHERE id = ?1 AND incarnation = ?2 AND revoked_at IS NULL",
        )?
        .query_row((incoming.host.as_str(), incoming.incarnation), read)
        .optional()?)
}

fn kept_sha256(tx: &Transaction<'_>, incoming: &Incoming) -> Result<Option<String>, StoreError> {
    Ok(tx
        .prepare_cached(
            "SELECT body_sha256 FROM reports WHERE host = ?1 AND incarnation = ?2 AND sequence = ?3",
        )?
        .query_row(key(incoming), |row| row.get(0))
        .optional()?)
}

fn note_fork(tx: &Transaction<'_>, incoming: &Incoming) -> Result<(), StoreError> {
    let (host, incarnation, sequence) = key(incoming);
    tx.execute(
        "INSERT INTO report_forks (host, incarnation, sequence, offered_sha256, times, first_at, last_at)
         VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5)
         ON CONFLICT DO UPDATE SET times = times + 1, offered_sha256 = excluded.offered_sha256,
                                   last_at = excluded.last_at",
        (
            host,
            incarnation,
            sequence,
            &incoming.body.sha256,
            micros(incoming.received_at),
        ),
    )?;
    tx.execute("UPDATE hosts SET forks = forks + 1 WHERE id = ?1", [host])?;
    Ok(())
}

fn note_gap(
    tx: &Transaction<'_>,
    incoming: &Incoming,
    missing: u64,
    chained: bool,
) -> Result<(), StoreError> {
    let (host, incarnation, sequence) = key(incoming);
    tx.execute(
        "INSERT INTO report_gaps (host, incarnation, sequence, missing, chained, noticed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (
            host,
            incarnation,
            sequence,
            count(missing),
            chained,
            micros(incoming.received_at),
        ),
    )?;
    Ok(())
}

fn add_report(tx: &Transaction<'_>, incoming: &Incoming) -> Result<(), StoreError> {
    let (host, incarnation, sequence) = key(incoming);
    tx.prepare_cached(
        "INSERT INTO reports (host, incarnation, sequence, received_at, sealed_at, body_sha256, signature, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
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
    ))?;
    Ok(())
}

fn advance_host(tx: &Transaction<'_>, incoming: &Incoming, missing: u64) -> Result<(), StoreError> {
    let (host, _, sequence) = key(incoming);
    let skew = incoming.report.sealed_at.duration_since(incoming.received_at);
    let skew_ms = i64::try_from(skew.as_millis()).unwrap_or(i64::MAX);
    tx.prepare_cached(
        "UPDATE hosts SET last_sequence = ?2, last_sha256 = ?3, heard_at = max(heard_at, ?4), clock_skew_ms = ?5,
                agent_version = ?6, reports = reports + 1, missing_reports = missing_reports + ?7
         WHERE id = ?1",
    )?
    .execute((
        host,
        sequence,
        &incoming.body.sha256,
        micros(incoming.received_at),
        skew_ms,
        &incoming.report.agent_version,
        count(missing),
    ))?;
    if let Some(assessment) = &incoming.report.assessment {
        tx.prepare_cached(
            "UPDATE hosts SET name = ?2, os = ?3, plan_version = ?4, plan_sha256 = ?5 WHERE id = ?1",
        )?
        .execute((
            host,
            &assessment.host.name,
            json(&assessment.host.os)?,
            &assessment.plan.version,
            &assessment.plan.sha256,
        ))?;
    }
    Ok(())
}

fn key(incoming: &Incoming) -> (&str, u32, i64) {
    (
        incoming.host.as_str(),
        incoming.incarnation,
        count(incoming.report.sequence),
    )
}

/// A finding as it stood before the report.
struct Before {
    status: Status,
    severity: Severity,
    since: i64,
}

type Replaced = (Vec<Transition>, Vec<CheckTally>);

/// The findings of the checks that ran take the place of all that these checks said before.
fn replace_findings(
    tx: &Transaction<'_>,
    incoming: &Incoming,
    assessment: &Assessment,
) -> Result<Replaced, StoreError> {
    let ran: HashSet<&str> = assessment.checks.iter().map(String::as_str).collect();
    let mut before = before(tx, incoming, &ran)?;
    let mut transitions = Vec::new();
    let mut tallies: BTreeMap<&str, HashMap<(Status, Severity), u64>> =
        ran.iter().map(|check| (*check, HashMap::new())).collect();
    for ((check, subject), finding) in distinct(&assessment.findings) {
        let was = before.remove(&(check.to_owned(), subject.to_owned()));
        let change = match &was {
            None => Some(Change::Opened),
            Some(was) if was.status != finding.status || was.severity != finding.severity => {
                Some(Change::Changed)
            }
            Some(_) => None,
        };
        if let Some(change) = change {
            transitions.push(Transition {
                check: check.to_owned(),
                subject: subject.to_owned(),
                change,
                before: was.as_ref().map(|was| was.status),
                after: Some(finding.status),
                severity: finding.severity,
                at: incoming.received_at,
                sequence: incoming.report.sequence,
            });
        }
        let since = was
            .filter(|was| was.status == finding.status)
            .map_or_else(|| micros(incoming.received_at), |was| was.since);
        put_finding(tx, incoming, finding, since)?;
        *tallies
            .entry(check)
            .or_default()
            .entry((finding.status, finding.severity))
            .or_default() += 1;
    }
    for ((check, subject), was) in before {
        tx.prepare_cached("DELETE FROM findings_latest WHERE host = ?1 AND check_id = ?2 AND subject = ?3")?
            .execute((incoming.host.as_str(), &check, &subject))?;
        transitions.push(Transition {
            check,
            subject,
            change: Change::Closed,
            before: Some(was.status),
            after: None,
            severity: was.severity,
            at: incoming.received_at,
            sequence: incoming.report.sequence,
        });
    }
    for transition in &transitions {
        add_transition(tx, incoming, transition)?;
    }
    let tally = |(check, counts): (&str, HashMap<(Status, Severity), u64>)| CheckTally {
        check: check.to_owned(),
        received_at: incoming.received_at,
        counts: counts
            .into_iter()
            .map(|((status, severity), number)| (status, severity, number))
            .collect(),
    };
    Ok((transitions, tallies.into_iter().map(tally).collect()))
}

/// One finding for each check and subject: where a report names one twice, the one of more concern stands.
fn distinct(findings: &[Finding]) -> BTreeMap<(&str, &str), &Finding> {
    let mut distinct: BTreeMap<(&str, &str), &Finding> = BTreeMap::new();
    for finding in findings {
        let worst = distinct
            .entry((&finding.check, &finding.subject))
            .or_insert(finding);
        if finding.status.concern() > worst.status.concern() {
            *worst = finding;
        }
    }
    distinct
}

fn before(
    tx: &Transaction<'_>,
    incoming: &Incoming,
    ran: &HashSet<&str>,
) -> Result<BTreeMap<(String, String), Before>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT check_id, subject, status, severity, since FROM findings_latest WHERE host = ?1",
    )?;
    let read = |row: &Row<'_>| {
        let before = Before {
            status: row.named("status")?,
            severity: row.named("severity")?,
            since: row.get("since")?,
        };
        Ok(((row.get("check_id")?, row.get("subject")?), before))
    };
    let mut all: BTreeMap<(String, String), Before> = statement
        .query_map([incoming.host.as_str()], read)?
        .collect::<Result<_, _>>()?;
    all.retain(|(check, _), _| ran.contains(check.as_str()));
    Ok(all)
}

fn put_finding(
    tx: &Transaction<'_>,
    incoming: &Incoming,
    finding: &Finding,
    since: i64,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO findings_latest (host, check_id, subject, status, severity, observed_at, received_at, since, finding)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (host, check_id, subject) DO UPDATE SET status = excluded.status, severity = excluded.severity,
             observed_at = excluded.observed_at, received_at = excluded.received_at, since = excluded.since,
             finding = excluded.finding",
    )?
    .execute((
        incoming.host.as_str(),
        &finding.check,
        &finding.subject,
        finding.status.name(),
        finding.severity.name(),
        micros(finding.observed_at),
        micros(incoming.received_at),
        since,
        json(finding)?,
    ))?;
    Ok(())
}

fn add_transition(
    tx: &Transaction<'_>,
    incoming: &Incoming,
    transition: &Transition,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO findings_history (host, check_id, subject, change, before, after, severity, at, sequence)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute((
        incoming.host.as_str(),
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
