//! Users.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Content, JSON, Named, Operation, Parameter};
use crate::access::Access;
use crate::store::UserChange;
use crate::users::{self, Password, UserError, UserName, UserView};
use crate::web::auth::Caller;
use crate::web::openapi::{ROLES, object, reference};
use crate::web::problem::{FAILED, NAME_TAKEN, NOT_FOUND, Refusal, UNSOUND_REQUEST};
use crate::web::{Shared, body};

/// Largest body, in bytes.
const LARGEST_ORDER: usize = 8 * 1024;

const NAME: Parameter = Parameter {
    place: "path",
    name: "name",
    description: "Name of the user.",
};

/// What a change answers.
const CHANGED: Content = (JSON, || {
    object(&[
        ("user", json!({"type": "string"})),
        ("changed", json!({"type": "boolean"})),
    ])
});

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "get",
        path: "/api/v1/users",
        access: Access::Admin,
        summary: "Users, by name.",
        parameters: &[],
        body: None,
        answer: (JSON, || {
            object(&[("users", json!({"type": "array", "items": reference("User")}))])
        }),
        route: || get(list),
    },
    Operation {
        method: "post",
        path: "/api/v1/users",
        access: Access::Admin,
        summary: "Makes a user, who signs in with a password or at the identity provider.",
        parameters: &[],
        body: Some((JSON, || {
            json!({
                "type": "object",
                "required": ["name", "role"],
                "properties": {
                    "name": {"type": "string", "minLength": 1, "maxLength": 64},
                    "role": {"type": "string", "enum": ROLES},
                    "password": {"type": "string", "minLength": 12, "maxLength": 256},
                    "oidc_subject": {"type": "string", "minLength": 1, "maxLength": 255},
                },
                "description": "Either a password or a subject.",
            })
        })),
        answer: (JSON, || reference("User")),
        route: || post(add),
    },
    Operation {
        method: "post",
        path: "/api/v1/users/{name}/disable",
        access: Access::Admin,
        summary: "Disables a user and ends the user's sessions. `changed` is false when it was disabled already.",
        parameters: &[NAME],
        body: None,
        answer: CHANGED,
        route: || post(disable),
    },
    Operation {
        method: "post",
        path: "/api/v1/users/{name}/enable",
        access: Access::Admin,
        summary: "Lets a disabled user sign in again.",
        parameters: &[NAME],
        body: None,
        answer: CHANGED,
        route: || post(enable),
    },
    Operation {
        method: "post",
        path: "/api/v1/users/{name}/role",
        access: Access::Admin,
        summary: "Gives a user another role and ends the user's sessions.",
        parameters: &[NAME],
        body: Some((JSON, || {
            object(&[("role", json!({"type": "string", "enum": ROLES}))])
        })),
        answer: CHANGED,
        route: || post(role),
    },
    Operation {
        method: "post",
        path: "/api/v1/users/{name}/password",
        access: Access::Admin,
        summary: "Gives a user another password and ends the user's sessions.",
        parameters: &[NAME],
        body: Some((JSON, || {
            object(&[(
                "password",
                json!({"type": "string", "minLength": 12, "maxLength": 256}),
            )])
        })),
        answer: CHANGED,
        route: || post(password),
    },
];

#[derive(Serialize)]
struct UserList {
    users: Vec<UserView>,
}

async fn list(State(app): State<Shared>) -> Result<Json<UserList>, Refusal> {
    let users = app.blocking(|store| store.users()).await?;
    Ok(Json(UserList {
        users: users.into_iter().map(UserView::from).collect(),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    name: String,
    role: Access,
    password: Option<Zeroizing<String>>,
    oidc_subject: Option<String>,
}

async fn add(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Refusal> {
    let order: Order = body::json(request, LARGEST_ORDER).await?;
    let name = UserName::new(&order.name).map_err(refused)?;
    let (role, now) = (order.role, Timestamp::now());
    let act = caller.act("user.create", format!("{name} as {role}"));
    let user = match (order.password, order.oidc_subject) {
        (Some(password), None) => {
            let password = Password::new(&password, &name).map_err(refused)?;
            let made = app
                .verifier
                .turn(move || users::with_password(&name, role, &password, now));
            made.await?.map_err(refused)?
        }
        (None, Some(subject)) => {
            let Some(oidc) = &app.settings.oidc else {
                return Err(UNSOUND_REQUEST.because("the collector's settings name no identity provider"));
            };
            let subject = users::subject(&oidc.issuer, &subject).map_err(refused)?;
            users::with_subject(&name, role, subject, now)
        }
        _ => return Err(UNSOUND_REQUEST.because("send either a password or an oidc_subject")),
    };
    let view = UserView::from(user.clone());
    if !app.blocking(move |store| store.add_user(&user, &act)).await? {
        return Err(NAME_TAKEN.because("there is a user of that name or that subject already"));
    }
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

async fn disable(
    app: State<Shared>,
    caller: Extension<Caller>,
    name: Named<String>,
) -> Result<Json<Value>, Refusal> {
    change(app, caller, name, UserChange::Disable).await
}

async fn enable(
    app: State<Shared>,
    caller: Extension<Caller>,
    name: Named<String>,
) -> Result<Json<Value>, Refusal> {
    change(app, caller, name, UserChange::Enable).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRole {
    role: Access,
}

async fn role(
    app: State<Shared>,
    caller: Extension<Caller>,
    name: Named<String>,
    request: Request,
) -> Result<Json<Value>, Refusal> {
    let new: NewRole = body::json(request, LARGEST_ORDER).await?;
    change(app, caller, name, UserChange::Role(new.role)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    password: Zeroizing<String>,
}

async fn password(
    app: State<Shared>,
    caller: Extension<Caller>,
    name: Named<String>,
    request: Request,
) -> Result<Json<Value>, Refusal> {
    let new: NewPassword = body::json(request, LARGEST_ORDER).await?;
    let user = existing(&app, &name.0).await?;
    let password = Password::new(&new.password, &user).map_err(refused)?;
    let hash = app
        .verifier
        .turn(move || password.hash())
        .await?
        .map_err(refused)?;
    change(app, caller, name, UserChange::Password(hash)).await
}

async fn change(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Named(name): Named<String>,
    change: UserChange,
) -> Result<Json<Value>, Refusal> {
    let name = existing(&app, &name).await?;
    let act = caller.act(change.act(), change.on(name.as_str()));
    let key = name.clone();
    let changed = app
        .blocking(move |store| store.change_user(key.as_str(), &change, &act))
        .await?;
    Ok(Json(json!({"user": name.as_str(), "changed": changed})))
}

/// The name of a user that exists.
async fn existing(app: &Shared, name: &str) -> Result<UserName, Refusal> {
    let unknown = || NOT_FOUND.because("there is no such user");
    let name = UserName::new(name).map_err(|_| unknown())?;
    let key = name.clone();
    let found = app.blocking(move |store| store.user(key.as_str())).await?;
    found.map(|_| name).ok_or_else(unknown)
}

fn refused(error: UserError) -> Refusal {
    match error {
        UserError::Hash(_) | UserError::NoRandom(_) => FAILED.because(error.to_string()),
        UserError::Name | UserError::Length | UserError::IsName | UserError::Subject => {
            UNSOUND_REQUEST.because(error.to_string())
        }
    }
}
