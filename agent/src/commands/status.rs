//! `status`: what the running daemon says of itself.

use jiff::Timestamp;
use plumbline_config::finding::Status as FindingStatus;
use plumbline_config::message::{Message, text};
use plumbline_console::{Failure, Format, Outcome, Output};

use super::settings::Config;
use crate::daemon::{Status, Trouble, ask};
use crate::spool::Why;

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: plumbline-agent status --format json\n\
                        Exits 1 where a check fails or the collector can't be reached, 2 where no agent runs.")]
pub(crate) struct Args {
    #[command(flatten)]
    config: Config,
}

/// Asks the daemon and prints what it says.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Outcome, Failure> {
    let (settings, _) = args.config.load()?;
    let status = ask(&settings.socket)?;
    if output.format == Format::Json {
        output.json(&status)?;
    } else {
        print(&status, output)?;
    }
    let failing = status
        .checks
        .values()
        .any(|check| check.findings.contains_key(FindingStatus::Fail.name()));
    let troubled = failing || status.sync.error.is_some();
    Ok(if troubled {
        Outcome::Failing
    } else {
        Outcome::Clean
    })
}

fn print(status: &Status, output: &Output) -> Result<(), Failure> {
    let word = |key| text(output.lang, key);
    let moment = |at: Option<Timestamp>| at.map_or_else(|| word("agent-status-never"), |at| at.to_string());
    let trouble = |trouble: &Option<Trouble>| {
        let told = trouble.as_ref().map(|t| format!("{}: {}", t.at, t.message));
        told.unwrap_or_else(|| word("agent-status-none"))
    };
    let spool = Message::new("agent-status-spool-is")
        .number("reports", count(status.spool.spool_reports))
        .number("bytes", count(status.spool.spool_bytes))
        .number("dropped", count(status.spool.dropped_reports))
        .number("refused", count(status.spool.refused_reports));
    let state = Message::new("agent-status-state-is")
        .arg("digest", &status.spool.state_digest)
        .number("findings", count(status.spool.state_findings));
    let why = |why: Why| word(why_key(why));
    let resync = status.spool.last_resync;
    let resync = resync.map_or_else(
        || word("agent-status-never"),
        |resync| format!("{}: {}", resync.at, why(resync.why)),
    );
    let plan = format!("{} ({})", status.plan.version, status.plan.source);
    let rows = [
        (
            "agent-status-host",
            format!("{} ({})", status.host_id, status.role),
        ),
        ("agent-status-collector", status.sync.collector.clone()),
        ("agent-status-plan", plan),
        ("agent-status-plan-error", trouble(&status.plan.error)),
        ("agent-status-sync", moment(status.sync.last_success_at)),
        ("agent-status-sync-error", trouble(&status.sync.error)),
        ("agent-status-heartbeat", moment(status.sync.last_heartbeat_at)),
        ("agent-status-state", state.render_in(output.lang)),
        ("agent-status-resync", resync),
        (
            "agent-status-resync-due",
            status
                .spool
                .resync_due
                .map_or_else(|| word("agent-status-none"), why),
        ),
        ("agent-status-resync-error", trouble(&status.sync.resync_error)),
        ("agent-status-spool", spool.render_in(output.lang)),
        (
            "agent-status-certificate",
            status.certificate.not_after.to_string(),
        ),
        (
            "agent-status-certificate-error",
            trouble(&status.certificate.error),
        ),
        ("agent-status-watch-error", trouble(&status.watch.error)),
        ("agent-status-run-error", trouble(&status.run_error)),
    ];
    output.table(
        [&word("agent-status-what"), &word("agent-status-value")],
        rows.map(|(key, value)| [word(key), value]),
    )?;
    let checks = status.checks.iter().map(|(check, state)| {
        let findings = state.findings.iter().map(|(name, count)| {
            let status = FindingStatus::ALL
                .into_iter()
                .find(|status| status.name() == name);
            format!(
                "{count} {}",
                status.map_or(name.clone(), |status| output.status(status))
            )
        });
        [
            check.clone(),
            findings.collect::<Vec<_>>().join(", "),
            moment(state.last_run_at),
            moment(state.next_run_at),
        ]
    });
    let headings = [
        "heading-check",
        "agent-status-findings",
        "agent-status-last-run",
        "agent-status-next-run",
    ]
    .map(word);
    output.table(headings.each_ref().map(String::as_str), checks)
}

/// The sentence for a reason to send everything.
const fn why_key(why: Why) -> &'static str {
    match why {
        Why::Enrolled => "agent-resync-enrolled",
        Why::CollectorAsked => "agent-resync-collector-asked",
        Why::CollectorBehind => "agent-resync-collector-behind",
        Why::Renumbered => "agent-resync-renumbered",
        Why::Refused => "agent-resync-refused",
        Why::Thinned => "agent-resync-thinned",
        Why::StartedOver => "agent-resync-started-over",
        Why::ChecksChanged => "agent-resync-checks-changed",
    }
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_for_a_resync_has_words() {
        for why in Why::ALL {
            assert!(plumbline_config::message::exists(why_key(why)), "{why}");
        }
    }
}
