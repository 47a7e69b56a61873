//! `plan validate`: is this plan complete and sound.

use std::path::PathBuf;

use plumbline_config::lang::Bilingual;
use plumbline_config::message::Message;
use plumbline_config::plan::{LoadedPlan, Warning};
use plumbline_config::wire::PlanRef;
use plumbline_console::{Failure, Format, Outcome, Output};

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
    let loaded = LoadedPlan::load(file)?;
    let warnings: Vec<_> = loaded.plan.warnings().iter().map(Warning::message).collect();
    if output.format == Format::Json {
        output.json(&Validation {
            reference: &loaded.reference,
            warnings: warnings.iter().map(Message::render).collect(),
        })?;
        return Ok(Outcome::Clean);
    }
    for warning in &warnings {
        output.line(&warning.render_in(output.lang))?;
    }
    let key = if warnings.is_empty() {
        "plan-sound"
    } else {
        "plan-sound-with-warnings"
    };
    let sound = Message::new(key)
        .arg("file", file.display())
        .arg("version", &loaded.reference.version)
        .number("count", warnings.len());
    output.line(&sound.render_in(output.lang))?;
    Ok(Outcome::Clean)
}

/// What `plan validate --format json` prints of a sound plan.
#[derive(serde::Serialize)]
struct Validation<'p> {
    #[serde(flatten)]
    reference: &'p PlanRef,
    /// What an auditor would ask about; empty: the plan is complete.
    warnings: Vec<Bilingual>,
}
