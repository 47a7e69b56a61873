//! `inspect antivirus`.

use std::path::PathBuf;

use jiff::Timestamp;
use plumbline_config::message::{Message, text};
use plumbline_console::{Failure, Format, Outcome, Output};
use plumbline_facts::antivirus::daemon::Answer;
use plumbline_facts::antivirus::processes::Running;
use plumbline_facts::antivirus::{self, ClamAv};
use plumbline_facts::{Host, Known};

/// Arguments of `inspect antivirus`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: plumbline-agent inspect antivirus --format json")]
pub(crate) struct Args {
    /// Look at the host laid out beneath this directory instead of the running one
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

/// Prints anti-virus products, what of them runs, and their signatures.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Outcome, Failure> {
    let facts = antivirus::read(&Host::at(&args.root)?, Timestamp::now());
    if output.format == Format::Json {
        output.json(&facts)?;
        return Ok(Outcome::Clean);
    }
    let say = |key| output.line(&Message::new(key).render_in(output.lang));
    if facts.processes_seen != Known::Value(()) {
        say("inspect-antivirus-processes-hidden")?;
    }
    let clamav = facts.clamav.iter().map(|clamav| {
        let running = [&clamav.clamd[..], &clamav.freshclam, &clamav.clamonacc].concat();
        [
            "ClamAV".to_owned(),
            names(&running),
            answers(clamav),
            signatures(clamav),
        ]
    });
    let products = facts.products.iter().map(|product| {
        let unknown = || "?".to_owned();
        [
            product.name.clone(),
            names(&product.running),
            unknown(),
            unknown(),
        ]
    });
    let rows: Vec<_> = clamav.chain(products).collect();
    if rows.is_empty() {
        return say("inspect-antivirus-none").map(|()| Outcome::Clean);
    }
    let headings = [
        "heading-product",
        "heading-running",
        "heading-answer",
        "heading-signatures",
    ]
    .map(|key| text(output.lang, key));
    output.table(headings.each_ref().map(String::as_str), rows)?;
    Ok(Outcome::Clean)
}

fn names(running: &[Running]) -> String {
    let process = |process: &Running| format!("{} ({})", process.name, process.pid);
    running.iter().map(process).collect::<Vec<_>>().join("\n")
}

fn answers(clamav: &ClamAv) -> String {
    let answer = |socket: &antivirus::daemon::Socket| {
        let said = match &socket.answer {
            Answer::Well { version } => version,
            Answer::Unwell(why) | Answer::NotAsked(why) => why,
            Answer::Denied => "EACCES",
        };
        format!("{}: {said}", socket.address)
    };
    clamav.sockets.iter().map(answer).collect::<Vec<_>>().join("\n")
}

fn signatures(clamav: &ClamAv) -> String {
    let each = |databases: &antivirus::signatures::Databases| match databases.effective("daily") {
        Some(daily) => format!("{}: {} ({})", databases.directory, daily.version, daily.built_at),
        None => format!("{}: -", databases.directory),
    };
    clamav.databases.iter().map(each).collect::<Vec<_>>().join("\n")
}
