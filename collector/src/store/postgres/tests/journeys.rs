//! How often a batch waits for the server, and what becomes of a transaction whose statements went out together.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU32;

use super::*;
use crate::store::postgres::flight::{Flight, values};
use crate::store::postgres::tx::Tx;

/// How often somebody waits for the server meanwhile.
fn waits<T>(store: &PostgresStore, work: impl FnOnce() -> T) -> (u64, T) {
    let before = store.pool.waits();
    let done = work();
    (store.pool.waits() - before, done)
}

#[test]
fn a_batch_is_read_in_one_journey_and_written_in_another() {
    let Some(cluster) = Cluster::shared() else { return };
    let store = cluster.store();
    let hosts = fleet(&store);
    let chains: Vec<Vec<Incoming>> = hosts.iter().map(chain).collect();
    let batch = |sequence: usize| {
        chains
            .iter()
            .map(|chain| chain[sequence].clone())
            .collect::<Vec<_>>()
    };
    // Statements are prepared when they are first met.
    for sequence in 0..3 {
        store.keep(&batch(sequence)).unwrap();
    }
    let keep = |batch: &[Incoming]| waits(&store, || store.keep(batch).unwrap().outcomes);
    let kept = |keep: &Keep| matches!(keep, Keep::Kept { .. });
    let (taken, outcomes) = keep(&batch(3));
    assert!(outcomes.iter().all(kept), "{outcomes:?}");
    assert_eq!(taken, 2, "several hosts");
    let all: Vec<Incoming> = chains[0][4..20].to_vec();
    let (taken, outcomes) = keep(&all);
    assert!(outcomes.iter().all(kept), "{outcomes:?}");
    assert_eq!(taken, 2, "one host, many reports");
    // Old ones again, all at once: what was kept under their numbers is looked up once for all of them.
    let mut again: Vec<Incoming> = chains[0][..18].to_vec();
    again.push(chains[1][4].clone());
    store.keep(&again[..2]).unwrap();
    let (taken, outcomes) = keep(&again);
    assert!(
        outcomes[..18]
            .iter()
            .all(|keep| matches!(keep, Keep::Duplicate { .. })),
        "{outcomes:?}"
    );
    assert!(kept(&outcomes[18]));
    assert_eq!(taken, 3);
    let beats: Vec<Beat> = hosts
        .iter()
        .map(|host| Beat {
            host: host.clone(),
            heard_at: suite::at(50),
            looked_at: None,
        })
        .collect();
    store.beat(&beats).unwrap();
    assert_eq!(waits(&store, || store.beat(&beats).unwrap()).0, 1);
}

#[test]
fn a_batch_finds_its_rows_by_index_where_the_engine_can_be_told_to() {
    let Some(cluster) = Cluster::shared() else { return };
    let store = cluster.store();
    let told = |tx: &mut Tx<'_>| {
        let row = tx.query_one("SELECT current_setting('enable_seqscan') AS told", &[])?;
        Ok(row.unwrap().text("told").unwrap())
    };
    assert_eq!(store.pool.by_index(told).unwrap(), "off");
    assert_eq!(
        store.pool.transaction(told).unwrap(),
        "on",
        "for that transaction alone"
    );
}

#[test]
fn of_statements_that_go_out_together_the_first_fault_is_told_and_nothing_is_kept() {
    let Some(cluster) = Cluster::shared() else { return };
    let store = cluster.store();
    let note = "INSERT INTO notes (name, value) VALUES ($1, $2)";
    let mut flight = Flight::default();
    flight.add(note, values!["one", "1"]);
    flight.add("SELECT 1 / $1::bigint", values![0_i64]);
    flight.add(note, values!["two", "2"]);
    let told = store.pool.transaction(|tx| tx.commit(&flight).map(|_| ()));
    let told = told.unwrap_err().to_string();
    assert!(told.contains("division by zero"), "{told}");
    let kept = |store: &PostgresStore| -> BTreeSet<String> {
        let rows = store
            .pool
            .read(|tx| tx.query("SELECT name FROM notes", &[]))
            .unwrap();
        rows.iter().map(|row| row.text("name").unwrap()).collect()
    };
    assert!(!kept(&store).contains("one") && !kept(&store).contains("two"));
    // A value that does not fit never reaches the server; what stands behind it, COMMIT above all, must not either.
    let mut flight = Flight::default();
    flight.add(note, values!["one", "1"]);
    flight.add(note, values!["two", 2_i64]);
    let told = store.pool.transaction(|tx| tx.commit(&flight).map(|_| ()));
    assert!(matches!(told, Err(StoreError::Away(_))), "{told:?}");
    assert!(!kept(&store).contains("one"));
    let mut flight = Flight::default();
    flight.add(note, values!["one", "1"]);
    flight.add(note, values!["two", "2"]);
    store
        .pool
        .transaction(|tx| tx.commit(&flight).map(|_| ()))
        .unwrap();
    assert!(kept(&store).contains("one") && kept(&store).contains("two"));
}

#[test]
fn a_transaction_that_is_undone_for_anothers_sake_is_tried_again_with_all_that_went_out_together() {
    let Some(cluster) = Cluster::shared() else { return };
    let store = cluster.store();
    let add = "UPDATE notes SET value = value || $1 WHERE name = 'plan_gate'";
    let mut tries = 0;
    store
        .pool
        .consistent(|tx| {
            tries += 1;
            tx.query("SELECT value FROM notes", &[])?;
            if tries == 1 {
                // Another comes in between, and is committed first.
                store.pool.transaction(|other| other.execute(add, &[&"b"]))?;
            }
            let mut flight = Flight::default();
            flight.add(add, values!["a"]);
            flight.add("SELECT value FROM notes WHERE name = 'plan_gate'", values![]);
            tx.commit(&flight).map(|_| ())
        })
        .unwrap();
    assert_eq!(tries, 2);
    let value = store
        .pool
        .read(|tx| tx.query_one("SELECT value FROM notes WHERE name = 'plan_gate'", &[]))
        .unwrap();
    assert_eq!(value.unwrap().text("value").unwrap(), "ba");
}

#[test]
fn what_was_not_committed_for_certain_is_tried_once_more_and_what_may_have_been_is_not() {
    let Some(mut cluster) = Cluster::start() else {
        return;
    };
    let store = PostgresStore::migrate(server(&cluster.database())).unwrap();
    // The server ends the session, and says so of a statement before COMMIT.
    let tries = AtomicU32::new(0);
    let commit = |statement: &'static str| {
        store.pool.transaction(|tx| {
            tries.fetch_add(1, Ordering::Relaxed);
            let mut flight = Flight::default();
            flight.add(statement, values![]);
            tx.commit(&flight).map(|_| ())
        })
    };
    let ended = commit("SELECT pg_terminate_backend(pg_backend_pid())");
    assert!(matches!(ended, Err(StoreError::Away(_))), "{ended:?}");
    assert_eq!(tries.swap(0, Ordering::Relaxed), 2);
    store.ping().unwrap();
    // It goes without a word, with COMMIT on its way.
    thread::scope(|scope| {
        let sleeper = scope.spawn(|| commit("SELECT pg_sleep(30)"));
        while tries.load(Ordering::Relaxed) == 0 {
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(300));
        cluster.kill();
        let ended = sleeper.join().unwrap();
        assert!(matches!(ended, Err(StoreError::Away(_))), "{ended:?}");
    });
    assert_eq!(tries.load(Ordering::Relaxed), 1);
}
