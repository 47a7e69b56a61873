//! Finds abnormal patterns among attempts to log in.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use plumbline_config::plan::{LoginRules, RootLogin};
use plumbline_facts::logins::{Habits, LoginEvent, Method, Outcome, PrivilegeChange};

use super::anomaly::{Anomaly, AnomalyKind, Subject};
use super::privilege::{changes, escalation};
use super::source::SourceGroup;
use super::unusual::unusual;
use super::window::{Attempts, Both, Different, episodes, mark};

/// The slow ones are sought in this time, and attacks further apart are told apart.
pub(super) const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What is searched.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// Attempts to log in.
    pub events: &'a [LoginEvent],
    /// What was done to, or tried for, privileges.
    pub changes: &'a [PrivilegeChange],
    /// How users were used to log in before.
    pub habits: &'a Habits,
    /// An account without a login for this long is dormant.
    pub dormant_after: SignedDuration,
    /// The zone that people work in.
    pub zone: &'a TimeZone,
}

/// Finds what is abnormal in what was `observed` under `rules`, worst and latest first.
#[must_use]
pub fn detect(observed: &Observed<'_>, rules: &LoginRules) -> Vec<Anomaly> {
    let events = observed.events;
    let mut ordered: Vec<&LoginEvent> = events.iter().filter(|e| !e.service.is_escalation()).collect();
    ordered.sort_by_key(|event| event.at);
    let mut anomalies = Vec::new();
    for events in &by_source(&ordered, rules) {
        let Some(group) = events.first().and_then(|event| group(event)) else {
            continue;
        };
        let failures: Vec<&LoginEvent> = events.iter().copied().filter(|e| is_guess(e)).collect();
        anomalies.extend(brute_force(&group, &failures, rules));
        anomalies.extend(spraying(&group, &failures, rules));
        anomalies.extend(success_after_failures(&group, events, rules));
    }
    for events in &by_user(&ordered, rules) {
        anomalies.extend(distributed(events, rules));
    }
    anomalies.extend(root_login(&ordered, rules));
    anomalies.extend(unusual(&ordered, observed, rules));
    anomalies.extend(escalation(events, rules));
    anomalies.extend(changes(observed.changes));
    anomalies.sort_by_key(|anomaly| {
        let worst = Reverse((anomaly.kind.severity(), anomaly.last_at));
        (worst, anomaly.subject.clone(), anomaly.kind)
    });
    anomalies
}

/// The attempts of each source that failed often enough for anything to be made of it: an attack may come from more
/// sources than there is room for. In order of time, and the sources in theirs.
fn by_source<'e>(events: &[&'e LoginEvent], rules: &LoginRules) -> Vec<Vec<&'e LoginEvent>> {
    let least = [
        rules.brute_force_failures,
        rules.slow_failures,
        rules.spraying_users,
        rules.slow_users,
        rules.success_after_failures,
    ];
    let least = u64::from(least.into_iter().min().unwrap_or_default());
    let mut failures: HashMap<SourceGroup, u64> = HashMap::new();
    for event in events.iter().filter(|event| is_guess(event)) {
        if let Some(group) = group(event) {
            *failures.entry(group).or_default() += u64::from(event.count);
        }
    }
    failures.retain(|_, count| *count >= least);
    let mut found: BTreeMap<SourceGroup, Vec<&LoginEvent>> = BTreeMap::new();
    for event in events {
        if let Some(group) = group(event).filter(|group| failures.contains_key(group)) {
            found.entry(group).or_default().push(event);
        }
    }
    found.into_values().collect()
}

/// The failures at each account that was failed at often enough, from elsewhere, in order of time.
fn by_user<'e>(events: &[&'e LoginEvent], rules: &LoginRules) -> Vec<Vec<&'e LoginEvent>> {
    let from_elsewhere = |event: &&&LoginEvent| is_guess(event) && group(event).is_some();
    let mut failures: HashMap<&str, u64> = HashMap::new();
    for event in events.iter().filter(from_elsewhere) {
        if let Some(user) = event.user.as_deref() {
            *failures.entry(user).or_default() += u64::from(event.count);
        }
    }
    failures.retain(|_, count| *count >= u64::from(rules.distributed_failures));
    let mut found: BTreeMap<&str, Vec<&LoginEvent>> = BTreeMap::new();
    for event in events.iter().filter(from_elsewhere) {
        if let Some(user) = event.user.as_deref().filter(|user| failures.contains_key(user)) {
            found.entry(user).or_default().push(event);
        }
    }
    found.into_values().collect()
}

fn group(event: &LoginEvent) -> Option<SourceGroup> {
    SourceGroup::of(event.source.as_ref()?)
}

/// Whether a failure may have been a guess at a secret. A key that a server does not take is none: clients offer all
/// that they have, and nobody guesses keys. Nor is a peer that never named a user.
fn is_guess(event: &LoginEvent) -> bool {
    event.outcome == Outcome::Failed
        && event.method != Method::Probe
        && (event.unknown_user || !(event.method.is_key() || event.method == Method::None))
}

fn brute_force(group: &SourceGroup, failures: &[&LoginEvent], rules: &LoginRules) -> Vec<Anomaly> {
    let mut marks = vec![false; failures.len()];
    let least = u64::from(rules.brute_force_failures).max(1);
    mark(
        failures,
        rules.brute_force_within.nominal(),
        Attempts::least(least),
        &mut marks,
    );
    // A plan that is stricter still is not made laxer by this, nor one that is laxer made strict.
    mark(
        failures,
        DAY,
        Attempts::least(u64::from(rules.slow_failures).max(least)),
        &mut marks,
    );
    anomalies(AnomalyKind::BruteForce, group, failures, &marks)
}

fn spraying(group: &SourceGroup, failures: &[&LoginEvent], rules: &LoginRules) -> Vec<Anomaly> {
    let user = |event: &LoginEvent| event.user.clone();
    let mut marks = vec![false; failures.len()];
    let least = size(rules.spraying_users).max(2);
    let within = rules.spraying_within.nominal();
    mark(failures, within, Different::least(least, user), &mut marks);
    mark(
        failures,
        DAY,
        Different::least(size(rules.slow_users).max(least), user),
        &mut marks,
    );
    anomalies(AnomalyKind::PasswordSpraying, group, failures, &marks)
}

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn anomalies(kind: AnomalyKind, group: &SourceGroup, events: &[&LoginEvent], marks: &[bool]) -> Vec<Anomaly> {
    episodes(events, marks, DAY)
        .iter()
        .filter_map(|episode| Anomaly::of(kind, Subject::Source(group.clone()), episode))
        .collect()
}

/// A login by something that can be guessed, soon after enough failures from the same source.
fn success_after_failures(group: &SourceGroup, events: &[&LoginEvent], rules: &LoginRules) -> Vec<Anomaly> {
    let within = rules.success_after_failures_within.nominal();
    let least = u64::from(rules.success_after_failures).max(1);
    let mut recent: VecDeque<&LoginEvent> = VecDeque::new();
    let mut found: Vec<Anomaly> = Vec::new();
    for event in events {
        while recent
            .front()
            .is_some_and(|oldest| event.at.duration_since(oldest.at) > within)
        {
            recent.pop_front();
        }
        if is_guess(event) {
            recent.push_back(event);
            continue;
        }
        if event.outcome != Outcome::Accepted || event.method.is_key() {
            continue;
        }
        let failures: u64 = recent.iter().map(|failure| u64::from(failure.count)).sum();
        if failures < least {
            continue;
        }
        let same =
            |known: &&mut Anomaly| known.user == event.user && event.at.duration_since(known.last_at) <= DAY;
        if let Some(known) = found.iter_mut().find(same) {
            known.last_at = event.at;
            continue;
        }
        let all: Vec<&LoginEvent> = recent.iter().copied().chain([*event]).collect();
        let subject = Subject::Source(group.clone());
        if let Some(mut anomaly) = Anomaly::of(AnomalyKind::SuccessAfterFailures, subject, &all) {
            anomaly.user = event.user.clone();
            anomaly.count = failures;
            found.push(anomaly);
        }
    }
    found
}

/// One account tried from many sources, each of which may stay below every threshold of its own.
fn distributed(failures: &[&LoginEvent], rules: &LoginRules) -> Vec<Anomaly> {
    let mut marks = vec![false; failures.len()];
    let measure = Both(
        Attempts::least(u64::from(rules.distributed_failures)),
        Different::least(size(rules.distributed_sources), group),
    );
    mark(failures, rules.distributed_within.nominal(), measure, &mut marks);
    episodes(failures, &marks, DAY)
        .iter()
        .filter_map(|episode| {
            let known = episode.iter().find(|event| !event.unknown_user);
            let subject = match known.and_then(|event| event.user.clone()) {
                Some(user) => Subject::User(user),
                None => Subject::UnknownUser,
            };
            Anomaly::of(AnomalyKind::BruteForce, subject, episode)
        })
        .collect()
}

/// root over the network, by a way that the plan rules out.
fn root_login(events: &[&LoginEvent], rules: &LoginRules) -> Vec<Anomaly> {
    let ruled_out = |event: &LoginEvent| match rules.root_login {
        RootLogin::Allowed => false,
        RootLogin::KeyOnly => event.method.is_guessable(),
        RootLogin::Forbidden => true,
    };
    let logins: Vec<&LoginEvent> = events
        .iter()
        .copied()
        .filter(|event| event.outcome == Outcome::Accepted && event.user.as_deref() == Some("root"))
        .filter(|event| group(event).is_some() && ruled_out(event))
        .collect();
    let marks = vec![true; logins.len()];
    episodes(&logins, &marks, DAY)
        .iter()
        .filter_map(|episode| Anomaly::of(AnomalyKind::RootLogin, Subject::User("root".to_owned()), episode))
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use plumbline_facts::logins::{Service, Source};

    use super::*;

    fn event(second: i64, user: &str, from: &str, outcome: Outcome, method: Method) -> LoginEvent {
        LoginEvent {
            at: Timestamp::from_second(second).unwrap(),
            service: Service::Sshd,
            user: Some(user.to_owned()),
            unknown_user: false,
            by: None,
            source: from.parse().ok().map(Source::Address),
            outcome,
            method,
            count: 1,
            line: 0,
        }
    }

    fn failed(second: i64, user: &str, from: &str) -> LoginEvent {
        event(second, user, from, Outcome::Failed, Method::Password)
    }

    fn accepted(second: i64, user: &str, from: &str, method: Method) -> LoginEvent {
        event(second, user, from, Outcome::Accepted, method)
    }

    fn all(events: &[LoginEvent], rules: &LoginRules) -> Vec<Anomaly> {
        let observed = Observed {
            events,
            changes: &[],
            habits: &Habits::default(),
            dormant_after: SignedDuration::from_hours(90 * 24),
            zone: &TimeZone::UTC,
        };
        detect(&observed, rules)
    }

    fn found(events: &[LoginEvent]) -> Vec<String> {
        let show =
            |anomaly: &Anomaly| format!("{} {} {}", anomaly.kind.name(), anomaly.subject, anomaly.count);
        all(events, &LoginRules::default()).iter().map(show).collect()
    }

    const PEER: &str = "203.0.113.7";

    #[test]
    fn five_failures_in_ten_minutes_are_a_brute_force_and_four_are_not() {
        let events: Vec<_> = (0..5).map(|n| failed(n * 150, "root", PEER)).collect();
        assert_eq!(found(&events), ["brute-force source:203.0.113.7 5"]);
        assert!(found(&events[..4]).is_empty());
        let slower: Vec<_> = (0..5).map(|n| failed(n * 151, "root", PEER)).collect();
        assert!(found(&slower).is_empty());
        let mut repeated = failed(0, "root", PEER);
        repeated.count = 9;
        assert_eq!(found(&[repeated]), ["brute-force source:203.0.113.7 9"]);
    }

    #[test]
    fn twenty_in_a_day_are_a_slow_one_and_two_attacks_far_apart_are_two() {
        let slow: Vec<_> = (0..20).map(|n| failed(n * 4_000, "root", PEER)).collect();
        assert_eq!(found(&slow), ["brute-force source:203.0.113.7 20"]);
        let apart: Vec<_> = (0..10)
            .map(|n| failed(n + if n < 5 { 0 } else { 90_000 }, "root", PEER))
            .collect();
        assert_eq!(found(&apart).len(), 2);
    }

    #[test]
    fn one_ipv6_site_is_one_source() {
        let events: Vec<_> = (0..6)
            .map(|n| failed(n, "root", &format!("2001:db8:1:2::{n}")))
            .collect();
        assert_eq!(found(&events), ["brute-force source:2001:db8:1:2::/64 6"]);
        assert_eq!(
            all(&events, &LoginRules::default())[0].sources,
            ["2001:db8:1:2::/64"]
        );
        let one: Vec<_> = (0..6).map(|n| failed(n, "root", "2001:db8:1:2::1")).collect();
        assert_eq!(all(&one, &LoginRules::default())[0].sources, ["2001:db8:1:2::1"]);
    }

    #[test]
    fn one_account_from_many_sources_is_a_distributed_one() {
        let events: Vec<_> = (0..20)
            .map(|n| failed(n * 60, "root", &format!("198.51.100.{}", n % 10)))
            .collect();
        assert_eq!(found(&events), ["brute-force user:root 20"]);
        assert_eq!(all(&events, &LoginRules::default())[0].sources.len(), 10);
        let nine: Vec<_> = (0..27)
            .map(|n| failed(n * 60, "root", &format!("198.51.100.{}", n % 9)))
            .collect();
        assert!(found(&nine).is_empty());
    }

    #[test]
    fn many_accounts_from_one_source_are_a_spraying() {
        let events: Vec<_> = (0..8).map(|n| failed(n * 400, &format!("u{n}"), PEER)).collect();
        assert_eq!(found(&events), ["password-spraying source:203.0.113.7 8"]);
        let slow: Vec<_> = (0..15)
            .map(|n| failed(n * 4_000, &format!("u{n}"), PEER))
            .collect();
        assert_eq!(found(&slow), ["password-spraying source:203.0.113.7 15"]);
        assert!(found(&slow[..14]).is_empty());
    }

    #[test]
    fn a_password_taken_after_failures_is_suspicious_and_a_key_is_not() {
        let mut events: Vec<_> = (0..5).map(|n| failed(n * 300, "ann", PEER)).collect();
        events.push(accepted(2_000, "ann", PEER, Method::Password));
        events.push(accepted(2_100, "ann", PEER, Method::Password));
        assert_eq!(found(&events), ["success-after-failures source:203.0.113.7 5"]);
        events.truncate(5);
        events.push(accepted(2_000, "ann", PEER, Method::Publickey));
        assert!(found(&events).is_empty());
        let elsewhere = accepted(2_000, "ann", "203.0.99.9", Method::Password);
        events.push(elsewhere);
        assert!(found(&events).is_empty());
    }

    #[test]
    fn keys_that_clients_offer_and_health_checks_are_no_attack() {
        let mut events: Vec<_> = (0..30)
            .map(|n| event(n, "ann", PEER, Outcome::Failed, Method::Publickey))
            .collect();
        events.push(accepted(40, "ann", PEER, Method::Publickey));
        let probe = |n| LoginEvent {
            user: None,
            unknown_user: true,
            ..event(n, "", "192.0.2.1", Outcome::Failed, Method::Probe)
        };
        events.extend((0..100).map(probe));
        assert!(found(&events).is_empty());
        let strangers: Vec<_> = (0..5)
            .map(|n| LoginEvent {
                unknown_user: true,
                ..event(n, "x", PEER, Outcome::Failed, Method::Publickey)
            })
            .collect();
        assert_eq!(found(&strangers).len(), 1);
    }

    #[test]
    fn root_logins_are_held_to_the_plan() {
        let by = |method, rule| {
            let rules = LoginRules {
                root_login: rule,
                ..LoginRules::default()
            };
            all(&[accepted(0, "root", PEER, method)], &rules).len()
        };
        assert_eq!(by(Method::Password, RootLogin::KeyOnly), 1);
        assert_eq!(by(Method::Publickey, RootLogin::KeyOnly), 0);
        assert_eq!(by(Method::Publickey, RootLogin::Forbidden), 1);
        assert_eq!(by(Method::Password, RootLogin::Allowed), 0);
        let console = LoginEvent {
            source: Some(Source::Terminal("tty1".into())),
            ..accepted(0, "root", PEER, Method::Password)
        };
        assert!(found(&[console]).is_empty());
    }

    #[test]
    fn the_worst_stands_first() {
        let mut events: Vec<_> = (0..5).map(|n| failed(n, "root", PEER)).collect();
        events.push(accepted(10, "root", PEER, Method::Password));
        let kinds: Vec<_> = all(&events, &LoginRules::default())
            .iter()
            .map(|a| a.kind.name())
            .collect();
        assert_eq!(kinds, ["success-after-failures", "root-login", "brute-force"]);
    }
}
