//! `export`: the evidence of a period as one file, for whoever has no collector.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, Write};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use jiff::Timestamp;
use plumbline_config::message::Message;
use plumbline_console::{Failure, Format, Outcome, Output};
use ring::digest::{Context, SHA256};
use serde::Serialize;

use crate::bundle::{self, Export, Exported};
use crate::checklist::Period;
use crate::cli::Place;
use crate::evidence::{Evidence, EvidenceError, Kept};
use crate::home::Home;
use crate::pki::{Authority, Signer};
use crate::records::{EvidenceFile, People};
use crate::report;

/// Arguments of the command.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: plumbline-collector export --period 2026Q4 -o evidence-2026Q4.zip")]
pub(crate) struct Args {
    /// Quarter (2026Q4), year (2026) or days (2026-10-01/2026-12-31); the current quarter unless said otherwise
    #[arg(long)]
    period: Option<Period>,

    /// File to write, for its owner alone
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Serialize)]
struct Answer<'a> {
    file: &'a Path,
    sha256: String,
    #[serde(flatten)]
    exported: Exported,
    #[serde(skip_serializing_if = "Option::is_none")]
    without_report: Option<&'a str>,
}

/// A file of evidence, proved from end to end before any of it goes into the bundle; `None`: it is not kept any more,
/// which the bundle shows, for its records name it.
async fn proved(evidence: &Evidence, file: &EvidenceFile) -> io::Result<Option<Box<dyn Read>>> {
    let Ok(sha256) = file.sha256.parse() else {
        return Ok(None);
    };
    let kept = Kept {
        sha256,
        size: file.size,
    };
    let mut reading = match evidence.read(kept).await {
        Ok(reading) => reading,
        Err(EvidenceError::Missing(_)) => return Ok(None),
        Err(error) => return Err(io::Error::other(error)),
    };
    let mut copy = tempfile::tempfile()?;
    while let Some(piece) = reading.chunk().await.map_err(io::Error::other)? {
        copy.write_all(&piece)?;
    }
    copy.rewind()?;
    Ok(Some(Box::new(copy)))
}

/// Runs the command.
pub(crate) fn run(args: &Args, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let (settings, store) = place.store_to_read()?;
    let home = Home::new(&settings.data_dir);
    let now = Timestamp::now();
    let period = match &args.period {
        Some(period) => period.clone(),
        None => Period::current(now, &report::zone(store.as_ref())?),
    };
    let export = Export {
        store: store.as_ref(),
        period: &period,
        origin: &Authority::load(&home)?.origin(),
        signer: &Signer::load(&home)?,
        stale_after: settings.stale_after,
        now,
    };
    let bar = io::stderr().is_terminal().then(ProgressBar::new_spinner);
    let mut progress = |done: u64, all: u64| {
        let Some(bar) = &bar else { return };
        let message = Message::new("bundle-progress").arg("done", done).arg("all", all);
        bar.set_message(message.render_in(output.lang));
        bar.tick();
    };
    let people = People::read(store.as_ref())?;
    let evidence = Evidence::open(&settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot begin to read evidence files: {error}")))?;
    let mut vault = |sha256: &str| match people.file(sha256) {
        Some(file) => runtime.block_on(proved(&evidence, file)),
        None => Ok(None),
    };
    let written = bundle::export(&export, &args.output, &mut vault, &mut progress);
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(format!("cannot export to {}: {error}", args.output.display()))
    };
    let (exported, manifest) = written.map_err(|error| failed(&error))?;
    let answer = Answer {
        file: &args.output,
        sha256: sha256_of(&args.output).map_err(|error| failed(&error))?,
        exported,
        without_report: manifest.without_report.as_deref(),
    };
    if output.format == Format::Json {
        output.json(&answer)?;
        return Ok(Outcome::Clean);
    }
    if let Some(why) = answer.without_report {
        let message = Message::new("bundle-without-report").arg("why", why);
        output.line(&message.render_in(output.lang))?;
    }
    let message = Message::new("bundle-written")
        .arg("file", args.output.display())
        .arg("leaves", exported.leaves)
        .arg("reports", exported.reports)
        .arg("acts", exported.acts)
        .arg("sha256", &answer.sha256);
    output.line(&message.render_in(output.lang))?;
    Ok(Outcome::Clean)
}

/// SHA-256 of what was written: whoever gets the file can compare it at once.
fn sha256_of(path: &Path) -> io::Result<String> {
    struct Hashing(Context);
    impl Write for Hashing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut hashing = Hashing(Context::new(&SHA256));
    io::copy(&mut File::open(path)?, &mut hashing)?;
    Ok(hex::encode(hashing.0.finish()))
}
