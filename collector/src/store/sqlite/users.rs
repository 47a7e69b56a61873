//! Users and sessions.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use super::column::{Columns, limit, micros};
use crate::store::{
    Act, NewSession, PasswordHash, RecordedAct, Session, StoreError, Subject, User, UserChange,
};

pub(super) fn add(tx: &Transaction<'_>, user: &User) -> Result<bool, StoreError> {
    let subject = user.subject.as_ref();
    let added = tx.execute(
        "INSERT INTO users (name, role, role_claimed, password, password_changed_at, oidc_issuer, oidc_subject,
                            created_at, disabled_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT DO NOTHING",
        (
            &user.name,
            user.role.name(),
            i64::from(user.role_claimed),
            user.password.as_ref().map(PasswordHash::phc),
            user.password_changed_at.map(micros),
            subject.map(|subject| &subject.issuer),
            subject.map(|subject| &subject.subject),
            micros(user.created_at),
            user.disabled_at.map(micros),
        ),
    )?;
    Ok(added > 0)
}

pub(super) fn named(db: &Connection, name: &str) -> Result<Option<User>, StoreError> {
    Ok(db
        .prepare_cached("SELECT * FROM users WHERE name = ?1")?
        .query_row([name], read_user)
        .optional()?)
}

pub(super) fn of_subject(db: &Connection, subject: &Subject) -> Result<Option<User>, StoreError> {
    Ok(db
        .prepare_cached("SELECT * FROM users WHERE oidc_issuer = ?1 AND oidc_subject = ?2")?
        .query_row((&subject.issuer, &subject.subject), read_user)
        .optional()?)
}

pub(super) fn any(db: &Connection) -> Result<bool, StoreError> {
    Ok(db.prepare_cached("SELECT name FROM users LIMIT 1")?.exists([])?)
}

pub(super) fn all(db: &Connection) -> Result<Vec<User>, StoreError> {
    let mut statement = db.prepare_cached("SELECT * FROM users ORDER BY name")?;
    Ok(statement.query_map([], read_user)?.collect::<Result<_, _>>()?)
}

fn read_user(row: &Row<'_>) -> rusqlite::Result<User> {
    let issuer: Option<String> = row.get("oidc_issuer")?;
    let subject: Option<String> = row.get("oidc_subject")?;
    Ok(User {
        name: row.get("name")?,
        role: row.named("role")?,
        role_claimed: row.number::<i64>("role_claimed")? != 0,
        password: row.get::<_, Option<String>>("password")?.map(PasswordHash::new),
        password_changed_at: row.time_or_none("password_changed_at")?,
        subject: issuer
            .zip(subject)
            .map(|(issuer, subject)| Subject { issuer, subject }),
        created_at: row.time("created_at")?,
        disabled_at: row.time_or_none("disabled_at")?,
    })
}

pub(super) fn change(
    tx: &Transaction<'_>,
    name: &str,
    change: &UserChange,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let at = micros(at);
    let changed = match change {
        UserChange::Disable => tx.execute(
            "UPDATE users SET disabled_at = ?2 WHERE name = ?1 AND disabled_at IS NULL",
            (name, at),
        ),
        UserChange::Enable => tx.execute(
            "UPDATE users SET disabled_at = NULL WHERE name = ?1 AND disabled_at IS NOT NULL",
            [name],
        ),
        UserChange::Role(role) => tx.execute(
            "UPDATE users SET role = ?2, role_claimed = 0 WHERE name = ?1 AND (role <> ?2 OR role_claimed <> 0)",
            (name, role.name()),
        ),
        UserChange::ClaimedRole(role) => tx.execute(
            "UPDATE users SET role = ?2 WHERE name = ?1 AND role <> ?2 AND role_claimed <> 0",
            (name, role.name()),
        ),
        UserChange::Password(hash) => tx.execute(
            "UPDATE users SET password = ?2, password_changed_at = ?3 WHERE name = ?1",
            (name, hash.phc(), at),
        ),
    }?;
    if changed > 0 {
        tx.execute("DELETE FROM sessions WHERE user_name = ?1", [name])?;
    }
    Ok(changed > 0)
}

pub(super) fn add_session(
    tx: &Transaction<'_>,
    session: &NewSession,
    most: usize,
) -> Result<bool, StoreError> {
    let may = named(tx, &session.user)?.is_some_and(|user| user.disabled_at.is_none());
    if !may {
        return Ok(false);
    }
    let at = micros(session.at);
    tx.execute("DELETE FROM sessions WHERE expires_at <= ?1", [at])?;
    tx.execute(
        "INSERT INTO sessions (sha256, user_name, created_at, seen_at, expires_at) VALUES (?1, ?2, ?3, ?3, ?4)",
        (&session.sha256, &session.user, at, micros(session.expires_at)),
    )?;
    tx.execute(
        "DELETE FROM sessions WHERE user_name = ?1 AND sha256 NOT IN
            (SELECT sha256 FROM sessions WHERE user_name = ?1 ORDER BY created_at DESC, sha256 LIMIT ?2)",
        (&session.user, limit(most)),
    )?;
    Ok(true)
}

pub(super) fn session(db: &Connection, sha256: &str) -> Result<Option<Session>, StoreError> {
    let read = |row: &Row<'_>| {
        Ok(Session {
            user: row.get("user_name")?,
            role: row.named("role")?,
            user_disabled_at: row.time_or_none("disabled_at")?,
            created_at: row.time("created_at")?,
            seen_at: row.time("seen_at")?,
            expires_at: row.time("expires_at")?,
        })
    };
    Ok(db
        .prepare_cached(
            "SELECT s.user_name, s.created_at, s.seen_at, s.expires_at, u.role, u.disabled_at
             FROM sessions s JOIN users u ON u.name = s.user_name WHERE s.sha256 = ?1",
        )?
        .query_row([sha256], read)
        .optional()?)
}

pub(super) fn touch_session(tx: &Transaction<'_>, sha256: &str, at: Timestamp) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE sessions SET seen_at = ?2 WHERE sha256 = ?1 AND seen_at < ?2")?
        .execute((sha256, micros(at)))?;
    Ok(())
}

pub(super) fn end_session(tx: &Transaction<'_>, sha256: &str) -> Result<bool, StoreError> {
    Ok(tx.execute("DELETE FROM sessions WHERE sha256 = ?1", [sha256])? > 0)
}

pub(super) fn touch_api_token(tx: &Transaction<'_>, sha256: &str, at: Timestamp) -> Result<(), StoreError> {
    tx.prepare_cached(
        "UPDATE api_tokens SET used_at = ?2 WHERE sha256 = ?1 AND (used_at IS NULL OR used_at < ?2)",
    )?
    .execute((sha256, micros(at)))?;
    Ok(())
}

pub(super) fn acts_before(
    db: &Connection,
    before: Option<i64>,
    most: usize,
) -> Result<Vec<RecordedAct>, StoreError> {
    let read = |row: &Row<'_>| {
        Ok(RecordedAct {
            id: row.get("id")?,
            act: Act {
                at: row.time("at")?,
                who: row.get("who")?,
                what: row.get("what")?,
                on: row.get("subject")?,
            },
        })
    };
    let mut statement = db.prepare_cached(
        "SELECT id, at, who, what, subject FROM acts WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
    )?;
    Ok(statement
        .query_map((before.unwrap_or(i64::MAX), limit(most)), read)?
        .collect::<Result<_, _>>()?)
}
