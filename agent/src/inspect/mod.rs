//! `inspect`: one probe's facts, unjudged. One file a subject.

mod antivirus;
mod encryption;
mod firewall;
mod logins;
mod os;
mod packages;
mod tls;
mod tls_listening;

use plumbline_checks::Verdict;
use plumbline_config::lang::Lang;
use plumbline_console::{Failure, Outcome, Output};
use plumbline_facts::Known;

/// What to look at.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Inspect {
    /// Anti-virus products, what of them runs, and how old their signatures are
    Antivirus(antivirus::Args),
    /// Encryption of this host's storage, or what a LUKS header says
    Encryption(encryption::Args),
    /// What other hosts can reach: the loaded firewall rules on the listening sockets, or a dump of rules
    Firewall(firewall::Args),
    /// Attempts to log in, and what is abnormal among them, from logs, wtmp, btmp or journal export
    Logins(logins::Args),
    /// The operating system and the host's name
    Os(os::Args),
    /// Installed packages, and the updates that the package lists on the host have for them
    Packages(packages::Args),
    /// What endpoints speak: versions of TLS, suites, groups, certificates
    Tls(tls::Args),
}

impl Inspect {
    /// Looks and prints.
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome, Failure> {
        match self {
            Self::Antivirus(args) => antivirus::run(args, output),
            Self::Encryption(args) => encryption::run(args, output),
            Self::Firewall(args) => firewall::run(args, output),
            Self::Logins(args) => logins::run(args, output),
            Self::Os(args) => os::run(args, output),
            Self::Packages(args) => packages::run(args, output),
            Self::Tls(args) => tls::run(args, output),
        }
    }
}

/// The fact, or a sentence that says why there is none.
fn known<T>(fact: &Known<T>, lang: Lang) -> Result<&T, Failure> {
    fact.value()
        .map_err(|unknown| Failure::new(Verdict::unknown(Verdict::HOST, &unknown).message.render_in(lang)))
}
