//! The checklist and the audit report.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json};
use data_encoding::BASE64;
use jiff::Timestamp;
use plumbline_config::lang::Lang;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;
use tracing::{debug, error};

use super::{JSON, Named, Operation, Parameter, Params};
use crate::access::Access;
use crate::checklist::{Checklist, Period};
use crate::report::html::Front;
use crate::report::{self, BuildError, Report, ReportFormat, Source};
use crate::store::{Store, Totals};
use crate::web::auth::Caller;
use crate::web::openapi::reference;
use crate::web::pages;
use crate::web::problem::{BAD_REQUEST, BUSY, FAILED, RETRY_AFTER_SECONDS, Refusal};
use crate::web::stream::{self, Chunks};
use crate::web::{REPORTS_AT_A_TIME, Shared};

const PERIOD: Parameter = Parameter {
    place: "query",
    name: "period",
    description: "Quarter (2026Q4), year (2026) or days (2026-10-01/2026-12-31); the current quarter unless said otherwise.",
};

pub(super) const LANG: Parameter = Parameter {
    place: "query",
    name: "lang",
    description: "zh-TW or en; zh-TW unless said otherwise.",
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "get",
        path: "/api/v1/checklist",
        access: Access::Viewer,
        summary: "The Section 12 checklist.",
        parameters: &[PERIOD],
        body: None,
        answer: (JSON, || reference("Checklist")),
        route: || get(checklist),
    },
    Operation {
        method: "get",
        path: "/api/v1/reports/{period}",
        access: Access::Auditor,
        summary: "The audit report of a period, as html, pdf, docx, xlsx, csv, json, oscal or ocsf.",
        parameters: &[
            Parameter {
                place: "path",
                name: "period",
                description: "Quarter (2026Q4), year (2026) or days (2026-10-01%2F2026-12-31).",
            },
            Parameter {
                place: "query",
                name: "format",
                description: "html, pdf, docx, xlsx, csv, json, oscal (assessment results 1.1) or ocsf (events of class 2003, one a line); json unless said \
                              otherwise.",
            },
            LANG,
        ],
        body: None,
        answer: (
            "*/*",
            || json!({"description": "The report in the format asked for."}),
        ),
        route: || get(of_period),
    },
    Operation {
        method: "get",
        path: "/",
        access: Access::Viewer,
        summary: "How things stand now, as a page.",
        parameters: &[LANG],
        body: None,
        answer: ("text/html; charset=utf-8", || json!({"type": "string"})),
        route: || get(front),
    },
    Operation {
        method: "get",
        path: "/report",
        access: Access::Auditor,
        summary: "The audit report of the current quarter, as a page.",
        parameters: &[LANG],
        body: None,
        answer: ("text/html; charset=utf-8", || json!({"type": "string"})),
        route: || get(page),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChecklistParams {
    period: Option<String>,
}

async fn checklist(
    State(app): State<Shared>,
    Params(params): Params<ChecklistParams>,
) -> Result<Json<Checklist>, Refusal> {
    let period = params.period.as_deref().map(parse_period).transpose()?;
    let built = build(&app, move |source| report::checklist(source, period.as_ref())).await?;
    Ok(Json(built))
}

/// The report of the current quarter, and the totals that it is made of.
pub(super) async fn current(app: &Shared) -> Result<(Report, Totals), Refusal> {
    build(app, report::current_report).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportParams {
    format: Option<String>,
    lang: Option<Lang>,
}

async fn of_period(
    State(app): State<Shared>,
    Named(period): Named<String>,
    Params(params): Params<ReportParams>,
) -> Result<Response, Refusal> {
    let period = parse_period(&period)?;
    let format: ReportFormat = match params.format {
        Some(name) => name
            .parse()
            .map_err(|error: report::UnknownFormat| BAD_REQUEST.because(error.to_string()))?,
        None => ReportFormat::Json,
    };
    respond(&app, Some(period), format, params.lang.unwrap_or_default()).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageParams {
    lang: Option<Lang>,
}

async fn page(State(app): State<Shared>, Params(params): Params<PageParams>) -> Result<Response, Refusal> {
    respond(&app, None, ReportFormat::Html, params.lang.unwrap_or_default()).await
}

async fn front(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Params(params): Params<PageParams>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (report, totals) = current(&app).await?;
    let lang = params.lang.unwrap_or_else(|| pages::preferred(&headers));
    let may_report = caller.access >= Access::Auditor;
    let page = Front::new(&report, &totals, may_report, lang).render();
    let html = page.map_err(|fault| {
        error!(%fault, "cannot render a page");
        FAILED.because("the page could not be rendered; see the collector's log")
    })?;
    Ok((page_headers(), html).into_response())
}

fn parse_period(text: &str) -> Result<Period, Refusal> {
    text.parse()
        .map_err(|error: crate::checklist::InvalidPeriod| BAD_REQUEST.because(error.to_string()))
}

async fn build<T: Send + 'static>(
    app: &Shared,
    make: impl FnOnce(&Source<'_>) -> Result<T, BuildError> + Send + 'static,
) -> Result<T, Refusal> {
    let stale_after = app.settings.stale_after;
    let people = Arc::clone(&app.people);
    let built = app
        .blocking(move |store| {
            Ok(make(&Source {
                store,
                people: &people,
                stale_after,
                now: Timestamp::now(),
            }))
        })
        .await?;
    built.map_err(|fault| match fault {
        BuildError::Store(error) => error.into(),
        BuildError::Future(_) | BuildError::NotRecorded { .. } => BAD_REQUEST.because(fault.to_string()),
        BuildError::Plan(_) | BuildError::Checkpoint => FAILED.because(fault.to_string()),
    })
}

/// The report, sent while it is made.
async fn respond(
    app: &Shared,
    period: Option<Period>,
    format: ReportFormat,
    lang: Lang,
) -> Result<Response, Refusal> {
    let permit = format.reads_hosts().then(|| permit(app)).transpose()?;
    let report = build(app, move |source| report::report(source, period.as_ref())).await?;
    let headers = headers(&report, format);
    let (chunks, body) = stream::answer();
    // Not the application: who stops it must not wait for a report.
    let store = Arc::clone(&app.store);
    spawn_blocking(move || {
        send(&report, store.as_ref(), format, lang, chunks);
        drop(permit);
    });
    Ok((headers, body).into_response())
}

fn permit(app: &Shared) -> Result<OwnedSemaphorePermit, Refusal> {
    Arc::clone(&app.reports).try_acquire_owned().map_err(|_| {
        BUSY.because(format!(
            "{REPORTS_AT_A_TIME} reports are being made already; ask for this one again"
        ))
        .retry_after(RETRY_AFTER_SECONDS)
    })
}

/// Writes the report; where that fails, the answer is broken off.
fn send(report: &Report, store: &dyn Store, format: ReportFormat, lang: Lang, mut chunks: Chunks) {
    let written = report::write(report, store, format, lang, &mut chunks);
    match written.and_then(|()| Ok(chunks.end()?)) {
        Ok(()) => {}
        Err(fault) if fault.is_unread() => debug!(%fault, "nobody waits for the report any more"),
        Err(fault) => error!(%fault, "broke off a report"),
    }
}

fn headers(report: &Report, format: ReportFormat) -> HeaderMap {
    if format == ReportFormat::Html {
        return page_headers();
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    let file = format!(
        "attachment; filename=\"plumbline-{}.{}\"",
        report.checklist.period.replace('/', "_"),
        format.extension()
    );
    if let Ok(value) = HeaderValue::from_str(&file) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    headers
}

fn page_headers() -> HeaderMap {
    let media_type = HeaderValue::from_static(ReportFormat::Html.media_type());
    let mut headers = content_security_policy(report::html::STYLE);
    headers.insert(CONTENT_TYPE, media_type);
    headers
}

/// Nothing may be loaded or run; the one style sheet is known by its hash.
pub(super) fn content_security_policy(style: &str) -> HeaderMap {
    let hash = BASE64.encode(digest(&SHA256, style.as_bytes()).as_ref());
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    HeaderMap::from_iter([(CONTENT_SECURITY_POLICY, policy)])
}
