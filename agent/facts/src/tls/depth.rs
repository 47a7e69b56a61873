//! The full look at an endpoint: suites, groups and certificates of the versions that it accepts.
//!
//! Connections are few, so each answers as many questions as it can, and those come first on which a verdict rests: the
//! suites that a server likes best, then whether it accepts a weak one of any kind, its chains, the rest of a long list of
//! suites, and last its groups.

use std::collections::BTreeSet;

use plumbline_config::plan::TlsVersion;

use super::elimination::{Elimination, NONE_LEFT, Offered};
use super::elimination_1_3::Elimination1_3;
use super::flight::{Exchange, Flight};
use super::hello::{Hello, SSL2_CIPHERS, TLS1_2, TLS1_3};
use super::shapes::from_wire;
use super::trial::{Peer, Trial, Until};
use super::versions::{First, Versions};
use super::{Suite, sealed, share, ssl2, suites};

/// Connections spent at first on the suites of the newest version before TLS 1.3, and of each older one.
const FIRST_TURN: [u32; 2] = [13, 4];
/// Connections kept for what comes after the first turn.
const KEPT: u32 = 5;
/// Connections spent at first on the suites of the only version before TLS 1.3.
const ONLY_TURN: u32 = 24;
/// Versions before TLS 1.3 that a slow server is asked about at the same time.
const AT_ONCE: usize = 3;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Depth {
    pub(super) suites: Vec<Suite>,
    /// Every suite that the endpoint accepts is among `suites`.
    pub(super) suites_complete: bool,
    /// Every weakness that an accepted suite has is that of one among `suites`.
    pub(super) weaknesses_complete: bool,
    pub(super) groups: Vec<u16>,
    pub(super) groups_complete: bool,
    /// Chains in DER, each with the server's own certificate first.
    pub(super) chains: Vec<Vec<Vec<u8>>>,
    pub(super) asks_certificate: bool,
    /// What could not be finished.
    pub(super) unfinished: Vec<String>,
    /// A closed connection was taken for a no.
    rests_on_closing: bool,
}

impl Depth {
    /// Looks at everything that is told before a key is needed, starting from the first answer of each version.
    pub(super) fn look(peer: &Peer<'_>, versions: &Versions, slow: bool) -> Self {
        let mut found = Self {
            suites_complete: true,
            weaknesses_complete: true,
            ..Self::default()
        };
        if let Some(hello) = versions.ssl2() {
            found.take_ssl2(hello);
        }
        let mut closes = versions.closes() || peer.silence_closes;
        let begin = |first| Elimination::new(first, closes);
        let mut before_1_3: Vec<Elimination> = versions.firsts().iter().filter_map(begin).collect();
        before_1_3.retain(|elimination| elimination.version != TlsVersion::V1_3);
        before_1_3.sort_by_key(|elimination| std::cmp::Reverse(elimination.version));
        let first_1_3 = versions
            .firsts()
            .iter()
            .find(|first| first.answer.version == TLS1_3);
        let mut v1_3 = first_1_3.map(|first| Elimination1_3::new(first, closes));
        if slow {
            // There is time for few answers: whether anything weak is accepted comes first, of every version at once.
            std::thread::scope(|scope| {
                if let Some(elimination) = &mut v1_3 {
                    scope.spawn(|| elimination.ask_null(peer));
                }
                for elimination in before_1_3.iter_mut().take(AT_ONCE) {
                    scope.spawn(|| elimination.run_beyond(peer, &mut BTreeSet::new()));
                }
            });
        }
        if let Some(elimination) = &mut v1_3 {
            elimination.run_suites(peer);
        }
        let [newest, older] = match u32::try_from(before_1_3.len()).unwrap_or(u32::MAX) {
            ..=1 => [ONLY_TURN, 0],
            versions => {
                // Each older version needs its turn, and a few connections to see whether it has a weak suite.
                let [most, older] = FIRST_TURN;
                let kept = (versions - 1).saturating_mul(older + 2) + KEPT;
                [
                    peer.line
                        .connections_left()
                        .saturating_sub(kept)
                        .clamp(older, most),
                    older,
                ]
            }
        };
        let turns = std::iter::once(newest).chain(std::iter::repeat(older));
        for (elimination, most) in before_1_3.iter_mut().zip(turns) {
            elimination.learn(closes);
            elimination.run(peer, Offered::All, most);
            closes |= elimination.closes();
        }
        let mut seen = found.weaknesses(&before_1_3);
        for elimination in &mut before_1_3 {
            elimination.run_beyond(peer, &mut seen);
        }
        for flight in before_1_3.iter().flat_map(|elimination| &elimination.flights) {
            found.take_flight(flight);
        }
        let to_its_end = |elimination: &Elimination| elimination.flights.iter().any(|flight| flight.finished);
        if !before_1_3.iter().any(to_its_end) {
            found.look_for_request(peer, versions);
        }
        if let Some(first) = first_1_3 {
            found.look_at_sealed_chains(peer, first);
        }
        for elimination in &mut before_1_3 {
            elimination.run(peer, Offered::All, u32::MAX);
        }
        if let Some(mut elimination) = v1_3 {
            elimination.run_groups(peer);
            found.take_1_3(elimination);
        } else if let Some(elimination) = before_1_3.first()
            && let Some(first) = versions
                .firsts()
                .iter()
                .find(|first| from_wire(first.answer.version) == Some(elimination.version))
        {
            found.look_at_groups(peer, first, &elimination.found);
        }
        for elimination in before_1_3 {
            found.rests_on_closing |= elimination.rests_on_closing;
            found.suites_complete &= elimination.complete();
            if !elimination.weaknesses_known(&seen) {
                found.weaknesses_complete = false;
                found
                    .unfinished
                    .push(format!("suites of {}", elimination.version));
            }
            for flight in &elimination.flights {
                found.take_flight(flight);
            }
            found.suites.extend(elimination.found);
        }
        found.suites.sort_by_key(|suite| suite.version);
        if found.rests_on_closing && !versions.still_answers(peer) {
            found.suites_complete = false;
            found.weaknesses_complete = false;
            found.unfinished.push("suites".to_owned());
        }
        found
    }

    fn weaknesses(&self, eliminations: &[Elimination]) -> BTreeSet<&'static str> {
        let suites = eliminations.iter().flat_map(|elimination| &elimination.found);
        suites
            .chain(&self.suites)
            .flat_map(|suite| suite.weaknesses.iter().copied())
            .collect()
    }

    fn take_ssl2(&mut self, hello: &ssl2::Answer) {
        let ssl2::Answer::Hello { certificate, ciphers } = hello else {
            return;
        };
        self.take_chain(std::slice::from_ref(certificate));
        for (kind, name) in SSL2_CIPHERS.iter().filter(|(kind, _)| ciphers.contains(kind)) {
            self.suites.push(Suite {
                version: TlsVersion::Ssl2,
                id: format!("0x{kind:06X}"),
                name: (*name).to_owned(),
                weaknesses: suites::weaknesses(name, None),
            });
        }
    }

    fn take_flight(&mut self, flight: &Flight) {
        self.asks_certificate |= flight.asks_certificate;
        self.take_chain(&flight.certificates);
        if let Some(Exchange::Group(group)) = flight.exchange {
            self.take_group(group);
        }
    }

    /// Takes a chain unless it is known; of two with the same certificate of the server the longer one stays.
    fn take_chain(&mut self, chain: &[Vec<u8>]) {
        let Some(own) = chain.first().filter(|own| !own.is_empty()) else {
            return;
        };
        match self.chains.iter_mut().find(|known| known.first() == Some(own)) {
            Some(known) if known.len() < chain.len() => *known = chain.to_vec(),
            Some(_) => {}
            None => self.chains.push(chain.to_vec()),
        }
    }

    fn take_group(&mut self, group: u16) {
        if !self.groups.contains(&group) {
            self.groups.push(group);
        }
    }

    fn take_1_3(&mut self, elimination: Elimination1_3) {
        let weaknesses_known = elimination.weaknesses_known();
        for group in elimination.groups {
            self.take_group(group);
        }
        self.suites.extend(elimination.suites);
        self.rests_on_closing |= elimination.rests_on_closing;
        self.groups_complete = elimination.groups_done;
        self.suites_complete &= elimination.suites_done;
        if !weaknesses_known {
            self.weaknesses_complete = false;
            self.unfinished.push("suites of TLSv1.3".to_owned());
        }
    }

    /// Whether a certificate of the client is asked for, which before TLS 1.3 is said at the end of a flight.
    fn look_for_request(&mut self, peer: &Peer<'_>, versions: &Versions) {
        let before_1_3 = versions
            .firsts()
            .iter()
            .filter(|first| first.answer.version < TLS1_3);
        let Some(first) = before_1_3.max_by_key(|first| first.answer.version) else {
            return;
        };
        if let Trial::Answered(_, flight) = peer.say(&first.hello, Until::Flight) {
            self.take_flight(&flight);
        }
    }

    /// Chains that are shown encrypted: one hello that only an RSA certificate serves, and one that only an elliptic one
    /// does, as far as chains of that kind have not been seen in clear.
    fn look_at_sealed_chains(&mut self, peer: &Peer<'_>, first: &First) {
        let group = first.answer.group.or_else(|| self.groups.first().copied());
        let share = |group: u16| Some((group, share::share(group)?));
        let base = Hello {
            version: TLS1_2,
            versions: vec![TLS1_3],
            suites: sealed::SUITES.to_vec(),
            key_shares: group.and_then(share).into_iter().collect(),
            ..first.hello.clone()
        };
        let mut refused = 0;
        let in_clear = self.chains.clone();
        for (signatures, elliptic) in [(suites::EC_SIGNATURES, true), (suites::RSA_SIGNATURES, false)] {
            if in_clear
                .iter()
                .any(|chain| super::certificate::is_elliptic(chain) == Some(elliptic))
            {
                continue;
            }
            let hello = Hello {
                signatures: signatures.to_vec(),
                ..base.clone()
            };
            match peer.unseal(&hello) {
                Ok(unsealed) => {
                    self.asks_certificate |= unsealed.asks_certificate;
                    self.take_chain(&unsealed.certificates);
                }
                Err(Trial::Alert(_)) => refused += 1,
                Err(_) => {}
            }
        }
        if self.chains.is_empty() && refused < 2 {
            self.unfinished.push("certificates".to_owned());
        }
    }

    /// Groups of the elliptic suites of a version before TLS 1.3.
    fn look_at_groups(&mut self, peer: &Peer<'_>, first: &First, found: &[Suite]) {
        let elliptic =
            |suite: &&Suite| suite.name.starts_with("TLS_ECDHE_") || suite.name.contains("_ECDH_anon_");
        let suites: Vec<u16> = found
            .iter()
            .filter(elliptic)
            .filter_map(|suite| u16::from_str_radix(suite.id.trim_start_matches("0x"), 16).ok())
            .collect();
        if suites.is_empty() {
            self.groups_complete = true;
            return;
        }
        let version = first.answer.version;
        let mut hello = Hello {
            version,
            versions: Vec::new(),
            suites,
            groups: suites::groups(),
            ..first.hello.clone()
        };
        hello.groups.retain(|group| !self.groups.contains(group));
        while !hello.groups.is_empty() && peer.line.connections_left() > 1 {
            let group = match peer.say(&hello, Until::Exchange) {
                Trial::Answered(answer, flight) if answer.version == version => match flight.exchange {
                    Some(Exchange::Group(group)) => Some(group),
                    _ => None,
                },
                Trial::Alert(alert) if NONE_LEFT.contains(&alert) => break,
                // No group in common and no other way: some close without a word.
                Trial::Closed => break,
                _ => None,
            };
            let place = group.and_then(|group| hello.groups.iter().position(|offered| *offered == group));
            let Some(place) = place else {
                return;
            };
            self.groups.push(hello.groups.remove(place));
        }
        self.groups_complete = hello.groups.is_empty() || peer.line.connections_left() > 1;
    }
}
