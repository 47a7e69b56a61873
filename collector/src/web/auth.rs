//! Who asks at the door for people: a holder of an API token, and what its role may do.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use jiff::Timestamp;
use plumbline_config::seal::sha256_hex;
use zeroize::Zeroizing;

use crate::access::Access;
use crate::secret::LONGEST_TOKEN;
use crate::store::Act;
use crate::web::Shared;
use crate::web::listener::Peer;
use crate::web::problem::{FORBIDDEN, INVALID_TOKEN, MISSING_TOKEN, Refusal, TOO_MANY_FAILURES};

/// Paths that want no API token: whether the collector lives is no secret, and enrolment has a token of its own.
const OPEN: [&str; 3] = ["/healthz", "/readyz", "/agent/v1/enroll"];

/// The holder of the API token that a request came with.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Public name of the token.
    pub(crate) token: String,
    /// Its role.
    pub(crate) access: Access,
}

impl Caller {
    /// An act of this caller, now.
    pub(crate) fn act(&self, what: &str, on: impl ToString) -> Act {
        Act {
            at: Timestamp::now(),
            who: format!("api:{}", self.token),
            what: what.to_owned(),
            on: on.to_string(),
        }
    }
}

/// Lets a request through that has a good API token, and leaves the [`Caller`] with it.
pub(super) async fn authenticate(State(app): State<Shared>, mut request: Request, next: Next) -> Response {
    if OPEN.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let token = token(request.headers(), request.method());
    let source = request
        .extensions()
        .get::<Arc<Peer>>()
        .map(|peer| peer.address.ip());
    match caller(&app, token, source).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Lets a request through whose caller's role is `least` or more.
pub(super) async fn require(State(least): State<Access>, request: Request, next: Next) -> Response {
    let access = request.extensions().get::<Caller>().map(|caller| caller.access);
    match access {
        Some(access) if access >= least => next.run(request).await,
        _ => FORBIDDEN
            .because(format!("this wants a token with the role {least} or more"))
            .into_response(),
    }
}

async fn caller(
    app: &Shared,
    token: Option<Zeroizing<String>>,
    source: Option<IpAddr>,
) -> Result<Caller, Refusal> {
    let Some(token) = token else {
        return Err(MISSING_TOKEN.because(
            "send an API token, as `Authorization: Bearer TOKEN` or as the password of Basic; \
             `plumbline-collector apitoken create` makes one",
        ));
    };
    if let Some(source) = source {
        app.throttle.may_try(source, Instant::now()).map_err(|seconds| {
            TOO_MANY_FAILURES
                .because("wait, then try again")
                .retry_after(seconds)
        })?;
    }
    let hash = sha256_hex(token.as_bytes());
    let found = app.blocking(move |store| store.api_token(&hash)).await?;
    let now = Timestamp::now();
    let good =
        found.filter(|token| token.revoked_at.is_none() && token.expires_at.is_none_or(|end| end > now));
    match good {
        Some(token) => Ok(Caller {
            token: token.id,
            access: token.access,
        }),
        None => {
            if let Some(source) = source {
                app.throttle.failed(source, Instant::now());
            }
            Err(INVALID_TOKEN.because("the API token is unknown, revoked or past its end"))
        }
    }
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
