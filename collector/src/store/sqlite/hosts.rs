//! Hosts, their enrolment and their certificates.

use jiff::{SignedDuration, Timestamp};
use plumbline_config::ident::{HostId, Role};
use plumbline_config::wire::PlanRef;
use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use super::column::{Columns, json, limit, micros};
use super::{people, totals};
use crate::store::intake::{HostRow, Pulse, shift};
use crate::store::tally::Tally;
use crate::store::totals::Totals;
use crate::store::{
    Act, CertificateRecord, Enrolled, Enrolment, Host, HostQuery, NewCertificate, StoreError, TokenRefusal,
};

/// A superseded identity that speaks this soon after the new enrolment is the old agent on its way out, not a second
/// machine.
const CONFLICT_GRACE: SignedDuration = SignedDuration::from_mins(10);

pub(super) fn enrol(
    tx: &Transaction<'_>,
    enrolment: &Enrolment,
) -> Result<Result<Enrolled, TokenRefusal>, StoreError> {
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
                "UPDATE enrolment_tokens SET used = used + 1 WHERE sha256 = ?1",
                [&token.sha256],
            )?;
            let enrolled = match known(tx, enrolment)? {
                Some((host, incarnation, role)) => again(
                    tx,
                    enrolment,
                    &host,
                    incarnation,
                    (role, token.role),
                    &json(&token.labels)?,
                )?,
                None => anew(tx, enrolment, token.role, &json(&token.labels)?)?,
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
fn already(tx: &Transaction<'_>, enrolment: &Enrolment) -> Result<Option<Enrolled>, StoreError> {
    let read = |row: &Row<'_>| {
        Ok(Enrolled {
            host: row.host("id")?,
            incarnation: row.number("incarnation")?,
            role: row.named("role")?,
        })
    };
    Ok(tx
        .prepare_cached(
            "SELECT h.id, h.incarnation, h.role FROM certificates c JOIN hosts h ON h.id = c.host
             WHERE c.token_sha256 = ?1 AND c.public_key = ?2 AND c.revoked_at IS NULL AND h.revoked_at IS NULL
               AND c.incarnation = h.incarnation
             LIMIT 1",
        )?
        .query_row((&enrolment.token_sha256, &enrolment.public_key), read)
        .optional()?)
}

/// The host that the enrolment re-installs: same machine, same name, and no sign that two machines share them.
fn known(tx: &Transaction<'_>, enrolment: &Enrolment) -> Result<Option<(HostId, u32, Role)>, StoreError> {
    if enrolment.machine.is_empty() {
        return Ok(None);
    }
    let mut statement = tx.prepare_cached(
        "SELECT id, incarnation, role, conflict_at FROM hosts
         WHERE machine = ?1 AND name = ?2 AND machine <> '' AND revoked_at IS NULL
         ORDER BY enrolled_at DESC",
    )?;
    let read = |row: &Row<'_>| {
        let host = (row.host("id")?, row.number("incarnation")?, row.named("role")?);
        Ok((host, row.time_or_none("conflict_at")?.is_some()))
    };
    let hosts: Vec<_> = statement
        .query_map((&enrolment.machine, &enrolment.name), read)?
        .collect::<Result<_, _>>()?;
    if hosts.iter().any(|(_, conflict)| *conflict) {
        return Ok(None);
    }
    Ok(hosts.into_iter().next().map(|(host, _)| host))
}

fn again(
    tx: &Transaction<'_>,
    enrolment: &Enrolment,
    host: &HostId,
    incarnation: u32,
    (before, role): (Role, Role),
    labels: &str,
) -> Result<Enrolled, StoreError> {
    let incarnation = incarnation.saturating_add(1);
    let counted = totals::row(tx, host)?;
    tx.execute(
        "UPDATE hosts SET role = ?2, labels = ?3, os = ?4, agent_version = ?5, incarnation = ?6, enrolled_at = ?7,
                last_sequence = 0, last_sha256 = NULL
         WHERE id = ?1",
        (
            host.as_str(),
            role.name(),
            labels,
            json(&enrolment.os)?,
            &enrolment.agent_version,
            incarnation,
            micros(enrolment.at),
        ),
    )?;
    revoke_certificates(tx, host, enrolment.at)?;
    if before != role {
        // They were judged by the clauses of the other role.
        tx.execute("DELETE FROM findings_latest WHERE host = ?1", [host.as_str()])?;
        tx.execute(
            "UPDATE hosts SET sum = zeroblob(32) WHERE id = ?1",
            [host.as_str()],
        )?;
    }
    change(tx, counted, |host| {
        host.pulse.heard_at = host.pulse.heard_at.max(enrolment.at);
        host.pulse.silent = false;
        if host.role != role {
            host.role = role;
            host.tally = Tally::default();
        }
    })?;
    Ok(Enrolled {
        host: host.clone(),
        incarnation,
        role,
    })
}

fn anew(
    tx: &Transaction<'_>,
    enrolment: &Enrolment,
    role: Role,
    labels: &str,
) -> Result<Enrolled, StoreError> {
    tx.execute(
        "INSERT INTO hosts (id, name, role, labels, os, machine, agent_version, incarnation, enrolled_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8)",
        (
            enrolment.fresh_id.as_str(),
            &enrolment.name,
            role.name(),
            labels,
            json(&enrolment.os)?,
            &enrolment.machine,
            &enrolment.agent_version,
            micros(enrolment.at),
        ),
    )?;
    let pulse = Pulse {
        heard_at: enrolment.at,
        looked_at: None,
        silent: false,
        // Nothing was found yet, so nothing counts as overdue; the first look or the next ageing decides.
        overdue: false,
    };
    totals::put_pulse(tx, &enrolment.fresh_id, &pulse)?;
    if let Some(host) = totals::row(tx, &enrolment.fresh_id)? {
        let mut difference = Totals::default();
        host.as_counted().contribute(&mut difference, 1);
        totals::add(tx, &difference)?;
    }
    Ok(Enrolled {
        host: enrolment.fresh_id.clone(),
        incarnation: 1,
        role,
    })
}

/// Changes what of a host the totals count. `before` is the host as it was counted.
fn change(
    tx: &Transaction<'_>,
    before: Option<HostRow>,
    change: impl FnOnce(&mut HostRow),
) -> Result<(), StoreError> {
    let Some(before) = before else {
        return Ok(());
    };
    let mut after = before.clone();
    change(&mut after);
    let mut difference = Totals::default();
    shift(&mut difference, &before, &after);
    totals::put_pulse(tx, &after.id, &after.pulse)?;
    totals::put_tally(tx, &after.id, &after.tally)?;
    totals::add(tx, &difference)
}

pub(super) fn add_certificate(
    tx: &Transaction<'_>,
    certificate: &NewCertificate,
    token_sha256: Option<&str>,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO certificates (serial, host, incarnation, public_key, token_sha256, issued_at, not_after)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute((
        &certificate.serial,
        certificate.host.as_str(),
        certificate.incarnation,
        &certificate.public_key,
        token_sha256,
        micros(certificate.issued_at),
        micros(certificate.not_after),
    ))?;
    Ok(())
}

pub(super) fn certificate(db: &Connection, serial: &str) -> Result<Option<CertificateRecord>, StoreError> {
    let read = |row: &Row<'_>| {
        Ok(CertificateRecord {
            host: row.host("host")?,
            incarnation: row.number("incarnation")?,
            current_incarnation: row.number("current_incarnation")?,
            revoked_at: row.time_or_none("revoked_at")?,
            host_revoked_at: row.time_or_none("host_revoked_at")?,
            role: row.named("role")?,
        })
    };
    Ok(db
        .prepare_cached(
            "SELECT c.host, c.incarnation, c.revoked_at, h.incarnation AS current_incarnation,
                    h.revoked_at AS host_revoked_at, h.role
             FROM certificates c JOIN hosts h ON h.id = c.host WHERE c.serial = ?1",
        )?
        .query_row([serial], read)
        .optional()?)
}

pub(super) fn public_keys(
    db: &Connection,
    host: &HostId,
    incarnation: u32,
    most: usize,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT public_key FROM certificates WHERE host = ?1 AND incarnation = ?2 AND revoked_at IS NULL
         ORDER BY issued_at DESC LIMIT ?3",
    )?;
    Ok(statement
        .query_map((host.as_str(), incarnation, limit(most)), |row| row.get(0))?
        .collect::<Result<_, _>>()?)
}

pub(super) fn revoke(tx: &Transaction<'_>, host: &HostId, at: Timestamp) -> Result<bool, StoreError> {
    let counted = totals::row(tx, host)?;
    let changed = tx.execute(
        "UPDATE hosts SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
        (host.as_str(), micros(at)),
    )?;
    if changed == 0 {
        return Ok(false);
    }
    revoke_certificates(tx, host, at)?;
    change(tx, counted, |host| host.revoked = true)?;
    Ok(true)
}

fn revoke_certificates(tx: &Transaction<'_>, host: &HostId, at: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE certificates SET revoked_at = ?2 WHERE host = ?1 AND revoked_at IS NULL",
        (host.as_str(), micros(at)),
    )?;
    Ok(())
}

/// A conflict that stands on record is not written again within this time, however often the other machine speaks.
const CONFLICT_PAUSE: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn note_conflict(tx: &Transaction<'_>, host: &HostId, at: Timestamp) -> Result<(), StoreError> {
    let before = |span| micros(at.saturating_sub(span).unwrap_or(at));
    tx.execute(
        "UPDATE hosts SET conflict_at = ?2
         WHERE id = ?1 AND enrolled_at < ?3 AND (conflict_at IS NULL OR conflict_at < ?4)",
        (
            host.as_str(),
            micros(at),
            before(CONFLICT_GRACE),
            before(CONFLICT_PAUSE),
        ),
    )?;
    Ok(())
}

/// What [`read_host`] reads.
const HOST: &str = "SELECT h.*, p.heard_at, p.looked_at, (SELECT max(c.not_after) FROM certificates c
    WHERE c.host = h.id AND c.incarnation = h.incarnation AND c.revoked_at IS NULL) AS certificate_not_after
    FROM hosts h JOIN host_pulse p ON p.host = h.id";

pub(super) fn hosts(db: &Connection, query: &HostQuery) -> Result<Vec<Host>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "{HOST} WHERE h.id > ?1 AND (?2 IS NULL OR h.role = ?2) ORDER BY h.id LIMIT ?3"
    ))?;
    let after = query.after.as_ref().map_or("", HostId::as_str);
    Ok(statement
        .query_map((after, query.role.map(Role::name), limit(query.limit)), read_host)?
        .collect::<Result<_, _>>()?)
}

pub(super) fn host(db: &Connection, host: &HostId) -> Result<Option<Host>, StoreError> {
    Ok(db
        .prepare_cached(&format!("{HOST} WHERE h.id = ?1"))?
        .query_row([host.as_str()], read_host)
        .optional()?)
}

fn read_host(row: &Row<'_>) -> rusqlite::Result<Host> {
    let plan = match (row.get("plan_version")?, row.get("plan_sha256")?) {
        (Some(version), Some(sha256)) => Some(PlanRef { version, sha256 }),
        _ => None,
    };
    Ok(Host {
        id: row.host("id")?,
        name: row.get("name")?,
        role: row.named("role")?,
        labels: row.json("labels")?,
        os: row.json("os")?,
        agent_version: row.get("agent_version")?,
        incarnation: row.number("incarnation")?,
        enrolled_at: row.time("enrolled_at")?,
        heard_at: row.time("heard_at")?,
        looked_at: row.time_or_none("looked_at")?,
        plan,
        clock_skew_ms: row.get("clock_skew_ms")?,
        revoked_at: row.time_or_none("revoked_at")?,
        conflict_at: row.time_or_none("conflict_at")?,
        last_sequence: row.number("last_sequence")?,
        reports: row.number("reports")?,
        missing_reports: row.number("missing_reports")?,
        forks: row.number("forks")?,
        certificate_not_after: row.time_or_none("certificate_not_after")?,
    })
}
