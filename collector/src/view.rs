//! Hosts and findings as people and programs are shown them: what is stored, and how old it is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use plumbline_config::catalogue;
use plumbline_config::finding::{Finding, Status};
use plumbline_config::ident::{HostId, Role};
use plumbline_config::wire::{Os, PlanRef};
use serde::Serialize;

use crate::freshness::{Cutoff, HostState};
use crate::records::incident::{Clock, IncidentState};
use crate::records::waiver::WaiverState;
use crate::records::{Incident, Refusal, Waiver};
use crate::store::{EnrolmentToken, Host, LatestFinding};

/// A host.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct HostView {
    pub(crate) id: HostId,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) state: HostState,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) os: Os,
    pub(crate) agent_version: String,
    pub(crate) incarnation: u32,
    pub(crate) enrolled_at: Timestamp,
    pub(crate) heard_at: Timestamp,
    /// Since it was heard from.
    pub(crate) age_seconds: i64,
    /// When all that is known of it was last found so.
    pub(crate) looked_at: Option<Timestamp>,
    pub(crate) plan: Option<PlanRef>,
    /// Its clock ahead of the collector's, at its latest report.
    pub(crate) clock_skew_seconds: Option<f64>,
    pub(crate) certificate_not_after: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
    pub(crate) conflict_at: Option<Timestamp>,
    pub(crate) reports: u64,
    pub(crate) last_sequence: u64,
    pub(crate) missing_reports: u64,
    pub(crate) forks: u64,
}

impl HostView {
    /// The host as it stands at `now`.
    pub(crate) fn new(host: Host, cutoff: Cutoff, now: Timestamp) -> Self {
        Self {
            state: cutoff.host(host.heard_at, host.revoked_at.is_some()),
            age_seconds: age_seconds(host.heard_at, now),
            clock_skew_seconds: host.clock_skew_ms.map(seconds),
            id: host.id,
            name: host.name,
            role: host.role,
            labels: host.labels,
            os: host.os,
            agent_version: host.agent_version,
            incarnation: host.incarnation,
            enrolled_at: host.enrolled_at,
            heard_at: host.heard_at,
            looked_at: host.looked_at,
            plan: host.plan,
            certificate_not_after: host.certificate_not_after,
            revoked_at: host.revoked_at,
            conflict_at: host.conflict_at,
            reports: host.reports,
            last_sequence: host.last_sequence,
            missing_reports: host.missing_reports,
            forks: host.forks,
        }
    }
}

/// A finding with its host and its age. `status` is what is shown, `measured_status` what the host said.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FindingView {
    pub(crate) host: HostRef,
    #[serde(flatten)]
    pub(crate) finding: Finding,
    pub(crate) measured_status: Status,
    /// The waiver that covers it.
    pub(crate) waived_by: Option<String>,
    /// Since the host was last known to find the same.
    pub(crate) age_seconds: i64,
    /// When the finding came, or last changed.
    pub(crate) received_at: Timestamp,
    /// Since when it has had the measured status.
    pub(crate) since: Timestamp,
    /// Whether this collector's catalogue has the check; a newer agent may run others.
    pub(crate) known_check: bool,
}

/// The host of a finding.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct HostRef {
    pub(crate) id: HostId,
    pub(crate) name: String,
    pub(crate) role: Role,
}

impl FindingView {
    /// The finding as it stands at `now`.
    pub(crate) fn new(latest: LatestFinding, cutoff: Cutoff, now: Timestamp) -> Self {
        let shown = latest.shown(cutoff);
        let mut finding = latest.finding;
        let measured_status = finding.status;
        finding.status = shown;
        Self {
            host: HostRef {
                id: latest.host,
                name: latest.host_name,
                role: latest.role,
            },
            known_check: catalogue::check(&finding.check).is_some(),
            finding,
            measured_status,
            waived_by: latest.waived_by,
            age_seconds: age_seconds(latest.looked_at.unwrap_or(latest.received_at), now),
            received_at: latest.received_at,
            since: latest.since,
        }
    }
}

/// What somebody put on record, as it stands.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RecordView<T> {
    pub(crate) id: String,
    #[serde(flatten)]
    pub(crate) record: T,
}

/// A waiver as it stands on a day.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WaiverView {
    pub(crate) state: WaiverState,
    #[serde(flatten)]
    pub(crate) waiver: Waiver,
}

/// An incident as it stands at a moment.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct IncidentView {
    pub(crate) state: IncidentState,
    #[serde(flatten)]
    pub(crate) clock: Clock,
    #[serde(flatten)]
    pub(crate) incident: Incident,
}

impl<T> RecordView<T> {
    /// The one with this id among these, as it is shown; `what` they are, for whoever asks for one that there is not.
    pub(crate) fn find<R: Clone>(
        all: &BTreeMap<String, R>,
        what: &'static str,
        id: &str,
        show: impl FnOnce(R) -> T,
    ) -> Result<Self, Refusal> {
        let record = all.get(id).cloned().ok_or_else(|| unknown(what, id))?;
        Ok(Self {
            id: id.to_owned(),
            record: show(record),
        })
    }
}

/// Names that were written are repeated so far, in characters.
const REPEATED: usize = 80;

/// There is nothing of that name.
pub(crate) fn unknown(what: &'static str, id: &str) -> Refusal {
    Refusal::Unknown {
        what,
        id: id.chars().take(REPEATED).collect(),
    }
}

impl WaiverView {
    /// The waiver as it stands on a day.
    pub(crate) fn on(day: Date, waiver: Waiver) -> Self {
        Self {
            state: waiver.state(day),
            waiver,
        }
    }
}

impl IncidentView {
    /// The incident as it stands at a moment.
    pub(crate) fn at(now: Timestamp, incident: Incident) -> Self {
        Self {
            state: incident.state(),
            clock: incident.clock(now),
            incident,
        }
    }
}

/// An enrolment token without its secret.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TokenView {
    pub(crate) id: String,
    pub(crate) role: Role,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) uses: u32,
    pub(crate) used: u32,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl From<EnrolmentToken> for TokenView {
    fn from(token: EnrolmentToken) -> Self {
        Self {
            id: token.id,
            role: token.role,
            labels: token.labels,
            uses: token.uses,
            used: token.used,
            created_at: token.created_at,
            expires_at: token.expires_at,
        }
    }
}

fn age_seconds(then: Timestamp, now: Timestamp) -> i64 {
    now.duration_since(then).as_secs().max(0)
}

fn seconds(milliseconds: i64) -> f64 {
    // Skews beyond three weeks are one as good as the other.
    let milliseconds = milliseconds.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
    i32::try_from(milliseconds).map_or(0.0, f64::from) / 1_000.0
}
