//! Mounted file systems, swap areas, and the block devices beneath them down to the disks: what of them is encrypted,
//! by what, and how strongly.
//!
//! Sources: proc_pid_mountinfo(5), proc_swaps(5), sysfs, and the LUKS headers on the devices themselves. The table of a
//! device mapper target would tell the cipher of a mapping without a header; it is had by ioctl(2) alone.

mod block;
mod cipher;
mod layers;
mod luks;
mod luks1;
mod luks2;
mod mounts;
mod protection;
mod storage;
mod swap;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use block::{Crypt, CryptFormat, Device, DeviceKind, read_header};
pub use cipher::{Cipher, Weakness};
pub use layers::Layer;
pub use luks::{HeaderError, KeyDerivation, KeySlot, LuksHeader, ReadAt, Segment, SegmentKind};
pub use mounts::DeviceNumber;
pub use protection::{Guard, PlainDevice, Protection};
pub use storage::{Doubt, Storage};
pub use swap::Swap;

use block::Devices;
use mounts::{Mount, MountTable};

use crate::ask::Ask;
use crate::facts::Facts;
use crate::host::{Host, ReadError};
use crate::known::Known;
use crate::probe::{Probe, ProbeId};

/// Type of the EFI system partition in a GPT. Source: UEFI Specification 2.10, table 5.7.
const EFI_SYSTEM_PARTITION: &str = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
/// Largest record of udev's data base taken, in bytes.
const LARGEST_UDEV_RECORD: u64 = 256 * 1024;

/// What [`VolumesProbe`] reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VolumeFacts {
    /// Mounted file systems that can be reached, but the kernel's own.
    pub volumes: Vec<Volume>,
    /// Swap areas in use.
    pub swaps: Vec<Swap>,
    /// The paths that the run asked for by name.
    pub declared: BTreeMap<PathBuf, Known<DeclaredPath>>,
    /// Every device that any of them lies on.
    pub devices: BTreeMap<DeviceNumber, Device>,
}

/// A mounted file system.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// Its type, such as `ext4`.
    pub file_system: String,
    /// What is mounted, as the mount names it.
    pub source: String,
    /// Its device number.
    pub device: DeviceNumber,
    /// Whether the file system takes writes.
    pub writable: bool,
    /// Where it keeps its files.
    pub storage: Storage,
    /// It is an EFI system partition, which the firmware must be able to read.
    pub efi_system_partition: bool,
    /// It is set up for fscrypt, which encrypts some of its directories.
    pub fscrypt: bool,
}

/// A path that the run asked for by name.
#[derive(Clone, Debug, PartialEq)]
pub struct DeclaredPath {
    /// What its links come to.
    pub real_path: PathBuf,
    /// Where the file system that it lies on is mounted.
    pub mount_point: PathBuf,
    /// Where it is kept.
    pub storage: Storage,
    /// Whether its file system encrypts it by itself, with fscrypt; `None` where it does not say.
    pub encrypted_by_file_system: Option<bool>,
}

impl VolumeFacts {
    /// Whether what is written to `storage` reaches a disk encrypted.
    #[must_use]
    pub fn protection(&self, storage: &Storage) -> Protection {
        protection::of(storage, &self.devices)
    }
}

/// Reads mounts, swap areas and block devices.
pub struct VolumesProbe;

impl Probe for VolumesProbe {
    type Fact = VolumeFacts;
    const ID: ProbeId = ProbeId::Volumes;

    fn gather(host: &Host, ask: &Ask, _facts: &mut Facts) -> Known<VolumeFacts> {
        match read(host, &ask.declared_paths) {
            Ok(facts) => Known::Value(facts),
            Err(error) => error.into_known(),
        }
    }

    fn slot(facts: &mut Facts) -> &mut Known<VolumeFacts> {
        &mut facts.volumes
    }
}

/// Reads the volumes of a host, and what `declared` paths lie on.
pub fn read(host: &Host, declared: &[PathBuf]) -> Result<VolumeFacts, ReadError> {
    let table = MountTable::own(host)?;
    // Without it, what this program's sandbox hides is not seen.
    let first = MountTable::first(host).unwrap_or_default();
    let mut devices = Devices::new(host);
    let mut volumes = volumes(host, &table, &mut devices);
    let seen: BTreeSet<DeviceNumber> = volumes.iter().map(|volume| volume.device).collect();
    let points: BTreeSet<PathBuf> = volumes
        .iter()
        .filter(|v| v.storage.lasts())
        .map(|v| v.mount_point.clone())
        .collect();
    let mut hidden = self::volumes(host, &first, &mut devices);
    hidden.retain(|volume| !seen.contains(&volume.device) && !points.contains(&volume.mount_point));
    volumes.append(&mut hidden);
    let swaps = swap::read(host, &table, &mut devices)?;
    let declared = declared
        .iter()
        .map(|path| {
            let found = declared_path(host, [&table, &first], &mut devices, path);
            (
                path.clone(),
                found.map_or_else(ReadError::into_known, Known::Value),
            )
        })
        .collect();
    // A file made a device lies on a file system, which may lie on another file made a device.
    while let Some((number, file)) = devices.unplaced.pop() {
        // The path is that of the namespace it was set up in, and may mean nothing here.
        let storage = match host.exists(&file) {
            true => storage::of_file(host, &table, &mut devices, &file),
            false => Storage::Unknown(Doubt::Device {
                name: file.display().to_string(),
                why: "the file behind a loop device cannot be found".to_owned(),
            }),
        };
        devices.place(number, storage);
    }
    Ok(VolumeFacts {
        volumes,
        swaps,
        declared,
        devices: devices.finish(),
    })
}

/// The mounts of `table` that can be reached, but the kernel's own.
fn volumes(host: &Host, table: &MountTable, devices: &mut Devices<'_>) -> Vec<Volume> {
    let volume = |mount| match storage::of_mount(host, table, devices, mount) {
        Storage::Kernel => None,
        storage => Some(volume(host, mount, storage)),
    };
    table.visible().filter_map(volume).collect()
}

fn volume(host: &Host, mount: &Mount, storage: Storage) -> Volume {
    let efi_system_partition = mount.file_system == "vfat" && {
        let record = format!("/run/udev/data/b{}", mount.device);
        let record = host.read_text(record, LARGEST_UDEV_RECORD).unwrap_or_default();
        let kind = record
            .lines()
            .find_map(|line| line.strip_prefix("E:ID_PART_ENTRY_TYPE="));
        kind == Some(EFI_SYSTEM_PARTITION)
    };
    let can_fscrypt = ["ext4", "f2fs", "ubifs"].contains(&mount.file_system.as_str());
    Volume {
        mount_point: mount.point.clone(),
        file_system: mount.file_system.clone(),
        source: mount.source.clone(),
        device: mount.device,
        writable: mount.is_writable(),
        storage,
        efi_system_partition,
        fscrypt: can_fscrypt && host.exists(mount.point.join(".fscrypt")),
    }
}

fn declared_path(
    host: &Host,
    [table, first]: [&MountTable; 2],
    devices: &mut Devices<'_>,
    path: &Path,
) -> Result<DeclaredPath, ReadError> {
    let real_path = host.real_path(path)?;
    let mount = table
        .of(&real_path)
        .ok_or_else(|| ReadError::NotFound(path.to_owned()))?;
    let storage = storage::of_mount(host, table, devices, mount);
    // A sandbox hides a directory beneath an empty file system in memory.
    let hidden = !storage.lasts()
        && first
            .of(&real_path)
            .is_some_and(|first| first.device != mount.device);
    if hidden {
        return Err(ReadError::Io {
            path: path.to_owned(),
            source: std::io::Error::other("the sandbox of this program hides it"),
        });
    }
    // A FUSE server may claim any attribute.
    let is_fuse = mount.file_system.starts_with("fuse");
    let encrypted_by_file_system = if is_fuse {
        None
    } else {
        host.encrypted_by_file_system(path)?
    };
    Ok(DeclaredPath {
        mount_point: mount.point.clone(),
        storage,
        encrypted_by_file_system,
        real_path,
    })
}
