//! Which engine an address names.

use std::path::PathBuf;
use std::sync::Arc;

use plumbline_config::settings::{CollectorSettings, StoreAddress, without_password};

use super::copy::Portable;
use super::{PostgresServer, PostgresStore, SqliteStore, Store, StoreError};
use crate::home::Home;

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// In this SQLite file.
    Sqlite(PathBuf),
    /// In the PostgreSQL database with this URL.
    Postgres(String),
}

impl Engine {
    /// The engine that an address names.
    pub(crate) fn parse(address: &str) -> Result<Self, StoreError> {
        if let Some(path) = address.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            return Ok(Self::Sqlite(path.into()));
        }
        if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            return Ok(Self::Postgres(address.to_owned()));
        }
        Err(StoreError::Address {
            address: without_password(address),
            why: "its kind is not known".to_owned(),
        })
    }

    /// The engine of a collector's settings.
    pub(crate) fn of(settings: &CollectorSettings) -> Result<Self, StoreError> {
        match &settings.store {
            Some(address) => Self::parse(address.reveal()),
            None => Ok(Self::Sqlite(Home::new(&settings.data_dir).database())),
        }
    }
}

/// How the server of the settings is reached.
pub(crate) fn server<'s>(settings: &'s CollectorSettings, url: &'s str) -> PostgresServer<'s> {
    PostgresServer {
        url,
        password_file: settings.store_password_file.as_deref(),
        ca_file: settings.store_ca_file.as_deref(),
        connections: settings.store_connections,
    }
}

/// Opens the settings' store for reading and writing; brings it to this program's schema first, if `migrate` says so,
/// and refuses it when it is at another one if not.
pub fn open(settings: &CollectorSettings, migrate: bool) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match Engine::of(settings)? {
        Engine::Sqlite(path) if migrate => Arc::new(SqliteStore::open(&path)?),
        Engine::Sqlite(path) => Arc::new(SqliteStore::open_current(&path)?),
        Engine::Postgres(url) if migrate => Arc::new(PostgresStore::migrate(server(settings, &url))?),
        Engine::Postgres(url) => Arc::new(PostgresStore::open(server(settings, &url))?),
    })
}

/// Opens the settings' store for reading alone.
pub fn open_read_only(settings: &CollectorSettings) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match Engine::of(settings)? {
        Engine::Sqlite(path) => Arc::new(SqliteStore::open_read_only(&path)?),
        Engine::Postgres(url) => Arc::new(PostgresStore::open_read_only(server(settings, &url))?),
    })
}

/// Opens a store to be copied from or to, at this program's schema.
pub(crate) fn open_to_copy(
    settings: &CollectorSettings,
    address: &StoreAddress,
) -> Result<Box<dyn Portable>, StoreError> {
    Ok(match Engine::parse(address.reveal())? {
        Engine::Sqlite(path) => Box::new(SqliteStore::open(&path)?),
        Engine::Postgres(url) => Box::new(PostgresStore::migrate(server(settings, &url))?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_its_engine() {
        assert_eq!(
            Engine::parse("sqlite:/x.db").unwrap(),
            Engine::Sqlite("/x.db".into())
        );
        for url in ["postgres://u@h/d", "postgresql://u@h/d"] {
            assert_eq!(Engine::parse(url).unwrap(), Engine::Postgres(url.to_owned()));
        }
        for bad in ["", "sqlite:", "/x.db", "mysql://u:secret@h/d"] {
            let error = Engine::parse(bad).unwrap_err().to_string();
            assert!(
                error.contains("postgres://") && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
