//! What Prometheus reads. Bounded whatever the number of hosts: no host, user, address or message is ever a label.

mod anomalies;
mod process;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use plumbline_config::ident::Role;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::anchor;
use crate::checklist;
use crate::freshness::HostState;
use crate::records::action::Stage;
use crate::records::day_of;
use crate::records::incident::IncidentState;
use crate::records::waiver::WaiverState;
use crate::report::Report;
use crate::store::{Counted, Incoming, Keep, KeptCheckpoint, Totals};
use anomalies::Anomalies;
use process::Process;

/// Upper bounds of the request histogram, in seconds.
const DURATIONS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// All metrics of the collector.
pub(crate) struct Metrics {
    registry: Registry,
    hosts: IntGaugeVec,
    findings: IntGaugeVec,
    items: IntGaugeVec,
    lines: IntGaugeVec,
    attestations_due: IntGaugeVec,
    waivers: IntGaugeVec,
    actions: IntGaugeVec,
    incidents: IntGaugeVec,
    incident_deadline: IntGaugeVec,
    anomalies: IntCounterVec,
    reports: IntCounterVec,
    certificates: IntGaugeVec,
    heartbeats: IntCounterVec,
    requests: HistogramVec,
    ledger_size: IntGauge,
    ledger_checkpoint: IntGauge,
    anchors: IntGaugeVec,
    scraping: Mutex<()>,
    begun: Mutex<Anomalies>,
}

impl Metrics {
    /// Metrics that begin at zero.
    pub(crate) fn new() -> Result<Self, MetricsError> {
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
            attestations_due: gauge(
                "plumbline_attestation_due_timestamp_seconds",
                "When the next attestation of a line is due; 0: there was never one.",
                &["line"],
            )?,
            waivers: gauge("plumbline_waivers", "Waivers by state.", &["state"])?,
            actions: gauge(
                "plumbline_corrective_actions",
                "Corrective actions by stage.",
                &["stage"],
            )?,
            incidents: gauge("plumbline_incidents", "Incidents by state.", &["state"])?,
            incident_deadline: gauge(
                "plumbline_incident_deadline_timestamp_seconds",
                "Until when the authority is to be told of the incident whose time ends first; none where none has to be told.",
                &[],
            )?,
            anomalies: counter(
                "plumbline_login_anomalies_total",
                "Abnormal logins that began since the collector started.",
                &["kind", "role"],
            )?,
            certificates: gauge(
                "plumbline_tls_certificate_not_after_timestamp_seconds",
                "When the certificate that a listener shows ends.",
                &["listener"],
            )?,
            reports: counter(
                "plumbline_reports_received_total",
                "Reports by what became of them, since the collector started.",
                &["result"],
            )?,
            heartbeats: counter(
                "plumbline_heartbeats_received_total",
                "Heartbeats, since the collector started: of a state that is kept, or of another.",
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
            ledger_size: IntGauge::new("plumbline_ledger_size", "Leaves of the ledger.")?,
            ledger_checkpoint: IntGauge::new(
                "plumbline_ledger_checkpoint_timestamp_seconds",
                "When the newest checkpoint of the ledger was signed; 0: none was.",
            )?,
            anchors: gauge(
                "plumbline_anchor_last_success_timestamp_seconds",
                "When a copy of a checkpoint last went where it is out of reach.",
                &["kind"],
            )?,
            scraping: Mutex::default(),
            begun: Mutex::default(),
        };
        let registry = &metrics.registry;
        registry.register(Box::new(metrics.hosts.clone()))?;
        registry.register(Box::new(metrics.findings.clone()))?;
        registry.register(Box::new(metrics.items.clone()))?;
        registry.register(Box::new(metrics.lines.clone()))?;
        registry.register(Box::new(metrics.attestations_due.clone()))?;
        registry.register(Box::new(metrics.waivers.clone()))?;
        registry.register(Box::new(metrics.actions.clone()))?;
        registry.register(Box::new(metrics.incidents.clone()))?;
        registry.register(Box::new(metrics.incident_deadline.clone()))?;
        registry.register(Box::new(metrics.anomalies.clone()))?;
        registry.register(Box::new(metrics.reports.clone()))?;
        registry.register(Box::new(metrics.certificates.clone()))?;
        registry.register(Box::new(metrics.heartbeats.clone()))?;
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.ledger_size.clone()))?;
        registry.register(Box::new(metrics.ledger_checkpoint.clone()))?;
        registry.register(Box::new(metrics.anchors.clone()))?;
        registry.register(Box::new(Process))?;
        // What the counter will mostly count is there from the start, so that a rate over it has a beginning.
        for result in ["kept", "duplicate"] {
            metrics.reports.with_label_values(&[result]);
        }
        Ok(metrics)
    }

    /// Tells when the certificate of a listener ends.
    pub(crate) fn certificate(&self, listener: &str, not_after: Timestamp) {
        self.certificates
            .with_label_values(&[listener])
            .set(not_after.as_second());
    }

    /// Counts a report by what became of it.
    pub(crate) fn report(&self, result: &str) {
        self.reports.with_label_values(&[result]).inc();
    }

    /// Counts a heartbeat.
    pub(crate) fn heartbeat(&self, result: &str) {
        self.heartbeats.with_label_values(&[result]).inc();
    }

    /// Takes note of the ledger as it stands.
    pub(crate) fn ledger(&self, size: u64, latest: Option<&KeptCheckpoint>) {
        self.ledger_size.set(i64::try_from(size).unwrap_or(i64::MAX));
        self.ledger_checkpoint
            .set(latest.map_or(0, |latest| latest.signed_at.as_second()));
    }

    /// Takes note that a checkpoint was anchored.
    pub(crate) fn anchored(&self, kind: anchor::Kind, at: Timestamp) {
        self.anchors.with_label_values(&[kind.name()]).set(at.as_second());
    }

    /// Times a request. `route` is the pattern that matched, never the path itself.
    pub(crate) fn request(&self, listener: &str, method: &str, route: &str, status: u16, took: Duration) {
        self.requests
            .with_label_values(&[listener, method, route, &status.to_string()])
            .observe(took.as_secs_f64());
    }

    /// Takes note of a report that was committed.
    pub(crate) fn committed(&self, incoming: &Incoming, keep: &Keep) {
        let Keep::Kept { role, .. } = keep else {
            return;
        };
        if let Some(assessment) = &incoming.report.assessment {
            for kind in lock(&self.begun).begun(&incoming.host, assessment) {
                self.anomalies.with_label_values(&[kind, role.name()]).inc();
            }
        }
    }

    /// The text that Prometheus reads.
    pub(crate) fn render(&self, totals: &Totals, report: &Report) -> Result<String, MetricsError> {
        let checklist = &report.checklist;
        // One scrape at a time: another would set the gauges to zero in between.
        let scraping = lock(&self.scraping);
        self.hosts.reset();
        for role in Role::ALL {
            for state in HostState::ALL {
                let number = totals.get(Counted::Hosts(role, state));
                self.hosts
                    .with_label_values(&[role.name(), state.name()])
                    .set(number);
            }
        }
        self.findings.reset();
        for (counted, number) in totals.numbers() {
            let Counted::Findings(check, role, status, severity) = counted else {
                continue;
            };
            let labels = [check, role.name(), status.name(), severity.name()];
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
        self.people(report);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        drop(scraping);
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

impl Metrics {
    /// What people put on record.
    fn people(&self, report: &Report) {
        self.attestations_due.reset();
        for due in checklist::due(&report.checklist) {
            let at = due.due_at.map_or(0, Timestamp::as_second);
            self.attestations_due.with_label_values(&[&due.line]).set(at);
        }
        let today = day_of(report.checklist.as_of, &report.zone);
        for state in WaiverState::ALL {
            let waivers = report.people.waivers.values();
            let number = waivers.filter(|waiver| waiver.state(today) == state).count();
            set(&self.waivers, state.name(), number);
        }
        for stage in Stage::ALL {
            let actions = report.people.actions.values();
            let number = actions.filter(|action| action.stage == stage).count();
            set(&self.actions, stage.name(), number);
        }
        let incidents = || report.people.incidents.values();
        for state in IncidentState::ALL {
            let number = incidents().filter(|incident| incident.state() == state).count();
            set(&self.incidents, state.name(), number);
        }
        self.incident_deadline.reset();
        let clocks = incidents().map(|incident| incident.clock(report.checklist.as_of));
        let running = clocks.filter(|clock| clock.left_seconds.is_some());
        if let Some(first) = running.map(|clock| clock.deadline_at).min() {
            let gauge = self.incident_deadline.with_label_values::<&str>(&[]);
            gauge.set(first.as_second());
        }
    }
}

fn set(gauge: &IntGaugeVec, label: &str, number: usize) {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    gauge.with_label_values(&[label]).set(number);
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
}
