//! `plan validate`: is this plan complete and sound.

use std::path::PathBuf;

use plumbline_config::message::Message;
use plumbline_config::plan::LoadedPlan;

use crate::output::{Failure, Format, Outcome, Output};

/// Commands on a plan file.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Say whether a plan file is complete and sound
    #[command(after_help = "Example: plumbline-agent plan validate plan.toml")]
    Validate {
        /// The plan
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Runs the command.
pub(crate) fn run(command: &Command, output: &Output) -> Result<Outcome, Failure> {
    let Command::Validate { file } = command;
    let plan = LoadedPlan::load(file)?;
    if output.format == Format::Json {
        output.json(&plan.reference)?;
    } else {
        let sound = Message::new("plan-sound")
            .arg("file", file.display())
            .arg("version", &plan.reference.version);
        output.line(&sound.render_in(output.lang))?;
    }
    Ok(Outcome::Clean)
}
