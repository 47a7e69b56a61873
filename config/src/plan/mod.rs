//! The plan: the company's 個人資料安全維護計畫 as it filled the form in, and so the policy that hosts are judged by.
//!
//! Every blank of the form is a field; a blank left unset takes the value that the form itself calls usual (【註】).

mod audit;
mod date;
mod development;
mod governance;
mod incident;
mod inventory;
mod keys;
mod measures;
mod outsourcing;
mod people;
mod processing;
mod records;
mod validate;
mod warnings;

use std::path::Path;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::file::{self, FileError};
use crate::ident::Role;
use crate::seal::sha256_hex;
use crate::wire::PlanRef;

pub use audit::*;
pub use development::*;
pub use governance::*;
pub use incident::*;
pub use inventory::*;
pub use measures::*;
pub use outsourcing::*;
pub use people::*;
pub use processing::*;
pub use records::*;
pub use warnings::*;

/// The plan file's contents, section by section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Name of the company (OO公司).
    pub company: String,
    /// Version of the document, such as `115.10.01 第3版`; the form's first line.
    pub version: String,
    /// 1: people and means.
    pub governance: Governance,
    /// 2: policy.
    pub policy: Policy,
    /// 3: what personal data there is.
    pub inventory: Inventory,
    /// 4: risks.
    pub risk: Risk,
    /// 5: incidents.
    pub incident: Incident,
    /// 6: collecting, processing and using.
    pub processing: Processing,
    /// 7（1）: measures for the systems run for customers.
    pub service: Measures,
    /// 7（2）: how products are developed.
    pub development: Development,
    /// 7（3）: measures for office (OA) equipment.
    pub office: Measures,
    /// 8: people.
    pub personnel: Personnel,
    /// 9: equipment.
    pub equipment: Equipment,
    /// 10: training.
    pub training: Training,
    /// 11: records, trails, evidence.
    pub records: Records,
    /// 12: audit.
    pub audit: Audit,
    /// 13: supervision of those who work for the company.
    pub outsourcing: Outsourcing,
    /// 14: the end of a business.
    pub termination: Termination,
    /// 15: getting better.
    pub improvement: Improvement,
    /// 附錄: products that are sold outright.
    pub appendix: Appendix,
}

/// One value for hosts of each role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ByRole<T: Default> {
    /// For the systems run for customers.
    pub service: T,
    /// For office equipment.
    pub office: T,
}

impl<T: Default> ByRole<T> {
    /// The value for `role`.
    pub const fn get(&self, role: Role) -> &T {
        match role {
            Role::Service => &self.service,
            Role::Office => &self.office,
        }
    }
}

impl Plan {
    /// The thirteen measures that a host of `role` is judged by.
    #[must_use]
    pub const fn measures(&self, role: Role) -> &Measures {
        match role {
            Role::Service => &self.service,
            Role::Office => &self.office,
        }
    }

    /// 12（4）: whether the company is one whose measures are carried out every twelve months at the latest. A company
    /// that does not say how large it is counts as one.
    #[must_use]
    pub fn is_large(&self) -> bool {
        let records = self
            .inventory
            .records()
            .max(self.audit.personal_records.unwrap_or(0));
        self.audit
            .capital_twd
            .is_none_or(|capital| capital >= LARGE_CAPITAL_TWD)
            || records >= LARGE_RECORDS
    }

    /// The zone that quarters and due days follow.
    #[must_use]
    pub fn zone(&self) -> TimeZone {
        TimeZone::get("Asia/Taipei").unwrap_or_else(|_| TimeZone::fixed(jiff::tz::offset(8)))
    }
}

const EXAMPLE: &str = include_str!("../../plan.example.toml");

/// A plan with the identity of the text it was read from.
#[derive(Clone, Debug)]
pub struct LoadedPlan {
    /// The plan.
    pub plan: Plan,
    /// Version and hash, as findings and reports name it.
    pub reference: PlanRef,
    /// The exact text.
    pub text: String,
}

impl LoadedPlan {
    /// Reads and validates the plan at `path`.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        Self::from_text(file::read(path)?, path)
    }

    /// Reads and validates a plan from its text; `path` only names it in errors.
    pub fn from_text(text: String, path: &Path) -> Result<Self, FileError> {
        let plan: Plan = file::parse_with(&text, path, validate::owners)?;
        validate::validate(&plan, &text, path)?;
        let reference = PlanRef {
            version: plan.version.clone(),
            sha256: sha256_hex(text.as_bytes()),
        };
        Ok(Self {
            plan,
            reference,
            text,
        })
    }

    /// The example plan that ships inside the programs: the whole form at its usual values.
    pub fn example() -> Result<Self, FileError> {
        Self::from_text(EXAMPLE.to_owned(), Path::new("plan.example.toml"))
    }

    /// The example with the keys that it leaves out written down: a `#` before a letter or a table.
    fn every_key() -> String {
        EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(key) if key.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => key,
                _ => line,
            })
            .collect::<Vec<_>>()
            .join("\n")
    }
}

#[cfg(test)]
mod example_tests;
