//! Splits the space of sources until each part fares the same, and says how.

use std::collections::BTreeSet;

use super::bits::{Cause, Truth, equal};
use super::judgement::{Answer, Judgement};
use super::packet::Flow;
use super::path::{Aim, Path};
use super::space::{AddressBlock, PortBlock, port_ranges};

/// Most classes that one question is split into.
const MOST_CLASSES: u32 = 8192;
/// Most expressions run in one survey.
const MOST_STEPS: u64 = 400_000_000;
/// Smallest share of all connections that is looked at apart for the default.
const SMALLEST_SHARE: f64 = 1.0 / 4096.0;

/// How a class of sources fares.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Label {
    pub(super) answer: Answer,
    pub(super) exact: bool,
    /// Source ports that it holds for; empty: any.
    pub(super) source_ports: Vec<(u16, u16)>,
    /// Where translated connections go.
    pub(super) targets: BTreeSet<String>,
    /// It can't be told without the address that is sent to.
    pub(super) by_destination: bool,
}

/// Sources that fare the same.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) block: AddressBlock,
    pub(super) label: Label,
    pub(super) reasons: BTreeSet<String>,
}

impl Part {
    /// A block of which nothing can be told, for this reason.
    pub(super) fn unsure(block: AddressBlock, reason: &str) -> Self {
        Self {
            block,
            label: Label {
                answer: Answer::Unsure,
                exact: true,
                source_ports: Vec::new(),
                targets: BTreeSet::new(),
                by_destination: false,
            },
            reasons: [reason.to_owned()].into(),
        }
    }
}

/// Asks about many classes, within bounds.
#[derive(Debug)]
pub(super) struct Survey<'p> {
    path: &'p Path<'p>,
    steps: u64,
    classes: u32,
}

/// Parts of a block; `None`: no packet can come from it, so it counts as whatever is beside it.
type Parts = Option<Vec<Part>>;

impl<'p> Survey<'p> {
    pub(super) const fn new(path: &'p Path<'p>) -> Self {
        Self {
            path,
            steps: 0,
            classes: 0,
        }
    }

    /// How each source of the flow's block fares.
    pub(super) fn sources(&mut self, flow: &Flow, aim: Aim<'_>) -> Vec<Part> {
        self.classes = 0;
        self.split_sources(flow, aim).unwrap_or_default()
    }

    fn split_sources(&mut self, flow: &Flow, aim: Aim<'_>) -> Parts {
        // A question that names an impossible source is still answered; a part of a larger block is not asked about.
        if flow.source.length > 0 && flow.source.halves().is_some() && flow.source.is_impossible() {
            return None;
        }
        let judgement = self.judge(flow, aim);
        let halves = flow.source.halves().filter(|_| {
            judgement.answer == Answer::Unsure && judgement.causes.has(Cause::SOURCE) && !self.exhausted()
        });
        let Some([low, high]) = halves else {
            return Some(vec![self.part(flow, aim, judgement)]);
        };
        let mut parts = [low, high].map(|source| {
            let flow = Flow {
                source,
                ..flow.clone()
            };
            self.split_sources(&flow, aim)
        });
        let [low, high] = &mut parts;
        match (low.take(), high.take()) {
            (None, None) => None,
            // The half that cannot be is taken in.
            (None, Some(one)) | (Some(one), None) => Some(widen(one, flow.source)),
            (Some(low), Some(high)) => Some(join(low, high, flow.source)),
        }
    }

    fn exhausted(&self) -> bool {
        self.classes >= MOST_CLASSES || self.steps >= MOST_STEPS
    }

    fn judge(&mut self, flow: &Flow, aim: Aim<'_>) -> Judgement {
        let judgement = self.path.judge(flow, aim);
        self.classes += 1;
        self.steps = self.steps.saturating_add(judgement.steps);
        judgement
    }

    /// A block of sources that is not split further; its source ports may be.
    fn part(&mut self, flow: &Flow, aim: Aim<'_>, judgement: Judgement) -> Part {
        let by_ports = judgement.answer == Answer::Unsure
            && judgement.causes.has(Cause::SOURCE_PORT)
            && !judgement.causes.has(Cause::SOURCE);
        let mut label = Label {
            answer: judgement.answer,
            exact: judgement.exact,
            source_ports: Vec::new(),
            targets: judgement.targets,
            by_destination: judgement.answer == Answer::Unsure && judgement.causes.has(Cause::DESTINATION),
        };
        let mut reasons = judgement.reasons;
        if by_ports {
            let mut found = Vec::new();
            self.split_ports(flow, aim, &mut found);
            let of = |answer| {
                found
                    .iter()
                    .filter(move |(_, judgement)| judgement.answer == answer)
            };
            let open: Vec<_> = of(Answer::Open).collect();
            if let Some(answer) = found.first().map(|(_, judgement)| judgement.answer)
                && of(answer).count() == found.len()
            {
                label.answer = answer;
                label.exact = found.iter().all(|(_, judgement)| judgement.exact);
            } else if !open.is_empty() {
                label.answer = Answer::Open;
                label.exact =
                    open.iter().all(|(_, judgement)| judgement.exact) && of(Answer::Unsure).count() == 0;
                label.source_ports = port_ranges(open.iter().map(|(block, _)| *block).collect());
                reasons = open
                    .iter()
                    .flat_map(|(_, judgement)| judgement.reasons.clone())
                    .collect();
            }
            label.by_destination &= label.answer == Answer::Unsure;
        }
        if self.exhausted() && label.answer == Answer::Unsure {
            reasons.insert("there are more classes of sources than are looked at".to_owned());
        }
        Part {
            block: flow.source,
            label,
            reasons,
        }
    }

    fn split_ports(&mut self, flow: &Flow, aim: Aim<'_>, found: &mut Vec<(PortBlock, Judgement)>) {
        let judgement = self.judge(flow, aim);
        let halves = flow.source_ports.halves().filter(|_| {
            judgement.answer == Answer::Unsure
                && judgement.causes.has(Cause::SOURCE_PORT)
                && !self.exhausted()
        });
        match halves {
            None => found.push((flow.source_ports, judgement)),
            Some(halves) => {
                for source_ports in halves {
                    let flow = Flow {
                        source_ports,
                        ..flow.clone()
                    };
                    self.split_ports(&flow, aim, found);
                }
            }
        }
    }

    /// Blocks of destination ports that rules translate, or may.
    pub(super) fn translated_ports(&mut self, flow: &Flow) -> Vec<PortBlock> {
        self.classes = 0;
        let mut found = Vec::new();
        self.split_translated(flow, &mut found);
        found
    }

    fn split_translated(&mut self, flow: &Flow, found: &mut Vec<PortBlock>) {
        let (states, unsure, causes) = self.path.translations(flow);
        self.classes += 1;
        if !unsure && states.iter().all(|state| !state.redirected) {
            return;
        }
        // Ports that all become the same port, or that all stay as they are, are one answer.
        let undecided = causes.has(Cause::PORT);
        match flow.ports.halves().filter(|_| undecided && !self.exhausted()) {
            None => found.push(flow.ports),
            Some(halves) => {
                for ports in halves {
                    let flow = Flow {
                        ports,
                        ..flow.clone()
                    };
                    self.split_translated(&flow, found);
                }
            }
        }
    }

    /// The shares of all connections that open and that don't, about.
    pub(super) fn shares(&mut self, flow: &Flow) -> (f64, f64) {
        self.classes = 0;
        let mut shares = (0.0, 0.0);
        self.add_shares(flow, 1.0, &mut shares);
        shares
    }

    fn add_shares(&mut self, flow: &Flow, share: f64, shares: &mut (f64, f64)) {
        let judgement = self.judge(flow, Aim::Direct);
        match judgement.answer {
            Answer::Open => shares.0 += share,
            Answer::Shut => shares.1 += share,
            Answer::Unsure if share <= SMALLEST_SHARE || self.exhausted() => {}
            Answer::Unsure => {
                let half = share / 2.0;
                for flow in halves(flow, judgement.causes).into_iter().flatten() {
                    self.add_shares(&flow, half, shares);
                }
            }
        }
    }
}

/// The flow in two, along an axis that decides.
fn halves(flow: &Flow, causes: Cause) -> Option<[Flow; 2]> {
    let ports = flow.ports.halves().filter(|_| causes.has(Cause::PORT));
    if let Some(halves) = ports {
        return Some(halves.map(|ports| Flow {
            ports,
            ..flow.clone()
        }));
    }
    let source = flow.source.halves().filter(|_| causes.has(Cause::SOURCE));
    if let Some(halves) = source {
        return Some(halves.map(|source| Flow {
            source,
            ..flow.clone()
        }));
    }
    let source_ports = flow
        .source_ports
        .halves()
        .filter(|_| causes.has(Cause::SOURCE_PORT));
    source_ports.map(|halves| {
        halves.map(|source_ports| Flow {
            source_ports,
            ..flow.clone()
        })
    })
}

fn widen(mut parts: Vec<Part>, block: AddressBlock) -> Vec<Part> {
    if let [only] = parts.as_mut_slice() {
        only.block = block;
    }
    parts
}

fn join(mut low: Vec<Part>, high: Vec<Part>, block: AddressBlock) -> Vec<Part> {
    if let ([one], [other]) = (low.as_mut_slice(), high.as_slice())
        && one.label == other.label
    {
        one.block = block;
        one.reasons.extend(other.reasons.iter().cloned());
        return low;
    }
    low.extend(high);
    low
}

/// Whether a port is one of a block.
pub(super) fn holds(block: PortBlock, port: u16) -> bool {
    equal(&block.bytes(Cause::PORT), &port.to_be_bytes()) != Truth::No
}
