//! The agent: runs the checks on a host, once for a person or on schedule for the collector.

mod cli;
mod commands;
pub mod data_dir;
pub mod identity;
mod inspect;
mod output;
pub mod spool;
#[cfg(test)]
mod testing;
pub mod transport;

pub use cli::main;
