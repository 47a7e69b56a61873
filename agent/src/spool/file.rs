//! The file that the spool is in.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::Database;

use crate::spool::SpoolError;
use crate::spool::tables::Tables;

/// Its name, in the data directory.
pub const FILE: &str = "spool.redb";
/// Where one that can't be read is moved.
const BROKEN_FILE: &str = "spool.broken.redb";
/// Bytes of the file that the database may hold in memory.
const CACHE_BYTES: usize = 512 * 1024;
/// A file this large that is mostly empty is compacted, in bytes.
pub(super) const WORTH_COMPACTING: u64 = 8 * 1024 * 1024;

/// The file, locked against other processes.
#[derive(Debug)]
pub(super) struct SpoolFile {
    database: Mutex<Database>,
    path: PathBuf,
}

impl SpoolFile {
    /// Opens or makes the one in `data_dir`. One that can't be read is moved aside; then `true`.
    pub(super) fn open(data_dir: &Path) -> Result<(Self, bool), SpoolError> {
        let path = data_dir.join(FILE);
        let (database, started_over) = match open_database(&path) {
            Err(error) if error.is_corruption() => {
                std::fs::rename(&path, data_dir.join(BROKEN_FILE))?;
                (open_database(&path)?, true)
            }
            other => (other?, false),
        };
        crate::data_dir::sync_directory(data_dir)?;
        let file = Self {
            database: Mutex::new(database),
            path,
        };
        Ok((file, started_over))
    }

    /// One transaction: all of it is durable when this returns, or none is.
    pub(super) fn change<T>(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<T, SpoolError>,
    ) -> Result<T, SpoolError> {
        let mut database = self.lock();
        match transact(&database, work) {
            // After a failed write the database refuses all else until it is opened again.
            Err(error) if error.wants_reopening() => {
                // The lock on the file goes with the old handle.
                let placeholder =
                    Database::builder().create_with_backend(redb::backends::InMemoryBackend::new())?;
                drop(std::mem::replace(&mut *database, placeholder));
                *database = open_database(&self.path)?;
                Err(error)
            }
            other => other,
        }
    }

    /// Gives room back to the disk where much of the file is empty.
    pub(super) fn compact_when_worth_it(&self) -> Result<(), SpoolError> {
        let mut database = self.lock();
        let length = std::fs::metadata(&self.path)?.len();
        if length < WORTH_COMPACTING {
            return Ok(());
        }
        let stored = {
            let transaction = database.begin_write()?;
            let stored = transaction.stats()?.stored_bytes();
            transaction.abort()?;
            stored
        };
        if stored < length / 4 {
            database.compact()?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Database> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open_database(path: &Path) -> Result<Database, SpoolError> {
    Ok(Database::builder()
        .set_cache_size(CACHE_BYTES)
        // The file is small, and trusting a damaged one would be worse than reading it once at start.
        .set_check_integrity_on_open(true)
        .create(path)?)
}

fn transact<T>(
    database: &Database,
    work: impl FnOnce(&mut Tables<'_>) -> Result<T, SpoolError>,
) -> Result<T, SpoolError> {
    // Durability is `Immediate` by default: the commit returns after fsync.
    let transaction = database.begin_write()?;
    let (result, changed) = {
        let mut tables = Tables::open(&transaction)?;
        let result = work(&mut tables);
        (result, tables.changed())
    };
    if result.is_ok() && changed {
        transaction.commit()?;
    } else {
        transaction.abort()?;
    }
    result
}
