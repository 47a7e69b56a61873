//! The way of a connection through the host: its first packet in, the answer out, the next packet in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use plumbline_config::plan::Transport;

use crate::firewall::Surroundings;
use crate::firewall::routes::{RouteKind, Way};
use crate::firewall::ruleset::{Family, Hook};
use crate::sockets::Listener;

use super::bits::{Byte, Cause, value};
use super::judgement::{Answer, Judgement, Tally};
use super::machine::{At, End, Machine, Notes};
use super::packet::{Flow, Link, Stage, State, Tuple};
use super::routing::Told;

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

/// Where a first packet goes after prerouting.
enum Route {
    /// To a socket of this host.
    Here,
    /// To another host, through this one; the interface where it is known.
    Through(Option<Link>),
    /// Nowhere.
    Lost(String),
    /// It can't be told.
    Unsure(String),
}

/// Follows connections through the rules of a host.
#[derive(Debug)]
pub(super) struct Path<'a> {
    pub(super) machine: Machine<'a>,
    pub(super) surroundings: &'a Surroundings,
}

impl<'a> Path<'a> {
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
        let arrived = self.arrive(flow, &original, &mut tally, &mut notes);
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

    fn arrive(&self, flow: &Flow, original: &Tuple, tally: &mut Tally, notes: &mut Notes) -> Vec<State> {
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

    /// Whether a packet passes the kernel's own check of its source, and an answer finds a way: `fib_validate_source`.
    fn is_routed_back(
        &self,
        flow: &Flow,
        original: &Tuple,
        state: &State,
        tally: &mut Tally,
        notes: &mut Notes,
    ) -> bool {
        if flow.link.is_loopback() || self.surroundings.routes.is_none() {
            return true;
        }
        let at = self.at(Hook::Input, Stage::First, flow, original);
        let end = |reason: String| End {
            usual: state.usual,
            reason,
        };
        let checked = match flow.is_v6() {
            true => 0,
            false => self
                .surroundings
                .reverse_checked
                .get(&flow.link.name)
                .copied()
                .unwrap_or(0),
        };
        match self.machine.way_back(&at, state, false) {
            Told::Yes(None) => {
                tally.shut(end("there is no route back to the source".to_owned()));
                false
            }
            Told::Yes(Some(interfaces)) => {
                let same = flow.link.index.is_none_or(|index| interfaces.contains(&index));
                if checked == 1 && !same {
                    let reason = format!("rp_filter of {}: answers go out another way", flow.link.name);
                    tally.shut(end(reason));
                }
                checked != 1 || same
            }
            Told::Unknown(cause) if cause.has(Cause::OTHER) => true,
            Told::Unknown(cause) => {
                notes.causes = notes.causes | cause;
                tally.unsure(end("the way back depends on the source".to_owned()), notes);
                false
            }
        }
    }

    fn at<'s>(&self, hook: Hook, stage: Stage, flow: &'s Flow, original: &'s Tuple) -> At<'s> {
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
    fn cast(&self, flow: &Flow) -> u8 {
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
    fn run(&self, at: &At<'_>, states: Vec<State>, tally: &mut Tally, notes: &mut Notes) -> Vec<State> {
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
                    self.converse(flow, original, state, tally, notes);
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
            tally.open(&state);
        }
    }

    fn route(&self, flow: &Flow, state: &State) -> Route {
        if !state.redirected && (flow.destination.is_none() || self.cast(flow) != 0) {
            return Route::Here;
        }
        let bytes = state.destination(flow.is_v6());
        let Some(address) = value(bytes).and_then(|bytes| address(&bytes)) else {
            // A redirection is to some address of this host; any other that is not known may be anywhere.
            let here = bytes.iter().all(|byte| byte.cause == Cause::DESTINATION);
            return match here {
                true => Route::Here,
                false => Route::Unsure("the translated address is not known".to_owned()),
            };
        };
        if address.is_loopback() {
            return match address {
                _ if flow.link.is_loopback() => Route::Here,
                IpAddr::V4(_) if self.surroundings.routes_loopback(&flow.link.name) => Route::Here,
                IpAddr::V4(_) if self.surroundings.interfaces.is_some() => Route::Lost(format!(
                    "{address} is a loopback address and route_localnet is off"
                )),
                _ => Route::Unsure(format!("whether {address} is reached by translation")),
            };
        }
        let mark = super::routing::mark(state);
        let way = self
            .surroundings
            .way(address.into(), flow_source(flow), mark, &flow.link.name);
        match way {
            Some(Way::Found(RouteKind::Local | RouteKind::Anycast, _)) => return Route::Here,
            Some(Way::Missing) => return Route::Lost(format!("there is no route to {address}")),
            Some(Way::Found(kind, _)) if kind != RouteKind::Unicast => {
                return Route::Lost(format!("the route to {address} discards"));
            }
            Some(Way::Found(_, interfaces)) if self.surroundings.forwards(flow.is_v6()) != Some(false) => {
                let out = interfaces
                    .first()
                    .and_then(|index| self.surroundings.interface_at(*index));
                return Route::Through(out.map(|interface| Link {
                    name: interface.name.clone(),
                    index: Some(interface.index),
                }));
            }
            _ => {}
        }
        match self.surroundings.is_local(address) {
            Some(true) => Route::Here,
            Some(false) if self.surroundings.forwards(flow.is_v6()) == Some(false) => {
                Route::Lost(format!("{address} is not of this host, which does not forward"))
            }
            Some(false) => Route::Through(self.surroundings.link_to(address).map(|interface| Link {
                name: interface.name.clone(),
                index: Some(interface.index),
            })),
            // Without a list of addresses: what is asked about is one of this host unless a rule led there.
            None if !state.redirected => Route::Here,
            None => Route::Unsure(format!("whether {address} is an address of this host")),
        }
    }

    /// To another host: forward and postrouting, then the answer's way back.
    fn pass_through(
        &self,
        flow: &Flow,
        original: &Tuple,
        state: State,
        out: Option<&Link>,
        tally: &mut Tally,
        notes: &mut Notes,
    ) {
        let Some(there) = self.behind(flow, &state) else {
            let end = End {
                usual: state.usual,
                reason: format!("nothing listens on {}", target(&state, flow.is_v6())),
            };
            return tally.shut(end);
        };
        let over_bridge = out
            .and_then(|link| self.surroundings.interface(&link.name))
            .is_some_and(|interface| interface.kind.as_deref() == Some("bridge"));
        let bridge_hooks = [
            Hook::Prerouting,
            Hook::Input,
            Hook::Output,
            Hook::Postrouting,
            Hook::Ingress,
        ];
        if over_bridge && self.machine.may_drop(Family::Bridge, &bridge_hooks) {
            let reason = "bridge rules are loaded and not evaluated".to_owned();
            let usual = state.usual;
            return tally.unsure(End { usual, reason }, notes);
        }
        let mut states = vec![state];
        for hook in [Hook::Forward, Hook::Postrouting] {
            let mut at = self.at(hook, Stage::First, flow, original);
            at.outward = out;
            states = self.run(&at, states, tally, notes);
        }
        for state in states {
            let usual = state.usual;
            if out.is_none() {
                // The rules that name the interface of the answer can't be asked.
                let reason = "the interface towards the translated address is not known".to_owned();
                tally.unsure(End { usual, reason }, notes);
                continue;
            }
            let mut answer = State::new(&state.tuple(flow.is_v6()).reversed(), flow, Stage::Reply);
            answer.inherit(&state);
            let mut answers = vec![answer];
            for hook in [Hook::Prerouting, Hook::Forward, Hook::Postrouting] {
                let mut at = self.at(hook, Stage::Reply, flow, original);
                at.inward = out;
                answers = self.run(&at, answers, tally, notes);
            }
            let now = state.tuple(flow.is_v6());
            for answer in answers {
                let mut later = State::new(original, flow, Stage::Later);
                later.inherit(&answer);
                later.redirected = state.redirected;
                let mut laters = vec![later];
                let mut ends = Tally::default();
                let hooks: &[Hook] = match flow.transport {
                    Transport::Tcp => &[Hook::Ingress, Hook::Prerouting, Hook::Forward, Hook::Postrouting],
                    Transport::Udp => &[],
                };
                for hook in hooks {
                    let mut at = self.at(*hook, Stage::Later, flow, original);
                    if matches!(hook, Hook::Forward | Hook::Postrouting) {
                        at.outward = out;
                    }
                    if *hook == Hook::Prerouting {
                        at.rewrite = Some((&now.destination, &now.port));
                    }
                    laters = self.run(&at, laters, &mut ends, notes);
                }
                tally.take_later(ends, notes);
                for mut later in laters {
                    later.passed.clone_from(&state.passed);
                    tally.open(&later);
                    if there == Behind::Unknown {
                        // Whether anything listens there is another host's matter.
                        tally.ends.push((Answer::Unsure, false));
                        notes.doubt("whether the other host listens and answers is not known".to_owned());
                    }
                }
            }
        }
    }

    /// What is known of the socket of another host; `None`: that there is none.
    fn behind(&self, flow: &Flow, state: &State) -> Option<Behind> {
        let v6 = flow.is_v6();
        let to = super::routing::address(state.destination(v6));
        let mut namespaces = self.surroundings.namespaces.iter();
        let Some(namespace) = to.and_then(|to| namespaces.find(|other| other.addresses.contains(&to))) else {
            return Some(Behind::Unknown);
        };
        let inside = Flow {
            link: Link {
                name: String::new(),
                index: None,
            },
            ..flow.clone()
        };
        match heard(&namespace.listeners, &inside, state) {
            Heard::Yes => Some(Behind::Listens),
            Heard::No => None,
            Heard::Unsure => Some(Behind::Unknown),
        }
    }

    /// The answer out, and for TCP the next packet in.
    fn converse(&self, flow: &Flow, original: &Tuple, state: State, tally: &mut Tally, notes: &mut Notes) {
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
                tally.open(&later);
            }
        }
    }

    /// The interface that answers go out on.
    fn answer_link(&self, flow: &Flow, original: &Tuple, state: &State) -> Link {
        let at = self.at(Hook::Input, Stage::First, flow, original);
        if flow.link.is_loopback() {
            return flow.link.clone();
        }
        if let Told::Yes(Some(interfaces)) = self.machine.way_back(&at, state, false)
            && let Some(first) = interfaces.first()
            && !flow.link.index.is_some_and(|index| interfaces.contains(&index))
            && let Some(interface) = self.surroundings.interface_at(*first)
        {
            return Link {
                name: interface.name.clone(),
                index: Some(interface.index),
            };
        }
        flow.link.clone()
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
    fn inherit(&mut self, before: &Self) {
        self.usual = before.usual;
        self.unrecorded = before.untracked || before.unrecorded;
        self.connection_mark = before.connection_mark;
        self.changed.clone_from(&before.changed);
        self.redirected = before.redirected;
    }
}

fn listeners_of<'a>(aim: Aim<'a>, redirected: bool) -> Option<&'a [Listener]> {
    match aim {
        Aim::Direct => None,
        Aim::Translated(listeners) => redirected.then_some(listeners),
        Aim::Either(listeners) => listeners,
    }
}

/// Whether a socket takes what arrives.
enum Heard {
    Yes,
    No,
    Unsure,
}

/// What is known of a socket behind this host.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    Listens,
    Unknown,
}

/// The source of a flow, where it is one.
fn flow_source(flow: &Flow) -> Option<IpAddr> {
    super::routing::address(&flow.source.bytes(Cause::SOURCE))
}

fn heard(listeners: &[Listener], flow: &Flow, state: &State) -> Heard {
    let v6 = flow.is_v6();
    let at = value(state.destination(v6)).and_then(|bytes| address(&bytes));
    let mut heard = Heard::No;
    for listener in listeners {
        let port = super::bits::equal(state.port(), &listener.port.to_be_bytes());
        let family = listener.address.is_ipv6() == v6 || !v6 && takes_both(listener);
        let link = listener
            .interface
            .as_ref()
            .is_none_or(|name| *name == flow.link.name);
        if listener.transport != flow.transport || port == super::bits::Truth::No || !family || !link {
            continue;
        }
        let address = listener.address.is_unspecified() || at == Some(listener.address);
        if address && port == super::bits::Truth::Yes {
            return Heard::Yes;
        }
        if address || at.is_none() && !listener.address.is_loopback() {
            heard = Heard::Unsure;
        }
    }
    heard
}

/// A socket on `::` that takes IPv4 too.
pub(super) const fn takes_both(listener: &Listener) -> bool {
    listener.address.is_unspecified() && listener.address.is_ipv6() && !listener.v6_only
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(octets).into());
    }
    <[u8; 16]>::try_from(bytes)
        .ok()
        .map(|octets| Ipv6Addr::from(octets).into())
}

/// The destination of a state in words: `172.17.0.2:80`, `*:8080`.
fn target(state: &State, v6: bool) -> String {
    let port = match value(state.port()).as_deref() {
        Some([high, low]) => u16::from_be_bytes([*high, *low]).to_string(),
        _ => "*".to_owned(),
    };
    let known = |bytes: &[Byte]| value(bytes).and_then(|bytes| address(&bytes));
    match known(state.destination(v6)) {
        Some(IpAddr::V4(address)) => format!("{address}:{port}"),
        Some(IpAddr::V6(address)) => format!("[{address}]:{port}"),
        None => format!("*:{port}"),
    }
}
