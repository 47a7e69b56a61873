//! What probes keep from run to run: reading positions, and when something was first seen.

use serde::{Deserialize, Serialize};

use crate::access::AccessMemory;
use crate::firewall::FirewallMemory;
use crate::logins::{Drill, LoginMemory};
use crate::packages::PackageMemory;

/// Kept by the agent between runs, and handed back to the probes; empty on a first or a one-shot run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// How far the audit log has been read, and who opened what.
    pub access: AccessMemory,
    /// Since when the rules of the packet filter are what they are.
    pub firewall: FirewallMemory,
    /// How far logs have been read, and the attempts to log in of the last days.
    pub logins: LoginMemory,
    /// Drills whose attempts may still be among those that are kept.
    pub drills: Vec<Drill>,
    /// Since when security updates have been pending.
    pub packages: PackageMemory,
}
