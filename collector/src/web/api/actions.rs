//! Corrective actions.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::records::{Asked, CURSOR, ID, LARGEST, LIMIT, at_desk, day, files, page_of, prose};
use super::{JSON, Named, Operation, Parameter, Params};
use crate::access::Access;
use crate::desk::{Desk, DeskError, unknown};
use crate::records::Action;
use crate::records::action::ActionStep;
use crate::view::RecordView;
use crate::web::auth::Caller;
use crate::web::openapi::reference;
use crate::web::problem::{Refusal, UNSOUND_RECORD};
use crate::web::{Shared, body};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "get",
        path: "/api/v1/actions",
        access: Access::Viewer,
        summary: "Corrective actions, newest first.",
        parameters: &[
            Parameter {
                place: "query",
                name: "state",
                description: "open or closed; both unless said otherwise.",
            },
            LIMIT,
            CURSOR,
        ],
        body: None,
        answer: (JSON, || page_of("actions", reference("CorrectiveAction"))),
        route: || get(list),
    },
    Operation {
        method: "get",
        path: "/api/v1/actions/{id}",
        access: Access::Viewer,
        summary: "A corrective action, with every step that was taken.",
        parameters: &[ID],
        body: None,
        answer: (JSON, || reference("CorrectiveAction")),
        route: || get(show),
    },
    Operation {
        method: "post",
        path: "/api/v1/actions",
        access: Access::Operator,
        summary: "Opens a corrective action on a line; one at a time.",
        parameters: &[],
        body: Some((JSON, || {
            json!({
                "type": "object",
                "required": ["line", "text"],
                "additionalProperties": false,
                "properties": {"line": {"type": "string"}, "text": prose()},
            })
        })),
        answer: (JSON, || reference("CorrectiveAction")),
        route: || post(open),
    },
    Operation {
        method: "post",
        path: "/api/v1/actions/{id}/steps",
        access: Access::Operator,
        summary: "Takes the next step of a corrective action: who sees to it, the cause, a measure, the result, the review.",
        parameters: &[ID],
        body: Some((JSON, step)),
        answer: (JSON, || reference("CorrectiveAction")),
        route: || post(take),
    },
];

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

fn view(desk: &Desk<'_>, id: &str) -> Result<RecordView<Action>, DeskError> {
    let found = RecordView::of(&desk.people()?.actions, id);
    Ok(found.ok_or_else(|| unknown("corrective action", id))?)
}

async fn show(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<String>,
) -> Result<Json<RecordView<Action>>, Refusal> {
    Ok(Json(at_desk(&app, &caller, move |desk| view(desk, &id)).await?))
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
        view(desk, &id)
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
        view(desk, &id)
    });
    Ok(Json(taken.await?))
}
