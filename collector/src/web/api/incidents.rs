//! Incidents.

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use plumbline_config::catalogue::IncidentKind;
use plumbline_config::lang::Lang;
use plumbline_config::plan::Plan;
use plumbline_document::html::STYLE;
use serde::Deserialize;
use serde_json::{Value, json};

use super::records::{
    Asked, CURSOR, ID, LARGEST, LIMIT, at_desk, begun, files, listed, one_text, page_of, prose, shown, taken,
};
use super::reports::{LANG, content_security_policy};
use super::{Content, JSON, Named, Operation, Parameter, Params};
use crate::access::Access;
use crate::desk::{Closing, DeskError, Suspicion};
use crate::document_format::{DocumentFormat, UnknownFormat};
use crate::incident_notice::Notice;
use crate::records::incident::{Harm, IncidentState, IncidentStep, Whom};
use crate::report;
use crate::view::{IncidentView, RecordView};
use crate::web::auth::Caller;
use crate::web::openapi::reference;
use crate::web::problem::{BAD_REQUEST, Refusal, UNSOUND_RECORD};
use crate::web::{Shared, body};

const INCIDENT: Content = (JSON, || reference("Incident"));

const STATE: Parameter = Parameter {
    place: "query",
    name: "state",
    description: "Only those in this state: suspected, confirmed, unfounded, closed or dismissed.",
};

const OPEN: Parameter = Parameter {
    place: "query",
    name: "open",
    description: "true: only those on which something is still to be done; false: only the others.",
};

pub(super) const OPERATIONS: &[Operation] = &[
    listed(
        "/api/v1/incidents",
        "Incidents, newest first, with what is left of the time in which the authority is to be told.",
        &[STATE, OPEN, LIMIT, CURSOR],
        (JSON, || page_of("incidents", reference("Incident"))),
        || get(list),
    ),
    shown(
        "/api/v1/incidents/{id}",
        "An incident, with every step that was taken.",
        INCIDENT,
        || get(show),
    ),
    begun(
        "/api/v1/incidents",
        "Opens a case: somebody suspects an incident of personal data.",
        suspicion,
        INCIDENT,
        || post(open),
    ),
    taken(
        "/api/v1/incidents/{id}/steps",
        Access::Operator,
        "Takes a step of a case: assess, contain, notify, media or correct.",
        step,
        INCIDENT,
        || post(take),
    ),
    taken(
        "/api/v1/incidents/{id}/close",
        Access::Admin,
        "Closes a case of which all was done; what is to be put right goes on as a corrective action.",
        closing,
        INCIDENT,
        || post(close),
    ),
    taken(
        "/api/v1/incidents/{id}/dismiss",
        Access::Admin,
        "Dismisses a case that somebody else found to be no incident of personal data.",
        || one_text("reason"),
        INCIDENT,
        || post(dismiss),
    ),
    Operation {
        method: "get",
        path: "/api/v1/incidents/{id}/notice",
        access: Access::Auditor,
        summary: "Drafts of the notices to the authority, to the people concerned and to customers, as far as plan and case fill them in.",
        parameters: &[
            ID,
            Parameter {
                place: "query",
                name: "format",
                description: "html, pdf or docx; html unless said otherwise.",
            },
            LANG,
        ],
        body: None,
        answer: (
            "*/*",
            || json!({"description": "The drafts in the format asked for."}),
        ),
        route: || get(notice),
    },
];

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn or_null(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"], "null"]);
    schema
}

/// Schema of what somebody suspects.
fn suspicion() -> Value {
    json!({
        "type": "object",
        "required": ["kind", "text"],
        "additionalProperties": false,
        "properties": {
            "kind": {"enum": IncidentKind::ALL.map(IncidentKind::name)},
            "host": {"type": ["string", "null"], "description": "Id of the host that it was seen on."},
            "culprit": {"type": ["string", "null"], "maxLength": 512, "description": "Who or what is behind it."},
            "text": prose(),
            "known_at": or_null(time()),
            "happened_at": or_null(time()),
        }
    })
}

/// Schema of a step.
fn step() -> Value {
    let named = |name: &str| json!({"enum": [name]});
    let number = || json!({"type": ["integer", "null"], "minimum": 0});
    let text = || json!({"type": "string", "maxLength": 4000});
    let of = |name: &str, required: &[&str], more: Value| {
        let mut properties = json!({"step": named(name), "text": prose(), "files": files()});
        if let (Some(all), Value::Object(more)) = (properties.as_object_mut(), more) {
            all.extend(more);
        }
        let required: Vec<&str> = ["step", "text"].iter().chain(required).copied().collect();
        json!({"type": "object", "required": required, "properties": properties})
    };
    json!({"oneOf": [
        of("assess", &["personal_data"], json!({
            "personal_data": {"type": "boolean", "description": "Whether it is an incident of personal data."},
            "grave": {"type": "boolean", "default": true, "description": "Whether it endangers the business or many people: then the authority is told."},
            "customers": {"type": "boolean", "description": "Whether data of customers is concerned."},
            "harms": {"type": "array", "items": {"enum": Harm::ALL.map(Harm::name)}},
            "categories": {"type": "array", "maxItems": 50, "items": {"type": "string", "minLength": 1, "maxLength": 512}},
            "people": number(), "records": number(), "special_records": number(),
            "damage": text(), "consequences": text(),
        })),
        of("contain", &[], json!({})),
        of("notify", &["whom", "told_at", "channel"], json!({
            "whom": {"enum": Whom::ALL.map(Whom::name)},
            "told_at": time(),
            "channel": {"type": "string", "minLength": 1, "maxLength": 512},
        })),
        of("media", &["reported_at"], json!({"reported_at": time()})),
        of("correct", &[], json!({"known_at": or_null(time()), "happened_at": or_null(time())})),
    ]})
}

/// Schema of what came of a case.
fn closing() -> Value {
    json!({
        "type": "object",
        "required": ["text"],
        "additionalProperties": false,
        "properties": {
            "text": prose(),
            "action": {"type": ["string", "null"], "description": "The corrective action that follows."},
            "line": {"type": ["string", "null"], "description": "Otherwise the line that one is opened on; the finding's unless said otherwise."},
            "files": files(),
        }
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParams {
    state: Option<IncidentState>,
    open: Option<bool>,
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
        let page = asked.page(
            &desk.people()?.incidents,
            |incident| incident.at,
            |incident| {
                params.state.is_none_or(|state| incident.state() == state)
                    && params.open.is_none_or(|open| incident.is_open() == open)
            },
        );
        Ok(page.map(|incident| desk.incident_view(incident)))
    })
    .await?;
    Ok(Json(page.named("incidents")))
}

async fn show(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<String>,
) -> Result<Json<RecordView<IncidentView>>, Refusal> {
    Ok(Json(
        at_desk(&app, &caller, move |desk| desk.incident(&id)).await?,
    ))
}

async fn open(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Refusal> {
    let suspicion: Suspicion = body::json(request, LARGEST).await?;
    let made = at_desk(&app, &caller, |desk| {
        let id = desk.open_incident(suspicion)?;
        desk.incident(&id)
    })
    .await?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

async fn step_taken(
    app: Shared,
    caller: Caller,
    id: String,
    step: IncidentStep,
) -> Result<Json<RecordView<IncidentView>>, Refusal> {
    let taken = at_desk(&app, &caller, move |desk| {
        desk.incident_step(&id, &step)?;
        desk.incident(&id)
    });
    Ok(Json(taken.await?))
}

async fn take(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<String>,
    request: Request,
) -> Result<Json<RecordView<IncidentView>>, Refusal> {
    let step: IncidentStep = body::json(request, LARGEST).await?;
    // What opens or ends a case has a path, and a role, of its own.
    if matches!(
        step,
        IncidentStep::Open(_) | IncidentStep::Close { .. } | IncidentStep::Dismiss { .. }
    ) {
        return Err(UNSOUND_RECORD.because(
            "a step is assess, contain, notify, media or correct; a case is opened at /api/v1/incidents, and ends at \
             its paths close and dismiss",
        ));
    }
    step_taken(app, caller, id, step).await
}

async fn close(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<String>,
    request: Request,
) -> Result<Json<RecordView<IncidentView>>, Refusal> {
    let closing: Closing = body::json(request, LARGEST).await?;
    let closed = at_desk(&app, &caller, move |desk| {
        desk.close_incident(&id, closing)?;
        desk.incident(&id)
    });
    Ok(Json(closed.await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    reason: String,
}

async fn dismiss(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<String>,
    request: Request,
) -> Result<Json<RecordView<IncidentView>>, Refusal> {
    let Reason { reason } = body::json(request, LARGEST).await?;
    step_taken(app, caller, id, IncidentStep::Dismiss { reason }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoticeParams {
    format: Option<String>,
    lang: Option<Lang>,
}

async fn notice(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<String>,
    Params(params): Params<NoticeParams>,
) -> Result<Response, Refusal> {
    let format = params.format.as_deref().unwrap_or(DocumentFormat::Html.name());
    let format: DocumentFormat = format
        .parse()
        .map_err(|error: UnknownFormat| BAD_REQUEST.because(error.to_string()))?;
    let lang = params.lang.unwrap_or_default();
    let (id, bytes) = at_desk(&app, &caller, move |desk| {
        let case = desk.incident(&id)?;
        let usual = Plan::default();
        let plan = report::published_plan(desk.source.store)?;
        let notice = Notice {
            id: &case.id,
            incident: &case.record.incident,
            plan: plan.as_ref().map_or(&usual, |plan| &plan.plan),
            now: desk.source.now,
            lang,
        };
        let mut bytes = Vec::new();
        notice.make(format, &mut bytes).map_err(DeskError::Document)?;
        Ok((case.id, bytes))
    })
    .await?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    if format == DocumentFormat::Html {
        headers.extend(content_security_policy(STYLE));
    } else if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{id}.{format}\"")) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    Ok((headers, bytes).into_response())
}
