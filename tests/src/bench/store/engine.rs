//! An engine: the collector's store in it, and a bare table.

use std::path::Path;
use std::sync::Arc;

use plumbline_collector::store::{Incoming, Keep, PostgresServer, PostgresStore, SqliteStore, Store};
use plumbline_tests::postgres::Postgres;

use super::bare::{Bare, BarePostgres, BareSqlite};
use crate::collector::Collector;

/// Memory for the server's pages. All else is as PostgreSQL comes: `fsync` and `synchronous_commit` are on.
const SETTINGS: [&str; 3] = ["shared_buffers=512MB", "fsync=on", "synchronous_commit=on"];

/// Leaves that get their places in one transaction, as the collector does it.
const INTEGRATED_AT_ONCE: usize = 5_000;

/// An engine to measure.
pub(super) struct Engine {
    pub(super) name: &'static str,
    pub(super) store: Arc<dyn Store>,
    pub(super) bare: Box<dyn Bare>,
    cluster: Option<Postgres>,
}

impl Engine {
    /// The collector's own database, and another file beside it.
    pub(super) fn sqlite(collector: &Collector, home: &Path) -> Self {
        Self {
            name: "sqlite",
            store: Arc::new(SqliteStore::open(&collector.database()).expect("the store")),
            bare: Box::new(BareSqlite::open(&home.join("bare.db"))),
            cluster: None,
        }
    }

    /// A server of its own in `home` that holds a copy of what the collector's database holds, and another database.
    /// `None`: no server is installed here.
    pub(super) fn postgres(collector: &Collector, home: &Path) -> Option<Self> {
        let dir = tempfile::Builder::new()
            .prefix("pg-")
            .tempdir_in(home)
            .expect("a directory");
        let mut cluster = Postgres::make(dir, &SETTINGS)?;
        cluster.restart();
        for database in ["store", "bare"] {
            cluster.ask(&format!("CREATE DATABASE {database}"));
        }
        let url = cluster.url_of("store");
        let from = format!("sqlite:{}", collector.database().display());
        collector.json(&["store", "copy", "--from", &from, "--to", &url]);
        // As autovacuum leaves it, within a minute or so of such a copy.
        cluster.ask_of("store", "VACUUM ANALYZE");
        let store = PostgresStore::open(PostgresServer {
            url: &url,
            password_file: None,
            ca_file: None,
            connections: 4,
        });
        Some(Self {
            name: "postgres",
            store: Arc::new(store.expect("the store")),
            bare: Box::new(BarePostgres::connect(&cluster.url_of("bare"))),
            cluster: Some(cluster),
        })
    }

    /// The process that the engine's others come from, where it has any.
    pub(super) fn server(&self) -> Option<u32> {
        self.cluster.as_ref().and_then(Postgres::pid)
    }

    /// Keeps reports in one transaction.
    pub(super) fn keep(&self, batch: &[Incoming]) {
        let reply = self.store.keep(batch).expect("the store keeps");
        reply.outcomes.iter().for_each(assert_kept);
    }

    /// Gives the leaves that wait their places in the ledger, as the collector does once a second.
    pub(super) fn settle(&self) {
        while self
            .store
            .integrate(INTEGRATED_AT_ONCE)
            .expect("the ledger grows")
            > 0
        {}
    }
}

/// A report that was taken for anything but the next of its host costs something else.
pub(super) fn assert_kept(keep: &Keep) {
    assert!(matches!(keep, Keep::Kept { resync: false, .. }), "{keep:?}");
}
