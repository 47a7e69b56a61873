//! `POST /agent/v1/enroll`: a token and a key for an identity.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::HOST;
use jiff::Timestamp;
use plumbline_config::seal::sha256_hex;
use plumbline_config::wire::{EnrollReply, EnrollRequest};
use tracing::{info, warn};

use super::LARGEST_REQUEST;
use crate::ingest::{Flaw, LONGEST_NAME, require_name, require_os, require_short};
use crate::pki::{ClientKey, new_serial};
use crate::secret::{LONGEST_TOKEN, new_host_id};
use crate::store::{Enrolment, TokenRefusal};
use crate::web::listener::Peer;
use crate::web::problem::{FAILED, INVALID_TOKEN, Refusal, TOO_MANY_FAILURES, UNSOUND_REQUEST};
use crate::web::{App, Shared, body};

/// Length of a machine hash, in hexadecimal digits.
const MACHINE_DIGITS: usize = 64;

pub(super) async fn enroll(
    State(app): State<Shared>,
    request: Request,
) -> Result<Json<EnrollReply>, Refusal> {
    let source = request
        .extensions()
        .get::<Arc<Peer>>()
        .map(|peer| peer.address.ip());
    if let Some(source) = source {
        app.throttle.may_try(source, Instant::now()).map_err(|seconds| {
            TOO_MANY_FAILURES
                .because("wait, then try again")
                .retry_after(seconds)
        })?;
    }
    let agent_url = agent_url(&app, &request);
    let answer = answer(&app, request, agent_url).await;
    match (&answer, source) {
        (Ok(reply), _) => {
            info!(host = %reply.0.host_id, incarnation = reply.0.incarnation, "enrolled a host");
        }
        (Err(refusal), Some(source)) => count_failure(&app, refusal, source),
        _ => {}
    }
    answer
}

fn count_failure(app: &App, refusal: &Refusal, source: IpAddr) {
    // That the store is busy is not the caller's failure.
    if !refusal.is(FAILED) {
        warn!("refused an enrolment");
        app.throttle.failed(source, Instant::now());
    }
}

async fn answer(app: &Shared, request: Request, agent_url: String) -> Result<Json<EnrollReply>, Refusal> {
    let request: EnrollRequest = body::json(request, LARGEST_REQUEST).await?;
    require_sound(&request).map_err(|flaw| UNSOUND_REQUEST.because(flaw.detail))?;
    let key =
        ClientKey::from_csr(&request.csr_pem).map_err(|error| UNSOUND_REQUEST.because(error.to_string()))?;
    let now = Timestamp::now();
    let validity = app
        .authority
        .validity(now, app.settings.certificate_lifetime.nominal());
    let unable = |_| FAILED.because("the collector could not make a certificate; see its log");
    let serial = new_serial().map_err(unable)?;
    let enrolment = Enrolment {
        token_sha256: sha256_hex(request.token.as_bytes()),
        name: request.name,
        machine: request.machine,
        os: request.os,
        agent_version: request.agent_version,
        fresh_id: new_host_id().map_err(unable)?,
        serial: hex::encode(serial),
        public_key: key.point().to_vec(),
        not_after: validity.not_after,
        at: now,
    };
    // On record before it is signed: there is no certificate that the collector does not know of.
    let enrolled = app
        .blocking(move |store| store.enrol(&enrolment))
        .await?
        .map_err(token_refusal)?;
    let certificate_pem = app
        .authority
        .sign_client(&enrolled.host, &key, serial, validity)
        .map_err(|error| {
            tracing::error!(%error, "cannot sign a certificate");
            FAILED.because("the collector could not make a certificate; see its log")
        })?;
    Ok(Json(EnrollReply {
        host_id: enrolled.host,
        incarnation: enrolled.incarnation,
        role: enrolled.role,
        certificate_pem,
        ca_pem: app.authority.pem().to_owned(),
        agent_url,
        plan_key: app.signer.public_key(),
    }))
}

fn require_sound(request: &EnrollRequest) -> Result<(), Flaw> {
    require_name(&request.name)?;
    require_os(&request.os)?;
    require_short("agent_version", &request.agent_version, LONGEST_NAME)?;
    require_short("token", &request.token, LONGEST_TOKEN)?;
    let is_hash =
        request.machine.len() == MACHINE_DIGITS && request.machine.bytes().all(|b| b.is_ascii_hexdigit());
    if !request.machine.is_empty() && !is_hash {
        return Err(Flaw {
            kind: UNSOUND_REQUEST.name,
            detail: "machine is neither empty nor a SHA-256 in hexadecimal".to_owned(),
        });
    }
    Ok(())
}

fn token_refusal(refusal: TokenRefusal) -> Refusal {
    INVALID_TOKEN.because(match refusal {
        TokenRefusal::Unknown => {
            "this collector made no such enrolment token; `plumbline-collector token create` makes one"
        }
        TokenRefusal::Expired => "the enrolment token's time is over; make a new one",
        TokenRefusal::UsedUp => {
            "the enrolment token has enrolled as many hosts as it was made for; make a new one"
        }
    })
}

/// Where the host is to report: by the name it reached us by, if that is one of ours, and otherwise by our first.
fn agent_url(app: &App, request: &Request) -> String {
    let names = app.identity.names();
    let asked = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .map(host_of);
    let name = asked
        .and_then(|asked| names.iter().find(|name| name.eq_ignore_ascii_case(asked)))
        .or_else(|| names.first())
        .map_or("localhost", String::as_str);
    let name = if name.contains(':') {
        format!("[{name}]")
    } else {
        name.to_owned()
    };
    format!("https://{name}:{}", app.agent_port)
}

/// The host of a `Host` header (RFC 9110, 7.2), without port and brackets.
fn host_of(header: &str) -> &str {
    if let Some(rest) = header.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    header.rsplit_once(':').map_or(header, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_header_is_read_with_and_without_port() {
        assert_eq!(host_of("collector.example:9443"), "collector.example");
        assert_eq!(host_of("collector.example"), "collector.example");
        assert_eq!(host_of("[::1]:9443"), "::1");
        assert_eq!(host_of("192.0.2.1:1"), "192.0.2.1");
    }
}
