//! Trust at enrolment, before there is a CA to trust: the collector's chain must hold the certificate whose SHA-256
//! the administrator passed on, and the rest of it must verify from there as usual.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use ring::digest::{SHA256, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};

/// SHA-256 of the collector's CA certificate (DER), as `plumbline-collector init` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin([u8; 32]);

/// A text that is not the SHA-256 of a certificate.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not a SHA-256 in hexadecimal (64 digits, with or without colons), as the collector's `init` prints it"
)]
pub struct InvalidPin(String);

impl FromStr for Pin {
    type Err = InvalidPin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: String = text.trim().chars().filter(|c| *c != ':').collect();
        let mut pin = [0; 32];
        hex::decode_to_slice(&digits, &mut pin).map_err(|_| InvalidPin(text.chars().take(120).collect()))?;
        Ok(Self(pin))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Pin {
    /// Whether it is the SHA-256 of this certificate.
    #[must_use]
    pub fn is_of(&self, certificate: &CertificateDer<'_>) -> bool {
        digest(&SHA256, certificate).as_ref() == self.0
    }
}

/// The chain did not hold the pinned certificate.
#[derive(Debug)]
struct PinMissing;

impl fmt::Display for PinMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the pinned CA is not in the chain that the server presented")
    }
}

impl std::error::Error for PinMissing {}

/// Verifies a server by the pinned certificate alone.
#[derive(Debug)]
pub(super) struct PinVerifier {
    pin: Pin,
    provider: Arc<CryptoProvider>,
    /// Whether a chain without the pinned certificate was seen, so that the error can say so.
    missed: Arc<Mutex<bool>>,
}

impl PinVerifier {
    pub(super) fn new(pin: Pin, provider: Arc<CryptoProvider>, missed: Arc<Mutex<bool>>) -> Self {
        Self {
            pin,
            provider,
            missed,
        }
    }
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let pinned = intermediates
            .iter()
            .chain([end_entity])
            .find(|c| self.pin.is_of(c));
        let Some(pinned) = pinned else {
            *self.missed.lock().unwrap_or_else(PoisonError::into_inner) = true;
            let other = OtherError(Arc::new(PinMissing));
            return Err(Error::InvalidCertificate(CertificateError::Other(other)));
        };
        let mut roots = RootCertStore::empty();
        roots.add(pinned.clone().into_owned())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|error| Error::General(error.to_string()))?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_with_and_without_colons() {
        let plain = "0a".repeat(32);
        let colons = vec!["0A"; 32].join(":");
        assert_eq!(plain.parse::<Pin>().unwrap(), colons.parse::<Pin>().unwrap());
        assert_eq!(plain.parse::<Pin>().unwrap().to_string(), plain);
        for bad in ["", "0a", "zz", &"0a".repeat(33)] {
            assert!(bad.parse::<Pin>().is_err(), "{bad}");
        }
    }
}
