//! Expressions of nf_tables: what a rule does, one register operation after the other.
//!
//! Source: `include/uapi/linux/netfilter/nf_tables.h` and the `eval` functions of `net/netfilter/nft_*.c`.

use serde::{Deserialize, Serialize};

/// A register, as the offset of its first byte in the 64-byte register file. `NFT_REG_1` and `NFT_REG32_00` are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register(u8);

/// Bytes in the register file.
pub const REGISTER_BYTES: usize = 64;

impl Register {
    /// The first register.
    pub const FIRST: Self = Self(0);

    /// From the kernel's number: 1 to 4 are of 16 bytes, 8 to 23 of 4 bytes over the same space. `None` for the
    /// verdict register (0) and for numbers that are none.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        let offset = match number {
            1..=4 => (number - 1) * 16,
            8..=23 => (number - 8) * 4,
            _ => return None,
        };
        u8::try_from(offset).ok().map(Self)
    }

    /// The register that starts `words` 4-byte words into the file.
    #[must_use]
    pub fn word(words: usize) -> Option<Self> {
        let offset = words.checked_mul(4).filter(|offset| *offset < REGISTER_BYTES)?;
        u8::try_from(offset).ok().map(Self)
    }

    /// Offset of its first byte.
    #[must_use]
    pub const fn offset(self) -> usize {
        self.0 as usize
    }
}

/// What becomes of a packet, or where its evaluation goes on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verdict {
    /// Done with this base chain.
    Accept,
    /// Gone.
    Drop,
    /// With the next rule.
    Continue,
    /// With the next rule, the rest of this one left out.
    Break,
    /// Into a chain, and back here.
    Jump(String),
    /// Into a chain, and back to where this one was jumped to from.
    Goto(String),
    /// Back to where this chain was jumped to from.
    Return,
    /// To a program, which decides.
    Queue {
        /// Lowest number of the queues.
        first: u16,
        /// Highest number of the queues.
        last: u16,
        /// Goes on as accepted where no program listens.
        bypass: bool,
    },
    /// A verdict that this version does not know.
    Other(i64),
}

/// Which header a payload expression counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The frame's.
    Link,
    /// IPv4's or IPv6's.
    Network,
    /// TCP's, UDP's …
    Transport,
    /// What follows the transport header.
    Inner,
}

/// How two values are compared; values are compared as memcmp(3) does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Equal.
    Equal,
    /// Not equal.
    NotEqual,
    /// Lower.
    Less,
    /// Lower or equal.
    LessOrEqual,
    /// Higher.
    Greater,
    /// Higher or equal.
    GreaterOrEqual,
}

/// What a `meta` expression reads; those that no evaluation here knows are kept by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meta {
    /// EtherType, 2 bytes.
    Protocol,
    /// Packet mark, 4 bytes of the host's order.
    Mark,
    /// Index of the incoming interface.
    Iif,
    /// Index of the outgoing interface.
    Oif,
    /// Name of the incoming interface, 16 bytes.
    IifName,
    /// Name of the outgoing interface, 16 bytes.
    OifName,
    /// `NFPROTO_IPV4` or `NFPROTO_IPV6`, 1 byte.
    NfProto,
    /// Transport protocol, 1 byte.
    L4Proto,
    /// `PACKET_HOST` …, 1 byte.
    PacketType,
    /// Any other (`NFT_META_*`).
    Other(u32),
}

/// What a `ct` expression reads of the connection tracking entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conntrack {
    /// State as a bit field of the host's order.
    State,
    /// 0 for the direction of the first packet, 1 for replies; 1 byte.
    Direction,
    /// Status as a bit field of the host's order.
    Status,
    /// Connection mark.
    Mark,
    /// Source address.
    Source,
    /// Destination address.
    Destination,
    /// Family, 1 byte.
    Family,
    /// Transport protocol, 1 byte.
    Protocol,
    /// Source port, 2 bytes.
    SourcePort,
    /// Destination port, 2 bytes.
    DestinationPort,
    /// Any other (`NFT_CT_*`).
    Other(u32),
}

/// What a `fib` expression asks of the routing tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FibResult {
    /// Index of the interface of the route, or whether there is one.
    Interface,
    /// Name of the interface of the route.
    InterfaceName,
    /// Type of the address (`RTN_LOCAL` …).
    AddressType,
}

/// The interface that a `fib` expression is limited to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FibDevice {
    /// The incoming one.
    Inward,
    /// The outgoing one.
    Outward,
}

/// A NAT statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nat {
    /// Which.
    pub kind: NatKind,
    /// Register of the lowest new address.
    pub address: Option<Register>,
    /// Register of the highest new address, where it differs.
    pub address_to: Option<Register>,
    /// Register of the lowest new port.
    pub port: Option<Register>,
    /// Register of the highest new port, where it differs.
    pub port_to: Option<Register>,
    /// The address in the registers is IPv6.
    pub ipv6: bool,
    /// The new address keeps the part of the old one in which lowest and highest differ (`NF_NAT_RANGE_NETMAP`).
    pub mapped: bool,
    /// The port keeps its distance to a base (`NF_NAT_RANGE_PROTO_OFFSET`).
    pub shifted: bool,
}

/// Kind of a NAT statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NatKind {
    /// To another destination.
    Destination,
    /// To a port of this host.
    Redirect,
    /// From another source; `masquerade` too.
    Source,
}

/// An iptables match or target inside an nf_tables rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// A target, not a match.
    pub target: bool,
    /// Such as `conntrack`.
    pub name: String,
    /// Revision of the structure in `info`.
    pub revision: u32,
    /// The structure; empty where the source does not hold it (`nft -j`).
    pub info: Vec<u8>,
}

/// One expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// Reads of the packet's surroundings.
    Meta {
        /// What.
        key: Meta,
        /// Where it is put.
        to: Register,
    },
    /// Sets the packet's mark or another of its surroundings.
    MetaSet {
        /// What.
        key: Meta,
        /// Where the value is.
        from: Register,
    },
    /// Reads of the packet.
    Payload {
        /// Counted from.
        base: Header,
        /// First byte.
        offset: u32,
        /// Bytes.
        length: u32,
        /// Where they are put.
        to: Register,
    },
    /// Writes into the packet.
    PayloadSet {
        /// Counted from.
        base: Header,
        /// First byte.
        offset: u32,
        /// Bytes.
        length: u32,
        /// Where they are.
        from: Register,
    },
    /// Reads an extension header or option; a packet without it does not match.
    Option {
        /// Whether only its presence is asked.
        presence: bool,
        /// Of the IP header (IPv6 extension header, IPv4 option), not of TCP or another.
        network: bool,
        /// Number of the option.
        kind: u8,
        /// Where it is put.
        to: Register,
        /// Bytes.
        length: u32,
    },
    /// Reads of connection tracking.
    Conntrack {
        /// What.
        key: Conntrack,
        /// Of the replies' direction; `None` where the key has no direction or takes the packet's.
        reply: Option<bool>,
        /// Where it is put.
        to: Register,
    },
    /// Sets the connection's mark or another of its properties.
    ConntrackSet {
        /// What.
        key: Conntrack,
        /// Where the value is.
        from: Register,
    },
    /// Asks the routing tables.
    Fib {
        /// What.
        result: FibResult,
        /// About the source address, not the destination.
        source: bool,
        /// With the packet's mark.
        mark: bool,
        /// Of the incoming interface alone, or the outgoing one.
        device: Option<FibDevice>,
        /// Only whether there is a route.
        presence: bool,
        /// Where it is put.
        to: Register,
    },
    /// Puts a value into a register.
    Load {
        /// Where.
        to: Register,
        /// What.
        value: Vec<u8>,
    },
    /// Puts something that this version can't tell into registers: a hash, a socket's property, a random number …
    LoadOpaque {
        /// Where; `None`: nowhere that is known.
        to: Option<Register>,
        /// Name of the expression.
        name: String,
    },
    /// Puts a number from `offset` to `offset + modulus - 1` into a register: at random, in turn, or a hash.
    Number {
        /// Where.
        to: Register,
        /// How many there are.
        modulus: u32,
        /// The lowest.
        offset: u32,
    },
    /// Gives the packet to a socket that takes what is sent to others, if there is one.
    TransparentProxy,
    /// The kernel answers in place of the socket, and then connects the two.
    SynProxy,
    /// `(value & mask) ^ xor`.
    Bitwise {
        /// From.
        from: Register,
        /// To.
        to: Register,
        /// Mask.
        mask: Vec<u8>,
        /// Exclusive or.
        xor: Vec<u8>,
    },
    /// Swaps the bytes of each value of `size` bytes.
    Byteorder {
        /// From.
        from: Register,
        /// To.
        to: Register,
        /// Bytes in all.
        length: u32,
        /// Bytes of a value.
        size: u32,
    },
    /// Goes on where the comparison holds.
    Compare {
        /// What is compared.
        from: Register,
        /// How.
        comparison: Comparison,
        /// With what.
        value: Vec<u8>,
    },
    /// Goes on where the value is from `low` to `high`.
    Range {
        /// What is compared.
        from: Register,
        /// Goes on where it is not.
        inverted: bool,
        /// Lowest.
        low: Vec<u8>,
        /// Highest.
        high: Vec<u8>,
    },
    /// Goes on where the set holds the value, and loads what the map holds for it.
    Lookup {
        /// Name of the set.
        set: String,
        /// The value.
        from: Register,
        /// Where a map's value is put.
        to: Option<LookupTo>,
        /// Goes on where the set does not hold it.
        inverted: bool,
    },
    /// Adds to a set or takes from it, and goes on.
    SetUpdate {
        /// Name of the set.
        set: String,
        /// Whether it goes on: not where a limit or count for each element has to be exceeded first.
        usual: bool,
        /// Takes from it.
        removes: bool,
    },
    /// Gives a verdict.
    Verdict(Verdict),
    /// Refuses, with an answer to the sender.
    Reject,
    /// Translates addresses.
    Nat(Nat),
    /// Leaves connection tracking out.
    NoTrack,
    /// Goes on while a rate, volume or number is not exceeded.
    Limit {
        /// Name of the expression: `limit`, `quota`, `connlimit`.
        name: String,
        /// Goes on while it *is* exceeded.
        inverted: bool,
    },
    /// A stateful object of the table.
    Object {
        /// `NFT_OBJECT_*`.
        kind: u32,
        /// Its name.
        name: String,
    },
    /// Counts, logs, copies or marks, and goes on: no influence on the verdict.
    Passive,
    /// An iptables extension.
    Extension(Extension),
    /// An expression that this version does not evaluate; whether it goes on, and what becomes of the packet, is not
    /// known.
    Opaque {
        /// Name of the expression.
        name: String,
    },
}

/// Where a lookup puts what the map holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupTo {
    /// It is the verdict.
    Verdict,
    /// Into a register.
    Register(Register),
}
