//! Enrolment tokens.

use std::collections::BTreeMap;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use jiff::{SignedDuration, Timestamp};
use plumbline_config::ident::Role;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{JSON, Operation};
use crate::access::Access;
use crate::tokens::{self, EnrolmentOrder, OrderError, USUAL_LIFE};
use crate::view::TokenView;
use crate::web::auth::Caller;
use crate::web::openapi::{object, reference};
use crate::web::problem::{FAILED, Refusal, UNSOUND_REQUEST};
use crate::web::{Shared, body};

/// Largest body, in bytes.
const LARGEST_ORDER: usize = 64 * 1024;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "get",
        path: "/api/v1/enrolment-tokens",
        access: Access::Operator,
        summary: "Enrolment tokens, newest first, without their secrets.",
        parameters: &[],
        body: None,
        answer: (JSON, || {
            object(&[(
                "tokens",
                json!({"type": "array", "items": reference("EnrolmentToken")}),
            )])
        }),
        route: || get(list),
    },
    Operation {
        method: "post",
        path: "/api/v1/enrolment-tokens",
        access: Access::Operator,
        summary: "Makes an enrolment token. This answer alone holds the token itself.",
        parameters: &[],
        body: Some((JSON, || {
            json!({
                "type": "object",
                "required": ["role"],
                "properties": {
                    "role": {"type": "string", "enum": ["service", "office"]},
                    "uses": {"type": "integer", "minimum": 1, "default": 1},
                    "ttl_seconds": {"type": ["integer", "null"], "minimum": 1, "default": 86400},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                }
            })
        })),
        answer: (
            JSON,
            || json!({"allOf": [reference("EnrolmentToken"), object(&[("token", json!({"type": "string"}))])]}),
        ),
        route: || post(create),
    },
];

#[derive(Serialize)]
struct TokenList {
    tokens: Vec<TokenView>,
}

async fn list(State(app): State<Shared>) -> Result<Json<TokenList>, Refusal> {
    let tokens = app.blocking(|store| store.enrolment_tokens()).await?;
    Ok(Json(TokenList {
        tokens: tokens.into_iter().map(TokenView::from).collect(),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    role: Role,
    #[serde(default = "once")]
    uses: u32,
    ttl_seconds: Option<u32>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

const fn once() -> u32 {
    1
}

#[derive(Serialize)]
struct NewToken {
    token: String,
    #[serde(flatten)]
    view: TokenView,
}

async fn create(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Refusal> {
    let order: Order = body::json(request, LARGEST_ORDER).await?;
    let order = EnrolmentOrder {
        role: order.role,
        uses: order.uses,
        life: order.ttl_seconds.map_or(USUAL_LIFE, |seconds| {
            SignedDuration::from_secs(i64::from(seconds))
        }),
        labels: order.labels,
    };
    let (token, stored) = tokens::enrolment(order, Timestamp::now()).map_err(|error| match error {
        OrderError::NoRandom(error) => FAILED.because(error.to_string()),
        error => UNSOUND_REQUEST.because(error.to_string()),
    })?;
    let act = caller.act("enrolment-token.create", &stored.id);
    let view = TokenView::from(stored.clone());
    app.blocking(move |store| store.add_enrolment_token(&stored, &act))
        .await?;
    let new = NewToken {
        token: token.reveal().to_owned(),
        view,
    };
    Ok((StatusCode::CREATED, Json(new)).into_response())
}
