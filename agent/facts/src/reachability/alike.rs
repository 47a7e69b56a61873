//! What holds for connections that are alike but for their ports.
//!
//! Most rules do not look at ports. Where a packet of unknown ports takes one way alone, with nothing about it in
//! question, no rule on that way has looked at one: a packet of any ports takes the same way, for the same reasons. So of
//! questions about many ports only what ports decide is run for each.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::IpAddr;

use plumbline_config::plan::Transport;

use super::judgement::{Answer, Tally};
use super::machine::Notes;
use super::packet::{Flow, Link, Stage, State, Tuple};
use super::path::Path;
use super::space::{AddressBlock, PortBlock};

/// Most kinds of connections remembered.
const MOST_KINDS: usize = 32;

/// What was found of the latest kinds of connections.
#[derive(Debug, Default)]
pub(super) struct Alike(RefCell<VecDeque<Kind>>);

/// A kind of connections. What holds for it is looked for when it comes up again: many are asked about only once.
#[derive(Debug)]
struct Kind {
    transport: Transport,
    source: AddressBlock,
    destination: Option<IpAddr>,
    link: Link,
    ordinary: bool,
    arrives: Finding<Vec<String>>,
    converses: Finding<()>,
}

/// What was found of a kind.
#[derive(Clone, Debug)]
enum Finding<T> {
    /// It has not come up yet.
    New,
    /// It has come up and was not looked at.
    Seen,
    /// It holds for all.
    Holds(T),
    /// It differs among them, or may.
    Differs,
}

impl Kind {
    fn is_of(&self, flow: &Flow) -> bool {
        (self.transport, self.source, self.destination, self.ordinary)
            == (flow.transport, flow.source, flow.destination, flow.ordinary)
            && self.link == flow.link
    }
}

impl Alike {
    /// What lets a first packet of this kind come to the routing decision as it was sent; `None` where it has to be run.
    pub(super) fn arrives(&self, path: &Path<'_>, flow: &Flow) -> Option<Vec<String>> {
        self.find(flow, |kind| &mut kind.arrives, || arrives(path, flow))
    }

    /// Whether a first packet of this kind that has reached its socket as it was sent opens a connection; `None` where it
    /// has to be run.
    pub(super) fn converses(&self, path: &Path<'_>, flow: &Flow) -> Option<()> {
        self.find(flow, |kind| &mut kind.converses, || converses(path, flow))
    }

    fn find<T: Clone>(
        &self,
        flow: &Flow,
        finding: impl Fn(&mut Kind) -> &mut Finding<T>,
        look: impl FnOnce() -> Option<T>,
    ) -> Option<T> {
        match self.come_up(flow, &finding) {
            Finding::Holds(found) => return Some(found),
            Finding::New | Finding::Differs => return None,
            Finding::Seen => {}
        }
        let found = look();
        let mut kinds = self.0.borrow_mut();
        if let Some(kind) = kinds.iter_mut().find(|kind| kind.is_of(flow)) {
            *finding(kind) = found.clone().map_or(Finding::Differs, Finding::Holds);
        }
        found
    }

    /// What was found before; from now on the kind has been seen.
    fn come_up<T: Clone>(&self, flow: &Flow, finding: &impl Fn(&mut Kind) -> &mut Finding<T>) -> Finding<T> {
        let mut kinds = self.0.borrow_mut();
        if let Some(kind) = kinds.iter_mut().find(|kind| kind.is_of(flow)) {
            let finding = finding(kind);
            let before = finding.clone();
            if matches!(before, Finding::New) {
                *finding = Finding::Seen;
            }
            return before;
        }
        let mut kind = Kind {
            transport: flow.transport,
            source: flow.source,
            destination: flow.destination,
            link: flow.link.clone(),
            ordinary: flow.ordinary,
            arrives: Finding::New,
            converses: Finding::New,
        };
        *finding(&mut kind) = Finding::Seen;
        kinds.truncate(MOST_KINDS - 1);
        kinds.push_front(kind);
        Finding::New
    }
}

/// The flow, its ports unknown.
fn of_any_ports(flow: &Flow) -> Flow {
    Flow {
        source_ports: PortBlock::ALL,
        ports: PortBlock::ALL,
        ..flow.clone()
    }
}

fn arrives(path: &Path<'_>, flow: &Flow) -> Option<Vec<String>> {
    let flow = of_any_ports(flow);
    let original = Tuple::of(&flow);
    let (mut tally, mut notes) = (Tally::default(), Notes::default());
    let mut states = path.arrive(&flow, &original, &mut tally, &mut notes);
    let state = states.pop().filter(|_| states.is_empty())?;
    let certain = notes.is_certain() && tally.ends.is_empty();
    (certain && state.is_as_sent(&flow, &original)).then_some(state.passed)
}

fn converses(path: &Path<'_>, flow: &Flow) -> Option<()> {
    let flow = of_any_ports(flow);
    let original = Tuple::of(&flow);
    let (mut tally, mut notes) = (Tally::default(), Notes::default());
    let state = State::new(&original, &flow, Stage::First);
    path.converse(&flow, &original, state, &mut tally, &mut notes);
    let opens = tally.ends == [(Answer::Open, true)] && tally.shut_reasons.is_empty();
    (opens && notes.is_certain()).then_some(())
}

impl State {
    /// Whether no rule has changed anything about it, nor anything unusual been assumed.
    pub(super) fn is_as_sent(&self, flow: &Flow, original: &Tuple) -> bool {
        self.usual && self.same_future(&Self::new(original, flow, Stage::First))
    }
}

impl Notes {
    /// Whether nothing was in question.
    fn is_certain(&self) -> bool {
        !self.parted && self.doubts.is_empty() && self.causes == super::bits::Cause::default()
    }
}
