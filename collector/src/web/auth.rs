//! Who asks at the door for people: a holder of an API token or a person who is signed in, and what they may do.
//!
//! A token that is sent counts before a session's cookie. What changes something under a cookie must come from this
//! collector's own pages ([`super::same_origin`]).

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use jiff::{SignedDuration, Timestamp};
use plumbline_config::seal::sha256_hex;
use tracing::warn;
use zeroize::Zeroizing;

use crate::access::{Access, Scope};
use crate::secret::LONGEST_TOKEN;
use crate::store::{Act, ApiToken};
use crate::web::api::Operation;
use crate::web::listener::Peer;
use crate::web::problem::{
    CROSS_SITE, FORBIDDEN, INVALID_SESSION, INVALID_TOKEN, MISSING_TOKEN, OUT_OF_SCOPE, Refusal,
    TOO_MANY_FAILURES, TOO_MANY_REQUESTS,
};
use crate::web::same_origin::{Origin, origin};
use crate::web::{Shared, cookie, pages, signin};

/// How exactly it is kept when a token was last used.
const USED_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Whether a request wants no credential: whether the collector lives is no secret, enrolment has a token of its own, and
/// signing in is how one comes by a credential.
pub(super) fn is_open(method: &Method, path: &str) -> bool {
    match path {
        "/healthz" | "/readyz" | "/agent/v1/enroll" => true,
        "/api/v1/session" => method == Method::POST,
        _ => pages::PATHS.contains(&path),
    }
}

/// Whoever a request came from.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) who: Who,
    /// Role.
    pub(crate) access: Access,
    /// When the credential ends.
    pub(crate) expires_at: Option<Timestamp>,
}

/// What a request showed.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    /// An API token.
    Token {
        /// Public name.
        id: String,
        /// Where it may be used; empty: wherever its role may.
        scopes: Vec<Scope>,
    },
    /// The cookie of a session.
    User {
        /// Name.
        name: String,
        /// SHA-256 of the cookie.
        session: String,
    },
}

impl Caller {
    /// The name that acts have it by.
    pub(crate) fn name(&self) -> String {
        match &self.who {
            Who::Token { id, .. } => format!("api:{id}"),
            Who::User { name, .. } => format!("user:{name}"),
        }
    }

    /// An act of this caller, now.
    pub(crate) fn act(&self, what: &str, on: impl ToString) -> Act {
        Act {
            at: Timestamp::now(),
            who: self.name(),
            what: what.to_owned(),
            on: on.to_string(),
        }
    }

    fn is_narrowed_away_from(&self, path: &str) -> bool {
        match &self.who {
            Who::Token { scopes, .. } if !scopes.is_empty() => {
                !Scope::of(path).is_some_and(|scope| scopes.contains(&scope))
            }
            Who::Token { .. } | Who::User { .. } => false,
        }
    }
}

/// Lets a request through that has a good credential, and leaves the [`Caller`] with it.
pub(super) async fn authenticate(State(app): State<Shared>, request: Request, next: Next) -> Response {
    if is_open(request.method(), request.uri().path()) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    match caller(&app, &parts).await {
        Ok(caller) => {
            if let Err(seconds) = app.pace.take(&caller.name(), Instant::now()) {
                return TOO_MANY_REQUESTS
                    .because("this credential asks faster than the collector answers one; wait, then go on")
                    .retry_after(seconds)
                    .into_response();
            }
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refusal) => match pages::instead_of(&app, &parts, &refusal).await {
            Some(page) => page,
            None => refusal.into_response(),
        },
    }
}

/// Lets a request through whose caller may do the operation.
pub(super) async fn require(
    State(operation): State<&'static Operation>,
    request: Request,
    next: Next,
) -> Response {
    let least = operation.access;
    let refusal = match request.extensions().get::<Caller>() {
        Some(caller) if caller.access < least => {
            FORBIDDEN.because(format!("this wants the role {least} or more"))
        }
        Some(caller) if caller.is_narrowed_away_from(operation.path) => {
            OUT_OF_SCOPE.because(match Scope::of(operation.path) {
                Some(scope) => format!("this wants a token with the scope {scope}, or one without scopes"),
                None => "this wants a token without scopes".to_owned(),
            })
        }
        Some(_) => return next.run(request).await,
        None => FORBIDDEN.because(format!("this wants the role {least} or more")),
    };
    refusal.into_response()
}

async fn caller(app: &Shared, request: &Parts) -> Result<Caller, Refusal> {
    let (headers, method) = (&request.headers, &request.method);
    if let Some(token) = token(headers, method) {
        return holder(app, &token, source(&request.extensions)).await;
    }
    let Some(cookie) = cookie::value(headers, cookie::SESSION) else {
        return Err(MISSING_TOKEN.because(
            "send an API token, as `Authorization: Bearer TOKEN` or as the password of Basic; \
             `plumbline-collector apitoken create` makes one; people sign in at /login",
        ));
    };
    let Some((session, sha256)) = signin::session(app, &cookie).await? else {
        return Err(INVALID_SESSION.because("the session is over; sign in again at /login"));
    };
    if !method.is_safe() && origin(headers) != Origin::Own {
        return Err(CROSS_SITE.because(
            "what changes something under a session's cookie must come from this collector's own pages; \
             programs send an API token",
        ));
    }
    Ok(Caller {
        who: Who::User {
            name: session.user,
            session: sha256,
        },
        access: session.role,
        expires_at: Some(session.expires_at),
    })
}

/// Where a request came from. Every connection has an address; one that had none would share a count with its like.
pub(super) fn source(extensions: &Extensions) -> IpAddr {
    extensions
        .get::<Arc<Peer>>()
        .map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.address.ip())
}

/// The holder of an API token.
async fn holder(app: &Shared, token: &str, source: IpAddr) -> Result<Caller, Refusal> {
    app.throttle.may_try(source, Instant::now()).map_err(|seconds| {
        TOO_MANY_FAILURES
            .because("wait, then try again")
            .retry_after(seconds)
    })?;
    let hash = sha256_hex(token.as_bytes());
    let found = app.blocking(move |store| store.api_token(&hash)).await?;
    let now = Timestamp::now();
    let good =
        found.filter(|token| token.revoked_at.is_none() && token.expires_at.is_none_or(|end| end > now));
    let Some(token) = good else {
        app.throttle.failed(source, Instant::now());
        return Err(INVALID_TOKEN.because("the API token is unknown, revoked or past its end"));
    };
    note_use(app, &token, now).await?;
    Ok(Caller {
        access: token.access,
        expires_at: token.expires_at,
        who: Who::Token {
            id: token.id,
            scopes: token.scopes,
        },
    })
}

async fn note_use(app: &Shared, token: &ApiToken, now: Timestamp) -> Result<(), Refusal> {
    if token
        .used_at
        .is_some_and(|used| now.duration_since(used) < USED_EVERY)
    {
        return Ok(());
    }
    let hash = token.sha256.clone();
    let noted = app
        .blocking(move |store| Ok(store.touch_api_token(&hash, now)))
        .await?;
    // A disk that is full must not shut out whoever comes to see why.
    if let Err(error) = noted {
        warn!(%error, "cannot note that an API token was used");
    }
    Ok(())
}

/// The token in the request's head: RFC 6750 for Bearer, RFC 7617 for Basic, whose user name is not looked at.
///
/// Basic opens what only reads: a browser that has been given the token sends it by itself, with requests that another
/// site made up as well.
fn token(headers: &HeaderMap, method: &Method) -> Option<Zeroizing<String>> {
    let (scheme, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return (rest.len() <= LONGEST_TOKEN).then(|| Zeroizing::new(rest.to_owned()));
    }
    if !method.is_safe() || !scheme.eq_ignore_ascii_case("basic") || rest.len() > 2 * LONGEST_TOKEN {
        return None;
    }
    let pair = Zeroizing::new(String::from_utf8(BASE64.decode(rest.as_bytes()).ok()?).ok()?);
    pair.split_once(':')
        .map(|(_, password)| Zeroizing::new(password.to_owned()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn token_of(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        token(&headers, &Method::GET).map(|token| token.to_string())
    }

    #[test]
    fn basic_opens_nothing_that_changes() {
        let mut headers = HeaderMap::new();
        let value = format!("Basic {}", BASE64.encode(b"anyone:pla_x"));
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&value).unwrap());
        assert!(token(&headers, &Method::GET).is_some());
        assert!(token(&headers, &Method::POST).is_none());
    }

    #[test]
    fn a_token_comes_as_bearer_or_as_the_password_of_basic() {
        assert_eq!(token_of("Bearer pla_x").as_deref(), Some("pla_x"));
        assert_eq!(token_of("bearer  pla_x ").as_deref(), Some("pla_x"));
        assert_eq!(
            token_of(&format!("Basic {}", BASE64.encode(b"anyone:pla_x"))).as_deref(),
            Some("pla_x")
        );
        for bad in ["pla_x", "Basic !!", "Digest x", "Basic bm9jb2xvbg=="] {
            assert_eq!(token_of(bad), None, "{bad}");
        }
        assert_eq!(
            token_of(&format!("Bearer {}", "x".repeat(LONGEST_TOKEN + 1))),
            None
        );
    }
}
