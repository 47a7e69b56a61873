//! Findings of all hosts.

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use jiff::Timestamp;
use plumbline_config::finding::{Severity, Status};
use plumbline_config::ident::{HostId, Role};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{JSON, Operation, Parameter, Params};
use crate::access::Access;
use crate::store::{Cursor, FindingQuery};
use crate::view::FindingView;
use crate::web::Shared;
use crate::web::openapi::{object, reference};
use crate::web::problem::{BAD_REQUEST, Refusal};

/// Findings on a page unless said otherwise, and at most.
const PAGE: (usize, usize) = (100, 1_000);

const fn filter(name: &'static str, description: &'static str) -> Parameter {
    Parameter {
        place: "query",
        name,
        description,
    }
}

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    method: "get",
    path: "/api/v1/findings",
    access: Access::Viewer,
    summary: "Latest findings of all hosts, in the order host, check, subject.",
    parameters: &[
        filter("host", "Only of this host id."),
        filter("check", "Only of this check, such as tls.protocol-versions."),
        filter(
            "status",
            "Only shown with this status: pass, fail, not-applicable, error, manual, stale or waived.",
        ),
        filter("role", "Only of hosts in this role: service or office."),
        filter(
            "severity",
            "Only of this severity: low, medium, high or critical.",
        ),
        filter(
            "limit",
            "Findings on a page: 1 to 1000, 100 unless said otherwise.",
        ),
        filter("cursor", "`next` of the page before."),
    ],
    body: None,
    answer: (JSON, || {
        object(&[
            (
                "findings",
                json!({"type": "array", "items": reference("Finding")}),
            ),
            ("next", json!({"type": ["string", "null"]})),
        ])
    }),
    route: || get(list),
}];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParams {
    host: Option<HostId>,
    check: Option<String>,
    status: Option<Status>,
    role: Option<Role>,
    severity: Option<Severity>,
    limit: Option<usize>,
    cursor: Option<String>,
}

#[derive(Serialize)]
struct FindingList {
    findings: Vec<FindingView>,
    next: Option<String>,
}

async fn list(
    State(app): State<Shared>,
    Params(params): Params<ListParams>,
) -> Result<Json<FindingList>, Refusal> {
    let limit = params.limit.unwrap_or(PAGE.0);
    if !(1..=PAGE.1).contains(&limit) {
        return Err(BAD_REQUEST.because(format!("limit is from 1 to {}", PAGE.1)));
    }
    let after = params
        .cursor
        .as_deref()
        .map(Cursor::decode)
        .transpose()
        .map_err(|error| BAD_REQUEST.because(error.to_string()))?;
    let (cutoff, now) = (app.cutoff(), Timestamp::now());
    let query = FindingQuery {
        host: params.host,
        check: params.check,
        status: params.status,
        role: params.role,
        severity: params.severity,
        after,
        limit,
        cutoff,
    };
    let waivers = app.waivers().await?;
    let page = app.blocking(move |store| waivers.findings(store, &query)).await?;
    Ok(Json(FindingList {
        findings: page
            .findings
            .into_iter()
            .map(|finding| FindingView::new(finding, cutoff, now))
            .collect(),
        next: page.next.map(|cursor| cursor.encode()),
    }))
}
