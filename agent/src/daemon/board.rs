//! What the daemon says of itself, to `status` and to the metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use plumbline_config::ident::{HostId, Role};
use serde::{Deserialize, Serialize};

use plumbline_facts::logins::Drill;

use crate::plan::Source;
use crate::spool::Depth;

/// Something that went wrong, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Host clock.
    pub at: Timestamp,
    /// One sentence.
    pub message: String,
}

impl Trouble {
    /// Something that went wrong now.
    #[must_use]
    pub fn now(message: impl Into<String>) -> Self {
        Self {
            at: Timestamp::now(),
            message: message.into(),
        }
    }
}

/// The state of the daemon, as the status socket gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Version of the program.
    pub agent_version: String,
    /// Process id.
    pub pid: u32,
    /// When the daemon started.
    pub started_at: Timestamp,
    /// The enrolled id.
    pub host_id: HostId,
    /// Number of the enrolment.
    pub incarnation: u32,
    /// Role that the host is judged by.
    pub role: Role,
    /// The plan in force.
    pub plan: PlanStatus,
    /// The client certificate.
    pub certificate: CertificateStatus,
    /// Delivery to the collector.
    pub sync: SyncStatus,
    /// The spool.
    #[serde(flatten)]
    pub spool: Depth,
    /// Watching files.
    pub watch: WatchStatus,
    /// The last trouble with running checks or keeping what they said.
    pub run_error: Option<Trouble>,
    /// Each check.
    pub checks: BTreeMap<String, CheckStatus>,
    /// The last drill since the daemon started.
    #[serde(default)]
    pub drill: Option<DrillStatus>,
}

/// A drill, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillStatus {
    /// The drill.
    #[serde(flatten)]
    pub drill: Drill,
    /// What the check of logins last said of it, once that is kept.
    pub stage: DrillStage,
}

/// How far a drill has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DrillStage {
    /// Asked for, and nothing is said of it yet.
    Asked,
    /// The check knows of it.
    Announced,
    /// Its attempts were found.
    Detected,
    /// Its time is over.
    Missed,
}

/// The plan in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlanStatus {
    /// Its version text.
    pub version: String,
    /// SHA-256 of its text.
    pub sha256: String,
    /// Where it comes from.
    pub source: Source,
    /// Why the last plan that was offered was not taken.
    pub error: Option<Trouble>,
}

/// The client certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CertificateStatus {
    /// When it ends.
    pub not_after: Timestamp,
    /// From when it is renewed.
    pub renew_at: Timestamp,
    /// Why the last renewal failed; `None` once one worked.
    pub error: Option<Trouble>,
}

/// Delivery to the collector.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SyncStatus {
    /// Base URL.
    pub collector: String,
    /// Assessments that the collector confirmed since the daemon started.
    pub delivered_assessments: u64,
    /// When the collector last confirmed a report or answered a heartbeat.
    pub last_success_at: Option<Timestamp>,
    /// When the collector last answered a heartbeat.
    pub last_heartbeat_at: Option<Timestamp>,
    /// Why the last attempt failed; `None` once one worked.
    pub error: Option<Trouble>,
    /// When the next attempt is due, after one that failed.
    pub next_attempt_at: Option<Timestamp>,
    /// The collector goes on asking for everything though it was sent; `None` once it agrees.
    pub resync_error: Option<Trouble>,
}

/// Watching files.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct WatchStatus {
    /// Directories watched.
    pub directories: usize,
    /// How often watching broke and was started again.
    pub restarts: u64,
    /// What last went wrong.
    pub error: Option<Trouble>,
}

/// One check.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CheckStatus {
    /// When it last ran.
    pub last_run_at: Option<Timestamp>,
    /// When it last ran and could look at all it needs.
    pub last_success_at: Option<Timestamp>,
    /// When it runs next, changes aside.
    pub next_run_at: Option<Timestamp>,
    /// How long it took, the reading of what it needs included.
    pub duration_seconds: f64,
    /// Its findings, by status.
    pub findings: BTreeMap<String, u64>,
}

/// The one place that the parts of the daemon write their state to.
#[derive(Debug)]
pub struct Board(Mutex<Status>);

impl Board {
    pub(super) const fn new(status: Status) -> Self {
        Self(Mutex::new(status))
    }

    /// The state now.
    pub fn read(&self) -> Status {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
