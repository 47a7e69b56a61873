//! Waivers: a failing check is accepted on some hosts for some time, by somebody else than who asked.
//!
//! A waiver makes nothing pass. What it covers is shown as waived everywhere, keeps its line from conforming, and fails
//! again by itself on the day after the waiver's last.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use plumbline_config::catalogue;
use plumbline_config::finding::{Finding, Status};
use plumbline_config::ident::{HostId, Role};
use serde::{Deserialize, Serialize};

use super::steps::{self, Step};
use super::{Refusal, text};
use crate::store::{Family, Record, StoreError};

/// Longest time that a waiver stands, in days: a year and a day.
const LONGEST_DAYS: i32 = 366;

/// Most hosts named one by one, and most labels.
const MOST_NAMED: usize = 1_000;

/// Longest label, in characters.
const LONGEST_LABEL: usize = 512;

/// Longest subject of a finding, in characters.
const LONGEST_SUBJECT: usize = 4_096;

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requested {
    /// The check.
    pub check: String,
    /// Only findings on this; `None`: whatever the check judges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// On which hosts.
    pub hosts: Hosts,
    /// Why it is to be accepted.
    pub reason: String,
    /// What is done instead.
    pub compensating: String,
    /// First day.
    pub from: Date,
    /// Last day, itself included.
    pub until: Date,
}

/// Hosts that a waiver is for: those named, or those that have every label and the role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hosts {
    /// These hosts.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub ids: BTreeSet<HostId>,
    /// Hosts with all of these labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Hosts in this role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// A step of a waiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum WaiverStep {
    /// It is asked for.
    Request(Requested),
    /// It is approved.
    Approve {
        /// What whoever approved it says.
        note: String,
    },
    /// It is refused.
    Reject {
        /// Why.
        note: String,
    },
    /// It ends before its last day.
    End {
        /// Why.
        note: String,
    },
}

/// A waiver as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiver {
    /// When it was asked for.
    pub at: Timestamp,
    /// Who asked.
    pub by: String,
    /// What was asked for.
    #[serde(flatten)]
    pub requested: Requested,
    /// What was decided.
    pub decision: Option<Decision>,
    /// How it ended early.
    pub ended: Option<Ended>,
    /// Steps there are of it.
    #[serde(skip)]
    pub steps: u32,
}

/// What was decided on a waiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Whether it was approved.
    pub approved: bool,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// What they say.
    pub note: String,
}

/// Where a waiver is on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaiverState {
    /// Nobody has decided on it.
    Requested,
    /// It is approved and has not begun.
    Upcoming,
    /// It is approved, and covers what it is for.
    InForce,
    /// It was refused.
    Rejected,
    /// It ended, or was taken back, before its last day.
    Ended,
    /// Its last day is over.
    Expired,
}

/// How a waiver ended early.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why.
    pub note: String,
}

impl WaiverState {
    /// Every state, in the order of a waiver's life.
    pub const ALL: [Self; 6] = [
        Self::Requested,
        Self::Upcoming,
        Self::InForce,
        Self::Rejected,
        Self::Ended,
        Self::Expired,
    ];

    /// The name used in JSON and as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Upcoming => "upcoming",
            Self::InForce => "in-force",
            Self::Rejected => "rejected",
            Self::Ended => "ended",
            Self::Expired => "expired",
        }
    }

    /// The key of the word for it in the message files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Requested => "waiver-requested",
            Self::Upcoming => "waiver-upcoming",
            Self::InForce => "waiver-in-force",
            Self::Rejected => "waiver-rejected",
            Self::Ended => "waiver-ended",
            Self::Expired => "waiver-expired",
        }
    }
}

impl Step for WaiverStep {
    const FAMILY: Family = Family::Waiver;

    fn verb(&self) -> &'static str {
        match self {
            Self::Request(_) => "request",
            Self::Approve { .. } => "approve",
            Self::Reject { .. } => "reject",
            Self::End { .. } => "end",
        }
    }
}

impl Requested {
    /// Whether it may be asked for.
    pub fn check(&self, today: Date) -> Result<(), Refusal> {
        if catalogue::check(&self.check).is_none() {
            return Err(Refusal::UnknownCheck(self.check.chars().take(80).collect()));
        }
        if let Some(subject) = &self.subject {
            text::line("subject", subject, LONGEST_SUBJECT)?;
        }
        text::prose("reason", &self.reason)?;
        text::prose("compensating measure", &self.compensating)?;
        let hosts = &self.hosts;
        if hosts.ids.is_empty() && hosts.labels.is_empty() && hosts.role.is_none() {
            return Err(Refusal::NoHosts);
        }
        if hosts.ids.len().max(hosts.labels.len()) > MOST_NAMED {
            return Err(Refusal::TooMany {
                what: "hosts or labels",
                most: MOST_NAMED,
            });
        }
        let earliest = self.from.max(today);
        for (key, value) in &hosts.labels {
            // A label's value may be empty.
            text::line("label", &format!("{key}={value}"), LONGEST_LABEL)?;
        }
        if self.until < earliest {
            return Err(Refusal::Ended {
                until: self.until,
                from: earliest,
            });
        }
        let days = self
            .from
            .until(self.until)
            .map_or(i32::MAX, |span| span.get_days());
        if days >= LONGEST_DAYS {
            return Err(Refusal::TooLasting {
                days: days.saturating_add(1),
                most: LONGEST_DAYS,
            });
        }
        Ok(())
    }
}

impl Hosts {
    /// Whether a host is among them.
    #[must_use]
    pub fn hold(&self, id: &HostId, role: Role, labels: &BTreeMap<String, String>) -> bool {
        let named = self.ids.is_empty() || self.ids.contains(id);
        let labelled = self
            .labels
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value));
        named && labelled && self.role.is_none_or(|of| of == role)
    }
}

/// What they are named by, such as `h-k3w7qz5a site=taipei role=service`.
impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.ids.iter().map(ToString::to_string);
        let labels = self.labels.iter().map(|(key, value)| format!("{key}={value}"));
        let role = self.role.map(|role| format!("role={}", role.name()));
        let named: Vec<String> = ids.chain(labels).chain(role).collect();
        f.write_str(&named.join(" "))
    }
}

impl Waiver {
    /// What it was at a moment; `None`: nobody had asked for it yet.
    #[must_use]
    pub fn as_of(&self, at: Timestamp) -> Option<Self> {
        let then = Self {
            decision: self.decision.clone().filter(|decision| decision.at <= at),
            ended: self.ended.clone().filter(|ended| ended.at <= at),
            ..self.clone()
        };
        (self.at <= at).then_some(then)
    }

    /// Whether it is in force on a day: it was approved, has begun, and is not over.
    #[must_use]
    pub fn is_in_force(&self, day: Date) -> bool {
        self.state(day) == WaiverState::InForce
    }

    /// Where it is on a day.
    #[must_use]
    pub fn state(&self, day: Date) -> WaiverState {
        let approved = self.decision.as_ref().map(|decision| decision.approved);
        if approved == Some(false) {
            WaiverState::Rejected
        } else if self.ended.is_some() {
            WaiverState::Ended
        } else if self.requested.until < day {
            WaiverState::Expired
        } else if approved.is_none() {
            WaiverState::Requested
        } else if day < self.requested.from {
            WaiverState::Upcoming
        } else {
            WaiverState::InForce
        }
    }

    /// Whether it is for this finding, on whatever host: only what fails is waived.
    #[must_use]
    pub fn is_for(&self, finding: &Finding) -> bool {
        finding.status == Status::Fail
            && self.requested.check == finding.check
            && self
                .requested
                .subject
                .as_ref()
                .is_none_or(|subject| *subject == finding.subject)
    }

    /// Whether `who` may take this step now.
    pub fn check_step(&self, id: &str, step: &WaiverStep, who: &str, today: Date) -> Result<(), Refusal> {
        let (WaiverStep::Approve { note } | WaiverStep::Reject { note } | WaiverStep::End { note }) = step
        else {
            return Err(Refusal::Decided(id.to_owned()));
        };
        text::prose("note", note)?;
        if let WaiverStep::End { .. } = step {
            let stands = self.decision.as_ref().is_none_or(|decision| decision.approved);
            let open = stands && self.ended.is_none() && self.requested.until >= today;
            return if open {
                Ok(())
            } else {
                Err(Refusal::Gone(id.to_owned()))
            };
        }
        if self.decision.is_some() || self.ended.is_some() {
            return Err(Refusal::Decided(id.to_owned()));
        }
        if who == self.by {
            return Err(Refusal::OwnRequest(who.to_owned()));
        }
        if self.requested.until < today {
            return Err(Refusal::Ended {
                until: self.requested.until,
                from: today,
            });
        }
        Ok(())
    }
}

/// Adds a record to what stands.
pub(super) fn fold(all: &mut BTreeMap<String, Waiver>, record: &Record) -> Result<(), StoreError> {
    let step: WaiverStep = steps::read(record)?;
    if let WaiverStep::Request(requested) = step {
        let waiver = Waiver {
            at: record.at,
            by: record.who.clone(),
            requested,
            decision: None,
            ended: None,
            steps: record.version,
        };
        all.insert(record.subject.clone(), waiver);
        return Ok(());
    }
    let Some(waiver) = all.get_mut(&record.subject) else {
        return Ok(());
    };
    waiver.steps = record.version;
    let (at, by) = (record.at, record.who.clone());
    let decided = |approved, note| {
        Some(Decision {
            approved,
            at,
            by: by.clone(),
            note,
        })
    };
    match step {
        WaiverStep::Approve { note } => waiver.decision = decided(true, note),
        WaiverStep::Reject { note } => waiver.decision = decided(false, note),
        WaiverStep::End { note } => waiver.ended = Some(Ended { at, by, note }),
        WaiverStep::Request(_) => {}
    }
    Ok(())
}
