//! The command line, and the exit codes: 0 done and nothing fails, 1 done and something fails, 2 could not do it.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use plumbline_config::lang::Lang;
use plumbline_console::{Failure, Format, Outcome, Output, end, lang_of_environment, parse};

use crate::commands;
use crate::inspect;

/// Checks this host against the company's personal-data security maintenance plan.
#[derive(Debug, Parser)]
#[command(
    name = "plumbline-agent",
    version,
    propagate_version = true,
    after_help = "Example: plumbline-agent check --plan plan.toml --role service\n\
                  Exit codes: 0 nothing fails, 1 something fails, 2 could not do it."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// How to print: table or json; a table on a terminal, JSON otherwise
    #[arg(long, global = true)]
    format: Option<String>,

    /// Language of sentences: zh-TW or en; from LC_ALL, LC_MESSAGES or LANG otherwise
    #[arg(long, global = true)]
    lang: Option<Lang>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run checks once and print the findings; needs no collector
    Check(commands::check::Args),
    /// List the catalogue: every check, its clauses, its severity and what it reads
    List(commands::list::Args),
    /// Explain one check: what it reads, what it is judged against, how to mend a failure
    Explain(commands::explain::Args),
    /// Run as a daemon: check on schedule and on change, and deliver to the collector
    Run(commands::run::Args),
    /// Make a key and get a certificate from a collector
    Enroll(commands::enroll::Args),
    /// Say how the running daemon fares: last delivery, spool, next runs, last error
    Status(commands::status::Args),
    /// Write one signed file of findings, for a collector that can't be reached
    Bundle(commands::bundle::Args),
    /// Exercise what the plan wants exercised, labelled and bounded
    #[command(subcommand)]
    Drill(commands::drill::Command),
    /// Print one probe's facts, unjudged
    #[command(subcommand)]
    Inspect(inspect::Inspect),
    /// Work with a plan file
    #[command(subcommand)]
    Plan(commands::plan::Command),
    /// Print what an administrator may put in place
    #[command(subcommand)]
    Propose(commands::propose::Command),
}

/// Runs the program on the process's own arguments.
#[must_use]
pub fn main() -> ExitCode {
    match parse::<Cli>() {
        Ok(cli) => end("plumbline-agent", run(cli)),
        Err(code) => code,
    }
}

fn run(cli: Cli) -> Result<Outcome, Failure> {
    let lang = cli.lang.unwrap_or_else(lang_of_environment);
    let output = Output::new(Format::asked(cli.format.as_deref())?, lang);
    match cli.command {
        Command::Check(args) => commands::check::run(&args, &output),
        Command::List(args) => commands::list::run(&args, &output),
        Command::Explain(args) => commands::explain::run(&args, &output),
        Command::Run(args) => commands::run::run(&args),
        Command::Enroll(args) => commands::enroll::run(&args, &output),
        Command::Status(args) => commands::status::run(&args, &output),
        Command::Bundle(args) => commands::bundle::run(&args, &output),
        Command::Inspect(what) => what.run(&output),
        Command::Drill(command) => commands::drill::run(&command, &output),
        Command::Propose(command) => commands::propose::run(&command, &output),
        Command::Plan(command) => commands::plan::run(&command, &output),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_has_help_with_an_example() {
        fn walk(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path} says not what it does");
            let example = command
                .get_after_help()
                .is_some_and(|text| text.to_string().contains("Example:"));
            assert!(example || command.has_subcommands(), "{path} has no example");
            command
                .get_subcommands()
                .filter(|c| c.get_name() != "help")
                .for_each(|c| walk(c, &path));
        }
        let command = Cli::command();
        command.clone().debug_assert();
        walk(&command, "");
    }
}
