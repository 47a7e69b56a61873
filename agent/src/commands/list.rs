//! `list`: the catalogue.

use plumbline_config::catalogue;
use plumbline_config::message::text;
use plumbline_console::{Failure, Format, Outcome, Output};
use serde_json::json;

/// Arguments of `list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: plumbline-agent list --lang zh-TW --format table")]
pub(crate) struct Args {}

/// Prints every check of the catalogue, and whether this version measures it.
pub(crate) fn run(_args: &Args, output: &Output) -> Result<Outcome, Failure> {
    let measured = |id: &str| plumbline_checks::check(id).is_some();
    let entries = catalogue::checks();
    if output.format == Format::Json {
        let entries: Vec<_> = entries
            .iter()
            .map(|entry| {
                json!({
                    "check": entry.id,
                    "clauses": { "service": entry.clauses.service, "office": entry.clauses.office },
                    "severity": entry.severity,
                    "title": entry.title,
                    "reads": entry.reads,
                    "measured": measured(&entry.id),
                })
            })
            .collect();
        output.json(&entries)?;
        return Ok(Outcome::Clean);
    }
    let lang = output.lang;
    let rows = entries.iter().map(|entry| {
        let clauses = [&entry.clauses.service, &entry.clauses.office];
        let mut clauses: Vec<&str> = clauses.into_iter().flatten().map(String::as_str).collect();
        clauses.dedup();
        [
            entry.id.clone(),
            clauses.join(" "),
            output.severity(entry.severity),
            entry.title.get(lang).to_owned(),
            if measured(&entry.id) {
                String::new()
            } else {
                text(lang, "check-not-measured")
            },
            entry.reads.get(lang).to_owned(),
        ]
    });
    let headings = [
        "heading-check",
        "heading-clause",
        "heading-severity",
        "heading-title",
        "heading-measured",
        "heading-reads",
    ]
    .map(|key| text(lang, key));
    output.table(headings.each_ref().map(String::as_str), rows)?;
    Ok(Outcome::Clean)
}
