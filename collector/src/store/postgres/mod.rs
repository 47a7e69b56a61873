//! The store in a PostgreSQL database, 15 or newer, which several collectors share.
//!
//! Any of them may take any host's reports: the host's row is the lock that keeps its chain. Nothing else is held by
//! two that work on different hosts: each collector counts totals on a shard of its own, and leaves of the ledger wait in
//! a queue until one collector gives them their places ([`ledger`]). Any of them may die at any moment; what it had not
//! committed is gone, and whoever sent it sends it again.

mod address;
mod audit;
mod column;
mod copy;
mod findings;
mod flight;
mod hosts;
mod ledger;
mod migrate;
mod partitions;
mod people;
mod pool;
mod records;
mod reports;
#[cfg(test)]
mod tests;
mod totals;
mod tx;
mod users;
mod writes;

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use plumbline_config::ident::HostId;
use plumbline_config::wire::SignedPlan;

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
use address::Address;
use column::Columns;
use pool::Pool;
use tx::Tx;

/// Shards of the totals. Collectors fall on them by the names of their machines: where two fall on the same one they
/// wait for each other, and count no less rightly.
const SHARDS: u64 = 32;

/// How to reach a server.
#[derive(Clone, Copy, Debug)]
pub struct Server<'s> {
    /// URL, such as `postgres://plumbline@db.example/plumbline`.
    pub url: &'s str,
    /// File that holds the password.
    pub password_file: Option<&'s Path>,
    /// File of the certificates that the server's must come from; those of the system without it.
    pub ca_file: Option<&'s Path>,
    /// Connections at most.
    pub connections: u16,
}

/// A store in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    pool: Pool,
    shard: String,
}

impl PostgresStore {
    /// Opens the database for reading and writing; it must be at this program's schema.
    pub fn open(server: Server<'_>) -> Result<Self, StoreError> {
        let store = Self::over(server, false)?;
        migrate::require_current(&store.pool)?;
        store.begin()?;
        Ok(store)
    }

    /// Brings the database to this program's schema, and opens it for reading and writing.
    pub fn migrate(server: Server<'_>) -> Result<Self, StoreError> {
        let store = Self::over(server, false)?;
        migrate::migrate(&store.pool)?;
        store.begin()?;
        Ok(store)
    }

    /// Opens the database for reading alone.
    pub fn open_read_only(server: Server<'_>) -> Result<Self, StoreError> {
        let store = Self::over(server, true)?;
        migrate::require_current(&store.pool)?;
        Ok(store)
    }

    fn over(server: Server<'_>, read_only: bool) -> Result<Self, StoreError> {
        let address = Address::parse(server.url, server.password_file, server.ca_file)?;
        Ok(Self {
            pool: Pool::new(address, server.connections, read_only)?,
            shard: shard(),
        })
    }

    fn begin(&self) -> Result<(), StoreError> {
        partitions::make(&self.pool, Timestamp::now())?;
        totals::recount_if_needed(&self.pool)
    }
}

impl PostgresStore {
    /// Makes a change, and records the act in the same transaction if it changed anything.
    fn recorded(
        &self,
        act: &Act,
        mut change: impl FnMut(&mut Tx<'_>) -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        self.pool.transaction(|tx| {
            let changed = change(tx)?;
            if changed {
                people::record(tx, act)?;
            }
            Ok(changed)
        })
    }
}

/// The shard that this machine's collector counts on: by the machine's name, not drawn at each start, so that shards
/// don't pile up.
fn shard() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    let digest = Hash::of(name.as_encoded_bytes());
    let [first, ..] = digest.0;
    (u64::from(first) % SHARDS).to_string()
}

impl Store for PostgresStore {
    fn ping(&self) -> Result<(), StoreError> {
        self.pool
            .read(|tx| tx.query("SELECT size FROM ledger_head", &[]).map(|_| ()))
    }

    fn add_enrolment_token(&self, token: &EnrolmentToken, act: &Act) -> Result<(), StoreError> {
        self.pool.transaction(|tx| {
            people::add_enrolment_token(tx, token)?;
            people::record(tx, act)
        })
    }

    fn enrolment_tokens(&self) -> Result<Vec<EnrolmentToken>, StoreError> {
        self.pool.read(people::enrolment_tokens)
    }

    fn enrol(&self, enrolment: &Enrolment) -> Result<Result<Enrolled, TokenRefusal>, StoreError> {
        self.pool
            .transaction(|tx| hosts::enrol(tx, &self.shard, enrolment))
    }

    fn add_certificate(&self, certificate: &NewCertificate) -> Result<(), StoreError> {
        self.pool
            .transaction(|tx| hosts::add_certificate(tx, certificate, None))
    }

    fn certificate(&self, serial: &str) -> Result<Option<CertificateRecord>, StoreError> {
        self.pool.read(|tx| hosts::certificate(tx, serial))
    }

    fn public_keys(&self, host: &HostId, incarnation: u32, limit: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        self.pool
            .read(|tx| hosts::public_keys(tx, host, incarnation, limit))
    }

    fn revoke_host(&self, host: &HostId, act: &Act) -> Result<bool, StoreError> {
        self.recorded(act, |tx| hosts::revoke(tx, &self.shard, host, act.at))
    }

    fn note_conflict(&self, host: &HostId, at: Timestamp) -> Result<(), StoreError> {
        self.pool.transaction(|tx| hosts::note_conflict(tx, host, at))
    }

    fn keep(&self, reports: &[Incoming]) -> Result<KeepReply, StoreError> {
        self.pool.by_index(|tx| reports::keep(tx, &self.shard, reports))
    }

    fn beat(&self, beats: &[Beat]) -> Result<(), StoreError> {
        totals::beat(&self.pool, &self.shard, beats)
    }

    fn presence(&self, host: &HostId) -> Result<Option<Presence>, StoreError> {
        self.pool
            .read(|tx| Ok(totals::row(tx, host)?.map(|host| Presence::of(&host))))
    }

    fn age(&self, cutoff: Cutoff, most: usize) -> Result<usize, StoreError> {
        self.pool
            .transaction(|tx| totals::age(tx, &self.shard, cutoff, most))
    }

    fn read_ahead(&self, _incoming: &Incoming) -> Result<(), StoreError> {
        // The server reads a batch's pages in a handful of statements, and several connections beside each other.
        Ok(())
    }

    fn hosts(&self, query: &HostQuery) -> Result<Vec<Host>, StoreError> {
        self.pool.read(|tx| hosts::hosts(tx, query))
    }

    fn host(&self, host: &HostId) -> Result<Option<Host>, StoreError> {
        self.pool.read(|tx| hosts::host(tx, host))
    }

    fn waived(&self, waived: &[(HostId, Vec<Waived>)]) -> Result<Totals, StoreError> {
        self.pool.read(|tx| totals::waived(tx, waived))
    }

    fn latest_findings(&self, host: &HostId) -> Result<Vec<LatestFinding>, StoreError> {
        self.pool.read(|tx| findings::of_host(tx, host))
    }

    fn findings(&self, query: &FindingQuery) -> Result<FindingPage, StoreError> {
        self.pool.read(|tx| findings::page(tx, query))
    }

    fn totals(&self, cutoff: Cutoff) -> Result<Totals, StoreError> {
        self.pool.read(|tx| totals::totals(tx, cutoff))
    }

    fn recount(&self) -> Result<Recount, StoreError> {
        totals::recount(&self.pool)
    }

    fn history(&self, host: &HostId, limit: usize) -> Result<Vec<Transition>, StoreError> {
        self.pool.read(|tx| findings::history(tx, host, limit))
    }

    fn integrate(&self, limit: usize) -> Result<usize, StoreError> {
        self.pool.transaction(|tx| ledger::integrate(tx, limit))
    }

    fn ledger_frontier(&self) -> Result<Frontier, StoreError> {
        self.pool.read(ledger::frontier)
    }

    fn ledger_nodes(&self, level: u8, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        self.pool.read(|tx| ledger::nodes(tx, level, &range))
    }

    fn ledger_leaves(&self, from: u64, limit: usize) -> Result<Vec<Leaf>, StoreError> {
        self.pool.read(|tx| ledger::leaves(tx, from, limit))
    }

    fn ledger_place(&self, of: &LeafOf) -> Result<Option<u64>, StoreError> {
        self.pool.read(|tx| ledger::place(tx, of))
    }

    fn add_checkpoint(&self, checkpoint: &KeptCheckpoint) -> Result<(), StoreError> {
        self.pool.transaction(|tx| ledger::add_checkpoint(tx, checkpoint))
    }

    fn checkpoints_after(&self, size: u64, limit: usize) -> Result<Vec<KeptCheckpoint>, StoreError> {
        self.pool.read(|tx| ledger::checkpoints_after(tx, size, limit))
    }

    fn latest_checkpoint(&self) -> Result<Option<KeptCheckpoint>, StoreError> {
        self.pool.read(ledger::latest_checkpoint)
    }

    fn checkpoint_from(&self, at: Timestamp) -> Result<Option<KeptCheckpoint>, StoreError> {
        self.pool.read(|tx| ledger::checkpoint_from(tx, at))
    }

    fn report_body(
        &self,
        host: &HostId,
        incarnation: u32,
        sequence: u64,
    ) -> Result<Option<(Packing, Vec<u8>)>, StoreError> {
        self.pool.read(|tx| ledger::body(tx, host, incarnation, sequence))
    }

    fn audit(
        &self,
        key: &VerifierKey,
        anchors: &[Statement],
        now: Timestamp,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Findings, StoreError> {
        self.pool.snapshot(|tx| {
            Audit::run(
                &audit::Snapshot::new(tx),
                key,
                anchors,
                now.as_microsecond(),
                &mut *progress,
            )
        })
    }

    fn at_one_moment(
        &self,
        read: &mut dyn FnMut(&Kept<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.pool.snapshot(|tx| read(&audit::Snapshot::new(tx)))
    }

    fn gaps(&self, host: &HostId, incarnation: u32) -> Result<Vec<(u64, bool)>, StoreError> {
        self.pool.read(|tx| ledger::gaps(tx, host, incarnation))
    }

    fn publish_plan(&self, plan: &PublishedPlan, act: &Act) -> Result<bool, StoreError> {
        self.recorded(act, |tx| people::publish_plan(tx, plan, act))
    }

    fn plan_summary(&self) -> Result<Option<PlanSummary>, StoreError> {
        self.pool.read(people::plan_summary)
    }

    fn plan(&self) -> Result<Option<SignedPlan>, StoreError> {
        self.pool.read(people::plan)
    }

    fn add_record(&self, record: &NewRecord) -> Result<bool, StoreError> {
        self.pool.transaction(|tx| records::add(tx, record))
    }

    fn records(&self, family: Family, after: i64, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.pool.read(|tx| records::of_family(tx, family, after, limit))
    }

    fn records_of(&self, subject: &str) -> Result<Vec<Record>, StoreError> {
        self.pool.read(|tx| records::of_subject(tx, subject))
    }

    fn number_of_records(&self, family: Family) -> Result<u64, StoreError> {
        self.pool.read(|tx| records::number(tx, family))
    }

    fn plan_at(&self, at: Timestamp) -> Result<Option<SignedPlan>, StoreError> {
        self.pool.read(|tx| people::plan_at(tx, at))
    }

    fn add_api_token(&self, token: &ApiToken, act: &Act) -> Result<(), StoreError> {
        self.pool.transaction(|tx| {
            people::add_api_token(tx, token)?;
            people::record(tx, act)
        })
    }

    fn api_token(&self, sha256: &str) -> Result<Option<ApiToken>, StoreError> {
        self.pool.read(|tx| people::api_token(tx, sha256))
    }

    fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        self.pool.read(people::api_tokens)
    }

    fn revoke_api_token(&self, id: &str, act: &Act) -> Result<bool, StoreError> {
        self.recorded(act, |tx| people::revoke_api_token(tx, id, act.at))
    }

    fn acts(&self, limit: usize) -> Result<Vec<Act>, StoreError> {
        self.pool.read(|tx| people::acts(tx, limit))
    }

    fn take_lease(&self, name: &str, holder: &str, ttl: Duration) -> Result<bool, StoreError> {
        let ttl = i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX);
        // The database's clock, which is the one that all collectors share.
        let taken = self.pool.transaction(|tx| {
            tx.query_one(
                "INSERT INTO leases AS l (name, holder, until)
                 SELECT $1::text, $2::text, c.now + $3::bigint
                 FROM (SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) AS now) AS c
                 ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
                     WHERE l.holder = excluded.holder OR l.until <= excluded.until - $3::bigint
                 RETURNING l.until",
                &[&name, &holder, &ttl],
            )
        })?;
        taken.map_or(Ok(false), |row| row.value::<i64>("until").map(|_| true))
    }

    fn upkeep(&self, now: Timestamp) -> Result<(), StoreError> {
        partitions::make(&self.pool, now)
    }

    fn prune(&self, before: Timestamp, limit: usize, act: &Act) -> Result<usize, StoreError> {
        self.pool
            .transaction(|tx| partitions::prune(tx, before, limit, act))
    }

    fn add_user(&self, user: &User, act: &Act) -> Result<bool, StoreError> {
        self.recorded(act, |tx| users::add(tx, user))
    }

    fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        self.pool.read(|tx| users::named(tx, name))
    }

    fn user_of_subject(&self, subject: &Subject) -> Result<Option<User>, StoreError> {
        self.pool.read(|tx| users::of_subject(tx, subject))
    }

    fn has_users(&self) -> Result<bool, StoreError> {
        self.pool.read(users::any)
    }

    fn users(&self) -> Result<Vec<User>, StoreError> {
        self.pool.read(users::all)
    }

    fn change_user(&self, name: &str, change: &UserChange, act: &Act) -> Result<bool, StoreError> {
        self.recorded(act, |tx| users::change(tx, name, change, act.at))
    }

    fn add_session(&self, session: &NewSession, most: usize, act: &Act) -> Result<bool, StoreError> {
        self.recorded(act, |tx| users::add_session(tx, session, most))
    }

    fn session(&self, sha256: &str) -> Result<Option<Session>, StoreError> {
        self.pool.read(|tx| users::session(tx, sha256))
    }

    fn touch_session(&self, sha256: &str, at: Timestamp) -> Result<(), StoreError> {
        self.pool.transaction(|tx| users::touch_session(tx, sha256, at))
    }

    fn end_session(&self, sha256: &str, act: &Act) -> Result<bool, StoreError> {
        self.recorded(act, |tx| users::end_session(tx, sha256))
    }

    fn touch_api_token(&self, sha256: &str, at: Timestamp) -> Result<(), StoreError> {
        self.pool.transaction(|tx| users::touch_api_token(tx, sha256, at))
    }

    fn record_act(&self, act: &Act) -> Result<(), StoreError> {
        self.pool.transaction(|tx| people::record(tx, act))
    }

    fn acts_before(&self, before: Option<i64>, limit: usize) -> Result<Vec<RecordedAct>, StoreError> {
        self.pool.read(|tx| users::acts_before(tx, before, limit))
    }
}
