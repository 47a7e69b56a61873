//! Reads the rules that the kernel has loaded in this network namespace, over netlink and without changing anything.
//!
//! Source: `net/netfilter/nf_tables_api.c`, nfnetlink (`include/uapi/linux/netfilter/nfnetlink.h`). Needs CAP_NET_ADMIN.

use std::io;

use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;

use super::attributes::{MESSAGE_HEADER, Message, messages};
use super::decode::{Decoder, SetName};
use super::ruleset::Ruleset;

/// `NETLINK_NETFILTER` of netlink(7).
const NETLINK_NETFILTER: isize = 12;
/// `NFNL_SUBSYS_NFTABLES << 8`.
const SUBSYSTEM: u16 = 10 << 8;
/// `NFT_MSG_GET…`.
const GET_TABLE: u16 = SUBSYSTEM | 1;
const GET_CHAIN: u16 = SUBSYSTEM | 4;
const GET_RULE: u16 = SUBSYSTEM | 7;
const GET_SET: u16 = SUBSYSTEM | 10;
const GET_SET_ELEMENTS: u16 = SUBSYSTEM | 13;
const NEW_GENERATION: u16 = SUBSYSTEM | 15;
const GET_GENERATION: u16 = SUBSYSTEM | 16;
const GET_OBJECT: u16 = SUBSYSTEM | 19;
/// `NLMSG_ERROR`, `NLMSG_DONE`.
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NLM_F_REQUEST`, `NLM_F_ACK`, `NLM_F_ROOT | NLM_F_MATCH`; `NLM_F_DUMP_INTR` of an answer.
const REQUEST: u16 = 0x1;
const ACKNOWLEDGE: u16 = 0x4;
const DUMP: u16 = 0x300;
const INTERRUPTED: u16 = 0x10;

/// Most bytes taken in one reading of the rules.
const MOST_BYTES: usize = 256 * 1024 * 1024;
/// Most elements taken of one set; a larger one counts as unknown.
const MOST_ELEMENTS: usize = 500_000;
/// How often the reading starts anew because the rules changed under it.
const MOST_ATTEMPTS: u32 = 10;

/// Why the rules were not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum DumpError {
    /// Permission was refused.
    #[error("permission refused")]
    Denied,
    /// This kernel has no nf_tables, so there can be no rules of it.
    #[error("the kernel has no nf_tables")]
    Unsupported,
    /// The rules changed each time they were read.
    #[error("the rules kept changing while they were read")]
    Unstable,
    /// More than [`MOST_BYTES`].
    #[error("the rules are larger than {MOST_BYTES} bytes")]
    TooLarge,
    /// Anything else.
    #[error("netlink: {0}")]
    Io(#[from] io::Error),
}

/// The rules loaded in this network namespace.
pub(super) fn dump() -> Result<Ruleset, DumpError> {
    let mut connection = Connection::open()?;
    for _ in 0..MOST_ATTEMPTS {
        if let Some(ruleset) = connection.attempt()? {
            return Ok(ruleset);
        }
    }
    Err(DumpError::Unstable)
}

/// The number of the generation of the loaded rules, which every change raises; `None` where it can't be asked.
pub(super) fn generation() -> Option<u32> {
    Connection::open().ok()?.generation().ok()?
}

struct Connection {
    socket: Socket,
    sequence: u32,
    bytes: usize,
}

impl Connection {
    fn open() -> Result<Self, DumpError> {
        let socket = match Socket::new(NETLINK_NETFILTER) {
            Err(error) if error.raw_os_error() == Some(Errno::EPROTONOSUPPORT as i32) => {
                return Err(DumpError::Unsupported);
            }
            other => other?,
        };
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self {
            socket,
            sequence: 0,
            bytes: 0,
        })
    }

    /// One reading; `None` where the rules changed meanwhile.
    fn attempt(&mut self) -> Result<Option<Ruleset>, DumpError> {
        // To the first question of all, the lack of the subsystem is the one invalid thing about it.
        let before = self.generation().map_err(|error| match error {
            DumpError::Io(error) if error.raw_os_error() == Some(Errno::EINVAL as i32) => {
                DumpError::Unsupported
            }
            other => other,
        })?;
        let mut decoder = Decoder::default();
        // Objects and sets before the rules that name them, elements last: only what rules look into.
        for kind in [GET_TABLE, GET_CHAIN, GET_OBJECT, GET_SET, GET_RULE] {
            if !self.ask(kind, DUMP, 0, &[], |message| decoder.add(message))? {
                return Ok(None);
            }
        }
        for name in decoder.wanted_sets() {
            if !self.elements(&mut decoder, &name)? {
                return Ok(None);
            }
        }
        Ok((before == self.generation()?).then(|| decoder.finish()))
    }

    fn elements(&mut self, decoder: &mut Decoder, name: &SetName) -> Result<bool, DumpError> {
        let (family, table, set) = name;
        let attributes = [text_attribute(1, table), text_attribute(2, set)].concat();
        let whole = self.ask(GET_SET_ELEMENTS, DUMP, *family, &attributes, |message| {
            if decoder.elements(name) < MOST_ELEMENTS {
                decoder.add(message);
            }
        })?;
        let too_many = decoder.elements(name) >= MOST_ELEMENTS;
        decoder.close_set(
            name,
            too_many.then(|| format!("set {set} holds more than {MOST_ELEMENTS} elements")),
        );
        Ok(whole)
    }

    /// The number of the generation of the rules, which every change raises.
    fn generation(&mut self) -> Result<Option<u32>, DumpError> {
        let mut generation = None;
        self.ask(GET_GENERATION, ACKNOWLEDGE, 0, &[], |message| {
            if message.kind == NEW_GENERATION {
                generation = message
                    .netfilter()
                    .and_then(|(_, attributes)| attributes.number(1));
            }
        })?;
        Ok(generation)
    }

    /// Sends a request and gives each message of the answer to `take`; false where the kernel says that the dump was
    /// interrupted by a change.
    fn ask(
        &mut self,
        kind: u16,
        flags: u16,
        family: u8,
        attributes: &[u8],
        mut take: impl FnMut(Message<'_>),
    ) -> Result<bool, DumpError> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = request(kind, flags | REQUEST, self.sequence, family, attributes);
        self.socket.send(&request, 0)?;
        let mut whole = true;
        loop {
            let (datagram, _) = self.socket.recv_from_full()?;
            self.bytes = self.bytes.saturating_add(datagram.len());
            if self.bytes > MOST_BYTES {
                return Err(DumpError::TooLarge);
            }
            for message in messages(&datagram) {
                whole &= message.flags & INTERRUPTED == 0;
                match message.kind {
                    DONE | ERROR => {
                        let ended = outcome(message)?;
                        return Ok(ended && whole);
                    }
                    _ => take(message),
                }
            }
            if datagram.is_empty() {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
}

/// What the last message of an answer says: a negative errno or 0. False: it ended because of a change.
fn outcome(message: Message<'_>) -> Result<bool, DumpError> {
    let code = message
        .payload
        .first_chunk()
        .map_or(0, |bytes| i32::from_ne_bytes(*bytes));
    match Errno::from_raw(code.saturating_neg()) {
        _ if code >= 0 => Ok(true),
        Errno::EPERM => Err(DumpError::Denied),
        // A table or set that a dump names went away, or the dump was overtaken.
        Errno::EINTR | Errno::ENOENT | Errno::EAGAIN => Ok(false),
        errno => Err(io::Error::from(errno).into()),
    }
}

/// `struct nlmsghdr`, `struct nfgenmsg`, attributes.
fn request(kind: u16, flags: u16, sequence: u32, family: u8, attributes: &[u8]) -> Vec<u8> {
    let length = MESSAGE_HEADER + 4 + attributes.len();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend([family, 0, 0, 0]);
    bytes.extend(attributes);
    bytes
}

fn text_attribute(kind: u16, text: &str) -> Vec<u8> {
    let length = 4 + text.len() + 1;
    let mut bytes = Vec::with_capacity(length + 3);
    bytes.extend(u16::try_from(length).unwrap_or(u16::MAX).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(text.as_bytes());
    bytes.push(0);
    bytes.resize(length.next_multiple_of(4), 0);
    bytes
}
