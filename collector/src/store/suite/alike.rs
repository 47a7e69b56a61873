//! Two stores that are told the same must say the same.

use proptest::prelude::*;

use super::*;

/// What a host does.
#[derive(Clone, Debug)]
pub(in crate::store) enum Deed {
    /// It reports; the numbers choose what.
    Report {
        host: u8,
        kind: u8,
        findings: Vec<(u8, u8, u8)>,
    },
    /// It beats.
    Beat { host: u8, looked: Option<u8> },
    /// Time passes.
    Age { minutes: u8 },
    /// It enrols again, or for the first time.
    Enrol { host: u8, office: bool },
    /// It is revoked.
    Revoke { host: u8 },
}

/// Deeds in any order.
pub(in crate::store) fn deeds() -> impl Strategy<Value = Vec<Vec<Deed>>> {
    let finding = (0..3_u8, 0..4_u8, 0..5_u8);
    let deed = prop_oneof![
        8 => (0..4_u8, 0..10_u8, proptest::collection::vec(finding, 0..6))
            .prop_map(|(host, kind, findings)| Deed::Report { host, kind, findings }),
        3 => (0..4_u8, proptest::option::of(0..90_u8)).prop_map(|(host, looked)| Deed::Beat { host, looked }),
        2 => (0..200_u8).prop_map(|minutes| Deed::Age { minutes }),
        1 => (0..4_u8, any::<bool>()).prop_map(|(host, office)| Deed::Enrol { host, office }),
        1 => (0..4_u8).prop_map(|host| Deed::Revoke { host }),
    ];
    proptest::collection::vec(proptest::collection::vec(deed, 1..8), 1..12)
}

/// What is known of a host outside: enough to write its reports.
#[derive(Clone)]
struct Sender {
    host: HostId,
    incarnation: u32,
    role: Role,
    sequence: u64,
    previous: String,
}

/// Does the same to both stores, compares every answer, and in the end everything that can be read.
pub(in crate::store) fn feed(one: &dyn Store, other: &dyn Store, deeds: &[Vec<Deed>]) {
    let both = [one, other];
    for store in both {
        add_token(store, "service", Role::Service, 1_000);
        add_token(store, "office", Role::Office, 1_000);
    }
    let mut senders: BTreeMap<u8, Sender> = BTreeMap::new();
    let mut minutes = 10;
    let mut serial = 0_u8;
    for batch in deeds {
        minutes += 1;
        let mut reports = Vec::new();
        let mut beats = Vec::new();
        for deed in batch {
            match deed {
                Deed::Report { host, kind, findings } => {
                    let Some(sender) = senders.get_mut(host) else {
                        continue;
                    };
                    reports.push(written(sender, *kind, findings, minutes));
                }
                Deed::Beat { host, looked } => {
                    let Some(sender) = senders.get(host) else { continue };
                    beats.push(Beat {
                        host: sender.host.clone(),
                        heard_at: at(minutes),
                        looked_at: looked.map(|ago| at(minutes - i64::from(ago))),
                    });
                }
                Deed::Age { minutes: passed } => {
                    minutes += i64::from(*passed);
                    let cutoff = Cutoff::new(at(minutes), Interval::minutes(60));
                    for store in both {
                        while store.age(cutoff, 2).unwrap() == 2 {}
                    }
                }
                Deed::Enrol { host, office } => {
                    serial = serial.wrapping_add(1);
                    let token = if *office { "office" } else { "service" };
                    let mut enrolment = enrolment(token, &format!("machine-{host}"), serial, minutes);
                    enrolment.serial = format!("serial-{serial}-{minutes}");
                    let enrolled = both.map(|store| store.enrol(&enrolment).unwrap().unwrap());
                    assert_eq!(enrolled[0], enrolled[1]);
                    let [enrolled, _] = enrolled;
                    let sender = Sender {
                        host: enrolled.host,
                        incarnation: enrolled.incarnation,
                        role: enrolled.role,
                        sequence: 0,
                        previous: FIRST_PREVIOUS.to_owned(),
                    };
                    senders.insert(*host, sender);
                }
                Deed::Revoke { host } => {
                    let Some(sender) = senders.get(host) else { continue };
                    let revoked = both.map(|store| {
                        store
                            .revoke_host(&sender.host, &act("host.revoke", minutes))
                            .unwrap()
                    });
                    assert_eq!(revoked[0], revoked[1]);
                }
            }
        }
        let kept = both.map(|store| store.keep(&reports).unwrap());
        assert_eq!(kept[0].outcomes, kept[1].outcomes);
        for store in both {
            store.beat(&beats).unwrap();
            ledger::settle(store);
        }
    }
    let cutoff = Cutoff::new(at(minutes), Interval::minutes(60));
    assert_alike(one, other, cutoff);
    let shown = state::recount(one, cutoff);
    for store in both {
        while store.age(cutoff, 100).unwrap() > 0 {}
        assert_eq!(store.totals(cutoff).unwrap().numbers(), shown);
    }
}

/// A report of a host that is mostly sound; a few are gaps, forks, repetitions or come from an old identity.
fn written(sender: &mut Sender, kind: u8, findings: &[(u8, u8, u8)], minutes: i64) -> Incoming {
    let statuses = [
        Status::Pass,
        Status::Fail,
        Status::Error,
        Status::NotApplicable,
        Status::Manual,
    ];
    let checks = ["tls.protocol-versions", "firewall.active", "x.unknown"];
    let found: Vec<Finding> = findings
        .iter()
        .map(|(check, subject, status)| {
            let check = checks[usize::from(*check)];
            finding(check, &format!("s{subject}"), statuses[usize::from(*status)])
        })
        .collect();
    let mut said = assessment(&sender.host, &checks[..usize::from(kind % 4)], found);
    said.host.role = sender.role;
    if kind.is_multiple_of(2) {
        said.scope = Scope::Changes;
        said.gone = vec![plumbline_config::wire::FindingRef {
            check: checks[0].to_owned(),
            subject: "s1".to_owned(),
        }];
    }
    let sequence = match kind {
        7 => sender.sequence.max(1),
        8 => sender.sequence + 3,
        _ => sender.sequence + 1,
    };
    let said = (kind != 6).then_some(said);
    let mut incoming = report(&sender.host, sequence, &sender.previous, minutes, said);
    incoming.incarnation = sender.incarnation;
    incoming.report.incarnation = sender.incarnation;
    incoming.report.dropped_reports = if kind == 8 { 2 } else { 0 };
    if kind == 5 {
        incoming = state::stating(incoming);
    }
    incoming.body = PackedBody::pack(&serde_json::to_vec(&incoming.report).unwrap()).unwrap();
    if kind != 7 && kind != 9 {
        sender.sequence = sequence;
        sender.previous.clone_from(&incoming.body.sha256);
    }
    incoming
}

/// Holds everything that can be read of one store to what the other says. Acts are told apart by numbers drawn for each
/// store, so leaves of acts are compared by their place alone.
pub(in crate::store) fn assert_alike(one: &dyn Store, other: &dyn Store, cutoff: Cutoff) {
    let both = [one, other];
    let same = |what: &str, read: &dyn Fn(&dyn Store) -> String| {
        let [one, other] = both.map(read);
        assert_eq!(one, other, "{what}");
    };
    same("hosts", &|store| {
        format!("{:#?}", store.hosts(&HostQuery::all()).unwrap())
    });
    same("findings", &|store| {
        format!(
            "{:#?}",
            store.findings(&FindingQuery::all(cutoff, 10_000)).unwrap()
        )
    });
    same("totals", &|store| {
        format!("{:#?}", store.totals(cutoff).unwrap().numbers())
    });
    same("acts", &|store| format!("{:#?}", store.acts(10_000).unwrap()));
    same("tokens", &|store| {
        format!("{:#?}", store.enrolment_tokens().unwrap())
    });
    for host in one.hosts(&HostQuery::all()).unwrap() {
        let id = host.id;
        same("history", &|store| {
            format!("{:#?}", store.history(&id, 10_000).unwrap())
        });
        same("presence", &|store| {
            format!("{:#?}", store.presence(&id).unwrap())
        });
        for incarnation in 1..=host.incarnation {
            same("gaps", &|store| {
                format!("{:?}", store.gaps(&id, incarnation).unwrap())
            });
            same("keys", &|store| {
                format!("{:?}", store.public_keys(&id, incarnation, 99).unwrap())
            });
        }
    }
    let [one_leaves, other_leaves] = both.map(ledger::leaves);
    assert_eq!(one_leaves.len(), other_leaves.len());
    for (leaf, twin) in one_leaves.iter().zip(&other_leaves) {
        if let Some(LeafOf::Report {
            host,
            incarnation,
            sequence,
        }) = &leaf.of
        {
            assert_eq!(leaf, twin);
            let body = |store: &dyn Store| store.report_body(host, *incarnation, *sequence).unwrap();
            assert_eq!(body(one), body(other));
        }
    }
    // No report here is truly signed, and no checkpoint covers the tree: both say so, and find nothing else.
    let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
        .parse()
        .unwrap();
    same("the audit", &|store| {
        let found = store.audit(&key, &[], at(0), &mut |_| {}).unwrap();
        format!(
            "{:?} {:#?}",
            (
                found.size,
                found.reports,
                found.bodies,
                found.acts,
                found.faults_total
            ),
            found.faults
        )
    });
}
