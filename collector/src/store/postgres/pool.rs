//! Connections to the server: a bounded number of them, each used by one transaction at a time.
//!
//! The driver is asynchronous and the store blocks, so one thread drives every connection's bytes and whoever calls
//! waits for its answers. A connection that failed in any way but by the server's own refusal is closed, not put back.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_postgres::{Client, Error, SimpleQueryMessage, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Address;
use super::flight::Flight;
use super::tx::{Fate, Tx};
use crate::store::StoreError;

/// How long a caller waits for a connection to come free.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long an answer may take, connecting included. The server ends a statement itself before that.
pub(super) const ANSWER: Duration = Duration::from_secs(90);

/// What every connection begins with: no statement and no wait for a lock lasts for ever, and what is committed is on
/// durable storage whatever the server's default is.
const GREETING: &str = "SET statement_timeout = '60s'; SET lock_timeout = '20s';
    SET idle_in_transaction_session_timeout = '120s'; SET client_encoding = 'UTF8';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// Begins a transaction whose statements all find their rows by an index, whatever the values: to plan them anew each time
/// takes longer than to run them, and a plan that was made while the tables were small must not be one that reads them
/// whole. An engine that does not know all of these settings does without them.
const BY_INDEX: &str =
    "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off;
    SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";

/// Whether the engine knows the settings of [`BY_INDEX`].
const KNOWS_PLANS: &str = "SELECT name FROM pg_settings
    WHERE name IN ('plan_cache_mode', 'enable_seqscan', 'enable_hashjoin', 'enable_mergejoin')";

/// How many they are.
const PLAN_SETTINGS: usize = 4;

/// How often a transaction is tried that the server undid for another's sake, or that lost its connection before it was
/// to be committed.
const ATTEMPTS: u32 = 10;

/// The pause after the first such failure; it doubles, and each is drawn between nothing and its length.
const PAUSE: Duration = Duration::from_millis(5);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The connections.
pub(super) struct Pool {
    address: Address,
    tls: MakeRustlsConnect,
    read_only: bool,
    idle: Mutex<Vec<Connection>>,
    room: Semaphore,
    /// How often somebody waited for the server: what a transaction takes where the server is far.
    waits: AtomicU64,
    /// Taken out only when the pool goes.
    runtime: Option<Runtime>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // The last owner may be an async task, which must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

pub(super) struct Connection {
    pub(super) client: Client,
    /// Statements that were prepared, by their text.
    pub(super) prepared: HashMap<String, Statement>,
    knows_plans: bool,
}

impl Pool {
    /// A pool of at most so many connections; none is made yet. `read_only`: the server is to refuse every write.
    pub(super) fn new(address: Address, most: u16, read_only: bool) -> Result<Self, StoreError> {
        let tls = address.tls()?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("postgres")
            .enable_all()
            .build()
            .map_err(|error| StoreError::Open {
                place: address.shown(),
                source: error.into(),
            })?;
        Ok(Self {
            address,
            tls,
            read_only,
            idle: Mutex::default(),
            room: Semaphore::new(usize::from(most.max(1))),
            waits: AtomicU64::new(0),
            runtime: Some(runtime),
        })
    }

    /// Runs `work` in one transaction, committed when it returns `Ok` and undone when it doesn't; more than once where
    /// the server undid it for another's sake. So `work` does nothing but speak to the database.
    pub(super) fn transaction<T>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.run(Some("BEGIN"), work)
    }

    /// The same, for statements that find their rows by an index, whatever the values.
    pub(super) fn by_index<T>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.run(Some(BY_INDEX), work)
    }

    /// Runs `work` that only reads, each statement by itself.
    pub(super) fn read<T>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.run(None, work)
    }

    /// Runs `work` that reads the database as it is at one moment.
    pub(super) fn snapshot<T>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.run(Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"), work)
    }

    /// Runs `work` that reads the database as it is at one moment, and writes: it is undone and tried again where what
    /// it writes was written by another since that moment.
    pub(super) fn consistent<T>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.run(Some("BEGIN ISOLATION LEVEL REPEATABLE READ"), work)
    }

    fn run<T>(
        &self,
        begin: Option<&'static str>,
        mut work: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let _place = self.place()?;
        let mut pause = PAUSE;
        for attempt in 1..=ATTEMPTS {
            let failure = match self.attempt(begin, &mut work) {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if !failure.again {
                return Err(failure.error);
            }
            if attempt == ATTEMPTS && !matches!(failure.error, StoreError::Away(_)) {
                break;
            }
            // A server that is gone is gone; only a connection that had died unseen is worth another try.
            if matches!(failure.error, StoreError::Away(_)) && attempt > 1 {
                return Err(failure.error);
            }
            std::thread::sleep(drawn(pause));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(StoreError::Crowded { attempts: ATTEMPTS })
    }

    fn attempt<T>(
        &self,
        begin: Option<&'static str>,
        work: &mut impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, Failure> {
        let mut connection = self.connection()?;
        let begin = match begin {
            Some(BY_INDEX) if !connection.knows_plans => Some("BEGIN"),
            other => other,
        };
        let mut tx = Tx {
            pool: self,
            connection: &mut connection,
            begin,
            committed: false,
            fate: Fate::Sound,
        };
        let worked = work(&mut tx).and_then(|answer| {
            // Where nothing was sent, or each statement was by itself, there is nothing to commit.
            if begin.is_some() && tx.begin.is_none() && !tx.committed {
                tx.commit(&Flight::default())?;
            }
            Ok(answer)
        });
        let is_open = begin.is_some() && tx.begin.is_none();
        match worked {
            Ok(answer) => {
                self.put_back(connection);
                Ok(answer)
            }
            Err(error) => {
                let fate = tx.fate;
                if matches!(fate, Fate::Lost | Fate::Unknown) {
                    // The others date from before whatever befell this one.
                    self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
                } else if !is_open || tx.batch("ROLLBACK").is_ok() {
                    self.put_back(connection);
                }
                // Where the answer to COMMIT was lost nobody knows what became of it; whoever asked asks again.
                let again = matches!(fate, Fate::Undone | Fate::Lost);
                Err(Failure { error, again })
            }
        }
    }

    fn place(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        if let Ok(free) = self.room.try_acquire() {
            return Ok(free);
        }
        let waited = self.wait(async { timeout(PATIENCE, self.room.acquire()).await })?;
        waited
            .map_err(|_| StoreError::Busy(PATIENCE))?
            .map_err(|_| StoreError::Poisoned)
    }

    fn connection(&self) -> Result<Connection, Failure> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                Some(connection) if connection.client.is_closed() => {}
                Some(connection) => return Ok(connection),
                None => return self.connect().map_err(|error| Failure { error, again: false }),
            }
        }
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let connect = async {
            let (client, connection) = self.address.config.connect(self.tls.clone()).await?;
            tokio::spawn(connection);
            client.batch_execute(GREETING).await?;
            if self.read_only {
                client
                    .batch_execute("SET default_transaction_read_only = on")
                    .await?;
            }
            let settings = client.simple_query(KNOWS_PLANS).await?;
            let known = settings
                .iter()
                .filter(|message| matches!(message, SimpleQueryMessage::Row(_)));
            let knows_plans = known.count() == PLAN_SETTINGS;
            Ok::<_, Error>((client, knows_plans))
        };
        // On the driving thread, because the connection's own task is to live there.
        let connected = self.wait(async { timeout(ANSWER, connect).await })?;
        let (client, knows_plans) = connected
            .map_err(|slow| StoreError::Away(slow.into()))?
            .map_err(|error| self.address.failed(error))?;
        Ok(Connection {
            client,
            prepared: HashMap::new(),
            knows_plans,
        })
    }

    fn put_back(&self, connection: Connection) {
        if !connection.client.is_closed() {
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
        }
    }

    /// How often somebody waited for the server so far.
    #[cfg(test)]
    pub(super) fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }

    pub(super) fn wait<F: Future>(&self, future: F) -> Result<F::Output, StoreError> {
        self.waits.fetch_add(1, Ordering::Relaxed);
        let runtime = self.runtime.as_ref().ok_or(StoreError::Poisoned)?;
        Ok(runtime.block_on(future))
    }
}

struct Failure {
    error: StoreError,
    /// Nothing was committed, and another try may succeed.
    again: bool,
}

/// A pause between nothing and `most`, so that those who collided don't collide again.
fn drawn(most: Duration) -> Duration {
    let mut byte = [0; 1];
    match SystemRandom::new().fill(&mut byte) {
        Ok(()) => most * u32::from(byte[0]) / 256,
        Err(_) => most,
    }
}
