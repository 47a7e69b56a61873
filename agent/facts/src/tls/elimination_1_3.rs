//! Suites and groups of TLS 1.3 by elimination, both at the same time: each answer strikes out one of both.

use plumbline_config::plan::TlsVersion;

use super::elimination::described;
use super::hello::{Hello, TLS1_2, TLS1_3};
use super::trial::{Peer, Trial, Until};
use super::versions::First;
use super::{Suite, suites};

/// With fewer connections left than this there may not be one for each group.
const FEW_CONNECTIONS: u32 = 14;

/// What was struck out so far.
#[derive(Debug)]
pub(super) struct Elimination1_3 {
    /// Offers all there is.
    base: Hello,
    /// Offers what was not chosen yet.
    left: Hello,
    pub(super) suites: Vec<Suite>,
    pub(super) groups: Vec<u16>,
    /// No suite is left that is accepted.
    pub(super) suites_done: bool,
    /// No group is left that is accepted.
    pub(super) groups_done: bool,
    /// A closed connection was taken for a no.
    pub(super) rests_on_closing: bool,
    /// The server is known to say no by closing.
    closes: bool,
    broken: bool,
}

/// What came of one hello.
enum Answer {
    /// A suite, and the group where it is told.
    Chosen(u16, Option<u16>),
    NoneLeft,
    Broken,
}

impl Elimination1_3 {
    /// Starts from the first answer.
    pub(super) fn new(first: &First, closes: bool) -> Self {
        let base = Hello {
            version: TLS1_2,
            versions: vec![TLS1_3],
            suites: suites::TLS1_3.to_vec(),
            groups: suites::groups(),
            ..first.hello.clone()
        };
        let mut elimination = Self {
            left: base.clone(),
            base,
            suites: Vec::new(),
            groups: Vec::new(),
            suites_done: false,
            groups_done: false,
            rests_on_closing: false,
            closes,
            broken: false,
        };
        elimination.take(first.answer.suite, first.answer.group);
        elimination
    }

    /// Asks until no suite is left.
    pub(super) fn run_suites(&mut self, peer: &Peer<'_>) {
        while !self.suites_done && !self.broken {
            self.step(peer);
        }
    }

    /// Asks until no group is left.
    pub(super) fn run_groups(&mut self, peer: &Peer<'_>) {
        if peer.line.connections_left() < FEW_CONNECTIONS {
            self.ask_post_quantum(peer);
        }
        while !self.groups_done && !self.broken {
            self.step(peer);
        }
    }

    /// Whether suites without encryption are accepted, the only weak ones of this version.
    pub(super) fn ask_null(&mut self, peer: &Peer<'_>) {
        let null = |suite: &u16| suites::INTEGRITY_ONLY.contains(suite);
        let alone = Hello {
            suites: suites::INTEGRITY_ONLY.to_vec(),
            ..self.base.clone()
        };
        match self.ask(peer, alone) {
            Answer::Chosen(suite, group) => self.take(suite, group),
            Answer::NoneLeft => self.left.suites.retain(|suite| !null(suite)),
            Answer::Broken => {}
        }
    }

    /// Whether it is known if a weak suite is accepted.
    pub(super) fn weaknesses_known(&self) -> bool {
        let left = || self.left.suites.iter();
        self.suites_done || !left().any(|suite| suites::INTEGRITY_ONLY.contains(suite))
    }

    /// Whether one of the groups that a quantum computer does not break is accepted, where there may be no connection left
    /// to ask for all.
    fn ask_post_quantum(&mut self, peer: &Peer<'_>) {
        let post_quantum = |group: &u16| suites::POST_QUANTUM.contains(group);
        if self.groups.iter().any(post_quantum) {
            return;
        }
        let alone = Hello {
            groups: suites::POST_QUANTUM.to_vec(),
            ..self.base.clone()
        };
        match self.ask(peer, alone) {
            Answer::Chosen(suite, group) => self.take(suite, group),
            Answer::NoneLeft => self.left.groups.retain(|group| !post_quantum(group)),
            Answer::Broken => self.broken = true,
        }
    }

    fn step(&mut self, peer: &Peer<'_>) {
        self.suites_done |= self.left.suites.is_empty();
        self.groups_done |= self.left.groups.is_empty();
        let groups_alone = Hello {
            groups: self.left.groups.clone(),
            ..self.base.clone()
        };
        match (self.suites_done, self.groups_done) {
            (true, true) => {}
            (true, false) => match self.ask(peer, groups_alone) {
                Answer::Chosen(suite, group) => self.take(suite, group),
                Answer::NoneLeft => self.groups_done = true,
                Answer::Broken => self.broken = true,
            },
            (false, true) => {
                let suites_alone = Hello {
                    suites: self.left.suites.clone(),
                    ..self.base.clone()
                };
                match self.ask(peer, suites_alone) {
                    Answer::Chosen(suite, group) => self.take(suite, group),
                    Answer::NoneLeft => self.suites_done = true,
                    Answer::Broken => self.broken = true,
                }
            }
            (false, false) => match self.ask(peer, self.left.clone()) {
                Answer::Chosen(suite, group) => self.take(suite, group),
                // Which of the two ran out shows when the groups stand with every suite.
                Answer::NoneLeft => match self.ask(peer, groups_alone) {
                    Answer::Chosen(suite, group) => {
                        self.suites_done = true;
                        self.take(suite, group);
                    }
                    Answer::NoneLeft => self.groups_done = true,
                    Answer::Broken => self.broken = true,
                },
                Answer::Broken => self.broken = true,
            },
        }
    }

    fn ask(&mut self, peer: &Peer<'_>, mut hello: Hello) -> Answer {
        // One connection is kept to see whether a server that closes still answers.
        if (self.rests_on_closing || self.closes) && peer.line.connections_left() <= 1 {
            return Answer::Broken;
        }
        hello.key_shares.retain(|(group, _)| hello.groups.contains(group));
        match peer.say(&hello, Until::Hello) {
            Trial::Answered(answer, _) if answer.version == TLS1_3 => {
                let offered = hello.suites.contains(&answer.suite)
                    && answer.group.is_none_or(|group| hello.groups.contains(&group));
                if offered {
                    Answer::Chosen(answer.suite, answer.group)
                } else {
                    Answer::Broken
                }
            }
            Trial::Answered(..) | Trial::Alert(_) => Answer::NoneLeft,
            Trial::Closed => {
                self.rests_on_closing = true;
                Answer::NoneLeft
            }
            Trial::Foreign(_) | Trial::Silent | Trial::Blocked(_) => Answer::Broken,
        }
    }

    fn take(&mut self, suite: u16, group: Option<u16>) {
        let before = (self.left.suites.len(), self.left.groups.len());
        if self.left.suites.contains(&suite) {
            self.suites.push(described(TlsVersion::V1_3, suite, None));
            self.left.suites.retain(|known| *known != suite);
        }
        if let Some(group) = group.filter(|group| self.left.groups.contains(group)) {
            self.groups.push(group);
            self.left.groups.retain(|known| *known != group);
        }
        // Nothing was learnt, so the next answer would be the same.
        self.broken |= before == (self.left.suites.len(), self.left.groups.len());
    }
}
