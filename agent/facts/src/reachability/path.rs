//! The way of a connection through the host: its first packet in, the answer out, the next packet in.

use std::net::{IpAddr, Ipv4Addr};

use plumbline_config::plan::Transport;

use crate::firewall::routes::{RouteKind, Way};
use crate::firewall::ruleset::{Family, Hook};
use crate::firewall::{FirewallFacts, Surroundings};
use crate::sockets::Listener;

use super::alike::Alike;
use super::bits::Cause;
use super::heard::{Heard, heard, listeners_of, takes_both, target};
use super::judgement::{Answer, Judgement, Tally};
use super::machine::{At, End, Machine, Notes};
use super::packet::{Flow, Stage, State, Tuple};
use super::way::Route;

/// What is asked of a class of connections.
#[derive(Clone, Copy, Debug)]
pub(super) enum Aim<'a> {
    /// Do they reach the address and port they name, here?
    Direct,
    /// Do they reach a socket or another host by translation?
    Translated(&'a [Listener]),
    /// Do they reach something, either way? `None`: whatever listens there.
    Either(Option<&'a [Listener]>),
}

impl Aim<'_> {
    /// Asked about one connection as things stand, not about all that may ever come.
    const fn is_question(self) -> bool {
        matches!(self, Self::Either(_))
    }
}

/// Follows connections through the rules of a host.
#[derive(Debug)]
pub(super) struct Path<'a> {
    pub(super) machine: Machine<'a>,
    pub(super) surroundings: &'a Surroundings,
    alike: Alike,
}

impl<'a> Path<'a> {
    pub(super) fn new(facts: &'a FirewallFacts) -> Self {
        Self {
            machine: Machine::new(&facts.ruleset, &facts.surroundings),
            surroundings: &facts.surroundings,
            alike: Alike::default(),
        }
    }

    /// Judges a class of connections.
    pub(super) fn judge(&self, flow: &Flow, aim: Aim<'_>) -> Judgement {
        let mut notes = Notes::default();
        let mut tally = Tally::default();
        if let Some(why) = self.never_arrives(flow) {
            tally.shut(End {
                usual: true,
                reason: why,
            });
            return tally.judge(notes, aim.is_question());
        }
        let original = Tuple::of(flow);
        let arrived = match self.alike.arrives(self, flow) {
            Some(passed) => vec![State {
                passed,
                ..State::new(&original, flow, Stage::First)
            }],
            None => self.arrive(flow, &original, &mut tally, &mut notes),
        };
        for state in arrived {
            if aim.is_question() && !self.is_routed_back(flow, &original, &state, &mut tally, &mut notes) {
                continue;
            }
            self.deliver(flow, aim, &original, state, &mut tally, &mut notes);
        }
        self.doubt_open_ways(flow, &mut tally, &mut notes);
        tally.judge(notes, aim.is_question())
    }

    /// The states of a first packet after prerouting, for those who look for translations.
    pub(super) fn translations(&self, flow: &Flow) -> (Vec<State>, bool, Cause) {
        let mut notes = Notes::default();
        let mut tally = Tally::default();
        let states = self.arrive(flow, &Tuple::of(flow), &mut tally, &mut notes);
        let unsure = tally.ends.iter().any(|(answer, _)| *answer == Answer::Unsure);
        (states, unsure, notes.causes)
    }

    /// Packets to a loopback address from elsewhere are discarded before any rule (`ip_route_input_slow`,
    /// `ip6_rcv_core`), unless `route_localnet` is on.
    fn never_arrives(&self, flow: &Flow) -> Option<String> {
        let to = flow
            .destination
            .filter(|to| to.is_loopback() && !flow.link.is_loopback())?;
        let open = to.is_ipv4() && self.surroundings.routes_loopback(&flow.link.name);
        (!open).then(|| format!("{to} is a loopback address"))
    }

    pub(super) fn arrive(
        &self,
        flow: &Flow,
        original: &Tuple,
        tally: &mut Tally,
        notes: &mut Notes,
    ) -> Vec<State> {
        let mut states = vec![State::new(original, flow, Stage::First)];
        // What this host sends to itself goes out first.
        let out: &[Hook] = if flow.link.is_loopback() {
            &[Hook::Output, Hook::Postrouting]
        } else {
            &[]
        };
        for hook in out.iter().copied() {
            let mut at = self.at(hook, Stage::First, flow, original);
            at.inward = None;
            at.outward = Some(&flow.link);
            states = self.run(&at, states, tally, notes);
        }
        for hook in [Hook::Ingress, Hook::Prerouting] {
            let at = self.at(hook, Stage::First, flow, original);
            states = self.run(&at, states, tally, notes);
        }
        states
    }

    pub(super) fn at<'s>(&self, hook: Hook, stage: Stage, flow: &'s Flow, original: &'s Tuple) -> At<'s> {
        let backward = stage == Stage::Reply;
        At {
            hook,
            stage,
            v6: flow.is_v6(),
            protocol: flow.protocol(),
            inward: (!backward).then_some(&flow.link),
            outward: backward.then_some(&flow.link),
            original,
            rewrite: None,
            tracked: None,
            any_address: flow.destination.is_none(),
            cast: if backward { 0 } else { self.cast(flow) },
        }
    }

    /// `PACKET_HOST`, `PACKET_BROADCAST` or `PACKET_MULTICAST`.
    pub(super) fn cast(&self, flow: &Flow) -> u8 {
        let Some(to) = flow.destination else {
            return 0;
        };
        if to.is_multicast() {
            return 2;
        }
        let routes = self.surroundings.routes.as_ref();
        let listed = routes.map(|routes| routes.local(to.into()));
        let everyone = to == IpAddr::V4(Ipv4Addr::BROADCAST);
        u8::from(everyone || matches!(listed, Some(Way::Found(RouteKind::Broadcast, _))))
    }

    /// Runs a hook; what ends there is tallied, what passes is given back.
    pub(super) fn run(
        &self,
        at: &At<'_>,
        states: Vec<State>,
        tally: &mut Tally,
        notes: &mut Notes,
    ) -> Vec<State> {
        let outcome = self.machine.run_hook(at, states, notes);
        for end in outcome.dropped {
            tally.shut(end);
        }
        for end in outcome.undecided {
            tally.unsure(end, notes);
        }
        outcome.passed
    }

    fn deliver(
        &self,
        flow: &Flow,
        aim: Aim<'_>,
        original: &Tuple,
        state: State,
        tally: &mut Tally,
        notes: &mut Notes,
    ) {
        let v6 = flow.is_v6();
        let usual = state.usual;
        let wanted = match aim {
            Aim::Direct => !state.redirected,
            Aim::Translated(_) => state.redirected,
            Aim::Either(_) => true,
        };
        let shut = |reason: &str| End {
            usual,
            reason: reason.to_owned(),
        };
        if !wanted {
            let reason = if state.redirected {
                "translated to another destination"
            } else {
                "not translated"
            };
            tally.shut(shut(reason));
            return;
        }
        if state.redirected {
            tally.targets.insert(target(&state, v6));
        }
        match self.route(flow, &state) {
            Route::Lost(why) => tally.shut(shut(&why)),
            Route::Unsure(why) => {
                notes.causes = notes.causes | Cause::OTHER;
                tally.unsure(shut(&why), notes);
            }
            Route::Through(out) => self.pass_through(flow, original, state, out.as_ref(), tally, notes),
            Route::Here if self.cast(flow) != 0 && !state.redirected => {
                self.cast_to_all(flow, aim, original, state, tally, notes);
            }
            Route::Here => {
                if let Some(listeners) = listeners_of(aim, state.redirected) {
                    match heard(listeners, flow, &state) {
                        Heard::Yes => {}
                        Heard::No => {
                            let reason =
                                format!("nothing listens on {} {}", flow.transport, target(&state, v6));
                            tally.shut(shut(&reason));
                            return;
                        }
                        Heard::Unsure => {
                            notes.causes = notes.causes | super::step::doubt_of(state.port());
                            notes.causes = notes.causes | super::step::doubt_of(state.destination(v6));
                            tally.unsure(shut("which socket it reaches is not known"), notes);
                            return;
                        }
                    }
                }
                let at = self.at(Hook::Input, Stage::First, flow, original);
                for state in self.run(&at, vec![state], tally, notes) {
                    let as_sent = state.is_as_sent(flow, original);
                    match as_sent.then(|| self.alike.converses(self, flow)).flatten() {
                        Some(()) => tally.open(state),
                        None => self.converse(flow, original, state, tally, notes),
                    }
                }
            }
        }
    }

    /// A datagram to a group or to everyone: taken by each socket that wants it, answered by none.
    fn cast_to_all(
        &self,
        flow: &Flow,
        aim: Aim<'_>,
        original: &Tuple,
        state: State,
        tally: &mut Tally,
        notes: &mut Notes,
    ) {
        let usual = state.usual;
        let shut = |reason: &str| End {
            usual,
            reason: reason.to_owned(),
        };
        if flow.transport == Transport::Tcp {
            return tally.shut(shut("TCP is between two hosts"));
        }
        let to = flow.destination.unwrap_or(IpAddr::V4(Ipv4Addr::BROADCAST));
        let joined = !to.is_multicast()
            || self
                .surroundings
                .groups
                .iter()
                .any(|(link, group)| *link == flow.link.name && *group == to);
        if !joined && self.surroundings.interfaces.is_some() {
            return tally.shut(shut(&format!("{to} is not joined on {}", flow.link.name)));
        }
        if let Some(listeners) = listeners_of(aim, false) {
            let v6 = flow.is_v6();
            let takes = |listener: &Listener| {
                listener.transport == Transport::Udp
                    && super::bits::equal(state.port(), &listener.port.to_be_bytes())
                        == super::bits::Truth::Yes
                    && (listener.address == to
                        || listener.address.is_unspecified()
                            && (listener.address.is_ipv6() == v6 || takes_both(listener)))
                    && listener
                        .interface
                        .as_ref()
                        .is_none_or(|name| *name == flow.link.name)
            };
            if !listeners.iter().any(takes) {
                return tally.shut(shut(&format!(
                    "nothing listens on {} {}",
                    flow.transport,
                    target(&state, v6)
                )));
            }
        }
        let at = self.at(Hook::Input, Stage::First, flow, original);
        for state in self.run(&at, vec![state], tally, notes) {
            tally.open(state);
        }
    }

    /// The answer out, and for TCP the next packet in.
    pub(super) fn converse(
        &self,
        flow: &Flow,
        original: &Tuple,
        state: State,
        tally: &mut Tally,
        notes: &mut Notes,
    ) {
        let now = state.tuple(flow.is_v6());
        let mut answer = State::new(&now.reversed(), flow, Stage::Reply);
        answer.inherit(&state);
        let mut answers = vec![answer];
        let mut back = Tally::default();
        let out = self.answer_link(flow, original, &state);
        for hook in [Hook::Output, Hook::Postrouting, Hook::Egress] {
            let mut at = self.at(hook, Stage::Reply, flow, original);
            at.outward = Some(&out);
            answers = self.run(&at, answers, &mut back, notes);
        }
        for (answer, usual) in back.ends {
            // A datagram is received though its answer is lost; a TCP connection does not open.
            let answer = match (answer, flow.transport) {
                (Answer::Shut, Transport::Udp) => {
                    notes.doubt("the answer is dropped".to_owned());
                    Answer::Unsure
                }
                (other, _) => other,
            };
            tally.ends.push((answer, usual));
        }
        let dropped = back.shut_reasons.into_iter();
        tally
            .shut_reasons
            .extend(dropped.map(|reason| format!("{reason} (the answer)")));
        for answer in answers {
            let mut later = State::new(original, flow, Stage::Later);
            later.inherit(&answer);
            later.redirected = state.redirected;
            let mut ends = Tally::default();
            let mut laters = vec![later];
            if flow.transport == Transport::Tcp {
                for hook in [Hook::Ingress, Hook::Prerouting, Hook::Input] {
                    let mut at = self.at(hook, Stage::Later, flow, original);
                    if hook == Hook::Prerouting {
                        at.rewrite = Some((&now.destination, &now.port));
                    }
                    laters = self.run(&at, laters, &mut ends, notes);
                }
            }
            tally.take_later(ends, notes);
            for mut later in laters {
                later.passed.clone_from(&state.passed);
                tally.open(later);
            }
        }
    }

    /// Filters that are loaded and not evaluated may only take away.
    fn doubt_open_ways(&self, flow: &Flow, tally: &mut Tally, notes: &mut Notes) {
        let mut doubts = Vec::new();
        let gaps = &self.machine.ruleset.gaps;
        if let Some(gap) = gaps.first() {
            // A rule that is missing may also be one that lets pass.
            for (answer, _) in &mut tally.ends {
                *answer = Answer::Unsure;
            }
            notes.doubt(format!("not all rules could be read: {gap}"));
        }
        if !self.surroundings.legacy_tables(flow.is_v6()).is_empty() {
            doubts.push("legacy iptables rules are loaded and not evaluated");
        }
        let bridged = self
            .surroundings
            .interface(&flow.link.name)
            .is_none_or(|interface| {
                interface.kind.as_deref() == Some("bridge") || interface.master.is_some()
            });
        if bridged
            && self
                .machine
                .may_drop(Family::Bridge, &[Hook::Prerouting, Hook::Input, Hook::Ingress])
        {
            doubts.push("bridge rules are loaded and not evaluated");
        }
        if !flow.is_v6() && self.machine.may_drop(Family::Arp, &[Hook::Input, Hook::Output]) {
            doubts.push("arp rules are loaded and not evaluated");
        }
        for doubt in doubts {
            for (answer, _) in &mut tally.ends {
                if *answer == Answer::Open {
                    *answer = Answer::Unsure;
                }
            }
            notes.doubt(doubt.to_owned());
        }
    }
}

impl State {
    /// Takes over what a connection keeps from packet to packet.
    pub(super) fn inherit(&mut self, before: &Self) {
        self.usual = before.usual;
        self.unrecorded = before.untracked || before.unrecorded;
        self.connection_mark = before.connection_mark;
        self.changed.clone_from(&before.changed);
        self.redirected = before.redirected;
    }
}
