//! Attestations.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::records::{
    Asked, CURSOR, LARGEST, LIMIT, at_desk, begun, day, files, listed, one_text, page_of, prose, shown, taken,
};
use super::{Content, JSON, Named, Operation, Parameter, Params};
use crate::access::Access;
use crate::checklist::{self, DueState};
use crate::records::Attestation;
use crate::records::attestation::{self, Given};
use crate::report;
use crate::view::RecordView;
use crate::web::auth::Caller;
use crate::web::openapi::reference;
use crate::web::problem::Refusal;
use crate::web::{Shared, body};

const ATTESTATION: Content = (JSON, || reference("Attestation"));

const LINE: Parameter = Parameter {
    place: "query",
    name: "line",
    description: "Only those that answer this line of the checklist.",
};

pub(super) const OPERATIONS: &[Operation] = &[
    listed(
        "/api/v1/attestations",
        "Attestations, newest first, those that were taken back or replaced among them.",
        &[LINE, LIMIT, CURSOR],
        (JSON, || page_of("attestations", reference("Attestation"))),
        || get(list),
    ),
    listed(
        "/api/v1/attestations/due",
        "When each line's next attestation is due: overdue ones first, then those that were never there, then the soonest.",
        &[],
        (JSON, all_due),
        || get(due),
    ),
    shown(
        "/api/v1/attestations/{id}",
        "An attestation.",
        ATTESTATION,
        || get(show),
    ),
    begun(
        "/api/v1/attestations",
        "Gives an attestation. It is never changed: it is withdrawn, or another one corrects it.",
        given,
        ATTESTATION,
        || post(give),
    ),
    taken(
        "/api/v1/attestations/{id}/withdraw",
        Access::Operator,
        "Takes an attestation back.",
        || one_text("reason"),
        ATTESTATION,
        || post(withdraw),
    ),
];

/// Schema of what is due.
fn all_due() -> Value {
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
}

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

async fn show(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<String>,
) -> Result<Json<RecordView<Attestation>>, Refusal> {
    Ok(Json(
        at_desk(&app, &caller, move |desk| desk.attestation(&id)).await?,
    ))
}

async fn give(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Refusal> {
    let given: Given = body::json(request, LARGEST).await?;
    let made = at_desk(&app, &caller, |desk| {
        let id = desk.attest(given)?;
        desk.attestation(&id)
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
        desk.attestation(&id)
    });
    Ok(Json(withdrawn.await?))
}
