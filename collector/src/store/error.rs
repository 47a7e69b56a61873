//! What can go wrong with the store.

use std::error::Error;
use std::time::Duration;

/// What an engine said.
pub(crate) type Source = Box<dyn Error + Send + Sync>;

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be opened.
    #[error("cannot open the database {place}: {}", chain(source.as_ref()))]
    Open {
        /// The file, or the server without its password.
        place: String,
        /// What the engine said.
        source: Source,
    },
    /// The engine refused.
    #[error("the database refused: {}", chain(.0.as_ref()))]
    Refused(Source),
    /// The engine undid the transaction for another's sake, more often than is tried.
    #[error("the database undid the transaction for another's sake {attempts} times")]
    Crowded {
        /// How often it was tried.
        attempts: u32,
    },
    /// The engine can't be reached, or went away in the middle.
    #[error("the database does not answer: {}", chain(.0.as_ref()))]
    Away(Source),
    /// Every connection to the engine is taken.
    #[error("no connection to the database came free within {} s", .0.as_secs())]
    Busy(Duration),
    /// The address of a store is none that this program knows.
    #[error("{address} is no store: {why}; write sqlite:FILE or postgres://USER@HOST/DATABASE")]
    Address {
        /// The address, without its password.
        address: String,
        /// What is wrong with it.
        why: String,
    },
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
        "the database is at schema {found}, this program wants {wanted}; `plumbline-collector store migrate` brings it up to date"
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
    /// The operating system gave no thread.
    #[error("the operating system gave no thread for {of}: {source}; raise the limit of tasks")]
    Thread {
        /// What the thread is for.
        of: &'static str,
        /// What the operating system said.
        source: std::io::Error,
    },
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

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Refused(error.into())
    }
}

/// An error with the causes that it does not name itself.
pub(super) fn chain(error: &(dyn Error + Send + Sync + 'static)) -> String {
    let mut sentence = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !sentence.contains(&text) {
            sentence = format!("{sentence}: {text}");
        }
        source = cause.source();
    }
    sentence
}
