//! What happens to a fleet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use tokio::runtime::Runtime;
use tokio::time::{sleep, sleep_until, timeout};

use super::agent::{Agent, World};
use super::{Fleet, seconds};
use crate::company::{FINDINGS, mix};
use crate::stats::{Stats, micros, quantile};

/// Seconds between an agent's heartbeats (the agent's default).
const HEARTBEAT: f64 = 300.0;
/// Findings that a report changes, on average: one to three.
const CHANGES: f64 = 2.0;
/// Seconds within which all start in the morning.
const MORNING: f64 = 60.0;
/// How long a killed collector stays away.
const AWAY: Duration = Duration::from_secs(3);
/// How often somebody reads `/metrics` meanwhile.
const READING: Duration = Duration::from_secs(1);

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Heartbeats spread evenly, and findings that change now and then.
    Steady,
    /// All start within a minute: each asks for the plan and reports what changed over night.
    Morning,
    /// The collector was away; all come back at one moment, each with a report in its spool.
    Storm,
    /// A storm in the middle of which the collector is killed and started again.
    Kill,
}

impl Scenario {
    /// Lets it happen, waits until it is over, and prints what it came to.
    pub(crate) fn run(self, runtime: &Runtime, fleet: &mut Fleet) {
        let world = Arc::new(World {
            company: Arc::clone(&fleet.company),
            stats: Stats::default(),
            under_way: Arc::clone(&fleet.under_way),
            done: AtomicUsize::new(0),
        });
        if matches!(self, Self::Storm | Self::Kill) {
            fleet.collector.stop();
            for agent in &mut fleet.agents {
                agent.host.seal(&fleet.company);
            }
            let up = fleet.collector.start();
            println!("serve answers after {:.0} ms", up.as_secs_f64() * 1_000.0);
        }
        let (before, carried) = (fleet.collector.cost(), carried());
        let began = Instant::now();
        let agents = std::mem::take(&mut fleet.agents);
        let count = agents.len();
        let over = Arc::new(AtomicBool::new(false));
        let length = seconds(fleet.options.minutes * 60.0);
        let patience = match self {
            Self::Steady => length + Duration::from_secs(120),
            _ => Duration::from_secs(fleet.options.patience * 60),
        };
        let steady = Steady {
            heartbeat: HEARTBEAT / fleet.options.speedup,
            report: 3_600.0 * CHANGES / (fleet.options.change * FINDINGS as f64) / fleet.options.speedup,
            until: began + length,
        };
        let tasks: Vec<_> = agents
            .into_iter()
            .map(|agent| {
                let world = Arc::clone(&world);
                runtime.spawn(async move {
                    let agent = match self {
                        Self::Steady => steady.live(agent, &world).await,
                        Self::Morning => morning(agent, &world).await,
                        Self::Storm | Self::Kill => storm(agent, &world).await,
                    };
                    world.done.fetch_add(1, Ordering::Relaxed);
                    agent
                })
            })
            .collect();
        let reading = std::thread::scope(|scope| {
            let (collector, over_too) = (&mut fleet.collector, Arc::clone(&over));
            let address = collector.reader();
            let reader = scope.spawn(move || read_on(&address, &over_too));
            if self == Self::Kill {
                while world.done.load(Ordering::Relaxed) < count / 2 && began.elapsed() < patience {
                    std::thread::sleep(Duration::from_millis(10));
                }
                collector.kill();
                let killed_at = began.elapsed();
                std::thread::sleep(AWAY);
                let up = collector.start();
                println!(
                    "killed after {:.1} s with {} of {count} done; serve answers after {:.0} ms",
                    killed_at.as_secs_f64(),
                    world.done.load(Ordering::Relaxed),
                    up.as_secs_f64() * 1_000.0
                );
            }
            fleet.agents = runtime.block_on(async {
                let all = async {
                    let mut agents = Vec::with_capacity(count);
                    for task in tasks {
                        agents.push(task.await.expect("an agent comes to its end"));
                    }
                    agents
                };
                timeout(patience, all).await.unwrap_or_else(|_| {
                    let done = world.done.load(Ordering::Relaxed);
                    print!("{}", world.stats.lines(began.elapsed()));
                    panic!("{self:?}: after {patience:?} only {done} of {count} hosts are done")
                })
            });
            over.store(true, Ordering::Relaxed);
            reader.join().expect("the reader comes to its end")
        });
        let elapsed = began.elapsed();
        let after = fleet.collector.cost();
        let cpu = after.cpu_seconds - before.cpu_seconds;
        println!("{self:?}: {count} hosts, {:.1} s", elapsed.as_secs_f64());
        print!("{}", world.stats.lines(elapsed));
        println!(
            "  collector: {cpu:.1} CPU s ({:.2} cores; {:.0} us an accepted request), peak resident {} MiB, database {} MiB",
            cpu / elapsed.as_secs_f64(),
            cpu * 1e6 / world.stats.total().max(1) as f64,
            after.peak_kib / 1024,
            fleet.collector.database_bytes() >> 20,
        );
        println!(
            "  {:.1} KiB of TCP/IP an accepted request, /metrics included",
            (self::carried() - carried) as f64 / 1_024.0 / world.stats.total().max(1) as f64,
        );
        println!("  {reading}");
    }
}

/// The steady state.
#[derive(Clone, Copy)]
struct Steady {
    /// Seconds between heartbeats.
    heartbeat: f64,
    /// Seconds between reports, on average.
    report: f64,
    until: Instant,
}

impl Steady {
    async fn live(self, mut agent: Agent, world: &World) -> Agent {
        let number = u64::from(agent.host.number);
        let part = |draw: u64| mix(number ^ draw << 32) as f64 / u64::MAX as f64;
        let mut next = Instant::now() + seconds(part(1) * self.heartbeat);
        let mut beats = 0_u64;
        while next < self.until {
            sleep_until(next.into()).await;
            beats += 1;
            if part(beats + 1) < self.heartbeat / self.report {
                agent.deliver(world).await;
            } else {
                agent.beat(world).await;
            }
            next += seconds(self.heartbeat);
        }
        agent
    }
}

async fn morning(mut agent: Agent, world: &World) -> Agent {
    let part = mix(u64::from(agent.host.number)) as f64 / u64::MAX as f64;
    sleep(seconds(part * MORNING)).await;
    agent.ask_for_plan(world).await;
    agent.deliver(world).await;
    agent
}

async fn storm(mut agent: Agent, world: &World) -> Agent {
    agent.deliver(world).await;
    agent
}

/// Bytes that loopback carried so far (proc(5), /proc/net/dev); where other programs use it, theirs as well.
fn carried() -> u64 {
    let devices = std::fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let loopback = devices.lines().find_map(|line| line.trim().strip_prefix("lo:"));
    let received = loopback.and_then(|numbers| numbers.split_whitespace().next()?.parse().ok());
    received.unwrap_or(0)
}

/// Reads `/metrics` again and again; says how long that took.
fn read_on(address: &crate::collector::Reader, over: &AtomicBool) -> String {
    let (mut took, mut failed) = (Vec::new(), 0);
    while !over.load(Ordering::Relaxed) {
        match address.get("/metrics") {
            Some((_, total)) => took.push(micros(Duration::from_secs_f64(total))),
            None => failed += 1,
        }
        std::thread::sleep(READING);
    }
    took.sort_unstable();
    format!(
        "/metrics meanwhile: {} answered, p50 {:.1} ms, max {:.1} ms; {failed} not answered",
        took.len(),
        quantile(&took, 50),
        quantile(&took, 100)
    )
}
