//! The API. Every operation is one entry of a slice: the router, the roles and the OpenAPI document are made from it,
//! so none of them can say something else than the others. More operations are more slices in [`ALL`].

mod actions;
mod acts;
mod api_tokens;
mod attestations;
mod evidence;
mod findings;
mod hosts;
mod incidents;
mod ledger;
mod metrics;
mod plan;
mod records;
mod reports;
mod session;
mod targets;
mod tokens;
mod users;
mod waivers;

use axum::Router;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::access::Access;
use crate::web::problem::{BAD_REQUEST, NOT_FOUND, Refusal};
use crate::web::{Shared, auth, openapi};

/// One operation of the API.
pub(crate) struct Operation {
    /// `get`, `post`, `put` or `delete`.
    pub(crate) method: &'static str,
    /// Path, with `{name}` for what varies.
    pub(crate) path: &'static str,
    /// Least role that may do it.
    pub(crate) access: Access,
    /// What it does, in one sentence.
    pub(crate) summary: &'static str,
    /// What varies in path and query.
    pub(crate) parameters: &'static [Parameter],
    /// The body that it takes.
    pub(crate) body: Option<Content>,
    /// Its answer.
    pub(crate) answer: Content,
    /// The handler, under its method.
    pub(crate) route: fn() -> MethodRouter<Shared>,
}

impl Operation {
    /// Whether it wants no credential at all.
    pub(crate) fn is_open(&self) -> bool {
        Method::from_bytes(self.method.to_ascii_uppercase().as_bytes())
            .is_ok_and(|method| auth::is_open(&method, self.path))
    }
}

/// A media type, and the JSON schema of what is sent as it.
pub(crate) type Content = (&'static str, fn() -> Value);

/// One parameter of an operation.
pub(crate) struct Parameter {
    /// `path` or `query`.
    pub(crate) place: &'static str,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
}

/// Media type of most bodies.
pub(crate) const JSON: &str = "application/json";

/// Every operation.
pub(crate) const ALL: &[&[Operation]] = &[
    hosts::OPERATIONS,
    findings::OPERATIONS,
    tokens::OPERATIONS,
    plan::OPERATIONS,
    reports::OPERATIONS,
    targets::OPERATIONS,
    ledger::OPERATIONS,
    attestations::OPERATIONS,
    evidence::OPERATIONS,
    waivers::OPERATIONS,
    actions::OPERATIONS,
    incidents::OPERATIONS,
    metrics::OPERATIONS,
    users::OPERATIONS,
    api_tokens::OPERATIONS,
    session::OPERATIONS,
    acts::OPERATIONS,
    openapi::OPERATIONS,
];

/// Every operation, one after another.
pub(crate) fn operations() -> impl Iterator<Item = &'static Operation> {
    ALL.iter().copied().flatten()
}

/// The router of all operations, each behind its role.
pub(crate) fn routes() -> Router<Shared> {
    operations().fold(Router::new(), |router, operation| {
        let route = (operation.route)();
        if operation.is_open() {
            return router.route(operation.path, route);
        }
        let guard = from_fn_with_state(operation, auth::require);
        router.route(operation.path, route.route_layer(guard))
    })
}

/// Parameters of the query; one that is not known is refused, so that a misspelt filter does not pass for none.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(BAD_REQUEST.because(rejection.body_text())),
        }
    }
}

/// The one parameter of a path.
pub(crate) struct Named<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(named)) => Ok(Self(named)),
            Err(rejection) => Err(NOT_FOUND.because(rejection.body_text())),
        }
    }
}
