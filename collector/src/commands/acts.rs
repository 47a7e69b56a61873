//! `acts`: what people did.

use plumbline_console::{Failure, Format, Outcome, Output};
use serde_json::json;

use crate::cli::Place;
use crate::store::Store;

/// Arguments of the command.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: plumbline-collector acts --limit 100")]
pub(crate) struct Args {
    /// At most so many, the newest first
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    limit: usize,
    /// Only acts before the one with this number
    #[arg(long, value_name = "NUMBER")]
    before: Option<i64>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let (_, store) = place.store_to_read()?;
    let acts = store.acts_before(args.before, args.limit)?;
    if output.format == Format::Json {
        output.json(&json!({ "acts": acts }))?;
        return Ok(Outcome::Clean);
    }
    output.table_under(
        [
            "people-heading-at",
            "people-heading-who",
            "people-heading-what",
            "people-heading-on",
        ],
        acts.into_iter()
            .map(|recorded| recorded.act)
            .map(|act| [act.at.to_string(), act.who, act.what, act.on]),
    )?;
    Ok(Outcome::Clean)
}
