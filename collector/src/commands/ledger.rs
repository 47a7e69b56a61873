//! `ledger`: its newest checkpoint, and proofs, from the store.

use clap::Subcommand;
use plumbline_console::{Failure, Outcome, Output};

use crate::cli::Place;
use crate::home::Home;
use crate::ledger::prove;
use crate::pki::{Authority, Signer};
use crate::store::Store;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the newest checkpoint: a signed note, to be kept elsewhere
    #[command(after_help = "Example: plumbline-collector ledger checkpoint > checkpoint.txt")]
    Checkpoint,
    /// Print the key that checkpoints are checked with
    #[command(after_help = "Example: plumbline-collector ledger key")]
    Key,
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
        Command::Prove { index, size } => output.json(&prove::inclusion(&store, *index, *size)?)?,
    }
    Ok(Outcome::Clean)
}
