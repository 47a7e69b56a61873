//! The checklist as it is printed, served and reported: the contract's JSON, in Rust.

use jiff::Timestamp;
use jiff::civil::Date;
use plumbline_config::catalogue::{AttestationKind, Duty};
use plumbline_config::lang::Bilingual;
use plumbline_config::wire::PlanRef;
use serde::{Deserialize, Serialize};

use crate::records::EvidenceFile;
use crate::records::action::Stage;
use crate::records::incident::{Clock, IncidentState};

/// The Section 12 checklist of a period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Checklist {
    /// `2026Q4`, `2026` or days.
    pub period: String,
    /// The moment whose state it shows: now, or the end of a period that is over.
    pub as_of: Timestamp,
    /// When it was made.
    pub generated_at: Timestamp,
    /// The plan it is judged by; `None` when none is published.
    pub plan: Option<PlanRef>,
    /// 12（1）–（5）: how the company audits, as its plan declares.
    pub particulars: Vec<Particular>,
    /// 12（6）: the twelve items.
    pub items: Vec<Item>,
}

/// One of 12（1）–（5）.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Particular {
    /// `12（1）`.
    pub clause: String,
    /// Title in the form's words.
    pub title: Bilingual,
    /// The form's boxes and blanks, as filled in.
    pub answers: Vec<Answer>,
}

/// A box or a blank of a particular.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// ■ or □; `None` for a blank that is no box.
    pub checked: Option<bool>,
    /// Its words.
    pub text: Bilingual,
}

/// One of the twelve items of 12（6）.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// 1 to 12.
    pub number: u8,
    /// Title in the form's words.
    pub title: Bilingual,
    /// The lines, added up.
    pub status: LineStatus,
    /// Its requirement lines.
    pub lines: Vec<Line>,
}

/// One requirement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Stable id.
    pub id: String,
    /// Clause of the plan.
    pub clause: String,
    /// The requirement in the form's words.
    pub title: Bilingual,
    /// Whether it is met.
    pub status: LineStatus,
    /// What the status rests on.
    pub basis: Basis,
    /// Hosts in its scope, each counted once by the worst that it shows here.
    pub hosts: HostCounts,
    /// The checks that measure it.
    pub checks: Vec<LineCheck>,
    /// The latest attestation that answers it, in force or not; `None` where there was never one.
    pub attestation: Option<LineAttestation>,
    /// The kind of attestation that it asks for, if any.
    pub attestation_kind: Option<AttestationKind>,
    /// When the next attestation is due; `None` where none is asked for, or there was never one and it is due now.
    pub due_at: Option<Timestamp>,
    /// The corrective action that is open on it.
    pub corrective_action: Option<LineAction>,
    /// Open incidents of which what it asks for is still to be done, the most pressing first.
    pub incidents: Vec<LineIncident>,
    /// Waivers in force on its checks.
    pub waivers: Vec<String>,
    /// The plan's reason for a line that does not apply.
    pub reason: Option<String>,
}

/// An attestation on a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineAttestation {
    /// Which.
    pub id: String,
    /// The day on which what it speaks of took effect.
    pub effective_on: Date,
    /// When it stops counting here, by the plan's interval.
    pub expires_at: Timestamp,
    /// It has not stopped counting.
    pub in_force: bool,
    /// It leaves nothing open that the form wants mended.
    pub is_clean: bool,
    /// Who did what it speaks of.
    pub performed_by: String,
    /// What was done.
    pub statement: String,
    /// When it was given.
    pub given_at: Timestamp,
    /// Who gave it.
    pub given_by: String,
    /// The evidence.
    pub files: Vec<EvidenceFile>,
}

/// A corrective action on a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineAction {
    /// Which.
    pub id: String,
    /// Where it is.
    pub stage: Stage,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Who sees to it.
    pub owner: Option<String>,
    /// Until when.
    pub due_on: Option<Date>,
}

/// An incident that a line asks something of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineIncident {
    /// Which.
    pub id: String,
    /// Where it is.
    pub state: IncidentState,
    /// What is still to be done.
    pub duty: Duty,
    /// Until when, where that is telling the authority.
    #[serde(flatten)]
    pub clock: Option<Clock>,
}

/// What one check says on a line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LineCheck {
    /// Catalogue id.
    pub check: String,
    /// Its title.
    pub title: Bilingual,
    /// No host has reported on it: this version does not measure it yet, or nothing has run.
    pub measured: bool,
    /// Hosts in scope, each counted once by the worst of this check's findings.
    pub hosts: HostCounts,
}

/// Whether a line or an item is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineStatus {
    /// 符合.
    Conforming,
    /// 部分符合.
    Partly,
    /// 未符合.
    Nonconforming,
    /// 不適用.
    NotApplicable,
}

impl LineStatus {
    /// Every status, best first.
    pub const ALL: [Self; 4] = [
        Self::Conforming,
        Self::Partly,
        Self::Nonconforming,
        Self::NotApplicable,
    ];

    /// The name used in JSON and as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conforming => "conforming",
            Self::Partly => "partly",
            Self::Nonconforming => "nonconforming",
            Self::NotApplicable => "not-applicable",
        }
    }

    /// The key of the word for it in the message files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Conforming => "line-conforming",
            Self::Partly => "line-partly",
            Self::Nonconforming => "line-nonconforming",
            Self::NotApplicable => "line-not-applicable",
        }
    }
}

/// What a line's status rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Findings of hosts.
    Measured,
    /// A person's attestation.
    Attested,
    /// Nothing.
    None,
}

impl Basis {
    /// The key of the word for it in the message files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Measured => "basis-measured",
            Self::Attested => "basis-attested",
            Self::None => "basis-none",
        }
    }
}

/// Hosts by what they show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HostCounts {
    /// As declared.
    pub pass: u32,
    /// Not as declared.
    pub fail: u32,
    /// Measured too long ago.
    pub stale: u32,
    /// Could not look.
    pub error: u32,
    /// Failing, and accepted by a waiver.
    pub waived: u32,
    /// Out of scope.
    pub not_applicable: u32,
    /// Needs an attestation.
    pub manual: u32,
}

impl HostCounts {
    /// Hosts counted.
    #[must_use]
    pub const fn total(self) -> u32 {
        self.pass + self.fail + self.stale + self.error + self.waived + self.not_applicable + self.manual
    }
}
