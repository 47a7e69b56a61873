//! Incidents (Section 5): from what made somebody suspect one, over whom it has to be told to, to what was learnt.
//!
//! A case begins when the company knows of it, not when it was measured: both moments are kept. From then on the
//! authority is to be told within the plan's time. Nothing that one person says alone ends that: who finds that there
//! was no incident is not who dismisses the case, and who finds it too small to be told of is not who closes it.

mod clock;
mod rules;
mod step;

use std::collections::BTreeMap;

use jiff::Timestamp;
use plumbline_config::catalogue::Duty;
use serde::{Deserialize, Serialize};

use super::steps;
use crate::store::{Record, StoreError};
pub use clock::{Clock, ClockState};
pub use step::{Assessed, CaseHost, Harm, IncidentStep, Opened, Seen, Whom};

/// An incident as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// When it was opened here.
    pub at: Timestamp,
    /// Who opened it.
    pub by: String,
    /// What it began with.
    #[serde(flatten)]
    pub opened: Opened,
    /// What it was found to be, most lately.
    pub assessment: Option<Assessment>,
    /// When first something was done against it.
    pub contained_at: Option<Timestamp>,
    /// When whoever has to know was first told.
    pub notified: BTreeMap<Whom, Timestamp>,
    /// When the media first reported on it.
    pub in_media_at: Option<Timestamp>,
    /// How it ended.
    pub end: Option<End>,
    /// Every step, oldest first, the first one included.
    pub history: Vec<Taken>,
    /// Steps there are of it.
    #[serde(skip)]
    pub steps: u32,
}

/// What a case was found to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assessment {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// What.
    #[serde(flatten)]
    pub assessed: Assessed,
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct End {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why, or what came of it.
    pub text: String,
    /// The corrective action that follows; `None`: the case was dismissed.
    pub action: Option<String>,
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The step.
    #[serde(flatten)]
    pub step: IncidentStep,
}

/// Where a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IncidentState {
    /// It is to be assessed.
    Suspected,
    /// It is an incident of personal data.
    Confirmed,
    /// It was found to be none; somebody else is to dismiss it.
    Unfounded,
    /// All was done.
    Closed,
    /// It was none.
    Dismissed,
}

impl IncidentState {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Suspected,
        Self::Confirmed,
        Self::Unfounded,
        Self::Closed,
        Self::Dismissed,
    ];

    /// The name used in JSON and as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Suspected => "suspected",
            Self::Confirmed => "confirmed",
            Self::Unfounded => "unfounded",
            Self::Closed => "closed",
            Self::Dismissed => "dismissed",
        }
    }

    /// The key of the word for it in the message files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Suspected => "incident-suspected",
            Self::Confirmed => "incident-confirmed",
            Self::Unfounded => "incident-unfounded",
            Self::Closed => "incident-closed",
            Self::Dismissed => "incident-dismissed",
        }
    }
}

/// Whether something that Section 5 asks for was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It is still to be done, or to be found out whether it must be.
    Owed,
    /// It was done then.
    At(Timestamp),
    /// It need not be done.
    NotOwed,
}

impl Incident {
    fn begin(record: &Record, opened: Opened) -> Self {
        Self {
            at: record.at,
            by: record.who.clone(),
            opened,
            assessment: None,
            contained_at: None,
            notified: BTreeMap::new(),
            in_media_at: None,
            end: None,
            history: Vec::new(),
            steps: 0,
        }
    }

    fn take(&mut self, taken: Taken) {
        let Taken { at, by, step } = &taken;
        let earlier = |known: Option<Timestamp>, at: Timestamp| Some(known.map_or(at, |known| known.min(at)));
        let ended = |text: &String, action: Option<&String>| {
            Some(End {
                at: *at,
                by: by.clone(),
                text: text.clone(),
                action: action.cloned(),
            })
        };
        match step {
            IncidentStep::Open(_) => {}
            IncidentStep::Assess(assessed) => {
                self.assessment = Some(Assessment {
                    at: *at,
                    by: by.clone(),
                    assessed: assessed.clone(),
                });
            }
            IncidentStep::Contain(_) => self.contained_at = self.contained_at.or(Some(*at)),
            IncidentStep::Notify { whom, told_at, .. } => {
                let first = self.notified.entry(*whom).or_insert(*told_at);
                *first = (*first).min(*told_at);
            }
            IncidentStep::Media { reported_at, .. } => {
                self.in_media_at = earlier(self.in_media_at, *reported_at);
            }
            IncidentStep::Correct {
                known_at,
                happened_at,
                ..
            } => {
                self.opened.known_at = known_at.unwrap_or(self.opened.known_at);
                self.opened.happened_at = happened_at.or(self.opened.happened_at);
            }
            IncidentStep::Close { text, action, .. } => self.end = ended(text, Some(action)),
            IncidentStep::Dismiss { reason } => self.end = ended(reason, None),
        }
        self.steps += 1;
        self.history.push(taken);
    }

    /// What it was at a moment; `None`: it was not opened yet.
    #[must_use]
    pub fn as_of(&self, at: Timestamp) -> Option<Self> {
        let first = self.history.first().filter(|first| first.at <= at)?;
        let IncidentStep::Open(opened) = &first.step else {
            return None;
        };
        let mut then = Self {
            opened: opened.clone(),
            assessment: None,
            contained_at: None,
            notified: BTreeMap::new(),
            in_media_at: None,
            end: None,
            history: Vec::new(),
            steps: 0,
            ..self.clone()
        };
        let taken = self.history.iter().filter(|taken| taken.at <= at);
        taken.for_each(|taken| then.take(taken.clone()));
        Some(then)
    }

    /// Where it is.
    #[must_use]
    pub fn state(&self) -> IncidentState {
        match (&self.end, &self.assessment) {
            (Some(end), _) if end.action.is_some() => IncidentState::Closed,
            (Some(_), _) => IncidentState::Dismissed,
            (None, None) => IncidentState::Suspected,
            (None, Some(assessment)) if assessment.assessed.personal_data => IncidentState::Confirmed,
            (None, Some(_)) => IncidentState::Unfounded,
        }
    }

    /// Whether something is still to be done.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.end.is_none()
    }

    /// What it was found to be.
    #[must_use]
    pub fn assessed(&self) -> Option<&Assessed> {
        Some(&self.assessment.as_ref()?.assessed)
    }

    /// When somebody was told.
    #[must_use]
    pub fn told(&self, whom: Whom) -> Option<Timestamp> {
        self.notified.get(&whom).copied()
    }

    /// Whether something that Section 5 asks for was done.
    #[must_use]
    pub fn done(&self, duty: Duty) -> Done {
        let told = |whom: Whom, owed: bool| match self.told(whom) {
            Some(at) => Done::At(at),
            None if owed => Done::Owed,
            None => Done::NotOwed,
        };
        let dismissed = self.state() == IncidentState::Dismissed;
        let owed = |at: Option<Timestamp>| match at {
            Some(at) => Done::At(at),
            None if dismissed => Done::NotOwed,
            None => Done::Owed,
        };
        // Before anybody has looked, everybody may have to be told.
        let harmed = self.assessed().is_none_or(|assessed| assessed.personal_data);
        match duty {
            Duty::NotifyAuthority => told(Whom::Authority, self.owes_authority()),
            Duty::NotifySubjects => told(Whom::Subjects, harmed && !dismissed),
            Duty::NotifyCustomers => {
                let theirs = self.assessed().is_none_or(|assessed| assessed.customers);
                told(Whom::Customers, harmed && theirs && !dismissed)
            }
            Duty::Contain => owed(self.contained_at),
            Duty::Investigate => owed(self.assessment.as_ref().map(|assessment| assessment.at)),
            Duty::Prevent => owed(self.end.as_ref().filter(|_| !dismissed).map(|end| end.at)),
        }
    }
}

/// Adds a record to what stands.
pub(crate) fn fold(all: &mut BTreeMap<String, Incident>, record: &Record) -> Result<(), StoreError> {
    let step: IncidentStep = steps::read(record)?;
    if let IncidentStep::Open(opened) = &step {
        all.insert(record.subject.clone(), Incident::begin(record, opened.clone()));
    }
    if let Some(incident) = all.get_mut(&record.subject) {
        incident.take(Taken {
            at: record.at,
            by: record.who.clone(),
            step,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
