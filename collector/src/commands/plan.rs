//! `plan …`: the company's plan.

use std::path::PathBuf;

use plumbline_config::message::Message;
use plumbline_config::plan::LoadedPlan;

use super::act;
use crate::cli::Place;
use crate::output::{Failure, Format, Outcome, Output};
use crate::pki::Signer;
use crate::store::{PublishedPlan, Store};

/// Commands on a plan file.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Say whether a plan file is complete and sound
    #[command(after_help = "Example: plumbline-collector plan validate plan.toml")]
    Validate {
        /// The plan
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Sign a plan and hand it out to every agent
    #[command(after_help = "Example: plumbline-collector plan publish plan.toml")]
    Publish {
        /// The plan
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Runs the command.
pub(crate) fn run(command: &Command, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    match command {
        Command::Validate { file } => {
            let plan = LoadedPlan::load(file)?;
            if output.format == Format::Json {
                output.json(&plan.reference)?;
            } else {
                let sound = Message::new("plan-sound")
                    .arg("file", file.display())
                    .arg("version", &plan.reference.version);
                output.line(&sound.render_in(output.lang))?;
            }
        }
        Command::Publish { file } => {
            let plan = LoadedPlan::load(file)?;
            let (home, store) = place.store_to_write()?;
            let published = PublishedPlan {
                signature: Signer::load(&home)?.sign(plan.text.as_bytes()),
                reference: plan.reference.clone(),
                toml: plan.text,
            };
            let act = act("plan.publish", &plan.reference.sha256);
            let changed = store.publish_plan(&published, &act)?;
            if output.format == Format::Json {
                let (version, sha256) = (&plan.reference.version, &plan.reference.sha256);
                output
                    .json(&serde_json::json!({ "version": version, "sha256": sha256, "changed": changed }))?;
            } else {
                let key = if changed {
                    "collector-plan-published"
                } else {
                    "collector-plan-unchanged"
                };
                let message = Message::new(key).arg("version", &plan.reference.version);
                output.line(&message.render_in(output.lang))?;
            }
        }
    }
    Ok(Outcome::Clean)
}
