//! `incident …`: cases, from what made somebody suspect one to its end.

mod assess;
mod notice;

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumbline_config::catalogue::{Duty, IncidentKind};
use plumbline_config::ident::HostId;
use plumbline_config::lang::Lang;
use plumbline_config::message::Message;
use plumbline_console::{Failure, Format, Outcome, Output};

use super::records::{Listing, at_desk, history, said};
use super::{evidence, in_zone, moment};
use crate::cli::Place;
use crate::desk::{Closing, Desk, Suspicion};
use crate::records::Incident;
use crate::records::action::Entry;
use crate::records::incident::{Done, IncidentStep, Whom};
use crate::report;
use crate::view::{IncidentView, RecordView};
use assess::Assess;
pub(crate) use notice::notice;

/// Commands on incidents.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List cases, newest first, with what is left of the time in which the authority is to be told
    #[command(after_help = "Example: plumbline-collector incident list --open")]
    List {
        /// Only those on which something is still to be done
        #[arg(long)]
        open: bool,
    },
    /// Show a case with every step that was taken, and what is still to be done
    #[command(after_help = "Example: plumbline-collector incident show i-k3w7qz5ab2c4d6e7")]
    Show {
        /// Id of the case
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Open a case; what hosts find opens cases by itself
    #[command(
        after_help = "Example: plumbline-collector incident open --kind loss --text 業務人員遺失筆記型電腦。 --known-at \"2026-11-22 09:30\""
    )]
    Open {
        /// What is suspected: intrusion, exposure, malware, loss or other
        #[arg(long, value_parser = kind, value_name = "KIND")]
        kind: IncidentKind,
        /// What was seen
        #[arg(long, value_name = "TEXT")]
        text: String,
        /// Host that it was seen on
        #[arg(long, value_name = "HOST")]
        host: Option<HostId>,
        /// Who or what is behind it
        #[arg(long, value_name = "TEXT")]
        culprit: Option<String>,
        /// When the company knew, such as "2026-11-22 09:30" in the plan's zone; now unless said otherwise
        #[arg(long, value_parser = moment, value_name = "TIME")]
        known_at: Option<Timestamp>,
        /// When it happened
        #[arg(long, value_parser = moment, value_name = "TIME")]
        happened_at: Option<Timestamp>,
    },
    /// Write down what the case was found to be; a later assessment takes the place of an earlier one
    #[command(
        after_help = "Example: plumbline-collector incident assess i-k3w7qz5ab2c4d6e7 --personal-data yes --grave yes --harm leak \
                      --category C001辨識個人者 --people 1200 --records 1200 --text 攻擊者以遭破解之密碼登入並下載會員資料。"
    )]
    Assess(Box<Assess>),
    /// Write down what was done against it
    #[command(
        after_help = "Example: plumbline-collector incident contain i-k3w7qz5ab2c4d6e7 --text 已停用帳號並封鎖來源。 --file 處理紀錄.pdf"
    )]
    Contain(Said),
    /// Write down that the authority, the people concerned or customers were told
    #[command(
        after_help = "Example: plumbline-collector incident notify i-k3w7qz5ab2c4d6e7 --whom authority --channel 電子郵件 \
                      --told-at \"2026-11-22 17:00\" --text 已依附表二通報。 --file 通報表.pdf"
    )]
    Notify {
        #[command(flatten)]
        said: Said,
        /// Who was told: authority, subjects or customers
        #[arg(long, value_parser = whom, value_name = "WHOM")]
        whom: Whom,
        /// By what
        #[arg(long, value_name = "TEXT")]
        channel: String,
        /// When; now unless said otherwise
        #[arg(long, value_parser = moment, value_name = "TIME")]
        told_at: Option<Timestamp>,
    },
    /// Write down that the media reported on it: from then on the authority is to be told sooner
    #[command(
        after_help = "Example: plumbline-collector incident media i-k3w7qz5ab2c4d6e7 --reported-at \"2026-11-22 12:00\" --text 某報網站報導。"
    )]
    Media {
        #[command(flatten)]
        said: Said,
        /// When; now unless said otherwise
        #[arg(long, value_parser = moment, value_name = "TIME")]
        reported_at: Option<Timestamp>,
    },
    /// Correct when the company knew (only to an earlier moment), or when it happened
    #[command(
        after_help = "Example: plumbline-collector incident correct i-k3w7qz5ab2c4d6e7 --happened-at \"2026-11-20 03:00\" --text 依鑑識結果更正。"
    )]
    Correct {
        #[command(flatten)]
        said: Said,
        /// When the company knew
        #[arg(long, value_parser = moment, value_name = "TIME")]
        known_at: Option<Timestamp>,
        /// When it happened
        #[arg(long, value_parser = moment, value_name = "TIME")]
        happened_at: Option<Timestamp>,
    },
    /// Close a case of which all was done; what is to be put right goes on as a corrective action
    #[command(
        after_help = "Example: plumbline-collector incident close i-k3w7qz5ab2c4d6e7 --text 事故已排除，改採金鑰登入。 --line 7.1.5.logins"
    )]
    Close {
        #[command(flatten)]
        said: Said,
        /// Corrective action that follows
        #[arg(long, value_name = "ACTION", conflicts_with = "line")]
        action: Option<String>,
        /// Line that one is opened on, or is open on; that of the finding unless said otherwise
        #[arg(long, value_name = "LINE")]
        line: Option<String>,
    },
    /// Dismiss a case that somebody else found to be no incident of personal data
    #[command(
        after_help = "Example: plumbline-collector incident dismiss i-k3w7qz5ab2c4d6e7 --reason 確認為本公司滲透測試。"
    )]
    Dismiss {
        /// Id of the case
        #[arg(value_name = "ID")]
        id: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Print drafts of the notices to the authority, to the people concerned and to customers
    #[command(
        after_help = "Example: plumbline-collector incident notice i-k3w7qz5ab2c4d6e7 --format pdf -o notice.pdf"
    )]
    Notice {
        /// Id of the case
        #[arg(value_name = "ID")]
        id: String,
        /// File to write, for its owner alone; `-` is standard output
        #[arg(short, long, value_name = "FILE", default_value = "-")]
        output: PathBuf,
    },
}

/// What is written down at a step.
#[derive(Debug, clap::Args)]
pub(crate) struct Said {
    /// Id of the case
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

fn kind(text: &str) -> Result<IncidentKind, String> {
    let known = IncidentKind::ALL.into_iter().find(|kind| kind.name() == text);
    known.ok_or_else(|| "use intrusion, exposure, malware, loss or other".to_owned())
}

fn whom(text: &str) -> Result<Whom, String> {
    let known = Whom::ALL.into_iter().find(|whom| whom.name() == text);
    known.ok_or_else(|| "use authority, subjects or customers".to_owned())
}

/// Runs the command.
pub(crate) fn run(command: Command, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let (id, step) = match command {
        Command::List { open } => return at_desk(place, false, |desk| list(desk, open, output)),
        Command::Show { id } => {
            return at_desk(place, false, |desk| show(desk, &desk.incident(&id)?, output));
        }
        Command::Notice { id, output: file } => return notice(&id, &file, None, output.lang, place),
        Command::Open {
            kind,
            text,
            host,
            culprit,
            known_at,
            happened_at,
        } => {
            let suspicion = Suspicion {
                kind,
                host,
                culprit,
                text,
                known_at,
                happened_at,
            };
            return at_desk(place, true, |desk| {
                let id = desk.open_incident(suspicion)?;
                said(&desk.incident(&id)?, "incident-now-open", output)
            });
        }
        Command::Close { said, action, line } => return close(said, action, line, place, output),
        Command::Assess(assess) => assess.step(place)?,
        Command::Contain(said) => {
            let (id, entry) = said.entry(place)?;
            (id, IncidentStep::Contain(entry))
        }
        Command::Notify {
            said,
            whom,
            channel,
            told_at,
        } => {
            let (id, entry) = said.entry(place)?;
            let told_at = told_at.unwrap_or_else(Timestamp::now);
            let step = IncidentStep::Notify {
                whom,
                told_at,
                channel,
                entry,
            };
            (id, step)
        }
        Command::Media { said, reported_at } => {
            let (id, entry) = said.entry(place)?;
            let reported_at = reported_at.unwrap_or_else(Timestamp::now);
            (id, IncidentStep::Media { reported_at, entry })
        }
        Command::Correct {
            said,
            known_at,
            happened_at,
        } => {
            let (id, entry) = said.entry(place)?;
            let step = IncidentStep::Correct {
                known_at,
                happened_at,
                entry,
            };
            (id, step)
        }
        Command::Dismiss { id, reason } => (id, IncidentStep::Dismiss { reason }),
    };
    let sentence = match step {
        IncidentStep::Dismiss { .. } => "incident-now-dismissed",
        _ => "incident-step-taken",
    };
    at_desk(place, true, |desk| {
        desk.incident_step(&id, &step)?;
        said(&desk.incident(&id)?, sentence, output)
    })
}

fn close(
    closing: Said,
    action: Option<String>,
    line: Option<String>,
    place: &Place,
    output: &Output,
) -> Result<Outcome, Failure> {
    let (id, Entry { text, files }) = closing.entry(place)?;
    let closing = Closing {
        text,
        action,
        line,
        files,
    };
    at_desk(place, true, |desk| {
        desk.close_incident(&id, closing)?;
        said(&desk.incident(&id)?, "incident-now-closed", output)
    })
}

fn clock(view: &IncidentView, zone: &TimeZone, lang: Lang) -> String {
    view.clock.said(lang, &|at| in_zone(at, zone))
}

fn list(desk: &Desk<'_>, open: bool, output: &Output) -> Result<Outcome, Failure> {
    let zone = report::zone(desk.source.store)?;
    let listing = Listing {
        name: "incidents",
        headings: [
            "records-heading-id",
            "incident-heading-kind",
            "incident-heading-host",
            "records-heading-state",
            "incident-heading-clock",
            "records-heading-seen",
        ],
    };
    let row = |view: RecordView<IncidentView>| {
        let opened = &view.record.incident.opened;
        [
            view.id,
            output.text(opened.kind.key()),
            opened
                .host
                .as_ref()
                .map(|host| host.name.clone())
                .unwrap_or_default(),
            output.text(view.record.state.key()),
            clock(&view.record, &zone, output.lang),
            opened.text.clone(),
        ]
    };
    listing.print(
        &desk.people()?.incidents,
        |incident| incident.at,
        |incident| !open || incident.is_open(),
        |incident| desk.incident_view(incident.clone()),
        row,
        output,
    )
}

/// The case, what is still to be done, and each of its steps.
fn show(desk: &Desk<'_>, view: &RecordView<IncidentView>, output: &Output) -> Result<Outcome, Failure> {
    if output.format == Format::Json {
        output.json(view)?;
        return Ok(Outcome::Clean);
    }
    let zone = report::zone(desk.source.store)?;
    let incident = &view.record.incident;
    let stands = Message::new("incident-stands")
        .arg("id", &view.id)
        .arg("kind", output.text(incident.opened.kind.key()))
        .arg("state", output.text(view.record.state.key()))
        .arg("clock", clock(&view.record, &zone, output.lang));
    output.line(&stands.render_in(output.lang))?;
    let owed = owed(incident, output);
    if !owed.is_empty() {
        let owed = Message::new("incident-owed").arg("duties", owed);
        output.line(&owed.render_in(output.lang))?;
    }
    let taken = incident.history.iter().map(|taken| {
        let said = taken.step.said(output.lang, &|at| in_zone(at, &zone));
        (taken.at, taken.by.clone(), taken.step.key(), said)
    });
    history(taken, desk, output)
}

fn owed(incident: &Incident, output: &Output) -> String {
    let owed = Duty::ALL
        .into_iter()
        .filter(|duty| incident.done(*duty) == Done::Owed);
    let words: Vec<String> = owed.map(|duty| output.text(duty.key())).collect();
    words.join(&output.text("incident-list-separator"))
}
