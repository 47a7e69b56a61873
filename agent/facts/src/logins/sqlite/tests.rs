//! Databases that SQLite itself wrote, read beside it.

#![allow(clippy::disallowed_methods)]

use proptest::prelude::*;
use rusqlite::Connection;

use super::*;

/// Number, name, count.
type Told = (i64, Vec<u8>, Option<i64>);

/// All rows of table `t`.
fn rows(path: &std::path::Path, after: i64) -> Result<Vec<Told>, DatabaseError> {
    let log = File::open(path.with_extension("db-wal")).ok();
    let database = Database::open(File::open(path)?, log)?;
    let (_, table) = database.table(&["t"])?;
    let mut rows = Vec::new();
    let broken = database.rows(&table, after, &mut |row| {
        let name = row.get("name").bytes().unwrap_or_default().to_vec();
        rows.push((row.number, name, row.get("count").integer()));
    })?;
    assert_eq!(broken, 0);
    Ok(rows)
}

fn write(path: &std::path::Path, page_size: u32, rows: &[(Vec<u8>, Option<i64>)]) -> Connection {
    let mut connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "page_size", page_size).unwrap();
    let table = "CREATE TABLE IF NOT EXISTS T(id INTEGER PRIMARY KEY, \"Name\" BLOB, Count INTEGER CHECK (count > -1 OR 1), UNIQUE (id, name))";
    connection.execute(table, ()).unwrap();
    let transaction = connection.transaction().unwrap();
    for (name, count) in rows {
        transaction
            .execute("INSERT INTO t (name, count) VALUES (?, ?)", (name, count))
            .unwrap();
    }
    transaction.commit().unwrap();
    connection
}

#[test]
fn what_stands_in_the_write_ahead_log_alone_is_read_once_it_is_committed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.db");
    let mut connection = write(&path, 1024, &[(b"first".to_vec(), Some(1))]);
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    for number in 2..200 {
        connection
            .execute(
                "INSERT INTO t (name, count) VALUES (?, ?)",
                (vec![b'x'; 100], number),
            )
            .unwrap();
    }
    let open = connection.transaction().unwrap();
    open.execute("INSERT INTO t (name, count) VALUES ('never', 1)", ())
        .unwrap();
    assert_eq!(rows(&path, i64::MIN).unwrap().len(), 199);
    assert_eq!(rows(&path, 198).unwrap(), [(199, vec![b'x'; 100], Some(199))]);
    open.rollback().unwrap();
}

#[test]
fn pages_that_go_round_in_circles_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.db");
    let many: Vec<_> = (0..200).map(|n| (vec![b'x'; 200], Some(n))).collect();
    drop(write(&path, 512, &many));
    let mut bytes = std::fs::read(&path).unwrap();
    let root = bytes.chunks(512).position(|page| page[0] == 0x05).unwrap();
    // Every child of the root is the root.
    let number = u32::try_from(root + 1).unwrap().to_be_bytes();
    let cells = usize::from(u16::from_be_bytes([bytes[root * 512 + 3], bytes[root * 512 + 4]]));
    bytes[root * 512 + 8..root * 512 + 12].copy_from_slice(&number);
    for cell in 0..cells {
        let at = root * 512 + 12 + 2 * cell;
        let place = root * 512 + usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        bytes[place..place + 4].copy_from_slice(&number);
    }
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(rows(&path, i64::MIN), Err(DatabaseError::Broken(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_row_that_sqlite_wrote_is_read(
        written in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..3_000), any::<Option<i64>>()), 0..120),
        page in 9u32..17,
        after in 0i64..130,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.db");
        drop(write(&path, 1 << page, &written));
        let expected: Vec<_> = (1i64..).zip(&written).filter(|(number, _)| *number > after)
            .map(|(number, (name, count))| (number, name.clone(), *count)).collect();
        prop_assert_eq!(rows(&path, after).unwrap(), expected);
    }

    #[test]
    fn any_bytes_are_read_without_panic(
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..60), length in any::<usize>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.db");
        let many: Vec<_> = (0..60).map(|n| (vec![b'x'; 37 * n], Some(i64::try_from(n).unwrap()))).collect();
        drop(write(&path, 512, &many));
        let mut bytes = std::fs::read(&path).unwrap();
        for (place, byte) in changes {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        bytes.truncate(length % (bytes.len() + 1) + bytes.len() / 2);
        std::fs::write(&path, bytes).unwrap();
        if let Ok(database) = Database::open(File::open(&path).unwrap(), None)
            && let Ok((_, table)) = database.table(&["t"])
        {
            let _ = database.rows(&table, i64::MIN, &mut |row| {
                row.get("name");
            });
        }
    }
}
