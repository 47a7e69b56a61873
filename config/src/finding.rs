//! A finding: what one check says about one subject of one host.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lang::Bilingual;

/// What a check concluded. "Could not look" is [`Status::Error`], never [`Status::Pass`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Measured, and as declared.
    Pass,
    /// Measured, and not as declared.
    Fail,
    /// The plan, or the nature of the host, takes the subject out of scope; the summary gives the reason.
    NotApplicable,
    /// Could not look; the summary says what was missing.
    Error,
    /// Needs a person's attestation.
    Manual,
    /// Set by the collector: the last measurement is older than its interval allows.
    Stale,
    /// Set by the collector: a failing finding that an approved waiver covers today.
    Waived,
}

impl Status {
    /// Every status, best known first.
    pub const ALL: [Self; 7] = [
        Self::Pass,
        Self::Fail,
        Self::NotApplicable,
        Self::Error,
        Self::Manual,
        Self::Stale,
        Self::Waived,
    ];

    /// The name used in JSON and as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotApplicable => "not-applicable",
            Self::Error => "error",
            Self::Manual => "manual",
            Self::Stale => "stale",
            Self::Waived => "waived",
        }
    }

    /// The key of the word for it in the message files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Pass => "status-pass",
            Self::Fail => "status-fail",
            Self::NotApplicable => "status-not-applicable",
            Self::Error => "status-error",
            Self::Manual => "status-manual",
            Self::Stale => "status-stale",
            Self::Waived => "status-waived",
        }
    }

    /// How much it asks for attention, from 0 (none).
    #[must_use]
    pub const fn concern(self) -> u8 {
        match self {
            Self::Pass | Self::NotApplicable => 0,
            Self::Waived => 1,
            Self::Manual => 2,
            Self::Stale => 3,
            Self::Error => 4,
            Self::Fail => 5,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How much a failure matters. The plan's bar is "no medium and no high risk left".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// 低風險.
    Low,
    /// 中風險.
    Medium,
    /// 高風險.
    High,
    /// 重大風險.
    Critical,
}

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name used in JSON and as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The key of the word for it in the message files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Low => "severity-low",
            Self::Medium => "severity-medium",
            Self::High => "severity-high",
            Self::Critical => "severity-critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one check says about one subject of one host, with what an auditor needs to see for themself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Catalogue id of the check, such as `tls.protocol-versions`.
    pub check: String,
    /// Clause of the plan that the host's role is judged by, such as `7.1.3`.
    pub clause: String,
    /// The conclusion.
    pub status: Status,
    /// How much a failure of this subject matters.
    pub severity: Severity,
    /// The thing judged: `tcp/[::]:443`, `/var/lib/mysql`, `user:root`; `host` when it is the whole host.
    pub subject: String,
    /// One sentence for people.
    pub summary: Bilingual,
    /// What the plan asks for.
    pub expected: Value,
    /// What was measured.
    pub actual: Value,
    /// How to mend a failure.
    pub remediation: Bilingual,
    /// The facts the conclusion rests on; no secrets, no personal data.
    pub evidence: Value,
    /// Host clock when the facts were read.
    pub observed_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_serde_writes() {
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
            assert!(crate::message::exists(status.key()));
        }
        for severity in Severity::ALL {
            assert_eq!(serde_json::to_value(severity).unwrap(), severity.name());
            assert!(crate::message::exists(severity.key()));
        }
    }
}
