//! Random names and tokens. A token is shown once; the store keeps its SHA-256 alone, so looking one up takes the same
//! time whatever the caller guessed right of it.

use std::fmt;

use data_encoding::{Encoding, Specification};
use plumbline_config::ident::HostId;
use plumbline_config::seal::sha256_hex;
use ring::digest::{Context, SHA256};
use ring::rand::{SecureRandom, SystemRandom};
use std::sync::LazyLock;
use zeroize::Zeroizing;

/// Random bytes in a token: 160 bits.
const TOKEN_BYTES: usize = 20;

/// Random bytes in a host id: 80 bits, 16 characters.
const HOST_ID_BYTES: usize = 10;

/// Random bytes in the name of what somebody puts on record: 80 bits, 16 characters.
const RECORD_ID_BYTES: usize = 10;

/// Random bytes in the public name of a token: 40 bits, 8 characters.
const NAME_BYTES: usize = 5;

/// Longest token looked at, in bytes.
pub(crate) const LONGEST_TOKEN: usize = 256;

/// Base 32 of RFC 4648 in lower case without padding.
static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    // A constant specification; its test proves it sound.
    specification.encoding().unwrap_or(data_encoding::BASE32_DNSSEC)
});

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoRandom;

/// What a token opens; its first letters, so that a leaked one can be told apart.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Enrols hosts.
    Enrolment,
    /// Opens the API.
    Api,
    /// Keeps a person signed in.
    Session,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Enrolment => "ple_",
            Self::Api => "pla_",
            Self::Session => "pls_",
        }
    }
}

/// A bearer token in clear.
pub(crate) struct Token(Zeroizing<String>);

impl Token {
    /// A new random token.
    pub(crate) fn new(kind: Kind) -> Result<Self, NoRandom> {
        let text = format!("{}{}", kind.prefix(), base32::<TOKEN_BYTES>()?);
        Ok(Self(Zeroizing::new(text)))
    }

    /// The token itself, to be shown once.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// What the store keeps.
    pub(crate) fn sha256(&self) -> String {
        sha256_hex(self.0.as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// A new host id: `h-` and 16 random characters.
pub(crate) fn new_host_id() -> Result<HostId, NoRandom> {
    format!("h-{}", base32::<HOST_ID_BYTES>()?)
        .parse()
        .map_err(|_| NoRandom)
}

/// A new public name for a token: `t-` and 8 random characters.
pub(crate) fn new_token_id() -> Result<String, NoRandom> {
    Ok(format!("t-{}", base32::<NAME_BYTES>()?))
}

/// A new name for what somebody puts on record: the letter of its kind, and 16 random characters.
pub(crate) fn new_record_id(letter: char) -> Result<String, NoRandom> {
    Ok(format!("{letter}-{}", base32::<RECORD_ID_BYTES>()?))
}

/// The name of what is put on record once for all that these words say, whoever does it: as [`new_record_id`].
pub(crate) fn derived_record_id(letter: char, words: &[&str]) -> String {
    let mut context = Context::new(&SHA256);
    for word in words {
        context.update(&(word.len() as u64).to_be_bytes());
        context.update(word.as_bytes());
    }
    let digest = context.finish();
    let bytes = digest.as_ref();
    let bytes = bytes.get(..RECORD_ID_BYTES).unwrap_or(bytes);
    format!("{letter}-{}", BASE32.encode(bytes))
}

/// `N` random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], NoRandom> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandom)?;
    Ok(bytes)
}

fn base32<const N: usize>() -> Result<String, NoRandom> {
    Ok(BASE32.encode(&random::<N>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_tokens_have_their_shape() {
        let token = Token::new(Kind::Enrolment).unwrap();
        assert_eq!(token.reveal().len(), 4 + 32);
        assert_ne!(token.sha256(), Token::new(Kind::Enrolment).unwrap().sha256());
        let id = new_host_id().unwrap();
        assert_eq!(id.as_str().len(), 18);
        assert!(
            id.as_str()
                .bytes()
                .skip(2)
                .all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b))
        );
    }
}
