//! Why a file of evidence is not taken, not kept, or not what it was.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use plumbline_config::message::Message;

use super::digest::Digest;
use super::media::MediaType;
use crate::home::HomeError;
use crate::secret::NoRandom;

/// What can go wrong with a file of evidence, and what mends it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// A file of no bytes proves nothing.
    #[error("the file is empty; send the file that holds the evidence")]
    Empty,
    /// A file beyond the bound.
    #[error(
        "the file is larger than the {largest} bytes that are taken; split it, or raise `largest_bytes` of [evidence] in the settings"
    )]
    TooLarge {
        /// The bound, in bytes.
        largest: u64,
    },
    /// Something that a browser would run, under a name that says otherwise.
    #[error("the file is {found} and was declared as {declared}; send it as what it is, or as a PDF")]
    Disguised {
        /// What its sender calls it.
        declared: MediaType,
        /// What it is.
        found: MediaType,
    },
    /// There is no room.
    #[error("cannot keep the file in {}: the disk is full; free some space, then send the file again", folder.display())]
    Full {
        /// Where it would have been kept.
        folder: PathBuf,
    },
    /// The operating system forbids it.
    #[error(
        "cannot {action} {}: permission denied; the folder of evidence and all in it must belong to the user that the collector runs as",
        path.display()
    )]
    Denied {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The sender's bytes stopped coming.
    #[error("the file did not arrive whole: {0}; send it again")]
    Interrupted(io::Error),
    /// A file that should be kept is not there.
    #[error("the evidence {0} is missing; restore it from a backup")]
    Missing(Digest),
    /// A file is shorter or longer than it was.
    #[error(
        "the evidence {digest} {} ({found} bytes, {expected} when it was kept); restore it from a backup and find out who changed it",
        if found < expected { "was truncated" } else { "has grown" }
    )]
    WrongSize {
        /// The file.
        digest: Digest,
        /// Bytes it had.
        expected: u64,
        /// Bytes it has; of a file that grew, at least so many.
        found: u64,
    },
    /// A file has other bytes than it had.
    #[error("the evidence {0} was altered; restore it from a backup and find out who changed it")]
    Altered(Digest),
    /// Something else lies in a file's place.
    #[error("the evidence {0} was replaced by something that is no regular file; restore it from a backup")]
    NotAFile(Digest),
    /// An object that should be locked is not.
    #[error(
        "the evidence {digest} is not locked in {bucket}; lock it there, or find out who removed the lock"
    )]
    Unlocked {
        /// The file.
        digest: Digest,
        /// Where it is kept.
        bucket: String,
    },
    /// It must still be kept.
    #[error("the evidence {digest} is locked until {until} and can't be deleted before")]
    Locked {
        /// The file.
        digest: Digest,
        /// The end of its lock.
        until: Timestamp,
    },
    /// Settings that can't be followed.
    #[error("`{key}` of [evidence{table}] is `{value}`; write {mend}")]
    Setting {
        /// The table below `evidence`, with its dot.
        table: &'static str,
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        mend: &'static str,
    },
    /// There are no credentials for the S3 server.
    #[error(
        "there are no credentials for the S3 server; name both `access_key_file` and `secret_key_file` of [evidence.s3], or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    NoCredentials,
    /// A file of credentials.
    #[error(transparent)]
    Credentials(#[from] HomeError),
    /// Certificates that the server's is by.
    #[error(
        "cannot use the certificates of {place}: {why}; name the right ones with `ca_file` of [evidence.s3]"
    )]
    Roots {
        /// Where they are.
        place: String,
        /// What is wrong with them.
        why: String,
    },
    /// HTTP could not be set up.
    #[error("cannot set up HTTP to the S3 server: {0}")]
    Client(String),
    /// The bucket can't lock.
    #[error(
        "the bucket {bucket} has no object lock, and `mode` of [evidence.s3] asks for it; make a bucket with object lock, or write mode = \"none\""
    )]
    NoObjectLock {
        /// The bucket.
        bucket: String,
    },
    /// The server can't be reached, or does not answer in time, however often it was asked.
    #[error(
        "cannot {action} on the S3 server {endpoint}: {why}; nothing was lost, try again when the server is back"
    )]
    Away {
        /// What was tried.
        action: &'static str,
        /// The server.
        endpoint: String,
        /// What went wrong.
        why: String,
    },
    /// The server says no.
    #[error("the S3 server refused to {action} in {bucket}: {code} ({status}) {message}")]
    Refused {
        /// What was tried.
        action: &'static str,
        /// The bucket.
        bucket: String,
        /// HTTP status.
        status: u16,
        /// The server's name for it.
        code: String,
        /// The server's words.
        message: String,
    },
    /// The server's answer makes no sense.
    #[error("the S3 server {endpoint} answered unsoundly when asked to {action}: {why}")]
    Unsound {
        /// What was tried.
        action: &'static str,
        /// The server.
        endpoint: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// No name for a temporary file.
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

impl EvidenceError {
    /// An error of the operating system at `path`.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full {
                folder: path.parent().unwrap_or(path).to_owned(),
            },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Denied {
                action,
                path: path.to_owned(),
            },
            _ => Self::Io {
                action,
                path: path.to_owned(),
                source,
            },
        }
    }

    /// Whether it tells of one file that is not what it was, and not of the way to it.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Missing(_)
                | Self::WrongSize { .. }
                | Self::Altered(_)
                | Self::NotAFile(_)
                | Self::Unlocked { .. }
        )
    }

    /// What the person who sent a file is told.
    #[must_use]
    pub fn for_sender(&self) -> Message {
        match self {
            Self::Empty => Message::new("evidence-empty"),
            Self::TooLarge { largest } => {
                Message::new("evidence-too-large").arg("mebibytes", largest.div_ceil(1024 * 1024))
            }
            Self::Disguised { declared, found } => Message::new("evidence-disguised")
                .arg("declared", declared)
                .arg("found", found),
            Self::Full { .. } => Message::new("evidence-full"),
            Self::Interrupted(_) => Message::new("evidence-interrupted"),
            Self::Away { .. } => Message::new("evidence-away"),
            Self::Missing(digest) => Message::new("evidence-missing").arg("sha256", digest),
            damage if damage.is_damage() => Message::new("evidence-damaged").arg("why", damage),
            Self::Locked { until, .. } => Message::new("evidence-locked").arg("until", until),
            _ => Message::new("evidence-failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operating_system_says_becomes_a_sentence_with_the_mend() {
        let path = Path::new("/var/evidence/ab/abcd");
        let said = |kind: io::ErrorKind| EvidenceError::io("write", path, kind.into()).to_string();
        assert!(said(io::ErrorKind::StorageFull).contains("the disk is full; free some space"));
        assert!(said(io::ErrorKind::PermissionDenied).contains("must belong to the user"));
        assert!(said(io::ErrorKind::NotFound).starts_with("cannot write /var/evidence/ab/abcd: "));
    }

    #[test]
    fn a_sender_is_told_in_both_languages() {
        let digest = Digest::new([7; 32]);
        for error in [
            EvidenceError::Empty,
            EvidenceError::TooLarge { largest: 1 << 29 },
            EvidenceError::Disguised {
                declared: MediaType::of("image/png"),
                found: MediaType::of("text/html"),
            },
            EvidenceError::Full { folder: "/x".into() },
            EvidenceError::Interrupted(io::ErrorKind::UnexpectedEof.into()),
            EvidenceError::Away {
                action: "x",
                endpoint: "x".to_owned(),
                why: "x".to_owned(),
            },
            EvidenceError::Missing(digest),
            EvidenceError::Altered(digest),
            EvidenceError::Locked {
                digest,
                until: Timestamp::UNIX_EPOCH,
            },
            EvidenceError::NoCredentials,
        ] {
            let message = error.for_sender();
            let said = message.render();
            assert!(
                said.en != message.key() && said.zh_tw != said.en,
                "{}",
                message.key()
            );
        }
    }
}
