//! What the collector keeps, behind one trait: the engine is SQLite or PostgreSQL, and whoever calls can't tell.
//!
//! Every method is one transaction; when a method that writes returns `Ok`, what it wrote is on durable storage.
//! Methods block, so async code calls them from a blocking thread ([`crate::web::App::blocking`]).
//!
//! # One identity, one machine
//!
//! Enrolment with the same machine hash and the same host name as a known host is a re-installation: the host keeps
//! its id, its next incarnation begins, and the certificates of the one before are revoked. Two machines cloned from
//! one image look just the same at that moment; what tells them apart is that the older identity goes on speaking.
//! So a report from a superseded certificate is refused *and* recorded on the host ([`Host::conflict_at`]), and from
//! then on the next enrolment with that hash and name gets an id of its own.

pub(crate) mod copy;
mod error;
mod intake;
mod kept;
mod leaves;
mod model;
mod open;
mod people;
mod postgres;
mod query;
mod records;
pub(crate) mod sqlite;
#[cfg(test)]
pub(crate) mod suite;
mod tally;
mod totals;

use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;
use plumbline_config::ident::HostId;
use plumbline_config::wire::SignedPlan;

use crate::freshness::Cutoff;
use crate::ledger::audit::{Archive, Findings, Progress};
use crate::ledger::note::VerifierKey;
use crate::ledger::statement::Statement;
use crate::ledger::tree::{Frontier, Hash};

pub use error::StoreError;
pub(crate) use intake::looked_at;
pub use kept::{Beat, Change, Fork, Incoming, Keep, KeepReply, PackedBody, Packing, Presence, Transition};
pub use leaves::{KeptCheckpoint, Leaf, LeafOf};
pub use model::{
    Act, ApiToken, CertificateRecord, Enrolled, Enrolment, EnrolmentToken, Host, LatestFinding,
    NewCertificate, PlanSummary, PublishedPlan, TokenRefusal,
};
pub(crate) use open::{Engine, open_to_copy};
pub use open::{open, open_read_only};
pub use people::{NewSession, PasswordHash, RecordedAct, Session, Subject, User, UserChange};
pub use postgres::{PostgresStore, Server as PostgresServer};
pub use query::{Cursor, FindingPage, FindingQuery, HostQuery};
pub use records::{Family, NewRecord, Record};
pub(crate) use records::{binds, bound};
pub(crate) use sqlite::copy::copy_file;
pub use sqlite::{SqliteSnapshot, SqliteStore};
#[cfg(test)]
pub(crate) use tally::Tally;
pub(crate) use tally::rank;
#[cfg(test)]
pub(crate) use totals::Standing;
pub use totals::{Counted, Recount, Totals, Waived};

/// Everything on record, as it is at one moment.
pub type Kept<'a> = dyn Archive<Error = StoreError> + 'a;

/// What the collector keeps.
pub trait Store: Send + Sync {
    /// Whether the engine answers; for readiness.
    fn ping(&self) -> Result<(), StoreError>;

    // Enrolment.

    /// Keeps a new enrolment token.
    fn add_enrolment_token(&self, token: &EnrolmentToken, act: &Act) -> Result<(), StoreError>;
    /// Every enrolment token, newest first.
    fn enrolment_tokens(&self) -> Result<Vec<EnrolmentToken>, StoreError>;
    /// Spends one use of a token on a host: finds or makes the host, and puts its certificate on record.
    ///
    /// The same token with the same key again, as after a lost answer, gives the same identity and spends nothing.
    fn enrol(&self, enrolment: &Enrolment) -> Result<Result<Enrolled, TokenRefusal>, StoreError>;

    // Identity.

    /// Puts a renewed certificate on record.
    fn add_certificate(&self, certificate: &NewCertificate) -> Result<(), StoreError>;
    /// The certificate with a serial number.
    fn certificate(&self, serial: &str) -> Result<Option<CertificateRecord>, StoreError>;
    /// Public keys that a host's incarnation holds unrevoked certificates for, newest first, at most `limit`.
    fn public_keys(&self, host: &HostId, incarnation: u32, limit: usize) -> Result<Vec<Vec<u8>>, StoreError>;
    /// Revokes a host and all its certificates; false when there is no such host or it was revoked before.
    fn revoke_host(&self, host: &HostId, act: &Act) -> Result<bool, StoreError>;
    /// Records that a superseded identity of a host still speaks.
    fn note_conflict(&self, host: &HostId, at: Timestamp) -> Result<(), StoreError>;

    // Reports.

    /// Takes reports in, in order, in one transaction, and says of each what became of it.
    fn keep(&self, reports: &[Incoming]) -> Result<KeepReply, StoreError>;
    /// Reads what keeping a report will need, so that whoever keeps it finds it in memory: for when many wait. Changes
    /// nothing, and an engine that reads for many at a time anyway has nothing to do.
    fn read_ahead(&self, incoming: &Incoming) -> Result<(), StoreError>;

    /// Takes note that hosts live and that what is kept of them still stands.
    fn beat(&self, beats: &[Beat]) -> Result<(), StoreError>;
    /// What a heartbeat is compared with.
    fn presence(&self, host: &HostId) -> Result<Option<Presence>, StoreError>;
    /// Counts hosts that the line has passed as silent, and their findings as stale: at most so many, and says how
    /// many. A periodic job, of one collector at a time.
    fn age(&self, cutoff: Cutoff, most: usize) -> Result<usize, StoreError>;

    // What is known now.

    /// Hosts in the order of their ids.
    fn hosts(&self, query: &HostQuery) -> Result<Vec<Host>, StoreError>;
    /// One host.
    fn host(&self, host: &HostId) -> Result<Option<Host>, StoreError>;
    /// The latest findings of one host, by check and subject.
    fn latest_findings(&self, host: &HostId) -> Result<Vec<LatestFinding>, StoreError>;
    /// A page of the latest findings of all hosts, in the order host, check, subject.
    fn findings(&self, query: &FindingQuery) -> Result<FindingPage, StoreError>;
    /// What all hosts together show. Costs the number of kinds, not of hosts.
    fn totals(&self, cutoff: Cutoff) -> Result<Totals, StoreError>;
    /// What it makes different in the totals that these findings, which fail, are waived.
    fn waived(&self, waived: &[(HostId, Vec<Waived>)]) -> Result<Totals, StoreError>;
    /// Counts all that [`Self::totals`] says anew, from what is kept of each host. Needed after collectors with different
    /// catalogues added to the totals side by side; nothing is lost that others add meanwhile.
    fn recount(&self) -> Result<Recount, StoreError>;
    /// Changes of a host's findings, newest first.
    fn history(&self, host: &HostId, limit: usize) -> Result<Vec<Transition>, StoreError>;

    // The ledger: every report and every act that is kept is a leaf. One host's reports stand in their order.

    /// Gives leaves that wait for their place in the tree that place, at most `limit`, and says how many. Where one
    /// writes alone none ever waits. A periodic job; two that do it at once do it once.
    fn integrate(&self, limit: usize) -> Result<usize, StoreError>;
    /// The right edge of the ledger's tree.
    fn ledger_frontier(&self) -> Result<Frontier, StoreError>;
    /// Hashes of complete subtrees at a level (0, 8, 16 …), as far as there are.
    fn ledger_nodes(&self, level: u8, range: Range<u64>) -> Result<Vec<Hash>, StoreError>;
    /// Leaves from a place on, with the entries that the kept rows give, at most `limit`.
    fn ledger_leaves(&self, from: u64, limit: usize) -> Result<Vec<Leaf>, StoreError>;
    /// The place of a leaf.
    fn ledger_place(&self, of: &LeafOf) -> Result<Option<u64>, StoreError>;
    /// Keeps a checkpoint; one of that size that is kept already stays.
    fn add_checkpoint(&self, checkpoint: &KeptCheckpoint) -> Result<(), StoreError>;
    /// Checkpoints of more than `size` leaves, smallest first, at most `limit`.
    fn checkpoints_after(&self, size: u64, limit: usize) -> Result<Vec<KeptCheckpoint>, StoreError>;
    /// The newest checkpoint.
    fn latest_checkpoint(&self) -> Result<Option<KeptCheckpoint>, StoreError>;
    /// The first checkpoint that was signed at this moment or later.
    fn checkpoint_from(&self, at: Timestamp) -> Result<Option<KeptCheckpoint>, StoreError>;
    /// Body of a kept report: how it is packed, and the packed bytes.
    fn report_body(
        &self,
        host: &HostId,
        incarnation: u32,
        sequence: u64,
    ) -> Result<Option<(Packing, Vec<u8>)>, StoreError>;
    /// Audits everything on record, as it is at one moment; `key` is what checkpoints are signed with, and `anchors` are
    /// checkpoints that were kept elsewhere, in the order of their sizes.
    fn audit(
        &self,
        key: &VerifierKey,
        anchors: &[Statement],
        now: Timestamp,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Findings, StoreError>;
    /// Reads everything on record as it is at one moment. `read` is called again where the database asks for that.
    fn at_one_moment(
        &self,
        read: &mut dyn FnMut(&Kept<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;
    /// Gaps that a host's reports told of: the report that told, and whether the chain of hashes runs on there.
    fn gaps(&self, host: &HostId, incarnation: u32) -> Result<Vec<(u64, bool)>, StoreError>;

    // The plan.

    /// Makes a plan the current one; false when it was current already.
    fn publish_plan(&self, plan: &PublishedPlan, act: &Act) -> Result<bool, StoreError>;
    /// Version and hash of the current plan.
    fn plan_summary(&self) -> Result<Option<PlanSummary>, StoreError>;
    /// The current plan.
    fn plan(&self) -> Result<Option<SignedPlan>, StoreError>;

    /// The plan that was current at a moment.
    fn plan_at(&self, at: Timestamp) -> Result<Option<SignedPlan>, StoreError>;

    // Records.

    /// Keeps a record and its act; false when its version is not the next of its subject, as where somebody else was
    /// quicker.
    fn add_record(&self, record: &NewRecord) -> Result<bool, StoreError>;
    /// Records of a family in the order in which they were kept, after the act with this number, at most `limit`.
    fn records(&self, family: Family, after: i64, limit: usize) -> Result<Vec<Record>, StoreError>;
    /// Records of one subject, oldest first.
    fn records_of(&self, subject: &str) -> Result<Vec<Record>, StoreError>;
    /// How many records of a family there are: as none ever goes, another number tells of new ones.
    fn number_of_records(&self, family: Family) -> Result<u64, StoreError>;

    // People.

    /// Keeps a new API token.
    fn add_api_token(&self, token: &ApiToken, act: &Act) -> Result<(), StoreError>;
    /// The API token with a hash, revoked and expired ones included.
    fn api_token(&self, sha256: &str) -> Result<Option<ApiToken>, StoreError>;
    /// Every API token, newest first.
    fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError>;
    /// Revokes an API token by its public name; false when there is none, or it was revoked before.
    fn revoke_api_token(&self, id: &str, act: &Act) -> Result<bool, StoreError>;
    /// Acts of people, newest first.
    fn acts(&self, limit: usize) -> Result<Vec<Act>, StoreError>;

    // Users and sessions.

    /// Keeps a new user; false when there is one of that name or that subject.
    fn add_user(&self, user: &User, act: &Act) -> Result<bool, StoreError>;
    /// The user of a name.
    fn user(&self, name: &str) -> Result<Option<User>, StoreError>;
    /// The user of a subject.
    fn user_of_subject(&self, subject: &Subject) -> Result<Option<User>, StoreError>;
    /// Whether there is any user.
    fn has_users(&self) -> Result<bool, StoreError>;
    /// Every user, by name.
    fn users(&self) -> Result<Vec<User>, StoreError>;
    /// Changes a user and ends the user's sessions; false when there is no such user, or nothing to change.
    fn change_user(&self, name: &str, change: &UserChange, act: &Act) -> Result<bool, StoreError>;
    /// Begins a session; false when there is no such user, or it is disabled. Sessions that are past their end go, and
    /// of a user with more than `most` the oldest.
    fn add_session(&self, session: &NewSession, most: usize, act: &Act) -> Result<bool, StoreError>;
    /// The session with a hash.
    fn session(&self, sha256: &str) -> Result<Option<Session>, StoreError>;
    /// Notes that a session was used.
    fn touch_session(&self, sha256: &str, at: Timestamp) -> Result<(), StoreError>;
    /// Ends a session; false when there is none.
    fn end_session(&self, sha256: &str, act: &Act) -> Result<bool, StoreError>;
    /// Notes that an API token was used.
    fn touch_api_token(&self, sha256: &str, at: Timestamp) -> Result<(), StoreError>;
    /// Records an act that changes nothing else, such as a sign-in that failed.
    fn record_act(&self, act: &Act) -> Result<(), StoreError>;
    /// Acts of people before the one with this number, newest first.
    fn acts_before(&self, before: Option<i64>, limit: usize) -> Result<Vec<RecordedAct>, StoreError>;

    // Periodic jobs.

    /// Takes or keeps a lease for `ttl` by the database's clock: false while another holds it. For not doing the same
    /// work twice; nothing goes wrong where two hold it, as when one was stopped for longer than its lease.
    fn take_lease(&self, name: &str, holder: &str, ttl: Duration) -> Result<bool, StoreError>;
    /// What the engine wants done once in a while.
    fn upkeep(&self, now: Timestamp) -> Result<(), StoreError>;
    /// Removes bodies of reports and changes of findings that were received before `before`, about `limit` rows, and
    /// says how many. What the ledger's leaves stand for stays, and `act` records it, with the number put to what it
    /// says it was done to.
    fn prune(&self, before: Timestamp, limit: usize, act: &Act) -> Result<usize, StoreError>;
}
