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
    /// A mapping passed on the way that leaves some or all plain.
    hollow: Option<String>,
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

impl Way {
    fn descend(&mut self, device: &Device) {
        self.steps
            .extend(device.beneath.iter().map(|number| Step::Enter(*number)));
    }
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
                    // What lies beneath may still encrypt.
                    self.hollow = Some(crypt.name.clone());
                    way.descend(device);
                    if device.beneath.is_empty() {
                        self.doubt(&device.name, "sysfs shows nothing beneath it");
                    }
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
                way.descend(device);
            }
        }
    }

    /// The worst that was found: plain, then doubtful, then remote. No end at all is doubtful too.
    fn sum(self) -> Protection {
        if let Some(plain) = self.plain {
            Protection::Plain(self.hollow.map_or(plain, PlainDevice::HollowMapping))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::volumes::{Crypt, CryptFormat};

    fn number(minor: usize) -> DeviceNumber {
        DeviceNumber::new(8, u32::try_from(minor).unwrap())
    }

    fn device((kind, beneath): (u8, Vec<usize>)) -> Device {
        let name = "a".to_owned();
        let kind = match kind {
            0 => DeviceKind::Disk { is_virtual: false },
            1 => DeviceKind::Memory,
            2 => DeviceKind::Unseen("why".to_owned()),
            3 => DeviceKind::Crypt(Crypt {
                name: name.clone(),
                format: CryptFormat::Plain,
                header: Known::Absent("LUKS header".to_owned()),
            }),
            4 => DeviceKind::Loop {
                file: "/a".into(),
                storage: Storage::Devices(beneath.iter().copied().map(number).collect()),
            },
            _ => DeviceKind::Mapping { name: name.clone() },
        };
        let leaf = matches!(
            kind,
            DeviceKind::Disk { .. } | DeviceKind::Memory | DeviceKind::Loop { .. }
        );
        let beneath = if leaf {
            Vec::new()
        } else {
            beneath.into_iter().map(number).collect()
        };
        Device { name, kind, beneath }
    }

    /// Whether a disk can be reached from `from` without passing an encrypted mapping.
    fn reaches_disk(
        from: DeviceNumber,
        devices: &BTreeMap<DeviceNumber, Device>,
        seen: &mut BTreeSet<DeviceNumber>,
    ) -> bool {
        let Some(device) = devices.get(&from).filter(|_| seen.insert(from)) else {
            return false;
        };
        let beneath = match &device.kind {
            DeviceKind::Disk { .. } => return true,
            DeviceKind::Crypt(_) | DeviceKind::Unseen(_) => return false,
            DeviceKind::Loop {
                storage: Storage::Devices(numbers),
                ..
            } => numbers,
            _ => &device.beneath,
        };
        beneath.iter().any(|next| reaches_disk(*next, devices, seen))
    }

    proptest! {
        #[test]
        fn plain_is_what_reaches_a_disk_past_every_guard(
            kinds in proptest::collection::vec((0..9_u8, proptest::collection::vec(0..9_usize, 0..3)), 1..8),
        ) {
            let devices: BTreeMap<_, _> =
                kinds.into_iter().enumerate().map(|(at, kind)| (number(at), device(kind))).collect();
            let found = of(&Storage::Devices(vec![number(0)]), &devices);
            let reaches = reaches_disk(number(0), &devices, &mut BTreeSet::new());
            prop_assert_eq!(matches!(found, Protection::Plain(_)), reaches, "{:?}", found);
        }
    }
}
