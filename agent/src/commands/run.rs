//! `run`: the daemon.

use std::io::stderr;
use std::path::PathBuf;

use plumbline_console::{Failure, Outcome};
use tracing::Level;

use super::settings::Config;
use crate::daemon::{self, Options};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: plumbline-agent run --config /etc/plumbline/agent.toml\n\
                        SIGHUP reads settings, plan and identity again; SIGTERM ends it."
)]
pub(crate) struct Args {
    #[command(flatten)]
    config: Config,

    /// Least level that is logged: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: Level,
}

/// Runs the daemon until a signal ends it.
pub(crate) fn run(args: &Args) -> Result<Outcome, Failure> {
    let (settings, settings_path) = args.config.load()?;
    let logs = tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_max_level(args.log)
        .with_target(false);
    // The journal stamps each line with its own time (systemd.exec(5)).
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        logs.without_time().init();
    } else {
        logs.init();
    }
    daemon::run(Options {
        settings,
        settings_path,
        root: PathBuf::from("/"),
    })?;
    Ok(Outcome::Clean)
}
