//! Everything a run read.

use crate::known::Known;
use crate::memory::Memory;
use crate::os::OsFacts;
use crate::sockets::Sockets;
use crate::tls::TlsListeners;

/// Everything a run read, one field a probe.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The operating system.
    pub os: Known<OsFacts>,
    /// Listening sockets and the processes behind them.
    pub sockets: Known<Sockets>,
    /// What the listening TCP sockets speak.
    pub tls: Known<TlsListeners>,
    /// What the probes want kept for the next run, once this run's findings are safe.
    pub memory: Memory,
}
