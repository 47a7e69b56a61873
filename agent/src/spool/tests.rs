use std::collections::BTreeMap;

use jiff::SignedDuration;
use plumbline_config::finding::{Finding, Status};
use plumbline_config::ident::Role;
use plumbline_config::state::{StateSum, distinct};
use plumbline_config::wire::{Report, Scope};
use proptest::prelude::*;

use super::*;
use crate::testing::{assessment, finding};

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

/// A collector that checks the chain, rebuilds the state from what it is sent and compares the digests.
#[derive(Clone, Debug)]
struct Collector {
    sequence: u64,
    hash: String,
    findings: BTreeMap<(String, String), Finding>,
    plan_and_host: Option<(plumbline_config::wire::PlanRef, plumbline_config::wire::HostInfo)>,
    /// The state is not the host's, so that the digests may differ.
    astray: bool,
    reports: Vec<Report>,
}

impl Default for Collector {
    fn default() -> Self {
        Self {
            sequence: 0,
            hash: plumbline_config::wire::FIRST_PREVIOUS.to_owned(),
            findings: BTreeMap::new(),
            plan_and_host: None,
            astray: false,
            reports: Vec::new(),
        }
    }
}

impl Collector {
    fn digest(&self) -> String {
        let (plan, host) = self.plan_and_host.clone().unwrap();
        StateSum::of(self.findings.values()).digest(&plan, &host.name, &host.os)
    }

    /// Keeps a report; whether it asks for everything.
    fn take(&mut self, sealed: &Sealed) -> bool {
        let report = read(sealed);
        if report.sequence == self.sequence {
            assert_eq!(
                self.hash,
                sha256_hex(&sealed.body),
                "a number stands for two reports"
            );
        } else {
            assert_eq!(
                (report.sequence, &report.previous),
                (self.sequence + 1, &self.hash)
            );
            (self.sequence, self.hash) = (report.sequence, sha256_hex(&sealed.body));
            if let Some(assessment) = &report.assessment {
                self.apply(assessment);
            }
            self.reports.push(report.clone());
        }
        self.compare(report.state.as_ref())
    }

    fn apply(&mut self, assessment: &Assessment) {
        if let Some(known) = &assessment.known_checks {
            self.findings.retain(|(check, _), _| known.contains(check));
        }
        if assessment.scope == Scope::Checks {
            self.findings
                .retain(|(check, _), _| !assessment.checks.contains(check));
        }
        for gone in &assessment.gone {
            assert!(assessment.checks.contains(&gone.check));
            self.findings.remove(&(gone.check.clone(), gone.subject.clone()));
        }
        for finding in distinct(&assessment.findings).into_values() {
            assert!(assessment.checks.contains(&finding.check));
            let key = (finding.check.clone(), finding.subject.clone());
            self.findings.insert(key, finding.clone());
        }
        self.plan_and_host = Some((assessment.plan.clone(), assessment.host.clone()));
    }

    fn compare(&mut self, told: Option<&String>) -> bool {
        let Some(told) = told else {
            return false;
        };
        let same = *told == self.digest();
        assert!(same || self.astray, "the states differ");
        self.astray &= !same;
        !same
    }

    /// Takes all that waits; returns the reports.
    fn drain(&mut self, spool: &Spool) -> Vec<Report> {
        let before = self.reports.len();
        while let Some(sealed) = spool.next(SEAL).unwrap() {
            assert_eq!(
                spool.next(SEAL).unwrap().unwrap(),
                sealed,
                "a re-post is the same bytes"
            );
            let asks = self.take(&sealed);
            spool
                .confirm(sealed.sequence, asks, Timestamp::UNIX_EPOCH)
                .unwrap();
        }
        self.reports[before..].to_vec()
    }

    /// Says what a heartbeat's answer would.
    fn hear(&mut self, spool: &Spool) -> Agreement {
        let beat = spool.heartbeat(SEAL).unwrap().unwrap();
        let reply = HeartbeatReply {
            sequence: self.sequence,
            resync: beat.state != self.digest(),
            plan_sha256: None,
        };
        spool.heard(1, &reply).unwrap()
    }
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
fn only_what_changed_is_told_and_the_states_agree() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), &enrolment(1), ["a", "b"]).unwrap();
    let subject = |subject: &str, status| Finding {
        subject: subject.to_owned(),
        ..finding("a", status)
    };
    let mut collector = Collector::default();
    keep_all(
        &spool,
        &["a"],
        vec![subject("1", Status::Pass), subject("2", Status::Fail)],
    );
    assert!(
        spool.next(SEAL).unwrap().is_none(),
        "`b` has not said anything yet"
    );
    let other = || finding("b", Status::Pass);
    keep_all(&spool, &["b"], vec![other()]);
    let first = collector.drain(&spool);
    assert_eq!(
        first.len(),
        1,
        "what is new goes with the first resync, and only so"
    );
    let whole = first[0].assessment.clone().unwrap();
    assert_eq!((whole.scope, whole.findings.len()), (Scope::Checks, 3));
    assert_eq!(whole.known_checks.unwrap(), ["a", "b"]);
    assert_eq!(first[0].looked_age_seconds, Some(7));

    let later = Finding {
        observed_at: Timestamp::from_second(1).unwrap(),
        ..other()
    };
    keep_all(&spool, &["b"], vec![later]);
    assert!(spool.next(SEAL).unwrap().is_none(), "only looked at again");

    keep_all(
        &spool,
        &["a", "b"],
        vec![subject("2", Status::Pass), subject("3", Status::Pass), other()],
    );
    let change = collector.drain(&spool).remove(0).assessment.unwrap();
    assert_eq!(
        (change.scope, change.checks),
        (Scope::Changes, vec!["a".to_owned()])
    );
    let subjects: Vec<&str> = change
        .findings
        .iter()
        .map(|finding| finding.subject.as_str())
        .collect();
    assert_eq!(subjects, ["2", "3"]);
    assert_eq!(change.gone.len(), 1);
    assert_eq!(collector.hear(&spool), Agreement::Agreed);

    // A finding named twice counts once, the one of more concern.
    keep_all(&spool, &["b"], vec![other(), finding("b", Status::Fail)]);
    collector.drain(&spool);
    assert_eq!(collector.hear(&spool), Agreement::Agreed);

    let mut moved = assessment(&["b"], vec![finding("b", Status::Fail)]);
    moved.host.name = "web2".to_owned();
    moved.plan.sha256 = "1".repeat(64);
    spool.keep(moved, &Memory::default(), AMPLE).unwrap();
    let told = collector.drain(&spool).remove(0).assessment.unwrap();
    assert_eq!((told.host.name.as_str(), told.checks.len()), ("web2", 0));
    assert_eq!(collector.hear(&spool), Agreement::Agreed);
    assert_eq!(spool.depth().unwrap().state_findings, 3);
    assert_eq!(spool.depth().unwrap().resyncs, 1);
}

#[test]
fn a_collector_that_asks_is_sent_everything_after_what_waits() {
    let (_dir, spool, mut collector) = agreed();
    keep(&spool, 1, Status::Fail, AMPLE);
    collector.drain(&spool);
    collector.findings.clear();
    collector.astray = true;
    assert_eq!(collector.hear(&spool), Agreement::Asked);
    assert_eq!(spool.depth().unwrap().resync_due, Some(Why::CollectorAsked));
    keep(&spool, 2, Status::Fail, AMPLE);
    let reports = collector.drain(&spool);
    let scopes: Vec<Scope> = reports
        .iter()
        .map(|r| r.assessment.as_ref().unwrap().scope)
        .collect();
    assert_eq!(scopes, [Scope::Changes, Scope::Checks]);
    assert_eq!((&reports[0].state, reports[0].looked_age_seconds), (&None, None));
    assert!(reports[1].state.is_some());
    assert!(!collector.astray);
    assert_eq!(collector.hear(&spool), Agreement::Agreed);
}

#[test]
fn a_collector_that_never_agrees_is_not_sent_everything_without_end() {
    let (_dir, spool, _) = agreed();
    let minute = SignedDuration::from_mins(1);
    let at = |minutes: i32| Seal {
        now: Timestamp::UNIX_EPOCH + minute * minutes,
        resync_spacing: minute,
        ..SEAL
    };
    let reply = HeartbeatReply {
        sequence: 1,
        resync: true,
        plan_sha256: None,
    };
    assert_eq!(spool.heard(1, &reply).unwrap(), Agreement::Asked);
    let mut sent = Vec::new();
    for minutes in 0..1_000 {
        while let Some(sealed) = spool.next(at(minutes)).unwrap() {
            sent.push(minutes);
            let confirmed = spool.confirm(sealed.sequence, true, at(minutes).now).unwrap();
            assert_eq!(confirmed.agreement, Agreement::InVain);
        }
    }
    assert_eq!(sent, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
    assert_eq!(
        spool.heard(2, &reply).unwrap(),
        Agreement::Unsaid,
        "of another enrolment"
    );
}

#[test]
fn a_collector_that_was_restored_is_sent_everything() {
    let (_dir, spool, mut collector) = agreed();
    let backup = collector.clone();
    for number in 0..3 {
        keep(&spool, number, Status::Fail, AMPLE);
        collector.drain(&spool);
    }
    let mut collector = backup;
    collector.astray = true;
    assert_eq!(collector.hear(&spool), Agreement::Asked);
    assert_eq!(spool.depth().unwrap().resync_due, Some(Why::CollectorBehind));
    spool.next(SEAL).unwrap().unwrap();
    spool.renumber(collector.sequence).unwrap();
    let report = read(&spool.next(SEAL).unwrap().unwrap());
    assert_eq!((report.sequence, report.dropped_reports), (5, 3));
    // It takes the new beginning, as the gap is named.
    (collector.sequence, collector.hash) = (report.sequence - 1, report.previous);
    assert_eq!(
        collector.drain(&spool).len(),
        1,
        "the resync that was begun is all"
    );
    assert!(!collector.astray);
    assert_eq!(collector.hear(&spool), Agreement::Agreed);
}

#[test]
fn what_the_collector_refuses_of_a_resync_counts_as_silence_until_it_says_something_else() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), &enrolment(1), ["bad", "good"]).unwrap();
    let mut collector = Collector::default();
    let bad = |number: usize| {
        let mut finding = finding("bad", Status::Fail);
        finding.evidence["number"] = number.into();
        finding
    };
    let mut refusals = 0;
    let mut deliver = |collector: &mut Collector| {
        while let Some(sealed) = spool.next(SEAL).unwrap() {
            let report = read(&sealed);
            if report.assessment.unwrap().findings.contains(&bad(1)) {
                refusals += 1;
                refuse(&spool, &sealed);
            } else {
                let asks = collector.take(&sealed);
                spool
                    .confirm(sealed.sequence, asks, Timestamp::UNIX_EPOCH)
                    .unwrap();
            }
        }
        refusals
    };
    keep_all(
        &spool,
        &["bad", "good"],
        vec![bad(1), finding("good", Status::Pass)],
    );
    collector.astray = true;
    let tried = deliver(&mut collector);
    assert_eq!(tried, 2, "whole, and alone");
    assert_eq!(collector.findings.len(), 1);
    keep_all(&spool, &["bad"], vec![bad(1)]);
    assert_eq!(deliver(&mut collector), tried, "the same is not tried again");
    assert_eq!(collector.hear(&spool), Agreement::Agreed);
    keep_all(&spool, &["bad"], vec![bad(2)]);
    assert_eq!(deliver(&mut collector), tried);
    assert_eq!(collector.findings.len(), 2);
    assert_eq!(collector.hear(&spool), Agreement::Agreed);
}

#[test]
fn checks_that_another_version_had_are_told_to_be_gone() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), &enrolment(1), ["a", "old"]).unwrap();
    let mut collector = Collector::default();
    keep_all(
        &spool,
        &["a", "old"],
        vec![finding("a", Status::Pass), finding("old", Status::Fail)],
    );
    collector.drain(&spool);
    drop(spool);
    let spool = Spool::open(dir.path(), &enrolment(1), ["a", "new"]).unwrap();
    keep_all(
        &spool,
        &["a", "new"],
        vec![finding("a", Status::Pass), finding("new", Status::Pass)],
    );
    collector.drain(&spool);
    assert_eq!(
        spool.depth().unwrap().last_resync.unwrap().why,
        Why::ChecksChanged
    );
    let checks: Vec<&str> = collector
        .findings
        .keys()
        .map(|(check, _)| check.as_str())
        .collect();
    assert_eq!(checks, ["a", "new"]);
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
    let result = spool.change(|tables| {
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

#[derive(Clone, Debug)]
enum Step {
    /// What check and subject say now; no status: the subject is no more.
    Keep(u8, Vec<(u8, Option<bool>)>),
    Thin(u64),
    Move(u8),
    Send,
    SendAndLoseTheAnswer,
    Refuse,
    Beat,
    Restore,
    Reopen,
    Enrol,
}

const CHECKS: [&str; 3] = ["a", "b", "c"];

/// The host, and everything between it and the collector.
struct World {
    dir: tempfile::TempDir,
    spool: Option<Spool>,
    enrolment: Enrolment,
    said: BTreeMap<(u8, u8), bool>,
    host_name: String,
    collector: Collector,
    backup: Option<Collector>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut world = Self {
            spool: None,
            dir,
            enrolment: enrolment(1),
            said: BTreeMap::new(),
            host_name: "web1".to_owned(),
            collector: Collector::default(),
            backup: None,
        };
        world.reopen();
        world
    }

    fn spool(&self) -> &Spool {
        self.spool.as_ref().unwrap()
    }

    fn reopen(&mut self) {
        self.spool = None;
        self.spool = Some(Spool::open(self.dir.path(), &self.enrolment, CHECKS).unwrap());
    }

    /// The checks `which` run.
    fn look(&self, which: &[u8], limit: u64) {
        let name = |check: u8| CHECKS[usize::from(check)];
        let checks: Vec<&str> = which.iter().map(|check| name(*check)).collect();
        let findings = self.said.iter().filter(|((check, _), _)| which.contains(check));
        let findings = findings.map(|((check, subject), fails)| Finding {
            subject: subject.to_string(),
            ..finding(name(*check), if *fails { Status::Fail } else { Status::Pass })
        });
        let mut assessment = assessment(&checks, findings.collect());
        assessment.host.name.clone_from(&self.host_name);
        self.spool().keep(assessment, &Memory::default(), limit).unwrap();
    }

    fn send(&mut self, answered: bool) -> bool {
        let Some(sealed) = self.spool().next(SEAL).unwrap() else {
            return false;
        };
        let report = read(&sealed);
        if report.sequence > self.collector.sequence + 1 || report.previous != self.collector.hash {
            let duplicate = sha256_hex(&sealed.body) == self.collector.hash;
            if !duplicate && report.dropped_reports == 0 {
                self.spool().renumber(self.collector.sequence).unwrap();
                return true;
            }
            if !duplicate {
                // A gap that is named is a new beginning.
                (self.collector.sequence, self.collector.hash) = (report.sequence - 1, report.previous);
            }
        }
        let asks = self.collector.take(&sealed);
        if answered {
            self.spool()
                .confirm(sealed.sequence, asks, Timestamp::UNIX_EPOCH)
                .unwrap();
        }
        true
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Keep(check, says) => {
                for (subject, fails) in says {
                    match fails {
                        Some(fails) => self.said.insert((check, subject), fails),
                        None => self.said.remove(&(check, subject)),
                    };
                }
                self.look(&[check], AMPLE);
            }
            Step::Thin(limit) => self.look(&[0, 1, 2], limit),
            Step::Move(name) => {
                self.host_name = format!("web{name}");
                self.look(&[0], AMPLE);
            }
            Step::Send => {
                self.send(true);
            }
            Step::SendAndLoseTheAnswer => {
                self.send(false);
            }
            Step::Refuse => {
                if let Some(sealed) = self.spool().next(SEAL).unwrap()
                    && self.collector.hash != sha256_hex(&sealed.body)
                {
                    refuse(self.spool(), &sealed);
                }
            }
            Step::Beat => {
                if let Some(beat) = self.spool().heartbeat(SEAL).unwrap() {
                    let same =
                        self.collector.plan_and_host.is_some() && beat.state == self.collector.digest();
                    self.collector.astray &= !same;
                    let reply = HeartbeatReply {
                        sequence: self.collector.sequence,
                        resync: !same,
                        plan_sha256: None,
                    };
                    self.spool().heard(beat.incarnation, &reply).unwrap();
                }
            }
            Step::Restore => {
                let now = self.collector.clone();
                if let Some(backup) = self.backup.replace(now) {
                    self.collector = backup;
                    self.collector.astray = true;
                }
            }
            Step::Reopen => self.reopen(),
            Step::Enrol => {
                self.enrolment.incarnation += 1;
                // The chain begins anew; what the collector had of the host stays until it is told otherwise.
                (self.collector.sequence, self.collector.hash) =
                    (0, plumbline_config::wire::FIRST_PREVIOUS.to_owned());
                self.collector.astray = true;
                self.backup = None;
                self.reopen();
            }
        }
    }

    /// All checks run, nothing fails any more, and heartbeats find what differs.
    fn settle(&mut self) {
        self.reopen();
        for _ in 0..4 {
            self.look(&[0, 1, 2], AMPLE);
            let mut sent = 0;
            while self.send(true) {
                sent += 1;
                assert!(sent < 1_000, "it goes on without end");
            }
            self.take(Step::Beat);
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let says = || proptest::collection::vec((0_u8..4, any::<Option<bool>>()), 0..4);
    let step = prop_oneof![
        4 => (0_u8..3, says()).prop_map(|(check, says)| Step::Keep(check, says)),
        1 => (0_u64..3_000).prop_map(Step::Thin),
        1 => (0_u8..3).prop_map(Step::Move),
        4 => Just(Step::Send),
        1 => Just(Step::SendAndLoseTheAnswer),
        1 => Just(Step::Refuse),
        1 => Just(Step::Beat),
        1 => Just(Step::Restore),
        1 => Just(Step::Reopen),
        1 => Just(Step::Enrol),
    ];
    proptest::collection::vec(step, 1..50)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever happens, the collector sees 1, 2, 3 … each chained to the one before or a gap that is named, a digest
    /// that it is told is that of the state it rebuilt (but where it lost its own), and in the end both hold what the
    /// host says.
    #[test]
    fn the_states_meet_whatever_happens(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.settle();
        prop_assert!(!world.collector.astray);
        let held: Vec<((String, String), Status)> = world
            .collector
            .findings
            .iter()
            .map(|(key, finding)| (key.clone(), finding.status))
            .collect();
        let said: Vec<((String, String), Status)> = world
            .said
            .iter()
            .map(|((check, subject), fails)| {
                let key = (CHECKS[usize::from(*check)].to_owned(), subject.to_string());
                (key, if *fails { Status::Fail } else { Status::Pass })
            })
            .collect();
        prop_assert_eq!(held, said);
        let beat = world.spool().heartbeat(SEAL).unwrap().unwrap();
        prop_assert_eq!(beat.state, world.collector.digest());
    }
}
