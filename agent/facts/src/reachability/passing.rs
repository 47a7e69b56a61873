//! The way of a connection through the host to another, such as a container.

use plumbline_config::plan::Transport;

use crate::firewall::ruleset::{Family, Hook};

use super::heard::{Heard, heard, target};
use super::judgement::{Answer, Tally};
use super::machine::{End, Notes};
use super::packet::{Flow, Link, Stage, State, Tuple};
use super::path::Path;

/// What is known of a socket behind this host.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    Listens,
    Unknown,
}

impl Path<'_> {
    /// To another host: forward and postrouting, then the answer's way back.
    pub(super) fn pass_through(
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
                    tally.open(later);
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
}
