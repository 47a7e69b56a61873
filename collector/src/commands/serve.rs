//! `serve`: the server, until SIGTERM or SIGINT.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use plumbline_console::{Failure, Outcome};
use sd_notify::NotifyState;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing::warn;
use tracing_subscriber::filter::LevelFilter;

use crate::cli::Place;
use crate::server::Server;

/// Threads that wait for the database. Reads are short; more would only contend.
const BLOCKING_THREADS: usize = 32;

/// Arguments of the command.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: plumbline-collector serve --config /etc/plumbline/collector.toml")]
pub(crate) struct Args {
    /// Refuse a store of an older schema, rather than bring it up to date: `store migrate` is run by somebody else
    #[arg(long)]
    no_migrate: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args, place: &Place) -> Result<Outcome, Failure> {
    let settings = place.settings()?;
    // `PLUMBLINE_LOG=debug` says more. No log line holds a token, a user's name or a finding's text.
    let level = std::env::var("PLUMBLINE_LOG")
        .ok()
        .and_then(|level| level.parse().ok());
    tracing_subscriber::fmt()
        .with_max_level(level.unwrap_or(LevelFilter::INFO))
        .with_writer(std::io::stderr)
        .init();
    allow_open_files();
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let server = if args.no_migrate {
            Server::start_without_migration(settings).await?
        } else {
            Server::start(settings).await?
        };
        notify(&NotifyState::Ready);
        server
            .run(async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                notify(&NotifyState::Stopping);
            })
            .await;
        Ok(Outcome::Clean)
    })
}

/// Tells the service manager, if one listens (sd_notify(3)).
fn notify(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        warn!(%error, "cannot tell the service manager");
    }
}

/// Raises the number of open files to what the system allows: each connection is one, and the usual limit is 1024.
fn allow_open_files() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        warn!(%error, "cannot raise the number of open files");
    }
}
