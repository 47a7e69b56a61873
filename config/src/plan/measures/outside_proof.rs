//! Item 4, the proof from outside that the firewall does what its rules say.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Ports;
use crate::ident::HostId;
use crate::interval::Interval;
use crate::outside::COLLECTOR;

/// Who really connects to the ports of hosts that consent, to see whether the rules do what is worked out from them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutsideProof {
    /// `collector`, and ids of enrolled hosts; empty: nobody.
    pub provers: Vec<String>,
    /// How often.
    pub interval: Interval,
    /// Addresses beside those that hosts call the collector from.
    pub targets: Vec<ProofTarget>,
}

impl Default for OutsideProof {
    fn default() -> Self {
        Self {
            provers: Vec::new(),
            interval: Interval::days(1),
            targets: Vec::new(),
        }
    }
}

/// Addresses of a host at which it may be connected to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofTarget {
    /// Id of the enrolled host.
    pub host: HostId,
    /// Its own addresses.
    pub addresses: Vec<IpAddr>,
    /// TCP ports that may be connected to; empty: any that the host consents to.
    #[serde(default)]
    pub ports: Vec<Ports>,
}

impl OutsideProof {
    /// Whether the collector is a prover.
    #[must_use]
    pub fn by_collector(&self) -> bool {
        self.provers.iter().any(|prover| prover == COLLECTOR)
    }

    /// Whether this host is a prover.
    #[must_use]
    pub fn by_host(&self, host: &HostId) -> bool {
        self.provers.iter().any(|prover| prover == host.as_str())
    }

    /// Whether the plan names this address for this host.
    #[must_use]
    pub fn names(&self, host: &HostId, address: IpAddr) -> bool {
        let mut of_host = self.targets.iter().filter(|target| target.host == *host);
        of_host.any(|target| target.addresses.contains(&address))
    }

    /// Whether a prover may connect to this port of this host at an address that the plan names.
    #[must_use]
    pub fn lets(&self, host: &HostId, address: IpAddr, port: u16) -> bool {
        let in_ports = |target: &ProofTarget| {
            let mut ports = target.ports.iter();
            target.ports.is_empty() || ports.any(|ports| ports.contains(super::Transport::Tcp, port))
        };
        let mut of_host = self.targets.iter().filter(|target| target.host == *host);
        of_host.any(|target| target.addresses.contains(&address) && in_ports(target))
    }
}
