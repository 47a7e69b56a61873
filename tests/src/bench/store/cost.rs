//! What keeping reports cost, beside time: told of one report, it does not depend on who else uses the machine.

use std::fs;

use nix::sys::resource::{UsageWho, getrusage};

use super::engine::Engine;

/// Clock ticks a second in /proc/PID/stat (proc(5)): USER_HZ is 100 on every Linux that is run today.
const TICKS: f64 = 100.0;

/// What was written and used, by this process and the engine's server.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// Bytes: what this process wrote (`wchar` of /proc/self/io, proc(5)), or the growth of the server's log.
    written: u64,
    cpu_seconds: f64,
}

impl Cost {
    /// What was used so far.
    pub(super) fn now(engine: &mut Engine) -> Self {
        let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the usage of this process");
        let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        Self {
            written: engine.bare.log_bytes().unwrap_or_else(written_here),
            cpu_seconds: seconds(usage.user_time())
                + seconds(usage.system_time())
                + engine.server().map_or(0.0, family_seconds),
        }
    }

    /// Adds what was used from `before` to `after`.
    pub(super) fn add(&mut self, before: &Self, after: &Self) {
        self.written += after.written - before.written;
        self.cpu_seconds += after.cpu_seconds - before.cpu_seconds;
    }

    /// KiB and microseconds of each of so many reports.
    pub(super) fn of_each(&self, reports: u64) -> String {
        let reports = reports as f64;
        format!(
            "{:>8.1} {:>8.0}",
            self.written as f64 / 1_024.0 / reports,
            self.cpu_seconds * 1e6 / reports
        )
    }
}

fn written_here() -> u64 {
    let io = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let wchar = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    wchar.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or(0)
}

/// CPU time of a process, its children, and those of its children that have ended.
fn family_seconds(parent: u32) -> f64 {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let stats = processes.filter_map(|process| {
        process.file_name().to_str()?.parse::<u32>().ok()?;
        let stat = fs::read_to_string(process.path().join("stat")).ok()?;
        let (id, rest) = stat.split_once(' ')?;
        // The second field is the name in parentheses, and may hold spaces.
        let fields: Vec<&str> = rest.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
        let is_parent = id.parse::<u32>().ok()? == parent;
        let is_child = number(1)? == u64::from(parent);
        let ended = if is_parent { number(13)? + number(14)? } else { 0 };
        (is_parent || is_child).then_some(number(11)? + number(12)? + ended)
    });
    stats.sum::<u64>() as f64 / TICKS
}
