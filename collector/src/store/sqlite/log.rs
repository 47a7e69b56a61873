//! Copies the write-ahead log into the database in a thread of its own.
//!
//! SQLite would do it within the commit that finds the log long, and whoever waits for that commit would wait for some
//! 64 MiB to be copied to places all over the disk as well. A log is begun anew only once it is copied whole and
//! nobody reads it, so the last of it is copied while no one writes.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};

use rusqlite::hooks::Wal;
use rusqlite::{Connection, OpenFlags};
use tracing::error;

use super::{connect, lock};
use crate::store::StoreError;

/// Pages of the log after which they are copied into the database: 64 MiB. Each copying is an fsync of the database,
/// and a page that many reports touched meanwhile is copied once.
const LONG: i32 = if cfg!(test) { 128 } else { 16 * 1024 };

/// Where a reader keeps the log from being begun anew, it is copied again after so many pages more.
const LONGER: i32 = LONG / 4;

/// Pages that are copied quickly enough to let writers wait.
const FEW: i64 = if cfg!(test) { 16 } else { 512 };

/// Times the log is copied while others write, before they have to wait for the rest.
const PASSES: usize = 4;

/// The thread. It ends when the writing connection is closed.
#[derive(Debug)]
pub(super) struct LogCopier(Option<JoinHandle<()>>);

impl LogCopier {
    /// Starts the thread, and has it called by the writing connection's commits.
    pub(super) fn start(path: &Path, writer: &Arc<Mutex<Connection>>) -> Result<Self, StoreError> {
        let (wake, woken) = sync_channel(1);
        lock(writer)?.wal_hook(Some(watch(wake)))?;
        let (path, writer) = (path.to_owned(), Arc::downgrade(writer));
        let thread = thread::Builder::new()
            .name("log-copier".to_owned())
            .spawn(move || run(&woken, &path, &writer))
            .map_err(|source| StoreError::Thread {
                of: "copying the log",
                source,
            })?;
        Ok(Self(Some(thread)))
    }
}

impl Drop for LogCopier {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take()
            && thread.join().is_err()
        {
            error!("the thread that copies the database's log failed");
        }
    }
}

/// What is called after each commit with the number of pages in the log.
fn watch(wake: SyncSender<()>) -> impl FnMut(&mut Wal, i32) -> rusqlite::Result<()> + Send + 'static {
    let (mut before, mut due) = (0, LONG);
    move |_, pages| {
        if pages < before {
            due = LONG;
        }
        before = pages;
        if pages >= due {
            due = pages.saturating_add(LONGER);
            // A thread that was called and has not come yet need not be called again.
            let _called = wake.try_send(());
        }
        Ok(())
    }
}

fn run(woken: &Receiver<()>, path: &Path, writer: &Weak<Mutex<Connection>>) {
    while woken.recv().is_ok() {
        if let Err(error) = copy(path, writer) {
            error!(%error, "the database's log could not be copied; it grows until it can");
        }
    }
}

fn copy(path: &Path, writer: &Weak<Mutex<Connection>>) -> Result<(), StoreError> {
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    db.pragma_update(None, "synchronous", "FULL")?;
    for _ in 0..PASSES {
        if copy_what_is_there(&db)? <= FEW {
            break;
        }
    }
    if let Some(writer) = writer.upgrade() {
        let _nobody_writes = lock(&writer)?;
        copy_what_is_there(&db)?;
    }
    Ok(())
}

/// Copies what nobody reads, and says how many pages came or stayed meanwhile.
fn copy_what_is_there(db: &Connection) -> Result<i64, StoreError> {
    let of = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>("log")?, row.get::<_, i64>("checkpointed")?));
    let (there, copied) = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], of)?;
    Ok(there - copied)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::store::{SqliteStore, Store};

    /// Bytes of the log and of the database.
    fn sizes(path: &std::path::Path) -> (u64, u64) {
        let size = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |about| about.len());
        (size(&path.with_extension("db-wal")), size(path))
    }

    fn write(store: &SqliteStore, times: u64) {
        let filler = "x".repeat(20_000);
        for _ in 0..times {
            store
                .write(|tx| {
                    tx.execute(
                        "INSERT INTO notes (name, value) VALUES (hex(randomblob(8)), ?1)",
                        [&filler],
                    )?;
                    Ok(())
                })
                .unwrap();
        }
    }

    #[test]
    fn a_long_log_is_copied_and_begun_anew_while_the_store_is_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let store = SqliteStore::open(&path).unwrap();
        let mut written = 0;
        // Ever more, until the database holds what only the log held, and the log is a fraction of all that was written.
        for round in 0.. {
            write(&store, 50);
            written += 50 * 20_000;
            let (log, database) = sizes(&path);
            if database > written / 2 && log < written / 2 {
                break;
            }
            assert!(round < 200, "log {log}, database {database}");
            // The other thread may be slow to come to its turn.
            std::thread::sleep(Duration::from_millis(round));
        }
        store.ping().unwrap();
        drop(store);
        let (log, database) = sizes(&path);
        assert!(
            log == 0 && database > written,
            "closed, it leaves no log: {log}, {database}"
        );
    }

    #[test]
    fn a_reader_that_stays_sees_what_it_saw_and_keeps_nobody_from_writing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let store = SqliteStore::open(&path).unwrap();
        write(&store, 10);
        let count = |db: &rusqlite::Connection| {
            db.query_row(
                "SELECT count(*) FROM notes WHERE length(value) = 20000",
                [],
                |row| row.get::<_, i64>(0),
            )
            .unwrap()
        };
        let mut reader = rusqlite::Connection::open(&path).unwrap();
        let snapshot = reader.transaction().unwrap();
        assert_eq!(count(&snapshot), 10);
        write(&store, 200);
        assert_eq!(count(&snapshot), 10);
        drop(snapshot);
        write(&store, 200);
        assert_eq!(count(&reader), 410);
    }
}
