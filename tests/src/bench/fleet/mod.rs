//! A fleet: as many agents as are asked for in one process, each with the agent's own client (TLS, bodies, signatures,
//! compression, backoff), and a collector that they all know. Loopback only.

mod agent;
mod scenario;
mod verify;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::sync::Semaphore;

use crate::collector::Collector;
use crate::company::{Company, MOST_HOSTS};
use crate::seed::{self, Identities};
use agent::Agent;
use scenario::Scenario;

/// Connections that the whole fleet has under way at a time: below, requests queue in this process. Each takes two
/// sockets of this machine.
const UNDER_WAY: usize = 20_000;

/// What to simulate.
#[derive(Args)]
pub(crate) struct Options {
    /// Simulated hosts, at most 131072.
    #[arg(long, default_value_t = 2_000)]
    hosts: u32,
    /// What happens, in this order.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "steady,morning,storm,kill"
    )]
    scenario: Vec<Scenario>,
    /// Minutes of the steady state.
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// The steady state runs so many times as fast.
    #[arg(long, default_value_t = 1.0)]
    speedup: f64,
    /// Share of findings that change in an hour of the steady state.
    #[arg(long, default_value_t = 0.01)]
    change: f64,
    /// Minutes until a morning, a storm or a kill counts as failed.
    #[arg(long, default_value_t = 30)]
    patience: u64,
    /// Directory of the collector; kept, and gone on with when it is there. Without it a temporary one.
    #[arg(long)]
    home: Option<PathBuf>,
    /// The collector's program.
    #[arg(long)]
    collector: PathBuf,
    /// The collector's store, as in its settings. Hosts are seeded into SQLite alone.
    #[arg(long)]
    store: Option<String>,
    /// There is no address but loopback (as within `unshare -n`): several of them are used, for more ports.
    #[arg(long)]
    alone: bool,
}

/// What all scenarios work with.
pub(crate) struct Fleet {
    options: Options,
    collector: Collector,
    company: Arc<Company>,
    agents: Vec<Agent>,
    under_way: Arc<Semaphore>,
}

/// Runs the scenarios; panics when what was delivered is not what is there.
pub(crate) fn run(options: Options) {
    assert!(options.hosts <= MOST_HOSTS, "at most {MOST_HOSTS} hosts");
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit of open files");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("more open files");
    let under_way = UNDER_WAY.min(usize::try_from(most).unwrap_or(usize::MAX) / 2);
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let home = options
        .home
        .clone()
        .unwrap_or_else(|| temporary.path().to_owned());
    let mut collector = Collector::new(&options.collector, &home, options.store.as_deref(), options.alone);
    let company = Arc::new(Company::new());
    let hosts = seed::hosts(&collector, &company, options.hosts);
    let identities = Identities::new(&collector, options.alone);
    let began = Instant::now();
    let agents = parallel(hosts, |host| Agent::new(&identities.of(&host), host));
    println!(
        "{} hosts, {} findings each; clients made in {:.0?}, {} MiB of this process; database {} MiB",
        options.hosts,
        crate::company::FINDINGS,
        began.elapsed(),
        crate::collector::cost_of(std::process::id()).peak_kib / 1024,
        collector.database_bytes() >> 20,
    );
    println!("load {}", load());
    println!(
        "serve answers after {:.0} ms",
        collector.start().as_secs_f64() * 1_000.0
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut fleet = Fleet {
        options,
        collector,
        company,
        agents,
        under_way: Arc::new(Semaphore::new(under_way)),
    };
    for scenario in fleet.options.scenario.clone() {
        scenario.run(&runtime, &mut fleet);
        println!("  load {}", load());
    }
    fleet.collector.stop();
    verify::verify(&fleet);
}

/// The machine's load, as uptime(1) tells it.
fn load() -> String {
    std::fs::read_to_string("/proc/loadavg")
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// Does the same for each, on every core.
fn parallel<T: Send, U: Send>(items: Vec<T>, work: impl Fn(T) -> U + Sync) -> Vec<U> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let size = items.len().div_ceil(cores).max(1);
    let mut items = items.into_iter();
    let parts: Vec<Vec<T>> = (0..cores).map(|_| items.by_ref().take(size).collect()).collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = parts
            .into_iter()
            .map(|part| scope.spawn(|| part.into_iter().map(&work).collect::<Vec<_>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("the work is done"))
            .collect()
    })
}

/// Seconds as a duration, none where they are not a number.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
