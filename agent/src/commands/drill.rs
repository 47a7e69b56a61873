//! `drill`: exercises that the plan calls for.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use jiff::Zoned;
use plumbline_config::message::Message;
use plumbline_console::{Failure, Format, Outcome, Output};
use plumbline_facts::logins::Drill;
use serde_json::json;

use super::settings::Config;
use crate::daemon::{DrillReply, DrillStage, DrillStatus, ask, ask_for_drill};

/// Where syslog messages are sent (syslog(3)).
const SYSLOG: &str = "/dev/log";
/// How often the daemon is asked how far it is.
const PERIOD: Duration = Duration::from_millis(200);
/// How long the collector may take to hear of the drill, and then of its being found.
const PATIENCE: Duration = Duration::from_secs(120);
/// Facility authpriv, severity info (RFC 3164), as sshd says what it says of logins.
const PRIORITY: u8 = 10 * 8 + 6;
/// Process numbers beyond the largest that Linux gives (PID_MAX_LIMIT), so that no line is taken for one of a real sshd.
const FIRST_PID: u32 = 4_194_305;

/// What is exercised.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Write a few labelled failed logins to the system log and see how soon they are found
    Logins(Args),
}

/// Arguments of `drill logins`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: plumbline-agent drill logins\n\
                        The collector is told first, keeps how long it took as evidence of the drill, and counts none of it\n\
                        as an attack. Exits 1 where the logins were not found.")]
pub(crate) struct Args {
    #[command(flatten)]
    config: Config,

    /// Socket of the syslog daemon or of journald
    #[arg(long, value_name = "SOCKET", default_value = SYSLOG)]
    syslog: PathBuf,
}

/// Runs the drill.
pub(crate) fn run(command: &Command, output: &Output) -> Result<Outcome, Failure> {
    let Command::Logins(args) = command;
    let (settings, _) = args.config.load()?;
    let log = connect(&args.syslog)?;
    let drill = match ask_for_drill(&settings.socket)? {
        DrillReply::Begun(drill) => drill,
        DrillReply::Refused(why) => return Err(Failure::new(format!("no drill was begun: {why}"))),
    };
    let told = wait(&settings.socket, &drill, |stage| stage != DrillStage::Asked)?;
    if told.is_none() {
        return Err(Failure::new(format!(
            "the collector could not be told of the drill within {} s, so nothing was written; see plumbline-agent status",
            PATIENCE.as_secs()
        )));
    }
    let begun = Instant::now();
    for number in 0..drill.attempts {
        let line = line(&drill, number, &Zoned::now());
        log.send(line.as_bytes()).map_err(|error| {
            Failure::new(format!(
                "cannot write to the system log at {}: {error}",
                args.syslog.display()
            ))
        })?;
    }
    let ended = wait(&settings.socket, &drill, |stage| {
        matches!(stage, DrillStage::Detected | DrillStage::Missed)
    })?;
    let found = ended == Some(DrillStage::Detected);
    let seconds = begun.elapsed().as_secs_f64();
    if output.format == Format::Json {
        output.json(&json!({
            "id": drill.id, "attempts": drill.attempts, "source": drill.source, "detected": found,
            "seconds_to_collector": found.then_some(seconds),
        }))?;
    } else {
        let message = if found {
            Message::new("agent-drill-detected").arg("seconds", format!("{seconds:.1}"))
        } else {
            Message::new("agent-drill-missed")
        };
        output.line(
            &message
                .number("count", usize::try_from(drill.attempts).unwrap_or(usize::MAX))
                .render_in(output.lang),
        )?;
    }
    Ok(if found { Outcome::Clean } else { Outcome::Failing })
}

fn connect(socket: &Path) -> Result<UnixDatagram, Failure> {
    UnixDatagram::unbound()
        .and_then(|log| log.connect(socket).map(|()| log))
        .map_err(|error| {
            Failure::new(format!(
                "cannot reach the system log at {}: {error}; name the socket of your syslog daemon with --syslog",
                socket.display()
            ))
        })
}

/// Waits until the daemon is `there` with this drill and the collector has all that it said; `None`: too long.
fn wait(
    socket: &Path,
    drill: &Drill,
    there: impl Fn(DrillStage) -> bool,
) -> Result<Option<DrillStage>, Failure> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let status = ask(socket)?;
        let ours = |status: &DrillStatus| (status.drill.id == drill.id).then_some(status.stage);
        let Some(stage) = status.drill.as_ref().and_then(ours) else {
            return Err(Failure::new(
                "the agent was started again, and knows of no drill that goes on",
            ));
        };
        if there(stage) && status.spool.spool_reports == 0 {
            return Ok(Some(stage));
        }
        sleep(PERIOD);
    }
    Ok(None)
}

/// What sshd would say of one attempt.
fn line(drill: &Drill, number: u32, now: &Zoned) -> String {
    format!(
        "<{PRIORITY}>{} sshd[{}]: Failed password for {} from {} port {} ssh2",
        now.strftime("%b %e %H:%M:%S"),
        FIRST_PID.saturating_add(number),
        drill.user,
        drill.source,
        1024 + number,
    )
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;

    #[test]
    fn a_line_is_one_that_sshd_would_write() {
        let now: Zoned = "2026-11-03T09:05:00+08:00[Asia/Taipei]".parse().unwrap();
        let drill = Drill::new([3; 18], Timestamp::UNIX_EPOCH, SignedDuration::ZERO, 6);
        let expected = format!(
            "<86>Nov  3 09:05:00 sshd[4194306]: Failed password for {} from {} port 1025 ssh2",
            drill.user, drill.source
        );
        assert_eq!(line(&drill, 1, &now), expected);
    }
}
