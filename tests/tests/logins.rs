//! Failed logins at a real sshd, through the whole line: log → agent → collector → metrics, checklist and incidents.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

use std::time::{Duration, Instant};

use plumbline_tests::lab::{AgentProcess, Lab};
use plumbline_tests::ssh::{SshServer, own_logs, start_syslog};
use plumbline_tests::{namespace, wait_for};

/// Settings under which nothing but what is written to a log makes a check run.
const PATIENT: &str = "check_interval = \"1 hour\"\nheartbeat_interval = \"1 second\"\n";

const CHECK: &str = "logins.abnormal";

/// How often the latency is measured; `tests/bench/logins-latency` asks for more.
const ROUNDS: &str = "PLUMBLINE_LATENCY_ROUNDS";

/// A host with its own logs and sshd, watched.
struct Site {
    lab: Lab,
    server: SshServer,
    _agent: AgentProcess,
}

impl Site {
    /// `None` where there is no sshd.
    fn start() -> Option<Self> {
        let lab = Lab::start();
        own_logs(lab.path());
        start_syslog();
        let server = SshServer::start(&lab.path().join("sshd"))?;
        lab.enroll("service", PATIENT);
        let agent = lab.start_agent();
        let site = Self {
            lab,
            server,
            _agent: agent,
        };
        wait_for("the first measurement", || {
            (site.hosts("pass") == 1).then_some(())
        });
        Some(site)
    }

    /// Hosts that show this on the check, as the checklist says.
    fn hosts(&self, status: &str) -> u64 {
        let checklist = self.lab.api("/api/v1/checklist").json();
        let items = checklist["items"].as_array().cloned().unwrap_or_default();
        let lines = items.iter().flat_map(|item| item["lines"].as_array().unwrap());
        let mut of_servers = lines.filter(|line| line["clause"].as_str().unwrap().starts_with("7.1"));
        let check = of_servers.find_map(|line| {
            let mut checks = line["checks"].as_array().unwrap().iter();
            checks.find(|check| check["check"] == CHECK)
        });
        check.map_or(0, |check| check["hosts"][status].as_u64().unwrap_or(0))
    }

    /// How many anomalies of this kind the metrics count.
    fn anomalies(&self, kind: &str) -> u64 {
        let metrics = self.lab.api("/metrics").body;
        let of = |line: &&str| {
            line.starts_with("plumbline_login_anomalies_total{") && line.contains(&format!("kind=\"{kind}\""))
        };
        let counts = metrics
            .lines()
            .filter(of)
            .map(|line| line.rsplit(' ').next().unwrap());
        counts.map(|count| count.parse::<u64>().unwrap()).sum()
    }
}

#[test]
fn a_burst_of_failed_logins_is_in_metrics_and_checklist_and_a_success_after_it_opens_a_case() {
    if !namespace::entered(
        "a_burst_of_failed_logins_is_in_metrics_and_checklist_and_a_success_after_it_opens_a_case",
    ) {
        return;
    }
    let Some(site) = Site::start() else { return };
    assert_eq!(site.anomalies("brute-force"), 0);
    let rounds: u8 = std::env::var(ROUNDS).map_or(1, |rounds| rounds.parse().unwrap());
    let mut taken = Vec::new();
    for round in 1..=rounds {
        let source = format!("127.0.7.{round}");
        site.server.fail_thrice(&source);
        site.server.fail_thrice(&source);
        let written = Instant::now();
        wait_for("the metric to count it", || {
            (site.anomalies("brute-force") == u64::from(round)).then_some(())
        });
        wait_for("the checklist to show it", || {
            (site.hosts("fail") == 1).then_some(())
        });
        taken.push(written.elapsed());
        if rounds > 1 {
            // Rounds apart, as attacks are, so that none waits for the spacing of the one before.
            std::thread::sleep(Duration::from_secs(2));
        }
    }
    taken.sort_unstable();
    let seconds: Vec<String> = taken.iter().map(|t| format!("{:.2}", t.as_secs_f64())).collect();
    eprintln!(
        "seconds from the last failed login to metrics and checklist: {}",
        seconds.join(" ")
    );

    let open = || site.lab.collector_json(&["incident", "list", "--open"]);
    assert!(!open().to_string().contains("127.0.7.1"));
    site.server.log_in("127.0.7.1");
    wait_for("a case to be open", || {
        open().to_string().contains("source:127.0.7.1").then_some(())
    });
    assert_eq!(site.anomalies("success-after-failures"), 1);
}

#[test]
fn a_drill_is_found_like_an_attack_kept_as_evidence_and_counted_as_none() {
    if !namespace::entered("a_drill_is_found_like_an_attack_kept_as_evidence_and_counted_as_none") {
        return;
    }
    let Some(site) = Site::start() else { return };
    let drill = site.lab.agent_json(&["drill", "logins"]);
    assert_eq!(drill["detected"], true, "{drill}");
    let given = || site.lab.collector_json(&["attest", "list"]).to_string();
    wait_for("the evidence to be kept", || {
        given().contains("7.1.5.drill").then_some(())
    });
    assert_eq!(site.anomalies("brute-force"), 0);
    assert_eq!((site.hosts("pass"), site.hosts("fail")), (1, 0));
    let open = site.lab.collector_json(&["incident", "list", "--open"]);
    assert!(!open.to_string().contains("drill"), "{open}");

    // An attacker who read the label in the log fails to log in under it, from where he really is.
    let log = std::fs::read_to_string("/var/log/auth.log").unwrap();
    let label = log
        .split_whitespace()
        .find(|word| word.starts_with("drill-"))
        .unwrap();
    site.server.fail_thrice_as(label, "127.0.9.9");
    site.server.fail_thrice_as(label, "127.0.9.9");
    wait_for("the attack to be counted", || {
        (site.anomalies("brute-force") == 1).then_some(())
    });
    wait_for("the checklist to show it", || {
        (site.hosts("fail") == 1).then_some(())
    });
    let again = site.lab.run("plumbline-agent", &["drill", "logins"]);
    assert_eq!(again.status.code(), Some(2), "one after the other");
}
