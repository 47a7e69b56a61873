//! Turns of the store and the bare table, with the same reports.

use std::sync::Arc;
use std::time::{Duration, Instant};

use plumbline_collector::bench::Intake;
use plumbline_collector::store::Incoming;
use plumbline_config::seal::Sealer;
use tokio::runtime::{Builder, Runtime};

use super::BATCH;
use super::cost::Cost;
use super::engine::{Engine, assert_kept};
use crate::company::{Company, Host};
use crate::seed;

/// Senders who each wait for an answer before they send again.
const SENDERS: usize = 64;

/// How reports come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// In so many transactions of so many reports.
    Transactions(usize, usize),
    /// One by one, so many from each sender, into the collector's queue; into the bare table one a transaction.
    Senders(usize),
}

/// What is measured, in this order.
pub(super) const KINDS: [Kind; 3] = [
    Kind::Transactions(200, 1),
    Kind::Transactions(8, BATCH),
    Kind::Senders(8),
];

impl Kind {
    /// How it stands in the table.
    pub(super) fn name(self) -> String {
        match self {
            Self::Transactions(_, reports) => format!("{reports} a commit"),
            Self::Senders(_) => format!("{SENDERS} senders"),
        }
    }

    /// The reports of one turn, in the transactions that the bare table gets.
    fn reports(self, source: &mut Source) -> Vec<Vec<Incoming>> {
        match self {
            Self::Transactions(count, size) => (0..count).map(|_| source.reports(size)).collect(),
            // No host twice in a turn: its reports would come by two senders, and in any order.
            Self::Senders(each) => {
                let each = each.min(source.hosts.len() / SENDERS);
                (0..SENDERS * each).map(|_| source.reports(1)).collect()
            }
        }
    }
}

/// Rates are medians, in reports a second.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) store: f64,
    pub(super) bare: f64,
    /// Bytes of a packed body.
    pub(super) bytes: usize,
    pub(super) store_cost: Cost,
    pub(super) bare_cost: Cost,
    /// Kept on either side.
    pub(super) reports: u64,
}

/// Measures one kind.
pub(super) fn measure(engine: &mut Engine, source: &mut Source, kind: Kind, rounds: usize) -> Measured {
    let senders = matches!(kind, Kind::Senders(_)).then(|| Senders::start(engine));
    let (mut by_store, mut by_bare) = (Vec::new(), Vec::new());
    let (mut store_cost, mut bare_cost) = (Cost::default(), Cost::default());
    let (mut reports, mut bytes) = (0, 0);
    for round in 0..rounds {
        let batches = kind.reports(source);
        let count: usize = batches.iter().map(Vec::len).sum();
        let packed = batches.iter().flatten().map(|report| report.body.packed.len());
        bytes = packed.sum::<usize>() / count.max(1);
        reports += count as u64;
        // Whoever goes first may find the disk busy with the other's pages.
        for turn in [round, round + 1] {
            let (rates, cost) = if turn % 2 == 0 {
                (&mut by_store, &mut store_cost)
            } else {
                (&mut by_bare, &mut bare_cost)
            };
            let ready = senders
                .as_ref()
                .filter(|_| turn % 2 == 0)
                .map(|senders| (senders, batches.iter().flatten().cloned().collect()));
            let before = Cost::now(engine);
            let began = Instant::now();
            match ready {
                Some((senders, reports)) => senders.send(engine, reports),
                None if turn % 2 == 0 => batches.iter().for_each(|batch| engine.keep(batch)),
                None => batches.iter().for_each(|batch| engine.bare.insert(batch)),
            }
            let took: Duration = began.elapsed();
            rates.push(count as f64 / took.as_secs_f64());
            cost.add(&before, &Cost::now(engine));
            engine.settle();
        }
    }
    if let Some(senders) = senders {
        senders.stop();
    }
    Measured {
        store: median(&mut by_store),
        bare: median(&mut by_bare),
        bytes,
        store_cost,
        bare_cost,
        reports,
    }
}

/// Those who send, and the collector's queue.
struct Senders {
    runtime: Runtime,
    intake: Arc<Intake>,
}

impl Senders {
    fn start(engine: &Engine) -> Self {
        Self {
            runtime: Builder::new_multi_thread().build().expect("a runtime"),
            intake: Arc::new(Intake::start(Arc::clone(&engine.store)).expect("a thread")),
        }
    }

    /// Returns when every report is answered and has its place in the ledger.
    fn send(&self, engine: &Engine, reports: Vec<Incoming>) {
        let mut hands: Vec<Vec<Incoming>> = (0..SENDERS).map(|_| Vec::new()).collect();
        for (number, report) in reports.into_iter().enumerate() {
            hands[number % SENDERS].push(report);
        }
        let tasks: Vec<_> = hands
            .into_iter()
            .map(|hand| {
                let intake = Arc::clone(&self.intake);
                self.runtime.spawn(async move {
                    for report in hand {
                        assert_kept(&intake.keep(report).await.expect("the queue keeps"));
                    }
                })
            })
            .collect();
        for task in tasks {
            self.runtime.block_on(task).expect("a sender");
        }
        engine.settle();
    }

    fn stop(self) {
        drop(self.runtime);
        if let Some(intake) = Arc::into_inner(self.intake) {
            intake.stop();
        }
    }
}

/// Makes the reports.
pub(super) struct Source {
    pub(super) hosts: Vec<Host>,
    pub(super) sealer: Sealer,
    pub(super) company: Company,
    pub(super) next: usize,
}

impl Source {
    /// The next reports, each of another host while there are.
    pub(super) fn reports(&mut self, count: usize) -> Vec<Incoming> {
        (0..count)
            .map(|_| {
                // A step that is prime to every number of hosts in use spreads them over the ids.
                self.next = (self.next + 7_919) % self.hosts.len();
                seed::incoming(&mut self.hosts[self.next], &self.company, &self.sealer)
            })
            .collect()
    }
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
}
