//! Suites of one version by elimination: offer all, strike out the one that is chosen, offer the rest, until the server
//! says that none is left.

use std::collections::BTreeSet;

use plumbline_config::plan::TlsVersion;

use super::flight::{Exchange, Flight, ServerHello};
use super::hello::Hello;
use super::shapes::from_wire;
use super::trial::{Peer, Trial, Until};
use super::versions::First;
use super::{Suite, suites};

/// Alerts by which a server says that no offered suite or group suits it: `handshake_failure`, `illegal_parameter` (old
/// stacks, for groups), `protocol_version`, `insufficient_security`.
pub(super) const NONE_LEFT: [u8; 4] = [40, 47, 70, 71];
/// How often a list is halved when a server breaks off instead of choosing from it.
const MOST_HALVINGS: u8 = 2;
/// Most questions about weaknesses: as many as there are kinds, and some for lists in parts.
const MOST_BEYOND: u32 = 12;
/// Suites of one hello to a server that did not like a long one.
const SHORT_LIST: usize = 60;

/// What was struck out of one version so far.
#[derive(Debug)]
pub(super) struct Elimination {
    pub(super) version: TlsVersion,
    /// The hello in the shape that the server likes; its suites are replaced.
    base: Hello,
    lists: Vec<List>,
    pub(super) found: Vec<Suite>,
    /// Flights with which the server answered, to be read for chains and groups.
    pub(super) flights: Vec<Flight>,
    /// A closed connection was taken for a no.
    pub(super) rests_on_closing: bool,
    /// The server is known to say no by closing.
    closes: bool,
    /// It can't be gone on with.
    pub(super) broken: bool,
    /// Prime lengths are known of suites with a certificate, and of those without.
    primes_known: [bool; 2],
}

/// Suites of which it is not known whether they are accepted.
#[derive(Debug)]
struct List {
    suites: Vec<u16>,
    halvings: u8,
}

/// Which of the suites that are left to offer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Offered<'a> {
    /// All.
    All,
    /// Those that may have a weakness that is not among these.
    Beyond(&'a BTreeSet<&'static str>),
}

impl Elimination {
    /// Starts from the first answer of a version before TLS 1.3.
    pub(super) fn new(first: &First, closes: bool) -> Option<Self> {
        let version = from_wire(first.answer.version)?;
        let liked = &first.hello;
        // Whatever a server of SSL 3.0 makes of extensions, its suites are asked for without any.
        let plain = liked.groups.is_empty() || version == TlsVersion::Ssl3;
        let base = Hello {
            version: first.answer.version,
            versions: Vec::new(),
            suites: Vec::new(),
            key_shares: Vec::new(),
            groups: if plain { Vec::new() } else { suites::groups() },
            signatures: if version >= TlsVersion::V1_2 {
                liked.signatures.clone()
            } else {
                Vec::new()
            },
            cookie: Vec::new(),
            name: liked.name.clone().filter(|_| !plain),
            modern: liked.modern && !plain,
        };
        let all = suites::all_before_1_3();
        let length = if version == TlsVersion::Ssl3 || liked.suites.len() >= all.len() {
            all.len()
        } else {
            SHORT_LIST
        };
        let mut elimination = Self {
            version,
            base,
            lists: all
                .chunks(length)
                .map(|suites| List {
                    suites: suites.to_vec(),
                    halvings: 0,
                })
                .collect(),
            found: Vec::new(),
            flights: Vec::new(),
            rests_on_closing: false,
            closes,
            broken: false,
            primes_known: [false; 2],
        };
        elimination.take(first.answer, first.flight.clone());
        Some(elimination)
    }

    /// Whether the server was found to say no by closing.
    pub(super) const fn closes(&self) -> bool {
        self.closes
    }

    /// Takes over what another version found out about the server.
    pub(super) const fn learn(&mut self, closes: bool) {
        self.closes |= closes;
    }

    /// Whether every suite is either accepted or refused.
    pub(super) const fn complete(&self) -> bool {
        self.lists.is_empty() && !self.broken
    }

    /// Whether it is known of every weakness whether an accepted suite has it.
    pub(super) fn weaknesses_known(&self, seen: &BTreeSet<&'static str>) -> bool {
        self.lists
            .iter()
            .flat_map(|list| &list.suites)
            .all(|suite| !self.beyond(*suite, seen))
    }

    /// Asks up to `most` times, or until there is nothing left to ask.
    pub(super) fn run(&mut self, peer: &Peer<'_>, offered: Offered<'_>, most: u32) {
        for _ in 0..most {
            // One connection is kept to see whether a server that closes still answers.
            if self.broken || (self.rests_on_closing || self.closes) && peer.line.connections_left() <= 1 {
                return;
            }
            let Some(list) = self.next(offered) else {
                return;
            };
            self.ask(peer, list);
        }
    }

    /// Asks for suites that may have a weakness which is not among `seen`, until there are none; `seen` grows by those that
    /// are found.
    pub(super) fn run_beyond(&mut self, peer: &Peer<'_>, seen: &mut BTreeSet<&'static str>) {
        seen.extend(
            self.found
                .iter()
                .flat_map(|suite| suite.weaknesses.iter().copied()),
        );
        for _ in 0..MOST_BEYOND {
            let known = self.found.len();
            self.run(peer, Offered::Beyond(seen), 1);
            let new = self.found.get(known..).unwrap_or_default();
            seen.extend(new.iter().flat_map(|suite| suite.weaknesses.iter().copied()));
        }
    }

    /// The next list to offer; what is not to be offered of it is put back.
    fn next(&mut self, offered: Offered<'_>) -> Option<List> {
        let Offered::Beyond(seen) = offered else {
            return self.lists.pop();
        };
        let place = self
            .lists
            .iter()
            .position(|list| list.suites.iter().any(|suite| self.beyond(*suite, seen)))?;
        let list = self.lists.swap_remove(place);
        let halvings = list.halvings;
        let (suites, rest): (Vec<u16>, Vec<u16>) = list
            .suites
            .into_iter()
            .partition(|suite| self.beyond(*suite, seen));
        if !rest.is_empty() {
            self.lists.push(List {
                suites: rest,
                halvings,
            });
        }
        Some(List { suites, halvings })
    }

    /// Whether accepting this suite might show a weakness that is not among `seen`.
    fn beyond(&self, suite: u16, seen: &BTreeSet<&'static str>) -> bool {
        let name = suites::name(suite).unwrap_or_default();
        let prime_known = self.primes_known.get(usize::from(name.contains("_anon_"))) == Some(&true);
        let prime = (suites::has_prime(suite) && !prime_known).then_some(0);
        suites::weaknesses(name, prime)
            .iter()
            .any(|weakness| !seen.contains(weakness))
    }

    fn ask(&mut self, peer: &Peer<'_>, mut list: List) {
        let hello = Hello {
            suites: list.suites.clone(),
            ..self.base.clone()
        };
        // What stands at the end of a flight is the same with every suite.
        let until = if self.flights.iter().any(|flight| flight.finished) {
            Until::Exchange
        } else {
            Until::Flight
        };
        match peer.say(&hello, until) {
            Trial::Answered(answer, flight) if answer.version == hello.version => {
                let before = list.suites.len();
                list.suites.retain(|suite| *suite != answer.suite);
                // It chose what was not offered.
                self.broken = list.suites.len() == before;
                self.take(answer, *flight);
                if !list.suites.is_empty() {
                    self.lists.push(list);
                }
            }
            Trial::Answered(..) => {}
            Trial::Alert(alert) if NONE_LEFT.contains(&alert) => {}
            // It may have chosen a suite that it can't use, and hide with it those that come after.
            Trial::Closed if self.closes => self.rests_on_closing = true,
            Trial::Alert(_) | Trial::Closed if list.halvings < MOST_HALVINGS && list.suites.len() > 1 => {
                let rest = list.suites.split_off(list.suites.len() / 2);
                let halvings = list.halvings + 1;
                self.lists.push(List {
                    suites: rest,
                    halvings,
                });
                self.lists.push(List {
                    suites: list.suites,
                    halvings,
                });
            }
            Trial::Alert(_) => {}
            // So it is the whole list that it does not like.
            Trial::Closed => {
                self.rests_on_closing = true;
                self.closes = true;
            }
            // What is not known stays on its list.
            Trial::Foreign(_) | Trial::Silent | Trial::Blocked(_) => {
                self.lists.push(list);
                self.broken = true;
            }
        }
    }

    fn take(&mut self, answer: ServerHello, flight: Flight) {
        for list in &mut self.lists {
            list.suites.retain(|suite| *suite != answer.suite);
        }
        self.lists.retain(|list| !list.suites.is_empty());
        let prime = match flight.exchange {
            Some(Exchange::Prime(bits)) => Some(bits),
            _ => None,
        };
        let suite = described(self.version, answer.suite, prime);
        if prime.is_some()
            && let Some(known) = self
                .primes_known
                .get_mut(usize::from(suite.name.contains("_anon_")))
        {
            *known = true;
        }
        self.found.push(suite);
        self.flights.push(flight);
    }
}

/// A suite as it is told.
pub(super) fn described(version: TlsVersion, number: u16, prime: Option<usize>) -> Suite {
    let id = format!("0x{number:04X}");
    let name = suites::name(number).map_or_else(|| id.clone(), str::to_owned);
    let weaknesses = suites::weaknesses(&name, prime);
    Suite {
        version,
        id,
        name,
        weaknesses,
    }
}
