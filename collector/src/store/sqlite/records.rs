//! Records.

use rusqlite::{Connection, Row, Transaction};

use super::column::{Columns, limit};
use super::people;
use crate::store::leaves::fresh_nonce;
use crate::store::{Family, NewRecord, Record, StoreError};

/// Keeps a record with its act; false when its version is not the subject's next.
pub(super) fn add(tx: &Transaction<'_>, record: &NewRecord) -> Result<bool, StoreError> {
    let nonce = fresh_nonce()?;
    let added = tx.execute(
        "INSERT INTO records (nonce, family, subject, version, body)
         SELECT ?1, ?2, ?3, ?4, ?5
         WHERE ?4 = 1 + coalesce((SELECT max(version) FROM records WHERE subject = ?3), 0)",
        (
            hex::encode(nonce),
            record.family.name(),
            &record.subject,
            record.version,
            &record.body,
        ),
    )?;
    if added > 0 {
        people::record_with(tx, &record.act(), nonce)?;
    }
    Ok(added > 0)
}

pub(super) fn of_family(
    db: &Connection,
    family: Family,
    after: i64,
    most: usize,
) -> Result<Vec<Record>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT a.id, a.at, a.who, r.subject, r.version, r.body
         FROM records r JOIN acts a ON a.nonce = r.nonce
         WHERE r.family = ?1 AND a.id > ?2 ORDER BY a.id LIMIT ?3",
    )?;
    Ok(statement
        .query_map((family.name(), after, limit(most)), read)?
        .collect::<Result<_, _>>()?)
}

pub(super) fn of_subject(db: &Connection, subject: &str) -> Result<Vec<Record>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT a.id, a.at, a.who, r.subject, r.version, r.body
         FROM records r JOIN acts a ON a.nonce = r.nonce WHERE r.subject = ?1 ORDER BY r.version",
    )?;
    Ok(statement.query_map([subject], read)?.collect::<Result<_, _>>()?)
}

pub(super) fn number(db: &Connection, family: Family) -> Result<u64, StoreError> {
    let number: i64 = db
        .prepare_cached("SELECT count(*) FROM records WHERE family = ?1")?
        .query_row([family.name()], |row| row.get(0))?;
    Ok(number.unsigned_abs())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        act: row.get("id")?,
        at: row.time("at")?,
        who: row.get("who")?,
        subject: row.get("subject")?,
        version: row.number("version")?,
        body: row.get("body")?,
    })
}
