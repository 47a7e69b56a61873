//! `transfer.tested`: what the form asks for by 「並通過＿＿相關檢測」, answered by the scans themselves: when which endpoints
//! were tested, and whether they passed.

use plumbline_config::finding::Status;
use plumbline_config::message::Message;
use plumbline_facts::tls::Protocol;
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::json;

use crate::check::{Check, Context, Verdict};
use crate::transfer_endpoints::tried;
use crate::{tls_certificates, tls_cipher_suites, tls_protocol_versions, transfer_ssh};

/// The check.
pub(crate) const CHECK: Check = Check {
    id: "transfer.tested",
    needs: &[ProbeId::Tls],
    judge,
    #[cfg(test)]
    examples: tests::examples,
};

/// The tests that an endpoint passes.
const TESTS: [&Check; 4] = [
    &tls_protocol_versions::CHECK,
    &tls_cipher_suites::CHECK,
    &tls_certificates::CHECK,
    &transfer_ssh::CHECK,
];
/// Most endpoints named in a sentence.
const MOST_SAID: usize = 20;

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let transfer = &context.measures().transfer;
    if let Some(reason) = &transfer.not_applicable {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let found = facts.tls.value()?;
    let encrypts = |protocol: Protocol| protocol.is_tls() || protocol == Protocol::Ssh;
    let tested: Vec<String> = tried(found)
        .filter(|tried| encrypts(tried.endpoint.protocol))
        .map(|tried| tried.subject())
        .collect();
    let mut failed = Vec::new();
    let mut unknown = Vec::new();
    for test in TESTS {
        for verdict in (test.judge)(facts, context)? {
            match verdict.status {
                Status::Fail => failed.push(format!("{} ({})", verdict.subject, test.id)),
                Status::Error => unknown.push(verdict.subject),
                _ => {}
            }
        }
    }
    for list in [&mut failed, &mut unknown] {
        list.sort_unstable();
        list.dedup();
    }
    let on = context.now.strftime("%Y-%m-%d").to_string();
    let message = |key: &'static str, list: &[String]| {
        Message::new(key)
            .arg("date", &on)
            .number("count", tested.len())
            .arg("endpoints", said(list))
    };
    let verdict = if !failed.is_empty() {
        Verdict::fail(Verdict::HOST, message("transfer-tested-failed", &failed))
    } else if !unknown.is_empty() {
        Verdict::error(Verdict::HOST, message("transfer-tested-unknown", &unknown))
    } else if tested.is_empty() {
        Verdict::not_applicable(Verdict::HOST, message("transfer-tested-none", &tested))
    } else {
        Verdict::pass(Verdict::HOST, message("transfer-tested-passed", &tested))
    };
    Ok(vec![
        verdict
            .compared(json!(transfer.verified_by), json!(failed))
            .evidence(json!({
                "tested_at": context.now,
                "endpoints": tested,
                "failed": failed,
                "not_finished": unknown,
            })),
    ])
}

fn said(list: &[String]) -> String {
    let more = list.len() > MOST_SAID;
    let named: Vec<&str> = list.iter().take(MOST_SAID).map(String::as_str).collect();
    named.join(", ") + if more { " …" } else { "" }
}

#[cfg(test)]
mod tests {
    use plumbline_config::plan::{Plan, TlsVersion};
    use plumbline_facts::tls::{Endpoint, Offer, Suite};

    use super::*;
    use crate::check::Examples;
    use crate::transfer_examples::{certificate, endpoint, host, speaking, verdicts};

    fn sound() -> Endpoint {
        let mut endpoint = endpoint();
        endpoint.certificates = vec![certificate(&[], "2027-11-22T00:00:00Z")];
        endpoint.cipher_suites = vec![Suite {
            version: TlsVersion::V1_3,
            id: "0x1301".to_owned(),
            name: "TLS_AES_128_GCM_SHA256".to_owned(),
            weaknesses: Vec::new(),
        }];
        endpoint
    }

    pub(super) fn examples() -> Examples {
        let mut old = sound();
        old.versions[2] = Offer::Offered;
        Examples {
            passing: (host(vec![sound()]), Plan::default()),
            failing: (host(vec![old]), Plan::default()),
        }
    }

    #[test]
    fn the_finding_carries_date_and_endpoints() {
        let passing = verdicts(&CHECK, &examples().passing.0, &Plan::default());
        let text = passing[0].message.render();
        for text in [text.en, text.zh_tw] {
            assert!(
                text.contains("2026-11-22") && text.contains("tcp/[::]:443"),
                "{text}"
            );
        }
        let failing = verdicts(&CHECK, &examples().failing.0, &Plan::default());
        assert_eq!(failing[0].actual, json!(["tcp/[::]:443 (tls.protocol-versions)"]));
    }

    #[test]
    fn an_endpoint_that_was_not_tested_to_the_end_never_passes() {
        let facts = host(vec![sound(), speaking(Protocol::Unknown, None)]);
        assert_eq!(
            verdicts(&CHECK, &facts, &Plan::default())[0].status,
            Status::Error
        );
        let nothing = host(vec![speaking(Protocol::Silent, None)]);
        assert_eq!(
            verdicts(&CHECK, &nothing, &Plan::default())[0].status,
            Status::NotApplicable
        );
    }
}
