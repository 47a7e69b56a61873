//! Cipher suites and groups: what to offer, in which order, and what is weak about what was accepted.

use std::sync::LazyLock;

use super::suite_table::SUITES;

/// Suites of TLS 1.3 alone (RFC 8446 B.4, RFC 8998, RFC 9150, RFC 9367, the AEGIS draft).
pub(super) const TLS1_3: &[u16] = &[
    0x1302, 0x1303, 0x1301, 0x1304, 0x1305, 0x1306, 0x1307, 0x00C6, 0x00C7, 0xC0B4, 0xC0B5, 0xC103, 0xC104,
    0xC105, 0xC106,
];

/// Suites of TLS 1.3 that do not encrypt (RFC 9150).
pub(super) const INTEGRITY_ONLY: &[u16] = &[0xC0B4, 0xC0B5];

/// A short list that servers of the last fifteen years have one of, the elliptic ones first.
pub(super) const SHORT: &[u16] = &[
    0xC02F, 0xC02B, 0xC030, 0xC02C, 0xCCA8, 0xCCA9, 0xC013, 0xC009, 0xC014, 0xC00A, 0x009C, 0x009D, 0x003C,
    0x002F, 0x0035, 0x000A,
];

/// A short list for stacks that choke on a long hello or on a suite that is younger than they are: RSA, ephemeral and
/// anonymous Diffie-Hellman, export and single DES.
pub(super) const OLD: &[u16] = &[
    0x002F, 0x0035, 0x000A, 0x0005, 0x0004, 0x0033, 0x0039, 0x0016, 0x0032, 0x0038, 0x0013, 0x0009, 0x0015,
    0x0012, 0x0007, 0x0003, 0x0006, 0x0008, 0x0014, 0x0011, 0x0062, 0x0064, 0xC013, 0xC014, 0xC009, 0xC00A,
    0xC012, 0xC008, 0xC011, 0xC007, 0x0034, 0x003A, 0x001B, 0x0018, 0xC018, 0xC019, 0x0002, 0x0001, 0x003B,
    0x0041, 0x0084, 0x0096,
];

/// `signature_algorithms`: without it a TLS 1.2 server takes the client to know SHA-1 alone, and may refuse it
/// (RFC 5246 7.4.1.4.1). All that were ever numbered, those in use first.
pub(super) const SIGNATURES: &[u16] = &[
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B, 0x0401, 0x0501,
    0x0601, 0x0303, 0x0301, 0x0302, 0x0402, 0x0502, 0x0602, 0x0203, 0x0201, 0x0202, 0x0101, 0x081A, 0x081B,
    0x081C, 0x0708, 0x0904, 0x0905, 0x0906,
];
/// Signature algorithms that an RSA certificate serves.
pub(super) const RSA_SIGNATURES: &[u16] = &[
    0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B, 0x0401, 0x0501, 0x0601, 0x0301, 0x0201, 0x0101,
];
/// Signature algorithms that an elliptic certificate serves.
pub(super) const EC_SIGNATURES: &[u16] = &[
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0303, 0x0203, 0x081A, 0x081B, 0x081C,
];

/// `X25519MLKEM768`, the post-quantum hybrid of the day.
pub(super) const X25519MLKEM768: u16 = 0x11EC;

/// Groups that a quantum computer is not known to break, alone or beside another.
pub(super) const POST_QUANTUM: &[u16] = &[
    X25519MLKEM768,
    0x11EB,
    0x11ED,
    0x0200,
    0x0201,
    0x0202,
    0x6399,
    0x639A,
];

/// Groups by number: the TLS Supported Groups registry of IANA, in the order in which they are offered.
pub(super) const GROUPS: &[(u16, &str)] = &[
    (0x001D, "x25519"),
    (0x0017, "secp256r1"),
    (0x0018, "secp384r1"),
    (0x0019, "secp521r1"),
    (0x001E, "x448"),
    (X25519MLKEM768, "X25519MLKEM768"),
    (0x11EB, "SecP256r1MLKEM768"),
    (0x11ED, "SecP384r1MLKEM1024"),
    (0x0200, "MLKEM512"),
    (0x0201, "MLKEM768"),
    (0x0202, "MLKEM1024"),
    (0x6399, "X25519Kyber768Draft00"),
    (0x639A, "SecP256r1Kyber768Draft00"),
    (0x0100, "ffdhe2048"),
    (0x0101, "ffdhe3072"),
    (0x0102, "ffdhe4096"),
    (0x0103, "ffdhe6144"),
    (0x0104, "ffdhe8192"),
    (0x001A, "brainpoolP256r1"),
    (0x001B, "brainpoolP384r1"),
    (0x001C, "brainpoolP512r1"),
    (0x001F, "brainpoolP256r1tls13"),
    (0x0020, "brainpoolP384r1tls13"),
    (0x0021, "brainpoolP512r1tls13"),
    (0x0022, "GC256A"),
    (0x0023, "GC256B"),
    (0x0024, "GC256C"),
    (0x0025, "GC256D"),
    (0x0026, "GC512A"),
    (0x0027, "GC512B"),
    (0x0028, "GC512C"),
    (0x0029, "curveSM2"),
    (0x0016, "secp256k1"),
    (0x0015, "secp224r1"),
    (0x0014, "secp224k1"),
    (0x0013, "secp192r1"),
    (0x0012, "secp192k1"),
    (0x0011, "secp160r2"),
    (0x0010, "secp160r1"),
    (0x000F, "secp160k1"),
    (0x000E, "sect571r1"),
    (0x000D, "sect571k1"),
    (0x000C, "sect409r1"),
    (0x000B, "sect409k1"),
    (0x000A, "sect283r1"),
    (0x0009, "sect283k1"),
    (0x0008, "sect239k1"),
    (0x0007, "sect233r1"),
    (0x0006, "sect233k1"),
    (0x0005, "sect193r2"),
    (0x0004, "sect193r1"),
    (0x0003, "sect163r2"),
    (0x0002, "sect163r1"),
    (0x0001, "sect163k1"),
];

/// The numbers of [`GROUPS`].
pub(super) fn groups() -> Vec<u16> {
    GROUPS.iter().map(|(number, _)| *number).collect()
}

/// IANA's name of a group, or its number.
pub(super) fn group_name(number: u16) -> String {
    let known = GROUPS.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| format!("0x{number:04X}"), |(_, name)| (*name).to_owned())
}

/// IANA's name of a suite.
pub(super) fn name(number: u16) -> Option<&'static str> {
    let place = SUITES.binary_search_by_key(&number, |(known, _)| *known).ok()?;
    SUITES.get(place).map(|(_, name)| *name)
}

/// Every suite of SSL 3.0 to TLS 1.2, forward-secret elliptic ones first. The order matters: a server may take the
/// first Diffie-Hellman suite it finds and then fail for want of parameters.
pub(super) fn all_before_1_3() -> Vec<u16> {
    static ORDERED: LazyLock<Vec<u16>> = LazyLock::new(|| {
        let mut all: Vec<(u16, &str)> = SUITES
            .iter()
            .copied()
            .filter(|(number, _)| !TLS1_3.contains(number))
            .collect();
        all.sort_by_cached_key(|(_, name)| rank(name));
        all.into_iter().map(|(number, _)| number).collect()
    });
    ORDERED.clone()
}

fn rank(name: &str) -> (bool, u8, bool) {
    let open = ["_NULL_", "_anon_", "_EXPORT"]
        .iter()
        .any(|weak| name.contains(weak));
    let exchange = match name {
        _ if name.starts_with("TLS_ECDHE_RSA_") || name.starts_with("TLS_ECDHE_ECDSA_") => 0,
        _ if name.starts_with("TLS_RSA_WITH_") => 1,
        _ if name.starts_with("TLS_DHE_RSA_") || name.starts_with("TLS_DHE_DSS_") => 2,
        _ => 3,
    };
    let aead = ["GCM", "POLY1305", "CCM"].iter().any(|mode| name.contains(mode));
    (open, exchange, !aead)
}

/// Whether a server tells its group or prime in clear when it chooses this suite.
pub(super) fn has_exchange(number: u16) -> bool {
    let ephemeral = ["TLS_ECDHE_", "TLS_ECDH_anon_", "TLS_DHE_", "TLS_DH_anon_"];
    name(number).is_some_and(|name| ephemeral.iter().any(|prefix| name.starts_with(prefix)))
}

/// Whether a server chooses a prime for this suite.
pub(super) fn has_prime(number: u16) -> bool {
    name(number).is_some_and(|name| name.starts_with("TLS_DHE_") || name.starts_with("TLS_DH_anon_"))
}

/// Whether a server shows a certificate in clear when it chooses this suite.
pub(super) fn has_certificate(number: u16) -> bool {
    let without = [
        "_anon_",
        "_PSK_WITH_",
        "TLS_SRP_SHA_WITH_",
        "TLS_KRB5_",
        "TLS_ECCPWD_",
    ];
    !TLS1_3.contains(&number)
        && name(number).is_some_and(|name| {
            name.starts_with("TLS_RSA_PSK_") || !without.iter().any(|part| name.contains(part))
        })
}

/// Shortest Diffie-Hellman prime that is not weak, in bits.
const LEAST_PRIME_BITS: usize = 2048;

/// What is weak about a suite; `prime` is the length in bits of the Diffie-Hellman prime that the server chose for it.
pub(super) fn weaknesses(name: &str, prime: Option<usize>) -> Vec<&'static str> {
    let has = |part: &str| name.contains(part);
    // The suites of TLS 1.3 name no key exchange: it is always ephemeral.
    let tls1_3 = !has("_WITH_") && !has("GOST");
    let ephemeral = tls1_3
        || [
            "TLS_ECDHE_",
            "TLS_DHE_",
            "TLS_ECCPWD_",
            "TLS_GOSTR341112_256_WITH_KUZNYECHIK_MGM",
            "TLS_GOSTR341112_256_WITH_MAGMA_MGM",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    let found = [
        (
            "null",
            has("_NULL_")
                || name.ends_with("_NULL")
                || name == "TLS_SHA256_SHA256"
                || name == "TLS_SHA384_SHA384",
        ),
        ("anonymous", has("_anon_")),
        ("export", has("EXPORT")),
        ("rc4", has("RC4")),
        ("3des", has("3DES") || has("DES_192_EDE3")),
        ("dh-below-2048", prime.is_some_and(|bits| bits < LEAST_PRIME_BITS)),
        ("cbc", has("_CBC")),
        ("no-forward-secrecy", !ephemeral && !has("DH_anon_")),
    ];
    found
        .into_iter()
        .filter(|(_, is)| *is)
        .map(|(weakness, _)| weakness)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_ordered_and_knows_every_suite_that_is_offered() {
        assert!(SUITES.is_sorted_by(|a, b| a.0 < b.0));
        for number in TLS1_3.iter().chain(SHORT).chain(OLD) {
            assert!(name(*number).is_some(), "0x{number:04X}");
        }
        let all = all_before_1_3();
        assert_eq!(all.len() + TLS1_3.len(), SUITES.len());
        assert!(name(all[0]).unwrap().starts_with("TLS_ECDHE_"));
    }

    #[test]
    fn an_old_hello_is_under_256_bytes() {
        let hello = super::super::hello::Hello {
            version: 0x0303,
            suites: OLD.to_vec(),
            signatures: SIGNATURES.to_vec(),
            ..Default::default()
        };
        assert!(hello.encode().len() < 256, "{}", hello.encode().len());
    }

    #[test]
    fn weaknesses_are_read_from_the_name() {
        for (name, prime, expected) in [
            ("TLS_AES_128_GCM_SHA256", None, &[][..]),
            ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", None, &[]),
            ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", None, &["cbc"]),
            ("TLS_RSA_WITH_AES_128_GCM_SHA256", None, &["no-forward-secrecy"]),
            (
                "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
                None,
                &["3des", "cbc", "no-forward-secrecy"],
            ),
            (
                "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
                Some(1024),
                &["dh-below-2048"],
            ),
            ("TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", Some(2048), &[]),
            ("TLS_DH_anon_WITH_RC4_128_MD5", None, &["anonymous", "rc4"]),
            ("TLS_RSA_WITH_NULL_SHA256", None, &["null", "no-forward-secrecy"]),
            (
                "TLS_RSA_EXPORT_WITH_RC4_40_MD5",
                None,
                &["export", "rc4", "no-forward-secrecy"],
            ),
            (
                "SSL_CK_DES_192_EDE3_CBC_WITH_MD5",
                None,
                &["3des", "cbc", "no-forward-secrecy"],
            ),
        ] {
            assert_eq!(weaknesses(name, prime), expected, "{name}");
        }
    }
}
