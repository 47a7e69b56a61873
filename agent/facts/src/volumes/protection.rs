//! Whether what is written to a storage reaches a disk encrypted: so on every way down from it.

use std::collections::{BTreeMap, BTreeSet};

use super::block::{Device, DeviceKind};
use super::mounts::DeviceNumber;
use super::storage::{Doubt, Storage};
use crate::known::Known;

/// Whether what is written reaches a disk encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protection {
    /// On every way down it passes one of these.
    Encrypted(BTreeSet<Guard>),
    /// On some way down it reaches this device plain.
    Plain(PlainDevice),
    /// It reaches no disk.
    Memory,
    /// It is kept by another machine.
    Remote,
    /// It can't be told.
    Unknown(Doubt),
}

/// What encrypts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guard {
    /// A dm-crypt mapping.
    Mapping(DeviceNumber),
    /// A file system, with its cipher and key length in bits where it shows them.
    FileSystem {
        /// Such as `ecryptfs`.
        name: String,
        /// Cipher and key length in bits.
        cipher: Option<(String, u32)>,
    },
}

/// A device that takes plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlainDevice {
    /// A disk of the host.
    Disk(String),
    /// A disk that a hypervisor or a cloud provides; whether the provider encrypts it can't be seen from here.
    VirtualDisk(String),
    /// A mapping that has the form of encryption, and leaves some or all plain.
    HollowMapping(String),
}

/// What the ways down were found to end in.
#[derive(Default)]
struct Ends {
    guards: BTreeSet<Guard>,
    plain: Option<PlainDevice>,
    memory: bool,
    remote: bool,
    doubt: Option<Doubt>,
}

/// Follows every way down from `storage`.
pub(super) fn of(storage: &Storage, devices: &BTreeMap<DeviceNumber, Device>) -> Protection {
    let mut ends = Ends::default();
    let mut way = Way::default();
    ends.enter(storage, &mut way);
    while let Some(step) = way.steps.pop() {
        match step {
            Step::Leave(number) => {
                way.open.remove(&number);
                way.done.insert(number);
            }
            Step::Enter(number) if way.open.contains(&number) => ends.doubt = Some(Doubt::Circle),
            Step::Enter(number) if way.done.contains(&number) => {}
            Step::Enter(number) => {
                way.open.insert(number);
                way.steps.push(Step::Leave(number));
                match devices.get(&number) {
                    Some(device) => ends.pass(number, device, &mut way),
                    None => ends.doubt(&number.to_string(), "there are too many devices to look at"),
                }
            }
        }
    }
    ends.sum()
}

enum Step {
    Enter(DeviceNumber),
    Leave(DeviceNumber),
}

#[derive(Default)]
struct Way {
    steps: Vec<Step>,
    /// Between the top and the present device; meeting one again is a circle.
    open: BTreeSet<DeviceNumber>,
    done: BTreeSet<DeviceNumber>,
}

impl Ends {
    fn doubt(&mut self, name: &str, why: &str) {
        self.doubt = Some(Doubt::Device {
            name: name.to_owned(),
            why: why.to_owned(),
        });
    }

    fn enter(&mut self, storage: &Storage, way: &mut Way) {
        match storage {
            Storage::Devices(numbers) => way
                .steps
                .extend(numbers.iter().map(|number| Step::Enter(*number))),
            Storage::Memory | Storage::Kernel => self.memory = true,
            Storage::Remote => self.remote = true,
            Storage::EncryptedBy { file_system, cipher } => {
                self.guards.insert(Guard::FileSystem {
                    name: file_system.clone(),
                    cipher: cipher.clone(),
                });
            }
            Storage::Unknown(doubt) => self.doubt = Some(doubt.clone()),
        }
    }

    fn pass(&mut self, number: DeviceNumber, device: &Device, way: &mut Way) {
        match &device.kind {
            DeviceKind::Crypt(crypt) => match &crypt.header {
                Known::Value(header) if header.has_plain_part() => {
                    self.plain = Some(PlainDevice::HollowMapping(crypt.name.clone()));
                }
                _ => {
                    self.guards.insert(Guard::Mapping(number));
                }
            },
            DeviceKind::Disk { is_virtual: true } => {
                self.plain = Some(PlainDevice::VirtualDisk(device.name.clone()));
            }
            DeviceKind::Disk { is_virtual: false } => {
                self.plain = Some(PlainDevice::Disk(device.name.clone()));
            }
            DeviceKind::Memory => self.memory = true,
            DeviceKind::Unseen(why) => self.doubt(&device.name, why),
            DeviceKind::Loop { storage, .. } => self.enter(storage, way),
            DeviceKind::Partition | DeviceKind::Mapping { .. } | DeviceKind::Raid | DeviceKind::Layer => {
                way.steps
                    .extend(device.beneath.iter().map(|number| Step::Enter(*number)));
            }
        }
    }

    /// The worst that was found: plain, then doubtful, then remote. No end at all is doubtful too.
    fn sum(self) -> Protection {
        if let Some(plain) = self.plain {
            Protection::Plain(plain)
        } else if let Some(doubt) = self.doubt {
            Protection::Unknown(doubt)
        } else if self.remote {
            Protection::Remote
        } else if !self.guards.is_empty() {
            Protection::Encrypted(self.guards)
        } else if self.memory {
            Protection::Memory
        } else {
            Protection::Unknown(Doubt::NoDevice)
        }
    }
}
