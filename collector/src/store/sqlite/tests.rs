//! The behaviour suite on SQLite, and what is SQLite's own.

use super::*;
use crate::store::suite;

#[test]
fn it_behaves_as_a_store() {
    suite::run(|behaviour| {
        let dir = tempfile::tempdir().unwrap();
        behaviour(&SqliteStore::open(&dir.path().join("db")).unwrap());
    });
}

#[test]
fn a_reader_works_beside_the_writer_and_can_not_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let writer = SqliteStore::open(&path).unwrap();
    let reader = SqliteStore::open_read_only(&path).unwrap();
    assert!(reader.acts(1).unwrap().is_empty());
    let act = Act {
        at: Timestamp::UNIX_EPOCH,
        who: "test".to_owned(),
        what: "x".to_owned(),
        on: "y".to_owned(),
    };
    assert!(!writer.revoke_api_token("none", &act).unwrap());
    assert!(reader.revoke_api_token("none", &act).is_err());
    drop(writer);
    let alone = SqliteStore::open_read_only(&path).unwrap();
    assert!(alone.acts(1).unwrap().is_empty(), "also without a writer");
}

#[test]
fn commits_are_synced_to_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("db")).unwrap();
    let writer = store.writer.lock().unwrap();
    let pragma = |name: &str| writer.pragma_query_value(None, name, |row| row.get::<_, String>(0));
    assert_eq!(pragma("journal_mode").unwrap(), "wal");
    let full: i64 = writer
        .pragma_query_value(None, "synchronous", |row| row.get(0))
        .unwrap();
    assert_eq!(full, 2, "FULL: a commit in WAL mode is an fsync of the log");
}

#[test]
fn a_damaged_row_is_named_and_not_guessed_at() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("db")).unwrap();
    store
        .write(|tx| {
            tx.execute(
                "INSERT INTO api_tokens (sha256, id, access, note, created_at) VALUES ('h', 'i', 'emperor', '', 0)",
                [],
            )?;
            Ok(())
        })
        .unwrap();
    let error = store.api_token("h").unwrap_err().to_string();
    assert!(error.contains("access"), "{error}");
}
