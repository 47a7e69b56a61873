//! The store in one SQLite file.
//!
//! One connection writes, a few read; in write-ahead-log mode neither waits for the other, and commands that only
//! read work on the file beside a running server. `synchronous = FULL` makes each commit an fsync of the log: when a
//! write returns, it outlasts a power cut.

mod audit;
mod column;
pub(super) mod copy;
mod findings;
mod hosts;
mod ledger;
mod log;
mod migrate;
mod people;
mod records;
mod reports;
#[cfg(test)]
mod tests;
mod totals;
mod upkeep;
mod users;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use plumbline_config::ident::HostId;
use plumbline_config::wire::SignedPlan;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::{
    Act, ApiToken, Beat, CertificateRecord, Enrolled, Enrolment, EnrolmentToken, FindingPage, FindingQuery,
    Host, HostQuery, Incoming, KeepReply, LatestFinding, NewCertificate, NewSession, PlanSummary, Presence,
    PublishedPlan, RecordedAct, Session, Store, StoreError, Subject, TokenRefusal, Transition, User,
    UserChange,
};
use super::{
    Family, Kept, KeptCheckpoint, Leaf, LeafOf, NewRecord, Packing, Record, Recount, Totals, Waived,
};
use crate::freshness::Cutoff;
use crate::ledger::audit::{Audit, Findings, Progress};
use crate::ledger::note::VerifierKey;
use crate::ledger::statement::Statement;
use crate::ledger::tree::{Frontier, Hash};
pub use audit::SqliteSnapshot;
use log::LogCopier;

/// How long one process waits for another's write, such as the server for a command.
const BUSY: Duration = Duration::from_secs(10);

/// Read connections kept open between uses: as many as there are threads that may read at a time. To open one costs
/// more than what most requests ask of it.
const IDLE_READERS: usize = 32;

/// Pages that a reading connection holds in memory, in KiB; the operating system holds them, too.
const READER_CACHE_KIB: i64 = 1024;

/// Pages of the database that the writing connection holds in memory, in KiB: a batch of reports touches some
/// thousands of pages, and those that don't fit are read and written again within one transaction.
const WRITER_CACHE_KIB: i64 = 64 * 1024;

/// Statements kept prepared in a connection.
const PREPARED: usize = 64;

/// A store in an SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    /// Closed before the writing connection: the last one to be closed copies the log and removes it, which a
    /// connection that only reads can't.
    readers: Mutex<Vec<Connection>>,
    writer: Arc<Mutex<Connection>>,
    /// Dropped after the writing connection, whose end is what ends its thread.
    _log_copier: Option<LogCopier>,
}

impl SqliteStore {
    /// Opens the file for reading and writing, makes it if need be, and brings it to this program's schema.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut writer = connect(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        )?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        migrate::migrate(&mut writer)?;
        Self::begin(path, writer)
    }

    /// Opens the file for reading and writing; it must be at this program's schema.
    pub fn open_current(path: &Path) -> Result<Self, StoreError> {
        let writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        migrate::require_current(&writer)?;
        Self::begin(path, writer)
    }

    fn begin(path: &Path, mut writer: Connection) -> Result<Self, StoreError> {
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        writer.pragma_update(None, "foreign_keys", true)?;
        // Negative: KiB and not pages.
        writer.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        totals::recount_if_needed(&tx)?;
        tx.commit()?;
        let writer = Arc::new(Mutex::new(writer));
        let log_copier = LogCopier::start(path, &writer)?;
        Ok(Self::over(path, writer, Some(log_copier)))
    }

    /// Opens the file for reading alone.
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        let reader = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        migrate::require_current(&reader)?;
        Ok(Self::over(path, Arc::new(Mutex::new(reader)), None))
    }

    fn over(path: &Path, writer: Arc<Mutex<Connection>>, log_copier: Option<LogCopier>) -> Self {
        Self {
            path: path.to_owned(),
            readers: Mutex::new(Vec::new()),
            writer,
            _log_copier: log_copier,
        }
    }

    /// Runs `work` on a read connection.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = lock(&self.readers)?.pop();
        let reader = match idle {
            Some(reader) => reader,
            None => {
                let reader = connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
                reader.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
                reader
            }
        };
        let answer = work(&reader);
        let mut idle = lock(&self.readers)?;
        if idle.len() < IDLE_READERS {
            idle.push(reader);
        }
        answer
    }

    /// Runs `work` in one transaction, committed when it returns `Ok` and undone when it doesn't.
    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = lock(&self.writer)?;
        // Immediate: the write lock is taken at the start, so that no write fails half-way for want of it.
        let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let answer = work(&tx)?;
        tx.commit()?;
        Ok(answer)
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let failed = |source: rusqlite::Error| StoreError::Open {
        place: path.display().to_string(),
        source: source.into(),
    };
    let connection =
        Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    // A statement is planned once, whatever is asked with it; else many are planned anew each time they are used.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    Ok(connection)
}

fn lock<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>, StoreError> {
    mutex.lock().map_err(|_| StoreError::Poisoned)
}

impl Store for SqliteStore {
    fn ping(&self) -> Result<(), StoreError> {
        self.read(|db| {
            db.prepare_cached("SELECT count(*) FROM ledger_head")?
                .query_row([], |_| Ok(()))?;
            Ok(())
        })
    }

    fn add_enrolment_token(&self, token: &EnrolmentToken, act: &Act) -> Result<(), StoreError> {
        self.write(|tx| people::add_enrolment_token(tx, token).and_then(|()| people::record(tx, act)))
    }

    fn enrolment_tokens(&self) -> Result<Vec<EnrolmentToken>, StoreError> {
        self.read(people::enrolment_tokens)
    }

    fn enrol(&self, enrolment: &Enrolment) -> Result<Result<Enrolled, TokenRefusal>, StoreError> {
        self.write(|tx| hosts::enrol(tx, enrolment))
    }

    fn add_certificate(&self, certificate: &NewCertificate) -> Result<(), StoreError> {
        self.write(|tx| hosts::add_certificate(tx, certificate, None))
    }

    fn certificate(&self, serial: &str) -> Result<Option<CertificateRecord>, StoreError> {
        self.read(|db| hosts::certificate(db, serial))
    }

    fn public_keys(&self, host: &HostId, incarnation: u32, limit: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        self.read(|db| hosts::public_keys(db, host, incarnation, limit))
    }

    fn revoke_host(&self, host: &HostId, act: &Act) -> Result<bool, StoreError> {
        self.write(|tx| {
            let revoked = hosts::revoke(tx, host, act.at)?;
            if revoked {
                people::record(tx, act)?;
            }
            Ok(revoked)
        })
    }

    fn note_conflict(&self, host: &HostId, at: Timestamp) -> Result<(), StoreError> {
        self.write(|tx| hosts::note_conflict(tx, host, at))
    }

    fn keep(&self, reports: &[Incoming]) -> Result<KeepReply, StoreError> {
        self.write(|tx| {
            Ok(KeepReply {
                outcomes: reports::keep(tx, reports)?,
                plan_sha256: people::plan_summary(tx)?.map(|plan| plan.sha256),
            })
        })
    }

    fn read_ahead(&self, incoming: &Incoming) -> Result<(), StoreError> {
        self.read(|db| reports::read_ahead(db, incoming))
    }

    fn hosts(&self, query: &HostQuery) -> Result<Vec<Host>, StoreError> {
        self.read(|db| hosts::hosts(db, query))
    }

    fn host(&self, host: &HostId) -> Result<Option<Host>, StoreError> {
        self.read(|db| hosts::host(db, host))
    }

    fn beat(&self, beats: &[Beat]) -> Result<(), StoreError> {
        self.write(|tx| totals::beat(tx, beats))
    }

    fn presence(&self, host: &HostId) -> Result<Option<Presence>, StoreError> {
        self.read(|db| Ok(totals::row(db, host)?.map(|host| Presence::of(&host))))
    }

    fn age(&self, cutoff: Cutoff, most: usize) -> Result<usize, StoreError> {
        self.write(|tx| totals::age(tx, cutoff, most))
    }

    fn totals(&self, cutoff: Cutoff) -> Result<Totals, StoreError> {
        self.read(|db| totals::totals(db, cutoff))
    }

    fn waived(&self, waived: &[(HostId, Vec<Waived>)]) -> Result<Totals, StoreError> {
        self.read(|db| totals::waived(db, waived))
    }

    fn latest_findings(&self, host: &HostId) -> Result<Vec<LatestFinding>, StoreError> {
        self.read(|db| findings::of_host(db, host))
    }

    fn findings(&self, query: &FindingQuery) -> Result<FindingPage, StoreError> {
        self.read(|db| findings::page(db, query))
    }

    fn recount(&self) -> Result<Recount, StoreError> {
        self.write(totals::recount)
    }

    fn history(&self, host: &HostId, limit: usize) -> Result<Vec<Transition>, StoreError> {
        self.read(|db| findings::history(db, host, limit))
    }

    fn integrate(&self, _limit: usize) -> Result<usize, StoreError> {
        // The one writer gives every leaf its place in the transaction that keeps what it stands for.
        Ok(0)
    }

    fn ledger_frontier(&self) -> Result<Frontier, StoreError> {
        self.read(ledger::frontier)
    }

    fn ledger_nodes(&self, level: u8, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        self.read(|db| ledger::nodes(db, level, &range))
    }

    fn ledger_leaves(&self, from: u64, limit: usize) -> Result<Vec<Leaf>, StoreError> {
        self.read(|db| ledger::leaves(db, from, limit))
    }

    fn ledger_place(&self, of: &LeafOf) -> Result<Option<u64>, StoreError> {
        self.read(|db| ledger::place(db, of))
    }

    fn add_checkpoint(&self, checkpoint: &KeptCheckpoint) -> Result<(), StoreError> {
        self.write(|tx| ledger::add_checkpoint(tx, checkpoint))
    }

    fn checkpoints_after(&self, size: u64, limit: usize) -> Result<Vec<KeptCheckpoint>, StoreError> {
        self.read(|db| ledger::checkpoints_after(db, size, limit))
    }

    fn latest_checkpoint(&self) -> Result<Option<KeptCheckpoint>, StoreError> {
        self.read(ledger::latest_checkpoint)
    }

    fn checkpoint_from(&self, at: Timestamp) -> Result<Option<KeptCheckpoint>, StoreError> {
        self.read(|db| ledger::checkpoint_from(db, at))
    }

    fn report_body(
        &self,
        host: &HostId,
        incarnation: u32,
        sequence: u64,
    ) -> Result<Option<(Packing, Vec<u8>)>, StoreError> {
        self.read(|db| ledger::body(db, host, incarnation, sequence))
    }

    fn audit(
        &self,
        key: &VerifierKey,
        anchors: &[Statement],
        now: Timestamp,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Findings, StoreError> {
        Audit::run(&self.snapshot()?, key, anchors, now.as_microsecond(), progress)
    }

    fn at_one_moment(
        &self,
        read: &mut dyn FnMut(&Kept<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        read(&self.snapshot()?)
    }

    fn gaps(&self, host: &HostId, incarnation: u32) -> Result<Vec<(u64, bool)>, StoreError> {
        self.read(|db| ledger::gaps(db, host, incarnation))
    }

    fn publish_plan(&self, plan: &PublishedPlan, act: &Act) -> Result<bool, StoreError> {
        self.write(|tx| {
            let changed = people::publish_plan(tx, plan, act)?;
            if changed {
                people::record(tx, act)?;
            }
            Ok(changed)
        })
    }

    fn plan_summary(&self) -> Result<Option<PlanSummary>, StoreError> {
        self.read(people::plan_summary)
    }

    fn plan(&self) -> Result<Option<SignedPlan>, StoreError> {
        self.read(people::plan)
    }

    fn add_record(&self, record: &NewRecord) -> Result<bool, StoreError> {
        self.write(|tx| records::add(tx, record))
    }

    fn records(&self, family: Family, after: i64, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.read(|db| records::of_family(db, family, after, limit))
    }

    fn records_of(&self, subject: &str) -> Result<Vec<Record>, StoreError> {
        self.read(|db| records::of_subject(db, subject))
    }

    fn number_of_records(&self, family: Family) -> Result<u64, StoreError> {
        self.read(|db| records::number(db, family))
    }

    fn plan_at(&self, at: Timestamp) -> Result<Option<SignedPlan>, StoreError> {
        self.read(|db| people::plan_at(db, at))
    }

    fn add_api_token(&self, token: &ApiToken, act: &Act) -> Result<(), StoreError> {
        self.write(|tx| people::add_api_token(tx, token).and_then(|()| people::record(tx, act)))
    }

    fn api_token(&self, sha256: &str) -> Result<Option<ApiToken>, StoreError> {
        self.read(|db| people::api_token(db, sha256))
    }

    fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        self.read(people::api_tokens)
    }

    fn revoke_api_token(&self, id: &str, act: &Act) -> Result<bool, StoreError> {
        self.write(|tx| {
            let revoked = people::revoke_api_token(tx, id, act.at)?;
            if revoked {
                people::record(tx, act)?;
            }
            Ok(revoked)
        })
    }

    fn acts(&self, limit: usize) -> Result<Vec<Act>, StoreError> {
        self.read(|db| people::acts(db, limit))
    }

    fn take_lease(&self, name: &str, holder: &str, ttl: Duration) -> Result<bool, StoreError> {
        self.write(|tx| upkeep::take_lease(tx, name, holder, ttl))
    }

    fn upkeep(&self, _now: Timestamp) -> Result<(), StoreError> {
        self.write(upkeep::optimize)
    }

    fn prune(&self, before: Timestamp, limit: usize, act: &Act) -> Result<usize, StoreError> {
        self.write(|tx| upkeep::prune(tx, before, limit, act))
    }

    // Users and sessions.

    fn add_user(&self, user: &User, act: &Act) -> Result<bool, StoreError> {
        self.write(|tx| recorded(tx, users::add(tx, user)?, act))
    }

    fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        self.read(|db| users::named(db, name))
    }

    fn user_of_subject(&self, subject: &Subject) -> Result<Option<User>, StoreError> {
        self.read(|db| users::of_subject(db, subject))
    }

    fn has_users(&self) -> Result<bool, StoreError> {
        self.read(users::any)
    }

    fn users(&self) -> Result<Vec<User>, StoreError> {
        self.read(users::all)
    }

    fn change_user(&self, name: &str, change: &UserChange, act: &Act) -> Result<bool, StoreError> {
        self.write(|tx| recorded(tx, users::change(tx, name, change, act.at)?, act))
    }

    fn add_session(&self, session: &NewSession, most: usize, act: &Act) -> Result<bool, StoreError> {
        self.write(|tx| recorded(tx, users::add_session(tx, session, most)?, act))
    }

    fn session(&self, sha256: &str) -> Result<Option<Session>, StoreError> {
        self.read(|db| users::session(db, sha256))
    }

    fn touch_session(&self, sha256: &str, at: Timestamp) -> Result<(), StoreError> {
        self.write(|tx| users::touch_session(tx, sha256, at))
    }

    fn end_session(&self, sha256: &str, act: &Act) -> Result<bool, StoreError> {
        self.write(|tx| recorded(tx, users::end_session(tx, sha256)?, act))
    }

    fn touch_api_token(&self, sha256: &str, at: Timestamp) -> Result<(), StoreError> {
        self.write(|tx| users::touch_api_token(tx, sha256, at))
    }

    fn record_act(&self, act: &Act) -> Result<(), StoreError> {
        self.write(|tx| people::record(tx, act))
    }

    fn acts_before(&self, before: Option<i64>, limit: usize) -> Result<Vec<RecordedAct>, StoreError> {
        self.read(|db| users::acts_before(db, before, limit))
    }
}

/// Records the act if it changed anything.
fn recorded(tx: &Transaction<'_>, changed: bool, act: &Act) -> Result<bool, StoreError> {
    if changed {
        people::record(tx, act)?;
    }
    Ok(changed)
}
