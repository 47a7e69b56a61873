//! Taking reports in: what the rules of [`crate::store::intake`] read. A batch costs a handful of statements whatever its
//! size, and two journeys to the server: one there and back to read, one to write and commit.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use plumbline_config::ident::HostId;
use tokio_postgres::Row;

use super::column::{Columns, count, limit};
use super::flight::{Flight, values};
use super::tx::Tx;
use super::{people, totals, writes};
use crate::ledger::tree::Hash;
use crate::store::intake::{FindingKey, Ground, HostRow, Known, Wanted, judge};
use crate::store::{Incoming, KeepReply, StoreError};

/// Rows in one statement, so that no message grows past what the protocol takes (1 GiB).
pub(super) const ROWS_AT_ONCE: usize = 5_000;

pub(super) fn keep(tx: &mut Tx<'_>, shard: &str, reports: &[Incoming]) -> Result<KeepReply, StoreError> {
    let mut ground = InTransaction {
        tx,
        reports,
        guessed: guess(reports),
        known: HashMap::new(),
        kept: None,
        ids: Vec::new(),
        plan_sha256: None,
    };
    let (outcomes, writes) = judge(&mut ground, reports)?;
    let InTransaction { ids, plan_sha256, .. } = ground;
    writes::write(tx, shard, &writes, &ids)?;
    Ok(KeepReply {
        plan_sha256,
        outcomes,
    })
}

/// Findings by host and key.
type OfHosts = HashMap<HostId, BTreeMap<FindingKey, Known>>;

/// Bodies' hashes by host, incarnation and sequence.
type Bodies = HashMap<(String, i64, i64), String>;

struct InTransaction<'t, 'p> {
    tx: &'t mut Tx<'p>,
    reports: &'t [Incoming],
    /// Findings that were asked for together with the hosts.
    guessed: Wanted,
    known: OfHosts,
    /// Bodies' hashes of the reports that were kept before.
    kept: Option<Bodies>,
    /// Ids for the reports that will be kept: as many as there are.
    ids: Vec<i64>,
    plan_sha256: Option<String>,
}

impl Ground for InTransaction<'_, '_> {
    fn hosts(&mut self, ids: &BTreeSet<&HostId>) -> Result<HashMap<HostId, HostRow>, StoreError> {
        let ids: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
        let mut flight = Flight::default();
        let plan = flight.add(people::CURRENT_PLAN, values![]);
        totals::lock(&mut flight, &ids);
        // From here on all is read with the hosts locked, each statement with a snapshot taken then.
        let hosts = totals::rows(&mut flight, &ids);
        // The sequence's own name, from how the column was made.
        let drawn = flight.add(
            "SELECT nextval('reports_id_seq') AS id FROM generate_series(1, $1::bigint)",
            values![limit(self.reports.len())],
        );
        let findings = ask(&mut flight, &self.guessed);
        let answers = self.tx.send(&flight)?;
        let answer = |place: usize| answers.get(place).map(Vec::as_slice).unwrap_or_default();
        self.plan_sha256 = answer(plan).first().map(|row| row.text("sha256")).transpose()?;
        self.ids = answer(drawn)
            .iter()
            .map(|row| row.value("id"))
            .collect::<Result<_, _>>()?;
        for rows in answers.iter().skip(findings) {
            read_known(rows, &mut self.known)?;
        }
        let hosts = answer(hosts).iter().map(totals::read_row);
        hosts
            .map(|host| host.map(|host| (host.id.clone(), host)))
            .collect()
    }

    fn kept_sha256(&mut self, incoming: &Incoming) -> Result<Option<String>, StoreError> {
        if self.kept.is_none() {
            self.kept = Some(bodies(self.tx, self.reports)?);
        }
        let kept = self.kept.as_ref();
        Ok(kept.and_then(|kept| kept.get(&named(incoming)).cloned()))
    }

    fn findings(&mut self, wanted: &Wanted) -> Result<OfHosts, StoreError> {
        let missing = missing(wanted, &self.guessed);
        let mut flight = Flight::default();
        ask(&mut flight, &missing);
        if !flight.is_empty() {
            for rows in self.tx.send(&flight)? {
                read_known(&rows, &mut self.known)?;
            }
        }
        Ok(std::mem::take(&mut self.known))
    }
}

/// What the rules may want to know of findings, for all that can be said before the hosts are known: as if every report
/// were the next of its host. Where that is too little the rest is asked for; where it is too much nothing is lost.
fn guess(reports: &[Incoming]) -> Wanted {
    let mut guessed = Wanted::default();
    for incoming in reports {
        if let Some(assessment) = &incoming.report.assessment {
            guessed.add(&incoming.host, assessment);
        }
    }
    guessed
}

/// What of `wanted` was not asked for yet.
fn missing(wanted: &Wanted, asked: &Wanted) -> Wanted {
    let findings = wanted.findings.difference(&asked.findings);
    Wanted {
        hosts: wanted.hosts.difference(&asked.hosts).cloned().collect(),
        findings: findings
            .filter(|(host, _)| !asked.hosts.contains(host))
            .cloned()
            .collect(),
    }
}

/// Asks for findings; says where their answers begin.
fn ask<'w>(flight: &mut Flight<'w>, wanted: &'w Wanted) -> usize {
    let begin = flight.len();
    if !wanted.hosts.is_empty() {
        let hosts: Vec<&str> = wanted.hosts.iter().map(HostId::as_str).collect();
        flight.add(
            "SELECT host, check_id, subject, status, severity, since, hash FROM findings_latest
             WHERE host = ANY($1)",
            values![hosts],
        );
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
        flight.add(
            "SELECT f.host, f.check_id, f.subject, f.status, f.severity, f.since, f.hash
             FROM unnest($1::text[], $2::text[], $3::bytea[]) AS n (host, check_id, subject_key)
             JOIN findings_latest f
               ON f.host = n.host AND f.check_id = n.check_id AND f.subject_key = n.subject_key",
            values![hosts, checks, subjects],
        );
    }
    begin
}

/// Hashes of the bodies that are kept under the places of these reports.
fn bodies(tx: &mut Tx<'_>, reports: &[Incoming]) -> Result<Bodies, StoreError> {
    let hosts: Vec<&str> = reports.iter().map(|one| one.host.as_str()).collect();
    let incarnations: Vec<i64> = reports.iter().map(|one| i64::from(one.incarnation)).collect();
    let sequences: Vec<i64> = reports.iter().map(|one| count(one.report.sequence)).collect();
    let rows = tx.query(
        "SELECT r.host, r.incarnation, r.sequence, r.body_sha256
         FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS n (host, incarnation, sequence)
         JOIN reports r ON r.host = n.host AND r.incarnation = n.incarnation AND r.sequence = n.sequence",
        &[&hosts, &incarnations, &sequences],
    )?;
    let read = |row: &Row| {
        let place = (
            row.value("host")?,
            row.value("incarnation")?,
            row.value("sequence")?,
        );
        Ok((place, row.value("body_sha256")?))
    };
    rows.iter().map(read).collect()
}

fn named(incoming: &Incoming) -> (String, i64, i64) {
    let sequence = count(incoming.report.sequence);
    (
        incoming.host.to_string(),
        i64::from(incoming.incarnation),
        sequence,
    )
}

fn read_known(rows: &[Row], known: &mut OfHosts) -> Result<(), StoreError> {
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
