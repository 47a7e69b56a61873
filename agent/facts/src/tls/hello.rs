//! ClientHello messages: RFC 8446 4.1.2 and RFC 5246 7.4.1.2 for TLS, RFC 6101 for SSL 3.0, and the two-byte-header
//! hello of SSL 2.0 (RFC 5246 E.2 has its form).
//!
//! No key is ever made: versions, suites, groups and certificates are all told before one is needed.

/// Fixed, so that the hellos are known for what they are in a capture. Its secrecy protects nothing here.
const RANDOM: &[u8; 32] = b"plumbline looks at TLS versions.";

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// SSL 3.0 on the wire; the TLS versions follow it.
pub(super) const SSL3: u16 = 0x0300;
/// TLS 1.2 on the wire, also the `legacy_version` of TLS 1.3.
pub(super) const TLS1_2: u16 = 0x0303;
/// TLS 1.3 on the wire.
pub(super) const TLS1_3: u16 = 0x0304;

/// `TLS_EMPTY_RENEGOTIATION_INFO_SCSV` (RFC 5746): says by a suite what hellos without extensions can't.
const RENEGOTIATION_SCSV: u16 = 0x00FF;

/// A hello of SSL 3.0 up to TLS 1.3. An empty list leaves its extension out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hello {
    /// `client_version`, or `legacy_version` where `versions` is given.
    pub(super) version: u16,
    /// `supported_versions`, for TLS 1.3.
    pub(super) versions: Vec<u16>,
    /// Cipher suites, best liked first.
    pub(super) suites: Vec<u16>,
    /// `supported_groups`.
    pub(super) groups: Vec<u16>,
    /// `signature_algorithms`.
    pub(super) signatures: Vec<u16>,
    /// Public keys of some of the groups; none asks the server to name the group it likes (HelloRetryRequest).
    pub(super) key_shares: Vec<(u16, Vec<u8>)>,
    /// `cookie`, which a server asked to hear again.
    pub(super) cookie: Vec<u8>,
    /// `server_name`.
    pub(super) name: Option<String>,
    /// Whether the small extensions that every client of today sends go along.
    pub(super) modern: bool,
}

impl Hello {
    /// Whether it is one that the oldest servers can read: short, and with no extension but what TLS 1.2 can't do without.
    pub(super) fn is_old_style(&self) -> bool {
        const FEW_SUITES: usize = 64;
        self.groups.is_empty() && self.versions.is_empty() && self.suites.len() < FEW_SUITES
    }

    /// The record that carries it.
    pub(super) fn encode(&self) -> Vec<u8> {
        // The first record is written as TLS 1.0 for the sake of old servers (RFC 5246 E.1).
        let record_version = self.version.min(0x0301);
        let mut record = vec![HANDSHAKE];
        record.extend(record_version.to_be_bytes());
        vector16(&mut record, &self.message());
        record
    }

    /// The message alone.
    pub(super) fn message(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(1024);
        body.extend(self.version.to_be_bytes());
        body.extend(RANDOM);
        if self.versions.is_empty() {
            body.push(0);
        } else {
            // The session id of the "compatibility mode" (RFC 8446 D.4).
            vector8(&mut body, RANDOM);
        }
        let mut extensions = self.extensions();
        let mut suites = numbers(&self.suites);
        if extensions.is_empty() && self.version > SSL3 {
            suites.extend(RENEGOTIATION_SCSV.to_be_bytes());
        }
        if !extensions.is_empty() {
            // The message's head, and the lengths and the compression method that are still to come.
            pad(&mut extensions, 4 + body.len() + 2 + suites.len() + 2 + 2);
        }
        vector16(&mut body, &suites);
        // One compression method: none.
        body.extend([1, 0]);
        if !extensions.is_empty() {
            vector16(&mut body, &extensions);
        }

        let mut message = vec![CLIENT_HELLO, 0];
        vector16(&mut message, &body);
        message
    }

    fn extensions(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(name) = &self.name {
            // ServerNameList of one host_name, RFC 6066 3.
            let mut entry = vec![0];
            vector16(&mut entry, name.as_bytes());
            extension(&mut out, 0, &with_length16(&entry));
        }
        if self.modern {
            // ec_point_formats: uncompressed; extended_master_secret; renegotiation_info of a first handshake.
            extension(&mut out, 11, &[1, 0]);
            extension(&mut out, 23, &[]);
            extension(&mut out, 0xff01, &[0]);
        }
        if !self.groups.is_empty() {
            extension(&mut out, 10, &with_length16(&numbers(&self.groups)));
        }
        if !self.signatures.is_empty() {
            extension(&mut out, 13, &with_length16(&numbers(&self.signatures)));
        }
        if !self.versions.is_empty() {
            let mut list = Vec::new();
            vector8(&mut list, &numbers(&self.versions));
            extension(&mut out, 43, &list);
            if !self.cookie.is_empty() {
                extension(&mut out, 44, &with_length16(&self.cookie));
            }
            // psk_key_exchange_modes: psk_dhe_ke. Some servers want it beside a key_share.
            extension(&mut out, 45, &[1, 1]);
            let mut shares = Vec::new();
            for (group, key) in &self.key_shares {
                shares.extend(group.to_be_bytes());
                vector16(&mut shares, key);
            }
            extension(&mut out, 51, &with_length16(&shares));
        }
        out
    }
}

/// Messages of 256 to 511 bytes are not answered by some servers (RFC 7685 1).
fn pad(extensions: &mut Vec<u8>, before: usize) {
    const PADDING: u16 = 21;
    const SAFE: usize = 512;
    let length = before + extensions.len();
    if (256..SAFE).contains(&length) {
        let zeros = SAFE.saturating_sub(length + 4);
        extension(extensions, PADDING, &vec![0; zeros]);
    }
}

fn extension(out: &mut Vec<u8>, number: u16, body: &[u8]) {
    out.extend(number.to_be_bytes());
    vector16(out, body);
}

fn with_length16(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    vector16(&mut out, bytes);
    out
}

/// A vector with a length of two bytes. What does not fit is left out: no list of ours comes near it.
fn vector16(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend(length.to_be_bytes());
    out.extend(bytes.iter().take(length.into()));
}

fn vector8(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    out.push(length);
    out.extend(bytes.iter().take(length.into()));
}

fn numbers(list: &[u16]) -> Vec<u8> {
    list.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// Cipher kinds of SSL 2.0, by their three bytes.
pub(super) const SSL2_CIPHERS: &[(u32, &str)] = &[
    (0x01_0080, "SSL_CK_RC4_128_WITH_MD5"),
    (0x02_0080, "SSL_CK_RC4_128_EXPORT40_WITH_MD5"),
    (0x03_0080, "SSL_CK_RC2_128_CBC_WITH_MD5"),
    (0x04_0080, "SSL_CK_RC2_128_CBC_EXPORT40_WITH_MD5"),
    (0x05_0080, "SSL_CK_IDEA_128_CBC_WITH_MD5"),
    (0x06_0040, "SSL_CK_DES_64_CBC_WITH_MD5"),
    (0x07_00C0, "SSL_CK_DES_192_EDE3_CBC_WITH_MD5"),
    (0x08_0080, "SSL_CK_RC4_64_WITH_MD5"),
];

/// The hello of SSL 2.0, offering every cipher kind. A TLS server that reads it as a record finds one of two bytes, so
/// it need not wait for more before it refuses.
pub(super) fn ssl2_hello() -> Vec<u8> {
    let challenge = RANDOM.get(..16).unwrap_or_default();
    let mut body = vec![CLIENT_HELLO, 0, 2];
    let ciphers: Vec<u8> = SSL2_CIPHERS
        .iter()
        .flat_map(|(kind, _)| kind.to_be_bytes().into_iter().skip(1))
        .collect();
    for length in [ciphers.len(), 0, challenge.len()] {
        body.extend(u16::try_from(length).unwrap_or_default().to_be_bytes());
    }
    body.extend(ciphers);
    body.extend(challenge);
    // The top bit says that the header has two bytes and there is no padding.
    let header = 0x8000 | u16::try_from(body.len()).unwrap_or_default();
    let mut record = header.to_be_bytes().to_vec();
    record.extend(body);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    fn u16_at(bytes: &[u8], place: usize) -> usize {
        usize::from(bytes[place]) << 8 | usize::from(bytes[place + 1])
    }

    #[test]
    fn a_hello_without_extensions_is_old_style_and_short() {
        let hello = Hello {
            version: 0x0301,
            suites: vec![0x002f, 0x000a],
            ..Hello::default()
        };
        let bytes = hello.encode();
        assert_eq!(&bytes[..3], [22, 3, 1]);
        assert_eq!(u16_at(&bytes, 3), bytes.len() - 5);
        assert_eq!((bytes[5], u16_at(&bytes, 7)), (1, bytes.len() - 9));
        assert_eq!(&bytes[9..11], [3, 1]);
        assert_eq!(bytes[43], 0, "no session id");
        assert_eq!(&bytes[44..], [0, 6, 0, 0x2f, 0, 0x0a, 0, 0xff, 1, 0]);
    }

    #[test]
    fn lengths_of_a_full_hello_add_up() {
        let hello = Hello {
            version: TLS1_2,
            versions: vec![TLS1_3],
            suites: vec![0x1301],
            groups: vec![29],
            signatures: vec![0x0804],
            key_shares: vec![(29, vec![9; 32])],
            cookie: Vec::new(),
            name: Some("example.test".to_owned()),
            modern: true,
        };
        let bytes = hello.encode();
        assert_eq!(u16_at(&bytes, 3), bytes.len() - 5);
        let extensions = 5 + 4 + 2 + 32 + 33 + 4 + 2;
        assert_eq!(u16_at(&bytes, extensions), bytes.len() - extensions - 2);
        let mut place = extensions + 2;
        let mut seen = Vec::new();
        while place < bytes.len() {
            seen.push(u16_at(&bytes, place));
            place += 4 + u16_at(&bytes, place + 2);
        }
        assert_eq!(place, bytes.len());
        assert_eq!(seen, [0, 11, 23, 0xff01, 10, 13, 43, 45, 51]);
    }

    #[test]
    fn no_hello_with_extensions_has_a_length_that_some_servers_do_not_answer() {
        for count in 0..200 {
            let hello = Hello {
                version: TLS1_2,
                suites: vec![0xc02f; count],
                groups: vec![29],
                ..Hello::default()
            };
            let length = hello.message().len();
            assert!(!(256..512).contains(&length), "{count}: {length}");
            assert_eq!(u16_at(&hello.message(), 2), length - 4);
        }
    }

    #[test]
    fn the_hello_of_ssl_2_is_a_whole_tls_record_of_two_bytes_to_a_tls_server() {
        let bytes = ssl2_hello();
        assert_eq!(u16_at(&bytes, 0) & 0x7fff, bytes.len() - 2);
        assert_eq!(bytes[0] & 0x80, 0x80);
        assert_eq!(u16_at(&bytes, 3), 2);
        assert_eq!(u16_at(&bytes, 5), SSL2_CIPHERS.len() * 3);
        assert_eq!(bytes.len(), 2 + 9 + SSL2_CIPHERS.len() * 3 + 16);
    }
}
