//! What Prometheus reads. Bounded whatever the number of hosts: no host, user, address or message is ever a label.

mod anomalies;
mod process;
mod tally;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plumbline_config::ident::Role;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::checklist::Checklist;
use crate::freshness::{Cutoff, HostState};
use crate::store::{Incoming, Keep, Store, StoreError};
use anomalies::Anomalies;
use process::Process;
use tally::Tally;

/// Upper bounds of the request histogram, in seconds.
const DURATIONS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// All metrics of the collector.
pub(crate) struct Metrics {
    registry: Registry,
    hosts: IntGaugeVec,
    findings: IntGaugeVec,
    items: IntGaugeVec,
    lines: IntGaugeVec,
    anomalies: IntCounterVec,
    reports: IntCounterVec,
    requests: HistogramVec,
    tally: Mutex<Tally>,
    begun: Mutex<Anomalies>,
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
            items: gauge(
                "plumbline_checklist_item",
                "Items of the Section 12 checklist: 1 at the status that each has.",
                &["item", "status"],
            )?,
            lines: gauge(
                "plumbline_checklist_line",
                "Requirement lines of the Section 12 checklist: 1 at the status that each has.",
                &["item", "line", "status"],
            )?,
            anomalies: counter(
                "plumbline_login_anomalies_total",
                "Abnormal logins that began since the collector started.",
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
            begun: Mutex::default(),
        };
        let registry = &metrics.registry;
        registry.register(Box::new(metrics.hosts.clone()))?;
        registry.register(Box::new(metrics.findings.clone()))?;
        registry.register(Box::new(metrics.items.clone()))?;
        registry.register(Box::new(metrics.lines.clone()))?;
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
        let Keep::Kept { role, tallies, .. } = keep else {
            return;
        };
        lock(&self.tally).report(&incoming.host, *role, incoming.received_at, tallies);
        if let Some(assessment) = &incoming.report.assessment {
            for kind in lock(&self.begun).begun(&incoming.host, assessment) {
                self.anomalies.with_label_values(&[kind, role.name()]).inc();
            }
        }
    }

    /// The text that Prometheus reads.
    pub(crate) fn render(
        &self,
        store: &dyn Store,
        cutoff: Cutoff,
        checklist: &Checklist,
    ) -> Result<String, MetricsError> {
        let mut tally = lock(&self.tally);
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
        self.items.reset();
        self.lines.reset();
        for item in &checklist.items {
            let number = item.number.to_string();
            self.items
                .with_label_values(&[&number, item.status.name()])
                .set(1);
            for line in &item.lines {
                self.lines
                    .with_label_values(&[&number, &line.id, line.status.name()])
                    .set(1);
            }
        }
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        // Held until here: another scrape would set the gauges to zero in between.
        drop(tally);
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// What a thread left half-way is off by one report at most; better than no metrics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
