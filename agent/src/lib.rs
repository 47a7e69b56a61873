//! The agent: runs the checks on a host, once for a person or on schedule for the collector.

mod cli;
mod commands;
mod inspect;
mod output;

pub use cli::main;
