//! What a holder of an API token may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Roles of API tokens, each with all that the ones before it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Looks at hosts, findings and metrics.
    Viewer,
    /// Pulls audit reports and evidence.
    Auditor,
    /// Enrols and revokes hosts.
    Operator,
    /// Publishes the plan.
    Admin,
}

impl Access {
    /// Every role, least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Auditor, Self::Operator, Self::Admin];

    /// The name used in JSON and on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no role of an API token.
#[derive(Debug, thiserror::Error)]
#[error("unknown role `{0}`; use viewer, auditor, operator or admin")]
pub struct UnknownAccess(String);

impl FromStr for Access {
    type Err = UnknownAccess;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|access| access.name() == text)
            .ok_or_else(|| UnknownAccess(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_what_those_before_it_may() {
        assert!(Access::ALL.is_sorted());
        for access in Access::ALL {
            assert_eq!(access.name().parse::<Access>().unwrap(), access);
            assert_eq!(serde_json::to_value(access).unwrap(), access.name());
        }
    }
}
