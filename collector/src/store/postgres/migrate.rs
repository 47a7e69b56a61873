//! Brings a database to the schema of this program, one numbered file after another.
//!
//! What was applied is kept with the SHA-256 of the file's text: a database whose migrations are not this program's is
//! refused, not guessed at. Two programs that migrate at once are kept apart by the lock of a row, the one numbered 0.

use jiff::Timestamp;
use plumbline_config::seal::sha256_hex;

use super::column::Columns;
use super::pool::Pool;
use super::tx::Tx;
use crate::store::StoreError;

/// Every migration, in order. A file that was released is never changed; a change is a new file.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_begin.sql"),
    include_str!("migrations/0002_room.sql"),
    include_str!("migrations/0003_records.sql"),
];

/// Applies what is missing.
pub(super) fn migrate(pool: &Pool) -> Result<(), StoreError> {
    begin(pool)?;
    pool.transaction(|tx| {
        tx.batch("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'")?;
        tx.query("SELECT number FROM migrations WHERE number = 0 FOR UPDATE", &[])?;
        let applied = applied(tx)?;
        for (number, text) in (1_i64..).zip(MIGRATIONS).skip(applied) {
            tx.batch(text)?;
            tx.execute(
                "INSERT INTO migrations (number, sha256, applied_at) VALUES ($1, $2, $3)",
                &[
                    &number,
                    &sha256_hex(text.as_bytes()),
                    &Timestamp::now().as_microsecond(),
                ],
            )?;
        }
        Ok(())
    })
}

/// Makes the table of migrations with the row that is locked.
fn begin(pool: &Pool) -> Result<(), StoreError> {
    const TABLE: &str = "CREATE TABLE IF NOT EXISTS migrations
        (number BIGINT PRIMARY KEY, sha256 TEXT NOT NULL, applied_at BIGINT NOT NULL);
        INSERT INTO migrations (number, sha256, applied_at) VALUES (0, '', 0) ON CONFLICT (number) DO NOTHING";
    // A role without the right to make tables may still find them made.
    if pool.read(is_begun)? {
        return Ok(());
    }
    match pool.transaction(|tx| tx.batch(TABLE)) {
        // PostgreSQL's `IF NOT EXISTS` may collide with another program's; then it is there.
        Err(StoreError::Refused(_)) if pool.read(is_begun)? => Ok(()),
        made => made,
    }
}

fn is_begun(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    let there = tx.query_one(
        "SELECT 1 FROM information_schema.tables
         WHERE table_schema = current_schema() AND table_name = 'migrations'",
        &[],
    )?;
    Ok(there.is_some())
}

/// Refuses a database that is not at the schema of this program.
pub(super) fn require_current(pool: &Pool) -> Result<(), StoreError> {
    let found = pool.read(|tx| if is_begun(tx)? { applied(tx) } else { Ok(0) })?;
    if found < MIGRATIONS.len() {
        let wanted = MIGRATIONS.len();
        return Err(StoreError::Old { found, wanted });
    }
    Ok(())
}

/// How many migrations were applied; each must be this program's own.
fn applied(tx: &mut Tx<'_>) -> Result<usize, StoreError> {
    let rows = tx.query(
        "SELECT sha256 FROM migrations WHERE number > 0 ORDER BY number",
        &[],
    )?;
    if rows.len() > MIGRATIONS.len() {
        return Err(StoreError::Newer {
            found: rows.len(),
            known: MIGRATIONS.len(),
        });
    }
    for (index, (row, text)) in rows.iter().zip(MIGRATIONS).enumerate() {
        if row.text("sha256")? != sha256_hex(text.as_bytes()) {
            return Err(StoreError::Drift { number: index + 1 });
        }
    }
    Ok(rows.len())
}
