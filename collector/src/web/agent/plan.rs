//! `GET /agent/v1/plan`: the current plan, signed.

use axum::Json;
use axum::extract::State;
use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::web::Shared;
use crate::web::problem::{NOT_FOUND, Refusal};

pub(super) async fn hand_out(State(app): State<Shared>, headers: HeaderMap) -> Result<Response, Refusal> {
    let none =
        || NOT_FOUND.because("no plan is published; `plumbline-collector plan publish FILE` does that");
    let current = app
        .blocking(|store| store.plan_summary())
        .await?
        .ok_or_else(none)?;
    let tag = format!("\"{}\"", current.sha256);
    if holds(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    let plan = app.blocking(|store| store.plan()).await?.ok_or_else(none)?;
    // Another may have been published in between: the tag is of the plan that is sent.
    let tag = format!("\"{}\"", plan.sha256);
    Ok(([(ETAG, tag)], Json(plan)).into_response())
}

/// Whether `If-None-Match` (RFC 9110, 13.1.2) names the tag.
fn holds(headers: &HeaderMap, tag: &str) -> bool {
    let named = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    named
        .flat_map(|value| value.split(','))
        .map(|one| one.trim().trim_start_matches("W/"))
        .any(|one| one == tag || one == "*")
}
