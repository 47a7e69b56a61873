//! What the encryption of a host's storage is read by, beside regular files: the head of a block device, the path a
//! name comes to, and the attribute that a file system sets on what it encrypts.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use rustix::fs::{AtFlags, StatxAttributes, StatxFlags};

use super::{Host, ReadError};

/// Most bytes taken of a device or file at once: the largest LUKS2 metadata area.
pub const MOST_SPAN_BYTES: u64 = 4 << 20;

impl Host {
    /// Up to `length` bytes at `offset` of the block device at `path`, fewer where it ends.
    ///
    /// Beneath a root other than the running host's, device nodes would speak of the wrong host: there a regular file
    /// stands for the device, and a node is refused.
    pub fn read_block_device(
        &self,
        path: impl AsRef<Path>,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, ReadError> {
        let path = path.as_ref();
        let file = File::from(self.open_fd(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)?);
        let io = |error| ReadError::from_io(path, error);
        let kind = file.metadata().map_err(io)?.file_type();
        if !(kind.is_block_device() && self.is_live() || kind.is_file() && !self.is_live()) {
            return Err(ReadError::NotRegular(path.to_owned()));
        }
        read_span(&file, offset, length).map_err(io)
    }

    /// Up to `length` bytes at `offset` of the regular file at `path`, fewer where it ends.
    pub fn read_span(&self, path: impl AsRef<Path>, offset: u64, length: u64) -> Result<Vec<u8>, ReadError> {
        let path = path.as_ref();
        let file = self.open_file(path)?;
        read_span(&file, offset, length).map_err(|error| ReadError::from_io(path, error))
    }

    /// The path that `path` comes to once its links are followed, as the host sees it.
    pub fn real_path(&self, path: impl AsRef<Path>) -> Result<PathBuf, ReadError> {
        let path = path.as_ref();
        let found = opened_path(&self.open_fd(path, OFlag::O_PATH)?, path)?;
        let root = opened_path(&self.root, path)?;
        let beneath = found.strip_prefix(&root).map(|rest| Path::new("/").join(rest));
        beneath.map_err(|_| ReadError::NotFound(path.to_owned()))
    }

    /// Whether the file system encrypts the file or directory at `path` itself, with fscrypt; `None` where it does not
    /// say. Source: `STATX_ATTR_ENCRYPTED`, statx(2).
    pub fn encrypted_by_file_system(&self, path: impl AsRef<Path>) -> Result<Option<bool>, ReadError> {
        let fd = self.open_fd(path.as_ref(), OFlag::O_PATH)?;
        let answer = rustix::fs::statx(&fd, c"", AtFlags::EMPTY_PATH, StatxFlags::empty());
        // A kernel or a sandbox without statx does not say either.
        let attribute = StatxAttributes::ENCRYPTED;
        Ok(answer.ok().and_then(|stat| {
            let told = stat.stx_attributes_mask.contains(attribute);
            told.then(|| stat.stx_attributes.contains(attribute))
        }))
    }
}

fn read_span(file: &File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let length = length.min(MOST_SPAN_BYTES);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    let mut read = 0;
    while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset.saturating_add(read as u64)) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(read);
    Ok(bytes)
}

/// Where the kernel says an open file lies. Source: proc_pid_fd(5).
fn opened_path(fd: &OwnedFd, asked: &Path) -> Result<PathBuf, ReadError> {
    let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let target = nix::fcntl::readlink(link.as_str()).map_err(|errno| ReadError::new(asked, errno))?;
    let deleted = OsStr::as_bytes(&target).ends_with(b" (deleted)");
    if deleted {
        return Err(ReadError::NotFound(asked.to_owned()));
    }
    Ok(PathBuf::from(target))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn fixture() -> (tempfile::TempDir, Host) {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::at(dir.path()).unwrap();
        (dir, host)
    }

    #[test]
    fn a_file_stands_for_a_device_beneath_a_root_and_nothing_else_does() {
        let (dir, host) = fixture();
        std::fs::create_dir(dir.path().join("dev")).unwrap();
        std::fs::write(dir.path().join("dev/sda"), b"0123456789").unwrap();
        nix::unistd::mkfifo(&dir.path().join("dev/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(host.read_block_device("/dev/sda", 2, 3).unwrap(), b"234");
        assert_eq!(host.read_block_device("/dev/sda", 8, 100).unwrap(), b"89");
        assert!(host.read_block_device("/dev/sda", u64::MAX, 1).is_err());
        assert!(matches!(
            host.read_block_device("/dev/fifo", 0, 1),
            Err(ReadError::NotRegular(_))
        ));
        assert!(host.read_block_device("/dev", 0, 1).is_err());
        assert_eq!(host.read_span("/dev/sda", 8, 100).unwrap(), b"89");
        assert!(host.read_span("/dev/fifo", 0, 1).is_err());
    }

    #[test]
    fn on_the_running_host_a_regular_file_or_character_device_is_no_block_device() {
        let host = Host::live().unwrap();
        for path in ["/proc/self/mountinfo", "/dev/zero"] {
            assert!(
                matches!(host.read_block_device(path, 0, 16), Err(ReadError::NotRegular(_))),
                "{path}"
            );
        }
    }

    #[test]
    fn a_real_path_follows_links_and_stays_beneath_the_root() {
        let (dir, host) = fixture();
        std::fs::create_dir_all(dir.path().join("srv/data")).unwrap();
        symlink("/srv", dir.path().join("www")).unwrap();
        symlink("../../../..", dir.path().join("up")).unwrap();
        assert_eq!(host.real_path("/www/data").unwrap(), Path::new("/srv/data"));
        assert_eq!(host.real_path("/up/srv").unwrap(), Path::new("/srv"));
        assert_eq!(host.real_path("/").unwrap(), Path::new("/"));
        assert!(matches!(host.real_path("/none"), Err(ReadError::NotFound(_))));
        assert_eq!(
            Host::live().unwrap().real_path("/proc/..").unwrap(),
            Path::new("/")
        );
    }

    #[test]
    fn a_plain_directory_is_not_encrypted_by_its_file_system() {
        let (_dir, host) = fixture();
        assert_ne!(host.encrypted_by_file_system("/").unwrap(), Some(true));
        assert!(host.encrypted_by_file_system("/none").is_err());
    }
}
