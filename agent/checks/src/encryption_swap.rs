//! `encryption.swap`: what is swapped out, personal data among it, is encrypted or stays in memory.

use std::path::Path;

use plumbline_config::message::Message;
use plumbline_facts::volumes::{DeviceKind, Protection, Storage, Swap, VolumeFacts};
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::json;

use crate::check::{Check, Context, Verdict};
use crate::encryption_subjects::{doubtful, remote};

pub(crate) const CHECK: Check = Check {
    id: "encryption.swap",
    needs: &[ProbeId::Volumes],
    judge,
    #[cfg(test)]
    examples: crate::encryption_examples::swap,
};

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    if let Some(reason) = &context.measures().encryption.not_applicable {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let facts = facts.volumes.value()?;
    if facts.swaps.is_empty() {
        let message = Message::new("encryption-swap-none");
        return Ok(vec![
            Verdict::pass(Verdict::HOST, message).compared("encrypted", "none"),
        ]);
    }
    Ok(facts.swaps.iter().map(|swap| on(facts, swap)).collect())
}

fn on(facts: &VolumeFacts, swap: &Swap) -> Verdict {
    let subject = name(facts, swap);
    let said = |key| Message::new(key).arg("subject", &subject);
    let verdict = match facts.protection(&swap.storage) {
        Protection::Encrypted(_) => {
            Verdict::pass(&subject, said("encryption-swap-encrypted")).compared("encrypted", "encrypted")
        }
        Protection::Memory => {
            Verdict::pass(&subject, said("encryption-memory")).compared("encrypted", "memory")
        }
        Protection::Plain(_) => {
            Verdict::fail(&subject, said("encryption-swap-plain")).compared("encrypted", "plain")
        }
        Protection::Remote => remote(&subject),
        Protection::Unknown(doubt) => doubtful(&subject, &doubt),
    };
    verdict.evidence(json!({ "layers": facts.layers(&swap.storage) }))
}

/// A mapping is named by its name: its number may be another after the next start.
fn name(facts: &VolumeFacts, swap: &Swap) -> String {
    let mapping = match &swap.storage {
        Storage::Devices(numbers) if swap.path.starts_with("/dev") => numbers.first(),
        _ => None,
    };
    let path = match mapping
        .and_then(|number| facts.devices.get(number))
        .map(|device| &device.kind)
    {
        Some(DeviceKind::Crypt(crypt)) => Path::new("/dev/mapper").join(&crypt.name),
        Some(DeviceKind::Mapping { name }) => Path::new("/dev/mapper").join(name),
        _ => swap.path.clone(),
    };
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use plumbline_config::finding::Status;
    use plumbline_config::plan::Plan;
    use plumbline_facts::volumes::Doubt;

    use super::*;
    use crate::encryption_examples::{HostBuilder, verdicts};

    #[test]
    fn swap_is_to_be_encrypted_in_memory_or_absent() {
        let base = || {
            HostBuilder::default()
                .disk("8:0", "sda", false)
                .partition("8:2", "sda2", "8:0")
                .crypt("254:0", "cryptswap", 512, "8:2")
                .memory("253:0", "zram0")
        };
        let on = |path: &str, storage| {
            let host = base().swap(path, storage);
            verdicts(&CHECK, &host.facts(), &Plan::default()).remove(0)
        };
        let devices = |number: &str| Storage::Devices(vec![number.parse().unwrap()]);
        for (path, storage, subject, status) in [
            (
                "/dev/dm-0",
                devices("254:0"),
                "/dev/mapper/cryptswap",
                Status::Pass,
            ),
            ("/dev/zram0", devices("253:0"), "/dev/zram0", Status::Pass),
            ("/dev/sda2", devices("8:2"), "/dev/sda2", Status::Fail),
            ("/swapfile", devices("254:0"), "/swapfile", Status::Pass),
            ("/swapfile", devices("8:2"), "/swapfile", Status::Fail),
            (
                "/dev/sdz",
                Storage::Unknown(Doubt::NoDevice),
                "/dev/sdz",
                Status::Error,
            ),
        ] {
            let seen = on(path, storage);
            assert_eq!((seen.0.as_str(), seen.1), (subject, status), "{path}");
        }
        let none = verdicts(&CHECK, &base().facts(), &Plan::default()).remove(0);
        assert_eq!(none, ("host".to_owned(), Status::Pass, "encryption-swap-none"));
    }
}
