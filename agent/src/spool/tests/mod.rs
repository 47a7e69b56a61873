mod agreement;
mod collector;
mod world;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use plumbline_config::finding::{Finding, Status};
use plumbline_config::ident::Role;
use plumbline_config::state::{StateSum, distinct};
use plumbline_config::wire::{Report, Scope};

use super::file::WORTH_COMPACTING;
use super::*;
use crate::testing::{assessment, finding};

use collector::Collector;

/// Nothing is sent for silence alone; a resync may begin at once.
const SEAL: Seal = Seal {
    now: Timestamp::UNIX_EPOCH,
    looked_age_seconds: Some(7),
    silence: SignedDuration::MAX,
    resync_spacing: SignedDuration::ZERO,
};
const NEVER: SignedDuration = SignedDuration::from_hours(1_000_000);
/// No resync may begin, so that what waits is seen alone.
const CHANGES: Seal = Seal {
    resync_spacing: NEVER,
    ..SEAL
};
const EVIDENCE: Seal = Seal {
    silence: SignedDuration::ZERO,
    ..SEAL
};
const AMPLE: u64 = 1 << 30;

fn enrolment(incarnation: u32) -> Enrolment {
    Enrolment {
        host_id: "h-1".parse().unwrap(),
        incarnation,
        role: Role::Service,
    }
}

fn open(dir: &tempfile::TempDir) -> Spool {
    Spool::open(dir.path(), &enrolment(1), ["a"]).unwrap()
}

/// A new spool.
fn spool() -> (tempfile::TempDir, Spool) {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(&dir);
    (dir, spool)
}

/// A spool whose state the collector has, and the collector.
fn agreed() -> (tempfile::TempDir, Spool, Collector) {
    let (dir, spool) = spool();
    let mut collector = Collector::default();
    keep_all(&spool, &["a"], Vec::new());
    collector.drain(&spool);
    (dir, spool, collector)
}

/// What `a` says at step `number`: something else each time.
fn numbered(number: usize, status: Status) -> Assessment {
    let mut finding = finding("a", status);
    finding.evidence["number"] = number.into();
    assessment(&["a"], vec![finding])
}

fn keep(spool: &Spool, number: usize, status: Status, limit: u64) {
    spool
        .keep(numbered(number, status), &Memory::default(), limit)
        .unwrap();
}

fn keep_all(spool: &Spool, checks: &[&str], findings: Vec<Finding>) {
    spool
        .keep(assessment(checks, findings), &Memory::default(), AMPLE)
        .unwrap();
}

fn read(sealed: &Sealed) -> Report {
    serde_json::from_slice(&sealed.body).unwrap()
}

fn confirm(spool: &Spool, sealed: &Sealed) -> Agreement {
    spool
        .confirm(sealed.sequence, false, Timestamp::UNIX_EPOCH)
        .unwrap()
        .agreement
}

fn refuse(spool: &Spool, sealed: &Sealed) {
    spool
        .refuse(sealed.sequence, 422, "no", Timestamp::UNIX_EPOCH)
        .unwrap();
}

/// The numbers that the reports tell by [`numbered`].
fn numbers(reports: &[Report]) -> Vec<u64> {
    let assessments = reports.iter().filter_map(|report| report.assessment.as_ref());
    assessments
        .flat_map(|assessment| &assessment.findings)
        .map(|finding| finding.evidence["number"].as_u64().unwrap())
        .collect()
}

#[test]
fn what_is_kept_survives_reopening_in_order_and_chained() {
    let (dir, spool, mut collector) = agreed();
    for number in 0..3 {
        keep(&spool, number, Status::Pass, AMPLE);
    }
    let sealed = spool.next(SEAL).unwrap().unwrap();
    drop(spool);
    let spool = open(&dir);
    assert_eq!(
        spool.next(SEAL).unwrap().unwrap(),
        sealed,
        "sealed bytes are durable before they are sent"
    );
    assert_eq!(spool.depth().unwrap().spool_reports, 3);
    assert_eq!(numbers(&collector.drain(&spool)), [0, 1, 2]);
    assert_eq!(spool.depth().unwrap().spool_reports, 0);
    keep(&spool, 3, Status::Pass, AMPLE);
    drop(spool);
    let spool = open(&dir);
    keep(&spool, 3, Status::Pass, AMPLE);
    assert_eq!(
        numbers(&collector.drain(&spool)),
        [3],
        "what was said before is no news"
    );
    assert_eq!(collector.hear(&spool), Agreement::Agreed);
}

#[test]
fn one_process_at_a_time_holds_it() {
    let (dir, _spool) = spool();
    assert!(matches!(
        Spool::open(dir.path(), &enrolment(1), ["a"]),
        Err(SpoolError::InUse)
    ));
}

#[test]
fn what_stands_is_kept_on_record_only_where_nothing_waits() {
    let (_dir, spool, mut collector) = agreed();
    assert!(spool.next(SEAL).unwrap().is_none());
    keep(&spool, 1, Status::Pass, AMPLE);
    let report = spool.next(EVIDENCE).unwrap().unwrap();
    assert!(read(&report).assessment.is_some());
    assert!(spool.heartbeat(SEAL).unwrap().is_none(), "a report waits");
    collector.take(&report);
    confirm(&spool, &report);
    let evidence = spool.next(EVIDENCE).unwrap().unwrap();
    let stands = read(&evidence);
    assert_eq!((stands.sequence, &stands.assessment), (3, &None));
    assert_eq!(stands.previous, sha256_hex(&report.body));
    assert!(!collector.take(&evidence), "the states agree");
    confirm(&spool, &evidence);
    let daily = |hours| Seal {
        now: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours),
        silence: SignedDuration::from_hours(24),
        ..SEAL
    };
    assert!(spool.next(daily(23)).unwrap().is_none());
    assert!(spool.next(daily(24)).unwrap().is_some());
}

#[test]
fn a_transaction_that_fails_leaves_nothing() {
    let (_dir, spool) = spool();
    let result = spool.file.change(|tables| {
        host_state::take_in(tables, numbered(1, Status::Fail))?;
        tables.push(&numbered(1, Status::Fail), &Place::resync(None))?;
        Err::<(), _>(SpoolError::NotEnrolled)
    });
    assert!(result.is_err());
    let depth = spool.depth().unwrap();
    assert_eq!((depth.spool_reports, depth.state_findings), (0, 0));
}

#[test]
fn thinning_takes_old_passes_first_then_old_failures_and_never_the_newest() {
    let (_dir, spool, mut collector) = agreed();
    let status = |number| {
        if number % 2 == 0 {
            Status::Pass
        } else {
            Status::Fail
        }
    };
    keep(&spool, 10, Status::Pass, AMPLE);
    let one = spool.depth().unwrap().spool_bytes;
    for number in 11..20 {
        keep(&spool, number, status(number), AMPLE);
    }
    let room = |reports: u64| (reports + 1) * one - 1;
    keep(&spool, 20, Status::Pass, room(6));
    assert_eq!(spool.depth().unwrap().dropped_reports, 5);
    // 10, 12, 14, 16, 18 passed and went; the newest passed too and stays.
    let head = read(&spool.next(CHANGES).unwrap().unwrap());
    assert_eq!(head.dropped_reports, 5);
    assert_eq!(
        spool.depth().unwrap().dropped_reports,
        5,
        "not told until confirmed"
    );
    let reports = collector.drain(&spool);
    assert_eq!(numbers(&reports), [11, 13, 15, 17, 19, 20, 20], "and everything");
    assert_eq!(spool.depth().unwrap().dropped_reports, 0);
    assert_eq!(spool.depth().unwrap().last_resync.unwrap().why, Why::Thinned);
    assert_eq!(collector.hear(&spool), Agreement::Agreed);

    for number in 0..4 {
        keep(&spool, number, Status::Fail, AMPLE);
    }
    keep(&spool, 4, Status::Pass, 1);
    assert_eq!(
        numbers(&collector.drain(&spool)),
        [4, 4],
        "the newest stays even alone over the limit"
    );
}

#[test]
fn thinning_takes_the_parts_of_a_resync_first_and_they_are_made_again() {
    let (_dir, spool, mut collector) = agreed();
    collector.astray = true;
    keep(&spool, 1, Status::Fail, AMPLE);
    let whole = spool
        .file
        .change(|tables| {
            tables.pop()?;
            resync::queue(tables, &spool.known_checks, Timestamp::UNIX_EPOCH, None)
        })
        .unwrap();
    assert!(whole);
    keep(&spool, 2, Status::Fail, AMPLE);
    let both = spool.depth().unwrap().spool_bytes;
    keep(&spool, 3, Status::Fail, both);
    let depth = spool.depth().unwrap();
    assert_eq!(
        (depth.spool_reports, depth.dropped_reports),
        (2, 0),
        "nothing is lost"
    );
    assert_eq!(numbers(&collector.drain(&spool)), [2, 3, 3]);
    assert_eq!(collector.hear(&spool), Agreement::Agreed);
}

#[test]
fn a_refused_report_gives_its_number_to_the_next_and_is_put_aside() {
    let (_dir, spool, mut collector) = agreed();
    keep(&spool, 1, Status::Pass, AMPLE);
    keep(&spool, 2, Status::Pass, AMPLE);
    let sealed = spool.next(SEAL).unwrap().unwrap();
    refuse(&spool, &sealed);
    // Told twice it counts once.
    refuse(&spool, &sealed);
    let refused = spool.refused().unwrap();
    assert_eq!(refused.len(), 1);
    assert_eq!((refused[0].sequence, &refused[0].body), (2, &sealed.body));
    assert_eq!(spool.depth().unwrap().refused_reports, 1);
    let next = spool.next(SEAL).unwrap().unwrap();
    assert_eq!(read(&next).dropped_reports, 1);
    assert_eq!(numbers(&collector.drain(&spool)), [2, 2], "and everything");
    assert_eq!(collector.hear(&spool), Agreement::Agreed);
    for number in 0..50 {
        keep(&spool, number, Status::Pass, AMPLE);
        refuse(&spool, &spool.next(CHANGES).unwrap().unwrap());
    }
    assert_eq!(spool.refused().unwrap().len(), 8, "what is put aside is bounded");
    assert_eq!(spool.depth().unwrap().refused_reports, 51);
}

#[test]
fn a_refused_report_of_many_checks_costs_only_the_check_at_fault() {
    let checks = ["a", "b", "c", "bad", "e"];
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), &enrolment(1), checks).unwrap();
    keep_all(&spool, &checks, Vec::new());
    Collector::default().drain(&spool);
    let findings = checks.iter().map(|check| finding(check, Status::Pass)).collect();
    keep_all(&spool, &checks, findings);
    let (mut taken, mut tries) = (Vec::new(), 0);
    while let Some(sealed) = spool.next(CHANGES).unwrap() {
        tries += 1;
        let report = read(&sealed);
        let assessment = report.assessment.unwrap();
        assert_eq!(assessment.findings.len(), assessment.checks.len());
        if assessment.checks.contains(&"bad".to_owned()) {
            refuse(&spool, &sealed);
        } else {
            assert_eq!(report.sequence, taken.len() as u64 + 2);
            taken.push(assessment.checks);
            confirm(&spool, &sealed);
        }
    }
    assert_eq!(taken.concat(), ["a", "b", "c", "e"]);
    assert!(tries < 10, "{tries}");
    assert_eq!(spool.depth().unwrap().refused_reports, 1);
}

#[test]
fn after_a_fork_numbers_go_on_beyond_the_collectors_and_name_the_gap() {
    let (_dir, spool, _) = agreed();
    keep(&spool, 1, Status::Pass, AMPLE);
    keep(&spool, 2, Status::Pass, AMPLE);
    spool.next(SEAL).unwrap().unwrap();
    spool.renumber(41).unwrap();
    let sealed = spool.next(SEAL).unwrap().unwrap();
    let report = read(&sealed);
    assert_eq!((report.sequence, report.dropped_reports), (42, 1));
    assert_eq!(numbers(&[report]), [1], "still the first in the queue");
    confirm(&spool, &sealed);
    let sealed = spool.next(SEAL).unwrap().unwrap();
    let report = read(&sealed);
    assert_eq!((report.sequence, report.dropped_reports), (43, 0));
    confirm(&spool, &sealed);
    let everything = read(&spool.next(SEAL).unwrap().unwrap()).assessment.unwrap();
    assert_eq!(everything.scope, Scope::Checks);
}

#[test]
fn a_collector_that_lost_reports_is_told_how_many_and_no_number_is_used_again() {
    let (_dir, spool, _) = agreed();
    for number in 1..10 {
        keep(&spool, number, Status::Pass, AMPLE);
        confirm(&spool, &spool.next(SEAL).unwrap().unwrap());
    }
    spool.next(EVIDENCE).unwrap().unwrap();
    spool.renumber(4).unwrap();
    assert!(
        spool.next(CHANGES).unwrap().is_none(),
        "that nothing changed is let go"
    );
    keep(&spool, 10, Status::Pass, AMPLE);
    let report = read(&spool.next(SEAL).unwrap().unwrap());
    assert_eq!((report.sequence, report.dropped_reports), (11, 6));
}

#[test]
fn a_new_enrolment_numbers_what_waits_from_one_and_begins_with_everything() {
    let (dir, spool, _) = agreed();
    for number in 0..3 {
        keep(&spool, number, Status::Pass, AMPLE);
    }
    confirm(&spool, &spool.next(SEAL).unwrap().unwrap());
    spool.next(SEAL).unwrap().unwrap();
    drop(spool);
    let again = Enrolment {
        host_id: "h-2".parse().unwrap(),
        ..enrolment(2)
    };
    let spool = Spool::open(dir.path(), &again, ["a"]).unwrap();
    let report = read(&spool.next(SEAL).unwrap().unwrap());
    assert_eq!((report.incarnation, report.sequence), (2, 1));
    assert_eq!(report.assessment.unwrap().host.id.unwrap().as_str(), "h-2");
    let mut collector = Collector::default();
    assert_eq!(numbers(&collector.drain(&spool)), [1, 2, 2]);
    keep(&spool, 3, Status::Pass, AMPLE);
    drop(spool);
    let other_role = Enrolment {
        role: Role::Office,
        ..enrolment(3)
    };
    let spool = Spool::open(dir.path(), &other_role, ["a"]).unwrap();
    let depth = spool.depth().unwrap();
    assert_eq!((depth.spool_reports, depth.dropped_reports), (0, 1));
    assert_eq!(depth.state_findings, 0, "judged by the other role's clauses");
    assert!(
        spool.next(SEAL).unwrap().is_none(),
        "nothing to say until it looked"
    );
}

/// `checks` checks with 150 findings each.
fn large(checks: usize) -> (Vec<String>, Vec<Finding>) {
    let checks: Vec<String> = (0..checks).map(|n| format!("c{n:02}")).collect();
    let of = |check: &String| {
        let check = check.clone();
        (0..150).map(move |n| Finding {
            subject: n.to_string(),
            ..finding(&check, Status::Pass)
        })
    };
    let findings = checks.iter().flat_map(of).collect();
    (checks, findings)
}

#[test]
fn what_is_too_large_for_one_report_becomes_several() {
    let (checks, findings) = large(40);
    let names: Vec<&str> = checks.iter().map(String::as_str).collect();
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), &enrolment(1), names.clone()).unwrap();
    let mut collector = Collector::default();
    keep_all(&spool, &names, Vec::new());
    collector.drain(&spool);
    keep_all(&spool, &names, findings.clone());
    let changes = collector.drain(&spool);
    assert!(changes.len() > 1);
    assert!(
        changes.iter().all(|report| report.state.is_some()),
        "each tells the state after it"
    );
    assert_eq!(collector.hear(&spool), Agreement::Agreed);

    collector.findings.clear();
    collector.astray = true;
    collector.hear(&spool);
    let everything = collector.drain(&spool);
    assert_eq!(everything.len(), changes.len());
    for (n, report) in everything.iter().enumerate() {
        let assessment = report.assessment.as_ref().unwrap();
        assert_eq!(assessment.known_checks.is_some(), n == 0);
        assert_eq!(report.state.is_some(), n == everything.len() - 1);
    }
    let seen: Vec<String> = everything
        .into_iter()
        .flat_map(|report| report.assessment.unwrap().checks)
        .collect();
    assert_eq!(seen, checks);
    assert_eq!(collector.findings.len(), findings.len());
    assert_eq!(collector.hear(&spool), Agreement::Agreed);
}

#[test]
fn what_an_agent_left_that_kept_no_state_is_sent_and_everything_after_it() {
    let (dir, spool) = spool();
    spool
        .file
        .change(|tables| {
            tables.push(&numbered(1, Status::Fail), &Place::resync(None))?;
            tables.forget_places()
        })
        .unwrap();
    drop(spool);
    let spool = open(&dir);
    keep(&spool, 2, Status::Pass, AMPLE);
    let mut collector = Collector::default();
    assert_eq!(numbers(&collector.drain(&spool)), [1, 2]);
    assert_eq!(collector.hear(&spool), Agreement::Agreed);
}

#[test]
fn a_torn_or_damaged_file_is_moved_aside_or_read_and_never_half_believed() {
    let (dir, spool, collector) = agreed();
    for number in 0..20 {
        keep(&spool, number, Status::Pass, AMPLE);
    }
    drop(spool);
    let whole = std::fs::read(dir.path().join(FILE)).unwrap();
    let damage = |n: usize| {
        let mut bytes = whole.clone();
        match n % 3 {
            0 => bytes.truncate(whole.len() * n / 40),
            1 => bytes[whole.len() * n / 40..].fill(0),
            _ => bytes[whole.len() * n / 40] ^= 0xff,
        }
        bytes
    };
    for n in 0..40 {
        std::fs::write(dir.path().join(FILE), damage(n)).unwrap();
        let spool =
            Spool::open(dir.path(), &enrolment(1), ["a"]).unwrap_or_else(|error| panic!("{n}: {error}"));
        if spool.depth().unwrap().spool_reports > 0 {
            let numbers = numbers(&collector.clone().drain(&spool));
            assert_eq!(numbers, (0..20).collect::<Vec<u64>>(), "damage {n}");
        } else {
            assert_eq!(spool.depth().unwrap().state_findings, 0, "damage {n}");
            keep(&spool, 1, Status::Pass, AMPLE);
            let mut collector = Collector::default();
            assert_eq!(numbers(&collector.drain(&spool)), [1], "damage {n}");
        }
    }
}

#[test]
fn the_file_shrinks_after_a_long_silence_was_delivered() {
    let (dir, spool, mut collector) = agreed();
    for number in 0..30 {
        let mut large = numbered(number, Status::Pass);
        large.plan.version = "x".repeat(500_000);
        spool.keep(large, &Memory::default(), AMPLE).unwrap();
    }
    let length = || std::fs::metadata(dir.path().join(FILE)).unwrap().len();
    assert!(length() > 15_000_000);
    collector.drain(&spool);
    assert!(length() < WORTH_COMPACTING, "{}", length());
}
