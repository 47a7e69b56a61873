//! `collector.toml`.

use std::collections::BTreeMap;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{EvidenceSettings, StoreAddress};
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
    /// Certificate chain for the people's listener, PEM, in place of one by the collector's own authority. Read again
    /// when it changes.
    pub tls_certificate: Option<PathBuf>,
    /// Private key of that certificate, PEM, readable by nobody but its owner and group.
    pub tls_key: Option<PathBuf>,
    /// Where people may sign in besides with a password.
    pub oidc: Option<OidcSettings>,
    /// Where copies of the ledger's checkpoints go.
    pub anchor: AnchorSettings,
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
    /// Where the files that prove attestations are kept.
    pub evidence: EvidenceSettings,
}

/// An identity provider that speaks OpenID Connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcSettings {
    /// The provider's issuer, `https://…`; its discovery document lies beneath it.
    pub issuer: String,
    /// Id that the provider knows this collector by.
    pub client_id: String,
    /// File with the secret that goes with it, readable by nobody but its owner.
    pub client_secret_file: PathBuf,
    /// Where the provider sends people back to: `https://…/oidc/callback` as their browsers reach this collector.
    pub redirect_uri: String,
    /// What users are recognised by.
    #[serde(default)]
    pub users_by: UsersBy,
    /// Claim of the ID token that tells roles, a text or a list of texts: those who have no user yet get one.
    #[serde(default)]
    pub role_claim: Option<String>,
    /// What that claim may say, and the role it gives: `viewer`, `auditor`, `operator` or `admin`.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
    /// What is asked for besides `openid`.
    #[serde(default = "usual_scopes")]
    pub scopes: Vec<String>,
    /// Certificates that the provider's is by, PEM; the system's own otherwise.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// Where copies of the ledger's checkpoints go, so that nobody can change what came before them. Best out of reach of
/// whoever runs the collector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnchorSettings {
    /// File that they are appended to, 0600; best on another machine's storage, or append-only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Server that they are posted to as `text/plain`, `https://…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// Certificates that the server's is by, PEM; the system's own otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_ca_file: Option<PathBuf>,
    /// The newest one goes out at most once in this time, and when a day is over.
    pub interval: Interval,
}

impl Default for AnchorSettings {
    fn default() -> Self {
        Self {
            file: None,
            webhook: None,
            webhook_ca_file: None,
            interval: Interval::new(1, crate::interval::Unit::Hour),
        }
    }
}

/// What a user of an identity provider is recognised by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UsersBy {
    /// The subject that the user was made with; the only thing a provider never gives to another person.
    #[default]
    Subject,
    /// An e-mail address that the provider has verified, which is the user's name here.
    Email,
    /// The name that the person has at the provider, which is the user's name here.
    PreferredUsername,
}

fn usual_scopes() -> Vec<String> {
    vec!["profile".to_owned(), "email".to_owned()]
}

impl Default for CollectorSettings {
    fn default() -> Self {
        Self {
            data_dir: "/var/lib/plumbline/collector".into(),
            names: Vec::new(),
            agent_listen: SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8443)),
            web_listen: SocketAddr::from((Ipv6Addr::UNSPECIFIED, 9443)),
            tls_certificate: None,
            tls_key: None,
            oidc: None,
            anchor: AnchorSettings::default(),
            stale_after: Interval::new(3, crate::interval::Unit::Hour),
            certificate_lifetime: Interval::days(90),
            retention: Interval::new(5, crate::interval::Unit::Year),
            store: None,
            store_password_file: None,
            store_ca_file: None,
            store_connections: 16,
            evidence: EvidenceSettings::default(),
        }
    }
}

impl CollectorSettings {
    /// Reads the settings at `path`.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        file::parse(&file::read(path)?, path)
    }
}
