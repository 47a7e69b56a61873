//! A file of evidence while it comes in, piece by piece.

use std::fs::File;
use std::io::Write;

use jiff::Timestamp;
use plumbline_config::interval::Interval;
use ring::digest::{Context, SHA256};

use super::digest::Digest;
use super::error::EvidenceError;
use super::file::EvidenceFile;
use super::media::{self, HEAD, Judgement, MediaType};
use super::name::FileName;
use super::staging::{Staged, Temporary};
use super::{Evidence, blocking};

/// Bytes that are gathered before they are written.
const GATHERED: usize = 256 * 1024;

/// Bytes after which the room on the disk is looked at again.
const LOOK_AGAIN: u64 = 8 * 1024 * 1024;

/// What the sender says of a file.
#[derive(Clone, Debug)]
pub struct Declared<'a> {
    /// Its name; any text.
    pub name: &'a str,
    /// Its media type; any text.
    pub media_type: &'a str,
    /// How long it must be kept by the plan.
    pub retention: Interval,
}

/// A file that comes in. Dropped before [`Self::finish`], nothing of it stays.
pub struct Intake<'e> {
    evidence: &'e Evidence,
    /// `None` after a failure: what came in is then gone.
    open: Option<(File, Temporary)>,
    gathered: Vec<u8>,
    head: Vec<u8>,
    hash: Context,
    size: u64,
    looked_at: u64,
    name: FileName,
    declared: MediaType,
    retention: Interval,
}

impl<'e> Intake<'e> {
    pub(super) async fn begin(
        evidence: &'e Evidence,
        declared: &Declared<'_>,
    ) -> Result<Self, EvidenceError> {
        let staging = evidence.staging.clone();
        let open = blocking(move || {
            staging.require_room()?;
            staging.create()
        })
        .await?;
        Ok(Self {
            evidence,
            open: Some(open),
            gathered: Vec::new(),
            head: Vec::new(),
            hash: Context::new(&SHA256),
            size: 0,
            looked_at: 0,
            name: FileName::of(declared.name),
            declared: MediaType::of(declared.media_type),
            retention: declared.retention,
        })
    }

    /// Takes the next bytes. Refuses those beyond the largest file that is taken before they reach the disk.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), EvidenceError> {
        let size = self.size.saturating_add(bytes.len() as u64);
        if size > self.evidence.largest {
            self.open = None;
            return Err(EvidenceError::TooLarge {
                largest: self.evidence.largest,
            });
        }
        self.size = size;
        self.hash.update(bytes);
        let wanted = (HEAD - self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..wanted]);
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHERED {
            self.flush(false).await?;
        }
        Ok(())
    }

    /// Keeps the file, on durable storage when this returns, and says what goes into the ledger.
    pub async fn finish(mut self) -> Result<EvidenceFile, EvidenceError> {
        if self.size == 0 {
            return Err(EvidenceError::Empty);
        }
        let (media_type, declared_otherwise) = match media::judge(&self.head, &self.declared) {
            Judgement::Is(kind) => (kind, None),
            Judgement::IsRather(kind) => (kind, Some(self.declared.clone())),
            Judgement::Disguised(found) => {
                return Err(EvidenceError::Disguised {
                    declared: self.declared,
                    found,
                });
            }
        };
        self.flush(true).await?;
        // The hash has 32 bytes, so this always is a digest.
        let sha256 = Digest::try_from(self.hash.clone().finish()).unwrap_or(Digest::new([0; 32]));
        let Some((_file, temporary)) = self.open.take() else {
            return Err(EvidenceError::Interrupted(std::io::ErrorKind::BrokenPipe.into()));
        };
        let staged = Staged {
            temporary,
            sha256,
            size: self.size,
        };
        let until = self.evidence.kept_until(Timestamp::now(), self.retention);
        self.evidence.vault.ready().await?;
        self.evidence.vault.keep(&staged, until).await?;
        Ok(EvidenceFile {
            sha256,
            size: self.size,
            media_type,
            name: self.name,
            declared_otherwise,
        })
    }

    async fn flush(&mut self, last: bool) -> Result<(), EvidenceError> {
        let Some((mut file, temporary)) = self.open.take() else {
            return Err(EvidenceError::Interrupted(std::io::ErrorKind::BrokenPipe.into()));
        };
        let bytes = std::mem::take(&mut self.gathered);
        let staging = self.evidence.staging.clone();
        let look = self.size - self.looked_at >= LOOK_AGAIN;
        if look {
            self.looked_at = self.size;
        }
        let written = blocking(move || {
            if look {
                staging.require_room()?;
            }
            let written = file
                .write_all(&bytes)
                .and_then(|()| if last { file.sync_all() } else { Ok(()) });
            written.map_err(|error| EvidenceError::io("write", temporary.path(), error))?;
            Ok((file, temporary))
        });
        self.open = Some(written.await?);
        Ok(())
    }
}
