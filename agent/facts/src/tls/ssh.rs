//! What an SSH server offers: its key exchange message in clear (RFC 4253 7.1), and its RSA host key, which it shows in
//! answer to a key exchange begun with the generator as key (RFC 8731 3). No login is tried.

use serde::Serialize;

use super::line::{Blocked, Cut, Line, Stream};
use super::reader::Reader;
use super::share;

const KEXINIT: u8 = 20;
const KEX_INIT: u8 = 30;
const KEX_REPLY: u8 = 31;
/// Largest packet taken, in bytes (RFC 4253 6.1).
const LARGEST_PACKET: usize = 35_000;
/// Most packets and most lines before the one that is waited for.
const MOST_BEFORE: usize = 50;
/// Longest list of algorithms told.
const MOST_ALGORITHMS: usize = 100;
/// Wait for one answer, in percent of the time for the endpoint.
const PATIENCE: u32 = 30;
/// Key exchanges that can be begun here: the group of TLS with the same key, by name.
const EXCHANGES: [(&str, u16); 5] = [
    ("curve25519-sha256", 0x001D),
    ("curve25519-sha256@libssh.org", 0x001D),
    ("ecdh-sha2-nistp256", 0x0017),
    ("ecdh-sha2-nistp384", 0x0018),
    ("ecdh-sha2-nistp521", 0x0019),
];
/// Host key algorithms that an RSA key serves.
const RSA: [&str; 3] = ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"];

/// What an SSH server offers, in its own order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SshOffer {
    /// Its version, such as `SSH-2.0-OpenSSH_9.2p1`.
    pub version: String,
    /// Key exchanges.
    pub key_exchanges: Vec<String>,
    /// Algorithms of host keys.
    pub host_keys: Vec<String>,
    /// Ciphers, of either direction.
    pub ciphers: Vec<String>,
    /// Message authentication codes, of either direction.
    pub macs: Vec<String>,
    /// Length of its RSA host key in bits, where it has one and shows it.
    pub rsa_bits: Option<usize>,
    /// Why the length of its RSA key is not known though it has one.
    pub rsa_unknown: Option<String>,
}

/// Why there is no offer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoOffer {
    #[error(transparent)]
    Blocked(#[from] Blocked),
    #[error(transparent)]
    Cut(#[from] Cut),
    #[error("the peer speaks SSH, but not version 2")]
    Old,
    #[error("the peer's key exchange message can't be read")]
    Malformed,
}

/// Reads the offer of a server that greets by `SSH-`.
pub(super) fn offer(line: &Line) -> Result<SshOffer, NoOffer> {
    let mut stream = line.connect(line.share(PATIENCE))?;
    let version = version(&mut stream)?;
    if !version.starts_with("SSH-2.0") && !version.starts_with("SSH-1.99") {
        return Err(NoOffer::Old);
    }
    stream.send(b"SSH-2.0-Plumbline\r\n")?;
    let payload = packet(&mut stream, KEXINIT)?;
    let mut offer = read_offer(&payload).ok_or(NoOffer::Malformed)?;
    offer.version = version;
    let common = |ours: &[&'static str], theirs: &[String]| -> Option<&'static str> {
        ours.iter()
            .copied()
            .find(|name| theirs.iter().any(|their| their == name))
    };
    if let Some(key) = common(&RSA, &offer.host_keys) {
        let exchanges = EXCHANGES.map(|(name, _)| name);
        let bits = common(&exchanges, &offer.key_exchanges)
            .ok_or_else(|| "no key exchange in common".to_owned())
            .and_then(|exchange| {
                rsa_bits(&mut stream, exchange, key, &offer).map_err(|error| error.to_string())
            });
        match bits {
            Ok(bits) => offer.rsa_bits = Some(bits),
            Err(why) => offer.rsa_unknown = Some(why),
        }
    }
    Ok(offer)
}

/// The version line; a server may say other lines before it (RFC 4253 4.2).
fn version(stream: &mut Stream) -> Result<String, NoOffer> {
    for _ in 0..MOST_BEFORE {
        let line = stream.line()?;
        if line.starts_with("SSH-") {
            return Ok(line.chars().filter(|c| !c.is_control()).take(255).collect());
        }
    }
    Err(NoOffer::Malformed)
}

/// The payload of the next packet of a kind, before encryption.
fn packet(stream: &mut Stream, kind: u8) -> Result<Vec<u8>, NoOffer> {
    for _ in 0..MOST_BEFORE {
        let head = stream.exactly(4)?;
        let length = head
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        if !(2..=LARGEST_PACKET).contains(&length) {
            return Err(NoOffer::Malformed);
        }
        let mut body = stream.exactly(length)?;
        let padding = body.first().copied().map_or(0, usize::from);
        body.truncate(length.saturating_sub(padding));
        if body.get(1) == Some(&kind) {
            return Ok(body.split_off(2));
        }
    }
    Err(NoOffer::Malformed)
}

/// Wraps a payload in a packet with the least padding.
fn wrapped(payload: &[u8]) -> Vec<u8> {
    let short = 8 - (payload.len() + 5) % 8;
    let padding = if short < 4 { short + 8 } else { short };
    let length = u32::try_from(payload.len() + padding + 1).unwrap_or_default();
    let mut packet = length.to_be_bytes().to_vec();
    packet.push(u8::try_from(padding).unwrap_or_default());
    packet.extend(payload);
    packet.extend(vec![0; padding]);
    packet
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let mut string = u32::try_from(bytes.len())
        .unwrap_or_default()
        .to_be_bytes()
        .to_vec();
    string.extend(bytes);
    string
}

fn take_string<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let high = usize::from(reader.u16()?);
    let length = high << 16 | usize::from(reader.u16()?);
    reader.bytes(length)
}

fn read_offer(payload: &[u8]) -> Option<SshOffer> {
    let mut reader = Reader::new(payload);
    let _cookie = reader.bytes(16)?;
    let mut list = || -> Option<Vec<String>> {
        let text = String::from_utf8_lossy(take_string(&mut reader)?).into_owned();
        let names = text.split(',').filter(|name| !name.is_empty());
        Some(
            names
                .take(MOST_ALGORITHMS)
                .map(|name| name.chars().filter(|c| !c.is_control()).take(64).collect())
                .collect(),
        )
    };
    let (key_exchanges, host_keys) = (list()?, list()?);
    let (mut ciphers, to_client) = (list()?, list()?);
    ciphers.extend(to_client);
    let (mut macs, to_client) = (list()?, list()?);
    macs.extend(to_client);
    for names in [&mut ciphers, &mut macs] {
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
    }
    Some(SshOffer {
        key_exchanges,
        host_keys,
        ciphers,
        macs,
        ..SshOffer::default()
    })
}

/// Begins a key exchange and reads the host key in the server's reply.
fn rsa_bits(stream: &mut Stream, exchange: &str, key: &str, offer: &SshOffer) -> Result<usize, NoOffer> {
    let group = EXCHANGES.iter().find(|(name, _)| *name == exchange);
    let public = group
        .and_then(|(_, group)| share::share(*group))
        .ok_or(NoOffer::Malformed)?;
    let mut init = vec![KEXINIT];
    init.extend([0; 16]);
    let ciphers = offer.ciphers.join(",");
    let macs = offer.macs.join(",");
    for list in [
        exchange, key, &ciphers, &ciphers, &macs, &macs, "none", "none", "", "",
    ] {
        init.extend(string(list.as_bytes()));
    }
    init.extend([0; 5]);
    stream.send(&wrapped(&init))?;
    let mut begin = vec![KEX_INIT];
    begin.extend(string(&public));
    stream.send(&wrapped(&begin))?;
    let reply = packet(stream, KEX_REPLY)?;
    key_bits(&reply).ok_or(NoOffer::Malformed)
}

/// `ssh-rsa`, exponent, modulus (RFC 4253 6.6), as the first string of a reply.
fn key_bits(reply: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(take_string(&mut Reader::new(reply))?);
    (take_string(&mut reader)? == b"ssh-rsa").then_some(())?;
    let _exponent = take_string(&mut reader)?;
    let modulus = take_string(&mut reader)?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus.get(zeros)?;
    Some((modulus.len() - zeros) * 8 - usize::try_from(first.leading_zeros()).ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn packets_are_padded_to_eight_and_at_least_four() {
        for length in 0..40 {
            let packet = wrapped(&vec![7; length]);
            assert_eq!(packet.len() % 8, 0, "{length}");
            assert!((4..12).contains(&packet[4]), "{length}: {}", packet[4]);
            assert_eq!(usize::from(packet[3]) + 4, packet.len());
        }
    }

    #[test]
    fn lists_and_key_are_read() {
        let mut payload = vec![0; 16];
        for list in ["a,b", "ssh-rsa", "x", "x,y", "m", "n"] {
            payload.extend(string(list.as_bytes()));
        }
        let offer = read_offer(&payload).unwrap();
        assert_eq!(offer.key_exchanges, ["a", "b"]);
        assert_eq!(offer.ciphers, ["x", "y"]);
        assert_eq!(offer.macs, ["m", "n"]);
        let key = [
            string(b"ssh-rsa"),
            string(&[1, 0, 1]),
            string(&[&[0, 0x80][..], &[1; 127]].concat()),
        ]
        .concat();
        assert_eq!(key_bits(&string(&key)), Some(1024));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_offer_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_offer(&bytes);
            let _ = key_bits(&bytes);
        }
    }
}
