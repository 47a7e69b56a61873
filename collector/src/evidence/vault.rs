//! What keeps files of evidence: a folder or a bucket, each under the SHA-256 of its bytes.

use axum::body::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

use super::digest::Digest;
use super::error::EvidenceError;
use super::staging::Staged;

/// Bytes that are read and handed on at a time.
pub(crate) const CHUNK: usize = 64 * 1024;

/// Work of a vault that is under way.
pub(crate) type Task<'a, T> = BoxFuture<'a, Result<T, EvidenceError>>;

/// Keeps files by their SHA-256. Nothing that is kept is ever overwritten.
pub(crate) trait Vault: Send + Sync {
    /// Refuses settings that the vault can't follow. Asked before it is used; costs nothing once answered well.
    fn ready(&self) -> Task<'_, ()>;

    /// Keeps a file at least until then, on durable storage when this is done. One that is kept already stays as it is,
    /// if it is still what it was, and is kept longer if it must be.
    fn keep<'a>(&'a self, staged: &'a Staged, until: Timestamp) -> Task<'a, ()>;

    /// What can be told of a file without reading it; `None` of one that is not kept.
    fn look(&self, digest: Digest) -> Task<'_, Option<Seen>>;

    /// The bytes of a file as they are now; `None` of one that is not kept.
    fn open(&self, digest: Digest) -> Task<'_, Option<Opened>>;

    /// Some of the files that are kept, in order of their digests, from the one behind `after`; none behind the last.
    fn page(&self, after: Option<Digest>) -> Task<'_, Vec<Kept>>;

    /// Removes a file. Whether it may be removed is decided before.
    fn remove(&self, digest: Digest) -> Task<'_, ()>;
}

/// A file that is kept, or should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The SHA-256 of its bytes.
    pub sha256: Digest,
    /// How many bytes it has.
    pub size: u64,
}

/// What a file shows without being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// How many bytes it has.
    pub(crate) size: u64,
    /// Since when it is kept.
    pub(crate) kept_at: Timestamp,
    /// Until when the vault itself lets nobody delete it.
    pub(crate) locked_until: Option<Timestamp>,
}

/// A file that is being read.
pub(crate) struct Opened {
    /// How many bytes it has.
    pub(crate) size: u64,
    /// Where it should be locked and is not: the name of the place.
    pub(crate) unlocked_in: Option<String>,
    /// Its bytes.
    pub(crate) content: BoxStream<'static, Result<Bytes, EvidenceError>>,
}
