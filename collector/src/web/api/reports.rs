//! The checklist and the audit report.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use data_encoding::BASE64;
use jiff::Timestamp;
use plumbline_config::lang::Lang;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::json;
use tracing::error;

use super::{JSON, Named, Operation, Parameter, Params};
use crate::access::Access;
use crate::checklist::{Checklist, Period};
use crate::report::{self, BuildError, Report, ReportFormat, Source};
use crate::store::Totals;
use crate::web::Shared;
use crate::web::openapi::reference;
use crate::web::problem::{BAD_REQUEST, FAILED, Refusal};

const PERIOD: Parameter = Parameter {
    place: "query",
    name: "period",
    description: "Quarter (2026Q4), year (2026) or days (2026-10-01/2026-12-31); the current quarter unless said otherwise.",
};

const LANG: Parameter = Parameter {
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
        summary: "The audit report of a period, as html, json or csv.",
        parameters: &[
            Parameter {
                place: "path",
                name: "period",
                description: "Quarter (2026Q4), year (2026) or days (2026-10-01%2F2026-12-31).",
            },
            Parameter {
                place: "query",
                name: "format",
                description: "html, json or csv; json unless said otherwise.",
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

/// The checklist as it stands now, and the totals that it is made of.
pub(super) async fn current_checklist(app: &Shared) -> Result<(Checklist, Totals), Refusal> {
    build(app, report::current).await
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
    let report = build(&app, move |source| report::report(source, Some(&period))).await?;
    respond(&report, format, params.lang.unwrap_or_default())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageParams {
    lang: Option<Lang>,
}

async fn page(State(app): State<Shared>, Params(params): Params<PageParams>) -> Result<Response, Refusal> {
    let report = build(&app, |source| report::report(source, None)).await?;
    respond(&report, ReportFormat::Html, params.lang.unwrap_or_default())
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
    let built = app
        .blocking(move |store| {
            Ok(make(&Source {
                store,
                stale_after,
                now: Timestamp::now(),
            }))
        })
        .await?;
    built.map_err(|fault| match fault {
        BuildError::Store(error) => error.into(),
        BuildError::Future(_) | BuildError::Past(_) => BAD_REQUEST.because(fault.to_string()),
        BuildError::Plan(_) => FAILED.because(fault.to_string()),
    })
}

fn respond(report: &Report, format: ReportFormat, lang: Lang) -> Result<Response, Refusal> {
    let bytes = report::render(report, format, lang).map_err(|fault| {
        error!(%fault, "cannot render the report");
        FAILED.because("the report could not be rendered; see the collector's log")
    })?;
    let mut response = ([(CONTENT_TYPE, format.media_type())], bytes).into_response();
    let headers = response.headers_mut();
    if format == ReportFormat::Html {
        headers.insert(CONTENT_SECURITY_POLICY, content_security_policy());
    } else {
        let file = format!(
            "attachment; filename=\"plumbline-{}.{format}\"",
            report.checklist.period.replace('/', "_")
        );
        if let Ok(value) = HeaderValue::from_str(&file) {
            headers.insert(CONTENT_DISPOSITION, value);
        }
    }
    Ok(response)
}

/// Nothing may be loaded or run; the one style sheet is known by its hash.
fn content_security_policy() -> HeaderValue {
    let hash = BASE64.encode(digest(&SHA256, report::html::STYLE.as_bytes()).as_ref());
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}
