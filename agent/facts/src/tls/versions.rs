//! Which versions are accepted: a hello for each, and second hellos of other shapes before "not offered" is said.
//!
//! Evidence is weighed. A ServerHello of the version proves it offered. A ServerHello of another version or a fatal
//! alert is the server's own no. A closed connection is a no only if a hello that is known to be liked is answered
//! afterwards, since a server that is out of breath closes too. Silence proves nothing.

use std::time::Duration;

use plumbline_config::plan::TlsVersion;

use super::flight::{Flight, ServerHello};
use super::hello::Hello;
use super::line::Blocked;
use super::shapes::{Names, from_wire, shapes, to_wire};
use super::trial::{Peer, Trial, Until};
use super::{Offer, ssl2};

/// `protocol_version`, RFC 8446 6.2: the one alert that speaks of nothing but the version.
const PROTOCOL_VERSION: u8 = 70;
const HANDSHAKE_FAILURE: u8 = 40;
/// `handshake_failure`, `insufficient_security`, `missing_extension`, `unknown_psk_identity`.
const WRONG_PARAMETERS: [u8; 4] = [40, 71, 109, 115];
/// How long a server that stops answering is left alone before it is asked once more.
const PAUSE: Duration = Duration::from_millis(250);

/// The order of trials: what is likeliest to prove something first, since time may run out.
const ORDER: [TlsVersion; 6] = [
    TlsVersion::V1_0,
    TlsVersion::V1_1,
    TlsVersion::V1_2,
    TlsVersion::V1_3,
    TlsVersion::Ssl3,
    TlsVersion::Ssl2,
];
/// Rounds of trials: as many as there are shapes of a hello for one version.
const ROUNDS: usize = 3;
/// Silences after which a version is not asked for again.
const MOST_SILENCES: u8 = 2;
/// Longest wait for an answer to one hello, in percent of the time for the endpoint.
const LONGEST_PATIENCE: u32 = 40;
/// Shortest wait for an answer to one hello.
const SHORTEST_PATIENCE: Duration = Duration::from_millis(200);

/// What is known of the versions so far.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// By version, in the order of [`TlsVersion::ALL`].
    evidence: [Evidence; 6],
    /// The first answer of each version, in the order in which they came.
    firsts: Vec<First>,
    /// The ServerHello of SSL 2.0.
    ssl2: Option<ssl2::Answer>,
}

/// A hello that the server accepted, and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct First {
    pub(super) hello: Hello,
    pub(super) answer: ServerHello,
    pub(super) flight: Flight,
}

/// What speaks for and against one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Evidence {
    accepted: bool,
    /// Refused in a way that no other hello for the version would change.
    settled: bool,
    /// Refused by `protocol_version`, which speaks of nothing but the version.
    wrong_version: bool,
    /// Refused by an alert that speaks of parameters.
    wrong_parameters: bool,
    /// Refused by an alert or an answer that is not TLS.
    refused: bool,
    closed: bool,
    silences: u8,
    /// Why it could not be asked at all.
    blocked: Option<String>,
}

impl Evidence {
    const fn is_open(&self) -> bool {
        !self.accepted && !self.settled && self.silences < MOST_SILENCES && self.blocked.is_none()
    }

    /// Whether nothing but closed connections speaks against the version.
    const fn rests_on_closing(&self) -> bool {
        self.closed && !self.accepted && !self.settled && !self.refused
    }
}

/// One hello for one version.
enum Question {
    Ssl2,
    Tls(Box<Hello>),
}

/// What a question came to.
enum Answer {
    Ssl2(Result<ssl2::Answer, Trial>),
    Tls(Trial),
}

impl Versions {
    /// Takes a ServerHello, whatever it answered.
    pub(super) fn accepted(&mut self, first: First) {
        if let Some(version) = from_wire(first.answer.version) {
            self.of(version).accepted = true;
            let known = |known: &First| known.answer.version == first.answer.version;
            if !self.firsts.iter().any(known) {
                self.firsts.push(first);
            }
        }
    }

    /// The first answer of each version from SSL 3.0 on.
    pub(super) fn firsts(&self) -> &[First] {
        &self.firsts
    }

    /// The ServerHello of SSL 2.0.
    pub(super) const fn ssl2(&self) -> Option<&ssl2::Answer> {
        self.ssl2.as_ref()
    }

    /// Tries every version of which nothing is known yet, `at_once` at a time: a first hello for each, then second and
    /// third ones where the first proved nothing.
    pub(super) fn try_all(&mut self, peer: &Peer<'_>, names: &Names, at_once: usize) {
        // A server that was first moved to speak by an old hello goes on with those.
        let old = self
            .firsts
            .first()
            .is_some_and(|first| first.hello.is_old_style());
        for round in 0..ROUNDS {
            let open = ORDER.into_iter().filter(|version| self.of(*version).is_open());
            let mut questions: Vec<_> = open
                .filter_map(|version| Some((version, question(version, round, names, old)?)))
                .collect();
            while !questions.is_empty() {
                // Each gets its share of the time that is left.
                let turns = u32::try_from(questions.len().div_ceil(at_once)).unwrap_or(u32::MAX);
                let peer = Peer {
                    patience: (peer.line.time_left() / turns.max(1))
                        .min(peer.line.share(LONGEST_PATIENCE))
                        .max(SHORTEST_PATIENCE),
                    ..*peer
                };
                let rest = questions.split_off(at_once.min(questions.len()));
                let turn = std::mem::replace(&mut questions, rest);
                for ((version, question), answer) in turn.iter().zip(ask(&peer, &turn)) {
                    self.weigh(*version, question, answer);
                }
                // An answer may have been of another version than was asked for.
                questions.retain(|(version, _)| self.of(*version).is_open());
            }
        }
        if self.evidence.iter().any(Evidence::rests_on_closing) && !self.still_answers(peer) {
            for evidence in self
                .evidence
                .iter_mut()
                .filter(|evidence| evidence.rests_on_closing())
            {
                evidence.blocked = Some(
                    "the peer closed the connection, and afterwards refused a hello that it had accepted"
                        .to_owned(),
                );
            }
        }
    }

    /// Whether the server says no by closing the connection.
    pub(super) fn closes(&self) -> bool {
        let closes = |evidence: &Evidence| evidence.rests_on_closing() && evidence.blocked.is_none();
        self.evidence.iter().any(closes)
    }

    /// The conclusion on each version.
    pub(super) fn conclude(&self) -> [Offer; 6] {
        let any = self.evidence.iter().any(|evidence| evidence.accepted);
        let only = (!any).then(|| self.only_version()).flatten();
        let mut evidence = self.evidence.clone();
        if let Some(only) = only.and_then(|place| evidence.get_mut(place)) {
            only.accepted = true;
        }
        let any = any || only.is_some();
        evidence.map(|evidence| match evidence {
            Evidence { accepted: true, .. } => Offer::Offered,
            Evidence {
                blocked: Some(why), ..
            } => Offer::Unknown(why),
            Evidence { settled: true, .. } if any => Offer::NotOffered,
            Evidence { silences: 1.., .. } => Offer::Unknown("the peer did not answer in time".to_owned()),
            _ if any => Offer::NotOffered,
            _ => Offer::Unknown("the peer accepted no hello, so it may want one of another kind".to_owned()),
        })
    }

    /// The place of the one version that is not refused as a version, but for its parameters: a server that wants a key
    /// agreed on beforehand (PSK) has no other way to say that it speaks it.
    fn only_version(&self) -> Option<usize> {
        // SSL is refused by alerts of all kinds where it was left out of a program.
        let tls = || self.evidence.iter().enumerate().skip(2);
        let (only, _) = tls().find(|(_, evidence)| evidence.wrong_parameters && !evidence.wrong_version)?;
        tls()
            .all(|(place, evidence)| place == only || evidence.wrong_version)
            .then_some(only)
    }

    fn weigh(&mut self, version: TlsVersion, question: &Question, answer: Answer) {
        let as_liked = self.firsts.first().is_some_and(|first| {
            first.hello.is_old_style() && matches!(question, Question::Tls(asked) if asked.is_old_style())
        });
        let evidence = self.of(version);
        let trial = match answer {
            Answer::Ssl2(Ok(hello @ ssl2::Answer::Hello { .. })) => {
                evidence.accepted = true;
                self.ssl2 = Some(hello);
                return;
            }
            // It has an error message of its own for "no cipher in common".
            Answer::Ssl2(Ok(_)) => Trial::Foreign(Vec::new()),
            Answer::Ssl2(Err(trial)) | Answer::Tls(trial) => trial,
        };
        match trial {
            Trial::Answered(answer, flight) => {
                // A server takes the highest version that both have, so another one is its no.
                evidence.settled = true;
                if let Question::Tls(asked) = question {
                    self.accepted(First {
                        hello: (**asked).clone(),
                        answer,
                        flight: *flight,
                    });
                }
            }
            Trial::Alert(PROTOCOL_VERSION) => {
                evidence.settled = true;
                evidence.wrong_version = true;
            }
            Trial::Alert(alert) => {
                evidence.refused = true;
                // A hello that is liked in every way but for its version, and a server that may choke on any other.
                evidence.settled |= as_liked && alert == HANDSHAKE_FAILURE;
                // The first hello for SSL 3.0 had every suite there is, and nothing else that could be disliked.
                evidence.settled |= version == TlsVersion::Ssl3 && alert == HANDSHAKE_FAILURE;
                evidence.wrong_parameters |= WRONG_PARAMETERS.contains(&alert);
            }
            Trial::Foreign(_) => evidence.refused = true,
            Trial::Closed => evidence.closed = true,
            Trial::Silent => evidence.silences += 1,
            Trial::Blocked(why) => evidence.blocked = Some(why.to_string()),
        }
    }

    fn of(&mut self, version: TlsVersion) -> &mut Evidence {
        let [ssl2, ssl3, v1_0, v1_1, v1_2, v1_3] = &mut self.evidence;
        match version {
            TlsVersion::Ssl2 => ssl2,
            TlsVersion::Ssl3 => ssl3,
            TlsVersion::V1_0 => v1_0,
            TlsVersion::V1_1 => v1_1,
            TlsVersion::V1_2 => v1_2,
            TlsVersion::V1_3 => v1_3,
        }
    }

    /// Whether a hello that was liked before is liked still.
    pub(super) fn still_answers(&self, peer: &Peer<'_>) -> bool {
        let answered = || match self.firsts.last() {
            Some(first) => matches!(peer.say(&first.hello, Until::Hello), Trial::Answered(..)),
            // Only SSL 2.0 was accepted, or nothing.
            None => matches!(peer.say_ssl2(), Ok(ssl2::Answer::Hello { .. })),
        };
        answered() || {
            std::thread::sleep(PAUSE);
            answered()
        }
    }
}

fn question(version: TlsVersion, round: usize, names: &Names, old: bool) -> Option<Question> {
    if version == TlsVersion::Ssl2 {
        return (round == 0).then_some(Question::Ssl2);
    }
    let mut shapes = shapes(to_wire(version), names);
    if old {
        shapes.sort_by_cached_key(|hello| (!hello.is_old_style(), hello.message().len()));
    }
    let hello = shapes.into_iter().nth(round)?;
    Some(Question::Tls(Box::new(hello)))
}

/// Asks all of a turn at the same time.
fn ask(peer: &Peer<'_>, turn: &[(TlsVersion, Question)]) -> Vec<Answer> {
    let ask_one = |question: &Question| match question {
        Question::Ssl2 => Answer::Ssl2(peer.say_ssl2()),
        Question::Tls(hello) => Answer::Tls(peer.say(hello, Until::Exchange)),
    };
    if let [(_, only)] = turn {
        return vec![ask_one(only)];
    }
    std::thread::scope(|scope| {
        let asked: Vec<_> = turn
            .iter()
            .map(|(_, question)| scope.spawn(|| ask_one(question)))
            .collect();
        let gone = |_| Answer::Tls(Trial::Blocked(Blocked::TimeUp));
        asked
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(gone))
            .collect()
    })
}
