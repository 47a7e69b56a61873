//! Evidence in a folder: `ab/abcd…`, each file under its SHA-256, spread over 256 folders.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use tokio::io::AsyncReadExt;

use super::blocking;
use super::digest::Digest;
use super::error::EvidenceError;
use super::reading::Reading;
use super::staging::{Staged, make_folder};
use super::vault::{CHUNK, Kept, Opened, Seen, Task, Vault};

/// A folder of evidence.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder at `root`, which is there.
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    fn shard(&self, shard: u8) -> PathBuf {
        self.root.join(format!("{shard:02x}"))
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.shard(digest.as_bytes()[0]).join(digest.to_string())
    }

    /// Opens a file and nothing else: no link, no pipe that would never end, no device.
    fn file(&self, digest: Digest) -> Result<Option<(File, fs::Metadata)>, EvidenceError> {
        let path = self.path(digest);
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
            .open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if is_no_file(&error) => return Err(EvidenceError::NotAFile(digest)),
            Err(error) => return Err(EvidenceError::io("read", &path, error)),
        };
        let metadata = file
            .metadata()
            .map_err(|error| EvidenceError::io("look at", &path, error))?;
        if !metadata.is_file() {
            return Err(EvidenceError::NotAFile(digest));
        }
        Ok(Some((file, metadata)))
    }

    /// Gives a staged file its name; `false` where the name is taken.
    fn place(&self, staged: &Path, digest: Digest) -> Result<bool, EvidenceError> {
        let shard = self.shard(digest.as_bytes()[0]);
        let path = self.path(digest);
        if !shard.is_dir() {
            make_folder(&shard)?;
            sync(&self.root)?;
        }
        // A second name, and the first one goes with the temporary: unlike a rename this never replaces anything.
        match fs::hard_link(staged, &path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            // A file system without second names.
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
                if path.symlink_metadata().is_ok() {
                    return Ok(false);
                }
                fs::rename(staged, &path).map_err(|error| EvidenceError::io("write", &path, error))?;
            }
            Err(error) => return Err(EvidenceError::io("write", &path, error)),
        }
        sync(&shard)?;
        Ok(true)
    }

    /// The files of one shard, in order.
    fn shard_files(&self, shard: u8) -> Result<Vec<Kept>, EvidenceError> {
        let path = self.shard(shard);
        let failed = |error| EvidenceError::io("list", &path, error);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let Some(sha256) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<Digest>().ok())
            else {
                continue;
            };
            let size = entry.metadata().map_err(failed)?.len();
            files.push(Kept { sha256, size });
        }
        files.sort_by_key(|kept| kept.sha256);
        Ok(files)
    }
}

impl Vault for Folder {
    fn ready(&self) -> Task<'_, ()> {
        futures_util::future::ready(Ok(())).boxed()
    }

    fn keep<'a>(&'a self, staged: &'a Staged, _until: Timestamp) -> Task<'a, ()> {
        async move {
            let (folder, path) = (self.clone(), staged.temporary.path().to_owned());
            let (digest, size) = (staged.sha256, staged.size);
            if blocking(move || folder.place(&path, digest)).await? {
                return Ok(());
            }
            let opened = self.open(digest).await?.ok_or(EvidenceError::Missing(digest))?;
            let expected = Kept { sha256: digest, size };
            Reading::new(opened, expected)?.prove().await?;
            // It is kept from now on once more: its age counts for how long.
            let folder = self.clone();
            blocking(move || {
                let path = folder.path(digest);
                let touched = File::open(&path).and_then(|file| {
                    file.set_modified(std::time::SystemTime::now())?;
                    file.sync_all()
                });
                touched.map_err(|error| EvidenceError::io("set the time of", &path, error))
            })
            .await
        }
        .boxed()
    }

    fn look(&self, digest: Digest) -> Task<'_, Option<Seen>> {
        let folder = self.clone();
        blocking(move || {
            let Some((_, metadata)) = folder.file(digest)? else {
                return Ok(None);
            };
            let modified = metadata
                .modified()
                .and_then(|time| Timestamp::try_from(time).map_err(io::Error::other));
            let kept_at = modified
                .map_err(|error| EvidenceError::io("look at the time of", &folder.path(digest), error))?;
            Ok(Some(Seen {
                size: metadata.len(),
                kept_at,
                locked_until: None,
            }))
        })
        .boxed()
    }

    fn open(&self, digest: Digest) -> Task<'_, Option<Opened>> {
        let folder = self.clone();
        async move {
            let path = folder.path(digest);
            let Some((file, metadata)) = blocking(move || folder.file(digest)).await? else {
                return Ok(None);
            };
            let file = tokio::fs::File::from_std(file);
            let content = stream::try_unfold((file, path), |(mut file, path)| async move {
                let mut chunk = vec![0; CHUNK];
                match file.read(&mut chunk).await {
                    Ok(0) => Ok(None),
                    Ok(count) => {
                        chunk.truncate(count);
                        Ok(Some((Bytes::from(chunk), (file, path))))
                    }
                    Err(error) => Err(EvidenceError::io("read", &path, error)),
                }
            });
            Ok(Some(Opened {
                size: metadata.len(),
                unlocked_in: None,
                content: content.boxed(),
            }))
        }
        .boxed()
    }

    fn page(&self, after: Option<Digest>) -> Task<'_, Vec<Kept>> {
        let folder = self.clone();
        blocking(move || {
            for shard in after.map_or(0, |after| after.as_bytes()[0])..=u8::MAX {
                let mut files = folder.shard_files(shard)?;
                files.retain(|kept| after.is_none_or(|after| kept.sha256 > after));
                if !files.is_empty() {
                    return Ok(files);
                }
            }
            Ok(Vec::new())
        })
        .boxed()
    }

    fn remove(&self, digest: Digest) -> Task<'_, ()> {
        let folder = self.clone();
        blocking(move || {
            let path = folder.path(digest);
            match fs::remove_file(&path) {
                Ok(()) => sync(&folder.shard(digest.as_bytes()[0])),
                Err(error) if error.kind() == ErrorKind::NotFound => Err(EvidenceError::Missing(digest)),
                Err(error) => Err(EvidenceError::io("remove", &path, error)),
            }
        })
        .boxed()
    }
}

/// Brings the names in a folder to durable storage.
fn sync(folder: &Path) -> Result<(), EvidenceError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| EvidenceError::io("write", folder, error))
}

/// Whether opening failed because something lies there that is no file.
fn is_no_file(error: &io::Error) -> bool {
    use nix::libc::{ELOOP, ENXIO};
    matches!(error.raw_os_error(), Some(ELOOP | ENXIO))
}
