//! A report on its way into the store, and what became of it.

use std::io::Read;

use flate2::Compression;
use flate2::bufread::{DeflateDecoder, DeflateEncoder};
use jiff::Timestamp;
use plumbline_config::finding::{Severity, Status};
use plumbline_config::ident::{HostId, Role};
use plumbline_config::seal::sha256_hex;
use plumbline_config::wire::{LARGEST_REPORT, Report};
use serde::Serialize;

/// The exact bytes of a report's body, deflated (RFC 1951) for keeping: findings repeat themselves, and five years of
/// them take a tenth of the room.
#[derive(Clone, Debug)]
pub struct PackedBody {
    /// SHA-256 of the bytes before packing, in hexadecimal.
    pub sha256: String,
    /// The packed bytes.
    pub packed: Vec<u8>,
}

impl PackedBody {
    /// Packs a body.
    pub fn pack(body: &[u8]) -> std::io::Result<Self> {
        let mut packed = Vec::new();
        DeflateEncoder::new(body, Compression::fast()).read_to_end(&mut packed)?;
        Ok(Self {
            sha256: sha256_hex(body),
            packed,
        })
    }

    /// The bytes as they were received.
    pub fn unpack(packed: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::new();
        DeflateDecoder::new(packed)
            .take(LARGEST_REPORT as u64 + 1)
            .read_to_end(&mut body)?;
        Ok(body)
    }
}

/// A report that was parsed, judged well formed, and proved to be its host's.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The host, from the certificate.
    pub host: HostId,
    /// The certificate's incarnation.
    pub incarnation: u32,
    /// What the body says.
    pub report: Report,
    /// The body.
    pub body: PackedBody,
    /// The host's signature over the body, in hexadecimal.
    pub signature: String,
    /// When it was received.
    pub received_at: Timestamp,
}

/// What became of a report.
#[derive(Clone, Debug, PartialEq)]
pub enum Keep {
    /// It is on durable storage.
    Kept {
        /// Highest sequence kept.
        sequence: u64,
        /// Role of the host.
        role: Role,
        /// Findings that began, changed or ended.
        transitions: Vec<Transition>,
        /// Counts of each check that ran.
        tallies: Vec<CheckTally>,
    },
    /// It had been kept before.
    Duplicate {
        /// Highest sequence kept.
        sequence: u64,
    },
    /// It contradicts one that was kept.
    Fork {
        /// How.
        fork: Fork,
        /// Highest sequence kept.
        last: u64,
    },
    /// Reports before it are missing, and it doesn't say so.
    Gap {
        /// Highest sequence kept.
        last: u64,
    },
    /// Its host was revoked, or enrolled again, since the request began.
    Superseded,
}

/// How a report contradicts what was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fork {
    /// Another body was kept under this sequence.
    Body,
    /// Its `previous` is not the hash of the body kept before it.
    Previous,
}

/// What became of a batch.
#[derive(Clone, Debug)]
pub struct KeepReply {
    /// Of each report, in order.
    pub outcomes: Vec<Keep>,
    /// SHA-256 of the current plan.
    pub plan_sha256: Option<String>,
}

/// How a finding changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The check names this subject for the first time, or again.
    Opened,
    /// Status or severity changed.
    Changed,
    /// The check names this subject no longer.
    Closed,
}

impl Change {
    /// The name used in JSON and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Changed => "changed",
            Self::Closed => "closed",
        }
    }

    /// The change with a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Opened, Self::Changed, Self::Closed]
            .into_iter()
            .find(|change| change.name() == name)
    }
}

/// A change of one finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Transition {
    /// Catalogue id of the check.
    pub check: String,
    /// The thing judged.
    pub subject: String,
    /// How it changed.
    pub change: Change,
    /// Status before.
    pub before: Option<Status>,
    /// Status after.
    pub after: Option<Status>,
    /// Severity after, or before when it ended.
    pub severity: Severity,
    /// When the collector received it.
    pub at: Timestamp,
    /// Sequence of the report that told.
    pub sequence: u64,
}

/// How many findings of each kind a host has for one check, all received at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckTally {
    /// Catalogue id of the check.
    pub check: String,
    /// When the check was last heard from.
    pub received_at: Timestamp,
    /// Findings by status and severity.
    pub counts: Vec<(Status, Severity, u64)>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_body_is_kept_byte_for_byte(body in proptest::collection::vec(any::<u8>(), 0..5_000)) {
            let packed = PackedBody::pack(&body).unwrap();
            prop_assert_eq!(PackedBody::unpack(&packed.packed).unwrap(), body);
        }
    }
}
