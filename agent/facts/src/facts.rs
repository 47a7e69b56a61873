//! Everything a run read.

use crate::known::Known;
use crate::memory::Memory;
use crate::os::OsFacts;
use crate::sockets::Sockets;

/// Everything a run read, one field a probe.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The operating system.
    pub os: Known<OsFacts>,
    /// Listening sockets and the processes behind them.
    pub sockets: Known<Sockets>,
    /// What the probes want kept for the next run, once this run's findings are safe.
    pub memory: Memory,
}
