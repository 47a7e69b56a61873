//! Pages of a collector with many hosts beside those of an empty one, taking turns in one run; and how soon each
//! answers after its start.

use std::path::PathBuf;

use clap::Args;

use crate::collector::Collector;
use crate::company::Company;
use crate::seed;

/// What is asked for, and whether its first byte or its last counts.
const PAGES: [(&str, bool); 8] = [
    ("/", false),
    ("/metrics", false),
    ("/api/v1/checklist", false),
    ("/api/v1/hosts?limit=100", false),
    ("/api/v1/hosts?limit=1000", false),
    ("/api/v1/findings?limit=100", false),
    ("/report", true),
    ("/report", false),
];

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// Hosts of the large collector.
    #[arg(long, default_value_t = 100_000)]
    hosts: u32,
    /// Times each page is asked for.
    #[arg(long, default_value_t = 21)]
    rounds: usize,
    /// Only paths that hold this.
    #[arg(long, default_value = "")]
    only: String,
    /// The collector's program.
    #[arg(long)]
    collector: PathBuf,
    /// Directory of the large collector; kept, and gone on with when it is there.
    #[arg(long)]
    home: Option<PathBuf>,
}

/// Measures, and prints a table.
pub(crate) fn run(options: &Options) {
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let home = options
        .home
        .clone()
        .unwrap_or_else(|| temporary.path().join("large"));
    let mut large = Collector::new(&options.collector, &home, None, false);
    seed::hosts(&large, &Company::new(), options.hosts);
    let mut empty = Collector::new(&options.collector, &temporary.path().join("empty"), None, false);
    println!(
        "{} hosts, database {} MiB; load {}",
        options.hosts,
        large.database_bytes() >> 20,
        std::fs::read_to_string("/proc/loadavg")
            .unwrap_or_default()
            .trim()
    );
    println!("{:<28} {:>10} {:>10}", "", "large ms", "empty ms");
    let mut starts = (Vec::new(), Vec::new());
    for _ in 0..3 {
        for (collector, took) in [(&mut large, &mut starts.0), (&mut empty, &mut starts.1)] {
            collector.stop();
            took.push(collector.start().as_secs_f64());
        }
    }
    line("serve, until it answers", &mut starts.0, &mut starts.1);
    for (path, first) in PAGES.into_iter().filter(|(path, _)| path.contains(&options.only)) {
        let mut took = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            for (collector, took) in [(&large, &mut took.0), (&empty, &mut took.1)] {
                match collector.get(path) {
                    Some((begun, ended)) => took.push(if first { begun } else { ended }),
                    None => took.push(f64::INFINITY),
                }
            }
            // A page that takes a minute is known well enough.
            if took.0.last().is_some_and(|seconds| *seconds > 2.0) {
                break;
            }
        }
        let name = format!("{path}{}", if first { ", first byte" } else { "" });
        line(&name, &mut took.0, &mut took.1);
    }
    for (name, collector) in [("large", &large), ("empty", &empty)] {
        println!("{name}: peak resident {} MiB", collector.cost().peak_kib / 1024);
    }
}

fn line(name: &str, large: &mut [f64], empty: &mut [f64]) {
    let median = |seconds: &mut [f64]| {
        seconds.sort_by(f64::total_cmp);
        seconds
            .get(seconds.len() / 2)
            .map_or(f64::NAN, |seconds| seconds * 1_000.0)
    };
    println!("{name:<28} {:>10.1} {:>10.1}", median(large), median(empty));
}
