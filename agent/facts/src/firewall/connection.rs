//! Questions to the kernel over netlink, and their answers within bounds.
//!
//! Source: `include/uapi/linux/netlink.h`, nfnetlink (`include/uapi/linux/netfilter/nfnetlink.h`).

use std::io;

use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;

use super::attributes::{MESSAGE_HEADER, Message, messages};

/// `NETLINK_ROUTE` and `NETLINK_NETFILTER` of netlink(7).
pub(super) const ROUTE: isize = 0;
pub(super) const NETFILTER: isize = 12;
/// `NLMSG_ERROR`, `NLMSG_DONE`.
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NLM_F_REQUEST`, `NLM_F_ACK`, `NLM_F_ROOT | NLM_F_MATCH`; `NLM_F_MULTI` and `NLM_F_DUMP_INTR` of an answer.
const REQUEST: u16 = 0x1;
pub(super) const ACKNOWLEDGE: u16 = 0x4;
pub(super) const DUMP: u16 = 0x300;
const INTERRUPTED: u16 = 0x10;

/// Most bytes taken over one connection.
const MOST_BYTES: usize = 256 * 1024 * 1024;
/// Room for a datagram, in bytes: twice what the kernel makes of a dump at most.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum DumpError {
    /// Permission was refused.
    #[error("permission refused")]
    Denied,
    /// This kernel lacks the subsystem, so there can be nothing of it.
    #[error("the kernel lacks it")]
    Unsupported,
    /// What is asked for changed each time it was read.
    #[error("it kept changing while it was read")]
    Unstable,
    /// More than [`MOST_BYTES`].
    #[error("it is larger than {MOST_BYTES} bytes")]
    TooLarge,
    /// A message that is cut off.
    #[error("a message is cut off")]
    Truncated,
    /// Anything else.
    #[error("netlink: {0}")]
    Io(#[from] io::Error),
}

/// A netlink socket.
pub(super) struct Connection {
    socket: Socket,
    sequence: u32,
    bytes: usize,
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) fn open(protocol: isize) -> Result<Self, DumpError> {
        let socket = match Socket::new(protocol) {
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
            buffer: Vec::with_capacity(RECEIVE_BUFFER),
        })
    }

    /// Sends a request and gives each message of the answer to `take`; false where the kernel says that the dump was
    /// interrupted by a change. `body` is what follows `struct nlmsghdr`.
    pub(super) fn ask(
        &mut self,
        kind: u16,
        flags: u16,
        body: &[u8],
        take: impl FnMut(Message<'_>),
    ) -> Result<bool, DumpError> {
        let answered = self.ask_for(kind, flags, body, MOST_BYTES, take)?;
        answered.ok_or(DumpError::TooLarge)
    }

    /// As [`Self::ask`], of an answer of at most `most` bytes; `None` where it is longer. Nothing else can then be asked
    /// over this connection.
    pub(super) fn ask_for(
        &mut self,
        kind: u16,
        flags: u16,
        body: &[u8],
        most: usize,
        mut take: impl FnMut(Message<'_>),
    ) -> Result<Option<bool>, DumpError> {
        let before = self.bytes;
        self.sequence = self.sequence.wrapping_add(1);
        let request = request(kind, flags | REQUEST, self.sequence, body);
        self.socket.send(&request, 0)?;
        let mut whole = true;
        loop {
            self.receive()?;
            if self.bytes - before > most {
                return Ok(None);
            }
            let mut rest = self.buffer.as_slice();
            if rest.is_empty() {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            for message in messages(&self.buffer) {
                rest = rest
                    .get((MESSAGE_HEADER + message.payload.len()).next_multiple_of(4)..)
                    .unwrap_or_default();
                whole &= message.flags & INTERRUPTED == 0;
                match message.kind {
                    DONE | ERROR => {
                        let ended = outcome(message)?;
                        return Ok(Some(ended && whole));
                    }
                    _ => take(message),
                }
            }
            if !rest.is_empty() {
                return Err(DumpError::Truncated);
            }
        }
    }

    /// The next datagram.
    fn receive(&mut self) -> Result<(), DumpError> {
        /// `MSG_TRUNC` of recv(2): the length of what came, not of what fitted.
        const WHOLE_LENGTH: i32 = 0x20;
        self.buffer.clear();
        let length = self.socket.recv(&mut self.buffer, WHOLE_LENGTH)?;
        self.bytes = self.bytes.saturating_add(length);
        if self.bytes > MOST_BYTES {
            return Err(DumpError::TooLarge);
        }
        if self.buffer.len() < length {
            return Err(DumpError::Truncated);
        }
        Ok(())
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

/// `struct nlmsghdr`, and what follows it.
fn request(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = MESSAGE_HEADER + body.len();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend(body);
    bytes
}

/// `struct nfgenmsg`, and attributes.
pub(super) fn netfilter(family: u8, attributes: &[u8]) -> Vec<u8> {
    [&[family, 0, 0, 0], attributes].concat()
}

/// An attribute.
pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = 4 + value.len();
    let mut bytes = Vec::with_capacity(length + 3);
    bytes.extend(u16::try_from(length).unwrap_or(u16::MAX).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(length.next_multiple_of(4), 0);
    bytes
}

/// An attribute that is a text, which ends at its NUL.
pub(super) fn text(kind: u16, text: &str) -> Vec<u8> {
    attribute(kind, &[text.as_bytes(), &[0]].concat())
}
