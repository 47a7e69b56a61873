//! `inspect packages`.

use std::path::PathBuf;

use jiff::Timestamp;
use plumbline_config::message::{Message, text};
use plumbline_console::{Failure, Format, Outcome, Output};
use plumbline_facts::packages::{self, PackageFacts, PackageMemory, Upgrade};
use plumbline_facts::{Host, Known};

use super::known;

/// Arguments of `inspect packages`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: plumbline-agent inspect packages --format json")]
pub(crate) struct Args {
    /// Look at the host laid out beneath this directory instead of the running one
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

/// Prints installed packages and pending updates.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Outcome, Failure> {
    let host = Host::at(&args.root)?;
    let facts: Known<PackageFacts> = packages::read(&host, Timestamp::now(), &mut PackageMemory::default());
    let facts = known(&facts, output.lang)?;
    if output.format == Format::Json {
        output.json(facts)?;
        return Ok(Outcome::Clean);
    }
    let date = facts.lists_date.map_or("-".to_owned(), |date| date.to_string());
    let summary = Message::new("inspect-packages-summary")
        .arg("manager", &facts.manager)
        .number("installed", facts.installed)
        .number("upgradable", facts.upgradable.len())
        .number("security", facts.security.len())
        .arg("date", date);
    output.line(&summary.render_in(output.lang))?;
    for (archive, list, why) in failures(facts) {
        let message = Message::new("inspect-packages-list-failed")
            .arg("archive", archive)
            .arg("list", list)
            .arg("why", why);
        output.line(&message.render_in(output.lang))?;
    }
    for what in &facts.unevaluated {
        let message = Message::new("inspect-packages-unevaluated").arg("what", what);
        output.line(&message.render_in(output.lang))?;
    }
    if facts.reboot_required.required == Some(true) {
        output.line(&Message::new("inspect-packages-reboot").render_in(output.lang))?;
    }
    let headings = [
        "heading-package",
        "heading-architecture",
        "heading-installed",
        "heading-candidate",
        "heading-security",
    ]
    .map(|key| text(output.lang, key));
    output.table(
        headings.each_ref().map(String::as_str),
        facts.upgradable.iter().map(row),
    )?;
    Ok(Outcome::Clean)
}

fn row(upgrade: &Upgrade) -> [String; 5] {
    [
        upgrade.name.clone(),
        upgrade.architecture.clone(),
        upgrade.installed.clone(),
        upgrade.candidate.clone(),
        if upgrade.security { "✓" } else { "" }.to_owned(),
    ]
}

/// Archive, list and reason of each list that was not read.
fn failures(facts: &PackageFacts) -> impl Iterator<Item = (String, &str, &str)> {
    facts.archives.iter().flat_map(|archive| {
        archive.lists.iter().filter_map(|list| {
            let name = format!("{} {}", archive.uri, archive.suite);
            Some((name, list.path.as_str(), list.failure.as_deref()?))
        })
    })
}
