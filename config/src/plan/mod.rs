//! The plan: the company's 個人資料安全維護計畫 as it filled the form in, and so the policy that hosts are judged by.
//!
//! Every blank of the form is a field; a blank left unset takes the value that the form itself calls usual (【註】).

mod measures;
mod validate;

use std::path::Path;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::file::{self, FileError};
use crate::ident::Role;
use crate::seal::sha256_hex;
use crate::wire::PlanRef;

pub use measures::*;

/// The plan file's contents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Version of the document, such as `115.10.01 第3版`; the form's first line.
    pub version: String,
    /// 7（1）: measures for the systems run for customers.
    pub service: Measures,
    /// 7（3）: measures for office (OA) equipment.
    pub office: Measures,
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

    /// The zone that quarters and due days follow.
    #[must_use]
    pub fn zone(&self) -> TimeZone {
        TimeZone::get("Asia/Taipei").unwrap_or_else(|_| TimeZone::fixed(jiff::tz::offset(8)))
    }
}

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
        let plan: Plan = file::parse(&text, path)?;
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
        Self::from_text(
            include_str!("../../plan.example.toml").to_owned(),
            Path::new("plan.example.toml"),
        )
    }
}
