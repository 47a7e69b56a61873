//! The running collector: what it is made of, how it starts and how it stops.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use plumbline_config::settings::CollectorSettings;
use rustls::ServerConfig;
use rustls::crypto::ring::Ticketer;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tracing::{error, info, warn};

use crate::anchor::{AnchorSetupError, Anchors};
use crate::certificates;
use crate::evidence::{Evidence, EvidenceError};
use crate::home::{Home, HomeError};
use crate::ingest::IngestQueue;
use crate::jobs;
use crate::ledger::keeper::Keeper;
use crate::metrics::{Metrics, MetricsError};
use crate::oidc::{Oidc, OidcSetupError};
use crate::pki::{
    AskForCertificate, Authority, FileIdentity, FilesError, PeerJudge, PkiError, ServerIdentity, Signer,
    provider,
};
use crate::store::{self, StoreError};
use crate::users::UserError;
use crate::web::{
    App, BACKLOG, BODY_BUDGET_KIB, INTAKES_AT_A_TIME, Listener, REPORTS_AT_A_TIME, Shared, agent_router,
    web_router,
};

/// Why the collector could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data directory.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Keys and certificates.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Metrics.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// An address could not be listened on.
    #[error("cannot listen on {address}: {source}; set `{setting}` in the settings to a free address")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The setting that names it.
        setting: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// Passwords can't be verified.
    #[error(transparent)]
    Users(#[from] UserError),
    /// The certificate for people.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// Half of the certificate for people.
    #[error(
        "the settings name one of tls_certificate and tls_key; name both, or none for a certificate by the collector's own CA"
    )]
    HalfAPair,
    /// The identity provider of the settings.
    #[error(transparent)]
    Oidc(#[from] OidcSetupError),
    /// Where evidence is kept.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// Where copies of checkpoints go.
    #[error(transparent)]
    Anchor(#[from] AnchorSetupError),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// Longest wait for a server that keeps evidence, while the collector starts.
const EVIDENCE_PATIENCE: Duration = Duration::from_secs(10);

/// A collector that listens, and serves once it is run.
pub struct Server {
    app: Shared,
    agent: Listener,
    web: Listener,
    ingest: JoinHandle<()>,
    keeper: Arc<Keeper>,
    anchors: Anchors,
    agent_address: SocketAddr,
    web_address: SocketAddr,
}

impl Server {
    /// Opens the data directory, the store and both listeners; brings the store to this program's schema.
    pub async fn start(settings: CollectorSettings) -> Result<Self, ServeError> {
        Self::over(settings, true).await
    }

    /// As [`Self::start`], but refuses a store that is not at this program's schema.
    pub async fn start_without_migration(settings: CollectorSettings) -> Result<Self, ServeError> {
        Self::over(settings, false).await
    }

    async fn over(settings: CollectorSettings, migrate: bool) -> Result<Self, ServeError> {
        let home = Home::new(&settings.data_dir);
        home.require_initialised()?;
        let authority = Authority::load(&home)?;
        let signer = Signer::load(&home)?;
        // Opening waits for the database, which async code must not.
        let opened = settings.clone();
        let store = tokio::task::spawn_blocking(move || store::open(&opened, migrate))
            .await
            .map_err(|error| ServeError::Thread(error.into()))??;
        let keeper = Arc::new(Keeper::new(
            Arc::clone(&store),
            Signer::load(&home)?,
            authority.origin(),
        ));
        // Whoever asks finds a checkpoint from the start.
        let first = Arc::clone(&keeper);
        tokio::task::spawn_blocking(move || jobs::sign_checkpoint(&first))
            .await
            .map_err(|error| ServeError::Thread(error.into()))?;
        let metrics = Arc::new(Metrics::new()?);
        let (agent_tcp, agent_address) = listen(settings.agent_listen, "agent_listen")?;
        let (web_tcp, web_address) = listen(settings.web_listen, "web_listen")?;
        let names = names(&settings, &[agent_address, web_address]);
        let identity = Arc::new(ServerIdentity::new(&authority, names, Timestamp::now())?);
        let judge = Arc::new(PeerJudge::new(&authority)?);
        let alarms = Arc::new(jobs::Alarms::default());
        let drills = Arc::new(jobs::Drills::default());
        let (counting, watching) = (Arc::clone(&metrics), Arc::clone(&alarms));
        let drilling = Arc::clone(&drills);
        let (ingest, thread) = IngestQueue::start(
            Arc::clone(&store),
            Box::new(move |incoming, keep| {
                counting.committed(incoming, keep);
                watching.committed(incoming, keep);
                drilling.committed(incoming, keep);
            }),
        )
        .map_err(ServeError::Thread)?;
        let files = own_files(&settings, &identity)?;
        let oidc = settings.oidc.as_ref().map(Oidc::new).transpose()?;
        let evidence = Arc::new(evidence(&settings).await?);
        let anchors = Anchors::new(&settings.anchor, &home)?;
        let app = Arc::new(App {
            settings,
            authority,
            identity: Arc::clone(&identity),
            files: files.clone(),
            signer,
            store,
            ingest,
            metrics,
            pulses: Arc::default(),
            writable: AtomicBool::new(true),
            throttle: crate::web::Throttle::default(),
            pace: crate::web::Pace::default(),
            verifier: crate::web::Verifier::new()?,
            oidc,
            people: Arc::default(),
            days: jobs::Days::default(),
            alarms,
            drills,
            prover: crate::prover::Prover::default(),
            evidence,
            intakes: Semaphore::new(INTAKES_AT_A_TIME),
            bodies: Semaphore::new(BODY_BUDGET_KIB),
            reports: Arc::new(Semaphore::new(REPORTS_AT_A_TIME)),
            agent_port: agent_address.port(),
        });
        // Before anything new is taken in: what stood when the last days ended is known only now.
        let recording = Arc::clone(&app);
        tokio::task::spawn_blocking(move || jobs::record_days(&recording))
            .await
            .map_err(|error| ServeError::Thread(error.into()))?;
        Ok(Self {
            agent: Listener {
                tcp: agent_tcp,
                tls: acceptor(Arc::<ServerIdentity>::clone(&identity), true)?,
                judge: Some(judge),
                router: agent_router(&app),
            },
            web: Listener {
                tcp: web_tcp,
                tls: match files {
                    Some(files) => acceptor(files, false)?,
                    None => acceptor(identity, false)?,
                },
                judge: None,
                router: web_router(&app),
            },
            app,
            ingest: thread,
            keeper,
            anchors,
            agent_address,
            web_address,
        })
    }

    /// Where agents are listened to.
    #[must_use]
    pub const fn agent_address(&self) -> SocketAddr {
        self.agent_address
    }

    /// Where people are listened to.
    #[must_use]
    pub const fn web_address(&self) -> SocketAddr {
        self.web_address
    }

    /// Where files of evidence are kept.
    #[must_use]
    pub fn evidence(&self) -> &Arc<Evidence> {
        &self.app.evidence
    }

    /// Serves until `stop` is done; returns when requests that ran are answered and reports that waited are committed.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let (told, tell) = (watch::Sender::new(false), watch::Sender::subscribe);
        let agent = tokio::spawn(self.agent.serve(tell(&told)));
        let web = tokio::spawn(self.web.serve(tell(&told)));
        let jobs = [
            tokio::spawn(jobs::keep_certificate(Arc::clone(&self.app))),
            tokio::spawn(certificates::watch(Arc::clone(&self.app))),
            tokio::spawn(jobs::keep_pulses(Arc::clone(&self.app))),
            tokio::spawn(jobs::keep_order(Arc::clone(&self.app))),
            tokio::spawn(jobs::keep_upkeep(Arc::clone(&self.app))),
            tokio::spawn(jobs::keep_days(Arc::clone(&self.app))),
            tokio::spawn(jobs::keep_incidents(Arc::clone(&self.app))),
            tokio::spawn(jobs::keep_ledger(Arc::clone(&self.app), Arc::clone(&self.keeper))),
            tokio::spawn(jobs::keep_anchors(Arc::clone(&self.app), self.anchors)),
        ];
        info!(agent = %self.agent_address, web = %self.web_address, "serving");
        stop.await;
        info!("stopping");
        told.send_replace(true);
        for listener in [agent, web] {
            if let Err(error) = listener.await {
                error!(%error, "a listener failed");
            }
        }
        for job in jobs {
            job.abort();
            let _aborted = job.await;
        }
        let app = Arc::clone(&self.app);
        if let Err(error) =
            tokio::task::spawn_blocking(move || app.pulses.write(app.store.as_ref(), app.cutoff())).await
        {
            error!(%error, "the last heartbeats were not written");
        }
        // The last queue goes with the last owner of the application; then the thread commits what waits and ends.
        let store = Arc::clone(&self.app.store);
        drop(self.app);
        let ingest = self.ingest;
        let last = move || {
            let ended = ingest.join();
            // Nothing comes any more: one checkpoint over all of it.
            jobs::integrate(store.as_ref());
            jobs::sign_checkpoint(&self.keeper);
            ended
        };
        match tokio::task::spawn_blocking(last).await {
            Ok(Ok(())) => info!("stopped"),
            _ => error!("the ingest thread failed"),
        }
    }
}

fn listen(address: SocketAddr, setting: &'static str) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError::Listen {
        address,
        setting,
        source,
    };
    let listener = match bind(address) {
        // "Every address" on a kernel without IPv6 is every address of IPv4.
        Err(error) if address.ip().is_unspecified() && address.is_ipv6() && is_no_ipv6(&error) => {
            warn!("no IPv6 here; listening on IPv4 alone");
            bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())))
        }
        bound => bound,
    }
    .map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A collector that is started again need not wait for connections of the one before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn is_no_ipv6(error: &io::Error) -> bool {
    use nix::libc::{EADDRNOTAVAIL, EAFNOSUPPORT};
    matches!(error.raw_os_error(), Some(EAFNOSUPPORT | EADDRNOTAVAIL))
}

/// The names that the server certificate holds: those of the settings first, then those this machine has anyway.
fn names(settings: &CollectorSettings, listeners: &[SocketAddr]) -> Vec<String> {
    let own = nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok());
    let addresses = listeners
        .iter()
        .map(SocketAddr::ip)
        .filter(|ip| !ip.is_unspecified());
    let candidates = settings
        .names
        .iter()
        .cloned()
        .chain(own)
        .chain(addresses.map(|ip| ip.to_string()))
        .chain(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    let mut names: Vec<String> = Vec::new();
    for name in candidates {
        if !is_name(&name) {
            warn!(
                name,
                "is neither a DNS name nor an address; left out of the certificate"
            );
        } else if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn is_name(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || rustls::pki_types::DnsName::try_from(text).is_ok()
}

/// Where evidence is kept. A server that keeps it and is away is asked again when the first file comes; one that can't do
/// what the settings ask for keeps the collector from starting.
async fn evidence(settings: &CollectorSettings) -> Result<Evidence, EvidenceError> {
    let evidence = Evidence::open(settings)?;
    match tokio::time::timeout(EVIDENCE_PATIENCE, evidence.ready()).await {
        Ok(Err(error @ EvidenceError::Away { .. })) => {
            warn!(%error, "starting without the server that keeps evidence");
        }
        Ok(ready) => ready?,
        Err(_) => warn!("starting without the server that keeps evidence: it does not answer"),
    }
    Ok(evidence)
}

/// The company's own certificate for people, if the settings name one.
fn own_files(
    settings: &CollectorSettings,
    identity: &Arc<ServerIdentity>,
) -> Result<Option<Arc<FileIdentity>>, ServeError> {
    match (&settings.tls_certificate, &settings.tls_key) {
        (Some(certificate), Some(key)) => {
            let files = FileIdentity::load(certificate, key, Arc::clone(identity))?;
            Ok(Some(Arc::new(files)))
        }
        (None, None) => Ok(None),
        _ => Err(ServeError::HalfAPair),
    }
}

fn acceptor(
    identity: Arc<dyn ResolvesServerCert>,
    ask_for_certificate: bool,
) -> Result<TlsAcceptor, PkiError> {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = if ask_for_certificate {
        builder.with_client_cert_verifier(Arc::new(AskForCertificate::new(provider())))
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_cert_resolver(identity);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A host that comes back within hours resumes its session (RFC 8446, 2.2), which spares both sides the signatures.
    // The ticket holds the certificate that was shown, sealed with a key of this process, and it is judged anew.
    config.ticketer = Ticketer::new()?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
