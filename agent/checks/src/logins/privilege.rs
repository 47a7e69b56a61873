//! Privileges that were given, and those that were tried for.

use std::collections::BTreeMap;

use plumbline_config::plan::LoginRules;
use plumbline_facts::logins::{Events, Outcome, PrivilegeChange, PrivilegeKind, Row};

use super::anomaly::{Anomaly, AnomalyKind, Subject, of_changes};
use super::detect::DAY;
use super::window::{Attempts, episodes, mark};

/// Failures of one user at su or sudo, near one another.
pub(super) fn escalation(events: &Events, rules: &LoginRules) -> Vec<Anomaly> {
    let mut by_user: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    let rows = events.rows().iter();
    for row in rows.filter(|row| row.service.is_escalation() && row.outcome == Outcome::Failed) {
        // Who asks is who tries; sudo asks for one's own password.
        if let Some(user) = events.name(row.by).or_else(|| events.name(row.user)) {
            by_user.entry(user).or_default().push(row);
        }
    }
    let mut found = Vec::new();
    for (user, rows) in &by_user {
        let mut marks = vec![false; rows.len()];
        let least = u64::from(rules.escalation_failures).max(1);
        let within = rules.escalation_within.nominal();
        mark(rows, within, Attempts::least(least), &mut marks);
        let subject = Subject::User((*user).to_owned());
        for episode in episodes(rows, &marks, DAY) {
            let kind = AnomalyKind::PrivilegeEscalation;
            if let Some(mut anomaly) = Anomaly::of(kind, subject.clone(), events, &episode) {
                anomaly.user = Some((*user).to_owned());
                found.push(anomaly);
            }
        }
    }
    found
}

/// What was given, and what was asked for and refused, by user. The same told twice within a day, by a line and by the
/// file that changed, is one.
pub(super) fn changes(changes: &[PrivilegeChange]) -> Vec<Anomaly> {
    let mut by_user: BTreeMap<(AnomalyKind, &str), Vec<&PrivilegeChange>> = BTreeMap::new();
    for change in changes {
        let kind = match change.kind {
            PrivilegeKind::Refused => AnomalyKind::PrivilegeEscalation,
            PrivilegeKind::AuthorizedKey
            | PrivilegeKind::Member
            | PrivilegeKind::SudoRule
            | PrivilegeKind::Superuser => AnomalyKind::NewPrivilegedAccount,
        };
        let user = change.user.as_deref().unwrap_or_default();
        by_user.entry((kind, user)).or_default().push(change);
    }
    let mut found = Vec::new();
    for ((kind, user), mut changes) in by_user {
        changes.sort_by_key(|change| change.at);
        let subject = Subject::User(user.to_owned());
        let mut episode: Vec<&PrivilegeChange> = Vec::new();
        for change in changes {
            if episode
                .last()
                .is_some_and(|last| change.at.duration_since(last.at) > DAY)
            {
                found.extend(of_changes(kind, subject.clone(), &episode));
                episode.clear();
            }
            let told = |known: &&PrivilegeChange| (known.kind, &known.what) == (change.kind, &change.what);
            if kind == AnomalyKind::PrivilegeEscalation || !episode.iter().any(&told) {
                episode.push(change);
            }
        }
        found.extend(of_changes(kind, subject, &episode));
    }
    found
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use plumbline_facts::logins::{LoginEvent, Method, Service};

    use super::*;

    fn change(second: i64, kind: PrivilegeKind, user: &str, what: &str) -> PrivilegeChange {
        PrivilegeChange {
            at: Timestamp::from_second(second).unwrap(),
            kind,
            user: Some(user.to_owned()),
            what: what.to_owned(),
            by: None,
            line: 0,
        }
    }

    fn shown(anomalies: &[Anomaly]) -> Vec<String> {
        let show =
            |anomaly: &Anomaly| format!("{} {} {}", anomaly.kind.name(), anomaly.subject, anomaly.count);
        anomalies.iter().map(show).collect()
    }

    #[test]
    fn what_a_line_and_a_file_tell_of_one_change_is_one() {
        let told = [
            change(100, PrivilegeKind::Member, "eve", "sudo"),
            change(103, PrivilegeKind::Member, "eve", "sudo"),
            change(
                200_000,
                PrivilegeKind::AuthorizedKey,
                "eve",
                "/home/eve/.ssh/authorized_keys",
            ),
            change(300, PrivilegeKind::Refused, "mal", "user NOT in sudoers"),
        ];
        assert_eq!(
            shown(&changes(&told)),
            [
                "new-privileged-account user:eve 1",
                "new-privileged-account user:eve 1",
                "privilege-escalation user:mal 1",
            ]
        );
    }

    #[test]
    fn who_fails_at_su_again_and_again_tries_for_privileges() {
        let failed = |second| LoginEvent {
            at: Timestamp::from_second(second).unwrap(),
            service: Service::Su,
            user: Some("root".to_owned()),
            unknown_user: false,
            by: Some("mal".to_owned()),
            source: None,
            outcome: Outcome::Failed,
            method: Method::Password,
            count: 1,
            line: 0,
        };
        let events: Vec<_> = (0..5).map(|n| failed(n * 60)).collect();
        let found = |events: &[LoginEvent]| {
            let events = events.iter().cloned().collect();
            shown(&escalation(&events, &LoginRules::default()))
        };
        assert_eq!(found(&events), ["privilege-escalation user:mal 5"]);
        assert!(found(&events[..4]).is_empty());
    }
}
