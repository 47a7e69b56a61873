//! The host's listening sockets, spoken to: those of its own network namespace, and those of every other from within it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use plumbline_config::plan::Transport;

use super::probe::{may_encrypt_datagrams, target};
use super::survey::{Options, Target, survey};
use super::{Endpoint, Protocol, TlsListener};
use crate::firewall;
use crate::host::Host;
use crate::known::Unknown;
use crate::namespaces::{Closed, Namespace, others};
use crate::sockets::{self, Listed, Listener};

/// Namespaces that are spoken to at a time, and endpoints at a time in each.
const NAMESPACES_AT_ONCE: usize = 4;

/// The network namespace of a socket that is not in the host's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// What it is called.
    pub name: String,
    /// The agent may not enter it: its sockets are listed and were not spoken to.
    pub closed: bool,
    /// Its addresses, without loopback ones.
    pub addresses: Vec<IpAddr>,
    /// It has an interface that does not lead to the host, so that the host's packet filter does not see all that
    /// comes in.
    pub bypasses_host: bool,
}

/// Sockets that may be there and could not be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// Those of namespaces whose processes may not be looked at.
    Hidden,
    /// Those of more namespaces than are looked at.
    TooMany,
    /// Those of this namespace.
    Unlisted {
        /// What it is called.
        name: String,
        /// Why not.
        why: String,
    },
}

impl Unseen {
    /// The subject of findings about them: `@web`, or a sign that no namespace is called by.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::Hidden => "@?".to_owned(),
            Self::TooMany => "@*".to_owned(),
            Self::Unlisted { name, .. } => format!("@{name}"),
        }
    }
}

/// Speaks to every listening TCP socket, and over UDP to those that may speak DTLS or QUIC: to `own`, the sockets of this
/// network namespace, and to those of every other namespace. `each` is called as each endpoint ends.
pub fn listening(
    host: &Host,
    own: &[Listener],
    options: &Options,
    each: &(dyn Fn() + Sync),
) -> (Vec<TlsListener>, Vec<Unseen>) {
    let mut listeners = here(own, None, options, each);
    let (places, mut unseen) = places(host);
    let end = Instant::now() + options.budget;
    let next = AtomicUsize::new(0);
    let found = Mutex::new(vec![Vec::new(); places.len()]);
    let work = || {
        while let Some((number, place)) = {
            let number = next.fetch_add(1, Ordering::Relaxed);
            places.get(number).map(|place| (number, place))
        } {
            let options = Options {
                budget: end.saturating_duration_since(Instant::now()),
                at_once: (options.at_once / NAMESPACES_AT_ONCE).max(1),
                ..options.clone()
            };
            let there = there(host, place, &options, each);
            if let Some(slot) = found
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_mut(number)
            {
                *slot = there;
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..NAMESPACES_AT_ONCE.min(places.len()) {
            // Where there may be no more threads, this one does it all.
            let _fewer = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    listeners.extend(
        found
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .into_iter()
            .flatten(),
    );
    unseen.dedup();
    (listeners, unseen)
}

/// A namespace with sockets in it.
struct Place {
    namespace: Namespace,
    elsewhere: Elsewhere,
    listeners: Vec<Listener>,
}

/// The other namespaces that have sockets to be spoken to.
fn places(host: &Host) -> (Vec<Place>, Vec<Unseen>) {
    let others = others(host);
    let hidden = others.hidden.then_some(Unseen::Hidden);
    let mut unseen: Vec<Unseen> = hidden.into_iter().collect();
    unseen.extend(others.more.then_some(Unseen::TooMany));
    let mut known = Vec::new();
    let mut lists = Vec::new();
    for namespace in others.namespaces {
        match look(host, &namespace) {
            Ok(Some((elsewhere, listed))) => {
                known.push((namespace, elsewhere));
                lists.push(listed);
            }
            Ok(None) => {}
            Err(why) => unseen.push(Unseen::Unlisted {
                name: namespace.name,
                why,
            }),
        }
    }
    let mut places = Vec::new();
    for ((namespace, elsewhere), mut listeners) in known.into_iter().zip(sockets::own_all(host, lists)) {
        listeners.retain(is_spoken_to);
        if !listeners.is_empty() {
            places.push(Place {
                namespace,
                elsewhere,
                listeners,
            });
        }
    }
    (places, unseen)
}

/// The sockets of a namespace and what leads to it; `None` where it is gone.
fn look(host: &Host, namespace: &Namespace) -> Result<Option<(Elsewhere, Listed)>, String> {
    let within = namespace.within(|| {
        (
            sockets::list_here(host, namespace.process),
            firewall::links_here(),
        )
    });
    let name = namespace.name.clone();
    match within {
        Ok((Ok(listed), links)) => Ok(Some((elsewhere(name, links), listed))),
        Ok((Err(unknown), _)) => Err(said(unknown)),
        Err(Closed::Gone) => Ok(None),
        Err(closed) => {
            let process = namespace.process.ok_or_else(|| closed.to_string())?;
            let Ok(listed) = sockets::list_of_process(host, process) else {
                let ended = !host.exists(format!("/proc/{process}"));
                return if ended { Ok(None) } else { Err(closed.to_string()) };
            };
            let elsewhere = Elsewhere {
                name,
                closed: true,
                ..Elsewhere::default()
            };
            Ok(Some((elsewhere, listed)))
        }
    }
}

fn elsewhere(name: String, links: Option<Vec<firewall::Interface>>) -> Elsewhere {
    let known = links.is_some();
    let links = links.unwrap_or_default();
    let leads_to_host = |link: &firewall::Interface| {
        link.loopback || !link.up || matches!(link.kind.as_deref(), Some("veth" | "dummy" | "bridge"))
    };
    let addresses = links
        .iter()
        .flat_map(|link| &link.addresses)
        .map(ipnet::IpNet::addr);
    Elsewhere {
        name,
        closed: false,
        addresses: addresses.filter(|address| !address.is_loopback()).collect(),
        bypasses_host: !known || !links.iter().all(leads_to_host),
    }
}

fn is_spoken_to(listener: &Listener) -> bool {
    listener.transport == Transport::Tcp || may_encrypt_datagrams(listener)
}

/// Speaks to the sockets of the namespace that this thread is in.
fn here(
    listeners: &[Listener],
    namespace: Option<&Elsewhere>,
    options: &Options,
    each: &(dyn Fn() + Sync),
) -> Vec<TlsListener> {
    let listeners: Vec<&Listener> = listeners
        .iter()
        .filter(|listener| is_spoken_to(listener))
        .collect();
    let targets: Vec<Target> = listeners.iter().map(|listener| target(listener)).collect();
    let endpoints = survey(&targets, options, |_| each());
    listeners
        .into_iter()
        .zip(endpoints)
        // A UDP socket that speaks neither is none of TLS's.
        .filter(|(listener, endpoint)| listener.transport == Transport::Tcp || endpoint.protocol.is_tls())
        .map(|(listener, endpoint)| TlsListener {
            listener: listener.clone(),
            namespace: namespace.cloned(),
            endpoint,
        })
        .collect()
}

/// Speaks to the sockets of another namespace from within it.
fn there(host: &Host, place: &Place, options: &Options, each: &(dyn Fn() + Sync)) -> Vec<TlsListener> {
    let closed = |why: &Closed| -> Vec<TlsListener> {
        let unspoken = |listener: &Listener| TlsListener {
            listener: listener.clone(),
            namespace: Some(Elsewhere {
                closed: true,
                ..place.elsewhere.clone()
            }),
            endpoint: Endpoint::unspoken(target(listener).endpoint, &why.to_string()),
        };
        place.listeners.iter().map(unspoken).collect()
    };
    if place.elsewhere.closed {
        return closed(&Closed::Refused);
    }
    let within = place.namespace.within(|| {
        let mut found = here(&place.listeners, Some(&place.elsewhere), options, each);
        // A container that ended meanwhile leaves nothing to be judged.
        let told = |tried: &TlsListener| tried.endpoint.protocol != Protocol::Unknown;
        if !found.iter().all(told)
            && let Ok(listed) = sockets::list_here(host, place.namespace.process)
        {
            found.retain(|tried| told(tried) || sockets::still_there(&listed, &tried.listener));
        }
        found
    });
    match within {
        Ok(found) => found,
        Err(Closed::Gone) => Vec::new(),
        Err(why) => closed(&why),
    }
}

fn said(unknown: Unknown) -> String {
    match unknown {
        Unknown::Failed { what, why } => format!("{what}: {why}"),
        Unknown::Denied(denial) => format!("{}: it needs {}", denial.what, denial.needs),
        Unknown::Absent(what) => format!("there is no {what}"),
        Unknown::NotAsked(what) => format!("{what} was not asked for"),
    }
}
