use std::collections::BTreeSet;

use plumbline_config::finding::Status;
use plumbline_config::ident::Role;
use plumbline_config::interval::Interval;
use tempfile::TempDir;

use super::action::{ActionStep, Entry, Stage};
use super::attestation::{Asset, AttestationStep, Details, Given};
use super::waiver::{Hosts, Requested, WaiverStep};
use super::*;
use crate::checklist::{self, Basis, Checklist, HostCounts, Input, Line, LineStatus, Period};
use crate::freshness::Cutoff;
use crate::store::{SqliteStore, Totals, suite};

fn store() -> (TempDir, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("db")).unwrap();
    (dir, store)
}

fn zone() -> TimeZone {
    TimeZone::get("Asia/Taipei").unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn given(lines: &[&str], effective_on: &str) -> Given {
    Given {
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        effective_on: day(effective_on),
        performed_by: "王小明".to_owned(),
        statement: "第四季一般訓練，全員參加。".to_owned(),
        details: None,
        files: Vec::new(),
        corrects: None,
    }
}

fn give(store: &dyn Store, id: &str, given: Given, when: &str) {
    let step = AttestationStep::Give(given);
    keep(store, id, 0, &step, "user:alice", at(when)).unwrap();
}

fn checklist_at(store: &dyn Store, totals: &Totals, moment: &str) -> Checklist {
    checklist::build(&Input {
        period: &"2026".parse::<Period>().unwrap(),
        as_of: at(moment),
        now: at(moment),
        plan: None,
        totals,
        people: &People::read(store).unwrap(),
        zone: &zone(),
    })
}

fn line(store: &dyn Store, id: &str, moment: &str) -> Line {
    let lines = checklist_at(store, &Totals::default(), moment).items;
    let mut lines = lines.into_iter().flat_map(|item| item.lines);
    lines.find(|line| line.id == id).unwrap()
}

#[test]
fn an_attestation_counts_from_its_day_for_as_long_as_the_plan_says() {
    let (_dir, store) = store();
    let status = |moment| line(&store, "10.1", moment).status;
    assert_eq!(status("2026-03-10T00:00:00Z"), LineStatus::Nonconforming);
    // Written down ten days late; the usual plan asks for a training each year.
    give(
        &store,
        "a-1",
        given(&["10.1"], "2026-03-01"),
        "2026-03-11T00:00:00Z",
    );
    assert_eq!(
        status("2026-02-28T15:59:59Z"),
        LineStatus::Nonconforming,
        "the day before"
    );
    let answered = line(&store, "10.1", "2026-03-01T00:00:00Z");
    assert_eq!(
        (answered.status, answered.basis),
        (LineStatus::Conforming, Basis::Attested)
    );
    let attestation = answered.attestation.unwrap();
    assert_eq!((attestation.id.as_str(), attestation.in_force), ("a-1", true));
    let due = answered.due_at.unwrap();
    assert_eq!(due, at("2027-02-28T16:00:00Z"), "midnight in Taipei, a year on");
    assert_eq!(status("2027-02-28T16:00:00Z"), LineStatus::Conforming);
    let late = line(&store, "10.1", "2027-02-28T16:00:01Z");
    assert_eq!(late.status, LineStatus::Nonconforming);
    assert!(!late.attestation.unwrap().in_force, "it still stands there");
    assert_eq!(late.due_at, Some(due));
    assert_eq!(line(&store, "10.2", "2026-03-02T00:00:00Z").attestation, None);
}

#[test]
fn what_is_withdrawn_or_corrected_counts_no_more() {
    let (_dir, store) = store();
    give(
        &store,
        "a-1",
        given(&["10.1"], "2026-03-01"),
        "2026-03-01T08:00:00Z",
    );
    let correcting = Given {
        corrects: Some("a-1".to_owned()),
        ..given(&["10.1"], "2026-03-05")
    };
    let stands = |store: &dyn Store| People::read(store).unwrap().attestations;
    correcting.check(day("2026-03-06"), &stands(&store)).unwrap();
    give(&store, "a-2", correcting.clone(), "2026-03-06T08:00:00Z");
    let all = stands(&store);
    assert_eq!(all["a-1"].corrected_by.as_deref(), Some("a-2"));
    assert_eq!(
        correcting.check(day("2026-03-06"), &all),
        Err(Refusal::Gone("a-1".to_owned()))
    );
    assert_eq!(
        line(&store, "10.1", "2026-03-04T00:00:00Z").status,
        LineStatus::Nonconforming,
        "the first day was wrong"
    );
    let withdraw = AttestationStep::Withdraw {
        reason: "未實際辦理".to_owned(),
    };
    keep(
        &store,
        "a-2",
        all["a-2"].steps,
        &withdraw,
        "user:bob",
        at("2026-03-07T00:00:00Z"),
    )
    .unwrap();
    let all = stands(&store);
    assert!(!all["a-2"].stands());
    assert!(all["a-1"].stands(), "what a withdrawn one replaced stands again");
    assert_eq!(
        all["a-2"].check_withdrawal("a-2", "again"),
        Err(Refusal::Gone("a-2".to_owned()))
    );
    // Who still has the state before is told so.
    let late = keep(
        &store,
        "a-2",
        1,
        &withdraw,
        "user:carol",
        at("2026-03-07T00:00:01Z"),
    );
    assert!(matches!(late, Err(Kept::Refused(Refusal::Conflict(_)))));
}

#[test]
fn an_attestation_that_cannot_be_right_is_refused() {
    let none = BTreeMap::new();
    let today = day("2026-11-22");
    let check = |given: Given| given.check(today, &none).unwrap_err().to_string();
    assert_eq!(
        check(given(&["10.1"], "2026-11-23")),
        "the day it took effect lies in the future: 2026-11-23; today is 2026-11-22"
    );
    assert!(check(given(&[], "2026-11-22")).starts_with("no line of the checklist is named"));
    assert_eq!(
        check(given(&["10.11"], "2026-11-22")),
        "the checklist has no line `10.11`; did you mean `10.1`?"
    );
    assert!(check(given(&["7.1.4.firewall"], "2026-11-22")).contains("7.1.4.firewall"));
    let empty = Given {
        statement: " \n".to_owned(),
        ..given(&["10.1"], "2026-11-22")
    };
    assert_eq!(check(empty), "the statement is empty; write it");
    let turned = Given {
        performed_by: "a\u{202e}b".to_owned(),
        ..given(&["10.1"], "2026-11-22")
    };
    assert!(check(turned).contains("control characters"));
    let no_file = EvidenceFile {
        name: "簽到.pdf".to_owned(),
        media_type: "application/pdf".to_owned(),
        size: 0,
        sha256: "0".repeat(64),
    };
    let unproved = Given {
        files: vec![no_file],
        ..given(&["10.1"], "2026-11-22")
    };
    assert!(check(unproved).contains("an empty file proves nothing"));
    let other_kind = Given {
        details: Some(Details::Drill {
            scenario: "x".to_owned(),
            outcome: "y".to_owned(),
        }),
        ..given(&["10.1"], "2026-11-22")
    };
    assert!(check(other_kind).contains("it is training"));
}

#[test]
fn an_assessment_of_risk_adds_up_as_the_form_says() {
    let asset = Asset {
        name: "會員資料庫".to_owned(),
        category: 2,
        attribute: 3,
        volume: 3,
        situation: "保管".to_owned(),
        risk: "外洩".to_owned(),
        measure: "加密".to_owned(),
    };
    assert_eq!(asset.value(), 8);
    let assessed = |asset| Given {
        details: Some(Details::RiskAssessment { assets: vec![asset] }),
        ..given(&["4.2"], "2026-11-01")
    };
    let check = |given: Given| given.check(day("2026-11-22"), &BTreeMap::new());
    assert_eq!(check(assessed(asset.clone())), Ok(()));
    let beyond = Asset { volume: 4, ..asset };
    assert!(matches!(check(assessed(beyond)), Err(Refusal::Numbers(_))));
}

#[test]
fn a_scan_that_leaves_grave_findings_open_meets_its_line_in_part() {
    let (_dir, store) = store();
    let scan = |high| Given {
        details: Some(Details::Scan {
            tool: "semgrep".to_owned(),
            target: "開店平台 4.2".to_owned(),
            high,
            medium: 0,
            low: 9,
        }),
        ..given(&["7.1.6.source"], "2026-11-01")
    };
    scan(1).check(day("2026-11-22"), &BTreeMap::new()).unwrap();
    give(&store, "a-1", scan(1), "2026-11-02T00:00:00Z");
    let status = || line(&store, "7.1.6.source", "2026-11-03T00:00:00Z").status;
    assert_eq!(status(), LineStatus::Partly);
    give(&store, "a-2", scan(0), "2026-11-02T09:00:00Z");
    assert_eq!(status(), LineStatus::Conforming, "the later of one day counts");
}

/// Two hosts that fail a check, one of them in the group of the old ones.
fn fleet(store: &dyn Store) -> [crate::store::Enrolled; 2] {
    suite::add_token(store, "good", Role::Service, 9);
    [1, 2].map(|number| {
        let enrolled = suite::enrol(store, "", number, 0);
        let findings = vec![
            suite::finding("tls.protocol-versions", "tcp/0.0.0.0:443", Status::Fail),
            suite::finding("tls.protocol-versions", "tcp/0.0.0.0:25", Status::Pass),
        ];
        let said = suite::assessment(&enrolled.host, &["tls.protocol-versions"], findings);
        let report = suite::report(
            &enrolled.host,
            1,
            plumbline_config::wire::FIRST_PREVIOUS,
            1,
            Some(said),
        );
        assert!(suite::is_kept(&suite::keep(store, &report)));
        suite::look(store, &enrolled.host, 1);
        enrolled
    })
}

fn waived_counts(store: &dyn Store, today: &str) -> HostCounts {
    let cutoff = Cutoff::new(suite::at(2), Interval::minutes(60));
    let people = People::read(store).unwrap();
    let mut totals = store.totals(cutoff).unwrap();
    totals.add(&waived::difference(store, &people, cutoff, day(today)).unwrap());
    checklist::hosts_on_check(&totals, "tls.protocol-versions")
}

fn counts(fail: u32, waived: u32) -> HostCounts {
    HostCounts {
        fail,
        waived,
        ..HostCounts::default()
    }
}

fn requested(hosts: Hosts) -> Requested {
    Requested {
        check: "tls.protocol-versions".to_owned(),
        subject: None,
        hosts,
        reason: "舊系統汰換中".to_owned(),
        compensating: "僅限內部網段連線".to_owned(),
        from: day("2026-11-10"),
        until: day("2026-11-20"),
    }
}

#[test]
fn a_waiver_shows_what_fails_as_waived_from_its_first_day_to_its_last() {
    let (_dir, store) = store();
    let [one, _other] = fleet(&store);
    let request = requested(Hosts {
        ids: BTreeSet::from([one.host.clone()]),
        ..Hosts::default()
    });
    request.check(day("2026-11-09")).unwrap();
    let ask = WaiverStep::Request(request);
    keep(&store, "w-1", 0, &ask, "user:alice", at("2026-11-09T00:00:00Z")).unwrap();
    assert_eq!(
        waived_counts(&store, "2026-11-15"),
        counts(2, 0),
        "nobody approved it"
    );
    let approve = WaiverStep::Approve {
        note: "同意".to_owned(),
    };
    let waiver = || People::read(&store).unwrap().waivers["w-1"].clone();
    let today = day("2026-11-09");
    assert_eq!(
        waiver().check_step("w-1", &approve, "user:alice", today),
        Err(Refusal::OwnRequest("user:alice".to_owned()))
    );
    waiver().check_step("w-1", &approve, "user:bob", today).unwrap();
    keep(&store, "w-1", 1, &approve, "user:bob", at("2026-11-09T01:00:00Z")).unwrap();
    assert_eq!(
        waiver().check_step("w-1", &approve, "user:carol", today),
        Err(Refusal::Decided("w-1".to_owned()))
    );
    for (today, expected) in [
        ("2026-11-09", counts(2, 0)),
        ("2026-11-10", counts(1, 1)),
        ("2026-11-20", counts(1, 1)),
        ("2026-11-21", counts(2, 0)),
    ] {
        assert_eq!(waived_counts(&store, today), expected, "{today}");
    }
    let end = WaiverStep::End {
        note: "提前完成汰換".to_owned(),
    };
    waiver()
        .check_step("w-1", &end, "user:alice", day("2026-11-15"))
        .unwrap();
    keep(&store, "w-1", 2, &end, "user:alice", at("2026-11-15T00:00:00Z")).unwrap();
    assert_eq!(waived_counts(&store, "2026-11-15"), counts(2, 0));
}

#[test]
fn a_waiver_is_for_its_subject_role_and_check_alone_and_none_is_counted_twice() {
    let (_dir, store) = store();
    fleet(&store);
    let of_role = |role| Hosts {
        role: Some(role),
        ..Hosts::default()
    };
    let waive = |id: &str, request: Requested| {
        keep(
            &store,
            id,
            0,
            &WaiverStep::Request(request),
            "user:alice",
            at("2026-11-09T00:00:00Z"),
        )
        .unwrap();
        let approve = WaiverStep::Approve {
            note: "同意".to_owned(),
        };
        keep(&store, id, 1, &approve, "user:bob", at("2026-11-09T01:00:00Z")).unwrap();
    };
    waive("w-1", requested(of_role(Role::Office)));
    assert_eq!(waived_counts(&store, "2026-11-15"), counts(2, 0));
    let other_subject = Requested {
        subject: Some("tcp/0.0.0.0:25".to_owned()),
        ..requested(of_role(Role::Service))
    };
    waive("w-2", other_subject);
    assert_eq!(
        waived_counts(&store, "2026-11-15"),
        counts(2, 0),
        "what passes stays a pass"
    );
    let labelled = Hosts {
        labels: BTreeMap::from([("rack".to_owned(), "9".to_owned())]),
        ..Hosts::default()
    };
    waive("w-3", requested(labelled));
    assert_eq!(
        waived_counts(&store, "2026-11-15"),
        counts(2, 0),
        "no host has the label"
    );
    waive("w-4", requested(of_role(Role::Service)));
    waive("w-5", requested(of_role(Role::Service)));
    assert_eq!(waived_counts(&store, "2026-11-15"), counts(0, 2));
    let cutoff = Cutoff::new(suite::at(2), Interval::minutes(60));
    let in_force = waived::InForce::on(&People::read(&store).unwrap(), day("2026-11-15"));
    let shown = |status| {
        let query = crate::store::FindingQuery {
            status: Some(status),
            ..crate::store::FindingQuery::all(cutoff, 10)
        };
        in_force.findings(&store, &query).unwrap().findings.len()
    };
    assert_eq!(
        (shown(Status::Fail), shown(Status::Waived), shown(Status::Pass)),
        (0, 2, 2)
    );
}

#[test]
fn a_waiver_that_cannot_be_is_refused() {
    let today = day("2026-11-15");
    let host = Hosts {
        role: Some(Role::Service),
        ..Hosts::default()
    };
    let check = |request: Requested| request.check(today).unwrap_err().to_string();
    let with = |change: fn(&mut Requested)| {
        let mut request = requested(host.clone());
        change(&mut request);
        request
    };
    assert_eq!(requested(host.clone()).check(today), Ok(()));
    assert_eq!(
        check(with(|r| r.until = day("2026-11-09"))),
        "it would end on 2026-11-09, before 2026-11-15; give a later end"
    );
    assert!(check(with(|r| r.until = day("2026-11-14"))).contains("give a later end"));
    assert!(check(with(|r| r.until = day("2028-11-20"))).contains("at most 366 days"));
    assert_eq!(with(|r| r.until = day("2027-11-10")).check(today), Ok(()));
    assert!(check(with(|r| r.check = "tls.nothing".to_owned())).contains("there is no check"));
    assert_eq!(
        check(with(|r| r.hosts = Hosts::default())),
        Refusal::NoHosts.to_string()
    );
    assert!(check(with(|r| r.compensating = String::new())).contains("compensating measure is empty"));
}

#[test]
fn a_corrective_action_goes_from_its_cause_to_what_helped() {
    let (_dir, store) = store();
    let open = ActionStep::Open {
        line: "7.1.3".to_owned(),
        before: Some(LineStatus::Conforming),
        now: LineStatus::Partly,
        text: "TLS 1.0 仍可連線".to_owned(),
    };
    keep(&store, "c-1", 0, &open, "collector", at("2026-11-10T00:00:00Z")).unwrap();
    let action = || People::read(&store).unwrap().actions["c-1"].clone();
    let today = day("2026-11-11");
    let entry = |text: &str| Entry {
        text: text.to_owned(),
        files: Vec::new(),
    };
    let measure = ActionStep::Measure(entry("停用 TLS 1.0"));
    assert_eq!(
        action()
            .check_step("c-1", &measure, today)
            .unwrap_err()
            .to_string(),
        "the cause comes first; record that before this"
    );
    let review = |effective| ActionStep::Review {
        effective,
        entry: entry("複查"),
    };
    let steps = [
        (
            ActionStep::Assign {
                owner: "資訊部".to_owned(),
                due_on: day("2026-11-30"),
            },
            Stage::Open,
        ),
        (ActionStep::Cause(entry("設定遺漏")), Stage::CauseKnown),
        (measure.clone(), Stage::MeasureTaken),
        (ActionStep::Result(entry("掃描通過")), Stage::ResultKnown),
        (review(false), Stage::CauseKnown),
        (measure.clone(), Stage::MeasureTaken),
        (ActionStep::Result(entry("再次掃描通過")), Stage::ResultKnown),
        (review(true), Stage::Closed),
    ];
    for (step, stage) in steps {
        let before = action();
        before.check_step("c-1", &step, today).unwrap();
        keep(
            &store,
            "c-1",
            before.steps,
            &step,
            "user:bob",
            at("2026-11-11T00:00:00Z"),
        )
        .unwrap();
        assert_eq!(action().stage, stage, "{step:?}");
    }
    let closed = action();
    assert_eq!(closed.history.len(), 8);
    assert_eq!(closed.owner.as_deref(), Some("資訊部"));
    assert_eq!(
        closed.check_step("c-1", &measure, today),
        Err(Refusal::Closed("c-1".to_owned()))
    );
    assert!(People::read(&store).unwrap().open_action("7.1.3").is_none());
}

#[test]
fn what_is_remembered_is_read_anew_when_there_is_more() {
    let (_dir, store) = store();
    let remembered = Remembered::default();
    assert!(remembered.people(&store).unwrap().attestations.is_empty());
    give(
        &store,
        "a-1",
        given(&["10.1"], "2026-03-01"),
        "2026-03-01T08:00:00Z",
    );
    let first = remembered.people(&store).unwrap();
    assert_eq!(first.attestations.len(), 1);
    assert!(Arc::ptr_eq(&first, &remembered.people(&store).unwrap()));
}
