//! Where packets are sent: the routing decision, and the way of the answers.

use std::net::IpAddr;

use crate::firewall::routes::{RouteKind, Way};
use crate::firewall::ruleset::Hook;

use super::bits::Cause;
use super::judgement::Tally;
use super::machine::{End, Notes};
use super::packet::{Flow, Link, Stage, State, Tuple};
use super::path::Path;
use super::routing::{Told, address};

/// Where a first packet goes after prerouting.
pub(super) enum Route {
    /// To a socket of this host.
    Here,
    /// To another host, through this one; the interface where it is known.
    Through(Option<Link>),
    /// Nowhere.
    Lost(String),
    /// It can't be told.
    Unsure(String),
}

impl Path<'_> {
    pub(super) fn route(&self, flow: &Flow, state: &State) -> Route {
        if !state.redirected && (flow.destination.is_none() || self.cast(flow) != 0) {
            return Route::Here;
        }
        let bytes = state.destination(flow.is_v6());
        let Some(address) = address(bytes) else {
            // A redirection is to some address of this host; any other that is not known may be anywhere.
            let here = bytes.iter().all(|byte| byte.cause == Cause::DESTINATION);
            return match here {
                true => Route::Here,
                false => Route::Unsure("the translated address is not known".to_owned()),
            };
        };
        if address.is_loopback() {
            return match address {
                _ if flow.link.is_loopback() => Route::Here,
                IpAddr::V4(_) if self.surroundings.routes_loopback(&flow.link.name) => Route::Here,
                IpAddr::V4(_) if self.surroundings.interfaces.is_some() => Route::Lost(format!(
                    "{address} is a loopback address and route_localnet is off"
                )),
                _ => Route::Unsure(format!("whether {address} is reached by translation")),
            };
        }
        let mark = super::routing::mark(state);
        let way = self
            .surroundings
            .way(address.into(), flow_source(flow), mark, &flow.link.name);
        match way {
            Some(Way::Found(RouteKind::Local | RouteKind::Anycast, _)) => return Route::Here,
            Some(Way::Missing) => return Route::Lost(format!("there is no route to {address}")),
            Some(Way::Found(kind, _)) if kind != RouteKind::Unicast => {
                return Route::Lost(format!("the route to {address} discards"));
            }
            Some(Way::Found(_, interfaces)) if self.surroundings.forwards(flow.is_v6()) != Some(false) => {
                let out = interfaces
                    .first()
                    .and_then(|index| self.surroundings.interface_at(*index));
                return Route::Through(out.map(|interface| Link {
                    name: interface.name.clone(),
                    index: Some(interface.index),
                }));
            }
            _ => {}
        }
        match self.surroundings.is_local(address) {
            Some(true) => Route::Here,
            Some(false) if self.surroundings.forwards(flow.is_v6()) == Some(false) => {
                Route::Lost(format!("{address} is not of this host, which does not forward"))
            }
            Some(false) => Route::Through(self.surroundings.link_to(address).map(|interface| Link {
                name: interface.name.clone(),
                index: Some(interface.index),
            })),
            // Without a list of addresses: what is asked about is one of this host unless a rule led there.
            None if !state.redirected => Route::Here,
            None => Route::Unsure(format!("whether {address} is an address of this host")),
        }
    }

    /// Whether a packet passes the kernel's own check of its source, and an answer finds a way: `fib_validate_source`.
    pub(super) fn is_routed_back(
        &self,
        flow: &Flow,
        original: &Tuple,
        state: &State,
        tally: &mut Tally,
        notes: &mut Notes,
    ) -> bool {
        if flow.link.is_loopback() || self.surroundings.routes.is_none() {
            return true;
        }
        let at = self.at(Hook::Input, Stage::First, flow, original);
        let end = |reason: String| End {
            usual: state.usual,
            reason,
        };
        let checked = match flow.is_v6() {
            true => 0,
            false => self
                .surroundings
                .reverse_checked
                .get(&flow.link.name)
                .copied()
                .unwrap_or(0),
        };
        match self.machine.way_back(&at, state, false) {
            Told::Yes(None) => {
                tally.shut(end("there is no route back to the source".to_owned()));
                false
            }
            Told::Yes(Some(interfaces)) => {
                let same = flow.link.index.is_none_or(|index| interfaces.contains(&index));
                if checked == 1 && !same {
                    let reason = format!("rp_filter of {}: answers go out another way", flow.link.name);
                    tally.shut(end(reason));
                }
                checked != 1 || same
            }
            Told::Unknown(cause) if cause.has(Cause::OTHER) => true,
            Told::Unknown(cause) => {
                notes.causes = notes.causes | cause;
                tally.unsure(end("the way back depends on the source".to_owned()), notes);
                false
            }
        }
    }

    /// The interface that answers go out on.
    pub(super) fn answer_link(&self, flow: &Flow, original: &Tuple, state: &State) -> Link {
        let at = self.at(Hook::Input, Stage::First, flow, original);
        if flow.link.is_loopback() {
            return flow.link.clone();
        }
        if let Told::Yes(Some(interfaces)) = self.machine.way_back(&at, state, false)
            && let Some(first) = interfaces.first()
            && !flow.link.index.is_some_and(|index| interfaces.contains(&index))
            && let Some(interface) = self.surroundings.interface_at(*first)
        {
            return Link {
                name: interface.name.clone(),
                index: Some(interface.index),
            };
        }
        flow.link.clone()
    }
}

/// The source of a flow, where it is one.
fn flow_source(flow: &Flow) -> Option<IpAddr> {
    address(&flow.source.bytes(Cause::SOURCE))
}
