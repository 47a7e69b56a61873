//! The LUKS2 header: two copies, each a binary part of 4096 bytes and a JSON area, under one SHA-256 checksum. Source:
//! LUKS2 On-Disk Format Specification 1.1, sections 2 and 3.

use std::collections::BTreeMap;

use plumbline_config::seal::sha256_hex;
use serde::Deserialize;

use super::cipher::{Cipher, shown};
use super::luks::{
    HeaderError, KeyDerivation, KeySlot, LuksHeader, MAGIC, ReadAt, Segment, SegmentKind, text_at, u16_at,
    u64_at,
};

/// First bytes of the second copy.
const MAGIC_SECOND: &[u8] = b"SKUL\xba\xbe";
const BINARY_LENGTH: usize = 4096;
const CHECKSUM: std::ops::Range<usize> = 448..512;
/// Lengths that a copy may have, in bytes; also where its second copy may start.
const COPY_LENGTHS: [u64; 9] = [
    0x4000, 0x8000, 0x1_0000, 0x2_0000, 0x4_0000, 0x8_0000, 0x10_0000, 0x20_0000, 0x40_0000,
];
/// Most objects of one kind in the JSON area. cryptsetup itself stops at 32.
const MOST_OBJECTS: usize = 128;

/// Reads both copies and takes the newer intact one.
pub(super) fn read(read: ReadAt<'_>) -> Result<LuksHeader, HeaderError> {
    match Copy::read(read, 0, MAGIC) {
        Ok(first) => match Copy::read(read, first.length, MAGIC_SECOND) {
            Ok(second) if second.sequence > first.sequence => {
                let stale = format!(
                    "the first copy is older ({} of {})",
                    first.sequence, second.sequence
                );
                second.header(Some(stale))
            }
            Ok(_) => first.header(None),
            Err(damage) => first.header(Some(format!("second copy: {damage}"))),
        },
        Err(damage) => {
            for offset in COPY_LENGTHS {
                if let Ok(second) = Copy::read(read, offset, MAGIC_SECOND) {
                    return second.header(Some(format!("first copy: {damage}")));
                }
            }
            Err(damage)
        }
    }
}

/// An intact copy of the header.
struct Copy {
    length: u64,
    sequence: u64,
    uuid: String,
    metadata: Metadata,
}

impl Copy {
    fn read(read: ReadAt<'_>, offset: u64, magic: &[u8]) -> Result<Self, HeaderError> {
        let head = read(offset, BINARY_LENGTH as u64)?;
        if !head.starts_with(magic) {
            return Err(HeaderError::NotLuks);
        }
        let truncated = |need: u64, have: usize| HeaderError::Truncated {
            part: "LUKS2 header",
            need,
            have: have as u64,
        };
        if head.len() < BINARY_LENGTH {
            return Err(truncated(BINARY_LENGTH as u64, head.len()));
        }
        if u16_at(&head, 6) != Some(2) {
            return Err(corrupt("its version is not 2"));
        }
        let length = u64_at(&head, 8).unwrap_or_default();
        if !COPY_LENGTHS.contains(&length) {
            return Err(corrupt(format!("a metadata area of {length} bytes")));
        }
        if u64_at(&head, 256) != Some(offset) {
            return Err(corrupt("it does not lie where it says it does"));
        }
        if text_at(&head, 72, 32) != Some("sha256") {
            return Err(corrupt("its checksum is not SHA-256"));
        }
        let mut bytes = read(offset, length)?;
        if (bytes.len() as u64) < length {
            return Err(truncated(length, bytes.len()));
        }
        let mut stored = [0_u8; 32];
        if let Some(field) = bytes.get_mut(CHECKSUM) {
            if let Some(sum) = field.first_chunk() {
                stored = *sum;
            }
            field.fill(0);
        }
        let stored: String = stored.iter().map(|byte| format!("{byte:02x}")).collect();
        if sha256_hex(&bytes) != stored {
            return Err(corrupt("its checksum does not match"));
        }
        let area = bytes.get(BINARY_LENGTH..).unwrap_or_default();
        let text = area.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(Self {
            length,
            sequence: u64_at(&head, 16).unwrap_or_default(),
            uuid: text_at(&head, 168, 40).unwrap_or_default().to_owned(),
            metadata: serde_json::from_slice(text).map_err(|error| corrupt(format!("its JSON: {error}")))?,
        })
    }

    fn header(self, damaged_copy: Option<String>) -> Result<LuksHeader, HeaderError> {
        let metadata = &self.metadata;
        let most = [
            metadata.keyslots.len(),
            metadata.tokens.len(),
            metadata.segments.len(),
            metadata.digests.len(),
        ];
        if most.into_iter().any(|count| count > MOST_OBJECTS) {
            return Err(corrupt(format!("more than {MOST_OBJECTS} objects of one kind")));
        }
        let in_use = metadata
            .segments
            .iter()
            .filter(|(_, segment)| !segment.is_backup());
        let segments = in_use
            .map(|(id, segment)| metadata.segment(id, segment))
            .collect::<Result<Vec<_>, _>>()?;
        if segments.is_empty() {
            return Err(corrupt("it names no segment"));
        }
        let requirements = &metadata.config.requirements.mandatory;
        let header = LuksHeader {
            version: 2,
            uuid: self.uuid.clone(),
            cipher: None,
            key_derivation: None,
            tokens: metadata.tokens.values().map(|token| shown(&token.kind)).collect(),
            key_slot_weaknesses: Vec::new(),
            key_slots: metadata.key_slots(),
            segments,
            reencryption: requirements.iter().any(|name| name.contains("reencrypt")),
            damaged_copy,
        };
        Ok(header.summed_up())
    }
}

fn corrupt(why: impl Into<String>) -> HeaderError {
    HeaderError::Corrupt {
        part: "LUKS2 header",
        why: why.into(),
    }
}

/// The JSON area; only what is judged. Other members come and go with cryptsetup's versions.
#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    keyslots: BTreeMap<u32, Slot>,
    #[serde(default)]
    tokens: BTreeMap<u32, Token>,
    #[serde(default)]
    segments: BTreeMap<u32, RawSegment>,
    #[serde(default)]
    digests: BTreeMap<u32, Digest>,
    #[serde(default)]
    config: Config,
}

#[derive(Deserialize)]
struct Slot {
    key_size: u32,
    kdf: Option<Kdf>,
}

#[derive(Deserialize)]
struct Kdf {
    #[serde(rename = "type")]
    kind: String,
    hash: Option<String>,
    /// Of PBKDF2.
    iterations: Option<u64>,
    /// Of Argon2: passes.
    time: Option<u64>,
    /// Of Argon2: KiB.
    memory: Option<u64>,
}

#[derive(Deserialize)]
struct Token {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct RawSegment {
    #[serde(rename = "type")]
    kind: String,
    encryption: Option<String>,
    integrity: Option<Integrity>,
    /// Bytes of the stored key that are the drive's.
    #[serde(default)]
    opal_key_size: u32,
    #[serde(default)]
    flags: Vec<String>,
}

#[derive(Deserialize)]
struct Integrity {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Digest {
    keyslots: Vec<String>,
    segments: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Config {
    #[serde(default)]
    requirements: Requirements,
}

#[derive(Default, Deserialize)]
struct Requirements {
    #[serde(default)]
    mandatory: Vec<String>,
}

impl RawSegment {
    /// Kept for a re-encryption, and not part of the volume now.
    fn is_backup(&self) -> bool {
        self.flags.iter().any(|flag| flag.starts_with("backup-"))
    }
}

impl Integrity {
    /// Bits of the stored key that are the integrity key's. Source: `INTEGRITY_key_size` of cryptsetup.
    fn key_bits(&self) -> u32 {
        match self.kind.as_str() {
            "hmac(sha1)" => 160,
            "hmac(sha256)" => 256,
            "hmac(sha512)" => 512,
            _ => 0,
        }
    }
}

impl Metadata {
    fn segment(&self, id: &u32, raw: &RawSegment) -> Result<Segment, HeaderError> {
        let kind = match raw.kind.as_str() {
            "crypt" => SegmentKind::Crypt,
            "linear" => SegmentKind::Linear,
            "hw-opal" => SegmentKind::HwOpal,
            "hw-opal-crypt" => SegmentKind::HwOpalCrypt,
            other => return Err(corrupt(format!("a segment of type `{}`", shown(other)))),
        };
        let cipher = match (kind, &raw.encryption) {
            (SegmentKind::Linear | SegmentKind::HwOpal, _) => None,
            (_, None) => return Err(corrupt("an encrypted segment without a cipher")),
            (_, Some(name)) => {
                let integrity = raw.integrity.as_ref().map_or(0, Integrity::key_bits);
                let other_bits = integrity.saturating_add(raw.opal_key_size.saturating_mul(8));
                Some(Cipher::new(name, self.key_bits(id), other_bits))
            }
        };
        Ok(Segment { kind, cipher })
    }

    /// Bits of the key of a segment: a digest ties it to the key slots that hold it.
    fn key_bits(&self, segment: &u32) -> Option<u32> {
        let segment = segment.to_string();
        let digests = self
            .digests
            .values()
            .filter(|digest| digest.segments.contains(&segment));
        let slots = digests.flat_map(|digest| &digest.keyslots);
        let sizes = slots.filter_map(|slot| Some(self.keyslots.get(&slot.parse().ok()?)?.key_size));
        sizes.min().map(|bytes| bytes.saturating_mul(8))
    }

    fn key_slots(&self) -> Vec<KeySlot> {
        let slot = |(number, slot): (&u32, &Slot)| {
            let kdf = slot.kdf.as_ref()?;
            Some(KeySlot {
                number: *number,
                key_derivation: KeyDerivation {
                    name: shown(&kdf.kind),
                    hash: kdf.hash.as_deref().map(shown),
                    iterations: kdf.iterations.or(kdf.time).unwrap_or_default(),
                    memory_kib: kdf.memory,
                },
            })
        };
        self.keyslots.iter().filter_map(slot).collect()
    }
}
