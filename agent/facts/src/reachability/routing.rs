//! What the routing tables say of an address of which some bits may not be known.
//!
//! Source: `net/ipv4/fib_frontend.c` (`inet_dev_addr_type`), `nft_fib_ipv4.c`, `nft_fib_ipv6.c`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::firewall::routes::{RouteKind, Way};
use crate::firewall::ruleset::Hook;

use super::bits::{Byte, Cause, cause, lowest, value};
use super::machine::{At, Machine};
use super::packet::{Link, State};

/// Something of an address, or what it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told<T> {
    /// It is this for every address of the class.
    Yes(T),
    /// It differs, or can't be told.
    Unknown(Cause),
}

/// An address, where every bit is known.
pub(super) fn address(bytes: &[Byte]) -> Option<IpAddr> {
    let bytes = value(bytes)?;
    if let Ok(octets) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(Ipv4Addr::from(octets).into());
    }
    <[u8; 16]>::try_from(bytes.as_slice())
        .ok()
        .map(|octets| Ipv6Addr::from(octets).into())
}

/// The network of the bits that are known up to the first that is not.
pub(super) fn network(bytes: &[Byte]) -> Option<IpNet> {
    let mut length = 0u8;
    for byte in bytes {
        let known = u8::try_from(byte.known.leading_ones()).ok()?;
        length = length.checked_add(known)?;
        if known < 8 {
            break;
        }
    }
    let low = lowest(bytes);
    let address = match low.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(low.as_slice()).ok()?),
        _ => IpAddr::from(<[u8; 16]>::try_from(low.as_slice()).ok()?),
    };
    IpNet::new(address, length).ok().map(|net| net.trunc())
}

/// The mark, where every bit is known.
pub(super) fn mark(state: &State) -> Option<u32> {
    let bytes = value(&state.mark)?;
    Some(u32::from_ne_bytes(bytes.as_slice().try_into().ok()?))
}

impl Machine<'_> {
    /// `RTN_…` of an address, as `fib … type` and `-m addrtype` see it; of one device alone where it is given.
    pub(super) fn address_type(
        &self,
        at: &At<'_>,
        state: &State,
        source: bool,
        device: Option<&Link>,
    ) -> Told<u32> {
        const LOCAL: Told<u32> = Told::Yes(2);
        const UNICAST: Told<u32> = Told::Yes(1);
        let bytes = if source {
            state.source(at.v6)
        } else {
            state.destination(at.v6)
        };
        let Some(to) = network(bytes) else {
            return Told::Unknown(Cause::OTHER);
        };
        let arrives = matches!(at.hook, Hook::Ingress | Hook::Prerouting | Hook::Input);
        if !source && arrives && at.any_address && !state.redirected && device.is_none() {
            // What is asked about is a packet to this host, by whichever of its addresses.
            return LOCAL;
        }
        let Some(routes) = &self.surroundings.routes else {
            return match (source, at.inward) {
                (true, Some(link)) if link.is_loopback() => LOCAL,
                // Packets of others come from addresses that are not this host's.
                (true, Some(_)) => UNICAST,
                (false, _) if arrives && !state.redirected => LOCAL,
                _ => Told::Unknown(cause(bytes) | Cause::OTHER),
            };
        };
        let multicast: IpNet = match at.v6 {
            true => IpNet::from(IpAddr::from([0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
            false => IpNet::from(IpAddr::from([224, 0, 0, 0])),
        };
        let multicast = IpNet::new(multicast.addr(), if at.v6 { 8 } else { 4 }).unwrap_or(multicast);
        if multicast.contains(&to) {
            return Told::Yes(5);
        }
        if to.contains(&multicast) {
            return Told::Unknown(cause(bytes));
        }
        if to.addr() == IpAddr::from([255, 255, 255, 255]) {
            return Told::Yes(3);
        }
        let way = if at.v6 {
            self.surroundings.way(to, None, Some(0), "")
        } else {
            // Only the table of local addresses is asked.
            Some(routes.local(to))
        };
        match way {
            Some(Way::Found(kind, interfaces)) => {
                let here =
                    device.is_none_or(|link| link.index.is_some_and(|index| interfaces.contains(&index)));
                match kind {
                    RouteKind::Local | RouteKind::Anycast | RouteKind::Broadcast if !here => UNICAST,
                    kind => Told::Yes(kind.number()),
                }
            }
            // Without a route IPv6 says "unreachable".
            Some(Way::Missing) if at.v6 => Told::Yes(7),
            Some(Way::Missing) => UNICAST,
            Some(Way::Mixed) => Told::Unknown(cause(bytes)),
            _ => Told::Unknown(Cause::OTHER),
        }
    }

    /// The interface that packets to the other side's address go out on; `Yes(None)`: there is no route to it.
    pub(super) fn way_back(&self, at: &At<'_>, state: &State, with_mark: bool) -> Told<Option<Vec<u32>>> {
        let bytes = state.source(at.v6);
        let Some(to) = network(bytes) else {
            return Told::Unknown(Cause::OTHER);
        };
        // Every link has the same local network: an answer goes out where the packet came in.
        let is_link_local = match to.addr() {
            IpAddr::V6(address) => to.prefix_len() >= 10 && address.is_unicast_link_local(),
            IpAddr::V4(_) => false,
        };
        if let (true, Some(index)) = (is_link_local, at.inward.and_then(|link| link.index)) {
            return Told::Yes(Some(vec![index]));
        }
        let from = address(state.destination(at.v6)).filter(|address| !address.is_multicast());
        let mark = if with_mark { mark(state) } else { Some(0) };
        let inward = at.inward.map_or("", |link| link.name.as_str());
        match self.surroundings.way(to, from, mark, inward) {
            Some(Way::Found(RouteKind::Unicast, interfaces)) => Told::Yes(Some(interfaces)),
            Some(Way::Found(..) | Way::Missing) => Told::Yes(None),
            Some(Way::Mixed) => Told::Unknown(cause(bytes)),
            _ => Told::Unknown(Cause::OTHER),
        }
    }
}
