//! Asks a client for a certificate and proves that it holds its key, nothing more.
//!
//! A TLS stack that refuses a certificate closes the connection with an alert: the person at the other end reads
//! "handshake failure" and learns neither which certificate was refused nor why. So the handshake asks for a
//! certificate without requiring one, and always verifies the signature by which the client proves possession of the
//! key. Whether that certificate was issued by this collector's CA, still stands and was not revoked is judged once
//! the handshake is done ([`super::peer`]), and answered over HTTP with a problem document. No request but enrolment and
//! the health check gets past that judgement; see [`crate::web`].

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::sync::Arc;

/// The verifier of the agents' listener.
#[derive(Debug)]
pub(crate) struct AskForCertificate {
    provider: Arc<CryptoProvider>,
}

impl AskForCertificate {
    pub(crate) const fn new(provider: Arc<CryptoProvider>) -> Self {
        Self { provider }
    }
}

impl ClientCertVerifier for AskForCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// No hint: a client that has a certificate sends it, also a wrong one, and is told what is wrong with it.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    /// Left to [`super::peer::PeerJudge`].
    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
