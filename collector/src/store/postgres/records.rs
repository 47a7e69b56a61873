//! Records.

use tokio_postgres::Row;

use super::column::{Columns, limit, text};
use super::people;
use super::tx::Tx;
use crate::store::leaves::fresh_nonce;
use crate::store::{Family, NewRecord, Record, StoreError};

/// Keeps a record with its act; false when its version is not the subject's next.
pub(super) fn add(tx: &mut Tx<'_>, record: &NewRecord) -> Result<bool, StoreError> {
    let nonce = fresh_nonce()?;
    let version = i64::from(record.version);
    // Of two who add the same version at once the second waits for the first, and then finds it there.
    let added = tx.execute(
        "INSERT INTO records (nonce, family, subject, version, body)
         SELECT $1::text, $2::text, $3::text, $4::bigint, $5::text
         WHERE $4 = 1 + coalesce((SELECT max(version) FROM records WHERE subject = $3), 0)
         ON CONFLICT (subject, version) DO NOTHING",
        &[
            &hex::encode(nonce),
            &record.family.name(),
            &text(&record.subject).as_ref(),
            &version,
            &text(&record.body).as_ref(),
        ],
    )?;
    if added > 0 {
        people::record_with(tx, &record.act(), nonce)?;
    }
    Ok(added > 0)
}

pub(super) fn of_family(
    tx: &mut Tx<'_>,
    family: Family,
    after: i64,
    most: usize,
) -> Result<Vec<Record>, StoreError> {
    let rows = tx.query(
        "SELECT a.id, a.at, a.who, r.subject, r.version, r.body
         FROM records r JOIN acts a ON a.nonce = r.nonce
         WHERE r.family = $1 AND a.id > $2 ORDER BY a.id LIMIT $3",
        &[&family.name(), &after, &limit(most)],
    )?;
    rows.iter().map(read).collect()
}

pub(super) fn of_subject(tx: &mut Tx<'_>, subject: &str) -> Result<Vec<Record>, StoreError> {
    let rows = tx.query(
        "SELECT a.id, a.at, a.who, r.subject, r.version, r.body
         FROM records r JOIN acts a ON a.nonce = r.nonce WHERE r.subject = $1 ORDER BY r.version",
        &[&text(subject).as_ref()],
    )?;
    rows.iter().map(read).collect()
}

pub(super) fn number(tx: &mut Tx<'_>, family: Family) -> Result<u64, StoreError> {
    let row = tx.query_one(
        "SELECT count(*) AS number FROM records WHERE family = $1",
        &[&family.name()],
    )?;
    row.map_or(Ok(0), |row| row.number("number"))
}

fn read(row: &Row) -> Result<Record, StoreError> {
    Ok(Record {
        act: row.value("id")?,
        at: row.time("at")?,
        who: row.text("who")?,
        subject: row.text("subject")?,
        version: row.number("version")?,
        body: row.value("body")?,
    })
}
