//! `tls.protocol-versions`: no listening TCP socket accepts a TLS version below the declared one.

use plumbline_config::finding::Severity;
use plumbline_config::message::Message;
use plumbline_config::plan::TlsVersion;
use plumbline_facts::tls::Endpoint;
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::{Value, json};

use crate::check::{Check, Context, Verdict};
use crate::transfer_endpoints::{Mend, Tried, tried, unseen};

/// The check.
pub(crate) const CHECK: Check = Check {
    id: "tls.protocol-versions",
    needs: &[ProbeId::Tls],
    judge,
    #[cfg(test)]
    examples: tests::examples,
};

/// A socket that only the host itself can reach.
const LOOPBACK_SEVERITY: Severity = Severity::Medium;

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let transfer = &context.measures().transfer;
    if let Some(reason) = &transfer.not_applicable {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let facts = facts.tls.value()?;
    let verdicts: Vec<Verdict> = tried(facts)
        .map(|tried| judge_one(&tried, transfer.minimum_tls))
        .chain(unseen(facts))
        .collect();
    Ok(if verdicts.is_empty() {
        vec![Verdict::not_applicable(
            Verdict::HOST,
            Message::new("tls-no-listener"),
        )]
    } else {
        verdicts
    })
}

fn judge_one(tried: &Tried<'_>, minimum: TlsVersion) -> Verdict {
    let verdict = tried.without_tls().unwrap_or_else(|| {
        judge_versions(tried.subject(), tried.endpoint, minimum).remedy(tried.mend(Mend::Versions))
    });
    tried.weighed(verdict.evidence(evidence(tried)), LOOPBACK_SEVERITY)
}

/// An old version that is proven accepted fails, whatever else is not known; without one, every older version has to
/// be known not to be accepted.
fn judge_versions(subject: String, endpoint: &Endpoint, minimum: TlsVersion) -> Verdict {
    let below: Vec<TlsVersion> = endpoint.offered().filter(|version| *version < minimum).collect();
    let unknown: Vec<(TlsVersion, &str)> = endpoint
        .unknown()
        .filter(|(version, _)| *version < minimum)
        .collect();
    let offered: Vec<TlsVersion> = endpoint.offered().collect();
    let verdict = if !below.is_empty() {
        let message = Message::new("tls-versions-below")
            .arg("below", list(&below))
            .arg("minimum", minimum);
        Verdict::fail(subject, message.arg("protocol", endpoint.protocol))
    } else if let Some((_, why)) = unknown.first() {
        let versions: Vec<_> = unknown.iter().map(|(version, _)| *version).collect();
        let message = Message::new("tls-versions-unknown")
            .arg("versions", list(&versions))
            .arg("why", why);
        Verdict::error(subject, message.arg("protocol", endpoint.protocol))
    } else {
        let message = Message::new("tls-versions-accepted")
            .arg("versions", list(&offered))
            .arg("minimum", minimum);
        Verdict::pass(subject, message.arg("protocol", endpoint.protocol))
    };
    verdict.compared(minimum.name(), names(&offered))
}

fn list(versions: &[TlsVersion]) -> String {
    names(versions).join(", ")
}

fn names(versions: &[TlsVersion]) -> Vec<&'static str> {
    versions.iter().map(|version| version.name()).collect()
}

/// Without the process's id, which changes at each start of a service and would make a new finding of an old one.
fn evidence(tried: &Tried<'_>) -> Value {
    let endpoint = tried.endpoint;
    let unknown: serde_json::Map<_, _> = endpoint
        .unknown()
        .map(|(version, why)| (version.name().to_owned(), why.into()))
        .collect();
    json!({
        "endpoint": endpoint.endpoint,
        "namespace": tried.namespace_name(),
        "process": tried.process,
        "protocol": endpoint.protocol.name(),
        "speaks": endpoint.speaks,
        "versions": endpoint.version_flags(),
        "versions_unknown": unknown,
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use plumbline_config::finding::Status;
    use plumbline_config::ident::Role;
    use plumbline_config::plan::{Plan, Transport};
    use plumbline_facts::Known;
    use plumbline_facts::sockets::{Listener, Process};
    use plumbline_facts::tls::{Offer, Protocol, StartTls, TlsListener, TlsListeners};

    use super::*;
    use crate::check::Examples;

    fn listener(protocol: Protocol, versions: [Offer; 6]) -> TlsListener {
        TlsListener {
            listener: Listener {
                transport: Transport::Tcp,
                address: "::".parse().unwrap(),
                port: 443,
                interface: None,
                v6_only: false,
                process: Some(Process {
                    pid: 7,
                    name: "nginx".to_owned(),
                }),
            },
            namespace: None,
            endpoint: Endpoint {
                protocol,
                versions,
                ..crate::transfer_examples::endpoint()
            },
        }
    }

    /// `y` offered, `n` not offered, `?` unknown, oldest version first.
    fn offers(text: &str) -> [Offer; 6] {
        let offers: Vec<_> = text
            .chars()
            .map(|c| match c {
                'y' => Offer::Offered,
                'n' => Offer::NotOffered,
                _ => Offer::Unknown("the peer did not answer in time".to_owned()),
            })
            .collect();
        offers.try_into().unwrap()
    }

    fn host(listeners: Vec<TlsListener>) -> Facts {
        Facts {
            tls: Known::Value(TlsListeners {
                listeners,
                ..TlsListeners::default()
            }),
            ..Facts::default()
        }
    }

    pub(super) fn examples() -> Examples {
        let with = |text| host(vec![listener(Protocol::Tls, offers(text))]);
        Examples {
            passing: (with("nnnnyy"), Plan::default()),
            failing: (with("nnyyyy"), Plan::default()),
        }
    }

    fn verdicts(facts: &Facts, plan: &Plan) -> Vec<Verdict> {
        let now: Timestamp = crate::invariants::NOW.parse().unwrap();
        let context = Context {
            plan,
            role: Role::Service,
            now,
        };
        judge(facts, &context).unwrap()
    }

    fn status(protocol: Protocol, text: &str, minimum: TlsVersion) -> Status {
        let mut plan = Plan::default();
        plan.service.transfer.minimum_tls = minimum;
        let verdicts = verdicts(&host(vec![listener(protocol, offers(text))]), &plan);
        assert_eq!(verdicts.len(), 1);
        verdicts[0].status
    }

    #[test]
    fn what_is_proven_decides_and_what_is_unknown_never_passes() {
        let smtp = Protocol::StartTls(StartTls::Smtp);
        for (protocol, text, minimum, expected) in [
            (Protocol::Tls, "nnnnyn", TlsVersion::V1_2, Status::Pass),
            (smtp, "nnnnyy", TlsVersion::V1_2, Status::Pass),
            (smtp, "nnnyyy", TlsVersion::V1_2, Status::Fail),
            (Protocol::Tls, "ynnnnn", TlsVersion::V1_2, Status::Fail),
            (Protocol::Tls, "nnnnyy", TlsVersion::V1_3, Status::Fail),
            (Protocol::Tls, "nnnnny", TlsVersion::V1_3, Status::Pass),
            (Protocol::Tls, "nnyyyy", TlsVersion::V1_0, Status::Pass),
            (Protocol::Tls, "??y???", TlsVersion::V1_2, Status::Fail),
            (Protocol::Tls, "?nnnyy", TlsVersion::V1_2, Status::Error),
            (Protocol::Tls, "nnnny?", TlsVersion::V1_2, Status::Pass),
            (Protocol::Tls, "??????", TlsVersion::V1_2, Status::Error),
            (Protocol::Ssh, "nnnnnn", TlsVersion::V1_2, Status::NotApplicable),
            (
                Protocol::Cleartext,
                "nnnnnn",
                TlsVersion::V1_2,
                Status::NotApplicable,
            ),
            (
                Protocol::Silent,
                "??????",
                TlsVersion::V1_2,
                Status::NotApplicable,
            ),
            (Protocol::Unknown, "??????", TlsVersion::V1_2, Status::Error),
        ] {
            assert_eq!(
                status(protocol, text, minimum),
                expected,
                "{protocol} {text} {minimum}"
            );
        }
    }

    #[test]
    fn a_loopback_socket_matters_less() {
        let mut local = listener(Protocol::Tls, offers("nnyyyy"));
        local.listener.address = "127.0.0.1".parse().unwrap();
        let verdicts = verdicts(&host(vec![local]), &Plan::default());
        assert_eq!(
            (verdicts[0].status, verdicts[0].severity),
            (Status::Fail, Some(Severity::Medium))
        );
        assert_eq!(verdicts[0].subject, "tcp/127.0.0.1:443");
    }

    #[test]
    fn a_host_without_listeners_and_a_plan_without_the_item_are_not_applicable() {
        let empty = verdicts(&host(Vec::new()), &Plan::default());
        assert_eq!((empty[0].status, empty.len()), (Status::NotApplicable, 1));
        let mut plan = Plan::default();
        plan.service.transfer.not_applicable = Some("no network".to_owned());
        let off = verdicts(&examples().failing.0, &plan);
        assert_eq!((off[0].status, off.len()), (Status::NotApplicable, 1));
    }

    #[test]
    fn the_failure_names_the_versions_in_both_languages() {
        let verdicts = verdicts(&examples().failing.0, &Plan::default());
        let text = verdicts[0].message.render();
        for text in [&text.en, &text.zh_tw] {
            assert!(
                text.contains("TLSv1.0, TLSv1.1") && text.contains("TLSv1.2"),
                "{text}"
            );
        }
        assert_eq!(verdicts[0].evidence["process"], "nginx");
        assert_eq!(
            verdicts[0].actual,
            json!(["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"])
        );
    }
}
