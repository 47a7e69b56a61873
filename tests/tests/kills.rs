//! Collector, agent and database are killed again and again while reports flow: nothing is lost and nothing doubled.
//!
//! `PLUMBLINE_KILL_ROUNDS` sets how often, and `PLUMBLINE_AWAY_SECONDS` for how long the database is gone: a few in every
//! run of the tests, some hundreds and an hour by hand.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

use std::time::Duration;

use plumbline_tests::lab::{AgentProcess, EAGER, Lab};
use plumbline_tests::postgres::Postgres;
use plumbline_tests::{namespace, wait_for, wait_long_for};
use serde_json::Value;

/// How many kills, unless the environment says otherwise.
const ROUNDS: u64 = 18;

fn rounds() -> u64 {
    std::env::var("PLUMBLINE_KILL_ROUNDS")
        .map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"))
}

/// For how long the database is gone at the least.
fn time_away() -> Duration {
    let seconds = std::env::var("PLUMBLINE_AWAY_SECONDS");
    Duration::from_secs(seconds.map_or(0, |seconds| seconds.parse().expect("a number of seconds")))
}

/// The number of the host's last kept report.
fn last_sequence(lab: &Lab) -> u64 {
    let answer = lab.api("/api/v1/hosts");
    // While the database is away there is no answer.
    let hosts: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    hosts["hosts"][0]["last_sequence"].as_u64().unwrap_or(0)
}

fn pause(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

/// Kills one of all in turn, at moments that differ from round to round: before, within and after a delivery.
fn kill_in_turn(lab: &mut Lab, agent: &mut Option<AgentProcess>, mut database: Option<&mut Postgres>) {
    wait_for("the first report", || (last_sequence(lab) > 0).then_some(()));
    for round in 0..rounds() {
        pause(round * 37 % 400);
        let before = last_sequence(lab);
        let away = round * 53 % 300;
        match (round % 3, &mut database) {
            (0, _) => {
                lab.kill_collector();
                pause(away);
                lab.start_collector();
            }
            (1, Some(database)) => {
                database.kill();
                pause(away);
                database.restart();
            }
            _ => {
                agent.take().unwrap().kill();
                *agent = Some(lab.start_agent());
            }
        }
        wait_for("reports to flow again", || {
            (last_sequence(lab) > before).then_some(())
        });
    }
    let status = wait_for("the agent to answer", || {
        let output = lab.run("plumbline-agent", &["status", "--format", "json"]);
        serde_json::from_slice::<Value>(&output.stdout).ok()
    });
    assert_eq!(status["refused_reports"], 0, "{status}");
    let audit = lab.collector_json(&["verify"]);
    assert_eq!(audit["faults"].as_array().map(Vec::len), Some(0), "{audit}");
}

fn assert_each_once(kept: &[u64]) {
    let last = u64::try_from(kept.len()).unwrap();
    assert!(last > rounds(), "a report at least for each round: {last}");
    assert_eq!(kept, (1..=last).collect::<Vec<_>>(), "each once, none missing");
}

#[test]
fn every_report_is_kept_once_in_sqlite() {
    if !namespace::entered("every_report_is_kept_once_in_sqlite") {
        return;
    }
    let mut lab = Lab::start();
    lab.enroll("service", EAGER);
    let mut agent = Some(lab.start_agent());
    kill_in_turn(&mut lab, &mut agent, None);
    agent.take().unwrap().kill();
    lab.kill_collector();
    assert_each_once(&lab.kept_sequences());
}

#[test]
fn every_report_is_kept_once_in_postgresql() {
    let Some(mut database) = Postgres::start() else {
        return;
    };
    let mut lab = Lab::start_with(|_, _| format!("store = \"{}\"\n", database.url()));
    lab.enroll("service", EAGER);
    let mut agent = Some(lab.start_agent());
    kill_in_turn(&mut lab, &mut agent, Some(&mut database));
    agent.take().unwrap().kill();
    lab.kill_collector();
    let kept = database.ask("SELECT sequence FROM reports ORDER BY sequence");
    let kept: Vec<u64> = kept.lines().map(|line| line.parse().unwrap()).collect();
    assert_each_once(&kept);
}

#[test]
fn a_database_that_is_away_costs_nothing_but_time() {
    let Some(mut database) = Postgres::start() else {
        return;
    };
    let mut lab = Lab::start_with(|_, _| format!("store = \"{}\"\n", database.url()));
    lab.enroll("service", EAGER);
    let agent = lab.start_agent();
    wait_for("the first report", || (last_sequence(&lab) > 0).then_some(()));
    let before = last_sequence(&lab);

    database.kill();
    wait_for("the collector to say so", || {
        (lab.api("/readyz").status == 503).then_some(())
    });
    let waiting = || {
        let output = lab.run("plumbline-agent", &["status", "--format", "json"]);
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        status["spool_reports"].as_u64().unwrap_or(0)
    };
    wait_for("the agent to keep what it has to say", || {
        (waiting() > 0).then_some(())
    });
    std::thread::sleep(time_away());
    assert_eq!(lab.api_as("/healthz", None).status, 200, "the collector lives on");
    let kept_back = waiting();

    database.restart();
    // Who was refused for long asks again after up to five minutes.
    wait_long_for("reports to flow again", || {
        (last_sequence(&lab) > before).then_some(())
    });
    wait_long_for("the spool to empty", || (waiting() == 0).then_some(()));
    let status = lab.run("plumbline-agent", &["status", "--format", "json"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["refused_reports"], 0, "{status}");
    agent.kill();
    lab.kill_collector();
    let kept = database.ask("SELECT sequence FROM reports ORDER BY sequence");
    let kept: Vec<u64> = kept.lines().map(|line| line.parse().unwrap()).collect();
    let last = u64::try_from(kept.len()).unwrap();
    assert!(last >= before + kept_back, "{last} of {before} and {kept_back}");
    assert_eq!(kept, (1..=last).collect::<Vec<_>>(), "each once, none missing");
    println!("{before} reports before, {kept_back} kept back, {last} in the end");
}
