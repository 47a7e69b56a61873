//! `encryption.volumes`: what keeps personal data lies on encrypted storage (加密強度AES256以上之演算法等加密措施).

use std::collections::BTreeSet;

use plumbline_config::message::Message;
use plumbline_facts::volumes::{DeviceKind, Guard, PlainDevice, Protection, VolumeFacts};
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::json;

use crate::check::{Check, Context, Verdict};
use crate::encryption_subjects::{Place, Subject, doubtful, nothing_kept, remote, subjects};

pub(crate) const CHECK: Check = Check {
    id: "encryption.volumes",
    needs: &[ProbeId::Volumes],
    judge,
    #[cfg(test)]
    examples: crate::encryption_examples::volumes,
};

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let plan = &context.measures().encryption;
    if let Some(reason) = &plan.not_applicable {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let facts = facts.volumes.value()?;
    let subjects = subjects(facts, plan);
    if subjects.is_empty() {
        return Ok(vec![nothing_kept()]);
    }
    let verdict = |Subject { name, place }: Subject<'_>| match place {
        Ok(place) => on(facts, &name, &place),
        Err(unknown) => Verdict::unknown(name, &unknown),
    };
    Ok(subjects.into_iter().map(verdict).collect())
}

fn on(facts: &VolumeFacts, subject: &str, place: &Place<'_>) -> Verdict {
    let said = |key| Message::new(key).arg("subject", subject);
    if place.by_file_system == Some(true) {
        return Verdict::pass(subject, said("encryption-volumes-fscrypt")).compared("encrypted", "encrypted");
    }
    let verdict = match facts.protection(place.storage) {
        Protection::Encrypted(guards) => {
            let message = said("encryption-volumes-encrypted").arg("by", named(facts, &guards));
            Verdict::pass(subject, message).compared("encrypted", "encrypted")
        }
        // The file system does not say whether it encrypts, and some of it is.
        Protection::Plain(_) if place.fscrypt && place.by_file_system.is_none() => {
            Verdict::error(subject, said("encryption-doubt-fscrypt"))
        }
        Protection::Plain(device) => {
            let (key, device) = match device {
                PlainDevice::Disk(name) if place.fscrypt => ("encryption-volumes-partly-fscrypt", name),
                PlainDevice::Disk(name) => ("encryption-volumes-plain", name),
                PlainDevice::VirtualDisk(name) => ("encryption-volumes-plain-virtual", name),
                PlainDevice::HollowMapping(name) => ("encryption-volumes-hollow", name),
            };
            Verdict::fail(subject, said(key).arg("device", device)).compared("encrypted", "plain")
        }
        Protection::Memory => Verdict::not_applicable(subject, said("encryption-memory")),
        Protection::Remote => remote(subject),
        Protection::Unknown(doubt) => doubtful(subject, &doubt),
    };
    verdict.evidence(json!({ "layers": facts.layers(place.storage) }))
}

/// What encrypts, in words: `/dev/mapper/luks-home`, `ecryptfs`.
fn named(facts: &VolumeFacts, guards: &BTreeSet<Guard>) -> String {
    let name = |guard: &Guard| match guard {
        Guard::FileSystem { name, .. } => name.clone(),
        Guard::Mapping(number) => match facts.devices.get(number).map(|device| &device.kind) {
            Some(DeviceKind::Crypt(crypt)) => format!("/dev/mapper/{}", crypt.name),
            _ => number.to_string(),
        },
    };
    guards.iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use plumbline_config::finding::Status;
    use plumbline_config::plan::Plan;
    use plumbline_facts::Known;
    use plumbline_facts::volumes::{DeclaredPath, Doubt, Storage};

    use super::*;
    use crate::encryption_examples::{HostBuilder, verdicts};

    fn judged(host: &HostBuilder, plan: &Plan) -> Vec<(String, Status, &'static str)> {
        verdicts(&CHECK, &host.facts(), plan)
    }

    #[test]
    fn every_writable_file_system_is_judged_once_and_boot_and_memory_are_not() {
        let host = HostBuilder::default()
            .crypt("254:0", "luks-root", 512, "8:3")
            .disk("8:0", "sda", false)
            .partition("8:3", "sda3", "8:0")
            .partition("8:1", "sda1", "8:0")
            .mount("/", "ext4", "254:0")
            .mount("/var/lib/bind", "ext4", "254:0")
            .mount("/boot", "ext4", "8:1")
            .mount("/boot/efi", "vfat", "8:1")
            .kept("/run", "tmpfs", Storage::Memory)
            .kept("/mnt/nas", "nfs4", Storage::Remote);
        assert_eq!(
            judged(&host, &Plan::default()),
            [("/".to_owned(), Status::Pass, "encryption-volumes-encrypted")]
        );
        let host = host.mount("/srv", "ext4", "8:1");
        let seen = judged(&host, &Plan::default());
        assert_eq!(
            seen[1],
            ("/srv".to_owned(), Status::Fail, "encryption-volumes-plain")
        );
    }

    #[test]
    fn one_plain_leg_of_a_file_system_is_enough_to_fail() {
        let host = HostBuilder::default()
            .disk("8:0", "sda", false)
            .disk("8:16", "sdb", false)
            .crypt("254:0", "a", 512, "8:0")
            .mount_on("/", "btrfs", &["254:0", "8:16"]);
        assert_eq!(judged(&host, &Plan::default())[0].1, Status::Fail);
    }

    #[test]
    fn a_virtual_disk_says_that_the_provider_cannot_be_seen() {
        let host = HostBuilder::default()
            .disk("254:0", "vda", true)
            .mount("/", "ext4", "254:0");
        assert_eq!(
            judged(&host, &Plan::default()),
            [("/".to_owned(), Status::Fail, "encryption-volumes-plain-virtual")]
        );
    }

    #[test]
    fn what_cannot_be_told_is_an_error() {
        for (storage, key) in [
            (Storage::Unknown(Doubt::Container), "encryption-doubt-container"),
            (Storage::Unknown(Doubt::OwnEncryption), "encryption-doubt-own"),
            (Storage::Unknown(Doubt::NoDevice), "encryption-doubt-no-device"),
            (Storage::Remote, "encryption-remote"),
        ] {
            let host = HostBuilder::default().kept("/", "overlay", storage);
            assert_eq!(
                judged(&host, &Plan::default()),
                [("/".to_owned(), Status::Error, key)]
            );
        }
        let host = HostBuilder::default().mount("/", "ext4", "8:1");
        assert_eq!(judged(&host, &Plan::default())[0].1, Status::Error);
    }

    #[test]
    fn a_host_that_keeps_nothing_is_out_of_scope() {
        let host = HostBuilder::default().kept("/", "tmpfs", Storage::Memory);
        assert_eq!(
            judged(&host, &Plan::default()),
            [(
                "host".to_owned(),
                Status::NotApplicable,
                "encryption-nothing-kept"
            )]
        );
    }

    #[test]
    fn declared_paths_are_judged_with_what_is_mounted_beneath_them() {
        let mut plan = Plan::default();
        plan.service.encryption.paths = ["/srv", "/ram", "/none", "/private"].map(Into::into).to_vec();
        let declared = |storage: Storage, encrypted| DeclaredPath {
            real_path: "/srv".into(),
            mount_point: "/".into(),
            storage,
            encrypted_by_file_system: encrypted,
        };
        let on_disk = || Storage::Devices(vec!["8:0".parse().unwrap()]);
        let host = HostBuilder::default()
            .disk("8:0", "sda", false)
            .disk("8:16", "sdb", false)
            .crypt("254:0", "a", 512, "8:16")
            .mount("/", "ext4", "8:0")
            .mount("/srv/db", "ext4", "254:0")
            .mount("/srvx", "ext4", "8:0")
            .declared("/srv", Known::Value(declared(on_disk(), Some(false))))
            .declared("/ram", Known::Value(declared(Storage::Memory, None)))
            .declared("/none", Known::failed("/none", "/none does not exist"))
            .declared("/private", Known::Value(declared(on_disk(), Some(true))));
        let seen = judged(&host, &plan);
        let expected = [
            ("/srv", Status::Fail, "encryption-volumes-plain"),
            ("/srv/db", Status::Pass, "encryption-volumes-encrypted"),
            ("/ram", Status::NotApplicable, "encryption-memory"),
            ("/none", Status::Error, "fact-failed"),
            ("/private", Status::Pass, "encryption-volumes-fscrypt"),
        ]
        .map(|(name, status, key)| (name.to_owned(), status, key));
        assert_eq!(seen, expected);
        plan.service.encryption.paths = vec!["/elsewhere".into()];
        assert_eq!(
            judged(&host, &plan)[0].1,
            Status::Error,
            "a path that the run did not ask for"
        );
    }

    #[test]
    fn switched_off_in_the_plan_is_not_applicable_with_its_reason() {
        let mut plan = Plan::default();
        plan.service.encryption.not_applicable = Some("none".to_owned());
        let host = HostBuilder::default();
        assert_eq!(judged(&host, &plan)[0].1, Status::NotApplicable);
    }
}
