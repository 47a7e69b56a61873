//! The certificate signing request (RFC 2986). It carries the key alone: the collector writes the names.

use rcgen::{CertificateParams, DistinguishedName, KeyPair};

/// A signing request over `key`, PEM.
pub fn signing_request(key: &KeyPair) -> Result<String, rcgen::Error> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.serialize_request(key)?.pem()
}
