//! The things the store keeps, as the rest of the collector sees them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plumbline_config::finding::{Finding, Status};
use plumbline_config::ident::{HostId, Role};
use plumbline_config::wire::{Os, PlanRef};
use serde::{Deserialize, Serialize};

use crate::access::{Access, Scope};
use crate::freshness::Cutoff;

/// A host.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// Id.
    pub id: HostId,
    /// Host name, as the host last gave it.
    pub name: String,
    /// Role, from the token it enrolled with.
    pub role: Role,
    /// Labels, from the token it enrolled with.
    pub labels: BTreeMap<String, String>,
    /// Operating system, as the host last gave it.
    pub os: Os,
    /// Version of its agent.
    pub agent_version: String,
    /// Number of its current enrolment, from 1.
    pub incarnation: u32,
    /// When that enrolment was.
    pub enrolled_at: Timestamp,
    /// When it was last heard from: its latest report or heartbeat, or its enrolment.
    pub heard_at: Timestamp,
    /// When all that is kept of it was last found so. `None`: never so far.
    pub looked_at: Option<Timestamp>,
    /// Plan that its latest findings were judged by.
    pub plan: Option<PlanRef>,
    /// By how much the host's clock was ahead of the collector's at its latest report, in milliseconds. Travel time
    /// and time in the spool make it smaller.
    pub clock_skew_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When a superseded identity of it last spoke: another machine may share its machine-id and name.
    pub conflict_at: Option<Timestamp>,
    /// Highest sequence kept in this incarnation.
    pub last_sequence: u64,
    /// Reports kept, over all incarnations.
    pub reports: u64,
    /// Reports that never came, by the host's own count: thinned from a full spool, or lost with a backup.
    pub missing_reports: u64,
    /// Reports refused because they contradicted one that was kept.
    pub forks: u64,
    /// When the certificate that ends last ends.
    pub certificate_not_after: Option<Timestamp>,
}

/// A token that hosts enrol with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolmentToken {
    /// Public name.
    pub id: String,
    /// SHA-256 of the token.
    pub sha256: String,
    /// Role of the hosts.
    pub role: Role,
    /// Labels of the hosts.
    pub labels: BTreeMap<String, String>,
    /// How many hosts it enrols.
    pub uses: u32,
    /// How many it has enrolled.
    pub used: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Why an enrolment token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRefusal {
    /// Never made here.
    Unknown,
    /// Its time is over.
    Expired,
    /// It enrolled as many hosts as it was made for.
    UsedUp,
}

/// A host that asks to be enrolled.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// SHA-256 of the token it brought.
    pub token_sha256: String,
    /// Host name.
    pub name: String,
    /// Machine hash; empty when it has none.
    pub machine: String,
    /// Operating system.
    pub os: Os,
    /// Version of its agent.
    pub agent_version: String,
    /// Id it gets unless it is known already.
    pub fresh_id: HostId,
    /// Serial number of its certificate.
    pub serial: String,
    /// Public key of its certificate.
    pub public_key: Vec<u8>,
    /// When the certificate ends.
    pub not_after: Timestamp,
    /// Now.
    pub at: Timestamp,
}

/// What an enrolment came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// The host.
    pub host: HostId,
    /// Number of this enrolment.
    pub incarnation: u32,
    /// Role, from the token.
    pub role: Role,
}

/// A certificate to be put on record before it is handed out.
#[derive(Clone, Debug)]
pub struct NewCertificate {
    /// Serial number, in hexadecimal.
    pub serial: String,
    /// Host.
    pub host: HostId,
    /// Incarnation.
    pub incarnation: u32,
    /// Uncompressed P-256 point.
    pub public_key: Vec<u8>,
    /// When it is made.
    pub issued_at: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
}

/// A certificate on record, with what decides whether it still opens anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRecord {
    /// Host.
    pub host: HostId,
    /// Incarnation it was made for.
    pub incarnation: u32,
    /// The host's incarnation now.
    pub current_incarnation: u32,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When its host was revoked.
    pub host_revoked_at: Option<Timestamp>,
    /// Role of the host.
    pub role: Role,
}

/// A finding as last reported.
#[derive(Clone, Debug, PartialEq)]
pub struct LatestFinding {
    /// Host.
    pub host: HostId,
    /// Its name.
    pub host_name: String,
    /// Its role.
    pub role: Role,
    /// Whether it is revoked.
    pub host_revoked: bool,
    /// The finding, with the status that was measured.
    pub finding: Finding,
    /// When the collector received it.
    pub received_at: Timestamp,
    /// Since when, by the collector's clock, it has had this status.
    pub since: Timestamp,
    /// When all that is kept of its host was last found so.
    pub looked_at: Option<Timestamp>,
    /// The waiver that covers it, as far as whoever asks has looked: the store knows of none.
    pub waived_by: Option<String>,
}

impl LatestFinding {
    /// The status that is shown.
    #[must_use]
    pub fn shown(&self, cutoff: Cutoff) -> Status {
        match cutoff.shown(self.finding.status, self.looked_at, self.host_revoked) {
            Status::Fail if self.waived_by.is_some() => Status::Waived,
            shown => shown,
        }
    }
}

/// A plan made current.
#[derive(Clone, Debug)]
pub struct PublishedPlan {
    /// Version and hash.
    pub reference: PlanRef,
    /// Exact text.
    pub toml: String,
    /// Ed25519 signature over the text, in hexadecimal.
    pub signature: String,
}

/// Which plan is current.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanSummary {
    /// Version text of the plan.
    pub version: String,
    /// SHA-256 of its text.
    pub sha256: String,
    /// When it was published.
    pub published_at: Timestamp,
    /// By whom.
    pub published_by: String,
}

/// A token that opens the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Public name.
    pub id: String,
    /// SHA-256 of the token.
    pub sha256: String,
    /// What its holder may do.
    pub access: Access,
    /// Where its holder may do it; empty: wherever the role may.
    pub scopes: Vec<Scope>,
    /// What it is for, in the words of who made it.
    pub note: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; `None`: when it is revoked.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the hour.
    pub used_at: Option<Timestamp>,
}

/// Something a person did: kept in the same transaction as what it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// When.
    pub at: Timestamp,
    /// Who: `cli:uid-0`, `api:` and the public name of a token, `user:` and a name, or `address:` and where an unknown
    /// person was.
    pub who: String,
    /// What, such as `host.revoke`.
    pub what: String,
    /// To what.
    pub on: String,
}
