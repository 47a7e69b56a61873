//! `/metrics`.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tracing::error;

use super::Operation;
use crate::access::Access;
use crate::web::Shared;
use crate::web::problem::{FAILED, Refusal};

/// Prometheus' text exposition format.
const TEXT: &str = "text/plain; version=0.0.4";

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    method: "get",
    path: "/metrics",
    access: Access::Viewer,
    summary: "Metrics of the collector, for Prometheus.",
    parameters: &[],
    body: None,
    answer: (TEXT, || json!({"type": "string"})),
    route: || get(show),
}];

async fn show(State(app): State<Shared>) -> Result<Response, Refusal> {
    let (report, totals) = super::reports::current(&app).await?;
    let (size, latest) = app
        .blocking(|store| Ok((store.ledger_frontier()?.size(), store.latest_checkpoint()?)))
        .await?;
    app.metrics.ledger(size, latest.as_ref());
    let text = app.metrics.render(&totals, &report).map_err(|error| {
        error!(%error, "cannot render the metrics");
        FAILED.because("the metrics could not be gathered; see the collector's log")
    })?;
    Ok(([(CONTENT_TYPE, TEXT)], text).into_response())
}
