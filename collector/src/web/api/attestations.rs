//! Attestations.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::records::{Asked, CURSOR, ID, LARGEST, LIMIT, at_desk, day, files, one_text, page_of, prose};
use super::{JSON, Named, Operation, Parameter, Params};
use crate::access::Access;
use crate::checklist::{self, DueState};
use crate::desk::{Desk, DeskError, unknown};
use crate::records::Attestation;
use crate::records::attestation::{self, Given};
use crate::report;
use crate::view::RecordView;
use crate::web::auth::Caller;
use crate::web::openapi::reference;
use crate::web::problem::Refusal;
use crate::web::{Shared, body};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "get",
        path: "/api/v1/attestations",
        access: Access::Viewer,
        summary: "Attestations, newest first, those that were taken back or replaced among them.",
        parameters: &[
            Parameter {
                place: "query",
                name: "line",
                description: "Only those that answer this line of the checklist.",
            },
            LIMIT,
            CURSOR,
        ],
        body: None,
        answer: (JSON, || page_of("attestations", reference("Attestation"))),
        route: || get(list),
    },
    Operation {
        method: "get",
        path: "/api/v1/attestations/due",
        access: Access::Viewer,
        summary: "When each line's next attestation is due: overdue ones first, then those that were never there, then the soonest.",
        parameters: &[],
        body: None,
        answer: (JSON, || {
            let states = DueState::ALL.map(DueState::name);
            json!({"type": "object", "required": ["due"], "properties": {"due": {"type": "array", "items": {
                "type": "object",
                "required": ["line", "clause", "title", "kind", "state", "due_at"],
                "properties": {
                    "line": {"type": "string"},
                    "state": {"type": "string", "enum": states},
                    "due_at": {"type": ["string", "null"], "format": "date-time"},
                    "attestation": {"type": ["string", "null"]},
                }
            }}}})
        }),
        route: || get(due),
    },
    Operation {
        method: "get",
        path: "/api/v1/attestations/{id}",
        access: Access::Viewer,
        summary: "An attestation.",
        parameters: &[ID],
        body: None,
        answer: (JSON, || reference("Attestation")),
        route: || get(show),
    },
    Operation {
        method: "post",
        path: "/api/v1/attestations",
        access: Access::Operator,
        summary: "Gives an attestation. It is never changed: it is withdrawn, or another one corrects it.",
        parameters: &[],
        body: Some((JSON, given)),
        answer: (JSON, || reference("Attestation")),
        route: || post(give),
    },
    Operation {
        method: "post",
        path: "/api/v1/attestations/{id}/withdraw",
        access: Access::Operator,
        summary: "Takes an attestation back.",
        parameters: &[ID],
        body: Some((JSON, || one_text("reason"))),
        answer: (JSON, || reference("Attestation")),
        route: || post(withdraw),
    },
];

/// Schema of what somebody attests.
fn given() -> Value {
    let name = || json!({"type": "string", "minLength": 1, "maxLength": 200});
    json!({
        "type": "object",
        "required": ["lines", "effective_on", "performed_by", "statement"],
        "additionalProperties": false,
        "properties": {
            "lines": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 200},
            "effective_on": day(),
            "performed_by": name(),
            "statement": prose(),
            "details": {
                "type": ["object", "null"],
                "required": ["of"],
                "properties": {
                    "of": {"enum": ["drill", "risk-assessment", "scan", "supervision", "training"]},
                },
                "description": "What belongs to the kind of attestation.",
            },
            "files": files(),
            "corrects": {"type": ["string", "null"], "description": "The attestation that it replaces."},
        }
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParams {
    line: Option<String>,
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
        let line = params.line.as_deref().map(attestation::line).transpose()?;
        let answers =
            |attestation: &Attestation| line.is_none_or(|line| attestation.given.lines.contains(&line.id));
        Ok(asked.page(
            &desk.people()?.attestations,
            |attestation| attestation.at,
            answers,
        ))
    })
    .await?;
    Ok(Json(page.named("attestations")))
}

async fn due(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Value>, Refusal> {
    let due = at_desk(&app, &caller, |desk| {
        Ok(checklist::due(&report::checklist(desk.source, None)?))
    })
    .await?;
    Ok(Json(json!({ "due": due })))
}

fn view(desk: &Desk<'_>, id: &str) -> Result<RecordView<Attestation>, DeskError> {
    let found = RecordView::of(&desk.people()?.attestations, id);
    Ok(found.ok_or_else(|| unknown("attestation", id))?)
}

async fn show(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<String>,
) -> Result<Json<RecordView<Attestation>>, Refusal> {
    Ok(Json(at_desk(&app, &caller, move |desk| view(desk, &id)).await?))
}

async fn give(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Refusal> {
    let given: Given = body::json(request, LARGEST).await?;
    let made = at_desk(&app, &caller, |desk| {
        let id = desk.attest(given)?;
        view(desk, &id)
    })
    .await?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Withdrawal {
    reason: String,
}

async fn withdraw(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<String>,
    request: Request,
) -> Result<Json<RecordView<Attestation>>, Refusal> {
    let withdrawal: Withdrawal = body::json(request, LARGEST).await?;
    let withdrawn = at_desk(&app, &caller, move |desk| {
        desk.withdraw(&id, withdrawal.reason)?;
        view(desk, &id)
    });
    Ok(Json(withdrawn.await?))
}
