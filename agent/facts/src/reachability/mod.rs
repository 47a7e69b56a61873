//! What other hosts can reach: derived from the loaded rules and the listening sockets.
//!
//! This is derivation, not judgement: a pure function of facts, which knows nothing of the plan. A packet that stands
//! for a class ([`bits`], [`packet`]) runs through the rules ([`machine`], [`walk`], [`rule`], [`step`], [`reading`],
//! [`lookup`], [`routing`], [`xt`]) and the hooks ([`path`], [`way`], [`passing`], [`heard`], [`judgement`]); where it
//! fares differently within its class, the class is split ([`space`], [`survey`]), and what ports do not decide is run
//! once for many ([`alike`]). Nothing is called unreachable unless every packet of the class is stopped.
//!
//! Packets are ordinary ones: no IP options or extension headers, no fragments, no IPsec; that neighbours find each other
//! (ARP, neighbour discovery) is taken for granted. Filters outside
//! netfilter (tc, XDP, BPF, a provider's security groups) are not looked at.

mod alike;
mod bits;
mod heard;
mod judgement;
mod links;
mod listing;
mod lookup;
mod machine;
mod packet;
mod passing;
mod path;
mod question;
mod reading;
mod routing;
mod rule;
mod space;
mod step;
mod survey;
#[cfg(test)]
mod tests;
mod walk;
mod way;
mod xt;

use std::net::IpAddr;

use ipnet::IpNet;
use plumbline_config::plan::Transport;
use serde::Serialize;

use crate::firewall::FirewallFacts;
use crate::sockets::Listener;

pub use question::{Answerer, Question, Reply, Verdict, answer};

/// What other hosts can reach.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reachability {
    /// What happens to connections to a port that no rule is about.
    pub default_input: DefaultInput,
    /// Reachable.
    pub reachable: Vec<Reach>,
    /// Not reachable from anywhere.
    pub unreachable: Vec<Reach>,
    /// It can't be told.
    pub unknown: Vec<Reach>,
}

/// What happens, by family, to a connection to an arbitrary port from an arbitrary source on an interface that no rule
/// names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DefaultInput {
    /// IPv4.
    pub ip: Fate,
    /// IPv6.
    pub ip6: Fate,
}

/// What happens to most of such connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// They are stopped.
    Drop,
    /// They come in.
    Accept,
    /// It can't be told.
    Unknown,
}

/// A socket, or a port that is translated, and from where it is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// IPv4 or IPv6.
    pub family: IpFamily,
    /// TCP or UDP.
    pub transport: Transport,
    /// The port that others connect to; the first, where a range of ports is translated alike.
    pub port: u16,
    /// The last of a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_port: Option<u16>,
    /// The address that the socket is bound to, or, translated, any of this host.
    pub address: IpAddr,
    /// Where translated connections go: `172.17.0.2:80`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// The process behind the socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// Networks that it holds for.
    pub from: Vec<IpNet>,
    /// Source ports that it holds for; empty: any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_ports: Vec<String>,
    /// Interfaces that it holds for: `*`, names, names with `*`, or `other` for those that no rule names.
    pub interfaces: Vec<String>,
    /// How they come in.
    pub via: Via,
    /// What it rests on.
    pub confidence: Confidence,
    /// Rules and policies; of the unknown also what is not known.
    pub because: Vec<String>,
}

/// Family of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IpFamily {
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
}

impl IpFamily {
    const fn new(v6: bool) -> Self {
        if v6 { Self::Ip6 } else { Self::Ip }
    }
}

/// How connections come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// To the socket that they name.
    Input,
    /// By translation of their destination.
    Dnat,
}

/// What an answer rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// On what was read alone.
    Exact,
    /// Also on what is usual: a rate limit is not exceeded, a source has a way back, a host behind answers.
    Assumed,
}

/// What happens to connections that no rule is about.
#[must_use]
pub fn default_input(facts: &FirewallFacts) -> DefaultInput {
    listing::default_input(facts)
}

/// What other hosts can reach of these sockets.
#[must_use]
pub fn reachability(facts: &FirewallFacts, listeners: &[Listener]) -> Reachability {
    listing::list(facts, listeners)
}
