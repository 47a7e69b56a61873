//! What is on record of an evidence file. The file itself lies elsewhere, under its hash.

use serde::{Deserialize, Serialize};

use super::Refusal;
use super::text;

/// Most files of one record.
pub(super) const MOST_FILES: usize = 50;

/// An evidence file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceFile {
    /// Its name, for people to read.
    pub name: String,
    /// Media type, RFC 6838.
    pub media_type: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// Whether these may stand in a record.
pub(crate) fn check(files: &[EvidenceFile]) -> Result<(), Refusal> {
    if files.len() > MOST_FILES {
        return Err(Refusal::TooMany {
            what: "evidence files",
            most: MOST_FILES,
        });
    }
    for file in files {
        text::line("name of an evidence file", &file.name, 255)?;
        text::line("media type of an evidence file", &file.media_type, 127)?;
        let hash = file.sha256.as_bytes();
        if hash.len() != 64 || !hash.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Refusal::Hash(file.name.clone()));
        }
        if file.size == 0 {
            return Err(Refusal::EmptyFile(file.name.clone()));
        }
    }
    Ok(())
}
