//! What people did.

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{JSON, Operation, Parameter, Params};
use crate::access::Access;
use crate::store::RecordedAct;
use crate::web::Shared;
use crate::web::openapi::{object, reference};
use crate::web::problem::{BAD_REQUEST, Refusal};

/// Acts on a page unless said otherwise, and at most.
const PAGE: (usize, usize) = (100, 1_000);

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    method: "get",
    path: "/api/v1/acts",
    access: Access::Auditor,
    summary: "What people did, newest first: signing in and failing to, users, tokens, plans, revocations.",
    parameters: &[
        Parameter {
            place: "query",
            name: "limit",
            description: "Acts on a page: 1 to 1000, 100 unless said otherwise.",
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
            ("acts", json!({"type": "array", "items": reference("Act")})),
            ("next", json!({"type": ["integer", "null"]})),
        ])
    }),
    route: || get(list),
}];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParams {
    limit: Option<usize>,
    cursor: Option<i64>,
}

#[derive(Serialize)]
struct ActList {
    acts: Vec<RecordedAct>,
    next: Option<i64>,
}

async fn list(
    State(app): State<Shared>,
    Params(params): Params<ListParams>,
) -> Result<Json<ActList>, Refusal> {
    let limit = params.limit.unwrap_or(PAGE.0);
    if !(1..=PAGE.1).contains(&limit) {
        return Err(BAD_REQUEST.because(format!("limit is from 1 to {}", PAGE.1)));
    }
    // One more tells whether there is a next page.
    let mut acts = app
        .blocking(move |store| store.acts_before(params.cursor, limit + 1))
        .await?;
    let more = acts.len() > limit;
    acts.truncate(limit);
    let next = acts.last().filter(|_| more).map(|recorded| recorded.id);
    Ok(Json(ActList { acts, next }))
}
