//! `inspect os`.

use std::path::PathBuf;

use plumbline_console::{Failure, Format, Outcome, Output};
use plumbline_facts::{Host, os};

/// Arguments of `inspect os`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: plumbline-agent inspect os --format json")]
pub(crate) struct Args {
    /// Look at the host laid out beneath this directory instead of the running one
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

/// Prints the operating system.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Outcome, Failure> {
    let facts = os::read(&Host::at(&args.root)?)?;
    if output.format == Format::Json {
        output.json(&facts)?;
    } else {
        let os = &facts.os;
        output.table(
            ["host", "os", "kernel", "architecture"],
            [[
                facts.host_name.clone(),
                os.name.clone(),
                os.kernel.clone(),
                os.architecture.clone(),
            ]],
        )?;
    }
    Ok(Outcome::Clean)
}
