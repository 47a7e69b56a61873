//! The real program as a daemon, against a small collector that keeps the wire contract strictly.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use common::{Collector, Instead, TOKEN, wait_for};
use plumbline_config::catalogue;
use plumbline_config::ident::Role;
use plumbline_config::plan::LoadedPlan;
use serde_json::{Value, json};

struct Agent {
    dir: tempfile::TempDir,
    child: Option<Child>,
}

impl Agent {
    fn enrolled(collector: &Collector, settings: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "data_dir = \"{0}/data\"\nsocket = \"{0}/agent.sock\"\n{settings}",
            dir.path().display()
        );
        std::fs::write(dir.path().join("agent.toml"), text).unwrap();
        let agent = Self { dir, child: None };
        let output = agent.enroll(collector, &[]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        agent
    }

    fn enroll(&self, collector: &Collector, more: &[&str]) -> Output {
        let (url, pin) = (collector.url(), collector.ca_sha256());
        let arguments = [
            "enroll",
            "--collector",
            &url,
            "--token",
            TOKEN,
            "--ca-sha256",
            &pin,
        ];
        self.command(&[&arguments, more].concat()).output().unwrap()
    }

    fn start(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.path().join("log"))
            .unwrap();
        let child = self
            .command(&["run"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
    }

    fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone = child.kill();
            child.wait().unwrap();
        }
    }

    fn status(&self) -> Option<Value> {
        let output = self.command(&["status", "--format", "json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).ok()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline-agent"));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.path().join("agent.toml"));
        command
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.path().join("log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            std::io::stderr().write_all(tail.join("\n").as_bytes()).unwrap();
        }
    }
}

/// A report each second, though only that nothing changed.
const EAGER: &str =
    "check_interval = \"1 second\"\nheartbeat_interval = \"1 second\"\nevidence_interval = \"1 second\"\n";
/// Heartbeats each second, and reports only of changes.
const QUIET: &str = "check_interval = \"5 seconds\"\nheartbeat_interval = \"1 second\"\n";

fn example_plan() -> String {
    LoadedPlan::example().unwrap().text
}

#[test]
fn findings_are_delivered_under_the_collectors_plan_and_told_by_status_and_metrics() {
    let collector = Collector::start("localhost");
    collector.publish(&format!("{}\n# published\n", example_plan()));
    let plan = collector.state().plan.clone().unwrap();
    let port = free_port();
    let settings = format!("metrics_listen = \"127.0.0.1:{port}\"\n");
    let mut agent = Agent::enrolled(&collector, &settings);
    agent.start();
    let report = wait_for("a report", || collector.state().kept.first().cloned()).0;
    let assessment = report.assessment.unwrap();
    assert_eq!(
        assessment.plan.sha256, plan.sha256,
        "already the first run is judged by it"
    );
    assert_eq!(assessment.host.id.unwrap().as_str(), "h-1");
    let status = wait_for("the report to be confirmed", || {
        agent
            .status()
            .filter(|status| status["spool_reports"] == 0 && status["confirmed_sequence"] != 0)
    });
    assert_eq!(
        (&status["plan"]["source"], &status["plan"]["sha256"]),
        (&json!("collector"), &json!(plan.sha256))
    );
    assert_eq!(status["sync"]["error"], Value::Null);
    assert!(status["sync"]["delivered_assessments"].as_u64().unwrap() >= 1);
    for check in &assessment.checks {
        assert!(status["checks"][check]["last_run_at"].is_string(), "{check}");
        assert!(status["checks"][check]["next_run_at"].is_string(), "{check}");
    }
    let page = get(port, "/metrics");
    assert!(page.contains("plumbline_spool_reports 0"), "{page}");
    assert!(page.contains("process_resident_memory_bytes"), "{page}");
    // A clause for office hosts alone says nothing of this one.
    let is_for_service = |check: &&String| {
        let entry = catalogue::check(check);
        entry.is_some_and(|entry| entry.clause(Role::Service).is_some())
    };
    for check in assessment.checks.iter().filter(is_for_service) {
        assert!(
            page.contains(&format!("plumbline_check_status{{check=\"{check}\"")),
            "{page}"
        );
    }
    assert!(get(port, "/other").starts_with("HTTP/1.1 404"));

    // The certificate was past two thirds of its life from the start.
    wait_for("a renewal", || (collector.state().renewals > 0).then_some(()));
    agent.signal("-TERM");
    assert!(agent.child.take().unwrap().wait().unwrap().success());
    let output = agent.command(&["status"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn nothing_is_lost_or_doubled_however_often_the_agent_is_killed_and_answers_are_lost() {
    let collector = Collector::start("localhost");
    let mut agent = Agent::enrolled(&collector, EAGER);
    for round in 0..15_u64 {
        agent.start();
        let before = collector.state().kept.len();
        if round % 3 == 0 {
            collector.state().instead.push_back(Instead::KeepAndHangUp);
        }
        wait_for("a report", || {
            (collector.state().kept.len() > before).then_some(())
        });
        // Moments that differ from round to round, so that kills fall before, within and after a delivery.
        std::thread::sleep(Duration::from_millis(round * 37 % 200));
        agent.kill();
    }
    // The collector has asserted the chain at each report.
    let state = collector.state();
    let sequences: Vec<u64> = state.kept.iter().map(|(report, _)| report.sequence).collect();
    assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>());
    assert!(state.duplicates > 0, "lost answers led to re-posts");
}

#[test]
fn where_nothing_changes_heartbeats_tell_the_state_and_how_fresh_it_is() {
    let collector = Collector::start("localhost");
    let mut agent = Agent::enrolled(&collector, QUIET);
    agent.start();
    wait_for("heartbeats", || {
        (collector.state().heartbeats.len() > 4).then_some(())
    });
    let state = collector.state();
    let whole = state.kept[0].0.clone();
    let assessment = whole.assessment.unwrap();
    assert_eq!(
        assessment.known_checks.as_ref(),
        Some(&assessment.checks),
        "first everything"
    );
    assert!(state.compressed > 0);
    let beat = state.heartbeats.last().unwrap().clone();
    assert!(beat.looked_age_seconds.is_some_and(|age| age < 30), "{beat:?}");
    drop(state);
    // The machine that the test runs on may change meanwhile.
    let status = wait_for("the state that the last heartbeat told", || {
        let status = agent.status()?;
        let state = collector.state();
        let told = &state.heartbeats.last()?.state;
        let same = told.starts_with(status["state_digest"].as_str()?)
            && status["state_findings"] == state.findings.len();
        same.then_some(status)
    });
    assert_eq!(
        (&status["resyncs"], &status["last_resync"]["why"]),
        (&json!(1), &json!("enrolled"))
    );
    assert!(status["sync"]["last_heartbeat_at"].is_string());
    let table = agent
        .command(&["status", "--format", "table", "--lang", "en"])
        .output()
        .unwrap();
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains("the enrolment was new"), "{table}");

    // Stopped and started again it has nothing new to say, and the state stands.
    agent.kill();
    let reports = collector.state().kept.len();
    let beats = collector.state().heartbeats.len();
    agent.start();
    wait_for("heartbeats again", || {
        (collector.state().heartbeats.len() > beats + 2).then_some(())
    });
    let told = &collector.state().kept[reports..];
    assert!(
        told.iter()
            .all(|(report, _)| report.assessment.as_ref().unwrap().known_checks.is_none()),
        "not everything again"
    );
}

#[test]
fn a_collector_whose_state_differs_asks_and_gets_everything() {
    let collector = Collector::start("localhost");
    let mut agent = Agent::enrolled(&collector, QUIET);
    agent.start();
    wait_for("the state", || {
        (!collector.state().findings.is_empty()).then_some(())
    });
    {
        let mut state = collector.state();
        state.astray = true;
        state.findings.pop_first().unwrap();
    }
    wait_for("the states to agree", || {
        (!collector.state().astray).then_some(())
    });
    let status = wait_for("the reason", || {
        agent
            .status()
            .filter(|status| status["last_resync"]["why"] == "collector-asked")
    });
    assert_eq!(status["resyncs"], 2);
    assert_eq!(status["sync"]["resync_error"], Value::Null);

    // Asked again and again, it sends everything less and less often, and says so.
    collector.state().insatiable = true;
    wait_for("the trouble to be told", || {
        agent
            .status()
            .filter(|status| status["sync"]["resync_error"].is_object())
    });
    let (beats, everything) = {
        let state = collector.state();
        let whole = |report: &&(plumbline_config::wire::Report, String)| {
            report
                .0
                .assessment
                .as_ref()
                .is_some_and(|a| a.known_checks.is_some())
        };
        (state.heartbeats.len(), state.kept.iter().filter(whole).count())
    };
    assert!(everything <= 2 + beats, "{everything} in {beats} heartbeats");
    collector.state().insatiable = false;
    wait_for("peace", || {
        agent
            .status()
            .filter(|status| status["sync"]["resync_error"].is_null())
    });
}

#[test]
fn a_collector_that_knows_neither_heartbeats_nor_compression_gets_plain_reports() {
    let collector = Collector::start("localhost");
    {
        let mut state = collector.state();
        state.knows_heartbeats = false;
        state.knows_zstd = false;
    }
    let mut agent = Agent::enrolled(&collector, QUIET);
    agent.start();
    wait_for("reports that nothing changed", || {
        let state = collector.state();
        let stands = state
            .kept
            .iter()
            .filter(|(report, _)| report.assessment.is_none());
        (stands.count() > 2).then_some(())
    });
    assert_eq!(collector.state().compressed, 0);
    assert_eq!(agent.status().unwrap()["refused_reports"], 0);
}

#[test]
fn refusals_block_nothing_and_are_told() {
    let collector = Collector::start("localhost");
    let mut agent = Agent::enrolled(&collector, EAGER);
    collector.state().instead.extend([
        Instead::Answer(503, Some(1), json!({})),
        Instead::Answer(409, None, json!({"last_sequence": 0})),
    ]);
    agent.start();
    wait_for("reports", || (collector.state().kept.len() > 2).then_some(()));
    assert!(collector.state().attempts > 4);
    // The report of one check is refused for good: it is put aside, and the next goes on under its number.
    let checks = collector
        .state()
        .kept
        .iter()
        .find_map(|(report, _)| report.assessment.as_ref().map(|a| a.checks.len()))
        .unwrap();
    let refusals = (0..2 * checks).map(|_| Instead::Answer(422, None, json!({})));
    collector.state().instead.extend(refusals.take(3));
    let before = collector.state().kept.len();
    wait_for("reports to go on", || {
        (collector.state().kept.len() > before + 1).then_some(())
    });
}

#[test]
fn a_new_plan_is_taken_and_a_bad_one_is_refused() {
    let collector = Collector::start("localhost");
    collector.publish(&example_plan());
    let mut agent = Agent::enrolled(&collector, EAGER);
    agent.start();
    let judged_by = |sha256: &str| {
        let state = collector.state();
        let last = state
            .kept
            .iter()
            .rev()
            .find_map(|(report, _)| report.assessment.clone());
        last.is_some_and(|assessment| assessment.plan.sha256 == sha256)
    };
    let sha256 = || collector.state().plan.as_ref().unwrap().sha256.clone();
    let first = sha256();
    wait_for("the first plan", || judged_by(&first).then_some(()));
    collector.publish(&format!("{}\n# second\n", example_plan()));
    let second = sha256();
    wait_for("the second plan", || judged_by(&second).then_some(()));

    collector.publish("no_such_key = 1\n");
    let refused = wait_for("the refusal", || {
        agent
            .status()
            .filter(|status| status["plan"]["error"].is_object())
    });
    assert!(
        refused["plan"]["error"]["message"]
            .as_str()
            .unwrap()
            .contains("no_such_key")
    );
    assert_eq!(refused["plan"]["sha256"], second);
    let asked = collector.state().plan_requests;
    let kept = collector.state().kept.len();
    wait_for("more reports", || {
        (collector.state().kept.len() > kept + 2).then_some(())
    });
    assert!(judged_by(&second));
    assert_eq!(
        collector.state().plan_requests,
        asked,
        "a refused plan is not fetched again and again"
    );
}

#[test]
fn enrolling_again_wants_force_and_a_running_agent_takes_it_after_a_reload() {
    let collector = Collector::start("localhost");
    let mut agent = Agent::enrolled(&collector, EAGER);
    let output = agent.enroll(&collector, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--force"));
    agent.start();
    wait_for("reports", || (collector.state().kept.len() > 1).then_some(()));
    assert!(agent.enroll(&collector, &["--force"]).status.success());
    agent.signal("-HUP");
    let first = wait_for("a report of the new enrolment", || {
        let kept = collector.state().kept.clone();
        kept.into_iter().find(|(report, _)| report.incarnation == 2)
    });
    assert_eq!(first.0.sequence, 1);
    let secrets = std::fs::read_to_string(agent.path().join("log")).unwrap();
    assert!(!secrets.contains(TOKEN));
}

#[test]
fn a_second_daemon_on_the_same_data_is_refused() {
    let collector = Collector::start("localhost");
    let mut agent = Agent::enrolled(&collector, EAGER);
    agent.start();
    wait_for("the first to run", || agent.status());
    let output = agent.command(&["run"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("another agent is running"));
    assert!(agent.status().is_some(), "the first is not disturbed");
}

#[test]
fn without_an_identity_the_daemon_says_how_to_get_one() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("agent.toml");
    std::fs::write(
        &config,
        format!("data_dir = \"{}\"\n", dir.path().join("data").display()),
    )
    .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_plumbline-agent"))
        .args(["run", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let sentence = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        sentence.contains("not enrolled") && sentence.contains("enroll --collector"),
        "{sentence}"
    );
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
