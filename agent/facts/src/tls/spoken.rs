//! What a peer speaks, told from the first bytes that it says.

/// What was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    /// `SSH-2.0-…`, RFC 4253 4.2.
    Ssh,
    /// HTTP/1, a bare page, or the SETTINGS frame with which HTTP/2 begins (RFC 9113 3.4).
    Http,
    /// A reply code, as SMTP and FTP greet.
    Reply,
    /// `* OK`.
    Imap,
    /// `+OK`.
    Pop3,
    /// The capabilities with which ManageSieve greets.
    Sieve,
    /// The handshake packet of MySQL and MariaDB.
    Mysql,
    /// An XML stream.
    Xmpp,
    /// A message of LDAP.
    Ldap,
    /// An error of PostgreSQL.
    Postgresql,
    /// Option negotiation of telnet, RFC 854.
    Telnet,
    /// Words, in a protocol that is not recognised.
    Text,
    /// Anything else.
    Binary,
}

/// So many bytes are enough to tell.
const ENOUGH: usize = 12;

/// Recognises the bytes heard so far; `None` while more may change the answer. `all`: no more will come.
pub(super) fn recognise(bytes: &[u8], all: bool) -> Option<Spoken> {
    // Options are bargained over at once, and with no end of line.
    if matches!(bytes, [0xff, 0xfb..=0xfe, _, ..]) {
        return Some(Spoken::Telnet);
    }
    let whole = all || bytes.len() >= ENOUGH || bytes.ends_with(b"\n");
    if bytes.is_empty() || !whole {
        return None;
    }
    let upper = |length: usize| bytes.get(..length).unwrap_or(bytes).to_ascii_uppercase();
    let spoken = match bytes {
        _ if bytes.starts_with(b"SSH-") => Spoken::Ssh,
        _ if bytes.starts_with(b"HTTP/") => Spoken::Http,
        // What old servers answer to a request that they can't read (HTTP/0.9): the page alone.
        _ if [&b"<!DOCTYPE H"[..], b"<HTML"]
            .iter()
            .any(|start| upper(start.len()) == **start) =>
        {
            Spoken::Http
        }
        [a, b, c, b' ' | b'-', ..] if [a, b, c].iter().all(|byte| byte.is_ascii_digit()) => Spoken::Reply,
        _ if ["* OK", "* PR", "* BY"]
            .iter()
            .any(|start| upper(4) == start.as_bytes()) =>
        {
            Spoken::Imap
        }
        _ if upper(3) == b"+OK" => Spoken::Pop3,
        _ if upper(12) == b"\"IMPLEMENTAT" || upper(12) == b"\"SIEVE\" \"FIL" => Spoken::Sieve,
        _ if bytes.starts_with(b"<?xml") || bytes.starts_with(b"<stream") => Spoken::Xmpp,
        [_, _, 0, 0, 10 | 0xff, ..] => Spoken::Mysql,
        // A SETTINGS frame on stream 0.
        [0, 0, _, 4, 0, 0, 0, 0, 0, ..] => Spoken::Http,
        // SEQUENCE, and the INTEGER that is the message's number.
        [0x30, ..0x80, 2, 1, ..] | [0x30, 0x84, _, _, _, _, 2, 1, ..] => Spoken::Ldap,
        [b'E', 0, 0, ..] => Spoken::Postgresql,
        _ if is_text(bytes) => Spoken::Text,
        _ => Spoken::Binary,
    };
    Some(spoken)
}

fn is_text(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // A character that the piece was cut in.
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
        Err(_) => return false,
    };
    text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn greetings_are_told_apart() {
        for (bytes, spoken) in [
            (&b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n"[..], Spoken::Ssh),
            (b"HTTP/1.1 400 Bad Request\r\n", Spoken::Http),
            (b"<!doctype html>\n<title>", Spoken::Http),
            (b"\0\0\x12\x04\0\0\0\0\0\0\x03", Spoken::Http),
            (b"220 mail ESMTP\r\n", Spoken::Reply),
            (b"220-Welcome\r\n", Spoken::Reply),
            (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", Spoken::Imap),
            (b"+OK ready\r\n", Spoken::Pop3),
            (b"\x59\0\0\0\x0a5.5.5-10.11.6-MariaDB\0", Spoken::Mysql),
            (b"<?xml version='1.0'?>", Spoken::Xmpp),
            (b"\xff\xfd\x18\xff\xfd\x20", Spoken::Telnet),
            (b"RFB 003.008\n", Spoken::Text),
            (b"-ERR unknown command\r\n", Spoken::Text),
            (b"\x00\x01\x02\x03", Spoken::Binary),
        ] {
            assert_eq!(recognise(bytes, true), Some(spoken), "{bytes:?}");
        }
        assert_eq!(recognise(b"22", false), None);
        assert_eq!(recognise(b"", true), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_recognised_once_all_are_there(bytes in proptest::collection::vec(any::<u8>(), 1..100)) {
            prop_assert!(recognise(&bytes, true).is_some());
        }
    }
}
