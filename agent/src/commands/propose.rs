//! `propose`: what an administrator may put in place, printed and not done.

use std::path::{Path, PathBuf};

use plumbline_checks::proposed_rule;
use plumbline_config::ident::Role;
use plumbline_console::{Failure, Outcome, Output};

use super::check::load_plan;

/// What is proposed.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print audit rules that have the reading of personal data recorded, for /etc/audit/rules.d
    AuditRules(Args),
}

/// Arguments of `propose audit-rules`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: plumbline-agent propose audit-rules --role service > /etc/audit/rules.d/30-personal-data.rules\n\
                        Then: augenrules --load"
)]
pub(crate) struct Args {
    /// The plan; /etc/plumbline/plan.toml where it exists, otherwise the form at its usual values
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,

    /// Scope of Section 7: service (systems run for customers) or office (OA machines)
    #[arg(long, default_value = "service")]
    role: Role,
}

/// Prints what is proposed.
pub(crate) fn run(command: &Command, output: &Output) -> Result<Outcome, Failure> {
    let Command::AuditRules(args) = command;
    let plan = load_plan(args.plan.as_deref())?;
    let paths = plan.plan.measures(args.role).access_paths();
    if paths.is_empty() {
        return Err(Failure::new(format!(
            "the plan names no path of personal data for {role}; declare {role}.monitoring.access.paths or {role}.encryption.paths",
            role = args.role
        )));
    }
    let here: Vec<&PathBuf> = paths.iter().filter(|path| path.exists()).collect();
    if here.is_empty() {
        return Err(Failure::new(
            "none of the paths of personal data that the plan names is on this host",
        ));
    }
    output.line(&format!("# Plan {}: 7.1.5, 7.3.5", plan.reference.version))?;
    for path in here {
        if !expressible(path) {
            return Err(Failure::new(format!(
                "{} can't stand in an audit rule, which ends at a space; declare the directory above it",
                path.display()
            )));
        }
        output.line(&proposed_rule(path))?;
    }
    Ok(Outcome::Clean)
}

/// auditctl(8) splits a line of a file at spaces, and knows no quotes.
fn expressible(path: &Path) -> bool {
    path.to_str()
        .is_some_and(|path| !path.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#'))
}
