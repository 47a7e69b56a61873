//! The plan.

use std::path::Path;

use axum::extract::{Request, State};
use axum::routing::{get, put};
use axum::{Extension, Json};
use plumbline_config::file::LARGEST_FILE;
use plumbline_config::plan::LoadedPlan;
use serde::Serialize;
use serde_json::json;

use super::{JSON, Operation};
use crate::access::Access;
use crate::store::{PlanSummary, PublishedPlan};
use crate::web::auth::Caller;
use crate::web::openapi::{object, reference};
use crate::web::problem::{FAILED, NOT_FOUND, Refusal, TOO_LARGE, UNSOUND_PLAN};
use crate::web::{Shared, body};

/// Media type of a plan.
const TOML: &str = "application/toml";

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "get",
        path: "/api/v1/plan",
        access: Access::Viewer,
        summary: "The current plan and its signature.",
        parameters: &[],
        body: None,
        answer: (JSON, || {
            json!({"allOf": [reference("PlanSummary"), object(&[
                ("toml", json!({"type": "string"})),
                ("signature", json!({"type": "string"})),
            ])]})
        }),
        route: || get(show),
    },
    Operation {
        method: "put",
        path: "/api/v1/plan",
        access: Access::Admin,
        summary: "Signs a plan and makes it the current one. `changed` is false when it was current already.",
        parameters: &[],
        body: Some((TOML, || json!({"type": "string"}))),
        answer: (JSON, || {
            object(&[
                ("version", json!({"type": "string"})),
                ("sha256", json!({"type": "string"})),
                ("changed", json!({"type": "boolean"})),
            ])
        }),
        route: || put(publish),
    },
];

#[derive(Serialize)]
struct PlanView {
    #[serde(flatten)]
    summary: PlanSummary,
    toml: String,
    signature: String,
}

async fn show(State(app): State<Shared>) -> Result<Json<PlanView>, Refusal> {
    let found = app
        .blocking(|store| Ok(store.plan_summary()?.zip(store.plan()?)))
        .await?;
    let (summary, plan) = found.ok_or_else(|| NOT_FOUND.because("no plan is published"))?;
    Ok(Json(PlanView {
        summary,
        toml: plan.toml,
        signature: plan.signature,
    }))
}

#[derive(Serialize)]
struct Published {
    version: String,
    sha256: String,
    changed: bool,
}

async fn publish(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Json<Published>, Refusal> {
    let most = usize::try_from(LARGEST_FILE).map_err(|_| TOO_LARGE.because("no plan can be read here"))?;
    let bytes = body::read(request, most).await?;
    let text = String::from_utf8(bytes).map_err(|_| UNSOUND_PLAN.because("the plan is not UTF-8 text"))?;
    // Parsing a large plan is work for a blocking thread.
    let parsed = tokio::task::spawn_blocking(move || LoadedPlan::from_text(text, Path::new("plan.toml")))
        .await
        .map_err(|_| FAILED.because("the collector failed at this plan"))?;
    let plan = parsed.map_err(|error| UNSOUND_PLAN.because(error.to_string()))?;
    let act = caller.act("plan.publish", &plan.reference.sha256);
    let published = PublishedPlan {
        signature: app.signer.sign(plan.text.as_bytes()),
        reference: plan.reference.clone(),
        toml: plan.text,
    };
    let changed = app
        .blocking(move |store| store.publish_plan(&published, &act))
        .await?;
    Ok(Json(Published {
        version: plan.reference.version,
        sha256: plan.reference.sha256,
        changed,
    }))
}
