//! What the checks of encryption at rest judge: the declared paths, or every file system that keeps data.

use std::collections::BTreeSet;
use std::path::Path;

use plumbline_config::message::Message;
use plumbline_config::plan::Encryption;
use plumbline_facts::Unknown;
use plumbline_facts::volumes::{Doubt, Storage, Volume, VolumeFacts};

use crate::check::Verdict;

/// One place where data are kept.
pub(crate) struct Subject<'a> {
    /// Declared path or mount point.
    pub(crate) name: String,
    /// Where it is kept, or why that can't be told.
    pub(crate) place: Result<Place<'a>, Unknown>,
}

/// Where data are kept.
pub(crate) struct Place<'a> {
    pub(crate) storage: &'a Storage,
    /// Its file system encrypts it by itself, with fscrypt; `None` where it does not say.
    pub(crate) by_file_system: Option<bool>,
    /// Some directories of its file system may be under fscrypt.
    pub(crate) fscrypt: bool,
}

/// What to judge: the paths of the plan with the file systems mounted beneath them, or else every file system that
/// keeps data.
pub(crate) fn subjects<'a>(facts: &'a VolumeFacts, plan: &Encryption) -> Vec<Subject<'a>> {
    if plan.paths.is_empty() {
        return default_subjects(facts);
    }
    let mut subjects = Vec::new();
    let mut names = BTreeSet::new();
    for path in &plan.paths {
        let name = path.display().to_string();
        let declared = match facts.declared.get(path) {
            Some(known) => known.value(),
            None => Err(Unknown::NotAsked(name.clone())),
        };
        let place = declared.as_ref().map_err(Unknown::clone).map(|declared| Place {
            storage: &declared.storage,
            by_file_system: declared.encrypted_by_file_system,
            fscrypt: fscrypt_at(facts, &declared.mount_point),
        });
        if names.insert(name.clone()) {
            subjects.push(Subject { name, place });
        }
        if let Ok(declared) = declared {
            let beneath = facts.volumes.iter().filter(|volume| {
                let point = &volume.mount_point;
                point.starts_with(&declared.real_path) && *point != declared.real_path && keeps_data(volume)
            });
            for volume in beneath {
                let subject = of_volume(volume);
                if names.insert(subject.name.clone()) {
                    subjects.push(subject);
                }
            }
        }
    }
    subjects
}

/// One subject a file system, however often it is mounted: the shortest mount point.
fn default_subjects(facts: &VolumeFacts) -> Vec<Subject<'_>> {
    let mut volumes: Vec<&Volume> = facts
        .volumes
        .iter()
        .filter(|volume| keeps_data(volume) && (volume.storage != Storage::Remote || is_root(volume)))
        .collect();
    volumes.sort_by_key(|volume| (volume.mount_point.components().count(), &volume.mount_point));
    let mut kept_on = BTreeSet::new();
    volumes.retain(|volume| match &volume.storage {
        storage @ Storage::Devices(_) => kept_on.insert((None, storage)),
        storage => kept_on.insert((Some(volume.device), storage)),
    });
    volumes.into_iter().map(of_volume).collect()
}

fn of_volume(volume: &Volume) -> Subject<'_> {
    Subject {
        name: volume.mount_point.display().to_string(),
        place: Ok(Place {
            storage: &volume.storage,
            by_file_system: Some(false),
            fscrypt: volume.fscrypt,
        }),
    }
}

/// Whether a file system takes data and keeps them: writable, not in memory, and not for starting the host, which the
/// firmware must be able to read.
fn keeps_data(volume: &Volume) -> bool {
    let point = &volume.mount_point;
    let beneath_boot = point.starts_with("/boot") || point.starts_with("/efi");
    let starts_host = point == Path::new("/boot")
        || volume.file_system == "vfat" && (beneath_boot || volume.efi_system_partition);
    volume.writable && !starts_host && volume.storage.lasts()
}

fn is_root(volume: &Volume) -> bool {
    volume.mount_point == Path::new("/")
}

fn fscrypt_at(facts: &VolumeFacts, mount_point: &Path) -> bool {
    facts
        .volumes
        .iter()
        .any(|volume| volume.fscrypt && volume.mount_point == mount_point)
}

/// Nothing on this host keeps data.
pub(crate) fn nothing_kept() -> Verdict {
    Verdict::not_applicable(Verdict::HOST, Message::new("encryption-nothing-kept"))
}

/// Another machine keeps it.
pub(crate) fn remote(subject: &str) -> Verdict {
    Verdict::error(subject, Message::new("encryption-remote").arg("subject", subject))
}

/// It can't be told whether it is encrypted.
pub(crate) fn doubtful(subject: &str, doubt: &Doubt) -> Verdict {
    let message = match doubt {
        Doubt::OwnEncryption => Message::new("encryption-doubt-own"),
        Doubt::NoDevice => Message::new("encryption-doubt-no-device"),
        Doubt::Container => Message::new("encryption-doubt-container"),
        Doubt::ReverseView => Message::new("encryption-doubt-reverse"),
        Doubt::Circle => Message::new("encryption-doubt-circle"),
        Doubt::Device { name, why } => Message::new("encryption-doubt-device")
            .arg("device", name)
            .arg("why", why),
    };
    Verdict::error(subject, message.arg("subject", subject))
}
