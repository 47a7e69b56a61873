//! What is known of a host, as far as its reports change it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use plumbline_config::ident::{HostId, Role};
use plumbline_config::state::StateSum;
use plumbline_config::wire::{Os, PlanRef};

use crate::store::Incoming;
use crate::store::tally::Tally;
use crate::store::totals::Standing;

/// When a host was last heard from, and when its findings were last known to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Pulse {
    /// Its latest report or heartbeat, or its enrolment.
    pub(in crate::store) heard_at: Timestamp,
    /// Every finding that is kept of it was still found then. `None`: never so far.
    pub(in crate::store) looked_at: Option<Timestamp>,
    /// It counts as silent.
    pub(in crate::store) silent: bool,
    /// Its findings count as overdue.
    pub(in crate::store) overdue: bool,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct HostRow {
    pub(in crate::store) id: HostId,
    pub(in crate::store) role: Role,
    pub(in crate::store) incarnation: u32,
    pub(in crate::store) revoked: bool,
    pub(in crate::store) last_sequence: u64,
    pub(in crate::store) last_sha256: Option<String>,
    pub(in crate::store) name: String,
    pub(in crate::store) os: Os,
    pub(in crate::store) agent_version: String,
    pub(in crate::store) clock_skew_ms: Option<i64>,
    pub(in crate::store) plan: Option<PlanRef>,
    pub(in crate::store) sum: StateSum,
    pub(in crate::store) reports: u64,
    pub(in crate::store) missing_reports: u64,
    pub(in crate::store) forks: u64,
    pub(in crate::store) pulse: Pulse,
    pub(in crate::store) tally: Tally,
    /// Bodies of this batch, by sequence: they are not in the database yet.
    pub(in crate::store) taken: BTreeMap<u64, String>,
}

impl HostRow {
    /// Takes note of a report that is the next of the chain.
    pub(super) fn advance(&mut self, incoming: &Incoming, missing: u64) {
        let report = &incoming.report;
        self.last_sequence = report.sequence;
        self.last_sha256 = Some(incoming.body.sha256.clone());
        self.taken.insert(report.sequence, incoming.body.sha256.clone());
        self.reports += 1;
        self.missing_reports = self.missing_reports.saturating_add(missing);
        self.agent_version.clone_from(&report.agent_version);
        let skew = report.sealed_at.duration_since(incoming.received_at);
        self.clock_skew_ms = Some(i64::try_from(skew.as_millis()).unwrap_or(i64::MAX));
        self.pulse.heard_at = self.pulse.heard_at.max(incoming.received_at);
        self.pulse.silent = false;
        if let Some(assessment) = &report.assessment {
            self.name.clone_from(&assessment.host.name);
            self.os.clone_from(&assessment.host.os);
            self.plan = Some(assessment.plan.clone());
        }
    }

    /// Compares the state after a report with the one that the host says it has; `true`: they differ. Where they are
    /// the same, what is kept of the host stands as of its latest look.
    pub(super) fn sync(&mut self, incoming: &Incoming) -> bool {
        let Some(state) = &incoming.report.state else {
            return false;
        };
        if *state != self.digest() {
            return true;
        }
        if let Some(age) = incoming.report.looked_age_seconds {
            self.pulse.looked(incoming.received_at, age);
        }
        false
    }

    /// The digest of the state that is kept.
    pub(in crate::store) fn digest(&self) -> String {
        let none = PlanRef {
            version: String::new(),
            sha256: String::new(),
        };
        self.sum
            .digest(self.plan.as_ref().unwrap_or(&none), &self.name, &self.os)
    }

    /// What of it decides how it counts, its findings aside.
    pub(super) fn standing(&self) -> (Role, bool, bool, bool) {
        (self.role, self.revoked, self.pulse.silent, self.pulse.overdue)
    }

    /// As it counts in the totals.
    pub(in crate::store) fn as_counted(&self) -> Standing<'_> {
        Standing {
            role: self.role,
            revoked: self.revoked,
            silent: self.pulse.silent,
            overdue: self.pulse.overdue,
            tally: &self.tally,
        }
    }
}

impl Pulse {
    /// The findings stood `age_seconds` before `at`.
    pub(in crate::store) fn looked(&mut self, at: Timestamp, age_seconds: u64) {
        let looked_at = looked_at(at, age_seconds);
        self.looked_at = Some(self.looked_at.map_or(looked_at, |before| before.max(looked_at)));
        self.overdue = false;
    }
}

/// The moment `age_seconds` before `at`.
pub(crate) fn looked_at(at: Timestamp, age_seconds: u64) -> Timestamp {
    let age = SignedDuration::from_secs(i64::try_from(age_seconds).unwrap_or(i64::MAX));
    at.saturating_sub(age).unwrap_or(Timestamp::MIN)
}
