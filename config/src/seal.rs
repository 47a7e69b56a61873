//! Signatures over exact bytes, and the hash that chains one report to the next.
//!
//! Reports are signed with the host's own ECDSA P-256 key, the one its client certificate is for, so that an auditor
//! can check them with stock tools (FIPS 186-5; SHA-256; ASN.1 DER signatures).

use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, UnparsedPublicKey,
};

/// SHA-256 of `bytes`, in lower-case hexadecimal.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

/// A key that could not be used, or a signature that does not stand.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The private key is not a PKCS#8 ECDSA P-256 key.
    #[error("the signing key is not a PKCS#8 ECDSA P-256 key; enrol the host again")]
    Key,
    /// The random source of the operating system failed.
    #[error("the operating system gave no random bytes for a signature")]
    Random,
    /// The signature is not that key's over those bytes.
    #[error("the signature does not match the bytes and the key")]
    Mismatch,
}

/// Signs with an ECDSA P-256 private key.
pub struct Sealer {
    key: EcdsaKeyPair,
    random: SystemRandom,
}

impl Sealer {
    /// A sealer from a PKCS#8 DER private key.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, SealError> {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, &random)
            .map_err(|_| SealError::Key)?;
        Ok(Self { key, random })
    }

    /// The DER signature over `bytes`, in hexadecimal.
    pub fn seal(&self, bytes: &[u8]) -> Result<String, SealError> {
        let signature = self
            .key
            .sign(&self.random, bytes)
            .map_err(|_| SealError::Random)?;
        Ok(hex::encode(signature))
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

/// Whether `signature` (DER in hexadecimal) is over `bytes` by the uncompressed P-256 point `public_key`.
pub fn verify(public_key: &[u8], bytes: &[u8], signature: &str) -> Result<(), SealError> {
    let signature = hex::decode(signature).map_err(|_| SealError::Mismatch)?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public_key)
        .verify(bytes, &signature)
        .map_err(|_| SealError::Mismatch)
}

#[cfg(test)]
mod tests {
    use ring::signature::KeyPair;

    use super::*;

    #[test]
    fn a_seal_stands_for_its_bytes_alone() {
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let sealer = Sealer::from_pkcs8(der.as_ref()).unwrap();
        let public = sealer.key.public_key().as_ref().to_vec();
        let seal = sealer.seal(b"report").unwrap();
        assert!(verify(&public, b"report", &seal).is_ok());
        assert!(verify(&public, b"Report", &seal).is_err());
        assert!(verify(&public, b"report", "zz").is_err());
        assert!(verify(&[4; 65], b"report", &seal).is_err());
    }
}
