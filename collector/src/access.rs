//! What a person or a holder of an API token may do: a role says how much, scopes say on what.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Roles of users and API tokens, each with all that the ones before it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Looks at hosts, findings and metrics.
    Viewer,
    /// Pulls audit reports and evidence.
    Auditor,
    /// Enrols and revokes hosts; puts attestations, waivers that are asked for, corrective actions and the steps of
    /// incidents on record.
    Operator,
    /// Publishes the plan; makes users and API tokens; decides on waivers; closes and dismisses incidents.
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

    /// Key of the word for it.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Viewer => "people-role-viewer",
            Self::Auditor => "people-role-auditor",
            Self::Operator => "people-role-operator",
            Self::Admin => "people-role-admin",
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no role.
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

/// Parts of the people's door that an API token can be narrowed to. A token without scopes opens all that its role may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Makes and lists what hosts enrol with.
    Enrolment,
    /// Findings.
    Findings,
    /// Hosts, and revoking them.
    Hosts,
    /// What Prometheus reads: metrics, and where agents are found.
    Metrics,
    /// Users, API tokens and what people did.
    People,
    /// The plan.
    Plan,
    /// Attestations, waivers, corrective actions and incidents.
    Records,
    /// The checklist, the audit report, and the ledger that both are proved by.
    Reports,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 8] = [
        Self::Enrolment,
        Self::Findings,
        Self::Hosts,
        Self::Metrics,
        Self::People,
        Self::Plan,
        Self::Records,
        Self::Reports,
    ];

    /// The name used in JSON and on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enrolment => "enrolment",
            Self::Findings => "findings",
            Self::Hosts => "hosts",
            Self::Metrics => "metrics",
            Self::People => "people",
            Self::Plan => "plan",
            Self::Records => "records",
            Self::Reports => "reports",
        }
    }

    /// Beginnings of the paths that belong to it.
    const fn paths(self) -> &'static [&'static str] {
        match self {
            Self::Enrolment => &["/api/v1/enrolment-tokens"],
            Self::Findings => &["/api/v1/findings"],
            Self::Hosts => &["/api/v1/hosts"],
            Self::Metrics => &["/metrics", "/api/v1/prometheus"],
            Self::People => &["/api/v1/users", "/api/v1/api-tokens", "/api/v1/acts"],
            Self::Plan => &["/api/v1/plan"],
            Self::Records => &[
                "/api/v1/evidence",
                "/api/v1/actions",
                "/api/v1/attestations",
                "/api/v1/incidents",
                "/api/v1/waivers",
            ],
            Self::Reports => &[
                "/",
                "/api/v1/checklist",
                "/api/v1/ledger",
                "/api/v1/reports",
                "/report",
            ],
        }
    }

    /// The scope that a path of the API belongs to; `None`: it belongs to none, and tokens with scopes don't open it.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let within = |whole: &str| {
            path.strip_prefix(whole)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        Self::ALL
            .into_iter()
            .find(|scope| scope.paths().iter().any(|whole| within(whole)))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no scope.
#[derive(Debug, thiserror::Error)]
#[error("unknown scope `{0}`; use enrolment, findings, hosts, metrics, people, plan, records or reports")]
pub struct UnknownScope(String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name() == text)
            .ok_or_else(|| UnknownScope(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_its_paths_and_no_others() {
        for scope in Scope::ALL {
            assert_eq!(scope.name().parse::<Scope>().unwrap(), scope);
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.name());
            for path in scope.paths() {
                assert_eq!(Scope::of(path), Some(scope), "{path} belongs to one scope");
            }
        }
        assert_eq!(Scope::of("/api/v1/hosts/{host}/revoke"), Some(Scope::Hosts));
        assert_eq!(Scope::of("/report"), Some(Scope::Reports));
        assert_eq!(Scope::of("/"), Some(Scope::Reports));
        for path in ["/reporting", "/api/v1/openapi.json", "/api/v1/hostsx", "/api/v1"] {
            assert_eq!(Scope::of(path), None, "{path}");
        }
    }

    #[test]
    fn each_role_may_do_what_those_before_it_may() {
        assert!(Access::ALL.is_sorted());
        for access in Access::ALL {
            assert_eq!(access.name().parse::<Access>().unwrap(), access);
            assert_eq!(serde_json::to_value(access).unwrap(), access.name());
        }
    }
}
