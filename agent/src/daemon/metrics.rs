//! The metrics listener, for Prometheus. Loopback by default; no user name, address or message is a label.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use plumbline_config::finding::Status as FindingStatus;
use prometheus::{Gauge, GaugeVec, IntCounter, IntGauge, Opts, Registry, TEXT_FORMAT, TextEncoder};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::Shared;
use super::board::Status;

/// Connections served at once; more wait.
const MOST_CONNECTIONS: usize = 8;
/// Longest life of a connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest request head, in bytes (hyper's least is 8 KiB).
const LARGEST_HEAD: usize = 8 * 1024;
/// An address that is taken is tried again after this.
const BIND_AGAIN: Duration = Duration::from_secs(30);

/// Listens where the settings say, and where they say next, without end.
pub(super) async fn serve(shared: &Arc<Shared>) {
    let mut settings = shared.settings.subscribe();
    loop {
        let address = settings.borrow_and_update().metrics_listen;
        tokio::select! {
            () = serve_on(address, shared) => {}
            _ = settings.changed() => {}
        }
    }
}

async fn serve_on(address: Option<SocketAddr>, shared: &Arc<Shared>) {
    let Some(address) = address else {
        return std::future::pending().await;
    };
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!("metrics can't be served on {address}: {error}");
            return sleep(BIND_AGAIN).await;
        }
    };
    if !address.ip().is_loopback() {
        tracing::warn!(
            "metrics are served on {address} to whoever can reach it; let the firewall name the scraper"
        );
    }
    let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(shared);
                tokio::spawn(async move {
                    let _permit = permit;
                    // A peer that breaks off or dawdles is its own concern.
                    let _ended = timeout(CONNECTION_TIMEOUT, converse(stream, &shared)).await;
                });
            }
            Err(error) => {
                tracing::warn!("metrics listener: {error}");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, shared: &Shared) -> hyper::Result<()> {
    let answer = |request: Request<Incoming>| async move { Ok::<_, Infallible>(answer(&request, shared)) };
    http1::Builder::new()
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await
}

fn answer(request: &Request<Incoming>, shared: &Shared) -> Response<String> {
    let mut response = Response::new(String::new());
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    if request.uri().path() != "/metrics" {
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    match page(&shared.board.read()) {
        Ok(page) => {
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(TEXT_FORMAT));
            *response.body_mut() = page;
        }
        Err(error) => {
            tracing::error!("metrics: {error}");
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
    }
    response
}

/// The page, made anew from the state at each scrape, so that nothing of a check or status that is no more is left.
fn page(status: &Status) -> prometheus::Result<String> {
    let registry = Registry::new();
    checks(&registry, status)?;
    let gauge = |name: &str, help: &str, value: f64| -> prometheus::Result<()> {
        let gauge = Gauge::with_opts(Opts::new(name, help))?;
        gauge.set(value);
        registry.register(Box::new(gauge))
    };
    let count = |name: &str, help: &str, value: u64| -> prometheus::Result<()> {
        let gauge = IntGauge::with_opts(Opts::new(name, help))?;
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(Box::new(gauge))
    };
    let spool = &status.spool;
    count(
        "plumbline_spool_reports",
        "Reports that the collector has not confirmed.",
        spool.spool_reports,
    )?;
    count(
        "plumbline_spool_bytes",
        "Bytes of reports that the collector has not confirmed.",
        spool.spool_bytes,
    )?;
    count(
        "plumbline_spool_dropped_reports",
        "Reports thinned or refused that the collector has not been told of yet.",
        spool.dropped_reports,
    )?;
    count(
        "plumbline_refused_reports",
        "Reports that the collector ever refused for good.",
        spool.refused_reports,
    )?;
    let resyncs = IntCounter::with_opts(Opts::new(
        "plumbline_resyncs_total",
        "How often the host's whole state was sent, because the collector's might differ.",
    ))?;
    resyncs.inc_by(spool.resyncs);
    registry.register(Box::new(resyncs))?;
    count(
        "plumbline_watch_restarts",
        "How often watching files was started again.",
        status.watch.restarts,
    )?;
    gauge(
        "plumbline_sync_last_success_timestamp_seconds",
        "When the collector last confirmed a report or answered a heartbeat; 0: not since the start.",
        status.sync.last_success_at.map_or(0.0, seconds),
    )?;
    gauge(
        "plumbline_certificate_end_timestamp_seconds",
        "When the client certificate ends.",
        seconds(status.certificate.not_after),
    )?;
    process(&registry, status)?;
    TextEncoder::new().encode_to_string(&registry.gather())
}

fn checks(registry: &Registry, status: &Status) -> prometheus::Result<()> {
    let vector = |name: &str, help: &str, labels: &[&str]| -> prometheus::Result<GaugeVec> {
        let vector = GaugeVec::new(Opts::new(name, help), labels)?;
        registry.register(Box::new(vector.clone()))?;
        Ok(vector)
    };
    let worst = vector(
        "plumbline_check_status",
        "The worst that a check says now.",
        &["check", "status"],
    )?;
    let success = vector(
        "plumbline_check_last_success_timestamp_seconds",
        "When a check last could look at all it needs.",
        &["check"],
    )?;
    let duration = vector(
        "plumbline_check_duration_seconds",
        "How long the last run of a check took.",
        &["check"],
    )?;
    for (check, state) in &status.checks {
        if let Some(status) = worst_of(state.findings.keys()) {
            worst.with_label_values(&[check.as_str(), status.name()]).set(1.0);
        }
        if let Some(at) = state.last_success_at {
            success.with_label_values(&[check]).set(seconds(at));
        }
        if state.last_run_at.is_some() {
            duration.with_label_values(&[check]).set(state.duration_seconds);
        }
    }
    Ok(())
}

fn worst_of<'n>(names: impl Iterator<Item = &'n String>) -> Option<FindingStatus> {
    names
        .filter_map(|name| {
            FindingStatus::ALL
                .into_iter()
                .find(|status| status.name() == name)
        })
        // Of two that concern nobody, `pass` says more than `not-applicable`.
        .max_by_key(|status| (status.concern(), *status == FindingStatus::Pass))
}

/// The process metrics that Prometheus's own clients give, under the same names.
fn process(registry: &Registry, status: &Status) -> prometheus::Result<()> {
    let gauge = |name: &str, help: &str, value: f64| -> prometheus::Result<()> {
        let gauge = Gauge::with_opts(Opts::new(name, help))?;
        gauge.set(value);
        registry.register(Box::new(gauge))
    };
    gauge(
        "process_start_time_seconds",
        "When the process started.",
        seconds(status.started_at),
    )?;
    let pid = sysinfo::Pid::from_u32(status.pid);
    let wanted = sysinfo::ProcessRefreshKind::nothing().with_memory().with_cpu();
    let Ok(mut system) = sysinfo::System::new() else {
        return Ok(());
    };
    system.refresh_processes_specifics(sysinfo::ProcessesToUpdate::Some(&[pid]), true, wanted);
    let Some(process) = system.process(pid) else {
        return Ok(());
    };
    #[expect(clippy::cast_precision_loss, reason = "2^53 bytes are never resident")]
    let resident = process.memory() as f64;
    gauge("process_resident_memory_bytes", "Resident memory.", resident)?;
    gauge(
        "process_cpu_seconds_total",
        "Processor time.",
        Duration::from_millis(process.accumulated_cpu_time()).as_secs_f64(),
    )?;
    if let Some(open) = process.open_files() {
        let open = u32::try_from(open).unwrap_or(u32::MAX);
        gauge("process_open_fds", "Open file descriptors.", f64::from(open))?;
    }
    Ok(())
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}
