//! Only changes are told, and where the two sides came apart everything.

use super::*;

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
    assert_eq!(sent[..9], [1, 2, 4, 8, 16, 32, 64, 124, 184]);
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
