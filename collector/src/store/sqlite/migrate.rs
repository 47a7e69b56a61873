//! Brings a database to the schema of this program, one numbered file after another.
//!
//! What was applied is kept with the SHA-256 of the file's text: a database whose migrations are not this program's is
//! refused, not guessed at.

use jiff::Timestamp;
use plumbline_config::seal::sha256_hex;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::store::StoreError;

/// Every migration, in order. A file that was released is never changed; a change is a new file.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_begin.sql"),
    include_str!("migrations/0002_scale.sql"),
    include_str!("migrations/0003_people.sql"),
    include_str!("migrations/0004_leases.sql"),
    include_str!("migrations/0005_records.sql"),
];

/// Applies what is missing.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    // One program migrates at a time; the other finds everything applied.
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(
        "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT",
    )?;
    let applied = applied(&tx)?;
    for (number, text) in MIGRATIONS.iter().enumerate().skip(applied) {
        tx.execute_batch(text)?;
        tx.execute(
            "INSERT INTO migrations (number, sha256, applied_at) VALUES (?1, ?2, ?3)",
            (
                i64::try_from(number + 1).unwrap_or(i64::MAX),
                sha256_hex(text.as_bytes()),
                Timestamp::now().as_microsecond(),
            ),
        )?;
    }
    tx.commit()?;
    Ok(())
}

/// Refuses a database that is not at the schema of this program.
pub(super) fn require_current(connection: &Connection) -> Result<(), StoreError> {
    let exists = connection
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE name = 'migrations'",
            [],
            |_| Ok(()),
        )
        .optional()?;
    let found = match exists {
        Some(()) => applied(connection)?,
        None => 0,
    };
    if found < MIGRATIONS.len() {
        let wanted = MIGRATIONS.len();
        return Err(StoreError::Old { found, wanted });
    }
    Ok(())
}

/// How many migrations were applied; each must be this program's own.
fn applied(connection: &Connection) -> Result<usize, StoreError> {
    let mut statement = connection.prepare("SELECT sha256 FROM migrations ORDER BY number")?;
    let hashes: Vec<String> = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if hashes.len() > MIGRATIONS.len() {
        return Err(StoreError::Newer {
            found: hashes.len(),
            known: MIGRATIONS.len(),
        });
    }
    for (index, (hash, text)) in hashes.iter().zip(MIGRATIONS).enumerate() {
        if *hash != sha256_hex(text.as_bytes()) {
            return Err(StoreError::Drift { number: index + 1 });
        }
    }
    Ok(hashes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migrated() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        connection
    }

    #[test]
    fn migrating_twice_is_migrating_once() {
        let mut connection = migrated();
        migrate(&mut connection).unwrap();
        require_current(&connection).unwrap();
    }

    #[test]
    fn a_database_of_the_first_schema_with_rows_in_it_is_brought_up_to_date() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE migrations (number INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, applied_at INTEGER NOT NULL);
                 INSERT INTO hosts (id, name, role, labels, os, machine, agent_version, incarnation, enrolled_at, heard_at)
                     VALUES ('h', 'web', 'service', '{}', '{}', '', '1', 1, 5, 6);
                 INSERT INTO reports (host, incarnation, sequence, received_at, sealed_at, body_sha256, signature, body)
                     VALUES ('h', 1, 1, 6, 6, '00', '00', x'00');
                 INSERT INTO findings_latest VALUES ('h', 'a.b', 's', 'pass', 'high', 6, 6, 6, '{}');
                 INSERT INTO acts (at, who, what, subject) VALUES (5, 'a', 'b', 'c');",
            )
            .unwrap();
        let first = sha256_hex(MIGRATIONS[0].as_bytes());
        connection
            .execute("INSERT INTO migrations VALUES (1, ?1, 0)", [first])
            .unwrap();
        migrate(&mut connection).unwrap();
        let heard: (i64, Option<i64>) = connection
            .query_row("SELECT heard_at, looked_at FROM host_pulse", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!(heard, (6, None));
        let hash: Vec<u8> = connection
            .query_row("SELECT hash FROM findings_latest", [], |row| row.get(0))
            .unwrap();
        assert_eq!(hash, [0; 32]);
    }

    #[test]
    fn an_altered_migration_is_refused() {
        let mut connection = migrated();
        connection
            .execute("UPDATE migrations SET sha256 = '00'", [])
            .unwrap();
        assert!(matches!(
            migrate(&mut connection),
            Err(StoreError::Drift { number: 1 })
        ));
    }

    #[test]
    fn a_newer_and_an_older_database_are_named_so() {
        let mut connection = migrated();
        connection
            .execute("INSERT INTO migrations VALUES (99, '00', 0)", [])
            .unwrap();
        assert!(matches!(migrate(&mut connection), Err(StoreError::Newer { .. })));
        let empty = Connection::open_in_memory().unwrap();
        assert!(matches!(
            require_current(&empty),
            Err(StoreError::Old { found: 0, .. })
        ));
    }
}
