//! Durable reports a second through the store, beside a bare prepared INSERT of the same bytes into the same engine
//! with the same durability, taking turns in one run, at several sizes. Three ways:
//!
//! - one report a transaction, on either side;
//! - 256 a transaction, on either side;
//! - as the collector runs: reports come one by one from many senders who wait for their answers, through the
//!   collector's own queue, which commits together what came together; beside a transaction for each report, which is
//!   what a program without such a queue does to have each on durable storage before it answers.

mod bare;
mod cost;
mod engine;
mod turns;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use plumbline_config::seal::Sealer;

use crate::collector::Collector;
use crate::company::Company;
use crate::seed;
use engine::Engine;
use turns::{KINDS, Measured, Source, measure};

/// Reports in one transaction, as the collector's ingest queue has them at most.
const BATCH: usize = 256;

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// The engine, or both, one after the other.
    #[arg(long, value_enum, default_value_t = Engines::Both)]
    engine: Engines,
    /// Hosts that the reports are of.
    #[arg(long, default_value_t = 10_000)]
    hosts: u32,
    /// Report rows that are there already.
    #[arg(long, value_delimiter = ',', default_value = "0,100000,500000")]
    rows: Vec<u64>,
    /// Turns of each.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// The collector's program, for `init` and `store copy`.
    #[arg(long)]
    collector: PathBuf,
    /// Where the databases lie; a temporary directory unless said otherwise.
    #[arg(long)]
    home: Option<PathBuf>,
}

/// Engines to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engines {
    Sqlite,
    Postgres,
    Both,
}

/// Measures, and prints a table.
pub(crate) fn run(options: &Options) {
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let home = options
        .home
        .clone()
        .unwrap_or_else(|| temporary.path().to_owned());
    let collector = Collector::new(&options.collector, &home, None, false);
    let company = Company::new();
    let hosts = seed::hosts(&collector, &company, options.hosts);
    println!(
        "{} hosts; load {}",
        options.hosts,
        std::fs::read_to_string("/proc/loadavg")
            .unwrap_or_default()
            .trim()
    );
    // A copy of the hosts as they are now, before either engine hears more of them.
    let postgres = (options.engine != Engines::Sqlite)
        .then(|| Engine::postgres(&collector, &home))
        .flatten();
    let again = postgres
        .as_ref()
        .map(|_| seed::hosts(&collector, &company, options.hosts));
    println!(
        "{:<9} {:>9} {:<16} {:>9} {:>9} {:>6}  {:>6}  {:>17}  {:>17}",
        "engine",
        "rows",
        "reports",
        "store /s",
        "bare /s",
        "ratio",
        "bytes",
        "store KiB, CPU us",
        "bare KiB, CPU us"
    );
    let source = |hosts| Source {
        hosts,
        sealer: Sealer::from_pkcs8(seed::key(&collector).serialized_der()).expect("a key"),
        company: Company::new(),
        next: 0,
    };
    if options.engine != Engines::Postgres {
        compare(Engine::sqlite(&collector, &home), source(hosts), options);
    }
    if let (Some(engine), Some(hosts)) = (postgres, again) {
        compare(engine, source(hosts), options);
    }
}

fn compare(mut engine: Engine, mut source: Source, options: &Options) {
    let mut there: u64 = source.hosts.iter().map(|host| host.sequence).sum();
    for rows in &options.rows {
        while there < *rows {
            let batch = source.reports(BATCH);
            engine.keep(&batch);
            engine.bare.insert(&batch);
            engine.settle();
            there += BATCH as u64;
        }
        for kind in KINDS {
            let measured = measure(&mut engine, &mut source, kind, options.rounds);
            there += measured.reports;
            let Measured {
                store, bare, bytes, ..
            } = measured;
            println!(
                "{:<9} {there:>9} {:<16} {store:>9.0} {bare:>9.0} {:>6.2}  {bytes:>6}  {}  {}",
                engine.name,
                kind.name(),
                store / bare,
                measured.store_cost.of_each(measured.reports),
                measured.bare_cost.of_each(measured.reports),
            );
        }
    }
}
