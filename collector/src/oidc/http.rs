//! HTTPS to the provider: bounded in time and size, no redirects, no proxy of the environment.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{OidcError, OidcSetupError, shown};
use crate::pki::provider;

/// Longest wait for a connection, and for one exchange as a whole.
const CONNECT: Duration = Duration::from_secs(5);
const EXCHANGE: Duration = Duration::from_secs(10);

/// Largest answer, in bytes. Key sets with certificate chains take tens of kilobytes.
const LARGEST_ANSWER: usize = 256 * 1024;

/// Whether a text is an address that begins with `https://` and names a host.
pub(super) fn is_https(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| {
        url.scheme() == "https" && url.has_host() && url.username().is_empty() && url.password().is_none()
    })
}

/// Asks the provider.
pub(super) struct Client(reqwest::Client);

/// What the token endpoint is asked (RFC 6749, 4.1.3).
pub(super) struct TokenRequest<'a> {
    pub(super) endpoint: &'a str,
    /// Whether the secret goes in the body, and not by HTTP Basic.
    pub(super) secret_in_body: bool,
    pub(super) client_id: &'a str,
    pub(super) client_secret: &'a str,
    pub(super) code: &'a str,
    pub(super) redirect_uri: &'a str,
    pub(super) verifier: &'a str,
}

impl TokenRequest<'_> {
    fn form(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", self.code)
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("code_verifier", self.verifier);
        if self.secret_in_body {
            form.append_pair("client_id", self.client_id)
                .append_pair("client_secret", self.client_secret);
        }
        form.finish()
    }
}

impl Client {
    /// A client that trusts the certificates of a file, or the system's.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self, OidcSetupError> {
        let tls = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| OidcSetupError::Client(error.to_string()))?
            .with_root_certificates(roots(ca_file)?)
            .with_no_client_auth();
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(EXCHANGE)
            .pool_max_idle_per_host(1)
            .no_proxy()
            .user_agent(concat!("plumbline-collector/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(Self)
            .map_err(|error| OidcSetupError::Client(error.to_string()))
    }

    /// The JSON at an address.
    pub(super) async fn get(&self, url: &str) -> Result<Value, OidcError> {
        let (status, body) = answer(self.0.get(url)).await?;
        if status != 200 {
            return Err(OidcError::Unreachable(format!("{} answers {status}", shown(url))));
        }
        serde_json::from_slice(&body)
            .map_err(|error| OidcError::Unreachable(format!("{}: {error}", shown(url))))
    }

    /// The ID token that a code is good for.
    pub(super) async fn token(&self, request: &TokenRequest<'_>) -> Result<Zeroizing<String>, OidcError> {
        let mut post = self
            .0
            .post(request.endpoint)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(request.form());
        if !request.secret_in_body {
            post = post.header(AUTHORIZATION, basic(request.client_id, request.client_secret)?);
        }
        let (status, body) = answer(post).await?;
        if status != 200 {
            let error = serde_json::from_slice::<TokenError>(&body)
                .map_or_else(|_| String::new(), |error| shown(&error.error));
            return Err(OidcError::Unsound(format!(
                "the token endpoint answers {status} {error}"
            )));
        }
        // The access token is not used, nor a refresh token; neither is kept.
        let answer: TokenAnswer = serde_json::from_slice(&body)
            .map_err(|error| OidcError::Unsound(format!("the token endpoint's answer: {error}")))?;
        Ok(answer.id_token)
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    id_token: Zeroizing<String>,
}

#[derive(Deserialize)]
struct TokenError {
    error: String,
}

/// Whether id or secret look otherwise in HTTP Basic than they are: not every provider undoes that, and to one that takes
/// them in the body they better go there.
pub(super) fn is_altered_by_basic(id: &str, secret: &str) -> bool {
    encode(id) != id || encode(secret) != secret
}

fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// HTTP Basic as RFC 6749, 2.3.1 has it: both parts are form-encoded before.
fn basic(id: &str, secret: &str) -> Result<HeaderValue, OidcError> {
    let pair = Zeroizing::new(format!("{}:{}", encode(id), encode(secret)));
    let mut value = HeaderValue::from_str(&format!("Basic {}", BASE64.encode(pair.as_bytes())))
        .map_err(|error| OidcError::Unreachable(error.to_string()))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn answer(request: reqwest::RequestBuilder) -> Result<(u16, Zeroizing<Vec<u8>>), OidcError> {
    let failed = |error: reqwest::Error| {
        let mut said = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            said = format!("{said}: {cause}");
            source = cause.source();
        }
        OidcError::Unreachable(said)
    };
    let mut response = request
        .header(ACCEPT, "application/json")
        .send()
        .await
        .map_err(failed)?;
    let status = response.status().as_u16();
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(OidcError::Unreachable(format!(
                "an answer is larger than {LARGEST_ANSWER} bytes"
            )));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, body))
}

fn roots(ca_file: Option<&Path>) -> Result<Arc<RootCertStore>, OidcSetupError> {
    let mut roots = RootCertStore::empty();
    let place = ca_file.map_or_else(|| "the system".to_owned(), |file| file.display().to_string());
    let failed = |why: String| OidcSetupError::Roots {
        place: place.clone(),
        why,
    };
    match ca_file {
        Some(file) => {
            let certificates =
                CertificateDer::pem_file_iter(file).map_err(|error| failed(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| failed(error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| failed(error.to_string()))?;
            }
        }
        // One of the many that can't be read is no reason to do without the others.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if roots.is_empty() {
        return Err(failed(
            "there are none; name the right ones with `ca_file` of [oidc]".to_owned(),
        ));
    }
    Ok(Arc::new(roots))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_reached_over_https_alone() {
        assert!(is_https("https://id.example/realms/a"));
        for bad in [
            "http://id.example",
            "id.example",
            "https://",
            "https://user:secret@id.example",
            "file:///etc",
        ] {
            assert!(!is_https(bad), "{bad}");
        }
    }

    #[test]
    fn both_parts_of_basic_are_encoded_before() {
        let header = basic("a b", "c:d%ü").unwrap();
        let encoded = header.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert!(is_altered_by_basic("a", "c:d") && !is_altered_by_basic("a-b", "c_d.9"));
        assert_eq!(BASE64.decode(encoded.as_bytes()).unwrap(), b"a+b:c%3Ad%25%C3%BC");
    }
}
