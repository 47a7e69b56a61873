//! The lines of the members: JSON objects, their members in the order of these structs.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::ledger::audit::{ActRow, CheckpointRow, GapRow, LeafRow, Place, RecordRow, ReportRow, Subject};
use crate::ledger::tree::Hash;

/// A leaf, and what it stands for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryLine {
    pub(super) leaf: u64,
    pub(super) hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) report: Option<ReportLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) act: Option<ActLine>,
}

/// A report.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportLine {
    pub(super) host: String,
    pub(super) incarnation: i64,
    pub(super) sequence: i64,
    pub(super) previous: String,
    pub(super) received_at: i64,
    pub(super) sealed_at: i64,
    pub(super) body_sha256: String,
    pub(super) signature: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) gaps: Vec<GapLine>,
    /// Whether its body is still kept.
    pub(super) has_body: bool,
}

/// A gap that a report told of.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GapLine {
    pub(super) missing: i64,
    pub(super) chained: i64,
    pub(super) noticed_at: i64,
}

/// An act.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActLine {
    pub(super) id: i64,
    pub(super) at: i64,
    pub(super) who: String,
    pub(super) what: String,
    pub(super) on: String,
    pub(super) nonce: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) record: Option<RecordLine>,
}

/// The record that is an act's body.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordLine {
    pub(super) family: String,
    pub(super) subject: String,
    pub(super) version: i64,
    pub(super) body: String,
}

/// An act from before the bundle's leaves, with the proof that it is in the tree at their end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EarlierLine {
    pub(super) leaf: u64,
    pub(super) hash: String,
    pub(super) proof: Vec<String>,
    pub(super) act: ActLine,
}

/// The keys that signed the reports of an incarnation of a host.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HostLine {
    pub(super) host: String,
    pub(super) incarnation: i64,
    /// Uncompressed points of P-256, in hexadecimal.
    pub(super) keys: Vec<String>,
}

/// A checkpoint.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckpointLine {
    pub(super) size: i64,
    pub(super) signed_at: i64,
    pub(super) note: String,
}

/// A plan that was current in the period; its text is a member of its own.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanLine {
    pub(super) sha256: String,
    /// The collector's, over the text: Ed25519, in hexadecimal.
    pub(super) signature: String,
}

impl EntryLine {
    /// The leaf as an audit reads it. What it stands for is what is there of it.
    pub(super) fn row(&mut self) -> LeafRow {
        let of = match (self.report.take(), self.act.take()) {
            (Some(report), None) => Subject::Report(report.row(self.leaf)),
            (None, Some(act)) => Subject::Act(act.row()),
            (None, None) => Subject::Missing("nothing".to_owned()),
            (Some(_), Some(_)) => Subject::Missing("two things".to_owned()),
        };
        LeafRow {
            index: self.leaf,
            hash: Hash::from_hex(&self.hash),
            of,
        }
    }
}

impl ReportLine {
    pub(super) fn of(row: &ReportRow, gaps: Vec<GapLine>, has_body: bool) -> Self {
        Self {
            host: row.place.host.clone(),
            incarnation: row.place.incarnation,
            sequence: row.place.sequence,
            previous: row.previous.clone(),
            received_at: row.received_at,
            sealed_at: row.sealed_at,
            body_sha256: row.body_sha256.clone(),
            signature: row.signature.clone(),
            gaps,
            has_body,
        }
    }

    fn row(self, leaf: u64) -> ReportRow {
        ReportRow {
            id: 0,
            leaf: Some(leaf),
            place: Place {
                host: self.host,
                incarnation: self.incarnation,
                sequence: self.sequence,
            },
            previous: self.previous,
            received_at: self.received_at,
            sealed_at: self.sealed_at,
            body_sha256: self.body_sha256,
            signature: self.signature,
        }
    }
}

impl GapLine {
    pub(super) const fn of(row: &GapRow) -> Self {
        Self {
            missing: row.missing,
            chained: row.chained,
            noticed_at: row.noticed_at,
        }
    }

    pub(super) const fn row(self, place: Place) -> GapRow {
        GapRow {
            id: 0,
            place,
            missing: self.missing,
            chained: self.chained,
            noticed_at: self.noticed_at,
        }
    }
}

impl ActLine {
    pub(super) fn of(row: ActRow) -> Self {
        Self {
            id: row.id,
            at: row.at,
            who: row.who,
            what: row.what,
            on: row.on,
            nonce: row.nonce,
            record: row.record.map(|record| RecordLine {
                family: record.family,
                subject: record.subject,
                version: record.version,
                body: record.body,
            }),
        }
    }

    pub(super) fn row(self) -> ActRow {
        ActRow {
            id: self.id,
            at: self.at,
            who: self.who,
            what: self.what,
            on: self.on,
            nonce: self.nonce,
            record: self.record.map(|record| RecordRow {
                family: record.family,
                subject: record.subject,
                version: record.version,
                body: record.body,
            }),
        }
    }
}

impl HostLine {
    pub(super) fn keys(&self) -> Option<Vec<Vec<u8>>> {
        let keys = self.keys.iter().map(|key| HEXLOWER.decode(key.as_bytes()).ok());
        keys.collect()
    }
}

impl CheckpointLine {
    pub(super) fn of(row: CheckpointRow) -> Self {
        Self {
            size: row.size,
            signed_at: row.signed_at,
            note: row.note,
        }
    }

    pub(super) fn row(self) -> CheckpointRow {
        CheckpointRow {
            size: self.size,
            signed_at: self.signed_at,
            note: self.note,
        }
    }
}
