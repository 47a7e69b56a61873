//! `inspect firewall`.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use plumbline_config::lang::Lang;
use plumbline_config::message::{Message, text};
use plumbline_config::plan::Transport;
use plumbline_console::{Failure, Format, Outcome, Output};
use plumbline_facts::firewall::{self, FirewallFacts, Keys, json, recording};
use plumbline_facts::reachability::{
    Answerer, Confidence, DefaultInput, Fate, Question, Reach, Reachability, Reply, Verdict, reachability,
};
use plumbline_facts::sockets::{self, Listener, Process};
use plumbline_facts::{Host, Unknown};
use serde::{Deserialize, Serialize};

use super::known;

/// Largest file of rules, listeners or questions taken, in bytes.
const LARGEST_FILE: u64 = 256 * 1024 * 1024;

/// Most values that large sets are asked about; beyond, they are read whole.
const MOST_KEYS: usize = 512;
/// Lines printed in one go.
const LINES_AT_ONCE: usize = 256;

/// Arguments of `inspect firewall`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without --from, --to or --questions: every socket, and from where it is reachable.\n\
                  --listeners takes a JSON array of {\"transport\",\"address\",\"port\",\"process\",\"interface\",\"v6_only\"}; \
                  the last three may be left out.\n\
                  --questions takes {\"id\",\"from\",\"from_port\",\"interface\",\"to\",\"port\",\"transport\"} a line, and prints \
                  {\"id\",\"verdict\",\"confidence\",\"because\"} a line.\n\n\
                  Example: plumbline-agent inspect firewall\n\
                  Example: nft -j list ruleset > rules.json; plumbline-agent inspect firewall --ruleset rules.json --listeners sockets.json\n\
                  Example: plumbline-agent inspect firewall --record /tmp/host; plumbline-agent inspect firewall --ruleset /tmp/host\n\
                  Example: plumbline-agent inspect firewall --from 192.0.2.7 --to 198.51.100.1:22"
)]
pub(crate) struct Args {
    /// Judge by a dump of `nft -j list ruleset`, or by a recorded host, instead of the loaded rules
    #[arg(long, value_name = "FILE|DIR")]
    ruleset: Option<PathBuf>,

    /// Record this host's rules, addresses, routes, settings and sockets in a new directory, and do nothing else
    #[arg(long, value_name = "DIR", conflicts_with_all = ["ruleset", "to", "questions"])]
    record: Option<PathBuf>,

    /// The sockets that listen, instead of those of this network namespace
    #[arg(long, value_name = "FILE")]
    listeners: Option<PathBuf>,

    /// Ask about this source address
    #[arg(long, value_name = "ADDR", requires = "to")]
    from: Option<IpAddr>,

    /// Ask about this source port
    #[arg(long, value_name = "N", requires = "to")]
    from_port: Option<u16>,

    /// Ask about packets that come in on this interface
    #[arg(long, value_name = "IF", requires = "to")]
    interface: Option<String>,

    /// Ask whether this address and port can be reached
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "questions")]
    to: Option<SocketAddr>,

    /// Transport that is asked about
    #[arg(long, value_name = "tcp|udp", default_value = "tcp", value_parser = transport)]
    transport: Transport,

    /// Answer the questions in this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    questions: Option<PathBuf>,
}

fn transport(text: &str) -> Result<Transport, String> {
    [Transport::Tcp, Transport::Udp]
        .into_iter()
        .find(|transport| transport.name() == text)
        .ok_or_else(|| "write tcp or udp".to_owned())
}

/// A socket, as it is read from a file and printed.
#[derive(Debug, Serialize, Deserialize)]
struct Socket {
    transport: Transport,
    address: IpAddr,
    port: u16,
    #[serde(default)]
    process: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    interface: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    v6_only: Option<bool>,
}

#[derive(Serialize)]
struct Report<'a> {
    engine: Vec<&'static str>,
    default_input: Fate,
    default_input_by_family: DefaultInput,
    listeners: Vec<Socket>,
    reachable: &'a [Reach],
    unreachable: &'a [Reach],
    unknown: &'a [Reach],
}

/// Prints what is reachable, or the answers to questions.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Outcome, Failure> {
    let host = Host::live()?;
    if let Some(directory) = &args.record {
        record(&host, directory)?;
        return Ok(Outcome::Clean);
    }
    let lines = match &args.questions {
        Some(file) => Some(contents(&host, file)?),
        None => None,
    };
    let asked = match (&lines, args.to) {
        (Some(lines), _) => Some(parse(lines)),
        (None, Some(to)) => Some(vec![Ok(question(args, to))]),
        (None, None) => None,
    };
    let (facts, recorded_sockets) = match &args.ruleset {
        Some(directory) if directory.is_dir() => from_directory(directory)?,
        Some(file) => (
            FirewallFacts {
                ruleset: json::parse(&contents(&host, file)?)
                    .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?,
                ..FirewallFacts::default()
            },
            None,
        ),
        None => (live(&host, asked.as_deref(), output.lang)?, None),
    };
    let listeners = match listeners(args, &host, output.lang)? {
        Some(listeners) => Some(listeners),
        None => recorded_sockets,
    };
    let Some(asked) = asked else {
        list(&facts, &listeners.unwrap_or_default(), output)?;
        return Ok(Outcome::Clean);
    };
    let mut replies = answer_all(&asked, &facts, listeners.as_deref());
    if replies.iter().any(Reply::needs_whole_sets) {
        // A rule has looked up something else than what was asked about, such as a translated address.
        let facts = live(&host, None, output.lang)?;
        replies = answer_all(&asked, &facts, listeners.as_deref());
    }
    match output.format {
        Format::Table => table_of_replies(&replies, output)?,
        Format::Json => {
            for replies in replies.chunks(LINES_AT_ONCE) {
                let lines: Result<Vec<String>, _> = replies.iter().map(serde_json::to_string).collect();
                output.line(&lines?.join("\n"))?;
            }
        }
    }
    Ok(Outcome::Clean)
}

/// The loaded rules. Where all questions name their source, of large sets only what they may look up.
fn live(host: &Host, asked: Option<&[Asked]>, lang: Lang) -> Result<FirewallFacts, Failure> {
    let now = Timestamp::now();
    let questions: Vec<&Question> = asked.unwrap_or_default().iter().flatten().collect();
    let named = !questions.is_empty() && questions.iter().all(|question| question.from.is_some());
    let keys: Keys = questions.iter().flat_map(|question| question.keys()).collect();
    let read = if named && keys.len() <= MOST_KEYS {
        firewall::read_loaded_for(host, now, &keys)
    } else {
        firewall::read_loaded(host, now)
    };
    Ok(known(&read, lang)?.clone())
}

fn question(args: &Args, to: SocketAddr) -> Question {
    Question {
        id: serde_json::Value::Null,
        from: args.from,
        from_port: args.from_port,
        interface: args.interface.clone(),
        to: to.ip(),
        port: to.port(),
        transport: args.transport,
    }
}

/// Writes a recording; the directory must not exist, so that nothing of another host stays in it.
fn record(host: &Host, directory: &Path) -> Result<(), Failure> {
    let at = |error: std::io::Error| Failure::new(format!("{}: {error}", directory.display()));
    let files = recording::record(host, Timestamp::now()).map_err(|error| Failure::new(error.to_string()))?;
    DirBuilder::new().mode(0o700).create(directory).map_err(at)?;
    for (name, bytes) in files {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(directory.join(name))
            .map_err(at)?;
        file.write_all(&bytes).map_err(at)?;
    }
    Ok(())
}

/// A recorded host; sockets that someone wrote down stand in `sockets.json`.
fn from_directory(directory: &Path) -> Result<(FirewallFacts, Option<Vec<Listener>>), Failure> {
    let said = |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", directory.display()));
    let host = Host::at(directory).map_err(|error| said(&error))?;
    let (facts, mut listeners) = recording::read(&host).map_err(|error| said(&error))?;
    if listeners.is_none() && host.exists("/sockets.json") {
        let text = host
            .read("/sockets.json", LARGEST_FILE)
            .map_err(|error| said(&error))?;
        let sockets: Vec<Socket> = serde_json::from_slice(&text).map_err(|error| said(&error))?;
        listeners = Some(from_file(&sockets));
    }
    Ok((facts, listeners))
}

fn contents(host: &Host, file: &Path) -> Result<Vec<u8>, Failure> {
    host.read(std::path::absolute(file)?, LARGEST_FILE)
        .map_err(|error| Failure::new(error.to_string()))
}

/// The sockets; `None` with a dump that none were given for.
fn listeners(args: &Args, host: &Host, lang: Lang) -> Result<Option<Vec<Listener>>, Failure> {
    if let Some(file) = &args.listeners {
        let sockets: Vec<Socket> = serde_json::from_slice(&contents(host, file)?)
            .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        return Ok(Some(from_file(&sockets)));
    }
    if args.ruleset.is_some() {
        return Ok(None);
    }
    let say = |unknown: Unknown| {
        let verdict = plumbline_checks::Verdict::unknown(plumbline_checks::Verdict::HOST, &unknown);
        Failure::new(verdict.message.render_in(lang))
    };
    // Who holds a socket is of no interest to a question.
    if args.questions.is_some() || args.to.is_some() {
        return Ok(Some(sockets::read_unowned(host).map_err(say)?));
    }
    Ok(Some(sockets::read(host).map_err(say)?.listeners))
}

fn from_file(sockets: &[Socket]) -> Vec<Listener> {
    let listener = |socket: &Socket| Listener {
        transport: socket.transport,
        address: socket.address,
        port: socket.port,
        interface: socket.interface.clone(),
        // Where it is not said: a socket on :: that stands beside one on 0.0.0.0 takes IPv6 alone.
        v6_only: socket.v6_only.unwrap_or_else(|| {
            socket.address.is_ipv6()
                && sockets.iter().any(|other| {
                    other.address.is_ipv4()
                        && other.address.is_unspecified()
                        && (other.transport, other.port) == (socket.transport, socket.port)
                })
        }),
        process: socket.process.clone().map(|name| Process { pid: 0, name }),
    };
    sockets.iter().map(listener).collect()
}

/// A question, or the reply to a line that is none.
type Asked = Result<Question, Reply>;

/// The questions of a file, one a line.
fn parse(lines: &[u8]) -> Vec<Asked> {
    let one = |(number, line): (usize, &[u8])| {
        serde_json::from_slice::<Question>(line).map_err(|error| Reply {
            id: serde_json::from_slice::<serde_json::Value>(line)
                .ok()
                .and_then(|value| value.get("id").cloned())
                .unwrap_or_default(),
            verdict: Verdict::Unknown,
            confidence: Confidence::Exact,
            because: vec![format!("line {}: {error}", number + 1)],
        })
    };
    lines
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(one)
        .collect()
}

fn answer_all(asked: &[Asked], facts: &FirewallFacts, listeners: Option<&[Listener]>) -> Vec<Reply> {
    let answerer = Answerer::new(facts, listeners);
    let reply = |asked: &Asked| match asked {
        Ok(question) => answerer.answer(question),
        Err(reply) => reply.clone(),
    };
    asked.iter().map(reply).collect()
}

fn list(facts: &FirewallFacts, listeners: &[Listener], output: &Output) -> Result<(), Failure> {
    let found = reachability(facts, listeners);
    if output.format == Format::Table {
        return table(facts, &found, output);
    }
    let socket = |listener: &Listener| Socket {
        transport: listener.transport,
        address: listener.address,
        port: listener.port,
        process: listener.process.as_ref().map(|process| process.name.clone()),
        interface: listener.interface.clone(),
        v6_only: None,
    };
    let by_family = found.default_input;
    output.json(&Report {
        engine: facts.engines(),
        default_input: match (by_family.ip, by_family.ip6) {
            (Fate::Drop, Fate::Drop) => Fate::Drop,
            (Fate::Accept, _) | (_, Fate::Accept) => Fate::Accept,
            _ => Fate::Unknown,
        },
        default_input_by_family: by_family,
        listeners: listeners.iter().map(socket).collect(),
        reachable: &found.reachable,
        unreachable: &found.unreachable,
        unknown: &found.unknown,
    })
}

fn table(facts: &FirewallFacts, found: &Reachability, output: &Output) -> Result<(), Failure> {
    let engines = match facts.engines() {
        engines if engines.is_empty() => "-".to_owned(),
        engines => engines.join(", "),
    };
    let fate = |fate| match fate {
        Fate::Drop => "drop",
        Fate::Accept => "accept",
        Fate::Unknown => "unknown",
    };
    let summary = Message::new("firewall-default-input")
        .arg("engines", engines)
        .arg("ip", fate(found.default_input.ip))
        .arg("ip6", fate(found.default_input.ip6));
    output.line(&summary.render_in(output.lang))?;
    let word = |key| text(output.lang, key);
    let rows = |reaches: &[Reach], key: Option<&'static str>| {
        let row = |reach: &Reach| {
            let word_key = key.unwrap_or(match reach.confidence {
                Confidence::Exact => "firewall-word-yes",
                Confidence::Assumed => "firewall-word-assumed",
            });
            let mut from = reach.from.iter().map(ToString::to_string).collect::<Vec<_>>();
            if !reach.source_ports.is_empty() {
                let ports =
                    Message::new("firewall-word-source-ports").arg("ports", reach.source_ports.join(", "));
                from.push(ports.render_in(output.lang));
            }
            [
                socket_text(reach),
                word(word_key),
                from.join(", "),
                reach.interfaces.join(", "),
                reach.because.join("; "),
            ]
        };
        reaches.iter().map(row).collect::<Vec<_>>()
    };
    let headings = [
        "firewall-heading-socket",
        "firewall-heading-reach",
        "firewall-heading-from",
        "firewall-heading-interfaces",
        "firewall-heading-because",
    ]
    .map(word);
    let mut all = rows(&found.reachable, None);
    all.extend(rows(&found.unknown, Some("firewall-word-unknown")));
    all.extend(rows(&found.unreachable, Some("firewall-word-no")));
    output.table(headings.each_ref().map(String::as_str), all)
}

/// `tcp/[::]:443 nginx`, `tcp/0.0.0.0:8000-8010 → *:80 nginx`.
fn socket_text(reach: &Reach) -> String {
    let mut text = format!(
        "{}/{}",
        reach.transport,
        SocketAddr::new(reach.address, reach.port)
    );
    if let Some(last) = reach.last_port {
        text = format!("{text}-{last}");
    }
    if !reach.targets.is_empty() {
        text = format!("{text} → {}", reach.targets.join(", "));
    }
    match &reach.process {
        Some(process) => format!("{text} {process}"),
        None => text,
    }
}

fn table_of_replies(replies: &[Reply], output: &Output) -> Result<(), Failure> {
    let headings = [
        "firewall-heading-question",
        "firewall-heading-reach",
        "firewall-heading-because",
    ]
    .map(|key| text(output.lang, key));
    let row = |reply: &Reply| {
        let key = match (reply.verdict, reply.confidence) {
            (Verdict::Reachable, Confidence::Exact) => "firewall-word-yes",
            (Verdict::Reachable, Confidence::Assumed) => "firewall-word-assumed",
            (Verdict::Blocked, _) => "firewall-word-no",
            (Verdict::Unknown, _) => "firewall-word-unknown",
        };
        let id = match &reply.id {
            serde_json::Value::Null => "-".to_owned(),
            serde_json::Value::String(id) => id.clone(),
            other => other.to_string(),
        };
        [id, text(output.lang, key), reply.because.join("; ")]
    };
    output.table(headings.each_ref().map(String::as_str), replies.iter().map(row))
}
