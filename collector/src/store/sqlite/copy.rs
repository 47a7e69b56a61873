//! The tables as they are copied, and the copies of the file.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{OpenFlags, Row, ToSql, params_from_iter};

use super::upkeep::NO_BODY;
use super::{SqliteStore, connect, ledger, totals};
use crate::ledger::tree::Frontier;
use crate::store::StoreError;
use crate::store::copy::{Cell, Kind, Portable, Table};

impl Portable for SqliteStore {
    fn settle(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn page(&self, table: &Table, after: Option<&[Cell]>) -> Result<Vec<Vec<Cell>>, StoreError> {
        let columns: Vec<String> = table.columns.iter().map(|(name, _)| read(table, name)).collect();
        let keys: Vec<&str> = table.keys().iter().map(|(name, _)| *name).collect();
        let keys = keys.join(", ");
        let condition = match after {
            Some(after) => format!("WHERE ({keys}) > ({})", vec!["?"; after.len()].join(", ")),
            None => String::new(),
        };
        let statement = format!(
            "SELECT {} FROM {} {condition} ORDER BY {keys} LIMIT {}",
            columns.join(", "),
            table.name,
            table.at_once
        );
        self.read(|db| {
            let mut statement = db.prepare_cached(&statement)?;
            let mut rows = statement.query(params_from_iter(after.unwrap_or_default()))?;
            let mut page = Vec::new();
            while let Some(row) = rows.next()? {
                let cells = table.columns.iter().enumerate();
                page.push(
                    cells
                        .map(|(index, (_, kind))| cell(row, index, *kind))
                        .collect::<Result<_, _>>()?,
                );
            }
            Ok(page)
        })
    }

    fn rows(&self, table: &Table) -> Result<u64, StoreError> {
        self.read(|db| {
            let rows: i64 = db.query_row(&format!("SELECT count(*) FROM {}", table.name), [], |row| {
                row.get(0)
            })?;
            Ok(u64::try_from(rows).unwrap_or(0))
        })
    }

    fn oldest(&self) -> Result<Option<i64>, StoreError> {
        // The rows are in the order they came in, but for a clock that went back.
        self.read(|db| Ok(db.query_row("SELECT min(received_at) FROM reports", [], |row| row.get(0))?))
    }

    fn prepare(&self, _oldest: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    fn put(&self, table: &Table, rows: &[Vec<Cell>]) -> Result<(), StoreError> {
        let kept: Vec<(usize, &str)> = table
            .columns
            .iter()
            .enumerate()
            .map(|(index, (name, _))| (index, *name))
            .filter(|(_, name)| (table.name, *name) != PLACE)
            .collect();
        let names: Vec<&str> = kept.iter().map(|(_, name)| *name).collect();
        let statement = format!(
            "INSERT INTO {} ({}) VALUES ({})",
            table.name,
            names.join(", "),
            vec!["?"; names.len()].join(", ")
        );
        self.write(|tx| {
            let mut statement = tx.prepare_cached(&statement)?;
            for row in rows {
                let cells = kept.iter().map(|(index, name)| match row.get(*index) {
                    // PostgreSQL has no row for a body that was removed; here the column wants one.
                    Some(Cell::Null) | None if *name == "body" => &NO_BYTES,
                    Some(Cell::Null) | None if *name == "packing" => NO_PACKING,
                    Some(cell) => cell as &dyn ToSql,
                    None => &Cell::Null,
                });
                statement.execute(params_from_iter(cells))?;
            }
            Ok(())
        })
    }

    fn finish(&self) -> Result<(), StoreError> {
        self.write(|tx| totals::recount(tx).map(|_| ()))
    }

    fn edge(&self) -> Result<Frontier, StoreError> {
        self.read(ledger::frontier)
    }
}

/// The column that only PostgreSQL keeps: which partition a leaf's row is in.
const PLACE: (&str, &str) = ("ledger_leaves", "at");

/// What stands in the place of a body that was removed.
static NO_BYTES: Cell = Cell::Bytes(Vec::new());
const NO_PACKING: &dyn ToSql = &NO_BODY;

/// How a column is read.
fn read(table: &Table, name: &str) -> String {
    match (table.name, name) {
        PLACE => {
            "coalesce(CASE kind WHEN 'report' THEN (SELECT received_at FROM reports r WHERE r.id = reference)
                  ELSE (SELECT a.at FROM acts a WHERE a.id = reference) END, 0)"
                .to_owned()
        }
        ("reports", "packing") => format!("nullif(packing, '{NO_BODY}')"),
        ("reports", "body") => format!("iif(packing = '{NO_BODY}', NULL, body)"),
        _ => name.to_owned(),
    }
}

fn cell(row: &Row<'_>, index: usize, kind: Kind) -> Result<Cell, StoreError> {
    Ok(match (row.get_ref(index)?, kind) {
        (ValueRef::Null, _) => Cell::Null,
        (ValueRef::Integer(number), Kind::Flag) => Cell::Flag(number != 0),
        (ValueRef::Integer(number), _) => Cell::Integer(number),
        (ValueRef::Blob(bytes), _) => Cell::Bytes(bytes.to_vec()),
        (ValueRef::Text(text), _) => {
            Cell::Text(String::from_utf8(text.to_vec()).map_err(|error| StoreError::damaged("text", error))?)
        }
        (ValueRef::Real(number), _) => return Err(StoreError::damaged("number", number)),
    })
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Integer(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Self::Flag(flag) => ToSqlOutput::Owned(Value::Integer(i64::from(*flag))),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}

/// Why a database was not copied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The file is there.
    #[error("{} is there already; nothing is overwritten: name another file, or move this one away", .0.display())]
    There(PathBuf),
    /// The database could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was read is damaged.
    #[error("{} is damaged: {why}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What SQLite found.
        why: String,
    },
    /// The operating system refused.
    #[error("cannot write {}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Writes a copy of a database, as it is at one moment, to a new file: whole and on durable storage, or not there. Whoever
/// writes to the database goes on writing.
pub(crate) fn copy_file(from: &Path, to: &Path) -> Result<(), FileError> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(FileError::There(to.to_owned()));
    }
    let failed = |source| FileError::Io {
        file: to.to_owned(),
        source,
    };
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = to.with_file_name(name);
    // What an earlier copy left that did not come to its end.
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let reader = connect(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let vacuumed = reader.execute("VACUUM INTO ?1", [part.to_string_lossy()]);
    vacuumed.map_err(StoreError::from)?;
    let copy = connect(&part, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let said: String = copy
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(StoreError::from)?;
    drop(copy);
    if said != "ok" {
        return Err(FileError::Damaged {
            file: from.to_owned(),
            why: said,
        });
    }
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    let durable = || {
        File::open(&part)?.sync_all()?;
        // Not a rename, which would overwrite what came meanwhile.
        fs::hard_link(&part, to)?;
        fs::remove_file(&part)?;
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    };
    durable().map_err(failed)
}
