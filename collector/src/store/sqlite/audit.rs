//! The store as an audit reads it: at one moment, in one read transaction, and row by row as it is on record.

use std::io;
use std::ops::Range;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};

use super::column::{count, limit};
use super::{SqliteStore, connect};
use crate::ledger::audit::{
    ActRow, Archive, CheckpointRow, GapRow, Incarnation, LeafRow, MOST_FAULTS, Place, RecordRow, ReportRow,
    Subject,
};
use crate::ledger::tree::{Frontier, Hash};
use crate::store::kept::unpack;
use crate::store::{Packing, StoreError};

/// Kinds of leaves, as `ledger_leaves.kind` has them.
const REPORT: &str = "report";
const ACT: &str = "act";

/// The store as it was when this was made.
#[derive(Debug)]
pub struct SqliteSnapshot(Connection);

impl SqliteStore {
    /// The store as it is now, for an audit. While it lives the log of writes can't be shortened.
    pub fn snapshot(&self) -> Result<SqliteSnapshot, StoreError> {
        let reader = connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        reader.execute_batch("BEGIN")?;
        let snapshot = SqliteSnapshot(reader);
        // A transaction begins with its first read.
        snapshot.head()?;
        Ok(snapshot)
    }
}

impl Archive for SqliteSnapshot {
    type Error = StoreError;

    fn head(&self) -> Result<Option<Frontier>, StoreError> {
        let read = |row: &Row<'_>| Ok((row.get::<_, i64>("size")?, row.get::<_, Vec<u8>>("frontier")?));
        let head = self
            .0
            .prepare_cached("SELECT size, frontier FROM ledger_head")?
            .query_row([], read)
            .optional()?;
        // None is kept of an empty tree.
        let Some((size, frontier)) = head else {
            return Ok(Some(Frontier::empty()));
        };
        let frontier = Frontier::from_bytes(&frontier).ok();
        Ok(frontier.filter(|frontier| count(frontier.size()) == size))
    }

    fn checkpoints(&self, after: Option<i64>, most: usize) -> Result<Vec<CheckpointRow>, StoreError> {
        let read = |row: &Row<'_>| {
            Ok(CheckpointRow {
                size: row.get("size")?,
                signed_at: row.get("signed_at")?,
                note: row.get("note")?,
            })
        };
        Ok(self
            .0
            .prepare_cached(
                "SELECT size, signed_at, note FROM ledger_checkpoints WHERE size > ?1 ORDER BY size LIMIT ?2",
            )?
            .query_map((after.unwrap_or(i64::MIN), limit(most)), read)?
            .collect::<Result<_, _>>()?)
    }

    fn leaves(&self, from: u64, most: usize) -> Result<Vec<LeafRow>, StoreError> {
        let read = |row: &Row<'_>| {
            let kind: String = row.get("kind")?;
            let reference: i64 = row.get("reference")?;
            let of = match kind.as_str() {
                REPORT => report_or_none(row)?.map(Subject::Report),
                ACT => act_or_none(row)?.map(Subject::Act),
                _ => None,
            };
            Ok(LeafRow {
                index: unsigned(row, "idx")?,
                hash: Hash::from_bytes(row.get_ref("leaf_hash")?.as_bytes()?),
                of: of.unwrap_or_else(|| Subject::Missing(format!("{kind} {reference}"))),
            })
        };
        Ok(self
            .0
            .prepare_cached(
                "SELECT leaf.idx, leaf.idx AS leaf, leaf.hash AS leaf_hash, leaf.kind, leaf.reference,
                        report.id AS report_id, report.host, report.incarnation, report.sequence, report.previous,
                        report.received_at, report.sealed_at, report.body_sha256, report.signature,
                        act.id AS act_id, act.at, act.who, act.what, act.subject, act.nonce,
                        record.family AS record_family, record.subject AS record_subject,
                        record.version AS record_version, record.body AS record_body
                 FROM ledger_leaves AS leaf
                 LEFT JOIN reports AS report ON leaf.kind = 'report' AND report.id = leaf.reference
                 LEFT JOIN acts AS act ON leaf.kind = 'act' AND act.id = leaf.reference
                 LEFT JOIN records AS record ON record.nonce = act.nonce
                 WHERE leaf.idx >= ?1 ORDER BY leaf.idx LIMIT ?2",
            )?
            .query_map((count(from), limit(most)), read)?
            .collect::<Result<_, _>>()?)
    }

    fn nodes(&self, level: u8, range: Range<u64>) -> Result<Vec<(u64, Option<Hash>)>, StoreError> {
        let read = |row: &Row<'_>| {
            Ok((
                unsigned(row, "idx")?,
                Hash::from_bytes(row.get_ref("hash")?.as_bytes()?),
            ))
        };
        Ok(self
            .0
            .prepare_cached(
                "SELECT idx, hash FROM ledger_nodes WHERE level = ?1 AND idx >= ?2 AND idx < ?3
                 ORDER BY idx LIMIT ?4",
            )?
            .query_map(
                (level, count(range.start), count(range.end), limit(MOST_FAULTS)),
                read,
            )?
            .collect::<Result<_, _>>()?)
    }

    fn reports(&self, after: Option<&Place>, most: usize) -> Result<Vec<ReportRow>, StoreError> {
        let (host, incarnation, sequence) = after.map_or(("", 0, 0), |place| {
            (place.host.as_str(), place.incarnation, place.sequence)
        });
        Ok(self
            .0
            .prepare_cached(
                "SELECT report.id AS report_id, leaf.idx AS leaf, host, incarnation, sequence, previous, received_at,
                        sealed_at, body_sha256, signature
                 FROM reports AS report
                 LEFT JOIN ledger_leaves AS leaf ON leaf.kind = 'report' AND leaf.reference = report.id AND leaf.idx >= 0
                 WHERE (host, incarnation, sequence) > (?1, ?2, ?3)
                 ORDER BY host, incarnation, sequence LIMIT ?4",
            )?
            .query_map((host, incarnation, sequence, limit(most)), report)?
            .collect::<Result<_, _>>()?)
    }

    fn acts(&self, after: i64, most: usize) -> Result<Vec<(u64, ActRow)>, StoreError> {
        let read = |row: &Row<'_>| Ok((unsigned(row, "leaf")?, act(row)?));
        Ok(self
            .0
            .prepare_cached(
                "SELECT leaf.idx AS leaf, act.id AS act_id, act.at, act.who, act.what, act.subject, act.nonce,
                        record.family AS record_family, record.subject AS record_subject,
                        record.version AS record_version, record.body AS record_body
                 FROM acts AS act
                 JOIN ledger_leaves AS leaf ON leaf.kind = 'act' AND leaf.reference = act.id AND leaf.idx >= 0
                 LEFT JOIN records AS record ON record.nonce = act.nonce
                 WHERE act.id > ?1 ORDER BY act.id LIMIT ?2",
            )?
            .query_map((after, limit(most)), read)?
            .collect::<Result<_, _>>()?)
    }

    fn acts_outside(&self, most: usize) -> Result<Vec<ActRow>, StoreError> {
        Ok(self
            .0
            .prepare_cached(
                "SELECT id AS act_id, at, who, what, subject, nonce, NULL AS record_family
                 FROM acts WHERE id NOT IN (SELECT reference FROM ledger_leaves WHERE kind = 'act' AND idx >= 0)
                 ORDER BY id LIMIT ?1",
            )?
            .query_map([limit(most)], act)?
            .collect::<Result<_, _>>()?)
    }

    fn records_outside(&self, most: usize) -> Result<Vec<RecordRow>, StoreError> {
        let rows: Vec<Option<RecordRow>> = self
            .0
            .prepare_cached(
                "SELECT family AS record_family, subject AS record_subject, version AS record_version, '' AS record_body
                 FROM records WHERE nonce NOT IN (SELECT nonce FROM acts) ORDER BY subject, version LIMIT ?1",
            )?
            .query_map([limit(most)], record_or_none)?
            .collect::<Result<_, _>>()?;
        Ok(rows.into_iter().flatten().collect())
    }

    fn body(&self, report: &ReportRow) -> Result<Option<io::Result<Vec<u8>>>, StoreError> {
        let read = |row: &Row<'_>| {
            Ok((
                row.get::<_, Option<Vec<u8>>>("body")?,
                row.get::<_, String>("packing")?,
            ))
        };
        let kept = self
            .0
            .prepare_cached("SELECT body, packing FROM reports WHERE id = ?1 AND packing <> 'removed'")?
            .query_row([report.id], read)
            .optional()?;
        let Some((Some(body), packing)) = kept else {
            return Ok(None);
        };
        Ok(Some(match Packing::from_name(&packing) {
            Some(packing) => unpack(packing, &body),
            None => Err(io::Error::other(format!("`{packing}` is no way of packing"))),
        }))
    }

    fn gaps(&self, after: Option<&GapRow>, most: usize) -> Result<Vec<GapRow>, StoreError> {
        let read = |row: &Row<'_>| {
            Ok(GapRow {
                id: row.get("id")?,
                place: place(row)?,
                missing: row.get("missing")?,
                chained: row.get("chained")?,
                noticed_at: row.get("noticed_at")?,
            })
        };
        let (host, incarnation, sequence, id) = after.map_or(("", 0, 0, 0), |after| {
            let place = &after.place;
            (place.host.as_str(), place.incarnation, place.sequence, after.id)
        });
        Ok(self
            .0
            .prepare_cached(
                "SELECT id, host, incarnation, sequence, missing, chained, noticed_at FROM report_gaps
                 WHERE (host, incarnation, sequence, id) > (?1, ?2, ?3, ?4)
                 ORDER BY host, incarnation, sequence, id LIMIT ?5",
            )?
            .query_map((host, incarnation, sequence, id, limit(most)), read)?
            .collect::<Result<_, _>>()?)
    }

    fn incarnation(&self, host: &str, incarnation: i64) -> Result<Incarnation, StoreError> {
        let keys = self
            .0
            .prepare_cached(
                "SELECT public_key FROM certificates WHERE host = ?1 AND incarnation = ?2
                 GROUP BY public_key ORDER BY min(issued_at)",
            )?
            .query_map((host, incarnation), |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let last = self
            .0
            .prepare_cached(
                "SELECT last_sequence, last_sha256 FROM hosts WHERE id = ?1 AND incarnation = ?2",
            )?
            .query_row((host, incarnation), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(Incarnation { keys, last })
    }
}

fn place(row: &Row<'_>) -> rusqlite::Result<Place> {
    Ok(Place {
        host: row.get("host")?,
        incarnation: row.get("incarnation")?,
        sequence: row.get("sequence")?,
    })
}

fn report(row: &Row<'_>) -> rusqlite::Result<ReportRow> {
    Ok(ReportRow {
        id: row.get("report_id")?,
        leaf: row
            .get::<_, Option<i64>>("leaf")?
            .map(|leaf| u64::try_from(leaf).unwrap_or(u64::MAX)),
        place: place(row)?,
        previous: row.get("previous")?,
        received_at: row.get("received_at")?,
        sealed_at: row.get("sealed_at")?,
        body_sha256: row.get("body_sha256")?,
        signature: row.get("signature")?,
    })
}

fn report_or_none(row: &Row<'_>) -> rusqlite::Result<Option<ReportRow>> {
    let id: Option<i64> = row.get("report_id")?;
    id.map(|_| report(row)).transpose()
}

fn act(row: &Row<'_>) -> rusqlite::Result<ActRow> {
    Ok(ActRow {
        id: row.get("act_id")?,
        at: row.get("at")?,
        who: row.get("who")?,
        what: row.get("what")?,
        on: row.get("subject")?,
        nonce: row.get("nonce")?,
        record: record_or_none(row)?,
    })
}

fn record_or_none(row: &Row<'_>) -> rusqlite::Result<Option<RecordRow>> {
    let family: Option<String> = row.get("record_family")?;
    let read = |family| {
        Ok(RecordRow {
            family,
            subject: row.get("record_subject")?,
            version: row.get("record_version")?,
            body: row.get("record_body")?,
        })
    };
    family.map(read).transpose()
}

fn act_or_none(row: &Row<'_>) -> rusqlite::Result<Option<ActRow>> {
    let id: Option<i64> = row.get("act_id")?;
    id.map(|_| act(row)).transpose()
}

/// A number that was never written below 0; one that is there now is as far out of order as it can be.
fn unsigned(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    Ok(u64::try_from(number).unwrap_or(u64::MAX))
}
