//! Names of things: hosts, roles.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which of the two scopes of Section 7 a host is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Section 7（1）: a system run for customers.
    Service,
    /// Section 7（3）: the company's own office (OA) equipment.
    Office,
}

impl Role {
    /// Both roles, in the order of the plan.
    pub const ALL: [Self; 2] = [Self::Service, Self::Office];

    /// The name used in files, on command lines and as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Office => "office",
        }
    }

    /// The key of the word for it in the message files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Service => "role-service",
            Self::Office => "role-office",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A role that is neither `service` nor `office`.
#[derive(Debug, thiserror::Error)]
#[error("unknown role `{0}`; use service (systems run for customers) or office (OA machines)")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// A host as the collector knows it: given at enrolment, carried in the client certificate's common name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostId(String);

/// A host id with characters outside `[a-z0-9-]`, empty or over 64 bytes.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a host id; an id is 1 to 64 of the characters a-z, 0-9 and -")]
pub struct InvalidHostId(String);

impl HostId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HostId {
    type Error = InvalidHostId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text))
        } else {
            Err(InvalidHostId(text.chars().take(80).collect()))
        }
    }
}

impl FromStr for HostId {
    type Err = InvalidHostId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl From<HostId> for String {
    fn from(id: HostId) -> Self {
        id.0
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_id_is_safe_in_a_path_and_in_a_certificate() {
        assert!("h-01".parse::<HostId>().is_ok());
        for bad in ["", "../x", "a b", "A", "é", &"a".repeat(65)] {
            assert!(bad.parse::<HostId>().is_err(), "{bad}");
        }
    }
}
