//! What Prometheus reads. Bounded whatever the number of hosts: no host, user, address or message is ever a label.

mod process;
mod tally;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use plumbline_config::finding::{Finding, Status};
use plumbline_config::ident::Role;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::freshness::{Cutoff, HostState};
use crate::store::{Change, Incoming, Keep, Store, StoreError};
use process::Process;
use tally::Tally;

/// The check whose findings are abnormal logins.
const ABNORMAL_LOGINS: &str = "logins.abnormal";

/// The kinds of abnormal login that may be a label; anything else is `other`.
const ANOMALIES: [&str; 11] = [
    "brute-force",
    "password-spraying",
    "success-after-failures",
    "first-seen-source",
    "first-seen-user",
    "off-hours",
    "root-login",
    "dormant-account",
    "impossible-pace",
    "new-privileged-account",
    "privilege-escalation",
];

/// Upper bounds of the request histogram, in seconds.
const DURATIONS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// All metrics of the collector.
pub(crate) struct Metrics {
    registry: Registry,
    hosts: IntGaugeVec,
    findings: IntGaugeVec,
    anomalies: IntCounterVec,
    reports: IntCounterVec,
    requests: HistogramVec,
    tally: Mutex<Tally>,
}

impl Metrics {
    /// Metrics that begin with what the store holds.
    pub(crate) fn new(store: &dyn Store) -> Result<Self, MetricsError> {
        let gauge = |name: &str, help: &str, labels: &[&str]| IntGaugeVec::new(Opts::new(name, help), labels);
        let counter =
            |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let metrics = Self {
            registry: Registry::new(),
            hosts: gauge("plumbline_hosts", "Hosts by role and state.", &["role", "state"])?,
            findings: gauge(
                "plumbline_findings",
                "Latest findings as shown: those too old to be trusted are stale.",
                &["check", "role", "status", "severity"],
            )?,
            anomalies: counter(
                "plumbline_login_anomalies_total",
                "Abnormal logins reported since the collector started.",
                &["kind", "role"],
            )?,
            reports: counter(
                "plumbline_reports_received_total",
                "Reports by what became of them, since the collector started.",
                &["result"],
            )?,
            requests: HistogramVec::new(
                HistogramOpts::new(
                    "plumbline_http_request_duration_seconds",
                    "HTTP requests by time to answer.",
                )
                .buckets(DURATIONS.to_vec()),
                &["listener", "method", "route", "status"],
            )?,
            tally: Mutex::new(Tally::load(store)?),
        };
        let registry = &metrics.registry;
        registry.register(Box::new(metrics.hosts.clone()))?;
        registry.register(Box::new(metrics.findings.clone()))?;
        registry.register(Box::new(metrics.anomalies.clone()))?;
        registry.register(Box::new(metrics.reports.clone()))?;
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(Process))?;
        // What the counter will mostly count is there from the start, so that a rate over it has a beginning.
        for result in ["kept", "duplicate"] {
            metrics.reports.with_label_values(&[result]);
        }
        Ok(metrics)
    }

    /// Counts a report by what became of it.
    pub(crate) fn report(&self, result: &str) {
        self.reports.with_label_values(&[result]).inc();
    }

    /// Times a request. `route` is the pattern that matched, never the path itself.
    pub(crate) fn request(&self, listener: &str, method: &str, route: &str, status: u16, took: Duration) {
        self.requests
            .with_label_values(&[listener, method, route, &status.to_string()])
            .observe(took.as_secs_f64());
    }

    /// Takes note of a report that was committed.
    pub(crate) fn committed(&self, incoming: &Incoming, keep: &Keep) {
        let Keep::Kept {
            role,
            transitions,
            tallies,
            ..
        } = keep
        else {
            return;
        };
        self.tally()
            .report(&incoming.host, *role, incoming.received_at, tallies);
        let began = transitions.iter().filter(|transition| {
            transition.check == ABNORMAL_LOGINS
                && transition.change != Change::Closed
                && transition.after == Some(Status::Fail)
        });
        let findings = incoming
            .report
            .assessment
            .iter()
            .flat_map(|assessment| &assessment.findings);
        for transition in began {
            let finding = findings
                .clone()
                .find(|finding| finding.check == ABNORMAL_LOGINS && finding.subject == transition.subject);
            let kind = finding.map_or("other", anomaly);
            self.anomalies.with_label_values(&[kind, role.name()]).inc();
        }
    }

    /// The text that Prometheus reads.
    pub(crate) fn render(&self, store: &dyn Store, cutoff: Cutoff) -> Result<String, MetricsError> {
        let mut tally = self.tally();
        tally.follow_hosts(store)?;
        tally.age(cutoff);
        self.hosts.reset();
        for role in Role::ALL {
            for state in HostState::ALL {
                let number = tally.hosts(role, state);
                self.hosts
                    .with_label_values(&[role.name(), state.name()])
                    .set(number);
            }
        }
        self.findings.reset();
        for (kind, number) in tally.findings() {
            let labels = [
                kind.check,
                kind.role.name(),
                kind.status.name(),
                kind.severity.name(),
            ];
            self.findings.with_label_values(&labels).set(number);
        }
        drop(tally);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        // Counts a thread left half-way are off by one report at most; better than no metrics.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The kind of abnormal login that a finding tells of.
fn anomaly(finding: &Finding) -> &'static str {
    let kind = finding.evidence.get("kind").and_then(|kind| kind.as_str());
    ANOMALIES
        .into_iter()
        .find(|known| kind == Some(*known))
        .unwrap_or("other")
}

/// Why there are no metrics.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The metrics library refused.
    #[error("cannot make the metrics: {0}")]
    Prometheus(#[from] prometheus::Error),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
