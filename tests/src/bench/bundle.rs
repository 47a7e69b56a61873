//! The evidence bundle of a large period: how long it takes to write and to verify, and with how much memory.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use plumbline_collector::store::{SqliteStore, Store};
use plumbline_config::seal::Sealer;

use crate::collector::Collector;
use crate::company::Company;
use crate::seed;

/// Reports in one transaction.
const BATCH: usize = 256;

/// How long the collector is left to sign its ledger: it signs at its start and then within ten seconds.
const SIGNED_WITHIN: Duration = Duration::from_secs(15);

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// Hosts that report.
    #[arg(long, default_value_t = 10_000)]
    hosts: u32,
    /// Reports of each: the first with all its findings, the others with what changed.
    #[arg(long, default_value_t = 10)]
    reports: u64,
    /// Times the bundle is verified.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The collector's program.
    #[arg(long)]
    collector: PathBuf,
    /// Directory of the collector; kept, and gone on with when it is there.
    #[arg(long)]
    home: Option<PathBuf>,
}

/// Measures, and prints a table.
pub(crate) fn run(options: &Options) {
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let home = options
        .home
        .clone()
        .unwrap_or_else(|| temporary.path().join("home"));
    let mut collector = Collector::new(&options.collector, &home, None, false);
    report(&collector, options);
    sign(&mut collector);

    let file = home.join("evidence.zip");
    let _earlier = std::fs::remove_file(&file);
    let path = file.to_str().expect("a path");
    let began = Instant::now();
    let exported = collector.json(&["export", "-o", path]);
    let took = began.elapsed();
    println!(
        "export: {} reports, {} acts, {:.1} MB, {:.2} s",
        exported["reports"],
        exported["acts"],
        file.metadata().expect("the bundle").len() as f64 / 1e6,
        took.as_secs_f64()
    );
    for more in [&[][..], &["--every-signature"]] {
        let mut rounds: Vec<_> = (0..options.rounds)
            .map(|_| verify(&options.collector, path, more))
            .collect();
        rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (seconds, peak) = rounds[rounds.len() / 2];
        println!(
            "verify {}: {seconds:.2} s, {:.2} s per 100,000 reports, {} MiB (median of {})",
            more.join(" "),
            seconds * 1e5 / exported["reports"].as_f64().expect("a number"),
            peak / 1024,
            rounds.len()
        );
    }
}

/// The reports that are not there yet.
fn report(collector: &Collector, options: &Options) {
    let company = Company::new();
    let mut hosts = seed::hosts(collector, &company, options.hosts);
    let store = SqliteStore::open(&collector.database()).expect("the store");
    let sealer = Sealer::from_pkcs8(seed::key(collector).serialized_der()).expect("the hosts' key");
    for sequence in 2..=options.reports {
        for some in hosts.chunks_mut(BATCH) {
            let batch: Vec<_> = some
                .iter_mut()
                .filter(|host| host.sequence < sequence)
                .map(|host| seed::incoming(host, &company, &sealer))
                .collect();
            store.keep(&batch).expect("reports can be kept");
        }
    }
}

/// Has the collector sign all that it holds.
fn sign(collector: &mut Collector) {
    collector.start();
    let began = Instant::now();
    // Nothing comes in any more: two checkpoints of one size are the last.
    let mut before = String::new();
    loop {
        let (_, note) = collector.run(&["ledger", "checkpoint"]);
        let size = note.lines().nth(1).unwrap_or_default().to_owned();
        if size == before && began.elapsed() > SIGNED_WITHIN {
            break;
        }
        before = size;
        std::thread::sleep(Duration::from_secs(1));
    }
    collector.stop();
}

/// Seconds and peak KiB of one verification, anywhere.
fn verify(program: &Path, file: &str, more: &[&str]) -> (f64, u64) {
    let began = Instant::now();
    let mut child = Command::new("/usr/bin/time")
        .args(["-f", "%M", "-o"])
        .arg(format!("{file}.peak"))
        .arg(program)
        .args(["verify", file])
        .args(more)
        .stdout(Stdio::null())
        .spawn()
        .expect("/usr/bin/time can be run");
    let status = child.wait().expect("it ends");
    let took = began.elapsed().as_secs_f64();
    assert!(status.success(), "verify found faults");
    let peak = std::fs::read_to_string(format!("{file}.peak")).expect("what it took");
    (took, peak.trim().parse().expect("a number"))
}
