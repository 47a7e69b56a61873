//! Hellos of DTLS 1.0 and 1.2 over UDP (RFC 4347, RFC 6347), in the words of the TLS versions that they are built on:
//! 1.1 and 1.2. The cookie that a server asks for is given back; lost datagrams are said again.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::flight::Flight;
use super::hello::Hello;
use super::line::Blocked;
use super::reader::Reader;
use super::trial::{Trial, Until, enough};

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const HELLO_VERIFY_REQUEST: u8 = 3;
/// Wait before a datagram is said again.
const AGAIN: Duration = Duration::from_millis(400);
/// Largest datagram.
const LARGEST_DATAGRAM: usize = 65_535;
/// Most datagrams taken in answer to one hello, and most bytes of the messages in them.
const MOST_DATAGRAMS: usize = 200;
const MOST_BYTES: usize = 256 * 1024;
/// Most messages of one flight.
const MOST_MESSAGES: u16 = 16;

/// A fatal alert, `user_canceled`, in a record of its own with a number that no other has.
const GIVEN_UP: [u8; 15] = [ALERT, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 90];

/// The number of a version in DTLS: the ones' complement of its own.
const fn to_wire(version: u16) -> u16 {
    match version {
        0x0302 => 0xfeff,
        _ => 0xfefd,
    }
}

const fn from_wire(version: u16) -> Option<u16> {
    match version {
        0xfeff => Some(0x0302),
        0xfefd => Some(0x0303),
        _ => None,
    }
}

/// A socket that hears `address` alone.
pub(super) fn socket(address: SocketAddr) -> Result<UdpSocket, Blocked> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let refused = |error: std::io::Error| Blocked::Refused(address, error.to_string());
    let socket = UdpSocket::bind(any).map_err(refused)?;
    socket.connect(address).map_err(refused)?;
    Ok(socket)
}

/// Says a hello to `address` until `end`.
pub(super) fn say(address: SocketAddr, hello: &Hello, until: Until, end: Instant) -> Trial {
    let socket = match socket(address) {
        Ok(socket) => socket,
        Err(why) => return Trial::Blocked(why),
    };
    let mut talk = Talk {
        hello,
        cookie: Vec::new(),
        number: 0,
        pieces: BTreeMap::new(),
        next: 0,
        bytes: 0,
        flight: Flight::default(),
    };
    let mut datagram = talk.datagram();
    let mut again = Instant::now();
    let mut buffer = vec![0; LARGEST_DATAGRAM];
    for _ in 0..MOST_DATAGRAMS {
        let now = Instant::now();
        if now >= end {
            break;
        }
        if now >= again {
            if socket.send(&datagram).is_err() {
                return Trial::Closed;
            }
            again = now + AGAIN;
        }
        let wait = again
            .min(end)
            .saturating_duration_since(now)
            .max(Duration::from_millis(1));
        let heard = socket
            .set_read_timeout(Some(wait))
            .and_then(|()| socket.recv(&mut buffer));
        match heard {
            Ok(length) => {
                if talk.take(buffer.get(..length).unwrap_or_default()) {
                    datagram = talk.datagram();
                    again = Instant::now();
                }
            }
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) => {}
            // Nobody is there (ICMP).
            Err(_) => return Trial::Closed,
        }
        if talk.flight.over() || enough(&talk.flight, until) {
            break;
        }
    }
    // So that a server that has no other way to notice does not wait for the rest. One that has ended by itself, or never
    // begun, would take it for the beginning of another dialogue.
    if talk.flight.hello.is_some() && talk.flight.alert.is_none() {
        let _unheard = socket.send(&GIVEN_UP);
    }
    match (talk.flight.hello, talk.flight.alert) {
        (Some(hello), _) => Trial::Answered(hello, Box::new(talk.flight)),
        (None, Some(alert)) => Trial::Alert(alert),
        (None, None) if talk.flight.foreign => Trial::Foreign(Vec::new()),
        (None, None) => Trial::Silent,
    }
}

/// What came of one message.
struct Pieces {
    kind: u8,
    length: usize,
    /// By their offset.
    parts: BTreeMap<usize, Vec<u8>>,
}

/// What was said and heard for one hello.
struct Talk<'h> {
    hello: &'h Hello,
    cookie: Vec<u8>,
    /// Number of the next hello, which is that of its record too.
    number: u16,
    /// Messages of the server that are not whole or not in turn, by their numbers.
    pieces: BTreeMap<u16, Pieces>,
    /// Number of the message of the server that is next.
    next: u16,
    bytes: usize,
    flight: Flight,
}

impl Talk<'_> {
    /// The record with the hello.
    fn datagram(&mut self) -> Vec<u8> {
        let message = self.hello.message();
        let body = message.get(4..).unwrap_or_default();
        // The version in the numbers of DTLS, and the cookie after the session id.
        let session = body.get(34).copied().map_or(0, usize::from);
        let (before, after) = body.split_at_checked(35 + session).unwrap_or((body, &[]));
        let version = to_wire(self.hello.version).to_be_bytes();
        let cookie_length = u8::try_from(self.cookie.len()).unwrap_or_default();
        let body = [
            version.as_slice(),
            before.get(2..).unwrap_or_default(),
            &[cookie_length],
            &self.cookie,
            after,
        ]
        .concat();
        let length = u32::try_from(body.len()).unwrap_or_default().to_be_bytes();
        let [_, length @ ..] = length;
        let mut record = vec![HANDSHAKE, 0xfe, 0xff, 0, 0, 0, 0, 0, 0];
        record.extend(self.number.to_be_bytes());
        record.extend(u16::try_from(body.len() + 12).unwrap_or_default().to_be_bytes());
        record.push(1);
        record.extend(length);
        record.extend(self.number.to_be_bytes());
        record.extend([0; 3]);
        record.extend(length);
        record.extend(body);
        record
    }

    /// Takes a datagram; `true` where the hello has to be said anew, with a cookie.
    fn take(&mut self, datagram: &[u8]) -> bool {
        let mut reader = Reader::new(datagram);
        loop {
            let (Some(kind), Some(version)) = (reader.u8(), reader.u16()) else {
                return false;
            };
            let epoch = reader.u16();
            let (Some(_number), Some(body)) = (reader.bytes(6), reader.vector16()) else {
                self.flight.foreign |= self.flight.hello.is_none();
                return false;
            };
            // 0x0100 is what the first implementations wrote.
            if version >> 8 != 0xfe && version != 0x0100 {
                self.flight.foreign |= self.flight.hello.is_none();
                return false;
            }
            match kind {
                ALERT => {
                    if let [2, description] = body {
                        self.flight.alert = Some(*description);
                    }
                }
                HANDSHAKE if epoch == Some(0) && self.take_pieces(body) => return true,
                _ => {}
            }
        }
    }

    fn take_pieces(&mut self, body: &[u8]) -> bool {
        let mut reader = Reader::new(body);
        while let (Some(kind), Some(length), Some(number)) = (reader.u8(), reader.u24(), reader.u16()) {
            let (Some(offset), Some(piece)) = (reader.u24(), reader.vector24()) else {
                return false;
            };
            if kind == HELLO_VERIFY_REQUEST {
                let mut content = Reader::new(piece);
                let _version = content.u16();
                let cookie = content.vector8().unwrap_or_default().to_vec();
                // One cookie is enough for anyone.
                if self.number > 0 || cookie.is_empty() {
                    return false;
                }
                self.cookie = cookie;
                self.number = 1;
                // The server's own messages go on from there, or begin anew.
                self.pieces.clear();
                return true;
            }
            self.bytes += piece.len();
            if self.bytes > MOST_BYTES
                || length > MOST_BYTES
                || number > self.next.saturating_add(MOST_MESSAGES)
            {
                return false;
            }
            // A stateless server that answered the first hello does not count it.
            if kind == 2 && self.flight.hello.is_none() {
                self.next = number;
            }
            let message = self.pieces.entry(number).or_insert(Pieces {
                kind,
                length,
                parts: BTreeMap::new(),
            });
            message.parts.insert(offset, piece.to_vec());
        }
        while let Some((kind, content)) = self.whole() {
            self.next += 1;
            let content = in_tls(kind, content);
            self.flight.take_message(kind, &content);
        }
        false
    }

    /// The next message, once it is whole.
    fn whole(&mut self) -> Option<(u8, Vec<u8>)> {
        let message = self.pieces.get(&self.next)?;
        let mut content = Vec::with_capacity(message.length);
        for (offset, piece) in &message.parts {
            let known = content.len().checked_sub(*offset)?;
            content.extend(piece.iter().skip(known));
        }
        (content.len() == message.length).then_some((message.kind, content))
    }
}

/// A ServerHello with its version in the numbers of TLS.
fn in_tls(kind: u8, mut content: Vec<u8>) -> Vec<u8> {
    if kind == 2
        && let [high, low, ..] = content.as_mut_slice()
        && let Some(version) = from_wire(u16::from_be_bytes([*high, *low]))
    {
        [*high, *low] = version.to_be_bytes();
    }
    content
}

/// The first bytes of QUIC with a version that nobody has, which a server answers by its own (RFC 9000 6).
pub(super) fn quic_question() -> Vec<u8> {
    const SHORTEST: usize = 1200;
    let mut packet = vec![0xc0, 0x0a, 0x0a, 0x0a, 0x0a, 8];
    packet.extend(b"plumblin");
    packet.push(8);
    packet.extend(b"enilbmul");
    packet.resize(SHORTEST, 0);
    packet
}

/// The versions of a Version Negotiation packet.
pub(super) fn quic_versions(packet: &[u8]) -> Option<Vec<u32>> {
    let mut reader = Reader::new(packet);
    let first = reader.u8()?;
    let zero = (reader.u16()?, reader.u16()?) == (0, 0);
    let ours = reader.vector8()? == b"enilbmul";
    reader.vector8()?;
    if first & 0x80 == 0 || !zero || !ours {
        return None;
    }
    let versions = std::iter::from_fn(|| Some(u32::from(reader.u16()?) << 16 | u32::from(reader.u16()?)));
    Some(versions.take(64).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn talk(hello: &Hello) -> Talk<'_> {
        Talk {
            hello,
            cookie: Vec::new(),
            number: 0,
            pieces: BTreeMap::new(),
            next: 0,
            bytes: 0,
            flight: Flight::default(),
        }
    }

    #[test]
    fn a_hello_holds_its_cookie_after_the_session_id() {
        let hello = Hello {
            version: 0x0303,
            suites: vec![0xc02f],
            ..Hello::default()
        };
        let mut talk = talk(&hello);
        talk.cookie = vec![7; 3];
        let bytes = talk.datagram();
        assert_eq!(bytes[25..27], [0xfe, 0xfd]);
        assert_eq!(bytes[59..64], [0, 3, 7, 7, 7]);
        assert_eq!(usize::from(bytes[12]) + 13, bytes.len());
    }

    #[test]
    fn versions_of_quic_are_read_from_a_negotiation() {
        let mut packet = vec![0x80, 0, 0, 0, 0, 8];
        packet.extend(b"enilbmul");
        packet.extend([0, 0, 0, 0, 1, 0x6b, 0x33, 0x43, 0xcf]);
        assert_eq!(quic_versions(&packet), Some(vec![1, 0x6b33_43cf]));
        assert_eq!(quic_versions(&quic_question()), None, "an echo");
    }

    proptest! {
        #[test]
        fn any_datagram_is_taken_or_left(datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..5)) {
            let hello = Hello::default();
            let mut talk = talk(&hello);
            for datagram in datagrams {
                talk.take(&datagram);
                let _ = quic_versions(&datagram);
            }
        }

        #[test]
        fn any_pieces_are_put_together_or_left(
            pieces in proptest::collection::vec((0_u8..15, 0_u8..40, 0_u8..3, 0_u8..40, 0_u8..40), 0..20),
        ) {
            let hello = Hello::default();
            let mut talk = talk(&hello);
            for (kind, length, number, offset, piece) in pieces {
                let mut body = vec![kind, 0, 0, length, 0, number, 0, 0, offset, 0, 0, piece];
                body.extend(vec![1; piece.into()]);
                talk.take_pieces(&body);
            }
        }
    }
}
