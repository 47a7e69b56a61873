//! What the benchmarks measure with: a simulated fleet against a real collector, the store against a bare insert, and
//! pages at scale against pages of an empty collector. `tests/bench/` holds the commands.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench tool: it prints, and stops where it can't go on"
)]

mod bundle;
mod collector;
mod company;
mod fleet;
mod pages;
mod reports;
mod seed;
mod stats;
mod store;

use clap::{Parser, Subcommand};

/// Measures Plumbline; all traffic stays on loopback.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A fleet of agents, with the agent's own client code, against a real collector.
    Fleet(fleet::Options),
    /// Durable reports through the store beside a bare prepared INSERT of the same bytes.
    Store(store::Options),
    /// The evidence bundle of a large period.
    Bundle(bundle::Options),
    /// The report in each format, of ever more hosts.
    Reports(reports::Options),
    /// Pages and start-up at scale beside an empty collector.
    Pages(pages::Options),
}

fn main() {
    match Arguments::parse().what {
        What::Fleet(options) => fleet::run(options),
        What::Store(options) => store::run(&options),
        What::Bundle(options) => bundle::run(&options),
        What::Reports(options) => reports::run(&options),
        What::Pages(options) => pages::run(&options),
    }
}
