//! The agent's own directory: identity, spool, plan. Private to the user that the agent runs as.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use plumbline_facts::Host;
use plumbline_facts::host::ReadError;

/// Mode of directories: the owner alone.
const DIRECTORY_MODE: u32 = 0o700;
/// Mode of files: the owner alone.
const FILE_MODE: u32 = 0o600;

/// A private directory whose files are replaced whole.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    // Reads go through it: regular files only, capped, never by a link out of the directory.
    inside: Host,
}

/// A file or directory of the agent's own could not be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {deed} {}: {source}", path.display())]
pub struct DataDirError {
    deed: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl DataDir {
    /// Opens the directory at `path`, making it and its parents where they are missing. It is closed to other users.
    pub fn create(path: &Path) -> Result<Self, DataDirError> {
        let failed = |deed| {
            move |source| DataDirError {
                deed,
                path: path.to_owned(),
                source,
            }
        };
        let mut builder = DirBuilder::new();
        builder
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(path)
            .map_err(failed("make the directory"))?;
        // One that an administrator or package made may be open to others.
        std::fs::set_permissions(path, Permissions::from_mode(DIRECTORY_MODE))
            .map_err(failed("close to other users"))?;
        Self::open(path)
    }

    /// Opens the directory at `path`, which must exist.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let inside = Host::at(path).map_err(|source| DataDirError {
            deed: "open the directory",
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            inside,
        })
    }

    /// Where the file `name` is.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The file `name`, of at most `limit` bytes; `None` where there is none.
    pub fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, DataDirError> {
        match self.inside.read(name, limit) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(ReadError::NotFound(_)) => Ok(None),
            Err(error) => Err(self.failed("read", name, io::Error::other(error.to_string()))),
        }
    }

    /// Replaces the file `name` as one step: after a crash it holds the old bytes or the new, whole.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), DataDirError> {
        let new = self.path(&format!(".{name}.new"));
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(FILE_MODE)
            .open(&new)
            .and_then(|mut file| {
                file.write_all(bytes)?;
                file.sync_all()
            });
        written
            .and_then(|()| std::fs::rename(&new, self.path(name)))
            .and_then(|()| sync_directory(&self.path))
            .map_err(|source| self.failed("write", name, source))
    }

    /// Removes the file `name`, where it exists.
    pub fn remove(&self, name: &str) -> Result<(), DataDirError> {
        match std::fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed("remove", name, error)),
            _ => Ok(()),
        }
    }

    fn failed(&self, deed: &'static str, name: &str, source: io::Error) -> DataDirError {
        DataDirError {
            deed,
            path: self.path(name),
            source,
        }
    }
}

/// Makes the names in a directory durable (fsync(2): the file's own fsync does not).
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    OpenOptions::new().read(true).open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_private_whole_and_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::create(&dir.path().join("a/b")).unwrap();
        assert!(data.read("x", 10).unwrap().is_none());
        data.write("x", b"one").unwrap();
        data.write("x", b"two").unwrap();
        assert_eq!(data.read("x", 10).unwrap().unwrap(), b"two");
        assert!(data.read("x", 2).is_err(), "larger than the limit");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data.path("x")), FILE_MODE);
        assert_eq!(mode(&dir.path().join("a/b")), DIRECTORY_MODE);
        data.remove("x").unwrap();
        data.remove("x").unwrap();
        assert!(data.read("x", 10).unwrap().is_none());
    }

    #[test]
    fn a_link_is_not_followed_out_of_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::create(&dir.path().join("data")).unwrap();
        std::fs::write(dir.path().join("outside"), "secret").unwrap();
        std::os::unix::fs::symlink("../outside", data.path("link")).unwrap();
        assert!(data.read("link", 100).unwrap().is_none());
    }
}
