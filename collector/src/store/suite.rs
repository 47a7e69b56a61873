//! How any store must behave. Each function takes an empty store; an engine's tests call [`run`] on each of its own.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use plumbline_config::finding::{Finding, Severity, Status};
use plumbline_config::ident::{HostId, Role};
use plumbline_config::interval::Interval;
use plumbline_config::lang::Bilingual;
use plumbline_config::wire::{Assessment, FIRST_PREVIOUS, HostInfo, Os, PlanRef, Report, Scope};
use serde_json::Value;

use super::*;
use crate::access::Access;
use crate::freshness::Cutoff;

pub(super) mod alike;
pub(super) mod ledger;
mod people;
mod records;
pub(super) mod state;

/// A name and what it names.
type Behaviour = (&'static str, fn(&dyn Store));

/// Every behaviour.
const BEHAVIOURS: &[Behaviour] = &[
    ("tokens_are_spent_and_end", tokens_are_spent_and_end),
    (
        "a_lost_answer_gives_the_same_identity",
        a_lost_answer_gives_the_same_identity,
    ),
    ("a_reinstalled_host_keeps_its_id", a_reinstalled_host_keeps_its_id),
    (
        "two_machines_alike_part_ways_once_seen",
        two_machines_alike_part_ways_once_seen,
    ),
    (
        "a_new_role_clears_what_the_old_one_said",
        a_new_role_clears_what_the_old_one_said,
    ),
    ("a_revoked_host_is_not_believed", a_revoked_host_is_not_believed),
    ("reports_form_a_chain", reports_form_a_chain),
    (
        "a_named_gap_is_taken_and_recorded",
        a_named_gap_is_taken_and_recorded,
    ),
    ("a_batch_sees_its_own_reports", a_batch_sees_its_own_reports),
    (
        "checks_that_ran_replace_their_findings_alone",
        checks_that_ran_replace_their_findings_alone,
    ),
    (
        "of_two_findings_on_one_subject_the_worse_stands",
        of_two_findings_on_one_subject_the_worse_stands,
    ),
    ("pages_hold_everything_once", pages_hold_everything_once),
    ("filters_agree_with_freshness", filters_agree_with_freshness),
    (
        "totals_are_what_a_recount_gives",
        state::totals_are_what_a_recount_gives,
    ),
    (
        "changes_alone_lead_to_the_same_state",
        state::changes_alone_lead_to_the_same_state,
    ),
    (
        "a_resync_replaces_everything",
        state::a_resync_replaces_everything,
    ),
    (
        "heartbeats_keep_findings_fresh",
        state::heartbeats_keep_findings_fresh,
    ),
    (
        "every_report_and_act_is_a_leaf",
        ledger::every_report_and_act_is_a_leaf,
    ),
    ("checkpoints_are_kept_once", ledger::checkpoints_are_kept_once),
    ("leases_are_held_by_one", ledger::leases_are_held_by_one),
    (
        "what_is_too_old_goes_and_the_ledger_stays",
        ledger::what_is_too_old_goes_and_the_ledger_stays,
    ),
    (
        "hostile_texts_are_kept_as_they_are",
        ledger::hostile_texts_are_kept_as_they_are,
    ),
    ("the_newest_plan_is_current", the_newest_plan_is_current),
    (
        "api_tokens_are_found_and_revoked",
        api_tokens_are_found_and_revoked,
    ),
];

/// Runs every behaviour on a store of its own.
pub(crate) fn run(new_store: impl Fn(&mut dyn FnMut(&dyn Store))) {
    for (name, behaviour) in BEHAVIOURS
        .iter()
        .chain(people::BEHAVIOURS)
        .chain(records::BEHAVIOURS)
    {
        eprintln!("{name}");
        new_store(&mut |store| behaviour(store));
    }
}

pub(crate) fn at(minutes: i64) -> Timestamp {
    "2026-10-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

pub(crate) fn act(what: &str, minutes: i64) -> Act {
    Act {
        at: at(minutes),
        who: "test".to_owned(),
        what: what.to_owned(),
        on: "x".to_owned(),
    }
}

pub(crate) fn add_token(store: &dyn Store, name: &str, role: Role, uses: u32) {
    let token = EnrolmentToken {
        id: format!("t-{name}"),
        sha256: name.to_owned(),
        role,
        labels: BTreeMap::from([("site".to_owned(), "taipei".to_owned())]),
        uses,
        used: 0,
        created_at: at(0),
        expires_at: at(60 * 24 * 365),
    };
    store.add_enrolment_token(&token, &act("token", 0)).unwrap();
}

/// An enrolment of machine `machine` with a key and ids of its own.
pub(crate) fn enrolment(token: &str, machine: &str, number: u8, minutes: i64) -> Enrolment {
    Enrolment {
        token_sha256: token.to_owned(),
        name: "web".to_owned(),
        machine: machine.to_owned(),
        os: Os::default(),
        agent_version: "1".to_owned(),
        fresh_id: format!("h-{number:03}").parse().unwrap(),
        serial: format!("serial-{number}"),
        public_key: vec![4, number],
        not_after: at(minutes + 60 * 24 * 90),
        at: at(minutes),
    }
}

pub(crate) fn enrol(store: &dyn Store, machine: &str, number: u8, minutes: i64) -> Enrolled {
    store
        .enrol(&enrolment("good", machine, number, minutes))
        .unwrap()
        .unwrap()
}

/// A store with one host of the role `service`, enrolled at minute 0.
pub(crate) fn with_host(store: &dyn Store) -> HostId {
    add_token(store, "good", Role::Service, 100);
    enrol(store, "machine-1", 1, 0).host
}

pub(crate) fn finding(check: &str, subject: &str, status: Status) -> Finding {
    Finding {
        check: check.to_owned(),
        clause: "7.1.3".to_owned(),
        status,
        severity: Severity::High,
        subject: subject.to_owned(),
        summary: Bilingual::default(),
        expected: Value::Null,
        actual: Value::Null,
        remediation: Bilingual::default(),
        evidence: Value::Null,
        observed_at: at(0),
    }
}

pub(crate) fn assessment(host: &HostId, checks: &[&str], findings: Vec<Finding>) -> Assessment {
    Assessment {
        host: HostInfo {
            id: Some(host.clone()),
            name: "web".to_owned(),
            role: Role::Service,
            os: Os::default(),
        },
        plan: PlanRef {
            version: "1".to_owned(),
            sha256: "00".to_owned(),
        },
        started_at: at(0),
        finished_at: at(0),
        checks: checks.iter().map(|check| (*check).to_owned()).collect(),
        findings,
        scope: Scope::Checks,
        gone: Vec::new(),
        known_checks: None,
    }
}

/// A report that follows `previous`, with a body made from what it says.
pub(crate) fn report(
    host: &HostId,
    sequence: u64,
    previous: &str,
    minutes: i64,
    assessment: Option<Assessment>,
) -> Incoming {
    let report = Report {
        incarnation: 1,
        sequence,
        previous: previous.to_owned(),
        agent_version: "2".to_owned(),
        sealed_at: at(minutes) + SignedDuration::from_secs(30),
        assessment,
        state: None,
        looked_age_seconds: None,
        dropped_reports: 0,
    };
    let body = PackedBody::pack(&serde_json::to_vec(&report).unwrap()).unwrap();
    Incoming::new((host.clone(), 1), report, body, "00".to_owned(), at(minutes))
}

/// The host looked at everything just now, and all stands as it is kept.
pub(crate) fn look(store: &dyn Store, host: &HostId, minutes: i64) {
    let beat = Beat {
        host: host.clone(),
        heard_at: at(minutes),
        looked_at: Some(at(minutes)),
    };
    store.beat(&[beat]).unwrap();
}

pub(crate) fn keep(store: &dyn Store, incoming: &Incoming) -> Keep {
    let reply = store.keep(std::slice::from_ref(incoming)).unwrap();
    reply.outcomes.into_iter().next().unwrap()
}

/// The highest sequence, where the report was kept before.
pub(crate) fn duplicate(keep: &Keep) -> Option<u64> {
    match keep {
        Keep::Duplicate { sequence, .. } => Some(*sequence),
        _ => None,
    }
}

pub(crate) fn is_kept(keep: &Keep) -> bool {
    matches!(keep, Keep::Kept { .. })
}

fn tokens_are_spent_and_end(store: &dyn Store) {
    add_token(store, "good", Role::Office, 2);
    let refusal =
        |token: &str, number, minutes| store.enrol(&enrolment(token, "", number, minutes)).unwrap().err();
    assert_eq!(refusal("other", 1, 0), Some(TokenRefusal::Unknown));
    assert_eq!(refusal("good", 1, 60 * 24 * 365), Some(TokenRefusal::Expired));
    assert!(
        store.hosts(&HostQuery::all()).unwrap().is_empty(),
        "a refused enrolment leaves nothing"
    );
    assert_eq!(refusal("good", 1, 1), None);
    assert_eq!(refusal("good", 2, 1), None);
    assert_eq!(refusal("good", 3, 1), Some(TokenRefusal::UsedUp));
    let hosts = store.hosts(&HostQuery::all()).unwrap();
    assert_eq!(
        hosts.len(),
        2,
        "hosts without a machine id are never one and the same"
    );
    assert_eq!(
        (hosts[0].role, hosts[0].labels["site"].as_str()),
        (Role::Office, "taipei")
    );
    assert_eq!(store.enrolment_tokens().unwrap()[0].used, 2);
    assert_eq!(store.acts(10).unwrap()[0].what, "host.enrol");
}

fn a_lost_answer_gives_the_same_identity(store: &dyn Store) {
    add_token(store, "good", Role::Service, 1);
    let first = enrol(store, "machine-1", 1, 0);
    let mut again = enrolment("good", "machine-1", 1, 1);
    again.serial = "serial-again".to_owned();
    again.fresh_id = "h-other".parse().unwrap();
    assert_eq!(store.enrol(&again).unwrap().unwrap(), first);
    assert!(store.certificate("serial-again").unwrap().is_some());
    let mut other_key = again.clone();
    other_key.serial = "serial-other".to_owned();
    other_key.public_key = vec![9];
    assert_eq!(store.enrol(&other_key).unwrap(), Err(TokenRefusal::UsedUp));
}

fn a_reinstalled_host_keeps_its_id(store: &dyn Store) {
    let host = with_host(store);
    let first = report(&host, 1, FIRST_PREVIOUS, 1, None);
    assert!(is_kept(&keep(store, &first)));
    let again = enrol(store, "machine-1", 2, 5);
    assert_eq!((&again.host, again.incarnation), (&host, 2));
    let old = store.certificate("serial-1").unwrap().unwrap();
    assert!(old.revoked_at.is_some());
    assert_eq!((old.incarnation, old.current_incarnation), (1, 2));
    assert_eq!(
        keep(store, &report(&host, 2, &first.body.sha256, 6, None)),
        Keep::Superseded
    );
    let mut anew = report(&host, 1, FIRST_PREVIOUS, 7, None);
    (anew.incarnation, anew.report.incarnation) = (2, 2);
    assert!(is_kept(&keep(store, &anew)), "its chain begins anew");
    assert_eq!(store.public_keys(&host, 2, 9).unwrap(), [vec![4, 2]]);
    let mut renamed = enrolment("good", "machine-1", 3, 8);
    renamed.name = "db".to_owned();
    assert_ne!(
        store.enrol(&renamed).unwrap().unwrap().host,
        host,
        "another name is another host"
    );
}

fn two_machines_alike_part_ways_once_seen(store: &dyn Store) {
    let host = with_host(store);
    assert_eq!(enrol(store, "machine-1", 2, 100).host, host);
    store.note_conflict(&host, at(105)).unwrap();
    assert_eq!(
        store.host(&host).unwrap().unwrap().conflict_at,
        None,
        "the old agent on its way out"
    );
    store.note_conflict(&host, at(120)).unwrap();
    assert_eq!(store.host(&host).unwrap().unwrap().conflict_at, Some(at(120)));
    let other = enrol(store, "machine-1", 3, 130);
    assert_ne!(other.host, host);
    assert_eq!(other.incarnation, 1);
    let third = enrol(store, "machine-1", 4, 140);
    assert!(third.host != host && third.host != other.host);
}

fn a_new_role_clears_what_the_old_one_said(store: &dyn Store) {
    let host = with_host(store);
    let said = assessment(&host, &["a.a"], vec![finding("a.a", "s", Status::Pass)]);
    keep(store, &report(&host, 1, FIRST_PREVIOUS, 1, Some(said)));
    enrol(store, "machine-1", 2, 2);
    assert_eq!(
        store.latest_findings(&host).unwrap().len(),
        1,
        "the same role: still true until told otherwise"
    );
    add_token(store, "office", Role::Office, 1);
    let moved = store
        .enrol(&enrolment("office", "machine-1", 3, 3))
        .unwrap()
        .unwrap();
    assert_eq!((&moved.host, moved.role), (&host, Role::Office));
    assert!(store.latest_findings(&host).unwrap().is_empty());
}

fn a_revoked_host_is_not_believed(store: &dyn Store) {
    let host = with_host(store);
    assert!(store.revoke_host(&host, &act("host.revoke", 1)).unwrap());
    assert!(!store.revoke_host(&host, &act("host.revoke", 2)).unwrap());
    assert!(
        !store
            .revoke_host(&"h-none".parse().unwrap(), &act("host.revoke", 2))
            .unwrap()
    );
    let record = store.certificate("serial-1").unwrap().unwrap();
    assert!(record.revoked_at.is_some() && record.host_revoked_at.is_some());
    assert_eq!(
        keep(store, &report(&host, 1, FIRST_PREVIOUS, 3, None)),
        Keep::Superseded
    );
    assert_eq!(store.host(&host).unwrap().unwrap().reports, 0);
    assert_ne!(
        enrol(store, "machine-1", 2, 4).host,
        host,
        "it comes back as another"
    );
    let acts = store.acts(10).unwrap();
    assert_eq!(acts.iter().filter(|act| act.what == "host.revoke").count(), 1);
}

fn reports_form_a_chain(store: &dyn Store) {
    let host = with_host(store);
    let first = report(&host, 1, FIRST_PREVIOUS, 1, None);
    let second = report(&host, 2, &first.body.sha256, 2, None);
    assert_eq!(keep(store, &second), Keep::Gap { last: 0 });
    assert!(is_kept(&keep(store, &first)));
    assert_eq!(duplicate(&keep(store, &first)), Some(1));
    assert!(is_kept(&keep(store, &second)));
    assert_eq!(duplicate(&keep(store, &first)), Some(2));
    let other_body = report(&host, 2, &first.body.sha256, 3, None);
    let fork = |fork| Keep::Fork { fork, last: 2 };
    assert_eq!(keep(store, &other_body), fork(Fork::Body));
    assert_eq!(
        keep(store, &report(&host, 3, &first.body.sha256, 3, None)),
        fork(Fork::Previous)
    );
    assert_eq!(
        keep(store, &report(&host, 5, &second.body.sha256, 3, None)),
        Keep::Gap { last: 2 }
    );
    let host = store.host(&host).unwrap().unwrap();
    assert_eq!(
        (host.last_sequence, host.reports, host.forks, host.missing_reports),
        (2, 2, 2, 0)
    );
    assert_eq!((host.heard_at, host.agent_version.as_str()), (at(2), "2"));
    assert_eq!(host.clock_skew_ms, Some(30_000));
}

fn a_named_gap_is_taken_and_recorded(store: &dyn Store) {
    let host = with_host(store);
    let mut later = report(&host, 4, &"a".repeat(64), 1, None);
    later.report.dropped_reports = 2;
    assert_eq!(
        keep(store, &later),
        Keep::Gap { last: 0 },
        "three are missing, two are named"
    );
    later.report.dropped_reports = 3;
    assert!(is_kept(&keep(store, &later)));
    let mut next = report(&host, 5, &"b".repeat(64), 2, None);
    assert!(!is_kept(&keep(store, &next)));
    next.report.dropped_reports = 1;
    assert!(
        is_kept(&keep(store, &next)),
        "it says itself that its chain begins anew"
    );
    let host = store.host(&host).unwrap().unwrap();
    assert_eq!(
        (host.last_sequence, host.reports, host.missing_reports),
        (5, 2, 4)
    );
}

fn a_batch_sees_its_own_reports(store: &dyn Store) {
    let host = with_host(store);
    let first = report(&host, 1, FIRST_PREVIOUS, 1, None);
    let second = report(&host, 2, &first.body.sha256, 1, None);
    let wrong = report(&host, 9, "x", 1, None);
    let reply = store.keep(&[first.clone(), wrong, first, second]).unwrap();
    assert!(is_kept(&reply.outcomes[0]) && is_kept(&reply.outcomes[3]));
    assert_eq!(reply.outcomes[1], Keep::Gap { last: 1 });
    assert_eq!(duplicate(&reply.outcomes[2]), Some(1));
    assert_eq!(reply.plan_sha256, None);
}

fn checks_that_ran_replace_their_findings_alone(store: &dyn Store) {
    let host = with_host(store);
    let said = assessment(
        &host,
        &["a.a", "b.b"],
        vec![
            finding("a.a", "x", Status::Pass),
            finding("a.a", "y", Status::Pass),
            finding("b.b", "z", Status::Fail),
        ],
    );
    let first = report(&host, 1, FIRST_PREVIOUS, 1, Some(said));
    let Keep::Kept { transitions, .. } = keep(store, &first) else {
        panic!()
    };
    assert!(
        transitions
            .iter()
            .all(|t| t.change == Change::Opened && t.before.is_none())
    );
    let said = assessment(&host, &["a.a"], vec![finding("a.a", "x", Status::Fail)]);
    let second = report(&host, 2, &first.body.sha256, 2, Some(said));
    let Keep::Kept { transitions, .. } = keep(store, &second) else {
        panic!()
    };
    let changes: Vec<_> = transitions
        .iter()
        .map(|t| (t.subject.as_str(), t.change, t.before, t.after))
        .collect();
    let (pass, fail) = (Some(Status::Pass), Some(Status::Fail));
    assert_eq!(
        changes,
        [
            ("x", Change::Changed, pass, fail),
            ("y", Change::Closed, pass, None)
        ]
    );
    let said = assessment(&host, &["a.a"], vec![finding("a.a", "x", Status::Fail)]);
    let third = report(&host, 3, &second.body.sha256, 3, Some(said));
    let Keep::Kept { transitions, .. } = keep(store, &third) else {
        panic!()
    };
    assert!(transitions.is_empty(), "nothing changed");
    let latest = store.latest_findings(&host).unwrap();
    let seen: Vec<_> = latest
        .iter()
        .map(|f| {
            (
                f.finding.subject.as_str(),
                f.finding.status,
                f.received_at,
                f.since,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("x", Status::Fail, at(3), at(2)),
            ("z", Status::Fail, at(1), at(1))
        ]
    );
    assert_eq!(store.history(&host, 100).unwrap().len(), 5);
    assert_eq!(
        store.history(&host, 1).unwrap()[0].change,
        Change::Closed,
        "newest first"
    );
}

fn of_two_findings_on_one_subject_the_worse_stands(store: &dyn Store) {
    let host = with_host(store);
    let twice = vec![
        finding("a.a", "x", Status::Pass),
        finding("a.a", "x", Status::Fail),
        finding("a.a", "x", Status::Error),
    ];
    keep(
        store,
        &report(
            &host,
            1,
            FIRST_PREVIOUS,
            1,
            Some(assessment(&host, &["a.a"], twice)),
        ),
    );
    let latest = store.latest_findings(&host).unwrap();
    assert_eq!(
        latest.iter().map(|f| f.finding.status).collect::<Vec<_>>(),
        [Status::Fail]
    );
}

fn pages_hold_everything_once(store: &dyn Store) {
    add_token(store, "good", Role::Service, 100);
    for number in 1..=3_u8 {
        let host = enrol(store, "", number, 0).host;
        let findings = (0..5)
            .map(|n| finding("a.a", &format!("s{n}"), Status::Pass))
            .collect();
        keep(
            store,
            &report(
                &host,
                1,
                FIRST_PREVIOUS,
                1,
                Some(assessment(&host, &["a.a"], findings)),
            ),
        );
    }
    let mut query = FindingQuery::all(Cutoff::new(at(2), Interval::minutes(60)), 4);
    let mut seen = Vec::new();
    loop {
        let page = store.findings(&query).unwrap();
        assert!(page.findings.len() <= 4);
        seen.extend(page.findings.iter().map(Cursor::of).map(|c| (c.host, c.subject)));
        let Some(next) = page.next else { break };
        query.after = Some(next);
    }
    assert_eq!(seen.len(), 15);
    assert!(seen.is_sorted());
    let hosts = HostQuery {
        limit: 2,
        ..HostQuery::all()
    };
    let first = store.hosts(&hosts).unwrap();
    let rest = store
        .hosts(&HostQuery {
            after: Some(first[1].id.clone()),
            ..HostQuery::all()
        })
        .unwrap();
    assert_eq!((first.len(), rest.len()), (2, 1));
}

fn filters_agree_with_freshness(store: &dyn Store) {
    add_token(store, "good", Role::Service, 100);
    for number in 1..=3_u8 {
        let host = enrol(store, "", number, 0).host;
        let findings = vec![
            finding("a.a", "x", Status::Pass),
            finding("a.a", "y", Status::Fail),
            finding("b.b", "x", Status::NotApplicable),
        ];
        let said = assessment(&host, &["a.a", "b.b"], findings);
        let minutes = i64::from(number) * 60;
        keep(
            store,
            &state::stating(report(&host, 1, FIRST_PREVIOUS, minutes, Some(said))),
        );
    }
    store
        .revoke_host(&"h-003".parse().unwrap(), &act("host.revoke", 200))
        .unwrap();
    let cutoff = Cutoff::new(at(240), Interval::minutes(180));
    let all = store.findings(&FindingQuery::all(cutoff, 100)).unwrap().findings;
    let count = |query: FindingQuery| store.findings(&query).unwrap().findings.len();
    for status in Status::ALL {
        let shown =
            |f: &&LatestFinding| cutoff.shown(f.finding.status, f.looked_at, f.host_revoked) == status;
        let query = FindingQuery {
            status: Some(status),
            ..FindingQuery::all(cutoff, 100)
        };
        assert_eq!(count(query), all.iter().filter(shown).count(), "{status}");
    }
    let stale = FindingQuery {
        status: Some(Status::Stale),
        ..FindingQuery::all(cutoff, 100)
    };
    assert_eq!(count(stale), 6, "the old host's and the revoked one's");
    let one = FindingQuery {
        host: "h-002".parse().ok(),
        check: Some("a.a".to_owned()),
        ..FindingQuery::all(cutoff, 100)
    };
    assert_eq!(count(one), 2);
    assert_eq!(
        count(FindingQuery {
            role: Some(Role::Office),
            ..FindingQuery::all(cutoff, 100)
        }),
        0
    );
    assert_eq!(
        count(FindingQuery {
            severity: Some(Severity::High),
            ..FindingQuery::all(cutoff, 100)
        }),
        9
    );
}

fn the_newest_plan_is_current(store: &dyn Store) {
    assert_eq!(
        (
            store.plan_summary().unwrap(),
            store.plan().unwrap().map(|p| p.toml)
        ),
        (None, None)
    );
    let plan = |name: &str| PublishedPlan {
        reference: PlanRef {
            version: name.to_owned(),
            sha256: format!("{name}-sha"),
        },
        toml: name.to_owned(),
        signature: "00".to_owned(),
    };
    assert!(store.publish_plan(&plan("one"), &act("plan.publish", 1)).unwrap());
    assert!(!store.publish_plan(&plan("one"), &act("plan.publish", 2)).unwrap());
    assert!(store.publish_plan(&plan("two"), &act("plan.publish", 3)).unwrap());
    assert!(
        store.publish_plan(&plan("one"), &act("plan.publish", 4)).unwrap(),
        "back to an older one"
    );
    assert_eq!(store.plan().unwrap().unwrap().toml, "one");
    let summary = store.plan_summary().unwrap().unwrap();
    assert_eq!((summary.version.as_str(), summary.published_at), ("one", at(4)));
    assert_eq!(store.keep(&[]).unwrap().plan_sha256.as_deref(), Some("one-sha"));
    assert_eq!(store.acts(10).unwrap().len(), 3);
}

fn api_tokens_are_found_and_revoked(store: &dyn Store) {
    let token = ApiToken {
        id: "t-1".to_owned(),
        sha256: "hash".to_owned(),
        access: Access::Auditor,
        scopes: Vec::new(),
        note: "for the auditor".to_owned(),
        created_at: at(0),
        expires_at: Some(at(10)),
        revoked_at: None,
        used_at: None,
    };
    store.add_api_token(&token, &act("api-token.create", 0)).unwrap();
    assert_eq!(store.api_token("hash").unwrap(), Some(token));
    assert_eq!(store.api_token("other").unwrap(), None);
    assert!(
        store
            .revoke_api_token("t-1", &act("api-token.revoke", 1))
            .unwrap()
    );
    assert!(
        !store
            .revoke_api_token("t-1", &act("api-token.revoke", 2))
            .unwrap()
    );
    assert_eq!(store.api_tokens().unwrap()[0].revoked_at, Some(at(1)));
    store.ping().unwrap();
}
