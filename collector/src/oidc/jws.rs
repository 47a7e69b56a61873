//! A signed token in its compact form (RFC 7515, 7.1), and whether one of the provider's keys signed it.

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::jwks::{Algorithm, KeySet};
use super::shown;

/// Largest token looked at, in bytes. Those with long lists of groups take some ten kilobytes.
const LARGEST_TOKEN: usize = 64 * 1024;

/// A token that was read, and is not believed yet.
#[derive(Debug)]
pub(super) struct Signed<'a> {
    algorithm: Algorithm,
    key: Option<String>,
    /// Header and payload as they were signed.
    message: &'a [u8],
    payload: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl<'a> Signed<'a> {
    /// Reads the outside of a token. One that is not signed, or with a secret that both sides know, is refused here.
    pub(super) fn read(token: &'a str) -> Result<Self, String> {
        if token.len() > LARGEST_TOKEN {
            return Err(format!("the ID token is larger than {LARGEST_TOKEN} bytes"));
        }
        let broken = || "the ID token is not of three parts in base64url".to_owned();
        let (message, signature) = token.rsplit_once('.').ok_or_else(broken)?;
        let (header, payload) = message.split_once('.').ok_or_else(broken)?;
        if payload.contains('.') {
            return Err(broken());
        }
        let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| broken());
        let header: Header =
            serde_json::from_slice(&decode(header)?).map_err(|error| format!("its header: {error}"))?;
        if header.crit.is_some() {
            return Err("its header wants an extension understood that is not".to_owned());
        }
        let algorithm = Algorithm::named(&header.alg).ok_or_else(|| {
            format!(
                "the ID token is signed by {}; RS256, PS256, ES256 and EdDSA are taken",
                shown(&header.alg)
            )
        })?;
        Ok(Self {
            algorithm,
            key: header.kid,
            message: message.as_bytes(),
            payload,
            signature: decode(signature)?,
        })
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Id of the key that it names.
    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Its claims, if one of the keys signed it.
    pub(super) fn verify(&self, keys: &KeySet) -> Result<Map<String, Value>, String> {
        let fit = keys.fit(self);
        if fit.is_empty() {
            return Err("the ID token is signed by a key that the provider does not show".to_owned());
        }
        if !fit
            .iter()
            .any(|key| key.verify(self.algorithm, self.message, &self.signature))
        {
            return Err("the signature of the ID token is not by the provider's key".to_owned());
        }
        let bytes = BASE64URL_NOPAD
            .decode(self.payload.as_bytes())
            .map_err(|_| "the payload of the ID token is not base64url".to_owned())?;
        serde_json::from_slice(&bytes).map_err(|error| format!("the claims of the ID token: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::rand::SystemRandom;
    use ring::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
        RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
    };
    use serde_json::json;

    use super::*;

    const RSA: &[u8] = include_bytes!("fixtures/rsa2048.pk8");

    fn encode(bytes: &[u8]) -> String {
        BASE64URL_NOPAD.encode(bytes)
    }

    fn token(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
        let message = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        let signature = encode(&sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn rsa() -> (RsaKeyPair, Value) {
        let key = RsaKeyPair::from_pkcs8(RSA).unwrap();
        let parts = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(key.public());
        let jwk = json!({"kty": "RSA", "kid": "rsa", "n": encode(&parts.n), "e": encode(&parts.e)});
        (key, jwk)
    }

    fn sign_rsa(key: &RsaKeyPair, padding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(padding, &SystemRandom::new(), message, &mut signature)
            .unwrap();
        signature
    }

    fn ec() -> (EcdsaKeyPair, Value) {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let point = key.public_key().as_ref();
        let jwk = json!({"kty": "EC", "crv": "P-256", "kid": "ec", "use": "sig",
            "x": encode(&point[1..33]), "y": encode(&point[33..])});
        (key, jwk)
    }

    fn sign_ec(key: &EcdsaKeyPair, message: &[u8]) -> Vec<u8> {
        key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }

    fn ed() -> (Ed25519KeyPair, Value) {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let jwk =
            json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": encode(key.public_key().as_ref())});
        (key, jwk)
    }

    fn verify(token: &str, keys: &[Value]) -> Result<Map<String, Value>, String> {
        Signed::read(token)?.verify(&KeySet::read(&json!({"keys": keys})))
    }

    #[test]
    fn each_algorithm_opens_to_its_own_key() {
        let (other, _) = ec();
        let (rsa, rsa_jwk) = rsa();
        let (ec, ec_jwk) = ec();
        let (ed, ed_jwk) = ed();
        let keys = [rsa_jwk, ec_jwk, ed_jwk];
        let claims = json!({"sub": "1"});
        let header = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid});
        let tokens = [
            token(&header("RS256", "rsa"), &claims, |m| {
                sign_rsa(&rsa, &RSA_PKCS1_SHA256, m)
            }),
            token(&header("PS256", "rsa"), &claims, |m| {
                sign_rsa(&rsa, &RSA_PSS_SHA256, m)
            }),
            token(&header("ES256", "ec"), &claims, |m| sign_ec(&ec, m)),
            token(&header("EdDSA", "ed"), &claims, |m| ed.sign(m).as_ref().to_vec()),
            token(&json!({"alg": "ES256"}), &claims, |m| sign_ec(&ec, m)),
        ];
        for token in &tokens {
            assert_eq!(verify(token, &keys).unwrap()["sub"], "1", "{token}");
            // Every change of a letter is noticed.
            for place in [0, token.len() / 2, token.len() - 5] {
                let mut altered = token.clone().into_bytes();
                altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
                assert!(verify(std::str::from_utf8(&altered).unwrap(), &keys).is_err());
            }
        }
        // The right key under another algorithm, and another key under the right one.
        let swapped = token(&header("PS256", "rsa"), &claims, |m| {
            sign_rsa(&rsa, &RSA_PKCS1_SHA256, m)
        });
        assert!(verify(&swapped, &keys).is_err());
        let named = token(&header("ES256", "rsa"), &claims, |m| sign_ec(&ec, m));
        assert!(verify(&named, &keys).is_err());
        let forged = token(&header("ES256", "ec"), &claims, |m| sign_ec(&other, m));
        assert!(verify(&forged, &keys).is_err());
    }

    #[test]
    fn what_anybody_could_have_signed_is_refused() {
        let (_, jwk) = rsa();
        let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, jwk["n"].as_str().unwrap().as_bytes());
        let claims = json!({"sub": "1"});
        let keys = [jwk];
        let hmac = token(&json!({"alg": "HS256", "kid": "rsa"}), &claims, |m| {
            ring::hmac::sign(&secret, m).as_ref().to_vec()
        });
        assert!(verify(&hmac, &keys).unwrap_err().contains("HS256"));
        for alg in ["none", "None", "nOnE", "", "RS1", "ES256K", "RS384"] {
            let bare = token(&json!({"alg": alg}), &claims, |_| Vec::new());
            assert!(verify(&bare, &keys).is_err(), "{alg}");
        }
        let critical = token(
            &json!({"alg": "RS256", "kid": "rsa", "crit": ["b64"]}),
            &claims,
            |_| Vec::new(),
        );
        assert!(verify(&critical, &keys).unwrap_err().contains("extension"));
        for broken in ["", "..", "a.b", "a.b.c.d", "e30.e30.", "=.=.="] {
            assert!(verify(broken, &keys).is_err(), "{broken}");
        }
        assert!(verify(&"a".repeat(LARGEST_TOKEN + 1), &keys).is_err());
    }

    #[test]
    fn a_key_for_something_else_opens_nothing() {
        let (key, jwk) = ec();
        let signed = token(&json!({"alg": "ES256", "kid": "ec"}), &json!({}), |m| {
            sign_ec(&key, m)
        });
        assert!(verify(&signed, std::slice::from_ref(&jwk)).is_ok());
        for (member, value) in [
            ("use", json!("enc")),
            ("alg", json!("ES384")),
            ("crv", json!("P-384")),
            ("kty", json!("RSA")),
            ("x", json!("AA")),
            ("y", json!("!")),
            ("kid", json!("other")),
        ] {
            let mut other = jwk.clone();
            other[member] = value;
            assert!(verify(&signed, &[other]).is_err(), "{member}");
        }
        assert!(verify(&signed, &[]).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*", parts in proptest::collection::vec("[A-Za-z0-9_-]{0,40}", 3)) {
            let _read = Signed::read(&text);
            let _read = Signed::read(&parts.join("."));
        }

        #[test]
        fn any_header_is_read_or_refused(header: Vec<u8>, signature: Vec<u8>) {
            let token = format!("{}.e30.{}", encode(&header), encode(&signature));
            prop_assert!(verify(&token, &[]).is_err());
        }
    }
}
