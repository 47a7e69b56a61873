//! `correct …`: corrective actions.

use std::path::PathBuf;

use clap::ArgAction;
use jiff::civil::Date;
use plumbline_config::message::Message;
use plumbline_console::{Failure, Format, Outcome, Output};

use super::records::{Listing, at_desk, history, said};
use super::{day, evidence, yes_or_no};
use crate::cli::Place;
use crate::desk::Desk;
use crate::records::Action;
use crate::records::action::{ActionStep, Entry};
use crate::view::RecordView;

/// Commands on corrective actions.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Open a corrective action on a line
    #[command(
        after_help = "Example: plumbline-collector correct open --line 7.1.3 --text 對外網站仍接受TLS1.0。"
    )]
    Open {
        /// Line of the checklist, such as 7.1.3
        #[arg(long, value_name = "LINE")]
        line: String,
        /// What was seen
        #[arg(long, value_name = "TEXT")]
        text: String,
    },
    /// List corrective actions, newest first
    #[command(after_help = "Example: plumbline-collector correct list --open")]
    List {
        /// Only those that are open
        #[arg(long)]
        open: bool,
    },
    /// Show a corrective action with every step that was taken
    #[command(after_help = "Example: plumbline-collector correct show c-k3w7qz5ab2c4d6e7")]
    Show {
        /// Id of the action
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Say who sees to it, and until when
    #[command(
        after_help = "Example: plumbline-collector correct assign c-k3w7qz5ab2c4d6e7 --owner 陳經理 --due-on 2026-12-01"
    )]
    Assign {
        /// Id of the action
        #[arg(value_name = "ID")]
        id: String,
        /// Who sees to it
        #[arg(long, value_name = "NAME")]
        owner: String,
        /// Until when, such as 2026-12-01
        #[arg(long, value_parser = day, value_name = "DAY")]
        due_on: Date,
    },
    /// Write down the cause, and whether the like may be elsewhere
    #[command(
        after_help = "Example: plumbline-collector correct cause c-k3w7qz5ab2c4d6e7 --text 設定範本未更新。"
    )]
    Cause(Said),
    /// Write down what was done
    #[command(
        after_help = "Example: plumbline-collector correct measure c-k3w7qz5ab2c4d6e7 --text 已停用TLS1.0。 --file 變更單.pdf"
    )]
    Measure(Said),
    /// Write down what came of it
    #[command(
        after_help = "Example: plumbline-collector correct result c-k3w7qz5ab2c4d6e7 --text 複測全數符合。"
    )]
    Result(Said),
    /// Write down whether it helped; where it did, the action is closed
    #[command(
        after_help = "Example: plumbline-collector correct review c-k3w7qz5ab2c4d6e7 --effective yes --text 三個月未再發生。"
    )]
    Review {
        #[command(flatten)]
        said: Said,
        /// Whether it helped: yes or no
        #[arg(long, action = ArgAction::Set, value_parser = yes_or_no, value_name = "yes|no")]
        effective: bool,
    },
}

/// What is written down at a stage.
#[derive(Debug, clap::Args)]
pub(crate) struct Said {
    /// Id of the action
    #[arg(value_name = "ID")]
    id: String,
    /// What is said
    #[arg(long, value_name = "TEXT")]
    text: String,
    /// Evidence file; may be given again
    #[arg(long = "file", value_name = "PATH")]
    files: Vec<PathBuf>,
}

impl Said {
    fn entry(self, place: &Place) -> Result<(String, Entry), Failure> {
        let entry = Entry {
            text: self.text,
            files: evidence::files(&self.files, place)?,
        };
        Ok((self.id, entry))
    }
}

/// Runs the command.
pub(crate) fn run(command: Command, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let (id, step) = match command {
        Command::Open { line, text } => {
            return at_desk(place, true, |desk| {
                let id = desk.open_action(&line, text)?;
                said(&desk.action(&id)?, "action-now-open", output)
            });
        }
        Command::List { open } => return at_desk(place, false, |desk| list(desk, open, output)),
        Command::Show { id } => return at_desk(place, false, |desk| show(desk, &desk.action(&id)?, output)),
        Command::Assign { id, owner, due_on } => (id, ActionStep::Assign { owner, due_on }),
        Command::Cause(said) => {
            let (id, entry) = said.entry(place)?;
            (id, ActionStep::Cause(entry))
        }
        Command::Measure(said) => {
            let (id, entry) = said.entry(place)?;
            (id, ActionStep::Measure(entry))
        }
        Command::Result(said) => {
            let (id, entry) = said.entry(place)?;
            (id, ActionStep::Result(entry))
        }
        Command::Review { said, effective } => {
            let (id, entry) = said.entry(place)?;
            (id, ActionStep::Review { effective, entry })
        }
    };
    at_desk(place, true, |desk| {
        desk.action_step(&id, &step)?;
        let view = desk.action(&id)?;
        let sentence = if view.record.is_open() {
            "action-step-taken"
        } else {
            "action-now-closed"
        };
        said(&view, sentence, output)
    })
}

fn list(desk: &Desk<'_>, open: bool, output: &Output) -> Result<Outcome, Failure> {
    let listing = Listing {
        name: "actions",
        headings: [
            "records-heading-id",
            "records-heading-line",
            "records-heading-stage",
            "records-heading-owner",
            "records-heading-due",
            "records-heading-seen",
        ],
    };
    let row = |view: RecordView<Action>| {
        let RecordView { id, record } = view;
        [
            id,
            record.line,
            output.text(record.stage.key()),
            record.owner.unwrap_or_default(),
            record.due_on.map(|day| day.to_string()).unwrap_or_default(),
            record.text,
        ]
    };
    let wanted = |action: &Action| !open || action.is_open();
    let actions = &desk.people()?.actions;
    listing.print(actions, |action| action.at, wanted, Action::clone, row, output)
}

/// The action, and each of its steps.
fn show(desk: &Desk<'_>, view: &RecordView<Action>, output: &Output) -> Result<Outcome, Failure> {
    if output.format == Format::Json {
        output.json(view)?;
        return Ok(Outcome::Clean);
    }
    let action = &view.record;
    let stage = Message::new("action-stands")
        .arg("id", &view.id)
        .arg("line", &action.line)
        .arg("stage", output.text(action.stage.key()));
    output.line(&stage.render_in(output.lang))?;
    let opened = (
        action.at,
        action.by.clone(),
        "action-step-open",
        action.text.clone(),
    );
    let taken = action.history.iter().map(|taken| {
        let said = taken.step.said(output.lang);
        (taken.at, taken.by.clone(), taken.step.key(), said)
    });
    history(std::iter::once(opened).chain(taken), desk, output)
}
