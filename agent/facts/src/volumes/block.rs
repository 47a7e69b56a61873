//! Block devices and what lies beneath them, down to the disks. Source: sysfs, `/sys/dev/block/M:m` (the kernel's
//! ABI/stable/sysfs-block and ABI/testing/sysfs-block-dm).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::cipher::shown;
use super::luks::{HeaderError, LuksHeader};
use super::mounts::DeviceNumber;
use super::storage::{Doubt, Storage};
use crate::host::Host;
use crate::known::Known;

/// Most devices looked at; those beyond are taken as not seen.
const MOST_DEVICES: usize = 4096;
/// Most devices beneath a mapping whose head is searched for its LUKS header.
const MOST_HEADERS: usize = 64;
/// Largest attribute of sysfs taken, in bytes; the kernel writes at most a page.
const LARGEST_ATTRIBUTE: u64 = 4096;

/// A block device.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// The kernel's name, such as `sda2` or `dm-0`.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// The devices it is made of.
    pub beneath: Vec<DeviceNumber>,
}

/// What a block device is.
#[derive(Clone, Debug, PartialEq)]
pub enum DeviceKind {
    /// A disk, or what the host takes for one.
    Disk {
        /// A disk of a virtual machine or a cloud; what keeps it lies outside the host.
        is_virtual: bool,
    },
    /// A partition of a device.
    Partition,
    /// A mapping by the device mapper that does not encrypt, such as LVM, multipath, verity.
    Mapping {
        /// Its name, such as `vg-root`.
        name: String,
    },
    /// A mapping by dm-crypt.
    Crypt(Crypt),
    /// Software RAID (md).
    Raid,
    /// A file made a device.
    Loop {
        /// The file.
        file: PathBuf,
        /// Where the file is kept.
        storage: Storage,
    },
    /// Memory made a device.
    Memory,
    /// Another driver's device over those beneath it, such as bcache or DRBD.
    Layer,
    /// What it is made of could not be seen; the text says why.
    Unseen(String),
}

/// A mapping that encrypts.
#[derive(Clone, Debug, PartialEq)]
pub struct Crypt {
    /// Its name, such as `luks-home`.
    pub name: String,
    /// The format of its header.
    pub format: CryptFormat,
    /// Its LUKS header; absent in the other formats.
    pub header: Known<LuksHeader>,
}

/// Formats that cryptsetup makes dm-crypt mappings from. Source: the device mapper UUIDs of cryptsetup's
/// lib/internal.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CryptFormat {
    /// LUKS 1.
    Luks1,
    /// LUKS 2.
    Luks2,
    /// No header.
    Plain,
    /// loop-AES.
    LoopAes,
    /// TrueCrypt and VeraCrypt.
    Tcrypt,
    /// BitLocker.
    Bitlk,
    /// FileVault 2.
    Fvault2,
}

impl CryptFormat {
    /// The format, and what follows it, of a device mapper UUID; `None` for mappings that do not encrypt, which
    /// include cryptsetup's own VERITY, INTEGRITY and SUBDEV.
    fn of_uuid(uuid: &str) -> Option<(Self, &str)> {
        let rest = uuid.strip_prefix("CRYPT-")?;
        [
            ("LUKS1-", Self::Luks1),
            ("LUKS2-", Self::Luks2),
            ("PLAIN-", Self::Plain),
            ("LOOPAES-", Self::LoopAes),
            ("TCRYPT-", Self::Tcrypt),
            ("BITLK-", Self::Bitlk),
            ("FVAULT2-", Self::Fvault2),
        ]
        .into_iter()
        .find_map(|(prefix, format)| Some((format, rest.strip_prefix(prefix)?)))
    }
}

/// Reads the device `number`; a loop device's file is left for the caller to place.
fn read(host: &Host, number: DeviceNumber) -> (Device, Option<PathBuf>) {
    let directory = PathBuf::from(format!("/sys/dev/block/{number}"));
    let name = host.read_link(&directory).ok();
    let name = name
        .as_deref()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str());
    let Some(name) = name else {
        let why = "sysfs does not show it".to_owned();
        return (
            Device {
                name: number.to_string(),
                kind: DeviceKind::Unseen(why),
                beneath: Vec::new(),
            },
            None,
        );
    };
    let attribute = |path: &str| {
        let text = host.read_text(directory.join(path), LARGEST_ATTRIBUTE).ok()?;
        Some(text.strip_suffix('\n').unwrap_or(&text).to_owned())
    };
    let number_in = |path: &str| attribute(path).and_then(|text| text.parse().ok());
    let mut unseen = false;
    let mut beneath: Vec<DeviceNumber> = Vec::new();
    if attribute("partition").is_some() {
        beneath.extend(number_in("../dev"));
    } else {
        for slave in host.list(directory.join("slaves")).unwrap_or_default() {
            match number_in(&format!("slaves/{slave}/dev")) {
                Some(number) => beneath.push(number),
                None => unseen = true,
            }
        }
    }
    let file = attribute("loop/backing_file").filter(|file| !file.is_empty());
    let kind = if unseen {
        DeviceKind::Unseen("sysfs names a device beneath it that it does not show".to_owned())
    } else if attribute("partition").is_some() {
        DeviceKind::Partition
    } else if let Some(uuid) = attribute("dm/uuid") {
        mapping(attribute("dm/name").unwrap_or_default(), &uuid)
    } else if host.exists(directory.join("md")) {
        DeviceKind::Raid
    } else if let Some(file) = &file {
        DeviceKind::Loop {
            file: PathBuf::from(file),
            storage: Storage::Unknown(Doubt::NoDevice),
        }
    } else if number.major == 1 || name.starts_with("zram") {
        memory(attribute("backing_dev").as_deref())
    } else if !beneath.is_empty() {
        DeviceKind::Layer
    } else if ["loop", "bcache", "drbd", "zd", "ublk"]
        .into_iter()
        .any(|driver| name.starts_with(driver))
    {
        DeviceKind::Unseen("its driver does not show what it is made of".to_owned())
    } else {
        DeviceKind::Disk {
            is_virtual: is_virtual_disk(name, attribute("device/model"), attribute("device/vendor")),
        }
    };
    let needs_beneath = matches!(
        kind,
        DeviceKind::Partition | DeviceKind::Mapping { .. } | DeviceKind::Raid
    );
    let kind = if needs_beneath && beneath.is_empty() {
        DeviceKind::Unseen("sysfs shows nothing beneath it".to_owned())
    } else {
        kind
    };
    let file = matches!(kind, DeviceKind::Loop { .. }).then_some(file).flatten();
    (
        Device {
            name: name.to_owned(),
            kind,
            beneath,
        },
        file.map(PathBuf::from),
    )
}

fn mapping(name: String, uuid: &str) -> DeviceKind {
    match CryptFormat::of_uuid(uuid) {
        None => DeviceKind::Mapping { name },
        Some((format, rest)) => {
            let header = match format {
                // Read once all devices beneath are known.
                CryptFormat::Luks1 | CryptFormat::Luks2 => Known::failed(rest, "not read"),
                _ => Known::Absent("LUKS header".to_owned()),
            };
            DeviceKind::Crypt(Crypt { name, format, header })
        }
    }
}

/// zram, which may write what it holds back to a device (`backing_dev`), or a RAM disk.
fn memory(backing: Option<&str>) -> DeviceKind {
    match backing.map(str::trim) {
        None | Some("" | "none") => DeviceKind::Memory,
        Some(device) => DeviceKind::Unseen(format!("it writes back to {}", shown(device))),
    }
}

/// Disks that a hypervisor or a cloud makes up, by driver and model.
fn is_virtual_disk(name: &str, model: Option<String>, vendor: Option<String>) -> bool {
    const MODELS: [&str; 9] = [
        "Amazon Elastic Block Store",
        "Amazon EC2 NVMe",
        "Google",
        "nvme_card-pd",
        "PersistentDisk",
        "Virtual",
        "QEMU",
        "VBOX",
        "MSFT NVMe",
    ];
    const VENDORS: [&str; 5] = ["Google", "Msft", "QEMU", "VMware", "VBOX"];
    let has = |text: Option<String>, known: &[&str]| {
        text.is_some_and(|text| known.iter().any(|known| text.contains(known)))
    };
    // virtio-blk and Xen block devices.
    name.starts_with("vd") || name.starts_with("xvd") || has(model, &MODELS) || has(vendor, &VENDORS)
}

/// The devices of a host, read as they are asked for.
pub(super) struct Devices<'h> {
    host: &'h Host,
    found: BTreeMap<DeviceNumber, Device>,
    /// Loop devices whose file is still to be placed.
    pub(super) unplaced: Vec<(DeviceNumber, PathBuf)>,
}

impl<'h> Devices<'h> {
    pub(super) const fn new(host: &'h Host) -> Self {
        Self {
            host,
            found: BTreeMap::new(),
            unplaced: Vec::new(),
        }
    }

    /// Reads the device `top` and all beneath it.
    pub(super) fn read(&mut self, top: DeviceNumber) {
        let mut pending = vec![top];
        while let Some(number) = pending.pop() {
            if self.found.contains_key(&number) || self.found.len() >= MOST_DEVICES {
                continue;
            }
            let (device, file) = read(self.host, number);
            pending.extend(&device.beneath);
            self.unplaced.extend(file.map(|file| (number, file)));
            self.found.insert(number, device);
        }
    }

    /// Says where the file of a loop device is kept.
    pub(super) fn place(&mut self, number: DeviceNumber, place: Storage) {
        if let Some(DeviceKind::Loop { storage, .. }) =
            self.found.get_mut(&number).map(|device| &mut device.kind)
        {
            *storage = place;
        }
    }

    /// The number of the device at a path of /dev, found in sysfs by its name.
    pub(super) fn number_of(&self, path: &Path) -> Option<DeviceNumber> {
        let by_name = |path: &Path| {
            let name = path.strip_prefix("/dev").ok()?.to_str()?.replace('/', "!");
            let attribute = format!("/sys/class/block/{name}/dev");
            self.host
                .read_text(attribute, LARGEST_ATTRIBUTE)
                .ok()?
                .parse()
                .ok()
        };
        let by_mapping = || {
            let mapping = path.strip_prefix("/dev/mapper").ok()?.to_str()?;
            let names = self.host.list("/sys/class/block").ok()?;
            names
                .iter()
                .filter(|name| name.starts_with("dm-"))
                .find_map(|name| {
                    let attribute = format!("/sys/class/block/{name}/dm/name");
                    let found = self.host.read_text(attribute, LARGEST_ATTRIBUTE).ok()?;
                    (found.trim_end() == mapping).then(|| by_name(&Path::new("/dev").join(name)))?
                })
        };
        let by_link = || by_name(&self.host.real_path(path).ok()?);
        by_name(path).or_else(by_mapping).or_else(by_link)
    }

    /// The devices of all that was asked for, with the headers of those that have one.
    pub(super) fn finish(mut self) -> BTreeMap<DeviceNumber, Device> {
        let mut headers = Vec::new();
        for (number, device) in &self.found {
            if let DeviceKind::Crypt(crypt) = &device.kind
                && matches!(crypt.format, CryptFormat::Luks1 | CryptFormat::Luks2)
            {
                headers.push((*number, self.header(*number, &crypt.name)));
            }
        }
        for (number, found) in headers {
            if let Some(DeviceKind::Crypt(crypt)) = self.found.get_mut(&number).map(|device| &mut device.kind)
            {
                crypt.header = found;
            }
        }
        self.found
    }

    /// The LUKS header of the mapping `top`: the one of its UUID on the nearest device beneath it.
    fn header(&self, top: DeviceNumber, name: &str) -> Known<LuksHeader> {
        let what = format!("the LUKS header of {name}");
        let attribute = format!("/sys/dev/block/{top}/dm/uuid");
        let uuid = self
            .host
            .read_text(attribute, LARGEST_ATTRIBUTE)
            .unwrap_or_default();
        let Some((_, rest)) = CryptFormat::of_uuid(&uuid) else {
            return Known::failed(what, "its mapping has gone");
        };
        let uuid = rest.split('-').next().unwrap_or_default();
        let mut obstacle = None;
        let mut seen = BTreeSet::from([top]);
        let mut pending: VecDeque<_> = self
            .found
            .get(&top)
            .map(|device| device.beneath.clone())
            .into_iter()
            .flatten()
            .collect();
        while let Some(number) = pending.pop_front() {
            let Some(device) = self
                .found
                .get(&number)
                .filter(|_| seen.len() <= MOST_HEADERS && seen.insert(number))
            else {
                continue;
            };
            pending.extend(&device.beneath);
            let path = Path::new("/dev").join(device.name.replace('!', "/"));
            match read_header(self.host, &path) {
                Ok(header) if header.uuid.replace('-', "") == uuid => return Known::Value(header),
                Ok(_) | Err(HeaderError::NotLuks) => {}
                Err(HeaderError::Read(error)) => {
                    obstacle.get_or_insert(error.into_known());
                }
                Err(error) => {
                    obstacle.get_or_insert(Known::failed(path.display().to_string(), error));
                }
            }
        }
        obstacle.unwrap_or_else(|| Known::failed(what, "no device beneath it holds it; it may be kept apart"))
    }
}

/// The LUKS header at the start of the block device, or of the regular file, at `path`.
pub fn read_header(host: &Host, path: &Path) -> Result<LuksHeader, HeaderError> {
    if host.is_live() && host.metadata(path)?.is_file() {
        return LuksHeader::read(&mut |offset, length| host.read_span(path, offset, length));
    }
    LuksHeader::read(&mut |offset, length| host.read_block_device(path, offset, length))
}
