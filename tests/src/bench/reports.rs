//! The report in each format, of ever more hosts: what it costs is to grow with its rows, and not faster.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;

use crate::collector::Collector;
use crate::company::{Company, FINDINGS};
use crate::seed;

/// The formats that hold every finding, and those that hold as much as fits on paper.
const FORMATS: [&str; 7] = ["xlsx", "json", "ocsf", "oscal", "html", "docx", "pdf"];

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// Numbers of hosts, each with 45 findings, in rising order.
    #[arg(long, value_delimiter = ',', default_value = "556,1112,2224")]
    hosts: Vec<u32>,
    /// Times each report is written; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only these formats.
    #[arg(long, value_delimiter = ',')]
    formats: Vec<String>,
    /// The collector's program.
    #[arg(long)]
    collector: PathBuf,
}

/// Measures, and prints a table.
pub(crate) fn run(options: &Options) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let collector = Collector::new(&options.collector, home.path(), None, false);
    println!(
        "{:<6} {:>8} {:>8} {:>9} {:>8} {:>14}",
        "format", "findings", "CPU s", "peak KiB", "MB", "µs per finding"
    );
    for hosts in &options.hosts {
        seed::hosts(&collector, &Company::new(), *hosts);
        let findings = *hosts as usize * FINDINGS;
        let asked =
            |format: &str| options.formats.is_empty() || options.formats.iter().any(|one| one == format);
        for format in FORMATS.into_iter().filter(|format| asked(format)) {
            let mut rounds: Vec<_> = (0..options.rounds)
                .map(|_| write(options, &home.path().join("collector.toml"), format))
                .collect();
            rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
            let (cpu, peak, bytes) = rounds[rounds.len() / 2];
            println!(
                "{format:<6} {findings:>8} {cpu:>8.2} {peak:>9} {:>8.2} {:>14.1}",
                bytes as f64 / 1e6,
                cpu * 1e6 / findings as f64
            );
        }
    }
}

/// CPU seconds, peak KiB and bytes of one report.
fn write(options: &Options, settings: &std::path::Path, format: &str) -> (f64, u64, u64) {
    let file = settings.with_file_name(format!("report.{format}"));
    let cost = settings.with_file_name("cost");
    let status = Command::new("/usr/bin/time")
        .args(["-f", "%U %S %M", "-o"])
        .arg(&cost)
        .arg(&options.collector)
        .args(["report", "--format", format, "--config"])
        .arg(settings)
        .arg("-o")
        .arg(&file)
        .stdout(Stdio::null())
        .status()
        .expect("/usr/bin/time can be run");
    assert!(status.success(), "the report in {format} was not written");
    let cost = std::fs::read_to_string(cost).expect("what it took");
    let mut words = cost.split_whitespace();
    let mut seconds = || {
        words
            .next()
            .and_then(|word| word.parse().ok())
            .unwrap_or(f64::NAN)
    };
    let cpu = seconds() + seconds();
    let peak = words.next().and_then(|word| word.parse().ok()).expect("its peak");
    let bytes = file.metadata().expect("the report").len();
    (cpu, peak, bytes)
}
