//! The command line, and the exit codes: 0 done and nothing fails, 1 done and something fails, 2 could not do it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use nix::sys::stat::{Mode, umask};
use plumbline_config::lang::Lang;
use plumbline_config::settings::{CollectorSettings, DEFAULT_COLLECTOR_SETTINGS, StoreAddress};
use plumbline_console::{Failure, Format, Outcome, Output, end, lang_of_environment, parse};

use crate::commands;
use crate::home::Home;
use crate::store::{self, Store};

/// Collects what agents find, and answers for it.
#[derive(Debug, Parser)]
#[command(
    name = "plumbline-collector",
    version,
    propagate_version = true,
    after_help = "Example: plumbline-collector init --data-dir /var/lib/plumbline/collector\n\
                  Exit codes: 0 nothing fails, 1 something fails, 2 could not do it."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    place: Place,

    /// table or json (of a report: html, pdf, docx, xlsx, csv, json, oscal or ocsf; of the plan document and of notices: html, pdf or docx); a table on a terminal, JSON otherwise
    #[arg(long, global = true)]
    format: Option<String>,

    /// Language of sentences: zh-TW or en; from LC_ALL, LC_MESSAGES or LANG otherwise
    #[arg(long, global = true)]
    lang: Option<Lang>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new collector: data directory, CA, ledger key, database, first administrator
    #[command(after_help = "Example: plumbline-collector init --config /etc/plumbline/collector.toml")]
    Init,
    /// Serve agents and people until told to stop
    Serve(commands::serve::Args),
    /// Work with the tokens that hosts enrol with
    #[command(subcommand)]
    Token(commands::token::Command),
    /// Work with the tokens that open the API
    #[command(subcommand)]
    Apitoken(commands::apitoken::Command),
    /// Work with the people who sign in
    #[command(subcommand)]
    User(commands::user::Command),
    /// List what people did
    Acts(commands::acts::Args),
    /// List hosts, and whether they are heard from
    Hosts(commands::hosts::Args),
    /// List the latest findings; exit code 1 when one fails
    Findings(commands::findings::Args),
    /// Show the Section 12 checklist; exit code 1 when a host fails a line
    Checklist(commands::checklist::Args),
    /// Put on record that what a line asks for was done, with its evidence
    Attest(commands::attest::Args),
    /// Ask that a failing check be accepted on some hosts for some time, and decide on it
    Waive(commands::waive::Args),
    /// Work with corrective actions: from a line that fell to whether what was done helped
    #[command(subcommand)]
    Correct(commands::correct::Command),
    /// Work with incidents of personal data: from what was suspected, over who has to be told, to what was learnt
    #[command(subcommand)]
    Incident(commands::incident::Command),
    /// Write the audit report: the checklist, the findings and the hosts they come from
    Report(commands::report::Args),
    /// Say whether the collector serves
    #[command(after_help = "Example: plumbline-collector health --config /etc/plumbline/collector.toml")]
    Health,
    /// Print the ledger's newest checkpoint, or a proof
    #[command(subcommand)]
    Ledger(commands::ledger::Command),
    /// Verify that everything on record is what it was when it was taken in; exit code 1 when something is not
    Verify(commands::verify::Args),
    /// Write the evidence of a period as one file, which `verify` checks on any machine
    Export(commands::export::Args),
    /// Revoke a host: its certificates open nothing any more
    Revoke(commands::revoke::Args),
    /// Work with what the collector keeps: bring it up to date, move it, save it
    #[command(subcommand)]
    Store(commands::store::Command),
    /// Check the company's plan, or hand it out
    #[command(subcommand)]
    Plan(commands::plan::Command),
}

/// Where the collector lives.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// Settings file; /etc/plumbline/collector.toml if it is there
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Data directory, in place of the settings' own
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Where the collector keeps what it gets, in place of the settings' own: sqlite:FILE or
    /// postgres://USER@HOST/DATABASE
    #[arg(long, global = true, value_name = "ADDRESS")]
    store: Option<StoreAddress>,
}

impl Place {
    /// The settings: those of the file, or the usual ones.
    pub(crate) fn settings(&self) -> Result<CollectorSettings, Failure> {
        let usual = Path::new(DEFAULT_COLLECTOR_SETTINGS);
        let mut settings = match &self.config {
            Some(file) => CollectorSettings::load(file)?,
            None if self.data_dir.is_none() && usual.exists() => CollectorSettings::load(usual)?,
            None => CollectorSettings::default(),
        };
        if let Some(data_dir) = &self.data_dir {
            settings.data_dir.clone_from(data_dir);
        }
        if let Some(store) = &self.store {
            settings.store = Some(store.clone());
        }
        Ok(settings)
    }

    /// The store, for reading beside a running server.
    pub(crate) fn store_to_read(&self) -> Result<(CollectorSettings, Arc<dyn Store>), Failure> {
        let settings = self.settings()?;
        let home = Home::new(&settings.data_dir);
        home.require_initialised()?;
        let store = store::open_read_only(&settings)?;
        Ok((settings, store))
    }

    /// The store, for a write beside a running server.
    pub(crate) fn store_to_write(&self) -> Result<(Home, Arc<dyn Store>), Failure> {
        let settings = self.settings()?;
        let home = Home::new(&settings.data_dir);
        home.require_initialised()?;
        let store = store::open(&settings, true)?;
        Ok((home, store))
    }
}

/// Runs the program on the process's own arguments.
#[must_use]
pub fn main() -> ExitCode {
    // Whatever is written is for its owner alone.
    umask(Mode::from_bits_truncate(0o077));
    match parse::<Cli>() {
        Ok(cli) => end("plumbline-collector", run(cli)),
        Err(code) => code,
    }
}

fn run(cli: Cli) -> Result<Outcome, Failure> {
    let lang = cli.lang.unwrap_or_else(lang_of_environment);
    // Reports and documents are no listings: they have formats of their own.
    if let Command::Report(args) = &cli.command {
        return commands::report::run(args, cli.format.as_deref(), lang, &cli.place);
    }
    if let Command::Plan(commands::plan::Command::Render { file, output }) = &cli.command {
        return commands::plan::render(file.as_deref(), output, cli.format.as_deref(), &cli.place);
    }
    if let Command::Incident(commands::incident::Command::Notice { id, output }) = &cli.command {
        return commands::incident::notice(id, output, cli.format.as_deref(), lang, &cli.place);
    }
    let output = Output::new(Format::asked(cli.format.as_deref())?, lang);
    match cli.command {
        Command::Init => commands::init::run(&cli.place, &output),
        Command::Serve(args) => commands::serve::run(&args, &cli.place),
        Command::Token(command) => commands::token::run(command, &cli.place, &output),
        Command::Apitoken(command) => commands::apitoken::run(command, &cli.place, &output),
        Command::User(command) => commands::user::run(command, &cli.place, &output),
        Command::Acts(args) => commands::acts::run(&args, &cli.place, &output),
        Command::Hosts(args) => commands::hosts::run(&args, &cli.place, &output),
        Command::Findings(args) => commands::findings::run(args, &cli.place, &output),
        Command::Checklist(args) => commands::checklist::run(&args, &cli.place, &output),
        Command::Attest(args) => commands::attest::run(args, &cli.place, &output),
        Command::Waive(args) => commands::waive::run(args, &cli.place, &output),
        Command::Correct(command) => commands::correct::run(command, &cli.place, &output),
        Command::Incident(command) => commands::incident::run(command, &cli.place, &output),
        Command::Report(args) => commands::report::run(&args, None, lang, &cli.place),
        Command::Health => commands::health::run(&cli.place),
        Command::Ledger(command) => commands::ledger::run(&command, &cli.place, &output),
        Command::Verify(args) => commands::verify::run(&args, &cli.place, &output),
        Command::Export(args) => commands::export::run(&args, &cli.place, &output),
        Command::Revoke(args) => commands::revoke::run(&args, &cli.place, &output),
        Command::Store(command) => commands::store::run(command, &cli.place, &output),
        Command::Plan(command) => commands::plan::run(&command, &cli.place, &output),
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
