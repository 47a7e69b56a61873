//! The provider's keys (RFC 7517, RFC 7518, RFC 8037).

use data_encoding::BASE64URL_NOPAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

use super::jws::Signed;

/// Keys looked at in one set.
const MOST_KEYS: usize = 64;

/// How a token is signed. `none` and what rests on a shared secret are no algorithms here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Ps256,
    Es256,
    EdDsa,
}

impl Algorithm {
    const ALL: [Self; 4] = [Self::Rs256, Self::Ps256, Self::Es256, Self::EdDsa];

    /// The algorithm of a name, which is told by its case (RFC 7515, 4.1.1).
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// One key that signs.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    /// The algorithm that it is for, if it says so.
    algorithm: Option<String>,
    public: Public,
}

#[derive(Debug)]
enum Public {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// Uncompressed point.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// The keys of a provider.
#[derive(Debug)]
pub(super) struct KeySet(Vec<Key>);

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a key set. Keys that are for something else, or can't be read, are left out (RFC 7517, 5).
    pub(super) fn read(document: &Value) -> Self {
        let keys = document.get("keys").and_then(Value::as_array);
        Self(
            keys.into_iter()
                .flatten()
                .take(MOST_KEYS)
                .filter_map(read)
                .collect(),
        )
    }

    /// The keys that may have signed a token: the one it names, or any of its kind when it names none.
    pub(super) fn fit(&self, token: &Signed<'_>) -> Vec<&Key> {
        self.0.iter().filter(|key| key.fits(token)).collect()
    }

    /// Whether there is a key that may have signed a token.
    pub(super) fn knows(&self, token: &Signed<'_>) -> bool {
        !self.fit(token).is_empty()
    }
}

impl Key {
    fn fits(&self, token: &Signed<'_>) -> bool {
        let of_kind = matches!(
            (&self.public, token.algorithm()),
            (Public::Rsa { .. }, Algorithm::Rs256 | Algorithm::Ps256)
                | (Public::P256(_), Algorithm::Es256)
                | (Public::Ed25519(_), Algorithm::EdDsa)
        );
        let for_it = self
            .algorithm
            .as_deref()
            .is_none_or(|algorithm| algorithm == token.algorithm().name());
        let named = token.key().is_none_or(|id| self.id.as_deref() == Some(id));
        of_kind && for_it && named
    }

    /// Whether it made the signature.
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match (&self.public, algorithm) {
            (Public::Rsa { n, e }, Algorithm::Rs256) => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            (Public::Rsa { n, e }, Algorithm::Ps256) => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PSS_2048_8192_SHA256, message, signature)
                .is_ok(),
            (Public::P256(point), Algorithm::Es256) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, signature)
                    .is_ok()
            }
            (Public::Ed25519(point), Algorithm::EdDsa) => UnparsedPublicKey::new(&ED25519, point)
                .verify(message, signature)
                .is_ok(),
            _ => false,
        }
    }
}

fn read(value: &Value) -> Option<Key> {
    let jwk = Jwk::deserialize(value).ok()?;
    if jwk.purpose.is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let bytes = |text: Option<String>| BASE64URL_NOPAD.decode(text?.as_bytes()).ok();
    let public = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => Public::Rsa {
            n: without_zeros(bytes(jwk.n)?),
            e: without_zeros(bytes(jwk.e)?),
        },
        ("EC", Some("P-256")) => {
            let (x, y) = (coordinate(bytes(jwk.x)?)?, coordinate(bytes(jwk.y)?)?);
            Public::P256([&[4], x.as_slice(), y.as_slice()].concat())
        }
        ("OKP", Some("Ed25519")) => Public::Ed25519(coordinate(bytes(jwk.x)?)?),
        _ => return None,
    };
    Some(Key {
        id: jwk.kid,
        algorithm: jwk.alg,
        public,
    })
}

/// 32 bytes, as each coordinate of these curves has.
fn coordinate(bytes: Vec<u8>) -> Option<Vec<u8>> {
    (bytes.len() == 32).then_some(bytes)
}

/// Some providers write a leading zero, as DER has it.
fn without_zeros(bytes: Vec<u8>) -> Vec<u8> {
    bytes.into_iter().skip_while(|byte| *byte == 0).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_set_has_an_end_and_leaves_out_what_it_can_not_read() {
        let key = json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64URL_NOPAD.encode(&[7; 32])});
        let rubbish = json!({"kty": "EC", "crv": "P-256"});
        let set = KeySet::read(&json!({"keys": [rubbish, 1, null, {}, key.clone()]}));
        assert_eq!(set.0.len(), 1);
        assert_eq!(
            KeySet::read(&json!({"keys": vec![key; 1_000]})).0.len(),
            MOST_KEYS
        );
        for none in [json!(null), json!({}), json!({"keys": "x"}), json!([])] {
            assert!(KeySet::read(&none).0.is_empty());
        }
    }

    proptest! {
        #[test]
        fn any_members_are_read_or_left_out(
            kty in "RSA|EC|OKP|oct|.*", crv in "P-256|Ed25519|.*", n in "[A-Za-z0-9_-]*", x in "[A-Za-z0-9_=-]*",
        ) {
            let set = KeySet::read(&json!({"keys": [{"kty": kty, "crv": crv, "n": n, "e": "AQAB", "x": x, "y": x}]}));
            for key in &set.0 {
                for algorithm in Algorithm::ALL {
                    prop_assert!(!key.verify(algorithm, b"message", b"signature"));
                }
            }
        }
    }
}
