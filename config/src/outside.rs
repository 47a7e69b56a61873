//! The proof from outside: what others find when they really connect to the ports of a host.
//!
//! A host that consents (`outside_proof` in its settings) asks for connections to itself; nobody asks for connections to
//! another. The collector takes the address that the request came from, or one that its plan names for that host, and
//! nothing else; another host that the plan names as a prover goes by its own copy of the plan.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ident::HostId;

/// How the plan calls the collector among the provers.
pub const COLLECTOR: &str = "collector";

/// Most ports of one [`ProofRequest`].
pub const MOST_PORTS_AT_ONCE: usize = 16;

/// Most ports of a host in one round of proofs.
pub const MOST_PORTS: usize = 256;

/// Catalogue id of the check that says what came of it.
pub const CHECK: &str = "firewall.outside-proof";

/// `POST /agent/v1/proof`: the host that asks consents to TCP connections to these ports of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofRequest {
    /// The host's own address to connect to.
    pub address: IpAddr,
    /// TCP ports; at most [`MOST_PORTS_AT_ONCE`].
    pub ports: Vec<u16>,
}

/// What came of a [`ProofRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofReply {
    /// One attempt a port; empty where it was declined.
    pub attempts: Vec<Attempt>,
    /// Why nothing was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declined: Option<Declined>,
}

/// `GET /agent/v1/proof/consents`: a host that consents to be connected to by whoever asks, if the plan says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// The host.
    pub host: HostId,
    /// Its addresses and ports in question, by its own signed word.
    pub in_question: Vec<ProofRequest>,
}

/// `GET /agent/v1/proof/found`: what another host found as a prover of the one that asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testimony {
    /// The prover.
    pub prover: HostId,
    /// The prover's clock at the end of its round.
    pub at: Timestamp,
    /// Its attempts.
    pub attempts: Vec<Attempt>,
}

/// Why nothing was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Declined {
    /// The plan that is published does not name the collector as a prover for this host's role.
    NotInThePlan,
    /// The address is neither the one that the request came from nor one that the plan names for this host.
    NotTheHosts,
    /// The prover is this host itself, or the address is one that means something else to everybody.
    NotOutside,
}

/// One attempt to connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The prover's address; `None` where there was no way to send from.
    pub from: Option<IpAddr>,
    /// The host's address.
    pub to: IpAddr,
    /// TCP port.
    pub port: u16,
    /// What came of it.
    pub outcome: Outcome,
    /// The prover's clock when it was known.
    pub at: Timestamp,
}

/// What came of an attempt to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The connection opened, and was closed at once.
    Connected,
    /// It was refused: nothing listens, or a rule rejects with a reset.
    Refused,
    /// Nothing was heard within the time.
    NoAnswer,
    /// Somebody on the way said that it can't be reached.
    Unreachable,
    /// The prover could not even try.
    NotTried,
}

impl Outcome {
    /// What an error of connect(2) means.
    #[must_use]
    pub fn of(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Self::Refused,
            ErrorKind::TimedOut => Self::NoAnswer,
            // EHOSTUNREACH is the word of a router or of the host itself, EACCES that of its administrator (ICMP 13).
            ErrorKind::HostUnreachable => Self::Unreachable,
            _ => Self::NotTried,
        }
    }
}

/// Whether an address can be that of a host seen from outside: not loopback, link-local (where clouds keep what they
/// tell their machines), multicast, broadcast or unspecified; nor one of these in the clothes of IPv6.
#[must_use]
pub fn is_outside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let first = v4.octets()[0];
            first != 0 && first < 224 && !v4.is_loopback() && !v4.is_link_local()
        }
        IpAddr::V6(v6) => {
            // IPv4-mapped and -compatible addresses, and those that NAT64 makes of IPv4's, mean another host.
            let nat64 = v6.segments()[0] == 0x64 && v6.segments()[1] == 0xff9b;
            let low = v6.segments()[..6] == [0; 6];
            let mapped = v6.to_ipv4_mapped().is_some();
            !(nat64 || low || mapped || v6.is_multicast() || v6.is_unicast_link_local()) && v6 != AWS_METADATA
        }
    }
}

/// Where a cloud tells its machines their secrets over IPv6; over IPv4 it is a link-local address.
const AWS_METADATA: std::net::Ipv6Addr = std::net::Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_host_of_others_is_outside() {
        for address in ["192.0.2.1", "10.1.2.3", "2001:db8::1", "fd00::7"] {
            assert!(is_outside(address.parse().unwrap()), "{address}");
        }
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:192.0.2.1",
            "fe80::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "fd00:ec2::254",
        ] {
            assert!(!is_outside(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_error_of_the_prover_is_no_word_of_the_host() {
        let of = |code| Outcome::of(&std::io::Error::from_raw_os_error(code));
        // connect(2): ECONNREFUSED, EHOSTUNREACH, ETIMEDOUT; ENETUNREACH, EMFILE and EPERM are the prover's own.
        let codes = [111, 113, 110, 101, 24, 1];
        use Outcome::{NoAnswer, NotTried, Refused, Unreachable};
        assert_eq!(
            codes.map(of),
            [Refused, Unreachable, NoAnswer, NotTried, NotTried, NotTried]
        );
    }
}
