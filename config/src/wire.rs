//! What travels between agent and collector, as JSON over mutual TLS.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST /agent/v1/enroll` (no client certificate; the token is the credential) | [`EnrollRequest`] | [`EnrollReply`] |
//! | `POST /agent/v1/renew` | [`RenewRequest`] | [`RenewReply`] |
//! | `POST /agent/v1/reports` (header [`SIGNATURE_HEADER`]) | [`Report`] | [`Ack`] |
//! | `GET /agent/v1/plan` (`If-None-Match: "sha256"`) | – | [`SignedPlan`], or 304 |
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
    /// What was found. `None`: a heartbeat, the host lives and nothing ran since the last report.
    pub assessment: Option<Assessment>,
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
