//! A report on its way into the store, and what became of it.

use std::io::Read;

use flate2::Compression;
use flate2::bufread::{DeflateDecoder, DeflateEncoder};
use jiff::Timestamp;
use plumbline_config::finding::{Finding, Severity, Status};
use plumbline_config::ident::{HostId, Role};
use plumbline_config::seal::sha256_hex;
use plumbline_config::state::FindingHash;
use plumbline_config::wire::{LARGEST_REPORT, Report};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use serde::Serialize;

use super::intake::HostRow;

/// How a body is packed for keeping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// RFC 1951, packed here.
    Deflate,
    /// RFC 8878, packed by the host and kept as it came.
    Zstd,
}

impl Packing {
    /// The name used in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
        }
    }

    /// The packing with a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Deflate, Self::Zstd]
            .into_iter()
            .find(|packing| packing.name() == name)
    }
}

/// The exact bytes of a report's body, packed for keeping: findings repeat themselves, and five years of them take a
/// tenth of the room.
#[derive(Clone, Debug)]
pub struct PackedBody {
    /// SHA-256 of the bytes before packing, in hexadecimal.
    pub sha256: String,
    /// How they are packed.
    pub packing: Packing,
    /// The packed bytes.
    pub packed: Vec<u8>,
}

/// A host's own packing of more than so many bytes into one is taken for a trap: findings reach some tens.
const DENSEST: usize = 256;

/// Bytes that may come out whatever went in.
const LOOSE: usize = 64 * 1024;

impl PackedBody {
    /// Packs a body.
    pub fn pack(body: &[u8]) -> std::io::Result<Self> {
        let mut packed = Vec::new();
        DeflateEncoder::new(body, Compression::fast()).read_to_end(&mut packed)?;
        Ok(Self {
            sha256: sha256_hex(body),
            packing: Packing::Deflate,
            packed,
        })
    }

    /// Takes a body that came packed; `None`: what it unpacks to is not sound, or larger than a report may be.
    #[must_use]
    pub fn packed_by_host(packed: Vec<u8>) -> Option<(Self, Vec<u8>)> {
        let body = unpack(Packing::Zstd, &packed).ok()?;
        if body.len() > (packed.len().saturating_mul(DENSEST) + LOOSE).min(LARGEST_REPORT) {
            return None;
        }
        let this = Self {
            sha256: sha256_hex(&body),
            packing: Packing::Zstd,
            packed,
        };
        Some((this, body))
    }
}

/// The bytes of a body as they were signed, at most one more than it may have.
pub(crate) fn unpack(packing: Packing, packed: &[u8]) -> std::io::Result<Vec<u8>> {
    let most = match packing {
        Packing::Deflate => LARGEST_REPORT,
        Packing::Zstd => (packed.len().saturating_mul(DENSEST) + LOOSE).min(LARGEST_REPORT),
    };
    let most = most as u64 + 1;
    let mut body = Vec::new();
    match packing {
        Packing::Deflate => DeflateDecoder::new(packed).take(most).read_to_end(&mut body)?,
        Packing::Zstd => {
            let mut frames = FrameDecoder::new();
            let decoder =
                StreamingDecoder::new_with_decoder(packed, &mut frames).map_err(std::io::Error::other)?;
            decoder.take(most).read_to_end(&mut body)?
        }
    };
    Ok(body)
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
    /// Of the findings, in their order: made by whoever receives a report, since one thread keeps them all.
    hashes: Vec<FindingHash>,
}

impl Incoming {
    /// A report of a host's incarnation, with its body and the signature over it.
    #[must_use]
    pub fn new(
        (host, incarnation): (HostId, u32),
        report: Report,
        body: PackedBody,
        signature: String,
        received_at: Timestamp,
    ) -> Self {
        let findings = report
            .assessment
            .iter()
            .flat_map(|assessment| &assessment.findings);
        Self {
            hashes: findings.map(FindingHash::of).collect(),
            host,
            incarnation,
            report,
            body,
            signature,
            received_at,
        }
    }

    /// The hash of the finding that stands at a place in the assessment.
    pub(super) fn hash(&self, place: usize, finding: &Finding) -> FindingHash {
        let made = self.hashes.get(place).copied();
        made.unwrap_or_else(|| FindingHash::of(finding))
    }
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
        /// The host's state is another than what is kept now.
        resync: bool,
        /// Digest of what is kept now.
        state: String,
    },
    /// It had been kept before.
    Duplicate {
        /// Highest sequence kept.
        sequence: u64,
        /// Digest of what is kept now.
        state: String,
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

/// A host lives, and what is kept of it still stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The host.
    pub host: HostId,
    /// When it was heard.
    pub heard_at: Timestamp,
    /// When all that is kept of it was last found so; `None`: it doesn't say.
    pub looked_at: Option<Timestamp>,
}

/// What a heartbeat is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Number of the host's current enrolment.
    pub incarnation: u32,
    /// Highest sequence kept.
    pub sequence: u64,
    /// Digest of the state that is kept.
    pub state: String,
}

impl Presence {
    pub(super) fn of(host: &HostRow) -> Self {
        Self {
            incarnation: host.incarnation,
            sequence: host.last_sequence,
            state: host.digest(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ruzstd::encoding::CompressionLevel;

    use super::*;

    proptest! {
        #[test]
        fn a_body_is_kept_byte_for_byte(body in proptest::collection::vec(any::<u8>(), 0..5_000)) {
            let packed = PackedBody::pack(&body).unwrap();
            prop_assert_eq!(&unpack(packed.packing, &packed.packed).unwrap(), &body);
            let zstd = ruzstd::encoding::compress_to_vec(body.as_slice(), CompressionLevel::Fastest);
            let (by_host, unpacked) = PackedBody::packed_by_host(zstd).unwrap();
            prop_assert_eq!(unpacked, body);
            prop_assert_eq!(by_host.sha256, packed.sha256);
        }

        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let _answered = PackedBody::packed_by_host(bytes);
        }
    }
}
