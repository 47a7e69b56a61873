//! The store as an audit reads it: at one moment, in one read transaction, and row by row as it is on record.
//!
//! Leaves that wait for their places count as standing where they will: behind the tree, in the order of the queue.

use std::cell::RefCell;
use std::io;
use std::ops::Range;

use tokio_postgres::Row;

use super::column::{Columns, count, limit};
use super::tx::{Tx, Values};
use crate::ledger::audit::{
    ActRow, Archive, CheckpointRow, GapRow, Incarnation, LeafRow, MOST_FAULTS, Place, RecordRow, ReportRow,
    Subject,
};
use crate::ledger::tree::{Frontier, Hash};
use crate::store::kept::unpack;
use crate::store::{Packing, StoreError};

/// The store as it was when the transaction began, which is one of repeatable reads.
pub(super) struct Snapshot<'t, 'p>(RefCell<&'t mut Tx<'p>>);

impl<'t, 'p> Snapshot<'t, 'p> {
    pub(super) const fn new(tx: &'t mut Tx<'p>) -> Self {
        Self(RefCell::new(tx))
    }

    fn query(&self, statement: &str, values: Values<'_>) -> Result<Vec<Row>, StoreError> {
        self.0.borrow_mut().query(statement, values)
    }
}

/// Where the leaf of a report `r` is, or will be.
const LEAF: &str = "coalesce(l.idx, (
        SELECT coalesce((SELECT size FROM ledger_head WHERE id = 1), 0)
             + (SELECT count(*) FROM ledger_queue b WHERE b.id < q.id)
        FROM ledger_queue q WHERE q.kind = 'report' AND q.reference = r.id)) AS leaf";

impl Archive for Snapshot<'_, '_> {
    type Error = StoreError;

    fn head(&self) -> Result<Option<Frontier>, StoreError> {
        let rows = self.query("SELECT size, frontier FROM ledger_head", &[])?;
        // None is kept of an empty tree.
        let Some(row) = rows.first() else {
            return Ok(Some(Frontier::empty()));
        };
        let size: i64 = row.value("size")?;
        let frontier = Frontier::from_bytes(&row.value::<Vec<u8>>("frontier")?).ok();
        Ok(frontier.filter(|frontier| count(frontier.size()) == size))
    }

    fn checkpoints(&self, after: Option<i64>, most: usize) -> Result<Vec<CheckpointRow>, StoreError> {
        let rows = self.query(
            "SELECT size, signed_at, note FROM ledger_checkpoints WHERE size > $1 ORDER BY size LIMIT $2",
            &[&after.unwrap_or(i64::MIN), &limit(most)],
        )?;
        let read = |row: &Row| {
            Ok(CheckpointRow {
                size: row.value("size")?,
                signed_at: row.value("signed_at")?,
                note: row.value("note")?,
            })
        };
        rows.iter().map(read).collect()
    }

    fn leaves(&self, from: u64, most: usize) -> Result<Vec<LeafRow>, StoreError> {
        let rows = self.query(
            "SELECT l.idx AS leaf, l.hash AS leaf_hash, l.kind, l.reference, r.id AS report_id, r.host, r.incarnation,
                    r.sequence, r.previous, r.received_at, r.sealed_at, r.body_sha256, r.signature,
                    a.id AS act_id, a.at, a.who, a.what, a.subject, a.nonce, d.family AS record_family,
                    d.subject AS record_subject, d.version AS record_version, d.body AS record_body
             FROM (SELECT * FROM ledger_leaves WHERE idx >= $1 ORDER BY idx LIMIT $2) AS l
             LEFT JOIN reports r ON l.kind = 'report' AND r.id = l.reference AND r.received_at = l.at
             LEFT JOIN acts a ON l.kind = 'act' AND a.id = l.reference
             LEFT JOIN records d ON d.nonce = a.nonce
             ORDER BY l.idx",
            &[&count(from), &limit(most)],
        )?;
        let read = |row: &Row| {
            let kind: String = row.value("kind")?;
            let of = if row.value::<Option<i64>>("report_id")?.is_some() {
                Subject::Report(report(row)?)
            } else if row.value::<Option<i64>>("act_id")?.is_some() {
                Subject::Act(act(row)?)
            } else {
                Subject::Missing(format!("{kind} {}", row.value::<i64>("reference")?))
            };
            Ok(LeafRow {
                index: row.number("leaf")?,
                hash: Hash::from_bytes(&row.value::<Vec<u8>>("leaf_hash")?),
                of,
            })
        };
        rows.iter().map(read).collect()
    }

    fn nodes(&self, level: u8, range: Range<u64>) -> Result<Vec<(u64, Option<Hash>)>, StoreError> {
        let rows = self.query(
            "SELECT idx, hash FROM ledger_nodes WHERE level = $1 AND idx >= $2 AND idx < $3 ORDER BY idx LIMIT $4",
            &[
                &i64::from(level),
                &count(range.start),
                &count(range.end),
                &limit(MOST_FAULTS),
            ],
        )?;
        let read = |row: &Row| {
            Ok((
                row.number("idx")?,
                Hash::from_bytes(&row.value::<Vec<u8>>("hash")?),
            ))
        };
        rows.iter().map(read).collect()
    }

    fn reports(&self, after: Option<&Place>, most: usize) -> Result<Vec<ReportRow>, StoreError> {
        let (host, incarnation, sequence) = after.map_or(("", 0, 0), |place| {
            (place.host.as_str(), place.incarnation, place.sequence)
        });
        let rows = self.query(
            &format!(
                "SELECT r.id AS report_id, {LEAF}, r.host, r.incarnation, r.sequence, r.previous, r.received_at,
                        r.sealed_at, r.body_sha256, r.signature
                 FROM reports r LEFT JOIN ledger_leaves l ON l.kind = 'report' AND l.reference = r.id
                 WHERE (r.host, r.incarnation, r.sequence) > ($1, $2, $3)
                 ORDER BY r.host, r.incarnation, r.sequence LIMIT $4"
            ),
            &[&host, &incarnation, &sequence, &limit(most)],
        )?;
        rows.iter().map(report).collect()
    }

    fn acts(&self, after: i64, most: usize) -> Result<Vec<(u64, ActRow)>, StoreError> {
        let rows = self.query(
            "SELECT l.idx AS leaf, a.id AS act_id, a.at, a.who, a.what, a.subject, a.nonce, d.family AS record_family,
                    d.subject AS record_subject, d.version AS record_version, d.body AS record_body
             FROM acts a
             JOIN ledger_leaves l ON l.kind = 'act' AND l.reference = a.id
             LEFT JOIN records d ON d.nonce = a.nonce
             WHERE a.id > $1 ORDER BY a.id LIMIT $2",
            &[&after, &limit(most)],
        )?;
        let read = |row: &Row| Ok((row.value::<i64>("leaf")?.unsigned_abs(), act(row)?));
        rows.iter().map(read).collect()
    }

    fn acts_outside(&self, most: usize) -> Result<Vec<ActRow>, StoreError> {
        let rows = self.query(
            "SELECT id AS act_id, at, who, what, subject, nonce, NULL::text AS record_family FROM acts a
             WHERE NOT EXISTS (SELECT 1 FROM ledger_leaves l WHERE l.kind = 'act' AND l.reference = a.id)
               AND NOT EXISTS (SELECT 1 FROM ledger_queue q WHERE q.kind = 'act' AND q.reference = a.id)
             ORDER BY id LIMIT $1",
            &[&limit(most)],
        )?;
        rows.iter().map(act).collect()
    }

    fn records_outside(&self, most: usize) -> Result<Vec<RecordRow>, StoreError> {
        let rows = self.query(
            "SELECT family AS record_family, subject AS record_subject, version AS record_version, '' AS record_body
             FROM records d WHERE NOT EXISTS (SELECT 1 FROM acts a WHERE a.nonce = d.nonce)
             ORDER BY subject, version LIMIT $1",
            &[&limit(most)],
        )?;
        let records: Vec<Option<RecordRow>> = rows.iter().map(record_or_none).collect::<Result<_, _>>()?;
        Ok(records.into_iter().flatten().collect())
    }

    fn body(&self, report: &ReportRow) -> Result<Option<io::Result<Vec<u8>>>, StoreError> {
        let rows = self.query(
            "SELECT body, packing FROM report_bodies WHERE id = $1 AND received_at = $2",
            &[&report.id, &report.received_at],
        )?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let (packing, body): (String, Vec<u8>) = (row.value("packing")?, row.value("body")?);
        Ok(Some(match Packing::from_name(&packing) {
            Some(packing) => unpack(packing, &body),
            None => Err(io::Error::other(format!("`{packing}` is no way of packing"))),
        }))
    }

    fn gaps(&self, after: Option<&GapRow>, most: usize) -> Result<Vec<GapRow>, StoreError> {
        let (host, incarnation, sequence, id) = after.map_or(("", 0, 0, 0), |after| {
            let place = &after.place;
            (place.host.as_str(), place.incarnation, place.sequence, after.id)
        });
        let rows = self.query(
            "SELECT id, host, incarnation, sequence, missing, chained, noticed_at FROM report_gaps
             WHERE (host, incarnation, sequence, id) > ($1, $2, $3, $4)
             ORDER BY host, incarnation, sequence, id LIMIT $5",
            &[&host, &incarnation, &sequence, &id, &limit(most)],
        )?;
        let read = |row: &Row| {
            Ok(GapRow {
                id: row.value("id")?,
                place: place(row)?,
                missing: row.value("missing")?,
                chained: i64::from(row.value::<bool>("chained")?),
                noticed_at: row.value("noticed_at")?,
            })
        };
        rows.iter().map(read).collect()
    }

    fn incarnation(&self, host: &str, incarnation: i64) -> Result<Incarnation, StoreError> {
        let keys = self.query(
            "SELECT public_key FROM certificates WHERE host = $1 AND incarnation = $2
             GROUP BY public_key ORDER BY min(issued_at)",
            &[&host, &incarnation],
        )?;
        let last = self.query(
            "SELECT last_sequence, last_sha256 FROM hosts WHERE id = $1 AND incarnation = $2",
            &[&host, &incarnation],
        )?;
        let read = |row: &Row| -> Result<(i64, Option<String>), StoreError> {
            Ok((row.value("last_sequence")?, row.value("last_sha256")?))
        };
        Ok(Incarnation {
            keys: keys
                .iter()
                .map(|row| row.value("public_key"))
                .collect::<Result<_, _>>()?,
            last: last.first().map(read).transpose()?,
        })
    }
}

fn place(row: &Row) -> Result<Place, StoreError> {
    Ok(Place {
        host: row.value("host")?,
        incarnation: row.value("incarnation")?,
        sequence: row.value("sequence")?,
    })
}

fn report(row: &Row) -> Result<ReportRow, StoreError> {
    Ok(ReportRow {
        id: row.value("report_id")?,
        leaf: row
            .value::<Option<i64>>("leaf")?
            .map(|leaf| u64::try_from(leaf).unwrap_or(u64::MAX)),
        place: place(row)?,
        previous: row.value("previous")?,
        received_at: row.value("received_at")?,
        sealed_at: row.value("sealed_at")?,
        body_sha256: row.value("body_sha256")?,
        signature: row.value("signature")?,
    })
}

fn act(row: &Row) -> Result<ActRow, StoreError> {
    Ok(ActRow {
        id: row.value("act_id")?,
        at: row.value("at")?,
        who: row.text("who")?,
        what: row.text("what")?,
        on: row.text("subject")?,
        nonce: row.value("nonce")?,
        record: record_or_none(row)?,
    })
}

fn record_or_none(row: &Row) -> Result<Option<RecordRow>, StoreError> {
    let family: Option<String> = row.value("record_family")?;
    let read = |family| {
        Ok(RecordRow {
            family,
            subject: row.value("record_subject")?,
            version: row.value("record_version")?,
            body: row.value("record_body")?,
        })
    };
    family.map(read).transpose()
}
