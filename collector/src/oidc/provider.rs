//! What is known of the provider: its endpoints and its keys, fetched when they are needed and kept for an hour.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::http::{Client, is_https};
use super::jwks::KeySet;
use super::jws::Signed;
use super::{OidcError, shown};

/// How long what was fetched is used.
const KEPT: Duration = Duration::from_secs(3_600);

/// After a fetch, whether it went well or not, this long goes by before the next: somebody who sends tokens of made-up
/// keys does not make the collector ask on and on.
const PAUSE: Duration = Duration::from_secs(30);

/// The same where the last fetch failed, so that a provider that comes back is soon used again.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(3);

/// The provider's endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    jwks_uri: String,
    /// Whether it takes the client's secret by HTTP Basic, and whether in the body.
    pub(super) basic: bool,
    pub(super) post: bool,
    /// Whether its answers name it (RFC 9207).
    pub(super) issuer_in_answers: bool,
}

/// A provider.
pub(super) struct Provider {
    issuer: String,
    metadata: Mutex<Fetched<Metadata>>,
    keys: Mutex<Fetched<KeySet>>,
}

/// Something that was fetched, and when it was tried last.
struct Fetched<T> {
    value: Option<(Arc<T>, Instant)>,
    tried: Option<(Instant, bool)>,
}

impl<T> Fetched<T> {
    const fn new() -> Self {
        Self {
            value: None,
            tried: None,
        }
    }

    /// What there is, if it is not too old.
    fn fresh(&self, now: Instant) -> Option<Arc<T>> {
        let (value, at) = self.value.as_ref()?;
        (now.saturating_duration_since(*at) < KEPT).then(|| Arc::clone(value))
    }

    /// Whether it may be fetched again already.
    fn may_fetch(&self, now: Instant) -> bool {
        self.tried.is_none_or(|(at, went_well)| {
            let pause = if went_well { PAUSE } else { PAUSE_AFTER_FAILURE };
            now.saturating_duration_since(at) >= pause
        })
    }

    fn take<E>(&mut self, fetched: Result<T, E>) -> Result<Arc<T>, E> {
        let now = Instant::now();
        self.tried = Some((now, fetched.is_ok()));
        let value = Arc::new(fetched?);
        self.value = Some((Arc::clone(&value), now));
        Ok(value)
    }
}

impl Provider {
    /// A provider that nothing is known of yet.
    pub(super) fn new(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            metadata: Mutex::new(Fetched::new()),
            keys: Mutex::new(Fetched::new()),
        }
    }

    /// Its endpoints. Whoever else wants them meanwhile waits for the one fetch.
    pub(super) async fn metadata(&self, client: &Client) -> Result<Arc<Metadata>, OidcError> {
        let mut known = self.metadata.lock().await;
        let now = Instant::now();
        if let Some(metadata) = known.fresh(now) {
            return Ok(metadata);
        }
        if !known.may_fetch(now) {
            return Err(OidcError::Unreachable(
                "it could not be reached a moment ago".to_owned(),
            ));
        }
        let url = format!(
            "{}/.well-known/openid-configuration",
            self.issuer.trim_end_matches('/')
        );
        let fetched = match client.get(&url).await {
            Ok(document) => read(document, &self.issuer),
            Err(error) => Err(error),
        };
        known.take(fetched)
    }

    /// The claims of a token that one of its keys has signed.
    pub(super) async fn verify(
        &self,
        client: &Client,
        metadata: &Metadata,
        token: &str,
    ) -> Result<Map<String, Value>, OidcError> {
        let signed = Signed::read(token).map_err(OidcError::Unsound)?;
        let mut known = self.keys.lock().await;
        let now = Instant::now();
        let keys = known.fresh(now);
        // A key that is not known may be a new one: providers change them without notice.
        let stale = keys.as_ref().is_none_or(|keys| !keys.knows(&signed));
        let keys = match keys {
            Some(keys) if !stale => keys,
            other => {
                if known.may_fetch(now) {
                    let fetched = client
                        .get(&metadata.jwks_uri)
                        .await
                        .map(|document| KeySet::read(&document));
                    known.take(fetched)?
                } else {
                    other.ok_or_else(|| {
                        OidcError::Unreachable("its keys could not be fetched a moment ago".to_owned())
                    })?
                }
            }
        };
        drop(known);
        signed.verify(&keys).map_err(OidcError::Unsound)
    }
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Reads the discovery document (OpenID Connect Discovery 1.0, 3 and 4.3).
fn read(document: Value, issuer: &str) -> Result<Metadata, OidcError> {
    let unsound = |why: String| OidcError::Unsound(format!("the discovery document: {why}"));
    let document: Document = serde_json::from_value(document).map_err(|error| unsound(error.to_string()))?;
    if document.issuer != issuer {
        return Err(unsound(format!(
            "its issuer is `{}`, the settings say `{issuer}`",
            shown(&document.issuer)
        )));
    }
    for endpoint in [
        &document.authorization_endpoint,
        &document.token_endpoint,
        &document.jwks_uri,
    ] {
        if !is_https(endpoint) {
            return Err(unsound(format!("`{}` is not an https address", shown(endpoint))));
        }
    }
    // What is not said is client_secret_basic.
    let methods = &document.token_endpoint_auth_methods_supported;
    let has = |method: &str| {
        methods
            .as_ref()
            .is_some_and(|methods| methods.iter().any(|each| each == method))
    };
    Ok(Metadata {
        basic: has("client_secret_basic") || methods.is_none(),
        post: has("client_secret_post"),
        issuer_in_answers: document.authorization_response_iss_parameter_supported,
        authorization_endpoint: document.authorization_endpoint,
        token_endpoint: document.token_endpoint,
        jwks_uri: document.jwks_uri,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://id.example/realm";

    fn document() -> Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://id.example/auth?realm=1",
            "token_endpoint": "https://id.example/token",
            "jwks_uri": "https://id.example/keys",
        })
    }

    #[test]
    fn a_document_of_the_issuer_is_taken() {
        let metadata = read(document(), ISSUER).unwrap();
        assert!(metadata.basic && !metadata.post && !metadata.issuer_in_answers);
        let mut post = document();
        post["token_endpoint_auth_methods_supported"] = json!(["client_secret_post", "private_key_jwt"]);
        let post = read(post, ISSUER).unwrap();
        assert!(post.post && !post.basic);
    }

    #[test]
    fn another_issuers_or_an_open_endpoint_is_not() {
        for (member, value) in [
            ("issuer", json!("https://id.example/other")),
            ("issuer", json!("https://id.example/realm/")),
            ("token_endpoint", json!("http://id.example/token")),
            ("jwks_uri", json!("file:///etc/passwd")),
            ("authorization_endpoint", json!("javascript:alert(1)")),
            ("token_endpoint", Value::Null),
        ] {
            let mut bad = document();
            bad[member] = value;
            assert!(read(bad, ISSUER).is_err(), "{member}");
        }
        assert!(read(json!([]), ISSUER).is_err());
    }

    #[test]
    fn fetches_keep_a_pause() {
        let mut fetched: Fetched<u8> = Fetched::new();
        let now = Instant::now();
        assert!(fetched.may_fetch(now) && fetched.fresh(now).is_none());
        assert!(fetched.take(Err::<u8, ()>(())).is_err());
        assert!(!fetched.may_fetch(now));
        assert!(fetched.may_fetch(Instant::now() + PAUSE_AFTER_FAILURE));
        assert!(fetched.take(Ok::<u8, ()>(1)).is_ok());
        let now = Instant::now();
        assert!(fetched.fresh(now).is_some() && !fetched.may_fetch(now + PAUSE_AFTER_FAILURE));
        assert!(fetched.fresh(now + KEPT).is_none() && fetched.may_fetch(now + PAUSE));
    }
}
