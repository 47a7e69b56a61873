//! The answer for a class of connections, from the ways that they may end.

use std::collections::BTreeSet;

use super::bits::Cause;
use super::machine::{End, Notes};
use super::packet::State;

/// The answer for a class of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Answer {
    /// They open and go on.
    Open,
    /// They don't open.
    Shut,
    /// It can't be told, or some do.
    Unsure,
}

/// The answer, and what it rests on.
#[derive(Clone, Debug)]
pub(super) struct Judgement {
    pub(super) answer: Answer,
    /// Rests on nothing but what was read; otherwise on usual answers too.
    pub(super) exact: bool,
    /// Rules and policies, and for [`Answer::Unsure`] what is not known.
    pub(super) reasons: BTreeSet<String>,
    /// Where connections go that are translated: address, port.
    pub(super) targets: BTreeSet<String>,
    /// Unknown bits that decided.
    pub(super) causes: Cause,
    /// Expressions run.
    pub(super) steps: u64,
}

/// The ways that a class of connections may end, each usual or not.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) ends: Vec<(Answer, bool)>,
    pub(super) reasons: BTreeSet<String>,
    pub(super) shut_reasons: BTreeSet<String>,
    pub(super) targets: BTreeSet<String>,
}

impl Tally {
    pub(super) fn shut(&mut self, end: End) {
        self.ends.push((Answer::Shut, end.usual));
        self.shut_reasons.insert(end.reason);
    }

    pub(super) fn unsure(&mut self, end: End, notes: &mut Notes) {
        self.ends.push((Answer::Unsure, end.usual));
        notes.doubt(end.reason);
    }

    pub(super) fn open(&mut self, state: State) {
        self.ends.push((Answer::Open, state.usual));
        self.reasons.extend(state.passed);
    }

    /// Adds the ends of later packets: a connection of which they are dropped does not come about.
    pub(super) fn take_later(&mut self, later: Self, notes: &mut Notes) {
        for (answer, usual) in later.ends {
            if answer == Answer::Unsure {
                notes.doubt("what becomes of the connection's later packets is not known".to_owned());
            }
            self.ends.push((answer, usual));
        }
        let dropped = later.shut_reasons.into_iter();
        self.shut_reasons
            .extend(dropped.map(|reason| format!("{reason} (later packets of the connection)")));
    }

    /// `now`: what usually happens as things stand is an answer also where it is that they don't open.
    pub(super) fn judge(self, mut notes: Notes, now: bool) -> Judgement {
        let has = |answer| self.ends.iter().any(|(found, _)| *found == answer);
        let usually = |answer| self.ends.iter().any(|(found, usual)| *found == answer && *usual);
        let (open, shut, unsure) = (has(Answer::Open), has(Answer::Shut), has(Answer::Unsure));
        let (answer, exact) = match (open, shut, unsure) {
            (true, false, false) => (Answer::Open, true),
            (false, true, false) => (Answer::Shut, true),
            _ if usually(Answer::Open) && !usually(Answer::Shut) && !usually(Answer::Unsure) => {
                (Answer::Open, false)
            }
            _ if now && usually(Answer::Shut) && !usually(Answer::Open) && !usually(Answer::Unsure) => {
                (Answer::Shut, false)
            }
            _ => (Answer::Unsure, true),
        };
        let mut reasons = BTreeSet::new();
        if answer != Answer::Shut {
            reasons.extend(self.reasons);
        }
        if answer != Answer::Open {
            reasons.extend(self.shut_reasons);
        }
        if answer == Answer::Unsure || !exact {
            if notes.doubts.is_empty() {
                notes.doubt("it depends on the address or port".to_owned());
            }
            reasons.extend(notes.doubts);
        }
        Judgement {
            answer,
            exact,
            reasons,
            targets: self.targets,
            causes: notes.causes,
            steps: notes.steps,
        }
    }
}
