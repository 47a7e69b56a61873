//! The packet that stands for a class of packets, and what the rules have done to it so far.

use std::net::IpAddr;

use plumbline_config::plan::Transport;

use super::bits::{Byte, Bytes, Cause, known, unknown};
use super::space::{AddressBlock, PortBlock};

/// Bytes kept of the network header: IPv4 without options, or IPv6 without extension headers.
pub(super) const NETWORK_BYTES: usize = 40;
/// Bytes kept of the transport header: TCP without options.
pub(super) const TRANSPORT_BYTES: usize = 20;

/// `NF_CT_STATE_BIT`: what `ct state` reads.
pub(super) const STATE_INVALID: u32 = 1;
pub(super) const STATE_ESTABLISHED: u32 = 2;
pub(super) const STATE_NEW: u32 = 8;
pub(super) const STATE_UNTRACKED: u32 = 64;

/// The interface that a packet comes in on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Link {
    /// Its name.
    pub(super) name: String,
    /// Its index, where known. 1 is the loopback interface, in every network namespace.
    pub(super) index: Option<u32>,
}

impl Link {
    /// The loopback interface.
    pub(super) fn is_loopback(&self) -> bool {
        self.name == "lo"
    }
}

/// What connection tracking makes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tracking {
    /// Left out by a rule.
    Untracked,
    /// It belongs to no connection.
    Invalid,
    /// The first of a connection.
    New,
    /// A later one, or an answer.
    Established,
}

/// Which packet of a connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The first: SYN, or a datagram.
    First,
    /// The answer to it.
    Reply,
    /// A later one of the side that began.
    Later,
}

/// A class of first packets.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) transport: Transport,
    pub(super) source: AddressBlock,
    pub(super) source_ports: PortBlock,
    /// The address sent to; `None`: some address of this host.
    pub(super) destination: Option<IpAddr>,
    pub(super) ports: PortBlock,
    pub(super) link: Link,
    /// What senders choose is as Linux chooses it: no traffic class, 64 hops, the usual options.
    pub(super) ordinary: bool,
}

impl Flow {
    pub(super) const fn is_v6(&self) -> bool {
        self.source.v6
    }

    pub(super) const fn protocol(&self) -> u8 {
        match self.transport {
            Transport::Tcp => 6,
            Transport::Udp => 17,
        }
    }

    /// Bytes of the destination address.
    fn destination_bytes(&self) -> Bytes {
        match self.destination {
            Some(IpAddr::V4(address)) => known(&address.octets()),
            Some(IpAddr::V6(address)) => known(&address.octets()),
            None => unknown(self.source.width(), Cause::DESTINATION),
        }
    }
}

/// Addresses and ports of a packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tuple {
    pub(super) source: Bytes,
    pub(super) destination: Bytes,
    pub(super) source_port: Bytes,
    pub(super) port: Bytes,
}

impl Tuple {
    pub(super) fn of(flow: &Flow) -> Self {
        Self {
            source: flow.source.bytes(Cause::SOURCE),
            destination: flow.destination_bytes(),
            source_port: flow.source_ports.bytes(Cause::SOURCE_PORT),
            port: flow.ports.bytes(Cause::PORT),
        }
    }

    /// The same connection as the other side sends.
    pub(super) fn reversed(&self) -> Self {
        Self {
            source: self.destination.clone(),
            destination: self.source.clone(),
            source_port: self.port.clone(),
            port: self.source_port.clone(),
        }
    }
}

/// A packet on its way: what is known of it, and what rules have done to it. Two that are equal have the same future.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) network: [Byte; NETWORK_BYTES],
    pub(super) transport: [Byte; TRANSPORT_BYTES],
    pub(super) mark: [Byte; 4],
    pub(super) connection_mark: [Byte; 4],
    /// Left out of connection tracking.
    pub(super) untracked: bool,
    /// Its connection began outside connection tracking, so what that makes of this packet is not known.
    pub(super) unrecorded: bool,
    /// A NAT rule has given the connection another destination.
    pub(super) redirected: bool,
    /// A NAT rule has decided on the connection at this hook, so no other is asked.
    pub(super) translated: bool,
    /// No unusual answer was assumed on the way here, see [`super::machine`].
    pub(super) usual: bool,
    /// A NAT rule has given the connection another source.
    pub(super) rewritten_source: bool,
    /// Sets that the rules have added this connection to, or taken it from.
    pub(super) changed: Vec<(SetId, bool)>,
    /// Largest segment that the sender takes, where it is known.
    pub(super) segment_size: Option<u16>,
    /// The rules that let the first packet pass.
    pub(super) passed: Vec<String>,
}

/// A set that rules change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SetId {
    /// Of the table at this place.
    Named(usize, String),
    /// Of ipset(8), by its index.
    IpSet(u16),
}

/// Hops that a packet of Linux may take.
const ORDINARY_HOPS: u8 = 64;
/// Most rules remembered as the reason for a verdict.
const MOST_REASONS: usize = 12;

impl State {
    /// A packet of these addresses and ports.
    pub(super) fn new(tuple: &Tuple, flow: &Flow, stage: Stage) -> Self {
        let transport = flow.transport;
        let v6 = tuple.source.len() == 16;
        let protocol = match transport {
            Transport::Tcp => 6,
            Transport::Udp => 17,
        };
        let any = Byte::unknown(Cause::OTHER);
        // What is for a group does not leave the link.
        let hops = match flow.destination {
            Some(to) if to.is_multicast() && stage == Stage::First => 1,
            _ => ORDINARY_HOPS,
        };
        let mut network = [any; NETWORK_BYTES];
        if v6 {
            // Version 6, and the upper half of the traffic class.
            put(&mut network, 0, &[Byte::partly(0x60, 0xf0, Cause::OTHER)]);
            put(&mut network, 6, &[Byte::known(protocol)]);
            put(&mut network, 8, &tuple.source);
            put(&mut network, 24, &tuple.destination);
            if flow.ordinary {
                put(
                    &mut network,
                    0,
                    &[Byte::known(0x60), Byte::partly(0, 0xf0, Cause::OTHER)],
                );
                put(&mut network, 7, &[Byte::known(hops)]);
            }
        } else {
            // Version 4, no options; not a fragment.
            put(&mut network, 0, &[Byte::known(0x45)]);
            put(
                &mut network,
                6,
                &[Byte::partly(0, 0x3f, Cause::OTHER), Byte::known(0)],
            );
            put(&mut network, 9, &[Byte::known(protocol)]);
            put(&mut network, 12, &tuple.source);
            put(&mut network, 16, &tuple.destination);
            if flow.ordinary {
                put(&mut network, 1, &[Byte::known(0)]);
                put(&mut network, 8, &[Byte::known(hops)]);
            }
        }
        if flow.ordinary && transport == Transport::Tcp {
            let header = if v6 { 0 } else { 20 };
            let length = header + if stage == Stage::Later { 32 } else { 40 };
            put(
                &mut network,
                if v6 { 4 } else { 2 },
                &[Byte::known(0), Byte::known(length)],
            );
        }
        let mut header = [any; TRANSPORT_BYTES];
        put(&mut header, 0, &tuple.source_port);
        put(&mut header, 2, &tuple.port);
        if transport == Transport::Tcp {
            let flags = match stage {
                Stage::First => 0x02,
                Stage::Reply => 0x12,
                Stage::Later => 0x10,
            };
            // Reserved bits of the offset byte are 0.
            put(
                &mut header,
                12,
                &[Byte::partly(0, 0x0f, Cause::OTHER), Byte::known(flags)],
            );
        }
        Self {
            network,
            transport: header,
            mark: [Byte::known(0); 4],
            connection_mark: [Byte::known(0); 4],
            untracked: false,
            unrecorded: false,
            redirected: false,
            translated: false,
            usual: true,
            rewritten_source: false,
            changed: Vec::new(),
            segment_size: flow.ordinary.then_some(if v6 { 1440 } else { 1460 }),
            passed: Vec::new(),
        }
    }

    /// Bytes of the network header that hold the destination address.
    const fn destination_span(v6: bool) -> (usize, usize) {
        if v6 { (24, 16) } else { (16, 4) }
    }

    pub(super) fn destination(&self, v6: bool) -> &[Byte] {
        let (offset, length) = Self::destination_span(v6);
        self.network.get(offset..offset + length).unwrap_or_default()
    }

    pub(super) fn set_destination(&mut self, v6: bool, address: &[Byte]) {
        let (offset, length) = Self::destination_span(v6);
        put(
            &mut self.network,
            offset,
            address.get(..length).unwrap_or_default(),
        );
    }

    pub(super) fn source(&self, v6: bool) -> &[Byte] {
        let (offset, length) = if v6 { (8, 16) } else { (12, 4) };
        self.network.get(offset..offset + length).unwrap_or_default()
    }

    pub(super) fn port(&self) -> &[Byte] {
        self.transport.get(2..4).unwrap_or_default()
    }

    pub(super) fn set_port(&mut self, port: &[Byte]) {
        put(&mut self.transport, 2, port.get(..2).unwrap_or_default());
    }

    /// Addresses and ports as they are now.
    pub(super) fn tuple(&self, v6: bool) -> Tuple {
        Tuple {
            source: self.source(v6).into(),
            destination: self.destination(v6).into(),
            source_port: self.transport.get(..2).unwrap_or_default().into(),
            port: self.port().into(),
        }
    }

    /// Whether the rules would go on the same with it.
    pub(super) fn same_future(&self, other: &Self) -> bool {
        self.network == other.network
            && self.transport == other.transport
            && self.mark == other.mark
            && self.connection_mark == other.connection_mark
            && (self.untracked, self.unrecorded) == (other.untracked, other.unrecorded)
            && (self.redirected, self.translated) == (other.redirected, other.translated)
            && (self.rewritten_source, &self.changed) == (other.rewritten_source, &other.changed)
    }

    /// Whether the rules have put this connection into the set; `None` where they have not touched it.
    pub(super) fn is_put_into(&self, set: &SetId) -> Option<bool> {
        let mut changes = self.changed.iter().rev();
        changes
            .find(|(changed, _)| changed == set)
            .map(|(_, added)| *added)
    }

    /// Remembers a rule that let it pass.
    pub(super) fn note(&mut self, reason: String) {
        if self.passed.len() < MOST_REASONS && !self.passed.contains(&reason) {
            self.passed.push(reason);
        }
    }
}

/// Writes bytes at an offset, as far as there is room.
pub(super) fn put(bytes: &mut [Byte], offset: usize, new: &[Byte]) {
    if let Some(space) = bytes.get_mut(offset..) {
        for (old, new) in space.iter_mut().zip(new) {
            *old = *new;
        }
    }
}

/// Adds a state unless one with the same future is there, which then is usual if either is.
pub(super) fn merge(states: &mut Vec<State>, state: State) {
    match states.iter_mut().find(|other| other.same_future(&state)) {
        Some(other) => {
            if state.usual && !other.usual {
                other.passed = state.passed;
                other.usual = true;
            }
        }
        None => states.push(state),
    }
}
