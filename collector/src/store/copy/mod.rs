//! Moving a collector from one engine to the other: every row of every table, in bounded pieces.
//!
//! Nothing is judged anew: keys, hosts, sequences, ledger and evidence arrive as they were, and the other engine goes on
//! from there. What the totals count is counted anew at the end, from what arrived.

mod tables;

use jiff::Timestamp;

use super::StoreError;
use crate::ledger::tree::Frontier;
pub(super) use tables::{Cell, Kind, TABLES, Table};

/// An engine whose tables can be read and filled row by row.
pub(crate) trait Portable {
    /// Makes ready to be read: nothing waits for its place in the ledger.
    fn settle(&self) -> Result<(), StoreError>;
    /// Rows after the one with the key `after`, in the order of the keys, with their columns as the table names them.
    fn page(&self, table: &Table, after: Option<&[Cell]>) -> Result<Vec<Vec<Cell>>, StoreError>;
    /// How many rows a table has.
    fn rows(&self, table: &Table) -> Result<u64, StoreError>;
    /// When the oldest report was received, in microseconds.
    fn oldest(&self) -> Result<Option<i64>, StoreError>;
    /// Makes ready to take rows as old as `oldest`.
    fn prepare(&self, oldest: Timestamp) -> Result<(), StoreError>;
    /// Adds rows, in one transaction.
    fn put(&self, table: &Table, rows: &[Vec<Cell>]) -> Result<(), StoreError>;
    /// Counts what arrived, and goes on numbering behind it.
    fn finish(&self) -> Result<(), StoreError>;
    /// The right edge of the ledger.
    fn edge(&self) -> Result<Frontier, StoreError>;
}

/// Why a store was not copied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    /// One of the two failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The target holds something.
    #[error(
        "the target is not empty: {table} has {rows} rows; copy to a new database (the source was not touched)"
    )]
    NotEmpty {
        /// A table that has rows.
        table: &'static str,
        /// How many.
        rows: u64,
    },
    /// The copy is not the original.
    #[error(
        "{what} is {from} in the source and {to} in the copy: was a collector still running? stop it, and copy again to a new database"
    )]
    Differs {
        /// What differs.
        what: &'static str,
        /// In the source.
        from: String,
        /// In the copy.
        to: String,
    },
}

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Copied {
    /// Rows of all tables.
    pub(crate) rows: u64,
    /// The ledger.
    pub(crate) edge: Frontier,
}

/// Copies everything, and compares.
pub(crate) fn copy(
    from: &dyn Portable,
    to: &dyn Portable,
    progress: &mut dyn FnMut(&'static str, u64, u64),
) -> Result<Copied, CopyError> {
    for table in TABLES {
        let rows = to.rows(table)?;
        if rows > 0 {
            let table = table.name;
            return Err(CopyError::NotEmpty { table, rows });
        }
    }
    from.settle()?;
    let oldest = from.oldest()?.and_then(|at| Timestamp::from_microsecond(at).ok());
    to.prepare(oldest.unwrap_or_else(Timestamp::now))?;
    let mut all = 0;
    for table in TABLES {
        let expected = from.rows(table)?;
        let mut done = 0;
        let mut after: Option<Vec<Cell>> = None;
        loop {
            let page = from.page(table, after.as_deref())?;
            let Some(last) = page.last() else { break };
            after = Some(table.key_of(last));
            to.put(table, &page)?;
            done += page.len() as u64;
            progress(table.name, done, expected);
        }
        all += done;
    }
    to.finish()?;
    for table in TABLES {
        same(table.name, from.rows(table)?, to.rows(table)?)?;
    }
    let edge = from.edge()?;
    same("the size of the ledger", edge.size(), to.edge()?.size())?;
    same("the root of the ledger", edge.root(), to.edge()?.root())?;
    Ok(Copied { rows: all, edge })
}

fn same<T: PartialEq + ToString>(what: &'static str, from: T, to: T) -> Result<(), CopyError> {
    if from == to {
        return Ok(());
    }
    let (from, to) = (from.to_string(), to.to_string());
    Err(CopyError::Differs { what, from, to })
}
