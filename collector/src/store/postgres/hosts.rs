//! Hosts, their enrolment and their certificates.

use jiff::{SignedDuration, Timestamp};
use plumbline_config::ident::{HostId, Role};
use plumbline_config::state::StateSum;
use plumbline_config::wire::PlanRef;
use tokio_postgres::Row;

use super::column::{Columns, json, limit, micros, text};
use super::flight::Flight;
use super::tx::Tx;
use super::{people, totals};
use crate::store::intake::{HostRow, Pulse, shift};
use crate::store::tally::Tally;
use crate::store::totals::{Standing, Totals};
use crate::store::{
    Act, CertificateRecord, Enrolled, Enrolment, Host, HostQuery, NewCertificate, StoreError, TokenRefusal,
};

/// A superseded identity that speaks this soon after the new enrolment is the old agent on its way out, not a second
/// machine.
const CONFLICT_GRACE: SignedDuration = SignedDuration::from_mins(10);

/// A conflict that stands on record is not written again within this time, however often the other machine speaks.
const CONFLICT_PAUSE: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn enrol(
    tx: &mut Tx<'_>,
    shard: &str,
    enrolment: &Enrolment,
) -> Result<Result<Enrolled, TokenRefusal>, StoreError> {
    // The token's lock keeps apart all who come with it: the same host twice, and one host too many.
    let Some(token) = people::enrolment_token(tx, &enrolment.token_sha256)? else {
        return Ok(Err(TokenRefusal::Unknown));
    };
    if token.expires_at <= enrolment.at {
        return Ok(Err(TokenRefusal::Expired));
    }
    let enrolled = match already(tx, enrolment)? {
        Some(enrolled) => enrolled,
        None if token.used >= token.uses => return Ok(Err(TokenRefusal::UsedUp)),
        None => {
            tx.execute(
                "UPDATE enrolment_tokens SET used = used + 1 WHERE sha256 = $1",
                &[&token.sha256],
            )?;
            let labels = json(&token.labels)?;
            let enrolled = match known(tx, enrolment)? {
                Some(before) => again(tx, shard, enrolment, before, token.role, &labels)?,
                None => anew(tx, shard, enrolment, token.role, &labels)?,
            };
            let act = Act {
                at: enrolment.at,
                who: format!("token:{}", token.id),
                what: "host.enrol".to_owned(),
                on: enrolled.host.to_string(),
            };
            people::record(tx, &act)?;
            enrolled
        }
    };
    let certificate = NewCertificate {
        serial: enrolment.serial.clone(),
        host: enrolled.host.clone(),
        incarnation: enrolled.incarnation,
        public_key: enrolment.public_key.clone(),
        issued_at: enrolment.at,
        not_after: enrolment.not_after,
    };
    add_certificate(tx, &certificate, Some(&enrolment.token_sha256))?;
    Ok(Ok(enrolled))
}

/// The enrolment that this token and key have already brought about, when its answer was lost on the way.
fn already(tx: &mut Tx<'_>, enrolment: &Enrolment) -> Result<Option<Enrolled>, StoreError> {
    let row = tx.query_one(
        "SELECT h.id, h.incarnation, h.role FROM certificates c JOIN hosts h ON h.id = c.host
         WHERE c.token_sha256 = $1 AND c.public_key = $2 AND c.revoked_at IS NULL AND h.revoked_at IS NULL
           AND c.incarnation = h.incarnation
         LIMIT 1",
        &[&enrolment.token_sha256, &enrolment.public_key],
    )?;
    let read = |row: Row| {
        Ok(Enrolled {
            host: row.host("id")?,
            incarnation: row.number("incarnation")?,
            role: row.named("role")?,
        })
    };
    row.map(read).transpose()
}

/// The host that the enrolment re-installs: same machine, same name, and no sign that two machines share them. Its row
/// is locked, and so are those of its likes.
fn known(tx: &mut Tx<'_>, enrolment: &Enrolment) -> Result<Option<HostRow>, StoreError> {
    if enrolment.machine.is_empty() {
        return Ok(None);
    }
    let alike = tx.query(
        "SELECT id, enrolled_at, conflict_at FROM hosts
         WHERE machine = $1 AND name = $2 AND machine <> '' AND revoked_at IS NULL
         ORDER BY id FOR UPDATE",
        &[
            &text(&enrolment.machine).as_ref(),
            &text(&enrolment.name).as_ref(),
        ],
    )?;
    let mut newest: Option<(i64, HostId)> = None;
    for row in &alike {
        if row.time_or_none("conflict_at")?.is_some() {
            return Ok(None);
        }
        let this = (row.value("enrolled_at")?, row.host("id")?);
        newest = newest.max(Some(this));
    }
    newest.map_or(Ok(None), |(_, id)| totals::row(tx, &id))
}

fn again(
    tx: &mut Tx<'_>,
    shard: &str,
    enrolment: &Enrolment,
    before: HostRow,
    role: Role,
    labels: &str,
) -> Result<Enrolled, StoreError> {
    let host = before.id.clone();
    let incarnation = before.incarnation.saturating_add(1);
    tx.execute(
        "UPDATE hosts SET role = $2, labels = $3, os = $4, agent_version = $5, incarnation = $6, enrolled_at = $7,
                last_sequence = 0, last_sha256 = NULL
         WHERE id = $1",
        &[
            &host.as_str(),
            &role.name(),
            &labels,
            &json(&enrolment.os)?,
            &text(&enrolment.agent_version).as_ref(),
            &i64::from(incarnation),
            &micros(enrolment.at),
        ],
    )?;
    revoke_certificates(tx, &host, enrolment.at)?;
    if before.role != role {
        // They were judged by the clauses of the other role.
        tx.execute("DELETE FROM findings_latest WHERE host = $1", &[&host.as_str()])?;
        tx.execute(
            "UPDATE hosts SET sum = $2 WHERE id = $1",
            &[&host.as_str(), &StateSum::default().bytes().as_slice()],
        )?;
    }
    change(tx, shard, before, |host| {
        host.pulse.heard_at = host.pulse.heard_at.max(enrolment.at);
        host.pulse.silent = false;
        if host.role != role {
            host.role = role;
            host.tally = Tally::default();
        }
    })?;
    Ok(Enrolled {
        host,
        incarnation,
        role,
    })
}

fn anew(
    tx: &mut Tx<'_>,
    shard: &str,
    enrolment: &Enrolment,
    role: Role,
    labels: &str,
) -> Result<Enrolled, StoreError> {
    tx.execute(
        "INSERT INTO hosts (id, name, role, labels, os, machine, agent_version, incarnation, enrolled_at, sum)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9)",
        &[
            &enrolment.fresh_id.as_str(),
            &text(&enrolment.name).as_ref(),
            &role.name(),
            &labels,
            &json(&enrolment.os)?,
            &text(&enrolment.machine).as_ref(),
            &text(&enrolment.agent_version).as_ref(),
            &micros(enrolment.at),
            &StateSum::default().bytes().as_slice(),
        ],
    )?;
    let pulse = Pulse {
        heard_at: enrolment.at,
        looked_at: None,
        silent: false,
        // Nothing was found yet, so nothing counts as overdue; the first look or the next ageing decides.
        overdue: false,
    };
    let mut flight = Flight::default();
    totals::put_pulses(&mut flight, &[(&enrolment.fresh_id, &pulse)]);
    let (tally, mut difference) = (Tally::default(), Totals::default());
    let standing = Standing {
        role,
        revoked: false,
        silent: pulse.silent,
        overdue: pulse.overdue,
        tally: &tally,
    };
    standing.contribute(&mut difference, 1);
    totals::add(&mut flight, shard, &difference);
    tx.send(&flight)?;
    Ok(Enrolled {
        host: enrolment.fresh_id.clone(),
        incarnation: 1,
        role,
    })
}

/// Changes what of a locked host the totals count.
fn change(
    tx: &mut Tx<'_>,
    shard: &str,
    before: HostRow,
    change: impl FnOnce(&mut HostRow),
) -> Result<(), StoreError> {
    let mut after = before.clone();
    change(&mut after);
    let mut difference = Totals::default();
    shift(&mut difference, &before, &after);
    let mut flight = Flight::default();
    totals::put_pulses(&mut flight, &[(&after.id, &after.pulse)]);
    totals::put_tallies(&mut flight, &[(&after.id, &after.tally)]);
    totals::add(&mut flight, shard, &difference);
    tx.send(&flight).map(|_| ())
}

pub(super) fn add_certificate(
    tx: &mut Tx<'_>,
    certificate: &NewCertificate,
    token_sha256: Option<&str>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO certificates (serial, host, incarnation, public_key, token_sha256, issued_at, not_after)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            &certificate.serial,
            &certificate.host.as_str(),
            &i64::from(certificate.incarnation),
            &certificate.public_key,
            &token_sha256,
            &micros(certificate.issued_at),
            &micros(certificate.not_after),
        ],
    )?;
    Ok(())
}

pub(super) fn certificate(tx: &mut Tx<'_>, serial: &str) -> Result<Option<CertificateRecord>, StoreError> {
    let row = tx.query_one(
        "SELECT c.host, c.incarnation, c.revoked_at, h.incarnation AS current_incarnation,
                h.revoked_at AS host_revoked_at, h.role
         FROM certificates c JOIN hosts h ON h.id = c.host WHERE c.serial = $1",
        &[&serial],
    )?;
    let read = |row: Row| {
        Ok(CertificateRecord {
            host: row.host("host")?,
            incarnation: row.number("incarnation")?,
            current_incarnation: row.number("current_incarnation")?,
            revoked_at: row.time_or_none("revoked_at")?,
            host_revoked_at: row.time_or_none("host_revoked_at")?,
            role: row.named("role")?,
        })
    };
    row.map(read).transpose()
}

pub(super) fn public_keys(
    tx: &mut Tx<'_>,
    host: &HostId,
    incarnation: u32,
    most: usize,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let rows = tx.query(
        "SELECT public_key FROM certificates WHERE host = $1 AND incarnation = $2 AND revoked_at IS NULL
         ORDER BY issued_at DESC LIMIT $3",
        &[&host.as_str(), &i64::from(incarnation), &limit(most)],
    )?;
    rows.iter().map(|row| row.value("public_key")).collect()
}

pub(super) fn revoke(tx: &mut Tx<'_>, shard: &str, host: &HostId, at: Timestamp) -> Result<bool, StoreError> {
    let locked = totals::locked(tx, &[host.as_str()])?.pop();
    let Some(before) = locked.filter(|host| !host.revoked) else {
        return Ok(false);
    };
    tx.execute(
        "UPDATE hosts SET revoked_at = $2 WHERE id = $1",
        &[&host.as_str(), &micros(at)],
    )?;
    revoke_certificates(tx, host, at)?;
    change(tx, shard, before, |host| host.revoked = true)?;
    Ok(true)
}

fn revoke_certificates(tx: &mut Tx<'_>, host: &HostId, at: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE certificates SET revoked_at = $2 WHERE host = $1 AND revoked_at IS NULL",
        &[&host.as_str(), &micros(at)],
    )?;
    Ok(())
}

pub(super) fn note_conflict(tx: &mut Tx<'_>, host: &HostId, at: Timestamp) -> Result<(), StoreError> {
    let before = |span| micros(at.saturating_sub(span).unwrap_or(at));
    tx.execute(
        "UPDATE hosts SET conflict_at = $2
         WHERE id = $1 AND enrolled_at < $3 AND (conflict_at IS NULL OR conflict_at < $4)",
        &[
            &host.as_str(),
            &micros(at),
            &before(CONFLICT_GRACE),
            &before(CONFLICT_PAUSE),
        ],
    )?;
    Ok(())
}

/// What [`read_host`] reads.
const HOST: &str = "SELECT h.*, p.heard_at, p.looked_at, (SELECT max(c.not_after) FROM certificates c
    WHERE c.host = h.id AND c.incarnation = h.incarnation AND c.revoked_at IS NULL) AS certificate_not_after
    FROM hosts h JOIN host_pulse p ON p.host = h.id";

pub(super) fn hosts(tx: &mut Tx<'_>, query: &HostQuery) -> Result<Vec<Host>, StoreError> {
    let rows = tx.query(
        &format!("{HOST} WHERE h.id > $1 AND ($2::text IS NULL OR h.role = $2) ORDER BY h.id LIMIT $3"),
        &[
            &query.after.as_ref().map_or("", HostId::as_str),
            &query.role.map(Role::name),
            &limit(query.limit),
        ],
    )?;
    rows.iter().map(read_host).collect()
}

pub(super) fn host(tx: &mut Tx<'_>, host: &HostId) -> Result<Option<Host>, StoreError> {
    let row = tx.query_one(&format!("{HOST} WHERE h.id = $1"), &[&host.as_str()])?;
    row.as_ref().map(read_host).transpose()
}

/// The plan that a host's findings were judged by.
pub(super) fn plan(row: &Row) -> Result<Option<PlanRef>, StoreError> {
    Ok(
        match (
            row.text_or_none("plan_version")?,
            row.text_or_none("plan_sha256")?,
        ) {
            (Some(version), Some(sha256)) => Some(PlanRef { version, sha256 }),
            _ => None,
        },
    )
}

fn read_host(row: &Row) -> Result<Host, StoreError> {
    Ok(Host {
        id: row.host("id")?,
        name: row.text("name")?,
        role: row.named("role")?,
        labels: row.json("labels")?,
        os: row.json("os")?,
        agent_version: row.text("agent_version")?,
        incarnation: row.number("incarnation")?,
        enrolled_at: row.time("enrolled_at")?,
        heard_at: row.time("heard_at")?,
        looked_at: row.time_or_none("looked_at")?,
        plan: plan(row)?,
        clock_skew_ms: row.value("clock_skew_ms")?,
        revoked_at: row.time_or_none("revoked_at")?,
        conflict_at: row.time_or_none("conflict_at")?,
        last_sequence: row.number("last_sequence")?,
        reports: row.number("reports")?,
        missing_reports: row.number("missing_reports")?,
        forks: row.number("forks")?,
        certificate_not_after: row.time_or_none("certificate_not_after")?,
    })
}
