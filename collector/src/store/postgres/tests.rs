//! The behaviour suite on PostgreSQL, and what is PostgreSQL's own.

mod cluster;
mod journeys;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use plumbline_config::finding::Status;
use plumbline_config::ident::Role;
use plumbline_config::interval::Interval;
use plumbline_config::wire::FIRST_PREVIOUS;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::access::Access;
use crate::store::copy::{Cell, Portable, TABLES, copy};
use crate::store::suite::{self, alike, ledger::leaves, state};
use crate::store::{Keep, SqliteStore};
pub(crate) use cluster::{Cluster, server};

#[test]
fn it_behaves_as_a_store() {
    let Some(cluster) = Cluster::shared() else { return };
    suite::run(|behaviour| behaviour(&cluster.store()));
}

#[test]
fn both_engines_say_the_same() {
    let Some(cluster) = Cluster::shared() else { return };
    let cases = Config {
        cases: 12,
        failure_persistence: None,
        max_shrink_iters: 40,
        ..Config::default()
    };
    let told = TestRunner::new(cases).run(&alike::deeds(), |deeds| {
        let dir = tempfile::tempdir().unwrap();
        let sqlite = SqliteStore::open(&dir.path().join("db")).unwrap();
        alike::feed(&sqlite, &cluster.store(), &deeds);
        Ok(())
    });
    if let Err(error) = told {
        panic!("{error}");
    }
}

#[test]
fn migrating_at_once_is_migrating_once_and_an_altered_migration_is_refused() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.database();
    assert!(matches!(
        PostgresStore::open(server(&url)),
        Err(StoreError::Old { found: 0, .. })
    ));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| PostgresStore::migrate(server(&url)).unwrap());
        }
    });
    let store = PostgresStore::open(server(&url)).unwrap();
    let altered = |statement: &str| store.pool.transaction(|tx| tx.batch(statement)).unwrap();
    altered("INSERT INTO migrations VALUES (99, '00', 0)");
    assert!(matches!(
        PostgresStore::migrate(server(&url)),
        Err(StoreError::Newer { .. })
    ));
    altered("DELETE FROM migrations WHERE number = 99; UPDATE migrations SET sha256 = '00' WHERE number = 1");
    assert!(matches!(
        PostgresStore::migrate(server(&url)),
        Err(StoreError::Drift { number: 1 })
    ));
}

#[test]
fn who_opens_it_to_read_can_not_write() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.database();
    drop(PostgresStore::migrate(server(&url)).unwrap());
    let reader = PostgresStore::open_read_only(server(&url)).unwrap();
    assert!(reader.acts(1).unwrap().is_empty());
    assert!(reader.take_lease("job", "one", Duration::from_secs(1)).is_err());
}

/// Hosts in a fleet.
const HOSTS: u8 = 6;
/// Reports of each.
const REPORTS: u64 = 25;

/// The reports that a host sends, each with findings of its own.
fn chain(host: &HostId) -> Vec<Incoming> {
    let mut previous = FIRST_PREVIOUS.to_owned();
    (1..=REPORTS)
        .map(|sequence| {
            let status = if sequence % 3 == 0 {
                Status::Fail
            } else {
                Status::Pass
            };
            let findings = vec![
                suite::finding("tls.protocol-versions", "a", status),
                suite::finding("firewall.active", &format!("s{}", sequence % 4), Status::Pass),
            ];
            let said = suite::assessment(host, &["tls.protocol-versions", "firewall.active"], findings);
            let minutes = i64::try_from(sequence).unwrap();
            let next = suite::report(host, sequence, &previous, minutes, Some(said));
            previous.clone_from(&next.body.sha256);
            next
        })
        .collect()
}

fn fleet(store: &dyn Store) -> Vec<HostId> {
    suite::add_token(store, "good", Role::Service, 100);
    (1..=HOSTS)
        .map(|number| suite::enrol(store, "", number, 0).host)
        .collect()
}

/// Every report once, in its chain's order; totals as a recount gives them; a ledger of all of it.
fn assert_whole(store: &dyn Store, hosts: &[HostId]) {
    let mut seen: BTreeMap<HostId, Vec<u64>> = BTreeMap::new();
    for leaf in leaves(store) {
        if let Some(LeafOf::Report { host, sequence, .. }) = leaf.of {
            seen.entry(host).or_default().push(sequence);
        }
    }
    let all: Vec<u64> = (1..=REPORTS).collect();
    for host in hosts {
        assert_eq!(seen.get(host), Some(&all), "{host}");
        let host = store.host(host).unwrap().unwrap();
        assert_eq!(
            (host.reports, host.last_sequence, host.forks),
            (REPORTS, REPORTS, 0)
        );
    }
    let cutoff = Cutoff::new(suite::at(100), Interval::minutes(1_000));
    while store.age(cutoff, 100).unwrap() > 0 {}
    assert_eq!(
        store.totals(cutoff).unwrap().numbers(),
        state::recount(store, cutoff)
    );
}

#[test]
fn two_collectors_take_the_same_hosts_reports_and_each_is_kept_once() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.database();
    let mut stores = [0, 1].map(|_| PostgresStore::migrate(server(&url)).unwrap());
    // As on two machines.
    stores[1].shard = "other".to_owned();
    let hosts = fleet(&stores[0]);
    let chains: Vec<Vec<Incoming>> = hosts.iter().map(chain).collect();
    // As if another catalogue had counted; it is counted anew while all goes on.
    let wrong = stores[0].pool.transaction(|tx| {
        let more = "INSERT INTO totals (shard, counted, number) VALUES ('old', 'hosts/service/fresh', 7)";
        tx.execute(more, &[])
    });
    assert_eq!(wrong.unwrap(), 1);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut senders = Vec::new();
        for (number, store) in stores.iter().enumerate() {
            let chains = &chains;
            // Each sends every host's reports in an order of hosts of its own, in batches across hosts, and goes on where
            // the other has come first.
            senders.push(scope.spawn(move || {
                for sequence in 0..chains[0].len() {
                    let mut batch: Vec<Incoming> =
                        chains.iter().map(|chain| chain[sequence].clone()).collect();
                    if number == 1 {
                        batch.reverse();
                    }
                    let mut left = batch;
                    while !left.is_empty() {
                        let reply = store.keep(&left).unwrap();
                        let later = |keep: &Keep| match keep {
                            Keep::Kept { .. } | Keep::Duplicate { .. } => false,
                            Keep::Gap { .. } => true,
                            other => panic!("{other:?}"),
                        };
                        left = left
                            .into_iter()
                            .zip(reply.outcomes)
                            .filter(|(_, keep)| later(keep))
                            .map(|(incoming, _)| incoming)
                            .collect();
                    }
                }
            }));
        }
        // Both give leaves their places, and count who is silent, all the while.
        for store in &stores {
            let done = &done;
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    store.integrate(7).unwrap();
                    // Of those who count anew at once all but one begin again.
                    match store.recount() {
                        Ok(_) | Err(StoreError::Crowded { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                    store
                        .age(Cutoff::new(suite::at(5), Interval::minutes(1)), 2)
                        .unwrap();
                    let beat = |host: &HostId| Beat {
                        host: host.clone(),
                        heard_at: suite::at(6),
                        looked_at: Some(suite::at(6)),
                    };
                    let beats: Vec<Beat> = store
                        .hosts(&HostQuery::all())
                        .unwrap()
                        .iter()
                        .map(|host| beat(&host.id))
                        .collect();
                    store.beat(&beats).unwrap();
                }
            });
        }
        for sender in senders {
            sender.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_whole(&stores[0], &hosts);
    let rows = stores[0]
        .pool
        .read(|tx| tx.query("SELECT DISTINCT shard FROM totals", &[]))
        .unwrap();
    let shards: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    // That of the count is needed to have come to the right totals. A collector has one only if it came first somewhere.
    assert!(shards.iter().any(|shard| shard == "recount"), "{shards:?}");
    let known = ["old", "recount", "other", &stores[0].shard];
    assert!(
        shards.iter().all(|shard| known.contains(&shard.as_str())),
        "{shards:?}"
    );
}

/// Ends what waits for the end of a test, also where the test fails.
struct Over<'o>(&'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_server_that_is_killed_loses_nothing_that_was_acknowledged() {
    let Some(mut cluster) = Cluster::start() else {
        return;
    };
    let url = cluster.database();
    let store = PostgresStore::migrate(server(&url)).unwrap();
    let hosts = fleet(&store);
    let chains: Vec<Vec<Incoming>> = hosts.iter().map(chain).collect();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = Over(&over);
        let senders: Vec<_> = chains
            .iter()
            .map(|chain| {
                let (store, over) = (&store, &over);
                scope.spawn(move || {
                    for incoming in chain {
                        // As an agent does: again and again, until it is acknowledged.
                        while !over.load(Ordering::Relaxed) {
                            thread::sleep(Duration::from_millis(5));
                            match store.keep(std::slice::from_ref(incoming)) {
                                Ok(reply) => match &reply.outcomes[0] {
                                    Keep::Kept { .. } | Keep::Duplicate { .. } => break,
                                    other => panic!("{other:?}"),
                                },
                                Err(StoreError::Away(_) | StoreError::Open { .. } | StoreError::Busy(_)) => {}
                                Err(error) => panic!("{error}"),
                            }
                        }
                    }
                })
            })
            .collect();
        let (store, over) = (&store, &over);
        scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let _away = store.integrate(5);
                thread::sleep(Duration::from_millis(3));
            }
        });
        for _ in 0..3 {
            thread::sleep(Duration::from_millis(120));
            cluster.kill();
            // Its other processes may answer for a moment longer.
            while store.ping().is_ok() {
                thread::sleep(Duration::from_millis(5));
            }
            cluster.restart();
            store.ping().unwrap();
        }
        for sender in senders {
            sender.join().unwrap();
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_whole(&store, &hosts);
}

/// Everything in a store, table by table.
fn content(store: &dyn Portable) -> BTreeMap<&'static str, Vec<Vec<Cell>>> {
    let mut content = BTreeMap::new();
    for table in TABLES {
        let rows: &mut Vec<Vec<Cell>> = content.entry(table.name).or_default();
        loop {
            let after = rows.last().map(|row| table.key_of(row));
            let page = store.page(table, after.as_deref()).unwrap();
            if page.is_empty() {
                break;
            }
            rows.extend(page);
        }
    }
    content
}

#[test]
fn a_copy_there_and_back_is_the_same_and_goes_on() {
    let Some(cluster) = Cluster::shared() else { return };
    let dir = tempfile::tempdir().unwrap();
    let first = SqliteStore::open(&dir.path().join("first.db")).unwrap();
    let hosts = fleet(&first);
    let chains: Vec<Vec<Incoming>> = hosts.iter().map(chain).collect();
    let before = chains[0].len() / 2;
    for chain in &chains {
        first.keep(&chain[..before]).unwrap();
    }
    // A fork, a gap, a body whose time was over.
    let mut fork = chains[0][before].clone();
    fork.report.previous = "0".repeat(64);
    first.keep(&[fork]).unwrap();
    let lone = suite::enrol(&first, "", HOSTS + 1, 0).host;
    let mut late = suite::report(&lone, 4, &"a".repeat(64), 1, None);
    late.report.dropped_reports = 3;
    first.keep(&[late]).unwrap();
    let act = |what| suite::act(what, 40);
    let token = ApiToken {
        id: "t-1".to_owned(),
        sha256: "hash".to_owned(),
        access: Access::Auditor,
        scopes: Vec::new(),
        note: "\0\u{f8ff}".to_owned(),
        created_at: suite::at(0),
        expires_at: None,
        revoked_at: None,
        used_at: None,
    };
    first.add_api_token(&token, &act("api-token.create")).unwrap();
    let user = User {
        name: "張".to_owned(),
        role: Access::Viewer,
        role_claimed: true,
        password: None,
        password_changed_at: None,
        subject: Some(Subject {
            issuer: "i".to_owned(),
            subject: "s".to_owned(),
        }),
        created_at: suite::at(0),
        disabled_at: None,
    };
    first.add_user(&user, &act("user.create")).unwrap();
    let session = NewSession {
        sha256: "cookie".to_owned(),
        user: user.name,
        at: suite::at(1),
        expires_at: suite::at(600),
    };
    first.add_session(&session, 3, &act("session.begin")).unwrap();
    let checkpoint = KeptCheckpoint {
        size: 1,
        note: "note\n".to_owned(),
        signed_at: suite::at(1),
    };
    first.add_checkpoint(&checkpoint).unwrap();
    first
        .prune(suite::at(3), 4, &suite::act("store.prune", 50))
        .unwrap();
    let plan = PublishedPlan {
        reference: plumbline_config::wire::PlanRef {
            version: "1".to_owned(),
            sha256: "00".to_owned(),
        },
        toml: "plan\0".to_owned(),
        signature: "00".to_owned(),
    };
    first
        .publish_plan(&plan, &suite::act("plan.publish", 51))
        .unwrap();
    let record = NewRecord {
        family: Family::Attestation,
        subject: "a-1".to_owned(),
        version: 1,
        verb: "give",
        body: "{}".to_owned(),
        at: suite::at(52),
        who: "user:張".to_owned(),
    };
    assert!(first.add_record(&record).unwrap());
    let there = cluster.store();
    let copied = copy(&first, &there, &mut |_, _, _| {}).unwrap();
    assert_eq!(copied.edge.root(), first.ledger_frontier().unwrap().root());
    assert!(copied.rows > 100);
    let original = content(&first);
    let empty: Vec<&str> = original
        .iter()
        .filter(|(_, rows)| rows.is_empty())
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(empty, ["ledger_nodes"], "the tree is too small for them");
    for (table, rows) in content(&there) {
        assert_eq!(rows, original[table], "{table}");
    }
    let back = SqliteStore::open(&dir.path().join("back.db")).unwrap();
    copy(&there, &back, &mut |_, _, _| {}).unwrap();
    for (table, rows) in content(&back) {
        assert_eq!(rows, original[table], "{table}");
    }
    assert!(
        copy(&first, &there, &mut |_, _, _| {})
            .unwrap_err()
            .to_string()
            .contains("not empty")
    );
    let cutoff = Cutoff::new(suite::at(100), Interval::minutes(1_000));
    alike::assert_alike(&first, &there, cutoff);
    for store in [&first as &dyn Store, &there, &back] {
        for chain in &chains {
            let reply = store.keep(&chain[before..]).unwrap();
            let kept = |keep: &Keep| matches!(keep, Keep::Kept { .. });
            assert!(reply.outcomes.iter().all(kept), "{:?}", reply.outcomes);
        }
    }
    alike::assert_alike(&back, &there, cutoff);
    alike::assert_alike(&first, &there, cutoff);
}

#[test]
fn a_month_goes_whole_when_all_of_it_is_too_old() {
    let Some(cluster) = Cluster::shared() else { return };
    let store = cluster.store();
    let moment = |text: &str| text.parse::<Timestamp>().unwrap();
    let host = fleet(&store).remove(0);
    partitions::make_from(&store.pool, moment("2025-02-10T00:00:00Z"), Timestamp::now()).unwrap();
    let mut reports = chain(&host);
    reports.truncate(3);
    for (report, at) in reports.iter_mut().zip([
        "2025-01-31T00:00:00Z",
        "2025-02-28T23:59:59Z",
        "2025-03-01T00:00:00Z",
    ]) {
        report.received_at = moment(at);
    }
    store.keep(&reports).unwrap();
    let partitions = || {
        let rows = store
            .pool
            .read(|tx| {
                tx.query(
                    "SELECT table_name::text AS name FROM information_schema.tables
                     WHERE table_name LIKE 'report%2025\\_0_' ESCAPE '\\' ORDER BY table_name LIMIT 4",
                    &[],
                )
            })
            .unwrap();
        rows.iter()
            .map(|row| row.value::<String>("name").unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(partitions()[0], "report_bodies_2025_02");
    let prune = |before| {
        store
            .prune(moment(before), 100, &suite::act("store.prune", 9))
            .unwrap()
    };
    let history = |sequence| {
        let history = store.history(&host, 100).unwrap();
        history
            .iter()
            .filter(|change| change.sequence == sequence)
            .count()
    };
    let first = 1 + history(1);
    assert_eq!(
        prune("2025-02-28T12:00:00Z"),
        first,
        "what lies outside of partitions; the month is not over"
    );
    let second = 1 + history(2);
    assert_eq!(prune("2025-03-01T00:00:00Z"), second);
    assert_eq!(partitions()[0], "report_bodies_2025_03");
    let kept = |sequence| store.report_body(&host, 1, sequence).unwrap().is_some();
    assert_eq!([1, 2, 3].map(kept), [false, false, true]);
    assert_eq!(
        leaves(&store).iter().filter(|leaf| leaf.entry.is_none()).count(),
        0
    );
}
