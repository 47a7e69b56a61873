//! One client for one identity. Hardly any state but the connection pool, so that a test bed can hold thousands.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use plumbline_config::outside::{Consent, ProofReply, ProofRequest, Testimony};
use plumbline_config::seal::Sealer;
use plumbline_config::wire::{
    Ack, EnrollReply, EnrollRequest, Heartbeat, HeartbeatReply, Problem, RenewReply, RenewRequest,
    SIGNATURE_HEADER, SignedPlan,
};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER};
use reqwest::{Method, Proxy, RequestBuilder, Response, StatusCode};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::identity::{Identity, signing_request};
use crate::transport::compress::{ENCODING, compress};
use crate::transport::error::{ClientError, Refusal};
use crate::transport::pin::{Pin, PinVerifier};

/// Longest time for a TCP and TLS connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time for a whole request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Largest answer taken, in bytes; a plan is at most 1 MiB of text, and JSON may double it.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;
/// HTTP status of a body in an encoding that the collector does not take (RFC 9110, 15.5.16).
const UNSUPPORTED: u16 = 415;
/// HTTP status of a body that the collector can't read.
const UNREADABLE: u16 = 400;
/// Most of a refusal's words that are kept, in characters.
const LONGEST_DETAIL: usize = 500;

/// Talks to the collector as one enrolled host.
pub struct Client {
    http: reqwest::Client,
    base: String,
    sealer: Sealer,
    /// The collector takes no compressed bodies.
    plain: AtomicBool,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.base)
    }
}

impl Client {
    /// A client that shows this identity and trusts its CA alone. `proxy` is the settings' HTTP proxy.
    pub fn new(identity: &Identity, proxy: Option<&str>) -> Result<Self, ClientError> {
        let parts = identity.tls().map_err(ClientError::Setup)?;
        let setup = |error: rustls::Error| ClientError::Setup(error.to_string());
        let mut roots = RootCertStore::empty();
        roots.add(parts.ca).map_err(setup)?;
        let tls = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(setup)?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![parts.certificate], parts.key)
            .map_err(setup)?;
        Ok(Self {
            http: http_client(tls, proxy)?,
            base: base(identity.agent_url())?,
            sealer: identity
                .sealer()
                .map_err(|error| ClientError::Setup(error.to_string()))?,
            plain: AtomicBool::new(false),
        })
    }

    /// Sends one sealed report, signed here, compressed where that saves something. The same body may be sent any
    /// number of times.
    pub async fn send(&self, body: Vec<u8>) -> Result<Ack, ClientError> {
        let signature = self
            .sealer
            .seal(&body)
            .map_err(|error| ClientError::Setup(error.to_string()))?;
        let url = format!("{}/agent/v1/reports", self.base);
        let request = || {
            self.http
                .post(&url)
                .header(CONTENT_TYPE, "application/json")
                .header(SIGNATURE_HEADER, &signature)
        };
        let tries = !self.plain.load(Ordering::Relaxed);
        if let Some(compressed) = tries.then(|| compress(&body)).flatten() {
            let request = request().header(CONTENT_ENCODING, ENCODING).body(compressed);
            match answer(&url, request).await {
                Err(ClientError::Refused { refusal, .. }) if refusal.status == UNSUPPORTED => {
                    self.plain.store(true, Ordering::Relaxed);
                }
                // It may be the compressed form that it can't read; the report itself decides.
                Err(ClientError::Refused { refusal, .. }) if refusal.status == UNREADABLE => {}
                other => return other,
            }
        }
        answer(&url, request().body(body)).await
    }

    /// Says that the host lives.
    pub async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<HeartbeatReply, ClientError> {
        let url = format!("{}/agent/v1/heartbeat", self.base);
        answer(&url, self.http.post(&url).json(heartbeat)).await
    }

    /// The collector's plan, unless it is the one with the hash `held`. `None`: not changed, or none is published.
    pub async fn plan(&self, held: Option<&str>) -> Result<Option<SignedPlan>, ClientError> {
        let url = format!("{}/agent/v1/plan", self.base);
        let mut request = self.http.request(Method::GET, &url);
        if let Some(held) = held {
            request = request.header(IF_NONE_MATCH, format!("\"{held}\""));
        }
        let response = exchange(&url, request).await?;
        match response.status() {
            StatusCode::NOT_MODIFIED | StatusCode::NOT_FOUND | StatusCode::NO_CONTENT => Ok(None),
            _ => {
                tracing::debug!(etag = ?response.headers().get(ETAG), "plan");
                read(&url, response).await.map(Some)
            }
        }
    }

    /// Has the collector connect to ports of this host.
    pub async fn prove(&self, request: &ProofRequest) -> Result<ProofReply, ClientError> {
        let url = format!("{}/agent/v1/proof", self.base);
        answer(&url, self.http.post(&url).json(request)).await
    }

    /// The hosts that this one may connect to as a prover, as far as they consent.
    pub async fn consents(&self) -> Result<Vec<Consent>, ClientError> {
        let url = format!("{}/agent/v1/proof/consents", self.base);
        answer(&url, self.http.get(&url)).await
    }

    /// What other hosts found as provers of this one.
    pub async fn testimonies(&self) -> Result<Vec<Testimony>, ClientError> {
        let url = format!("{}/agent/v1/proof/found", self.base);
        answer(&url, self.http.get(&url)).await
    }

    /// A fresh certificate for the same key.
    pub async fn renew(&self, identity: &Identity) -> Result<Identity, ClientError> {
        let url = format!("{}/agent/v1/renew", self.base);
        let key = identity
            .key_pair()
            .map_err(|error| ClientError::Setup(error.to_string()))?;
        let csr_pem = signing_request(&key).map_err(|error| ClientError::Setup(error.to_string()))?;
        let reply: RenewReply = answer(&url, self.http.post(&url).json(&RenewRequest { csr_pem })).await?;
        identity
            .renewed(reply.certificate_pem)
            .map_err(|detail| ClientError::Unexpected {
                url,
                status: StatusCode::OK.as_u16(),
                detail,
            })
    }
}

/// Talks to a collector known by its CA's fingerprint alone, before there is an identity.
#[derive(Debug)]
pub struct PinnedClient {
    http: reqwest::Client,
    base: String,
    pin: Pin,
    missed: Arc<Mutex<bool>>,
}

impl PinnedClient {
    /// A client for the collector at `url` that trusts what hangs from the pinned certificate.
    pub fn new(url: &str, pin: Pin, proxy: Option<&str>) -> Result<Self, ClientError> {
        let provider = provider();
        let missed = Arc::new(Mutex::new(false));
        let verifier = PinVerifier::new(pin, Arc::clone(&provider), Arc::clone(&missed));
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ClientError::Setup(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self {
            http: http_client(tls, proxy)?,
            base: base(url)?,
            pin,
            missed,
        })
    }

    /// Asks for an identity.
    pub async fn enroll(&self, request: &EnrollRequest) -> Result<EnrollReply, ClientError> {
        let url = format!("{}/agent/v1/enroll", self.base);
        let result = answer(&url, self.http.post(&url).json(request)).await;
        let missed = *self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Err(ClientError::Unreachable { url, .. }) if missed => Err(ClientError::Unreachable {
                url,
                why: format!(
                    "its certificate chain does not hold the CA with the SHA-256 {}; compare with the fingerprint \
                     that the collector's `init` prints, and if they are equal somebody is between you",
                    self.pin
                ),
            }),
            other => other,
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn http_client(tls: ClientConfig, proxy: Option<&str>) -> Result<reqwest::Client, ClientError> {
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(true)
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .pool_max_idle_per_host(1)
        .user_agent(concat!("plumbline-agent/", env!("CARGO_PKG_VERSION")));
    let setup = |error: reqwest::Error| ClientError::Setup(error.to_string());
    match proxy {
        Some(proxy) => builder.proxy(Proxy::all(proxy).map_err(setup)?),
        // Not the environment's: what a service trusts is in its settings.
        None => builder.no_proxy(),
    }
    .build()
    .map_err(setup)
}

/// The base URL without its last slash.
fn base(url: &str) -> Result<String, ClientError> {
    let parsed = reqwest::Url::parse(url).map_err(|error| ClientError::Setup(format!("`{url}`: {error}")))?;
    if parsed.scheme() != "https" || parsed.host_str().is_none() {
        return Err(ClientError::Setup(format!(
            "`{url}` is not of the form https://HOST:PORT"
        )));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

async fn answer<T: DeserializeOwned>(url: &str, request: RequestBuilder) -> Result<T, ClientError> {
    read(url, exchange(url, request).await?).await
}

async fn exchange(url: &str, request: RequestBuilder) -> Result<Response, ClientError> {
    request
        .send()
        .await
        .map_err(|error| ClientError::no_answer(url, &error))
}

/// The body of a successful answer, or what the refusal means.
async fn read<T: DeserializeOwned>(url: &str, response: Response) -> Result<T, ClientError> {
    let status = response.status();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    let body = body(url, response).await?;
    let unexpected = |detail: String| ClientError::Unexpected {
        url: url.to_owned(),
        status: status.as_u16(),
        detail,
    };
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|error| unexpected(error.to_string()));
    }
    let refusal = refusal(status, &body);
    let url = url.to_owned();
    Err(match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => ClientError::Busy {
            url,
            status: status.as_u16(),
            detail: refusal.detail,
            retry_after,
        },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ClientError::Identity {
            url,
            detail: refusal.detail,
        },
        // These speak of the body. Other 4xx (404, 405, 407, 408, 421 …) speak of the route or the moment.
        StatusCode::BAD_REQUEST
        | StatusCode::CONFLICT
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => ClientError::Refused { url, refusal },
        _ => unexpected(refusal.detail),
    })
}

async fn body(url: &str, mut response: Response) -> Result<Vec<u8>, ClientError> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| ClientError::no_answer(url, &error))?
    {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(ClientError::Unexpected {
                url: url.to_owned(),
                status: response.status().as_u16(),
                detail: format!("the answer is larger than {LARGEST_ANSWER} bytes"),
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A problem with the one member that we understand beyond RFC 9457's own.
#[derive(Serialize, Deserialize)]
struct ExtendedProblem {
    #[serde(flatten)]
    problem: Problem,
    last_sequence: Option<u64>,
}

fn refusal(status: StatusCode, body: &[u8]) -> Refusal {
    let extended = serde_json::from_slice::<ExtendedProblem>(body).ok();
    let last_sequence = extended.as_ref().and_then(|extended| extended.last_sequence);
    let (kind, detail) = match extended {
        Some(ExtendedProblem { problem, .. }) => {
            let kind = problem.kind.rsplit(['#', '/']).next().unwrap_or_default();
            (kind.to_owned(), problem.detail)
        }
        // Not from a collector, perhaps from a proxy: its words are of unknown make, the status says enough.
        None => (
            String::new(),
            status.canonical_reason().unwrap_or_default().to_owned(),
        ),
    };
    let plain = |text: String| {
        let kept = text.chars().filter(|c| !c.is_control());
        kept.take(LONGEST_DETAIL).collect()
    };
    Refusal {
        status: status.as_u16(),
        kind: plain(kind),
        detail: plain(detail),
        last_sequence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_from_a_problem_and_survives_anything_else() {
        let body = br#"{"type":"about:blank#chain-gap","title":"t","status":409,"detail":"a\u0007b","last_sequence":7,"x":1}"#;
        let read = refusal(StatusCode::CONFLICT, body);
        assert_eq!((read.kind.as_str(), read.detail.as_str()), ("chain-gap", "ab"));
        assert_eq!(read.last_sequence, Some(7));
        let read = refusal(StatusCode::BAD_GATEWAY, b"<html>");
        assert_eq!(read.detail, "Bad Gateway");
    }

    #[test]
    fn only_https_urls_are_taken() {
        assert_eq!(base("https://c:8443/").unwrap(), "https://c:8443");
        for bad in ["http://c", "c:8443", "https://", "file:///etc/passwd", ""] {
            assert!(base(bad).is_err(), "{bad}");
        }
    }
}
