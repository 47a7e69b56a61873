//! `explain`: one check in full.

use plumbline_config::catalogue::{self, CheckEntry};
use plumbline_config::ident::Role;
use plumbline_config::message::text;
use plumbline_console::{Failure, Format, Outcome, Output};
use serde_json::json;

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: plumbline-agent explain firewall.reachable-ports --lang en")]
pub(crate) struct Args {
    /// The check's id, as in `list`
    #[arg(value_name = "CHECK")]
    check: String,
}

/// Prints what the catalogue holds on the check.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Outcome, Failure> {
    let entry = catalogue::check(&args.check).ok_or_else(|| unknown_check(&args.check))?;
    let measured = plumbline_checks::check(&entry.id).is_some();
    if output.format == Format::Json {
        output.json(&json!({
            "check": entry.id,
            "clauses": { "service": entry.clauses.service, "office": entry.clauses.office },
            "severity": entry.severity,
            "title": entry.title,
            "reads": entry.reads,
            "judged": entry.judged,
            "remediation": entry.remedy,
            "needs": entry.needs,
            "measured": measured,
        }))?;
    } else {
        output.line(&in_full(entry, measured, output))?;
    }
    Ok(Outcome::Clean)
}

fn in_full(entry: &CheckEntry, measured: bool, output: &Output) -> String {
    let lang = output.lang;
    let clause = |role: Role| {
        Some(format!(
            "{} ({})",
            entry.clause(role)?,
            text(lang, role_key(role))
        ))
    };
    let clauses: Vec<String> = Role::ALL.into_iter().filter_map(clause).collect();
    let needs = if entry.needs.is_empty() {
        text(lang, "needs-nothing")
    } else {
        entry.needs.join(", ")
    };
    let fields = [
        ("heading-clause", clauses.join("; ")),
        ("heading-severity", output.severity(entry.severity)),
        ("heading-reads", entry.reads.get(lang).to_owned()),
        ("heading-judged", entry.judged.get(lang).to_owned()),
        ("heading-remedy", entry.remedy.get(lang).to_owned()),
        ("heading-needs", needs),
    ];
    let mut page = format!("{}  {}\n", entry.id, entry.title.get(lang));
    if !measured {
        page += &format!("{}\n", text(lang, "check-not-measured"));
    }
    for (key, value) in fields {
        page += &format!("\n{}\n    {value}\n", text(lang, key));
    }
    page.trim_end().to_owned()
}

const fn role_key(role: Role) -> &'static str {
    match role {
        Role::Service => "role-service",
        Role::Office => "role-office",
    }
}

fn unknown_check(id: &str) -> Failure {
    let nearest = catalogue::checks()
        .iter()
        .map(|entry| entry.id.as_str())
        .min_by_key(|known| strsim::damerau_levenshtein(id, known));
    let nearest = nearest
        .map(|known| format!("; the nearest is `{known}`"))
        .unwrap_or_default();
    Failure::new(format!(
        "there is no check `{id}`{nearest}; `plumbline-agent list` shows all"
    ))
}
