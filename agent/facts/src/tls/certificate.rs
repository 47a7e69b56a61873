//! What a certificate says, and what is weak about it. Reading is x509-parser's, since it takes the weak and the odd;
//! trust in a chain is judged by rustls' own verifier.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, RootCertStore};
use serde::Serialize;
use sha2::{Digest, Sha256};
use x509_parser::prelude::*;
use x509_parser::public_key::PublicKey;

/// Most names of one certificate that are told.
const MOST_NAMES: usize = 200;
/// Shortest RSA and DSA key that is not weak, in bits (NIST SP 800-57 part 1, 112 bits of strength).
const LEAST_RSA_BITS: usize = 2048;
/// Shortest elliptic key that is not weak, in bits.
const LEAST_EC_BITS: usize = 224;

/// A certificate that a server showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Distinguished name of the holder.
    pub subject: String,
    /// Distinguished name of the issuer.
    pub issuer: String,
    /// DNS names and addresses that it is for.
    pub names: Vec<String>,
    /// First moment at which it is valid.
    pub not_before: Timestamp,
    /// Last moment at which it is valid.
    pub not_after: Timestamp,
    /// Its key.
    pub key: Key,
    /// How it is signed, such as `sha256WithRSAEncryption`.
    pub signature_algorithm: String,
    /// SHA-256 of the certificate, in hexadecimal.
    pub sha256: String,
    /// Whether holder and issuer are the same.
    pub self_signed: bool,
    /// What is weak about it.
    pub weaknesses: Vec<&'static str>,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// `rsa`, `ec`, `dsa`, `ed25519`, `ed448`, or the number of the algorithm.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its length.
    pub bits: usize,
}

/// What certificates are held against.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Certificates that may end a chain, in DER. `None`: trust is not judged.
    pub anchors: Option<Vec<Vec<u8>>>,
    /// The time.
    pub now: Timestamp,
    /// Certificates that end within this time expire soon.
    pub notice: std::time::Duration,
}

impl Trust {
    /// The certificates in PEM text; what is not a certificate is left out.
    #[must_use]
    pub fn anchors_of_pem(pem: &[u8]) -> Vec<Vec<u8>> {
        CertificateDer::pem_slice_iter(pem)
            .filter_map(|certificate| Some(certificate.ok()?.to_vec()))
            .collect()
    }
}

/// Reads a chain, the server's own certificate first. What can't be read is left out.
pub(super) fn read_chain(chain: &[Vec<u8>], expected_name: Option<&str>, trust: &Trust) -> Vec<Certificate> {
    let mut read: Vec<Certificate> = chain.iter().filter_map(|der| read(der, trust)).collect();
    if let (Some(own), Some(first)) = (chain.first(), read.first_mut()) {
        if first.self_signed {
            first.weaknesses.push("self-signed");
        }
        first
            .weaknesses
            .extend(distrust(own, chain.get(1..).unwrap_or_default(), trust));
        if expected_name.is_some_and(|name| !is_for(&first.names, name)) {
            first.weaknesses.push("host-name-mismatch");
        }
    }
    read
}

fn read(der: &[u8], trust: &Trust) -> Option<Certificate> {
    let (_rest, certificate) = X509Certificate::from_der(der).ok()?;
    let key = key(&certificate);
    let algorithm = algorithm_name(certificate.signature_algorithm.oid());
    let not_before = Timestamp::from_second(certificate.validity().not_before.timestamp()).ok()?;
    let not_after = Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()?;
    let self_signed = certificate.subject().as_raw() == certificate.issuer().as_raw();
    let short = match key.kind.as_str() {
        "rsa" | "dsa" => key.bits < LEAST_RSA_BITS,
        "ec" => key.bits < LEAST_EC_BITS,
        _ => false,
    };
    let lower = algorithm.to_ascii_lowercase();
    let weak_hash = ["md2", "md4", "md5", "sha1"]
        .iter()
        .any(|hash| lower.contains(hash));
    let soon = not_after.duration_since(trust.now).as_secs()
        < i64::try_from(trust.notice.as_secs()).unwrap_or(i64::MAX);
    let weaknesses = [
        ("expired", not_after < trust.now),
        ("not-yet-valid", not_before > trust.now),
        ("expires-soon", not_after >= trust.now && soon),
        ("weak-key", short),
        // The signature of a root over itself proves nothing to anyone.
        ("weak-signature", weak_hash && !self_signed),
    ];
    Some(Certificate {
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        names: names(&certificate),
        not_before,
        not_after,
        key,
        signature_algorithm: algorithm,
        sha256: hex::encode(Sha256::digest(der)),
        self_signed,
        weaknesses: weaknesses
            .into_iter()
            .filter(|(_, is)| *is)
            .map(|(name, _)| name)
            .collect(),
    })
}

fn key(certificate: &X509Certificate<'_>) -> Key {
    let info = certificate.public_key();
    let kind = |kind: &str, bits| Key {
        kind: kind.to_owned(),
        bits,
    };
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => kind("rsa", key.key_size()),
        Ok(PublicKey::EC(point)) => kind("ec", point.key_size()),
        Ok(PublicKey::DSA(_)) => kind("dsa", info.subject_public_key.data.len().saturating_mul(8)),
        _ => {
            let bits = info.subject_public_key.data.len().saturating_mul(8);
            match info.algorithm.algorithm.to_id_string().as_str() {
                "1.3.101.112" => kind("ed25519", bits),
                "1.3.101.113" => kind("ed448", bits),
                other => kind(other, bits),
            }
        }
    }
}

/// The name of a signature algorithm by RFC 3279, RFC 4055, RFC 5758 and RFC 8410, or its number.
fn algorithm_name(oid: &asn1_rs::Oid<'_>) -> String {
    let number = oid.to_id_string();
    let name = match number.as_str() {
        "1.2.840.113549.1.1.2" => "md2WithRSAEncryption",
        "1.2.840.113549.1.1.3" => "md4WithRSAEncryption",
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.10" => "rsassaPss",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.113549.1.1.14" => "sha224WithRSAEncryption",
        "1.2.840.10040.4.3" => "dsa-with-sha1",
        "2.16.840.1.101.3.4.3.2" => "dsa-with-sha256",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.1" => "ecdsa-with-SHA224",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.3.101.112" => "ed25519",
        "1.3.101.113" => "ed448",
        _ => return number,
    };
    name.to_owned()
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes)
                .ok()
                .map(|bytes| IpAddr::from(bytes).to_string()),
            16 => <[u8; 16]>::try_from(*bytes)
                .ok()
                .map(|bytes| IpAddr::from(bytes).to_string()),
            _ => None,
        },
        _ => None,
    };
    extension
        .value
        .general_names
        .iter()
        .filter_map(name)
        .take(MOST_NAMES)
        .collect()
}

/// Whether one of `names` is for `host`: the same name, or `*` in place of its first label (RFC 9525 6.3).
fn is_for(names: &[String], host: &str) -> bool {
    let host = host.trim_end_matches('.');
    names
        .iter()
        .any(|name| match (name.strip_prefix("*."), host.split_once('.')) {
            (Some(rest), Some((first, domain))) => !first.is_empty() && rest.eq_ignore_ascii_case(domain),
            _ => name.eq_ignore_ascii_case(host),
        })
}

/// Why the chain does not lead to an anchor; dates and names are told apart from it.
fn distrust(own: &[u8], others: &[Vec<u8>], trust: &Trust) -> Option<&'static str> {
    let anchors = trust.anchors.as_ref()?;
    if anchors.iter().any(|anchor| anchor == own) {
        return None;
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(anchors.iter().map(|der| CertificateDer::from(der.as_slice())));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let Ok(verifier) = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build() else {
        return Some("untrusted");
    };
    let (_rest, certificate) = X509Certificate::from_der(own).ok()?;
    // A name that the certificate has and a moment at which it is valid: both are judged elsewhere.
    let name = names(&certificate)
        .into_iter()
        .find_map(|name| ServerName::try_from(name.replace('*', "any")).ok())
        .or_else(|| ServerName::try_from("localhost").ok())?;
    let end = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or_default();
    let start = u64::try_from(certificate.validity().not_before.timestamp()).unwrap_or_default();
    let now = u64::try_from(trust.now.as_second()).unwrap_or_default();
    let moment = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now.clamp(start, end.max(start))));
    let others: Vec<CertificateDer<'_>> = others
        .iter()
        .map(|der| CertificateDer::from(der.as_slice()))
        .collect();
    let verdict = verifier.verify_server_cert(&CertificateDer::from(own), &others, &name, &[], moment);
    match verdict {
        Ok(_) => None,
        Err(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => None,
        Err(_) if ends_open(own, &others) => Some("incomplete-chain"),
        Err(_) => Some("untrusted"),
    }
}

/// Whether the chain stops at a certificate that another, which was not shown, has issued.
fn ends_open(own: &[u8], others: &[CertificateDer<'_>]) -> bool {
    let last = others.last().map_or(own, |der| der.as_ref());
    X509Certificate::from_der(last)
        .is_ok_and(|(_rest, certificate)| certificate.subject().as_raw() != certificate.issuer().as_raw())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wildcard_is_one_label() {
        let names = ["*.example.test".to_owned(), "192.0.2.1".to_owned()];
        for (host, expected) in [
            ("www.example.test", true),
            ("WWW.EXAMPLE.TEST.", true),
            ("a.b.example.test", false),
            ("example.test", false),
            ("192.0.2.1", true),
        ] {
            assert_eq!(is_for(&names, host), expected, "{host}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_left_out(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let trust = Trust { anchors: Some(Vec::new()), ..Trust::default() };
            read_chain(&[bytes], Some("localhost"), &trust);
        }
    }
}
