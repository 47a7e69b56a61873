//! Attempts, and what is found in them.

use plumbline_config::interval::Interval;
use plumbline_facts::logins::{LoginEvent, Method, Service, Source};
use proptest::prelude::*;

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
        events: &events.iter().cloned().collect(),
        changes: &[],
        habits: &Habits::default(),
        places: &Places::new(),
        dormant_after: SignedDuration::from_hours(90 * 24),
        zone: &TimeZone::UTC,
    };
    detect(&observed, rules)
}

fn found(events: &[LoginEvent]) -> Vec<String> {
    let show = |anomaly: &Anomaly| format!("{} {} {}", anomaly.kind.name(), anomaly.subject, anomaly.count);
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
    let sources = |events: &[LoginEvent]| {
        let found = all(events, &LoginRules::default());
        found[0]
            .sources
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(sources(&events), ["2001:db8:1:2::/64"]);
    let one: Vec<_> = (0..6).map(|n| failed(n, "root", "2001:db8:1:2::1")).collect();
    assert_eq!(sources(&one), ["2001:db8:1:2::1"]);
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

/// Attempts over some days by few users from few sources, so that much of it is abnormal and much is not.
fn attempts() -> impl Strategy<Value = Vec<LoginEvent>> {
    let one = (
        0i64..400_000,
        0usize..6,
        0usize..8,
        0u8..12,
        1u32..4,
        any::<bool>(),
    );
    let attempt = |(second, user, source, kind, count, unknown)| {
        const SOURCES: [&str; 8] = [
            "203.0.113.7",
            "203.0.113.8",
            "198.51.100.1",
            "198.51.100.2",
            "2001:db8:1:2::1",
            "2001:db8:1:2::2",
            "2001:db8:9::1",
            "192.0.2.1",
        ];
        let (outcome, method) = match kind {
            0 => (Outcome::Accepted, Method::Password),
            1 => (Outcome::Accepted, Method::Publickey),
            2 => (Outcome::Failed, Method::Publickey),
            3 => (Outcome::Failed, Method::Probe),
            _ => (Outcome::Failed, Method::Password),
        };
        // Half of them crowd together.
        let second = if second % 2 == 0 { second / 100 } else { second };
        LoginEvent {
            service: if kind == 4 { Service::Su } else { Service::Sshd },
            unknown_user: unknown && outcome == Outcome::Failed,
            count,
            ..event(second, &format!("u{user}"), SOURCES[source], outcome, method)
        }
    };
    proptest::collection::vec(one.prop_map(attempt), 1..250).prop_map(|mut events| {
        events.sort_by_key(|event| event.at);
        events
    })
}

proptest! {
    #[test]
    fn what_is_dropped_on_the_way_changes_nothing(events in attempts(), at in 0usize..250) {
        let rules = LoginRules { learning_period: Interval::days(1), ..LoginRules::default() };
        let (before, behind) = events.split_at(at % events.len());
        let mut kept: Events = before.iter().cloned().collect();
        if let Some(last) = before.last() {
            winnow(&mut kept, last.at, &rules);
        }
        let kept: Vec<LoginEvent> = kept.iter().chain(behind.iter().cloned()).collect();
        prop_assert_eq!(all(&kept, &rules), all(&events, &rules));
    }
}

#[test]
fn of_a_day_of_scattered_failures_long_ago_one_is_kept() {
    let mut events: Events = (0..1_000)
        .map(|n| failed(n * 80, &format!("u{n}"), &format!("10.{}.{}.1", n / 250, n % 250)))
        .collect();
    winnow(
        &mut events,
        Timestamp::from_second(400_000).unwrap(),
        &LoginRules::default(),
    );
    assert_eq!(events.len(), 1);
}
