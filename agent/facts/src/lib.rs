//! Facts of a host: what a probe read, plainly, without judging it.
//!
//! Probes are synchronous, know nothing of the plan, and read through [`Host`] alone, so that each can be run on a
//! directory in a test. [`PROBES`] lists them in the order they run.

#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod access;
pub mod antivirus;
mod ask;
pub mod command;
mod facts;
pub mod firewall;
pub mod host;
mod known;
pub mod logins;
mod memory;
pub mod monitors;
pub mod namespaces;
pub mod os;
pub mod outside;
pub mod packages;
mod probe;
pub mod protection;
pub mod reachability;
pub mod sockets;
pub mod tls;
pub mod volumes;

pub use ask::Ask;
pub use facts::Facts;
pub use host::Host;
pub use known::{Denial, Known, Unknown};
pub use memory::Memory;
pub use probe::{PROBES, Probe, ProbeEntry, ProbeId, gather, gather_watched, with_foundations};
