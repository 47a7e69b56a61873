//! `hosts`: who is there, and who is silent.

use jiff::Timestamp;
use plumbline_config::ident::Role;
use plumbline_config::message::Message;
use plumbline_console::{Failure, Format, Outcome, Output};

use crate::cli::Place;
use crate::freshness::Cutoff;
use crate::store::HostQuery;
use crate::view::HostView;

/// Arguments of the command.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: plumbline-collector hosts --role service")]
pub(crate) struct Args {
    /// Only this role: service or office
    #[arg(long)]
    role: Option<Role>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let (settings, store) = place.store_to_read()?;
    let now = Timestamp::now();
    let cutoff = Cutoff::new(now, settings.stale_after);
    let query = HostQuery {
        role: args.role,
        ..HostQuery::all()
    };
    let hosts: Vec<HostView> = store
        .hosts(&query)?
        .into_iter()
        .map(|host| HostView::new(host, cutoff, now))
        .collect();
    if output.format == Format::Json {
        output.json(&serde_json::json!({ "hosts": hosts, "next": null }))?;
        return Ok(Outcome::Clean);
    }
    output.table_under(
        [
            "collector-heading-host",
            "collector-heading-name",
            "collector-heading-role",
            "collector-heading-state",
            "collector-heading-os",
            "collector-heading-heard",
        ],
        hosts.into_iter().map(|host| {
            [
                host.id.to_string(),
                host.name,
                output.text(host.role.key()),
                output.text(host.state.key()),
                host.os.name,
                ago(host.age_seconds, output),
            ]
        }),
    )?;
    Ok(Outcome::Clean)
}

/// An age in its largest whole unit.
pub(super) fn ago(seconds: i64, output: &Output) -> String {
    let (key, length) = [
        ("collector-days-ago", 86_400),
        ("collector-hours-ago", 3_600),
        ("collector-minutes-ago", 60),
    ]
    .into_iter()
    .find(|(_, length)| seconds >= *length)
    .unwrap_or(("collector-seconds-ago", 1));
    let count = usize::try_from(seconds / length).unwrap_or(0);
    Message::new(key).number("count", count).render_in(output.lang)
}
