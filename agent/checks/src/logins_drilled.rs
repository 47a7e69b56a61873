//! What `logins.abnormal` says of a drill: whether its attempts were found abnormal, as those of anybody else would be.

use plumbline_config::message::Message;
use plumbline_config::plan::LoginRules;
use plumbline_config::seal::sha256_hex;
use plumbline_facts::logins::{Drilled, Habits, LoginFacts};
use serde_json::json;

use crate::check::{Context, Verdict};
use crate::logins::{AnomalyKind, Observed, detect};

/// Judges one drill. It is open while it runs, so that the collector sees when it was announced and when found, and passes
/// once it was detected; it names no anomaly, so that nobody counts it as one.
pub(crate) fn judge(
    drilled: &Drilled,
    logins: &LoginFacts,
    rules: &LoginRules,
    context: &Context<'_>,
) -> Verdict {
    let drill = &drilled.drill;
    let zone = context.plan.zone();
    let observed = Observed {
        events: &drilled.events,
        changes: &[],
        habits: &Habits::default(),
        places: &logins.places,
        dormant_after: context.measures().review.dormant_after.nominal(),
        zone: &zone,
    };
    let found = detect(&observed, rules)
        .into_iter()
        .find(|anomaly| anomaly.kind == AnomalyKind::BruteForce);
    let subject = format!("drill:{}", drill.id);
    let (state, verdict) = match &found {
        Some(anomaly) => {
            let message = Message::new("logins-drill-detected")
                .number("count", usize::try_from(anomaly.count).unwrap_or(usize::MAX))
                .arg("first", anomaly.first_at);
            ("detected", Verdict::pass(subject, message))
        }
        None if context.now <= drill.until => {
            let message = Message::new("logins-drill-announced").arg("until", drill.until);
            ("announced", Verdict::manual(subject, message))
        }
        None => {
            let message = Message::new("logins-drill-missed")
                .number("count", drilled.events.len())
                .arg("until", drill.until);
            ("missed", Verdict::fail(subject, message))
        }
    };
    let read: Vec<&str> = logins
        .sources
        .iter()
        .filter(|source| source.reading.value().is_ok())
        .map(|source| source.name.as_str())
        .collect();
    verdict
        .compared(json!({ "drill": "detected" }), json!({ "drill": state }))
        .evidence(json!({ "drill": {
            "id": drill.id, "state": state, "attempts": drill.attempts, "source": drill.source,
            "label_sha256": sha256_hex(drill.user.as_bytes()),
            "from": drill.from, "until": drill.until,
            "detected": found.as_ref().map(|anomaly| anomaly.count),
            "first_at": found.as_ref().map(|anomaly| anomaly.first_at),
            "sources_read": read,
        }}))
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use plumbline_config::finding::Status;
    use plumbline_config::ident::Role;
    use plumbline_config::plan::Plan;
    use plumbline_facts::logins::{Drill, LoginEvent, Method, Outcome, Service, Source};

    use super::*;
    use crate::invariants::NOW;

    fn judged(attempts: i64, seconds_ago: i64) -> (Status, String) {
        let now: Timestamp = NOW.parse().unwrap();
        let from = now - SignedDuration::from_secs(seconds_ago);
        let drill = Drill::new([1; 18], from, SignedDuration::from_secs(300), 6);
        let events = (0..attempts).map(|n| LoginEvent {
            at: from + SignedDuration::from_secs(n),
            service: Service::Sshd,
            user: Some(drill.user.clone()),
            unknown_user: false,
            by: None,
            source: Some(Source::Address(drill.source)),
            outcome: Outcome::Failed,
            method: Method::Password,
            count: 1,
            line: 0,
        });
        let drilled = Drilled {
            events: events.collect(),
            drill: drill.clone(),
        };
        let plan = Plan::default();
        let context = Context {
            plan: &plan,
            role: Role::Service,
            now,
        };
        let rules = &plan.service.monitoring.logins;
        let verdict = judge(&drilled, &LoginFacts::default(), rules, &context);
        assert!(
            !verdict.evidence.to_string().contains(&drill.user),
            "the label is not told"
        );
        assert_eq!(verdict.evidence.get("anomalies"), None);
        (
            verdict.status,
            verdict.actual["drill"].as_str().unwrap().to_owned(),
        )
    }

    #[test]
    fn a_drill_is_announced_then_detected_or_missed() {
        assert_eq!(judged(0, 10), (Status::Manual, "announced".to_owned()));
        assert_eq!(judged(6, 10), (Status::Pass, "detected".to_owned()));
        assert_eq!(judged(6, 4_000), (Status::Pass, "detected".to_owned()));
        assert_eq!(
            judged(3, 10),
            (Status::Manual, "announced".to_owned()),
            "not enough yet"
        );
        assert_eq!(judged(3, 4_000), (Status::Fail, "missed".to_owned()));
    }
}
