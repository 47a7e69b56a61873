//! `encryption.cipher`: what encrypts is at least as strong as declared (AES256以上).

use plumbline_config::message::Message;
use plumbline_facts::volumes::{Cipher, DeviceKind, Guard, Protection, VolumeFacts, Weakness};
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::json;

use crate::check::{Check, Context, Verdict};
use crate::encryption_subjects::{Place, Subject, doubtful, nothing_kept, remote, subjects};

pub(crate) const CHECK: Check = Check {
    id: "encryption.cipher",
    needs: &[ProbeId::Volumes],
    judge,
    #[cfg(test)]
    examples: crate::encryption_examples::cipher,
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
        Ok(place) => on(facts, &name, &place, plan.minimum_key_bits),
        Err(unknown) => Verdict::unknown(name, &unknown),
    };
    Ok(subjects.into_iter().map(verdict).collect())
}

fn on(facts: &VolumeFacts, subject: &str, place: &Place<'_>, minimum: u32) -> Verdict {
    let said = |key| Message::new(key).arg("subject", subject);
    if place.by_file_system == Some(true) {
        return Verdict::error(subject, said("encryption-cipher-hidden").arg("by", "fscrypt"));
    }
    match facts.protection(place.storage) {
        Protection::Encrypted(guards) => {
            let verdicts = guards
                .iter()
                .map(|guard| of_guard(facts, subject, guard, minimum));
            // Data may lie on any of them, so the worst one counts.
            let worst = verdicts.max_by_key(|verdict| verdict.status.concern());
            worst.unwrap_or_else(nothing_kept)
        }
        Protection::Plain(_) => Verdict::not_applicable(subject, said("encryption-cipher-plain")),
        Protection::Memory => Verdict::not_applicable(subject, said("encryption-memory")),
        Protection::Remote => remote(subject),
        Protection::Unknown(doubt) => doubtful(subject, &doubt),
    }
}

fn of_guard(facts: &VolumeFacts, subject: &str, guard: &Guard, minimum: u32) -> Verdict {
    let hidden = |by: &str| {
        let message = Message::new("encryption-cipher-hidden").arg("subject", subject);
        Verdict::error(subject, message.arg("by", by))
    };
    match guard {
        Guard::FileSystem { name, cipher: None } => hidden(name),
        Guard::FileSystem {
            cipher: Some((cipher, bits)),
            ..
        } => of_cipher(subject, &Cipher::new(cipher, Some(*bits), 0), minimum),
        Guard::Mapping(number) => {
            let Some(DeviceKind::Crypt(crypt)) = facts.devices.get(number).map(|device| &device.kind) else {
                return hidden(&number.to_string());
            };
            match crypt.header.present() {
                Ok(Some(header)) => match &header.cipher {
                    Some(cipher) => of_cipher(subject, cipher, minimum),
                    None => hidden(&crypt.name),
                },
                // Formats without a LUKS header.
                Ok(None) => hidden(&crypt.name),
                Err(unknown) => Verdict::unknown(subject, &unknown),
            }
        }
    }
}

fn of_cipher(subject: &str, cipher: &Cipher, minimum: u32) -> Verdict {
    let said = |key| {
        Message::new(key)
            .arg("subject", subject)
            .arg("cipher", &cipher.name)
    };
    let defeated = cipher
        .weaknesses
        .iter()
        .any(|weakness| Weakness::defeats_encryption(*weakness));
    let verdict = match cipher.strength {
        _ if defeated => Verdict::fail(subject, said("encryption-cipher-defeated")),
        None => Verdict::error(subject, said("encryption-cipher-unknown")),
        Some(strength) => {
            let message = |key| said(key).arg("strength", strength).arg("minimum", minimum);
            if strength >= minimum {
                Verdict::pass(subject, message("encryption-cipher-strong"))
            } else {
                Verdict::fail(subject, message("encryption-cipher-weak"))
            }
        }
    };
    verdict
        .compared(
            json!({ "minimum_strength_bits": minimum }),
            json!({ "strength_bits": cipher.strength }),
        )
        .evidence(json!({ "cipher": cipher }))
}

#[cfg(test)]
mod tests {
    use plumbline_config::finding::Status;
    use plumbline_config::plan::Plan;
    use plumbline_facts::Known;
    use plumbline_facts::volumes::{CryptFormat, Storage};

    use super::*;
    use crate::encryption_examples::{HostBuilder, verdicts};

    fn judged(host: &HostBuilder, plan: &Plan) -> (Status, &'static str) {
        let (_, status, key) = verdicts(&CHECK, &host.facts(), plan).remove(0);
        (status, key)
    }

    fn on_cipher(cipher: &str, bits: u32) -> (Status, &'static str) {
        let host = HostBuilder::default()
            .disk("8:0", "sda", false)
            .mount("/", "ext4", "254:0");
        judged(
            &host.crypt_with("254:0", "a", cipher, bits, "8:0"),
            &Plan::default(),
        )
    }

    #[test]
    fn strength_is_judged_and_not_the_length_of_the_stored_key() {
        assert_eq!(
            on_cipher("aes-xts-plain64", 512),
            (Status::Pass, "encryption-cipher-strong")
        );
        assert_eq!(
            on_cipher("aes-xts-plain64", 256),
            (Status::Fail, "encryption-cipher-weak")
        );
        assert_eq!(on_cipher("aes-cbc-essiv:sha256", 256).0, Status::Pass);
        assert_eq!(
            on_cipher("aes-ecb", 256),
            (Status::Fail, "encryption-cipher-defeated")
        );
        assert_eq!(
            on_cipher("rot13-xts-plain64", 512),
            (Status::Error, "encryption-cipher-unknown")
        );
        let mut plan = Plan::default();
        plan.service.encryption.minimum_key_bits = 128;
        let host = HostBuilder::default()
            .disk("8:0", "sda", false)
            .mount("/", "ext4", "254:0");
        let host = host.crypt_with("254:0", "a", "aes-xts-plain64", 256, "8:0");
        assert_eq!(judged(&host, &plan).0, Status::Pass);
    }

    #[test]
    fn the_weaker_of_two_legs_counts() {
        let host = HostBuilder::default()
            .crypt("254:0", "a", 512, "8:0")
            .crypt("254:1", "b", 256, "8:16")
            .mount_on("/", "btrfs", &["254:0", "254:1"]);
        assert_eq!(judged(&host, &Plan::default()).0, Status::Fail);
    }

    #[test]
    fn a_header_that_could_not_be_read_is_an_error() {
        let host = HostBuilder::default().mount("/", "ext4", "254:0");
        let denied = host
            .clone()
            .crypt_without_header(CryptFormat::Luks2, Known::denied("/dev/sda", "CAP_X"));
        assert_eq!(judged(&denied, &Plan::default()), (Status::Error, "fact-denied"));
        let plain = host.crypt_without_header(CryptFormat::Plain, Known::Absent("LUKS header".to_owned()));
        assert_eq!(
            judged(&plain, &Plan::default()),
            (Status::Error, "encryption-cipher-hidden")
        );
    }

    #[test]
    fn file_systems_that_encrypt_are_judged_by_what_their_mount_shows() {
        let on = |cipher: Option<(&str, u32)>| {
            let storage = Storage::EncryptedBy {
                file_system: "ecryptfs".to_owned(),
                cipher: cipher.map(|(name, bits)| (name.to_owned(), bits)),
            };
            judged(
                &HostBuilder::default().kept("/home/a", "ecryptfs", storage),
                &Plan::default(),
            )
        };
        assert_eq!(on(Some(("aes", 256))), (Status::Pass, "encryption-cipher-strong"));
        assert_eq!(on(Some(("aes", 128))), (Status::Fail, "encryption-cipher-weak"));
        assert_eq!(on(None), (Status::Error, "encryption-cipher-hidden"));
    }

    #[test]
    fn plain_storage_has_no_cipher_to_judge() {
        let host = HostBuilder::default()
            .disk("8:0", "sda", false)
            .mount("/", "ext4", "8:0");
        assert_eq!(
            judged(&host, &Plan::default()),
            (Status::NotApplicable, "encryption-cipher-plain")
        );
    }
}
