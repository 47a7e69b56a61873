//! Since when the loaded rules are what they are: remembered from run to run, and the dates of the files they come from.

use std::fmt::Write;
use std::time::UNIX_EPOCH;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::expression::Expression;
use super::ruleset::Ruleset;
use crate::host::Host;

/// Number of the way in which rules are hashed; of another number nothing can be compared.
const HASHING: u32 = 1;
/// Most changes remembered.
const MOST_CHANGES: usize = 50;
/// Files and directories that rules are loaded from.
const SOURCES: [&str; 9] = [
    "/etc/nftables.conf",
    "/etc/nftables.d",
    "/etc/sysconfig/nftables.conf",
    "/etc/ufw",
    "/etc/firewalld",
    "/etc/iptables",
    "/etc/sysconfig/iptables",
    "/etc/shorewall",
    "/etc/ferm",
];
/// Most files looked at.
const MOST_FILES: usize = 5_000;

/// Kept from run to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FirewallMemory {
    /// How the rules were hashed.
    pub hashing: u32,
    /// When the rules were first looked at.
    pub watched_since: Option<Timestamp>,
    /// Hashes of the rules, each with when it was first seen; the newest last.
    pub changes: Vec<(Timestamp, String)>,
}

/// Since when the rules are what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Review {
    /// SHA-256 of the rules, without counters and what rules themselves put into sets.
    pub sha256: String,
    /// When a change was last seen; `None`: not since they are watched.
    pub changed_at: Option<Timestamp>,
    /// Since when they are watched.
    pub watched_since: Option<Timestamp>,
    /// The newest file that rules are loaded from.
    pub file: Option<(String, Timestamp)>,
    /// Earlier hashes, the newest last.
    pub changes: Vec<(Timestamp, String)>,
}

impl FirewallMemory {
    /// Remembers the rules as they are now, and tells since when they are so.
    pub(super) fn update(&mut self, ruleset: &Ruleset, host: &Host, now: Timestamp) -> Review {
        let sha256 = hash(ruleset);
        if self.hashing != HASHING {
            self.hashing = HASHING;
            // What was seen of it before can't be compared; when it was last seen to change still holds.
            let last = self.changes.pop().map(|(at, _)| at);
            self.changes
                .push((last.or(self.watched_since).unwrap_or(now), sha256.clone()));
        }
        self.watched_since.get_or_insert(now);
        if self.changes.last().is_none_or(|(_, last)| *last != sha256) {
            self.changes.push((now, sha256.clone()));
        }
        let surplus = self.changes.len().saturating_sub(MOST_CHANGES);
        self.changes.drain(..surplus);
        Review {
            sha256,
            // The first hash is of the first look, not of a change.
            changed_at: self
                .changes
                .last()
                .map(|(at, _)| *at)
                .filter(|at| Some(*at) != self.watched_since),
            watched_since: self.watched_since,
            file: newest_source(host),
            changes: self.changes.clone(),
        }
    }
}

/// SHA-256 of what the rules say.
fn hash(ruleset: &Ruleset) -> String {
    let mut text = String::new();
    for table in &ruleset.tables {
        let updated = |name: &str| {
            let mut expressions = table
                .chains
                .values()
                .flat_map(|chain| &chain.rules)
                .flat_map(|rule| &rule.expressions);
            expressions
                .any(|expression| matches!(expression, Expression::SetUpdate { set, .. } if set == name))
        };
        let _ = writeln!(text, "table {} {} {}", table.family, table.name, table.dormant);
        for (name, chain) in &table.chains {
            let _ = writeln!(text, "chain {name} {:?}", chain.base);
            for rule in &chain.rules {
                let _ = writeln!(text, "{:?}", rule.expressions);
            }
        }
        for (name, set) in table.sets.iter().filter(|(name, _)| !updated(name)) {
            let _ = writeln!(text, "set {name} {:?} {:?}", set.elements, set.catchall);
        }
    }
    hex::encode(Sha256::digest(text))
}

fn newest_source(host: &Host) -> Option<(String, Timestamp)> {
    let mut files = Vec::new();
    for source in SOURCES {
        match host.metadata(source) {
            Ok(metadata) if metadata.is_dir() => {
                files.extend(host.walk(source, MOST_FILES).unwrap_or_default());
            }
            Ok(_) => files.push(source.into()),
            Err(_) => {}
        }
    }
    let changed = |path: &std::path::PathBuf| {
        let modified = host.metadata(path).ok()?.modified().ok()?;
        let seconds = modified.duration_since(UNIX_EPOCH).ok()?.as_secs();
        let at = Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
        Some((path.display().to_string(), at))
    };
    files.iter().filter_map(changed).max_by_key(|(_, at)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firewall::ruleset::{Family, Table};

    #[test]
    fn a_change_is_seen_and_the_first_look_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::at(dir.path()).unwrap();
        let mut memory = FirewallMemory::default();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let mut rules = Ruleset::default();
        let first = memory.update(&rules, &host, at("2026-01-01T00:00:00Z"));
        assert_eq!(first.changed_at, None);
        let again = memory.update(&rules, &host, at("2026-02-01T00:00:00Z"));
        assert_eq!((again.changed_at, again.changes.len()), (None, 1));
        rules.tables.push(Table::new(Family::Inet, "f".to_owned()));
        let changed = memory.update(&rules, &host, at("2026-03-01T00:00:00Z"));
        assert_eq!(changed.changed_at, Some(at("2026-03-01T00:00:00Z")));
        assert_ne!(changed.sha256, first.sha256);
        // A version that hashes otherwise is no change.
        memory.hashing = 0;
        let other = memory.update(&rules, &host, at("2026-04-01T00:00:00Z"));
        assert_eq!(other.sha256, changed.sha256);
        assert!(other.changed_at < Some(at("2026-04-01T00:00:00Z")));
    }
}
