//! The data directory: what lies where, and who may read it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Largest key or certificate file read, in bytes.
const LARGEST_KEY_FILE: u64 = 64 * 1024;

/// Mode bits that let anyone but the owner at a file.
const OTHERS: u32 = 0o077;

/// The data directory of a collector.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    root: PathBuf,
}

/// Why the data directory could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// `init` on a directory that holds something.
    #[error(
        "{} is not empty; init makes a new collector and wants a new or empty directory (serve starts an existing one)",
        .0.display()
    )]
    NotEmpty(PathBuf),
    /// No collector lives there.
    #[error("{} holds no collector; make one with `plumbline-collector init --data-dir {}`", .0.display(), .0.display())]
    NotInitialised(PathBuf),
    /// A secret that others may read.
    #[error("{} may be read by others (mode {mode:o}); run `chmod 600` on it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode bits.
        mode: u32,
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
}

impl Home {
    /// The data directory at `root`, which may not exist yet.
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Certificate of the CA, PEM.
    pub(crate) fn ca_certificate(&self) -> PathBuf {
        self.root.join("ca/ca.pem")
    }

    /// Private key of the CA, PKCS#8 PEM.
    pub(crate) fn ca_key(&self) -> PathBuf {
        self.root.join("ca/ca.key")
    }

    /// Ed25519 key that signs plans and the ledger, PKCS#8 PEM.
    pub(crate) fn ledger_key(&self) -> PathBuf {
        self.root.join("ledger.key")
    }

    /// The SQLite database.
    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("collector.db")
    }

    /// Makes the directory, for its owner alone; refuses one that holds anything.
    pub(crate) fn create(&self) -> Result<(), HomeError> {
        make_private_dir(&self.root)?;
        let mut entries = fs::read_dir(&self.root).map_err(failed("list", &self.root))?;
        if entries.next().is_some() {
            return Err(HomeError::NotEmpty(self.root.clone()));
        }
        make_private_dir(&self.root.join("ca"))
    }

    /// Refuses a directory that `init` has not been run on.
    pub(crate) fn require_initialised(&self) -> Result<(), HomeError> {
        match fs::metadata(self.ca_certificate()) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(HomeError::NotInitialised(self.root.clone()))
            }
            Err(error) => Err(failed("look at", &self.ca_certificate())(error)),
        }
    }
}

/// Writes a new file for its owner alone, on durable storage when this returns.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), HomeError> {
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        path.parent()
            .map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    };
    write().map_err(failed("write", path))
}

/// Reads a file that only its owner may read.
pub(crate) fn read_private(path: &Path) -> Result<Zeroizing<String>, HomeError> {
    let file = File::open(path).map_err(failed("read", path))?;
    let mode = file.metadata().map_err(failed("look at", path))?.mode();
    if mode & OTHERS != 0 {
        return Err(HomeError::Exposed {
            path: path.to_owned(),
            mode: mode & 0o7777,
        });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(LARGEST_KEY_FILE)
        .read_to_string(&mut text)
        .map_err(failed("read", path))?;
    Ok(text)
}

fn make_private_dir(path: &Path) -> Result<(), HomeError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed("make", path))?;
    // A directory that was there already may be open to others.
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(failed("set the mode of", path))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HomeError {
    let path = path.to_owned();
    move |source| HomeError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_for_its_owner_and_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path().join("data"));
        home.create().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(home.root()), 0o700);
        write_private(&home.ca_key(), b"secret").unwrap();
        assert_eq!(mode(&home.ca_key()), 0o600);
        assert_eq!(read_private(&home.ca_key()).unwrap().as_str(), "secret");
        assert!(matches!(home.create(), Err(HomeError::NotEmpty(_))));
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_private(&path, b"secret").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            read_private(&path),
            Err(HomeError::Exposed { mode: 0o640, .. })
        ));
    }
}
