//! Which socket takes a packet.

use std::net::IpAddr;

use crate::sockets::Listener;

use super::bits::value;
use super::packet::{Flow, State};
use super::path::Aim;
use super::routing::address;

/// Whether a socket takes what arrives.
pub(super) enum Heard {
    Yes,
    No,
    Unsure,
}

pub(super) fn heard(listeners: &[Listener], flow: &Flow, state: &State) -> Heard {
    let v6 = flow.is_v6();
    let at = address(state.destination(v6));
    let mut heard = Heard::No;
    for listener in listeners {
        let port = super::bits::equal(state.port(), &listener.port.to_be_bytes());
        let family = listener.address.is_ipv6() == v6 || !v6 && takes_both(listener);
        let link = listener
            .interface
            .as_ref()
            .is_none_or(|name| *name == flow.link.name);
        if listener.transport != flow.transport || port == super::bits::Truth::No || !family || !link {
            continue;
        }
        let address = listener.address.is_unspecified() || at == Some(listener.address);
        if address && port == super::bits::Truth::Yes {
            return Heard::Yes;
        }
        if address || at.is_none() && !listener.address.is_loopback() {
            heard = Heard::Unsure;
        }
    }
    heard
}

/// A socket on `::` that takes IPv4 too.
pub(super) const fn takes_both(listener: &Listener) -> bool {
    listener.address.is_unspecified() && listener.address.is_ipv6() && !listener.v6_only
}

pub(super) fn listeners_of<'a>(aim: Aim<'a>, redirected: bool) -> Option<&'a [Listener]> {
    match aim {
        Aim::Direct => None,
        Aim::Translated(listeners) => redirected.then_some(listeners),
        Aim::Either(listeners) => listeners,
    }
}

/// The destination of a state in words: `172.17.0.2:80`, `*:8080`.
pub(super) fn target(state: &State, v6: bool) -> String {
    let port = match value(state.port()).as_deref() {
        Some([high, low]) => u16::from_be_bytes([*high, *low]).to_string(),
        _ => "*".to_owned(),
    };
    match address(state.destination(v6)) {
        Some(IpAddr::V4(address)) => format!("{address}:{port}"),
        Some(IpAddr::V6(address)) => format!("[{address}]:{port}"),
        None => format!("*:{port}"),
    }
}
