use plumbline_config::catalogue::IncidentKind;
use tempfile::TempDir;

use super::*;
use crate::records::action::Entry;
use crate::records::{Kept, People, Refusal, keep};
use crate::store::SqliteStore;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn opened(known_at: &str) -> Opened {
    Opened {
        kind: IncidentKind::Intrusion,
        host: None,
        culprit: Some("source:203.0.113.7".to_owned()),
        text: "連續失敗後登入成功".to_owned(),
        known_at: at(known_at),
        happened_at: Some(at("2026-11-21T20:00:00Z")),
        finding: None,
        report_within_seconds: 72 * 3_600,
        report_within_if_in_media_seconds: 24 * 3_600,
    }
}

fn entry(text: &str) -> Entry {
    Entry {
        text: text.to_owned(),
        files: Vec::new(),
    }
}

fn assessed(personal_data: bool, grave: bool) -> IncidentStep {
    IncidentStep::Assess(Assessed {
        personal_data,
        grave,
        harms: personal_data.then_some(Harm::Leak).into_iter().collect(),
        people: Some(1_200),
        text: "已查明".to_owned(),
        ..Assessed::default()
    })
}

fn told(whom: Whom, told_at: &str) -> IncidentStep {
    IncidentStep::Notify {
        whom,
        told_at: at(told_at),
        channel: "電子郵件".to_owned(),
        entry: entry("已通知"),
    }
}

fn close() -> IncidentStep {
    IncidentStep::Close {
        text: "已排除".to_owned(),
        action: "c-1".to_owned(),
        files: Vec::new(),
    }
}

fn dismiss() -> IncidentStep {
    IncidentStep::Dismiss {
        reason: "滲透測試".to_owned(),
    }
}

/// A case that the company knew of at midnight UTC of 22 November.
struct Case {
    store: SqliteStore,
    _dir: TempDir,
}

const KNOWN: &str = "2026-11-22T00:00:00Z";

impl Case {
    fn begin() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("db")).unwrap();
        let step = IncidentStep::Open(opened(KNOWN));
        keep(&store, "i-1", 0, &step, "collector", at(KNOWN)).unwrap();
        Self { store, _dir: dir }
    }

    fn stands(&self) -> Incident {
        People::read(&self.store).unwrap().incidents["i-1"].clone()
    }

    fn try_step(&self, step: &IncidentStep, who: &str, when: &str) -> Result<(), Refusal> {
        let incident = self.stands();
        incident.check_step("i-1", step, who, at(when))?;
        keep(&self.store, "i-1", incident.steps, step, who, at(when)).unwrap();
        Ok(())
    }

    fn step(&self, step: &IncidentStep, who: &str, when: &str) {
        self.try_step(step, who, when).unwrap();
    }

    fn clock(&self, now: &str) -> (String, ClockState, Option<i64>) {
        let clock = self.stands().clock(at(now));
        (clock.deadline_at.to_string(), clock.state, clock.left_seconds)
    }
}

#[test]
fn the_authority_is_to_be_told_within_72_hours_of_knowing() {
    let case = Case::begin();
    let deadline = || "2026-11-25T00:00:00Z".to_owned();
    assert_eq!(
        case.clock(KNOWN),
        (deadline(), ClockState::Running, Some(72 * 3_600)),
        "from knowing, not from when it happened"
    );
    assert_eq!(
        case.clock("2026-11-25T00:00:00Z"),
        (deadline(), ClockState::Running, Some(0))
    );
    assert_eq!(
        case.clock("2026-11-25T00:30:00Z"),
        (deadline(), ClockState::Overdue, Some(-1_800))
    );
    case.step(
        &told(Whom::Authority, "2026-11-24T23:00:00Z"),
        "user:alice",
        "2026-11-25T08:00:00Z",
    );
    assert_eq!(
        case.clock("2026-12-01T00:00:00Z"),
        (deadline(), ClockState::Met, None),
        "it was told in time, and written down later"
    );
    let late = Case::begin();
    late.step(
        &told(Whom::Authority, "2026-11-25T00:00:01Z"),
        "user:alice",
        "2026-11-25T08:00:00Z",
    );
    assert_eq!(late.clock("2026-11-26T00:00:00Z").1, ClockState::Late);
}

#[test]
fn once_the_media_reported_it_is_24_hours() {
    let media = |reported_at| IncidentStep::Media {
        reported_at: at(reported_at),
        entry: entry("某報網站"),
    };
    let case = Case::begin();
    case.step(
        &media("2026-11-22T06:00:00Z"),
        "user:alice",
        "2026-11-22T07:00:00Z",
    );
    assert_eq!(
        case.clock("2026-11-22T08:00:00Z"),
        (
            "2026-11-23T06:00:00Z".to_owned(),
            ClockState::Running,
            Some(22 * 3_600)
        )
    );
    // A later report gives no more time, and an earlier one that is found later gives less.
    case.step(
        &media("2026-11-22T20:00:00Z"),
        "user:alice",
        "2026-11-22T21:00:00Z",
    );
    assert_eq!(case.clock("2026-11-22T21:00:00Z").0, "2026-11-23T06:00:00Z");
    case.step(
        &media("2026-11-21T06:00:00Z"),
        "user:alice",
        "2026-11-22T21:00:00Z",
    );
    assert_eq!(
        case.clock("2026-11-22T21:00:00Z").0,
        "2026-11-23T00:00:00Z",
        "the company did not know then"
    );
    let end = Case::begin();
    end.step(
        &media("2026-11-24T20:00:00Z"),
        "user:alice",
        "2026-11-24T21:00:00Z",
    );
    assert_eq!(
        end.clock("2026-11-24T21:00:00Z").0,
        "2026-11-25T00:00:00Z",
        "never later than without the media"
    );
    let future = end.try_step(
        &media("2026-11-25T20:00:00Z"),
        "user:alice",
        "2026-11-24T22:00:00Z",
    );
    assert!(future.unwrap_err().to_string().contains("lies in the future"));
}

#[test]
fn the_clock_is_set_forward_and_never_back() {
    let case = Case::begin();
    let correct = |known_at| IncidentStep::Correct {
        known_at: Some(at(known_at)),
        happened_at: None,
        entry: entry("值班人員前一日已接獲通報"),
    };
    case.step(
        &correct("2026-11-21T12:00:00Z"),
        "user:alice",
        "2026-11-22T01:00:00Z",
    );
    assert_eq!(case.clock(KNOWN).0, "2026-11-24T12:00:00Z");
    let back = case.try_step(
        &correct("2026-11-21T13:00:00Z"),
        "user:alice",
        "2026-11-22T01:00:00Z",
    );
    assert!(back.unwrap_err().to_string().contains("earlier one"));
    let stood = case.stands().as_of(at("2026-11-22T00:30:00Z")).unwrap();
    assert_eq!(
        stood.deadline().to_string(),
        "2026-11-25T00:00:00Z",
        "as was known then"
    );
    assert_eq!(case.stands().as_of(at("2026-11-21T23:59:59Z")), None);
    assert_eq!(
        case.stands().as_of(at("2026-11-22T02:00:00Z")),
        Some(case.stands())
    );
}

#[test]
fn a_case_is_closed_only_after_all_was_done() {
    let case = Case::begin();
    let now = "2026-11-23T00:00:00Z";
    let first = |step: &IncidentStep| case.try_step(step, "user:admin", now).unwrap_err().to_string();
    assert!(first(&close()).starts_with("the assessment that personal data is concerned comes first"));
    assert!(
        first(&told(Whom::Subjects, now)).contains("assessment"),
        "nothing is known yet"
    );
    let mut of_customers = assessed(true, true);
    if let IncidentStep::Assess(assessed) = &mut of_customers {
        assessed.customers = true;
    }
    case.step(&of_customers, "user:alice", now);
    assert_eq!(case.stands().state(), IncidentState::Confirmed);
    let before = [
        (
            "what was done against it",
            IncidentStep::Contain(entry("已停用帳號")),
        ),
        ("telling the authority", told(Whom::Authority, now)),
        ("telling the people concerned", told(Whom::Subjects, now)),
        ("telling the customers", told(Whom::Customers, now)),
    ];
    for (what, step) in before {
        assert!(first(&close()).starts_with(&format!("{what} comes first")));
        case.step(&step, "user:alice", now);
    }
    case.step(&close(), "user:alice", now);
    let closed = case.stands();
    assert_eq!(closed.state(), IncidentState::Closed);
    assert_eq!(closed.end.as_ref().unwrap().action.as_deref(), Some("c-1"));
    assert_eq!(closed.history.len(), 7);
    assert_eq!(
        case.try_step(&close(), "user:bob", now),
        Err(Refusal::CaseEnded("i-1".to_owned()))
    );
    for duty in Duty::ALL {
        assert!(matches!(closed.done(duty), Done::At(_)), "{duty:?}");
    }
}

#[test]
fn nobody_ends_alone_what_nobody_is_told_of() {
    let now = "2026-11-23T00:00:00Z";
    let case = Case::begin();
    assert!(
        case.try_step(&dismiss(), "user:alice", now)
            .unwrap_err()
            .to_string()
            .contains("comes first")
    );
    case.step(&assessed(false, false), "user:alice", now);
    assert_eq!(case.stands().state(), IncidentState::Unfounded);
    assert_eq!(
        case.clock(now).1,
        ClockState::Running,
        "one person's word stops no clock"
    );
    assert_eq!(
        case.try_step(&dismiss(), "user:alice", now),
        Err(Refusal::OwnAssessment("user:alice".to_owned()))
    );
    case.step(&dismiss(), "user:bob", now);
    assert_eq!(case.stands().state(), IncidentState::Dismissed);
    assert_eq!(case.clock("2026-12-01T00:00:00Z").1, ClockState::NotOwed);

    let small = Case::begin();
    small.step(&assessed(true, false), "user:alice", now);
    small.step(&IncidentStep::Contain(entry("已收回")), "user:alice", now);
    small.step(&told(Whom::Subjects, now), "user:alice", now);
    assert_eq!(small.clock(now).1, ClockState::NotOwed);
    assert_eq!(
        small.try_step(&close(), "user:alice", now),
        Err(Refusal::OwnAssessment("user:alice".to_owned()))
    );
    // Found to be worse after all: the clock has run all along.
    small.step(&assessed(true, true), "user:carol", "2026-11-26T00:00:00Z");
    assert_eq!(small.clock("2026-11-26T00:00:00Z").1, ClockState::Overdue);
    small.step(
        &told(Whom::Authority, "2026-11-26T00:00:00Z"),
        "user:carol",
        "2026-11-26T00:00:00Z",
    );
    small.step(&close(), "user:carol", "2026-11-26T00:00:00Z");
}

#[test]
fn of_two_who_close_a_case_at_once_one_is_told_so() {
    let case = Case::begin();
    let stood = case.stands();
    let step = IncidentStep::Contain(entry("已停用帳號"));
    let both =
        ["user:alice", "user:bob"].map(|who| keep(&case.store, "i-1", stood.steps, &step, who, at(KNOWN)));
    assert!(both[0].is_ok());
    assert!(matches!(both[1], Err(Kept::Refused(Refusal::Conflict(_)))));
}

#[test]
fn what_cannot_be_is_refused() {
    let case = Case::begin();
    let now = "2026-11-23T00:00:00Z";
    let refused = |step: &IncidentStep| case.try_step(step, "user:alice", now).unwrap_err().to_string();
    let assess = |change: &dyn Fn(&mut Assessed)| {
        let IncidentStep::Assess(mut all) = assessed(true, true) else {
            panic!();
        };
        change(&mut all);
        IncidentStep::Assess(all)
    };
    assert!(refused(&assess(&|all| all.harms.clear())).contains("harm to the data is empty"));
    assert!(refused(&assess(&|all| all.text.clear())).contains("text is empty"));
    assert!(refused(&assess(&|all| all.people = Some(u64::MAX))).contains("not so many"));
    assert!(refused(&assess(&|all| all.damage = "a\u{202e}b".to_owned())).contains("control characters"));
    assert!(
        refused(&assess(&|all| {
            all.records = Some(1);
            all.special_records = Some(2);
        }))
        .contains("more records are special")
    );
    assert!(refused(&told(Whom::Authority, "2026-11-23T00:00:01Z")).contains("lies in the future"));
    assert!(refused(&told(Whom::Authority, "2026-11-21T23:00:00Z")).contains("before the company knows"));
    assert!(matches!(
        case.try_step(&IncidentStep::Open(opened(KNOWN)), "user:alice", now),
        Err(Refusal::Conflict(_))
    ));
    let mut early = opened("2026-11-24T00:00:00Z");
    assert!(early.check(at(now)).is_err());
    early.known_at = at(now);
    assert_eq!(early.check(at(now)), Ok(()));
}

#[test]
fn what_an_assessment_leaves_open_keeps_nobody_from_being_told() {
    let read = |text: &str| serde_json::from_str::<IncidentStep>(text);
    let unanswered = read(r#"{"step": "assess", "text": "x"}"#);
    assert!(unanswered.unwrap_err().to_string().contains("personal_data"));
    let short = read(r#"{"step": "assess", "personal_data": true, "text": "x"}"#).unwrap();
    let IncidentStep::Assess(assessed) = &short else {
        panic!("{short:?}");
    };
    assert!(assessed.grave);
    let kept = serde_json::to_string(&short).unwrap();
    assert_eq!(read(&kept).unwrap(), short);
}
