//! The collector's disk fills up while reports flow: it refuses, says so, and goes on by itself once there is room.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

use std::io::Write;
use std::path::Path;
use std::process::Command;

use plumbline_tests::lab::Lab;
use plumbline_tests::{namespace, wait_for};
use serde_json::Value;

/// Something to report every few seconds, though nothing changes.
const EAGER: &str =
    "check_interval = \"5 seconds\"\nheartbeat_interval = \"1 second\"\nevidence_interval = \"1 second\"\n";

/// Writes until there is no room left.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    let block = [0_u8; 4096];
    while file.write_all(&block).is_ok() {}
}

#[test]
fn a_full_disk_is_refused_at_said_and_survived() {
    const NAME: &str = "a_full_disk_is_refused_at_said_and_survived";
    if !namespace::entered(NAME) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let volume = dir.path().join("volume");
    std::fs::create_dir(&volume).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"])
        .arg(&volume)
        .status()
        .expect("mount can be run");
    assert!(mounted.success());
    let mut lab = Lab::start_in(dir, volume.join("collector"), |_, _| String::new());
    lab.enroll("service", EAGER);
    let agent = lab.start_agent();
    let status = || {
        let output = lab.run("plumbline-agent", &["status", "--format", "json"]);
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default()
    };
    let confirmed = || status()["confirmed_sequence"].as_u64().unwrap_or(0);
    wait_for("the first reports", || (confirmed() > 2).then_some(()));

    let ballast = volume.join("ballast");
    fill(&ballast);
    wait_for("the collector to refuse", || {
        status()["sync"]["error"].is_object().then_some(())
    });
    assert!(
        lab.log("collector.log").contains("disk is full"),
        "its log says why"
    );
    assert_eq!(lab.api("/readyz").status, 503, "it is not ready, and says so");
    assert_eq!(
        lab.api("/api/v1/hosts").status,
        200,
        "what is there can still be read"
    );
    let before = confirmed();

    std::fs::remove_file(&ballast).unwrap();
    wait_for("reports to flow again", || {
        (confirmed() > before + 2).then_some(())
    });
    assert_eq!(lab.api("/readyz").status, 200);
    let last = confirmed();
    agent.kill();
    lab.kill_collector();
    let kept = lab.kept_sequences();
    assert!(kept.len() as u64 >= last, "nothing acknowledged is lost");
    let all: Vec<u64> = (1..=kept.len() as u64).collect();
    assert_eq!(kept, all, "each once, none missing");
}
