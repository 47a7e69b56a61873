//! Durable reports a second through the store, beside a bare prepared INSERT of the same bytes into the same engine
//! with the same durability: taking turns in one run, one report a transaction and in batches, at several sizes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use nix::sys::resource::{UsageWho, getrusage};
use plumbline_collector::store::{Incoming, Keep, SqliteStore, Store};
use plumbline_config::seal::Sealer;
use rusqlite::Connection;

use crate::collector::Collector;
use crate::company::{Company, Host};
use crate::seed;

/// Reports in one transaction, as the collector's ingest queue has them at most.
const BATCH: usize = 256;
/// Transactions of one turn, by reports in each.
const TURNS: [(usize, usize); 2] = [(1, 200), (BATCH, 8)];

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// Hosts that the reports are of.
    #[arg(long, default_value_t = 10_000)]
    hosts: u32,
    /// Report rows that are there already.
    #[arg(long, value_delimiter = ',', default_value = "0,100000,500000")]
    rows: Vec<u64>,
    /// Turns of each.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// The collector's program, for `init`.
    #[arg(long)]
    collector: PathBuf,
    /// Where the databases lie; a temporary directory unless said otherwise.
    #[arg(long)]
    home: Option<PathBuf>,
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
    let mut source = Source {
        hosts: seed::hosts(&collector, &company, options.hosts),
        sealer: Sealer::from_pkcs8(seed::key(&collector).serialized_der()).expect("a key"),
        company,
        next: 0,
    };
    let store = SqliteStore::open(&collector.database()).expect("the store");
    let mut bare = Bare::open(&home.join("bare.db"));
    let mut there: u64 = source.hosts.iter().map(|host| host.sequence).sum();
    println!(
        "{} hosts; load {}",
        options.hosts,
        std::fs::read_to_string("/proc/loadavg")
            .unwrap_or_default()
            .trim()
    );
    println!(
        "{:>10} {:>7} {:>12} {:>12} {:>7}  {:>10}  {:>17}  {:>17}",
        "rows",
        "batch",
        "store /s",
        "bare /s",
        "ratio",
        "bytes each",
        "store KiB, CPU us",
        "bare KiB, CPU us"
    );
    for rows in &options.rows {
        while there < *rows {
            let batch = source.reports(BATCH);
            keep(&store, &batch);
            bare.insert(&batch);
            there += BATCH as u64;
        }
        for (size, transactions) in TURNS {
            let (mut by_store, mut by_bare, mut bytes) = (Vec::new(), Vec::new(), 0);
            let (mut store_cost, mut bare_cost, mut reports) = (Cost::default(), Cost::default(), 0);
            for round in 0..options.rounds {
                let batches: Vec<_> = (0..transactions).map(|_| source.reports(size)).collect();
                let count = size * transactions;
                there += count as u64;
                bytes = batches
                    .iter()
                    .flatten()
                    .map(|report| report.body.packed.len())
                    .sum::<usize>()
                    / count;
                let rate = |took: Duration| count as f64 / took.as_secs_f64();
                reports += count as u64;
                let mut stored = || {
                    let (began, before) = (Instant::now(), Cost::now());
                    batches.iter().for_each(|batch| keep(&store, batch));
                    by_store.push(rate(began.elapsed()));
                    store_cost.add(&before);
                };
                let mut inserted = || {
                    let (began, before) = (Instant::now(), Cost::now());
                    batches.iter().for_each(|batch| bare.insert(batch));
                    by_bare.push(rate(began.elapsed()));
                    bare_cost.add(&before);
                };
                // Whoever goes first may find the disk busy with the other's pages.
                if round % 2 == 0 {
                    stored();
                    inserted();
                } else {
                    inserted();
                    stored();
                }
            }
            let (store, bare) = (median(&mut by_store), median(&mut by_bare));
            let each = |cost: &Cost| {
                let reports = reports as f64;
                format!(
                    "{:>8.1} {:>8.0}",
                    cost.written as f64 / 1_024.0 / reports,
                    cost.cpu_seconds * 1e6 / reports
                )
            };
            println!(
                "{there:>10} {size:>7} {store:>12.0} {bare:>12.0} {:>7.2}  {bytes:>10}  {}  {}",
                store / bare,
                each(&store_cost),
                each(&bare_cost),
            );
        }
    }
}

/// Makes the reports.
struct Source {
    hosts: Vec<Host>,
    sealer: Sealer,
    company: Company,
    next: usize,
}

impl Source {
    /// The next reports, each of another host while there are.
    fn reports(&mut self, count: usize) -> Vec<Incoming> {
        (0..count)
            .map(|_| {
                // A step that is prime to every number of hosts in use spreads them over the ids.
                self.next = (self.next + 7_919) % self.hosts.len();
                seed::incoming(&mut self.hosts[self.next], &self.company, &self.sealer)
            })
            .collect()
    }
}

/// What this process wrote and used: told of one report, it does not depend on who else uses the machine.
#[derive(Default)]
struct Cost {
    /// Bytes written (`wchar` of /proc/self/io, proc(5)).
    written: u64,
    cpu_seconds: f64,
}

impl Cost {
    fn now() -> Self {
        let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
        let wchar = io.lines().find_map(|line| line.strip_prefix("wchar: "));
        let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the usage of this process");
        let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        Self {
            written: wchar.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or(0),
            cpu_seconds: seconds(usage.user_time()) + seconds(usage.system_time()),
        }
    }

    /// Adds what was used since.
    fn add(&mut self, since: &Self) {
        let now = Self::now();
        self.written += now.written - since.written;
        self.cpu_seconds += now.cpu_seconds - since.cpu_seconds;
    }
}

fn keep(store: &SqliteStore, batch: &[Incoming]) {
    let reply = store.keep(batch).expect("the store keeps");
    let all = reply
        .outcomes
        .iter()
        .all(|keep| matches!(keep, Keep::Kept { resync: false, .. }));
    assert!(all, "{:?}", reply.outcomes);
}

/// One table, one statement.
struct Bare(Connection);

impl Bare {
    fn open(path: &Path) -> Self {
        let db = Connection::open(path).expect("a database");
        db.pragma_update(None, "journal_mode", "WAL").expect("a pragma");
        db.pragma_update(None, "synchronous", "FULL").expect("a pragma");
        db.execute_batch(
            "CREATE TABLE IF NOT EXISTS bare (
                 id INTEGER PRIMARY KEY, host TEXT NOT NULL, incarnation INTEGER NOT NULL, sequence INTEGER NOT NULL,
                 received_at INTEGER NOT NULL, sealed_at INTEGER NOT NULL, body_sha256 TEXT NOT NULL,
                 signature TEXT NOT NULL, body BLOB NOT NULL, packing TEXT NOT NULL, previous TEXT NOT NULL
             ) STRICT",
        )
        .expect("a table");
        Self(db)
    }

    fn insert(&mut self, batch: &[Incoming]) {
        let tx = self.0.transaction().expect("a transaction");
        let mut statement = tx
            .prepare_cached(
                "INSERT INTO bare (host, incarnation, sequence, received_at, sealed_at, body_sha256, signature, body,
                     packing, previous)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )
            .expect("a statement");
        for report in batch {
            statement
                .execute((
                    report.host.as_str(),
                    report.incarnation,
                    report.report.sequence.cast_signed(),
                    report.received_at.as_microsecond(),
                    report.report.sealed_at.as_microsecond(),
                    &report.body.sha256,
                    &report.signature,
                    &report.body.packed,
                    report.body.packing.name(),
                    &report.report.previous,
                ))
                .expect("a row");
        }
        drop(statement);
        tx.commit().expect("a commit");
    }
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
}
