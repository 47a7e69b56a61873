//! `report`: the audit report as a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use plumbline_config::lang::Lang;
use plumbline_console::{Failure, Outcome};

use crate::checklist::Period;
use crate::cli::Place;
use crate::report::{self, ReportFormat, Source, WriteError};

/// Arguments of the command.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: plumbline-collector report --period 2026Q4 --format html --lang zh-TW -o report.html"
)]
pub(crate) struct Args {
    /// Quarter (2026Q4), year (2026) or days (2026-10-01/2026-12-31); the current quarter unless said otherwise
    #[arg(long)]
    period: Option<Period>,

    /// File to write, for its owner alone; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

/// Runs the command. `format` is the name given by `--format`.
pub(crate) fn run(args: &Args, format: Option<&str>, lang: Lang, place: &Place) -> Result<Outcome, Failure> {
    let format = args.format(format)?;
    let (settings, store) = place.store_to_read()?;
    let source = Source {
        store: store.as_ref(),
        stale_after: settings.stale_after,
        now: Timestamp::now(),
    };
    let report = report::report(&source, args.period.as_ref())?;
    let write = |out: &mut dyn Write| report::write(&report, source.store, format, lang, out);
    if args.output == Path::new("-") {
        let mut out = BufWriter::new(io::stdout().lock());
        write(&mut out)?;
    } else {
        into_file(&args.output, write).map_err(|error| match error {
            WriteError::Output(error) => {
                Failure::new(format!("cannot write {}: {error}", args.output.display()))
            }
            other => other.into(),
        })?;
    }
    Ok(Outcome::Clean)
}

/// Writes the file in one step, so that a report is never half there; what fails half-way leaves nothing.
fn into_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(beside)?;
    let written = filled(file, write).and_then(|()| Ok(fs::rename(beside, path)?));
    if written.is_err() {
        // What went wrong first is what has to be told.
        let _gone = fs::remove_file(beside);
    }
    written
}

fn filled(
    file: File,
    write: impl FnOnce(&mut dyn Write) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let mut out = BufWriter::new(file);
    write(&mut out)?;
    out.flush()?;
    Ok(out.get_ref().sync_all()?)
}

impl Args {
    /// The format asked for, else the one that the file's name ends in, else HTML.
    fn format(&self, asked: Option<&str>) -> Result<ReportFormat, Failure> {
        if let Some(name) = asked {
            return Ok(name.parse()?);
        }
        let by_name = || ReportFormat::of_file(self.output.file_name()?.to_str()?);
        Ok(by_name().unwrap_or(ReportFormat::Html))
    }
}
