//! The entry of one check.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::IncidentRule;
use crate::finding::Severity;
use crate::ident::Role;
use crate::lang::Bilingual;

/// What the catalogue holds on one check.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckEntry {
    /// Such as `tls.protocol-versions`.
    pub id: String,
    /// Clause that a host of each role is judged by; a role without one is not judged.
    pub clauses: Clauses,
    /// How much a failure matters unless the check itself says otherwise.
    pub severity: Severity,
    /// Name of the check.
    pub title: Bilingual,
    /// What it reads on the host.
    pub reads: Bilingual,
    /// What of the plan it is judged against.
    pub judged: Bilingual,
    /// How to mend a failure.
    pub remedy: Bilingual,
    /// Linux capabilities it needs to see everything, such as `CAP_NET_ADMIN`; empty: any user.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Which of its failing findings an incident begins with (Section 5); empty: none.
    #[serde(default, rename = "incident")]
    pub incidents: Vec<IncidentRule>,
}

/// Clause by role.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clauses {
    /// Such as `7.1.3`.
    pub service: Option<String>,
    /// Such as `7.3.3`.
    pub office: Option<String>,
}

impl CheckEntry {
    /// The clause that a host of `role` is judged by.
    #[must_use]
    pub fn clause(&self, role: Role) -> Option<&str> {
        match role {
            Role::Service => self.clauses.service.as_deref(),
            Role::Office => self.clauses.office.as_deref(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckFile {
    check: Vec<CheckEntry>,
}

macro_rules! files {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../catalogue/checks/", $name)))),*]
    };
}

/// Catalogue files, in the order of the plan: the thirteen measures of Section 7, then the other sections.
const FILES: &[(&str, &str)] = files! {
    "encryption.toml"
    "backup.toml"
    "transfer.toml"
    "intrusion.toml"
    "monitoring.toml"
    "vulnerability.toml"
    "antivirus.toml"
    "authentication.toml"
    "test-data.toml"
    "change.toml"
    "review.toml"
    "masking.toml"
    "custom.toml"
    "inventory.toml"
    "personnel.toml"
    "equipment.toml"
    "records.toml"
};

static CHECKS: LazyLock<Vec<CheckEntry>> = LazyLock::new(|| {
    let read = |(_, text): &(&str, &str)| toml::from_str::<CheckFile>(text).map(|file| file.check);
    // The files are part of the program; the tests prove that each parses.
    FILES
        .iter()
        .flat_map(|file| read(file).unwrap_or_default())
        .collect()
});

/// Every check, in the order of the plan.
#[must_use]
pub fn checks() -> &'static [CheckEntry] {
    &CHECKS
}

/// The entry of the check `id`.
#[must_use]
pub fn check(id: &str) -> Option<&'static CheckEntry> {
    static BY_ID: LazyLock<HashMap<&str, &CheckEntry>> =
        LazyLock::new(|| CHECKS.iter().map(|entry| (entry.id.as_str(), entry)).collect());
    BY_ID.get(id).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_file_parses_and_every_id_stands_once() {
        for (name, text) in FILES {
            let parsed: Result<CheckFile, _> = toml::from_str(text);
            assert!(parsed.is_ok(), "{name}: {}", parsed.err().unwrap());
        }
        let ids: HashSet<_> = checks().iter().map(|entry| &entry.id).collect();
        assert_eq!(ids.len(), checks().len());
    }

    #[test]
    fn every_text_stands_in_both_languages() {
        for entry in checks() {
            for text in [&entry.title, &entry.reads, &entry.judged, &entry.remedy] {
                assert!(
                    !text.zh_tw.is_empty() && !text.en.is_empty(),
                    "{}: {text:?}",
                    entry.id
                );
            }
        }
    }
}
