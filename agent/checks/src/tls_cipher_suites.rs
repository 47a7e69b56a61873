//! `tls.cipher-suites`: no listening TCP socket accepts a weak suite, and key exchange is forward secret.

use std::collections::BTreeMap;

use plumbline_config::finding::Severity;
use plumbline_config::message::Message;
use plumbline_facts::tls::{Endpoint, Suite};
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::json;

use crate::check::{Check, Context, Verdict};
use crate::transfer_endpoints::{Mend, Tried, tried};

/// The check.
pub(crate) const CHECK: Check = Check {
    id: "tls.cipher-suites",
    needs: &[ProbeId::Tls],
    judge,
    #[cfg(test)]
    examples: tests::examples,
};

/// Weaknesses of suites that fail. `cbc` alone is told and does not.
const FAILING: [&str; 7] = [
    "null",
    "anonymous",
    "export",
    "rc4",
    "3des",
    "dh-below-2048",
    "no-forward-secrecy",
];
/// Most suites named in a sentence.
const MOST_SAID: usize = 6;

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let transfer = &context.measures().transfer;
    if let Some(reason) = &transfer.not_applicable {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let facts = facts.tls.value()?;
    let verdicts: Vec<Verdict> = tried(facts).map(|tried| judge_one(&tried)).collect();
    Ok(if verdicts.is_empty() {
        vec![Verdict::not_applicable(
            Verdict::HOST,
            Message::new("tls-no-listener"),
        )]
    } else {
        verdicts
    })
}

fn judge_one(tried: &Tried<'_>) -> Verdict {
    if let Some(verdict) = tried.without_tls() {
        return verdict;
    }
    let (subject, endpoint) = (tried.subject(), tried.endpoint);
    let weak = weak(endpoint);
    let verdict = if !weak.is_empty() {
        let message = Message::new("tls-suites-weak")
            .arg("weaknesses", weak.keys().copied().collect::<Vec<_>>().join(", "))
            .arg("suites", said(&weak));
        Verdict::fail(subject, message).remedy(tried.mend(Mend::Suites))
    } else if !endpoint.weaknesses_complete {
        let why = endpoint.error.as_deref().unwrap_or("?");
        Verdict::error(subject, Message::new("tls-suites-unknown").arg("why", why))
    } else if endpoint.cipher_suites.is_empty() {
        // It accepts a version, and no suite that can be offered without a secret.
        Verdict::not_applicable(subject, Message::new("tls-suites-none"))
    } else {
        let key = if hybrids(endpoint).is_empty() {
            "tls-suites-strong"
        } else {
            "tls-suites-strong-hybrid"
        };
        let message = Message::new(key).number("count", endpoint.cipher_suites.len());
        Verdict::pass(subject, message.arg("hybrids", hybrids(endpoint).join(", ")))
    };
    let evidence = json!({
        "endpoint": endpoint.endpoint,
        "process": tried.process,
        "protocol": endpoint.protocol.name(),
        "cipher_suites": endpoint.cipher_suites,
        "cipher_suites_complete": endpoint.cipher_suites_complete,
        "groups": endpoint.groups,
        "post_quantum_groups": hybrids(endpoint),
    });
    tried.weighed(
        verdict
            .compared(
                json!(FAILING.map(|weakness| format!("no {weakness}"))),
                json!(weak.keys().collect::<Vec<_>>()),
            )
            .evidence(evidence),
        Severity::Medium,
    )
}

/// Weaknesses that fail, with the suites that have them. Single DES and RC2 are as weak as what was made for export.
pub(crate) fn weak(endpoint: &Endpoint) -> BTreeMap<&'static str, Vec<&Suite>> {
    let mut weak: BTreeMap<&'static str, Vec<&Suite>> = BTreeMap::new();
    for suite in &endpoint.cipher_suites {
        let short = ["_WITH_DES_", "_DES_64_", "_RC2_", "DES40"]
            .iter()
            .any(|part| suite.name.contains(part))
            .then_some("short-key");
        let known = suite.weaknesses.iter().copied();
        for weakness in known.filter(|weakness| FAILING.contains(weakness)).chain(short) {
            weak.entry(weakness).or_default().push(suite);
        }
    }
    weak
}

fn said(weak: &BTreeMap<&'static str, Vec<&Suite>>) -> String {
    let mut names: Vec<&str> = weak.values().flatten().map(|suite| suite.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len() > MOST_SAID;
    names.truncate(MOST_SAID);
    names.join(", ") + if more { " …" } else { "" }
}

fn hybrids(endpoint: &Endpoint) -> Vec<&str> {
    let groups = endpoint.groups.iter().map(String::as_str);
    groups
        .filter(|group| group.contains("MLKEM") || group.contains("Kyber"))
        .collect()
}

#[cfg(test)]
mod tests {
    use plumbline_config::finding::Status;
    use plumbline_config::plan::{Plan, TlsVersion};

    use super::*;
    use crate::check::Examples;
    use crate::transfer_examples::{endpoint, host, verdicts};

    fn with(weaknesses: &[&'static str], complete: bool) -> Facts {
        let mut endpoint = endpoint();
        endpoint.cipher_suites = vec![Suite {
            version: TlsVersion::V1_2,
            id: "0xC02F".to_owned(),
            name: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".to_owned(),
            weaknesses: weaknesses.to_vec(),
        }];
        endpoint.weaknesses_complete = complete;
        host(vec![endpoint])
    }

    pub(super) fn examples() -> Examples {
        Examples {
            passing: (with(&[], true), Plan::default()),
            failing: (with(&["rc4"], true), Plan::default()),
        }
    }

    #[test]
    fn what_is_weak_fails_and_what_was_not_finished_never_passes() {
        for (weaknesses, complete, expected) in [
            (&[][..], true, Status::Pass),
            (&["cbc"], true, Status::Pass),
            (&[], false, Status::Error),
            (&["3des"], false, Status::Fail),
            (&["no-forward-secrecy"], true, Status::Fail),
        ] {
            let verdicts = verdicts(&CHECK, &with(weaknesses, complete), &Plan::default());
            assert_eq!(verdicts[0].status, expected, "{weaknesses:?} {complete}");
        }
    }

    #[test]
    fn the_hybrid_group_is_told_and_the_file_to_change_is_named() {
        let mut endpoint = endpoint();
        endpoint.groups = vec!["x25519".to_owned(), "X25519MLKEM768".to_owned()];
        endpoint.cipher_suites = vec![Suite {
            version: TlsVersion::V1_3,
            id: "0x1301".to_owned(),
            name: "TLS_AES_128_GCM_SHA256".to_owned(),
            weaknesses: Vec::new(),
        }];
        let passing = verdicts(&CHECK, &host(vec![endpoint]), &Plan::default());
        assert!(passing[0].message.render().en.contains("X25519MLKEM768"));
        let failing = verdicts(&CHECK, &examples().failing.0, &Plan::default());
        let remedy = failing[0].remedy.as_ref().unwrap().render();
        assert!(remedy.en.contains("/etc/nginx/nginx.conf") && remedy.zh_tw.contains("ssl_ciphers"));
    }
}
