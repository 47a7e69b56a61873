//! The server's first flight: records (RFC 8446 5.1), the handshake messages in them (RFC 5246 7.4, RFC 8446 4) and
//! alerts. Fed piece by piece, in time linear in what is fed.

use super::hello::TLS1_3;
use super::reader::Reader;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_REQUEST: u8 = 13;
const SERVER_HELLO_DONE: u8 = 14;

/// Longest record body: 2^14 and what encryption may add (RFC 5246 6.2.3).
pub(super) const LONGEST_RECORD: usize = (1 << 14) + 2048;
/// Longest handshake message taken; the caller limits the whole flight.
const LONGEST_MESSAGE: usize = 128 * 1024;
/// Most certificates of one chain.
pub(super) const MOST_CERTIFICATES: usize = 20;

/// Random of a ServerHello that is a HelloRetryRequest (RFC 8446 4.1.3).
const RETRY_RANDOM: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2,
    0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];

/// What a server said so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Flight {
    /// Bytes that are not yet a whole record.
    record: Vec<u8>,
    /// Handshake bytes that are not yet a whole message.
    message: Vec<u8>,
    /// Its ServerHello.
    pub(super) hello: Option<ServerHello>,
    /// The description of its fatal alert (RFC 8446 6).
    pub(super) alert: Option<u8>,
    /// Its certificates, its own first, in DER.
    pub(super) certificates: Vec<Vec<u8>>,
    /// Its parameters of the key exchange, up to TLS 1.2.
    pub(super) exchange: Option<Exchange>,
    /// It asked for a certificate of the client.
    pub(super) asks_certificate: bool,
    /// Nothing more is to be read in clear.
    pub(super) finished: bool,
    /// It said something that is not TLS.
    pub(super) foreign: bool,
}

/// The part of a ServerHello that counts here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ServerHello {
    /// The version that it chose, `supported_versions` minded.
    pub(super) version: u16,
    /// The suite that it chose.
    pub(super) suite: u16,
    /// The group that it chose, where TLS 1.3 tells.
    pub(super) group: Option<u16>,
}

/// A ServerKeyExchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    /// Elliptic curve, by its group number (RFC 8422 5.4).
    Group(u16),
    /// Finite field, by the length of its prime in bits (RFC 5246 7.4.3).
    Prime(usize),
}

impl Flight {
    /// Takes more bytes of the server.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.record.extend(bytes);
        while !self.over() {
            match next_record(&self.record) {
                Next::Foreign => self.foreign = true,
                Next::Partial => return,
                Next::Whole { kind, length } => {
                    let rest = self.record.split_off(5 + length);
                    let record = std::mem::replace(&mut self.record, rest);
                    self.take_record(kind, record.get(5..).unwrap_or_default());
                }
            }
        }
    }

    /// Whether more bytes would change nothing.
    pub(super) const fn over(&self) -> bool {
        self.foreign || self.finished || self.alert.is_some()
    }

    fn take_record(&mut self, kind: u8, body: &[u8]) {
        match kind {
            ALERT => match body {
                // A warning, such as unrecognized_name, does not end the handshake.
                [1, _] => {}
                [2, description] => self.alert = Some(*description),
                _ => self.foreign = true,
            },
            HANDSHAKE => self.take_handshake(body),
            // Encrypted from here on; before a ServerHello it makes no sense.
            CHANGE_CIPHER_SPEC | APPLICATION_DATA if self.hello.is_some() => self.finished = true,
            _ => self.foreign = true,
        }
    }

    fn take_handshake(&mut self, body: &[u8]) {
        self.message.extend(body);
        loop {
            let mut reader = Reader::new(&self.message);
            let (Some(kind), Some(length)) = (reader.u8(), reader.u24()) else {
                return;
            };
            if self.hello.is_none() && (kind != SERVER_HELLO || length > LONGEST_RECORD) {
                self.foreign = true;
                return;
            }
            if length > LONGEST_MESSAGE {
                self.take_beginning(kind);
                return;
            }
            if reader.bytes(length).is_none() {
                return;
            }
            let content: Vec<u8> = self.message.drain(..4 + length).skip(4).collect();
            self.take_message(kind, &content);
            if self.over() {
                return;
            }
        }
    }

    /// Of a message that is longer than anyone would read only the beginning is, and nothing after it.
    fn take_beginning(&mut self, kind: u8) {
        if self.message.len() >= LONGEST_MESSAGE {
            if kind == CERTIFICATE {
                self.certificates = certificates(self.message.get(4..).unwrap_or_default());
            }
            self.finished = true;
        }
    }

    /// Takes one message.
    pub(super) fn take_message(&mut self, kind: u8, content: &[u8]) {
        match kind {
            SERVER_HELLO => match server_hello(content) {
                Some(hello) if self.hello.is_none() => {
                    self.hello = Some(hello);
                    // All else that TLS 1.3 says is encrypted.
                    self.finished = hello.version >= TLS1_3;
                }
                _ => self.foreign = true,
            },
            CERTIFICATE => self.certificates = certificates(content),
            SERVER_KEY_EXCHANGE => {
                let suite = self.hello.map(|hello| hello.suite);
                self.exchange = suite.and_then(|suite| exchange(suite, content));
            }
            CERTIFICATE_REQUEST => self.asks_certificate = true,
            SERVER_HELLO_DONE => self.finished = true,
            _ => {}
        }
    }
}

enum Next {
    Foreign,
    Partial,
    Whole { kind: u8, length: usize },
}

fn next_record(bytes: &[u8]) -> Next {
    let mut reader = Reader::new(bytes);
    let Some(kind) = reader.u8() else {
        return Next::Partial;
    };
    if !(CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&kind) {
        return Next::Foreign;
    }
    match reader.u8() {
        None => return Next::Partial,
        Some(3) => {}
        Some(_) => return Next::Foreign,
    }
    let (Some(_minor), Some(length)) = (reader.u8(), reader.u16()) else {
        return Next::Partial;
    };
    let length = usize::from(length);
    if length == 0 || length > LONGEST_RECORD {
        return Next::Foreign;
    }
    match reader.bytes(length) {
        Some(_) => Next::Whole { kind, length },
        None => Next::Partial,
    }
}

/// A ServerHello with what a handshake needs of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Details<'a> {
    pub(super) hello: ServerHello,
    /// It is a HelloRetryRequest.
    pub(super) retry: bool,
    /// The server's key share, without its group.
    pub(super) share: &'a [u8],
    /// What it wants to hear again in the next hello.
    pub(super) cookie: &'a [u8],
}

fn server_hello(content: &[u8]) -> Option<ServerHello> {
    details(content).map(|details| details.hello)
}

/// Reads the content of a ServerHello.
pub(super) fn details(content: &[u8]) -> Option<Details<'_>> {
    let mut reader = Reader::new(content);
    let mut version = reader.u16()?;
    let random = reader.bytes(32)?;
    let session_id = reader.vector8()?;
    let suite = reader.u16()?;
    let _compression = reader.u8()?;
    if version >> 8 != 3 || session_id.len() > 32 {
        return None;
    }
    let retry = random == RETRY_RANDOM;
    let (mut group, mut share, mut cookie) = (None, [].as_slice(), [].as_slice());
    let mut extensions = Reader::new(reader.vector16().unwrap_or_default());
    while let (Some(number), Some(body)) = (extensions.u16(), extensions.vector16()) {
        let mut body = Reader::new(body);
        match number {
            // supported_versions, RFC 8446 4.2.1.
            43 => version = body.u16()?,
            44 => cookie = body.vector16().unwrap_or_default(),
            // key_share: the group alone in a retry, group and key otherwise.
            51 => {
                group = body.u16();
                share = body.vector16().unwrap_or_default();
                if !retry && share.is_empty() {
                    group = None;
                }
            }
            _ => {}
        }
    }
    let hello = ServerHello {
        version,
        suite,
        group,
    };
    Some(Details {
        hello,
        retry,
        share,
        cookie,
    })
}

fn certificates(content: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = Reader::new(content);
    let length = reader.u24().unwrap_or_default();
    let mut list = Reader::new(reader.up_to(length));
    std::iter::from_fn(|| list.vector24().map(<[u8]>::to_vec))
        .take(MOST_CERTIFICATES)
        .collect()
}

fn exchange(suite: u16, content: &[u8]) -> Option<Exchange> {
    let name = super::suites::name(suite)?;
    let mut reader = Reader::new(content);
    if name.contains("_PSK_") {
        // psk_identity_hint comes first, RFC 4279 3 and RFC 5489 2.
        reader.vector16()?;
    }
    if name.starts_with("TLS_ECDHE_") || name.starts_with("TLS_ECDH_anon_") {
        const NAMED_CURVE: u8 = 3;
        (reader.u8()? == NAMED_CURVE).then_some(())?;
        return reader.u16().map(Exchange::Group);
    }
    if name.starts_with("TLS_DHE_") || name.starts_with("TLS_DH_anon_") {
        let prime = reader.vector16()?;
        let leading_zeros: usize = prime.iter().take_while(|byte| **byte == 0).count();
        let first = prime.get(leading_zeros)?;
        let bits = (prime.len() - leading_zeros) * 8;
        return Some(Exchange::Prime(
            bits - usize::try_from(first.leading_zeros()).ok()?,
        ));
    }
    None
}

#[cfg(test)]
#[path = "flight_tests.rs"]
mod tests;
