//! The daemon: runs checks on schedule and on change, keeps what they say, and delivers it.
//!
//! One thread does all waiting; reading the host and the disk is done on a few others. The parts share one [`Board`]
//! and tell each other of news by watch channels; none calls another.

mod board;
mod connect;
mod courier;
mod drill;
mod gist;
mod looked;
mod metrics;
mod outside;
mod pulse;
mod runner;
mod socket;
mod supervisor;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use plumbline_checks::CHECKS;
use plumbline_config::plan::LoadedPlan;
use plumbline_config::settings::AgentSettings;
use plumbline_facts::Host;
use plumbline_facts::outside::OutsideFacts;
use tokio::sync::{Notify, watch};

use self::drill::Drills;
use self::looked::Looked;
use crate::data_dir::{DataDir, DataDirError};
use crate::identity::{Identity, IdentityError};
use crate::plan::{self, PlanError, Source};
use crate::spool::{Depth, Enrolment, Spool, SpoolError};
use crate::transport::ClientError;

pub use board::{
    Board, CertificateStatus, CheckStatus, DrillStage, DrillStatus, PlanStatus, Status, SyncStatus, Trouble,
    WatchStatus,
};
pub use drill::DrillReply;
pub use socket::{SocketError, ask, ask_for_drill};

/// Threads that may read the host or the disk at once: a run, the spool, name resolution, and one to spare.
const BLOCKING_THREADS: usize = 4;
/// Threads with nothing to do end after this, and their stacks with them: well before the next pulse, which would keep
/// the one that ran the checks, and all that its stack took, for ever.
const THREAD_KEEP_ALIVE: Duration = Duration::from_secs(2);
/// How long a run or a write that is under way at the end is waited for.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// What the daemon is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The settings.
    pub settings: AgentSettings,
    /// Where they were read from, to read them again on SIGHUP.
    pub settings_path: Option<PathBuf>,
    /// Root of the host to look at; `/` but in tests.
    pub root: PathBuf,
}

/// Why the daemon could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// No identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// No data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// No spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// No plan, not even the built-in one.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// No client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The operating system refused something that the daemon can't do without.
    #[error("cannot {deed}: {source}")]
    System {
        /// What it was asked for.
        deed: String,
        /// What it said.
        source: std::io::Error,
    },
}

impl DaemonError {
    fn system(deed: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let deed = deed.into();
        move |source| Self::System { deed, source }
    }
}

/// What the parts share.
struct Shared {
    host: Arc<Host>,
    root: PathBuf,
    spool: Arc<Spool>,
    board: Board,
    looked: Looked,
    settings: watch::Sender<Arc<AgentSettings>>,
    identity: watch::Sender<Arc<Identity>>,
    plan: watch::Sender<Arc<(LoadedPlan, Source)>>,
    /// Drills that were asked for and no run knows of yet.
    drills: Drills,
    /// What came of proofs from outside.
    outside: watch::Sender<Arc<OutsideFacts>>,
    /// Something was kept in the spool.
    kept: Notify,
    /// The collector was asked for its plan.
    plan_asked: Notify,
}

impl Shared {
    fn settings(&self) -> Arc<AgentSettings> {
        Arc::clone(&self.settings.borrow())
    }

    fn identity(&self) -> Arc<Identity> {
        Arc::clone(&self.identity.borrow())
    }

    fn plan(&self) -> Arc<(LoadedPlan, Source)> {
        Arc::clone(&self.plan.borrow())
    }

    /// Puts another plan in force, unless it is the one that is.
    fn set_plan(&self, plan: LoadedPlan, source: Source) {
        self.board.update(|status| {
            status.plan = PlanStatus {
                version: plan.reference.version.clone(),
                sha256: plan.reference.sha256.clone(),
                source,
                error: None,
            };
        });
        self.plan.send_if_modified(|current| {
            let new = current.0.reference != plan.reference || current.1 != source;
            if new {
                tracing::info!(version = plan.reference.version, %source, "plan in force");
                *current = Arc::new((plan, source));
            }
            new
        });
    }

    /// Works on the spool on a thread that may wait for the disk.
    async fn spool<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Spool) -> Result<T, SpoolError> + Send + 'static,
    ) -> Result<T, SpoolError> {
        let spool = Arc::clone(&self.spool);
        match tokio::task::spawn_blocking(move || work(&spool)).await {
            Ok(result) => result,
            Err(error) => Err(SpoolError::Io(std::io::Error::other(error))),
        }
    }
}

/// Runs the daemon until SIGTERM or SIGINT.
pub fn run(options: Options) -> Result<(), DaemonError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(THREAD_KEEP_ALIVE)
        .build()
        .map_err(DaemonError::system("start the runtime"))?;
    let result = runtime.block_on(supervisor::supervise(options));
    runtime.shutdown_timeout(SHUTDOWN_GRACE);
    result
}

/// Everything that must be there before the daemon says that it is ready.
fn prepare(options: &Options) -> Result<Shared, DaemonError> {
    let settings = &options.settings;
    DataDir::create(&settings.data_dir)?;
    let identity = Identity::load(&settings.data_dir)?;
    let enrolment = Enrolment::from(&identity);
    let spool = Spool::open(&settings.data_dir, &enrolment, known_checks())?;
    let host = Host::at(&options.root).map_err(DaemonError::system("open the host's root directory"))?;
    let (plan, source, plan_error) = first_plan(settings, &identity)?;
    let mut run_error = None;
    if spool.started_over() {
        let message = "the spool could not be read and was moved aside; what it held was not delivered";
        tracing::error!("{message}");
        run_error = Some(Trouble::now(message));
    }
    let status = Status {
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        started_at: Timestamp::now(),
        host_id: identity.host_id().clone(),
        incarnation: identity.incarnation(),
        role: identity.role(),
        plan: PlanStatus {
            version: plan.reference.version.clone(),
            sha256: plan.reference.sha256.clone(),
            source,
            error: plan_error,
        },
        certificate: certificate_status(&identity),
        sync: SyncStatus {
            collector: identity.agent_url().to_owned(),
            delivered_assessments: 0,
            last_success_at: None,
            last_heartbeat_at: None,
            error: None,
            next_attempt_at: None,
            resync_error: None,
        },
        spool: spool.depth().unwrap_or_else(|_| Depth::default()),
        watch: WatchStatus::default(),
        run_error,
        checks: std::collections::BTreeMap::new(),
        drill: None,
    };
    Ok(Shared {
        host: Arc::new(host),
        root: options.root.clone(),
        spool: Arc::new(spool),
        board: Board::new(status),
        looked: Looked::new(known_checks()),
        settings: watch::Sender::new(Arc::new(settings.clone())),
        identity: watch::Sender::new(Arc::new(identity)),
        plan: watch::Sender::new(Arc::new((plan, source))),
        drills: Drills::default(),
        outside: watch::Sender::new(Arc::new(outside::remembered(&settings.data_dir))),
        kept: Notify::new(),
        plan_asked: Notify::new(),
    })
}

/// The checks that this program has.
fn known_checks() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|check| check.id)
}

/// The plan to begin with. A plan file that the settings name must stand; a kept plan that does not is told and left.
fn first_plan(
    settings: &AgentSettings,
    identity: &Identity,
) -> Result<(LoadedPlan, Source, Option<Trouble>), DaemonError> {
    match plan::load(settings.plan.as_deref(), &settings.data_dir, &identity.plan_key()) {
        Ok((plan, source)) => Ok((plan, source, None)),
        Err(error) if settings.plan.is_none() => {
            tracing::error!("{error}; judging by the form's usual values until the collector sends its plan");
            let (plan, source) = plan::built_in()?;
            Ok((plan, source, Some(Trouble::now(error.to_string()))))
        }
        Err(error) => Err(error.into()),
    }
}

fn certificate_status(identity: &Identity) -> CertificateStatus {
    let validity = identity.validity();
    CertificateStatus {
        not_after: validity.not_after,
        renew_at: validity.renew_at(),
        error: None,
    }
}

/// A declared interval as the clock of the runtime takes it.
fn duration(interval: plumbline_config::interval::Interval) -> Duration {
    Duration::from_secs(u64::try_from(interval.nominal_seconds()).unwrap_or(0).max(1))
}
