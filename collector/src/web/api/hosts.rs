//! Hosts.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Json};
use jiff::Timestamp;
use plumbline_config::ident::{HostId, Role};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{JSON, Named, Operation, Parameter, Params};
use crate::access::Access;
use crate::store::{HostQuery, Transition};
use crate::view::{FindingView, HostView};
use crate::web::Shared;
use crate::web::auth::Caller;
use crate::web::openapi::{object, reference};
use crate::web::problem::{BAD_REQUEST, NOT_FOUND, Refusal};

/// Hosts on a page unless said otherwise, and at most.
const PAGE: (usize, usize) = (1_000, 10_000);

/// Changes of findings that one host's answer holds.
const HISTORY: usize = 200;

const HOST: Parameter = Parameter {
    place: "path",
    name: "host",
    description: "Host id.",
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "get",
        path: "/api/v1/hosts",
        access: Access::Viewer,
        summary: "Hosts, in the order of their ids.",
        parameters: &[
            Parameter {
                place: "query",
                name: "role",
                description: "Only this role: service or office.",
            },
            Parameter {
                place: "query",
                name: "limit",
                description: "Hosts on a page: 1 to 10000, 1000 unless said otherwise.",
            },
            Parameter {
                place: "query",
                name: "cursor",
                description: "`next` of the page before.",
            },
        ],
        body: None,
        answer: (JSON, || {
            object(&[
                ("hosts", json!({"type": "array", "items": reference("Host")})),
                ("next", json!({"type": ["string", "null"]})),
            ])
        }),
        route: || get(list),
    },
    Operation {
        method: "get",
        path: "/api/v1/hosts/{host}",
        access: Access::Viewer,
        summary: "One host, its latest findings, and how they changed, newest change first.",
        parameters: &[HOST],
        body: None,
        answer: (JSON, || {
            object(&[
                ("host", reference("Host")),
                (
                    "findings",
                    json!({"type": "array", "items": reference("Finding")}),
                ),
                ("history", json!({"type": "array", "items": reference("Change")})),
            ])
        }),
        route: || get(one),
    },
    Operation {
        method: "post",
        path: "/api/v1/hosts/{host}/revoke",
        access: Access::Operator,
        summary: "Revokes a host: its certificates open nothing any more, and what it said is stale.",
        parameters: &[HOST],
        body: None,
        answer: (JSON, || {
            object(&[
                ("host", json!({"type": "string"})),
                ("revoked", json!({"type": "boolean"})),
            ])
        }),
        route: || post(revoke),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParams {
    role: Option<Role>,
    limit: Option<usize>,
    cursor: Option<HostId>,
}

#[derive(Serialize)]
struct HostList {
    hosts: Vec<HostView>,
    next: Option<HostId>,
}

async fn list(
    State(app): State<Shared>,
    Params(params): Params<ListParams>,
) -> Result<Json<HostList>, Refusal> {
    let limit = params.limit.unwrap_or(PAGE.0);
    if !(1..=PAGE.1).contains(&limit) {
        return Err(BAD_REQUEST.because(format!("limit is from 1 to {}", PAGE.1)));
    }
    let query = HostQuery {
        role: params.role,
        after: params.cursor,
        // One more tells whether there is a next page.
        limit: limit + 1,
    };
    let mut hosts = app.blocking(move |store| store.hosts(&query)).await?;
    let more = hosts.len() > limit;
    hosts.truncate(limit);
    let next = hosts.last().filter(|_| more).map(|host| host.id.clone());
    let (cutoff, now) = (app.cutoff(), Timestamp::now());
    Ok(Json(HostList {
        hosts: hosts
            .into_iter()
            .map(|host| HostView::new(host, cutoff, now))
            .collect(),
        next,
    }))
}

#[derive(Serialize)]
struct HostDetail {
    host: HostView,
    findings: Vec<FindingView>,
    history: Vec<Transition>,
}

async fn one(State(app): State<Shared>, Named(id): Named<HostId>) -> Result<Json<HostDetail>, Refusal> {
    let waivers = app.waivers().await?;
    let found = app
        .blocking(move |store| {
            let Some(host) = store.host(&id)? else {
                return Ok(None);
            };
            let mut findings = store.latest_findings(&id)?;
            waivers.mark(store, &mut findings)?;
            Ok(Some((host, findings, store.history(&id, HISTORY)?)))
        })
        .await?;
    let (host, findings, history) = found.ok_or_else(|| NOT_FOUND.because("there is no such host"))?;
    let (cutoff, now) = (app.cutoff(), Timestamp::now());
    Ok(Json(HostDetail {
        host: HostView::new(host, cutoff, now),
        findings: findings
            .into_iter()
            .map(|finding| FindingView::new(finding, cutoff, now))
            .collect(),
        history,
    }))
}

async fn revoke(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<HostId>,
) -> Result<Json<Value>, Refusal> {
    let act = caller.act("host.revoke", &id);
    let host = id.clone();
    let found = app
        .blocking(move |store| {
            if store.host(&host)?.is_none() {
                return Ok(None);
            }
            store.revoke_host(&host, &act).map(Some)
        })
        .await?;
    let revoked = found.ok_or_else(|| NOT_FOUND.because("there is no such host"))?;
    Ok(Json(json!({"host": id, "revoked": revoked})))
}
