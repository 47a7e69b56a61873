//! Everything a run read.

use crate::firewall::FirewallFacts;
use crate::known::Known;
use crate::memory::Memory;
use crate::os::OsFacts;

/// Everything a run read, one field a probe.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The operating system.
    pub os: Known<OsFacts>,
    /// The packet filter.
    pub firewall: Known<FirewallFacts>,
    /// What the probes want kept for the next run, once this run's findings are safe.
    pub memory: Memory,
}
