//! `inspect`: one probe's facts, unjudged. One file a subject.

mod os;

use crate::output::{Failure, Outcome, Output};

/// What to look at.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Inspect {
    /// The operating system and the host's name
    Os(os::Args),
}

impl Inspect {
    /// Looks and prints.
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome, Failure> {
        match self {
            Self::Os(args) => os::run(args, output),
        }
    }
}
