//! What the end-to-end tests share: the real programs, started as a user starts them, in a directory of their own.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]
#![allow(missing_docs, reason = "linked by tests alone")]

pub mod lab;
pub mod namespace;
pub mod postgres;
pub mod programs;
pub mod provider;
pub mod s3;
pub mod ssh;
pub mod turnstile;

use std::time::{Duration, Instant};

/// How long anything that the programs do by themselves may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// How long what waits for its turn after a long outage may take.
const LONG_PATIENCE: Duration = Duration::from_secs(900);

/// Asks `probe` until it answers; panics with `what` when it does not within [`PATIENCE`].
pub fn wait_for<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    wait(what, PATIENCE, probe)
}

/// The same for what comes back of itself after a long outage.
pub fn wait_long_for<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    wait(what, LONG_PATIENCE, probe)
}

fn wait<T>(what: &str, patience: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(begun.elapsed() < patience, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
