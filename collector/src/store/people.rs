//! Users and their sessions, as the rest of the collector sees them.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::access::Access;
use crate::store::Act;

/// A person who signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Name: NFC, 1 to 64 characters, see [`crate::users::UserName`].
    pub name: String,
    /// What the person may do.
    pub role: Access,
    /// Whether the identity provider says the role at each sign-in; false: an administrator did.
    pub role_claimed: bool,
    /// Hash of the password; `None`: no password opens this.
    pub password: Option<PasswordHash>,
    /// When the password was set.
    pub password_changed_at: Option<Timestamp>,
    /// Who the person is at the identity provider.
    pub subject: Option<Subject>,
    /// When the user was made.
    pub created_at: Timestamp,
    /// When it was disabled.
    pub disabled_at: Option<Timestamp>,
}

/// A person at an identity provider: subjects of two issuers may be alike (OpenID Connect Core 1.0, 5.7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// Issuer.
    pub issuer: String,
    /// Subject, as the issuer names it.
    pub subject: String,
}

/// An argon2id hash as a PHC string. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The hash whose PHC string this is.
    #[must_use]
    pub const fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string, to be kept or to verify against.
    #[must_use]
    pub fn phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

/// What is changed of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserChange {
    /// The user signs in no more.
    Disable,
    /// The user may sign in again.
    Enable,
    /// An administrator gives the role.
    Role(Access),
    /// The identity provider gives the role.
    ClaimedRole(Access),
    /// A new password.
    Password(PasswordHash),
}

impl UserChange {
    /// The name of the act.
    #[must_use]
    pub const fn act(&self) -> &'static str {
        match self {
            Self::Disable => "user.disable",
            Self::Enable => "user.enable",
            Self::Role(_) | Self::ClaimedRole(_) => "user.role",
            Self::Password(_) => "user.password",
        }
    }

    /// What the act is on: the user, and the role that it gets.
    #[must_use]
    pub fn on(&self, name: &str) -> String {
        match self {
            Self::Role(role) | Self::ClaimedRole(role) => format!("{name} as {role}"),
            Self::Disable | Self::Enable | Self::Password(_) => name.to_owned(),
        }
    }
}

/// A session that begins.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// SHA-256 of the cookie.
    pub sha256: String,
    /// Name of the user.
    pub user: String,
    /// Now.
    pub at: Timestamp,
    /// When it ends, whatever it is used.
    pub expires_at: Timestamp,
}

/// A session, with what decides whether it still opens anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Name of the user.
    pub user: String,
    /// The user's role now.
    pub role: Access,
    /// When the user was disabled.
    pub user_disabled_at: Option<Timestamp>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub seen_at: Timestamp,
    /// When it ends, whatever it is used.
    pub expires_at: Timestamp,
}

/// An act as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordedAct {
    /// Number; later acts have higher ones, not every number is taken.
    pub id: i64,
    /// The act.
    #[serde(flatten)]
    pub act: Act,
}
