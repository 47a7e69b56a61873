//! `findings`: what hosts said last.

use jiff::Timestamp;
use plumbline_config::finding::{Severity, Status};
use plumbline_config::ident::{HostId, Role};
use plumbline_console::{Failure, Format, Outcome, Output};

use super::hosts::ago;
use crate::cli::Place;
use crate::freshness::Cutoff;
use crate::records::waived::InForce;
use crate::records::{People, day_of};
use crate::report;
use crate::store::FindingQuery;
use crate::view::FindingView;

/// Arguments of the command.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: plumbline-collector findings --status fail --check tls.protocol-versions")]
pub(crate) struct Args {
    /// Only of this host id
    #[arg(long)]
    host: Option<HostId>,
    /// Only of this check, such as tls.protocol-versions
    #[arg(long)]
    check: Option<String>,
    /// Only shown with this status: pass, fail, not-applicable, error, manual or stale
    #[arg(long, value_parser = status)]
    status: Option<Status>,
    /// Only of hosts in this role: service or office
    #[arg(long)]
    role: Option<Role>,
    /// Only of this severity: low, medium, high or critical
    #[arg(long, value_parser = severity)]
    severity: Option<Severity>,
    /// At most so many
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    limit: usize,
}

fn status(text: &str) -> Result<Status, String> {
    let known = Status::ALL.into_iter().find(|status| status.name() == text);
    known.ok_or_else(|| "use pass, fail, not-applicable, error, manual, stale or waived".to_owned())
}

fn severity(text: &str) -> Result<Severity, String> {
    let known = Severity::ALL.into_iter().find(|severity| severity.name() == text);
    known.ok_or_else(|| "use low, medium, high or critical".to_owned())
}

/// Runs the command.
pub(crate) fn run(args: Args, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let (settings, store) = place.store_to_read()?;
    let now = Timestamp::now();
    let cutoff = Cutoff::new(now, settings.stale_after);
    let query = FindingQuery {
        host: args.host,
        check: args.check,
        status: args.status,
        role: args.role,
        severity: args.severity,
        ..FindingQuery::all(cutoff, args.limit)
    };
    let today = day_of(now, &report::zone(store.as_ref())?);
    let people = People::read(store.as_ref())?;
    let page = InForce::on(&people, today).findings(store.as_ref(), &query)?;
    let next = page.next.map(|cursor| cursor.encode());
    let findings: Vec<FindingView> = page
        .findings
        .into_iter()
        .map(|finding| FindingView::new(finding, cutoff, now))
        .collect();
    let failing = findings.iter().any(|view| view.finding.status == Status::Fail);
    if output.format == Format::Json {
        output.json(&serde_json::json!({ "findings": findings, "next": next }))?;
    } else {
        let rows = findings.into_iter().map(|view| {
            [
                output.text(view.finding.status.key()),
                output.text(view.finding.severity.key()),
                view.host.name,
                view.finding.check,
                view.finding.subject,
                view.finding.summary.get(output.lang).to_owned(),
                ago(view.age_seconds, output),
            ]
        });
        output.table_under(
            [
                "heading-status",
                "heading-severity",
                "collector-heading-host",
                "heading-check",
                "heading-subject",
                "heading-summary",
                "collector-heading-age",
            ],
            rows,
        )?;
    }
    Ok(if failing { Outcome::Failing } else { Outcome::Clean })
}
