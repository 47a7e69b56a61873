//! The two doors: one for agents, one for people and machines that read.
//!
//! # Refusing a certificate so that people understand it
//!
//! The agents' listener asks for a client certificate but does not require one in TLS ([`crate::pki::AskForCertificate`]
//! says why). [`agent::identify`] then refuses every request but enrolment and the health check unless the
//! certificate is of this collector's CA, within its time, on record, not revoked, and of the host's current
//! enrolment; the answer is a problem document that names the reason, the report is counted under that reason, and
//! nothing of it is read, let alone stored.

pub(crate) mod agent;
pub(crate) mod api;
mod auth;
mod body;
mod cookie;
mod listener;
mod openapi;
mod pace;
mod pages;
mod problem;
mod same_origin;
mod signin;
mod stream;
mod throttle;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Method};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use plumbline_config::plan::Plan;
use plumbline_config::settings::CollectorSettings;
use tokio::sync::Semaphore;
use tracing::debug;

use crate::evidence::Evidence;
use crate::freshness::Cutoff;
use crate::ingest::IngestQueue;
use crate::jobs::{Alarms, Days, Drills};
use crate::metrics::Metrics;
use crate::oidc::Oidc;
use crate::pki::{Authority, FileIdentity, ServerIdentity, Signer};
use crate::presence::Pulses;
use crate::prover::Prover;
use crate::records::waived::InForce;
use crate::records::{Remembered, day_of};
use crate::report;
use crate::store::{Store, StoreError};
pub(crate) use listener::{BACKLOG, Listener};
pub(crate) use pace::Pace;
use problem::{FAILED, Refusal, TIMEOUT};
pub(crate) use signin::Verifier;
pub(crate) use throttle::Throttle;

/// Longest time for one request, body and answer.
const REQUEST: Duration = Duration::from_secs(60);

/// Bytes of request bodies in memory at a time, in KiB.
pub(crate) const BODY_BUDGET_KIB: usize = 256 * 1024;

/// Reports on all hosts that are made at a time: each is a thread that reads the store from end to end.
pub(crate) const REPORTS_AT_A_TIME: usize = 2;

/// Files of evidence that come in at a time: each is a temporary file that grows.
pub(crate) const INTAKES_AT_A_TIME: usize = 8;

/// What every request may need.
pub(crate) struct App {
    pub(crate) settings: CollectorSettings,
    pub(crate) authority: Authority,
    pub(crate) identity: Arc<ServerIdentity>,
    /// The company's own certificate for people, if the settings name one.
    pub(crate) files: Option<Arc<FileIdentity>>,
    pub(crate) signer: Signer,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) ingest: IngestQueue,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) pulses: Arc<Pulses>,
    /// The last write to the store worked. A job writes every few seconds, so this mends itself.
    pub(crate) writable: AtomicBool,
    pub(crate) throttle: Throttle,
    pub(crate) pace: Pace,
    pub(crate) verifier: Verifier,
    /// The identity provider, if the settings name one.
    pub(crate) oidc: Option<Oidc>,
    /// What people say, remembered.
    pub(crate) people: Arc<Remembered>,
    /// Which days were kept, and what stood on the lines.
    pub(crate) days: Days,
    /// Hosts that told of something grave.
    pub(crate) alarms: Arc<Alarms>,
    /// Hosts that told of a drill.
    pub(crate) drills: Arc<Drills>,
    /// Connects to hosts that ask for it.
    pub(crate) prover: Prover,
    /// Where files of evidence are kept.
    pub(crate) evidence: Arc<Evidence>,
    /// Permits for files of evidence that come in.
    pub(crate) intakes: Semaphore,
    /// Permits for KiB of body.
    pub(crate) bodies: Semaphore,
    /// Permits for reports on all hosts.
    pub(crate) reports: Arc<Semaphore>,
    /// Port that agents reach.
    pub(crate) agent_port: u16,
}

/// The application, as handlers get it.
pub(crate) type Shared = Arc<App>;

impl App {
    /// Runs work on the store where it may block.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let app = Arc::clone(self);
        match tokio::task::spawn_blocking(move || work(app.store.as_ref())).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(FAILED.because("the collector failed at this request")),
        }
    }

    /// The waivers that are in force today.
    pub(crate) async fn waivers(self: &Arc<Self>) -> Result<InForce, Refusal> {
        let people = Arc::clone(&self.people);
        self.blocking(move |store| {
            let zone = report::zone(store).unwrap_or_else(|_| Plan::default().zone());
            let today = day_of(Timestamp::now(), &zone);
            Ok(InForce::on(&*people.people(store)?, today))
        })
        .await
    }

    /// What is stale now.
    pub(crate) fn cutoff(&self) -> Cutoff {
        Cutoff::new(Timestamp::now(), self.settings.stale_after)
    }
}

/// The agents' door.
pub(crate) fn agent_router(app: &Shared) -> Router {
    let routes = Router::new()
        .merge(agent::routes())
        .merge(agent::enrolment_routes())
        .route("/healthz", get(healthz));
    finish(routes, app, "agent", |router| {
        router
            .layer(from_fn_with_state(Arc::clone(app), agent::identify))
            .layer(from_fn_with_state(Arc::clone(app), agent::count_reports))
    })
}

/// The door for people and machines that read.
pub(crate) fn web_router(app: &Shared) -> Router {
    let routes = Router::new()
        .merge(api::routes())
        .merge(agent::enrolment_routes())
        .merge(pages::routes())
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz));
    finish(routes, app, "web", |router| {
        router.layer(from_fn_with_state(Arc::clone(app), auth::authenticate))
    })
}

fn finish(
    routes: Router<Shared>,
    app: &Shared,
    listener: &'static str,
    guard: impl FnOnce(Router<Shared>) -> Router<Shared>,
) -> Router {
    let routes = routes
        .fallback(|| async {
            problem::NOT_FOUND.because("no such path; /api/v1/openapi.json lists those there are")
        })
        .method_not_allowed_fallback(|| async {
            problem::METHOD_NOT_ALLOWED
                .because("this path does not take this method; see /api/v1/openapi.json")
        });
    guard(routes)
        .layer(from_fn_with_state((Arc::clone(app), listener), observe))
        .with_state(Arc::clone(app))
}

/// Whether the process runs.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether requests can be served: the store answers and reports can be taken.
async fn readyz(State(app): State<Shared>) -> Result<&'static str, Refusal> {
    app.blocking(|store| store.ping()).await?;
    let writable = app.writable.load(Ordering::Relaxed);
    if !writable || !app.ingest.is_ready() {
        let why = if writable {
            "too many reports wait to be written"
        } else {
            "the database can't be written; see the collector's log, and whether its disk is full"
        };
        return Err(problem::BUSY
            .because(why)
            .retry_after(problem::RETRY_AFTER_SECONDS));
    }
    Ok("ready\n")
}

/// Bounds, times and counts every request.
async fn observe(
    State((app, listener)): State<(Shared, &'static str)>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let method = method_label(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let mut response = match tokio::time::timeout(REQUEST, next.run(request)).await {
        Ok(response) => response,
        Err(_) => TIMEOUT
            .because(format!(
                "the request took longer than {} seconds",
                REQUEST.as_secs()
            ))
            .into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    let (status, took) = (response.status().as_u16(), began.elapsed());
    app.metrics.request(listener, method, &route, status, took);
    debug!(listener, method, route, status, ?took, "request");
    response
}

/// A method as a label: the client chooses it, so only known ones are told apart.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
