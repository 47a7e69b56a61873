//! `collector.toml`.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::StoreAddress;
use crate::file::{self, FileError};
use crate::interval::Interval;

/// Where the collector's settings are looked for.
pub const DEFAULT_COLLECTOR_SETTINGS: &str = "/etc/plumbline/collector.toml";

/// Settings of the collector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CollectorSettings {
    /// Directory of CA, keys, database and evidence; 0700.
    pub data_dir: PathBuf,
    /// Names and addresses that agents and people reach this collector by; they go into its certificate.
    pub names: Vec<String>,
    /// Listener for agents, mutual TLS.
    pub agent_listen: SocketAddr,
    /// Listener for people, API and metrics, HTTPS.
    pub web_listen: SocketAddr,
    /// A host that has not been heard from for this long is stale.
    pub stale_after: Interval,
    /// A client certificate lasts this long; agents renew after two thirds of it.
    pub certificate_lifetime: Interval,
    /// Evidence is kept at least this long (at least 5 years by the plan).
    pub retention: Interval,
    /// Where it is kept: `sqlite:FILE`, or `postgres://USER@HOST/DATABASE`; in the data directory without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreAddress>,
    /// File that holds the password of the PostgreSQL server, 0600.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_password_file: Option<PathBuf>,
    /// File of the certificates that the PostgreSQL server's must come from, PEM; those of the system without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_ca_file: Option<PathBuf>,
    /// Connections to the PostgreSQL server at most.
    pub store_connections: u16,
}

impl Default for CollectorSettings {
    fn default() -> Self {
        Self {
            data_dir: "/var/lib/plumbline/collector".into(),
            names: Vec::new(),
            agent_listen: SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8443)),
            web_listen: SocketAddr::from((Ipv6Addr::UNSPECIFIED, 9443)),
            stale_after: Interval::new(3, crate::interval::Unit::Hour),
            certificate_lifetime: Interval::days(90),
            retention: Interval::new(5, crate::interval::Unit::Year),
            store: None,
            store_password_file: None,
            store_ca_file: None,
            store_connections: 16,
        }
    }
}

impl CollectorSettings {
    /// Reads the settings at `path`.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        file::parse(&file::read(path)?, path)
    }
}
