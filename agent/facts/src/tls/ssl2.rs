//! The ServerHello of SSL 2.0: its certificate and its cipher kinds in clear.

use super::reader::Reader;

/// Longest SSL 2.0 record: 15 bits of length.
const LONGEST_RECORD: usize = 0x7fff;
const ERROR: u8 = 0;
const SERVER_HELLO: u8 = 4;
/// An error message is its type and a code of two bytes.
const ERROR_LENGTH: usize = 3;
/// A hello whose three variable parts are empty.
const SHORTEST_HELLO: usize = 11;

/// What a server said to an SSL 2.0 hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It speaks SSL 2.0.
    Hello {
        /// Its certificate, in DER.
        certificate: Vec<u8>,
        /// The cipher kinds that it shares.
        ciphers: Vec<u32>,
    },
    /// It speaks SSL 2.0 and refuses, by its error message.
    Error,
    /// More has to be read.
    Partial,
    /// Anything else, such as a TLS alert.
    Foreign,
}

/// Reads what has been heard so far.
pub(super) fn parse(bytes: &[u8]) -> Answer {
    let (Some(first), second) = (bytes.first(), bytes.get(1)) else {
        return Answer::Partial;
    };
    // Two bytes of header with the top bit set, or three with padding.
    let (header, mask) = if first & 0x80 == 0 { (3, 0x3f) } else { (2, 0x7f) };
    let Some(second) = second else {
        return Answer::Partial;
    };
    let length = usize::from(first & mask) << 8 | usize::from(*second);
    if length == 0 || length > LONGEST_RECORD {
        return Answer::Foreign;
    }
    let body = bytes.get(header..).unwrap_or_default();
    // Told from the first byte of the body, so that other protocols are not waited for.
    match body.first() {
        None => return Answer::Partial,
        Some(&ERROR) if length == ERROR_LENGTH => {}
        Some(&SERVER_HELLO) if length >= SHORTEST_HELLO => {}
        Some(_) => return Answer::Foreign,
    }
    let Some(body) = body.get(..length) else {
        return Answer::Partial;
    };
    match body {
        [ERROR, _, _] => Answer::Error,
        [SERVER_HELLO, rest @ ..] => server_hello(rest).unwrap_or(Answer::Foreign),
        _ => Answer::Foreign,
    }
}

fn server_hello(body: &[u8]) -> Option<Answer> {
    let mut reader = Reader::new(body);
    let _session_id_hit = reader.u8()?;
    let _certificate_type = reader.u8()?;
    if reader.u16()? != 2 {
        return None;
    }
    let lengths = [reader.u16()?, reader.u16()?, reader.u16()?];
    let [certificate, ciphers, _connection_id] = lengths.map(usize::from);
    let certificate = reader.bytes(certificate)?.to_vec();
    let ciphers = reader.bytes(ciphers)?;
    let ciphers = ciphers
        .chunks_exact(3)
        .filter_map(|kind| Reader::new(kind).u24())
        .filter_map(|kind| kind.try_into().ok())
        .collect();
    Some(Answer::Hello { certificate, ciphers })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer() -> Vec<u8> {
        let mut body = vec![SERVER_HELLO, 0, 1, 0, 2, 0, 4, 0, 6, 0, 2];
        body.extend(b"CERT");
        body.extend([1, 0, 0x80, 7, 0, 0xc0]);
        body.extend(b"id");
        let mut bytes = vec![0x80, u8::try_from(body.len()).unwrap()];
        bytes.extend(body);
        bytes
    }

    #[test]
    fn reads_certificate_and_ciphers() {
        let expected = Answer::Hello {
            certificate: b"CERT".to_vec(),
            ciphers: vec![0x01_0080, 0x07_00c0],
        };
        assert_eq!(parse(&answer()), expected);
        let mut padded = answer();
        padded.splice(..2, [0, padded[1], 0]);
        assert_eq!(parse(&padded), expected);
        for length in 0..answer().len() {
            assert_eq!(parse(&answer()[..length]), Answer::Partial, "{length}");
        }
    }

    #[test]
    fn what_is_not_ssl_2_is_told_from_it() {
        assert_eq!(parse(&[0x80, 3, 0, 0, 1]), Answer::Error);
        assert_eq!(parse(&[21, 3, 1, 0, 2, 2, 70]), Answer::Foreign, "a TLS alert");
        assert_eq!(
            parse(&super::super::hello::ssl2_hello()),
            Answer::Foreign,
            "an echo"
        );
        assert_eq!(parse(b"HTTP/1.1 400 Bad Request\r\n"), Answer::Foreign);
        assert_eq!(parse(b"220 mail ESMTP\r\n"), Answer::Foreign);
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            parse(&bytes);
        }
    }
}
