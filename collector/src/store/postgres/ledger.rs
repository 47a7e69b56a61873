//! The ledger's tables: a queue that every transaction may append to, and a tree that one at a time appends to.
//!
//! A leaf is in the queue from the transaction that keeps what it stands for until the transaction that gives it its
//! place, and in neither or both at no moment: each moves it, and each is all or nothing. Two that integrate at once are
//! kept apart by the size of the tree they both start from: only one of them finds it still so.

use std::collections::HashMap;
use std::ops::Range;

use jiff::Timestamp;
use plumbline_config::ident::HostId;
use tokio_postgres::Row;

use super::column::{Columns, count, limit, micros};
use super::flight::{Flight, values};
use super::tx::Tx;
use crate::ledger::entry::{ActEntry, Entry, NONCE, ReportEntry};
use crate::ledger::tree::{Frontier, Hash};
use crate::store::leaves::Growth;
use crate::store::{KeptCheckpoint, Leaf, LeafOf, Packing, StoreError};

/// Kinds of leaves, as they are kept.
const REPORT: &str = "report";
const ACT: &str = "act";

/// Puts leaves of reports at the end of the queue, in the order given: their hashes, the reports' ids and when they were
/// received, in microseconds.
///
/// The queue's ids are drawn here, while the rows of the reports' hosts are locked: so of two reports of one host the
/// later one has the higher id, whichever collectors took them and whatever their clocks say.
pub(super) fn queue_reports(
    flight: &mut Flight<'_>,
    hashes: Vec<Vec<u8>>,
    references: Vec<i64>,
    at: Vec<i64>,
) {
    flight.add(
        "INSERT INTO ledger_queue (hash, kind, reference, at)
         SELECT hash, 'report', reference, at
         FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS n (hash, reference, at, ord)
         ORDER BY ord",
        values![hashes, references, at],
    );
}

/// Gives the leaves that wait longest their places, at most `most`, and says how many; none where another is at it.
pub(super) fn integrate(tx: &mut Tx<'_>, most: usize) -> Result<usize, StoreError> {
    // First the head, then the queue: what another integrates in between changes the head.
    let kept = head(tx)?;
    let queue = tx.query(
        "SELECT id, hash, kind, reference, at FROM ledger_queue ORDER BY id LIMIT $1",
        &[&limit(most)],
    )?;
    if queue.is_empty() {
        return Ok(0);
    }
    let mut growth = Growth::from(kept.as_ref().map(|(_, frontier)| frontier.as_slice()))?;
    for row in &queue {
        growth.add(Hash(row.hash("hash")?));
    }
    let size = count(growth.frontier().size());
    let frontier = growth.frontier().to_bytes();
    let won = match kept {
        Some((before, _)) => tx.execute(
            "UPDATE ledger_head SET size = $1, frontier = $2 WHERE id = 1 AND size = $3",
            &[&size, &frontier, &before],
        )?,
        None => tx.execute(
            "INSERT INTO ledger_head (id, size, frontier) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING",
            &[&size, &frontier],
        )?,
    };
    if won == 0 {
        // Nothing was written so far.
        return Ok(0);
    }
    let column = |name| -> Result<Vec<i64>, StoreError> { queue.iter().map(|row| row.value(name)).collect() };
    let gone = tx.execute("DELETE FROM ledger_queue WHERE id = ANY($1)", &[&column("id")?])?;
    if gone != queue.len() as u64 {
        return Err(StoreError::damaged(
            "queue of the ledger",
            "leaves in it were integrated without the head",
        ));
    }
    let places: Vec<i64> = growth.leaves().map(|(index, _)| count(index)).collect();
    let hashes: Vec<&[u8]> = growth
        .leaves()
        .map(|(_, hash)| hash.as_bytes().as_slice())
        .collect();
    let kinds: Vec<String> = queue
        .iter()
        .map(|row| row.value("kind"))
        .collect::<Result<_, _>>()?;
    tx.execute(
        "INSERT INTO ledger_leaves (idx, hash, kind, reference, at)
         SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::text[], $4::bigint[], $5::bigint[])",
        &[&places, &hashes, &kinds, &column("reference")?, &column("at")?],
    )?;
    let levels: Vec<i64> = growth.nodes().iter().map(|node| i64::from(node.level)).collect();
    let indices: Vec<i64> = growth.nodes().iter().map(|node| count(node.index)).collect();
    let hashes: Vec<&[u8]> = growth
        .nodes()
        .iter()
        .map(|node| node.hash.as_bytes().as_slice())
        .collect();
    if !levels.is_empty() {
        tx.execute(
            "INSERT INTO ledger_nodes (level, idx, hash) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])",
            &[&levels, &indices, &hashes],
        )?;
    }
    Ok(queue.len())
}

/// Size and right edge of the tree; `None`: it has no leaf yet.
fn head(tx: &mut Tx<'_>) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
    let row = tx.query_one("SELECT size, frontier FROM ledger_head WHERE id = 1", &[])?;
    row.map(|row| Ok((row.value("size")?, row.value("frontier")?)))
        .transpose()
}

pub(super) fn frontier(tx: &mut Tx<'_>) -> Result<Frontier, StoreError> {
    let kept = head(tx)?;
    let growth = Growth::from(kept.as_ref().map(|(_, frontier)| frontier.as_slice()))?;
    Ok(growth.frontier().clone())
}

pub(super) fn nodes(tx: &mut Tx<'_>, level: u8, range: &Range<u64>) -> Result<Vec<Hash>, StoreError> {
    let (start, end) = (count(range.start), count(range.end));
    let rows = if level == 0 {
        tx.query(
            "SELECT hash FROM ledger_leaves WHERE idx >= $1 AND idx < $2 ORDER BY idx",
            &[&start, &end],
        )?
    } else {
        tx.query(
            "SELECT hash FROM ledger_nodes WHERE level = $3 AND idx >= $1 AND idx < $2 ORDER BY idx",
            &[&start, &end, &i64::from(level)],
        )?
    };
    rows.iter().map(|row| row.hash("hash").map(Hash)).collect()
}

pub(super) fn leaves(tx: &mut Tx<'_>, from: u64, most: usize) -> Result<Vec<Leaf>, StoreError> {
    let rows = tx.query(
        "SELECT idx, hash, kind, reference, at FROM ledger_leaves WHERE idx >= $1 ORDER BY idx LIMIT $2",
        &[&count(from), &limit(most)],
    )?;
    let mut wanted: HashMap<&str, Vec<(i64, i64)>> = HashMap::new();
    for row in &rows {
        let kind = if row.value::<String>("kind")? == REPORT {
            REPORT
        } else {
            ACT
        };
        wanted
            .entry(kind)
            .or_default()
            .push((row.value("reference")?, row.value("at")?));
    }
    let mut reports = reports(tx, wanted.remove(REPORT).unwrap_or_default())?;
    let mut acts = acts(tx, wanted.remove(ACT).unwrap_or_default())?;
    let read = |row: &Row| {
        let reference: i64 = row.value("reference")?;
        let kept = match row.value::<String>("kind")?.as_str() {
            REPORT => reports.remove(&reference),
            ACT => acts.remove(&reference),
            _ => None,
        };
        let (of, entry) = kept.unzip();
        Ok(Leaf {
            index: row.number("idx")?,
            hash: Hash(row.hash("hash")?),
            of,
            entry: entry.flatten(),
        })
    };
    rows.iter().map(read).collect()
}

/// What leaves stand for, by the ids of the rows.
type Kept = HashMap<i64, (LeafOf, Option<Entry>)>;

fn reports(tx: &mut Tx<'_>, wanted: Vec<(i64, i64)>) -> Result<Kept, StoreError> {
    let mut kept = Kept::with_capacity(wanted.len());
    let (ids, at): (Vec<i64>, Vec<i64>) = wanted.into_iter().unzip();
    let (Some(first), Some(last)) = (at.iter().min(), at.iter().max()) else {
        return Ok(kept);
    };
    // The times say in which partitions to look.
    let rows = tx.query(
        "SELECT id, host, incarnation, sequence, previous, received_at, sealed_at, body_sha256, signature FROM reports
         WHERE id = ANY($1) AND received_at BETWEEN $2 AND $3",
        &[&ids, first, last],
    )?;
    for row in &rows {
        let of = LeafOf::Report {
            host: row.host("host")?,
            incarnation: row.number("incarnation")?,
            sequence: row.number("sequence")?,
        };
        kept.insert(row.value("id")?, (of, report(row).ok()));
    }
    Ok(kept)
}

fn report(row: &Row) -> Result<Entry, StoreError> {
    let hash = |column: &str| Hash::from_hex(&row.value::<String>(column)?).ok_or_else(|| no_entry(column));
    Ok(Entry::Report(ReportEntry {
        host: row.host("host")?,
        incarnation: row.number("incarnation")?,
        sequence: row.number("sequence")?,
        previous: hash("previous")?,
        received_at: row.value("received_at")?,
        sealed_at: row.value("sealed_at")?,
        body_sha256: hash("body_sha256")?,
        signature: hex::decode(row.value::<String>("signature")?).map_err(|_| no_entry("signature"))?,
    }))
}

fn acts(tx: &mut Tx<'_>, wanted: Vec<(i64, i64)>) -> Result<Kept, StoreError> {
    let mut kept = Kept::with_capacity(wanted.len());
    if wanted.is_empty() {
        return Ok(kept);
    }
    let ids: Vec<i64> = wanted.into_iter().map(|(id, _)| id).collect();
    let rows = tx.query(
        "SELECT id, at, who, what, subject, nonce FROM acts WHERE id = ANY($1)",
        &[&ids],
    )?;
    for row in &rows {
        let of = LeafOf::Act(row.value("nonce")?);
        kept.insert(row.value("id")?, (of, act(row).ok()));
    }
    Ok(kept)
}

fn act(row: &Row) -> Result<Entry, StoreError> {
    let nonce = hex::decode(row.value::<String>("nonce")?).ok();
    let nonce: Option<[u8; NONCE]> = nonce.and_then(|bytes| bytes.try_into().ok());
    Ok(Entry::Act(ActEntry {
        at: row.value("at")?,
        who: row.text("who")?,
        what: row.text("what")?,
        on: row.text("subject")?,
        nonce: nonce.ok_or_else(|| no_entry("nonce"))?,
    }))
}

fn no_entry(column: &str) -> StoreError {
    StoreError::damaged("row", format!("{column} is not of a ledger entry"))
}

pub(super) fn place(tx: &mut Tx<'_>, of: &LeafOf) -> Result<Option<u64>, StoreError> {
    let row = match of {
        LeafOf::Report {
            host,
            incarnation,
            sequence,
        } => tx.query_one(
            "SELECT l.idx FROM reports r JOIN ledger_leaves l ON l.reference = r.id AND l.kind = 'report'
             WHERE r.host = $1 AND r.incarnation = $2 AND r.sequence = $3",
            &[&host.as_str(), &i64::from(*incarnation), &count(*sequence)],
        )?,
        LeafOf::Act(nonce) => tx.query_one(
            "SELECT l.idx FROM acts a JOIN ledger_leaves l ON l.reference = a.id AND l.kind = 'act'
             WHERE a.nonce = $1",
            &[&super::column::text(nonce).as_ref()],
        )?,
    };
    row.map(|row| row.number("idx")).transpose()
}

pub(super) fn add_checkpoint(tx: &mut Tx<'_>, checkpoint: &KeptCheckpoint) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO ledger_checkpoints (size, note, signed_at) VALUES ($1, $2, $3) ON CONFLICT (size) DO NOTHING",
        &[&count(checkpoint.size), &checkpoint.note, &micros(checkpoint.signed_at)],
    )?;
    Ok(())
}

pub(super) fn checkpoints_after(
    tx: &mut Tx<'_>,
    size: u64,
    most: usize,
) -> Result<Vec<KeptCheckpoint>, StoreError> {
    let rows = tx.query(
        "SELECT * FROM ledger_checkpoints WHERE size > $1 ORDER BY size LIMIT $2",
        &[&count(size), &limit(most)],
    )?;
    rows.iter().map(read_checkpoint).collect()
}

pub(super) fn latest_checkpoint(tx: &mut Tx<'_>) -> Result<Option<KeptCheckpoint>, StoreError> {
    let row = tx.query_one("SELECT * FROM ledger_checkpoints ORDER BY size DESC LIMIT 1", &[])?;
    row.as_ref().map(read_checkpoint).transpose()
}

pub(super) fn checkpoint_from(tx: &mut Tx<'_>, at: Timestamp) -> Result<Option<KeptCheckpoint>, StoreError> {
    let row = tx.query_one(
        "SELECT * FROM ledger_checkpoints WHERE signed_at >= $1 ORDER BY signed_at, size LIMIT 1",
        &[&micros(at)],
    )?;
    row.as_ref().map(read_checkpoint).transpose()
}

fn read_checkpoint(row: &Row) -> Result<KeptCheckpoint, StoreError> {
    Ok(KeptCheckpoint {
        size: row.number("size")?,
        note: row.value("note")?,
        signed_at: row.time("signed_at")?,
    })
}

pub(super) fn body(
    tx: &mut Tx<'_>,
    host: &HostId,
    incarnation: u32,
    sequence: u64,
) -> Result<Option<(Packing, Vec<u8>)>, StoreError> {
    let row = tx.query_one(
        "SELECT b.packing, b.body FROM reports r
         JOIN report_bodies b ON b.id = r.id AND b.received_at = r.received_at
         WHERE r.host = $1 AND r.incarnation = $2 AND r.sequence = $3",
        &[&host.as_str(), &i64::from(incarnation), &count(sequence)],
    )?;
    let read = |row: Row| {
        let name: String = row.value("packing")?;
        let packing = Packing::from_name(&name).ok_or_else(|| StoreError::damaged("packing", &name))?;
        Ok((packing, row.value("body")?))
    };
    row.map(read).transpose()
}

pub(super) fn gaps(tx: &mut Tx<'_>, host: &HostId, incarnation: u32) -> Result<Vec<(u64, bool)>, StoreError> {
    let rows = tx.query(
        "SELECT sequence, chained FROM report_gaps WHERE host = $1 AND incarnation = $2 ORDER BY sequence",
        &[&host.as_str(), &i64::from(incarnation)],
    )?;
    rows.iter()
        .map(|row| Ok((row.number("sequence")?, row.value("chained")?)))
        .collect()
}
