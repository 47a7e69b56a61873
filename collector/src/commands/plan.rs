//! `plan …`: the company's plan.

use std::path::{Path, PathBuf};

use plumbline_config::lang::Bilingual;
use plumbline_config::message::Message;
use plumbline_config::plan::{LoadedPlan, Warning};
use plumbline_config::wire::PlanRef;
use plumbline_console::{Failure, Format, Outcome, Output};
use serde::Serialize;

use super::act;
use super::deliver::deliver_document;
use crate::cli::Place;
use crate::document_format::DocumentFormat;
use crate::pki::Signer;
use crate::plan_document;
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
    /// Print the plan document: the form, filled in with the published plan or that of a file
    #[command(after_help = "Example: plumbline-collector plan render --format docx -o plan.docx")]
    Render {
        /// The plan; the published one unless said otherwise
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// File to write, for its owner alone; `-` is standard output
        #[arg(short, long, value_name = "FILE", default_value = "-")]
        output: PathBuf,
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
    let file = match command {
        Command::Validate { file } | Command::Publish { file } => file,
        Command::Render { file, output } => return render(file.as_deref(), output, None, place),
    };
    let plan = LoadedPlan::load(file)?;
    let publishes = matches!(command, Command::Publish { .. });
    let changed = publishes.then(|| publish(&plan, place)).transpose()?;
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

/// Writes the plan document. `format` is the name given by `--format`.
pub(crate) fn render(
    file: Option<&Path>,
    output: &Path,
    format: Option<&str>,
    place: &Place,
) -> Result<Outcome, Failure> {
    let format = DocumentFormat::of(format, output)?;
    let plan = match file {
        Some(file) => LoadedPlan::load(file)?,
        None => published(place)?,
    };
    let mut writer = format.writer(plan_document::properties(&plan))?;
    plan_document::write(&plan, writer.as_mut())?;
    deliver_document(output, |out| writer.finish(out))?;
    Ok(Outcome::Clean)
}

fn published(place: &Place) -> Result<LoadedPlan, Failure> {
    let (_, store) = place.store_to_read()?;
    let plan = store.plan()?.ok_or_else(|| {
        Failure::new(
            "no plan has been published; publish one with `plumbline-collector plan publish FILE`, or name the file",
        )
    })?;
    Ok(LoadedPlan::from_text(plan.toml, Path::new("published plan"))?)
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
