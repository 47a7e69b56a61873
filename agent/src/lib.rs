//! The agent: runs the checks on a host, once for a person or on schedule for the collector.

mod cli;
mod commands;
pub mod daemon;
pub mod data_dir;
pub mod identity;
mod inspect;
pub mod look;
pub mod plan;
mod progress;
pub mod schedule;
pub mod spool;
#[cfg(test)]
mod testing;
pub mod transport;
pub mod watch;

pub use cli::main;
