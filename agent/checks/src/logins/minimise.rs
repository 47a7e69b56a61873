//! As much of where attempts came from as the plan lets findings tell.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use plumbline_config::plan::SourceDetail;
use plumbline_config::seal::sha256_hex;
use plumbline_facts::logins::{LoginEvent, Network, Source};

use super::anomaly::{Anomaly, Subject};
use super::place::Place;

/// Takes from anomalies what is not to be told.
#[derive(Clone, Copy, Debug)]
pub struct Minimiser {
    /// How much is told.
    pub detail: SourceDetail,
    /// What is hashed under; it does not leave the host.
    pub key: [u64; 2],
}

impl Minimiser {
    /// Takes it from `anomaly`; gives what its subject is called then.
    pub fn apply(&self, anomaly: &mut Anomaly) -> String {
        let subject = match &anomaly.subject {
            Subject::Source(group) => format!("source:{}", self.shown(&group.to_string())),
            Subject::User(_) | Subject::UnknownUser => anomaly.subject.to_string(),
        };
        if self.detail != SourceDetail::Full {
            let shown = |source: &Place| self.shown(&source.to_string());
            let sources: BTreeSet<String> = anomaly.sources.iter().map(shown).collect();
            anomaly.sources = sources
                .into_iter()
                .map(|shown| Place::Text(shown.into()))
                .collect();
            for event in &mut anomaly.events {
                self.apply_to_event(event);
            }
        }
        subject
    }

    fn apply_to_event(&self, event: &mut LoginEvent) {
        if let Some(source) = event.source.take() {
            event.source = Some(match source {
                Source::Terminal(_) => source,
                Source::Address(_) | Source::Host(_) => Source::Host(self.shown(&source.to_string())),
            });
        }
    }

    /// An address, IPv6 /64 or host name as it is told.
    #[must_use]
    pub fn shown(&self, source: &str) -> String {
        match self.detail {
            SourceDetail::Full => source.to_owned(),
            SourceDetail::Network => {
                let network = Network::of(&parsed(source));
                network.map_or_else(|| source.to_owned(), |network| network.to_string())
            }
            SourceDetail::Hashed => {
                let [one, other] = self.key;
                let digest = sha256_hex(format!("{one:016x}{other:016x}{source}").as_bytes());
                format!("hash:{}", digest.get(..16).unwrap_or_default())
            }
        }
    }
}

fn parsed(source: &str) -> Source {
    let prefix = source
        .strip_suffix("/64")
        .and_then(|prefix| prefix.parse::<Ipv6Addr>().ok());
    match prefix.map(IpAddr::V6).or_else(|| source.parse().ok()) {
        Some(address) => Source::Address(address),
        None => Source::Host(source.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_is_told_as_the_plan_lets() {
        let shown = |detail, source: &str| Minimiser { detail, key: [1, 2] }.shown(source);
        assert_eq!(shown(SourceDetail::Full, "203.0.113.7"), "203.0.113.7");
        for (source, network) in [
            ("203.0.113.7", "203.0.113.0/24"),
            ("2001:db8:1:2::/64", "2001:db8:1::/48"),
            ("pc.example.com", "example.com"),
        ] {
            assert_eq!(shown(SourceDetail::Network, source), network);
            let hashed = shown(SourceDetail::Hashed, source);
            assert!(
                hashed.starts_with("hash:") && !hashed.contains(source),
                "{hashed}"
            );
            assert_eq!(hashed, shown(SourceDetail::Hashed, source));
            let other = Minimiser {
                detail: SourceDetail::Hashed,
                key: [1, 3],
            };
            assert_ne!(other.shown(source), hashed);
        }
    }
}
