//! `ledger`: its newest checkpoint, and proofs, from the store.

use clap::Subcommand;
use plumbline_config::settings::CollectorSettings;
use plumbline_console::{Failure, Format, Outcome, Output};
use serde::Serialize;

use crate::anchor::{Anchored, Kind, State};
use crate::cli::Place;
use crate::home::Home;
use crate::ledger::prove;
use crate::pki::{Authority, Signer};

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the newest checkpoint: a signed note, to be kept elsewhere
    #[command(after_help = "Example: plumbline-collector ledger checkpoint > checkpoint.txt")]
    Checkpoint,
    /// Print the key that checkpoints are checked with
    #[command(after_help = "Example: plumbline-collector ledger key")]
    Key,
    /// Show which checkpoint last went where it is out of reach; exit code 1 where the last attempt failed
    #[command(after_help = "Example: plumbline-collector ledger anchors")]
    Anchors,
    /// Prove that a leaf is in the tree of a checkpoint
    #[command(after_help = "Example: plumbline-collector ledger prove 17")]
    Prove {
        /// Number of the leaf, from 0
        index: u64,
        /// Size of the tree; that of the newest checkpoint unless said otherwise
        #[arg(long)]
        size: Option<u64>,
    },
}

/// Runs the command.
pub(crate) fn run(command: &Command, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let (settings, store) = place.store_to_read()?;
    match command {
        Command::Checkpoint => {
            let latest = store.latest_checkpoint()?;
            let latest = latest.ok_or_else(|| {
                Failure::new(
                    "no checkpoint has been signed yet; `plumbline-collector serve` signs one at its start",
                )
            })?;
            output.line(latest.note.trim_end())?;
        }
        Command::Key => {
            let home = Home::new(&settings.data_dir);
            let key = Signer::load(&home)?.verifier_key(&Authority::load(&home)?.origin())?;
            output.line(&key.to_string())?;
        }
        Command::Anchors => return anchors(&settings, output),
        Command::Prove { index, size } => output.json(&prove::inclusion(store.as_ref(), *index, *size)?)?,
    }
    Ok(Outcome::Clean)
}

#[derive(Serialize)]
struct Anchor {
    kind: &'static str,
    #[serde(flatten)]
    anchored: Anchored,
}

/// What became of the places that the settings name.
fn anchors(settings: &CollectorSettings, output: &Output) -> Result<Outcome, Failure> {
    let state = State::load(&Home::new(&settings.data_dir))?;
    let is_set = |kind: &Kind| match kind {
        Kind::File => settings.anchor.file.is_some(),
        Kind::Webhook => settings.anchor.webhook.is_some(),
    };
    let anchors: Vec<Anchor> = Kind::ALL
        .into_iter()
        .filter(|kind| is_set(kind) || state.of(*kind).is_some())
        .map(|kind| Anchor {
            kind: kind.name(),
            anchored: state.of(kind).cloned().unwrap_or_default(),
        })
        .collect();
    if output.format == Format::Json {
        output.json(&anchors)?;
    } else {
        let or_none = |text: Option<String>| text.unwrap_or_default();
        output.table_under(
            [
                "ledger-heading-anchor",
                "ledger-heading-leaves",
                "ledger-heading-anchored-at",
                "ledger-heading-failure",
            ],
            anchors.iter().map(|anchor| {
                let anchored = &anchor.anchored;
                [
                    anchor.kind.to_owned(),
                    or_none(anchored.size.map(|size| size.to_string())),
                    or_none(anchored.anchored_at.map(|at| at.to_string())),
                    or_none(anchored.error.clone()),
                ]
            }),
        )?;
    }
    let fails = anchors.iter().any(|anchor| anchor.anchored.error.is_some());
    Ok(if fails { Outcome::Failing } else { Outcome::Clean })
}
