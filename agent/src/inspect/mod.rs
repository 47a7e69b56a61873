//! `inspect`: one probe's facts, unjudged. One file a subject.

mod encryption;
mod os;

use crate::output::{Failure, Outcome, Output};

/// What to look at.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Inspect {
    /// Encryption of this host's storage, or what a LUKS header says
    Encryption(encryption::Args),
    /// The operating system and the host's name
    Os(os::Args),
}

impl Inspect {
    /// Looks and prints.
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome, Failure> {
        match self {
            Self::Encryption(args) => encryption::run(args, output),
            Self::Os(args) => os::run(args, output),
        }
    }
}
