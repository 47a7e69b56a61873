//! `checklist`: Section 12, as it stands.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumbline_config::lang::Lang;
use plumbline_config::message::{Message, text};
use plumbline_console::{Failure, Format, Outcome, Output};

use super::in_zone;
use crate::checklist::{Checklist, Line, LineStatus, Period};
use crate::cli::Place;
use crate::records::Remembered;
use crate::report::{self, Source};

/// Arguments of the command.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: plumbline-collector checklist --period 2026Q4 --lang zh-TW")]
pub(crate) struct Args {
    /// Quarter (2026Q4), year (2026) or days (2026-10-01/2026-12-31); the current quarter unless said otherwise
    #[arg(long)]
    period: Option<Period>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, place: &Place, output: &Output) -> Result<Outcome, Failure> {
    let (settings, store) = place.store_to_read()?;
    let source = Source {
        store: store.as_ref(),
        people: &Remembered::default(),
        stale_after: settings.stale_after,
        now: Timestamp::now(),
    };
    let checklist = report::checklist(&source, args.period.as_ref())?;
    if output.format == Format::Json {
        output.json(&checklist)?;
    } else {
        print(&checklist, &report::zone(store.as_ref())?, output)?;
    }
    let failing = |line: &Line| line.hosts.fail > 0;
    let fails = checklist.items.iter().flat_map(|item| &item.lines).any(failing);
    Ok(if fails { Outcome::Failing } else { Outcome::Clean })
}

/// The twelve items, and beneath each the lines that hosts or people speak for; those that await people are counted.
fn print(checklist: &Checklist, zone: &TimeZone, output: &Output) -> Result<(), Failure> {
    let lang = output.lang;
    let mut rows = Vec::new();
    for item in &checklist.items {
        let unattested = item.lines.iter().filter(|line| awaits_people(line)).count();
        let awaiting = Message::new("checklist-awaiting").number("count", unattested);
        rows.push([
            item.number.to_string(),
            item.title.get(lang).to_owned(),
            output.text(item.status.key()),
            if unattested == 0 {
                String::new()
            } else {
                awaiting.render_in(lang)
            },
        ]);
        let spoken_for = item.lines.iter().filter(|line| is_spoken_for(line));
        rows.extend(spoken_for.map(|line| {
            [
                line.clause.clone(),
                format!("  {}", line.title.get(lang)),
                output.text(line.status.key()),
                basis(line, zone, lang),
            ]
        }));
    }
    output.table_under(
        [
            "checklist-heading-clause",
            "checklist-heading-requirement",
            "checklist-heading-status",
            "checklist-heading-basis",
        ],
        rows,
    )
}

fn awaits_people(line: &Line) -> bool {
    line.status == LineStatus::Nonconforming && line.checks.is_empty()
}

fn is_spoken_for(line: &Line) -> bool {
    let by_people = line.attestation.is_some() || line.corrective_action.is_some();
    !line.checks.is_empty() || by_people || !line.incidents.is_empty()
}

/// What a line rests on: each check with its hosts, or that it is not measured yet, and what people say.
fn basis(line: &Line, zone: &TimeZone, lang: Lang) -> String {
    if let Some(reason) = &line.reason {
        return reason.clone();
    }
    let check = |check: &crate::checklist::LineCheck| {
        let said = if check.measured {
            report::host_counts(&check.hosts, lang)
        } else {
            Message::new("report-not-measured").render_in(lang)
        };
        format!("{}: {said}", check.check)
    };
    let checks = line.checks.iter().map(check);
    checks
        .chain(people(line, zone, lang))
        .collect::<Vec<_>>()
        .join("\n")
}

fn people<'l>(line: &'l Line, zone: &'l TimeZone, lang: Lang) -> impl Iterator<Item = String> + use<'l> {
    let attestation = line.attestation.as_ref().map(|latest| {
        let said = if latest.in_force {
            "line-attested"
        } else {
            "line-attested-over"
        };
        Message::new(said)
            .arg("effective_on", latest.effective_on)
            .arg("by", &latest.performed_by)
            .arg("due_at", in_zone(latest.expires_at, zone))
    });
    let action = line.corrective_action.as_ref().map(|action| {
        Message::new("line-action")
            .arg("id", &action.id)
            .arg("stage", text(lang, action.stage.key()))
    });
    let waived = !line.waivers.is_empty();
    let waivers = waived.then(|| Message::new("line-waived").arg("ids", line.waivers.join(" ")));
    let said = attestation.into_iter().chain(action).chain(waivers);
    let incidents = line.incidents.iter();
    let incidents =
        incidents.map(move |incident| report::line_incident(incident, lang, &|at| in_zone(at, zone)));
    said.map(move |said| said.render_in(lang)).chain(incidents)
}
