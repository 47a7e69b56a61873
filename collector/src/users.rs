//! Making users, for the API, the command line and the identity provider alike.
//!
//! Passwords are kept as argon2id hashes with the parameters that OWASP's Password Storage Cheat Sheet puts first. What
//! a password must be follows NIST SP 800-63B, 5.1.1.2: a length, and no rules on what it is made of.

use std::fmt;

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::{Algorithm, Argon2, Params, PasswordVerifier, Version};
use jiff::Timestamp;
use serde::Serialize;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::access::Access;
use crate::secret::{NoRandom, random};
use crate::store::{PasswordHash, Subject, User};

/// Longest user name, in characters.
pub(crate) const LONGEST_NAME: usize = 64;

/// Shortest and longest password, in characters.
const PASSWORD_LENGTH: (usize, usize) = (12, 256);

/// Longest subject and issuer, in bytes; OpenID Connect Core 1.0, 2 has subjects of at most 255 ASCII characters.
const LONGEST_SUBJECT: usize = 255;

/// Memory that one hash takes, in KiB.
const MEMORY_KIB: u32 = 19 * 1024;

/// Passes over that memory.
const PASSES: u32 = 2;

/// Random bytes in a salt.
const SALT_BYTES: usize = 16;

/// Why a user was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The name.
    #[error(
        "a user name has 1 to {LONGEST_NAME} visible characters, spaces inside it at most, and none that are invisible"
    )]
    Name,
    /// The password's length.
    #[error("a password has {} to {} characters", PASSWORD_LENGTH.0, PASSWORD_LENGTH.1)]
    Length,
    /// The password is the name.
    #[error("a password is not the user's own name")]
    IsName,
    /// The subject.
    #[error("a subject has 1 to {LONGEST_SUBJECT} ASCII characters without control characters")]
    Subject,
    /// Hashing failed.
    #[error("the password could not be hashed: {0}")]
    Hash(argon2::password_hash::Error),
    /// No random bytes.
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

/// The name of a user: in Unicode's composed form (NFC), 1 to 64 characters, none of them a control or invisible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserName(String);

impl UserName {
    /// Reads a name as a person typed it.
    pub(crate) fn new(text: &str) -> Result<Self, UserError> {
        // Four bytes a character at most; what is longer is not looked at.
        if text.len() > 4 * LONGEST_NAME {
            return Err(UserError::Name);
        }
        let name: String = text.nfc().collect();
        let length = name.chars().count();
        let seen = !name.chars().any(is_unseen) && name.trim() == name;
        if (1..=LONGEST_NAME).contains(&length) && seen {
            Ok(Self(name))
        } else {
            Err(UserError::Name)
        }
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Control characters, spaces other than U+0020, and what Unicode draws as nothing or turns the line around with: two
/// names that look alike must be one name.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A password in clear, in Unicode's composed form, so that one keyboard's way to write it is as good as another's
/// (RFC 8265, 4.2).
pub(crate) struct Password(Zeroizing<String>);

impl Password {
    /// A password as it was typed at sign-in; it may be one that nobody could have.
    pub(crate) fn typed(text: &str) -> Self {
        Self(Zeroizing::new(text.nfc().collect()))
    }

    /// A password that a user is to have.
    pub(crate) fn new(text: &str, user: &UserName) -> Result<Self, UserError> {
        if text.len() > 4 * PASSWORD_LENGTH.1 {
            return Err(UserError::Length);
        }
        let password = Self::typed(text);
        let length = password.0.chars().count();
        if !(PASSWORD_LENGTH.0..=PASSWORD_LENGTH.1).contains(&length) {
            return Err(UserError::Length);
        }
        if password.0.to_lowercase() == user.as_str().to_lowercase() {
            return Err(UserError::IsName);
        }
        Ok(password)
    }

    /// What is kept of it. Takes tens of milliseconds and 19 MiB.
    pub(crate) fn hash(&self) -> Result<PasswordHash, UserError> {
        let salt = random::<SALT_BYTES>()?;
        let hash: Phc = argon2id()?
            .hash_password_with_salt(self.0.as_bytes(), &salt)
            .map_err(UserError::Hash)?;
        Ok(PasswordHash::new(hash.to_string()))
    }

    /// Whether it is the one that was hashed. Takes as long as hashing.
    pub(crate) fn is(&self, hash: &PasswordHash) -> bool {
        // Memory and passes are those of the hash; a hash that can't be read opens nothing.
        Phc::new(hash.phc()).is_ok_and(|hash| {
            Argon2::default()
                .verify_password(self.0.as_bytes(), &hash)
                .is_ok()
        })
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

fn argon2id() -> Result<Argon2<'static>, UserError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|error| UserError::Hash(error.into()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// A subject as an identity provider names it.
pub(crate) fn subject(issuer: &str, subject: &str) -> Result<Subject, UserError> {
    let sound = (1..=LONGEST_SUBJECT).contains(&subject.len())
        && subject.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    if !sound {
        return Err(UserError::Subject);
    }
    Ok(Subject {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
    })
}

/// A new user who signs in with a password.
pub(crate) fn with_password(
    name: &UserName,
    role: Access,
    password: &Password,
    now: Timestamp,
) -> Result<User, UserError> {
    Ok(User {
        password: Some(password.hash()?),
        password_changed_at: Some(now),
        ..bare(name, role, now)
    })
}

/// A new user who signs in at the identity provider.
pub(crate) fn with_subject(name: &UserName, role: Access, subject: Subject, now: Timestamp) -> User {
    User {
        subject: Some(subject),
        ..bare(name, role, now)
    }
}

fn bare(name: &UserName, role: Access, now: Timestamp) -> User {
    User {
        name: name.as_str().to_owned(),
        role,
        role_claimed: false,
        password: None,
        password_changed_at: None,
        subject: None,
        created_at: now,
        disabled_at: None,
    }
}

/// A user as people and programs are shown it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct UserView {
    pub(crate) name: String,
    pub(crate) role: Access,
    /// Whether the identity provider says the role at each sign-in.
    pub(crate) role_claimed: bool,
    pub(crate) has_password: bool,
    pub(crate) password_changed_at: Option<Timestamp>,
    pub(crate) oidc: Option<Subject>,
    pub(crate) created_at: Timestamp,
    pub(crate) disabled_at: Option<Timestamp>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            name: user.name,
            role: user.role,
            role_claimed: user.role_claimed,
            has_password: user.password.is_some(),
            password_changed_at: user.password_changed_at,
            oidc: user.subject,
            created_at: user.created_at,
            disabled_at: user.disabled_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> UserName {
        UserName::new(text).unwrap()
    }

    #[test]
    fn a_name_is_composed_and_seen() {
        assert_eq!(name("e\u{301}mile").as_str(), "émile");
        assert_eq!(name("王 小明").as_str(), "王 小明");
        assert!(UserName::new(&"𠮷".repeat(LONGEST_NAME)).is_ok());
        let long = "x".repeat(LONGEST_NAME + 1);
        for bad in [
            "",
            " ",
            " a",
            "a ",
            "a\n",
            "a\u{0}b",
            "a\u{200b}b",
            "a\u{202e}b",
            "a\u{a0}b",
            long.as_str(),
        ] {
            assert!(UserName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_password_is_long_enough_and_not_the_name() {
        let alice = name("alice-in-wonderland");
        for bad in ["", "elevenchars", &"x".repeat(257)] {
            assert!(
                matches!(Password::new(bad, &alice), Err(UserError::Length)),
                "{bad}"
            );
        }
        assert!(matches!(
            Password::new("Alice-in-Wonderland", &alice),
            Err(UserError::IsName)
        ));
        assert!(Password::new(&"字".repeat(256), &alice).is_ok());
        assert!(
            Password::new("            ", &alice).is_ok(),
            "no rules on what it is made of"
        );
    }

    #[test]
    fn a_hash_is_salted_argon2id_and_opens_to_its_password_alone() {
        let password = Password::typed("correct horse battery staple e\u{301}");
        let hash = password.hash().unwrap();
        assert!(
            hash.phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            hash.phc()
        );
        assert_ne!(hash, password.hash().unwrap());
        assert!(Password::typed("correct horse battery staple é").is(&hash));
        assert!(!Password::typed("correct horse battery staple").is(&hash));
        assert!(!password.is(&PasswordHash::new("rubbish".to_owned())));
        assert!(!format!("{password:?}{hash:?}").contains("argon2id"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_name_or_is_not(text in ".*") {
            if let Ok(name) = UserName::new(&text) {
                prop_assert_eq!(&UserName::new(name.as_str()).unwrap(), &name);
                prop_assert!(name.as_str().chars().count() <= LONGEST_NAME);
            }
        }
    }
}
