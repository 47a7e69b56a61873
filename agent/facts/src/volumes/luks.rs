//! LUKS headers, either version.
//!
//! Sources: LUKS1 On-Disk Format Specification 1.2.3; LUKS2 On-Disk Format Specification 1.1.

use serde::Serialize;

use super::cipher::{Cipher, Weakness};
use super::{luks1, luks2};
use crate::host::ReadError;

/// First bytes of both versions and of the first copy of LUKS2.
pub(super) const MAGIC: &[u8] = b"LUKS\xba\xbe";
/// First bytes of a LUKS1 header that an interrupted off-line re-encryption left unusable.
const MAGIC_INTERRUPTED: &[u8] = b"LUKS\xde\xad";
/// Bytes read to tell which version it is: the whole of LUKS1, the binary part of LUKS2.
const HEAD: u64 = 4096;

/// Reads up to a length, in bytes, at an offset of what holds the header; fewer where it ends.
pub type ReadAt<'a> = &'a mut dyn FnMut(u64, u64) -> Result<Vec<u8>, ReadError>;

/// What a LUKS header tells about the encryption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LuksHeader {
    /// 1 or 2.
    pub version: u8,
    /// The volume's UUID.
    pub uuid: String,
    /// What encrypts the data: of several, the weakest; `None` where all is plain or encrypted by the drive alone.
    pub cipher: Option<Cipher>,
    /// How the weakest key slot stretches its passphrase: `pbkdf2`, `argon2i`, `argon2id`; `None` without key slots.
    pub key_derivation: Option<String>,
    /// Types of the tokens, ways to unlock without typing a passphrase: `systemd-tpm2`, `clevis` …
    pub tokens: Vec<String>,
    /// What is weak about the key slots.
    pub key_slot_weaknesses: Vec<Weakness>,
    /// The key slots in use.
    pub key_slots: Vec<KeySlot>,
    /// The parts of the volume that are in use.
    pub segments: Vec<Segment>,
    /// The volume is being encrypted, decrypted or re-encrypted.
    pub reencryption: bool,
    /// Of LUKS2's two copies of the header, what is wrong with one; the other was used.
    pub damaged_copy: Option<String>,
}

/// A key slot: one passphrase or key that opens the volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeySlot {
    /// Its number.
    pub number: u32,
    /// How the passphrase is stretched.
    pub key_derivation: KeyDerivation,
}

/// How a passphrase is stretched to a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyDerivation {
    /// `pbkdf2`, `argon2i`, `argon2id`.
    pub name: String,
    /// Hash of PBKDF2.
    pub hash: Option<String>,
    /// Iterations of PBKDF2, passes of Argon2.
    pub iterations: u64,
    /// Memory of Argon2, in KiB.
    pub memory_kib: Option<u64>,
}

/// A part of a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// How it is kept.
    pub kind: SegmentKind,
    /// Its cipher, where dm-crypt encrypts it.
    #[serde(flatten)]
    pub cipher: Option<Cipher>,
}

/// How a part of a volume is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SegmentKind {
    /// Encrypted by dm-crypt.
    Crypt,
    /// Plain: not yet encrypted, or decrypted.
    Linear,
    /// Encrypted by the drive itself (OPAL).
    HwOpal,
    /// Encrypted by the drive, and again by dm-crypt.
    HwOpalCrypt,
}

/// Why there is no header to be had.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Nothing of LUKS.
    #[error("it holds no LUKS header")]
    NotLuks,
    /// A version that does not exist yet.
    #[error("LUKS version {0} is not known")]
    Version(u16),
    /// The data end before the header does.
    #[error("the {part} is cut short: {have} of {need} bytes")]
    Truncated {
        /// What is cut short.
        part: &'static str,
        /// Its length, in bytes.
        need: u64,
        /// How many there are.
        have: u64,
    },
    /// Something that no intact header holds.
    #[error("the {part} is corrupt: {why}")]
    Corrupt {
        /// What is corrupt.
        part: &'static str,
        /// How that shows.
        why: String,
    },
    /// `LUKS\xde\xad`.
    #[error("an interrupted off-line re-encryption left the LUKS1 header unusable")]
    Interrupted,
}

impl LuksHeader {
    /// Reads the header by `read`.
    pub fn read(read: ReadAt<'_>) -> Result<Self, HeaderError> {
        let head = read(0, HEAD)?;
        if head.starts_with(MAGIC_INTERRUPTED) {
            return Err(HeaderError::Interrupted);
        }
        if head.starts_with(MAGIC) {
            let Some(version) = u16_at(&head, MAGIC.len()) else {
                return Err(HeaderError::Truncated {
                    part: "LUKS header",
                    need: luks1::LENGTH as u64,
                    have: head.len() as u64,
                });
            };
            match version {
                1 => return luks1::parse(&head),
                2 => {}
                // LUKS1 is known by its first bytes alone; a LUKS2 whose first copy is spoilt has a second.
                other => return luks2::read(read).map_err(|_| HeaderError::Version(other)),
            }
        }
        luks2::read(read)
    }

    /// Reads the header from bytes that start with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        Self::read(&mut |offset, length| {
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let rest = bytes.get(start..).unwrap_or_default();
            Ok(rest.get(..length).unwrap_or(rest).to_vec())
        })
    }

    /// Whether some of the volume is kept plain, although it is mapped as encrypted.
    #[must_use]
    pub fn has_plain_part(&self) -> bool {
        self.segments.iter().any(|segment| {
            segment.kind == SegmentKind::Linear
                || segment.kind == SegmentKind::Crypt && segment.cipher.as_ref().is_some_and(Cipher::is_null)
        })
    }

    /// With the particulars that follow from the segments and key slots.
    pub(super) fn summed_up(mut self) -> Self {
        // An unknown strength is weaker than any known one: nothing vouches for it.
        let weakest = |segment: &&Segment| segment.cipher.as_ref().map(|cipher| cipher.strength);
        self.cipher = self
            .segments
            .iter()
            .filter(|segment| segment.cipher.is_some())
            .min_by_key(weakest)
            .and_then(|segment| segment.cipher.clone());
        let derivations = || self.key_slots.iter().map(|slot| &slot.key_derivation);
        self.key_derivation = derivations()
            .min_by_key(|derivation| derivation.rank())
            .map(|derivation| derivation.name.clone());
        if derivations().any(|kdf| kdf.name == "pbkdf2" && kdf.hash.as_deref() == Some("sha1")) {
            self.key_slot_weaknesses = vec![Weakness::Pbkdf2Sha1];
        }
        self
    }
}

impl KeyDerivation {
    /// Weakest first. PBKDF2 costs a guesser no memory.
    fn rank(&self) -> u8 {
        match self.name.as_str() {
            "argon2id" => 2,
            "argon2i" => 1,
            _ => 0,
        }
    }
}

/// Big-endian number at `offset`.
pub(super) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    let field = bytes.get(offset..)?.first_chunk()?;
    Some(u16::from_be_bytes(*field))
}

/// Big-endian number at `offset`.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let field = bytes.get(offset..)?.first_chunk()?;
    Some(u32::from_be_bytes(*field))
}

/// Big-endian number at `offset`.
pub(super) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    let field = bytes.get(offset..)?.first_chunk()?;
    Some(u64::from_be_bytes(*field))
}

/// A text field, which ends at its first NUL; `None` where it is not printable ASCII.
pub(super) fn text_at(bytes: &[u8], offset: usize, length: usize) -> Option<&str> {
    let field = bytes.get(offset..offset.checked_add(length)?)?;
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(length);
    let text = std::str::from_utf8(field.get(..end)?).ok()?;
    text.bytes().all(|byte| byte.is_ascii_graphic()).then_some(text)
}
