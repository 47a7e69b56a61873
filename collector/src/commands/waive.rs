//! `waive`: that a failing check be accepted on some hosts for some time.

use jiff::civil::Date;
use plumbline_config::ident::{HostId, Role};
use plumbline_console::{Failure, Outcome, Output};

use super::records::{Listing, at_desk, said};
use super::{day, label};
use crate::cli::Place;
use crate::desk::Desk;
use crate::records::waiver::{Hosts, Requested, WaiverState, WaiverStep};
use crate::view::{RecordView, WaiverView};

/// Arguments of the command.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Example: plumbline-collector waive --check tls.protocol-versions --host h-k3w7qz5ab2c4d6e7 \
                  --reason 舊版收費機僅支援TLS1.0。 --compensating 僅限內部網段連線。 \
                  --from 2026-11-01 --until 2027-01-31"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    order: Option<Order>,
}

#[derive(Debug, clap::Args)]
struct Order {
    /// Check that fails, such as tls.protocol-versions
    #[arg(long, value_name = "CHECK")]
    check: String,
    /// Only its findings on this
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// Host that it is for; may be given again
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<HostId>,
    /// Hosts with this label; may be given again, then those with all of them
    #[arg(long = "label", value_parser = label, value_name = "KEY=VALUE")]
    labels: Vec<(String, String)>,
    /// Hosts in this role: service or office
    #[arg(long)]
    role: Option<Role>,
    /// Why it is to be accepted
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// What is done instead
    #[arg(long, value_name = "TEXT")]
    compensating: String,
    /// First day, such as 2026-11-01
    #[arg(long, value_parser = day, value_name = "DAY")]
    from: Date,
    /// Last day
    #[arg(long, value_parser = day, value_name = "DAY")]
    until: Date,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List waivers, newest first
    #[command(after_help = "Example: plumbline-collector waive list --state in-force")]
    List {
        /// Only those in this state: requested, upcoming, in-force, rejected, ended or expired
        #[arg(long, value_parser = state)]
        state: Option<WaiverState>,
    },
    /// Approve a waiver that somebody else asked for
    #[command(
        after_help = "Example: plumbline-collector waive approve w-k3w7qz5ab2c4d6e7 --note 同意至更換設備為止。"
    )]
    Approve(Decision),
    /// Refuse a waiver that somebody else asked for
    #[command(
        after_help = "Example: plumbline-collector waive reject w-k3w7qz5ab2c4d6e7 --note 請先更換設備。"
    )]
    Reject(Decision),
    /// End a waiver before its last day, or take back what was asked for
    #[command(after_help = "Example: plumbline-collector waive end w-k3w7qz5ab2c4d6e7 --note 設備已更換。")]
    End(Decision),
}

#[derive(Debug, clap::Args)]
struct Decision {
    /// Id of the waiver
    #[arg(value_name = "ID")]
    id: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    note: String,
}

fn state(text: &str) -> Result<WaiverState, String> {
    let known = WaiverState::ALL.into_iter().find(|state| state.name() == text);
    known.ok_or_else(|| "use requested, upcoming, in-force, rejected, ended or expired".to_owned())
}

/// Runs the command.
pub(crate) fn run(args: Args, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let step = |id: &str, step: &WaiverStep, sentence| {
        at_desk(place, true, |desk| {
            desk.waiver_step(id, step)?;
            said(&desk.waiver(id)?, sentence, output)
        })
    };
    match (args.command, args.order) {
        (Some(Command::List { state }), _) => at_desk(place, false, |desk| list(desk, state, output)),
        (Some(Command::Approve(Decision { id, note })), _) => {
            step(&id, &WaiverStep::Approve { note }, "waiver-now-approved")
        }
        (Some(Command::Reject(Decision { id, note })), _) => {
            step(&id, &WaiverStep::Reject { note }, "waiver-now-rejected")
        }
        (Some(Command::End(Decision { id, note })), _) => {
            step(&id, &WaiverStep::End { note }, "waiver-now-ended")
        }
        (None, Some(order)) => at_desk(place, true, |desk| {
            let id = desk.ask_for_waiver(order.requested())?;
            said(&desk.waiver(&id)?, "waiver-now-requested", output)
        }),
        (None, None) => Err(Failure::new(
            "say what is to be waived; `plumbline-collector waive --help` has an example",
        )),
    }
}

impl Order {
    fn requested(self) -> Requested {
        Requested {
            check: self.check,
            subject: self.subject,
            hosts: Hosts {
                ids: self.hosts.into_iter().collect(),
                labels: self.labels.into_iter().collect(),
                role: self.role,
            },
            reason: self.reason,
            compensating: self.compensating,
            from: self.from,
            until: self.until,
        }
    }
}

fn list(desk: &Desk<'_>, state: Option<WaiverState>, output: &Output) -> Result<Outcome, Failure> {
    let today = desk.today()?;
    let listing = Listing {
        name: "waivers",
        headings: [
            "records-heading-id",
            "records-heading-check",
            "records-heading-hosts",
            "records-heading-from",
            "records-heading-until",
            "records-heading-state",
            "records-heading-by",
            "records-heading-decided",
        ],
    };
    let row = |view: RecordView<WaiverView>| {
        let WaiverView { state, waiver } = view.record;
        [
            view.id,
            waiver.requested.check,
            waiver.requested.hosts.to_string(),
            waiver.requested.from.to_string(),
            waiver.requested.until.to_string(),
            output.text(state.key()),
            waiver.by,
            waiver.decision.map(|decision| decision.by).unwrap_or_default(),
        ]
    };
    listing.print(
        &desk.people()?.waivers,
        |waiver| waiver.at,
        |waiver| state.is_none_or(|state| waiver.state(today) == state),
        |waiver| WaiverView::on(today, waiver.clone()),
        row,
        output,
    )
}
