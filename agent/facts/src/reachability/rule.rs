//! What a rule does with a packet, along every way it may take.

use std::borrow::Cow;

use crate::firewall::expression::{Expression, REGISTER_BYTES, Verdict};
use crate::firewall::ruleset::Rule;

use super::bits::{Byte, Cause, Truth};
use super::machine::{Notes, Registers, store};
use super::packet::{State, merge};
use super::step::{Effect, step};
use super::walk::{Place, Walk};

/// What becomes of a state at a rule.
pub(super) enum Course<'r> {
    /// It goes on to the next rule.
    Next,
    /// It goes where the verdict says.
    Ends(Cow<'r, Verdict>),
    /// It can't be told which of several ways it goes.
    Parts(Box<Parts<'r>>),
}

/// The ways that a state may go at a rule.
#[derive(Default)]
pub(super) struct Parts<'r> {
    pub(super) next: Vec<State>,
    pub(super) verdicts: Vec<(State, Cow<'r, Verdict>)>,
    pub(super) undecided: Vec<bool>,
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
    /// Runs a rule on a state, which stays where it is as long as it goes one way alone.
    pub(super) fn rule(
        &self,
        place: Place<'_>,
        rule: &'r Rule,
        state: &mut State,
        notes: &mut Notes,
    ) -> Course<'r> {
        let mut registers = [Byte::unknown(Cause::OTHER); REGISTER_BYTES];
        let mut rest = rule.expressions.as_slice();
        let effect = match self.straight(&mut rest, &mut registers, state, notes) {
            Straight::Next => return Course::Next,
            Straight::Ends(verdict) => return Course::Ends(verdict),
            Straight::Parts(effect) => effect,
        };
        notes.parted = true;
        let mut parts = Parts::default();
        if let Some(state) = self.parts(effect, rest, &registers, state.clone(), &mut parts, notes) {
            self.expressions(rest, registers, state, &mut parts, notes);
        }
        let unmoved = parts.verdicts.is_empty() && parts.undecided.is_empty();
        match parts.next.as_mut_slice() {
            // Both ways lead to the same: whatever was unknown did not matter.
            [only] if unmoved && only.same_future(state) => only.usual = state.usual,
            _ => {
                notes.causes = notes.causes | parts.causes;
                for doubt in &parts.doubts {
                    notes.doubt(format!("{}: {doubt}", self.reason(place, rule)));
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
