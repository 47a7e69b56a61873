//! `revoke`: a host that is not to be believed any more.

use plumbline_config::ident::HostId;
use plumbline_config::message::Message;
use plumbline_console::{Failure, Format, Outcome, Output};

use super::act;
use crate::cli::Place;

/// Arguments of the command.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: plumbline-collector revoke h-k3w7qz5ab2c4d6ef")]
pub(crate) struct Args {
    /// Host id, as `hosts` shows it
    #[arg(value_name = "HOST")]
    host: HostId,
}

/// Runs the command.
pub(crate) fn run(args: &Args, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let (_, store) = place.store_to_write()?;
    let host = &args.host;
    if store.host(host)?.is_none() {
        return Err(Failure::new(format!(
            "there is no host {host}; `plumbline-collector hosts` shows those there are"
        )));
    }
    let revoked = store.revoke_host(host, &act("host.revoke", host))?;
    if output.format == Format::Json {
        output.json(&serde_json::json!({ "host": host, "revoked": revoked }))?;
    } else {
        output.line(
            &Message::new("collector-revoked")
                .arg("what", host)
                .render_in(output.lang),
        )?;
    }
    Ok(Outcome::Clean)
}
