//! Tokens, plans and acts.

use jiff::Timestamp;
use plumbline_config::wire::SignedPlan;
use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use super::column::{Columns, json, limit, micros};
use super::ledger::{self, RowOf};
use crate::ledger::entry::NONCE;
use crate::store::leaves::{act_entry, fresh_nonce};
use crate::store::{Act, ApiToken, EnrolmentToken, PlanSummary, PublishedPlan, StoreError};

pub(super) fn record(tx: &Transaction<'_>, act: &Act) -> Result<(), StoreError> {
    record_with(tx, act, fresh_nonce()?)
}

/// Records an act under a nonce that was drawn before.
pub(super) fn record_with(tx: &Transaction<'_>, act: &Act, nonce: [u8; NONCE]) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT INTO acts (at, who, what, subject, nonce) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((micros(act.at), &act.who, &act.what, &act.on, hex::encode(nonce)))?;
    let leaf = act_entry(act, nonce).leaf_hash();
    ledger::append(tx, &[(RowOf::Act(tx.last_insert_rowid()), leaf)])
}

pub(super) fn acts(db: &Connection, most: usize) -> Result<Vec<Act>, StoreError> {
    let mut statement = db.prepare_cached("SELECT * FROM acts ORDER BY id DESC LIMIT ?1")?;
    let read = |row: &Row<'_>| {
        Ok(Act {
            at: row.time("at")?,
            who: row.get("who")?,
            what: row.get("what")?,
            on: row.get("subject")?,
        })
    };
    Ok(statement
        .query_map([limit(most)], read)?
        .collect::<Result<_, _>>()?)
}

pub(super) fn add_enrolment_token(tx: &Transaction<'_>, token: &EnrolmentToken) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO enrolment_tokens (sha256, id, role, labels, uses, used, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            &token.sha256,
            &token.id,
            token.role.name(),
            json(&token.labels)?,
            token.uses,
            token.used,
            micros(token.created_at),
            micros(token.expires_at),
        ),
    )?;
    Ok(())
}

pub(super) fn enrolment_tokens(db: &Connection) -> Result<Vec<EnrolmentToken>, StoreError> {
    let mut statement = db.prepare_cached("SELECT * FROM enrolment_tokens ORDER BY created_at DESC, id")?;
    Ok(statement
        .query_map([], read_enrolment_token)?
        .collect::<Result<_, _>>()?)
}

pub(super) fn enrolment_token(db: &Connection, sha256: &str) -> Result<Option<EnrolmentToken>, StoreError> {
    Ok(db
        .prepare_cached("SELECT * FROM enrolment_tokens WHERE sha256 = ?1")?
        .query_row([sha256], read_enrolment_token)
        .optional()?)
}

fn read_enrolment_token(row: &Row<'_>) -> rusqlite::Result<EnrolmentToken> {
    Ok(EnrolmentToken {
        id: row.get("id")?,
        sha256: row.get("sha256")?,
        role: row.named("role")?,
        labels: row.json("labels")?,
        uses: row.number("uses")?,
        used: row.number("used")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
    })
}

pub(super) fn add_api_token(tx: &Transaction<'_>, token: &ApiToken) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO api_tokens (sha256, id, access, scopes, note, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            &token.sha256,
            &token.id,
            token.access.name(),
            json(&token.scopes)?,
            &token.note,
            micros(token.created_at),
            token.expires_at.map(micros),
        ),
    )?;
    Ok(())
}

pub(super) fn api_token(db: &Connection, sha256: &str) -> Result<Option<ApiToken>, StoreError> {
    Ok(db
        .prepare_cached("SELECT * FROM api_tokens WHERE sha256 = ?1")?
        .query_row([sha256], read_api_token)
        .optional()?)
}

pub(super) fn api_tokens(db: &Connection) -> Result<Vec<ApiToken>, StoreError> {
    let mut statement = db.prepare_cached("SELECT * FROM api_tokens ORDER BY created_at DESC, id")?;
    Ok(statement
        .query_map([], read_api_token)?
        .collect::<Result<_, _>>()?)
}

fn read_api_token(row: &Row<'_>) -> rusqlite::Result<ApiToken> {
    Ok(ApiToken {
        id: row.get("id")?,
        sha256: row.get("sha256")?,
        access: row.named("access")?,
        scopes: row.json("scopes")?,
        note: row.get("note")?,
        created_at: row.time("created_at")?,
        expires_at: row.time_or_none("expires_at")?,
        revoked_at: row.time_or_none("revoked_at")?,
        used_at: row.time_or_none("used_at")?,
    })
}

pub(super) fn revoke_api_token(tx: &Transaction<'_>, id: &str, at: Timestamp) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE api_tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
        (id, micros(at)),
    )?;
    Ok(changed > 0)
}

pub(super) fn publish_plan(
    tx: &Transaction<'_>,
    plan: &PublishedPlan,
    act: &Act,
) -> Result<bool, StoreError> {
    if plan_summary(tx)?.is_some_and(|current| current.sha256 == plan.reference.sha256) {
        return Ok(false);
    }
    tx.execute(
        "INSERT INTO plans (sha256, version, toml, signature, published_at, published_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (
            &plan.reference.sha256,
            &plan.reference.version,
            &plan.toml,
            &plan.signature,
            micros(act.at),
            &act.who,
        ),
    )?;
    Ok(true)
}

pub(super) fn plan_summary(db: &Connection) -> Result<Option<PlanSummary>, StoreError> {
    let read = |row: &Row<'_>| {
        Ok(PlanSummary {
            version: row.get("version")?,
            sha256: row.get("sha256")?,
            published_at: row.time("published_at")?,
            published_by: row.get("published_by")?,
        })
    };
    Ok(db
        .prepare_cached(
            "SELECT version, sha256, published_at, published_by FROM plans ORDER BY id DESC LIMIT 1",
        )?
        .query_row([], read)
        .optional()?)
}

pub(super) fn plan_at(db: &Connection, at: Timestamp) -> Result<Option<SignedPlan>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT toml, sha256, signature FROM plans WHERE published_at <= ?1 ORDER BY id DESC LIMIT 1",
        )?
        .query_row([micros(at)], read_plan)
        .optional()?)
}

fn read_plan(row: &Row<'_>) -> rusqlite::Result<SignedPlan> {
    Ok(SignedPlan {
        toml: row.get("toml")?,
        sha256: row.get("sha256")?,
        signature: row.get("signature")?,
    })
}

pub(super) fn plan(db: &Connection) -> Result<Option<SignedPlan>, StoreError> {
    Ok(db
        .prepare_cached("SELECT toml, sha256, signature FROM plans ORDER BY id DESC LIMIT 1")?
        .query_row([], read_plan)
        .optional()?)
}
