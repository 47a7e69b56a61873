//! `report`: the audit report as a file.

use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use plumbline_config::lang::Lang;
use plumbline_console::{Failure, Outcome};

use super::deliver::deliver;
use crate::checklist::Period;
use crate::cli::Place;
use crate::records::Remembered;
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
        people: &Remembered::default(),
        stale_after: settings.stale_after,
        now: Timestamp::now(),
    };
    let report = report::report(&source, args.period.as_ref())?;
    let write = |out: &mut dyn Write| report::write(&report, source.store, format, lang, out);
    deliver(&args.output, write).map_err(|error| match error {
        WriteError::Output(error) => Failure::new(format!("cannot write {}: {error}", args.output.display())),
        other => other.into(),
    })?;
    Ok(Outcome::Clean)
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
