//! The talk before TLS: the greeting and the request of each protocol that goes over to TLS within a connection.
//!
//! Sources: RFC 3207 (SMTP), RFC 9051 6.2.1 (IMAP), RFC 2595 4 (POP3), RFC 4217 4 (FTP), RFC 4511 4.14 (LDAP), RFC 6120 5
//! (XMPP), RFC 2033 (LMTP), RFC 5804 (ManageSieve), RFC 4642 (NNTP), the message formats of PostgreSQL 55.2.10 (SSLRequest), the connection phase of the MySQL protocol.

use super::StartTls;
use super::line::{Cut, Stream};
use super::reader::Reader;

/// Most lines of one reply.
const MOST_LINES: usize = 100;
/// Most bytes of an XML stream up to its features.
const LONGEST_FEATURES: usize = 64 * 1024;
/// Longest LDAP message and longest MySQL greeting taken, in bytes.
const LONGEST_MESSAGE: usize = 64 * 1024;

/// Why TLS can't begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// The peer speaks the protocol, without TLS.
    #[error("the peer does not offer it")]
    Plain,
    /// The peer does not speak the protocol.
    #[error("the peer speaks another protocol")]
    Other,
    /// The talk broke off.
    #[error(transparent)]
    Cut(#[from] Cut),
    /// The peer speaks the protocol, and does not say whether it would speak TLS.
    #[error("{0}")]
    Failed(String),
}

/// Talks on a fresh connection until the next byte is TLS's. `name` is what the peer is taken to be called.
pub(super) fn begin(kind: StartTls, stream: &mut Stream, name: &str) -> Result<(), Refusal> {
    match kind {
        StartTls::Smtp => smtp(stream, "EHLO"),
        StartTls::Lmtp => smtp(stream, "LHLO"),
        StartTls::Sieve => sieve(stream),
        StartTls::Nntp => nntp(stream),
        StartTls::Imap => imap(stream),
        StartTls::Pop3 => pop3(stream),
        StartTls::Ftp => ftp(stream),
        StartTls::Ldap => ldap(stream),
        StartTls::Postgresql => postgresql(stream),
        StartTls::Mysql => mysql(stream),
        StartTls::Xmpp => xmpp(stream, "jabber:client", name),
        StartTls::XmppServer => xmpp(stream, "jabber:server", name),
    }
}

/// A reply of SMTP or FTP: its code and its lines.
struct Reply {
    code: u16,
    lines: Vec<String>,
}

fn reply(stream: &mut Stream) -> Result<Reply, Refusal> {
    let mut lines = Vec::new();
    for _ in 0..MOST_LINES {
        let line = stream.line()?;
        let code = line.get(..3).and_then(|code| code.parse().ok());
        let last = line.as_bytes().get(3) != Some(&b'-');
        lines.push(line);
        match code {
            Some(code) if last => return Ok(Reply { code, lines }),
            // FTP lets the lines between the first and the last be anything (RFC 959 4.2).
            None if lines.len() == 1 => return Err(Refusal::Other),
            _ => {}
        }
    }
    Err(Cut::TooMuch.into())
}

/// SMTP, or LMTP, which greets by another word.
fn smtp(stream: &mut Stream, greet: &str) -> Result<(), Refusal> {
    let greeting = reply(stream)?;
    if greeting.code != 220 {
        return Err(refused(&greeting));
    }
    stream.send(format!("{greet} localhost\r\n").as_bytes())?;
    let capabilities = reply(stream)?;
    if capabilities.code != 250 {
        return Err(Refusal::Other);
    }
    let offers = |line: &String| {
        line.get(4..)
            .is_some_and(|word| word.trim().eq_ignore_ascii_case("STARTTLS"))
    };
    if !capabilities.lines.iter().any(offers) {
        return Err(Refusal::Plain);
    }
    stream.send(b"STARTTLS\r\n")?;
    let answer = reply(stream)?;
    if answer.code == 220 {
        Ok(())
    } else {
        Err(refused(&answer))
    }
}

fn ftp(stream: &mut Stream) -> Result<(), Refusal> {
    let greeting = reply(stream)?;
    if greeting.code != 220 {
        return Err(refused(&greeting));
    }
    stream.send(b"AUTH TLS\r\n")?;
    let mut answer = reply(stream)?;
    if answer.code == 504 {
        // The older name for the same.
        stream.send(b"AUTH SSL\r\n")?;
        answer = reply(stream)?;
    }
    match answer.code {
        234 | 334 => Ok(()),
        // The command is not known, not implemented, or not allowed before login.
        500..=599 => Err(Refusal::Plain),
        _ => Err(refused(&answer)),
    }
}

fn nntp(stream: &mut Stream) -> Result<(), Refusal> {
    let greeting = reply(stream)?;
    if !matches!(greeting.code, 200 | 201) {
        return Err(Refusal::Other);
    }
    stream.send(b"STARTTLS\r\n")?;
    let answer = reply(stream)?;
    match answer.code {
        382 => Ok(()),
        480 | 483 | 500..=599 => Err(Refusal::Plain),
        _ => Err(Refusal::Other),
    }
}

fn sieve(stream: &mut Stream) -> Result<(), Refusal> {
    let mut offered = false;
    for _ in 0..MOST_LINES {
        let line = stream.line()?.to_ascii_uppercase();
        offered |= line.starts_with("\"STARTTLS\"");
        if line.starts_with("OK") {
            if !offered {
                return Err(Refusal::Plain);
            }
            stream.send(b"STARTTLS\r\n")?;
            let answer = stream.line()?.to_ascii_uppercase();
            return if answer.starts_with("OK") {
                Ok(())
            } else {
                Err(Refusal::Plain)
            };
        }
        if !line.starts_with('"') {
            return Err(Refusal::Other);
        }
    }
    Err(Cut::TooMuch.into())
}

/// A refusal that may not last, such as 421 or 454. The text of the peer is left out: it may name people.
fn refused(reply: &Reply) -> Refusal {
    Refusal::Failed(format!("the peer answered {}", reply.code))
}

fn imap(stream: &mut Stream) -> Result<(), Refusal> {
    let greeting = stream.line()?;
    if !greeting.starts_with("* ") {
        return Err(Refusal::Other);
    }
    if !greeting.to_ascii_uppercase().starts_with("* OK") {
        return Err(Refusal::Failed("the peer does not greet with OK".to_owned()));
    }
    stream.send(b"a STARTTLS\r\n")?;
    for _ in 0..MOST_LINES {
        let line = stream.line()?.to_ascii_uppercase();
        if let Some(answer) = line.strip_prefix("A ") {
            return if answer.starts_with("OK") {
                Ok(())
            } else {
                Err(Refusal::Plain)
            };
        }
    }
    Err(Cut::TooMuch.into())
}

fn pop3(stream: &mut Stream) -> Result<(), Refusal> {
    if !stream.line()?.starts_with("+OK") {
        return Err(Refusal::Other);
    }
    stream.send(b"STLS\r\n")?;
    if stream.line()?.starts_with("+OK") {
        Ok(())
    } else {
        Err(Refusal::Plain)
    }
}

/// ExtendedRequest 1.3.6.1.4.1.1466.20037 in message 1.
const LDAP_START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

fn ldap(stream: &mut Stream) -> Result<(), Refusal> {
    stream.send(LDAP_START_TLS)?;
    let head = stream.exactly(2)?;
    let mut reader = Reader::new(&head);
    if reader.u8() != Some(0x30) {
        return Err(Refusal::Other);
    }
    // BER length: one byte, or the number of bytes that hold it.
    let length = match reader.u8().unwrap_or_default() {
        short @ ..=0x7f => usize::from(short),
        long @ 0x81..=0x84 => {
            let bytes = stream.exactly(usize::from(long & 0x7f))?;
            bytes
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte))
        }
        _ => return Err(Refusal::Other),
    };
    if length > LONGEST_MESSAGE {
        return Err(Refusal::Other);
    }
    match ldap_result(&stream.exactly(length)?) {
        Some(0) => Ok(()),
        Some(_) => Err(Refusal::Plain),
        None => Err(Refusal::Other),
    }
}

/// The resultCode of an ExtendedResponse.
fn ldap_result(message: &[u8]) -> Option<u8> {
    const INTEGER: u8 = 0x02;
    const EXTENDED_RESPONSE: u8 = 0x78;
    const ENUMERATED: u8 = 0x0a;
    let mut reader = Reader::new(message);
    (reader.u8()? == INTEGER).then_some(())?;
    reader.vector8()?;
    (reader.u8()? == EXTENDED_RESPONSE).then_some(())?;
    // The length, in one byte or more.
    let length = reader.u8()?;
    if length > 0x80 {
        reader.bytes(usize::from(length & 0x7f))?;
    }
    (reader.u8()? == ENUMERATED).then_some(())?;
    reader.vector8()?.first().copied()
}

/// SSLRequest: its length and its code, 80877103.
const SSL_REQUEST: &[u8] = &[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f];

fn postgresql(stream: &mut Stream) -> Result<(), Refusal> {
    stream.send(SSL_REQUEST)?;
    stream.listen()?;
    match stream.take().as_slice() {
        b"S" => Ok(()),
        // No, or the error of a server before SSLRequest.
        b"N" | [b'E', 0, ..] => Err(Refusal::Plain),
        _ => Err(Refusal::Other),
    }
}

fn mysql(stream: &mut Stream) -> Result<(), Refusal> {
    const CLIENT_SSL: u16 = 0x0800;
    let head = stream.exactly(4)?;
    let &[low, middle, high, 0] = head.as_slice() else {
        return Err(Refusal::Other);
    };
    let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
    if length > LONGEST_MESSAGE {
        return Err(Refusal::Other);
    }
    let greeting = stream.exactly(length)?;
    match greeting.first() {
        Some(10) => {}
        // Too many connections, or this address is blocked.
        Some(0xff) => return Err(Refusal::Failed("the peer refuses the connection".to_owned())),
        _ => return Err(Refusal::Other),
    }
    match mysql_capabilities(&greeting) {
        Some(capabilities) if capabilities & CLIENT_SSL != 0 => {}
        Some(_) => return Err(Refusal::Plain),
        None => return Err(Refusal::Other),
    }
    // LONG_PASSWORD, PROTOCOL_41, SSL, SECURE_CONNECTION; 16 MiB packets; utf8mb3; 23 bytes of filler.
    let mut request = vec![32, 0, 0, 1, 0x01, 0x8a, 0, 0, 0, 0, 0, 1, 33];
    request.extend([0; 23]);
    stream.send(&request)?;
    Ok(())
}

/// The lower half of the capabilities: after the version text, the thread's id and eight bytes of challenge.
fn mysql_capabilities(greeting: &[u8]) -> Option<u16> {
    let end = greeting.iter().position(|byte| *byte == 0)?;
    let bytes = greeting.get(end + 1 + 4 + 8 + 1..)?;
    Some(u16::from_le_bytes([*bytes.first()?, *bytes.get(1)?]))
}

fn xmpp(stream: &mut Stream, namespace: &str, name: &str) -> Result<(), Refusal> {
    let header = format!(
        "<?xml version='1.0'?><stream:stream xmlns='{namespace}' \
         xmlns:stream='http://etherx.jabber.org/streams' to='{}' version='1.0'>",
        xml_safe(name)
    );
    stream.send(header.as_bytes())?;
    let features = until(
        stream,
        &[
            "</stream:features>",
            "<stream:features/>",
            "</features>",
            "<stream:error",
        ],
    )?;
    if features.contains("<stream:error") {
        // Which error it is follows within the element.
        let error = features + &until(stream, &["</stream:error>"]).unwrap_or_default();
        return Err(if error.contains("invalid-namespace") {
            Refusal::Other
        } else {
            Refusal::Failed("the peer does not serve a host of this name".to_owned())
        });
    }
    // Some answer whoever asks, and say by the namespace of their own stream whom they are for.
    let others = if namespace == "jabber:client" {
        "jabber:server"
    } else {
        "jabber:client"
    };
    let header = features.split("<stream:features").next().unwrap_or_default();
    if ['\'', '"']
        .iter()
        .any(|quote| header.contains(&format!("xmlns={quote}{others}{quote}")))
    {
        return Err(Refusal::Other);
    }
    if !features.contains("<starttls") {
        return Err(Refusal::Plain);
    }
    stream.send(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")?;
    let answer = until(stream, &[">"])?;
    if answer.contains("<proceed") {
        Ok(())
    } else {
        Err(Refusal::Failed("the peer refuses to begin TLS".to_owned()))
    }
}

/// Takes text up to and with the first of `ends`; what is no XML is refused at its first byte.
fn until(stream: &mut Stream, ends: &[&str]) -> Result<String, Refusal> {
    let mut heard = String::new();
    loop {
        if stream.heard().is_empty() {
            stream.listen()?;
        }
        heard.push_str(&String::from_utf8_lossy(&stream.take()));
        if !heard.trim_start().starts_with('<')
            && !heard.trim_start().is_empty()
            && !ends.contains(&"</stream:error>")
        {
            return Err(Refusal::Other);
        }
        // Only the end is new; it may straddle what came before.
        if ends.iter().any(|end| heard.contains(end)) {
            return Ok(heard);
        }
        if heard.len() > LONGEST_FEATURES {
            return Err(Cut::TooMuch.into());
        }
    }
}

fn xml_safe(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':'))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_ldap_and_mysql_answer() {
        // OpenLDAP: success, and protocolError with a diagnostic message.
        assert_eq!(
            ldap_result(b"\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"),
            Some(0)
        );
        assert_eq!(
            ldap_result(b"\x02\x01\x01\x78\x84\x00\x00\x00\x09\x0a\x01\x02\x04\x00\x04\x02hi"),
            Some(2)
        );
        assert_eq!(ldap_result(b"HTTP"), None);
        let mut greeting = b"\x0a5.5.5-10.11.6-MariaDB\x00".to_vec();
        greeting.extend([
            1, 0, 0, 0, b'a', b'b', b'c', b'd', b'e', b'f', b'g', b'h', 0, 0xfe, 0xff,
        ]);
        assert_eq!(mysql_capabilities(&greeting), Some(0xfffe));
    }

    #[test]
    fn a_name_can_not_break_out_of_its_attribute() {
        assert_eq!(xml_safe("mail.example.test"), "mail.example.test");
        assert_eq!(xml_safe("a'><b/>"), "ab");
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            ldap_result(&bytes);
            mysql_capabilities(&bytes);
        }
    }
}
