//! `transfer.cleartext-services`: nothing that other hosts can reach carries data without encryption.

use plumbline_config::message::Message;
use plumbline_facts::reachability::{Reach, Reachability, reachability};
use plumbline_facts::sockets::Listener;
use plumbline_facts::tls::{Endpoint, Protocol};
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::json;

use crate::check::{Check, Context, Verdict};
use crate::transfer_endpoints::tried;

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
    let sockets: Vec<Listener> = tls.listeners.iter().map(|tried| tried.listener.clone()).collect();
    let reach = reachability(facts.firewall.value()?, &sockets);
    let mut verdicts = Vec::new();
    for (place, tried) in tried(tls).enumerate() {
        let others_reach = sockets
            .get(place)
            .is_none_or(|socket| !socket.address.is_loopback() && reaches(&reach, socket));
        let verdict = if others_reach {
            judge_one(tried.subject(), tried.endpoint)
        } else {
            Verdict::not_applicable(tried.subject(), Message::new("transfer-not-reachable"))
        };
        verdicts.push(verdict.evidence(json!({
            "endpoint": tried.endpoint.endpoint,
            "process": tried.process,
            "protocol": tried.endpoint.protocol.name(),
            "speaks": tried.endpoint.speaks,
            "redirects": tried.endpoint.redirects,
        })));
    }
    if verdicts.is_empty() {
        verdicts.push(Verdict::not_applicable(
            Verdict::HOST,
            Message::new("tls-no-listener"),
        ));
    }
    Ok(verdicts)
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
}
