//! `plan …`: the company's plan.

use std::path::PathBuf;

use plumbline_config::lang::Bilingual;
use plumbline_config::message::Message;
use plumbline_config::plan::{LoadedPlan, Warning};
use plumbline_config::wire::PlanRef;
use plumbline_console::{Failure, Format, Outcome, Output};
use serde::Serialize;

use super::act;
use crate::cli::Place;
use crate::pki::Signer;
use crate::store::PublishedPlan;

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

/// What `--format json` prints of a sound plan.
#[derive(Serialize)]
struct Answer<'p> {
    #[serde(flatten)]
    reference: &'p PlanRef,
    /// `publish`: false when the plan was current already.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
    /// What an auditor would ask about; empty: the plan is complete.
    warnings: Vec<Bilingual>,
}

/// Runs the command.
pub(crate) fn run(command: &Command, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let (Command::Validate { file } | Command::Publish { file }) = command;
    let plan = LoadedPlan::load(file)?;
    let changed = match command {
        Command::Validate { .. } => None,
        Command::Publish { .. } => Some(publish(&plan, place)?),
    };
    let warnings: Vec<_> = plan.plan.warnings().iter().map(Warning::message).collect();
    if output.format == Format::Json {
        output.json(&Answer {
            reference: &plan.reference,
            changed,
            warnings: warnings.iter().map(Message::render).collect(),
        })?;
        return Ok(Outcome::Clean);
    }
    for warning in &warnings {
        output.line(&warning.render_in(output.lang))?;
    }
    let key = match changed {
        None if warnings.is_empty() => "plan-sound",
        None => "plan-sound-with-warnings",
        Some(true) => "collector-plan-published",
        Some(false) => "collector-plan-unchanged",
    };
    let message = Message::new(key)
        .arg("file", file.display())
        .arg("version", &plan.reference.version)
        .number("count", warnings.len());
    output.line(&message.render_in(output.lang))?;
    Ok(Outcome::Clean)
}

fn publish(plan: &LoadedPlan, place: &Place) -> Result<bool, Failure> {
    let (home, store) = place.store_to_write()?;
    let published = PublishedPlan {
        signature: Signer::load(&home)?.sign(plan.text.as_bytes()),
        reference: plan.reference.clone(),
        toml: plan.text.clone(),
    };
    Ok(store.publish_plan(&published, &act("plan.publish", &plan.reference.sha256))?)
}
