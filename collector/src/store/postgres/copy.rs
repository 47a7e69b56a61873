//! The tables as they are copied.

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::column::{Columns, plain, text};
use super::reports::subject_key;
use super::tx::Tx;
use super::{PostgresStore, ledger, partitions, totals};
use crate::ledger::tree::Frontier;
use crate::store::StoreError;
use crate::store::copy::{Cell, Kind, Portable, TABLES, Table};

/// Leaves that get their places in one transaction.
const INTEGRATED_AT_ONCE: usize = 5_000;

/// A table that is kept in two: what goes into the second, with what names the row.
const BODIES: Table = Table {
    name: "report_bodies",
    columns: &[
        ("id", Kind::Integer),
        ("received_at", Kind::Integer),
        ("packing", Kind::Text),
        ("body", Kind::Bytes),
    ],
    key: 1,
    at_once: 0,
};

impl Portable for PostgresStore {
    fn settle(&self) -> Result<(), StoreError> {
        while self
            .pool
            .transaction(|tx| ledger::integrate(tx, INTEGRATED_AT_ONCE))?
            > 0
        {}
        Ok(())
    }

    fn page(&self, table: &Table, after: Option<&[Cell]>) -> Result<Vec<Vec<Cell>>, StoreError> {
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|(name, _)| match *name {
                "packing" | "body" if table.name == "reports" => format!("b.{name}"),
                name => format!("t.{name}"),
            })
            .collect();
        let keys: Vec<String> = table.keys().iter().map(|(name, _)| format!("t.{name}")).collect();
        let keys = keys.join(", ");
        let join = if table.name == "reports" {
            "LEFT JOIN report_bodies b ON b.id = t.id AND b.received_at = t.received_at"
        } else {
            ""
        };
        let after = after.unwrap_or_default();
        let condition = if after.is_empty() {
            String::new()
        } else {
            let numbers: Vec<String> = (1..=after.len()).map(|number| format!("${number}")).collect();
            format!("WHERE ({keys}) > ({})", numbers.join(", "))
        };
        let statement = format!(
            "SELECT {} FROM {} t {join} {condition} ORDER BY {keys} LIMIT {}",
            columns.join(", "),
            table.name,
            table.at_once
        );
        let values: Vec<Box<dyn ToSql + Sync>> = after.iter().map(value).collect();
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(AsRef::as_ref).collect();
        let rows = self.pool.read(|tx| tx.query(&statement, &values))?;
        let read = |row: &Row| {
            let cells = table.columns.iter().map(|(name, kind)| cell(row, name, *kind));
            cells.collect()
        };
        rows.iter().map(read).collect()
    }

    fn rows(&self, table: &Table) -> Result<u64, StoreError> {
        let statement = format!("SELECT count(*) AS rows FROM {}", table.name);
        let row = self.pool.transaction(|tx| {
            tx.batch("SET LOCAL statement_timeout = 0")?;
            tx.query_one(&statement, &[])
        })?;
        row.map_or(Ok(0), |row| row.number("rows"))
    }

    fn oldest(&self) -> Result<Option<i64>, StoreError> {
        let row = self.pool.transaction(|tx| {
            tx.batch("SET LOCAL statement_timeout = 0")?;
            tx.query_one("SELECT min(received_at) AS oldest FROM reports", &[])
        })?;
        row.map_or(Ok(None), |row| row.value("oldest"))
    }

    fn prepare(&self, oldest: Timestamp) -> Result<(), StoreError> {
        partitions::make_from(&self.pool, oldest, Timestamp::now())
    }

    fn put(&self, table: &Table, rows: &[Vec<Cell>]) -> Result<(), StoreError> {
        self.pool.transaction(|tx| match table.name {
            "reports" => {
                let (whole, bodies): (Vec<_>, Vec<_>) = table
                    .columns
                    .iter()
                    .enumerate()
                    .partition(|(_, (name, _))| !["packing", "body"].contains(name));
                insert(tx, table.name, &whole, rows)?;
                let kept: Vec<Vec<Cell>> = rows
                    .iter()
                    .filter(|row| !row.contains(&Cell::Null))
                    .cloned()
                    .collect();
                let named = whole
                    .into_iter()
                    .filter(|(_, (name, _))| ["id", "received_at"].contains(name));
                let columns: Vec<_> = named.chain(bodies).collect();
                insert(tx, BODIES.name, &columns, &kept)
            }
            "findings_latest" => {
                // The subject's hash stands in the key here.
                let mut columns: Vec<_> = table.columns.iter().enumerate().collect();
                columns.push((table.columns.len(), &("subject_key", Kind::Bytes)));
                let keyed: Vec<Vec<Cell>> = rows.iter().map(|row| with_key(table, row)).collect();
                insert(tx, table.name, &columns, &keyed)
            }
            name => {
                let columns: Vec<_> = table.columns.iter().enumerate().collect();
                insert(tx, name, &columns, rows)
            }
        })
    }

    fn finish(&self) -> Result<(), StoreError> {
        for table in TABLES.iter().filter(|table| table.is_numbered()) {
            self.pool.transaction(|tx| {
                tx.batch("SET LOCAL statement_timeout = 0")?;
                let row = tx.query_one(
                    &format!("SELECT coalesce(max(id), 0) + 1 AS next FROM {}", table.name),
                    &[],
                )?;
                let next: i64 = row.map_or(Ok(1), |row| row.value("next"))?;
                tx.batch(&format!(
                    "ALTER TABLE {} ALTER COLUMN id RESTART WITH {next}",
                    table.name
                ))
            })?;
        }
        totals::recount(&self.pool).map(|_| ())
    }

    fn edge(&self) -> Result<Frontier, StoreError> {
        self.pool.read(ledger::frontier)
    }
}

/// Adds rows of which the columns stand at these places.
fn insert(
    tx: &mut Tx<'_>,
    table: &str,
    columns: &[(usize, &(&str, Kind))],
    rows: &[Vec<Cell>],
) -> Result<(), StoreError> {
    let names: Vec<&str> = columns.iter().map(|(_, (name, _))| *name).collect();
    let arrays: Vec<String> = (1..)
        .zip(columns)
        .map(|(number, (_, (_, kind)))| format!("${number}::{}[]", sql_type(*kind)))
        .collect();
    let values: Vec<Box<dyn ToSql + Sync>> = columns
        .iter()
        .map(|(index, (_, kind))| array(rows.iter().map(|row| row.get(*index)), *kind))
        .collect();
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(AsRef::as_ref).collect();
    tx.execute(
        &format!(
            "INSERT INTO {table} ({}) SELECT * FROM unnest({})",
            names.join(", "),
            arrays.join(", ")
        ),
        &values,
    )?;
    Ok(())
}

fn with_key(table: &Table, row: &[Cell]) -> Vec<Cell> {
    let subject = table.columns.iter().position(|(name, _)| *name == "subject");
    let key = match subject.and_then(|index| row.get(index)) {
        Some(Cell::Text(subject)) => Cell::Bytes(subject_key(subject)),
        _ => Cell::Null,
    };
    row.iter().cloned().chain([key]).collect()
}

const fn sql_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => "bigint",
        Kind::Text => "text",
        Kind::Bytes => "bytea",
        Kind::Flag => "boolean",
    }
}

fn array<'c>(cells: impl Iterator<Item = Option<&'c Cell>>, kind: Kind) -> Box<dyn ToSql + Sync> {
    match kind {
        Kind::Integer => Box::new(cells.map(integer).collect::<Vec<_>>()),
        Kind::Text => Box::new(cells.map(kept_text).collect::<Vec<_>>()),
        Kind::Bytes => Box::new(cells.map(bytes).collect::<Vec<_>>()),
        Kind::Flag => Box::new(cells.map(flag).collect::<Vec<_>>()),
    }
}

fn value(cell: &Cell) -> Box<dyn ToSql + Sync> {
    match cell {
        Cell::Null | Cell::Integer(_) => Box::new(integer(Some(cell))),
        Cell::Text(_) => Box::new(kept_text(Some(cell))),
        Cell::Bytes(_) => Box::new(bytes(Some(cell))),
        Cell::Flag(_) => Box::new(flag(Some(cell))),
    }
}

const fn integer(cell: Option<&Cell>) -> Option<i64> {
    match cell {
        Some(Cell::Integer(number)) => Some(*number),
        _ => None,
    }
}

fn kept_text(cell: Option<&Cell>) -> Option<String> {
    match cell {
        Some(Cell::Text(plain)) => Some(text(plain).into_owned()),
        _ => None,
    }
}

fn bytes(cell: Option<&Cell>) -> Option<Vec<u8>> {
    match cell {
        Some(Cell::Bytes(bytes)) => Some(bytes.clone()),
        _ => None,
    }
}

const fn flag(cell: Option<&Cell>) -> Option<bool> {
    match cell {
        Some(Cell::Flag(flag)) => Some(*flag),
        _ => None,
    }
}

fn cell(row: &Row, name: &str, kind: Kind) -> Result<Cell, StoreError> {
    Ok(match kind {
        Kind::Integer => row.value::<Option<i64>>(name)?.map(Cell::Integer),
        Kind::Text => row.value::<Option<String>>(name)?.map(plain).map(Cell::Text),
        Kind::Bytes => row.value::<Option<Vec<u8>>>(name)?.map(Cell::Bytes),
        Kind::Flag => row.value::<Option<bool>>(name)?.map(Cell::Flag),
    }
    .unwrap_or(Cell::Null))
}
