//! The key that a host brings in a certificate signing request (RFC 2986).
//!
//! Of the request only the public key is taken, and only after its signature proved that the host holds the private
//! one. Subject, extensions and attributes are the host's wishes; the certificate says what the collector knows.

use rcgen::SubjectPublicKeyInfo;
use rustls::pki_types::CertificateSigningRequestDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY};
use x509_parser::prelude::FromDer;

/// Largest request taken, PEM, in bytes. One over a P-256 key has about 500.
const LARGEST_REQUEST: usize = 8 * 1024;

/// Bytes of an uncompressed P-256 point (SEC 1, 2.3.3).
const POINT_BYTES: usize = 65;

/// Why a signing request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CsrError {
    /// Over [`LARGEST_REQUEST`].
    #[error("the certificate signing request is larger than {LARGEST_REQUEST} bytes")]
    TooLarge,
    /// Not PEM, or not a request.
    #[error("csr_pem is not a PEM certificate signing request")]
    Malformed,
    /// Another kind of key.
    #[error("the key of the certificate signing request is not an uncompressed ECDSA P-256 key")]
    KeyKind,
    /// Not signed by its own key.
    #[error("the certificate signing request is not signed by its own key")]
    Signature,
}

/// A P-256 public key whose holder proved to have the private one.
#[derive(Clone, Debug)]
pub(crate) struct ClientKey {
    key: SubjectPublicKeyInfo,
    point: Vec<u8>,
}

impl ClientKey {
    /// Takes the key out of a signing request.
    pub(crate) fn from_csr(pem: &str) -> Result<Self, CsrError> {
        if pem.len() > LARGEST_REQUEST {
            return Err(CsrError::TooLarge);
        }
        let der =
            CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).map_err(|_| CsrError::Malformed)?;
        let (rest, request) = X509CertificationRequest::from_der(&der).map_err(|_| CsrError::Malformed)?;
        if !rest.is_empty() {
            return Err(CsrError::Malformed);
        }
        let info = &request.certification_request_info.subject_pki;
        let curve = info
            .algorithm
            .parameters
            .as_ref()
            .and_then(|any| any.as_oid().ok());
        let point = info.subject_public_key.data.as_ref();
        let p256 = info.algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY && curve == Some(OID_EC_P256);
        if !p256 || point.len() != POINT_BYTES || point.first() != Some(&4) {
            return Err(CsrError::KeyKind);
        }
        request.verify_signature().map_err(|_| CsrError::Signature)?;
        Ok(Self {
            key: SubjectPublicKeyInfo::from_der(info.raw).map_err(|_| CsrError::KeyKind)?,
            point: point.to_vec(),
        })
    }

    pub(super) const fn public_key(&self) -> &SubjectPublicKeyInfo {
        &self.key
    }

    /// The uncompressed point, as [`plumbline_config::seal::verify`] takes it.
    pub(crate) fn point(&self) -> &[u8] {
        &self.point
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{
        CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
        PublicKeyData,
    };

    use super::*;

    fn request(alg: &'static rcgen::SignatureAlgorithm) -> (KeyPair, String) {
        let key = KeyPair::generate_for(alg).unwrap();
        let pem = CertificateParams::new(vec!["wished.example".to_owned()])
            .unwrap()
            .serialize_request(&key)
            .unwrap()
            .pem()
            .unwrap();
        (key, pem)
    }

    #[test]
    fn the_key_alone_is_taken() {
        let (key, pem) = request(&PKCS_ECDSA_P256_SHA256);
        assert_eq!(ClientKey::from_csr(&pem).unwrap().point(), key.der_bytes());
    }

    #[test]
    fn other_keys_and_rubbish_are_refused() {
        for alg in [&PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
            assert_eq!(
                ClientKey::from_csr(&request(alg).1).unwrap_err(),
                CsrError::KeyKind
            );
        }
        assert_eq!(ClientKey::from_csr("").unwrap_err(), CsrError::Malformed);
        assert_eq!(
            ClientKey::from_csr(&"A".repeat(LARGEST_REQUEST + 1)).unwrap_err(),
            CsrError::TooLarge
        );
    }

    #[test]
    fn a_request_signed_by_another_key_is_refused() {
        let (_, pem) = request(&PKCS_ECDSA_P256_SHA256);
        let mut der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes())
            .unwrap()
            .to_vec();
        // The subject's name lies in front; one changed letter and the signature no longer stands.
        let at = der.windows(5).position(|w| w == b"rcgen").unwrap();
        der[at] ^= 1;
        let base64 = data_encoding::BASE64.encode(&der);
        let pem =
            format!("-----BEGIN CERTIFICATE REQUEST-----\n{base64}\n-----END CERTIFICATE REQUEST-----\n");
        assert_eq!(ClientKey::from_csr(&pem).unwrap_err(), CsrError::Signature);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(der in proptest::collection::vec(any::<u8>(), 0..600)) {
            let base64 = data_encoding::BASE64.encode(&der);
            let pem = format!("-----BEGIN CERTIFICATE REQUEST-----\n{base64}\n-----END CERTIFICATE REQUEST-----\n");
            prop_assert!(ClientKey::from_csr(&pem).is_err());
        }
    }
}
