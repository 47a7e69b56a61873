//! `verify`: whether everything on record is what it was when it was taken in.

mod evidence;

use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::ProgressBar;
use jiff::Timestamp;
use plumbline_config::message::Message;
use plumbline_console::{Failure, Format, Outcome, Output};

use crate::bundle::{self, Container, Identity};
use crate::cli::Place;
use crate::home::Home;
use crate::ledger::audit::{Fault, Findings, Progress, Signatures};
use crate::ledger::kept_elsewhere;
use crate::ledger::note::VerifierKey;
use crate::ledger::statement::Statement;
use crate::pki::{Authority, Signer};

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(100);

/// Arguments of the command.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: plumbline-collector verify --config /etc/plumbline/collector.toml\n\
                  Example: plumbline-collector verify evidence-2026Q4.zip --key \"$(cat published.key)\" --checkpoint anchor.txt"
)]
pub(crate) struct Args {
    /// Evidence bundle to verify, in place of the collector's own store
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// The key that the company published, as `ledger key` prints it; that of the bundle or the data directory otherwise
    #[arg(long)]
    key: Option<VerifierKey>,

    /// Checkpoints kept elsewhere, which the ledger must continue: signed notes, one after another
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,

    /// Verify the signature of each report of a bundle, and not just the last of each unbroken chain, which vouches for
    /// those before it; of the collector's own store each is verified anyway
    #[arg(long, requires = "file")]
    every_signature: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let found = match &args.file {
        Some(file) => bundle(args, file, output)?,
        None => store(args, place, output)?,
    };
    Ok(if found.faults_total == 0 {
        Outcome::Clean
    } else {
        Outcome::Failing
    })
}

/// Verifies the collector's own store.
fn store(args: &Args, place: &Place, output: &Output) -> Result<Findings, Failure> {
    let (settings, store) = place.store_to_read()?;
    let key = if let Some(key) = &args.key {
        key.clone()
    } else {
        let home = Home::new(&settings.data_dir);
        Signer::load(&home)?.verifier_key(&Authority::load(&home)?.origin())?
    };
    let (anchors, faults) = args.anchors(&key)?;
    let spinner = Spinner::start(output);
    let mut found = store.audit(&key, &anchors, Timestamp::now(), &mut |progress| {
        spinner.say(progress);
    })?;
    evidence::verify(&settings, store.as_ref(), &mut found, &spinner)?;
    drop(spinner);
    faults.into_iter().for_each(|fault| found.add(fault));
    if output.format == Format::Json {
        output.json(&found)?;
    } else {
        print(&found, output)?;
        anchored(&found, output)?;
    }
    Ok(found)
}

/// Verifies a bundle, wherever it came from.
fn bundle(args: &Args, file: &Path, output: &Output) -> Result<Findings, Failure> {
    let failed = |error: &dyn Display| Failure::new(format!("cannot verify {}: {error}", file.display()));
    let container = Container::open(file).map_err(|error| failed(&error))?;
    // Which key the checkpoints must be signed with is known before the bundle is read, or from it.
    let own = || bundle::key_of(&container);
    let (anchors, faults) = match args.key.clone().or_else(own) {
        Some(key) => args.anchors(&key)?,
        None => Default::default(),
    };
    let now = Timestamp::now().as_microsecond();
    let spinner = Spinner::start(output);
    let signatures = if args.every_signature {
        Signatures::Every
    } else {
        Signatures::OfLast
    };
    let mut say = |progress| spinner.say(progress);
    let mut verified = bundle::verify(&container, args.key.as_ref(), &anchors, signatures, now, &mut say);
    drop(spinner);
    faults.into_iter().for_each(|fault| verified.findings.add(fault));
    if output.format == Format::Json {
        output.json(&verified)?;
    } else {
        print(&verified.findings, output)?;
        if let Some(identity) = &verified.bundle {
            identify(identity, output)?;
        }
        anchored(&verified.findings, output)?;
    }
    Ok(verified.findings)
}

impl Args {
    /// The checkpoints that were kept elsewhere.
    fn anchors(&self, key: &VerifierKey) -> Result<(Vec<Statement>, Vec<Fault>), Failure> {
        let Some(path) = &self.checkpoint else {
            return Ok(Default::default());
        };
        Ok(kept_elsewhere::read(path, key)?)
    }
}

/// What the bundle is, and what its key must be compared with.
fn identify(identity: &Identity, output: &Output) -> Result<(), Failure> {
    let say = |message: Message| output.line(&message.render_in(output.lang));
    let of = Message::new("bundle-of")
        .arg("company", &identity.company)
        .arg("period", &identity.period.name);
    say(of.arg("origin", &identity.origin))?;
    if let Some(until) = identity.covers_until {
        let last = identity.size.saturating_sub(1);
        let covers = Message::new("bundle-covers").arg("until", until);
        say(covers.arg("first", identity.first).arg("last", last))?;
        if until < identity.period.ends_at {
            say(Message::new("bundle-ends-early").arg("ends", identity.period.ends_at))?;
        }
    }
    say(Message::new("bundle-key").arg("key", &identity.key))?;
    if !identity.key_given {
        say(Message::new("bundle-compare").arg("fingerprint", &identity.key_fingerprint))?;
    }
    Ok(())
}

/// What came of checkpoints kept elsewhere.
fn anchored(found: &Findings, output: &Output) -> Result<(), Failure> {
    for (key, count) in [
        ("bundle-anchored", found.anchors),
        ("bundle-anchors-before", found.anchors_before),
        ("bundle-anchors-after", found.anchors_after),
    ] {
        if count > 0 {
            output.line(&Message::new(key).arg("count", count).render_in(output.lang))?;
        }
    }
    Ok(())
}

fn print(found: &Findings, output: &Output) -> Result<(), Failure> {
    if !found.faults.is_empty() {
        output.table_under(
            [
                "ledger-heading-fault",
                "collector-heading-host",
                "ledger-heading-report",
                "ledger-heading-leaf",
                "ledger-heading-differs",
            ],
            found.faults.iter().map(|fault| row(fault, output)),
        )?;
    }
    if (found.faults.len() as u64) < found.faults_total {
        let message = Message::new("ledger-more-faults").number("shown", found.faults.len());
        output.line(&message.render_in(output.lang))?;
    }
    let looked_at = Message::new("ledger-looked-at")
        .arg("leaves", found.size)
        .arg("checkpoints", found.checkpoints)
        .arg("reports", found.reports)
        .arg("bodies", found.bodies)
        .arg("records", found.records)
        .arg("acts", found.acts);
    let looked_at = looked_at.render();
    let verdict = match found.faults_total {
        0 => Message::new("ledger-stands").bilingual("what", looked_at),
        faults => Message::new("ledger-faults")
            .arg("faults", faults)
            .bilingual("what", looked_at),
    };
    output.line(&verdict.render_in(output.lang))?;
    if found.evidence > 0 {
        let message = Message::new("ledger-evidence").arg("count", found.evidence);
        output.line(&message.render_in(output.lang))?;
    }
    if found.evidence_without_record > 0 {
        let message = Message::new("ledger-evidence-outside").arg("count", found.evidence_without_record);
        output.line(&message.render_in(output.lang))?;
    }
    if let Some(root) = &found.root {
        let message = Message::new("ledger-root").arg("root", root);
        output.line(&message.render_in(output.lang))?;
    }
    let uncovered = found.size.saturating_sub(found.newest_checkpoint.unwrap_or(0));
    if uncovered > 0 {
        let message = Message::new("ledger-uncovered").arg("count", uncovered);
        output.line(&message.render_in(output.lang))?;
    }
    Ok(())
}

fn row(fault: &Fault, output: &Output) -> [String; 5] {
    let said = |message: Message| message.render_in(output.lang);
    let numbers = |(incarnation, sequence): (i64, i64)| {
        said(
            Message::new("ledger-place-report")
                .arg("incarnation", incarnation)
                .arg("sequence", sequence),
        )
    };
    let report = fault.incarnation.zip(fault.sequence).map(numbers);
    let act = fault
        .act
        .map(|act| said(Message::new("ledger-place-act").arg("act", act)));
    let leaf = fault.leaf.map(|leaf| leaf.to_string());
    let node = |(level, index)| {
        said(
            Message::new("ledger-place-node")
                .arg("level", level)
                .arg("index", index),
        )
    };
    let checkpoint = |size| said(Message::new("ledger-place-checkpoint").arg("size", size));
    let leaves = |(first, last): (u64, u64)| {
        said(
            Message::new("ledger-place-leaves")
                .arg("first", first)
                .arg("last", last),
        )
    };
    let place = leaf
        .or_else(|| fault.member.clone())
        .or_else(|| fault.leaves.map(leaves))
        .or_else(|| fault.node.map(node))
        .or_else(|| fault.checkpoint.map(checkpoint));
    let differs = fault.what.map(|what| {
        let value = |value: &Option<String>| value.clone().unwrap_or_default();
        said(
            Message::new("ledger-differs")
                .arg("what", what)
                .arg("expected", value(&fault.expected))
                .arg("found", value(&fault.found)),
        )
    });
    [
        output.text(fault.kind.key()),
        fault.host.clone().unwrap_or_default(),
        report
            .or(act)
            .or_else(|| fault.record.clone())
            .unwrap_or_default(),
        place.unwrap_or_default(),
        differs.unwrap_or_default(),
    ]
}

/// How far the audit is, on standard error; silent where that is no terminal.
struct Spinner<'a> {
    bar: Option<ProgressBar>,
    output: &'a Output,
}

impl<'a> Spinner<'a> {
    fn start(output: &'a Output) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { bar, output }
    }

    fn say(&self, progress: Progress) {
        let Some(bar) = &self.bar else { return };
        let message = match progress {
            Progress::Leaves(done, all) => Message::new("ledger-progress-leaves")
                .arg("done", done)
                .arg("all", all),
            Progress::Reports(done) => Message::new("ledger-progress-reports").arg("done", done),
            Progress::Evidence(done, all) => Message::new("ledger-progress-evidence")
                .arg("done", done)
                .arg("all", all),
        };
        bar.set_message(message.render_in(self.output.lang));
    }
}

impl Drop for Spinner<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
