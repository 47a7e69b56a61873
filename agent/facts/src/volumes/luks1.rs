//! The LUKS1 header: 592 bytes, big-endian, without a checksum. Source: LUKS1 On-Disk Format Specification 1.2.3,
//! section 4.

use super::cipher::Cipher;
use super::luks::{HeaderError, KeyDerivation, KeySlot, LuksHeader, Segment, SegmentKind, text_at, u32_at};

/// Length of the header, in bytes.
pub(super) const LENGTH: usize = 592;
const KEY_SLOTS: u32 = 8;
const FIRST_KEY_SLOT: usize = 208;
const KEY_SLOT_LENGTH: usize = 48;
const KEY_SLOT_ENABLED: u32 = 0x00AC_71F3;
const KEY_SLOT_DISABLED: u32 = 0x0000_DEAD;
/// Largest key that cryptsetup makes or opens, in bytes.
const LARGEST_KEY: u32 = 512;

/// Parses the header at the start of `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Result<LuksHeader, HeaderError> {
    let Some(header) = bytes.get(..LENGTH) else {
        return Err(HeaderError::Truncated {
            part: "LUKS1 header",
            need: LENGTH as u64,
            have: bytes.len() as u64,
        });
    };
    let text = |offset, length, name: &str| {
        text_at(header, offset, length)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| corrupt(format!("its {name} is no text")))
    };
    let number = |offset| u32_at(header, offset).unwrap_or_default();
    let cipher = format!("{}-{}", text(8, 32, "cipher")?, text(40, 32, "cipher mode")?);
    let hash = text(72, 32, "hash")?;
    let key_bytes = number(108);
    if !(1..=LARGEST_KEY).contains(&key_bytes) {
        return Err(corrupt(format!("a key of {key_bytes} bytes")));
    }
    let mut key_slots = Vec::new();
    for slot in 0..KEY_SLOTS {
        let start = FIRST_KEY_SLOT + KEY_SLOT_LENGTH * slot as usize;
        match number(start) {
            KEY_SLOT_DISABLED => {}
            KEY_SLOT_ENABLED => key_slots.push(KeySlot {
                number: slot,
                key_derivation: KeyDerivation {
                    name: "pbkdf2".to_owned(),
                    hash: Some(hash.to_owned()),
                    iterations: number(start + 4).into(),
                    memory_kib: None,
                },
            }),
            other => {
                return Err(corrupt(format!(
                    "key slot {slot} is neither enabled nor disabled ({other:#010x})"
                )));
            }
        }
    }
    let segment = Segment {
        kind: SegmentKind::Crypt,
        cipher: Some(Cipher::new(&cipher, Some(key_bytes * 8), 0)),
    };
    let header = LuksHeader {
        version: 1,
        uuid: text(168, 40, "UUID")?.to_owned(),
        cipher: None,
        key_derivation: None,
        tokens: Vec::new(),
        key_slot_weaknesses: Vec::new(),
        key_slots,
        segments: vec![segment],
        reencryption: false,
        damaged_copy: None,
    };
    Ok(header.summed_up())
}

fn corrupt(why: String) -> HeaderError {
    HeaderError::Corrupt {
        part: "LUKS1 header",
        why,
    }
}
