//! The judgement of a client certificate: whose it is, or why it is refused.
//!
//! The chain is judged once per connection. What changes while a connection lives, expiry and revocation, is judged
//! again on each request ([`crate::web`]).

use std::sync::Arc;

use jiff::Timestamp;
use plumbline_config::ident::HostId;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, Error, RootCertStore};

use super::{Authority, PkiError, provider};

/// Why a shown certificate opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not issued by this collector's CA.
    UnknownCa,
    /// Its time is over.
    Expired,
    /// Its time has not begun.
    NotYetValid,
    /// Revoked by an operator.
    Revoked,
    /// The host enrolled again and has a newer identity.
    Superseded,
    /// Signed by the CA, but not in the collector's records.
    NotOnRecord,
    /// Not a certificate as this collector issues them.
    Malformed,
}

/// A certificate of this collector's CA, within its time when the connection was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientCertificate {
    /// The host, from the common name.
    pub(crate) host: HostId,
    /// Serial number, in hexadecimal.
    pub(crate) serial: String,
    /// Uncompressed P-256 point of its key.
    pub(crate) public_key: Vec<u8>,
    /// When it ends.
    pub(crate) not_after: Timestamp,
}

/// What a client showed in the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Presented {
    /// No certificate.
    Missing,
    /// One that opens nothing.
    Refused(Refusal),
    /// One of ours.
    Certificate(ClientCertificate),
}

/// Judges certificates by the CA.
#[derive(Debug)]
pub(crate) struct PeerJudge {
    verifier: Arc<dyn ClientCertVerifier>,
}

impl PeerJudge {
    pub(crate) fn new(authority: &Authority) -> Result<Self, PkiError> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate().clone())?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        Ok(Self { verifier })
    }

    /// Judges the chain that a client sent, its own certificate first.
    pub(crate) fn judge(&self, chain: Option<&[CertificateDer<'_>]>, now: Timestamp) -> Presented {
        let Some((own, intermediates)) = chain.and_then(<[_]>::split_first) else {
            return Presented::Missing;
        };
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        if let Err(error) = self.verifier.verify_client_cert(own, intermediates, now) {
            return Presented::Refused(refusal(&error));
        }
        read(own).map_or(Presented::Refused(Refusal::Malformed), Presented::Certificate)
    }
}

fn refusal(error: &Error) -> Refusal {
    let Error::InvalidCertificate(error) = error else {
        return Refusal::Malformed;
    };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Refusal::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Refusal::NotYetValid,
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Refusal::UnknownCa,
        _ => Refusal::Malformed,
    }
}

fn read(der: &CertificateDer<'_>) -> Option<ClientCertificate> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let mut names = certificate.subject().iter_common_name();
    let host = names.next()?.as_str().ok()?.parse().ok()?;
    if names.next().is_some() {
        return None;
    }
    Some(ClientCertificate {
        host,
        serial: hex::encode(certificate.raw_serial()),
        public_key: certificate.public_key().subject_public_key.data.to_vec(),
        not_after: Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()?,
    })
}
