//! Many endpoints at once, a few at a time.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::classify::{self, Found};
use super::line::Line;
use super::starttls;
use super::trial::Peer;
use super::versions::{Names, Versions};
use super::{Endpoint, Offer, Protocol, StartTls, Trust, certificate, depth, suites};

/// Time for one endpoint.
pub const DEADLINE: Duration = Duration::from_secs(5);
/// Time for one endpoint that is likely to make strangers wait for its greeting.
const SLOW_DEADLINE: Duration = Duration::from_secs(8);
/// Time for all endpoints of a run.
const BUDGET: Duration = Duration::from_secs(120);
/// Most connections to one endpoint, over the whole dialogue.
pub const MOST_CONNECTIONS: u32 = 40;
/// Most connections to one endpoint at [`Depth::Full`], which a person asks for: one for each suite and group.
pub const MOST_CONNECTIONS_FULL: u32 = 240;
/// Endpoints that are spoken to at a time.
const AT_ONCE: usize = 8;
/// Connections to one endpoint at a time where it is slow to answer; one by one otherwise.
const AT_ONCE_TO_ONE: usize = 4;
/// A peer that took longer than this to show what it speaks is slow.
const SLOW: Duration = Duration::from_millis(300);
/// Wait for an answer to one hello, once it is known that the peer speaks TLS.
const PATIENCE: Duration = Duration::from_secs(2);
/// What a peer without a name is called in protocols that ask for one.
const DEFAULT_NAME: &str = "localhost";

/// How much is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// What is spoken and which versions: about eight connections.
    #[default]
    Versions,
    /// Suites, groups and certificates too.
    Full,
}

/// How to ask.
#[derive(Clone, Debug)]
pub struct Options {
    /// How much.
    pub depth: Depth,
    /// Time for one endpoint, unless it is likely to make strangers wait.
    pub deadline: Duration,
    /// Time for all.
    pub budget: Duration,
    /// What certificates are held against.
    pub trust: Trust,
    /// A name to try in `server_name` where the target has none and refuses hellos without.
    pub alternate_name: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            depth: Depth::Versions,
            deadline: DEADLINE,
            budget: BUDGET,
            trust: Trust::default(),
            alternate_name: None,
        }
    }
}

/// An endpoint to speak to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// What it is called in the answer.
    pub endpoint: String,
    /// Where to connect; the first that answers.
    pub addresses: Vec<SocketAddr>,
    /// The port, which orders the attempts.
    pub port: u16,
    /// The name to ask for in `server_name`.
    pub name: Option<String>,
    /// The host name that its certificate is to be for.
    pub expected_name: Option<String>,
    /// The process behind it, where it is known; orders the attempts.
    pub process: String,
    /// The protocol to begin with, where it is known; otherwise it is found out.
    pub starttls: Option<StartTls>,
}

/// Speaks to every target, eight at a time; `each` is told as each ends. The answers stand in the order of the targets.
pub fn survey(targets: &[Target], options: &Options, each: impl Fn(&Endpoint) + Sync) -> Vec<Endpoint> {
    let end = Instant::now() + options.budget;
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(vec![None; targets.len()]);
    let work = || {
        while let Some((place, target)) = {
            let place = next.fetch_add(1, Ordering::Relaxed);
            targets.get(place).map(|target| (place, target))
        } {
            let endpoint = ask(target, options, end);
            each(&endpoint);
            // A panic elsewhere can't leave a half-written answer: each is stored whole.
            let mut answers = answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(slot) = answers.get_mut(place) {
                *slot = Some(endpoint);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(targets.len()) {
            scope.spawn(work);
        }
    });
    let answers = answers
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    answers.into_iter().flatten().collect()
}

/// Speaks to one target.
fn ask(target: &Target, options: &Options, end: Instant) -> Endpoint {
    let slow = target.starttls.is_some() || classify::greets(target.port, &target.process);
    let time = if slow {
        options.deadline.max(SLOW_DEADLINE)
    } else {
        options.deadline
    };
    let deadline = end.min(Instant::now() + time);
    let most_connections = match options.depth {
        Depth::Versions => MOST_CONNECTIONS,
        Depth::Full => MOST_CONNECTIONS_FULL,
    };
    let line = Line::new(target.addresses.clone(), deadline, most_connections);
    let names = names(target, options);
    let mut peer = Peer {
        line: &line,
        starttls: None,
        name: names
            .first
            .as_deref()
            .or(names.second.as_deref())
            .unwrap_or(DEFAULT_NAME),
        patience: PATIENCE,
    };
    let began = Instant::now();
    let found = match target.starttls {
        Some(kind) => begin(&peer, kind),
        None => classify::classify(&peer, target.port, &target.process, &names),
    };
    let unknown = || Offer::Unknown(found.why.clone().unwrap_or_default());
    let mut endpoint = Endpoint {
        endpoint: target.endpoint.clone(),
        reachable: found.reachable,
        protocol: found.protocol,
        speaks: found.speaks,
        versions: match found.protocol {
            Protocol::Silent | Protocol::Unknown => std::array::from_fn(|_| unknown()),
            _ => std::array::from_fn(|_| Offer::NotOffered),
        },
        cipher_suites: Vec::new(),
        groups: Vec::new(),
        client_certificate_required: false,
        certificates: Vec::new(),
        error: found.why.clone(),
    };
    if !found.protocol.is_tls() {
        return endpoint;
    }
    if let Protocol::StartTls(kind) = found.protocol {
        peer.starttls = Some(kind);
    }
    let mut versions = Versions::default();
    if let Some((number, hello)) = &found.accepted {
        versions.accepted(*number, hello);
    }
    let at_once = if began.elapsed() > SLOW { AT_ONCE_TO_ONE } else { 1 };
    versions.try_all(&peer, &names, at_once);
    endpoint.versions = versions.conclude();
    let mut errors: Vec<_> = endpoint
        .unknown()
        .map(|(version, why)| format!("{version}: {why}"))
        .collect();
    if options.depth == Depth::Full {
        errors.extend(look_deep(&mut endpoint, &peer, &names, target, &options.trust));
    }
    if !errors.is_empty() {
        endpoint.error = Some(errors.join("; "));
    }
    endpoint
}

/// Looks for suites, groups and certificates; gives what could not be finished.
fn look_deep(
    endpoint: &mut Endpoint,
    peer: &Peer<'_>,
    names: &Names,
    target: &Target,
    trust: &Trust,
) -> Vec<String> {
    let expected = target.expected_name.as_deref();
    let offered: Vec<_> = endpoint.offered().collect();
    let found = depth::Depth::look(peer, &offered, names);
    endpoint.cipher_suites = found.suites;
    endpoint.groups = found
        .groups
        .iter()
        .map(|group| suites::group_name(*group))
        .collect();
    endpoint.client_certificate_required = found.asks_certificate;
    for certificate in found
        .chains
        .iter()
        .flat_map(|chain| certificate::read_chain(chain, expected, trust))
    {
        // Two chains of one server often share their upper part.
        if !endpoint
            .certificates
            .iter()
            .any(|known| known.sha256 == certificate.sha256)
        {
            endpoint.certificates.push(certificate);
        }
    }
    found
        .unfinished
        .iter()
        .map(|what| format!("{what}: not finished"))
        .collect()
}

/// Whether TLS can be begun by a protocol that the caller names.
fn begin(peer: &Peer<'_>, kind: StartTls) -> Found {
    let outcome = peer
        .line
        .connect(peer.patience.max(SLOW_DEADLINE))
        .map(|mut stream| starttls::begin(kind, &mut stream, peer.name));
    classify::after_named(kind, outcome)
}

fn names(target: &Target, options: &Options) -> Names {
    let other = || {
        options
            .alternate_name
            .clone()
            .unwrap_or_else(|| DEFAULT_NAME.to_owned())
    };
    match &target.name {
        Some(name) => Names {
            first: Some(name.clone()),
            second: None,
        },
        None => Names {
            first: None,
            second: Some(other()),
        },
    }
}
