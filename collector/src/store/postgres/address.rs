//! Where the server is, how it is spoken to, and with what password.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::home::read_private;
use crate::pki::provider;
use crate::store::StoreError;
use crate::store::error::chain;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// How long bytes may go unacknowledged before the server counts as gone (tcp(7), TCP_USER_TIMEOUT).
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// How the server is reached. Its `Debug` shows no password, because [`Config`]'s doesn't.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) ca_file: Option<PathBuf>,
}

impl Address {
    /// Reads a URL such as `postgres://plumbline@db.example/plumbline?sslmode=verify-full`, or libpq's `key=value`
    /// form.
    ///
    /// `sslmode` means what it does to libpq, except that a certificate is always verified, its name too: `disable`;
    /// `prefer`, TLS where the server offers it; `require`, `verify-ca` and `verify-full`, nothing but TLS. Without it,
    /// TLS is required but on a local socket or a loopback address.
    pub(super) fn parse(
        url: &str,
        password_file: Option<&Path>,
        ca_file: Option<&Path>,
    ) -> Result<Self, StoreError> {
        let said = ["sslmode=", "sslmode ="].iter().any(|key| url.contains(key));
        // The driver knows but libpq's first three names.
        let plain = url
            .replace("sslmode=verify-full", "sslmode=require")
            .replace("sslmode=verify-ca", "sslmode=require");
        let mut config: Config = plain.parse().map_err(|error| wrong(url, error))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(wrong(url, "it names no server"));
        }
        if config.get_dbname().is_none() {
            return Err(wrong(url, "it names no database"));
        }
        if !said {
            let mode = if is_here(&config) {
                SslMode::Disable
            } else {
                SslMode::Require
            };
            config.ssl_mode(mode);
        }
        if let Some(file) = password_file {
            let password = read_private(file).map_err(|error| StoreError::Open {
                place: shown(&config),
                source: error.into(),
            })?;
            config.password(password.trim_end_matches(['\r', '\n']).as_bytes());
        } else if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNACKNOWLEDGED);
        }
        if config.get_application_name().is_none() {
            config.application_name("plumbline-collector");
        }
        Ok(Self {
            config,
            ca_file: ca_file.map(Path::to_owned),
        })
    }

    /// The server and the database, for people.
    pub(super) fn shown(&self) -> String {
        shown(&self.config)
    }

    /// Why no connection came about, with what mends it where that is known.
    pub(super) fn failed(&self, error: Error) -> StoreError {
        let mend = mend(&error);
        let mut why = chain(&error);
        if let Some(mend) = mend {
            why = format!("{why}; {mend}");
        }
        StoreError::Open {
            place: self.shown(),
            source: why.into(),
        }
    }

    /// TLS to the server: anchors from the file, or the system's.
    pub(super) fn tls(&self) -> Result<MakeRustlsConnect, StoreError> {
        let failed = |why: String| StoreError::Open {
            place: self.shown(),
            source: why.into(),
        };
        let mut anchors = RootCertStore::empty();
        match &self.ca_file {
            Some(file) => {
                let certificates = CertificateDer::pem_file_iter(file)
                    .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                    .map_err(|error| {
                        failed(format!("cannot read the anchors in {}: {error}", file.display()))
                    })?;
                let (taken, _) = anchors.add_parsable_certificates(certificates);
                if taken == 0 {
                    return Err(failed(format!("{} holds no certificate", file.display())));
                }
            }
            // None at all is told by the first connection that wants TLS: without TLS none is needed.
            None if self.config.get_ssl_mode() != SslMode::Disable => {
                anchors.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
            None => {}
        }
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(error.to_string()))?
            .with_root_certificates(anchors)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }
}

fn shown(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let addresses = config.get_hostaddrs().iter().map(IpAddr::to_string);
    let servers: Vec<String> = hosts.chain(addresses).collect();
    format!(
        "{} on {}",
        config.get_dbname().unwrap_or_default(),
        servers.join(", ")
    )
}

/// What to do about a connection that did not come about.
fn mend(error: &Error) -> Option<&'static str> {
    if error.code() == Some(&SqlState::INVALID_PASSWORD) {
        return Some("`store_password_file` in the settings names the file with its password");
    }
    let mut cause = std::error::Error::source(error);
    while let Some(this) = cause {
        // The driver gives it no type of its own.
        if this.to_string() == "server does not support TLS" {
            return Some("set `ssl = on` there, or write sslmode=disable where nobody else can listen");
        }
        let inner = this
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        let said = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match said {
            Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                return Some(
                    "`store_ca_file` in the settings names the file of the authority that it comes from",
                );
            }
            Some(rustls::Error::InvalidCertificate(_)) => {
                return Some("give the server a certificate that is good for the name in `store`");
            }
            _ => {}
        }
        cause = this.source();
    }
    None
}

/// Whether no byte leaves this machine.
fn is_here(config: &Config) -> bool {
    let local = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
    };
    // Where both are given, addresses say where to and hosts say what name the certificate holds.
    match config.get_hostaddrs() {
        [] => config.get_hosts().iter().all(local),
        addresses => addresses.iter().all(IpAddr::is_loopback),
    }
}

fn wrong(url: &str, why: impl ToString) -> StoreError {
    StoreError::Address {
        address: plumbline_config::settings::without_password(url),
        why: why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> SslMode {
        Address::parse(url, None, None).unwrap().config.get_ssl_mode()
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted_unless_said_otherwise() {
        assert_eq!(mode("postgres://u@db.example/p"), SslMode::Require);
        assert_eq!(
            mode("postgres://u@db.example/p?sslmode=disable"),
            SslMode::Disable
        );
        assert_eq!(mode("postgres://u@db.example/p?sslmode=prefer"), SslMode::Prefer);
        assert_eq!(
            mode("postgres://u@db.example/p?sslmode=verify-full"),
            SslMode::Require
        );
        assert_eq!(mode("postgres://u@127.0.0.1/p"), SslMode::Disable);
        assert_eq!(mode("postgres://u@%2Frun%2Fpostgresql/p"), SslMode::Disable);
        assert_eq!(mode("postgres://u@127.0.0.1,db.example/p"), SslMode::Require);
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in [
            "postgres://u:secret@db.example",
            "postgres://u:secret@db.example:x/p",
        ] {
            let error = Address::parse(url, None, None).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
        let address = Address::parse("postgres://u:secret@db.example/p", None, None).unwrap();
        assert!(!format!("{address:?} {}", address.shown()).contains("secret"));
    }
}
