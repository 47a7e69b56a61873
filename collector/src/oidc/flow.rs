//! What the browser keeps of a sign-in that is under way.

use data_encoding::BASE64URL_NOPAD;
use plumbline_config::lang::Lang;
use plumbline_config::seal::sha256_hex;

use crate::secret::{NoRandom, random};

/// Random bytes of state, nonce and verifier; in base64url a verifier of 43 characters (RFC 7636, 4.1).
const RANDOM_BYTES: usize = 32;

/// Characters of each.
const LENGTH: usize = 43;

/// A sign-in at the provider, from the moment the browser goes there until it comes back.
///
/// It lies in a cookie of that browser alone. A person who alters it spoils their own sign-in and nobody else's: the code
/// is good for the challenge that went to the provider, and the ID token for its nonce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    /// Comes back with the answer.
    pub(crate) state: String,
    /// Comes back in the ID token.
    pub(crate) nonce: String,
    /// Proves to the provider that who asks for the token is who asked for the code.
    pub(crate) verifier: String,
    /// Where the person goes on to.
    pub(crate) next: String,
    /// The language they read.
    pub(crate) lang: Lang,
}

impl Flow {
    /// A new one.
    pub(crate) fn new(next: &str, lang: Lang) -> Result<Self, NoRandom> {
        let text = || Ok(BASE64URL_NOPAD.encode(&random::<RANDOM_BYTES>()?));
        Ok(Self {
            state: text()?,
            nonce: text()?,
            verifier: text()?,
            next: next.to_owned(),
            lang,
        })
    }

    /// As the value of a cookie.
    pub(crate) fn encode(&self) -> String {
        let next = BASE64URL_NOPAD.encode(self.next.as_bytes());
        format!(
            "{}.{}.{}.{}.{next}",
            self.state, self.nonce, self.verifier, self.lang
        )
    }

    /// From the value of a cookie.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let mut random = || {
            let part = parts.next()?;
            let sound = part.len() == LENGTH
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            sound.then(|| part.to_owned())
        };
        let (state, nonce, verifier) = (random()?, random()?, random()?);
        let lang = parts.next()?.parse().ok()?;
        let next = BASE64URL_NOPAD.decode(parts.next()?.as_bytes()).ok()?;
        parts.next().is_none().then_some(Self {
            state,
            nonce,
            verifier,
            next: String::from_utf8(next).ok()?,
            lang,
        })
    }

    /// Whether a state that came back is this one's. Hashes are compared, so the time tells nothing.
    pub(super) fn is_of(&self, state: &str) -> bool {
        sha256_hex(self.state.as_bytes()) == sha256_hex(state.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_flow_comes_back_as_it_went() {
        let flow = Flow::new("/report?lang=en", Lang::En).unwrap();
        assert_eq!((flow.state.len(), flow.verifier.len()), (LENGTH, LENGTH));
        assert_ne!(flow.state, flow.nonce);
        assert_eq!(Flow::decode(&flow.encode()), Some(flow.clone()));
        assert!(flow.is_of(&flow.state) && !flow.is_of(&flow.nonce) && !flow.is_of(""));
        for bad in [
            "",
            ".",
            "....",
            &flow.encode()[1..],
            &format!("{}.", flow.encode()),
        ] {
            assert_eq!(Flow::decode(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_flow_or_is_not(text in ".*") {
            if let Some(flow) = Flow::decode(&text) {
                prop_assert_eq!(flow.encode(), text);
            }
        }
    }
}
