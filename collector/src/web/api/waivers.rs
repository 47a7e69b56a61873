//! Waivers.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::records::{
    Asked, CURSOR, LARGEST, LIMIT, at_desk, begun, day, listed, one_text, page_of, prose, shown, taken,
};
use super::{Content, JSON, Named, Operation, Parameter, Params};
use crate::access::Access;
use crate::records::waiver::{Requested, WaiverState, WaiverStep};
use crate::view::{RecordView, WaiverView};
use crate::web::auth::Caller;
use crate::web::openapi::reference;
use crate::web::problem::Refusal;
use crate::web::{Shared, body};

const WAIVER: Content = (JSON, || reference("Waiver"));

const STATE: Parameter = Parameter {
    place: "query",
    name: "state",
    description: "Only those in this state: requested, upcoming, in-force, rejected, ended or expired.",
};

pub(super) const OPERATIONS: &[Operation] = &[
    listed(
        "/api/v1/waivers",
        "Waivers, newest first.",
        &[STATE, LIMIT, CURSOR],
        (JSON, || page_of("waivers", reference("Waiver"))),
        || get(list),
    ),
    shown("/api/v1/waivers/{id}", "A waiver.", WAIVER, || get(show)),
    begun(
        "/api/v1/waivers",
        "Asks for a waiver: a failing check is to be accepted on some hosts for some time.",
        requested,
        WAIVER,
        || post(ask),
    ),
    taken(
        "/api/v1/waivers/{id}/approve",
        Access::Admin,
        "Approves a waiver that somebody else asked for.",
        note,
        WAIVER,
        || post(approve),
    ),
    taken(
        "/api/v1/waivers/{id}/reject",
        Access::Admin,
        "Refuses a waiver that somebody else asked for.",
        note,
        WAIVER,
        || post(reject),
    ),
    taken(
        "/api/v1/waivers/{id}/end",
        Access::Operator,
        "Ends a waiver before its last day, or takes back what was asked for.",
        note,
        WAIVER,
        || post(end),
    ),
];

/// Schema of why.
fn note() -> Value {
    one_text("note")
}

/// Schema of what somebody asks for.
fn requested() -> Value {
    json!({
        "type": "object",
        "required": ["check", "hosts", "reason", "compensating", "from", "until"],
        "additionalProperties": false,
        "properties": {
            "check": {"type": "string"},
            "subject": {"type": ["string", "null"], "maxLength": 4096},
            "hosts": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "ids": {"type": "array", "items": {"type": "string"}, "maxItems": 1000},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                    "role": {"enum": ["service", "office", null]},
                },
                "description": "Those named, or those that have every label and the role; at least one of the three.",
            },
            "reason": prose(),
            "compensating": prose(),
            "from": day(),
            "until": day(),
        }
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParams {
    state: Option<WaiverState>,
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn list(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Params(params): Params<ListParams>,
) -> Result<Json<Value>, Refusal> {
    let asked = Asked::new(params.limit, params.cursor)?;
    let page = at_desk(&app, &caller, move |desk| {
        let today = desk.today()?;
        let page = asked.page(
            &desk.people()?.waivers,
            |waiver| waiver.at,
            |waiver| params.state.is_none_or(|state| waiver.state(today) == state),
        );
        Ok(page.map(|waiver| WaiverView::on(today, waiver)))
    })
    .await?;
    Ok(Json(page.named("waivers")))
}

async fn show(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<String>,
) -> Result<Json<RecordView<WaiverView>>, Refusal> {
    Ok(Json(at_desk(&app, &caller, move |desk| desk.waiver(&id)).await?))
}

async fn ask(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Refusal> {
    let requested: Requested = body::json(request, LARGEST).await?;
    let made = at_desk(&app, &caller, |desk| {
        let id = desk.ask_for_waiver(requested)?;
        desk.waiver(&id)
    })
    .await?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    note: String,
}

async fn step(
    app: Shared,
    caller: Caller,
    id: String,
    request: Request,
    step: impl FnOnce(String) -> WaiverStep + Send + 'static,
) -> Result<Json<RecordView<WaiverView>>, Refusal> {
    let said: Said = body::json(request, LARGEST).await?;
    let taken = at_desk(&app, &caller, move |desk| {
        desk.waiver_step(&id, &step(said.note))?;
        desk.waiver(&id)
    });
    Ok(Json(taken.await?))
}

async fn approve(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<String>,
    request: Request,
) -> Result<Json<RecordView<WaiverView>>, Refusal> {
    step(app, caller, id, request, |note| WaiverStep::Approve { note }).await
}

async fn reject(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<String>,
    request: Request,
) -> Result<Json<RecordView<WaiverView>>, Refusal> {
    step(app, caller, id, request, |note| WaiverStep::Reject { note }).await
}

async fn end(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<String>,
    request: Request,
) -> Result<Json<RecordView<WaiverView>>, Refusal> {
    step(app, caller, id, request, |note| WaiverStep::End { note }).await
}
