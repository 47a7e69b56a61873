//! How the state of hosts, and the totals over all, must behave.

use std::collections::BTreeMap;

use plumbline_config::state::{StateSum, distinct};
use plumbline_config::wire::{FindingRef, Heartbeat};

use super::*;
use crate::presence::Pulses;
use crate::store::{Recount, Standing, Tally, looked_at};

/// What a host holds itself to have, and the chain of its reports.
struct Model {
    host: HostId,
    findings: BTreeMap<FindingRef, Finding>,
    sequence: u64,
    previous: String,
}

impl Model {
    fn new(store: &dyn Store, number: u8) -> Self {
        Self {
            host: enrol(store, "", number, 0).host,
            findings: BTreeMap::new(),
            sequence: 0,
            previous: FIRST_PREVIOUS.to_owned(),
        }
    }

    fn digest(&self, assessment: &Assessment) -> String {
        let HostInfo { name, os, .. } = &assessment.host;
        StateSum::of(self.findings.values()).digest(&assessment.plan, name, os)
    }

    /// Sends what the checks say now: whole, or what changed of it.
    fn says(
        &mut self,
        store: &dyn Store,
        minutes: i64,
        scope: Scope,
        checks: &[&str],
        findings: Vec<Finding>,
    ) -> Keep {
        let mut said = assessment(&self.host, checks, findings);
        let now: BTreeMap<FindingRef, Finding> = distinct(&said.findings)
            .into_iter()
            .map(|((check, subject), finding)| (reference(check, subject), finding.clone()))
            .collect();
        let before: BTreeMap<FindingRef, Finding> = self
            .findings
            .iter()
            .filter(|(key, _)| checks.contains(&key.check.as_str()))
            .map(|(key, finding)| (key.clone(), finding.clone()))
            .collect();
        self.findings
            .retain(|key, _| !checks.contains(&key.check.as_str()));
        self.findings.extend(now.clone());
        if scope == Scope::Changes {
            said.scope = scope;
            said.gone = before
                .keys()
                .filter(|key| !now.contains_key(key))
                .cloned()
                .collect();
            let changed = now
                .into_iter()
                .filter(|(key, finding)| before.get(key) != Some(finding));
            said.findings = changed.map(|(_, finding)| finding).collect();
        }
        self.send(store, minutes, said)
    }

    fn send(&mut self, store: &dyn Store, minutes: i64, said: Assessment) -> Keep {
        let state = self.digest(&said);
        self.sequence += 1;
        let mut incoming = report(&self.host, self.sequence, &self.previous, minutes, Some(said));
        incoming.report.state = Some(state);
        incoming.report.looked_age_seconds = Some(0);
        self.previous.clone_from(&incoming.body.sha256);
        // As in a crowd: it must work on any report, and change nothing.
        store.read_ahead(&incoming).unwrap();
        keep(store, &incoming)
    }
}

fn reference(check: &str, subject: &str) -> FindingRef {
    FindingRef {
        check: check.to_owned(),
        subject: subject.to_owned(),
    }
}

/// The first report of a host, with the digest of what it says.
pub(super) fn stating(mut incoming: Incoming) -> Incoming {
    if let Some(said) = &incoming.report.assessment {
        let sum = StateSum::of(distinct(&said.findings).into_values());
        incoming.report.state = Some(sum.digest(&said.plan, &said.host.name, &said.host.os));
        incoming.report.looked_age_seconds = Some(0);
    }
    incoming
}

fn is_in_step(keep: &Keep) -> bool {
    matches!(keep, Keep::Kept { resync: false, .. })
}

/// The totals as a plain count over everything gives them.
pub(in crate::store) fn recount(store: &dyn Store, cutoff: Cutoff) -> BTreeMap<Counted, i64> {
    let mut totals = Totals::default();
    for host in store.hosts(&HostQuery::all()).unwrap() {
        let mut tally = Tally::default();
        for latest in store.latest_findings(&host.id).unwrap() {
            tally.add(
                &latest.finding.check,
                latest.finding.status,
                latest.finding.severity,
            );
        }
        let standing = Standing {
            role: host.role,
            revoked: host.revoked_at.is_some(),
            silent: cutoff.is_stale(host.heard_at),
            overdue: host.looked_at.is_none_or(|at| cutoff.is_stale(at)),
            tally: &tally,
        };
        standing.contribute(&mut totals, 1);
    }
    totals.numbers()
}

fn assert_counted(store: &dyn Store, minutes: i64) {
    let cutoff = Cutoff::new(at(minutes), Interval::minutes(180));
    while store.age(cutoff, 2).unwrap() > 0 {}
    assert_eq!(
        store.totals(cutoff).unwrap().numbers(),
        recount(store, cutoff),
        "at {minutes}"
    );
    let anew = Recount {
        hosts: store.hosts(&HostQuery::all()).unwrap().len(),
        corrected: 0,
    };
    assert_eq!(store.recount().unwrap(), anew, "at {minutes}");
}

const TLS: &str = "tls.protocol-versions";
const FIREWALL: &str = "firewall.active";

pub(super) fn totals_are_what_a_recount_gives(store: &dyn Store) {
    add_token(store, "good", Role::Service, 100);
    let mut hosts: Vec<Model> = (1..=5).map(|number| Model::new(store, number)).collect();
    assert_counted(store, 1);
    for (minutes, status) in [
        (2, Status::Pass),
        (3, Status::Fail),
        (4, Status::Error),
        (5, Status::Pass),
    ] {
        for (number, host) in hosts.iter_mut().enumerate() {
            let scope = if number % 2 == 0 {
                Scope::Checks
            } else {
                Scope::Changes
            };
            let mut findings = vec![finding(TLS, "a", status), finding("x.unknown", "a", Status::Fail)];
            if number > 2 {
                findings.push(finding(FIREWALL, "host", Status::Pass));
                findings.push(finding(TLS, "b", Status::NotApplicable));
            }
            assert!(is_in_step(&host.says(
                store,
                minutes,
                scope,
                &[TLS, FIREWALL, "x.unknown"],
                findings
            )));
        }
        assert_counted(store, minutes);
    }
    let shown = |minutes| {
        let totals = store
            .totals(Cutoff::new(at(minutes), Interval::minutes(180)))
            .unwrap();
        [Status::Pass, Status::Stale].map(|status| totals.get(Counted::Check(TLS, Role::Service, status)))
    };
    assert_eq!(shown(6), [5, 0]);
    assert_eq!(
        shown(600),
        [0, 5],
        "nobody has aged the hosts, and they are stale all the same"
    );
    assert_counted(store, 600);
    assert_eq!(shown(600), [0, 5]);
    assert!(is_in_step(&hosts[0].says(
        store,
        601,
        Scope::Changes,
        &[],
        Vec::new()
    )));
    assert_counted(store, 602);
    assert_eq!(shown(602), [1, 4], "one spoke again");
    store
        .revoke_host(&hosts[0].host, &act("host.revoke", 603))
        .unwrap();
    assert_counted(store, 604);
    assert_eq!(shown(604), [0, 4]);
}

pub(super) fn changes_alone_lead_to_the_same_state(store: &dyn Store) {
    add_token(store, "good", Role::Service, 100);
    let mut host = Model::new(store, 1);
    let say = |host: &mut Model, minutes, checks: &[&str], findings| {
        let keep = host.says(store, minutes, Scope::Changes, checks, findings);
        assert!(is_in_step(&keep), "{keep:?}");
        let mut kept: Vec<Finding> = store
            .latest_findings(&host.host)
            .unwrap()
            .into_iter()
            .map(|latest| latest.finding)
            .collect();
        kept.sort_by_key(|finding| (finding.check.clone(), finding.subject.clone()));
        assert_eq!(kept, host.findings.values().cloned().collect::<Vec<_>>());
        keep
    };
    say(
        &mut host,
        1,
        &["a.a", "b.b"],
        vec![
            finding("a.a", "x", Status::Pass),
            finding("b.b", "x", Status::Pass),
        ],
    );
    let keep = say(
        &mut host,
        2,
        &["a.a"],
        vec![
            finding("a.a", "x", Status::Pass),
            finding("a.a", "y", Status::Fail),
        ],
    );
    let Keep::Kept { transitions, .. } = keep else {
        panic!()
    };
    assert_eq!(transitions.len(), 1, "only what changed: {transitions:?}");
    say(&mut host, 3, &["a.a"], vec![finding("a.a", "y", Status::Pass)]);
    say(&mut host, 4, &["b.b"], Vec::new());
    let keep = say(&mut host, 5, &["a.a"], vec![finding("a.a", "y", Status::Pass)]);
    let Keep::Kept { transitions, .. } = keep else {
        panic!()
    };
    assert!(transitions.is_empty());

    let mut lost = assessment(&host.host, &["a.a"], Vec::new());
    lost.scope = Scope::Changes;
    host.findings
        .insert(reference("a.a", "z"), finding("a.a", "z", Status::Fail));
    let keep = host.send(store, 6, lost);
    assert!(
        matches!(keep, Keep::Kept { resync: true, .. }),
        "a change that never came is noticed: {keep:?}"
    );
}

pub(super) fn a_resync_replaces_everything(store: &dyn Store) {
    add_token(store, "good", Role::Service, 100);
    let mut host = Model::new(store, 1);
    let old = vec![
        finding("old.check", "x", Status::Pass),
        finding("a.a", "x", Status::Pass),
    ];
    assert!(is_in_step(&host.says(
        store,
        1,
        Scope::Checks,
        &["old.check", "a.a"],
        old
    )));
    host.findings.retain(|key, _| key.check == "a.a");
    let mut all = assessment(&host.host, &["a.a"], vec![finding("a.a", "x", Status::Pass)]);
    all.known_checks = Some(vec!["a.a".to_owned(), "b.b".to_owned()]);
    assert!(is_in_step(&host.send(store, 2, all)));
    let latest = store.latest_findings(&host.host).unwrap();
    assert_eq!(
        latest.len(),
        1,
        "what a check said that is no more does not stand for ever"
    );
    assert_eq!(latest[0].since, at(1), "what stood before stands on");
    assert_counted(store, 3);
}

pub(super) fn heartbeats_keep_findings_fresh(store: &dyn Store) {
    add_token(store, "good", Role::Service, 100);
    let mut host = Model::new(store, 1);
    assert!(is_in_step(&host.says(
        store,
        1,
        Scope::Checks,
        &[TLS],
        vec![finding(TLS, "x", Status::Pass)]
    )));
    let presence = store.presence(&host.host).unwrap().unwrap();
    assert_eq!((presence.incarnation, presence.sequence), (1, 1));
    assert_eq!(
        presence.state,
        host.digest(&assessment(&host.host, &[], Vec::new()))
    );
    let beat = |minutes, age: Option<u64>| {
        let beat = Beat {
            host: host.host.clone(),
            heard_at: at(minutes),
            looked_at: age.map(|age| looked_at(at(minutes), age)),
        };
        store.beat(&[beat]).unwrap();
    };
    let stale = |minutes| {
        let totals = store
            .totals(Cutoff::new(at(minutes), Interval::minutes(180)))
            .unwrap();
        totals.get(Counted::Check(TLS, Role::Service, Status::Stale))
    };
    beat(170, Some(60));
    assert_counted(store, 300);
    assert_eq!(stale(300), 0);
    beat(360, None);
    assert_counted(store, 361);
    assert_eq!(stale(361), 1, "the host lives, but nobody has looked");
    let one = store.host(&host.host).unwrap().unwrap();
    assert_eq!((one.heard_at, one.looked_at), (at(360), Some(at(169))));
    beat(362, Some(0));
    assert_counted(store, 363);
    assert_eq!(stale(363), 0);
    assert_counted(store, 700);
    let certificate = store.certificate("serial-1").unwrap().unwrap();
    let heartbeat = Heartbeat {
        incarnation: 1,
        sequence: 1,
        state: presence.state,
        looked_age_seconds: Some(4 * 3_600),
        agent_version: "1".to_owned(),
        sent_at: at(701),
    };
    let pulses = Pulses::default();
    let compared = pulses.beat(store, &certificate, &heartbeat, at(701)).unwrap();
    assert!(!compared.resync);
    pulses.write(store, Cutoff::new(at(701), Interval::minutes(180)));
    assert_eq!(
        stale(701),
        1,
        "it lives, but its oldest look is stale: not fresh for a moment"
    );
    let one = store.host(&host.host).unwrap().unwrap();
    assert_eq!(one.heard_at, at(701));
    beat(10, Some(0));
    let one = store.host(&host.host).unwrap().unwrap();
    assert_eq!(one.heard_at, at(701), "what comes late does not turn time back");
    assert_eq!(store.presence(&"h-none".parse().unwrap()).unwrap(), None);
}
