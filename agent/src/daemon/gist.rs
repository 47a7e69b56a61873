//! What of a run is news: the collector is told at once what began or ended, and of figures that grow while an attack goes
//! on once a minute, so that a host that is attacked without end costs it no more than that.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use plumbline_config::finding::{Finding, Severity};
use plumbline_config::wire::Assessment;
use serde_json::Value;
use tokio::time::Instant;

/// Figures alone are told so often.
const FIGURES: Duration = Duration::from_secs(60);

/// The gist of what was last kept of each check, and when that was.
#[derive(Debug, Default)]
pub(super) struct Gists(BTreeMap<String, (u64, Instant)>);

impl Gists {
    /// Until when what a run said of `checks` can wait; `None`: there is news, or figures have waited for long enough.
    pub(super) fn can_wait(&self, assessment: &Assessment, now: Instant) -> Option<Instant> {
        let mut until: Option<Instant> = None;
        for check in &assessment.checks {
            let (told, at) = self.0.get(check)?;
            let due = *at + FIGURES;
            if *told != gist(assessment, check) || due <= now {
                return None;
            }
            until = Some(until.map_or(due, |until| until.min(due)));
        }
        until
    }

    /// It was kept.
    pub(super) fn note(&mut self, assessment: &Assessment, now: Instant) {
        for check in &assessment.checks {
            self.0.insert(check.clone(), (gist(assessment, check), now));
        }
    }
}

fn gist(assessment: &Assessment, check: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    assessment.plan.sha256.hash(&mut hasher);
    for finding in assessment
        .findings
        .iter()
        .filter(|finding| finding.check == check)
    {
        (&finding.subject, finding.status.name(), finding.severity.name()).hash(&mut hasher);
        anomalies(finding, &mut hasher);
        let drill = finding.evidence.get("drill").and_then(|drill| drill.get("state"));
        drill.and_then(Value::as_str).hash(&mut hasher);
    }
    hasher.finish()
}

fn anomalies(finding: &Finding, hasher: &mut DefaultHasher) {
    let anomalies = finding.evidence.get("anomalies").and_then(Value::as_array);
    for anomaly in anomalies.into_iter().flatten() {
        let text = |member| anomaly.get(member).and_then(Value::as_str);
        text("kind").hash(hasher);
        // Of the gravest each time counts: it may have happened again.
        if text("severity") == Some(Severity::Critical.name()) {
            text("last_at").hash(hasher);
        }
    }
}

#[cfg(test)]
mod tests {
    use plumbline_config::finding::Status;
    use serde_json::json;

    use super::*;
    use crate::testing::{assessment, finding};

    fn attack(kind: &str, severity: &str, last_at: &str) -> Assessment {
        let anomaly =
            json!({ "kind": kind, "severity": severity, "last_at": last_at, "count": last_at.len() });
        let mut found = finding("logins.abnormal", Status::Fail);
        found.evidence = json!({ "anomalies": [anomaly] });
        assessment(&["logins.abnormal"], vec![found])
    }

    #[test]
    fn what_began_is_news_and_figures_wait_for_a_minute() {
        let mut gists = Gists::default();
        let start = Instant::now();
        let first = attack("brute-force", "medium", "1");
        assert_eq!(gists.can_wait(&first, start), None, "the first time");
        gists.note(&first, start);
        let soon = start + Duration::from_secs(5);
        let grown = attack("brute-force", "medium", "20");
        assert_eq!(gists.can_wait(&grown, soon), Some(start + FIGURES));
        assert_eq!(
            gists.can_wait(&grown, start + FIGURES),
            None,
            "they are told then"
        );
        let worse = attack("success-after-failures", "critical", "20");
        assert_eq!(gists.can_wait(&worse, soon), None);
        gists.note(&worse, soon);
        let again = attack("success-after-failures", "critical", "30");
        assert_eq!(gists.can_wait(&again, soon), None, "it happened again");
        let over = assessment(&["logins.abnormal"], Vec::new());
        assert_eq!(gists.can_wait(&over, soon), None);
    }
}
