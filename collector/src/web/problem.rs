//! Refusals, as problem documents (RFC 9457).

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use plumbline_config::wire::Problem;
use serde::Serialize;
use tracing::error;

use crate::store::StoreError;

/// A kind of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// Short name, kebab-case; also the `result` that metrics count it by.
    pub(crate) name: &'static str,
    /// The same for people.
    pub(crate) title: &'static str,
}

macro_rules! kinds {
    ($($constant:ident = $status:ident, $name:literal, $title:literal;)*) => {
        $(pub(crate) const $constant: Kind = Kind { status: StatusCode::$status, name: $name, title: $title };)*
        /// Every kind of refusal.
        pub(crate) const KINDS: &[Kind] = &[$($constant),*];
    };
}

kinds! {
    BAD_REQUEST = BAD_REQUEST, "bad-request", "The request can't be understood";
    BAD_JSON = BAD_REQUEST, "bad-json", "The body is not the JSON that belongs here";
    MISSING_CERTIFICATE = UNAUTHORIZED, "missing-certificate", "No client certificate";
    UNKNOWN_CA = UNAUTHORIZED, "unknown-ca", "The certificate is not of this collector's CA";
    EXPIRED_CERTIFICATE = UNAUTHORIZED, "expired-certificate", "The certificate has expired";
    NOT_YET_VALID = UNAUTHORIZED, "not-yet-valid", "The certificate is not valid yet";
    NOT_ON_RECORD = UNAUTHORIZED, "not-on-record", "The certificate is not in this collector's records";
    MALFORMED_CERTIFICATE = UNAUTHORIZED, "malformed-certificate", "The certificate is not one that this collector issues";
    REVOKED = FORBIDDEN, "revoked", "The host was revoked";
    SUPERSEDED = FORBIDDEN, "superseded", "The host has enrolled again";
    INVALID_TOKEN = UNAUTHORIZED, "invalid-token", "The token opens nothing";
    MISSING_TOKEN = UNAUTHORIZED, "missing-token", "No API token and no session";
    INVALID_SESSION = UNAUTHORIZED, "invalid-session", "The session is over";
    WRONG_PASSWORD = UNAUTHORIZED, "wrong-password", "The user name or the password is wrong";
    FORBIDDEN = FORBIDDEN, "forbidden", "The role may not do this";
    OUT_OF_SCOPE = FORBIDDEN, "out-of-scope", "The token is for something else";
    CROSS_SITE = FORBIDDEN, "cross-site", "The request was made by another site";
    NAME_TAKEN = CONFLICT, "name-taken", "There is one of that name already";
    OWN_REQUEST = FORBIDDEN, "own-request", "Who asks must not decide";
    CHANGED = CONFLICT, "changed", "Somebody else was quicker";
    DECIDED = CONFLICT, "decided", "It was decided already";
    GONE = CONFLICT, "gone", "It was taken back, replaced or ended already";
    CLOSED = CONFLICT, "closed", "It is closed";
    ALREADY_OPEN = CONFLICT, "already-open", "There is one that is open already";
    OUT_OF_ORDER = CONFLICT, "out-of-order", "Something comes first";
    UNSOUND_RECORD = BAD_REQUEST, "unsound-record", "This can't be put on record";
    NOT_FOUND = NOT_FOUND, "not-found", "There is nothing here";
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED, "method-not-allowed", "This can't be done here";
    TIMEOUT = REQUEST_TIMEOUT, "timeout", "The request took too long";
    FORK = CONFLICT, "fork", "The report contradicts one that was kept";
    GAP = CONFLICT, "gap", "Reports before this one are missing";
    TOO_LARGE = PAYLOAD_TOO_LARGE, "too-large", "The body is too large";
    UNSUPPORTED = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body is not of a kind that is taken here";
    WRONG_INCARNATION = UNPROCESSABLE_ENTITY, "wrong-incarnation", "The report is of another enrolment";
    WRONG_HOST = UNPROCESSABLE_ENTITY, "wrong-host", "The report is of another host";
    WRONG_ROLE = UNPROCESSABLE_ENTITY, "wrong-role", "The report is judged by another role";
    UNSOUND_REPORT = UNPROCESSABLE_ENTITY, "unsound-report", "The report can't be meant";
    BAD_SIGNATURE = UNPROCESSABLE_ENTITY, "bad-signature", "The report is not signed by its host";
    UNSOUND_REQUEST = UNPROCESSABLE_ENTITY, "unsound-request", "The request can't be meant";
    UNSOUND_PLAN = UNPROCESSABLE_ENTITY, "unsound-plan", "The plan can't be meant";
    TOO_MANY_FAILURES = TOO_MANY_REQUESTS, "too-many-failures", "Too many failed attempts";
    TOO_MANY_REQUESTS = TOO_MANY_REQUESTS, "too-many-requests", "Too many requests";
    BUSY = SERVICE_UNAVAILABLE, "busy", "The collector is busy";
    FAILED = SERVICE_UNAVAILABLE, "failed", "The collector could not do it";
}

impl Kind {
    /// The kind with a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        KINDS.iter().copied().find(|kind| kind.name == name)
    }

    /// A refusal of this kind.
    pub(crate) fn because(self, detail: impl Into<String>) -> Refusal {
        Refusal {
            kind: self,
            detail: detail.into(),
            retry_after_seconds: None,
            last_sequence: None,
        }
    }
}

/// The challenges of RFC 6750 and RFC 7617. A browser asks for a token when it sees the second.
const BEARER: &str = "Bearer realm=\"plumbline\"";
const BASIC: &str = "Basic realm=\"plumbline\", charset=\"UTF-8\"";

/// Refusals of a certificate, which no header of HTTP asks for.
const CERTIFICATES: [Kind; 6] = [
    MISSING_CERTIFICATE,
    UNKNOWN_CA,
    EXPIRED_CERTIFICATE,
    NOT_YET_VALID,
    NOT_ON_RECORD,
    MALFORMED_CERTIFICATE,
];

/// The kind of a refusal, left in the response for whoever counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefusedAs(pub(crate) &'static str);

/// One refused request.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    kind: Kind,
    detail: String,
    retry_after_seconds: Option<u64>,
    last_sequence: Option<u64>,
}

impl Refusal {
    /// Whether it is of a kind.
    pub(crate) fn is(&self, kind: Kind) -> bool {
        self.kind == kind
    }

    /// Seconds after which to try again.
    pub(crate) const fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after_seconds
    }

    /// Tells when to try again.
    pub(crate) const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Tells the highest sequence kept of the host.
    pub(crate) const fn last_sequence(mut self, last: u64) -> Self {
        self.last_sequence = Some(last);
        self
    }
}

/// Seconds after which a request that failed here may fare better.
pub(crate) const RETRY_AFTER_SECONDS: u64 = 5;

impl From<StoreError> for Refusal {
    /// What went wrong is for the log, not for the other end.
    fn from(error: StoreError) -> Self {
        error!(%error, "the store failed");
        FAILED
            .because("the collector's store can't be used at the moment; try again")
            .retry_after(RETRY_AFTER_SECONDS)
    }
}

#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    problem: Problem,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sequence: Option<u64>,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let document = Document {
            problem: Problem {
                kind: format!("about:blank#{}", self.kind.name),
                title: self.kind.title.to_owned(),
                status: self.kind.status.as_u16(),
                detail: self.detail,
            },
            last_sequence: self.last_sequence,
        };
        let mut response = (self.kind.status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind.status == StatusCode::UNAUTHORIZED && !CERTIFICATES.contains(&self.kind) {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(BEARER));
        }
        if self.kind == MISSING_TOKEN || self.kind == INVALID_TOKEN {
            // A header line each: browsers look at the first challenge of a line alone.
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(BASIC));
        }
        response.extensions_mut().insert(RefusedAs(self.kind.name));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_name() {
        for kind in KINDS {
            assert_eq!(Kind::named(kind.name), Some(*kind));
            assert!(kind.status.is_client_error() || kind.status.is_server_error());
        }
    }
}
