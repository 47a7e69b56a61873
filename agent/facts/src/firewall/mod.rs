//! The packet filter: the rules that the kernel has loaded, what they act on, and what loads them at boot.
//!
//! The rules are read over netlink as the kernel runs them. A host that is not the running one may bring them recorded,
//! as `nft -j list ruleset` at [`RECORDED`]. What they let through is derived in [`crate::reachability`].

mod agreement;
mod attributes;
mod by_hand;
mod connection;
pub(crate) mod decode;
mod decode_expression;
pub mod expression;
mod interfaces;
pub mod ipset;
pub mod json;
mod legacy;
pub(crate) mod lists;
mod namespaces;
mod netlink;
mod persistence;
mod proc_net;
pub mod recording;
mod review;
pub mod routes;
mod rtnetlink;
pub mod ruleset;
pub mod set;

use jiff::Timestamp;

use crate::ask::Ask;
use crate::facts::Facts;
use crate::host::{Host, ReadError};
use crate::known::{Known, Unknown};
use crate::probe::{Probe, ProbeId};

pub use interfaces::{Interface, Surroundings};
pub use namespaces::Namespace;
pub use netlink::Keys;
pub use persistence::Persistence;
pub use review::{FirewallMemory, Review};
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
    /// Since when the rules are what they are; nothing where only the rules themselves were asked for.
    pub review: Option<Review>,
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
        let unread = [false, true]
            .iter()
            .any(|v6| !self.surroundings.legacy_tables(*v6).is_empty());
        if unread || self.ruleset.tables.iter().any(ruleset::Table::is_legacy) {
            engines.push("iptables-legacy");
        }
        engines
    }
}

/// The interfaces of the network namespace that this thread is in; `None` where they can't be read.
pub(crate) fn links_here() -> Option<Vec<Interface>> {
    rtnetlink::read().ok().map(|network| network.interfaces)
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

    fn gather(host: &Host, ask: &Ask, facts: &mut Facts) -> Known<FirewallFacts> {
        let mut read = read(host, ask.now);
        if let Known::Value(firewall) = &mut read {
            firewall.review = Some(facts.memory.firewall.update(&firewall.ruleset, host, ask.now));
        }
        read
    }

    fn slot(facts: &mut Facts) -> &mut Known<FirewallFacts> {
        &mut facts.firewall
    }
}

/// Reads the rules, what they act on and what loads them at boot, at the time `now`.
#[must_use]
pub fn read(host: &Host, now: Timestamp) -> Known<FirewallFacts> {
    match read_all(host, now) {
        Ok(facts) => Known::Value(facts),
        Err(unknown) => unknown.into(),
    }
}

/// As [`read`], what loads rules at boot left out: all that decides what becomes of a packet.
#[must_use]
pub fn read_loaded(host: &Host, now: Timestamp) -> Known<FirewallFacts> {
    match read_rules(host, now, None) {
        Ok(facts) => Known::Value(facts),
        Err(unknown) => unknown.into(),
    }
}

/// As [`read_loaded`], where nothing but these values is looked up: of sets with many elements only those are read that
/// hold one of them.
#[must_use]
pub fn read_loaded_for(host: &Host, now: Timestamp, keys: &Keys) -> Known<FirewallFacts> {
    match read_rules(host, now, Some(keys)) {
        Ok(facts) => Known::Value(facts),
        Err(unknown) => unknown.into(),
    }
}

fn read_all(host: &Host, now: Timestamp) -> Result<FirewallFacts, Unknown> {
    let mut facts = read_rules(host, now, None)?;
    facts.persistence = Persistence::read(host);
    facts.persistence.differences = agreement::differences(host, &facts.ruleset);
    Ok(facts)
}

fn read_rules(host: &Host, now: Timestamp, keys: Option<&Keys>) -> Result<FirewallFacts, Unknown> {
    let mut ruleset = if host.is_live() {
        live(keys)?
    } else {
        recorded(host)?
    };
    let mut surroundings = Surroundings::read(host, now)?;
    if host.is_live() {
        read_legacy(host, &mut ruleset, &mut surroundings);
        lists::read(host, &ruleset, &mut surroundings)?;
    }
    Ok(FirewallFacts {
        ruleset,
        surroundings,
        ..FirewallFacts::default()
    })
}

/// Adds the tables of iptables-legacy; of those that can't be read the names are kept.
fn read_legacy(host: &Host, ruleset: &mut Ruleset, surroundings: &mut Surroundings) {
    for (v6, unread) in [false, true].into_iter().zip(&mut surroundings.legacy) {
        for name in proc_net::legacy_tables(host, v6) {
            match legacy::read(v6, &name) {
                Ok(table) => ruleset.tables.push(table),
                Err(why) => unread.push(format!("{name}: {why}")),
            }
        }
    }
}

fn live(keys: Option<&Keys>) -> Result<Ruleset, Unknown> {
    match netlink::dump(keys) {
        Ok(ruleset) => Ok(ruleset),
        // Without the engine there are no rules: that is known, and nothing is filtered by it.
        Err(connection::DumpError::Unsupported) => Ok(Ruleset::default()),
        Err(connection::DumpError::Denied) => Err(Unknown::Denied(crate::known::Denial {
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
        let read = |host: &Host| read(host, Timestamp::UNIX_EPOCH);
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
