//! The walk of a packet through the chains of one table, along every way it may take.

use crate::firewall::expression::Verdict;
use crate::firewall::ruleset::{Chain, Rule, Table};

use super::bits::Cause;
use super::machine::{At, End, Machine, Notes, Outcome};
use super::packet::{State, merge};
use super::rule::{Course, Parts};

/// Deepest nesting of jumps (`NFT_JUMP_STACK_SIZE`).
const DEEPEST_JUMP: usize = 16;
/// Most states followed at once.
const MOST_STATES: usize = 64;
/// Most expressions run for one class of packets.
const MOST_STEPS: u64 = 2_000_000;

/// A walk through the chains of one table.
pub(super) struct Walk<'m, 'r> {
    pub(super) machine: &'m Machine<'r>,
    pub(super) at: &'m At<'m>,
    pub(super) place: usize,
    pub(super) table: &'r Table,
}

/// A chain that is run, and how many jumps led to it.
#[derive(Clone, Copy)]
pub(super) struct Place<'n> {
    name: &'n str,
    depth: usize,
}

/// How a state leaves a chain.
enum Ending {
    /// It falls through or returns.
    Falls,
    /// It is done with the base chain.
    Accepted,
    /// It is dropped, or it can't be told what becomes of it.
    Gone,
    /// These are left of it, to go on where the chain was jumped to from.
    Parts(Vec<State>),
}

/// Where a verdict leads a state.
enum Going {
    /// To the next rule.
    Next,
    /// To where the chain was jumped to from.
    Back,
    /// Out of the base chain.
    Accepted,
    /// Nowhere, or it can't be told where to.
    Gone,
    /// The parts that are left of it to the next rule.
    NextAll(Vec<State>),
    /// The parts that are left of it to where the chain was jumped to from.
    BackAll(Vec<State>),
}

impl<'r> Walk<'_, 'r> {
    /// Runs a chain; gives the states that fall through or return.
    pub(super) fn chain(
        &self,
        name: &str,
        chain: &'r Chain,
        mut states: Vec<State>,
        outcome: &mut Outcome,
        notes: &mut Notes,
    ) -> Vec<State> {
        let place = Place { name, depth: 0 };
        let [state] = states.as_mut_slice() else {
            return self.all(place, &chain.rules, states, Vec::new(), outcome, notes);
        };
        match self.one(place, &chain.rules, state, outcome, notes) {
            Ending::Falls => states,
            Ending::Parts(states) => states,
            Ending::Gone => Vec::new(),
            Ending::Accepted => {
                for state in states {
                    merge(&mut outcome.passed, state);
                }
                Vec::new()
            }
        }
    }

    /// Runs rules on one state, which stays where it is as long as it goes one way alone.
    fn one(
        &self,
        place: Place<'_>,
        rules: &'r [Rule],
        state: &mut State,
        outcome: &mut Outcome,
        notes: &mut Notes,
    ) -> Ending {
        let mut rest = rules;
        while let Some((rule, after)) = rest.split_first() {
            rest = after;
            if notes.steps > MOST_STEPS {
                self.give_up(place, rule, state.usual, outcome, notes);
                return Ending::Gone;
            }
            let going = match self.rule(place, rule, state, notes) {
                Course::Next => Going::Next,
                Course::Ends(verdict) => self.obey(place, rule, &verdict, state, outcome, notes),
                Course::Parts(parts) => {
                    let (mut next, mut returned) = (Vec::new(), Vec::new());
                    self.part(place, rule, *parts, &mut next, &mut returned, outcome, notes);
                    return Ending::Parts(self.all(place, rest, next, returned, outcome, notes));
                }
            };
            match going {
                Going::Next => {}
                Going::Back => return Ending::Falls,
                Going::Accepted => return Ending::Accepted,
                Going::Gone => return Ending::Gone,
                Going::NextAll(next) => {
                    return Ending::Parts(self.all(place, rest, next, Vec::new(), outcome, notes));
                }
                Going::BackAll(states) => return Ending::Parts(states),
            }
        }
        Ending::Falls
    }

    /// Runs rules on several states; gives those that fall through, and those that have returned.
    fn all(
        &self,
        place: Place<'_>,
        rules: &'r [Rule],
        states: Vec<State>,
        mut returned: Vec<State>,
        outcome: &mut Outcome,
        notes: &mut Notes,
    ) -> Vec<State> {
        let mut current = states;
        for rule in rules {
            if current.is_empty() {
                break;
            }
            if current.len() > MOST_STATES || notes.steps > MOST_STEPS {
                let usual = current.iter().chain(&returned).any(|state| state.usual);
                self.give_up(place, rule, usual, outcome, notes);
                return Vec::new();
            }
            let mut next = Vec::new();
            for mut state in current {
                match self.rule(place, rule, &mut state, notes) {
                    Course::Next => merge(&mut next, state),
                    Course::Ends(verdict) => {
                        let going = self.obey(place, rule, &verdict, &mut state, outcome, notes);
                        sort(going, state, &mut next, &mut returned, outcome);
                    }
                    Course::Parts(parts) => {
                        self.part(place, rule, *parts, &mut next, &mut returned, outcome, notes);
                    }
                }
            }
            current = next;
        }
        for state in returned {
            merge(&mut current, state);
        }
        current
    }

    /// Takes in the parts that a rule leaves.
    #[expect(clippy::too_many_arguments, reason = "where the parts may go")]
    fn part(
        &self,
        place: Place<'_>,
        rule: &'r Rule,
        parts: Parts<'r>,
        next: &mut Vec<State>,
        returned: &mut Vec<State>,
        outcome: &mut Outcome,
        notes: &mut Notes,
    ) {
        for state in parts.next {
            merge(next, state);
        }
        let undecided = parts.undecided.into_iter();
        outcome.undecided.extend(undecided.map(|usual| End {
            usual,
            reason: self.reason(place, rule),
        }));
        for (mut state, verdict) in parts.verdicts {
            let going = self.obey(place, rule, &verdict, &mut state, outcome, notes);
            sort(going, state, next, returned, outcome);
        }
    }

    /// Does what a verdict says.
    fn obey(
        &self,
        place: Place<'_>,
        rule: &'r Rule,
        verdict: &Verdict,
        state: &mut State,
        outcome: &mut Outcome,
        notes: &mut Notes,
    ) -> Going {
        let end = || End {
            usual: state.usual,
            reason: self.reason(place, rule),
        };
        match verdict {
            Verdict::Accept => {
                self.note(place, rule, state);
                Going::Accepted
            }
            Verdict::Drop => {
                outcome.dropped.push(end());
                Going::Gone
            }
            Verdict::Return => Going::Back,
            Verdict::Continue | Verdict::Break => Going::Next,
            Verdict::Jump(target) => match self.enter(target, place, state, outcome, notes) {
                Ending::Falls => Going::Next,
                Ending::Accepted => Going::Accepted,
                Ending::Gone => Going::Gone,
                Ending::Parts(states) => Going::NextAll(states),
            },
            Verdict::Goto(target) => match self.enter(target, place, state, outcome, notes) {
                Ending::Falls => Going::Back,
                Ending::Accepted => Going::Accepted,
                Ending::Gone => Going::Gone,
                Ending::Parts(states) => Going::BackAll(states),
            },
            // Without a program the kernel lets pass or drops, as the rule says.
            Verdict::Queue { bypass, .. } if self.is_unattended(verdict) => {
                if *bypass {
                    self.note(place, rule, state);
                    Going::Accepted
                } else {
                    outcome.dropped.push(end());
                    Going::Gone
                }
            }
            Verdict::Queue { .. } | Verdict::Other(_) => {
                let end = end();
                notes.doubt(format!("{}: a program decides", end.reason));
                notes.causes = notes.causes | Cause::OTHER;
                outcome.undecided.push(end);
                Going::Gone
            }
        }
    }

    fn note(&self, place: Place<'_>, rule: &Rule, state: &mut State) {
        if self.at.is_told() {
            state.note(self.reason(place, rule));
        }
    }

    /// The rule in words.
    pub(super) fn reason(&self, place: Place<'_>, rule: &Rule) -> String {
        format!(
            "{} {} {} handle {}",
            self.table.family, self.table.name, place.name, rule.handle
        )
    }

    fn give_up(&self, place: Place<'_>, rule: &Rule, usual: bool, outcome: &mut Outcome, notes: &mut Notes) {
        let reason = self.reason(place, rule);
        notes.causes = notes.causes | Cause::OTHER;
        notes.doubt(format!("{reason}: too many ways to follow"));
        outcome.undecided.push(End { usual, reason });
    }

    /// Whether it is known that no program listens on any of the queues.
    fn is_unattended(&self, verdict: &Verdict) -> bool {
        let Verdict::Queue { first, last, .. } = verdict else {
            return false;
        };
        let queues = self.machine.surroundings.queues.as_ref();
        queues.is_some_and(|queues| !queues.iter().any(|queue| (first..=last).contains(&queue)))
    }

    fn enter(
        &self,
        target: &str,
        from: Place<'_>,
        state: &mut State,
        outcome: &mut Outcome,
        notes: &mut Notes,
    ) -> Ending {
        match self.machine.chain(self.place, target) {
            Some(chain) if from.depth < DEEPEST_JUMP => {
                let place = Place {
                    name: target,
                    depth: from.depth + 1,
                };
                self.one(place, &chain.rules, state, outcome, notes)
            }
            _ => {
                notes.causes = notes.causes | Cause::OTHER;
                notes.doubt(format!("chain {target} is missing or too deep"));
                outcome.undecided.push(End {
                    usual: state.usual,
                    reason: target.to_owned(),
                });
                Ending::Gone
            }
        }
    }
}

/// Puts a state, or the parts that are left of it, where a verdict has led it.
fn sort(going: Going, state: State, next: &mut Vec<State>, returned: &mut Vec<State>, outcome: &mut Outcome) {
    match going {
        Going::Next => merge(next, state),
        Going::Back => merge(returned, state),
        Going::Accepted => merge(&mut outcome.passed, state),
        Going::Gone => {}
        Going::NextAll(states) => states.into_iter().for_each(|state| merge(next, state)),
        Going::BackAll(states) => states.into_iter().for_each(|state| merge(returned, state)),
    }
}
