//! `inspect tls`: what endpoints speak, by really speaking to them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use plumbline_checks::{CHECKS, Check, Context};
use plumbline_config::finding::Status;
use plumbline_config::ident::Role;
use plumbline_config::lang::Lang;
use plumbline_config::message::text;
use plumbline_config::plan::Plan;
use plumbline_console::{Failure, Format, Outcome, Output};
use plumbline_facts::firewall::FirewallFacts;
use plumbline_facts::namespaces::OWN;
use plumbline_facts::tls::{
    Certificate, Depth, Endpoint, HOST_ANCHORS, MOST_CONNECTIONS, Options, SshOffer, StartTls, Suite, Target,
    TlsListeners, Trust, survey,
};
use plumbline_facts::{Facts, Host, Known, ProbeId};
use serde::Serialize;

use super::tls_listening;
use crate::commands::check::load_plan;
use crate::progress::Progress;

/// Largest list of endpoints and largest file of anchors taken, in bytes.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;
/// Most endpoints of one run.
const MOST_ENDPOINTS: usize = 10_000;
/// Endpoints that are spoken to at a time: those that never answer are waited for together.
const AT_ONCE: usize = 64;
/// Longest time for one run over many endpoints.
const BUDGET: Duration = Duration::from_secs(3600);
/// The check that sums up all endpoints of a host.
const OVER_ALL: &str = "transfer.tested";

/// Arguments of `inspect tls`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: plumbline-agent inspect tls mail.example.tw:587 --starttls smtp\n\
                        Example: plumbline-agent inspect tls --input endpoints.txt --lines\n\
                        Example: plumbline-agent inspect tls --listening"
)]
pub(crate) struct Args {
    /// Endpoints to speak to
    #[arg(value_name = "HOST:PORT", required_unless_present_any = ["input", "listening"])]
    endpoints: Vec<String>,

    /// Speak to every listening socket of this host, those of its other network namespaces from within
    #[arg(long, conflicts_with_all = ["endpoints", "input", "starttls", "sni", "name", "udp"])]
    listening: bool,

    /// Begin TLS by this protocol instead of finding out: smtp, imap, pop3, ftp, ldap, postgresql, mysql, xmpp,
    /// xmpp-server, lmtp, sieve, nntp
    #[arg(long, value_name = "PROTO")]
    starttls: Option<StartTls>,

    /// Name to ask the server for; the expected host name, or the host's own name where one was given
    #[arg(long, value_name = "NAME")]
    sni: Option<String>,

    /// Host name that the certificate is expected to be for
    #[arg(long, value_name = "HOSTNAME")]
    name: Option<String>,

    /// Trust the authorities of this PEM file instead of the host's own
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,

    /// Speak DTLS and QUIC over UDP
    #[arg(long)]
    udp: bool,

    /// Judge each endpoint by this plan
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,

    /// Scope of Section 7 to judge by
    #[arg(long, default_value = "service")]
    role: Role,

    /// Take endpoints from this file too, one HOST:PORT a line
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,

    /// Most connections to one endpoint; long lists of suites and groups need more
    #[arg(long, value_name = "N", default_value_t = MOST_CONNECTIONS, value_parser = clap::value_parser!(u32).range(6..=1000))]
    connections: u32,

    /// Most connections a second to one endpoint of another host
    #[arg(long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,

    /// Seconds for one endpoint
    #[arg(long, value_name = "SECONDS", default_value = "8", value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,

    /// Only find out what is spoken and which versions are accepted
    #[arg(long)]
    versions_only: bool,

    /// Print one JSON object a line, as each endpoint ends
    #[arg(long)]
    lines: bool,
}

/// An endpoint as it is printed.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    pub(super) endpoint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) process: Option<&'a str>,
    pub(super) reachable: bool,
    pub(super) protocol: &'static str,
    pub(super) speaks: Option<&'static str>,
    pub(super) versions: BTreeMap<&'static str, bool>,
    pub(super) versions_unknown: Vec<&'static str>,
    pub(super) cipher_suites: &'a [Suite],
    pub(super) cipher_suites_complete: bool,
    pub(super) groups: &'a [String],
    pub(super) groups_complete: bool,
    pub(super) client_certificate_required: bool,
    pub(super) certificates: &'a [Certificate],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ssh: Option<&'a SshOffer>,
    pub(super) verdicts: Vec<ShownVerdict>,
    pub(super) error: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct ShownVerdict {
    rule: &'static str,
    status: Status,
    detail: String,
}

/// Speaks to the endpoints and prints what was found.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Outcome, Failure> {
    let plan = args
        .plan
        .as_deref()
        .map(|path| load_plan(Some(path)))
        .transpose()?;
    let judge = plan.as_ref().map(|plan| Judge {
        plan: &plan.plan,
        role: args.role,
        now: Timestamp::now(),
        lang: output.lang,
    });
    let options = Options {
        depth: if args.versions_only {
            Depth::Versions
        } else {
            Depth::Full
        },
        deadline: Duration::from_secs(args.timeout),
        budget: BUDGET,
        most_connections: args.connections,
        at_once: AT_ONCE,
        gap: Duration::from_secs(1) / args.rate,
        trust: trust(args, judge.as_ref())?,
        ..Options::default()
    };
    if args.listening {
        return tls_listening::run(&options, judge.as_ref(), args.lines, output);
    }
    let targets = targets(args)?;
    let progress = Progress::over(targets.len());
    let printed = Mutex::new(Ok(()));
    let each = |endpoint: &Endpoint| {
        progress.one_more();
        if args.lines {
            let line = output.json_line(&shown(endpoint, judge.as_ref()));
            let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
            if printed.is_ok() {
                *printed = line;
            }
        }
    };
    let endpoints = survey(&targets, &options, each);
    drop(progress);
    printed.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    let shown: Vec<_> = endpoints
        .iter()
        .map(|endpoint| shown(endpoint, judge.as_ref()))
        .collect();
    if !args.lines {
        print(&shown, output)?;
    }
    Ok(outcome(&shown))
}

pub(super) fn outcome(shown: &[Shown<'_>]) -> Outcome {
    let failing = |verdict: &ShownVerdict| verdict.status == Status::Fail;
    let any = shown.iter().any(|shown| shown.verdicts.iter().any(failing));
    if any { Outcome::Failing } else { Outcome::Clean }
}

/// The endpoints named, on the command line and in the file.
fn targets(args: &Args) -> Result<Vec<Target>, Failure> {
    let listed = match &args.input {
        Some(path) => String::from_utf8_lossy(&read_file(path)?).into_owned(),
        None => String::new(),
    };
    let lines = listed
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let endpoints: Vec<&str> = args.endpoints.iter().map(String::as_str).chain(lines).collect();
    if endpoints.len() > MOST_ENDPOINTS {
        return Err(Failure::new(format!(
            "{} endpoints are more than the {MOST_ENDPOINTS} of one run; split the list",
            endpoints.len()
        )));
    }
    endpoints
        .into_iter()
        .map(|endpoint| target(endpoint, args))
        .collect()
}

fn target(endpoint: &str, args: &Args) -> Result<Target, Failure> {
    let malformed = || {
        Failure::new(format!(
            "`{endpoint}` is not an endpoint; write HOST:PORT, such as www.example.tw:443 or [2001:db8::1]:443"
        ))
    };
    let (host, port) = endpoint.rsplit_once(':').ok_or_else(malformed)?;
    let port: u16 = port.parse().map_err(|_| malformed())?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if host.is_empty() || port == 0 {
        return Err(malformed());
    }
    // A name that leads nowhere is an endpoint that can't be reached, not a mistake of the command.
    let addresses: Vec<SocketAddr> = (host, port)
        .to_socket_addrs()
        .map(Iterator::collect)
        .unwrap_or_default();
    let host_name = host.parse::<IpAddr>().is_err().then(|| host.to_owned());
    Ok(Target {
        endpoint: endpoint.to_owned(),
        addresses,
        port,
        name: args
            .sni
            .clone()
            .or_else(|| args.name.clone())
            .or_else(|| host_name.clone()),
        expected_name: args.name.clone().or(host_name),
        process: String::new(),
        datagrams: args.udp,
        starttls: args.starttls,
    })
}

/// What certificates are held against: the anchors named, or those that the host itself trusts.
fn trust(args: &Args, judge: Option<&Judge<'_>>) -> Result<Trust, Failure> {
    let anchors = if let Some(path) = &args.trust {
        let anchors = Trust::anchors_of_pem(&read_file(path)?);
        if anchors.is_empty() {
            return Err(Failure::new(format!(
                "{} holds no certificate in PEM form",
                path.display()
            )));
        }
        Some(anchors)
    } else {
        let host = Host::live()?;
        let mut read = HOST_ANCHORS
            .iter()
            .filter_map(|path| host.read(path, LARGEST_FILE).ok());
        // Without any, no chain leads to one.
        Some(
            read.next()
                .map(|pem| Trust::anchors_of_pem(&pem))
                .unwrap_or_default(),
        )
    };
    let notice = judge.map_or(Plan::default().service.transfer.certificate_notice, |judge| {
        judge.plan.measures(judge.role).transfer.certificate_notice
    });
    Ok(Trust {
        anchors,
        known: Vec::new(),
        now: Timestamp::now(),
        notice: Duration::from_secs(notice.nominal_seconds().try_into().unwrap_or_default()),
    })
}

/// A file that the caller names.
fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    Ok(Host::live()?.read(std::path::absolute(path)?, LARGEST_FILE)?)
}

/// Judges an endpoint by the checks that rest on TLS alone, the same as for the host's own sockets.
pub(super) struct Judge<'a> {
    plan: &'a Plan,
    role: Role,
    pub(super) now: Timestamp,
    lang: Lang,
}

impl Judge<'_> {
    fn of_named(&self, endpoint: &Endpoint) -> Vec<ShownVerdict> {
        self.verdicts(&Facts {
            tls: Known::Value(TlsListeners {
                named: vec![endpoint.clone()],
                ..TlsListeners::default()
            }),
            // Whoever asks has reached it.
            firewall: Known::Value(FirewallFacts::default()),
            ..Facts::default()
        })
    }

    pub(super) fn verdicts(&self, facts: &Facts) -> Vec<ShownVerdict> {
        let context = Context {
            plan: self.plan,
            role: self.role,
            now: self.now,
        };
        let about_one = |check: &&Check| check.needs.contains(&ProbeId::Tls) && check.id != OVER_ALL;
        let checks = CHECKS.iter().filter(about_one);
        checks
            .flat_map(|check| {
                let verdicts = (check.judge)(facts, &context).unwrap_or_default();
                verdicts.into_iter().map(|verdict| ShownVerdict {
                    rule: check.id,
                    status: verdict.status,
                    detail: verdict.message.render_in(self.lang),
                })
            })
            .collect()
    }
}

pub(super) fn print(endpoints: &[Shown<'_>], output: &Output) -> Result<(), Failure> {
    if output.format == Format::Json {
        return output.json(&endpoints);
    }
    let row = |shown: &Shown<'_>| {
        let offered: Vec<_> = shown
            .versions
            .iter()
            .filter(|(_, is)| **is)
            .map(|(name, _)| *name)
            .collect();
        let place = shown.namespace.filter(|name| *name != OWN);
        [
            place.map_or_else(
                || shown.endpoint.to_owned(),
                |name| format!("{}@{name}", shown.endpoint),
            ),
            shown.speaks.unwrap_or(shown.protocol).to_owned(),
            offered.join(" "),
            shown.cipher_suites.len().to_string(),
            weaknesses(shown).join(" "),
            shown
                .certificates
                .first()
                .map(|own| own.subject.clone())
                .unwrap_or_default(),
            shown.error.unwrap_or_default().to_owned(),
        ]
    };
    let headings = [
        "tls-heading-endpoint",
        "tls-heading-protocol",
        "tls-heading-versions",
        "tls-heading-suites",
        "tls-heading-weak",
        "tls-heading-certificate",
        "tls-heading-error",
    ]
    .map(|key| text(output.lang, key));
    output.table(headings.each_ref().map(String::as_str), endpoints.iter().map(row))
}

/// What is weak about its suites and certificates, each once.
fn weaknesses(shown: &Shown<'_>) -> Vec<&'static str> {
    let suites = shown.cipher_suites.iter().flat_map(|suite| &suite.weaknesses);
    let certificates = shown.certificates.iter().flat_map(|shown| &shown.weaknesses);
    let all: BTreeSet<_> = suites.chain(certificates).copied().collect();
    all.into_iter().collect()
}

pub(super) fn shown<'a>(endpoint: &'a Endpoint, judge: Option<&Judge<'_>>) -> Shown<'a> {
    Shown {
        endpoint: &endpoint.endpoint,
        namespace: None,
        process: None,
        reachable: endpoint.reachable,
        protocol: endpoint.protocol.name(),
        speaks: endpoint.speaks,
        versions: endpoint.version_flags(),
        versions_unknown: endpoint.unknown().map(|(version, _)| version.name()).collect(),
        cipher_suites: &endpoint.cipher_suites,
        cipher_suites_complete: endpoint.cipher_suites_complete,
        groups: &endpoint.groups,
        groups_complete: endpoint.groups_complete,
        client_certificate_required: endpoint.client_certificate_required,
        certificates: &endpoint.certificates,
        ssh: endpoint.ssh.as_ref(),
        verdicts: judge.map(|judge| judge.of_named(endpoint)).unwrap_or_default(),
        error: endpoint.error.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(words: &[&str]) -> Args {
        Line::parse_from(["tls"].iter().chain(words)).args
    }

    fn targets_of(words: &[&str]) -> Result<Vec<Target>, Failure> {
        targets(&args(words))
    }

    #[test]
    fn endpoints_are_hosts_with_ports() {
        let targets = targets_of(&["127.0.0.1:443", "[::1]:8443", "localhost:25"])
            .ok()
            .unwrap();
        let ports: Vec<_> = targets.iter().map(|target| target.port).collect();
        assert_eq!(ports, [443, 8443, 25]);
        let names: Vec<_> = targets.iter().map(|target| target.name.as_deref()).collect();
        assert_eq!(
            names,
            [None, None, Some("localhost")],
            "an address is no server name"
        );
        for wrong in [
            "localhost",
            ":443",
            "localhost:0",
            "localhost:99999",
            "localhost:https",
        ] {
            assert!(targets_of(&[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_lists_endpoints_and_remarks() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("endpoints");
        std::fs::write(&path, "# mail\n127.0.0.1:25\n\n 127.0.0.1:587 \n").unwrap();
        let targets = targets_of(&["--input", path.to_str().unwrap(), "--starttls", "smtp"])
            .ok()
            .unwrap();
        assert_eq!(targets.len(), 2);
        assert!(
            targets
                .iter()
                .all(|target| target.starttls == Some(StartTls::Smtp))
        );
    }

    #[test]
    fn what_is_printed_has_the_fields_that_scripts_read() {
        let endpoints = survey(
            &targets_of(&["127.0.0.1:1"]).ok().unwrap(),
            &Options::default(),
            |_| {},
        );
        let plan = Plan::default();
        let judge = Judge {
            plan: &plan,
            role: Role::Service,
            now: Timestamp::UNIX_EPOCH,
            lang: Lang::En,
        };
        let value = serde_json::to_value(shown(&endpoints[0], Some(&judge))).unwrap();
        assert_eq!(value["reachable"], false);
        assert_eq!(value["versions"]["SSLv2"], false);
        assert_eq!(value["versions_unknown"].as_array().unwrap().len(), 6);
        assert_eq!(value["verdicts"][0]["rule"], "tls.protocol-versions");
        assert_eq!(value["verdicts"][0]["status"], "error");
        assert!(value["error"].is_string());
    }
}
