//! `enroll`: makes a key and gets a certificate for it.

use std::io::{BufRead, stdin};

use jiff::Timestamp;
use plumbline_config::ident::{HostId, Role};
use plumbline_config::message::Message;
use plumbline_console::{Failure, Format, Outcome, Output};
use plumbline_facts::Host;
use plumbline_facts::os;
use serde::Serialize;
use zeroize::Zeroizing;

use super::settings::Config;
use crate::identity::enroll::{About, enroll};
use crate::identity::{Identity, IdentityError, machine_hash};
use crate::progress::Progress;
use crate::transport::Pin;

/// Longest token taken from standard input, in bytes.
const LONGEST_TOKEN: u64 = 4_096;

/// Arguments of `enroll`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: plumbline-agent enroll --collector https://collector.example:8443 --token TOKEN --ca-sha256 HEX\n\
                  The collector's `init` prints the SHA-256 of its CA, its `token create` prints a token."
)]
pub(crate) struct Args {
    /// Base URL of the collector's listener for agents
    #[arg(long, value_name = "URL")]
    collector: String,

    /// A token of the collector's `token create`; - reads it from standard input, where other users can't see it
    #[arg(long, value_name = "TOKEN")]
    token: String,

    /// SHA-256 of the collector's CA certificate
    #[arg(long, value_name = "HEX")]
    ca_sha256: Pin,

    /// Enrol again though there is an identity; what is spooled goes under the new one
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    config: Config,
}

/// What is told of a new identity.
#[derive(Debug, Serialize)]
struct Enrolled<'a> {
    host_id: &'a HostId,
    incarnation: u32,
    role: Role,
    agent_url: &'a str,
    certificate_not_after: Timestamp,
}

/// Enrols the host.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Outcome, Failure> {
    let (settings, _) = args.config.load()?;
    match Identity::load(&settings.data_dir) {
        Ok(identity) if !args.force => {
            return Err(Failure::new(format!(
                "this host is enrolled already, as {}; to enrol it again add --force",
                identity.host_id()
            )));
        }
        Err(IdentityError::DataDir(error)) => return Err(error.into()),
        _ => {}
    }
    // Whether the identity can be kept is tried before the token is used up.
    crate::data_dir::DataDir::create(&settings.data_dir)?;
    let token = token(&args.token)?;
    let host = Host::live()?;
    let os = os::read(&host)?;
    let about = About {
        name: os.host_name,
        os: os.os,
        machine: machine_hash(&host),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let progress = Progress::start();
    progress.say(&args.collector);
    let identity = runtime.block_on(enroll(
        &args.collector,
        &token,
        args.ca_sha256,
        about,
        settings.proxy.as_deref(),
    ))?;
    identity.store(&settings.data_dir)?;
    drop(progress);
    let enrolled = Enrolled {
        host_id: identity.host_id(),
        incarnation: identity.incarnation(),
        role: identity.role(),
        agent_url: identity.agent_url(),
        certificate_not_after: identity.validity().not_after,
    };
    if output.format == Format::Json {
        output.json(&enrolled)?;
    } else {
        let done = Message::new("agent-enrolled")
            .arg("host", enrolled.host_id)
            .arg("collector", enrolled.agent_url);
        output.line(&done.render_in(output.lang))?;
    }
    Ok(Outcome::Clean)
}

fn token(given: &str) -> Result<Zeroizing<String>, Failure> {
    let mut token = Zeroizing::new(String::new());
    if given == "-" {
        std::io::Read::take(stdin().lock(), LONGEST_TOKEN).read_line(&mut token)?;
    } else {
        token.push_str(given);
    }
    let trimmed = Zeroizing::new(token.trim().to_owned());
    if trimmed.is_empty() {
        return Err(Failure::new(
            "the token is empty; make one with the collector's `token create`",
        ));
    }
    Ok(trimmed)
}
