//! Which findings are so grave that an incident begins with them, and what Section 5 asks for once one has begun.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::CheckEntry;
use crate::finding::{Finding, Severity, Status};

/// What an incident makes one suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IncidentKind {
    /// Somebody got in.
    Intrusion,
    /// Personal data lies open.
    Exposure,
    /// A program that does harm was found.
    Malware,
    /// Data, or what it lies on, is lost or destroyed.
    Loss,
    /// Something else, as a person describes it.
    Other,
}

impl IncidentKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Intrusion,
        Self::Exposure,
        Self::Malware,
        Self::Loss,
        Self::Other,
    ];

    /// The name used in JSON and on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intrusion => "intrusion",
            Self::Exposure => "exposure",
            Self::Malware => "malware",
            Self::Loss => "loss",
            Self::Other => "other",
        }
    }

    /// The key of the word for it in the message files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Intrusion => "incident-kind-intrusion",
            Self::Exposure => "incident-kind-exposure",
            Self::Malware => "incident-kind-malware",
            Self::Loss => "incident-kind-loss",
            Self::Other => "incident-kind-other",
        }
    }
}

/// Failing findings of a check that an incident begins with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentRule {
    /// What they make one suspect.
    pub kind: IncidentKind,
    /// Only those of this severity or a worse one; any where it is not said.
    #[serde(default = "mildest")]
    pub severity: Severity,
    /// Only those on a subject that begins with one of these; empty: on any.
    #[serde(default)]
    pub subjects: Vec<String>,
    /// Only those whose evidence has `anomalies` of one of these kinds; empty: whatever the evidence has.
    #[serde(default)]
    pub anomalies: Vec<String>,
}

const fn mildest() -> Severity {
    Severity::Low
}

/// What of a finding an incident begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grave {
    /// What it makes one suspect.
    pub kind: IncidentKind,
    /// The kind of anomaly, as the evidence names it.
    pub anomaly: Option<String>,
    /// When the anomaly began, by the host's clock.
    pub first_at: Option<Timestamp>,
    /// When it was last seen.
    pub last_at: Option<Timestamp>,
}

impl CheckEntry {
    /// What of a finding of this check an incident begins with; `None`: it is not so grave.
    #[must_use]
    pub fn grave(&self, finding: &Finding) -> Option<Grave> {
        if finding.check != self.id || finding.status != Status::Fail {
            return None;
        }
        self.incidents.iter().find_map(|rule| rule.grave(finding))
    }
}

impl IncidentRule {
    fn grave(&self, finding: &Finding) -> Option<Grave> {
        let begins = |prefix: &String| finding.subject.starts_with(prefix.as_str());
        let on_subject = self.subjects.is_empty() || self.subjects.iter().any(begins);
        if finding.severity < self.severity || !on_subject {
            return None;
        }
        let mut grave = Grave {
            kind: self.kind,
            anomaly: None,
            first_at: None,
            last_at: None,
        };
        if self.anomalies.is_empty() {
            return Some(grave);
        }
        let named = finding.evidence.get("anomalies")?.as_array()?.iter();
        // The latest of those that count tells whether it happened again.
        for anomaly in named {
            let Some(kind) = anomaly.get("kind").and_then(Value::as_str) else {
                continue;
            };
            if !self.anomalies.iter().any(|counts| counts == kind) {
                continue;
            }
            let time = |member: &str| anomaly.get(member)?.as_str()?.parse::<Timestamp>().ok();
            let first = time("first_at");
            grave.first_at = [grave.first_at, first].into_iter().flatten().min();
            grave.last_at = grave.last_at.max(time("last_at"));
            grave.anomaly.get_or_insert_with(|| kind.to_owned());
        }
        grave.anomaly.is_some().then_some(grave)
    }
}

/// What Section 5 asks for once an incident has begun; a line of the checklist stands for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duty {
    /// 5（2） 事故通報.
    NotifyAuthority,
    /// 5（3） 通知當事人.
    NotifySubjects,
    /// 5（4） 通知客戶.
    NotifyCustomers,
    /// 5（5）1 應變措施.
    Contain,
    /// 5（5）2 調查事件成因及入侵方式.
    Investigate,
    /// 5（5）3 矯正預防措施.
    Prevent,
}

impl Duty {
    /// Every duty.
    pub const ALL: [Self; 6] = [
        Self::NotifyAuthority,
        Self::NotifySubjects,
        Self::NotifyCustomers,
        Self::Contain,
        Self::Investigate,
        Self::Prevent,
    ];

    /// The key of the word for it in the message files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::NotifyAuthority => "incident-duty-notify-authority",
            Self::NotifySubjects => "incident-duty-notify-subjects",
            Self::NotifyCustomers => "incident-duty-notify-customers",
            Self::Contain => "incident-duty-contain",
            Self::Investigate => "incident-duty-investigate",
            Self::Prevent => "incident-duty-prevent",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalogue::{check, checks, items};

    fn finding(check: &str, severity: &str, evidence: &Value) -> Finding {
        serde_json::from_value(json!({
            "check": check, "clause": "7.1.5", "status": "fail", "severity": severity,
            "subject": "source:203.0.113.7", "summary": {"zh-TW": "", "en": ""}, "expected": null, "actual": null,
            "remediation": {"zh-TW": "", "en": ""}, "evidence": evidence, "observed_at": "2026-10-01T00:00:00Z"
        }))
        .unwrap()
    }

    fn grave(finding: &Finding) -> Option<Grave> {
        check(&finding.check).unwrap().grave(finding)
    }

    #[test]
    fn a_login_after_brute_force_begins_an_incident_and_brute_force_alone_does_not() {
        let anomaly =
            |kind, last: &str| json!({"kind": kind, "first_at": "2026-10-01T01:00:00Z", "last_at": last});
        let warded_off = json!({"anomalies": [anomaly("brute-force", "2026-10-01T09:00:00Z")]});
        assert_eq!(grave(&finding("logins.abnormal", "critical", &warded_off)), None);
        let got_in = json!({"anomalies": [
            anomaly("success-after-failures", "2026-10-01T03:00:00Z"),
            anomaly("brute-force", "2026-10-01T09:00:00Z"),
            anomaly("success-after-failures", "2026-10-01T04:00:00Z"),
        ]});
        let found = grave(&finding("logins.abnormal", "critical", &got_in)).unwrap();
        assert_eq!(
            (found.kind, found.anomaly.as_deref()),
            (IncidentKind::Intrusion, Some("success-after-failures"))
        );
        assert_eq!(found.last_at.unwrap().to_string(), "2026-10-01T04:00:00Z");
        let mut passes = finding("logins.abnormal", "critical", &got_in);
        passes.status = Status::Pass;
        assert_eq!(grave(&passes), None);
    }

    #[test]
    fn what_is_found_infected_or_exposed_begins_one_and_what_is_late_does_not() {
        for (check, severity, kind) in [
            ("antivirus.scan", "critical", Some(IncidentKind::Malware)),
            ("antivirus.scan", "medium", None),
            ("masking.logs", "high", Some(IncidentKind::Exposure)),
            ("masking.logs", "medium", None),
            ("testdata.real-pii", "critical", Some(IncidentKind::Exposure)),
            ("testdata.real-pii", "high", None),
            ("tls.protocol-versions", "critical", None),
        ] {
            let found = grave(&finding(check, severity, &Value::Null));
            assert_eq!(found.map(|found| found.kind), kind, "{check} {severity}");
        }
    }

    #[test]
    fn evidence_of_any_shape_is_answered() {
        for evidence in [
            json!(null),
            json!({"anomalies": 1}),
            json!({"anomalies": [1, {"kind": 2}, {"kind": "success-after-failures", "last_at": "yesterday"}]}),
        ] {
            let _answered = grave(&finding("logins.abnormal", "critical", &evidence));
        }
    }

    #[test]
    fn every_kind_and_duty_has_its_word_and_a_rule_says_something_of_its_check() {
        for kind in IncidentKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert!(crate::message::exists(kind.key()));
        }
        for duty in Duty::ALL {
            let mut lines = items().iter().flat_map(|item| &item.lines);
            assert!(lines.any(|line| line.duty == Some(duty)), "{duty:?}");
            assert!(crate::message::exists(duty.key()));
        }
        assert!(checks().iter().any(|entry| !entry.incidents.is_empty()));
        for rule in checks().iter().flat_map(|entry| &entry.incidents) {
            let narrowed =
                rule.severity > mildest() || !rule.subjects.is_empty() || !rule.anomalies.is_empty();
            assert!(narrowed, "a check that fails somewhere is no incident by itself");
        }
    }
}
