//! Users and sessions.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::column::{Columns, limit, micros, text};
use super::tx::Tx;
use crate::store::{
    Act, NewSession, PasswordHash, RecordedAct, Session, StoreError, Subject, User, UserChange,
};

pub(super) fn add(tx: &mut Tx<'_>, user: &User) -> Result<bool, StoreError> {
    let issuer = user.subject.as_ref().map(|subject| text(&subject.issuer));
    let subject = user.subject.as_ref().map(|subject| text(&subject.subject));
    let added = tx.execute(
        "INSERT INTO users (name, role, role_claimed, password, password_changed_at, oidc_issuer, oidc_subject,
                            created_at, disabled_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT DO NOTHING",
        &[
            &text(&user.name).as_ref(),
            &user.role.name(),
            &user.role_claimed,
            &user.password.as_ref().map(PasswordHash::phc),
            &user.password_changed_at.map(micros),
            &issuer.as_deref(),
            &subject.as_deref(),
            &micros(user.created_at),
            &user.disabled_at.map(micros),
        ],
    )?;
    Ok(added > 0)
}

pub(super) fn named(tx: &mut Tx<'_>, name: &str) -> Result<Option<User>, StoreError> {
    let row = tx.query_one("SELECT * FROM users WHERE name = $1", &[&text(name).as_ref()])?;
    row.as_ref().map(read_user).transpose()
}

pub(super) fn of_subject(tx: &mut Tx<'_>, subject: &Subject) -> Result<Option<User>, StoreError> {
    let row = tx.query_one(
        "SELECT * FROM users WHERE oidc_issuer = $1 AND oidc_subject = $2",
        &[&text(&subject.issuer).as_ref(), &text(&subject.subject).as_ref()],
    )?;
    row.as_ref().map(read_user).transpose()
}

pub(super) fn any(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    Ok(tx.query_one("SELECT name FROM users LIMIT 1", &[])?.is_some())
}

pub(super) fn all(tx: &mut Tx<'_>) -> Result<Vec<User>, StoreError> {
    let rows = tx.query("SELECT * FROM users ORDER BY name", &[])?;
    rows.iter().map(read_user).collect()
}

fn read_user(row: &Row) -> Result<User, StoreError> {
    let issuer = row.text_or_none("oidc_issuer")?;
    let subject = row.text_or_none("oidc_subject")?;
    Ok(User {
        name: row.text("name")?,
        role: row.named("role")?,
        role_claimed: row.value("role_claimed")?,
        password: row.value::<Option<String>>("password")?.map(PasswordHash::new),
        password_changed_at: row.time_or_none("password_changed_at")?,
        subject: issuer
            .zip(subject)
            .map(|(issuer, subject)| Subject { issuer, subject }),
        created_at: row.time("created_at")?,
        disabled_at: row.time_or_none("disabled_at")?,
    })
}

/// The user's row is locked by the change, so that no session begins in between that it would not end.
pub(super) fn change(
    tx: &mut Tx<'_>,
    name: &str,
    change: &UserChange,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let (name, at) = (text(name), micros(at));
    let name = name.as_ref();
    let changed = match change {
        UserChange::Disable => tx.execute(
            "UPDATE users SET disabled_at = $2 WHERE name = $1 AND disabled_at IS NULL",
            &[&name, &at],
        ),
        UserChange::Enable => tx.execute(
            "UPDATE users SET disabled_at = NULL WHERE name = $1 AND disabled_at IS NOT NULL",
            &[&name],
        ),
        UserChange::Role(role) => tx.execute(
            "UPDATE users SET role = $2, role_claimed = FALSE WHERE name = $1 AND (role <> $2 OR role_claimed)",
            &[&name, &role.name()],
        ),
        UserChange::ClaimedRole(role) => tx.execute(
            "UPDATE users SET role = $2 WHERE name = $1 AND role <> $2 AND role_claimed",
            &[&name, &role.name()],
        ),
        UserChange::Password(hash) => tx.execute(
            "UPDATE users SET password = $2, password_changed_at = $3 WHERE name = $1",
            &[&name, &hash.phc(), &at],
        ),
    }?;
    if changed > 0 {
        tx.execute("DELETE FROM sessions WHERE user_name = $1", &[&name])?;
    }
    Ok(changed > 0)
}

pub(super) fn add_session(tx: &mut Tx<'_>, session: &NewSession, most: usize) -> Result<bool, StoreError> {
    let user = text(&session.user);
    let user = user.as_ref();
    let may = tx.query_one(
        "SELECT name FROM users WHERE name = $1 AND disabled_at IS NULL FOR UPDATE",
        &[&user],
    )?;
    if may.is_none() {
        return Ok(false);
    }
    let at = micros(session.at);
    tx.execute("DELETE FROM sessions WHERE expires_at <= $1", &[&at])?;
    tx.execute(
        "INSERT INTO sessions (sha256, user_name, created_at, seen_at, expires_at) VALUES ($1, $2, $3, $3, $4)",
        &[&session.sha256, &user, &at, &micros(session.expires_at)],
    )?;
    tx.execute(
        "DELETE FROM sessions WHERE user_name = $1 AND sha256 NOT IN
            (SELECT sha256 FROM sessions WHERE user_name = $1 ORDER BY created_at DESC, sha256 LIMIT $2)",
        &[&user, &limit(most)],
    )?;
    Ok(true)
}

pub(super) fn session(tx: &mut Tx<'_>, sha256: &str) -> Result<Option<Session>, StoreError> {
    let row = tx.query_one(
        "SELECT s.user_name, s.created_at, s.seen_at, s.expires_at, u.role, u.disabled_at
         FROM sessions s JOIN users u ON u.name = s.user_name WHERE s.sha256 = $1",
        &[&sha256],
    )?;
    let read = |row: Row| {
        Ok(Session {
            user: row.text("user_name")?,
            role: row.named("role")?,
            user_disabled_at: row.time_or_none("disabled_at")?,
            created_at: row.time("created_at")?,
            seen_at: row.time("seen_at")?,
            expires_at: row.time("expires_at")?,
        })
    };
    row.map(read).transpose()
}

pub(super) fn touch_session(tx: &mut Tx<'_>, sha256: &str, at: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE sessions SET seen_at = $2 WHERE sha256 = $1 AND seen_at < $2",
        &[&sha256, &micros(at)],
    )?;
    Ok(())
}

pub(super) fn end_session(tx: &mut Tx<'_>, sha256: &str) -> Result<bool, StoreError> {
    Ok(tx.execute("DELETE FROM sessions WHERE sha256 = $1", &[&sha256])? > 0)
}

pub(super) fn touch_api_token(tx: &mut Tx<'_>, sha256: &str, at: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE api_tokens SET used_at = $2 WHERE sha256 = $1 AND (used_at IS NULL OR used_at < $2)",
        &[&sha256, &micros(at)],
    )?;
    Ok(())
}

pub(super) fn acts_before(
    tx: &mut Tx<'_>,
    before: Option<i64>,
    most: usize,
) -> Result<Vec<RecordedAct>, StoreError> {
    let rows = tx.query(
        "SELECT id, at, who, what, subject FROM acts WHERE id < $1 ORDER BY id DESC LIMIT $2",
        &[&before.unwrap_or(i64::MAX), &limit(most)],
    )?;
    let read = |row: &Row| {
        Ok(RecordedAct {
            id: row.value("id")?,
            act: Act {
                at: row.time("at")?,
                who: row.text("who")?,
                what: row.text("what")?,
                on: row.text("subject")?,
            },
        })
    };
    rows.iter().map(read).collect()
}
