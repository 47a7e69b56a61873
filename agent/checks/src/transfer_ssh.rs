//! `transfer.ssh`: no SSH server offers an algorithm that is broken or a key that is short.

use plumbline_config::message::Message;
use plumbline_facts::tls::{Protocol, SshOffer};
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::json;

use crate::check::{Check, Context, Verdict};
use crate::transfer_endpoints::{Tried, tried};

/// The check.
pub(crate) const CHECK: Check = Check {
    id: "transfer.ssh",
    needs: &[ProbeId::Tls],
    judge,
    #[cfg(test)]
    examples: tests::examples,
};

/// The process of OpenSSH's server.
const SERVER: &str = "sshd";
/// Shortest RSA host key that is not weak, in bits.
const LEAST_RSA_BITS: usize = 2048;

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let transfer = &context.measures().transfer;
    if let Some(reason) = &transfer.not_applicable {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let facts = facts.tls.value()?;
    let mut verdicts = Vec::new();
    for tried in tried(facts) {
        let subject = tried.subject();
        if tried.process == Some(SERVER)
            && let Some(verdict) = tried.closed()
        {
            verdicts.push(verdict);
        }
        if tried.endpoint.protocol != Protocol::Ssh {
            continue;
        }
        let verdict = match (&tried.endpoint.ssh, &tried.endpoint.error) {
            (Some(offer), _) => judge_offer(subject, offer).remedy(mend(&tried, offer)),
            (None, why) => {
                let why = why.as_deref().unwrap_or("?");
                Verdict::error(subject, Message::new("transfer-ssh-unknown").arg("why", why))
            }
        };
        verdicts.push(verdict);
    }
    if verdicts.is_empty() {
        verdicts.push(Verdict::not_applicable(
            Verdict::HOST,
            Message::new("transfer-ssh-none"),
        ));
    }
    Ok(verdicts)
}

fn judge_offer(subject: String, offer: &SshOffer) -> Verdict {
    let mut weak: Vec<String> = weak(offer).into_iter().flat_map(|(_, names)| names).collect();
    if let Some(bits) = offer.rsa_bits.filter(|bits| *bits < LEAST_RSA_BITS) {
        weak.push(format!("RSA {bits}"));
    }
    let verdict = if !weak.is_empty() {
        Verdict::fail(
            subject,
            Message::new("transfer-ssh-weak").arg("algorithms", weak.join(", ")),
        )
    } else if let Some(why) = &offer.rsa_unknown {
        Verdict::error(subject, Message::new("transfer-ssh-key-unknown").arg("why", why))
    } else {
        Verdict::pass(
            subject,
            Message::new("transfer-ssh-strong").arg("version", &offer.version),
        )
    };
    let evidence = serde_json::to_value(offer).unwrap_or_default();
    verdict
        .compared(json!([]), json!(weak))
        .evidence(json!({ "offer": evidence }))
}

/// What is broken among what is offered: SHA-1 in key exchange and signatures (RFC 9142, RFC 8332), DSA, CBC (RFC 4253
/// as attacked by CVE-2008-5161), RC4 (RFC 8758), MACs of MD5, RIPEMD and of 96 bits.
fn weak(offer: &SshOffer) -> [(&'static str, Vec<String>); 4] {
    let exchange = |name: &str| name.contains("sha1") || name.ends_with("-md5");
    let host_key =
        |name: &str| name == "ssh-rsa" || name.contains("-dss") || name.starts_with("ssh-rsa-cert");
    let cipher = |name: &str| {
        name.contains("-cbc")
            || name.starts_with("arcfour")
            || name == "none"
            || name == "des"
            || name == "idea"
    };
    let mac = |name: &str| {
        ["md5", "ripemd", "-96", "sha0"]
            .iter()
            .any(|part| name.contains(part))
            || name == "none"
    };
    let among = |names: &[String], is: &dyn Fn(&str) -> bool| -> Vec<String> {
        names.iter().filter(|name| is(name)).cloned().collect()
    };
    [
        ("KexAlgorithms", among(&offer.key_exchanges, &exchange)),
        ("HostKeyAlgorithms", among(&offer.host_keys, &host_key)),
        ("Ciphers", among(&offer.ciphers, &cipher)),
        ("MACs", among(&offer.macs, &mac)),
    ]
}

/// The lines of sshd_config(5) that take away what is weak; `None` of a server that is not OpenSSH, whose settings are
/// others, and where nothing is weak.
fn mend(tried: &Tried<'_>, offer: &SshOffer) -> Option<Message> {
    if !offer.version.contains("OpenSSH") {
        return None;
    }
    let listed = weak(offer).into_iter().filter(|(_, names)| !names.is_empty());
    let mut lines: Vec<String> = listed
        .map(|(setting, names)| format!("{setting} -{}", names.join(",")))
        .collect();
    if offer.rsa_bits.is_some_and(|bits| bits < LEAST_RSA_BITS) {
        lines.push("HostKey /etc/ssh/ssh_host_ed25519_key".to_owned());
    }
    let message = Message::new("transfer-mend")
        .arg("subject", tried.subject())
        .arg("program", tried.process.unwrap_or("sshd"))
        .arg("file", "/etc/ssh/sshd_config, /etc/ssh/sshd_config.d/");
    (!lines.is_empty()).then(|| message.arg("setting", lines.join("; ")))
}

#[cfg(test)]
mod tests {
    use plumbline_config::finding::Status;
    use plumbline_config::plan::Plan;

    use super::*;
    use crate::check::Examples;
    use crate::transfer_examples::{host, speaking, verdicts};

    fn with(change: impl Fn(&mut SshOffer)) -> Facts {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let mut offer = SshOffer {
            version: "SSH-2.0-OpenSSH_9.2p1".to_owned(),
            key_exchanges: names(&["sntrup761x25519-sha512@openssh.com", "curve25519-sha256"]),
            host_keys: names(&["rsa-sha2-512", "ssh-ed25519"]),
            ciphers: names(&["chacha20-poly1305@openssh.com", "aes128-ctr"]),
            macs: names(&["umac-64@openssh.com", "hmac-sha2-256", "hmac-sha1"]),
            rsa_bits: Some(3072),
            rsa_unknown: None,
        };
        change(&mut offer);
        let mut endpoint = speaking(Protocol::Ssh, None);
        endpoint.ssh = Some(offer);
        host(vec![endpoint])
    }

    pub(super) fn examples() -> Examples {
        Examples {
            passing: (with(|_| {}), Plan::default()),
            failing: (with(|offer| offer.rsa_bits = Some(1024)), Plan::default()),
        }
    }

    #[test]
    fn each_kind_of_algorithm_is_looked_at() {
        for (name, list) in [
            ("diffie-hellman-group14-sha1", 0),
            ("ssh-rsa", 1),
            ("ssh-dss", 1),
            ("aes256-cbc", 2),
            ("arcfour128", 2),
            ("hmac-md5-96", 3),
            ("hmac-sha1-96", 3),
        ] {
            let facts = with(|offer| {
                let lists = [
                    &mut offer.key_exchanges,
                    &mut offer.host_keys,
                    &mut offer.ciphers,
                    &mut offer.macs,
                ];
                lists[list].push(name.to_owned());
            });
            let verdicts = verdicts(&CHECK, &facts, &Plan::default());
            assert_eq!(verdicts[0].status, Status::Fail, "{name}");
            assert_eq!(verdicts[0].actual, json!([name]));
        }
    }

    #[test]
    fn the_remedy_names_the_process_and_the_lines_to_change() {
        let remedy = |facts: &Facts| verdicts(&CHECK, facts, &Plan::default())[0].remedy.clone();
        let facts = with(|offer| {
            offer.ciphers.push("aes256-cbc".to_owned());
            offer.macs.push("hmac-md5".to_owned());
            offer.rsa_bits = Some(1024);
        });
        let text = remedy(&facts).unwrap().render();
        for text in [text.en, text.zh_tw] {
            for part in [
                "tcp/[::]:443",
                "nginx",
                "/etc/ssh/sshd_config",
                "Ciphers -aes256-cbc; MACs -hmac-md5; HostKey ",
            ] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }
        assert!(remedy(&with(|_| {})).is_none());
        let other = with(|offer| {
            offer.version = "SSH-2.0-dropbear_2022.83".to_owned();
            offer.ciphers.push("aes256-cbc".to_owned());
        });
        assert!(remedy(&other).is_none());
    }

    #[test]
    fn a_key_that_was_not_shown_never_passes() {
        let facts = with(|offer| {
            offer.rsa_bits = None;
            offer.rsa_unknown = Some("no key exchange in common".to_owned());
        });
        assert_eq!(
            verdicts(&CHECK, &facts, &Plan::default())[0].status,
            Status::Error
        );
        let silent = host(vec![speaking(Protocol::Ssh, None)]);
        assert_eq!(
            verdicts(&CHECK, &silent, &Plan::default())[0].status,
            Status::Error
        );
    }
}
