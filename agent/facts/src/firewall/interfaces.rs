//! What decides along with the rules: interfaces and their addresses, routes, routing switches, lists that rules look
//! into, containers.
//!
//! Source: rtnetlink(7), `Documentation/networking/ip-sysctl.rst` of the kernel, proc_pid_net(5).

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::connection::DumpError;
use super::ipset::IpSet;
use super::namespaces::{self, Namespace};
use super::proc_net;
use super::routes::{RouteKind, Routes, Search, Way};
use super::rtnetlink;
use crate::host::Host;
use crate::known::Unknown;

/// Largest proc file taken, in bytes.
const LARGEST_PROC_FILE: u64 = 64 * 1024;

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its index.
    pub index: u32,
    /// Switched on.
    pub up: bool,
    /// The loopback interface.
    pub loopback: bool,
    /// `ARPHRD_…`: 1 for Ethernet.
    pub hardware: u16,
    /// What made it: `bridge`, `veth`, `wireguard` …; none for a piece of hardware.
    pub kind: Option<String>,
    /// Its group (`ip link set group`).
    pub group: u32,
    /// Index of the bridge or bond that it is a part of.
    pub master: Option<u32>,
    /// Its hardware address, where it has one of six bytes.
    pub mac: Option<[u8; 6]>,
    /// Its addresses, with the networks that they reach.
    pub addresses: Vec<IpNet>,
}

/// What decides along with the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Surroundings {
    /// Interfaces of this network namespace; `None` where only rules are known, as of a dump.
    pub interfaces: Option<Vec<Interface>>,
    /// Routes; `None` where they are not known.
    pub routes: Option<Routes>,
    /// Interfaces on which packets to 127.0.0.0/8 are taken from others (`route_localnet`).
    pub loopback_routed: Vec<String>,
    /// Interfaces on which the way back to an IPv4 source is checked (`rp_filter`): 1 strictly, 2 loosely.
    pub reverse_checked: BTreeMap<String, u8>,
    /// Whether packets are forwarded, IPv4 and IPv6.
    pub forwarding: [Option<bool>; 2],
    /// Tables of iptables-legacy that are loaded and could not be read, IPv4 and IPv6.
    pub legacy: [Vec<String>; 2],
    /// Sets of ipset(8) that rules name, by their index.
    pub ip_sets: BTreeMap<u16, IpSet>,
    /// Addresses in the lists of `-m recent`, by name.
    pub recent: BTreeMap<String, Vec<IpAddr>>,
    /// Queues that a program listens on (`NFQUEUE`); `None` where that is not known.
    pub queues: Option<Vec<u16>>,
    /// Groups that this host has joined, by interface.
    pub groups: Vec<(String, IpAddr)>,
    /// Other network namespaces, such as containers.
    pub namespaces: Vec<Namespace>,
    /// When it was read.
    pub now: Option<Timestamp>,
}

impl Surroundings {
    /// Reads them; of a host that is not the running one nothing is known.
    pub(super) fn read(host: &Host, now: Timestamp) -> Result<Self, Unknown> {
        let mut surroundings = Self {
            now: Some(now),
            ..Self::default()
        };
        if !host.is_live() {
            return Ok(surroundings);
        }
        let network = rtnetlink::read().map_err(|error: DumpError| Unknown::Failed {
            what: "interfaces and routes".to_owned(),
            why: error.to_string(),
        })?;
        let number = |path: &str| -> Option<u8> {
            let text = host.read_text(path, LARGEST_PROC_FILE).ok()?;
            text.trim().parse().ok()
        };
        let on = |path: &str| number(path).map(|number| number != 0);
        let all = on("/proc/sys/net/ipv4/conf/all/route_localnet") == Some(true);
        let interfaces = network.interfaces;
        let switches = &network.switches;
        let routed = |name: &str| match switches.get(name) {
            Some(switches) => switches.route_localnet,
            None => on(&format!("/proc/sys/net/ipv4/conf/{name}/route_localnet")) == Some(true),
        };
        surroundings.loopback_routed = interfaces
            .iter()
            .map(|interface| interface.name.clone())
            .filter(|name| all || routed(name))
            .collect();
        let checked = |name: &str| match switches.get(name) {
            Some(switches) => switches.rp_filter,
            None => number(&format!("/proc/sys/net/ipv4/conf/{name}/rp_filter")).unwrap_or(0),
        };
        let everywhere = checked("all");
        surroundings.reverse_checked = interfaces
            .iter()
            .map(|interface| (interface.name.clone(), everywhere.max(checked(&interface.name))))
            .filter(|(_, level)| *level != 0)
            .collect();
        surroundings.forwarding = [
            on("/proc/sys/net/ipv4/ip_forward"),
            on("/proc/sys/net/ipv6/conf/all/forwarding"),
        ];
        surroundings.groups = proc_net::groups(host);
        surroundings.queues = proc_net::queues(host);
        surroundings.interfaces = Some(interfaces);
        surroundings.routes = network.routes;
        if surroundings.forwarding.contains(&Some(true)) {
            surroundings.namespaces = namespaces::read(host);
        }
        Ok(surroundings)
    }

    /// Whether packets to 127.0.0.0/8 from others are taken on the interface.
    #[must_use]
    pub fn routes_loopback(&self, interface: &str) -> bool {
        self.loopback_routed.iter().any(|name| name == interface)
    }

    /// The interface of that name.
    #[must_use]
    pub fn interface(&self, name: &str) -> Option<&Interface> {
        self.interfaces
            .iter()
            .flatten()
            .find(|interface| interface.name == name)
    }

    /// The interface of that index.
    #[must_use]
    pub fn interface_at(&self, index: u32) -> Option<&Interface> {
        self.interfaces
            .iter()
            .flatten()
            .find(|interface| interface.index == index)
    }

    /// Whether the address is one of this host; `None` where its addresses are not known.
    #[must_use]
    pub fn is_local(&self, address: IpAddr) -> Option<bool> {
        let interfaces = self.interfaces.as_ref()?;
        if let Some(Way::Found(kind, _)) = self.way(address.into(), None, None, "") {
            return Some(matches!(kind, RouteKind::Local | RouteKind::Anycast));
        }
        let mut nets = interfaces.iter().flat_map(|interface| &interface.addresses);
        Some(address.is_loopback() || nets.any(|net| net.addr() == address))
    }

    /// What the routing tables say of an address or a network; `None` where they are not known.
    #[must_use]
    pub fn way(&self, to: IpNet, from: Option<IpAddr>, mark: Option<u32>, inward: &str) -> Option<Way> {
        let routes = self.routes.as_ref()?;
        Some(routes.search(&Search {
            to,
            from,
            mark,
            inward,
        }))
    }

    /// Whether packets of the family are forwarded; `None` where that is not known.
    #[must_use]
    pub fn forwards(&self, v6: bool) -> Option<bool> {
        let [v4_forwards, v6_forwards] = self.forwarding;
        if v6 { v6_forwards } else { v4_forwards }
    }

    /// The interface that packets to the address go out on: by its route, else the one whose network it is in.
    #[must_use]
    pub fn link_to(&self, address: IpAddr) -> Option<&Interface> {
        if let Some(way) = self.way(address.into(), None, Some(0), "") {
            return match way {
                Way::Found(RouteKind::Unicast, indices) => self.interface_at(*indices.first()?),
                _ => None,
            };
        }
        let interfaces = self.interfaces.as_ref()?;
        let nets = interfaces
            .iter()
            .flat_map(|interface| interface.addresses.iter().map(move |net| (interface, net)));
        let reaching = nets.filter(|(_, net)| net.contains(&address));
        reaching
            .max_by_key(|(_, net)| net.prefix_len())
            .map(|(interface, _)| interface)
    }

    /// Tables of iptables-legacy that are loaded for a family and could not be read.
    #[must_use]
    pub fn legacy_tables(&self, v6: bool) -> &[String] {
        let [v4_tables, v6_tables] = &self.legacy;
        if v6 { v6_tables } else { v4_tables }
    }

    /// Whether the host has an address of the family that others may send to; `None` where that is not known.
    #[must_use]
    pub fn has_addresses(&self, v6: bool) -> Option<bool> {
        let interfaces = self.interfaces.as_ref()?;
        let mut nets = interfaces.iter().flat_map(|interface| &interface.addresses);
        Some(nets.any(|net| net.addr().is_ipv6() == v6 && !net.addr().is_loopback()))
    }
}
