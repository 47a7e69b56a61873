//! Where a file of evidence lies while it comes in: a temporary file that goes away by itself, at the latest at the next
//! start.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use tracing::info;

use super::digest::Digest;
use super::error::EvidenceError;
use crate::secret::random;

/// Room that is left on the disk for the ledger and the database, in bytes.
const RESERVE: u64 = 64 * 1024 * 1024;

/// What the names of temporary files end with.
const ENDING: &str = ".part";

/// How often another name is tried.
const TRIES: usize = 8;

/// The folder of temporary files.
#[derive(Clone, Debug)]
pub(crate) struct Staging {
    folder: PathBuf,
}

/// A temporary file, removed when dropped.
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
}

/// A file that came in whole and lies on durable storage, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) temporary: Temporary,
    pub(crate) sha256: Digest,
    pub(crate) size: u64,
}

impl Staging {
    /// Makes the folder `incoming` in `root` where it is not there, and removes what a crash left in it. Files that
    /// another process is writing are locked, and stay.
    pub(crate) fn open(root: &Path) -> Result<Self, EvidenceError> {
        let folder = root.join("incoming");
        make_folder(root)?;
        make_folder(&folder)?;
        let entries = fs::read_dir(&folder).map_err(|error| EvidenceError::io("list", &folder, error))?;
        for entry in entries {
            let path = entry
                .map_err(|error| EvidenceError::io("list", &folder, error))?
                .path();
            if path.as_os_str().as_encoded_bytes().ends_with(ENDING.as_bytes()) && is_orphan(&path) {
                fs::remove_file(&path).map_err(|error| EvidenceError::io("remove", &path, error))?;
                info!(file = %path.display(), "removed a file of evidence that had not come in whole");
            }
        }
        Ok(Self { folder })
    }

    /// A new temporary file, for its owner alone, locked against the cleaning of other processes.
    pub(crate) fn create(&self) -> Result<(File, Temporary), EvidenceError> {
        for _ in 0..TRIES {
            let path = self
                .folder
                .join(format!("{}{ENDING}", hex::encode(random::<16>()?)));
            let failed = |error| EvidenceError::io("write", &path, error);
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
                .map_err(failed)?;
            // One that was cleaned away before it was locked has no name left.
            if file.try_lock().is_ok() && file.metadata().map_err(failed)?.nlink() > 0 {
                return Ok((file, Temporary { path }));
            }
        }
        let busy = io::Error::from(io::ErrorKind::ResourceBusy);
        Err(EvidenceError::io("lock a file in", &self.folder, busy))
    }

    /// Refuses where no more room is left than the rest of the collector needs.
    pub(crate) fn require_room(&self) -> Result<(), EvidenceError> {
        let disk = statvfs(&self.folder)
            .map_err(|error| EvidenceError::io("look at the disk of", &self.folder, error.into()))?;
        let free = disk.blocks_available().saturating_mul(disk.fragment_size());
        if free < RESERVE {
            return Err(EvidenceError::Full {
                folder: self.folder.clone(),
            });
        }
        Ok(())
    }
}

impl Temporary {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It has another name by now, or none is wanted.
        let _gone = fs::remove_file(&self.path);
    }
}

/// Makes a folder for its owner alone, where it is not there.
pub(crate) fn make_folder(path: &Path) -> Result<(), EvidenceError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| EvidenceError::io("make the folder", path, error))
}

fn is_orphan(path: &Path) -> bool {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(path);
    match opened.map(|file| file.try_lock()) {
        Ok(Err(TryLockError::WouldBlock)) => false,
        Ok(_) => true,
        // Gone meanwhile, or nothing that this program wrote.
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_a_crash_left_is_cleaned_and_what_is_being_written_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("evidence");
        let staging = Staging::open(&root).unwrap();
        let (_file, written) = staging.create().unwrap();
        let orphan = root.join("incoming/0123.part");
        fs::write(&orphan, "half").unwrap();
        fs::write(root.join("incoming/notes.txt"), "a person's").unwrap();
        Staging::open(&root).unwrap();
        assert!(!orphan.exists() && written.path().exists() && root.join("incoming/notes.txt").exists());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&root), mode(written.path())), (0o700, 0o600));
        let path = written.path().to_owned();
        drop(written);
        assert!(!path.exists());
    }
}
