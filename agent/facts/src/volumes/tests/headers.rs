//! LUKS headers. The fixtures are the first bytes of what cryptsetup 2.6.1 wrote.

use plumbline_config::seal::sha256_hex;
use proptest::prelude::*;
use serde_json::json;

use crate::volumes::{HeaderError, LuksHeader, SegmentKind, Weakness};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../fixtures/luks/", $name, ".bin"))
    };
}

pub(super) const LUKS1: &[u8] = fixture!("luks1-aes-xts-512");
const LUKS2: &[u8] = fixture!("luks2-aes-xts-512-argon2id-tpm2");
const UUID: &str = "00112233-4455-6677-8899-aabbccddeeff";
/// Where the second copy of a LUKS2 header of the usual size lies.
const SECOND: usize = 0x4000;

/// A copy of a LUKS2 header with this metadata, as cryptsetup would seal it.
pub(super) fn luks2_copy(
    metadata: &serde_json::Value,
    uuid: &str,
    length: usize,
    sequence: u64,
    second: bool,
) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let (magic, offset) = if second {
        (b"SKUL\xba\xbe", length)
    } else {
        (b"LUKS\xba\xbe", 0)
    };
    bytes[..6].copy_from_slice(magic);
    bytes[6..8].copy_from_slice(&2_u16.to_be_bytes());
    bytes[8..16].copy_from_slice(&(length as u64).to_be_bytes());
    bytes[16..24].copy_from_slice(&sequence.to_be_bytes());
    bytes[72..78].copy_from_slice(b"sha256");
    bytes[168..204].copy_from_slice(uuid.as_bytes());
    bytes[256..264].copy_from_slice(&(offset as u64).to_be_bytes());
    let text = metadata.to_string();
    bytes[4096..4096 + text.len()].copy_from_slice(text.as_bytes());
    reseal(&mut bytes);
    bytes
}

/// Puts the right checksum to a copy of a LUKS2 header.
fn reseal(copy: &mut [u8]) {
    copy[448..512].fill(0);
    let sum = sha256_hex(copy);
    for (at, byte) in copy[448..480].iter_mut().enumerate() {
        *byte = u8::from_str_radix(&sum[2 * at..2 * at + 2], 16).unwrap();
    }
}

/// A volume of one segment with a key of `key_bytes` in key slot 0.
pub(super) fn one_segment(segment: serde_json::Value, key_bytes: u32) -> serde_json::Value {
    json!({
        "keyslots": { "0": { "type": "luks2", "key_size": key_bytes, "kdf": { "type": "argon2id", "time": 4, "memory": 32, "cpus": 1, "salt": "" } } },
        "tokens": {},
        "segments": { "0": segment },
        "digests": { "0": { "type": "pbkdf2", "keyslots": ["0"], "segments": ["0"] } },
        "config": { "json_size": "12288", "keyslots_size": "0" },
    })
}

fn parsed(segment: serde_json::Value, key_bytes: u32) -> Result<LuksHeader, HeaderError> {
    LuksHeader::parse(&luks2_copy(
        &one_segment(segment, key_bytes),
        UUID,
        SECOND,
        1,
        false,
    ))
}

#[test]
fn real_headers_are_read_and_xts_counts_half() {
    for (bytes, version, name, key_bits, strength, derivation) in [
        (LUKS1, 1, "aes-xts-plain64", 512, 256, "pbkdf2"),
        (
            fixture!("luks1-aes-xts-256").as_slice(),
            1,
            "aes-xts-plain64",
            256,
            128,
            "pbkdf2",
        ),
        (
            fixture!("luks1-aes-cbc-essiv"),
            1,
            "aes-cbc-essiv:sha256",
            256,
            256,
            "pbkdf2",
        ),
        (LUKS2, 2, "aes-xts-plain64", 512, 256, "argon2id"),
        (
            fixture!("luks2-aes-xts-256"),
            2,
            "aes-xts-plain64",
            256,
            128,
            "pbkdf2",
        ),
        (
            fixture!("luks2-aes-cbc-essiv"),
            2,
            "aes-cbc-essiv:sha256",
            128,
            128,
            "pbkdf2",
        ),
        (
            fixture!("luks2-detached"),
            2,
            "aes-xts-plain64",
            512,
            256,
            "pbkdf2",
        ),
        (&LUKS2[..SECOND], 2, "aes-xts-plain64", 512, 256, "argon2id"),
    ] {
        let header = LuksHeader::parse(bytes).unwrap();
        let cipher = header.cipher.unwrap();
        assert_eq!((header.version, cipher.name.as_str()), (version, name));
        assert_eq!(
            (cipher.key_bits, cipher.strength),
            (Some(key_bits), Some(strength))
        );
        assert_eq!(header.key_derivation.as_deref(), Some(derivation));
        assert!(!header.reencryption);
        assert_eq!(header.uuid.len(), 36);
    }
}

#[test]
fn key_slots_and_tokens_are_told() {
    let header = LuksHeader::parse(LUKS2).unwrap();
    assert_eq!(header.tokens, ["systemd-tpm2"]);
    let derivation = &header.key_slots[0].key_derivation;
    assert_eq!((derivation.iterations, derivation.memory_kib), (4, Some(32)));
    for bytes in [
        fixture!("luks1-aes-xts-256").as_slice(),
        fixture!("luks2-aes-xts-256"),
    ] {
        let header = LuksHeader::parse(bytes).unwrap();
        assert_eq!(header.key_slot_weaknesses, [Weakness::Pbkdf2Sha1]);
        assert_eq!(header.key_slots[0].key_derivation.iterations, 1000);
    }
    assert!(LuksHeader::parse(LUKS1).unwrap().key_slot_weaknesses.is_empty());
}

#[test]
fn a_volume_still_being_encrypted_has_a_plain_part() {
    let header = LuksHeader::parse(fixture!("luks2-encrypting")).unwrap();
    assert!(header.reencryption && header.has_plain_part());
    assert!(!LuksHeader::parse(LUKS2).unwrap().has_plain_part());
}

#[test]
fn the_second_copy_serves_where_the_first_is_spoilt() {
    for spoil in [0..4096, 4096..4100, 448..449, 0..1] {
        let mut bytes = LUKS2.to_vec();
        bytes[spoil.clone()].fill(b'!');
        let header = LuksHeader::parse(&bytes).unwrap();
        assert_eq!(header.cipher.unwrap().strength, Some(256), "{spoil:?}");
        assert!(
            header.damaged_copy.unwrap().starts_with("first copy: "),
            "{spoil:?}"
        );
    }
    let mut bytes = LUKS2.to_vec();
    bytes[SECOND..].fill(0);
    let header = LuksHeader::parse(&bytes).unwrap();
    assert!(header.damaged_copy.unwrap().starts_with("second copy: "));
    bytes[4097] ^= 1;
    assert!(matches!(
        LuksHeader::parse(&bytes),
        Err(HeaderError::Corrupt { .. })
    ));
}

#[test]
fn the_newer_copy_counts() {
    let weak = one_segment(json!({ "type": "crypt", "encryption": "aes-xts-plain64" }), 32);
    let strong = one_segment(json!({ "type": "crypt", "encryption": "aes-xts-plain64" }), 64);
    for length in [SECOND, 0x8000, 0x40_0000] {
        let both = |first: u64, second: u64| {
            let mut bytes = luks2_copy(&weak, UUID, length, first, false);
            bytes.extend(luks2_copy(&strong, UUID, length, second, true));
            LuksHeader::parse(&bytes).unwrap().cipher.unwrap().strength
        };
        assert_eq!(both(3, 3), Some(128));
        assert_eq!(both(3, 4), Some(256));
        assert_eq!(both(4, 3), Some(128));
    }
}

#[test]
fn segments_are_worth_what_encrypts_them() {
    let crypt = |name: &str| json!({ "type": "crypt", "encryption": name });
    let strength = |segment, bytes| {
        parsed(segment, bytes)
            .unwrap()
            .cipher
            .and_then(|cipher| cipher.strength)
    };
    assert_eq!(strength(crypt("aes-adiantum-plain64"), 32), Some(256));
    assert_eq!(strength(crypt("xchacha12,aes-adiantum-plain64"), 32), Some(256));
    assert_eq!(strength(crypt("rot13-xts-plain64"), 64), None);
    let integrity = json!({
        "type": "crypt", "encryption": "aes-xts-random", "integrity": { "type": "hmac(sha256)" },
    });
    assert_eq!(strength(integrity, 96), Some(256));
    let opal = json!({ "type": "hw-opal-crypt", "encryption": "aes-xts-plain64", "opal_key_size": 32 });
    assert_eq!(strength(opal, 96), Some(256));
    let null = parsed(crypt("cipher_null-ecb"), 16).unwrap();
    assert!(null.has_plain_part());
    assert_eq!(null.cipher.unwrap().strength, Some(0));
    let drive = parsed(json!({ "type": "hw-opal", "opal_key_size": 32 }), 32).unwrap();
    assert_eq!(
        (drive.segments[0].kind, drive.has_plain_part()),
        (SegmentKind::HwOpal, false)
    );
    assert_eq!(drive.cipher, None);
}

#[test]
fn what_no_intact_header_holds_is_refused_by_name() {
    let said = |bytes: &[u8]| LuksHeader::parse(bytes).unwrap_err().to_string();
    assert_eq!(said(b""), "it holds no LUKS header");
    assert_eq!(said(&[0; 8192]), "it holds no LUKS header");
    assert_eq!(said(&LUKS1[..7]), "the LUKS header is cut short: 7 of 592 bytes");
    assert_eq!(
        said(&LUKS1[..591]),
        "the LUKS1 header is cut short: 591 of 592 bytes"
    );
    assert_eq!(
        said(&LUKS2[..100]),
        "the LUKS2 header is cut short: 100 of 4096 bytes"
    );
    assert_eq!(
        said(&LUKS2[..9000]),
        "the LUKS2 header is cut short: 9000 of 16384 bytes"
    );
    let spoilt = |at: usize, byte: u8| {
        let mut bytes = LUKS1.to_vec();
        bytes[at] = byte;
        said(&bytes)
    };
    assert_eq!(spoilt(7, 3), "LUKS version 3 is not known");
    assert_eq!(spoilt(4, 0xde), "it holds no LUKS header");
    assert_eq!(spoilt(8, 7), "the LUKS1 header is corrupt: its cipher is no text");
    assert_eq!(
        spoilt(108, 7),
        "the LUKS1 header is corrupt: a key of 117440576 bytes"
    );
    assert!(spoilt(208, 1).starts_with("the LUKS1 header is corrupt: key slot 0 is neither"));
    let mut interrupted = LUKS1.to_vec();
    interrupted[4..6].copy_from_slice(b"\xde\xad");
    assert!(said(&interrupted).contains("interrupted"));
    let one_copy = |change: fn(&mut [u8])| {
        let mut bytes = LUKS2[..SECOND].to_vec();
        change(&mut bytes);
        reseal(&mut bytes);
        said(&bytes)
    };
    assert!(one_copy(|copy| copy[14] = 0x39).contains("a metadata area of"));
    assert!(one_copy(|copy| copy[72] = b'x').contains("not SHA-256"));
    assert!(one_copy(|copy| copy[4096] = b'x').contains("its JSON"));
    assert!(one_copy(|copy| copy[4096..].fill(b'[')).contains("its JSON"));
    assert!(parsed(json!({ "type": "crypt" }), 64).is_err());
    assert!(parsed(json!({ "type": "sponge" }), 64).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..9000), kind in 0..4_usize) {
        let mut bytes = bytes;
        let magic: &[u8] = [b"".as_slice(), b"LUKS\xba\xbe\x00\x01", b"LUKS\xba\xbe\x00\x02", b"LUKS\xba\xbe"][kind];
        for (byte, magic) in bytes.iter_mut().zip(magic) {
            *byte = *magic;
        }
        prop_assert!(LuksHeader::parse(&bytes).is_err());
    }

    #[test]
    fn a_header_cut_anywhere_is_refused(luks1 in 0..592_usize, luks2 in 0..SECOND) {
        prop_assert!(LuksHeader::parse(&LUKS1[..luks1]).is_err());
        prop_assert!(LuksHeader::parse(&LUKS2[..luks2]).is_err());
    }

    #[test]
    fn a_changed_byte_of_both_copies_is_noticed(at in 0..SECOND, change in 1..=255_u8) {
        // The stored checksum has room for a longer one, which does not count.
        prop_assume!(!(480..512).contains(&at));
        let mut bytes = LUKS2.to_vec();
        bytes[at] ^= change;
        bytes[SECOND + at] ^= change;
        prop_assert!(LuksHeader::parse(&bytes).is_err());
    }

    #[test]
    fn any_metadata_under_a_right_checksum_is_taken(text in "\\PC{0,60}", segment in "[a-z-]{0,12}", key in any::<u32>()) {
        let _ = parsed(json!({ "type": segment, "encryption": text, "flags": [text] }), key);
        let _ = parsed(json!({ "type": "crypt", "encryption": text, "integrity": { "type": text }, "opal_key_size": key }), key);
        let mut copy = LUKS2[..SECOND].to_vec();
        copy[4096..4096 + text.len()].copy_from_slice(text.as_bytes());
        reseal(&mut copy);
        let _ = LuksHeader::parse(&copy);
    }
}
