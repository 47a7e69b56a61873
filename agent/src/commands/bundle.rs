//! `bundle`: one signed file of findings, for a collector that can't be reached.
//!
//! JSON Lines. Each line is `{"report": text, "signature": hex, "certificate": PEM}`: the exact text of a report, the
//! host's signature over it as on the wire, and the certificate of the key. The report bears the sequence 0, which no
//! report of the daemon has, so that a bundle neither takes a number of the daemon's chain nor can be passed off as
//! part of it; the lines of one file are chained by `previous`.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use plumbline_checks::{CHECKS, Check};
use plumbline_config::finding::Status;
use plumbline_config::message::Message;
use plumbline_config::seal::sha256_hex;
use plumbline_config::wire::{Assessment, FIRST_PREVIOUS, Report};
use plumbline_console::{Failure, Format, Outcome, Output};
use plumbline_facts::{Host, Memory};
use serde::Serialize;

use super::settings::Config;
use crate::identity::Identity;
use crate::look::{Look, Seen, look};
use crate::plan;
use crate::progress::Progress;
use crate::spool::parts;

/// The sequence of a report that is in a bundle.
const BUNDLED: u64 = 0;

/// Arguments of `bundle`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: plumbline-agent bundle -o findings.plumbline\n\
                        Take the file to the collector and run `plumbline-collector import findings.plumbline`.")]
pub(crate) struct Args {
    /// File to write; it must not exist
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    config: Config,
}

#[derive(Serialize)]
struct Line<'a> {
    report: &'a str,
    signature: String,
    certificate: &'a str,
}

/// Runs all checks and writes what they say.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Outcome, Failure> {
    let (settings, _) = args.config.load()?;
    let identity = Identity::load(&settings.data_dir)?;
    let (plan, _) = plan::load(settings.plan.as_deref(), &settings.data_dir, &identity.plan_key())?;
    let host = Host::live()?;
    let checks: Vec<&'static Check> = CHECKS.iter().collect();
    let progress = Progress::start();
    let once = Look {
        host: &host,
        host_id: Some(identity.host_id()),
        plan: &plan,
        role: identity.role(),
        checks: &checks,
        watching: None,
        memory: &Memory::default(),
        outside: None,
    };
    let Seen { assessment, .. } = look(&once, &|probe| progress.say(&format!("{probe:?}")));
    drop(progress);
    let failing = assessment
        .findings
        .iter()
        .any(|finding| finding.status == Status::Fail);
    let findings = assessment.findings.len();
    write(&args.output, &lines(assessment, &identity)?)?;
    if output.format == Format::Json {
        output.json(&serde_json::json!({"file": args.output, "findings": findings}))?;
    } else {
        let done = Message::new("agent-bundled")
            .arg("file", args.output.display())
            .number("findings", findings);
        output.line(&done.render_in(output.lang))?;
    }
    Ok(if failing { Outcome::Failing } else { Outcome::Clean })
}

fn lines(assessment: Assessment, identity: &Identity) -> Result<Vec<u8>, Failure> {
    let sealer = identity.sealer()?;
    let mut lines = Vec::new();
    let mut previous = FIRST_PREVIOUS.to_owned();
    for part in parts(assessment) {
        let report = serde_json::to_string(&Report {
            incarnation: identity.incarnation(),
            sequence: BUNDLED,
            previous,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            sealed_at: Timestamp::now(),
            assessment: Some(part),
            state: None,
            looked_age_seconds: None,
            dropped_reports: 0,
        })?;
        let line = Line {
            report: &report,
            signature: sealer.seal(report.as_bytes())?,
            certificate: identity.certificate_pem(),
        };
        serde_json::to_writer(&mut lines, &line)?;
        lines.push(b'\n');
        previous = sha256_hex(report.as_bytes());
    }
    Ok(lines)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error| Failure::new(format!("cannot write {}: {error}", path.display()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::{Authority, assessment, finding};

    #[test]
    fn each_line_stands_by_itself_and_follows_the_one_before() {
        let identity = Authority::new().identity("h-1", 3);
        let checks: Vec<String> = (0..40).map(|n| format!("c{n}")).collect();
        let names: Vec<&str> = checks.iter().map(String::as_str).collect();
        let findings = names
            .iter()
            .flat_map(|name| vec![finding(name, Status::Pass); 150])
            .collect();
        let lines = lines(assessment(&names, findings), &identity).unwrap_or_else(|error| panic!("{error}"));
        let lines: Vec<Value> = lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        assert!(lines.len() > 1);
        let key = identity.key_pair().unwrap();
        let mut previous = FIRST_PREVIOUS.to_owned();
        for line in lines {
            let text = line["report"].as_str().unwrap();
            let signature = line["signature"].as_str().unwrap();
            plumbline_config::seal::verify(key.public_key_raw(), text.as_bytes(), signature).unwrap();
            let report: Report = serde_json::from_str(text).unwrap();
            assert_eq!((report.sequence, report.incarnation), (BUNDLED, 3));
            assert_eq!(report.previous, previous);
            previous = sha256_hex(text.as_bytes());
        }
    }
}
