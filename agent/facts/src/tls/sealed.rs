//! The encrypted part of a TLS 1.3 server's flight (RFC 8446 2): its certificates, and whether it asks for one.
//!
//! The server is not authenticated and no handshake is finished: the flight is read, and the connection ends.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use ring::{aead, digest, hmac};

use super::flight::{self, Details};
use super::hello::{Hello, TLS1_3};
use super::line::{Cut, Stream};
use super::reader::Reader;
use super::share;
use super::trial::{Peer, Trial};

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const CERTIFICATE_REQUEST: u8 = 13;
const CERTIFICATE_VERIFY: u8 = 15;
/// Stands for the first hello in the transcript after a retry (RFC 8446 4.4.1).
const MESSAGE_HASH: u8 = 254;
/// Most handshake bytes kept before the certificates end.
const LONGEST_FLIGHT: usize = 128 * 1024;

/// Suites whose records can be opened, the usual ones first.
pub(super) const SUITES: &[u16] = &[0x1301, 0x1302, 0x1303, 0x1304, 0x1305, 0xC0B4, 0xC0B5];

/// What the encrypted flight says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unsealed {
    /// Its certificates, its own first, in DER.
    pub(super) certificates: Vec<Vec<u8>>,
    /// It asks for a certificate of the client.
    pub(super) asks_certificate: bool,
}

/// Why the flight can't be read.
enum Broken {
    Alert(u8),
    Cut(Cut),
    Foreign,
}

impl From<Cut> for Broken {
    fn from(cut: Cut) -> Self {
        Self::Cut(cut)
    }
}

impl Peer<'_> {
    /// Says a hello of TLS 1.3 and reads the server's whole flight.
    pub(super) fn unseal(&self, hello: &Hello) -> Result<Unsealed, Trial> {
        let mut stream = self.open().map_err(Trial::Blocked)?;
        unseal(&mut stream, hello).map_err(|broken| match broken {
            Broken::Alert(description) => Trial::Alert(description),
            Broken::Cut(Cut::Ended | Cut::Reset) => Trial::Closed,
            Broken::Cut(Cut::Silent) => Trial::Silent,
            Broken::Cut(Cut::TooMuch) | Broken::Foreign => Trial::Foreign(Vec::new()),
        })
    }
}

fn unseal(stream: &mut Stream, hello: &Hello) -> Result<Unsealed, Broken> {
    let mut hello = hello.clone();
    let first = hello.message();
    stream.send(&hello.encode())?;
    let mut answer = server_hello(stream)?;
    let mut details = details(&answer)?;
    let mut transcript = first.clone();
    if details.retry {
        let suite = Suite::of(details.hello.suite).ok_or(Broken::Foreign)?;
        let group = details.hello.group.unwrap_or_default();
        // A retry that changes nothing would go round for ever.
        if hello.key_shares.iter().any(|(offered, _)| *offered == group) && details.cookie.is_empty() {
            return Err(Broken::Foreign);
        }
        if group != 0 {
            hello.key_shares = vec![(group, share::share(group).ok_or(Broken::Foreign)?)];
        }
        hello.cookie = details.cookie.to_vec();
        let hash = digest::digest(suite.digest(), &first);
        transcript = vec![
            MESSAGE_HASH,
            0,
            0,
            u8::try_from(hash.as_ref().len()).unwrap_or_default(),
        ];
        transcript.extend(hash.as_ref());
        transcript.extend(&answer);
        transcript.extend(hello.message());
        stream.send(&hello.encode())?;
        answer = server_hello(stream)?;
        details = self::details(&answer)?;
        if details.retry {
            return Err(Broken::Foreign);
        }
    }
    transcript.extend(&answer);
    let suite = Suite::of(details.hello.suite).ok_or(Broken::Foreign)?;
    let group = details.hello.group.ok_or(Broken::Foreign)?;
    let secret = share::secret(group, details.share).ok_or(Broken::Foreign)?;
    read_flight(stream, &mut Opener::new(suite, &secret, &transcript)?)
}

fn details(message: &[u8]) -> Result<Details<'_>, Broken> {
    let details = message
        .get(4..)
        .and_then(flight::details)
        .ok_or(Broken::Foreign)?;
    if details.hello.version == TLS1_3 {
        Ok(details)
    } else {
        Err(Broken::Foreign)
    }
}

/// The next record: its type and its body. The stream limits how many there can be.
fn record(stream: &mut Stream) -> Result<(u8, Vec<u8>), Broken> {
    let head = stream.exactly(5)?;
    let &[kind, 3, _, high, low] = head.as_slice() else {
        return Err(Broken::Foreign);
    };
    let length = usize::from(high) << 8 | usize::from(low);
    if length == 0 || length > flight::LONGEST_RECORD {
        return Err(Broken::Foreign);
    }
    Ok((kind, stream.exactly(length)?))
}

/// The next message in clear, which has to be a ServerHello.
fn server_hello(stream: &mut Stream) -> Result<Vec<u8>, Broken> {
    let mut message = Vec::new();
    loop {
        match record(stream)? {
            (CHANGE_CIPHER_SPEC, _) => {}
            (ALERT, body) => return Err(alert(&body)),
            (HANDSHAKE, body) => message.extend(body),
            _ => return Err(Broken::Foreign),
        }
        let mut reader = Reader::new(&message);
        if reader.u8().is_some_and(|kind| kind != SERVER_HELLO) || message.len() > flight::LONGEST_RECORD {
            return Err(Broken::Foreign);
        }
        if let Some(length) = reader.u24()
            && message.len() >= 4 + length
        {
            message.truncate(4 + length);
            return Ok(message);
        }
    }
}

fn alert(body: &[u8]) -> Broken {
    match body {
        [_, description] => Broken::Alert(*description),
        _ => Broken::Foreign,
    }
}

fn read_flight(stream: &mut Stream, opener: &mut Opener) -> Result<Unsealed, Broken> {
    let mut found = Unsealed::default();
    let mut messages = Vec::new();
    loop {
        match record(stream)? {
            (CHANGE_CIPHER_SPEC, _) => continue,
            (APPLICATION_DATA, body) => match opener.open(body)? {
                (HANDSHAKE, body) => messages.extend(body),
                (ALERT, body) => return Err(alert(&body)),
                _ => return Err(Broken::Foreign),
            },
            (ALERT, body) => return Err(alert(&body)),
            _ => return Err(Broken::Foreign),
        }
        loop {
            let mut reader = Reader::new(&messages);
            let (Some(kind), Some(length)) = (reader.u8(), reader.u24()) else {
                break;
            };
            if kind == CERTIFICATE && messages.len() > LONGEST_FLIGHT {
                // As much of the chain as anyone would read.
                found.certificates = certificates(messages.get(4..).unwrap_or_default());
                return Ok(found);
            }
            let Some(content) = reader.bytes(length) else {
                break;
            };
            match kind {
                CERTIFICATE_REQUEST => found.asks_certificate = true,
                CERTIFICATE => found.certificates = certificates(content),
                CERTIFICATE_VERIFY => {}
                // EncryptedExtensions, or Finished of a server without a certificate.
                8 => {}
                _ => return Ok(found),
            }
            if !found.certificates.is_empty() {
                return Ok(found);
            }
            messages.drain(..4 + length);
        }
        if messages.len() > 2 * LONGEST_FLIGHT {
            return Err(Broken::Foreign);
        }
    }
}

/// RFC 8446 4.4.2: a context, and entries with extensions of their own.
fn certificates(content: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = Reader::new(content);
    let Some(_context) = reader.vector8() else {
        return Vec::new();
    };
    let length = reader.u24().unwrap_or_default();
    let mut list = Reader::new(reader.up_to(length));
    std::iter::from_fn(|| {
        let certificate = list.vector24()?.to_vec();
        list.vector16();
        Some(certificate)
    })
    .take(flight::MOST_CERTIFICATES)
    .collect()
}

/// How a suite seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seal {
    Ring(&'static aead::Algorithm),
    /// AES in counter mode with a tag of this length (RFC 6655).
    Ccm(usize),
    /// In clear, with a tag (RFC 9150).
    Tag,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Suite {
    seal: Seal,
    hash: hmac::Algorithm,
    key: usize,
}

impl Suite {
    fn of(number: u16) -> Option<Self> {
        let (seal, hash, key) = match number {
            0x1301 => (Seal::Ring(&aead::AES_128_GCM), hmac::HMAC_SHA256, 16),
            0x1302 => (Seal::Ring(&aead::AES_256_GCM), hmac::HMAC_SHA384, 32),
            0x1303 => (Seal::Ring(&aead::CHACHA20_POLY1305), hmac::HMAC_SHA256, 32),
            0x1304 => (Seal::Ccm(16), hmac::HMAC_SHA256, 16),
            0x1305 => (Seal::Ccm(8), hmac::HMAC_SHA256, 16),
            0xC0B4 => (Seal::Tag, hmac::HMAC_SHA256, 32),
            0xC0B5 => (Seal::Tag, hmac::HMAC_SHA384, 32),
            _ => return None,
        };
        Some(Self { seal, hash, key })
    }

    fn digest(self) -> &'static digest::Algorithm {
        self.hash.digest_algorithm()
    }
}

/// Opens the server's handshake records (RFC 8446 5.2, 7.1 and 7.3).
struct Opener {
    suite: Suite,
    key: Vec<u8>,
    iv: Vec<u8>,
    sequence: u64,
}

impl Opener {
    fn new(suite: Suite, shared: &[u8], transcript: &[u8]) -> Result<Self, Broken> {
        let hash = suite.hash;
        let length = suite.digest().output_len();
        let zeros = vec![0; length];
        let extract = |salt: &[u8], secret: &[u8]| hmac::sign(&hmac::Key::new(hash, salt), secret);
        let hash_of = |bytes: &[u8]| digest::digest(suite.digest(), bytes);
        let early = extract(&zeros, &zeros);
        let derived = expand(hash, early.as_ref(), "derived", hash_of(b"").as_ref(), length);
        let handshake = extract(&derived, shared);
        let traffic = expand(
            hash,
            handshake.as_ref(),
            "s hs traffic",
            hash_of(transcript).as_ref(),
            length,
        );
        Ok(Self {
            suite,
            key: expand(hash, &traffic, "key", b"", suite.key),
            iv: expand(hash, &traffic, "iv", b"", 12),
            sequence: 0,
        })
    }

    /// The type and the content of a record.
    fn open(&mut self, mut body: Vec<u8>) -> Result<(u8, Vec<u8>), Broken> {
        let mut nonce = [0; 12];
        let count = [[0; 4].as_slice(), &self.sequence.to_be_bytes()].concat();
        for ((byte, iv), count) in nonce.iter_mut().zip(&self.iv).zip(count) {
            *byte = iv ^ count;
        }
        self.sequence += 1;
        let [high, low] = u16::try_from(body.len()).unwrap_or_default().to_be_bytes();
        let length = match self.suite.seal {
            Seal::Ring(algorithm) => {
                let key = aead::UnboundKey::new(algorithm, &self.key).map_err(|_| Broken::Foreign)?;
                let header = aead::Aad::from([APPLICATION_DATA, 3, 3, high, low]);
                let nonce = aead::Nonce::assume_unique_for_key(nonce);
                let opened = aead::LessSafeKey::new(key).open_in_place(nonce, header, &mut body);
                opened.map_err(|_| Broken::Foreign)?.len()
            }
            Seal::Ccm(tag) => {
                let length = body.len().checked_sub(tag).ok_or(Broken::Foreign)?;
                self.count(&nonce, &mut body);
                length
            }
            Seal::Tag => body
                .len()
                .checked_sub(self.suite.digest().output_len())
                .ok_or(Broken::Foreign)?,
        };
        body.truncate(length);
        while body.pop_if(|byte| *byte == 0).is_some() {}
        body.pop().map(|kind| (kind, body)).ok_or(Broken::Foreign)
    }

    /// AES in the counter mode of CCM with lengths of three bytes (RFC 3610 2.3). The tag would only tell what a wrong
    /// certificate tells as well, so it is not looked at.
    fn count(&self, nonce: &[u8; 12], body: &mut [u8]) {
        for (chunk, number) in body.chunks_mut(16).zip(1_u32..) {
            let mut block = [0; 16];
            let counter = number.to_be_bytes();
            let parts = std::iter::once(&2).chain(nonce).chain(counter.iter().skip(1));
            for (byte, part) in block.iter_mut().zip(parts) {
                *byte = *part;
            }
            let mut block = Array::from(block);
            if let Ok(cipher) = Aes128::new_from_slice(&self.key) {
                cipher.encrypt_block(&mut block);
            }
            for (byte, mask) in chunk.iter_mut().zip(block) {
                *byte ^= mask;
            }
        }
    }
}

/// HKDF-Expand-Label for no more than one block of output (RFC 8446 7.1).
fn expand(hash: hmac::Algorithm, secret: &[u8], label: &str, context: &[u8], length: usize) -> Vec<u8> {
    let mut info = u16::try_from(length).unwrap_or_default().to_be_bytes().to_vec();
    let label = [b"tls13 ", label.as_bytes()].concat();
    for part in [&label, context] {
        info.push(u8::try_from(part.len()).unwrap_or_default());
        info.extend(part);
    }
    info.push(1);
    let block = hmac::sign(&hmac::Key::new(hash, secret), &info);
    block.as_ref().iter().take(length).copied().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_expand_as_rfc_8448_has_them() {
        // RFC 8448 3: the server's handshake key and IV from its traffic secret.
        let secret = hex::decode("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38").unwrap();
        let key = expand(hmac::HMAC_SHA256, &secret, "key", b"", 16);
        let iv = expand(hmac::HMAC_SHA256, &secret, "iv", b"", 12);
        assert_eq!(hex::encode(key), "3fce516009c21727d0f2e4e86ee403bc");
        assert_eq!(hex::encode(iv), "5d313eb2671276ee13000b30");
    }

    #[test]
    fn certificates_stand_between_a_context_and_their_extensions() {
        let content = [0, 0, 0, 14, 0, 0, 2, b'a', b'b', 0, 1, 9, 0, 0, 1, b'c', 0, 0];
        assert_eq!(certificates(&content), [b"ab".to_vec(), b"c".to_vec()]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_certificates_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            certificates(&bytes);
            let _ = details(&bytes).is_ok();
        }

        #[test]
        fn any_record_opens_or_does_not(body in proptest::collection::vec(any::<u8>(), 0..100), suite in 0_u16..10) {
            if let Some(suite) = Suite::of(0x1300 + suite).or(Suite::of(0xC0B4)) {
                let mut opener = Opener::new(suite, &[1; 32], b"").ok().unwrap();
                let _ = opener.open(body).is_ok();
            }
        }
    }
}
