//! Swap areas in use. Source: proc_swaps(5).

use std::path::{Path, PathBuf};

use super::block::Devices;
use super::mounts::{MountTable, unescape};
use super::storage::{self, Doubt, Storage};
use crate::host::{Host, ReadError};

/// Largest list of swap areas taken, in bytes; the kernel has at most 32 of them.
const LARGEST_LIST: u64 = 64 * 1024;

/// A swap area in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swap {
    /// The device or file.
    pub path: PathBuf,
    /// Its size, in KiB.
    pub kib: u64,
    /// Where it is kept.
    pub storage: Storage,
}

/// Reads the swap areas. A kernel without swap has no list.
pub(super) fn read(
    host: &Host,
    table: &MountTable,
    devices: &mut Devices<'_>,
) -> Result<Vec<Swap>, ReadError> {
    const LIST: &str = "/proc/swaps";
    let text = match host.read_text(LIST, LARGEST_LIST) {
        Ok(text) => text,
        Err(ReadError::NotFound(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut swaps = Vec::new();
    for line in text.lines().skip(1) {
        let Some(area) = Area::parse(line) else {
            return Err(ReadError::Io {
                path: PathBuf::from(LIST),
                source: std::io::Error::other("a line is not of the form of proc_swaps(5)"),
            });
        };
        let storage = if area.is_file {
            match storage::of_file(host, table, devices, &area.path) {
                // The kernel swaps to no file in memory: this program's sandbox hides the real one.
                Storage::Memory | Storage::Kernel => Storage::Unknown(Doubt::NoDevice),
                storage => storage,
            }
        } else {
            match devices.number_of(&area.path) {
                Some(number) => storage::on(devices, vec![number]),
                None => Storage::Unknown(Doubt::Device {
                    name: area.path.display().to_string(),
                    why: "sysfs does not show it".to_owned(),
                }),
            }
        };
        swaps.push(Swap {
            path: area.path,
            kib: area.kib,
            storage,
        });
    }
    Ok(swaps)
}

struct Area {
    path: PathBuf,
    is_file: bool,
    kib: u64,
}

impl Area {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let path = unescape(words.next()?);
        let is_file = match words.next()? {
            "file" => true,
            "partition" => false,
            _ => return None,
        };
        let kib = words.next()?.parse().ok()?;
        Some(Self {
            path: Path::new(path.strip_suffix(" (deleted)").unwrap_or(&path)).to_owned(),
            is_file,
            kib,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_what_is_none_is_refused() {
        let area = Area::parse("/var/swap\\040file\\040(deleted)         file\t\t524284\t\t0\t\t-2").unwrap();
        assert_eq!(
            (area.path.as_path(), area.is_file, area.kib),
            (Path::new("/var/swap file"), true, 524_284)
        );
        assert!(
            !Area::parse("/dev/dm-1                               partition\t999420\t\t0\t\t-2")
                .unwrap()
                .is_file
        );
        for line in [
            "",
            "/dev/sda2",
            "/dev/sda2 partition",
            "/dev/sda2 disk 4 0 -2",
            "/dev/sda2 file x 0 -2",
        ] {
            assert!(Area::parse(line).is_none(), "{line}");
        }
    }
}
