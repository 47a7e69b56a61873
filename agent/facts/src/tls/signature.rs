//! Whether one key signed a certificate. ring does what it can; RSA with MD5, SHA-1 or PSS and short keys, which it
//! refuses, is done here, since a weak signature is another finding than none. RFC 8017 8.1.2 and 8.2.2.

use num_bigint::BigUint;
use ring::{digest, signature};
use sha2::{Digest, Sha224};
use x509_parser::prelude::*;
use x509_parser::public_key::{PublicKey, RSAPublicKey};
use x509_parser::signature_algorithm::RsaSsaPssParams;

/// Longest RSA modulus and longest public exponent taken, in bytes: beyond, reckoning would take long.
const LONGEST_MODULUS: usize = 2048;
const LONGEST_EXPONENT: usize = 8;

/// Whether `key` signed `certificate`. No for algorithms that are not known here.
pub(super) fn holds(certificate: &X509Certificate<'_>, key: &SubjectPublicKeyInfo<'_>) -> bool {
    let message = certificate.tbs_certificate.as_ref();
    let signed = certificate.signature_value.data.as_ref();
    let algorithm = certificate.signature_algorithm.oid().to_id_string();
    let public = key.subject_public_key.data.as_ref();
    let by_ring = |algorithm: &'static dyn signature::VerificationAlgorithm| {
        signature::UnparsedPublicKey::new(algorithm, public)
            .verify(message, signed)
            .is_ok()
    };
    let on_p384 = public.len() == 97;
    match (algorithm.as_str(), key.parsed()) {
        ("1.2.840.113549.1.1.10", Ok(PublicKey::RSA(key))) => pss(certificate, &key, message, signed),
        (oid, Ok(PublicKey::RSA(key))) => {
            Hash::of_rsa(oid).is_some_and(|hash| pkcs1(hash, &key, message, signed))
        }
        ("1.2.840.10045.4.3.2", Ok(PublicKey::EC(_))) if on_p384 => {
            by_ring(&signature::ECDSA_P384_SHA256_ASN1)
        }
        ("1.2.840.10045.4.3.2", Ok(PublicKey::EC(_))) => by_ring(&signature::ECDSA_P256_SHA256_ASN1),
        ("1.2.840.10045.4.3.3", Ok(PublicKey::EC(_))) if on_p384 => {
            by_ring(&signature::ECDSA_P384_SHA384_ASN1)
        }
        ("1.2.840.10045.4.3.3", Ok(PublicKey::EC(_))) => by_ring(&signature::ECDSA_P256_SHA384_ASN1),
        ("1.3.101.112", _) => by_ring(&signature::ED25519),
        _ => false,
    }
}

/// A hash function, with what stands before its value in a PKCS #1 signature (RFC 8017 9.2, note 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn of_rsa(oid: &str) -> Option<Self> {
        Some(match oid {
            "1.2.840.113549.1.1.4" => Self::Md5,
            "1.2.840.113549.1.1.5" => Self::Sha1,
            "1.2.840.113549.1.1.14" => Self::Sha224,
            "1.2.840.113549.1.1.11" => Self::Sha256,
            "1.2.840.113549.1.1.12" => Self::Sha384,
            "1.2.840.113549.1.1.13" => Self::Sha512,
            _ => return None,
        })
    }

    fn of_oid(oid: &str) -> Option<Self> {
        Some(match oid {
            "1.2.840.113549.2.5" => Self::Md5,
            "1.3.14.3.2.26" => Self::Sha1,
            "2.16.840.1.101.3.4.2.4" => Self::Sha224,
            "2.16.840.1.101.3.4.2.1" => Self::Sha256,
            "2.16.840.1.101.3.4.2.2" => Self::Sha384,
            "2.16.840.1.101.3.4.2.3" => Self::Sha512,
            _ => return None,
        })
    }

    const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Md5 => b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10",
            Self::Sha1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
            Self::Sha224 => b"\x30\x2d\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x04\x05\x00\x04\x1c",
            Self::Sha256 => b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
            Self::Sha384 => b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
            Self::Sha512 => b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
        }
    }

    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        let by_ring = |algorithm| digest::digest(algorithm, bytes).as_ref().to_vec();
        match self {
            Self::Md5 => md5::Md5::digest(bytes).to_vec(),
            Self::Sha1 => by_ring(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            Self::Sha224 => Sha224::digest(bytes).to_vec(),
            Self::Sha256 => by_ring(&digest::SHA256),
            Self::Sha384 => by_ring(&digest::SHA384),
            Self::Sha512 => by_ring(&digest::SHA512),
        }
    }
}

/// The encoded message that the key finds in a signature, at the length of its modulus.
fn encoded(key: &RSAPublicKey<'_>, signed: &[u8]) -> Option<Vec<u8>> {
    let zeros = key.modulus.iter().take_while(|byte| **byte == 0).count();
    let modulus = key.modulus.get(zeros..)?;
    let short = key.exponent.len() <= LONGEST_EXPONENT && modulus.len() <= LONGEST_MODULUS;
    if !short || modulus.len() < 11 || signed.len() != modulus.len() {
        return None;
    }
    let number = BigUint::from_bytes_be(signed)
        .modpow(
            &BigUint::from_bytes_be(key.exponent),
            &BigUint::from_bytes_be(modulus),
        )
        .to_bytes_be();
    let mut message = vec![0; modulus.len().checked_sub(number.len())?];
    message.extend(number);
    Some(message)
}

fn pkcs1(hash: Hash, key: &RSAPublicKey<'_>, message: &[u8], signed: &[u8]) -> bool {
    let Some(encoded) = encoded(key, signed) else {
        return false;
    };
    let info = [hash.prefix(), &hash.digest(message)].concat();
    let Some(padding) = encoded
        .len()
        .checked_sub(info.len() + 3)
        .filter(|length| *length >= 8)
    else {
        return false;
    };
    let expected = [&[0, 1], vec![0xff; padding].as_slice(), &[0], &info].concat();
    encoded == expected
}

fn pss(certificate: &X509Certificate<'_>, key: &RSAPublicKey<'_>, message: &[u8], signed: &[u8]) -> bool {
    let parameters = certificate.signature_algorithm.parameters.as_ref();
    let Some(parameters) = parameters.and_then(|parameters| RsaSsaPssParams::try_from(parameters).ok())
    else {
        return false;
    };
    let hash = Hash::of_oid(&parameters.hash_algorithm_oid().to_id_string());
    let salt = usize::try_from(parameters.salt_length()).unwrap_or(usize::MAX);
    let (Some(hash), Some(encoded)) = (hash, encoded(key, signed)) else {
        return false;
    };
    pss_holds(hash, salt, &encoded, message).unwrap_or(false)
}

/// EMSA-PSS-VERIFY with the mask of the same hash, for moduli of whole bytes.
fn pss_holds(hash: Hash, salt: usize, encoded: &[u8], message: &[u8]) -> Option<bool> {
    let (rest, last) = encoded.split_at_checked(encoded.len().checked_sub(1)?)?;
    let length = hash.digest(b"").len();
    let (masked, value) = rest.split_at_checked(rest.len().checked_sub(length)?)?;
    let mut mask = Vec::new();
    let mut counter = 0_u32;
    while mask.len() < masked.len() {
        mask.extend(hash.digest(&[value, &counter.to_be_bytes()].concat()));
        counter += 1;
    }
    let mut block: Vec<u8> = masked.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
    *block.first_mut()? &= 0x7f;
    let (padding, salted) = block.split_at_checked(block.len().checked_sub(salt)?)?;
    let (one, zeros) = padding.split_last()?;
    let inner = [&[0; 8], hash.digest(message).as_slice(), salted].concat();
    Some(last == [0xbc] && *one == 1 && zeros.iter().all(|byte| *byte == 0) && hash.digest(&inner) == value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_random_signature_holds(
            modulus in proptest::collection::vec(any::<u8>(), 0..80),
            exponent in proptest::collection::vec(any::<u8>(), 0..10),
            signed in proptest::collection::vec(any::<u8>(), 0..80),
            salt in 0_usize..100,
        ) {
            let key = RSAPublicKey { modulus: &modulus, exponent: &exponent };
            prop_assert!(!pkcs1(Hash::Sha1, &key, b"message", &signed));
            prop_assert!(!pss_holds(Hash::Sha256, salt, &signed, b"message").unwrap_or(false));
        }
    }
}
