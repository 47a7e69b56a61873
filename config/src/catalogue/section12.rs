//! Section 12, 個資安全稽核: the twelve items of 12（6） with every requirement line, and the particulars 12（1）–（5）.
//!
//! The twelve items are the form's own; their lines are what the sections they stand for ask, in the form's words. The
//! form gives no item to Sections 13 and 14. Supervision of vendors (13) continues 6（1）7 and stands under item 5; what
//! leavers return (14（1）) repeats 8.4 and stands under item 7; proof of destruction (14（2）) is evidence kept and stands
//! under item 11. The policy (2) stands with the people who keep it, under item 1; 7（2） and the appendix under item 6.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::Duty;
use crate::ident::Role;
use crate::interval::Interval;
use crate::lang::Bilingual;
use crate::plan::Plan;

/// One of the twelve items of 12（6）.
#[derive(Clone, Debug)]
pub struct Item {
    /// 1 to 12, in the form's order.
    pub number: u8,
    /// The form's words.
    pub title: Bilingual,
    /// What the form asks of it.
    pub lines: Vec<Line>,
}

/// One requirement of the form.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Stable name: the clause, and a word where a clause asks several things, such as `7.1.4.firewall`.
    pub id: String,
    /// Clause, such as `7.1.4`; `appendix` for 附錄.
    pub clause: String,
    /// The form's words; `：` stands between a heading and what is asked below it.
    pub title: Bilingual,
    /// Whose line it is.
    #[serde(default)]
    pub scope: Scope,
    /// What it takes to be met.
    pub basis: Basis,
    /// Checks that measure it. Whatever the basis, a failing finding of one keeps the line from being met.
    #[serde(default)]
    pub checks: Vec<String>,
    /// What a person attests; `None` when nothing but measuring answers.
    pub attestation: Option<AttestationKind>,
    /// What it asks for once an incident has begun.
    pub duty: Option<Duty>,
    /// Key of the plan that says how often.
    interval: Option<String>,
    /// Table of the plan that declares it, and may switch it off.
    declared: Option<String>,
}

/// Whose line it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The company's as a whole; its checks count on hosts of both roles.
    #[default]
    Both,
    /// Office (OA) equipment.
    Office,
    /// The systems run for customers.
    Service,
}

impl Scope {
    /// Whether findings of a host of `role` count.
    #[must_use]
    pub const fn covers(self, role: Role) -> bool {
        match self {
            Self::Both => true,
            Self::Office => matches!(role, Role::Office),
            Self::Service => matches!(role, Role::Service),
        }
    }
}

/// What it takes for a line to be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Findings of its checks.
    Measured,
    /// An attestation in force.
    Attested,
    /// Both.
    Both,
    /// Findings where hosts give them, an attestation in force where none does.
    Either,
}

/// What a person attests, with evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttestationKind {
    /// An audit or self-check.
    Audit,
    /// Backups that no agent sees, and tests of restoring.
    Backup,
    /// A budget.
    Budget,
    /// A contract or agreement.
    Contract,
    /// Correction of a fault.
    CorrectiveAction,
    /// A drill.
    Drill,
    /// An inventory.
    Inventory,
    /// A scan for malware.
    MalwareScan,
    /// Monitoring that no agent sees.
    Monitoring,
    /// Who is responsible.
    Organisation,
    /// A review or revision of the plan.
    PlanRevision,
    /// A policy.
    Policy,
    /// A written procedure.
    Procedure,
    /// Records kept.
    Records,
    /// A review.
    Review,
    /// An assessment of risk.
    RiskAssessment,
    /// A scan of source code.
    SourceCodeScan,
    /// Supervision of a vendor.
    Supervision,
    /// A training.
    Training,
    /// A scan of systems, or a penetration test.
    VulnerabilityScan,
}

impl AttestationKind {
    /// Every kind.
    pub const ALL: [Self; 20] = [
        Self::Audit,
        Self::Backup,
        Self::Budget,
        Self::Contract,
        Self::CorrectiveAction,
        Self::Drill,
        Self::Inventory,
        Self::MalwareScan,
        Self::Monitoring,
        Self::Organisation,
        Self::PlanRevision,
        Self::Policy,
        Self::Procedure,
        Self::Records,
        Self::Review,
        Self::RiskAssessment,
        Self::SourceCodeScan,
        Self::Supervision,
        Self::Training,
        Self::VulnerabilityScan,
    ];

    /// Key of its name for people, in [`crate::message`].
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Audit => "attestation-audit",
            Self::Backup => "attestation-backup",
            Self::Budget => "attestation-budget",
            Self::Contract => "attestation-contract",
            Self::CorrectiveAction => "attestation-corrective-action",
            Self::Drill => "attestation-drill",
            Self::Inventory => "attestation-inventory",
            Self::MalwareScan => "attestation-malware-scan",
            Self::Monitoring => "attestation-monitoring",
            Self::Organisation => "attestation-organisation",
            Self::PlanRevision => "attestation-plan-revision",
            Self::Policy => "attestation-policy",
            Self::Procedure => "attestation-procedure",
            Self::Records => "attestation-records",
            Self::Review => "attestation-review",
            Self::RiskAssessment => "attestation-risk-assessment",
            Self::SourceCodeScan => "attestation-source-code-scan",
            Self::Supervision => "attestation-supervision",
            Self::Training => "attestation-training",
            Self::VulnerabilityScan => "attestation-vulnerability-scan",
        }
    }
}

impl Line {
    /// How often `plan` asks for it; an attestation is in force for as long. `None`: measured alone.
    #[must_use]
    pub fn interval(&self, plan: &Plan) -> Option<Interval> {
        plan.interval(self.interval.as_deref()?)
    }

    /// Why the line does not apply, as `plan` says.
    #[must_use]
    pub fn not_applicable<'p>(&self, plan: &'p Plan) -> Option<&'p str> {
        plan.not_applicable(self.declared.as_deref()?)
    }
}

/// One of 12（1）–（5）.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Particular {
    /// 1 to 5.
    pub number: u8,
    /// The form's words.
    pub title: Bilingual,
    /// What the form lets a company tick.
    #[serde(rename = "option")]
    pub options: Vec<ParticularOption>,
}

/// A box of the form.
#[derive(Clone, Debug, Deserialize)]
pub struct ParticularOption {
    /// The value of `[audit]` in the plan that ticks it.
    pub key: String,
    /// The form's words.
    #[serde(flatten)]
    pub title: Bilingual,
}

macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("../../catalogue/section12/", $name, ".toml"))
    };
}

/// The files of each item: its title, then its lines.
const ITEMS: [&[&str]; 12] = [
    &[text!("item-01")],
    &[text!("item-02")],
    &[text!("item-03")],
    &[text!("item-04")],
    &[text!("item-05")],
    &[
        text!("item-06"),
        text!("item-06-service"),
        text!("item-06-development"),
        text!("item-06-office"),
    ],
    &[text!("item-07")],
    &[text!("item-08")],
    &[text!("item-09")],
    &[text!("item-10")],
    &[text!("item-11")],
    &[text!("item-12")],
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemFile {
    #[serde(default)]
    title: Bilingual,
    line: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParticularFile {
    particular: Vec<Particular>,
}

fn read_items() -> Result<Vec<Item>, toml::de::Error> {
    let mut items = Vec::new();
    for (number, files) in (1..).zip(ITEMS) {
        let mut item = Item {
            number,
            title: Bilingual::default(),
            lines: Vec::new(),
        };
        for file in files {
            let file: ItemFile = toml::from_str(file)?;
            if !file.title.en.is_empty() {
                item.title = file.title;
            }
            item.lines.extend(file.line);
        }
        items.push(item);
    }
    Ok(items)
}

/// The twelve items of 12（6）, in the form's order.
#[must_use]
pub fn items() -> &'static [Item] {
    // The files are part of the program; the tests prove that each parses.
    static ITEMS: LazyLock<Vec<Item>> = LazyLock::new(|| read_items().unwrap_or_default());
    &ITEMS
}

/// Every requirement line with its item, in the form's order.
pub fn lines() -> impl Iterator<Item = (&'static Item, &'static Line)> {
    items()
        .iter()
        .flat_map(|item| item.lines.iter().map(move |line| (item, line)))
}

/// The line `id`.
#[must_use]
pub fn line(id: &str) -> Option<&'static Line> {
    lines().map(|(_, line)| line).find(|line| line.id == id)
}

/// 12（1）–（5）, in the form's order.
#[must_use]
pub fn particulars() -> &'static [Particular] {
    static PARTICULARS: LazyLock<Vec<Particular>> = LazyLock::new(|| {
        toml::from_str::<ParticularFile>(text!("particulars"))
            .map_or_else(|_| Vec::new(), |file| file.particular)
    });
    &PARTICULARS
}

#[cfg(test)]
#[path = "section12_tests.rs"]
mod tests;
