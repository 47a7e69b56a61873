//! The packet filter: the rules that the kernel has loaded, what they act on, and what loads them at boot.
//!
//! The rules are read over netlink as the kernel runs them. A host that is not the running one may bring them recorded,
//! as `nft -j list ruleset` at [`RECORDED`]. What they let through is derived in [`crate::reachability`].

mod attributes;
pub(crate) mod decode;
mod decode_expression;
pub mod expression;
mod interfaces;
pub mod json;
mod netlink;
mod persistence;
pub mod ruleset;
pub mod set;

use crate::ask::Ask;
use crate::facts::Facts;
use crate::host::{Host, ReadError};
use crate::known::{Known, Unknown};
use crate::probe::{Probe, ProbeId};

pub use interfaces::{Interface, Surroundings};
pub use persistence::Persistence;
use ruleset::Ruleset;

/// The recorded rules of a host that is not the running one.
pub const RECORDED: &str = "/run/plumbline/recorded/nft.json";
/// Largest recorded ruleset taken, in bytes.
const LARGEST_RECORDED: u64 = 64 * 1024 * 1024;

/// What [`FirewallProbe`] reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirewallFacts {
    /// The rules of nf_tables; empty where none are loaded.
    pub ruleset: Ruleset,
    /// Interfaces, addresses and switches that decide with the rules.
    pub surroundings: Surroundings,
    /// What loads rules at boot.
    pub persistence: Persistence,
}

impl FirewallFacts {
    /// The packet filters in use: `nftables`, `iptables-nft` where its extensions are in the rules, `iptables-legacy`.
    #[must_use]
    pub fn engines(&self) -> Vec<&'static str> {
        let mut engines = Vec::new();
        if self.ruleset.filters() {
            engines.push("nftables");
        }
        if self.ruleset.has_extensions() {
            engines.push("iptables-nft");
        }
        if [false, true]
            .iter()
            .any(|v6| !self.surroundings.legacy_tables(*v6).is_empty())
        {
            engines.push("iptables-legacy");
        }
        engines
    }
}

/// Reads the packet filter.
pub struct FirewallProbe;

impl Probe for FirewallProbe {
    type Fact = FirewallFacts;
    const ID: ProbeId = ProbeId::Firewall;
    const WATCHES: &'static [&'static str] = &[
        "/etc/nftables.conf",
        "/etc/ufw",
        "/etc/firewalld",
        "/etc/iptables",
    ];
    const PULSE: Option<fn(&Host) -> Option<u64>> =
        Some(|host| host.is_live().then(netlink::generation)?.map(u64::from));

    fn gather(host: &Host, _ask: &Ask, _facts: &mut Facts) -> Known<FirewallFacts> {
        read(host)
    }

    fn slot(facts: &mut Facts) -> &mut Known<FirewallFacts> {
        &mut facts.firewall
    }
}

/// Reads the rules, what they act on and what loads them at boot.
#[must_use]
pub fn read(host: &Host) -> Known<FirewallFacts> {
    let ruleset = if host.is_live() { live() } else { recorded(host) };
    let ruleset = match ruleset {
        Ok(ruleset) => ruleset,
        Err(Unknown::Denied(denial)) => return Known::Denied(denial),
        Err(Unknown::Failed { what, why }) => return Known::Failed { what, why },
        Err(Unknown::Absent(what) | Unknown::NotAsked(what)) => return Known::Absent(what),
    };
    let surroundings = match Surroundings::read(host) {
        Ok(surroundings) => surroundings,
        Err(error) => return error.into_known(),
    };
    Known::Value(FirewallFacts {
        ruleset,
        surroundings,
        persistence: Persistence::read(host),
    })
}

fn live() -> Result<Ruleset, Unknown> {
    match netlink::dump() {
        Ok(ruleset) => Ok(ruleset),
        // Without the engine there are no rules: that is known, and nothing is filtered by it.
        Err(netlink::DumpError::Unsupported) => Ok(Ruleset::default()),
        Err(netlink::DumpError::Denied) => Err(Unknown::Denied(crate::known::Denial {
            what: "nftables rules".to_owned(),
            needs: "CAP_NET_ADMIN".to_owned(),
        })),
        Err(error) => Err(failed(error)),
    }
}

fn recorded(host: &Host) -> Result<Ruleset, Unknown> {
    match host.read(RECORDED, LARGEST_RECORDED) {
        Ok(dump) => json::parse(&dump).map_err(failed),
        Err(ReadError::NotFound(_)) => Err(failed(format!(
            "only the running kernel has them; record them with `nft -j list ruleset` as {RECORDED} under the root"
        ))),
        Err(error) => Err(error.into()),
    }
}

fn failed(why: impl std::fmt::Display) -> Unknown {
    Unknown::Failed {
        what: "nftables rules".to_owned(),
        why: why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_another_host_are_taken_from_its_recording_or_not_known() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::at(dir.path()).unwrap();
        assert!(matches!(read(&host), Known::Failed { .. }));
        let recorded = dir.path().join(RECORDED.trim_start_matches('/'));
        std::fs::create_dir_all(recorded.parent().unwrap()).unwrap();
        std::fs::write(&recorded, "{}").unwrap();
        assert!(matches!(read(&host), Known::Failed { .. }));
        std::fs::write(&recorded, r#"{"nftables": [{"metainfo": {"version": "1.0.6"}}]}"#).unwrap();
        let facts = read(&host);
        let facts = facts.value().unwrap();
        assert!(facts.engines().is_empty());
        assert_eq!(facts.surroundings.interfaces, None);
    }
}
