//! Whether the collector has what was delivered: each report once, and each host's state.

use plumbline_collector::store::{SqliteStore, Store};
use rusqlite::Connection;

use super::Fleet;

/// Compares every host with what is kept of it; panics where they differ.
pub(crate) fn verify(fleet: &Fleet) {
    let database = fleet.collector.database();
    let db = Connection::open(&database).expect("the database");
    let mut statement = db
        .prepare_cached("SELECT count(*), min(sequence), max(sequence) FROM reports WHERE host = ?1")
        .expect("a statement");
    let store = SqliteStore::open_read_only(&database).expect("the store");
    let mut reports = 0;
    for agent in &fleet.agents {
        let host = &agent.host;
        assert!(!host.waits(), "{}: a report was not delivered", host.id);
        let sequence = i64::try_from(host.sequence).expect("a sequence");
        let kept: (i64, i64, i64) = statement
            .query_row([host.id.as_str()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .expect("reports of a host");
        assert_eq!(kept, (sequence, 1, sequence), "{}: each report once", host.id);
        let presence = store
            .presence(&host.id)
            .expect("the store answers")
            .expect("a host");
        assert_eq!(
            presence.state,
            host.digest(&fleet.company),
            "{}: the state kept",
            host.id
        );
        reports += host.sequence;
    }
    println!(
        "verified: {reports} reports of {} hosts, each once; every state as its host has it",
        fleet.agents.len()
    );
    let leaves = store.ledger_frontier().expect("the store answers").size();
    println!("ledger: {leaves} leaves");
    let (knows, _) = fleet.collector.run(&["verify", "--help"]);
    if knows {
        let began = std::time::Instant::now();
        let (done, text) = fleet.collector.run(&["verify"]);
        assert!(done, "verify: {text}");
        println!(
            "verify: {} ({:.1?})",
            text.lines().next().unwrap_or_default(),
            began.elapsed()
        );
    }
}
