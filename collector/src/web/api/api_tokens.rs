//! API tokens.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{JSON, Named, Operation, Parameter};
use crate::access::{Access, Scope};
use crate::tokens::{self, ApiOrder, ApiTokenView, OrderError, USUAL_API_LIFE};
use crate::web::auth::Caller;
use crate::web::openapi::{ROLES, object, reference};
use crate::web::problem::{FAILED, NOT_FOUND, Refusal, UNSOUND_REQUEST};
use crate::web::{Shared, body};

/// Largest body, in bytes.
const LARGEST_ORDER: usize = 8 * 1024;

/// Longest public name looked at, in bytes.
const LONGEST_ID: usize = 64;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "get",
        path: "/api/v1/api-tokens",
        access: Access::Admin,
        summary: "API tokens, newest first, without their secrets.",
        parameters: &[],
        body: None,
        answer: (JSON, || {
            object(&[("tokens", json!({"type": "array", "items": reference("ApiToken")}))])
        }),
        route: || get(list),
    },
    Operation {
        method: "post",
        path: "/api/v1/api-tokens",
        access: Access::Admin,
        summary: "Makes an API token. This answer alone holds the token itself.",
        parameters: &[],
        body: Some((JSON, || {
            let scopes: Vec<&str> = Scope::ALL.iter().map(|scope| scope.name()).collect();
            json!({
                "type": "object",
                "required": ["role"],
                "properties": {
                    "role": {"type": "string", "enum": ROLES},
                    "scopes": {"type": "array", "items": {"type": "string", "enum": scopes}, "default": []},
                    "note": {"type": "string", "maxLength": 128, "default": ""},
                    "ttl_seconds": {"type": "integer", "minimum": 1, "default": 7_776_000},
                    "never_expires": {"type": "boolean", "default": false},
                }
            })
        })),
        answer: (
            JSON,
            || json!({"allOf": [reference("ApiToken"), object(&[("token", json!({"type": "string"}))])]}),
        ),
        route: || post(create),
    },
    Operation {
        method: "post",
        path: "/api/v1/api-tokens/{id}/revoke",
        access: Access::Admin,
        summary: "Revokes an API token. `revoked` is false when it was revoked before.",
        parameters: &[Parameter {
            place: "path",
            name: "id",
            description: "Public name of the token, such as t-k3w7qz5a.",
        }],
        body: None,
        answer: (JSON, || {
            object(&[
                ("id", json!({"type": "string"})),
                ("revoked", json!({"type": "boolean"})),
            ])
        }),
        route: || post(revoke),
    },
];

#[derive(Serialize)]
struct TokenList {
    tokens: Vec<ApiTokenView>,
}

async fn list(State(app): State<Shared>) -> Result<Json<TokenList>, Refusal> {
    let tokens = app.blocking(|store| store.api_tokens()).await?;
    Ok(Json(TokenList {
        tokens: tokens.into_iter().map(ApiTokenView::from).collect(),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    role: Access,
    #[serde(default)]
    scopes: Vec<Scope>,
    #[serde(default)]
    note: String,
    ttl_seconds: Option<u32>,
    #[serde(default)]
    never_expires: bool,
}

#[derive(Serialize)]
struct NewToken {
    token: String,
    #[serde(flatten)]
    view: ApiTokenView,
}

async fn create(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Refusal> {
    let order: Order = body::json(request, LARGEST_ORDER).await?;
    let life = match (order.ttl_seconds, order.never_expires) {
        (Some(_), true) => {
            return Err(UNSOUND_REQUEST.because("send either ttl_seconds or never_expires"));
        }
        (None, true) => None,
        (Some(seconds), false) => Some(SignedDuration::from_secs(i64::from(seconds))),
        (None, false) => Some(USUAL_API_LIFE),
    };
    let order = ApiOrder {
        access: order.role,
        scopes: order.scopes,
        note: order.note,
        life,
    };
    let (token, stored) = tokens::api(order, Timestamp::now()).map_err(|error| match error {
        OrderError::NoRandom(error) => FAILED.because(error.to_string()),
        error => UNSOUND_REQUEST.because(error.to_string()),
    })?;
    let act = caller.act("api-token.create", &stored.id);
    let view = ApiTokenView::from(stored.clone());
    app.blocking(move |store| store.add_api_token(&stored, &act))
        .await?;
    let new = NewToken {
        token: token.reveal().to_owned(),
        view,
    };
    Ok((StatusCode::CREATED, Json(new)).into_response())
}

async fn revoke(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<String>,
) -> Result<Json<Value>, Refusal> {
    let unknown = || NOT_FOUND.because("there is no such API token");
    if id.len() > LONGEST_ID || !id.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(unknown());
    }
    let act = caller.act("api-token.revoke", &id);
    let name = id.clone();
    let known = app
        .blocking(move |store| {
            if store.revoke_api_token(&name, &act)? {
                return Ok(Some(true));
            }
            let exists = store.api_tokens()?.iter().any(|token| token.id == name);
            Ok(exists.then_some(false))
        })
        .await?;
    let revoked = known.ok_or_else(unknown)?;
    Ok(Json(json!({"id": id, "revoked": revoked})))
}
