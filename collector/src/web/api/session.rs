//! Signing in and out as a program does it; people have [`crate::web::pages`].

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Content, JSON, Operation};
use crate::access::{Access, Scope};
use crate::users::Password;
use crate::web::auth::{Caller, Who, source};
use crate::web::openapi::{ROLES, object};
use crate::web::problem::{CROSS_SITE, Refusal};
use crate::web::same_origin::{Origin, origin};
use crate::web::{Shared, body, cookie, signin};

/// Largest body, in bytes.
const LARGEST_BODY: usize = 8 * 1024;

/// Who is signed in.
const SESSION: Content = (JSON, || {
    object(&[
        ("kind", json!({"type": "string", "enum": ["user", "token"]})),
        ("name", json!({"type": "string"})),
        ("role", json!({"type": "string", "enum": ROLES})),
        ("scopes", json!({"type": "array", "items": {"type": "string"}})),
        (
            "expires_at",
            json!({"type": ["string", "null"], "format": "date-time"}),
        ),
    ])
});

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "get",
        path: "/api/v1/session",
        access: Access::Viewer,
        summary: "Whose credential this is, and what it may do.",
        parameters: &[],
        body: None,
        answer: SESSION,
        route: || get(show),
    },
    Operation {
        method: "post",
        path: "/api/v1/session",
        access: Access::Viewer,
        summary: "Signs a user in: the cookie of this answer opens what the user's role may, for 12 hours at most and 30 minutes without use.",
        parameters: &[],
        body: Some((JSON, || {
            object(&[
                ("user", json!({"type": "string"})),
                ("password", json!({"type": "string"})),
            ])
        })),
        answer: SESSION,
        route: || post(begin),
    },
    Operation {
        method: "delete",
        path: "/api/v1/session",
        access: Access::Viewer,
        summary: "Signs out. `ended` is false for an API token, which has no session.",
        parameters: &[],
        body: None,
        answer: (JSON, || object(&[("ended", json!({"type": "boolean"}))])),
        route: || delete(end),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    user: String,
    password: Zeroizing<String>,
}

fn view(
    kind: &str,
    name: &str,
    role: Access,
    scopes: &[Scope],
    expires_at: Option<Timestamp>,
) -> Json<Value> {
    Json(json!({"kind": kind, "name": name, "role": role, "scopes": scopes, "expires_at": expires_at}))
}

async fn show(Extension(caller): Extension<Caller>) -> Json<Value> {
    match &caller.who {
        Who::Token { id, scopes } => view("token", id, caller.access, scopes, caller.expires_at),
        Who::User { name, .. } => view("user", name, caller.access, &[], caller.expires_at),
    }
}

async fn begin(State(app): State<Shared>, request: Request) -> Result<Response, Refusal> {
    // A program says nothing of origins; a browser does, and another site's page is not to sign anybody in.
    if origin(request.headers()) == Origin::Foreign {
        return Err(CROSS_SITE.because("signing in is done from this collector's own pages"));
    }
    let source = source(request.extensions());
    let credentials: Credentials = body::json(request, LARGEST_BODY).await?;
    let password = Password::typed(&credentials.password);
    let signed_in = signin::with_password(&app, source, &credentials.user, password).await?;
    let body = view(
        "user",
        &signed_in.user,
        signed_in.role,
        &[],
        Some(signed_in.expires_at),
    );
    let cookie = signed_in.cookie().map(|cookie| (SET_COOKIE, cookie));
    Ok((StatusCode::CREATED, AppendHeaders(cookie), body).into_response())
}

async fn end(State(app): State<Shared>, Extension(caller): Extension<Caller>) -> Result<Response, Refusal> {
    let ended = match caller.who {
        Who::User { name, session } => signin::end(&app, &name, session).await?,
        Who::Token { .. } => false,
    };
    let gone = cookie::unset(cookie::SESSION)
        .filter(|_| ended)
        .map(|cookie| (SET_COOKIE, cookie));
    Ok((AppendHeaders(gone), Json(json!({"ended": ended}))).into_response())
}
