use jiff::SignedDuration;
use plumbline_config::finding::Finding;
use plumbline_config::ident::Role;
use serde_json::json;

use super::*;
use crate::records::Incident;
use crate::records::incident::Assessed;
use crate::store::{SqliteStore, suite};

/// A host whose logins are told of.
struct Lab {
    store: SqliteStore,
    host: HostId,
    people: Remembered,
    alarms: Alarms,
    sequence: u64,
    previous: String,
    _dir: tempfile::TempDir,
}

fn login(source: &str, kind: &str, last_at: &str) -> Finding {
    let anomaly = json!({"kind": kind, "first_at": "2026-10-01T00:00:00Z", "last_at": last_at});
    Finding {
        severity: Severity::Critical,
        evidence: json!({"anomalies": [anomaly]}),
        ..suite::finding("logins.abnormal", source, Status::Fail)
    }
}

fn broke_in(source: &str, last_at: &str) -> Finding {
    login(source, "success-after-failures", last_at)
}

impl Lab {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("db")).unwrap();
        suite::add_token(&store, "good", Role::Service, 9);
        let host = suite::enrol(&store, "", 1, 0).host;
        Self {
            store,
            host,
            people: Remembered::default(),
            alarms: Alarms::default(),
            sequence: 0,
            previous: plumbline_config::wire::FIRST_PREVIOUS.to_owned(),
            _dir: dir,
        }
    }

    fn say(&mut self, findings: Vec<Finding>, minutes: i64) {
        self.sequence += 1;
        let said = suite::assessment(&self.host, &["logins.abnormal"], findings);
        let report = suite::report(&self.host, self.sequence, &self.previous, minutes, Some(said));
        self.previous.clone_from(&report.body.sha256);
        let kept = suite::keep(&self.store, &report);
        assert!(suite::is_kept(&kept));
        self.alarms.committed(&report, &kept);
    }

    fn answered(&self, minutes: i64) -> BTreeMap<String, Incident> {
        self.alarms
            .answer(&self.store, &self.people, suite::at(minutes))
            .unwrap();
        self.people.people(&self.store).unwrap().incidents.clone()
    }

    fn end(&self, id: &str, minutes: i64) {
        let incident = self.people.people(&self.store).unwrap().incidents[id].clone();
        let now = suite::at(minutes);
        let steps = [
            IncidentStep::Assess(Assessed {
                text: "滲透測試".to_owned(),
                ..Assessed::default()
            }),
            IncidentStep::Dismiss {
                reason: "滲透測試".to_owned(),
            },
        ];
        for (taken, step) in (incident.steps..).zip(&steps) {
            keep(&self.store, id, taken, step, "user:alice", now).unwrap();
        }
    }
}

fn time(minutes: i64) -> String {
    suite::at(minutes).to_string()
}

#[test]
fn a_grave_finding_opens_one_case_and_the_same_again_none() {
    let mut lab = Lab::new();
    lab.say(vec![login("source:192.0.2.1", "brute-force", &time(0))], 1);
    assert!(lab.answered(1).is_empty(), "it was warded off");
    lab.say(vec![broke_in("source:192.0.2.1", &time(2))], 3);
    let cases = lab.answered(4);
    let (id, case) = cases.first_key_value().unwrap();
    assert!(id.starts_with("i-") && id.len() == 18, "{id}");
    assert_eq!(case.by, COLLECTOR);
    assert_eq!(case.opened.kind, IncidentKind::Intrusion);
    assert_eq!(case.opened.culprit.as_deref(), Some("source:192.0.2.1"));
    assert_eq!(case.opened.host.as_ref().unwrap().id, lab.host);
    assert_eq!(case.opened.known_at, suite::at(4), "when the company knew");
    let seen = case.opened.finding.as_ref().unwrap();
    assert_eq!(
        (seen.received_at, seen.last_at),
        (suite::at(3), Some(suite::at(2)))
    );
    assert_eq!(case.deadline(), suite::at(4) + SignedDuration::from_hours(72));
    // The attack goes on.
    lab.say(vec![broke_in("source:192.0.2.1", &time(9))], 10);
    assert_eq!(lab.answered(11), cases);
    // Another culprit is another case.
    lab.say(
        vec![
            broke_in("source:192.0.2.1", &time(9)),
            broke_in("source:192.0.2.2", &time(11)),
        ],
        12,
    );
    assert_eq!(lab.answered(12).len(), 2);
}

#[test]
fn what_ended_is_opened_anew_only_when_it_happens_again() {
    // Hosts whose clocks are right, a year ahead, and a year behind.
    for wrong_by in [0, 60 * 24 * 365, -60 * 24 * 365] {
        let mut lab = Lab::new();
        let told = |last: i64, looked: i64| Finding {
            observed_at: suite::at(wrong_by + looked),
            ..broke_in("source:192.0.2.1", &time(wrong_by + last))
        };
        lab.say(vec![told(1, 2)], 2);
        let first = lab.answered(2).into_keys().next().unwrap();
        lab.say(vec![told(6, 7)], 7);
        lab.end(&first, 10);
        lab.say(vec![told(6, 20)], 20);
        assert_eq!(
            lab.answered(20).len(),
            1,
            "{wrong_by}: what was dealt with is told of still"
        );
        lab.say(vec![told(21, 22)], 22);
        let both = lab.answered(22);
        assert_eq!(both.len(), 2, "{wrong_by}");
        let mut open = both.iter().filter(|(_, case)| case.is_open());
        assert!(open.all(|(id, _)| *id != first));
        assert_eq!(lab.answered(23), both);
    }
}

#[test]
fn what_nobody_noticed_is_found_by_looking_through() {
    let mut lab = Lab::new();
    lab.say(vec![broke_in("source:192.0.2.1", &time(1))], 2);
    // The collector ended before it answered, and starts again.
    lab.alarms = Alarms::default();
    assert!(lab.answered(3).is_empty());
    let look = |alarms: &Alarms| {
        let now = suite::at(60 * 24 * 9);
        alarms.look_through(&lab.store, &lab.people, now).unwrap();
        lab.people.people(&lab.store).unwrap().incidents.len()
    };
    assert_eq!(look(&lab.alarms), 1, "though the host fell silent since");
    // Another collector that looks at once opens none.
    assert_eq!(look(&Alarms::default()), 1);
}

#[test]
fn a_host_that_tells_of_anything_cannot_flood_the_office() {
    let mut lab = Lab::new();
    let all = |from: usize, minutes| {
        let culprits = from..from + 90;
        culprits
            .map(|number| broke_in(&format!("source:\u{202e}198.51.100.{number}\n"), &time(minutes)))
            .collect::<Vec<_>>()
    };
    lab.say(all(0, 1), 2);
    let cases = lab.answered(2);
    assert_eq!(cases.len(), MOST_OPEN + 1);
    let culprits: BTreeSet<&str> = cases
        .values()
        .filter_map(|case| case.opened.culprit.as_deref())
        .collect();
    assert!(culprits.contains(OTHERS));
    assert!(
        culprits
            .iter()
            .all(|culprit| !culprit.contains(['\n', '\u{202e}']))
    );
    lab.say(all(90, 3), 4);
    assert_eq!(lab.answered(4).len(), MOST_OPEN + 1);
}

#[test]
fn of_many_collectors_that_see_the_same_one_opens_the_case() {
    let mut lab = Lab::new();
    lab.say(vec![broke_in("source:192.0.2.1", &time(1))], 2);
    let store = &lab.store;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(move || {
                let (alarms, people) = (Alarms::default(), Remembered::default());
                alarms.look_through(store, &people, suite::at(3)).unwrap();
            });
        }
    });
    let cases = People::read(store).unwrap().incidents;
    assert_eq!(cases.len(), 1);
    assert_eq!(cases.values().map(|case| case.history.len()).max(), Some(1));
}
