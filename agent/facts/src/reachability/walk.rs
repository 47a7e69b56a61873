//! The walk of a packet through the chains of one table, along every way it may take.

use std::borrow::Cow;

use crate::firewall::expression::{Expression, REGISTER_BYTES, Verdict};
use crate::firewall::ruleset::{Chain, Rule, Table};

use super::bits::{Byte, Cause, Truth};
use super::machine::{At, End, Machine, Notes, Outcome, Registers, store};
use super::packet::{State, merge};
use super::step::{Effect, step};

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

/// What becomes of a state at a rule.
enum Course<'r> {
    /// It goes on to the next rule.
    Next,
    /// It goes where the verdict says.
    Ends(Cow<'r, Verdict>),
    /// It can't be told which of several ways it goes.
    Parts(Box<Parts<'r>>),
}

/// The ways that a state may go at a rule.
#[derive(Default)]
struct Parts<'r> {
    next: Vec<State>,
    verdicts: Vec<(State, Cow<'r, Verdict>)>,
    undecided: Vec<bool>,
    causes: Cause,
    doubts: Vec<String>,
}

/// Where expressions lead.
enum Straight<'r> {
    /// To the next rule.
    Next,
    /// Where the verdict says.
    Ends(Cow<'r, Verdict>),
    /// Several ways.
    Parts(Effect<'r>),
}

impl<'r> Walk<'_, 'r> {
    /// Runs a chain; gives the states that fall through or return.
    pub(super) fn chain(
        &self,
        name: &str,
        chain: &'r Chain,
        states: Vec<State>,
        depth: usize,
        outcome: &mut Outcome,
        notes: &mut Notes,
    ) -> Vec<State> {
        let mut returned = Vec::new();
        let mut current = states;
        for rule in &chain.rules {
            if current.is_empty() {
                break;
            }
            let reason = || {
                format!(
                    "{} {} {name} handle {}",
                    self.table.family, self.table.name, rule.handle
                )
            };
            if current.len() > MOST_STATES || notes.steps > MOST_STEPS {
                let usual = current.iter().chain(&returned).any(|state| state.usual);
                notes.causes = notes.causes | Cause::OTHER;
                notes.doubt(format!("{}: too many ways to follow", reason()));
                outcome.undecided.push(End {
                    usual,
                    reason: reason(),
                });
                return Vec::new();
            }
            // Most rules leave the one state that there is as it is, and where it is.
            let mut first = match current.as_mut_slice() {
                [state] => match self.rule(rule, state, notes, &reason) {
                    Course::Next => continue,
                    course => Some(course),
                },
                _ => None,
            };
            let mut next = Vec::new();
            for mut state in current {
                let course = match first.take() {
                    Some(course) => course,
                    None => self.rule(rule, &mut state, notes, &reason),
                };
                let mut verdicts = Vec::new();
                match course {
                    Course::Next => merge(&mut next, state),
                    Course::Ends(verdict) => verdicts.push((state, verdict)),
                    Course::Parts(parts) => {
                        for state in parts.next {
                            merge(&mut next, state);
                        }
                        let undecided = parts.undecided.into_iter();
                        outcome.undecided.extend(undecided.map(|usual| End {
                            usual,
                            reason: reason(),
                        }));
                        verdicts = parts.verdicts;
                    }
                }
                for (mut state, verdict) in verdicts {
                    match verdict.as_ref() {
                        Verdict::Accept => {
                            state.note(reason());
                            merge(&mut outcome.passed, state);
                        }
                        Verdict::Drop => outcome.dropped.push(End {
                            usual: state.usual,
                            reason: reason(),
                        }),
                        Verdict::Return => merge(&mut returned, state),
                        Verdict::Jump(target) => {
                            for state in self.enter(target, state, depth, outcome, notes) {
                                merge(&mut next, state);
                            }
                        }
                        Verdict::Goto(target) => {
                            for state in self.enter(target, state, depth, outcome, notes) {
                                merge(&mut returned, state);
                            }
                        }
                        Verdict::Continue | Verdict::Break => merge(&mut next, state),
                        // Without a program the kernel lets pass or drops, as the rule says.
                        Verdict::Queue { bypass, .. } if self.is_unattended(&verdict) => {
                            if *bypass {
                                state.note(reason());
                                merge(&mut outcome.passed, state);
                            } else {
                                outcome.dropped.push(End {
                                    usual: state.usual,
                                    reason: reason(),
                                });
                            }
                        }
                        Verdict::Queue { .. } | Verdict::Other(_) => {
                            notes.doubt(format!("{}: a program decides", reason()));
                            notes.causes = notes.causes | Cause::OTHER;
                            outcome.undecided.push(End {
                                usual: state.usual,
                                reason: reason(),
                            });
                        }
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
        state: State,
        depth: usize,
        outcome: &mut Outcome,
        notes: &mut Notes,
    ) -> Vec<State> {
        match self.table.chains.get(target) {
            Some(chain) if depth < DEEPEST_JUMP => {
                self.chain(target, chain, vec![state], depth + 1, outcome, notes)
            }
            _ => {
                notes.causes = notes.causes | Cause::OTHER;
                notes.doubt(format!("chain {target} is missing or too deep"));
                outcome.undecided.push(End {
                    usual: state.usual,
                    reason: target.to_owned(),
                });
                Vec::new()
            }
        }
    }

    fn rule(
        &self,
        rule: &'r Rule,
        state: &mut State,
        notes: &mut Notes,
        reason: &dyn Fn() -> String,
    ) -> Course<'r> {
        let mut registers = [Byte::unknown(Cause::OTHER); REGISTER_BYTES];
        let mut rest = rule.expressions.as_slice();
        let effect = match self.straight(&mut rest, &mut registers, state, notes) {
            Straight::Next => return Course::Next,
            Straight::Ends(verdict) => return Course::Ends(verdict),
            Straight::Parts(effect) => effect,
        };
        let mut parts = Parts::default();
        let before = state.clone();
        if let Some(state) = self.parts(effect, rest, &registers, state.clone(), &mut parts, notes) {
            self.expressions(rest, registers, state, &mut parts, notes);
        }
        let unmoved = parts.verdicts.is_empty() && parts.undecided.is_empty();
        match parts.next.as_mut_slice() {
            // Both ways lead to the same: whatever was unknown did not matter.
            [only] if unmoved && only.same_future(&before) => only.usual = before.usual,
            _ => {
                notes.causes = notes.causes | parts.causes;
                for doubt in &parts.doubts {
                    notes.doubt(format!("{}: {doubt}", reason()));
                }
            }
        }
        Course::Parts(Box::new(parts))
    }

    /// Runs expressions as long as it is certain where the state goes; `rest`: those that are left.
    fn straight(
        &self,
        rest: &mut &'r [Expression],
        registers: &mut Registers,
        state: &mut State,
        notes: &mut Notes,
    ) -> Straight<'r> {
        while let Some((expression, after)) = rest.split_first() {
            *rest = after;
            notes.steps = notes.steps.saturating_add(1);
            let effect = step(
                self.machine,
                self.place,
                self.table,
                self.at,
                expression,
                registers,
                state,
            );
            match effect {
                Effect::Go | Effect::Test(Truth::Yes) => {}
                Effect::Stop | Effect::Test(Truth::No) => return Straight::Next,
                Effect::Verdict(verdict) => return Straight::Ends(verdict),
                effect => return Straight::Parts(effect),
            }
        }
        Straight::Next
    }

    fn expressions(
        &self,
        mut rest: &'r [Expression],
        mut registers: Registers,
        mut state: State,
        parts: &mut Parts<'r>,
        notes: &mut Notes,
    ) {
        loop {
            let effect = match self.straight(&mut rest, &mut registers, &mut state, notes) {
                Straight::Next => return merge(&mut parts.next, state),
                Straight::Ends(verdict) => return parts.verdicts.push((state, verdict)),
                Straight::Parts(effect) => effect,
            };
            match self.parts(effect, rest, &registers, state, parts, notes) {
                Some(matching) => state = matching,
                None => return,
            }
        }
    }

    /// Follows the ways that an expression leaves open, but the one on which it holds: that state is given back.
    /// `rest`: the expressions after it.
    fn parts(
        &self,
        effect: Effect<'r>,
        rest: &'r [Expression],
        registers: &Registers,
        mut state: State,
        parts: &mut Parts<'r>,
        notes: &mut Notes,
    ) -> Option<State> {
        match effect {
            Effect::Go | Effect::Test(Truth::Yes) => Some(state),
            Effect::Stop | Effect::Test(Truth::No) => {
                merge(&mut parts.next, state);
                None
            }
            Effect::Verdict(verdict) => {
                parts.verdicts.push((state, verdict));
                None
            }
            Effect::Test(Truth::Unknown(cause)) => {
                parts.causes = parts.causes | cause;
                Some(part(state, None, parts))
            }
            Effect::Maybe { usual, doubt } => {
                parts.causes = parts.causes | Cause::OTHER;
                parts.doubts.push(doubt);
                Some(part(state, usual, parts))
            }
            Effect::Undecided { cause, doubt } => {
                parts.causes = parts.causes | cause;
                parts.doubts.extend(doubt);
                parts.undecided.push(state.usual);
                None
            }
            Effect::Branches {
                ways,
                missing,
                open,
                cause,
                doubt,
            } => {
                parts.causes = parts.causes | cause;
                parts.doubts.extend(doubt);
                if open {
                    parts.undecided.push(false);
                }
                for way in ways {
                    let mut state = state.clone();
                    state.usual &= way.usual;
                    match way.verdict {
                        Some(verdict) => parts.verdicts.push((state, verdict)),
                        None => {
                            let mut registers = *registers;
                            store(&mut registers, way.to, &way.bytes);
                            self.expressions(rest, registers, state, parts, notes);
                        }
                    }
                }
                if let Some(usual) = missing {
                    state.usual &= usual;
                    merge(&mut parts.next, state);
                }
                None
            }
        }
    }
}

/// Lets the rule not match for a copy of the state, and gives the one for which it does.
fn part(mut state: State, usual: Option<bool>, parts: &mut Parts<'_>) -> State {
    let mut other = state.clone();
    other.usual &= usual == Some(false);
    state.usual &= usual == Some(true);
    merge(&mut parts.next, other);
    state
}
