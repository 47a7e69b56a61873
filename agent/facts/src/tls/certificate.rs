//! What a certificate says, and what is weak about it. Reading is x509-parser's, since it takes the weak and the odd.

use std::net::IpAddr;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Serialize;
use sha2::{Digest, Sha256};
use x509_parser::prelude::*;
use x509_parser::public_key::PublicKey;
use x509_parser::signature_algorithm::RsaSsaPssParams;

use super::chain::{Chain, Standing};
use super::reader::Reader;

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
    /// Other certificates at hand, in DER: they tell where a chain that lacks one of them would lead to.
    pub known: Vec<Vec<u8>>,
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
    let built = trust
        .anchors
        .as_ref()
        .map(|anchors| Chain::build(chain, anchors, &trust.known));
    let on_the_way = |place: usize| built.as_ref().is_none_or(|built| built.uses(place));
    let mut read: Vec<Certificate> = Vec::new();
    for (place, der) in chain.iter().enumerate() {
        let Some(mut certificate) = read_one(der, trust) else {
            continue;
        };
        // The signature of a root over itself proves nothing to anyone; that of a server's own certificate is its only one.
        if place > 0 && certificate.self_signed {
            certificate
                .weaknesses
                .retain(|weakness| *weakness != "weak-signature");
        }
        // A server may show more than a client needs, such as an older way to another root.
        if place > 0 && !on_the_way(place) {
            certificate.weaknesses.clear();
        }
        read.push(certificate);
    }
    if let Some(first) = read.first_mut() {
        let standing = built.map(|built| built.standing);
        first.weaknesses.extend(match standing {
            Some(Standing::Trusted) => None,
            Some(Standing::Incomplete) => Some("incomplete-chain"),
            Some(Standing::Untrusted) => Some("untrusted"),
            Some(Standing::SelfSigned) => Some("self-signed"),
            None => first.self_signed.then_some("self-signed"),
        });
        if expected_name.is_some_and(|name| !is_for(&first.names, name)) {
            first.weaknesses.push("host-name-mismatch");
        }
    }
    read
}

/// Reads the certificates of a file in PEM or DER; empty where it holds none.
#[must_use]
pub fn read_file(bytes: &[u8], trust: &Trust) -> Vec<Certificate> {
    let mut chain = Trust::anchors_of_pem(bytes);
    if chain.is_empty() {
        chain.push(bytes.to_vec());
    }
    read_chain(&chain, None, trust)
}

/// Whether the key of a chain's own certificate is an elliptic one.
pub(super) fn is_elliptic(chain: &[Vec<u8>]) -> Option<bool> {
    let (_rest, certificate) = X509Certificate::from_der(chain.first()?).ok()?;
    Some(matches!(
        key(&certificate).kind.as_str(),
        "ec" | "ed25519" | "ed448"
    ))
}

fn read_one(der: &[u8], trust: &Trust) -> Option<Certificate> {
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
        .any(|hash| lower.contains(hash))
        || algorithm == "rsassaPss" && pss_hash_is_weak(&certificate);
    let soon = not_after.duration_since(trust.now).as_secs()
        < i64::try_from(trust.notice.as_secs()).unwrap_or(i64::MAX);
    let weaknesses = [
        ("expired", not_after < trust.now),
        ("not-yet-valid", not_before > trust.now),
        ("expires-soon", not_after >= trust.now && soon),
        ("weak-key", short),
        ("weak-signature", weak_hash),
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
    let whole = info.subject_public_key.data.len().saturating_mul(8);
    let parameters = info.algorithm.parameters.as_ref();
    match (info.algorithm.algorithm.to_id_string().as_str(), info.parsed()) {
        (_, Ok(PublicKey::RSA(key))) => kind("rsa", bits_of(key.modulus)),
        // RSA for PSS alone: a SEQUENCE of modulus and exponent as well (RFC 4055 1.2).
        ("1.2.840.113549.1.1.10", _) => kind(
            "rsa",
            sequence(&info.subject_public_key.data)
                .and_then(first_integer)
                .map_or(0, bits_of),
        ),
        (_, Ok(PublicKey::DSA(_))) => kind(
            "dsa",
            parameters
                .and_then(|parameters| first_integer(parameters.data))
                .map_or(0, bits_of),
        ),
        (_, Ok(PublicKey::EC(point))) => {
            let curve = parameters.and_then(|parameters| parameters.as_oid().ok());
            kind(
                "ec",
                curve
                    .and_then(|oid| curve_bits(&oid.to_id_string()))
                    .unwrap_or(point.key_size()),
            )
        }
        ("1.3.101.112", _) => kind("ed25519", whole),
        ("1.3.101.113", _) => kind("ed448", whole),
        (other, _) => kind(other, whole),
    }
}

/// Length of a number in bits, without leading zeros.
fn bits_of(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let first = number.get(zeros).map_or(8, |byte| byte.leading_zeros());
    (number.len() - zeros)
        .saturating_mul(8)
        .saturating_sub(first as usize)
}

/// Bits of the field of a named curve whose points do not fill their bytes.
fn curve_bits(oid: &str) -> Option<usize> {
    match oid {
        "1.3.132.0.35" => Some(521),
        _ => None,
    }
}

/// The content of a DER SEQUENCE.
fn sequence(bytes: &[u8]) -> Option<&[u8]> {
    element(&mut Reader::new(bytes), 0x30)
}

/// The first INTEGER of a DER sequence's content.
fn first_integer(content: &[u8]) -> Option<&[u8]> {
    element(&mut Reader::new(content), 0x02)
}

fn element<'a>(reader: &mut Reader<'a>, tag: u8) -> Option<&'a [u8]> {
    (reader.u8()? == tag).then_some(())?;
    let length = match reader.u8()? {
        short @ ..=0x7f => usize::from(short),
        0x81 => reader.u8()?.into(),
        0x82 => reader.u16()?.into(),
        _ => return None,
    };
    reader.bytes(length)
}

/// RSASSA-PSS says its hash in its parameters, and means SHA-1 where it says none (RFC 4055 3.1).
fn pss_hash_is_weak(certificate: &X509Certificate<'_>) -> bool {
    let parameters = certificate.signature_algorithm.parameters.as_ref();
    let parameters = parameters.and_then(|parameters| RsaSsaPssParams::try_from(parameters).ok());
    let hash = parameters.as_ref().and_then(RsaSsaPssParams::hash_algorithm);
    hash.is_none_or(|hash| {
        matches!(
            hash.algorithm.to_id_string().as_str(),
            "1.3.14.3.2.26" | "1.2.840.113549.2.5"
        )
    })
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

pub(super) fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
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
