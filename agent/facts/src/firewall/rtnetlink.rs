//! Interfaces, addresses, routes and routing rules of this network namespace, over netlink.
//!
//! Source: rtnetlink(7); the enumerations of `include/uapi/linux/{rtnetlink,if_link,if_addr,fib_rules}.h`, named in the
//! comments. Anyone may ask.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::attributes::{Attributes, Message};
use super::connection::{Connection, DUMP, DumpError, ROUTE};
use super::interfaces::Interface;
use super::routes::{Route, RouteKind, Routes, RoutingRule};

/// `RTM_GETLINK`, `RTM_GETADDR`, `RTM_GETROUTE`, `RTM_GETRULE`.
const GET_LINK: u16 = 18;
const GET_ADDRESS: u16 = 22;
const GET_ROUTE: u16 = 26;
const GET_RULE: u16 = 34;
/// `AF_INET`, `AF_INET6`.
const V4: u8 = 2;
const V6: u8 = 10;
/// Most routes taken; a host with more has its routes unknown.
const MOST_ROUTES: usize = 100_000;
/// How often a dump starts anew because it was interrupted.
const MOST_ATTEMPTS: u32 = 10;
/// `RTM_F_CLONED`: an entry of the cache, not a route.
const CLONED: u32 = 0x200;

/// What rtnetlink(7) tells of a network namespace.
pub(super) struct Network {
    pub(super) interfaces: Vec<Interface>,
    /// Of each interface that has them, by its name.
    pub(super) switches: BTreeMap<String, Switches>,
    /// `None` where there are too many of them.
    pub(super) routes: Option<Routes>,
}

/// `net.ipv4.conf.INTERFACE.…`
#[derive(Clone, Copy, Debug)]
pub(super) struct Switches {
    pub(super) route_localnet: bool,
    pub(super) rp_filter: u8,
}

/// Reads it.
pub(super) fn read() -> Result<Network, DumpError> {
    let mut connection = Connection::open(ROUTE)?;
    let mut interfaces: BTreeMap<u32, Interface> = BTreeMap::new();
    let mut switched = BTreeMap::new();
    for message in dump(&mut connection, GET_LINK, 0)? {
        if let Some(interface) = link(&message) {
            if let Some(switches) = switches(&message) {
                switched.insert(interface.name.clone(), switches);
            }
            interfaces.insert(interface.index, interface);
        }
    }
    for message in dump(&mut connection, GET_ADDRESS, 0)? {
        if let Some((index, net)) = address(&message)
            && let Some(interface) = interfaces.get_mut(&index)
        {
            interface.addresses.push(net);
        }
    }
    let mut routes = Routes::default();
    let mut whole = true;
    for family in [V4, V6] {
        for message in dump(&mut connection, GET_ROUTE, family)? {
            whole &= routes.routes.len() < MOST_ROUTES;
            if whole {
                routes.routes.extend(route(&message));
            }
        }
        for message in dump(&mut connection, GET_RULE, family)? {
            routes.rules.extend(rule(&message));
        }
    }
    routes.rules.sort_by_key(|rule| (rule.v6, rule.priority));
    Ok(Network {
        interfaces: interfaces.into_values().collect(),
        switches: switched,
        routes: whole.then_some(routes),
    })
}

/// The payloads of the answer; none where the kernel lacks the family.
fn dump(connection: &mut Connection, kind: u16, family: u8) -> Result<Vec<Vec<u8>>, DumpError> {
    // The longest of the headers that a question may start with, `struct ifinfomsg`; all start with the family.
    let mut header = [0; 16];
    header[0] = family;
    for _ in 0..MOST_ATTEMPTS {
        let mut found = Vec::new();
        let take = |message: Message<'_>| found.push(message.payload.to_vec());
        match connection.ask(kind, DUMP, &header, take) {
            Ok(true) => return Ok(found),
            Ok(false) => {}
            Err(DumpError::Io(error)) if error.kind() == std::io::ErrorKind::Unsupported => return Ok(found),
            Err(error) => return Err(error),
        }
    }
    Err(DumpError::Unstable)
}

/// A number of the host's order.
fn number(attributes: Attributes<'_>, kind: u16) -> Option<u32> {
    Some(u32::from_ne_bytes(attributes.get(kind)?.try_into().ok()?))
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(octets).into());
    }
    <[u8; 16]>::try_from(bytes)
        .ok()
        .map(|octets| Ipv6Addr::from(octets).into())
}

/// `struct ifinfomsg` and `IFLA_…`.
fn link(message: &[u8]) -> Option<Interface> {
    let attributes = Attributes(message.get(16..)?);
    Some(Interface {
        name: attributes.text(3)?,
        index: u32::from_ne_bytes(*message.get(4..)?.first_chunk()?),
        // IFF_UP, IFF_LOOPBACK.
        up: message.get(8)? & 1 != 0,
        loopback: message.get(8)? & 8 != 0,
        hardware: u16::from_ne_bytes(*message.get(2..)?.first_chunk()?),
        // IFLA_LINKINFO holds IFLA_INFO_KIND.
        kind: attributes.nested(18).text(1),
        group: number(attributes, 27).unwrap_or_default(),
        master: number(attributes, 10),
        mac: attributes.get(1).and_then(|bytes| bytes.try_into().ok()),
        addresses: Vec::new(),
    })
}

/// IFLA_AF_SPEC holds, of AF_INET, IFLA_INET_CONF: the switches in the order of `IPV4_DEVCONF_…`, which begins at 1.
fn switches(message: &[u8]) -> Option<Switches> {
    const RP_FILTER: usize = 8;
    const ROUTE_LOCALNET: usize = 26;
    let values = Attributes(message.get(16..)?)
        .nested(26)
        .nested(V4.into())
        .get(1)?;
    let switch = |number: usize| {
        let value = values.get((number - 1) * 4..)?.first_chunk()?;
        Some(i32::from_ne_bytes(*value))
    };
    Some(Switches {
        route_localnet: switch(ROUTE_LOCALNET)? != 0,
        rp_filter: u8::try_from(switch(RP_FILTER)?).unwrap_or_default(),
    })
}

/// `struct ifaddrmsg` and `IFA_…`.
fn address(message: &[u8]) -> Option<(u32, IpNet)> {
    let attributes = Attributes(message.get(8..)?);
    // IFA_LOCAL is the own end of a point-to-point link, IFA_ADDRESS the other's.
    let address = ip(attributes.get(2).or_else(|| attributes.get(1))?)?;
    let net = IpNet::new(address, *message.get(1)?).ok()?;
    Some((u32::from_ne_bytes(*message.get(4..)?.first_chunk()?), net))
}

/// `struct rtmsg` and `RTA_…`.
fn route(message: &[u8]) -> Option<Route> {
    let attributes = Attributes(message.get(12..)?);
    let flags = u32::from_ne_bytes(*message.get(8..)?.first_chunk()?);
    if flags & CLONED != 0 {
        return None;
    }
    let v6 = match *message.first()? {
        V4 => false,
        V6 => true,
        _ => return None,
    };
    let any = if v6 {
        IpAddr::from([0; 16])
    } else {
        IpAddr::from([0; 4])
    };
    let to = attributes.get(1).map_or(Some(any), ip)?;
    let mut interfaces: Vec<u32> = number(attributes, 4).into_iter().collect();
    // RTA_MULTIPATH: a run of struct rtnexthop, each of its own length, with the index at 4.
    let mut hops = attributes.get(9).unwrap_or_default();
    while let Some(length) = hops
        .first_chunk()
        .map(|bytes| usize::from(u16::from_ne_bytes(*bytes)))
    {
        let Some(index) = hops.get(4..).and_then(<[u8]>::first_chunk) else {
            break;
        };
        interfaces.push(u32::from_ne_bytes(*index));
        hops = match length {
            0..8 => &[],
            _ => hops.get(length.next_multiple_of(4)..).unwrap_or_default(),
        };
    }
    // rtm_src_len, rtm_tos, and RTA_NH_ID without the interfaces of the next hops.
    let odd = *message.get(2)? != 0
        || *message.get(3)? != 0
        || attributes.get(30).is_some() && interfaces.is_empty();
    Some(Route {
        table: number(attributes, 15).unwrap_or(u32::from(*message.get(4)?)),
        destination: IpNet::new(to, *message.get(1)?).ok()?.trunc(),
        kind: RouteKind::from_number(*message.get(7)?)?,
        interfaces,
        metric: number(attributes, 6).unwrap_or_default(),
        odd,
    })
}

/// `struct fib_rule_hdr` and `FRA_…`.
fn rule(message: &[u8]) -> Option<RoutingRule> {
    /// `FR_ACT_TO_TBL`, `FR_ACT_GOTO`, `FR_ACT_NOP`; the others discard.
    const TO_TABLE: u8 = 1;
    const GOTO: u8 = 2;
    const NOTHING: u8 = 3;
    /// `FIB_RULE_INVERT`.
    const INVERT: u32 = 2;
    let attributes = Attributes(message.get(12..)?);
    let v6 = match *message.first()? {
        V4 => false,
        V6 => true,
        _ => return None,
    };
    let net = |kind, length: u8| {
        let address = attributes.get(kind).and_then(ip)?;
        IpNet::new(address, length).ok().map(|net| net.trunc())
    };
    let action = *message.get(7)?;
    if action == NOTHING {
        return None;
    }
    let flags = u32::from_ne_bytes(*message.get(8..)?.first_chunk()?);
    let mark = number(attributes, 10).unwrap_or_default();
    let mask = number(attributes, 16).unwrap_or_default();
    // rtm_tos, goto, FRA_OIFNAME, FRA_TUN_ID, FRA_L3MDEV, FRA_UID_RANGE, FRA_IP_PROTO and ports.
    let everyone = |range: &[u8]| range == [0, 0, 0, 0, 255, 255, 255, 255];
    let odd = *message.get(3)? != 0
        || action == GOTO
        || attributes.get(17).is_some()
        || attributes
            .get(12)
            .is_some_and(|id| id.iter().any(|byte| *byte != 0))
        || attributes.byte(19).unwrap_or_default() != 0
        || attributes.get(20).is_some_and(|range| !everyone(range))
        || attributes.byte(22).unwrap_or_default() != 0
        || attributes.get(23).is_some()
        || attributes.get(24).is_some();
    Some(RoutingRule {
        v6,
        priority: number(attributes, 6).unwrap_or_default(),
        from: net(2, *message.get(2)?),
        to: net(1, *message.get(1)?),
        mark: (mark != 0 || mask != 0).then_some((mark, mask)),
        inward: attributes.text(3),
        table: (action == TO_TABLE).then(|| {
            number(attributes, 15).unwrap_or(u32::from(message.get(4).copied().unwrap_or_default()))
        }),
        inverted: flags & INVERT != 0,
        suppressed: number(attributes, 14).and_then(|length| u8::try_from(length).ok()),
        odd,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (link(&bytes), switches(&bytes), address(&bytes), route(&bytes), rule(&bytes));
        }
    }

    #[test]
    fn this_host_has_a_loopback_interface_that_its_routes_lead_to() {
        let network = read().unwrap();
        let lo = network
            .interfaces
            .iter()
            .find(|interface| interface.name == "lo")
            .unwrap();
        assert!(lo.loopback && lo.index == 1);
        assert!(!network.routes.unwrap().rules.is_empty());
    }

    #[test]
    fn switches_of_interfaces_are_what_their_files_say() {
        let network = read().unwrap();
        assert!(network.switches.contains_key("lo"));
        let host = crate::host::Host::live().unwrap();
        for (name, switches) in network.switches {
            let file = |switch: &str| {
                let path = format!("/proc/sys/net/ipv4/conf/{name}/{switch}");
                let text = host.read_text(path, 64).unwrap();
                text.trim().parse::<u8>().unwrap()
            };
            assert_eq!(switches.rp_filter, file("rp_filter"), "{name}");
            assert_eq!(
                u8::from(switches.route_localnet),
                file("route_localnet"),
                "{name}"
            );
        }
    }
}
