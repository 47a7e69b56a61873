//! `check`: run checks once and print the findings.

use std::path::{Path, PathBuf};

use plumbline_checks::{CHECKS, Check};
use plumbline_config::finding::{Finding, Status};
use plumbline_config::ident::Role;
use plumbline_config::message::text;
use plumbline_config::plan::LoadedPlan;
use plumbline_config::wire::Assessment;
use plumbline_console::{Failure, Format, Outcome, Output};
use plumbline_facts::{Host, Memory};

use crate::look::{Look, Seen, look};
use crate::progress::Progress;

/// Where a plan is looked for when none is named.
const DEFAULT_PLAN: &str = "/etc/plumbline/plan.toml";

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: plumbline-agent check tls.protocol-versions --plan plan.toml --role office")]
pub(crate) struct Args {
    /// Checks to run, by their ids in `list`; all when none is named
    #[arg(value_name = "CHECK")]
    checks: Vec<String>,

    /// The plan; /etc/plumbline/plan.toml where it exists, otherwise the form at its usual values
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,

    /// Scope of Section 7 to judge by: service (systems run for customers) or office (OA machines)
    #[arg(long, default_value = "service")]
    role: Role,

    /// Look at the host laid out beneath this directory instead of the running one
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

/// Runs the checks.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Outcome, Failure> {
    let plan = load_plan(args.plan.as_deref())?;
    let checks = select(&args.checks)?;
    let host = Host::at(&args.root).map_err(|error| {
        Failure::new(format!(
            "cannot open {} as a host's root: {error}",
            args.root.display()
        ))
    })?;
    let progress = Progress::start();
    let once = Look {
        host: &host,
        host_id: None,
        plan: &plan,
        role: args.role,
        checks: &checks,
        watching: None,
        memory: &Memory::default(),
        outside: None,
    };
    let Seen { assessment, .. } = look(&once, &|probe| progress.say(&format!("{probe:?}")));
    drop(progress);
    print(&assessment, output)?;
    let failing = assessment
        .findings
        .iter()
        .any(|finding| finding.status == Status::Fail);
    Ok(if failing { Outcome::Failing } else { Outcome::Clean })
}

/// The plan named, the installed one, or the form at its usual values.
pub(crate) fn load_plan(named: Option<&Path>) -> Result<LoadedPlan, Failure> {
    let installed = Path::new(DEFAULT_PLAN);
    match named {
        Some(path) => Ok(LoadedPlan::load(path)?),
        None if installed.exists() => Ok(LoadedPlan::load(installed)?),
        None => Ok(LoadedPlan::example()?),
    }
}

/// The checks with these ids; all when there are none.
fn select(ids: &[String]) -> Result<Vec<&'static Check>, Failure> {
    if ids.is_empty() {
        return Ok(CHECKS.iter().collect());
    }
    ids.iter()
        .map(|id| plumbline_checks::check(id).ok_or_else(|| unknown_check(id)))
        .collect()
}

/// No check of this id can be run; says whether it is only not measured yet, or the nearest that can.
fn unknown_check(id: &str) -> Failure {
    if plumbline_config::catalogue::check(id).is_some() {
        return Failure::new(format!(
            "check `{id}` is in the catalogue and not measured by this version yet"
        ));
    }
    let nearest = CHECKS
        .iter()
        .map(|check| check.id)
        .min_by_key(|known| strsim::damerau_levenshtein(id, known));
    let nearest = nearest
        .map(|known| format!("; the nearest is `{known}`"))
        .unwrap_or_default();
    Failure::new(format!(
        "there is no check `{id}`{nearest}; `plumbline-agent list` shows all"
    ))
}

fn print(assessment: &Assessment, output: &Output) -> Result<(), Failure> {
    if output.format == Format::Json {
        return output.json(assessment);
    }
    let lang = output.lang;
    let mut findings: Vec<&Finding> = assessment.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse((finding.status.concern(), finding.severity)));
    let row = |finding: &Finding| {
        [
            output.status(finding.status),
            output.severity(finding.severity),
            finding.clause.clone(),
            finding.check.clone(),
            finding.subject.clone(),
            finding.summary.get(lang).to_owned(),
        ]
    };
    let headings = [
        "heading-status",
        "heading-severity",
        "heading-clause",
        "heading-check",
        "heading-subject",
        "heading-summary",
    ]
    .map(|key| text(lang, key));
    output.table(
        headings.each_ref().map(String::as_str),
        findings.into_iter().map(row),
    )
}
