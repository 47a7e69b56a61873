//! Corrective actions.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::records::{
    Asked, CURSOR, LARGEST, LIMIT, at_desk, begun, day, files, listed, page_of, prose, shown, taken,
};
use super::{Content, JSON, Named, Operation, Parameter, Params};
use crate::access::Access;
use crate::records::Action;
use crate::records::action::ActionStep;
use crate::view::RecordView;
use crate::web::auth::Caller;
use crate::web::openapi::reference;
use crate::web::problem::{Refusal, UNSOUND_RECORD};
use crate::web::{Shared, body};

const ACTION: Content = (JSON, || reference("CorrectiveAction"));

const STATE: Parameter = Parameter {
    place: "query",
    name: "state",
    description: "open or closed; both unless said otherwise.",
};

pub(super) const OPERATIONS: &[Operation] = &[
    listed(
        "/api/v1/actions",
        "Corrective actions, newest first.",
        &[STATE, LIMIT, CURSOR],
        (JSON, || page_of("actions", reference("CorrectiveAction"))),
        || get(list),
    ),
    shown(
        "/api/v1/actions/{id}",
        "A corrective action, with every step that was taken.",
        ACTION,
        || get(show),
    ),
    begun(
        "/api/v1/actions",
        "Opens a corrective action on a line; one at a time.",
        seen,
        ACTION,
        || post(open),
    ),
    taken(
        "/api/v1/actions/{id}/steps",
        Access::Operator,
        "Takes the next step of a corrective action: who sees to it, the cause, a measure, the result, the review.",
        step,
        ACTION,
        || post(take),
    ),
];

/// Schema of what is seen.
fn seen() -> Value {
    json!({
        "type": "object",
        "required": ["line", "text"],
        "additionalProperties": false,
        "properties": {"line": {"type": "string"}, "text": prose()},
    })
}

/// Schema of a step.
fn step() -> Value {
    let named = |names: &[&str]| json!({"enum": names});
    json!({"oneOf": [
        {
            "type": "object",
            "required": ["step", "owner", "due_on"],
            "properties": {
                "step": named(&["assign"]),
                "owner": {"type": "string", "minLength": 1, "maxLength": 200},
                "due_on": day(),
            }
        },
        {
            "type": "object",
            "required": ["step", "text"],
            "properties": {"step": named(&["cause", "measure", "result"]), "text": prose(), "files": files()},
        },
        {
            "type": "object",
            "required": ["step", "effective", "text"],
            "properties": {
                "step": named(&["review"]),
                "effective": {"type": "boolean"},
                "text": prose(),
                "files": files(),
            }
        },
    ]})
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ActionState {
    Open,
    Closed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParams {
    state: Option<ActionState>,
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn list(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Params(params): Params<ListParams>,
) -> Result<Json<Value>, Refusal> {
    let asked = Asked::new(params.limit, params.cursor)?;
    let wanted = move |action: &Action| match params.state {
        None => true,
        Some(ActionState::Open) => action.is_open(),
        Some(ActionState::Closed) => !action.is_open(),
    };
    let page = at_desk(&app, &caller, move |desk| {
        Ok(asked.page(&desk.people()?.actions, |action| action.at, wanted))
    })
    .await?;
    Ok(Json(page.named("actions")))
}

async fn show(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<String>,
) -> Result<Json<RecordView<Action>>, Refusal> {
    Ok(Json(at_desk(&app, &caller, move |desk| desk.action(&id)).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    line: String,
    text: String,
}

async fn open(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Refusal> {
    let seen: Seen = body::json(request, LARGEST).await?;
    let made = at_desk(&app, &caller, move |desk| {
        let id = desk.open_action(&seen.line, seen.text)?;
        desk.action(&id)
    })
    .await?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

async fn take(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<String>,
    request: Request,
) -> Result<Json<RecordView<Action>>, Refusal> {
    let step: ActionStep = body::json(request, LARGEST).await?;
    if let ActionStep::Open { .. } = step {
        return Err(UNSOUND_RECORD
            .because("this action is open; send its next step, or open another one at /api/v1/actions"));
    }
    let taken = at_desk(&app, &caller, move |desk| {
        desk.action_step(&id, &step)?;
        desk.action(&id)
    });
    Ok(Json(taken.await?))
}
