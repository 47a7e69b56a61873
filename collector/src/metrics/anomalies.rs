//! Counts abnormal logins, each when it begins.
//!
//! A host names an anomaly in every report for as long as it stands, so what is counted is a kind and a subject that
//! the host's report before did not name. Only hashes of these are kept in memory.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use plumbline_config::finding::{Finding, Status};
use plumbline_config::ident::HostId;
use plumbline_config::wire::{Assessment, Scope};

/// The check whose failing findings are abnormal logins.
const CHECK: &str = "logins.abnormal";

/// The kinds of abnormal login that may be a label; anything else is `other`.
const KINDS: [&str; 11] = [
    "brute-force",
    "password-spraying",
    "success-after-failures",
    "first-seen-source",
    "first-seen-user",
    "off-hours",
    "root-login",
    "dormant-account",
    "impossible-pace",
    "new-privileged-account",
    "privilege-escalation",
];

/// What each host's latest report named.
#[derive(Debug, Default)]
pub(super) struct Anomalies {
    named: HashMap<HostId, HashSet<u64>>,
}

impl Anomalies {
    /// The kinds of the anomalies that began with this report.
    pub(super) fn begun(&mut self, host: &HostId, assessment: &Assessment) -> Vec<&'static str> {
        if !assessment.checks.iter().any(|check| check == CHECK) {
            return Vec::new();
        }
        let before = self.named.remove(host).unwrap_or_default();
        let mut now = match assessment.scope {
            Scope::Checks => HashSet::new(),
            // What did not change is not named again, and stands.
            Scope::Changes => before.clone(),
        };
        let gone = assessment.gone.iter().filter(|gone| gone.check == CHECK);
        let changed = assessment
            .findings
            .iter()
            .filter(|finding| finding.check == CHECK);
        let subjects = gone
            .map(|gone| &gone.subject)
            .chain(changed.map(|finding| &finding.subject));
        for subject in subjects {
            for kind in KINDS.into_iter().chain(["other"]) {
                now.remove(&hash(kind, subject));
            }
        }
        let mut begun = Vec::new();
        let failing = assessment
            .findings
            .iter()
            .filter(|finding| finding.check == CHECK && finding.status == Status::Fail);
        for finding in failing {
            for kind in kinds(finding) {
                let anomaly = hash(kind, &finding.subject);
                if now.insert(anomaly) && !before.contains(&anomaly) {
                    begun.push(kind);
                }
            }
        }
        if !now.is_empty() {
            self.named.insert(host.clone(), now);
        }
        begun
    }
}

/// The kinds that a finding's evidence names in `anomalies`.
fn kinds(finding: &Finding) -> impl Iterator<Item = &'static str> {
    let anomalies = finding.evidence.get("anomalies").and_then(|all| all.as_array());
    anomalies.into_iter().flatten().map(|anomaly| {
        let named = anomaly.get("kind").and_then(|kind| kind.as_str());
        KINDS
            .into_iter()
            .find(|known| named == Some(*known))
            .unwrap_or("other")
    })
}

fn hash(kind: &str, subject: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, subject).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn report(checks: &[&str], anomalies: &[(&str, &[&str])]) -> Assessment {
        let finding = |(subject, kinds): &(&str, &[&str])| {
            let kinds: Vec<Value> = kinds.iter().map(|kind| json!({"kind": kind})).collect();
            json!({
                "check": CHECK, "clause": "7.1.5", "status": "fail", "severity": "high", "subject": subject,
                "summary": {"zh-TW": "", "en": ""}, "expected": null, "actual": null,
                "remediation": {"zh-TW": "", "en": ""}, "evidence": {"anomalies": kinds},
                "observed_at": "2026-10-01T00:00:00Z"
            })
        };
        serde_json::from_value(json!({
            "host": {"id": "h-1", "name": "web", "role": "service",
                     "os": {"id": "", "version": "", "name": "", "kernel": "", "architecture": ""}},
            "plan": {"version": "1", "sha256": "00"},
            "started_at": "2026-10-01T00:00:00Z", "finished_at": "2026-10-01T00:00:00Z",
            "checks": checks, "findings": anomalies.iter().map(finding).collect::<Vec<_>>(),
        }))
        .unwrap()
    }

    #[test]
    fn an_anomaly_is_counted_when_it_begins_and_again_when_it_comes_back() {
        let mut anomalies = Anomalies::default();
        let host = "h-1".parse().unwrap();
        let mut begun = |report: &Assessment| anomalies.begun(&host, report);
        let first = report(&[CHECK], &[("192.0.2.1", &["brute-force"])]);
        assert_eq!(begun(&first), ["brute-force"]);
        assert!(begun(&first).is_empty(), "it still stands");
        let more = report(
            &[CHECK],
            &[(
                "192.0.2.1",
                &["brute-force", "success-after-failures", "invented"],
            )],
        );
        assert_eq!(begun(&more), ["success-after-failures", "other"]);
        assert!(
            begun(&report(&["tls.certificates"], &[])).is_empty(),
            "the check did not run"
        );
        assert!(begun(&report(&[CHECK], &[])).is_empty());
        assert_eq!(begun(&first), ["brute-force"]);
    }
}
