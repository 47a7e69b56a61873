//! `agent.toml`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::file::{self, FileError};
use crate::interval::{Interval, Unit};

/// Where the agent's settings are looked for.
pub const DEFAULT_AGENT_SETTINGS: &str = "/etc/plumbline/agent.toml";

/// Settings of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentSettings {
    /// Directory of identity, spool and memory; 0700.
    pub data_dir: PathBuf,
    /// Local socket that `status` asks.
    pub socket: PathBuf,
    /// Address of the metrics listener; loopback. `None`: none.
    pub metrics_listen: Option<SocketAddr>,
    /// A plan on this host, used instead of the collector's.
    pub plan: Option<PathBuf>,
    /// How often every check runs, changes aside.
    pub check_interval: Interval,
    /// How often the collector hears from this host when nothing else is said.
    pub heartbeat_interval: Interval,
    /// How often a signed, chained report is kept as evidence that nothing changed, where nothing did.
    pub evidence_interval: Interval,
    /// Most bytes of reports kept while the collector can't be reached.
    pub spool_bytes: u64,
    /// Whether those whom the plan names as provers may connect to the TCP ports of this host (see [`crate::outside`]).
    pub outside_proof: bool,
    /// HTTP proxy to the collector, such as `http://proxy.example:3128`; the environment's is never used.
    pub proxy: Option<String>,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self {
            data_dir: "/var/lib/plumbline/agent".into(),
            socket: "/run/plumbline/agent.sock".into(),
            metrics_listen: None,
            plan: None,
            check_interval: Interval::new(1, Unit::Hour),
            heartbeat_interval: Interval::minutes(5),
            evidence_interval: Interval::new(24, Unit::Hour),
            spool_bytes: 64 * 1024 * 1024,
            outside_proof: false,
            proxy: None,
        }
    }
}

impl AgentSettings {
    /// Reads the settings at `path`.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        file::parse(&file::read(path)?, path)
    }
}
