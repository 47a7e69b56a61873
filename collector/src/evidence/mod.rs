//! Files that prove attestations: sign-in sheets, minutes, reports of scans.
//!
//! A file comes in piece by piece ([`Intake`]) into a temporary file, under a bound; its SHA-256, its size, what it is
//! and a harmless form of its name ([`EvidenceFile`]) go into the ledger. It is kept under its SHA-256, in a folder or in
//! a bucket with object lock, so one that is sent twice is kept once and a changed one is found out: reading
//! ([`Reading`]) proves every byte against what the ledger says.

mod digest;
mod error;
mod file;
mod folder;
mod intake;
mod media;
mod name;
mod reading;
mod recorded;
mod s3;
mod staging;
#[cfg(test)]
mod tests;
mod vault;
mod verify;

use std::io;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumbline_config::interval::Interval;
use plumbline_config::plan::SHORTEST_RETENTION;
use plumbline_config::settings::CollectorSettings;
use tokio::io::{AsyncRead, AsyncReadExt};
use tracing::info;

pub use digest::{Digest, NoDigest};
pub use error::EvidenceError;
pub use file::EvidenceFile;
use folder::Folder;
pub use intake::{Declared, Intake};
pub use media::MediaType;
pub use name::FileName;
pub use reading::Reading;
pub(crate) use recorded::{files_in, files_on_record};
use s3::Bucket;
use staging::Staging;
pub use vault::Kept;
use vault::{CHUNK, Vault};
pub use verify::Verification;

/// Folder of evidence in the data directory.
const FOLDER: &str = "evidence";

/// Where files of evidence are kept.
pub struct Evidence {
    vault: Box<dyn Vault>,
    staging: Staging,
    largest: u64,
    retentions: Vec<Interval>,
}

impl Evidence {
    /// Makes the folder where it is not there, removes what a crash left of files that were coming in, and reads what
    /// the settings name. A server is not asked yet: see [`Self::ready`].
    pub fn open(settings: &CollectorSettings) -> Result<Self, EvidenceError> {
        let evidence = &settings.evidence;
        if evidence.largest_bytes == 0 {
            return Err(EvidenceError::Setting {
                table: "",
                key: "largest_bytes",
                value: "0".to_owned(),
                mend: "the size of the largest file that is taken, in bytes",
            });
        }
        let root = match &evidence.folder {
            Some(folder) => folder.clone(),
            None => settings.data_dir.join(FOLDER),
        };
        let staging = Staging::open(&root)?;
        let mut retentions = vec![SHORTEST_RETENTION, settings.retention];
        let vault: Box<dyn Vault> = match &evidence.s3 {
            Some(s3) => {
                retentions.extend(s3.retention);
                Box::new(Bucket::new(s3)?)
            }
            None => Box::new(Folder::new(&root)),
        };
        Ok(Self {
            vault,
            staging,
            largest: evidence.largest_bytes,
            retentions,
        })
    }

    /// Asks the server, if files are kept on one, whether it can do what the settings ask for.
    ///
    /// [`EvidenceError::Away`] is no reason not to start: it is asked again before the first file is kept.
    pub async fn ready(&self) -> Result<(), EvidenceError> {
        self.vault.ready().await
    }

    /// Begins to take a file.
    pub async fn intake(&self, declared: &Declared<'_>) -> Result<Intake<'_>, EvidenceError> {
        Intake::begin(self, declared).await
    }

    /// Takes a file from a reader.
    pub async fn take(
        &self,
        mut from: impl AsyncRead + Unpin,
        declared: &Declared<'_>,
    ) -> Result<EvidenceFile, EvidenceError> {
        let mut intake = self.intake(declared).await?;
        let mut chunk = vec![0; CHUNK];
        loop {
            match from.read(&mut chunk).await.map_err(EvidenceError::Interrupted)? {
                0 => return intake.finish().await,
                count => intake.write(&chunk[..count]).await?,
            }
        }
    }

    /// Reads a file, proving it on the way.
    pub async fn read(&self, expected: Kept) -> Result<Reading, EvidenceError> {
        let opened = self.vault.open(expected.sha256).await?;
        Reading::new(opened.ok_or(EvidenceError::Missing(expected.sha256))?, expected)
    }

    /// Whether a file of this hash is kept; it is not read.
    pub async fn holds(&self, sha256: Digest) -> Result<bool, EvidenceError> {
        Ok(self.vault.look(sha256).await?.is_some())
    }

    /// Until when a file can't be deleted: by the settings, by the plan's `retention`, and by the lock it carries.
    pub async fn locked_until(
        &self,
        sha256: Digest,
        retention: Interval,
    ) -> Result<Timestamp, EvidenceError> {
        let seen = self.vault.look(sha256).await?;
        let seen = seen.ok_or(EvidenceError::Missing(sha256))?;
        let until = self.kept_until(seen.kept_at, retention);
        Ok(seen.locked_until.map_or(until, |locked| until.max(locked)))
    }

    /// Deletes a file whose time is over at `now`. The caller sees to it that nothing else speaks of it and that the
    /// deletion is recorded.
    pub async fn delete(
        &self,
        sha256: Digest,
        retention: Interval,
        now: Timestamp,
    ) -> Result<(), EvidenceError> {
        let until = self.locked_until(sha256, retention).await?;
        if until > now {
            return Err(EvidenceError::Locked {
                digest: sha256,
                until,
            });
        }
        self.vault.remove(sha256).await?;
        info!(%sha256, "deleted a file of evidence whose time was over");
        Ok(())
    }

    /// The end of the longest retention that holds for what is kept since `start`.
    fn kept_until(&self, start: Timestamp, planned: Interval) -> Timestamp {
        let retentions = self.retentions.iter().chain([&planned]);
        retentions
            .map(|retention| retention.after(start, &TimeZone::UTC))
            .max()
            .unwrap_or(Timestamp::MAX)
    }
}

/// Runs work on files where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EvidenceError> + Send + 'static,
) -> Result<T, EvidenceError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(EvidenceError::io(
            "work on",
            Path::new(FOLDER),
            io::Error::other(error),
        )),
    }
}
