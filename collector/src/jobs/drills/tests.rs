use plumbline_config::wire::FIRST_PREVIOUS;
use serde_json::json;

use super::*;
use crate::records::{Attestation, Remembered};
use crate::store::{SqliteStore, suite};

struct Lab {
    store: SqliteStore,
    host: HostId,
    drills: Drills,
    sequence: u64,
    previous: String,
    _dir: tempfile::TempDir,
}

fn drill(id: &str, state: &str) -> Finding {
    let (status, count) = match state {
        "announced" => (Status::Manual, None),
        _ => (Status::Pass, Some(6)),
    };
    Finding {
        evidence: json!({"drill": {"id": id, "state": state, "detected": count}}),
        ..suite::finding(CHECK, &format!("drill:{id}"), status)
    }
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
            drills: Drills::default(),
            sequence: 0,
            previous: FIRST_PREVIOUS.to_owned(),
            _dir: dir,
        }
    }

    /// Says it at this minute, and gives the evidence that there is then.
    fn say(&mut self, findings: Vec<Finding>, minutes: i64) -> Vec<Attestation> {
        self.sequence += 1;
        let said = suite::assessment(&self.host, &[CHECK], findings);
        let report = suite::report(&self.host, self.sequence, &self.previous, minutes, Some(said));
        self.previous.clone_from(&report.body.sha256);
        let kept = suite::keep(&self.store, &report);
        assert!(suite::is_kept(&kept));
        self.drills.committed(&report, &kept);
        self.drills.answer(&self.store, suite::at(minutes)).unwrap();
        let people = Remembered::default().people(&self.store).unwrap();
        people.attestations.values().cloned().collect()
    }
}

#[test]
fn a_drill_that_was_announced_and_found_is_evidence_with_the_time_it_took() {
    let mut lab = Lab::new();
    assert!(lab.say(vec![drill("a1", "announced")], 1).is_empty());
    let evidence = lab.say(vec![drill("a1", "detected")], 3);
    let [attestation] = &evidence[..] else {
        panic!("{evidence:?}")
    };
    assert_eq!(attestation.by, COLLECTOR);
    assert_eq!(attestation.given.lines, ["7.1.5.drill"]);
    assert!(
        attestation.given.statement.contains("120.0"),
        "{}",
        attestation.given.statement
    );
    assert!(attestation.given.kind().is_ok());
    let today = attestation.given.effective_on;
    assert!(
        attestation.given.check(today, &Default::default()).is_ok(),
        "as a person's would have to be"
    );
    assert_eq!(
        lab.say(vec![drill("a1", "detected")], 5).len(),
        1,
        "told again it is kept once"
    );
    lab.say(vec![drill("a2", "announced")], 6);
    assert_eq!(lab.say(vec![drill("a2", "detected")], 7).len(), 1, "one a day");
    lab.say(vec![drill("a3", "announced")], 3_000);
    assert_eq!(lab.say(vec![drill("a3", "detected")], 3_001).len(), 2);
}

#[test]
fn what_was_not_announced_or_took_too_long_or_failed_is_no_evidence() {
    let mut lab = Lab::new();
    assert!(
        lab.say(vec![drill("b1", "detected")], 1).is_empty(),
        "out of nothing"
    );
    assert!(
        lab.say(vec![drill("b1", "detected")], 2).is_empty(),
        "nor by saying it again"
    );
    lab.say(vec![drill("b2", "announced")], 10);
    assert!(lab.say(vec![drill("b2", "detected")], 40).is_empty(), "too late");
    lab.say(vec![drill("b3", "announced")], 50);
    let missed = Finding {
        status: Status::Fail,
        ..drill("b3", "detected")
    };
    assert!(lab.say(vec![missed], 51).is_empty());
    lab.say(
        vec![Finding {
            check: "logins.monitoring".to_owned(),
            ..drill("b4", "announced")
        }],
        60,
    );
    assert!(
        lab.say(
            vec![Finding {
                check: "logins.monitoring".to_owned(),
                ..drill("b4", "detected")
            }],
            61
        )
        .is_empty()
    );
}
