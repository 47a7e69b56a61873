//! Facts, and what is found in them.

use jiff::{SignedDuration, Timestamp};
use plumbline_config::finding::{Severity, Status};
use plumbline_config::ident::Role;
use plumbline_config::plan::{Plan, RootLogin, SourceDetail};
use plumbline_facts::Denial;
use plumbline_facts::logins::{LoginEvent, Method, Outcome, Service, Source, SourceReading};

use super::*;
use crate::invariants::NOW;

/// Failures of the last minutes.
pub(super) fn failures(source: &str, count: i64) -> Vec<LoginEvent> {
    let now: Timestamp = NOW.parse().unwrap();
    let failed = |n| LoginEvent {
        at: now - SignedDuration::from_secs(100 - n),
        service: Service::Sshd,
        user: Some("root".to_owned()),
        unknown_user: false,
        by: None,
        source: Some(Source::Address(source.parse().unwrap())),
        outcome: Outcome::Failed,
        method: Method::Password,
        count: 1,
        line: 0,
    };
    (0..count).map(failed).collect()
}

pub(super) fn facts(events: &[LoginEvent]) -> Facts {
    let now: Timestamp = NOW.parse().unwrap();
    let logins = LoginFacts {
        since: now - SignedDuration::from_hours(48),
        events: events.iter().cloned().collect(),
        sources: vec![SourceReading {
            name: "/var/log/auth.log".to_owned(),
            reading: Known::Value(Reading {
                lines: 40,
                ..Reading::default()
            }),
        }],
        ..LoginFacts::default()
    };
    Facts {
        logins: Known::Value(logins),
        ..Facts::default()
    }
}

fn judged(facts: &Facts, plan: &Plan, now: &str) -> Vec<Verdict> {
    let context = Context {
        plan,
        role: Role::Service,
        now: now.parse().unwrap(),
    };
    judge(facts, &context).unwrap()
}

#[test]
fn one_finding_a_subject_led_by_the_worst() {
    let mut events = failures("203.0.113.7", 6);
    events.push(LoginEvent {
        outcome: Outcome::Accepted,
        at: NOW.parse().unwrap(),
        ..events[0].clone()
    });
    let verdicts = judged(&facts(&events), &Plan::default(), NOW);
    let subjects: Vec<_> = verdicts
        .iter()
        .map(|v| (v.subject.as_str(), v.severity))
        .collect();
    assert_eq!(
        subjects,
        [
            ("source:203.0.113.7", Some(Severity::Critical)),
            ("user:root", Some(Severity::High))
        ]
    );
    assert_eq!(
        verdicts[0].actual["kinds"],
        json!(["success-after-failures", "brute-force"])
    );
    assert_eq!(
        verdicts[0].evidence["anomalies"][1]["sources"],
        json!(["203.0.113.7"])
    );
}

#[test]
fn a_name_that_may_be_a_password_is_nowhere_told() {
    let mut events = failures("203.0.113.7", 9);
    for (n, event) in events.iter_mut().enumerate() {
        event.user = Some(format!("hunter{n}"));
        event.unknown_user = true;
    }
    let verdicts = judged(&facts(&events), &Plan::default(), NOW);
    assert!(!format!("{verdicts:?}").contains("hunter"), "{verdicts:?}");
    assert_eq!(verdicts[0].evidence["anomalies"][0]["unknown_user_count"], 9);
}

#[test]
fn addresses_are_told_as_far_as_the_plan_lets() {
    let events = [failures("203.0.113.7", 6), failures("203.0.113.8", 6)].concat();
    let mut plan = Plan::default();
    plan.service.monitoring.logins.sources = SourceDetail::Network;
    let verdicts = judged(&facts(&events), &plan, NOW);
    let subjects: Vec<_> = verdicts.iter().map(|v| v.subject.as_str()).collect();
    assert_eq!(subjects, ["source:203.0.113.0/24"]);
    plan.service.monitoring.logins.sources = SourceDetail::Hashed;
    for verdicts in [verdicts, judged(&facts(&events), &plan, NOW)] {
        let told = format!("{verdicts:?}");
        assert!(
            !told.contains("203.0.113.7") && !told.contains("203.0.113.8"),
            "{told}"
        );
    }
}

#[test]
fn an_anomaly_is_reported_for_as_long_as_declared() {
    let facts = facts(&failures("203.0.113.7", 6));
    let status = |now| judged(&facts, &Plan::default(), now)[0].status;
    assert_eq!(status("2026-11-22T23:00:00Z"), Status::Fail);
    assert_eq!(status("2026-11-23T01:00:00Z"), Status::Pass);
}

#[test]
fn a_source_that_could_not_be_read_is_an_error_beside_the_rest() {
    let mut facts = facts(&[]);
    let Known::Value(logins) = &mut facts.logins else {
        panic!();
    };
    logins.sources.push(SourceReading {
        name: "journal".to_owned(),
        reading: Known::Denied(Denial {
            what: "journal".to_owned(),
            needs: "CAP_DAC_READ_SEARCH".to_owned(),
        }),
    });
    let verdicts = judged(&facts, &Plan::default(), NOW);
    let statuses: Vec<_> = verdicts.iter().map(|v| (v.subject.as_str(), v.status)).collect();
    assert_eq!(
        statuses,
        [("host", Status::Pass), ("login-records", Status::Error)]
    );
}

#[test]
fn an_item_switched_off_is_not_judged() {
    let mut plan = Plan::default();
    plan.service.monitoring.not_applicable = Some("no servers".to_owned());
    let verdicts = judged(&facts(&failures("203.0.113.7", 6)), &plan, NOW);
    assert_eq!(verdicts[0].status, Status::NotApplicable);
}

#[test]
fn more_subjects_than_can_be_told_are_summed_up() {
    let events: Vec<_> = (0..150)
        .flat_map(|n| failures(&format!("198.51.100.{n}"), 5))
        .collect();
    let mut plan = Plan::default();
    plan.service.monitoring.logins.root_login = RootLogin::Allowed;
    let verdicts = judged(&facts(&events), &plan, NOW);
    let last = verdicts.last().unwrap();
    assert_eq!(
        (verdicts.len(), last.subject.as_str()),
        (MOST_SUBJECTS + 1, OTHERS)
    );
}
