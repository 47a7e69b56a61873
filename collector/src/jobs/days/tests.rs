use plumbline_config::finding::Status;
use plumbline_config::ident::Role;

use super::*;
use crate::checklist::{Checklist, HostCounts, Period};
use crate::store::{Incoming, SqliteStore, suite};

/// A host whose TLS fails; its report.
fn fleet(store: &dyn Store) -> Incoming {
    suite::add_token(store, "good", Role::Service, 9);
    let host = suite::enrol(store, "", 1, 0).host;
    let found = vec![suite::finding("tls.protocol-versions", "a", Status::Fail)];
    let said = suite::assessment(&host, &["tls.protocol-versions"], found);
    let first = plumbline_config::wire::FIRST_PREVIOUS;
    let report = suite::report(&host, 1, first, 1, Some(said));
    assert!(suite::is_kept(&suite::keep(store, &report)));
    suite::look(store, &host, 1);
    report
}

fn on_line(checklist: &Checklist) -> HostCounts {
    let mut lines = checklist.items.iter().flat_map(|item| &item.lines);
    lines.find(|line| line.id == "7.1.3").unwrap().hosts
}

#[test]
fn what_stood_when_a_day_ended_is_there_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("db")).unwrap();
    let zone = report::zone(&store).unwrap();
    let heard = fleet(&store).received_at;
    let first = day_of(heard, &zone);
    let people = Remembered::default();
    // Everything is fresh for a month.
    let stale_after = Interval::days(30);
    let later = |days: i64| heard + jiff::SignedDuration::from_hours(24 * days);
    let days = Days::default();
    days.record(&store, &people, stale_after, heard).unwrap();
    assert!(day::read(&store, first).unwrap().is_none(), "it is not over");
    // Down over three midnights, and started again.
    Days::default()
        .record(&store, &people, stale_after, later(3))
        .unwrap();
    for back in 0..3 {
        let over = day_of(later(back), &zone);
        let end = day::read(&store, over).unwrap().unwrap();
        assert_eq!(end.lines["7.1.3"], LineStatus::Nonconforming);
    }
    assert!(day::read(&store, day_of(later(3), &zone)).unwrap().is_none());
    let shown = |last: Date, now| {
        let source = Source {
            store: &store,
            people: &people,
            stale_after,
            now,
        };
        let period = Period { first: last, last };
        report::checklist(&source, Some(&period))
    };
    // What the host says later changes nothing of it.
    let before = shown(first, later(3)).unwrap();
    assert_eq!(on_line(&before).fail, 1);
    let host = store.hosts(&crate::store::HostQuery::all()).unwrap()[0]
        .id
        .clone();
    store.revoke_host(&host, &suite::act("host.revoke", 9)).unwrap();
    let after = shown(first, later(3)).unwrap();
    assert_eq!(on_line(&after), on_line(&before));
    assert_eq!(after, before, "the same, however often it is asked for");
    let missing = shown(first.yesterday().unwrap(), later(3)).unwrap_err();
    assert!(missing.to_string().contains("is not on record"), "{missing}");
}

#[test]
fn a_day_whose_end_can_no_longer_be_known_is_not_made_up() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("db")).unwrap();
    let zone = report::zone(&store).unwrap();
    let people = Remembered::default();
    let stale_after = Interval::days(30);
    let first = fleet(&store);
    let heard = first.received_at;
    let later = |days: i64| heard + jiff::SignedDuration::from_hours(24 * days);
    Days::default()
        .record(&store, &people, stale_after, later(1))
        .unwrap();
    // Nobody recorded for some days, in which the host spoke: those before it did are lost.
    let report = suite::report(&first.host, 2, &first.body.sha256, 60 * 24 * 3, None);
    assert!(suite::is_kept(&suite::keep(&store, &report)));
    Days::default()
        .record(&store, &people, stale_after, later(5))
        .unwrap();
    let recorded: Vec<bool> = (0..5)
        .map(|days| day::read(&store, day_of(later(days), &zone)).unwrap().is_some())
        .collect();
    assert_eq!(recorded, [true, false, false, true, true]);
}

#[test]
fn a_line_that_fell_has_an_action_opened_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("db")).unwrap();
    let people = Remembered::default();
    suite::add_token(&store, "good", Role::Service, 9);
    let host = suite::enrol(&store, "", 1, 0).host;
    let mut previous = plumbline_config::wire::FIRST_PREVIOUS.to_owned();
    let checks = ["tls.protocol-versions"];
    let mut say = |sequence, status, minutes| {
        let found = vec![suite::finding(checks[0], "a", status)];
        let said = suite::assessment(&host, &checks, found);
        let report = suite::report(&host, sequence, &previous, minutes, Some(said));
        previous.clone_from(&report.body.sha256);
        assert!(suite::is_kept(&suite::keep(&store, &report)));
        suite::look(&store, &host, minutes);
    };
    let days = Days::default();
    let look = |minutes| {
        days.watch(&store, &people, Interval::days(30), suite::at(minutes))
            .unwrap();
        people.people(&store).unwrap().actions.clone()
    };
    say(1, Status::Pass, 1);
    assert!(look(2).is_empty());
    say(2, Status::Fail, 3);
    assert!(look(4).is_empty(), "it may recover");
    let opened = look(20);
    let lines: Vec<&str> = opened.values().map(|action| action.line.as_str()).collect();
    assert!(lines.contains(&"7.1.3"), "{lines:?}");
    assert_eq!(opened["c-7.1.3-2026-10-01"].by, COLLECTOR, "{opened:?}");
    assert_eq!(look(40), opened);
}
