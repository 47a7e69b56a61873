//! `transfer.cleartext-services`: nothing that other hosts can reach carries data without encryption.

use plumbline_config::finding::Status;
use plumbline_config::message::Message;
use plumbline_facts::reachability::{Reach, Reachability, reachability};
use plumbline_facts::sockets::Listener;
use plumbline_facts::tls::{Endpoint, Protocol, TlsListener};
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::json;

use crate::check::{Check, Context, Verdict};
use crate::transfer_endpoints::{Tried, tried, unseen};
use crate::transfer_inward::{Inward, Reached};

/// The check.
pub(crate) const CHECK: Check = Check {
    id: "transfer.cleartext-services",
    needs: &[ProbeId::Tls, ProbeId::Firewall],
    judge,
    #[cfg(test)]
    examples: tests::examples,
};

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let transfer = &context.measures().transfer;
    if let Some(reason) = &transfer.not_applicable {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let tls = facts.tls.value()?;
    let own = |tried: &&TlsListener| tried.namespace.is_none();
    let sockets: Vec<Listener> = tls
        .listeners
        .iter()
        .filter(own)
        .map(|tried| tried.listener.clone())
        .collect();
    let firewall = facts.firewall.value()?;
    let reach = reachability(firewall, &sockets);
    let inward = Inward::new(firewall, &reach);
    let mut verdicts = Vec::new();
    for tried in tried(tls) {
        let (subject, endpoint) = (tried.subject(), tried.endpoint);
        let reached = match (tried.socket(), tried.namespace) {
            // Another host, which was reached.
            (None, _) => Reached::Yes,
            (Some(socket), _) if socket.address.is_loopback() => Reached::No,
            (Some(socket), None) if reaches(&reach, socket) => Reached::Yes,
            (Some(_), None) => Reached::No,
            (Some(socket), Some(namespace)) => inward.reaches(socket, namespace),
        };
        let verdict = match (tried.closed(), reached) {
            (Some(closed), _) if !tried.loopback => closed,
            (_, Reached::Yes) => judge_one(subject, endpoint),
            (_, Reached::No) => not_reached(&tried),
            (_, Reached::Unknown) => match judge_one(subject.clone(), endpoint) {
                verdict if verdict.status == Status::Fail => Verdict::error(
                    subject,
                    Message::new("transfer-cleartext-inside")
                        .arg("speaks", endpoint.speaks.unwrap_or("?"))
                        .arg("namespace", tried.namespace_name()),
                ),
                verdict => verdict,
            },
        };
        verdicts.push(verdict.evidence(json!({
            "endpoint": endpoint.endpoint,
            "namespace": tried.namespace_name(),
            "process": tried.process,
            "protocol": endpoint.protocol.name(),
            "speaks": endpoint.speaks,
            "redirects": endpoint.redirects,
        })));
    }
    verdicts.extend(unseen(tls));
    if verdicts.is_empty() {
        verdicts.push(Verdict::not_applicable(
            Verdict::HOST,
            Message::new("tls-no-listener"),
        ));
    }
    Ok(verdicts)
}

fn not_reached(tried: &Tried<'_>) -> Verdict {
    let key = if tried.namespace.is_some() {
        "transfer-not-reachable-inside"
    } else {
        "transfer-not-reachable"
    };
    Verdict::not_applicable(
        tried.subject(),
        Message::new(key).arg("namespace", tried.namespace_name()),
    )
}

/// Whether other hosts can reach a socket, or it can't be told.
fn reaches(reach: &Reachability, socket: &Listener) -> bool {
    let is = |reach: &Reach| {
        (reach.transport, reach.address) == (socket.transport, socket.address)
            && (reach.port..=reach.last_port.unwrap_or(reach.port)).contains(&socket.port)
    };
    !reach.unreachable.iter().any(is) || reach.reachable.iter().chain(&reach.unknown).any(is)
}

fn judge_one(subject: String, endpoint: &Endpoint) -> Verdict {
    match (endpoint.protocol, endpoint.speaks) {
        (Protocol::Tls | Protocol::StartTls(_) | Protocol::Dtls | Protocol::Quic | Protocol::Ssh, _) => {
            Verdict::pass(
                subject,
                Message::new("transfer-encrypted").arg("protocol", endpoint.protocol),
            )
        }
        (Protocol::Cleartext, Some("http")) if endpoint.redirects => {
            Verdict::pass(subject, Message::new("transfer-redirects"))
        }
        (Protocol::Cleartext, speaks) => Verdict::fail(
            subject,
            Message::new("transfer-cleartext").arg("speaks", speaks.unwrap_or("?")),
        ),
        (Protocol::Silent, _) => Verdict::not_applicable(subject, Message::new("tls-not-spoken-silent")),
        (Protocol::Unknown, _) => Verdict::error(
            subject,
            Message::new("tls-endpoint-unknown").arg("why", endpoint.error.as_deref().unwrap_or("?")),
        ),
    }
}

#[cfg(test)]
mod tests {
    use plumbline_config::finding::Status;
    use plumbline_config::plan::Plan;
    use plumbline_facts::Known;
    use plumbline_facts::tls::{Elsewhere, Unseen};

    use super::*;
    use crate::check::Examples;
    use crate::transfer_examples::{endpoint, host, speaking, verdicts};

    pub(super) fn examples() -> Examples {
        let clear = speaking(Protocol::Cleartext, Some("telnet"));
        Examples {
            passing: (host(vec![endpoint()]), Plan::default()),
            failing: (host(vec![clear]), Plan::default()),
        }
    }

    fn status(endpoint: Endpoint) -> Status {
        verdicts(&CHECK, &host(vec![endpoint]), &Plan::default())[0].status
    }

    #[test]
    fn what_is_spoken_in_clear_fails_unless_it_only_sends_on() {
        assert_eq!(status(speaking(Protocol::Cleartext, Some("ftp"))), Status::Fail);
        assert_eq!(status(speaking(Protocol::Cleartext, Some("http"))), Status::Fail);
        let mut redirecting = speaking(Protocol::Cleartext, Some("http"));
        redirecting.redirects = true;
        assert_eq!(status(redirecting), Status::Pass);
        assert_eq!(status(speaking(Protocol::Ssh, None)), Status::Pass);
        assert_eq!(status(speaking(Protocol::Silent, None)), Status::NotApplicable);
        assert_eq!(status(speaking(Protocol::Unknown, None)), Status::Error);
    }

    #[test]
    fn what_only_the_host_itself_reaches_is_out_of_scope() {
        let mut facts = examples().failing.0;
        if let Known::Value(tls) = &mut facts.tls {
            tls.listeners[0].listener.address = "127.0.0.1".parse().unwrap();
        }
        assert_eq!(
            verdicts(&CHECK, &facts, &Plan::default())[0].status,
            Status::NotApplicable
        );
    }

    fn elsewhere(closed: bool) -> Facts {
        let mut facts = examples().failing.0;
        if let Known::Value(tls) = &mut facts.tls {
            let address = "10.70.0.2".parse().unwrap();
            tls.listeners[0].namespace = Some(Elsewhere {
                name: "web".to_owned(),
                closed,
                addresses: vec![address],
                bypasses_host: true,
            });
            if closed {
                tls.listeners[0].endpoint = Endpoint::unspoken("[::]:443".to_owned(), "refused");
            }
        }
        facts
    }

    #[test]
    fn in_another_namespace_what_cannot_be_told_is_an_error() {
        for check in [&CHECK, &crate::tls_protocol_versions::CHECK] {
            let verdict = verdicts(check, &elsewhere(true), &Plan::default()).remove(0);
            assert_eq!(
                (verdict.status, verdict.subject.as_str()),
                (Status::Error, "tcp/[::]:443@web")
            );
            assert_eq!(verdict.evidence["namespace"], "web");
            let text = verdict.message.render();
            for text in [text.en, text.zh_tw] {
                assert!(text.contains("web") && text.contains("CAP_SYS_ADMIN"), "{text}");
            }
        }
        let open = verdicts(&CHECK, &elsewhere(false), &Plan::default()).remove(0);
        assert_eq!(open.status, Status::Error, "what filters before it is not known");
    }

    #[test]
    fn sockets_that_could_not_be_listed_are_an_error_beside_what_was_judged() {
        let mut facts = examples().passing.0;
        if let Known::Value(tls) = &mut facts.tls {
            tls.unseen = vec![
                Unseen::Hidden,
                Unseen::TooMany,
                Unseen::Unlisted {
                    name: "kept".to_owned(),
                    why: "refused".to_owned(),
                },
            ];
        }
        for check in [&CHECK, &crate::tls_protocol_versions::CHECK] {
            let said: Vec<_> = verdicts(check, &facts, &Plan::default())
                .into_iter()
                .map(|verdict| (verdict.status, verdict.subject))
                .collect();
            let expected = ["@?", "@*", "@kept"].map(|subject| (Status::Error, subject.to_owned()));
            assert_eq!(said[1..], expected);
        }
        let tested = verdicts(&crate::transfer_tested::CHECK, &facts, &Plan::default());
        assert_ne!(tested[0].status, Status::Pass);
    }
}
