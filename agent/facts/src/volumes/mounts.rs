//! The table of mounts. Source: proc_pid_mountinfo(5).

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::host::{Host, ReadError};

/// Largest mount table taken, in bytes.
const LARGEST_TABLE: u64 = 16 << 20;
/// Most mounts looked at; a table with more is refused rather than judged in part.
const MOST_MOUNTS: usize = 50_000;
/// The table as this program sees it: in the sandbox of a service some mounts are hidden, and many are read-only.
const OWN_TABLE: &str = "/proc/self/mountinfo";
/// The table as the first process of the host sees it.
const FIRST_TABLE: &str = "/proc/1/mountinfo";

/// Number of a block device, `major:minor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceNumber {
    /// Its driver.
    pub major: u32,
    /// The device among those of the driver.
    pub minor: u32,
}

impl DeviceNumber {
    /// A device with these numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// A file system without a block device of its own has major 0.
    #[must_use]
    pub const fn is_anonymous(self) -> bool {
        self.major == 0
    }
}

impl fmt::Display for DeviceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

impl FromStr for DeviceNumber {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (major, minor) = text.trim().split_once(':').ok_or(())?;
        let number = |text: &str| text.parse().map_err(|_| ());
        Ok(Self::new(number(major)?, number(minor)?))
    }
}

impl Serialize for DeviceNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    id: u32,
    parent: u32,
    pub(super) device: DeviceNumber,
    pub(super) point: PathBuf,
    pub(super) file_system: String,
    pub(super) source: String,
    /// Options of the file system, not of this mount of it.
    pub(super) options: String,
}

impl Mount {
    /// A line of mountinfo.
    fn parse(line: &str) -> Option<Self> {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut words = mount.split(' ');
        let id = words.next()?.parse().ok()?;
        let parent = words.next()?.parse().ok()?;
        let device = words.next()?.parse().ok()?;
        let _root = words.next()?;
        let point = PathBuf::from(unescape(words.next()?));
        let mut words = file_system.splitn(3, ' ');
        Some(Self {
            id,
            parent,
            device,
            point,
            file_system: unescape(words.next()?),
            source: unescape(words.next()?),
            options: words.next()?.trim_end().to_owned(),
        })
    }

    /// Whether the file system takes writes; a mount of it may still refuse them.
    pub(super) fn is_writable(&self) -> bool {
        self.option_flags().next() == Some("rw")
    }

    /// The value of the option `name`.
    pub(super) fn option(&self, name: &str) -> Option<String> {
        let value = self
            .option_flags()
            .find_map(|option| option.strip_prefix(name)?.strip_prefix('='))?;
        Some(unescape(value))
    }

    fn option_flags(&self) -> impl Iterator<Item = &str> {
        self.options.split(',')
    }
}

/// Undoes the octal escapes of space, tab, newline, backslash and `#` in mountinfo and /proc/swaps.
pub(super) fn unescape(word: &str) -> String {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let octal = after
            .first_chunk::<3>()
            .filter(|_| *first == b'\\')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match octal {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The mounts of a host, and which of them a path lies on.
#[derive(Debug, Default)]
pub(super) struct MountTable {
    mounts: Vec<Mount>,
    /// By the mount and the path that they cover.
    covering: HashMap<(u32, PathBuf), usize>,
    root: Option<usize>,
}

impl MountTable {
    /// Reads the table by which paths are resolved here.
    pub(super) fn own(host: &Host) -> Result<Self, ReadError> {
        Self::read(host, OWN_TABLE)
    }

    /// Reads the table of the first process.
    pub(super) fn first(host: &Host) -> Result<Self, ReadError> {
        Self::read(host, FIRST_TABLE)
    }

    fn read(host: &Host, path: &str) -> Result<Self, ReadError> {
        let table = Self::parse(&host.read_text(path, LARGEST_TABLE)?);
        let refuse = |why: &str| ReadError::Io {
            path: PathBuf::from(path),
            source: std::io::Error::other(why.to_owned()),
        };
        match table {
            Err(line) => Err(refuse(&format!(
                "line {line} is not of the form of proc_pid_mountinfo(5)"
            ))),
            Ok(table) if table.mounts.len() > MOST_MOUNTS => Err(refuse("it lists too many mounts")),
            Ok(table) if table.root.is_none() => Err(refuse("it lists no root")),
            Ok(table) => Ok(table),
        }
    }

    /// Parses a table; the number of the line that is none, otherwise.
    pub(super) fn parse(text: &str) -> Result<Self, usize> {
        let mut table = Self::default();
        for (index, line) in text.lines().enumerate().take(MOST_MOUNTS + 1) {
            let mount = Mount::parse(line).ok_or(index + 1)?;
            table.mounts.push(mount);
        }
        let ids: HashMap<u32, usize> = table
            .mounts
            .iter()
            .enumerate()
            .map(|(at, m)| (m.id, at))
            .collect();
        for (at, mount) in table.mounts.iter().enumerate() {
            let stands_alone = mount.parent == mount.id || !ids.contains_key(&mount.parent);
            if stands_alone && mount.point == Path::new("/") {
                table.root.get_or_insert(at);
            } else if mount.parent != mount.id {
                table.covering.insert((mount.parent, mount.point.clone()), at);
            }
        }
        Ok(table)
    }

    /// The mount that `path`, absolute and free of links, lies on: from the root, across every mount on the way.
    pub(super) fn of(&self, path: &Path) -> Option<&Mount> {
        let mut current = self.mounts.get(self.root?)?;
        let mut ancestors: Vec<&Path> = path.ancestors().collect();
        ancestors.reverse();
        // No mount is crossed twice, whatever a hostile table says.
        let mut crossings = self.mounts.len();
        for ancestor in ancestors {
            while let Some(next) = self.covering.get(&(current.id, ancestor.to_owned())) {
                crossings = crossings.checked_sub(1)?;
                current = self.mounts.get(*next)?;
            }
        }
        Some(current)
    }

    /// The mounts that can be reached: none that a later mount hides.
    pub(super) fn visible(&self) -> impl Iterator<Item = &Mount> {
        self.mounts
            .iter()
            .filter(|mount| self.of(&mount.point).is_some_and(|top| std::ptr::eq(top, *mount)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TABLE: &str = "\
22 28 0:20 / /proc rw,nosuid - proc proc rw
28 1 254:1 / / ro,relatime shared:1 master:2 - ext4 /dev/mapper/vg-root rw,errors=remount-ro
30 28 8:1 / /boot rw - ext4 /dev/sda1 rw
31 28 254:2 / /srv/my\\040data rw - xfs /dev/mapper/vg-data rw,attr2,logdev=/dev/sdb1
32 31 254:3 / /srv/my\\040data rw - ext4 /dev/mapper/vg-over rw
33 28 0:40 / /mnt rw - tmpfs tmpfs rw,size=1k
34 28 254:9 / /mnt/hidden rw - ext4 /dev/sdz ro
";

    #[test]
    fn lines_are_read_with_their_escapes_and_options() {
        let table = MountTable::parse(TABLE).unwrap();
        let data = &table.mounts[3];
        assert_eq!(data.point, Path::new("/srv/my data"));
        assert_eq!(data.device, DeviceNumber::new(254, 2));
        assert_eq!(data.option("logdev").as_deref(), Some("/dev/sdb1"));
        assert_eq!(data.option("rtdev"), None);
        assert!(
            table.mounts[1].is_writable(),
            "the file system is, though this mount is not"
        );
        assert!(!table.mounts[6].is_writable());
        assert_eq!(unescape(r"a\134b\011c\12"), "a\\b\tc\\12");
    }

    #[test]
    fn a_path_lies_on_the_uppermost_mount_that_is_not_hidden() {
        let table = MountTable::parse(TABLE).unwrap();
        let source = |path: &str| table.of(Path::new(path)).unwrap().source.as_str();
        assert_eq!(source("/srv/my data/x/y"), "/dev/mapper/vg-over");
        assert_eq!(source("/srv/my dat"), "/dev/mapper/vg-root");
        assert_eq!(source("/boot"), "/dev/sda1");
        assert_eq!(source("/bootx"), "/dev/mapper/vg-root");
        assert_eq!(source("/mnt/hidden/x"), "tmpfs");
        let visible: Vec<_> = table.visible().map(|mount| mount.source.as_str()).collect();
        assert!(
            !visible.contains(&"/dev/sdz") && !visible.contains(&"/dev/mapper/vg-data"),
            "{visible:?}"
        );
        assert_eq!(visible.len(), 5);
    }

    #[test]
    fn a_table_that_goes_in_circles_ends() {
        let text = "1 2 8:1 / / rw - ext4 a rw\n2 1 8:2 / / rw - ext4 b rw\n3 9 8:3 / / rw - ext4 c rw\n4 3 8:4 / / rw - ext4 d rw\n3 4 8:5 / / rw - ext4 e rw\n";
        let table = MountTable::parse(text).unwrap();
        assert!(table.of(Path::new("/x")).is_none());
        assert_eq!(table.visible().count(), 0);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        assert_eq!(
            MountTable::parse("22 28 0:20 / /proc rw - proc proc rw\nrubbish\n").unwrap_err(),
            2
        );
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "([0-9]{1,2} [0-9]{1,2} 8:1 / /[ab]?(/[ab])? rw - ext4 x rw\n|.{0,20}\n){0,12}") {
            if let Ok(table) = MountTable::parse(&text) {
                let _ = table.visible().count();
            }
        }

        #[test]
        fn what_is_escaped_comes_back(text in "[a-z \\\\#\t]{0,20}") {
            let escaped: String = text
                .chars()
                .map(|c| if c.is_ascii_lowercase() { c.to_string() } else { format!("\\{:03o}", c as u32) })
                .collect();
            prop_assert_eq!(unescape(&escaped), text);
        }
    }
}
