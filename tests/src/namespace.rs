//! A network, mounts and processes of its own for a test, so that neither the machine's sockets nor its firewall nor its
//! containers are part of it, and what it mounts and starts is gone with it.

use std::process::Command;

/// Set in the process that runs inside the namespace.
const INSIDE: &str = "PLUMBLINE_TEST_NAMESPACE";

/// Runs the test `name` of this test program again in network, mount and process namespaces of its own with loopback up, as
/// root of a user namespace where we are not root already. Returns whether the caller is the one inside, and goes on; outside,
/// returns after the inner run has passed.
///
/// Where the kernel allows no namespace, the test is skipped and says so.
#[must_use]
pub fn entered(name: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let unshare = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        let apart = [
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ];
        command.args(apart).args(arguments);
        command
    };
    let maps: &[&[&str]] = &[&[], &["--user", "--map-root-user"]];
    let Some(arguments) = maps.iter().find(|a| {
        unshare(a)
            .args(["ip", "link", "set", "lo", "up"])
            .status()
            .is_ok_and(|s| s.success())
    }) else {
        eprintln!("SKIPPED {name}: no network namespace can be made here");
        return false;
    };
    let status = unshare(arguments)
        .args(["sh", "-c", "ip link set lo up && \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare can be run");
    assert!(status.success(), "{name} failed inside its network namespace");
    false
}
