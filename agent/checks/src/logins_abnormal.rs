//! `logins.abnormal`: no abnormal pattern among the attempts to log in of the last days.

use std::collections::{BTreeMap, BTreeSet};

use plumbline_config::message::Message;
use plumbline_config::plan::LoginRules;
use plumbline_facts::logins::{LoginFacts, Reading};
use plumbline_facts::{Facts, Known, ProbeId, Unknown};
use serde_json::{Value, json};

use crate::check::{Check, Context, Verdict};
use crate::logins::{Anomaly, AnomalyKind, Minimiser, Observed, Place, Subject, detect};
use crate::logins_drilled;

/// Subject of what is said of the records themselves.
const RECORDS: &str = "login-records";

/// Subject that stands for those beyond [`MOST_SUBJECTS`].
const OTHERS: &str = "source:others";

/// Most subjects that get a finding of their own.
const MOST_SUBJECTS: usize = 100;

/// Most addresses and accounts named in the evidence of one anomaly.
const MOST_NAMED: usize = 20;

pub(crate) const CHECK: Check = Check {
    id: "logins.abnormal",
    needs: &[ProbeId::Logins],
    judge,
    #[cfg(test)]
    examples,
};

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let monitoring = &context.measures().monitoring;
    let rules = &monitoring.logins;
    if let Some(reason) = monitoring
        .not_applicable
        .as_ref()
        .or(rules.not_applicable.as_ref())
    {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let logins = facts.logins.value()?;
    let zone = context.plan.zone();
    let minimiser = Minimiser {
        detail: rules.sources,
        key: logins.key,
    };
    let mut by_subject: BTreeMap<String, Vec<Anomaly>> = BTreeMap::new();
    // A host has one clock and its peers' logs another: what lies ahead is as recent as can be.
    let recent = |anomaly: &Anomaly| rules.report_for.after(anomaly.last_at, &zone) >= context.now;
    let observed = Observed {
        events: &logins.events,
        changes: &logins.changes,
        habits: &logins.habits,
        places: &logins.places,
        dormant_after: context.measures().review.dormant_after.nominal(),
        zone: &zone,
    };
    for mut anomaly in detect(&observed, rules).into_iter().filter(recent) {
        let subject = minimiser.apply(&mut anomaly);
        by_subject.entry(subject).or_default().push(anomaly);
    }
    // `detect` puts the worst first, so that the first of each subject leads.
    let mut subjects: Vec<(String, Vec<Anomaly>)> = by_subject.into_iter().collect();
    subjects.sort_by_key(|(_, anomalies)| {
        anomalies
            .first()
            .map(|worst| std::cmp::Reverse((worst.kind.severity(), worst.last_at)))
    });
    let others = subjects.split_off(subjects.len().min(MOST_SUBJECTS));
    let mut verdicts: Vec<Verdict> = subjects
        .iter()
        .filter_map(|(subject, anomalies)| failing(subject, anomalies, rules))
        .collect();
    if !others.is_empty() {
        let message = Message::new("logins-others").number("count", others.len());
        let worst = others
            .iter()
            .flat_map(|(_, anomalies)| anomalies)
            .map(|anomaly| anomaly.kind.severity())
            .max();
        let verdict = Verdict::fail(OTHERS, message).evidence(json!({ "subjects": others.len() }));
        verdicts.extend(worst.map(|severity| verdict.severity(severity)));
    }
    if verdicts.is_empty() {
        verdicts.push(passing(logins, rules));
    }
    verdicts.extend(partly_unread(logins));
    let drilled = logins.drills.iter();
    verdicts.extend(drilled.map(|drilled| logins_drilled::judge(drilled, logins, rules, context)));
    Ok(verdicts)
}

/// One subject with all that is abnormal about it; the worst comes first.
fn failing(subject: &str, anomalies: &[Anomaly], rules: &LoginRules) -> Option<Verdict> {
    let worst = anomalies.first()?;
    let message = Message::new(key(worst))
        .number("count", usize::try_from(worst.count).unwrap_or(usize::MAX))
        .arg("source", source(subject, worst))
        .arg("user", worst.users.first().map_or("-", String::as_str))
        .number("users", worst.users.len() + worst.unknown_users)
        .number("sources", worst.sources.len())
        .arg("what", listed(&worst.what))
        .arg("first", worst.first_at)
        .arg("last", worst.last_at);
    let evidence: Vec<Value> = anomalies.iter().map(evidence).collect();
    let kinds: Vec<&str> = anomalies.iter().map(|anomaly| anomaly.kind.name()).collect();
    Some(
        Verdict::fail(subject, message)
            .compared(
                expected(worst.kind, rules),
                json!({ "kinds": kinds, "count": worst.count }),
            )
            .evidence(json!({ "anomalies": evidence }))
            .severity(worst.kind.severity()),
    )
}

fn listed(names: &BTreeSet<String>) -> String {
    let names: Vec<&str> = names.iter().take(MOST_NAMED).map(String::as_str).collect();
    names.join(", ")
}

fn source(subject: &str, anomaly: &Anomaly) -> String {
    match &anomaly.subject {
        Subject::Source(_) => subject.trim_start_matches("source:").to_owned(),
        Subject::User(_) | Subject::UnknownUser => anomaly
            .sources
            .first()
            .map(ToString::to_string)
            .unwrap_or_default(),
    }
}

fn key(anomaly: &Anomaly) -> &'static str {
    match (anomaly.kind, &anomaly.subject) {
        (AnomalyKind::BruteForce, Subject::Source(_)) => "logins-brute-force",
        (AnomalyKind::BruteForce, Subject::User(_)) => "logins-brute-force-distributed",
        (AnomalyKind::BruteForce, Subject::UnknownUser) => "logins-brute-force-distributed-unknown",
        (AnomalyKind::DormantAccount, _) => "logins-dormant-account",
        (AnomalyKind::FirstSeenSource, _) => "logins-first-seen-source",
        (AnomalyKind::FirstSeenUser, _) => "logins-first-seen-user",
        (AnomalyKind::ImpossiblePace, _) => "logins-impossible-pace",
        (AnomalyKind::NewPrivilegedAccount, _) => "logins-new-privileged-account",
        (AnomalyKind::OffHours, _) => "logins-off-hours",
        (AnomalyKind::PrivilegeEscalation, _) if anomaly.events.is_empty() => "logins-privileges-refused",
        (AnomalyKind::PrivilegeEscalation, _) => "logins-privilege-escalation",
        (AnomalyKind::PasswordSpraying, _) => "logins-password-spraying",
        (AnomalyKind::RootLogin, _) => "logins-root-login",
        (AnomalyKind::SuccessAfterFailures, _) => "logins-success-after-failures",
    }
}

fn expected(kind: AnomalyKind, rules: &LoginRules) -> Value {
    match kind {
        AnomalyKind::BruteForce => json!({
            "failures_below": rules.brute_force_failures,
            "within_seconds": rules.brute_force_within.nominal_seconds(),
        }),
        AnomalyKind::PasswordSpraying => json!({
            "users_below": rules.spraying_users,
            "within_seconds": rules.spraying_within.nominal_seconds(),
        }),
        AnomalyKind::DormantAccount => json!({ "dormant_accounts_used": 0 }),
        AnomalyKind::FirstSeenSource | AnomalyKind::FirstSeenUser => json!({
            "first_seen": 0,
            "learning_seconds": rules.learning_period.nominal_seconds(),
        }),
        AnomalyKind::ImpossiblePace => json!({
            "networks_apart_within_seconds": rules.impossible_pace_within.nominal_seconds(),
            "fastest_travel_km_per_hour": rules.geoip_file.as_ref().map(|_| rules.fastest_travel_km_per_hour),
        }),
        AnomalyKind::NewPrivilegedAccount => json!({ "new_privileges": 0 }),
        AnomalyKind::OffHours => json!({ "work_hours": rules.work_hours }),
        AnomalyKind::PrivilegeEscalation => json!({
            "failures_below": rules.escalation_failures,
            "within_seconds": rules.escalation_within.nominal_seconds(),
        }),
        AnomalyKind::RootLogin => json!({ "root_login": rules.root_login }),
        AnomalyKind::SuccessAfterFailures => json!({
            "failures_below": rules.success_after_failures,
            "within_seconds": rules.success_after_failures_within.nominal_seconds(),
        }),
    }
}

/// What an auditor needs, without names that may be passwords.
fn evidence(anomaly: &Anomaly) -> Value {
    let sources: Vec<&Place> = anomaly.sources.iter().take(MOST_NAMED).collect();
    let users: Vec<&String> = anomaly.users.iter().take(MOST_NAMED).collect();
    let methods: Vec<&str> = anomaly.methods.iter().map(|method| method.name()).collect();
    json!({
        "kind": anomaly.kind.name(),
        "severity": anomaly.kind.severity(),
        "count": anomaly.count,
        "first_at": anomaly.first_at,
        "last_at": anomaly.last_at,
        "sources": sources,
        "source_count": anomaly.sources.len(),
        "users": users,
        "user_count": anomaly.users.len(),
        "unknown_user_count": anomaly.unknown_users,
        "methods": methods,
        "what": anomaly.what.iter().take(MOST_NAMED).collect::<Vec<_>>(),
        "by": anomaly.by,
        "events": anomaly.events,
    })
}

fn passing(logins: &LoginFacts, rules: &LoginRules) -> Verdict {
    let read: Vec<&str> = logins
        .sources
        .iter()
        .filter(|source| matches!(source.reading, Known::Value(_)))
        .map(|source| source.name.as_str())
        .collect();
    let count = logins.events.attempts();
    let message = Message::new("logins-nothing-abnormal")
        .number("count", usize::try_from(count).unwrap_or(usize::MAX))
        .arg("since", logins.since)
        .arg("sources", read.join(", "));
    let sources: Vec<Value> = logins
        .sources
        .iter()
        .filter_map(|source| Some((source, source.reading.value().ok()?)))
        .map(|(source, reading)| json!({ "name": source.name, "lines": reading.lines, "unparsed": reading.unparsed, "from": reading.from }))
        .collect();
    let expected = json!({
        "brute_force": expected(AnomalyKind::BruteForce, rules),
        "password_spraying": expected(AnomalyKind::PasswordSpraying, rules),
        "success_after_failures": expected(AnomalyKind::SuccessAfterFailures, rules),
        "root_login": rules.root_login,
        "work_hours": rules.work_hours,
        "learning_seconds": rules.learning_period.nominal_seconds(),
    });
    Verdict::pass(Verdict::HOST, message)
        .compared(expected, json!({ "anomalies": 0 }))
        .evidence(json!({ "attempts": count, "since": logins.since, "sources": sources }))
}

/// What is there and was not read, or not wholly.
fn partly_unread(logins: &LoginFacts) -> Option<Verdict> {
    let mut reasons = Vec::new();
    for source in &logins.sources {
        let name = &source.name;
        match &source.reading {
            Known::Denied(denial) => {
                reasons.push(json!({ "source": name, "denied": true, "needs": denial.needs }));
            }
            Known::Failed { why, .. } => reasons.push(json!({ "source": name, "failed": why })),
            Known::Value(Reading { lost: true, .. }) => {
                reasons.push(json!({ "source": name, "lost": true }));
            }
            Known::Value(_) | Known::Absent(_) | Known::NotAsked => {}
        }
    }
    let named: Vec<&str> = reasons
        .iter()
        .filter_map(|reason| reason.get("source")?.as_str())
        .collect();
    let message = if !named.is_empty() {
        Message::new("logins-partly-unread").arg("sources", named.join(", "))
    } else if logins.evicted > 0 {
        Message::new("logins-evicted").number("count", usize::try_from(logins.evicted).unwrap_or(usize::MAX))
    } else {
        return None;
    };
    let evidence = json!({ "sources": reasons, "evicted": logins.evicted });
    Some(Verdict::error(RECORDS, message).evidence(evidence))
}

#[cfg(test)]
fn examples() -> crate::check::Examples {
    use plumbline_config::plan::Plan;

    let passing = tests::facts(&tests::failures("203.0.113.7", 4));
    let mut failing = tests::failures("203.0.113.7", 5);
    failing.extend(tests::failures("2001:db8::7", 50));
    crate::check::Examples {
        passing: (passing, Plan::default()),
        failing: (tests::facts(&failing), Plan::default()),
    }
}

#[cfg(test)]
mod tests;
