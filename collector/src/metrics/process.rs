//! The standard process metrics (prometheus.io, "Writing client libraries"), read from `/proc/self`; proc(5).

use std::fs;

use nix::unistd::{SysconfVar, sysconf};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge, Opts};

/// Reads this process's numbers whenever metrics are gathered.
pub(super) struct Process;

/// Numbers of one process.
#[derive(Debug, PartialEq)]
struct Numbers {
    cpu_seconds: f64,
    start_time_seconds: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
    open_fds: f64,
    max_fds: f64,
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        // None: the registry then takes what is gathered as it is.
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Some(numbers) = read() else {
            return Vec::new();
        };
        let mut families = counter(
            "process_cpu_seconds_total",
            "CPU time spent, user and system.",
            numbers.cpu_seconds,
        );
        for (name, help, value) in [
            (
                "process_start_time_seconds",
                "Start of the process, in seconds since 1970-01-01 UTC.",
                numbers.start_time_seconds,
            ),
            (
                "process_virtual_memory_bytes",
                "Virtual memory.",
                numbers.virtual_bytes,
            ),
            (
                "process_resident_memory_bytes",
                "Resident memory.",
                numbers.resident_bytes,
            ),
            ("process_open_fds", "Open file descriptors.", numbers.open_fds),
            (
                "process_max_fds",
                "Most file descriptors that may be open.",
                numbers.max_fds,
            ),
        ] {
            families.extend(gauge(name, help, value));
        }
        families
    }
}

fn gauge(name: &str, help: &str, value: f64) -> Vec<MetricFamily> {
    let Ok(gauge) = Gauge::with_opts(Opts::new(name, help)) else {
        return Vec::new();
    };
    gauge.set(value);
    gauge.collect()
}

fn counter(name: &str, help: &str, value: f64) -> Vec<MetricFamily> {
    let Ok(counter) = Counter::with_opts(Opts::new(name, help)) else {
        return Vec::new();
    };
    counter.inc_by(value);
    counter.collect()
}

fn read() -> Option<Numbers> {
    let text = |path: &str| fs::read_to_string(path).ok();
    parse(
        &text("/proc/self/stat")?,
        &text("/proc/stat")?,
        &text("/proc/self/limits")?,
        fs::read_dir("/proc/self/fd").ok()?.count(),
        setting(SysconfVar::CLK_TCK)?,
        setting(SysconfVar::PAGE_SIZE)?,
    )
}

fn setting(name: SysconfVar) -> Option<f64> {
    let value = sysconf(name).ok()??;
    Some(f64::from(i32::try_from(value).ok()?))
}

/// Fields of `/proc/PID/stat` are counted from after the name, which may itself hold spaces and brackets.
fn parse(stat: &str, system: &str, limits: &str, fds: usize, ticks: f64, page: f64) -> Option<Numbers> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    // proc(5) numbers fields from 1; the first after the name is 3.
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let boot = system.lines().find_map(|line| line.strip_prefix("btime "))?;
    let files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    Some(Numbers {
        cpu_seconds: (field(14)? + field(15)?) / ticks,
        start_time_seconds: boot.trim().parse::<f64>().ok()? + field(22)? / ticks,
        virtual_bytes: field(23)?,
        resident_bytes: field(24)? * page,
        open_fds: f64::from(u32::try_from(fds).ok()?),
        max_fds: files
            .split_ascii_whitespace()
            .next()?
            .parse()
            .unwrap_or(f64::INFINITY),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_shifts_nothing() {
        let stat = "4711 (a) b) S 1 1 1 0 -1 4194304 10 0 0 0 250 50 0 0 20 0 4 0 1000 8192 3 184 0\n";
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            1024                 524288               files\n";
        let numbers = parse(stat, "cpu 1\nbtime 1700000000\n", limits, 12, 100.0, 4096.0).unwrap();
        let expected = Numbers {
            cpu_seconds: 3.0,
            start_time_seconds: 1_700_000_010.0,
            virtual_bytes: 8192.0,
            resident_bytes: 12_288.0,
            open_fds: 12.0,
            max_fds: 1024.0,
        };
        assert_eq!(numbers, expected);
    }

    #[test]
    fn this_process_has_numbers() {
        let numbers = read().unwrap();
        assert!(
            numbers.resident_bytes > 0.0 && numbers.open_fds >= 3.0 && numbers.start_time_seconds > 1.7e9
        );
    }
}
