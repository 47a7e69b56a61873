//! What decides along with the rules: interfaces and their addresses, routing switches, rules of the older engine.
//!
//! Source: getifaddrs(3), `Documentation/networking/ip-sysctl.rst` of the kernel, proc files of ip_tables.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::SockaddrStorage;

use crate::host::{Host, ReadError};

/// Largest proc file taken, in bytes.
const LARGEST_PROC_FILE: u64 = 64 * 1024;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its index.
    pub index: u32,
    /// Its addresses, with the networks that they reach.
    pub addresses: Vec<IpNet>,
}

/// What decides along with the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Interfaces of this network namespace; `None` where only rules are known, as of a dump.
    pub interfaces: Option<Vec<Interface>>,
    /// Interfaces on which packets to 127.0.0.0/8 are taken from others (`route_localnet`).
    pub loopback_routed: Vec<String>,
    /// Whether packets are forwarded, IPv4 and IPv6.
    pub forwarding: [Option<bool>; 2],
    /// Tables of iptables-legacy that are loaded, IPv4 and IPv6.
    pub legacy: [Vec<String>; 2],
}

impl Surroundings {
    /// Reads them; of a host that is not the running one only what its files tell.
    pub fn read(host: &Host) -> Result<Self, ReadError> {
        let legacy = |path| match host.read_text(path, LARGEST_PROC_FILE) {
            Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
            Err(ReadError::NotFound(_)) => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        let mut surroundings = Self {
            legacy: [
                legacy("/proc/net/ip_tables_names")?,
                legacy("/proc/net/ip6_tables_names")?,
            ],
            ..Self::default()
        };
        if !host.is_live() {
            return Ok(surroundings);
        }
        let interfaces = list();
        let on = |path: &str| switch(host, path);
        let all = on("/proc/sys/net/ipv4/conf/all/route_localnet") == Some(true);
        surroundings.loopback_routed = interfaces
            .iter()
            .map(|interface| interface.name.clone())
            .filter(|name| all || on(&format!("/proc/sys/net/ipv4/conf/{name}/route_localnet")) == Some(true))
            .collect();
        surroundings.forwarding = [
            on("/proc/sys/net/ipv4/ip_forward"),
            on("/proc/sys/net/ipv6/conf/all/forwarding"),
        ];
        surroundings.interfaces = Some(interfaces);
        Ok(surroundings)
    }

    /// Whether packets to 127.0.0.0/8 from others are taken on the interface.
    #[must_use]
    pub fn routes_loopback(&self, interface: &str) -> bool {
        self.loopback_routed.iter().any(|name| name == interface)
    }

    /// Whether the address is one of this host; `None` where its addresses are not known.
    #[must_use]
    pub fn is_local(&self, address: IpAddr) -> Option<bool> {
        let interfaces = self.interfaces.as_ref()?;
        let mut nets = interfaces.iter().flat_map(|interface| &interface.addresses);
        Some(address.is_loopback() || nets.any(|net| net.addr() == address))
    }

    /// Whether packets of the family are forwarded; `None` where that is not known.
    #[must_use]
    pub fn forwards(&self, v6: bool) -> Option<bool> {
        let [v4_forwards, v6_forwards] = self.forwarding;
        if v6 { v6_forwards } else { v4_forwards }
    }

    /// The interface whose own network the address is in.
    #[must_use]
    pub fn link_to(&self, address: IpAddr) -> Option<&Interface> {
        let interfaces = self.interfaces.as_ref()?;
        let nets = interfaces
            .iter()
            .flat_map(|interface| interface.addresses.iter().map(move |net| (interface, net)));
        let reaching = nets.filter(|(_, net)| net.contains(&address));
        reaching
            .max_by_key(|(_, net)| net.prefix_len())
            .map(|(interface, _)| interface)
    }

    /// Tables of iptables-legacy that are loaded for a family.
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

/// A proc file that holds 0 or another number.
fn switch(host: &Host, path: &str) -> Option<bool> {
    let text = host.read_text(path, LARGEST_PROC_FILE).ok()?;
    Some(text.trim() != "0")
}

/// Every interface, with its addresses; none where the kernel won't tell.
fn list() -> Vec<Interface> {
    let mut found: BTreeMap<String, Interface> = BTreeMap::new();
    for entry in getifaddrs().into_iter().flatten() {
        let name = entry.interface_name;
        let interface = found.entry(name.clone()).or_insert_with(|| Interface {
            index: if_nametoindex(name.as_str()).unwrap_or_default(),
            name,
            addresses: Vec::new(),
        });
        let address = entry.address.as_ref().and_then(ip);
        let mask = entry.netmask.as_ref().and_then(ip);
        if let Some(net) = address
            .zip(mask)
            .and_then(|(address, mask)| IpNet::with_netmask(address, mask).ok())
        {
            interface.addresses.push(net);
        }
    }
    found.into_values().collect()
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}
