//! Attestations: somebody says, with evidence, that what a line asks for was done.
//!
//! An attestation counts from the day on which what it speaks of was done, not from when it was written down, and for as
//! long as the plan's interval of the line. It is never changed: it is withdrawn, or another one corrects it.

mod details;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plumbline_config::catalogue::{self, AttestationKind, Line};
use plumbline_config::file::nearest;
use plumbline_config::interval::Interval;
use serde::{Deserialize, Serialize};

use super::steps::{self, Step};
use super::{EvidenceFile, Refusal, file, text};
use crate::store::{Family, Record, StoreError};

pub use details::{Asset, Details, TrainingRecord};

/// Most lines of one attestation.
const MOST_LINES: usize = 200;

/// Longest name of a person or a firm, in characters.
const LONGEST_NAME: usize = 200;

/// What somebody attests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// The lines of the checklist that it answers.
    pub lines: Vec<String>,
    /// The day on which what it speaks of was done, or took effect.
    pub effective_on: Date,
    /// Who did it.
    pub performed_by: String,
    /// What was done.
    pub statement: String,
    /// What belongs to its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// The evidence.
    #[serde(default)]
    pub files: Vec<EvidenceFile>,
    /// The attestation that it puts right, and replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<String>,
}

/// A step of an attestation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum AttestationStep {
    /// It is given.
    Give(Given),
    /// It is taken back.
    Withdraw {
        /// Why.
        reason: String,
    },
}

/// An attestation as it stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attestation {
    /// When it was given.
    pub at: Timestamp,
    /// Who gave it.
    pub by: String,
    /// What it says.
    #[serde(flatten)]
    pub given: Given,
    /// How it was taken back.
    pub withdrawn: Option<Withdrawn>,
    /// The attestation that replaced it.
    pub corrected_by: Option<String>,
    /// Steps there are of it.
    #[serde(skip)]
    pub steps: u32,
}

/// How an attestation was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Withdrawn {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl Step for AttestationStep {
    const FAMILY: Family = Family::Attestation;

    fn verb(&self) -> &'static str {
        match self {
            Self::Give(_) => "give",
            Self::Withdraw { .. } => "withdraw",
        }
    }
}

impl Given {
    /// Whether it may be kept, where these attestations stand.
    pub fn check(&self, today: Date, others: &BTreeMap<String, Attestation>) -> Result<(), Refusal> {
        let kind = self.kind()?;
        if self.effective_on > today {
            return Err(Refusal::Future {
                what: "the day it took effect",
                day: self.effective_on,
                today,
            });
        }
        text::line("name of who did it", &self.performed_by, LONGEST_NAME)?;
        text::prose("statement", &self.statement)?;
        file::check(&self.files)?;
        if let Some(details) = &self.details {
            details.check(kind)?;
        }
        let Some(corrected) = &self.corrects else {
            return Ok(());
        };
        match others.get(corrected) {
            None => Err(Refusal::Unknown {
                what: "attestation",
                id: corrected.clone(),
            }),
            Some(other) if !other.stands() => Err(Refusal::Gone(corrected.clone())),
            Some(_) => Ok(()),
        }
    }

    /// The kind that all its lines ask for.
    pub fn kind(&self) -> Result<AttestationKind, Refusal> {
        if self.lines.len() > MOST_LINES {
            return Err(Refusal::TooMany {
                what: "lines",
                most: MOST_LINES,
            });
        }
        let mut kind = None;
        for id in &self.lines {
            let of_line = line(id)?
                .attestation
                .ok_or_else(|| Refusal::MeasuredLine(id.clone()))?;
            if *kind.get_or_insert(of_line) != of_line {
                return Err(Refusal::Kind {
                    line: id.clone(),
                    kind: of_line.key().trim_start_matches("attestation-").to_owned(),
                });
            }
        }
        kind.ok_or(Refusal::NoLine)
    }

    /// What it says was found in order: nothing that the form wants mended is left open.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.details.as_ref().is_none_or(Details::is_clean)
    }

    /// When it stops counting on a line that asks for it each `interval`.
    #[must_use]
    pub fn expires(&self, interval: Interval, zone: &TimeZone) -> Timestamp {
        let begins = self.effective_on.to_zoned(zone.clone());
        begins.map_or(Timestamp::MIN, |begins| interval.after(begins.timestamp(), zone))
    }
}

/// The line of the checklist with this id.
pub(crate) fn line(id: &str) -> Result<&'static Line, Refusal> {
    let found = catalogue::lines()
        .map(|(_, line)| line)
        .find(|line| line.id == id);
    found.ok_or_else(|| Refusal::UnknownLine {
        line: id.chars().take(80).collect(),
        nearest: nearest(id, catalogue::lines().map(|(_, line)| line.id.as_str()))
            .map(|(_, nearest)| nearest.to_owned()),
    })
}

impl Attestation {
    /// Whether it was neither taken back nor replaced.
    #[must_use]
    pub const fn stands(&self) -> bool {
        self.withdrawn.is_none() && self.corrected_by.is_none()
    }

    /// Whether it can be taken back, for this reason.
    pub fn check_withdrawal(&self, id: &str, reason: &str) -> Result<(), Refusal> {
        if self.stands() {
            text::prose("reason", reason)
        } else {
            Err(Refusal::Gone(id.to_owned()))
        }
    }
}

/// Adds a record to what stands.
pub(super) fn fold(all: &mut BTreeMap<String, Attestation>, record: &Record) -> Result<(), StoreError> {
    match steps::read(record)? {
        AttestationStep::Give(given) => {
            let attestation = Attestation {
                at: record.at,
                by: record.who.clone(),
                given,
                withdrawn: None,
                corrected_by: None,
                steps: record.version,
            };
            all.insert(record.subject.clone(), attestation);
        }
        AttestationStep::Withdraw { reason } => {
            if let Some(attestation) = all.get_mut(&record.subject) {
                attestation.steps = record.version;
                attestation.withdrawn = Some(Withdrawn {
                    at: record.at,
                    by: record.who.clone(),
                    reason,
                });
            }
        }
    }
    Ok(())
}

/// Notes on each attestation by which other it was replaced. One that was withdrawn replaces nothing.
pub(super) fn supersede(all: &mut BTreeMap<String, Attestation>) {
    let corrections: Vec<(String, String)> = all
        .iter()
        .filter(|(_, attestation)| attestation.withdrawn.is_none())
        .filter_map(|(id, attestation)| Some((attestation.given.corrects.clone()?, id.clone())))
        .collect();
    for (corrected, by) in corrections {
        if let Some(attestation) = all.get_mut(&corrected) {
            attestation.corrected_by.get_or_insert(by);
        }
    }
}
