//! Every socket and every translated port, with where it is reached from.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use plumbline_config::plan::Transport;

use crate::firewall::FirewallFacts;
use crate::firewall::expression::Expression;
use crate::sockets::Listener;

use super::heard::takes_both;
use super::judgement::Answer;
use super::links::{self, LinkClass};
use super::packet::{Flow, Link};
use super::path::{Aim, Path};
use super::space::{AddressBlock, PortBlock, port_ranges};
use super::survey::{Label, Part, Survey, holds};
use super::{Confidence, DefaultInput, Fate, IpFamily, Reach, Reachability, Via};

/// Most addresses of this host that are asked about apart.
const MOST_ADDRESSES: usize = 64;
/// Most translated blocks of ports that are looked at.
const MOST_TRANSLATED: usize = 1024;
/// Share of connections above which their fate is the default.
const MOST: f64 = 0.5;

/// Entries that hold for the same sources are one, with the interfaces of all.
#[derive(Debug)]
struct Entry {
    v6: bool,
    transport: Transport,
    ports: (u16, u16),
    address: IpAddr,
    process: Option<String>,
    /// The interface that the socket is bound to.
    bound: Option<String>,
    via: Via,
    label: Label,
    blocks: Vec<AddressBlock>,
    links: BTreeSet<usize>,
    reasons: BTreeSet<String>,
}

/// Ports that are translated alike.
struct Translated {
    label: Label,
    blocks: Vec<AddressBlock>,
    reasons: BTreeSet<String>,
    ports: Vec<PortBlock>,
}

struct Listing<'p> {
    facts: &'p FirewallFacts,
    survey: Survey<'p>,
    classes: Vec<LinkClass>,
    entries: Vec<Entry>,
}

pub(super) fn list(facts: &FirewallFacts, listeners: &[Listener]) -> Reachability {
    let path = Path::new(facts);
    let mut listing = Listing {
        facts,
        survey: Survey::new(&path),
        classes: links::classes(&facts.ruleset, &facts.surroundings),
        entries: Vec::new(),
    };
    for listener in listeners {
        let (v4, v6) = (listener.address.is_ipv4(), listener.address.is_ipv6());
        if v4 || takes_both(listener) {
            listing.socket(listener, false);
        }
        if v6 {
            listing.socket(listener, true);
        }
    }
    let translates = |expression: &Expression| {
        matches!(
            expression,
            Expression::Nat(_) | Expression::PayloadSet { .. } | Expression::Opaque { .. }
        ) || matches!(expression, Expression::Extension(extension) if extension.target)
    };
    if facts.ruleset.expressions().any(translates) {
        for v6 in [false, true] {
            for transport in [Transport::Tcp, Transport::Udp] {
                listing.translated(listeners, v6, transport);
            }
        }
    }
    listing.finish(default_input(facts))
}

/// What happens to connections that no rule is about.
pub(super) fn default_input(facts: &FirewallFacts) -> DefaultInput {
    let path = Path::new(facts);
    let mut survey = Survey::new(&path);
    DefaultInput {
        ip: default_fate(&mut survey, false),
        ip6: default_fate(&mut survey, true),
    }
}

/// The fate of most connections on an interface that no rule names. Of TCP and UDP, what lets more in counts.
fn default_fate(survey: &mut Survey<'_>, v6: bool) -> Fate {
    let shares = [Transport::Tcp, Transport::Udp].map(|transport| {
        survey.shares(&Flow {
            transport,
            source: AddressBlock::all(v6),
            source_ports: PortBlock::ALL,
            destination: None,
            ports: PortBlock::ALL,
            link: links::other(),
            ordinary: false,
        })
    });
    if shares.iter().all(|(_, shut)| *shut > MOST) {
        Fate::Drop
    } else if shares.iter().any(|(open, _)| *open > MOST) {
        Fate::Accept
    } else {
        Fate::Unknown
    }
}

impl Listing<'_> {
    /// A socket, asked directly.
    fn socket(&mut self, listener: &Listener, v6: bool) {
        let any = listener.address.is_unspecified();
        let entry = |label, blocks, links, reasons, address| Entry {
            v6,
            transport: listener.transport,
            ports: (listener.port, listener.port),
            address,
            process: listener.process.as_ref().map(|process| process.name.clone()),
            bound: listener.interface.clone(),
            via: Via::Input,
            label,
            blocks,
            links,
            reasons,
        };
        let nowhere = match (
            listener.interface.as_deref(),
            self.facts.surroundings.has_addresses(v6),
        ) {
            (Some("lo"), _) => Some("bound to the loopback interface"),
            (_, Some(false)) if any => Some("this host has no address of the family but its loopback one"),
            _ if self.classes.is_empty() => Some("this host has no interface but the loopback one"),
            _ => None,
        };
        if let Some(reason) = nowhere {
            let reasons = [reason.to_owned()].into();
            let all = vec![AddressBlock::all(v6)];
            let links = (0..self.classes.len()).collect();
            self.entries
                .push(entry(shut(), all, links, reasons, listener.address));
            return;
        }
        for place in 0..self.classes.len() {
            let Some(link) = self.link(place, listener.interface.as_deref()) else {
                continue;
            };
            let mut flow = Flow {
                transport: listener.transport,
                source: AddressBlock::all(v6),
                source_ports: PortBlock::ALL,
                destination: (!any).then_some(listener.address),
                ports: PortBlock::one(listener.port),
                link,
                ordinary: false,
            };
            let parts = self.survey.sources(&flow, Aim::Direct);
            let apart = any && parts.iter().any(|part| part.label.by_destination);
            let addresses = if apart { self.addresses(v6) } else { Vec::new() };
            let mut asked = vec![(listener.address, parts)];
            if !addresses.is_empty() {
                asked.clear();
                for address in addresses {
                    flow.destination = Some(address);
                    asked.push((address, self.survey.sources(&flow, Aim::Direct)));
                }
            }
            for (address, parts) in asked {
                for (label, blocks, reasons) in by_label(parts) {
                    self.add(entry(label, blocks, [place].into(), reasons, address));
                }
            }
        }
    }

    /// The interface of a class; `None` where the socket is bound to one that is not of it.
    fn link(&self, place: usize, bound: Option<&str>) -> Option<Link> {
        let class = self.classes.get(place)?;
        let Some(bound) = bound else {
            return Some(class.link.clone());
        };
        match &self.facts.surroundings.interfaces {
            Some(_) => class
                .names
                .iter()
                .any(|name| name == bound)
                .then(|| class.link.clone()),
            // Without a list of interfaces the classes are names; the last is every name that no rule gives.
            None => {
                let named = self.classes.iter().position(|class| class.link.name == bound);
                let own = named.unwrap_or_else(|| self.classes.len().saturating_sub(1));
                (own == place).then(|| Link {
                    name: bound.to_owned(),
                    index: class.link.index,
                })
            }
        }
    }

    /// Addresses of this host that others may send to; empty where they are not known, or too many to ask about apart.
    fn addresses(&self, v6: bool) -> Vec<IpAddr> {
        let interfaces = self.facts.surroundings.interfaces.iter().flatten();
        let nets = interfaces.flat_map(|interface| &interface.addresses);
        let addresses: BTreeSet<_> = nets
            .map(ipnet::IpNet::addr)
            .filter(|address| address.is_ipv6() == v6 && !address.is_loopback())
            .collect();
        if addresses.len() > MOST_ADDRESSES {
            return Vec::new();
        }
        addresses.into_iter().collect()
    }

    /// Ports that rules lead to another destination.
    fn translated(&mut self, listeners: &[Listener], v6: bool, transport: Transport) {
        for place in 0..self.classes.len() {
            let Some(link) = self.link(place, None) else {
                continue;
            };
            let flow = Flow {
                transport,
                source: AddressBlock::all(v6),
                source_ports: PortBlock::ALL,
                destination: None,
                ports: PortBlock::ALL,
                link,
                ordinary: false,
            };
            let blocks = self.survey.translated_ports(&flow);
            let mut found: Vec<Translated> = Vec::new();
            for (number, ports) in blocks.into_iter().enumerate() {
                let parts = if number < MOST_TRANSLATED {
                    let flow = Flow {
                        ports,
                        ..flow.clone()
                    };
                    self.survey.sources(&flow, Aim::Translated(listeners))
                } else {
                    vec![Part::unsure(
                        flow.source,
                        "there are more translated ports than are looked at",
                    )]
                };
                for (label, blocks, reasons) in by_label(parts) {
                    if label.answer == Answer::Shut {
                        continue;
                    }
                    let same = |known: &&mut Translated| known.label == label && known.blocks == blocks;
                    match found.iter_mut().find(same) {
                        Some(known) => {
                            known.reasons.extend(reasons);
                            known.ports.push(ports);
                        }
                        None => found.push(Translated {
                            label,
                            blocks,
                            reasons,
                            ports: vec![ports],
                        }),
                    }
                }
            }
            for found in found {
                for ports in port_ranges(found.ports) {
                    let process = self.process(listeners, transport, &found.label);
                    self.add(Entry {
                        v6,
                        transport,
                        ports,
                        address: unspecified(v6),
                        process,
                        bound: None,
                        via: Via::Dnat,
                        label: found.label.clone(),
                        blocks: found.blocks.clone(),
                        links: [place].into(),
                        reasons: found.reasons.clone(),
                    });
                }
            }
        }
    }

    /// The process behind the socket that translated connections end at.
    fn process(&self, listeners: &[Listener], transport: Transport, label: &Label) -> Option<String> {
        let target = label.targets.iter().next().filter(|_| label.targets.len() == 1)?;
        let (address, port) = target.rsplit_once(':')?;
        let block = PortBlock::one(port.parse().ok()?);
        let here = address == "*"
            || address
                .trim_matches(['[', ']'])
                .parse()
                .is_ok_and(|address| self.facts.surroundings.is_local(address) == Some(true));
        let mut listeners = listeners.iter().filter(|_| here);
        let found = listeners.find(|l| l.transport == transport && holds(block, l.port))?;
        found.process.as_ref().map(|process| process.name.clone())
    }

    fn add(&mut self, new: Entry) {
        let same = |old: &&mut Entry| {
            (old.v6, old.transport, old.ports, old.address) == (new.v6, new.transport, new.ports, new.address)
                && (old.via, &old.label, &old.blocks) == (new.via, &new.label, &new.blocks)
                && (&old.process, &old.bound) == (&new.process, &new.bound)
                // Two sockets may share an address and a port; of one socket each interface is asked once.
                && old.links.is_disjoint(&new.links)
        };
        match self.entries.iter_mut().find(same) {
            Some(old) => {
                old.links.extend(new.links);
                old.reasons.extend(new.reasons);
            }
            None => self.entries.push(new),
        }
    }

    fn finish(self, default_input: DefaultInput) -> Reachability {
        let mut found = Reachability {
            default_input,
            reachable: Vec::new(),
            unreachable: Vec::new(),
            unknown: Vec::new(),
        };
        let socket = |entry: &Entry| (entry.v6, entry.transport, entry.ports, entry.address, entry.via);
        for entry in &self.entries {
            let list = match entry.label.answer {
                Answer::Open => &mut found.reachable,
                Answer::Unsure => &mut found.unknown,
                Answer::Shut => {
                    // Listed where nothing of it is open or unknown.
                    let other =
                        |other: &Entry| other.label.answer != Answer::Shut && socket(other) == socket(entry);
                    if self.entries.iter().any(other) {
                        continue;
                    }
                    &mut found.unreachable
                }
            };
            list.push(self.reach(entry));
        }
        found
    }

    fn reach(&self, entry: &Entry) -> Reach {
        let names = |place: &usize| self.classes.get(*place).map(|class| class.names.as_slice());
        let interfaces = if let Some(bound) = &entry.bound {
            vec![bound.clone()]
        } else if entry.links.len() == self.classes.len() {
            vec!["*".to_owned()]
        } else {
            entry.links.iter().filter_map(names).flatten().cloned().collect()
        };
        let (port, last) = entry.ports;
        Reach {
            family: IpFamily::new(entry.v6),
            transport: entry.transport,
            port,
            last_port: (last != port).then_some(last),
            address: entry.address,
            targets: entry.label.targets.iter().cloned().collect(),
            process: entry.process.clone(),
            from: entry.blocks.iter().filter_map(|block| block.network()).collect(),
            source_ports: ranges(&entry.label.source_ports),
            interfaces,
            via: entry.via,
            confidence: if entry.label.exact {
                Confidence::Exact
            } else {
                Confidence::Assumed
            },
            because: entry.reasons.iter().cloned().collect(),
        }
    }
}

fn shut() -> Label {
    Label {
        answer: Answer::Shut,
        exact: true,
        source_ports: Vec::new(),
        targets: BTreeSet::new(),
        by_destination: false,
    }
}

fn ranges(ports: &[(u16, u16)]) -> Vec<String> {
    let text = |(first, last): &(u16, u16)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    ports.iter().map(text).collect()
}

const fn unspecified(v6: bool) -> IpAddr {
    if v6 {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    } else {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    }
}

/// The blocks and reasons of each label.
fn by_label(parts: Vec<Part>) -> Vec<(Label, Vec<AddressBlock>, BTreeSet<String>)> {
    let mut found: Vec<(Label, Vec<AddressBlock>, BTreeSet<String>)> = Vec::new();
    for part in parts {
        match found.iter_mut().find(|(label, _, _)| *label == part.label) {
            Some((_, blocks, reasons)) => {
                blocks.push(part.block);
                reasons.extend(part.reasons);
            }
            None => found.push((part.label, vec![part.block], part.reasons)),
        }
    }
    found
}
