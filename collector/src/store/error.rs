//! What can go wrong with the store.

use std::path::PathBuf;

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be opened.
    #[error("cannot open the database {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// SQLite refused.
    #[error("the database refused: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Something in the database does not read as what it should be.
    #[error("the database holds a damaged {what}: {why}")]
    Damaged {
        /// What.
        what: &'static str,
        /// Why it can't be read.
        why: String,
    },
    /// The schema is older than this program.
    #[error(
        "the database is at schema {found}, this program wants {wanted}; `plumbline-collector serve` brings it up to date"
    )]
    Old {
        /// Migrations applied.
        found: usize,
        /// Migrations known.
        wanted: usize,
    },
    /// The schema is newer than this program.
    #[error(
        "the database is at schema {found}, this program knows {known}; install the newer plumbline-collector"
    )]
    Newer {
        /// Migrations applied.
        found: usize,
        /// Migrations known.
        known: usize,
    },
    /// A migration was changed after it had been applied.
    #[error(
        "migration {number} of the database is not the one this program has; the program or the database was altered"
    )]
    Drift {
        /// Number of the migration.
        number: usize,
    },
    /// The random source of the operating system failed.
    #[error("the operating system gave no random bytes; nothing was written")]
    Random,
    /// A thread that held the connection panicked.
    #[error("the database connection is unusable after a fault; restart the collector")]
    Poisoned,
}

impl StoreError {
    pub(crate) fn damaged(what: &'static str, why: impl ToString) -> Self {
        Self::Damaged {
            what,
            why: why.to_string(),
        }
    }
}
