//! One finding through the whole line: host → agent → collector → checklist and metrics.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

use std::path::Path;
use std::process::{Child, Command, Stdio};

use plumbline_tests::lab::{Lab, free_port};
use plumbline_tests::{namespace, wait_for};
use serde_json::Value;

/// Settings under which an agent notices and says things within a second or two.
const EAGER: &str = "check_interval = \"5 seconds\"\nheartbeat_interval = \"1 second\"\n";

/// An OpenSSL server that accepts one version of TLS alone.
struct TlsServer(Child);

impl TlsServer {
    fn start(directory: &Path, port: u16, version: &str) -> Self {
        let (key, certificate) = (directory.join("server.key"), directory.join("server.pem"));
        if !certificate.exists() {
            let made = Command::new("openssl")
                .args([
                    "req",
                    "-x509",
                    "-newkey",
                    "rsa:2048",
                    "-nodes",
                    "-days",
                    "1",
                    "-subj",
                    "/CN=localhost",
                ])
                .arg("-keyout")
                .arg(&key)
                .arg("-out")
                .arg(&certificate)
                .stderr(Stdio::null())
                .status()
                .expect("openssl can be run");
            assert!(made.success());
        }
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", version, "-cipher", "ALL:@SECLEVEL=0"])
            .args(["-accept", &format!("127.0.0.1:{port}")])
            .arg("-key")
            .arg(&key)
            .arg("-cert")
            .arg(&certificate)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl can be run");
        Self(child)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The status of the checklist line that `check` measures, and its host counts.
fn line_of(lab: &Lab, check: &str) -> Option<Value> {
    let checklist = lab.api("/api/v1/checklist").json();
    let lines = checklist["items"]
        .as_array()?
        .iter()
        .flat_map(|item| item["lines"].as_array().unwrap());
    let measures = |line: &&Value| {
        line["checks"]
            .as_array()
            .unwrap()
            .iter()
            .any(|c| c["check"] == check)
    };
    lines
        .filter(measures)
        .find(|line| line["clause"].as_str().unwrap().starts_with("7.1"))
        .cloned()
}

/// How many findings of `check` the metrics count as `status`.
fn metric_of(lab: &Lab, check: &str, status: &str) -> u64 {
    let metrics = lab.api("/metrics").body;
    let of = |line: &&str| {
        line.starts_with("plumbline_findings{")
            && line.contains(&format!("check=\"{check}\""))
            && line.contains(&format!("status=\"{status}\""))
    };
    metrics
        .lines()
        .filter(of)
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

#[test]
fn an_old_tls_server_turns_the_checklist_line_to_fail_and_its_going_turns_it_back() {
    if !namespace::entered("an_old_tls_server_turns_the_checklist_line_to_fail_and_its_going_turns_it_back") {
        return;
    }
    const CHECK: &str = "tls.protocol-versions";
    let lab = Lab::start();
    lab.enroll("service", EAGER);
    let _agent = lab.start_agent();
    // Of the line's checks this one alone: the collector's own certificates are of an authority that no plan declares
    // here, which another check says.
    let hosts = |status: &str| {
        let line = line_of(&lab, CHECK)?;
        let check = line["checks"]
            .as_array()?
            .iter()
            .find(|check| check["check"] == CHECK)?;
        check["hosts"][status].as_u64()
    };
    let hosts = |status: &str| hosts(status).unwrap_or(0);

    // The collector's own listeners are all there is: TLS 1.2 and up.
    wait_for("the first measurement", || (hosts("pass") == 1).then_some(()));
    assert_eq!(metric_of(&lab, CHECK, "fail"), 0);

    let port = free_port();
    let server = TlsServer::start(lab.path(), port, "-tls1");
    wait_for("the line to fail", || (hosts("fail") == 1).then_some(()));
    assert_ne!(line_of(&lab, CHECK).unwrap()["status"], "conforming");
    assert_eq!(metric_of(&lab, CHECK, "fail"), 1);
    let findings = lab.collector_json(&["findings", "--check", CHECK, "--status", "fail"]);
    let subject = format!("tcp/127.0.0.1:{port}");
    assert!(
        findings.to_string().contains(&subject),
        "{subject} is not in {findings}"
    );

    drop(server);
    wait_for("the line to pass again", || {
        (hosts("pass") == 1 && hosts("fail") == 0).then_some(())
    });
    assert_eq!(metric_of(&lab, CHECK, "fail"), 0);
}

#[test]
fn a_plan_that_could_not_be_meant_is_refused_with_its_line_and_nothing_runs() {
    let lab = Lab::start();
    let plan = lab.path().join("bad.toml");
    std::fs::write(
        &plan,
        "version = \"1\"\n\n[service.transfer]\nminimum_tsl = \"1.2\"\n",
    )
    .unwrap();
    let plan = plan.to_str().unwrap();
    for (program, arguments) in [
        ("plumbline-collector", ["plan", "publish", plan]),
        ("plumbline-collector", ["plan", "validate", plan]),
    ] {
        let output = lab.run(program, &arguments);
        let sentence = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{sentence}");
        assert!(
            sentence.contains("bad.toml:4:") && sentence.contains("minimum_tls"),
            "{sentence}"
        );
        assert_eq!(sentence.trim_end().lines().count(), 1, "{sentence}");
    }
}

#[test]
fn every_endpoint_but_health_wants_a_credential() {
    let lab = Lab::start();
    assert_eq!(lab.api_as("/healthz", None).status, 200);
    for path in [
        "/metrics",
        "/api/v1/hosts",
        "/api/v1/findings",
        "/api/v1/checklist",
        "/report",
        "/api/v1/openapi.json",
    ] {
        assert_eq!(lab.api_as(path, None).status, 401, "{path}");
        assert_eq!(lab.api_as(path, Some("wrong")).status, 401, "{path}");
    }
}
