//! `attest`: that what a line asks for was done.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use plumbline_config::message::Message;
use plumbline_console::{Failure, Format, Outcome, Output};
use serde_json::json;

use super::records::{Listing, at_desk, said};
use super::{day, evidence, in_zone};
use crate::checklist;
use crate::cli::Place;
use crate::desk::Desk;
use crate::records::Attestation;
use crate::records::attestation::{self, Details, Given};
use crate::report;
use crate::view::RecordView;

/// Largest file of particulars, in bytes.
const LARGEST_DETAILS: u64 = 1024 * 1024;

/// Arguments of the command.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Example: plumbline-collector attest --line 10.1 --effective-on 2026-11-01 --performed-by 王小明 \
                  --statement 第四季一般訓練，全員參加。 --details training.json --file 簽到表.pdf"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    order: Option<Order>,
}

#[derive(Debug, clap::Args)]
struct Order {
    /// Line of the checklist that it answers, such as 10.1; may be given again
    #[arg(long = "line", value_name = "LINE", required = true)]
    lines: Vec<String>,
    /// Day on which what it speaks of was done, such as 2026-11-01
    #[arg(long, value_parser = day, value_name = "DAY")]
    effective_on: Date,
    /// Who did it
    #[arg(long, value_name = "NAME")]
    performed_by: String,
    /// What was done
    #[arg(long, value_name = "TEXT")]
    statement: String,
    /// JSON file with what belongs to its kind: a training, a drill, a scan, an assessment of risk, a supervision
    #[arg(long, value_name = "FILE")]
    details: Option<PathBuf>,
    /// Evidence file; may be given again
    #[arg(long = "file", value_name = "PATH")]
    files: Vec<PathBuf>,
    /// Attestation that it puts right, and replaces
    #[arg(long, value_name = "ID")]
    corrects: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List attestations, newest first
    #[command(after_help = "Example: plumbline-collector attest list --line 10.1")]
    List {
        /// Only those that answer this line
        #[arg(long, value_name = "LINE")]
        line: Option<String>,
    },
    /// List when each line's next attestation is due, what is overdue first
    #[command(after_help = "Example: plumbline-collector attest due")]
    Due,
    /// Take an attestation back
    #[command(
        after_help = "Example: plumbline-collector attest withdraw a-k3w7qz5ab2c4d6e7 --reason 日期有誤。"
    )]
    Withdraw {
        /// Id of the attestation
        #[arg(value_name = "ID")]
        id: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Runs the command.
pub(crate) fn run(args: Args, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    match (args.command, args.order) {
        (Some(Command::List { line }), _) => {
            at_desk(place, false, |desk| list(desk, line.as_deref(), output))
        }
        (Some(Command::Due), _) => at_desk(place, false, |desk| due(desk, output)),
        (Some(Command::Withdraw { id, reason }), _) => at_desk(place, true, |desk| {
            desk.withdraw(&id, reason)?;
            said(&desk.attestation(&id)?, "attestation-withdrawn", output)
        }),
        (None, Some(order)) => {
            let given = order.given(place)?;
            at_desk(place, true, |desk| {
                let id = desk.attest(given)?;
                said(&desk.attestation(&id)?, "attestation-kept", output)
            })
        }
        (None, None) => Err(Failure::new(
            "say what is attested; `plumbline-collector attest --help` has an example",
        )),
    }
}

impl Order {
    fn given(self, place: &Place) -> Result<Given, Failure> {
        Ok(Given {
            lines: self.lines,
            effective_on: self.effective_on,
            performed_by: self.performed_by,
            statement: self.statement,
            details: self.details.as_deref().map(details).transpose()?,
            files: evidence::files(&self.files, place)?,
            corrects: self.corrects,
        })
    }
}

fn details(path: &Path) -> Result<Details, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(format!(
            "cannot read the particulars in {}: {error}",
            path.display()
        ))
    };
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_DETAILS + 1).read_to_end(&mut text))
        .map_err(|error| failed(&error))?;
    if text.len() as u64 > LARGEST_DETAILS {
        return Err(failed(
            &"they are larger than 1 MiB; put the rest into an evidence file",
        ));
    }
    serde_json::from_slice(&text).map_err(|error| failed(&error))
}

fn list(desk: &Desk<'_>, line: Option<&str>, output: &Output) -> Result<Outcome, Failure> {
    let line = line.map(attestation::line).transpose()?;
    let listing = Listing {
        name: "attestations",
        headings: [
            "records-heading-id",
            "records-heading-line",
            "records-heading-effective",
            "records-heading-performed",
            "records-heading-statement",
            "records-heading-by",
            "records-heading-state",
        ],
    };
    let row = |view: RecordView<Attestation>| {
        let RecordView { id, record } = view;
        [
            id,
            record.given.lines.join(" "),
            record.given.effective_on.to_string(),
            record.given.performed_by.clone(),
            record.given.statement.clone(),
            record.by.clone(),
            state(&record, output),
        ]
    };
    let answers =
        |attestation: &Attestation| line.is_none_or(|line| attestation.given.lines.contains(&line.id));
    let attestations = &desk.people()?.attestations;
    listing.print(
        attestations,
        |given| given.at,
        answers,
        Attestation::clone,
        row,
        output,
    )
}

fn state(attestation: &Attestation, output: &Output) -> String {
    match (&attestation.withdrawn, &attestation.corrected_by) {
        (Some(withdrawn), _) => Message::new("attestation-state-withdrawn")
            .arg("reason", &withdrawn.reason)
            .render_in(output.lang),
        (None, Some(id)) => Message::new("attestation-state-corrected")
            .arg("id", id)
            .render_in(output.lang),
        (None, None) => output.text("attestation-state-stands"),
    }
}

fn due(desk: &Desk<'_>, output: &Output) -> Result<Outcome, Failure> {
    let due = checklist::due(&report::checklist(desk.source, None)?);
    if output.format == Format::Json {
        output.json(&json!({ "due": due }))?;
        return Ok(Outcome::Clean);
    }
    let zone = report::zone(desk.source.store)?;
    let time = |at: Option<Timestamp>| at.map(|at| in_zone(at, &zone)).unwrap_or_default();
    output.table_under(
        [
            "records-heading-line",
            "checklist-heading-requirement",
            "records-heading-kind",
            "records-heading-state",
            "records-heading-due",
            "records-heading-attestation",
        ],
        due.into_iter().map(|due| {
            [
                due.line,
                due.title.get(output.lang).to_owned(),
                output.text(due.kind.key()),
                output.text(due.state.key()),
                time(due.due_at),
                due.attestation.unwrap_or_default(),
            ]
        }),
    )?;
    Ok(Outcome::Clean)
}
