//! Since when a security update has been pending. No file on the host tells, so it is remembered from run to run.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::status::Installed;
use super::{SecurityUpdate, version};

/// Most updates remembered. What goes beyond stays of unknown age.
const MOST_REMEMBERED: usize = 10_000;

/// Kept from run to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PackageMemory {
    /// When security lists were first looked at; an update seen later than that is new.
    pub watched_since: Option<Timestamp>,
    /// `package architecture version` of each pending update, with when it was first seen; `None` where it was
    /// already pending at the first look.
    pub pending: BTreeMap<String, Option<Timestamp>>,
}

impl PackageMemory {
    /// Remembers the updates, forgets those that are installed, and tells each since when its package has been lacking
    /// one: an update overtaken by a newer one before it was installed is still lacking.
    pub(super) fn update(
        &mut self,
        updates: &mut [SecurityUpdate],
        installed: &[Installed],
        lists_read: bool,
        now: Timestamp,
    ) {
        let versions: BTreeMap<(&str, &str), &str> = installed
            .iter()
            .map(|package| {
                (
                    (package.name.as_str(), package.architecture.as_str()),
                    package.version.as_str(),
                )
            })
            .collect();
        self.pending.retain(|key, _| {
            let mut words = key.split(' ');
            let (Some(name), Some(architecture), Some(fixed)) = (words.next(), words.next(), words.next())
            else {
                return false;
            };
            versions
                .get(&(name, architecture))
                .is_some_and(|installed| version::is_newer(fixed, installed))
        });
        let first_seen = self.watched_since.map(|_| now);
        for update in updates.iter() {
            let key = format!("{} {} {}", update.name, update.architecture, update.fixed);
            if self.pending.len() < MOST_REMEMBERED {
                self.pending.entry(key).or_insert(first_seen);
            }
        }
        if lists_read {
            self.watched_since.get_or_insert(now);
        }
        for update in updates {
            let package = format!("{} {} ", update.name, update.architecture);
            let of_package = self
                .pending
                .range(package.clone()..)
                .take_while(|(key, _)| key.starts_with(&package));
            // `None`, of unknown age, is the least.
            update.first_seen = of_package.map(|(_, seen)| *seen).min().flatten();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(version: &str) -> Installed {
        Installed {
            name: "a".to_owned(),
            architecture: "amd64".to_owned(),
            version: version.to_owned(),
            source: "a".to_owned(),
            held: false,
            complete: true,
        }
    }

    fn seen(memory: &mut PackageMemory, version: &str, fixed: &str, now: &str) -> Option<String> {
        let mut updates = [SecurityUpdate {
            name: "a".to_owned(),
            architecture: "amd64".to_owned(),
            source: "a".to_owned(),
            installed: version.to_owned(),
            fixed: fixed.to_owned(),
            held: false,
            first_seen: None,
        }];
        memory.update(&mut updates, &[installed(version)], true, now.parse().unwrap());
        updates[0].first_seen.map(|at| at.to_string())
    }

    #[test]
    fn what_was_pending_at_the_first_look_stays_of_unknown_age() {
        let mut memory = PackageMemory::default();
        assert_eq!(seen(&mut memory, "1", "2", "2026-01-01T00:00:00Z"), None);
        assert_eq!(seen(&mut memory, "1", "2", "2026-01-02T00:00:00Z"), None);
        assert_eq!(seen(&mut memory, "1", "3", "2026-01-03T00:00:00Z"), None);
        // Installed at last; the next one is of known age.
        let at = seen(&mut memory, "3", "4", "2026-01-04T00:00:00Z");
        assert_eq!(at.as_deref(), Some("2026-01-04T00:00:00Z"));
        assert_eq!(memory.pending.len(), 1);
    }

    #[test]
    fn a_newer_update_does_not_make_an_old_one_young() {
        let mut memory = PackageMemory {
            watched_since: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            ..PackageMemory::default()
        };
        for (fixed, now) in [("2", "2026-01-02T00:00:00Z"), ("3", "2026-01-09T00:00:00Z")] {
            let at = seen(&mut memory, "1", fixed, now);
            assert_eq!(at.as_deref(), Some("2026-01-02T00:00:00Z"));
        }
        let at = seen(&mut memory, "2", "3", "2026-01-10T00:00:00Z");
        assert_eq!(at.as_deref(), Some("2026-01-09T00:00:00Z"));
    }

    #[test]
    fn memory_survives_the_way_to_the_disk() {
        let mut memory = PackageMemory::default();
        seen(&mut memory, "1", "2", "2026-01-01T00:00:00Z");
        let text = serde_json::to_string(&memory).unwrap();
        assert_eq!(serde_json::from_str::<PackageMemory>(&text).unwrap(), memory);
    }
}
