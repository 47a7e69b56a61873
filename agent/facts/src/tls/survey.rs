//! Many endpoints at once, a few at a time.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::classify::{self, DEFAULT_NAME, Found};
use super::line::Line;
use super::pool::Pool;
use super::shapes::Names;
use super::starttls;
use super::trial::Peer;
use super::versions::Versions;
use super::{Endpoint, Offer, Protocol, StartTls, Trust, certificate, datagram, depth, ssh, suites};

/// Time for one endpoint.
pub const DEADLINE: Duration = Duration::from_secs(5);
/// Time for one endpoint that is likely to make strangers wait for its greeting.
const SLOW_DEADLINE: Duration = Duration::from_secs(8);
/// Time for all endpoints of a run.
const BUDGET: Duration = Duration::from_secs(120);
/// Most connections to one endpoint, over the whole dialogue.
pub const MOST_CONNECTIONS: u32 = 40;
/// Time for one endpoint that was seen to be slow: each of its connections has to be waited for.
const SLOWEST_DEADLINE: Duration = Duration::from_secs(12);
/// Endpoints that are spoken to at a time.
const AT_ONCE: usize = 16;
/// Time from one connection to the next to one endpoint of another host.
const GAP: Duration = Duration::from_millis(20);
/// Connections to one endpoint at a time where it is slow to answer; one by one otherwise.
const AT_ONCE_TO_ONE: usize = 4;
/// A peer that took longer than this to show what it speaks is slow.
const SLOW: Duration = Duration::from_millis(300);
/// Wait for an answer to one hello over UDP, in which it is said three times, once it is known that the peer speaks DTLS.
const DATAGRAM_PATIENCE: Duration = Duration::from_millis(1200);
/// Wait for an answer to one hello, once it is known that the peer speaks TLS, in percent of the time for the endpoint.
const PATIENCE: u32 = 40;

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
    /// Most connections to one endpoint.
    pub most_connections: u32,
    /// Endpoints that are spoken to at a time.
    pub at_once: usize,
    /// Least time from one connection to the next to an endpoint of another host.
    pub gap: Duration,
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
            most_connections: MOST_CONNECTIONS,
            at_once: AT_ONCE,
            gap: GAP,
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
    /// To be spoken to over UDP, in DTLS or QUIC.
    pub datagrams: bool,
    /// The protocol to begin with, where it is known; otherwise it is found out.
    pub starttls: Option<StartTls>,
}

/// Speaks to every target, a few at a time; `each` is told as each ends. The answers stand in the order of the targets.
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
        for _ in 1..options.at_once.min(targets.len()) {
            // Where there may be no more threads, this one does it all.
            let _fewer = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
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
    let time = time.min(end.saturating_duration_since(Instant::now()));
    let addresses = target.addresses.clone();
    let line = Arc::new(Line::new(addresses, time, options.most_connections, options.gap));
    let names = names(target, options);
    let mut peer = Peer {
        line: &line,
        starttls: None,
        datagrams: target.datagrams,
        silence_closes: false,
        pool: None,
        name: names
            .first
            .as_deref()
            .or(names.second.as_deref())
            .unwrap_or(DEFAULT_NAME),
        patience: line.share(PATIENCE),
    };
    let began = Instant::now();
    let found = match target.starttls {
        _ if target.datagrams => datagram::classify(&peer, &names),
        Some(kind) => begin(&peer, kind),
        None => classify::classify(&peer, &line, target, &names),
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
        cipher_suites_complete: false,
        weaknesses_complete: false,
        groups: Vec::new(),
        groups_complete: false,
        client_certificate_required: false,
        certificates: Vec::new(),
        ssh: None,
        redirects: found.redirects,
        error: found.why.clone(),
    };
    if found.protocol == Protocol::Ssh && options.depth == Depth::Full {
        match ssh::offer(&line) {
            Ok(offer) => endpoint.ssh = Some(offer),
            Err(why) => endpoint.error = Some(why.to_string()),
        }
    }
    if !found.protocol.is_tls() {
        return endpoint;
    }
    if let Protocol::StartTls(kind) = found.protocol {
        peer.starttls = Some(kind);
        peer.name = found.name.unwrap_or(peer.name);
    }
    let mut versions = Versions::default();
    if found.protocol == Protocol::Quic {
        let [.., v1_3] = &mut endpoint.versions;
        *v1_3 = Offer::Offered;
        endpoint.error = Some("certificates: not read over QUIC".to_owned());
        // RFC 9001 5.3 leaves no other suites than the sound ones of TLS 1.3.
        endpoint.weaknesses_complete = true;
        return endpoint;
    }
    if found.protocol == Protocol::Dtls {
        peer.patience = peer.patience.min(DATAGRAM_PATIENCE);
        peer.silence_closes = true;
        let (offers, firsts) = datagram::versions(&peer, &names, found.accepted.map(|first| *first));
        endpoint.versions = offers;
        for first in firsts {
            versions.accepted(first);
        }
        if options.depth == Depth::Full && endpoint.offered().next().is_some() {
            let errors = look_deep(&mut endpoint, &peer, (&versions, false), target, &options.trust);
            endpoint.error = (!errors.is_empty()).then(|| errors.join("; "));
        }
        return endpoint;
    }
    if let Some(first) = found.accepted {
        versions.accepted(*first);
    }
    let slow = began.elapsed() > SLOW;
    if slow {
        line.extend((time * 3 / 2).min(SLOWEST_DEADLINE));
    }
    let pool = peer
        .starttls
        .filter(|_| slow)
        .map(|kind| Pool::new(&line, kind, peer.name));
    peer.pool = pool.as_ref();
    // Those of the pool are made at the same time already.
    let at_once = if slow && pool.is_none() { AT_ONCE_TO_ONE } else { 1 };
    versions.try_all(&peer, &names, at_once);
    endpoint.versions = versions.conclude();
    let mut errors = reasons(&endpoint);
    if options.depth == Depth::Full && endpoint.offered().next().is_some() {
        errors.extend(look_deep(
            &mut endpoint,
            &peer,
            (&versions, slow),
            target,
            &options.trust,
        ));
    }
    if !errors.is_empty() {
        endpoint.error = Some(errors.join("; "));
    }
    endpoint
}

/// Why versions are unknown, each reason once.
fn reasons(endpoint: &Endpoint) -> Vec<String> {
    let mut by_reason: Vec<(&str, Vec<&str>)> = Vec::new();
    for (version, why) in endpoint.unknown() {
        match by_reason.iter_mut().find(|(known, _)| *known == why) {
            Some((_, versions)) => versions.push(version.name()),
            None => by_reason.push((why, vec![version.name()])),
        }
    }
    by_reason
        .into_iter()
        .map(|(why, versions)| format!("{}: {why}", versions.join(", ")))
        .collect()
}

/// Looks for suites, groups and certificates; gives what could not be finished.
fn look_deep(
    endpoint: &mut Endpoint,
    peer: &Peer<'_>,
    (versions, slow): (&Versions, bool),
    target: &Target,
    trust: &Trust,
) -> Vec<String> {
    let expected = target.expected_name.as_deref();
    let found = depth::Depth::look(peer, versions, slow);
    endpoint.cipher_suites = found.suites;
    endpoint.cipher_suites_complete = found.suites_complete;
    endpoint.weaknesses_complete = found.weaknesses_complete;
    endpoint.groups_complete = found.groups_complete;
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
    let unreadable = !found.chains.is_empty() && endpoint.certificates.is_empty();
    found
        .unfinished
        .iter()
        .map(|what| format!("{what}: not finished"))
        .chain(unreadable.then(|| "certificates: what is shown can't be read".to_owned()))
        .collect()
}

/// Whether TLS can be begun by a protocol that the caller names.
fn begin(peer: &Peer<'_>, kind: StartTls) -> Found {
    let outcome = peer
        .line
        .connect(peer.line.time_left())
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
