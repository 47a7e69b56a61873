//! Totals over all hosts, and the pulses that age them.
//!
//! What a host counts for, its flags in `host_pulse` included, changes only under the lock of its row in `hosts`.
//! Heartbeats of hosts whose flags stay as they are, nearly all of them, write `host_pulse` alone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plumbline_config::ident::HostId;
use tokio_postgres::Row;

use super::column::{Columns, limit, micros};
use super::flight::{Flight, values};
use super::hosts;
use super::pool::Pool;
use super::tx::Tx;
use crate::freshness::Cutoff;
use crate::store::intake::{HostRow, Pulse};
use crate::store::tally::Tally;
use crate::store::totals::{Counted, Recount, Totals, catalogue_digest, waive};
use crate::store::{Beat, StoreError, Waived};

/// The note that tells by which catalogue the totals were counted, and keeps apart those who count them anew.
const COUNTED_BY: &str = "totals_catalogue";
/// The note that tells up to which cutoff hosts were aged, in microseconds.
const AGED_TO: &str = "aged_to";

/// The shard that a count anew writes, and no collector else.
const RECOUNT_SHARD: &str = "recount";

/// Rows that are read at once of a table that may have a million.
const PAGE: i64 = 5_000;

/// Heartbeats in one transaction.
const BEATS_AT_ONCE: usize = 5_000;

/// What [`read_row`] reads.
const ROW: &str = "SELECT h.id, h.role, h.incarnation, h.revoked_at, h.last_sequence, h.last_sha256, h.name, h.os,
        h.agent_version, h.clock_skew_ms, h.plan_version, h.plan_sha256, h.sum, h.reports, h.missing_reports, h.forks,
        p.heard_at, p.looked_at, p.silent, p.overdue, t.tally
    FROM hosts h JOIN host_pulse p ON p.host = h.id LEFT JOIN host_tallies t ON t.host = h.id";

/// Locks the hosts with these ids, in one order for all, until the transaction ends.
///
/// A statement of its own: what is read of the hosts must be read after the lock is held, by a statement whose snapshot
/// is taken then. The two may go to the server together, for it begins the second when the first is done.
pub(super) fn lock<'v>(flight: &mut Flight<'v>, ids: &'v [&'v str]) {
    flight.add(
        "SELECT id FROM hosts WHERE id = ANY($1) ORDER BY id FOR UPDATE",
        values![ids],
    );
}

pub(super) fn row(tx: &mut Tx<'_>, host: &HostId) -> Result<Option<HostRow>, StoreError> {
    let row = tx.query_one(&format!("{ROW} WHERE h.id = $1"), &[&host.as_str()])?;
    row.as_ref().map(read_row).transpose()
}

/// Reads hosts; says where their rows are among the answers.
pub(super) fn rows<'v>(flight: &mut Flight<'v>, ids: &'v [&'v str]) -> usize {
    flight.add(format!("{ROW} WHERE h.id = ANY($1)"), values![ids])
}

/// What it makes different that findings of hosts are waived.
pub(super) fn waived(tx: &mut Tx<'_>, waived: &[(HostId, Vec<Waived>)]) -> Result<Totals, StoreError> {
    let ids: Vec<&str> = waived.iter().map(|(host, _)| host.as_str()).collect();
    let found = tx.query(&format!("{ROW} WHERE h.id = ANY($1)"), &[&ids])?;
    let mut difference = Totals::default();
    for row in &found {
        let host = read_row(row)?;
        let of_host = waived.iter().find(|(id, _)| *id == host.id);
        if let Some((_, findings)) = of_host {
            waive(&host.as_counted(), findings, &mut difference);
        }
    }
    Ok(difference)
}

/// Locks hosts, and reads them.
pub(super) fn locked(tx: &mut Tx<'_>, ids: &[&str]) -> Result<Vec<HostRow>, StoreError> {
    let mut flight = Flight::default();
    lock(&mut flight, ids);
    rows(&mut flight, ids);
    let answers = tx.send(&flight)?;
    answers.last().into_iter().flatten().map(read_row).collect()
}

pub(super) fn read_row(row: &Row) -> Result<HostRow, StoreError> {
    Ok(HostRow {
        id: row.host("id")?,
        role: row.named("role")?,
        incarnation: row.number("incarnation")?,
        revoked: row.time_or_none("revoked_at")?.is_some(),
        last_sequence: row.number("last_sequence")?,
        last_sha256: row.value("last_sha256")?,
        name: row.text("name")?,
        os: row.json("os")?,
        agent_version: row.text("agent_version")?,
        clock_skew_ms: row.value("clock_skew_ms")?,
        plan: hosts::plan(row)?,
        sum: row.hash("sum")?.into(),
        reports: row.number("reports")?,
        missing_reports: row.number("missing_reports")?,
        forks: row.number("forks")?,
        pulse: Pulse {
            heard_at: row.time("heard_at")?,
            looked_at: row.time_or_none("looked_at")?,
            silent: row.value("silent")?,
            overdue: row.value("overdue")?,
        },
        tally: row.tally("tally")?,
        taken: BTreeMap::new(),
    })
}

/// Writes pulses of locked hosts. A heartbeat may have come meanwhile, so times only go forward.
pub(super) fn put_pulses<'v>(flight: &mut Flight<'v>, pulses: &[(&'v HostId, &Pulse)]) {
    let mut pulses = pulses.to_vec();
    pulses.sort_by_key(|(host, _)| *host);
    let hosts: Vec<&str> = pulses.iter().map(|(host, _)| host.as_str()).collect();
    let heard: Vec<i64> = pulses.iter().map(|(_, pulse)| micros(pulse.heard_at)).collect();
    let looked: Vec<Option<i64>> = pulses
        .iter()
        .map(|(_, pulse)| pulse.looked_at.map(micros))
        .collect();
    let silent: Vec<bool> = pulses.iter().map(|(_, pulse)| pulse.silent).collect();
    let overdue: Vec<bool> = pulses.iter().map(|(_, pulse)| pulse.overdue).collect();
    flight.add(
        "INSERT INTO host_pulse (host, heard_at, looked_at, silent, overdue)
         SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::boolean[], $5::boolean[])
         ON CONFLICT (host) DO UPDATE SET heard_at = greatest(host_pulse.heard_at, excluded.heard_at),
             looked_at = greatest(host_pulse.looked_at, excluded.looked_at),
             silent = excluded.silent, overdue = excluded.overdue",
        values![hosts, heard, looked, silent, overdue],
    );
}

pub(super) fn put_tallies<'v>(flight: &mut Flight<'v>, tallies: &[(&'v HostId, &Tally)]) {
    if tallies.is_empty() {
        return;
    }
    let hosts: Vec<&str> = tallies.iter().map(|(host, _)| host.as_str()).collect();
    let tallies: Vec<String> = tallies.iter().map(|(_, tally)| tally.encode()).collect();
    flight.add(
        "INSERT INTO host_tallies (host, tally) SELECT * FROM unnest($1::text[], $2::text[])
         ON CONFLICT (host) DO UPDATE SET tally = excluded.tally",
        values![hosts, tallies],
    );
}

/// Adds to the totals, on a shard. The last thing of every transaction that does: those who share the shard wait here.
pub(super) fn add<'v>(flight: &mut Flight<'v>, shard: &'v str, difference: &Totals) {
    let numbers = difference.numbers();
    if numbers.is_empty() {
        return;
    }
    let mut numbers: Vec<(String, i64)> = numbers
        .iter()
        .map(|(counted, number)| (counted.to_string(), *number))
        .collect();
    numbers.sort();
    let (counted, numbers): (Vec<String>, Vec<i64>) = numbers.into_iter().unzip();
    flight.add(
        "INSERT INTO totals (shard, counted, number)
         SELECT $1::text, n.counted, n.number FROM unnest($2::text[], $3::bigint[]) AS n (counted, number)
         ON CONFLICT (shard, counted) DO UPDATE SET number = totals.number + excluded.number",
        values![shard, counted, numbers],
    );
}

pub(super) fn beat(pool: &Pool, shard: &str, beats: &[Beat]) -> Result<(), StoreError> {
    // One row is written once, however often its host was heard.
    let mut hosts: BTreeMap<&HostId, (Timestamp, Option<Timestamp>)> = BTreeMap::new();
    for beat in beats {
        let heard = hosts.entry(&beat.host).or_insert((beat.heard_at, beat.looked_at));
        *heard = (heard.0.max(beat.heard_at), heard.1.max(beat.looked_at));
    }
    let hosts: Vec<_> = hosts.into_iter().collect();
    for some in hosts.chunks(BEATS_AT_ONCE) {
        let ids: Vec<&str> = some.iter().map(|(host, _)| host.as_str()).collect();
        let heard: Vec<i64> = some.iter().map(|(_, (heard, _))| micros(*heard)).collect();
        let looked: Vec<Option<i64>> = some.iter().map(|(_, (_, looked))| looked.map(micros)).collect();
        let mut flight = Flight::default();
        flight.add(
            "SELECT host FROM host_pulse WHERE host = ANY($1) ORDER BY host FOR UPDATE",
            values![ids.as_slice()],
        );
        flight.add(
            "UPDATE host_pulse p SET heard_at = greatest(p.heard_at, n.heard_at),
                    looked_at = greatest(p.looked_at, n.looked_at)
             FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS n (host, heard_at, looked_at)
             WHERE p.host = n.host
             RETURNING p.host, p.silent OR (p.overdue AND n.looked_at IS NOT NULL) AS counts",
            values![ids.as_slice(), heard, looked],
        );
        let awake = pool.by_index(|tx| {
            let answers = tx.commit(&flight)?;
            let mut awake = Vec::new();
            for row in answers.last().into_iter().flatten() {
                if row.value("counts")? {
                    awake.push(row.host("host")?);
                }
            }
            Ok(awake)
        })?;
        // In a transaction of its own, because it locks hosts, which come before pulses. Should this collector die in
        // between, the host counts as silent until its next heartbeat.
        if !awake.is_empty() {
            let looked: BTreeMap<&HostId, bool> = some
                .iter()
                .map(|(host, (_, looked))| (*host, looked.is_some()))
                .collect();
            pool.transaction(|tx| {
                change_pulses(tx, shard, &awake, |host| {
                    host.pulse.silent = false;
                    host.pulse.overdue &= !looked.get(&host.id).copied().unwrap_or(false);
                })
            })?;
        }
    }
    Ok(())
}

/// Changes the flags of hosts, and what they count for.
fn change_pulses(
    tx: &mut Tx<'_>,
    shard: &str,
    hosts: &[HostId],
    change: impl Fn(&mut HostRow),
) -> Result<(), StoreError> {
    let ids: Vec<&str> = hosts.iter().map(HostId::as_str).collect();
    let mut totals = Totals::default();
    let mut changed = locked(tx, &ids)?;
    for host in &mut changed {
        host.as_counted().contribute(&mut totals, -1);
        change(host);
        host.as_counted().contribute(&mut totals, 1);
    }
    let pulses: Vec<(&HostId, &Pulse)> = changed.iter().map(|host| (&host.id, &host.pulse)).collect();
    let mut flight = Flight::default();
    put_pulses(&mut flight, &pulses);
    add(&mut flight, shard, &totals);
    tx.send(&flight).map(|_| ())
}

/// Hosts that the line has passed since they were counted.
fn passed(tx: &mut Tx<'_>, cutoff: Cutoff, most: i64) -> Result<Vec<HostId>, StoreError> {
    let rows = tx.query(
        "SELECT host FROM host_pulse
         WHERE (heard_at <= $1 AND NOT silent) OR (coalesce(looked_at, 0) <= $1 AND NOT overdue) LIMIT $2",
        &[&micros(cutoff.at()), &most],
    )?;
    rows.iter().map(|row| row.host("host")).collect()
}

fn aged(host: &mut HostRow, cutoff: Cutoff) {
    host.pulse.silent = cutoff.is_stale(host.pulse.heard_at);
    host.pulse.overdue = host.pulse.looked_at.is_none_or(|at| cutoff.is_stale(at));
}

/// Two that age at once do it one after the other: the second finds the flags set, and changes nothing.
pub(super) fn age(tx: &mut Tx<'_>, shard: &str, cutoff: Cutoff, most: usize) -> Result<usize, StoreError> {
    let hosts = passed(tx, cutoff, limit(most))?;
    if !hosts.is_empty() {
        change_pulses(tx, shard, &hosts, |host| aged(host, cutoff))?;
    }
    if hosts.len() < most {
        note(tx, AGED_TO, &micros(cutoff.at()).to_string())?;
    }
    Ok(hosts.len())
}

/// The totals as they are kept.
fn stand(tx: &mut Tx<'_>) -> Result<Totals, StoreError> {
    let mut totals = Totals::default();
    let rows = tx.query(
        "SELECT counted, CAST(sum(number) AS BIGINT) AS number FROM totals GROUP BY counted",
        &[],
    )?;
    for row in &rows {
        if let Some(counted) = Counted::parse(&row.value::<String>("counted")?) {
            totals.shift(counted, row.value("number")?);
        }
    }
    Ok(totals)
}

/// The totals as they stand. Where nobody has aged the hosts lately, those that the line passed meanwhile are counted
/// here: an old count must not look fresh because the servers are down.
pub(super) fn totals(tx: &mut Tx<'_>, cutoff: Cutoff) -> Result<Totals, StoreError> {
    let mut totals = stand(tx)?;
    let aged_to: Option<i64> = noted(tx, AGED_TO)?.and_then(|value| value.parse().ok());
    let aged_to = aged_to.and_then(|at| Timestamp::from_microsecond(at).ok());
    if aged_to.is_none_or(|at| cutoff.is_long_past(at)) {
        let passed = passed(tx, cutoff, i64::MAX)?;
        let ids: Vec<&str> = passed.iter().map(HostId::as_str).collect();
        for some in ids.chunks(BEATS_AT_ONCE) {
            let rows = tx.query(&format!("{ROW} WHERE h.id = ANY($1)"), &[&some])?;
            for row in &rows {
                let mut host = read_row(row)?;
                host.as_counted().contribute(&mut totals, -1);
                aged(&mut host, cutoff);
                host.as_counted().contribute(&mut totals, 1);
            }
        }
    }
    Ok(totals)
}

/// Counts everything anew where this program's catalogue is not the one that was counted by.
pub(super) fn recount_if_needed(pool: &Pool) -> Result<(), StoreError> {
    if pool.read(|tx| noted(tx, COUNTED_BY))?.as_deref() != Some(catalogue_digest()) {
        count_anew(pool, true)?;
    }
    Ok(())
}

/// Counts everything anew, beside collectors that go on, and says what came of it.
pub(super) fn recount(pool: &Pool) -> Result<Recount, StoreError> {
    count_anew(pool, false)
}

/// No host is locked, and nobody waits. Whoever changes what a host counts for changes the totals by just as much in the
/// same transaction; so by how much the totals are wrong is the same before and after it, and the same in every snapshot
/// of the database. It is found in one snapshot, however long that takes, and taken out at the end, from whatever the
/// totals have become meanwhile: on a shard of its own, whose rows nobody else writes.
///
/// Two that do it at once must not both take out the same. Both lock the note and both write it, so the server undoes
/// the later one, whose snapshot is too old, and it begins again.
fn count_anew(pool: &Pool, only_if_needed: bool) -> Result<Recount, StoreError> {
    pool.consistent(|tx| {
        tx.batch("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'")?;
        let counted_by = tx.query_one(
            "SELECT value FROM notes WHERE name = $1 FOR UPDATE",
            &[&COUNTED_BY],
        )?;
        let counted_by: Option<String> = counted_by.map(|row| row.value("value")).transpose()?;
        if only_if_needed && counted_by.as_deref() == Some(catalogue_digest()) {
            return Ok(Recount::default());
        }
        let mut recount = Recount::default();
        let mut wrong = Totals::default();
        let mut after = String::new();
        loop {
            let page = tx.query(
                &format!("{ROW} WHERE h.id > $1 ORDER BY h.id LIMIT $2"),
                &[&after, &PAGE],
            )?;
            for row in &page {
                read_row(row)?.as_counted().contribute(&mut wrong, 1);
                recount.hosts += 1;
            }
            match page.last() {
                Some(last) => after = last.value("id")?,
                None => break,
            }
        }
        for (counted, number) in stand(tx)?.numbers() {
            wrong.shift(counted, -number);
        }
        recount.corrected = wrong.numbers().len();
        let mut flight = Flight::default();
        add(&mut flight, RECOUNT_SHARD, &wrong);
        tx.send(&flight)?;
        note(tx, COUNTED_BY, catalogue_digest())?;
        Ok(recount)
    })
}

fn noted(tx: &mut Tx<'_>, name: &str) -> Result<Option<String>, StoreError> {
    let row = tx.query_one("SELECT value FROM notes WHERE name = $1", &[&name])?;
    row.map(|row| row.value("value")).transpose()
}

fn note(tx: &mut Tx<'_>, name: &str, value: &str) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO notes (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        &[&name, &value],
    )?;
    Ok(())
}
