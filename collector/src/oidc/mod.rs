//! Signing in at an identity provider: OpenID Connect Core 1.0, the authorization code flow with PKCE (RFC 7636), state
//! and nonce; the provider is found by OpenID Connect Discovery 1.0.
//!
//! Written here and not taken from a library: the one there is brings a second set of cryptography beside the one that
//! TLS uses (a hundred crates, an RSA among them with an open advisory), for a flow of two requests and one signature.
//!
//! Nothing of a flow is kept here while the person is away: state, nonce and PKCE verifier lie in a cookie of the
//! browser that began it ([`Flow`]), so any collector behind a balancer can end what another began, and nobody fills a
//! memory by beginning.

mod claims;
mod flow;
mod http;
mod jwks;
mod jws;
mod provider;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use plumbline_config::settings::OidcSettings;
use ring::digest::{SHA256, digest};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::access::{Access, UnknownAccess};
use crate::home::{HomeError, read_private};
pub(crate) use claims::Claims;
pub(crate) use flow::Flow;
use http::Client;
use provider::Provider;

/// Path that the provider sends people back to.
pub(crate) const CALLBACK: &str = "/oidc/callback";

/// Sign-ins that speak with the provider at a time; more are told to come back.
const AT_ONCE: usize = 16;

/// Longest code that a provider gives, in bytes.
const LONGEST_CODE: usize = 4 * 1024;

/// Why the settings name no provider that could be used.
#[derive(Debug, thiserror::Error)]
pub enum OidcSetupError {
    /// An address that is not `https`.
    #[error("`{setting}` of [oidc] is `{value}`; write an address that begins with https://{mend}")]
    Address {
        /// The key.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What more it must be.
        mend: &'static str,
    },
    /// A role that there is not.
    #[error("`roles` of [oidc]: {0}")]
    Role(#[from] UnknownAccess),
    /// The file with the secret.
    #[error(transparent)]
    Secret(#[from] HomeError),
    /// The certificates that the provider's is by.
    #[error("cannot use the certificates of {place}: {why}")]
    Roots {
        /// Where they are.
        place: String,
        /// What is wrong with them.
        why: String,
    },
    /// HTTPS could not be set up.
    #[error("cannot set up HTTPS to the identity provider: {0}")]
    Client(String),
}

/// Why a person could not sign in at the provider.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcError {
    /// The provider, or the way there, is broken.
    #[error("the identity provider can't be used: {0}")]
    Unreachable(String),
    /// The provider says no.
    #[error("the identity provider refused: {0}")]
    Refused(String),
    /// It is not the flow that this browser began.
    #[error("the answer does not belong to a sign-in that this browser began")]
    Foreign,
    /// The provider's answer can't be believed.
    #[error("the identity provider's answer can't be trusted: {0}")]
    Unsound(String),
    /// As many as may are at it.
    #[error("too many people sign in at the moment")]
    Busy,
}

/// An identity provider, and how this collector speaks with it.
pub(crate) struct Oidc {
    settings: OidcSettings,
    secret: Zeroizing<String>,
    roles: Vec<(String, Access)>,
    client: Client,
    provider: Provider,
    turns: Arc<Semaphore>,
}

impl Oidc {
    /// Reads what the settings name. The provider itself is asked when the first person signs in: that it is away must
    /// not keep the collector from starting.
    pub(crate) fn new(settings: &OidcSettings) -> Result<Self, OidcSetupError> {
        let address = |setting, value: &str, mend| OidcSetupError::Address {
            setting,
            value: value.to_owned(),
            mend,
        };
        if !http::is_https(&settings.issuer) {
            return Err(address("issuer", &settings.issuer, ""));
        }
        if !http::is_https(&settings.redirect_uri) || !settings.redirect_uri.ends_with(CALLBACK) {
            let mend = " and ends with /oidc/callback";
            return Err(address("redirect_uri", &settings.redirect_uri, mend));
        }
        let roles = settings.roles.iter();
        let roles = roles.map(|(said, role)| Ok((said.clone(), role.parse()?)));
        let secret = read_private(&settings.client_secret_file)?;
        Ok(Self {
            roles: roles.collect::<Result<_, UnknownAccess>>()?,
            secret: Zeroizing::new(secret.trim_end_matches(['\r', '\n']).to_owned()),
            client: Client::new(settings.ca_file.as_deref().map(Path::new))?,
            provider: Provider::new(&settings.issuer),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            settings: settings.clone(),
        })
    }

    /// The settings it was made from.
    pub(crate) const fn settings(&self) -> &OidcSettings {
        &self.settings
    }

    /// Where to send a person who begins to sign in.
    pub(crate) async fn begin(&self, flow: &Flow) -> Result<String, OidcError> {
        let _turn = self.turns.try_acquire().map_err(|_| OidcError::Busy)?;
        let metadata = self.provider.metadata(&self.client).await?;
        let challenge =
            data_encoding::BASE64URL_NOPAD.encode(digest(&SHA256, flow.verifier.as_bytes()).as_ref());
        let scopes: Vec<&str> = std::iter::once("openid")
            .chain(self.settings.scopes.iter().map(String::as_str))
            .collect();
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.settings.redirect_uri)
            .append_pair("scope", &scopes.join(" "))
            .append_pair("state", &flow.state)
            .append_pair("nonce", &flow.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        // The endpoint may have a query of its own (RFC 6749, 3.1).
        let joint = if metadata.authorization_endpoint.contains('?') {
            '&'
        } else {
            '?'
        };
        Ok(format!("{}{joint}{query}", metadata.authorization_endpoint))
    }

    /// Who came back from the provider with `answer`, to the browser that began `flow`.
    pub(crate) async fn finish(&self, flow: &Flow, answer: &Answer<'_>) -> Result<Claims, OidcError> {
        let _turn = self.turns.try_acquire().map_err(|_| OidcError::Busy)?;
        if !flow.is_of(answer.state) {
            return Err(OidcError::Foreign);
        }
        // RFC 9207: an answer of another provider's is not taken to ours.
        if answer.issuer.is_some_and(|issuer| issuer != self.settings.issuer) {
            return Err(OidcError::Unsound("the answer is of another issuer".to_owned()));
        }
        if let Some(error) = answer.error {
            return Err(OidcError::Refused(shown(error)));
        }
        let code = answer
            .code
            .filter(|code| (1..=LONGEST_CODE).contains(&code.len()))
            .ok_or_else(|| OidcError::Unsound("the answer has no code".to_owned()))?;
        let metadata = self.provider.metadata(&self.client).await?;
        if metadata.issuer_in_answers && answer.issuer.is_none() {
            return Err(OidcError::Unsound(
                "the answer does not name its issuer".to_owned(),
            ));
        }
        let request = http::TokenRequest {
            endpoint: &metadata.token_endpoint,
            secret_in_body: metadata.post
                && (!metadata.basic || http::is_altered_by_basic(&self.settings.client_id, &self.secret)),
            client_id: &self.settings.client_id,
            client_secret: &self.secret,
            code,
            redirect_uri: &self.settings.redirect_uri,
            verifier: &flow.verifier,
        };
        let token = self.client.token(&request).await?;
        let claims = self.provider.verify(&self.client, &metadata, &token).await?;
        claims::check(
            claims,
            &claims::Expected {
                issuer: &self.settings.issuer,
                client_id: &self.settings.client_id,
                nonce: &flow.nonce,
                now: Timestamp::now(),
            },
        )
        .map_err(OidcError::Unsound)
    }

    /// The role that the provider's claim gives: the highest of those it names.
    pub(crate) fn role(&self, claims: &Claims) -> Option<Access> {
        let said = claims.texts(self.settings.role_claim.as_deref()?);
        self.roles
            .iter()
            .filter(|(name, _)| said.contains(&name.as_str()))
            .map(|(_, role)| *role)
            .max()
    }
}

/// What a browser brings back from the provider.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) state: &'a str,
    pub(crate) code: Option<&'a str>,
    pub(crate) error: Option<&'a str>,
    pub(crate) issuer: Option<&'a str>,
}

/// Text of the other end for the log: short, and of characters that can do no harm there.
fn shown(text: &str) -> String {
    text.chars()
        .take(100)
        .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
        .collect()
}
