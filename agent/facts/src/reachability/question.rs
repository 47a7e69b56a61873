//! One question: can this source reach that address and port?

use std::collections::BTreeSet;
use std::net::IpAddr;

use plumbline_config::plan::Transport;
use serde::{Deserialize, Serialize};

use crate::firewall::FirewallFacts;
use crate::sockets::Listener;

use super::Confidence;
use super::judgement::Answer;
use super::links;
use super::packet::{Flow, Link};
use super::path::{Aim, Path};
use super::space::{AddressBlock, PortBlock};
use super::survey::{Part, Survey};

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Carried over to the reply.
    #[serde(default)]
    pub id: serde_json::Value,
    /// Source address; none: any.
    #[serde(default)]
    pub from: Option<IpAddr>,
    /// Source port; none: one that a system takes for a connection it opens, from the upper half.
    #[serde(default)]
    pub from_port: Option<u16>,
    /// Interface it comes in on; none: the one whose network the source is in, else any but the loopback one.
    #[serde(default)]
    pub interface: Option<String>,
    /// Address sent to.
    pub to: IpAddr,
    /// Port sent to.
    pub port: u16,
    /// TCP or UDP.
    #[serde(default = "tcp")]
    pub transport: Transport,
}

const fn tcp() -> Transport {
    Transport::Tcp
}

/// The reply to a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reply {
    /// The question's.
    pub id: serde_json::Value,
    /// The answer.
    pub verdict: Verdict,
    /// What it rests on.
    pub confidence: Confidence,
    /// Rules and policies; of the unknown also what is not known.
    pub because: Vec<String>,
}

impl Question {
    /// The values that rules may look up of it.
    #[must_use]
    pub fn keys(&self) -> Vec<Vec<u8>> {
        let address = |address: IpAddr| match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let ports = [Some(self.port), self.from_port].into_iter().flatten();
        self.from
            .into_iter()
            .chain([self.to])
            .map(address)
            .chain(ports.map(|port| port.to_be_bytes().to_vec()))
            .collect()
    }
}

impl Reply {
    /// Whether it is unknown only because a large set was asked about other keys.
    #[must_use]
    pub fn needs_whole_sets(&self) -> bool {
        let asked = |reason: &String| reason.contains(super::step::ASKED_ABOUT_OTHERS);
        self.verdict == Verdict::Unknown && self.because.iter().any(asked)
    }
}

/// The answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The connection opens.
    Reachable,
    /// It does not.
    Blocked,
    /// It can't be told.
    Unknown,
}

/// Answers a question. `listeners`: the sockets of the host, where they are known; then a port that nothing listens on
/// is blocked.
#[must_use]
pub fn answer(facts: &FirewallFacts, listeners: Option<&[Listener]>, question: &Question) -> Reply {
    Answerer::new(facts, listeners).answer(question)
}

/// Answers questions about one host.
#[derive(Debug)]
pub struct Answerer<'f> {
    facts: &'f FirewallFacts,
    listeners: Option<&'f [Listener]>,
    path: Path<'f>,
}

impl<'f> Answerer<'f> {
    /// About this host. `listeners` as for [`answer`].
    #[must_use]
    pub fn new(facts: &'f FirewallFacts, listeners: Option<&'f [Listener]>) -> Self {
        let path = Path::new(facts);
        Self {
            facts,
            listeners,
            path,
        }
    }

    /// Answers a question.
    #[must_use]
    pub fn answer(&self, question: &Question) -> Reply {
        let reply = answer_for(self.facts, &self.path, self.listeners, question, false);
        if reply.verdict != Verdict::Unknown {
            return reply;
        }
        // What senders choose may decide: then what they usually choose.
        let usual = answer_for(self.facts, &self.path, self.listeners, question, true);
        match usual.verdict {
            Verdict::Unknown => reply,
            _ => Reply {
                confidence: Confidence::Assumed,
                ..usual
            },
        }
    }
}

fn answer_for(
    facts: &FirewallFacts,
    path: &Path<'_>,
    listeners: Option<&[Listener]>,
    question: &Question,
    ordinary: bool,
) -> Reply {
    let reply = |verdict, exact, because: BTreeSet<String>| Reply {
        id: question.id.clone(),
        verdict,
        confidence: if exact {
            Confidence::Exact
        } else {
            Confidence::Assumed
        },
        because: because.into_iter().collect(),
    };
    let unknown = |why: &str| reply(Verdict::Unknown, true, [why.to_owned()].into());
    let v6 = question.to.is_ipv6();
    if question.from.is_some_and(|from| from.is_ipv6() != v6) {
        return unknown("source and destination are of different families");
    }
    let links = links_of(facts, question);
    let mut parts = Vec::new();
    let mut survey = Survey::new(path);
    for link in links {
        let flow = Flow {
            transport: question.transport,
            source: question
                .from
                .map_or_else(|| AddressBlock::all(v6), AddressBlock::one),
            source_ports: question.from_port.map_or(PortBlock::UPPER, PortBlock::one),
            destination: Some(question.to),
            ports: PortBlock::one(question.port),
            link,
            ordinary,
        };
        parts.extend(survey.sources(&flow, Aim::Either(listeners)));
    }
    let every = |answer| {
        parts
            .iter()
            .all(|part: &Part| part.label.answer == answer && part.label.source_ports.is_empty())
    };
    let some_open = parts.iter().any(|part| part.label.answer == Answer::Open);
    let exact = parts.iter().all(|part| part.label.exact);
    if parts.is_empty() {
        return reply(
            Verdict::Blocked,
            true,
            ["there is no interface to come in on".to_owned()].into(),
        );
    }
    let verdict = match question.from {
        // From anywhere: what one source can reach is reachable.
        None if some_open => Verdict::Reachable,
        _ if every(Answer::Open) => Verdict::Reachable,
        _ if every(Answer::Shut) => Verdict::Blocked,
        _ => Verdict::Unknown,
    };
    let because = parts.into_iter().flat_map(|part| part.reasons);
    reply(verdict, exact, because.collect())
}

/// The interfaces that the packet may come in on.
fn links_of(facts: &FirewallFacts, question: &Question) -> Vec<Link> {
    let surroundings = &facts.surroundings;
    let of = |name: &str| {
        let mut interfaces = surroundings.interfaces.iter().flatten();
        let known = interfaces
            .find(|interface| interface.name == name)
            .map(|interface| interface.index);
        Link {
            name: name.to_owned(),
            index: known.or_else(|| (name == "lo").then_some(1)),
        }
    };
    if let Some(name) = &question.interface {
        return vec![of(name)];
    }
    if let Some(from) = question.from {
        // What this host sends to itself comes in on the loopback interface.
        if surroundings.is_local(from) == Some(true) || from.is_loopback() {
            return vec![of("lo")];
        }
        if let Some(interface) = surroundings.link_to(from) {
            return vec![of(&interface.name)];
        }
    }
    let classes = links::classes(&facts.ruleset, surroundings);
    classes.into_iter().map(|class| class.link).collect()
}
