//! Records: what people say that must be provable years later, and nobody may change.
//!
//! A record is the body of an act. It belongs to a subject, such as one attestation, and has the subject's next version:
//! who adds one says which, so that of two who do at once one is told so. What stands of a subject is what its records
//! say, one after another; what is wrong is put right by another record.

use jiff::Timestamp;

use super::Act;
use crate::ledger::tree::Hash;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// A corrective action.
    Action,
    /// An attestation.
    Attestation,
    /// What stood on the checklist at the end of a day.
    Day,
    /// An incident.
    Incident,
    /// A waiver.
    Waiver,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 5] = [
        Self::Action,
        Self::Attestation,
        Self::Day,
        Self::Incident,
        Self::Waiver,
    ];

    /// The name it is kept under, which acts on it begin with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Attestation => "attestation",
            Self::Day => "day",
            Self::Incident => "incident",
            Self::Waiver => "waiver",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }
}

/// A record that is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// What it is about.
    pub family: Family,
    /// Which of them.
    pub subject: String,
    /// From 1, without gaps.
    pub version: u32,
    /// What was done, such as `give`.
    pub verb: &'static str,
    /// What it says, as JSON.
    pub body: String,
    /// When.
    pub at: Timestamp,
    /// Who, as acts have it.
    pub who: String,
}

/// A record that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Number of its act.
    pub act: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// Which subject.
    pub subject: String,
    /// Which version of it.
    pub version: u32,
    /// What it says, as JSON.
    pub body: String,
}

impl NewRecord {
    /// The act whose body it is.
    #[must_use]
    pub fn act(&self) -> Act {
        Act {
            at: self.at,
            who: self.who.clone(),
            what: format!("{}.{}", self.family.name(), self.verb),
            on: bound(&self.subject, self.version, &self.body),
        }
    }
}

/// What an act was done to that has a record as its body: the subject, the version, and the SHA-256 of the body.
pub(crate) fn bound(subject: &str, version: u32, body: &str) -> String {
    format!("{subject} {version} sha256 {}", Hash::of(body.as_bytes()))
}

/// Whether an act must have a record as its body.
pub(crate) fn binds(what: &str) -> bool {
    let family = what.split_once('.').map(|(family, _)| family);
    family.and_then(Family::from_name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_names_what_it_stands_for() {
        let record = NewRecord {
            family: Family::Waiver,
            subject: "w-1".to_owned(),
            version: 2,
            verb: "approve",
            body: "{}".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            who: "user:alice".to_owned(),
        };
        let act = record.act();
        assert_eq!(act.what, "waiver.approve");
        assert_eq!(
            act.on,
            "w-1 2 sha256 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
        assert!(binds(&act.what));
        for other in ["user.create", "host.revoke", "waiver", "days.x", ""] {
            assert!(!binds(other), "{other}");
        }
    }

    #[test]
    fn every_family_is_found_by_its_name() {
        for family in Family::ALL {
            assert_eq!(Family::from_name(family.name()), Some(family));
        }
    }
}
