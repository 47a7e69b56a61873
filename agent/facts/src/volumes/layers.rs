//! The stack beneath a storage as a list, for people and evidence.

use std::collections::BTreeSet;

use serde::Serialize;

use super::block::{CryptFormat, DeviceKind};
use super::cipher::Cipher;
use super::mounts::DeviceNumber;
use super::storage::Storage;
use super::{Device, VolumeFacts};
use crate::known::Known;

/// Most layers listed of one stack.
const MOST_LAYERS: usize = 64;

/// One device of a stack.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layer {
    /// Its number.
    pub device: DeviceNumber,
    /// The kernel's name.
    pub name: String,
    /// `disk`, `partition`, `mapping`, `crypt`, `raid`, `loop`, `memory`, `layer` or `unseen`.
    pub kind: &'static str,
    /// Name of the mapping, file behind the loop device, or why nothing can be seen of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Format of an encrypted mapping's header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<CryptFormat>,
    /// Cipher of an encrypted mapping, where its header could be read.
    #[serde(flatten)]
    pub cipher: Option<Cipher>,
    /// The devices it is made of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub beneath: Vec<DeviceNumber>,
}

impl Layer {
    fn of(number: DeviceNumber, device: &Device) -> Self {
        let (mut format, mut cipher) = (None, None);
        let (kind, detail) = match &device.kind {
            DeviceKind::Disk { is_virtual: true } => ("disk", Some("virtual".to_owned())),
            DeviceKind::Disk { is_virtual: false } => ("disk", None),
            DeviceKind::Partition => ("partition", None),
            DeviceKind::Mapping { name } => ("mapping", Some(name.clone())),
            DeviceKind::Crypt(crypt) => {
                format = Some(crypt.format);
                if let Known::Value(header) = &crypt.header {
                    cipher.clone_from(&header.cipher);
                }
                ("crypt", Some(crypt.name.clone()))
            }
            DeviceKind::Raid => ("raid", None),
            DeviceKind::Loop { file, .. } => ("loop", Some(file.display().to_string())),
            DeviceKind::Memory => ("memory", None),
            DeviceKind::Layer => ("layer", None),
            DeviceKind::Unseen(why) => ("unseen", Some(why.clone())),
        };
        Self {
            device: number,
            name: device.name.clone(),
            kind,
            detail,
            format,
            cipher,
            beneath: device.beneath.clone(),
        }
    }
}

impl VolumeFacts {
    /// The devices from `storage` down to the disks, nearest first.
    #[must_use]
    pub fn layers(&self, storage: &Storage) -> Vec<Layer> {
        let numbers_of = |storage: &Storage| match storage {
            Storage::Devices(numbers) => numbers.clone(),
            _ => Vec::new(),
        };
        let mut seen = BTreeSet::new();
        let mut layers = Vec::new();
        let mut level = numbers_of(storage);
        while !level.is_empty() {
            let mut next = Vec::new();
            for number in level {
                if layers.len() == MOST_LAYERS {
                    return layers;
                }
                let Some(device) = self.devices.get(&number).filter(|_| seen.insert(number)) else {
                    continue;
                };
                layers.push(Layer::of(number, device));
                next.extend(&device.beneath);
                if let DeviceKind::Loop { storage, .. } = &device.kind {
                    next.extend(numbers_of(storage));
                }
            }
            level = next;
        }
        layers
    }
}
