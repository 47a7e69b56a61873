//! Logins that are unlike those before: who never came, from where nobody came, at an hour, or after so long.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plumbline_config::plan::LoginRules;
use plumbline_facts::logins::{Habit, Habits, LoginEvent, Network, Outcome, Row};

use super::anomaly::{Anomaly, AnomalyKind, Subject};
use super::detect::{DAY, Observed};
use super::window::episodes;

/// So many logins make a habit of hours.
const LOGINS_OF_A_HABIT: u32 = 20;

/// A network that so many users come from is no user's own: the office, or its way in.
const USERS_OF_A_SHARED_NETWORK: usize = 2;

/// GeoIP files put a provider's customers where the provider is; what is nearer than this may be the same place.
const SURELY_APART_KM: f64 = 500.0;

/// Finds logins that are unlike those before them.
pub(super) fn unusual(observed: &Observed<'_>, rules: &LoginRules) -> Vec<Anomaly> {
    let events = observed.events;
    let mut habits = observed.habits.clone();
    if let Some(first) = events.rows().iter().find(|row| !row.service.is_escalation()) {
        habits.see(first.at());
    }
    // What is wrong with a place is told of each place apart.
    type Key = (AnomalyKind, String, Option<Network>);
    let mut found: BTreeMap<Key, Vec<&Row>> = BTreeMap::new();
    let logins = events
        .rows()
        .iter()
        .filter(|row| row.outcome == Outcome::Accepted && !row.service.is_escalation());
    for row in logins {
        let login = events.event(row);
        // An account that nothing vouches for is nobody.
        if let Some(user) = login.user.as_ref().filter(|_| !login.unknown_user) {
            for kind in kinds(&login, user, &habits, observed, rules) {
                let network = login.source.as_ref().and_then(Network::of);
                let of_place = matches!(kind, AnomalyKind::FirstSeenSource | AnomalyKind::ImpossiblePace);
                let key = (kind, user.clone(), network.filter(|_| of_place));
                found.entry(key).or_default().push(row);
            }
        }
        habits.learn(&login);
    }
    let anomalies = |((kind, user, _), rows): (&Key, &Vec<&Row>)| -> Vec<Anomaly> {
        let marks = vec![true; rows.len()];
        let subject = Subject::User(user.clone());
        episodes(rows, &marks, DAY)
            .iter()
            .filter_map(|episode| Anomaly::of(*kind, subject.clone(), events, episode))
            .collect()
    };
    found.iter().flat_map(anomalies).collect()
}

fn kinds(
    event: &LoginEvent,
    user: &str,
    habits: &Habits,
    observed: &Observed<'_>,
    rules: &LoginRules,
) -> Vec<AnomalyKind> {
    let mut kinds = Vec::new();
    let learned = habits
        .since
        .is_some_and(|since| event.at.duration_since(since) >= rules.learning_period.nominal());
    let network = event.source.as_ref().and_then(Network::of);
    let Some(habit) = habits.of(user) else {
        // Who never came has no habit to be unlike; a host where nobody ever came has no users yet.
        if learned && !habits.is_empty() {
            kinds.push(AnomalyKind::FirstSeenUser);
        }
        if learned && network.is_some() && !in_work_hours(event.at, observed, rules) {
            kinds.push(AnomalyKind::OffHours);
        }
        return kinds;
    };
    if event.at.duration_since(habit.last_at) > observed.dormant_after {
        kinds.push(AnomalyKind::DormantAccount);
    }
    if let Some(network) = &network {
        let new = !habit.knows(network);
        let shared = || habits.users_from(network) >= USERS_OF_A_SHARED_NETWORK;
        if learned && new && habit.logins > 0 && !shared() {
            kinds.push(AnomalyKind::FirstSeenSource);
        }
        if new && is_too_soon(event.at, network, habit, observed, rules) {
            kinds.push(AnomalyKind::ImpossiblePace);
        }
    }
    if habit.logins >= LOGINS_OF_A_HABIT
        && habit.logins_about(event.at) == 0
        && !in_work_hours(event.at, observed, rules)
    {
        kinds.push(AnomalyKind::OffHours);
    }
    kinds
}

/// Whether a login came too soon after the last one from elsewhere to be by the same person: where both places are known,
/// by how fast one would have had to travel, else by networks apart.
fn is_too_soon(
    at: Timestamp,
    network: &Network,
    habit: &Habit,
    observed: &Observed<'_>,
    rules: &LoginRules,
) -> bool {
    let Some((last, last_at)) = habit.last_network() else {
        return false;
    };
    let since = at.duration_since(last_at);
    match (observed.places.get(last), observed.places.get(network)) {
        (Some(from), Some(to)) => {
            let distance = from.kilometres_to(to);
            let hours = since.as_secs_f64().abs() / 3_600.0;
            distance > SURELY_APART_KM && distance > hours * f64::from(rules.fastest_travel_km_per_hour)
        }
        _ => last.is_apart_from(network) && since <= rules.impossible_pace_within.nominal(),
    }
}

fn in_work_hours(at: Timestamp, observed: &Observed<'_>, rules: &LoginRules) -> bool {
    let local = at.to_zoned(observed.zone.clone());
    let (hour, minute) = (u16::try_from(local.hour()), u16::try_from(local.minute()));
    match (hour, minute) {
        (Ok(hour), Ok(minute)) => rules.work_hours.contains(hour, minute),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use jiff::tz::TimeZone;
    use plumbline_facts::logins::{Coordinates, Method, Places, Service, Source};

    use super::*;

    /// A login at an hour of a day from 1 on, in UTC.
    fn login(day: i64, hour: i64, user: &str, from: &str) -> LoginEvent {
        LoginEvent {
            at: Timestamp::from_second(day * 86_400 + hour * 3_600).unwrap(),
            service: Service::Sshd,
            user: Some(user.to_owned()),
            unknown_user: false,
            by: None,
            source: from.parse().ok().map(Source::Address),
            outcome: Outcome::Accepted,
            method: Method::Publickey,
            count: 1,
            line: 0,
        }
    }

    fn found(events: &[LoginEvent]) -> Vec<String> {
        found_with(events, &Places::new())
    }

    fn found_with(events: &[LoginEvent], places: &Places) -> Vec<String> {
        let observed = Observed {
            events: &events.iter().cloned().collect(),
            changes: &[],
            habits: &Habits::default(),
            places,
            dormant_after: SignedDuration::from_hours(90 * 24),
            zone: &TimeZone::UTC,
        };
        unusual(&observed, &LoginRules::default())
            .iter()
            .map(|anomaly| {
                format!(
                    "{} {} {}",
                    anomaly.kind.name(),
                    anomaly.subject,
                    anomaly
                        .sources
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(",")
                )
            })
            .collect()
    }

    /// Two who come to work from the office, every day for a month.
    fn month() -> Vec<LoginEvent> {
        (1..=30)
            .flat_map(|day| {
                [
                    login(day, 9, "ann", "192.0.2.10"),
                    login(day, 10, "bob", "192.0.2.20"),
                ]
            })
            .collect()
    }

    #[test]
    fn a_usual_month_and_small_changes_in_it_are_nothing() {
        let mut events = month();
        events.push(login(31, 12, "ann", "192.0.2.99"));
        events.push(login(31, 19, "bob", "192.0.2.20"));
        assert_eq!(found(&events), Vec::<String>::new());
    }

    #[test]
    fn new_networks_users_and_hours_stand_out_after_the_learning_period() {
        let mut events = month();
        events.push(login(31, 11, "ann", "203.0.113.7"));
        events.push(login(32, 3, "bob", "192.0.2.20"));
        events.push(login(33, 11, "eve", "192.0.2.30"));
        assert_eq!(
            found(&events),
            [
                "first-seen-source user:ann 203.0.113.7",
                "first-seen-user user:eve 192.0.2.30",
                "off-hours user:bob 192.0.2.20",
            ]
        );
        let early = [
            login(1, 9, "ann", "192.0.2.10"),
            login(2, 9, "ann", "203.0.113.7"),
            login(3, 3, "bob", "192.0.2.20"),
        ];
        assert_eq!(found(&early), Vec::<String>::new());
    }

    #[test]
    fn who_works_at_night_does_nothing_unusual_then() {
        let mut events: Vec<_> = (1..=30).map(|day| login(day, 2, "ann", "192.0.2.10")).collect();
        events.push(login(31, 3, "ann", "192.0.2.10"));
        assert_eq!(found(&events), Vec::<String>::new());
    }

    #[test]
    fn an_account_that_slept_for_long_stands_out_when_it_wakes() {
        let events = [
            login(1, 9, "old", "192.0.2.10"),
            login(92, 9, "old", "192.0.2.10"),
            login(93, 9, "old", "192.0.2.10"),
        ];
        assert_eq!(found(&events), ["dormant-account user:old 192.0.2.10"]);
    }

    #[test]
    fn nobody_is_in_two_places_within_the_hour() {
        let mut events = month();
        let mut abroad = login(30, 10, "ann", "198.51.100.7");
        abroad.at = abroad.at.saturating_sub(SignedDuration::from_mins(30)).unwrap();
        events.insert(events.len() - 1, abroad);
        assert!(
            found(&events).contains(&"impossible-pace user:ann 198.51.100.7".to_owned()),
            "{:?}",
            found(&events)
        );
        // One host has both families, and one site many addresses.
        let beside = [
            login(1, 9, "ann", "192.0.2.10"),
            login(1, 9, "ann", "2001:db8::1"),
            login(1, 9, "ann", "192.0.77.1"),
        ];
        assert_eq!(found(&beside), Vec::<String>::new());
    }

    #[test]
    fn by_place_nobody_travels_faster_than_the_plan_has_it() {
        let place = |text: &str, latitude, longitude| {
            let network = Network::of(&Source::Address(text.parse().unwrap())).unwrap();
            (network, Coordinates { latitude, longitude })
        };
        let places = Places::from([
            place("192.0.2.10", 25.03, 121.56),
            place("198.51.100.7", 51.5, -0.12),
            place("203.0.113.7", 24.15, 120.68),
        ]);
        let after = |hours: i64, from: &str| {
            let logins = [login(1, 9, "ann", "192.0.2.10"), login(1, 9 + hours, "ann", from)];
            found_with(&logins, &places).len()
        };
        // Taipei to London is 9,800 km, to Taichung 130; by networks alone the hour would be too soon for both.
        assert_eq!([after(5, "198.51.100.7"), after(12, "198.51.100.7")], [1, 0]);
        assert_eq!(after(0, "203.0.113.7"), 0);
        assert_eq!([after(1, "100.64.9.9"), after(2, "100.64.9.9")], [1, 0]);
    }
}
