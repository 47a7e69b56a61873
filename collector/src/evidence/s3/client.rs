//! Requests to the S3 server: signed (AWS Signature Version 4), bounded in time and size, tried again where that helps.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use jiff::Timestamp;
use plumbline_config::settings::S3Settings;
use reqwest::{Response, StatusCode, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rusty_s3::signing::sign;
use rusty_s3::{Bucket, Method};
use tracing::debug;

use super::super::error::EvidenceError;
use super::address;
use super::credentials::Source;
use super::part::Part;
use super::xml;
use crate::pki::provider;
use crate::secret::random;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Longest wait for an answer, beside the time that the bytes of the request may take.
const ANSWER: Duration = Duration::from_secs(30);

/// Slowest way to the server that is put up with, in bytes a second.
const SLOWEST: u64 = 64 * 1024;

/// Longest wait for the next bytes of an answer.
const NEXT: Duration = Duration::from_secs(30);

/// Times that a request is sent at most.
const TRIES: u32 = 5;

/// Longest wait before the second try; it doubles for each further one, up to the longest of all.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How long a signature is good for: the clocks of both sides may differ somewhat.
const SIGNED_FOR: u64 = 900;

/// Largest answer read as a whole, in bytes. A page of a list has a thousand keys.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

/// Longest text of a server that is repeated, in characters.
const REPEATED: usize = 300;

/// Answers that say nothing of the request but that it should come again.
const COME_AGAIN: [&str; 4] = [
    "RequestTimeout",
    "ConditionalRequestConflict",
    "OperationAborted",
    "SlowDown",
];

/// What is asked of the server.
pub(super) struct Request<'a> {
    /// For people: what is being done.
    pub(super) action: &'static str,
    pub(super) method: Method,
    /// The object; the bucket itself without.
    pub(super) key: Option<&'a str>,
    /// By name, without those of the signature.
    pub(super) query: &'a [(&'a str, &'a str)],
    /// By name, in lower case.
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: Payload<'a>,
}

/// What is sent along.
pub(super) enum Payload<'a> {
    Nothing,
    Text(&'a str),
    Part(&'a Part),
}

/// A "no" that asking again does not change.
#[derive(Debug)]
pub(super) struct Rejection {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
}

/// Asks the server.
pub(super) struct Client {
    http: reqwest::Client,
    bucket: Bucket,
    source: Source,
    endpoint: String,
}

impl Client {
    pub(super) fn new(settings: &S3Settings) -> Result<Self, EvidenceError> {
        let bucket = address::bucket(settings)?;
        let tls = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| EvidenceError::Client(error.to_string()))?
            .with_root_certificates(roots(settings.ca_file.as_deref())?)
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .no_proxy()
            .user_agent(concat!("plumbline-collector/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| EvidenceError::Client(error.to_string()))?;
        Ok(Self {
            http,
            bucket,
            source: Source::new(settings)?,
            endpoint: settings.endpoint.clone(),
        })
    }

    /// The bucket's name.
    pub(super) fn bucket(&self) -> &str {
        self.bucket.name()
    }

    /// Sends a request until the server says yes or no.
    pub(super) async fn send(
        &self,
        request: &Request<'_>,
    ) -> Result<Result<Response, Rejection>, EvidenceError> {
        let mut attempt = 1;
        loop {
            let why = match self.once(request).await? {
                Ok(response) if response.status().is_success() => return Ok(Ok(response)),
                Ok(response) => {
                    let status = response.status();
                    let rejection = rejection(response).await;
                    let again = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
                        || status == StatusCode::TOO_MANY_REQUESTS
                        || COME_AGAIN.contains(&rejection.code.as_str());
                    if !again {
                        return Ok(Err(rejection));
                    }
                    format!("it answers {status} {}", rejection.code)
                }
                Err(why) => why,
            };
            if attempt == TRIES {
                return Err(self.away(request.action, why));
            }
            debug!(action = request.action, attempt, %why, "the S3 server is asked again");
            tokio::time::sleep(wait(attempt)?).await;
            attempt += 1;
        }
    }

    /// The same where a "no" is an error.
    pub(super) async fn done(&self, request: &Request<'_>) -> Result<Response, EvidenceError> {
        let answer = self.send(request).await?;
        answer.map_err(|rejection| self.refused(request.action, rejection))
    }

    /// The text of an answer.
    pub(super) async fn text(
        &self,
        action: &'static str,
        response: Response,
    ) -> Result<String, EvidenceError> {
        let bytes = read(response).await.map_err(|why| self.away(action, why))?;
        String::from_utf8(bytes).map_err(|error| self.unsound(action, error.to_string()))
    }

    /// The next bytes of an answer.
    pub(super) async fn next(
        &self,
        action: &'static str,
        response: &mut Response,
    ) -> Result<Option<Bytes>, EvidenceError> {
        match tokio::time::timeout(NEXT, response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(self.away(action, causes(error))),
            Err(_) => Err(self.away(action, "it stopped sending".to_owned())),
        }
    }

    pub(super) fn refused(&self, action: &'static str, rejection: Rejection) -> EvidenceError {
        EvidenceError::Refused {
            action,
            bucket: self.bucket().to_owned(),
            status: rejection.status,
            code: rejection.code,
            message: rejection.message,
        }
    }

    pub(super) fn unsound(&self, action: &'static str, why: impl Into<String>) -> EvidenceError {
        EvidenceError::Unsound {
            action,
            endpoint: self.endpoint.clone(),
            why: why.into(),
        }
    }

    fn away(&self, action: &'static str, why: String) -> EvidenceError {
        EvidenceError::Away {
            action,
            endpoint: self.endpoint.clone(),
            why,
        }
    }

    async fn once(&self, request: &Request<'_>) -> Result<Result<Response, String>, EvidenceError> {
        let method = match request.method {
            Method::Head => reqwest::Method::HEAD,
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut sending = self.http.request(method, self.signed(request)?);
        for (name, value) in request.headers {
            sending = sending.header(*name, *value);
        }
        let (body, length) = match &request.body {
            Payload::Nothing => (None, 0),
            Payload::Text(text) => (Some(reqwest::Body::from((*text).to_owned())), text.len() as u64),
            Payload::Part(part) => (Some(reqwest::Body::wrap(part.body().await?)), part.length),
        };
        if let Some(body) = body {
            sending = sending.body(body);
        }
        let patience = ANSWER + Duration::from_secs(length / SLOWEST);
        Ok(match tokio::time::timeout(patience, sending.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(causes(error)),
            Err(_) => Err(format!(
                "it does not answer within {} seconds",
                patience.as_secs()
            )),
        })
    }

    /// The address with its signature, over all headers of the request.
    fn signed(&self, request: &Request<'_>) -> Result<Url, EvidenceError> {
        let credentials = self.source.read()?;
        let url = match request.key {
            Some(key) => self.bucket.object_url(key),
            None => self.bucket.base_url().clone(),
        };
        let (mut query, mut headers) = (request.query.to_vec(), request.headers.to_vec());
        query.sort_unstable();
        headers.sort_unstable();
        Ok(sign(
            &Timestamp::now(),
            request.method,
            url,
            credentials.key(),
            credentials.secret(),
            credentials.token(),
            self.bucket.region(),
            SIGNED_FOR,
            query.iter().copied(),
            headers.iter().copied(),
        ))
    }
}

/// How long to wait after so many tries: anything up to a bound that doubles, so that many do not come back at once.
fn wait(attempt: u32) -> Result<Duration, EvidenceError> {
    let bound = FIRST_WAIT.saturating_mul(1 << (attempt - 1)).min(LONGEST_WAIT);
    let chance = f64::from(u32::from_le_bytes(random::<4>()?)) / f64::from(u32::MAX);
    Ok(bound.mul_f64(chance))
}

/// What a server says in its "no".
async fn rejection(response: Response) -> Rejection {
    let status = response.status();
    let body = read(response).await.unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    let said = |what| xml::text(&body, "Error", what).map(|text| plain(&text));
    Rejection {
        status: status.as_u16(),
        code: said("Code").unwrap_or_else(|| status.canonical_reason().unwrap_or("").to_owned()),
        message: said("Message").unwrap_or_default(),
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    loop {
        match tokio::time::timeout(NEXT, response.chunk()).await {
            Ok(Ok(Some(chunk))) if bytes.len() + chunk.len() <= LARGEST_ANSWER => {
                bytes.extend_from_slice(&chunk);
            }
            Ok(Ok(Some(_))) => return Err(format!("its answer is larger than {LARGEST_ANSWER} bytes")),
            Ok(Ok(None)) => return Ok(bytes),
            Ok(Err(error)) => return Err(causes(error)),
            Err(_) => return Err("it stopped sending".to_owned()),
        }
    }
}

/// An error with its causes. Without the address: it holds the signature.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut said = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        said = format!("{said}: {cause}");
        source = cause.source();
    }
    said
}

/// A server's words, as much of them as may be shown.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(REPEATED)
        .collect()
}

fn roots(ca_file: Option<&Path>) -> Result<Arc<RootCertStore>, EvidenceError> {
    let mut roots = RootCertStore::empty();
    let Some(file) = ca_file else {
        // One of the many that can't be read is no reason to do without the others; a server on this machine needs none.
        let system = rustls_native_certs::load_native_certs().certs;
        let _counts = roots.add_parsable_certificates(system);
        return Ok(Arc::new(roots));
    };
    let failed = |why: String| EvidenceError::Roots {
        place: file.display().to_string(),
        why,
    };
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| failed(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| failed(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(failed("there are none".to_owned()));
    }
    Ok(Arc::new(roots))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_bound() {
        for attempt in 1..40 {
            let bound = FIRST_WAIT.saturating_mul(1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
            assert!(wait(attempt.min(31)).unwrap() <= bound.min(LONGEST_WAIT));
        }
    }

    #[test]
    fn what_a_server_says_is_shown_without_controls_and_cut() {
        assert_eq!(plain("no\r\n\u{1b}[31mway"), "no[31mway");
        assert_eq!(plain(&"x".repeat(1_000)).len(), REPEATED);
    }
}
