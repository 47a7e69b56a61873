//! The ledger's tables.

use std::ops::Range;

use jiff::Timestamp;
use plumbline_config::ident::HostId;
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Row, Transaction};

use super::column::{Columns, count, limit, micros};
use crate::ledger::entry::{ActEntry, Entry, NONCE, ReportEntry};
use crate::ledger::tree::{Frontier, Hash};
use crate::store::leaves::Growth;
use crate::store::{KeptCheckpoint, Leaf, LeafOf, Packing, StoreError};

/// Kinds of leaves, as they are kept.
const REPORT: &str = "report";
const ACT: &str = "act";

/// A row that becomes a leaf.
#[derive(Clone, Copy, Debug)]
pub(super) enum RowOf {
    /// The report with this id.
    Report(i64),
    /// The act with this id.
    Act(i64),
}

/// Adds leaves in the order given.
pub(super) fn append(tx: &Transaction<'_>, rows: &[(RowOf, Hash)]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let kept: Option<Vec<u8>> = tx
        .prepare_cached("SELECT frontier FROM ledger_head WHERE id = 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let mut growth = Growth::from(kept.as_deref())?;
    for (_, hash) in rows {
        growth.add(*hash);
    }
    let mut leaf =
        tx.prepare_cached("INSERT INTO ledger_leaves (idx, hash, kind, reference) VALUES (?1, ?2, ?3, ?4)")?;
    for ((index, hash), (row, _)) in growth.leaves().zip(rows) {
        let (kind, reference) = match row {
            RowOf::Report(id) => (REPORT, id),
            RowOf::Act(id) => (ACT, id),
        };
        leaf.execute((count(index), hash.as_bytes(), kind, reference))?;
    }
    let mut node = tx.prepare_cached("INSERT INTO ledger_nodes (level, idx, hash) VALUES (?1, ?2, ?3)")?;
    for complete in growth.nodes() {
        node.execute((complete.level, count(complete.index), complete.hash.as_bytes()))?;
    }
    tx.prepare_cached(
        "INSERT INTO ledger_head (id, size, frontier) VALUES (1, ?1, ?2)
         ON CONFLICT (id) DO UPDATE SET size = excluded.size, frontier = excluded.frontier",
    )?
    .execute((count(growth.frontier().size()), growth.frontier().to_bytes()))?;
    Ok(())
}

pub(super) fn frontier(db: &Connection) -> Result<Frontier, StoreError> {
    let kept: Option<Vec<u8>> = db
        .prepare_cached("SELECT frontier FROM ledger_head WHERE id = 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(Growth::from(kept.as_deref())?.frontier().clone())
}

pub(super) fn nodes(db: &Connection, level: u8, range: &Range<u64>) -> Result<Vec<Hash>, StoreError> {
    let bounds = (count(range.start), count(range.end));
    let read = |row: &Row<'_>| hash(row, "hash");
    if level == 0 {
        let mut statement =
            db.prepare_cached("SELECT hash FROM ledger_leaves WHERE idx >= ?1 AND idx < ?2 ORDER BY idx")?;
        return Ok(statement.query_map(bounds, read)?.collect::<Result<_, _>>()?);
    }
    let mut statement = db.prepare_cached(
        "SELECT hash FROM ledger_nodes WHERE level = ?3 AND idx >= ?1 AND idx < ?2 ORDER BY idx",
    )?;
    Ok(statement
        .query_map((bounds.0, bounds.1, level), read)?
        .collect::<Result<_, _>>()?)
}

pub(super) fn leaves(db: &Connection, from: u64, most: usize) -> Result<Vec<Leaf>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT l.idx, l.hash, l.kind, r.id AS report, r.host, r.incarnation, r.sequence, r.previous, r.received_at,
                r.sealed_at, r.body_sha256, r.signature, a.id AS act, a.at, a.who, a.what, a.subject, a.nonce
         FROM ledger_leaves l
         LEFT JOIN reports r ON l.kind = 'report' AND r.id = l.reference
         LEFT JOIN acts a ON l.kind = 'act' AND a.id = l.reference
         WHERE l.idx >= ?1 ORDER BY l.idx LIMIT ?2",
    )?;
    Ok(statement
        .query_map((count(from), limit(most)), read_leaf)?
        .collect::<Result<_, _>>()?)
}

fn read_leaf(row: &Row<'_>) -> rusqlite::Result<Leaf> {
    let kind: String = row.get("kind")?;
    let (of, entry) = match kind.as_str() {
        REPORT if row.get::<_, Option<i64>>("report")?.is_some() => {
            let of = LeafOf::Report {
                host: row.host("host")?,
                incarnation: row.number("incarnation")?,
                sequence: row.number("sequence")?,
            };
            (Some(of), report(row).ok())
        }
        ACT if row.get::<_, Option<i64>>("act")?.is_some() => {
            (Some(LeafOf::Act(row.get("nonce")?)), act(row).ok())
        }
        _ => (None, None),
    };
    Ok(Leaf {
        index: row.number("idx")?,
        hash: hash(row, "hash")?,
        of,
        entry,
    })
}

fn report(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let hex_hash =
        |column: &str| Hash::from_hex(&row.get::<_, String>(column)?).ok_or_else(|| no_entry(column));
    Ok(Entry::Report(ReportEntry {
        host: row.host("host")?,
        incarnation: row.number("incarnation")?,
        sequence: row.number("sequence")?,
        previous: hex_hash("previous")?,
        received_at: row.get("received_at")?,
        sealed_at: row.get("sealed_at")?,
        body_sha256: hex_hash("body_sha256")?,
        signature: hex::decode(row.get::<_, String>("signature")?).map_err(|_| no_entry("signature"))?,
    }))
}

fn act(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let nonce = hex::decode(row.get::<_, String>("nonce")?).ok();
    let nonce: Option<[u8; NONCE]> = nonce.and_then(|bytes| bytes.try_into().ok());
    Ok(Entry::Act(ActEntry {
        at: row.get("at")?,
        who: row.get("who")?,
        what: row.get("what")?,
        on: row.get("subject")?,
        nonce: nonce.ok_or_else(|| no_entry("nonce"))?,
    }))
}

fn no_entry(column: &str) -> Error {
    Error::FromSqlConversionFailure(0, Type::Text, format!("{column} is not of a ledger entry").into())
}

fn hash(row: &Row<'_>, column: &str) -> rusqlite::Result<Hash> {
    Ok(Hash(row.get(column)?))
}

pub(super) fn place(db: &Connection, of: &LeafOf) -> Result<Option<u64>, StoreError> {
    let read = |row: &Row<'_>| row.number("idx");
    Ok(match of {
        LeafOf::Report {
            host,
            incarnation,
            sequence,
        } => db
            .prepare_cached(
                "SELECT l.idx FROM reports r JOIN ledger_leaves l ON l.kind = 'report' AND l.reference = r.id
                 WHERE r.host = ?1 AND r.incarnation = ?2 AND r.sequence = ?3",
            )?
            .query_row((host.as_str(), incarnation, count(*sequence)), read)
            .optional()?,
        LeafOf::Act(nonce) => db
            .prepare_cached(
                "SELECT l.idx FROM acts a JOIN ledger_leaves l ON l.kind = 'act' AND l.reference = a.id WHERE a.nonce = ?1",
            )?
            .query_row([nonce], read)
            .optional()?,
    })
}

pub(super) fn add_checkpoint(tx: &Transaction<'_>, checkpoint: &KeptCheckpoint) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO ledger_checkpoints (size, note, signed_at) VALUES (?1, ?2, ?3) ON CONFLICT (size) DO NOTHING",
        (count(checkpoint.size), &checkpoint.note, micros(checkpoint.signed_at)),
    )?;
    Ok(())
}

pub(super) fn checkpoints_after(
    db: &Connection,
    size: u64,
    most: usize,
) -> Result<Vec<KeptCheckpoint>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT * FROM ledger_checkpoints WHERE size > ?1 ORDER BY size LIMIT ?2")?;
    Ok(statement
        .query_map((count(size), limit(most)), read_checkpoint)?
        .collect::<Result<_, _>>()?)
}

pub(super) fn latest_checkpoint(db: &Connection) -> Result<Option<KeptCheckpoint>, StoreError> {
    Ok(db
        .prepare_cached("SELECT * FROM ledger_checkpoints ORDER BY size DESC LIMIT 1")?
        .query_row([], read_checkpoint)
        .optional()?)
}

pub(super) fn checkpoint_from(db: &Connection, at: Timestamp) -> Result<Option<KeptCheckpoint>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT * FROM ledger_checkpoints WHERE signed_at >= ?1 ORDER BY signed_at, size LIMIT 1",
        )?
        .query_row([micros(at)], read_checkpoint)
        .optional()?)
}

fn read_checkpoint(row: &Row<'_>) -> rusqlite::Result<KeptCheckpoint> {
    Ok(KeptCheckpoint {
        size: row.number("size")?,
        note: row.get("note")?,
        signed_at: row.time("signed_at")?,
    })
}

pub(super) fn body(
    db: &Connection,
    host: &HostId,
    incarnation: u32,
    sequence: u64,
) -> Result<Option<(Packing, Vec<u8>)>, StoreError> {
    let kept: Option<(String, Vec<u8>)> = db
        .prepare_cached(
            "SELECT packing, body FROM reports
             WHERE host = ?1 AND incarnation = ?2 AND sequence = ?3 AND packing <> 'removed'",
        )?
        .query_row((host.as_str(), incarnation, count(sequence)), |row| {
            Ok((row.get("packing")?, row.get("body")?))
        })
        .optional()?;
    kept.map(|(name, body)| {
        let packing = Packing::from_name(&name).ok_or_else(|| StoreError::damaged("packing", &name))?;
        Ok((packing, body))
    })
    .transpose()
}

pub(super) fn gaps(db: &Connection, host: &HostId, incarnation: u32) -> Result<Vec<(u64, bool)>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT sequence, chained FROM report_gaps WHERE host = ?1 AND incarnation = ?2 ORDER BY sequence",
    )?;
    Ok(statement
        .query_map((host.as_str(), incarnation), |row| {
            Ok((row.number("sequence")?, row.get("chained")?))
        })?
        .collect::<Result<_, _>>()?)
}
