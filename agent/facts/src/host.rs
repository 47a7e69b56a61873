//! A host as a directory: every file a probe reads is opened beneath this root, is a regular file, and is read up to
//! a limit.
//!
//! openat2(2) with `RESOLVE_IN_ROOT` keeps links inside the root, so a test may point it at a fixture and a hostile
//! tree can't lead it out, and refuses magic links. FIFOs, sockets and devices are opened non-blocking and refused.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2, readlinkat};
use nix::sys::stat::Mode;

use crate::known::{Known, Unknown};

mod device;

pub use device::MOST_SPAN_BYTES;

/// Most entries listed of one directory.
pub const MOST_DIRECTORY_ENTRIES: usize = 100_000;

/// A host, seen beneath a root directory.
#[derive(Debug)]
pub struct Host {
    root: OwnedFd,
    path: PathBuf,
    live: bool,
}

/// Why a file of the host was not read. Each names the path as the host sees it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such file.
    #[error("{} does not exist", .0.display())]
    NotFound(PathBuf),
    /// Permission was refused.
    #[error("permission to read {} was refused", .0.display())]
    Denied(PathBuf),
    /// A FIFO, socket, device or directory where a regular file was expected.
    #[error("{} is not a regular file", .0.display())]
    NotRegular(PathBuf),
    /// Larger than the reader takes.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },
    /// Anything else the operating system said.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was said.
        source: io::Error,
    },
}

impl ReadError {
    fn new(path: &Path, errno: Errno) -> Self {
        let path = path.to_owned();
        match errno {
            // A link loop or a component that is no directory: the named file does not exist.
            Errno::ENOENT | Errno::ENOTDIR => Self::NotFound(path),
            Errno::EACCES | Errno::EPERM => Self::Denied(path),
            Errno::ENXIO | Errno::EISDIR => Self::NotRegular(path),
            other => Self::Io {
                path,
                source: other.into(),
            },
        }
    }

    fn from_io(path: &Path, error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(code) => Self::new(path, Errno::from_raw(code)),
            None => Self::Io {
                path: path.to_owned(),
                source: error,
            },
        }
    }

    /// The error as a fact that could not be had. Not finding the file counts as failing: a probe that knows what the
    /// lack of a file means says so itself.
    #[must_use]
    pub fn into_known<T>(self) -> Known<T> {
        match Unknown::from(self) {
            Unknown::Denied(denial) => Known::Denied(denial),
            Unknown::Failed { what, why } => Known::Failed { what, why },
            Unknown::Absent(what) | Unknown::NotAsked(what) => Known::Absent(what),
        }
    }
}

impl From<ReadError> for Unknown {
    fn from(error: ReadError) -> Self {
        let why = error.to_string();
        match error {
            ReadError::Denied(path) => Self::Denied(crate::known::Denial {
                what: path.display().to_string(),
                needs: "CAP_DAC_READ_SEARCH".to_owned(),
            }),
            ReadError::NotFound(path)
            | ReadError::NotRegular(path)
            | ReadError::TooLarge { path, .. }
            | ReadError::Io { path, .. } => Self::Failed {
                what: path.display().to_string(),
                why,
            },
        }
    }
}

impl Host {
    /// The running host.
    pub fn live() -> io::Result<Self> {
        Self::open(Path::new("/"), true)
    }

    /// A host laid out beneath `root`: a fixture, a container's file system or a mounted disk. `/` is the running host.
    pub fn at(root: &Path) -> io::Result<Self> {
        Self::open(root, root == Path::new("/"))
    }

    fn open(root: &Path, live: bool) -> io::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root_fd = nix::fcntl::open(root, flags, Mode::empty())?;
        Ok(Self {
            root: root_fd,
            path: root.to_owned(),
            live,
        })
    }

    /// Whether this is the running host, so that the kernel's own interfaces (netlink, sockets) speak of it.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.live
    }

    /// The root directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.path
    }

    /// Opens a regular file for reading.
    pub fn open_file(&self, path: impl AsRef<Path>) -> Result<File, ReadError> {
        let path = path.as_ref();
        let file = File::from(self.open_fd(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)?);
        let metadata = file.metadata().map_err(|error| ReadError::from_io(path, error))?;
        if metadata.is_file() {
            Ok(file)
        } else {
            Err(ReadError::NotRegular(path.to_owned()))
        }
    }

    /// The whole of a regular file of at most `limit` bytes.
    pub fn read(&self, path: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>, ReadError> {
        let path = path.as_ref();
        let bytes = self.read_head(path, limit.saturating_add(1))?;
        if bytes.len() as u64 > limit {
            return Err(ReadError::TooLarge {
                path: path.to_owned(),
                limit,
            });
        }
        Ok(bytes)
    }

    /// The first `length` bytes of a regular file, fewer where it is shorter.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one bounded read that all others use"
    )]
    pub fn read_head(&self, path: impl AsRef<Path>, length: u64) -> Result<Vec<u8>, ReadError> {
        let path = path.as_ref();
        let mut bytes = Vec::new();
        self.open_file(path)?
            .take(length)
            .read_to_end(&mut bytes)
            .map_err(|error| ReadError::from_io(path, error))?;
        Ok(bytes)
    }

    /// The whole of a text file of at most `limit` bytes; bytes that are not UTF-8 are replaced.
    pub fn read_text(&self, path: impl AsRef<Path>, limit: u64) -> Result<String, ReadError> {
        let bytes = self.read(path, limit)?;
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// Metadata of a file of any kind, links followed within the root.
    pub fn metadata(&self, path: impl AsRef<Path>) -> Result<Metadata, ReadError> {
        let path = path.as_ref();
        let file = File::from(self.open_fd(path, OFlag::O_PATH)?);
        file.metadata().map_err(|error| ReadError::from_io(path, error))
    }

    /// Whether there is a file of any kind at `path` that can be seen.
    #[must_use]
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.metadata(path).is_ok()
    }

    /// Where the link at `path` points, unresolved.
    pub fn read_link(&self, path: impl AsRef<Path>) -> Result<PathBuf, ReadError> {
        let path = path.as_ref();
        let parent = path.parent().unwrap_or(Path::new("/"));
        let name = path
            .file_name()
            .ok_or_else(|| ReadError::NotFound(path.to_owned()))?;
        let parent = self.open_fd(parent, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        let target = readlinkat(parent.as_fd(), name).map_err(|errno| ReadError::new(path, errno))?;
        Ok(PathBuf::from(target))
    }

    /// Names of the entries of a directory, sorted, at most [`MOST_DIRECTORY_ENTRIES`].
    pub fn list(&self, path: impl AsRef<Path>) -> Result<Vec<String>, ReadError> {
        let path = path.as_ref();
        let fd = self.open_fd(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
        let directory = Dir::from_fd(fd).map_err(|errno| ReadError::new(path, errno))?;
        let mut names = Vec::new();
        for entry in directory {
            let entry = entry.map_err(|errno| ReadError::new(path, errno))?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if names.len() == MOST_DIRECTORY_ENTRIES {
                let limit = MOST_DIRECTORY_ENTRIES as u64;
                return Err(ReadError::TooLarge {
                    path: path.to_owned(),
                    limit,
                });
            }
            // A name that is not UTF-8 can't be one that a probe looks for.
            if let Ok(name) = std::str::from_utf8(name) {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Regular files beneath `path`, breadth first, links not followed, at most `limit` of them and never across to
    /// another file system. Directories that can't be read are left out.
    pub fn walk(&self, path: impl AsRef<Path>, limit: usize) -> Result<Vec<PathBuf>, ReadError> {
        let top = path.as_ref();
        let device = self.metadata(top)?.dev();
        let mut pending = VecDeque::from([top.to_owned()]);
        let mut files = Vec::new();
        while let Some(directory) = pending.pop_front() {
            let Ok(names) = self.list(&directory) else {
                continue;
            };
            for name in names {
                let child = directory.join(name);
                let Ok(metadata) = self
                    .open_fd(&child, OFlag::O_PATH | OFlag::O_NOFOLLOW)
                    .map(File::from)
                else {
                    continue;
                };
                match metadata.metadata() {
                    Ok(metadata) if metadata.is_dir() && metadata.dev() == device => pending.push_back(child),
                    Ok(metadata) if metadata.is_file() => files.push(child),
                    _ => {}
                }
                if files.len() + pending.len() > limit {
                    return Err(ReadError::TooLarge {
                        path: top.to_owned(),
                        limit: limit as u64,
                    });
                }
            }
        }
        Ok(files)
    }

    fn open_fd(&self, path: &Path, flags: OFlag) -> Result<OwnedFd, ReadError> {
        let relative = path.strip_prefix("/").unwrap_or(path);
        let relative = if relative.as_os_str().is_empty() {
            Path::new(".")
        } else {
            relative
        };
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT);
        match openat2(&self.root, relative, how) {
            Err(Errno::ENOSYS) => self.open_without_openat2(relative, flags),
            other => other,
        }
        .map_err(|errno| ReadError::new(path, errno))
    }

    /// For a kernel before 5.6, or a sandbox without openat2, as systemd's RestrictSUIDSGID makes one. The running
    /// host's paths mean the same without it, and a bare name that is no link leads nowhere else.
    fn open_without_openat2(&self, relative: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
        let is_bare = {
            let mut parts = relative.components();
            matches!(parts.next(), Some(Component::Normal(_) | Component::CurDir)) && parts.next().is_none()
        };
        let links = match (self.live, is_bare) {
            (true, _) => OFlag::empty(),
            (false, true) => OFlag::O_NOFOLLOW,
            (false, false) => return Err(Errno::ENOSYS),
        };
        nix::fcntl::openat(
            &self.root,
            relative,
            flags | links | OFlag::O_CLOEXEC,
            Mode::empty(),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;

    fn fixture() -> (tempfile::TempDir, Host) {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::at(dir.path()).unwrap();
        (dir, host)
    }

    #[test]
    fn a_link_out_of_the_root_stays_inside_it() {
        let (dir, host) = fixture();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        std::fs::write(dir.path().join("etc/passwd"), "inside").unwrap();
        symlink("/etc/passwd", dir.path().join("absolute")).unwrap();
        symlink("../../../../../../etc/passwd", dir.path().join("climbing")).unwrap();
        for name in ["/absolute", "/climbing", "/../../etc/passwd"] {
            assert_eq!(host.read_text(name, 100).unwrap(), "inside", "{name}");
        }
    }

    #[test]
    fn without_openat2_a_fixture_is_read_by_bare_names_alone() {
        let (dir, host) = fixture();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        std::fs::write(dir.path().join("etc/passwd"), "inside").unwrap();
        std::fs::write(dir.path().join("bare"), "inside").unwrap();
        symlink("/etc/passwd", dir.path().join("link")).unwrap();
        let open = |name: &str| host.open_without_openat2(Path::new(name), OFlag::O_RDONLY);
        let bare = File::from(open("bare").unwrap());
        assert_eq!(bare.metadata().unwrap().len(), "inside".len() as u64);
        for (name, errno) in [
            ("link", Errno::ELOOP),
            ("etc/passwd", Errno::ENOSYS),
            ("..", Errno::ENOSYS),
            ("../bare", Errno::ENOSYS),
        ] {
            assert_eq!(open(name).unwrap_err(), errno, "{name}");
        }
    }

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let (dir, host) = fixture();
        nix::unistd::mkfifo(&dir.path().join("fifo"), Mode::S_IRWXU).unwrap();
        symlink("loop", dir.path().join("loop")).unwrap();
        assert!(matches!(host.read("/fifo", 10), Err(ReadError::NotRegular(_))));
        assert!(matches!(host.read("/", 10), Err(ReadError::NotRegular(_))));
        assert!(matches!(host.read("/loop", 10), Err(ReadError::Io { .. })));
        assert!(matches!(host.read("/none", 10), Err(ReadError::NotFound(_))));
    }

    #[test]
    fn a_file_over_the_limit_is_refused_and_its_head_can_be_read() {
        let (dir, host) = fixture();
        std::fs::write(dir.path().join("big"), [b'x'; 100]).unwrap();
        assert!(matches!(
            host.read("/big", 99),
            Err(ReadError::TooLarge { limit: 99, .. })
        ));
        assert_eq!(host.read("/big", 100).unwrap().len(), 100);
        assert_eq!(host.read_head("/big", 7).unwrap(), b"xxxxxxx");
    }

    #[test]
    fn a_walk_finds_regular_files_and_follows_no_link() {
        let (dir, host) = fixture();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        std::fs::write(dir.path().join("a/b/c"), "").unwrap();
        symlink("/", dir.path().join("a/up")).unwrap();
        assert_eq!(host.walk("/", 10).unwrap(), [PathBuf::from("/a/b/c")]);
        assert!(host.walk("/", 0).is_err());
        assert_eq!(host.list("/a").unwrap(), ["b", "up"]);
        assert_eq!(host.read_link("/a/up").unwrap(), Path::new("/"));
    }

    #[test]
    fn proc_of_the_running_host_is_read_though_it_has_no_size() {
        let host = Host::live().unwrap();
        assert!(
            !host
                .read_text("/proc/self/mountinfo", 1 << 20)
                .unwrap()
                .is_empty()
        );
    }
}
