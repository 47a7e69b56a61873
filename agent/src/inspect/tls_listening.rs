//! `inspect tls --listening`: what the host's own listening sockets speak, those of its other network namespaces too.

use plumbline_checks::Verdict;
use plumbline_console::{Failure, Outcome, Output};
use plumbline_facts::namespaces::OWN;
use plumbline_facts::tls::{Endpoint, Options, TlsListener, TlsListeners, Unseen, listening};
use plumbline_facts::{Facts, Host, Known, firewall, sockets};

use super::tls::{Judge, Shown, outcome, print, shown};
use crate::progress::Progress;

/// Speaks to the host's own listening sockets.
pub(super) fn run(
    options: &Options,
    judge: Option<&Judge<'_>>,
    lines: bool,
    output: &Output,
) -> Result<Outcome, Failure> {
    let host = Host::live()?;
    let sockets = sockets::read(&host).map_err(|unknown| {
        let verdict = Verdict::unknown(Verdict::HOST, &unknown);
        Failure::new(verdict.message.render_in(output.lang))
    })?;
    let progress = Progress::over(sockets.listeners.len());
    let (listeners, unseen) = listening(&host, &sockets.listeners, options, &|| progress.one_more());
    drop(progress);
    let firewall = match judge {
        Some(judge) => firewall::read(&host, judge.now),
        None => Known::NotAsked,
    };
    let missed: Vec<Endpoint> = unseen.iter().map(missed).collect();
    let of_listener = |tried: &TlsListener| {
        let facts = Facts {
            tls: Known::Value(TlsListeners {
                listeners: vec![tried.clone()],
                ..TlsListeners::default()
            }),
            firewall: firewall.clone(),
            ..Facts::default()
        };
        judge.map(|judge| judge.verdicts(&facts)).unwrap_or_default()
    };
    let mut all: Vec<_> = listeners
        .iter()
        .map(|tried| Shown {
            namespace: Some(tried.namespace.as_ref().map_or(OWN, |namespace| &namespace.name)),
            process: tried
                .listener
                .process
                .as_ref()
                .map(|process| process.name.as_str()),
            verdicts: of_listener(tried),
            ..shown(&tried.endpoint, None)
        })
        .collect();
    all.extend(missed.iter().map(|endpoint| shown(endpoint, None)));
    if lines {
        all.iter().try_for_each(|shown| output.json_line(shown))?;
    } else {
        print(&all, output)?;
    }
    Ok(outcome(&all))
}

/// Sockets that could not be listed, as an endpoint of which nothing is known.
fn missed(unseen: &Unseen) -> Endpoint {
    match unseen {
        Unseen::Unlisted { why, .. } => Endpoint::unspoken(unseen.subject(), why),
        Unseen::Hidden => Endpoint::unspoken(
            unseen.subject(),
            "the network namespaces of some processes may not be looked at; run as root",
        ),
        Unseen::TooMany => Endpoint::unspoken(
            unseen.subject(),
            "there are more network namespaces or processes than are looked at",
        ),
    }
}
