//! Hosts for the tests of the checks of encryption at rest.

use plumbline_config::finding::Status;
use plumbline_config::ident::Role;
use plumbline_config::plan::Plan;
use plumbline_facts::volumes::{
    Cipher, Crypt, CryptFormat, DeclaredPath, Device, DeviceKind, DeviceNumber, LuksHeader, Segment,
    SegmentKind, Storage, Swap, Volume, VolumeFacts,
};
use plumbline_facts::{Facts, Known};

use crate::check::{Check, Context, Examples};
use crate::invariants::NOW;

/// A host, built device by device.
#[derive(Clone, Default)]
pub(crate) struct HostBuilder(VolumeFacts);

impl HostBuilder {
    pub(crate) fn facts(&self) -> Facts {
        Facts {
            volumes: Known::Value(self.0.clone()),
            ..Facts::default()
        }
    }

    fn device(mut self, number: &str, name: &str, kind: DeviceKind, beneath: &[&str]) -> Self {
        let device = Device {
            name: name.to_owned(),
            kind,
            beneath: beneath.iter().map(|number| number.parse().unwrap()).collect(),
        };
        self.0.devices.insert(number.parse().unwrap(), device);
        self
    }

    pub(crate) fn disk(self, number: &str, name: &str, is_virtual: bool) -> Self {
        self.device(number, name, DeviceKind::Disk { is_virtual }, &[])
    }

    pub(crate) fn memory(self, number: &str, name: &str) -> Self {
        self.device(number, name, DeviceKind::Memory, &[])
    }

    pub(crate) fn partition(self, number: &str, name: &str, disk: &str) -> Self {
        self.device(number, name, DeviceKind::Partition, &[disk])
    }

    /// A LUKS2 mapping of aes-xts-plain64.
    pub(crate) fn crypt(self, number: &str, name: &str, key_bits: u32, beneath: &str) -> Self {
        self.crypt_with(number, name, "aes-xts-plain64", key_bits, beneath)
    }

    pub(crate) fn crypt_with(self, number: &str, name: &str, cipher: &str, bits: u32, beneath: &str) -> Self {
        let cipher = Cipher::new(cipher, Some(bits), 0);
        let header = LuksHeader {
            version: 2,
            uuid: String::new(),
            cipher: Some(cipher.clone()),
            key_derivation: None,
            tokens: Vec::new(),
            key_slot_weaknesses: Vec::new(),
            key_slots: Vec::new(),
            segments: vec![Segment {
                kind: SegmentKind::Crypt,
                cipher: Some(cipher),
            }],
            reencryption: false,
            damaged_copy: None,
        };
        let crypt = Crypt {
            name: name.to_owned(),
            format: CryptFormat::Luks2,
            header: Known::Value(header),
        };
        self.device(number, "dm-0", DeviceKind::Crypt(crypt), &[beneath])
    }

    /// The mapping `a`, device 254:0, on 8:0.
    pub(crate) fn crypt_without_header(self, format: CryptFormat, header: Known<LuksHeader>) -> Self {
        let name = "a".to_owned();
        self.device(
            "254:0",
            "dm-0",
            DeviceKind::Crypt(Crypt { name, format, header }),
            &["8:0"],
        )
    }

    pub(crate) fn mount(self, point: &str, file_system: &str, device: &str) -> Self {
        self.mount_on(point, file_system, &[device])
    }

    pub(crate) fn mount_on(self, point: &str, file_system: &str, devices: &[&str]) -> Self {
        let devices = devices.iter().map(|number| number.parse().unwrap()).collect();
        self.kept(point, file_system, Storage::Devices(devices))
    }

    pub(crate) fn kept(mut self, point: &str, file_system: &str, storage: Storage) -> Self {
        self.0.volumes.push(Volume {
            mount_point: point.into(),
            file_system: file_system.to_owned(),
            source: file_system.to_owned(),
            device: DeviceNumber::new(0, u32::try_from(self.0.volumes.len()).unwrap()),
            writable: true,
            storage,
            efi_system_partition: false,
            fscrypt: false,
        });
        self
    }

    pub(crate) fn declared(mut self, path: &str, found: Known<DeclaredPath>) -> Self {
        self.0.declared.insert(path.into(), found);
        self
    }

    pub(crate) fn swap(mut self, path: &str, storage: Storage) -> Self {
        self.0.swaps.push(Swap {
            path: path.into(),
            kib: 4,
            storage,
        });
        self
    }
}

/// What `check` says on a host of role service: subject, status and the key of the sentence.
pub(crate) fn verdicts(check: &Check, facts: &Facts, plan: &Plan) -> Vec<(String, Status, &'static str)> {
    let context = Context {
        plan,
        role: Role::Service,
        now: NOW.parse().unwrap(),
    };
    let verdicts = (check.judge)(facts, &context).unwrap().into_iter();
    verdicts
        .map(|verdict| (verdict.subject, verdict.status, verdict.message.key()))
        .collect()
}

fn encrypted(key_bits: u32) -> HostBuilder {
    HostBuilder::default()
        .disk("8:0", "sda", false)
        .crypt("254:0", "luks-root", key_bits, "8:0")
        .mount("/", "ext4", "254:0")
}

fn examples(passing: &HostBuilder, failing: &HostBuilder) -> Examples {
    Examples {
        passing: (passing.facts(), Plan::default()),
        failing: (failing.facts(), Plan::default()),
    }
}

pub(crate) fn volumes() -> Examples {
    let plain = HostBuilder::default()
        .disk("8:0", "sda", false)
        .mount("/", "ext4", "8:0");
    examples(&encrypted(512), &plain)
}

pub(crate) fn cipher() -> Examples {
    examples(&encrypted(512), &encrypted(256))
}

pub(crate) fn swap() -> Examples {
    let on = |number: &str| encrypted(512).swap("/dev/x", Storage::Devices(vec![number.parse().unwrap()]));
    examples(&on("254:0"), &on("8:0"))
}
