//! Whether other hosts can reach a socket in another network namespace of this one: over a port that is translated to it,
//! or because packets to its address are passed on.

use std::net::{IpAddr, SocketAddr};

use plumbline_facts::firewall::{FirewallFacts, Interface, Surroundings};
use plumbline_facts::reachability::{Answerer, Question, Reach, Reachability, Verdict};
use plumbline_facts::sockets::Listener;
use plumbline_facts::tls::Elsewhere;

/// Whether other hosts can reach a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// Some can.
    Yes,
    /// None can.
    No,
    /// It can't be told.
    Unknown,
}

/// Kinds of interfaces: a bridge, and one end of a pair, of which the other is in a namespace.
const BRIDGE: &str = "bridge";
const PAIR: &str = "veth";

/// Answers by the host's packet filter.
pub(crate) struct Inward<'f> {
    surroundings: &'f Surroundings,
    reach: &'f Reachability,
    answerer: Answerer<'f>,
}

impl<'f> Inward<'f> {
    /// `reach`: what others reach of the host's own sockets, and of the ports that it translates.
    pub(crate) fn new(firewall: &'f FirewallFacts, reach: &'f Reachability) -> Self {
        Self {
            surroundings: &firewall.surroundings,
            reach,
            answerer: Answerer::new(firewall, None),
        }
    }

    /// Whether other hosts reach a socket of a namespace that is not bound to loopback.
    pub(crate) fn reaches(&self, socket: &Listener, namespace: &Elsewhere) -> Reached {
        let takes = |address: &&IpAddr| match socket.address {
            bound if !bound.is_unspecified() => **address == bound,
            IpAddr::V4(_) => address.is_ipv4(),
            IpAddr::V6(_) => address.is_ipv6() || !socket.v6_only,
        };
        let mut reached = Reached::No;
        for address in namespace.addresses.iter().filter(takes) {
            match self.passed_on(*address, socket) {
                Reached::Yes => return Reached::Yes,
                Reached::Unknown => reached = Reached::Unknown,
                Reached::No => {}
            }
        }
        // What comes in past the host is filtered, if at all, by rules that were not looked at.
        if namespace.bypasses_host {
            return Reached::Unknown;
        }
        reached
    }

    fn passed_on(&self, address: IpAddr, socket: &Listener) -> Reached {
        let target = SocketAddr::new(address, socket.port).to_string();
        let leads = |reach: &Reach| reach.transport == socket.transport && reach.targets.contains(&target);
        if self.reach.reachable.iter().any(leads) {
            return Reached::Yes;
        }
        // Nobody sends to a link-local address from beyond the link, which ends at the host.
        if matches!(address, IpAddr::V6(address) if address.is_unicast_link_local()) {
            return Reached::No;
        }
        let Some(out) = self.surroundings.link_to(address) else {
            return Reached::Unknown;
        };
        if self.is_open_bridge(out) {
            return Reached::Unknown;
        }
        let replies = self.inward(out).map(|interface| {
            self.answerer
                .answer(&Question {
                    id: serde_json::Value::Null,
                    from: None,
                    from_port: None,
                    interface: Some(interface.name.clone()),
                    to: address,
                    port: socket.port,
                    transport: socket.transport,
                })
                .verdict
        });
        let mut unknown = self.reach.unknown.iter().any(leads);
        for verdict in replies {
            match verdict {
                Verdict::Reachable => return Reached::Yes,
                Verdict::Unknown => unknown = true,
                Verdict::Blocked => {}
            }
        }
        if unknown { Reached::Unknown } else { Reached::No }
    }

    /// A bridge with a part that is not the end of a pair: whoever is beyond that part is on the bridge too, and no
    /// packet filter of this host need be between.
    fn is_open_bridge(&self, link: &Interface) -> bool {
        link.kind.as_deref() == Some(BRIDGE)
            && self
                .links()
                .any(|part| part.master == Some(link.index) && part.kind.as_deref() != Some(PAIR))
    }

    /// The interfaces by which packets of other hosts come in that are to go out on `out`: none on which there are
    /// namespaces of this machine alone.
    fn inward(&self, out: &Interface) -> impl Iterator<Item = &'f Interface> {
        let out = out.index;
        self.links().filter(move |link| {
            let bridged = link
                .master
                .and_then(|master| self.surroundings.interface_at(master))
                .is_some_and(|master| master.kind.as_deref() == Some(BRIDGE));
            let inside = link.kind.as_deref() == Some(BRIDGE) && !self.is_open_bridge(link);
            link.up && !link.loopback && link.index != out && !bridged && !inside
        })
    }

    fn links(&self) -> impl Iterator<Item = &'f Interface> + use<'f> {
        self.surroundings.interfaces.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use plumbline_config::plan::Transport;
    use plumbline_facts::reachability::reachability;

    use super::*;

    fn link(name: &str, index: u32, kind: Option<&str>, address: Option<&str>) -> Interface {
        Interface {
            name: name.to_owned(),
            index,
            up: true,
            kind: kind.map(str::to_owned),
            addresses: address.iter().map(|net| net.parse().unwrap()).collect(),
            ..Interface::default()
        }
    }

    /// A host on a network, with a bridge to its containers, which filters nothing.
    fn host(forwards: bool) -> FirewallFacts {
        let mut facts = FirewallFacts::default();
        facts.surroundings.interfaces = Some(vec![
            link("eth0", 2, None, Some("192.0.2.1/24")),
            link("br0", 3, Some(BRIDGE), Some("10.70.0.1/24")),
            Interface {
                master: Some(3),
                ..link("veth0", 4, Some(PAIR), None)
            },
        ]);
        facts.surroundings.forwarding = [Some(forwards); 2];
        facts
    }

    fn container() -> Elsewhere {
        Elsewhere {
            name: "web".to_owned(),
            closed: false,
            addresses: vec!["10.70.0.2".parse().unwrap(), "fe80::2".parse().unwrap()],
            bypasses_host: false,
        }
    }

    fn reached(firewall: &FirewallFacts, address: &str, namespace: &Elsewhere) -> Reached {
        let socket = Listener {
            transport: Transport::Tcp,
            address: address.parse().unwrap(),
            port: 80,
            interface: None,
            v6_only: false,
            process: None,
        };
        let reach = reachability(firewall, &[]);
        Inward::new(firewall, &reach).reaches(&socket, namespace)
    }

    #[test]
    fn a_container_is_reached_where_the_host_passes_packets_on() {
        assert_eq!(reached(&host(true), "0.0.0.0", &container()), Reached::Yes);
        assert_eq!(reached(&host(true), "::", &container()), Reached::Yes);
        assert_eq!(reached(&host(true), "10.70.0.2", &container()), Reached::Yes);
        assert_eq!(reached(&host(false), "0.0.0.0", &container()), Reached::No);
        let alone = Elsewhere::default();
        assert_eq!(
            reached(&host(true), "0.0.0.0", &alone),
            Reached::No,
            "it has no address"
        );
    }

    #[test]
    fn a_way_past_the_packet_filter_of_the_host_leaves_it_open() {
        let bypassed = Elsewhere {
            bypasses_host: true,
            ..container()
        };
        assert_eq!(reached(&host(false), "0.0.0.0", &bypassed), Reached::Unknown);
        let mut bridged = host(false);
        let links = bridged.surroundings.interfaces.as_mut().unwrap();
        links[0].master = Some(3);
        assert_eq!(reached(&bridged, "0.0.0.0", &container()), Reached::Unknown);
        let elsewhere = Elsewhere {
            addresses: vec!["172.31.0.2".parse().unwrap()],
            ..container()
        };
        assert_eq!(
            reached(&host(true), "0.0.0.0", &elsewhere),
            Reached::Unknown,
            "no interface leads there"
        );
    }
}
