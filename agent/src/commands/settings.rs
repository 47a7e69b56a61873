//! `--config`, as every command that works with the daemon's files takes it.

use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, umask};
use plumbline_config::settings::{AgentSettings, DEFAULT_AGENT_SETTINGS};
use plumbline_console::Failure;

/// The settings file.
#[derive(Debug, clap::Args)]
pub(crate) struct Config {
    /// Settings of the agent; /etc/plumbline/agent.toml where it exists, otherwise the defaults
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Config {
    /// The settings, and the file they were read from. What the program writes from here on is its user's alone.
    pub(crate) fn load(&self) -> Result<(AgentSettings, Option<PathBuf>), Failure> {
        umask(Mode::S_IRWXG | Mode::S_IRWXO);
        let installed = Path::new(DEFAULT_AGENT_SETTINGS);
        let path = match &self.config {
            Some(path) => Some(path.clone()),
            None => installed.exists().then(|| installed.to_owned()),
        };
        let settings = match &path {
            Some(path) => AgentSettings::load(path)?,
            None => AgentSettings::default(),
        };
        Ok((settings, path))
    }
}
