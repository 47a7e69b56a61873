//! Finds abnormal patterns among attempts to log in.

use std::cmp::Reverse;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use plumbline_config::interval::Interval;
use plumbline_config::plan::{LoginRules, RootLogin};
use plumbline_facts::logins::{Events, Habits, Outcome, Places, PrivilegeChange, Row};

use super::anomaly::{Anomaly, AnomalyKind, Subject};
use super::failures::Failures;
use super::privilege::{changes, escalation};
use super::source::SourceGroup;
use super::unusual::unusual;
use super::window::{episodes, microseconds};

/// The slow ones are sought in this time, and attacks further apart are told apart.
pub(super) const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Lines of one log are out of order by no more than this: connections are followed for ten minutes.
const OUT_OF_ORDER: SignedDuration = SignedDuration::from_mins(30);

/// What is searched.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// Attempts to log in.
    pub events: &'a Events,
    /// What was done to, or tried for, privileges.
    pub changes: &'a [PrivilegeChange],
    /// How users were used to log in before.
    pub habits: &'a Habits,
    /// Where the networks of logins are, as far as it is known.
    pub places: &'a Places,
    /// An account without a login for this long is dormant.
    pub dormant_after: SignedDuration,
    /// The zone that people work in.
    pub zone: &'a TimeZone,
}

/// Finds what is abnormal in what was `observed` under `rules`, worst and latest first.
#[must_use]
pub fn detect(observed: &Observed<'_>, rules: &LoginRules) -> Vec<Anomaly> {
    let events = observed.events;
    let mut anomalies = Failures::of(events, rules).anomalies();
    anomalies.extend(root_login(events, rules));
    anomalies.extend(unusual(observed, rules));
    anomalies.extend(escalation(events, rules));
    anomalies.extend(changes(observed.changes));
    anomalies.sort_by_key(|anomaly| {
        let worst = Reverse((anomaly.kind.severity(), anomaly.last_at));
        (worst, anomaly.subject.clone(), anomaly.kind)
    });
    anomalies
}

/// Drops from `events` those that [`detect`] makes nothing of, now or with attempts to come behind `read_to`: failures
/// that are part of no pattern, and that no window under `rules` reaches back to any more.
pub fn winnow(events: &mut Events, read_to: Timestamp, rules: &LoginRules) {
    let windows = [
        rules.brute_force_within,
        rules.spraying_within,
        rules.success_after_failures_within,
        rules.distributed_within,
        rules.escalation_within,
    ];
    let longest = windows
        .map(Interval::nominal)
        .into_iter()
        .fold(DAY, SignedDuration::max);
    let reach = microseconds(longest).saturating_add(microseconds(OUT_OF_ORDER));
    let oldest = read_to.as_microsecond().saturating_sub(reach);
    let matters = Failures::of(events, rules).matter();
    events.retain(|place, row| {
        // The first tells how far back the log goes.
        place == 0
            || row.microsecond() >= oldest
            || row.outcome == Outcome::Accepted
            || row.service.is_escalation()
            || matters.get(place) == Some(&true)
    });
}

/// root over the network, by a way that the plan rules out.
fn root_login(events: &Events, rules: &LoginRules) -> Vec<Anomaly> {
    let ruled_out = |row: &Row| match rules.root_login {
        RootLogin::Allowed => false,
        RootLogin::KeyOnly => row.method.is_guessable(),
        RootLogin::Forbidden => true,
    };
    let from_elsewhere = |row: &Row| {
        let source = events.source(row.source);
        source.is_some_and(|source| SourceGroup::of(&source).is_some())
    };
    let logins: Vec<&Row> = events
        .rows()
        .iter()
        .filter(|row| row.outcome == Outcome::Accepted && !row.service.is_escalation())
        .filter(|row| events.name(row.user) == Some("root"))
        .filter(|row| ruled_out(row) && from_elsewhere(row))
        .collect();
    let marks = vec![true; logins.len()];
    let subject = Subject::User("root".to_owned());
    episodes(&logins, &marks, DAY)
        .iter()
        .filter_map(|episode| Anomaly::of(AnomalyKind::RootLogin, subject.clone(), events, episode))
        .collect()
}

#[cfg(test)]
mod tests;
