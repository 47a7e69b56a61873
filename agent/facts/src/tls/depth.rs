//! The full look at an endpoint: suites, groups and certificates of the versions that it accepts.
//!
//! Suites and groups are found by elimination: offer all, strike out the one that is chosen, offer the rest, until the
//! server says that none is left.

use plumbline_config::plan::TlsVersion;

use super::flight::Exchange;
use super::hello::{Hello, SSL2_CIPHERS, TLS1_2};
use super::trial::{Peer, Trial, Until};
use super::versions::{Names, any_version, to_wire};
use super::{Suite, ssl2, suites};

/// Alerts by which a server says that no offered suite or group suits it: `handshake_failure`, `illegal_parameter` (old
/// stacks, for groups), `insufficient_security`.
const NONE_LEFT: [u8; 3] = [40, 47, 71];
/// How often a list is halved when a server breaks off instead of choosing from it.
const MOST_HALVINGS: u8 = 3;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Depth {
    pub(super) suites: Vec<Suite>,
    pub(super) groups: Vec<u16>,
    /// Chains in DER, each with the server's own certificate first.
    pub(super) chains: Vec<Vec<Vec<u8>>>,
    pub(super) asks_certificate: bool,
    /// What could not be finished, and why.
    pub(super) unfinished: Vec<String>,
}

impl Depth {
    /// Looks at everything that is told before a key is needed.
    pub(super) fn look(peer: &Peer<'_>, offered: &[TlsVersion], names: &Names) -> Self {
        let mut found = Self::default();
        let before_1_3 = offered
            .iter()
            .rev()
            .copied()
            .find(|version| (TlsVersion::Ssl3..=TlsVersion::V1_2).contains(version));
        if let Some(version) = before_1_3 {
            found.look_at_chains(peer, version, names);
        }
        if offered.contains(&TlsVersion::Ssl2) {
            found.look_at_ssl2(peer);
        }
        if offered.contains(&TlsVersion::V1_3) {
            found.look_at_groups(peer, TlsVersion::V1_3, names);
        } else if let Some(version) = before_1_3 {
            found.look_at_groups(peer, version, names);
        }
        for version in offered
            .iter()
            .rev()
            .filter(|version| **version != TlsVersion::Ssl2)
        {
            found.look_at_suites(peer, *version, names);
        }
        found.suites.sort_by_key(|suite| suite.version);
        found
    }

    /// One hello that only an RSA certificate serves, and one that only an elliptic one does: a server may have both.
    fn look_at_chains(&mut self, peer: &Peer<'_>, version: TlsVersion, names: &Names) {
        let kinds: [(fn(u16) -> bool, &[u16]); 2] = [
            (suites::signs_with_rsa, suites::RSA_SIGNATURES),
            (suites::signs_with_ecdsa, suites::EC_SIGNATURES),
        ];
        for (serves, signatures) in kinds {
            let mut hello = hello(version, names);
            hello.suites.retain(|suite| serves(*suite));
            if !hello.signatures.is_empty() {
                hello.signatures = signatures.to_vec();
            }
            if let Trial::Answered(_, flight) = peer.say(&hello, Until::Flight) {
                self.asks_certificate |= flight.asks_certificate;
                if !flight.certificates.is_empty() && !self.chains.contains(&flight.certificates) {
                    self.chains.push(flight.certificates);
                }
            }
        }
    }

    fn look_at_ssl2(&mut self, peer: &Peer<'_>) {
        let Ok(ssl2::Answer::Hello { certificate, ciphers }) = peer.say_ssl2() else {
            self.unfinished.push("suites of SSLv2".to_owned());
            return;
        };
        if self.chains.is_empty() && !certificate.is_empty() {
            self.chains.push(vec![certificate]);
        }
        for (kind, name) in SSL2_CIPHERS.iter().filter(|(kind, _)| ciphers.contains(kind)) {
            self.suites.push(Suite {
                version: TlsVersion::Ssl2,
                id: format!("0x{kind:06X}"),
                name: (*name).to_owned(),
                weaknesses: suites::weaknesses(name, None),
            });
        }
    }

    fn look_at_groups(&mut self, peer: &Peer<'_>, version: TlsVersion, names: &Names) {
        let mut hello = hello(version, names);
        if version < TlsVersion::V1_3 {
            hello.suites.retain(|suite| {
                let name = suites::name(*suite).unwrap_or_default();
                name.starts_with("TLS_ECDHE_") || name.starts_with("TLS_ECDH_anon_")
            });
        }
        while !hello.groups.is_empty() {
            let group = match peer.say(&hello, Until::Exchange) {
                Trial::Answered(answer, flight) if answer.version == to_wire(version) => {
                    answer.group.or(match flight.exchange {
                        Some(Exchange::Group(group)) => Some(group),
                        _ => None,
                    })
                }
                Trial::Alert(alert) if NONE_LEFT.contains(&alert) => return,
                // No group in common and no other way: some close without a word.
                Trial::Closed if !self.groups.is_empty() => return,
                _ => None,
            };
            let place = group.and_then(|group| hello.groups.iter().position(|offered| *offered == group));
            let Some(place) = place else {
                self.unfinished.push("groups".to_owned());
                return;
            };
            self.groups.push(hello.groups.remove(place));
        }
    }

    fn look_at_suites(&mut self, peer: &Peer<'_>, version: TlsVersion, names: &Names) {
        let wide = hello(version, names);
        let mut lists = vec![(wide.suites.clone(), 0)];
        while let Some((mut list, halvings)) = lists.pop() {
            while !list.is_empty() {
                let hello = Hello {
                    suites: list.clone(),
                    ..wide.clone()
                };
                match peer.say(&hello, Until::Exchange) {
                    Trial::Answered(answer, flight) if answer.version == to_wire(version) => {
                        let Some(place) = list.iter().position(|suite| *suite == answer.suite) else {
                            self.unfinished.push(format!("suites of {version}"));
                            return;
                        };
                        let suite = list.remove(place);
                        let prime = match flight.exchange {
                            Some(Exchange::Prime(bits)) => Some(bits),
                            _ => None,
                        };
                        self.suites.push(described(version, suite, prime));
                    }
                    Trial::Answered(..) => break,
                    Trial::Alert(alert) if NONE_LEFT.contains(&alert) => break,
                    // It chose a suite that it can't use, and hides with it those that come after.
                    Trial::Alert(_) | Trial::Closed if halvings < MOST_HALVINGS && list.len() > 1 => {
                        let rest = list.split_off(list.len() / 2);
                        lists.push((rest, halvings + 1));
                        lists.push((std::mem::take(&mut list), halvings + 1));
                    }
                    Trial::Alert(_) | Trial::Closed => break,
                    Trial::Foreign(_) | Trial::Silent | Trial::Blocked(_) => {
                        self.unfinished.push(format!("suites of {version}"));
                        return;
                    }
                }
            }
        }
    }
}

fn described(version: TlsVersion, number: u16, prime: Option<usize>) -> Suite {
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

/// A hello for one version that offers all there is.
fn hello(version: TlsVersion, names: &Names) -> Hello {
    let all = any_version(names);
    let number = to_wire(version);
    match version {
        TlsVersion::V1_3 => Hello {
            versions: vec![number],
            suites: suites::TLS1_3.to_vec(),
            ..all
        },
        TlsVersion::Ssl2 | TlsVersion::Ssl3 => Hello {
            version: number,
            suites: suites::all_before_1_3(),
            ..Hello::default()
        },
        _ => Hello {
            version: number,
            versions: Vec::new(),
            suites: suites::all_before_1_3(),
            signatures: if number >= TLS1_2 {
                all.signatures.clone()
            } else {
                Vec::new()
            },
            ..all
        },
    }
}
