//! Where a file system keeps its files: on which block devices, in memory, elsewhere.

use std::fmt;
use std::path::Path;

use super::block::Devices;
use super::mounts::{DeviceNumber, Mount, MountTable};
use crate::host::Host;

/// Where a file system, or a swap area, keeps what is written to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Storage {
    /// On all of these block devices.
    Devices(Vec<DeviceNumber>),
    /// In memory.
    Memory,
    /// Nowhere: a view of the kernel or of a program.
    Kernel,
    /// On another machine, or on the machine that this one is a guest of.
    Remote,
    /// In another directory, encrypted by this file system.
    EncryptedBy {
        /// The file system, such as `ecryptfs` or `fuse.gocryptfs`.
        file_system: String,
        /// Its cipher with its key length in bits, where the mount shows them.
        cipher: Option<(String, u32)>,
    },
    /// It can't be told where, or whether encrypted.
    Unknown(Doubt),
}

impl Storage {
    /// Whether what is written outlives the host's memory, or may.
    #[must_use]
    pub const fn lasts(&self) -> bool {
        !matches!(self, Self::Memory | Self::Kernel)
    }
}

/// Why it can't be told whether what is written is encrypted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// The file system can encrypt by itself, and shows in no file whether it does.
    OwnEncryption,
    /// The file system shows no block device that it lies on.
    NoDevice,
    /// The upper layer of a container's file system lies outside of what the container sees.
    Container,
    /// A read-only view may be the encrypted view of plain files.
    ReverseView,
    /// What a device is made of could not be seen.
    Device {
        /// The device's name.
        name: String,
        /// Why not.
        why: String,
    },
    /// The devices lie on each other in a circle.
    Circle,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OwnEncryption => {
                "the file system can encrypt by itself and shows in no file whether it does"
            }
            Self::NoDevice => "the file system does not show the device it lies on",
            Self::Container => "it is kept outside what this container sees",
            Self::ReverseView => "a read-only view may be the encrypted view of plain files",
            Self::Device { name, why } => return write!(f, "{name}: {why}"),
            Self::Circle => "the devices lie on each other in a circle",
        })
    }
}

const KERNEL: &[&str] = &[
    "autofs",
    "binder",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cpuset",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fuse.gvfsd-fuse",
    "fuse.lxcfs",
    "fuse.portal",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nfsd",
    "nsfs",
    "proc",
    "pstore",
    "resctrl",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "sysfs",
    "tracefs",
];
const MEMORY: &[&str] = &["ramfs", "rootfs", "tmpfs"];
const REMOTE: &[&str] = &[
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "davfs",
    "fuse.ceph",
    "fuse.curlftpfs",
    "fuse.davfs",
    "fuse.gcsfuse",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "fuse.vmhgfs-fuse",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "orangefs",
    "prl_fs",
    "smb3",
    "smbfs",
    "vboxsf",
    "virtiofs",
    "vmhgfs",
];
const ENCRYPTING: &[&str] = &[
    "ecryptfs",
    "fuse.cryfs",
    "fuse.cryptomator",
    "fuse.encfs",
    "fuse.gocryptfs",
    "fuse.securefs",
];
const OWN_ENCRYPTION: &[&str] = &["bcachefs", "zfs"];

/// Says where `mount` keeps its files, and reads the devices.
pub(super) fn of_mount(host: &Host, table: &MountTable, devices: &mut Devices<'_>, mount: &Mount) -> Storage {
    let file_system = mount.file_system.as_str();
    if KERNEL.contains(&file_system) {
        Storage::Kernel
    } else if MEMORY.contains(&file_system) {
        Storage::Memory
    } else if REMOTE.contains(&file_system) {
        Storage::Remote
    } else if OWN_ENCRYPTION.contains(&file_system) {
        Storage::Unknown(Doubt::OwnEncryption)
    } else if ENCRYPTING.contains(&file_system) {
        encrypting(mount)
    } else if file_system == "overlay" {
        of_overlay(host, table, devices, mount)
    } else if file_system == "btrfs" {
        of_btrfs(host, devices, mount)
    } else if mount.device.is_anonymous() {
        Storage::Unknown(Doubt::NoDevice)
    } else {
        let mut numbers = vec![mount.device];
        // XFS may keep its journal and its real-time files on devices of their own; xfs(5).
        for option in ["logdev", "rtdev"] {
            if let Some(path) = mount.option(option) {
                match devices.number_of(Path::new(&path)) {
                    Some(number) => numbers.push(number),
                    None => return unseen(&path),
                }
            }
        }
        on(devices, numbers)
    }
}

/// Says where the file at `path`, absolute and free of links, is kept.
pub(super) fn of_file(host: &Host, table: &MountTable, devices: &mut Devices<'_>, path: &Path) -> Storage {
    match table.of(path) {
        Some(mount) => of_mount(host, table, devices, mount),
        None => Storage::Unknown(Doubt::NoDevice),
    }
}

/// On these devices, once they are read.
pub(super) fn on(devices: &mut Devices<'_>, mut numbers: Vec<DeviceNumber>) -> Storage {
    numbers.sort_unstable();
    numbers.dedup();
    for number in &numbers {
        devices.read(*number);
    }
    Storage::Devices(numbers)
}

fn unseen(path: &str) -> Storage {
    Storage::Unknown(Doubt::Device {
        name: path.to_owned(),
        why: "sysfs does not show it".to_owned(),
    })
}

fn encrypting(mount: &Mount) -> Storage {
    // gocryptfs -reverse and encfs --reverse, always read-only, show plain files encrypted.
    if mount.file_system != "ecryptfs" && !mount.is_writable() {
        return Storage::Unknown(Doubt::ReverseView);
    }
    let key_bytes = || mount.option("ecryptfs_key_bytes")?.parse::<u32>().ok();
    let cipher = mount.option("ecryptfs_cipher").zip(key_bytes());
    Storage::EncryptedBy {
        file_system: mount.file_system.clone(),
        cipher: cipher.map(|(name, bytes)| (name, bytes.saturating_mul(8))),
    }
}

/// The upper layer takes the writes. In a container its path is the host's, and means nothing here.
fn of_overlay(host: &Host, table: &MountTable, devices: &mut Devices<'_>, mount: &Mount) -> Storage {
    let upper = mount.option("upperdir").unwrap_or_default();
    let below = Path::new(&upper)
        .is_absolute()
        .then(|| host.real_path(&upper).ok())
        .flatten();
    match below.and_then(|upper| table.of(&upper)) {
        // The kernel allows no overlay as the upper layer of another.
        Some(below) if below.file_system != "overlay" => of_mount(host, table, devices, below),
        _ => Storage::Unknown(Doubt::Container),
    }
}

/// btrfs has an anonymous device number, and names one of its devices. Source: `/sys/fs/btrfs/UUID/devices`.
fn of_btrfs(host: &Host, devices: &mut Devices<'_>, mount: &Mount) -> Storage {
    let Some(named) = devices.number_of(Path::new(&mount.source)) else {
        return unseen(&mount.source);
    };
    let number = |name: &String| devices.number_of(&Path::new("/dev").join(name.replace('!', "/")));
    for file_system in host.list("/sys/fs/btrfs").unwrap_or_default() {
        let names = host
            .list(format!("/sys/fs/btrfs/{file_system}/devices"))
            .unwrap_or_default();
        let numbers: Option<Vec<_>> = names.iter().map(number).collect();
        match numbers {
            Some(numbers) if numbers.contains(&named) => return on(devices, numbers),
            _ => {}
        }
    }
    Storage::Unknown(Doubt::NoDevice)
}
