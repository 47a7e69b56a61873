//! The walk of a packet through the chains of one table, along every way it may take.

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

/// What a rule does with a state.
#[derive(Default)]
struct RuleOutcome {
    next: Vec<State>,
    verdicts: Vec<(State, Verdict)>,
    undecided: Vec<bool>,
    causes: Cause,
    doubts: Vec<String>,
    /// The state when something was first not certain.
    before: Option<Box<State>>,
}

impl RuleOutcome {
    /// Keeps the state for comparison with what comes of it, unless an earlier one is kept.
    fn keep(&mut self, state: &State) {
        if self.before.is_none() {
            self.before = Some(Box::new(state.clone()));
        }
    }
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
                let usual = current.iter().any(|state| state.usual);
                notes.causes = notes.causes | Cause::OTHER;
                notes.doubt(format!("{}: too many ways to follow", reason()));
                outcome.undecided.push(End {
                    usual,
                    reason: reason(),
                });
                return Vec::new();
            }
            let mut next = Vec::new();
            for state in current {
                let result = self.rule(rule, state, notes, &reason);
                for state in result.next {
                    merge(&mut next, state);
                }
                let undecided = result.undecided.into_iter();
                outcome.undecided.extend(undecided.map(|usual| End {
                    usual,
                    reason: reason(),
                }));
                for (mut state, verdict) in result.verdicts {
                    match verdict {
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
                            for state in self.enter(&target, state, depth, outcome, notes) {
                                merge(&mut next, state);
                            }
                        }
                        Verdict::Goto(target) => {
                            for state in self.enter(&target, state, depth, outcome, notes) {
                                merge(&mut returned, state);
                            }
                        }
                        Verdict::Continue | Verdict::Break => merge(&mut next, state),
                        // Without a program the kernel lets pass or drops, as the rule says.
                        Verdict::Queue { bypass, .. } if self.is_unattended(&verdict) => {
                            if bypass {
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

    fn rule(&self, rule: &Rule, state: State, notes: &mut Notes, reason: &dyn Fn() -> String) -> RuleOutcome {
        let mut result = RuleOutcome::default();
        let registers = [Byte::unknown(Cause::OTHER); REGISTER_BYTES];
        self.expressions(&rule.expressions, registers, state, &mut result, notes);
        let unmoved = result.verdicts.is_empty() && result.undecided.is_empty();
        match (result.next.as_mut_slice(), &result.before) {
            (_, None) => {}
            // Both ways lead to the same: whatever was unknown did not matter.
            ([only], Some(before)) if unmoved && only.same_future(before) => only.usual = before.usual,
            _ => {
                notes.causes = notes.causes | result.causes;
                for doubt in &result.doubts {
                    notes.doubt(format!("{}: {doubt}", reason()));
                }
            }
        }
        result
    }

    fn expressions(
        &self,
        expressions: &[Expression],
        mut registers: Registers,
        mut state: State,
        result: &mut RuleOutcome,
        notes: &mut Notes,
    ) {
        let mut rest = expressions;
        while let Some((expression, after)) = rest.split_first() {
            rest = after;
            notes.steps = notes.steps.saturating_add(1);
            let effect = step(
                self.machine,
                self.place,
                self.table,
                self.at,
                expression,
                &mut registers,
                &mut state,
            );
            match effect {
                Effect::Go => {}
                Effect::Stop => {
                    merge(&mut result.next, state);
                    return;
                }
                Effect::Test(Truth::Yes) => {}
                Effect::Test(Truth::No) => {
                    merge(&mut result.next, state);
                    return;
                }
                Effect::Test(Truth::Unknown(cause)) => {
                    result.keep(&state);
                    result.causes = result.causes | cause;
                    state = part(state, None, result);
                }
                Effect::Maybe { usual, doubt } => {
                    result.keep(&state);
                    result.causes = result.causes | Cause::OTHER;
                    result.doubts.push(doubt);
                    state = part(state, usual, result);
                }
                Effect::Verdict(verdict) => {
                    result.verdicts.push((state, verdict));
                    return;
                }
                Effect::Undecided { cause, doubt } => {
                    result.keep(&state);
                    result.causes = result.causes | cause;
                    result.doubts.extend(doubt);
                    result.undecided.push(state.usual);
                    return;
                }
                Effect::Branches {
                    ways,
                    missing,
                    open,
                    cause,
                    doubt,
                } => {
                    result.keep(&state);
                    result.causes = result.causes | cause;
                    result.doubts.extend(doubt);
                    if open {
                        result.undecided.push(false);
                    }
                    for way in ways {
                        let mut state = state.clone();
                        state.usual &= way.usual;
                        match way.verdict {
                            Some(verdict) => result.verdicts.push((state, verdict)),
                            None => {
                                let mut registers = registers;
                                store(&mut registers, way.to, &way.bytes);
                                self.expressions(rest, registers, state, result, notes);
                            }
                        }
                    }
                    if let Some(usual) = missing {
                        state.usual &= usual;
                        merge(&mut result.next, state);
                    }
                    return;
                }
            }
        }
        merge(&mut result.next, state);
    }
}

/// Lets the rule not match for a copy of the state, and gives the one for which it does.
fn part(mut state: State, usual: Option<bool>, result: &mut RuleOutcome) -> State {
    let mut other = state.clone();
    other.usual &= usual == Some(false);
    state.usual &= usual == Some(true);
    merge(&mut result.next, other);
    state
}
