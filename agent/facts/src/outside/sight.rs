//! What a host looks like from outside at one moment, by its rules and sockets.

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;
use plumbline_config::outside::{Attempt, MOST_PORTS, is_outside};
use plumbline_config::plan::Transport;

use super::{Evaluated, Proof};
use crate::firewall::{self, FirewallFacts};
use crate::host::Host;
use crate::known::Unknown;
use crate::reachability::{IpFamily, Question, Reach, Reply, Verdict, answer, reachability};
use crate::sockets::{self, Listener};

/// Most of a host's own addresses that are in question.
const MOST_ADDRESSES: usize = 16;
/// Most reasons kept of one answer.
const MOST_REASONS: usize = 8;

/// Rules and sockets as they were at one moment.
#[derive(Clone, Debug)]
pub struct Sight {
    /// When they were read.
    pub at: Timestamp,
    pub(super) firewall: FirewallFacts,
    pub(super) listeners: Vec<Listener>,
}

/// What is worth connecting to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InQuestion {
    /// TCP ports of each of the host's own addresses: what is reachable or can't be told, then what listens and is
    /// blocked.
    pub ports: Vec<(IpAddr, Vec<u16>)>,
    /// Ports left out, being too many.
    pub beyond: usize,
}

impl Sight {
    /// Reads rules and sockets.
    pub fn read(host: &Host, now: Timestamp) -> Result<Self, Unknown> {
        let firewall = firewall::read_loaded(host, now);
        Ok(Self {
            at: now,
            firewall: firewall.value()?.clone(),
            listeners: tcp(sockets::read_unowned(host)?),
        })
    }

    /// What is worth connecting to.
    #[must_use]
    pub fn in_question(&self) -> InQuestion {
        let found = reachability(&self.firewall, &self.listeners);
        let open = found.reachable.iter().chain(&found.unknown);
        let reaches: Vec<&Reach> = open.chain(&found.unreachable).collect();
        let mut question = InQuestion::default();
        let mut left = MOST_PORTS;
        for address in self.addresses() {
            let (ports, beyond) = ports_at(address, &reaches, left);
            left -= ports.len();
            question.beyond += beyond;
            if !ports.is_empty() {
                question.ports.push((address, ports));
            }
        }
        question
    }

    /// The host's own addresses that others can send to.
    fn addresses(&self) -> Vec<IpAddr> {
        let interfaces = self.firewall.surroundings.interfaces.iter().flatten();
        let up = interfaces.filter(|interface| interface.up && !interface.loopback);
        let addresses = up.flat_map(|interface| interface.addresses.iter().map(ipnet::IpNet::addr));
        let addresses: BTreeSet<IpAddr> = addresses.filter(|address| is_outside(*address)).collect();
        addresses.into_iter().take(MOST_ADDRESSES).collect()
    }

    fn answer(&self, attempt: &Attempt) -> Reply {
        let question = Question {
            id: serde_json::Value::Null,
            from: attempt.from,
            from_port: None,
            interface: None,
            to: attempt.to,
            port: attempt.port,
            transport: Transport::Tcp,
        };
        answer(&self.firewall, Some(&self.listeners), &question)
    }

    /// Whether the same follows from both for every attempt.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.listeners == other.listeners && self.firewall == other.firewall
    }

    /// What follows for an attempt that was made between this moment and `after`.
    #[must_use]
    pub fn beside(&self, after: &Self, attempt: Attempt) -> Proof {
        compare(&[self, after], attempt)
    }
}

/// What follows for an attempt at whose moment the host looked like any of these; of none, nothing.
pub(super) fn compare(sights: &[&Sight], attempt: Attempt) -> Proof {
    let replies: Vec<Reply> = sights.iter().map(|sight| sight.answer(&attempt)).collect();
    let verdict = replies.first().map(|reply| reply.verdict);
    let all_alike = replies.iter().all(|reply| Some(reply.verdict) == verdict);
    let evaluated = match verdict.filter(|_| all_alike) {
        None => Evaluated::Changed,
        Some(Verdict::Reachable) => Evaluated::Reachable,
        Some(Verdict::Blocked) => Evaluated::Blocked,
        Some(Verdict::Unknown) => Evaluated::Unknown,
    };
    let because = replies.into_iter().next_back().map(|reply| reply.because);
    Proof {
        attempt,
        evaluated,
        because: because.into_iter().flatten().take(MOST_REASONS).collect(),
    }
}

fn tcp(mut listeners: Vec<Listener>) -> Vec<Listener> {
    listeners.retain(|listener| listener.transport == Transport::Tcp);
    listeners
}

/// The TCP ports at `address`, at most so many, in the order of `reaches`, and how many more there are.
fn ports_at(address: IpAddr, reaches: &[&Reach], most: usize) -> (Vec<u16>, usize) {
    let family = if address.is_ipv6() {
        IpFamily::Ip6
    } else {
        IpFamily::Ip
    };
    let here = reaches.iter().filter(|reach| {
        let at = reach.address.is_unspecified() || reach.address == address;
        reach.transport == Transport::Tcp && reach.family == family && at
    });
    let mut ports = Vec::new();
    let mut known = BTreeSet::new();
    for reach in here {
        for port in reach.port..=reach.last_port.unwrap_or(reach.port) {
            if known.insert(port) && ports.len() < most {
                ports.push(port);
            }
        }
    }
    let beyond = known.len() - ports.len();
    (ports, beyond)
}

#[cfg(test)]
pub(super) mod tests {
    use plumbline_config::outside::Outcome;

    use super::*;
    use crate::firewall::{Interface, Surroundings, json};

    const ADDRESS: &str = "192.0.2.10";

    pub(in crate::outside) fn sight(rule: &str, at: &[(&str, u16)]) -> Sight {
        let dump = format!(
            r#"{{"nftables": [{{"table": {{"family": "inet", "name": "f", "handle": 1}}}},
            {{"chain": {{"family": "inet", "table": "f", "name": "i", "handle": 1, "type": "filter", "hook": "input",
            "prio": 0, "policy": "drop"}}}}, {{"rule": {{"family": "inet", "table": "f", "chain": "i", "handle": 2,
            "expr": [{{"match": {{"op": "in", "left": {{"ct": {{"key": "state"}}}}, "right": ["established"]}}}},
            {{"accept": null}}]}}}}, {{"rule": {{"family": "inet", "table": "f", "chain": "i", "handle": 3,
            "expr": [{{"match": {{"op": "==", "left": {{"payload": {{"protocol": "tcp", "field": "dport"}}}},
            "right": {rule}}}}}, {{"accept": null}}]}}}}]}}"#
        );
        let interface = |name: &str, index, loopback, net: &str| Interface {
            name: name.to_owned(),
            index,
            up: true,
            loopback,
            addresses: vec![net.parse().unwrap()],
            ..Interface::default()
        };
        let listener = |(address, port): &(&str, u16)| Listener {
            transport: Transport::Tcp,
            address: address.parse().unwrap(),
            port: *port,
            interface: None,
            v6_only: false,
            process: None,
        };
        Sight {
            at: Timestamp::UNIX_EPOCH,
            firewall: FirewallFacts {
                ruleset: json::parse(dump.as_bytes()).unwrap(),
                surroundings: Surroundings {
                    interfaces: Some(vec![
                        interface("lo", 1, true, "127.0.0.1/8"),
                        interface("eth0", 2, false, "192.0.2.10/24"),
                        interface("eth1", 3, false, "169.254.1.1/16"),
                    ]),
                    ..Surroundings::default()
                },
                ..FirewallFacts::default()
            },
            listeners: at.iter().map(listener).collect(),
        }
    }

    pub(in crate::outside) fn attempt(port: u16) -> Attempt {
        Attempt {
            from: Some("192.0.2.1".parse().unwrap()),
            to: ADDRESS.parse().unwrap(),
            port,
            outcome: Outcome::Connected,
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_listens_is_in_question_the_reachable_first_and_loopback_never() {
        let at = [
            ("0.0.0.0", 80),
            ("192.0.2.10", 22),
            ("127.0.0.1", 25),
            ("192.0.2.99", 26),
        ];
        let question = sight("22", &at).in_question();
        assert_eq!(question.ports, [(ADDRESS.parse().unwrap(), vec![22, 80])]);
        assert_eq!(question.beyond, 0);
        let many: Vec<(&str, u16)> = (1..=300).map(|port| ("0.0.0.0", port)).collect();
        let question = sight("22", &many).in_question();
        assert_eq!(question.ports[0].1.len(), MOST_PORTS);
        assert_eq!(question.ports[0].1[0], 22);
        assert_eq!(question.beyond, 300 - MOST_PORTS);
    }

    #[test]
    fn an_attempt_stands_beside_what_followed_before_it_and_after_it() {
        let at = [("0.0.0.0", 22), ("0.0.0.0", 80)];
        let (open, shut) = (sight("22", &at), sight("23", &at));
        assert_eq!(open.beside(&open, attempt(22)).evaluated, Evaluated::Reachable);
        assert_eq!(open.beside(&open, attempt(80)).evaluated, Evaluated::Blocked);
        assert_eq!(open.beside(&shut, attempt(22)).evaluated, Evaluated::Changed);
        let gone = sight("22", &[]);
        assert_eq!(open.beside(&gone, attempt(22)).evaluated, Evaluated::Changed);
    }
}
