//! Enrolment: a token once, a certificate in return, over TLS to a collector known by its CA's fingerprint.

use plumbline_config::seal::sha256_hex;
use plumbline_config::wire::{EnrollReply, EnrollRequest, Os};
use rcgen::KeyPair;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::identity::{Identity, signing_request};
use crate::transport::{ClientError, Pin, PinnedClient};

/// Why a host could not be enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// The collector could not be reached, or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The token was not taken.
    #[error(
        "{url} refused the token ({detail}); tokens are used up and expire: make a new one with the collector's \
         `token create`"
    )]
    Token {
        /// The collector.
        url: String,
        /// What it said.
        detail: String,
    },
    /// No key could be made.
    #[error("could not make a key: {0}")]
    Key(#[from] rcgen::Error),
    /// The answer makes no identity.
    #[error(
        "{url} gave an identity that does not fit together: {what}; is it a Plumbline collector of this version?"
    )]
    Reply {
        /// The collector.
        url: String,
        /// What is wrong with it.
        what: String,
    },
}

/// What a host says of itself when it enrols.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Host name.
    pub name: String,
    /// Operating system.
    pub os: Os,
    /// [`super::machine_hash`].
    pub machine: String,
}

/// Makes a key and asks the collector at `url` for an identity. The token goes nowhere else.
pub async fn enroll(
    url: &str,
    token: &str,
    pin: Pin,
    about: About,
    proxy: Option<&str>,
) -> Result<Identity, EnrollError> {
    let key = KeyPair::generate()?;
    let request = EnrollRequest {
        token: token.to_owned(),
        csr_pem: signing_request(&key)?,
        name: about.name,
        machine: about.machine,
        os: about.os,
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let client = PinnedClient::new(url, pin, proxy)?;
    let reply: EnrollReply = match client.enroll(&request).await {
        Err(ClientError::Identity { detail, .. }) => {
            let url = url.to_owned();
            return Err(EnrollError::Token { url, detail });
        }
        other => other?,
    };
    let wrong = |what: String| EnrollError::Reply {
        url: url.to_owned(),
        what,
    };
    // The CA that all later connections rest on must be the one that the pin named.
    let ca = CertificateDer::from_pem_slice(reply.ca_pem.as_bytes())
        .map_err(|error| wrong(format!("its CA is no PEM certificate: {error}")))?;
    if !pin.is_of(&ca) {
        return Err(wrong(format!(
            "its CA has the SHA-256 {}, not the one given by --ca-sha256",
            sha256_hex(&ca)
        )));
    }
    Identity::from_reply(reply, &key).map_err(wrong)
}
