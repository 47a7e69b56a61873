//! What can go wrong with the spool.

use redb::{CommitError, CompactionError, DatabaseError, StorageError, TableError, TransactionError};

/// The spool could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Another process holds it.
    #[error("another agent is running on this data directory")]
    InUse,
    /// It was opened for no enrolment.
    #[error("the spool belongs to no enrolment")]
    NotEnrolled,
    /// What was found was judged by another role than the host is enrolled under now.
    #[error("the host was enrolled under another role meanwhile")]
    OtherRole,
    /// The database or the disk beneath it.
    #[error("the spool could not be read or written: {0}")]
    Database(#[from] Box<redb::Error>),
    /// The file system.
    #[error("the spool could not be read or written: {0}")]
    Io(#[from] std::io::Error),
    /// A row that is not what was written there.
    #[error("the spool holds what is not ours: {0}")]
    Row(#[from] serde_json::Error),
}

impl SpoolError {
    /// The file itself is damaged, beyond what the database mends by itself.
    pub(super) fn is_corruption(&self) -> bool {
        match self {
            Self::Database(error) => match error.as_ref() {
                redb::Error::Corrupted(_) | redb::Error::UpgradeRequired(_) | redb::Error::RepairAborted => {
                    true
                }
                // A file that does not begin as a database does.
                redb::Error::Io(error) => error.kind() == std::io::ErrorKind::InvalidData,
                _ => false,
            },
            _ => false,
        }
    }

    /// The database takes nothing more until it is opened again.
    pub(super) fn wants_reopening(&self) -> bool {
        matches!(self, Self::Database(error)
            if matches!(error.as_ref(), redb::Error::Io(_) | redb::Error::PreviousIo))
    }
}

impl From<redb::Error> for SpoolError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            other => Self::Database(Box::new(other)),
        }
    }
}

macro_rules! from_redb {
    ($($error:ident),+) => {
        $(impl From<$error> for SpoolError {
            fn from(error: $error) -> Self {
                redb::Error::from(error).into()
            }
        })+
    };
}

from_redb!(
    CommitError,
    CompactionError,
    DatabaseError,
    StorageError,
    TableError,
    TransactionError
);
