//! What travels between agent and collector, as JSON over mutual TLS.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST /agent/v1/enroll` (no client certificate; the token is the credential) | [`EnrollRequest`] | [`EnrollReply`] |
//! | `POST /agent/v1/renew` | [`RenewRequest`] | [`RenewReply`] |
//! | `POST /agent/v1/reports` (header [`SIGNATURE_HEADER`]) | [`Report`] | [`Ack`] |
//! | `POST /agent/v1/heartbeat` | [`Heartbeat`] | [`HeartbeatReply`] |
//! | `GET /agent/v1/plan` (`If-None-Match: "sha256"`) | – | [`SignedPlan`], or 304 |
//! | `POST /agent/v1/proof` | [`ProofRequest`](crate::outside::ProofRequest) | [`ProofReply`](crate::outside::ProofReply) |
//! | `GET /agent/v1/proof/consents` (a prover) | – | list of [`Consent`](crate::outside::Consent) |
//! | `GET /agent/v1/proof/found` | – | list of [`Testimony`](crate::outside::Testimony) |
//!
//! # Cost grows with change
//!
//! A host sends what changed ([`Scope::Changes`]) and, in between, heartbeats that carry the digest of all its findings
//! ([`crate::state`]). Both sides keep that digest step by step; where they differ the collector asks for a resync and
//! the host sends everything once. Report bodies may be compressed (`Content-Encoding: zstd`, RFC 8878); the signature
//! and the hashes are of the bytes before.
//!
//! Refusals are `application/problem+json` ([`Problem`]). 429 and 503 carry `Retry-After`: the report was not kept and
//! is to be sent again. Any other 4xx is final for that body.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::ident::{HostId, Role};

/// Header of `POST /agent/v1/reports`: the DER ECDSA P-256 signature over the exact body, in hexadecimal
/// ([`crate::seal`]).
pub const SIGNATURE_HEADER: &str = "plumbline-signature";

/// Largest report body, in bytes.
pub const LARGEST_REPORT: usize = 4 * 1024 * 1024;

/// Most findings one check may give; past it the check says so in one `error` finding.
pub const MOST_FINDINGS_PER_CHECK: usize = 1_000;

/// The `previous` of a host's first report: the hash of nothing that came before.
pub const FIRST_PREVIOUS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The operating system a host runs, from `/etc/os-release` and the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Os {
    /// `ID`, such as `debian`.
    pub id: String,
    /// `VERSION_ID`, such as `12`; empty on rolling systems.
    pub version: String,
    /// `PRETTY_NAME`.
    pub name: String,
    /// Release of the running kernel.
    pub kernel: String,
    /// Machine architecture as the kernel names it, such as `x86_64`.
    pub architecture: String,
}

/// The host that a report is about. The collector takes the identity from the certificate and refuses another here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostInfo {
    /// The enrolled id; `None` on a host that is not enrolled.
    pub id: Option<HostId>,
    /// Host name.
    pub name: String,
    /// Role it is judged by.
    pub role: Role,
    /// Operating system.
    pub os: Os,
}

/// The plan that findings were judged against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRef {
    /// The plan's own version text.
    pub version: String,
    /// SHA-256 of the plan file's bytes, in hexadecimal.
    pub sha256: String,
}

/// What `check --format json` prints, and the heart of every [`Report`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// The host looked at.
    pub host: HostInfo,
    /// The plan judged against.
    pub plan: PlanRef,
    /// Host clock when looking began.
    pub started_at: Timestamp,
    /// Host clock when judging ended.
    pub finished_at: Timestamp,
    /// Catalogue ids of the checks that ran: the findings below are all that these say now, and replace what they
    /// said before.
    pub checks: Vec<String>,
    /// Their findings.
    pub findings: Vec<Finding>,
    /// Whether the findings are all that the checks say, or what changed of it.
    #[serde(default, skip_serializing_if = "Scope::is_checks")]
    pub scope: Scope,
    /// With [`Scope::Changes`]: findings that are no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<FindingRef>,
    /// All checks that the host runs: findings of any other are no more. In the first report of a resync.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_checks: Option<Vec<String>>,
}

/// What an assessment's findings are of its checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// All that the checks say now; they replace what these said before.
    #[default]
    Checks,
    /// Those that are new or different. The checks' other findings stand as they were.
    Changes,
}

impl Scope {
    /// Whether it is [`Scope::Checks`].
    #[must_use]
    pub const fn is_checks(&self) -> bool {
        matches!(self, Self::Checks)
    }
}

/// Which finding: a host has one for each check and subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FindingRef {
    /// Catalogue id of the check.
    pub check: String,
    /// The thing judged.
    pub subject: String,
}

/// One numbered, chained message from a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Which enrolment of the host this is, from 1. A re-installed host gets the next one.
    pub incarnation: u32,
    /// 1, 2, 3 … within the incarnation, without gaps.
    pub sequence: u64,
    /// SHA-256 of the body bytes of report `sequence - 1`; [`FIRST_PREVIOUS`] for the first.
    pub previous: String,
    /// Version of the agent program.
    pub agent_version: String,
    /// Host clock when the report was sealed.
    pub sealed_at: Timestamp,
    /// What was found. `None`: nothing changed; the report keeps on record that the state stands.
    pub assessment: Option<Assessment>,
    /// Digest of the host's state after this report. `None` within a resync of several reports, but for the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Seconds since the oldest of the looks behind that state, when the report was sealed. `None`: not every check
    /// has looked yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_age_seconds: Option<u64>,
    /// Reports thinned from a full spool since the last one that got through, so that a gap is named.
    #[serde(default)]
    pub dropped_reports: u64,
}

/// The collector has this report, and all before it, on durable storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Highest sequence kept for this incarnation.
    pub sequence: u64,
    /// The report had been kept before: this was a re-post.
    pub duplicate: bool,
    /// SHA-256 of the plan the collector holds, so that the agent knows when to fetch; `None` when none is published.
    pub plan_sha256: Option<String>,
    /// The states differ: send everything.
    #[serde(default)]
    pub resync: bool,
}

/// The host lives, and its state is still the one that the collector knows. Not kept as evidence; a host that has
/// nothing to report for long sends a [`Report`] without an assessment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Which enrolment of the host this is.
    pub incarnation: u32,
    /// Number of the last report that the collector confirmed.
    pub sequence: u64,
    /// Digest of the host's state as of that report.
    pub state: String,
    /// Seconds since the oldest of the looks behind that state. `None`: not every check has looked yet.
    pub looked_age_seconds: Option<u64>,
    /// Version of the agent program.
    pub agent_version: String,
    /// Host clock.
    pub sent_at: Timestamp,
}

/// The answer to a [`Heartbeat`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatReply {
    /// Highest sequence kept for this incarnation.
    pub sequence: u64,
    /// The states differ: send everything.
    pub resync: bool,
    /// SHA-256 of the plan the collector holds.
    pub plan_sha256: Option<String>,
}

/// Asks for an identity with a one-time token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnrollRequest {
    /// The token, as `token create` printed it.
    pub token: String,
    /// Certificate signing request over a key made on the host, in PEM. Its subject is ignored.
    pub csr_pem: String,
    /// Host name.
    pub name: String,
    /// SHA-256 of a fixed prefix and `/etc/machine-id`, in hexadecimal: tells a re-installation from a new host
    /// without giving the id away. Empty when the host has none.
    pub machine: String,
    /// Operating system.
    pub os: Os,
    /// Version of the agent program.
    pub agent_version: String,
}

/// A new identity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnrollReply {
    /// The id, also the certificate's common name.
    pub host_id: HostId,
    /// Number of this enrolment of the host.
    pub incarnation: u32,
    /// Role that the token was made for.
    pub role: Role,
    /// Client certificate, PEM.
    pub certificate_pem: String,
    /// The collector's CA certificate, PEM.
    pub ca_pem: String,
    /// Base URL of the agents' listener (mutual TLS).
    pub agent_url: String,
    /// The collector's Ed25519 public key that plans are signed with, in hexadecimal.
    pub plan_key: String,
}

/// Asks for a fresh certificate before the old one ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RenewRequest {
    /// Certificate signing request, PEM, over the same or a new key.
    pub csr_pem: String,
}

/// A fresh certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RenewReply {
    /// Client certificate, PEM.
    pub certificate_pem: String,
}

/// The plan as the collector hands it out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignedPlan {
    /// The plan file's exact text.
    pub toml: String,
    /// SHA-256 of that text, in hexadecimal.
    pub sha256: String,
    /// Ed25519 signature over the text, in hexadecimal, by the key given at enrolment.
    pub signature: String,
}

/// A refusal, as RFC 9457 has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `about:blank#` and a short kebab-case name of the kind of refusal.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for people, in English.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What was wrong with this request, and the mend.
    pub detail: String,
}
