//! Files of evidence: taken in before a record names them, and handed out to whoever audits.

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::StreamExt;
use plumbline_config::lang::Lang;
use plumbline_config::plan::SHORTEST_RETENTION;
use serde::Deserialize;
use serde_json::json;

use super::records::at_desk;
use super::{JSON, Named, Operation, Parameter, Params};
use crate::access::Access;
use crate::evidence::{Declared, Digest, EvidenceError, FileName, MediaType};
use crate::records::EvidenceFile;
use crate::web::Shared;
use crate::web::auth::Caller;
use crate::web::openapi::reference;
use crate::web::problem::{BAD_REQUEST, BUSY, FAILED, NOT_FOUND, RETRY_AFTER_SECONDS, Refusal, TOO_LARGE};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "post",
        path: "/api/v1/evidence",
        access: Access::Operator,
        summary: "Takes a file of evidence in; what it answers is what a record names the file by. The same file again is kept once.",
        parameters: &[Parameter {
            place: "query",
            name: "name",
            description: "Name of the file, for people to read.",
        }],
        body: Some((
            "application/octet-stream",
            || json!({"type": "string", "contentMediaType": "application/octet-stream", "minLength": 1}),
        )),
        answer: (JSON, || reference("EvidenceFile")),
        route: || post(take),
    },
    Operation {
        method: "get",
        path: "/api/v1/evidence/{sha256}",
        access: Access::Auditor,
        summary: "A file of evidence that a record names, proved on the way: an answer that is broken off is of a file that was tampered with.",
        parameters: &[Parameter {
            place: "path",
            name: "sha256",
            description: "SHA-256 of the file, in hexadecimal.",
        }],
        body: None,
        answer: ("*/*", || json!({"description": "The file, for saving."})),
        route: || get(hand_out),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TakeParams {
    name: Option<String>,
}

async fn take(
    State(app): State<Shared>,
    Params(params): Params<TakeParams>,
    request: Request,
) -> Result<Response, Refusal> {
    let _permit = app.intakes.try_acquire().map_err(|_| {
        BUSY.because("as many files of evidence as can be taken at a time are coming in; send this one again")
            .retry_after(RETRY_AFTER_SECONDS)
    })?;
    let media_type = request.headers().get(CONTENT_TYPE);
    let media_type = media_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let declared = Declared {
        name: params.name.as_deref().unwrap_or_default(),
        media_type: &media_type,
        retention: SHORTEST_RETENTION,
    };
    let mut intake = app.evidence.intake(&declared).await.map_err(refused)?;
    let mut body = request.into_body().into_data_stream();
    while let Some(piece) = body.next().await {
        let piece: Bytes =
            piece.map_err(|_| BAD_REQUEST.because("the file broke off on the way; send it again"))?;
        intake.write(&piece).await.map_err(refused)?;
    }
    let kept = intake.finish().await.map_err(refused)?;
    let file = EvidenceFile {
        name: kept.name.as_str().to_owned(),
        media_type: kept.media_type.as_str().to_owned(),
        size: kept.size,
        sha256: kept.sha256.to_string(),
    };
    Ok((StatusCode::CREATED, axum::Json(file)).into_response())
}

async fn hand_out(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(sha256): Named<String>,
) -> Result<Response, Refusal> {
    let unknown = || NOT_FOUND.because("no record names a file of evidence with this SHA-256");
    let digest: Digest = sha256.parse().map_err(|_| unknown())?;
    let named = at_desk(&app, &caller, move |desk| {
        let people = desk.people()?;
        Ok(people.file(&sha256).cloned())
    })
    .await?;
    let named = named.ok_or_else(unknown)?;
    let file = crate::evidence::EvidenceFile {
        sha256: digest,
        size: named.size,
        media_type: MediaType::of(&named.media_type),
        name: FileName::of(&named.name),
        declared_otherwise: None,
    };
    let reading = app.evidence.read(file.kept()).await.map_err(refused)?;
    Ok((file.headers(), Body::from_stream(reading.into_stream())).into_response())
}

pub(super) fn refused(error: EvidenceError) -> Refusal {
    let said = error.for_sender().render_in(Lang::En);
    match error {
        EvidenceError::Empty | EvidenceError::Disguised { .. } | EvidenceError::Interrupted(_) => {
            BAD_REQUEST.because(said)
        }
        EvidenceError::TooLarge { .. } => TOO_LARGE.because(said),
        EvidenceError::Missing(_) => NOT_FOUND.because(said),
        EvidenceError::Away { .. } | EvidenceError::Full { .. } => {
            BUSY.because(said).retry_after(RETRY_AFTER_SECONDS)
        }
        error => {
            tracing::error!(%error, "a file of evidence");
            FAILED.because(said)
        }
    }
}
