use plumbline_config::finding::Status;
use plumbline_config::ident::Role;
use proptest::prelude::*;

use super::*;
use crate::testing::{assessment, finding};

const SEAL: Seal = Seal {
    now: Timestamp::UNIX_EPOCH,
    heartbeat: false,
};
const HEARTBEAT: Seal = Seal {
    heartbeat: true,
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

fn spool() -> (tempfile::TempDir, Spool) {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), &enrolment(1)).unwrap();
    (dir, spool)
}

/// An assessment that tells its number in the name of the host.
fn numbered(number: usize, status: Status) -> Assessment {
    let mut assessment = assessment(&["a"], vec![finding("a", status)]);
    assessment.host.name = number.to_string();
    assessment
}

fn keep(spool: &Spool, number: usize, status: Status, limit: u64) {
    spool
        .keep(Some(numbered(number, status)), &Memory::default(), limit)
        .unwrap();
}

fn read(sealed: &Sealed) -> Report {
    serde_json::from_slice(&sealed.body).unwrap()
}

/// Sends all that waits to a collector that checks the chain; returns the numbers of the assessments.
fn drain(spool: &Spool, last: &mut (u64, String)) -> Vec<usize> {
    let mut numbers = Vec::new();
    while let Some(sealed) = spool.next(SEAL).unwrap() {
        assert_eq!(
            spool.next(SEAL).unwrap().unwrap(),
            sealed,
            "a re-post is the same bytes"
        );
        let report = read(&sealed);
        assert_eq!(report.sequence, last.0 + 1);
        assert_eq!(report.previous, last.1);
        *last = (report.sequence, sha256_hex(&sealed.body));
        numbers.push(report.assessment.unwrap().host.name.parse().unwrap());
        spool.confirm(sealed.sequence).unwrap();
    }
    numbers
}

fn first() -> (u64, String) {
    (0, plumbline_config::wire::FIRST_PREVIOUS.to_owned())
}

#[test]
fn what_is_kept_survives_reopening_in_order_and_chained() {
    let (dir, spool) = spool();
    for number in 0..3 {
        keep(&spool, number, Status::Pass, AMPLE);
    }
    let sealed = spool.next(SEAL).unwrap().unwrap();
    drop(spool);
    let spool = Spool::open(dir.path(), &enrolment(1)).unwrap();
    assert_eq!(
        spool.next(SEAL).unwrap().unwrap(),
        sealed,
        "sealed bytes are durable before they are sent"
    );
    assert_eq!(spool.depth().unwrap().spool_reports, 3);
    let mut last = first();
    assert_eq!(drain(&spool, &mut last), [0, 1, 2]);
    assert_eq!(spool.depth().unwrap().spool_reports, 0);
    keep(&spool, 3, Status::Pass, AMPLE);
    drop(spool);
    let spool = Spool::open(dir.path(), &enrolment(1)).unwrap();
    assert_eq!(drain(&spool, &mut last), [3]);
}

#[test]
fn one_process_at_a_time_holds_it() {
    let (dir, _spool) = spool();
    assert!(matches!(
        Spool::open(dir.path(), &enrolment(1)),
        Err(SpoolError::InUse)
    ));
}

#[test]
fn a_heartbeat_is_sealed_only_where_nothing_waits() {
    let (_dir, spool) = spool();
    assert!(spool.next(SEAL).unwrap().is_none());
    keep(&spool, 1, Status::Pass, AMPLE);
    let report = spool.next(HEARTBEAT).unwrap().unwrap();
    assert!(read(&report).assessment.is_some());
    spool.confirm(1).unwrap();
    let beat = read(&spool.next(HEARTBEAT).unwrap().unwrap());
    assert_eq!((beat.sequence, beat.assessment), (2, None));
    assert_eq!(beat.previous, sha256_hex(&report.body));
}

#[test]
fn a_transaction_that_fails_leaves_nothing() {
    let (_dir, spool) = spool();
    let result = spool.change(|tables| {
        tables.push(b"{}", true)?;
        Err::<(), _>(SpoolError::NotEnrolled)
    });
    assert!(result.is_err());
    assert_eq!(spool.depth().unwrap().spool_reports, 0);
}

#[test]
fn thinning_takes_old_passes_first_then_old_failures_and_never_the_newest() {
    let (_dir, spool) = spool();
    let status = |number| {
        if number % 2 == 0 {
            Status::Pass
        } else {
            Status::Fail
        }
    };
    keep(&spool, 0, Status::Pass, AMPLE);
    let one = spool.depth().unwrap().spool_bytes;
    for number in 1..10 {
        keep(&spool, number, status(number), AMPLE);
    }
    let room = |reports: u64| (reports + 1) * one - 1;
    keep(&spool, 10, Status::Pass, room(6));
    assert_eq!(spool.depth().unwrap().dropped_reports, 5);
    let mut last = first();
    // 0, 2, 4, 6, 8 passed and went; the newest passed too and stays.
    let head = read(&spool.next(SEAL).unwrap().unwrap());
    assert_eq!(head.dropped_reports, 5);
    assert_eq!(
        spool.depth().unwrap().dropped_reports,
        5,
        "not told until confirmed"
    );
    assert_eq!(drain(&spool, &mut last), [1, 3, 5, 7, 9, 10]);
    assert_eq!(spool.depth().unwrap().dropped_reports, 0);

    for number in 0..4 {
        keep(&spool, number, Status::Fail, AMPLE);
    }
    keep(&spool, 4, Status::Pass, 1);
    assert_eq!(
        drain(&spool, &mut last),
        [4],
        "the newest stays even alone over the limit"
    );
}

#[test]
fn a_refused_report_gives_its_number_to_the_next_and_is_put_aside() {
    let (_dir, spool) = spool();
    keep(&spool, 0, Status::Pass, AMPLE);
    keep(&spool, 1, Status::Pass, AMPLE);
    let sealed = spool.next(SEAL).unwrap().unwrap();
    spool.refuse(1, 422, "no", Timestamp::UNIX_EPOCH).unwrap();
    spool
        .refuse(1, 422, "told twice counts once", Timestamp::UNIX_EPOCH)
        .unwrap();
    let refused = spool.refused().unwrap();
    assert_eq!(refused.len(), 1);
    assert_eq!((refused[0].sequence, &refused[0].body), (1, &sealed.body));
    assert_eq!(spool.depth().unwrap().refused_reports, 1);
    let next = spool.next(SEAL).unwrap().unwrap();
    assert_eq!(read(&next).dropped_reports, 1);
    assert_eq!(drain(&spool, &mut first()), [1]);
    for number in 0..50 {
        keep(&spool, number, Status::Pass, AMPLE);
        let sealed = spool.next(SEAL).unwrap().unwrap();
        spool
            .refuse(sealed.sequence, 422, "no", Timestamp::UNIX_EPOCH)
            .unwrap();
    }
    assert_eq!(spool.refused().unwrap().len(), 8, "what is put aside is bounded");
    assert_eq!(spool.depth().unwrap().refused_reports, 51);
}

#[test]
fn a_refused_report_of_many_checks_costs_only_the_check_at_fault() {
    let (_dir, spool) = spool();
    let checks = ["a", "b", "c", "bad", "e"];
    let findings = checks.iter().map(|check| finding(check, Status::Pass)).collect();
    spool
        .keep(Some(assessment(&checks, findings)), &Memory::default(), AMPLE)
        .unwrap();
    let (mut taken, mut tries) = (Vec::new(), 0);
    while let Some(sealed) = spool.next(SEAL).unwrap() {
        tries += 1;
        let report = read(&sealed);
        let assessment = report.assessment.unwrap();
        assert_eq!(assessment.findings.len(), assessment.checks.len());
        if assessment.checks.contains(&"bad".to_owned()) {
            spool
                .refuse(sealed.sequence, 422, "bad", Timestamp::UNIX_EPOCH)
                .unwrap();
        } else {
            assert_eq!(report.sequence, taken.len() as u64 + 1);
            taken.push(assessment.checks);
            spool.confirm(sealed.sequence).unwrap();
        }
    }
    assert_eq!(taken.concat(), ["a", "b", "c", "e"]);
    assert!(tries < 10, "{tries}");
    assert_eq!(spool.depth().unwrap().refused_reports, 1);
}

#[test]
fn after_a_fork_numbers_go_on_beyond_the_collectors_and_name_the_gap() {
    let (_dir, spool) = spool();
    keep(&spool, 0, Status::Pass, AMPLE);
    keep(&spool, 1, Status::Pass, AMPLE);
    spool.next(SEAL).unwrap().unwrap();
    spool.renumber(41).unwrap();
    let report = read(&spool.next(SEAL).unwrap().unwrap());
    assert_eq!((report.sequence, report.dropped_reports), (42, 1));
    assert_eq!(
        report.assessment.unwrap().host.name,
        "0",
        "still the first in the queue"
    );
    spool.confirm(42).unwrap();
    let report = read(&spool.next(SEAL).unwrap().unwrap());
    assert_eq!((report.sequence, report.dropped_reports), (43, 0));
}

#[test]
fn a_collector_that_lost_reports_is_told_how_many_and_no_number_is_used_again() {
    let (_dir, spool) = spool();
    for number in 0..10 {
        keep(&spool, number, Status::Pass, AMPLE);
        let sealed = spool.next(SEAL).unwrap().unwrap();
        spool.confirm(sealed.sequence).unwrap();
    }
    spool.next(HEARTBEAT).unwrap().unwrap();
    spool.renumber(4).unwrap();
    assert!(spool.next(SEAL).unwrap().is_none(), "the heartbeat is let go");
    keep(&spool, 10, Status::Pass, AMPLE);
    let report = read(&spool.next(SEAL).unwrap().unwrap());
    assert_eq!((report.sequence, report.dropped_reports), (11, 6));
}

#[test]
fn a_new_enrolment_numbers_what_waits_from_one() {
    let (dir, spool) = spool();
    for number in 0..3 {
        keep(&spool, number, Status::Pass, AMPLE);
    }
    spool.next(SEAL).unwrap().unwrap();
    spool.confirm(1).unwrap();
    spool.next(SEAL).unwrap().unwrap();
    drop(spool);
    let again = Enrolment {
        host_id: "h-2".parse().unwrap(),
        ..enrolment(2)
    };
    let spool = Spool::open(dir.path(), &again).unwrap();
    let report = read(&spool.next(SEAL).unwrap().unwrap());
    assert_eq!((report.incarnation, report.sequence), (2, 1));
    assert_eq!(report.assessment.unwrap().host.id.unwrap().as_str(), "h-2");
    assert_eq!(drain(&spool, &mut first()), [1, 2]);
    keep(&spool, 3, Status::Pass, AMPLE);
    drop(spool);
    let other_role = Enrolment {
        role: Role::Office,
        ..enrolment(3)
    };
    let spool = Spool::open(dir.path(), &other_role).unwrap();
    let depth = spool.depth().unwrap();
    assert_eq!((depth.spool_reports, depth.dropped_reports), (0, 1));
}

#[test]
fn an_assessment_too_large_for_one_report_becomes_several() {
    let (_dir, spool) = spool();
    let checks: Vec<String> = (0..40).map(|n| format!("c{n}")).collect();
    let names: Vec<&str> = checks.iter().map(String::as_str).collect();
    let findings = names
        .iter()
        .flat_map(|name| vec![finding(name, Status::Pass); 150])
        .collect();
    spool
        .keep(Some(assessment(&names, findings)), &Memory::default(), AMPLE)
        .unwrap();
    let mut seen = Vec::new();
    while let Some(sealed) = spool.next(SEAL).unwrap() {
        assert!(sealed.body.len() <= LARGEST_REPORT);
        seen.extend(read(&sealed).assessment.unwrap().checks);
        spool.confirm(sealed.sequence).unwrap();
    }
    assert_eq!(seen, checks);
}

#[test]
fn a_torn_or_damaged_file_is_moved_aside_or_read_and_never_half_believed() {
    let (dir, spool) = spool();
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
        let spool = Spool::open(dir.path(), &enrolment(1)).unwrap_or_else(|error| panic!("{n}: {error}"));
        let numbers = drain(&spool, &mut first());
        let expected: Vec<usize> = if numbers.is_empty() {
            Vec::new()
        } else {
            (0..20).collect()
        };
        assert_eq!(numbers, expected, "damage {n}");
        keep(&spool, 1, Status::Pass, AMPLE);
    }
}

#[test]
fn the_file_shrinks_after_a_long_silence_was_delivered() {
    let (dir, spool) = spool();
    let mut large = assessment(&["a"], Vec::new());
    large.plan.version = "x".repeat(500_000);
    for _ in 0..30 {
        spool
            .keep(Some(large.clone()), &Memory::default(), AMPLE)
            .unwrap();
    }
    let length = || std::fs::metadata(dir.path().join(FILE)).unwrap().len();
    assert!(length() > 15_000_000);
    while let Some(sealed) = spool.next(SEAL).unwrap() {
        spool.confirm(sealed.sequence).unwrap();
    }
    assert!(length() < WORTH_COMPACTING, "{}", length());
}

#[derive(Clone, Debug)]
enum Step {
    Keep(bool),
    Send,
    SendAndLoseTheAnswer,
    Refuse,
    Reopen,
    Thin(u64),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever happens, the collector sees 1, 2, 3 … each chained to the one before, and all that was neither
    /// thinned nor refused arrives once.
    #[test]
    fn the_chain_has_no_gap_and_no_number_stands_for_two_reports(
        steps in proptest::collection::vec(prop_oneof![
            any::<bool>().prop_map(Step::Keep),
            Just(Step::Send),
            Just(Step::SendAndLoseTheAnswer),
            Just(Step::Refuse),
            Just(Step::Reopen),
            (0_u64..3_000).prop_map(Step::Thin),
        ], 1..60),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(dir.path(), &enrolment(1)).unwrap();
        let (mut sequence, mut hash) = first();
        let (mut kept, mut arrived, mut told) = (0_u64, 0_u64, 0_u64);
        let mut accept = |sealed: &Sealed| {
            let report = read(sealed);
            if report.sequence == sequence {
                assert_eq!(hash, sha256_hex(&sealed.body), "a number stands for two reports");
                return;
            }
            assert_eq!((report.sequence, report.previous.as_str()), (sequence + 1, hash.as_str()));
            (sequence, hash) = (report.sequence, sha256_hex(&sealed.body));
            arrived += 1;
            told += report.dropped_reports;
        };
        for step in steps {
            match step {
                Step::Keep(fails) => {
                    let status = if fails { Status::Fail } else { Status::Pass };
                    keep(&spool, 0, status, AMPLE);
                    kept += 1;
                }
                Step::Thin(limit) => {
                    keep(&spool, 0, Status::Pass, limit);
                    kept += 1;
                }
                Step::Send => if let Some(sealed) = spool.next(SEAL).unwrap() {
                    accept(&sealed);
                    spool.confirm(sealed.sequence).unwrap();
                },
                Step::SendAndLoseTheAnswer => if let Some(sealed) = spool.next(SEAL).unwrap() {
                    accept(&sealed);
                    // The answer is lost; later it is posted again.
                    let again = spool.next(SEAL).unwrap().unwrap();
                    accept(&again);
                    spool.confirm(again.sequence).unwrap();
                },
                Step::Refuse => if let Some(sealed) = spool.next(SEAL).unwrap() {
                    spool.refuse(sealed.sequence, 400, "", Timestamp::UNIX_EPOCH).unwrap();
                },
                Step::Reopen => {
                    drop(spool);
                    spool = Spool::open(dir.path(), &enrolment(1)).unwrap();
                }
            }
        }
        while let Some(sealed) = spool.next(SEAL).unwrap() {
            accept(&sealed);
            spool.confirm(sealed.sequence).unwrap();
        }
        let untold = spool.depth().unwrap().dropped_reports;
        prop_assert_eq!(arrived + told + untold, kept);
    }
}
