//! Where the chain stands.

use plumbline_config::ident::{HostId, Role};
use plumbline_config::wire::{FIRST_PREVIOUS, Report};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::identity::Identity;
use crate::spool::{Sealed, SpoolError};

/// The enrolment that reports are numbered within.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// The host.
    pub host_id: HostId,
    /// Number of the enrolment.
    pub incarnation: u32,
    /// Role that the host is judged by.
    pub role: Role,
}

impl From<&Identity> for Enrolment {
    fn from(identity: &Identity) -> Self {
        Self {
            host_id: identity.host_id().clone(),
            incarnation: identity.incarnation(),
            role: identity.role(),
        }
    }
}

/// Where the chain stands: the last report that the collector confirmed, and what the next has to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    pub(super) enrolment: Option<Enrolment>,
    /// Number of the last confirmed report.
    pub(super) sequence: u64,
    /// Hash of the last confirmed report.
    pub(super) previous: String,
    /// Reports dropped that no sealed report tells of.
    pub(super) dropped_reports: u64,
    /// Reports ever refused for good.
    pub(super) refused_reports: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            enrolment: None,
            sequence: 0,
            previous: FIRST_PREVIOUS.to_owned(),
            dropped_reports: 0,
            refused_reports: 0,
        }
    }
}

impl State {
    /// Starts the chain of a new enrolment.
    pub(super) fn enrol(&mut self, enrolment: &Enrolment) {
        *self = Self {
            enrolment: Some(enrolment.clone()),
            dropped_reports: self.dropped_reports,
            refused_reports: self.refused_reports,
            ..Self::default()
        };
    }
}

/// The report that the sealed bytes say.
pub(super) fn report_of(sealed: &Sealed) -> Result<Report, SpoolError> {
    Ok(serde_json::from_slice(&sealed.body)?)
}

/// The enrolment that a sealed body is numbered within.
pub(super) fn incarnation_of(body: &[u8]) -> Result<u32, SpoolError> {
    #[derive(Deserialize)]
    struct Within {
        incarnation: u32,
    }
    let within: Within = serde_json::from_slice(body)?;
    Ok(within.incarnation)
}

/// Whether the sealed bytes say more than that the host lives.
pub(super) fn bears_assessment(sealed: &Sealed) -> Result<bool, SpoolError> {
    #[derive(Deserialize)]
    struct Kind {
        assessment: Option<IgnoredAny>,
    }
    let kind: Kind = serde_json::from_slice(&sealed.body)?;
    Ok(kind.assessment.is_some())
}
