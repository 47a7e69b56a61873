//! Two collectors, each a process of its own, on one PostgreSQL database: an agent talks now to this one, now to that
//! one, each in turn is killed, and nothing is lost, doubled or told differently.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use plumbline_tests::lab::{EAGER, Lab};
use plumbline_tests::postgres::Postgres;
use plumbline_tests::turnstile::Turnstile;
use plumbline_tests::wait_for;
use serde_json::Value;

/// How often a collector is killed.
const KILLS: u64 = 4;

/// The periodic jobs that one collector does for all.
const JOBS: [&str; 2] = ["ledger-order", "pulses"];

fn kept(database: &Postgres) -> Vec<u64> {
    let kept = database.ask("SELECT sequence FROM reports ORDER BY sequence");
    kept.lines().map(|line| line.parse().unwrap()).collect()
}

fn pause(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

#[test]
fn what_two_collectors_take_is_one_fleet_whoever_of_them_dies() {
    let Some(database) = Postgres::start() else {
        return;
    };
    let store = format!("store = \"{}\"\n", database.url());
    // Each on an address of its own, and both behind the one that agents know: the same port on all three.
    let door = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = door.local_addr().unwrap().port();
    let servers = [2, 3].map(|last| SocketAddr::from(([127, 0, 0, last], port)));
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("collector");
    let mut first = Lab::start_for(servers[0], dir, data_dir, |_, _| store.clone());
    let mut second = Lab::beside(&first, servers[1], &store);
    let turnstile = Turnstile::before(&servers, door);
    first.enroll("service", EAGER);
    let agent = first.start_agent();
    wait_for("the first report", || (!kept(&database).is_empty()).then_some(()));
    for round in 0..KILLS {
        let before = kept(&database).len();
        pause(round * 211 % 700);
        let victim = if round % 2 == 0 { &mut first } else { &mut second };
        victim.kill_collector();
        pause(round * 97 % 500);
        // The other one goes on alone.
        wait_for("reports to flow", || {
            (kept(&database).len() > before + 1).then_some(())
        });
        victim.start_collector();
    }
    let before = turnstile.taken();
    wait_for("the agent to talk to both again", || {
        let both = turnstile
            .taken()
            .iter()
            .zip(&before)
            .all(|(now, before)| now > before);
        both.then_some(())
    });
    wait_for("the spool to empty", || {
        let output = first.run("plumbline-agent", &["status", "--format", "json"]);
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        assert_eq!(status["refused_reports"], 0, "{status}");
        (status["spool_reports"] == 0).then_some(())
    });
    agent.kill();

    let kept = kept(&database);
    let all: Vec<u64> = (1..=u64::try_from(kept.len()).unwrap()).collect();
    assert!(kept.len() > usize::try_from(KILLS).unwrap());
    assert_eq!(kept, all, "each once, none missing");
    wait_for("every leaf to have its place", || {
        (database.ask("SELECT count(*) FROM ledger_queue").trim() == "0").then_some(())
    });
    for lab in [&first, &second] {
        let audit = lab.collector_json(&["verify"]);
        assert_eq!(audit["faults"].as_array().map(Vec::len), Some(0), "{audit}");
    }
    // Heartbeats reach the database some seconds later, and the lists tell when they were made.
    let items = |lab: &Lab| {
        let answer = lab.api("/api/v1/checklist");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["items"].clone()
    };
    assert!(items(&first).as_array().is_some_and(|items| !items.is_empty()));
    wait_for("both to say the same", || {
        (items(&first) == items(&second)).then_some(())
    });
    let counted = first.collector_json(&["store", "recount"]);
    assert_eq!((&counted["hosts"], &counted["corrected"]), (&1.into(), &0.into()));

    // A lease outlives who held it by half a minute; then one of the two has it, and keeps it.
    let holders = || {
        let held = "SELECT name, holder FROM leases
                    WHERE until > extract(epoch FROM clock_timestamp()) * 1000000 ORDER BY name";
        let answer = database.ask(held);
        let held = answer.lines().filter_map(|line| line.split_once('|'));
        let held = held.filter(|(name, _)| JOBS.contains(name));
        held.map(|(name, holder)| (name.to_owned(), holder.to_owned()))
            .collect::<Vec<_>>()
    };
    let processes: Vec<String> = [&first, &second]
        .iter()
        .map(|lab| format!(":{}:", lab.collector_pid().unwrap()))
        .collect();
    wait_for("one of the living to hold each lease", || {
        let held = holders();
        let living = |holder: &String| processes.iter().any(|process| holder.contains(process));
        (held.len() == JOBS.len() && held.iter().all(|(_, holder)| living(holder))).then_some(())
    });
}
