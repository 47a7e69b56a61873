//! Tokens, plans and acts.

use jiff::Timestamp;
use plumbline_config::wire::SignedPlan;
use tokio_postgres::Row;

use super::column::{Columns, json, limit, micros, text};
use super::tx::Tx;
use crate::ledger::entry::NONCE;
use crate::store::leaves::{act_entry, fresh_nonce};
use crate::store::{Act, ApiToken, EnrolmentToken, PlanSummary, PublishedPlan, StoreError};

/// What of the current plan stands beside its text.
pub(super) const CURRENT_PLAN: &str =
    "SELECT version, sha256, published_at, published_by FROM plans ORDER BY id DESC LIMIT 1";

pub(super) fn record(tx: &mut Tx<'_>, act: &Act) -> Result<(), StoreError> {
    record_with(tx, act, fresh_nonce()?)
}

/// Records an act under a nonce that was drawn before.
pub(super) fn record_with(tx: &mut Tx<'_>, act: &Act, nonce: [u8; NONCE]) -> Result<(), StoreError> {
    let leaf = act_entry(act, nonce).leaf_hash();
    tx.execute(
        "WITH kept AS (
             INSERT INTO acts (at, who, what, subject, nonce) VALUES ($1, $2, $3, $4, $5) RETURNING id, at
         )
         INSERT INTO ledger_queue (hash, kind, reference, at) SELECT $6::bytea, 'act', id, at FROM kept",
        &[
            &micros(act.at),
            &text(&act.who).as_ref(),
            &text(&act.what).as_ref(),
            &text(&act.on).as_ref(),
            &hex::encode(nonce),
            &leaf.as_bytes().as_slice(),
        ],
    )?;
    Ok(())
}

pub(super) fn acts(tx: &mut Tx<'_>, most: usize) -> Result<Vec<Act>, StoreError> {
    let rows = tx.query(
        "SELECT at, who, what, subject FROM acts ORDER BY id DESC LIMIT $1",
        &[&limit(most)],
    )?;
    let read = |row: &Row| {
        Ok(Act {
            at: row.time("at")?,
            who: row.text("who")?,
            what: row.text("what")?,
            on: row.text("subject")?,
        })
    };
    rows.iter().map(read).collect()
}

pub(super) fn add_enrolment_token(tx: &mut Tx<'_>, token: &EnrolmentToken) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO enrolment_tokens (sha256, id, role, labels, uses, used, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            &token.sha256,
            &token.id,
            &token.role.name(),
            &json(&token.labels)?,
            &i64::from(token.uses),
            &i64::from(token.used),
            &micros(token.created_at),
            &micros(token.expires_at),
        ],
    )?;
    Ok(())
}

pub(super) fn enrolment_tokens(tx: &mut Tx<'_>) -> Result<Vec<EnrolmentToken>, StoreError> {
    let rows = tx.query("SELECT * FROM enrolment_tokens ORDER BY created_at DESC, id", &[])?;
    rows.iter().map(read_enrolment_token).collect()
}

/// The enrolment token with a hash, locked until the transaction ends.
pub(super) fn enrolment_token(tx: &mut Tx<'_>, sha256: &str) -> Result<Option<EnrolmentToken>, StoreError> {
    let row = tx.query_one(
        "SELECT * FROM enrolment_tokens WHERE sha256 = $1 FOR UPDATE",
        &[&sha256],
    )?;
    row.as_ref().map(read_enrolment_token).transpose()
}

fn read_enrolment_token(row: &Row) -> Result<EnrolmentToken, StoreError> {
    Ok(EnrolmentToken {
        id: row.text("id")?,
        sha256: row.text("sha256")?,
        role: row.named("role")?,
        labels: row.json("labels")?,
        uses: row.number("uses")?,
        used: row.number("used")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
    })
}

pub(super) fn add_api_token(tx: &mut Tx<'_>, token: &ApiToken) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO api_tokens (sha256, id, access, scopes, note, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            &token.sha256,
            &token.id,
            &token.access.name(),
            &json(&token.scopes)?,
            &text(&token.note).as_ref(),
            &micros(token.created_at),
            &token.expires_at.map(micros),
        ],
    )?;
    Ok(())
}

pub(super) fn api_token(tx: &mut Tx<'_>, sha256: &str) -> Result<Option<ApiToken>, StoreError> {
    let row = tx.query_one("SELECT * FROM api_tokens WHERE sha256 = $1", &[&sha256])?;
    row.as_ref().map(read_api_token).transpose()
}

pub(super) fn api_tokens(tx: &mut Tx<'_>) -> Result<Vec<ApiToken>, StoreError> {
    let rows = tx.query("SELECT * FROM api_tokens ORDER BY created_at DESC, id", &[])?;
    rows.iter().map(read_api_token).collect()
}

fn read_api_token(row: &Row) -> Result<ApiToken, StoreError> {
    Ok(ApiToken {
        id: row.text("id")?,
        sha256: row.text("sha256")?,
        access: row.named("access")?,
        scopes: row.json("scopes")?,
        note: row.text("note")?,
        created_at: row.time("created_at")?,
        expires_at: row.time_or_none("expires_at")?,
        revoked_at: row.time_or_none("revoked_at")?,
        used_at: row.time_or_none("used_at")?,
    })
}

pub(super) fn revoke_api_token(tx: &mut Tx<'_>, id: &str, at: Timestamp) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE api_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
        &[&text(id).as_ref(), &micros(at)],
    )?;
    Ok(changed > 0)
}

pub(super) fn publish_plan(tx: &mut Tx<'_>, plan: &PublishedPlan, act: &Act) -> Result<bool, StoreError> {
    // One publishes at a time, so that the newest is the one with the highest id.
    tx.query("SELECT name FROM notes WHERE name = 'plan_gate' FOR UPDATE", &[])?;
    if plan_summary(tx)?.is_some_and(|current| current.sha256 == plan.reference.sha256) {
        return Ok(false);
    }
    tx.execute(
        "INSERT INTO plans (sha256, version, toml, signature, published_at, published_by)
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            &plan.reference.sha256,
            &text(&plan.reference.version).as_ref(),
            &text(&plan.toml).as_ref(),
            &plan.signature,
            &micros(act.at),
            &text(&act.who).as_ref(),
        ],
    )?;
    Ok(true)
}

pub(super) fn plan_summary(tx: &mut Tx<'_>) -> Result<Option<PlanSummary>, StoreError> {
    let row = tx.query_one(CURRENT_PLAN, &[])?;
    let read = |row: Row| {
        Ok(PlanSummary {
            version: row.text("version")?,
            sha256: row.text("sha256")?,
            published_at: row.time("published_at")?,
            published_by: row.text("published_by")?,
        })
    };
    row.map(read).transpose()
}

pub(super) fn plan_at(tx: &mut Tx<'_>, at: Timestamp) -> Result<Option<SignedPlan>, StoreError> {
    let row = tx.query_one(
        "SELECT toml, sha256, signature FROM plans WHERE published_at <= $1 ORDER BY id DESC LIMIT 1",
        &[&micros(at)],
    )?;
    row.as_ref().map(read_plan).transpose()
}

fn read_plan(row: &Row) -> Result<SignedPlan, StoreError> {
    Ok(SignedPlan {
        toml: row.text("toml")?,
        sha256: row.text("sha256")?,
        signature: row.text("signature")?,
    })
}

pub(super) fn plan(tx: &mut Tx<'_>) -> Result<Option<SignedPlan>, StoreError> {
    let row = tx.query_one(
        "SELECT toml, sha256, signature FROM plans ORDER BY id DESC LIMIT 1",
        &[],
    )?;
    row.as_ref().map(read_plan).transpose()
}
