//! `firewall.reachable-ports`: what other hosts can really reach is what the plan allows, from where it allows it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use plumbline_config::message::Message;
use plumbline_config::plan::AllowedPort;
use plumbline_facts::reachability::{Reach, Via, reachability};
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::{Value, json};

use crate::check::{Check, Context, Verdict};

/// The check.
pub(crate) const CHECK: Check = Check {
    id: "firewall.reachable-ports",
    needs: &[ProbeId::Sockets, ProbeId::Firewall],
    judge,
    #[cfg(test)]
    examples: tests::examples,
};

/// Most networks named in a sentence.
const MOST_NETWORKS_SAID: usize = 8;
/// Most networks, and most entries, kept in the evidence of a finding.
const MOST_KEPT: usize = 32;

/// What is known of one subject.
#[derive(Default)]
struct Subject<'r> {
    reachable: Vec<&'r Reach>,
    unknown: Vec<&'r Reach>,
}

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let plan = &context.measures().intrusion.firewall;
    if let Some(reason) = &plan.not_applicable {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let sockets = facts.sockets.value()?;
    let found = reachability(facts.firewall.value()?, &sockets.listeners);
    let mut subjects: BTreeMap<String, Subject<'_>> = BTreeMap::new();
    for reach in &found.reachable {
        subjects.entry(subject(reach)).or_default().reachable.push(reach);
    }
    for reach in &found.unknown {
        subjects.entry(subject(reach)).or_default().unknown.push(reach);
    }
    if subjects.is_empty() {
        let message = Message::new("firewall-reachable-none").number("count", sockets.listeners.len());
        return Ok(vec![
            Verdict::pass(Verdict::HOST, message).compared(allowed_text(&plan.allowed_ports), json!([])),
        ]);
    }
    let judged = subjects
        .iter()
        .map(|(name, subject)| on(name, subject, &plan.allowed_ports));
    Ok(judged.collect())
}

fn subject(reach: &Reach) -> String {
    let ports = match reach.last_port {
        Some(last) => format!("{}-{last}", reach.port),
        None => reach.port.to_string(),
    };
    match reach.address {
        IpAddr::V4(address) => format!("{}/{address}:{ports}", reach.transport),
        // Reached over IPv4 a socket on `::` is still that socket.
        IpAddr::V6(address) => format!("{}/[{address}]:{ports}", reach.transport),
    }
}

fn on(name: &str, subject: &Subject<'_>, allowed: &[AllowedPort]) -> Verdict {
    let reaches = || subject.reachable.iter().chain(&subject.unknown);
    let beyond: Vec<IpNet> = subject
        .reachable
        .iter()
        .flat_map(|reach| not_allowed(reach, allowed))
        .collect();
    let doubtful = subject
        .unknown
        .iter()
        .find(|reach| !not_allowed(reach, allowed).is_empty());
    let process = reaches()
        .find_map(|reach| reach.process.clone())
        .unwrap_or_else(|| "?".to_owned());
    let said = |key| Message::new(key).arg("subject", name).arg("process", &process);
    let verdict = if !beyond.is_empty() {
        let from = IpNet::aggregate(&beyond);
        // A port that the plan does not name at all is said so; of one that it names, the networks are what is wrong.
        let named = allowed
            .iter()
            .any(|port| reaches().any(|reach| port.port.contains(reach.transport, reach.port)));
        let translated = subject.reachable.iter().find(|reach| is_passed_on(reach));
        match (named, translated) {
            // Past the input rules, where ufw and people look.
            (false, Some(reach)) => {
                let by = if reach.because.iter().any(|reason| reason.contains(" DOCKER ")) {
                    "Docker"
                } else {
                    "DNAT"
                };
                let message = said("firewall-reachable-translated").arg("from", shortened(&from));
                Verdict::fail(
                    name,
                    message.arg("by", by).arg("targets", reach.targets.join(", ")),
                )
            }
            (true, _) => {
                let message = said("firewall-reachable-from-more");
                Verdict::fail(name, message.arg("from", shortened(&from)))
            }
            (false, None) => {
                let message = said("firewall-reachable-not-allowed");
                Verdict::fail(name, message.arg("from", shortened(&from)))
            }
        }
    } else if let Some(reach) = doubtful {
        let why = reach.because.last().map_or("?", String::as_str);
        Verdict::error(name, said("firewall-reachable-unknown").arg("why", why))
    } else {
        Verdict::pass(name, said("firewall-reachable-allowed"))
    };
    let from: Vec<_> = subject
        .reachable
        .iter()
        .flat_map(|reach| reach.from.iter().copied())
        .collect();
    let transport_port = reaches().next().map(|reach| (reach.transport, reach.port));
    let named = allowed.iter().filter(|allowed| {
        transport_port.is_some_and(|(transport, port)| allowed.port.contains(transport, port))
    });
    let named: Vec<_> = named.cloned().collect();
    verdict
        .compared(allowed_text(&named), kept(&IpNet::aggregate(&from)))
        .evidence(json!({
            "owner": process,
            "purposes": named.iter().map(|allowed| &allowed.purpose).collect::<Vec<_>>(),
            "reachable": evidence(&subject.reachable),
            "unknown": evidence(&subject.unknown),
        }))
}

/// Whether it is passed on to another host or container, which input rules do not see.
fn is_passed_on(reach: &Reach) -> bool {
    reach.via == Via::Dnat && reach.targets.iter().any(|target| !target.starts_with("*:"))
}

/// The networks that reach it and that the plan does not let.
fn not_allowed(reach: &Reach, allowed: &[AllowedPort]) -> Vec<IpNet> {
    let ports = reach.port..=reach.last_port.unwrap_or(reach.port);
    let lets = |net: &IpNet, port: u16| {
        let mut networks = Vec::new();
        for entry in allowed
            .iter()
            .filter(|entry| entry.port.contains(reach.transport, port))
        {
            if entry.from.is_empty() {
                return true;
            }
            networks.extend(entry.from.iter().map(IpNet::trunc));
        }
        IpNet::aggregate(&networks)
            .iter()
            .any(|network| network.contains(net))
    };
    let beyond = reach
        .from
        .iter()
        .filter(|net| !ports.clone().all(|port| lets(net, port)));
    beyond.copied().collect()
}

fn evidence(reaches: &[&Reach]) -> Vec<Value> {
    let one = |reach: &&Reach| {
        json!({
            "family": reach.family,
            "via": reach.via,
            "targets": reach.targets,
            "from": kept(&reach.from),
            "networks": reach.from.len(),
            "source_ports": reach.source_ports,
            "interfaces": reach.interfaces.iter().take(MOST_KEPT).collect::<Vec<_>>(),
            "confidence": reach.confidence,
            "because": reach.because.iter().take(MOST_KEPT).collect::<Vec<_>>(),
        })
    };
    reaches.iter().take(MOST_KEPT).map(one).collect()
}

fn kept(nets: &[IpNet]) -> Value {
    json!(text(nets.get(..MOST_KEPT).unwrap_or(nets)))
}

/// The first networks, and how many more there are.
fn shortened(nets: &[IpNet]) -> String {
    let mut said = text(nets.get(..MOST_NETWORKS_SAID).unwrap_or(nets));
    if nets.len() > said.len() {
        said.push(format!("+{}", nets.len() - said.len()));
    }
    said.join(", ")
}

fn text(nets: &[IpNet]) -> Vec<String> {
    nets.iter().map(ToString::to_string).collect()
}

fn allowed_text(allowed: &[AllowedPort]) -> Value {
    let entry = |allowed: &AllowedPort| match allowed.from.is_empty() {
        true => allowed.port.to_string(),
        false => format!("{} from {}", allowed.port, text(&allowed.from).join(", ")),
    };
    json!(allowed.iter().map(entry).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use plumbline_config::finding::Status;
    use plumbline_config::plan::{Plan, Transport};
    use plumbline_facts::Known;
    use plumbline_facts::firewall::{FirewallFacts, Interface, Surroundings, json};
    use plumbline_facts::sockets::{Listener, Process, Sockets};

    use super::*;
    use crate::check::Examples;
    use crate::encryption_examples::verdicts;
    use crate::firewall_active::tests::{ESTABLISHED, SSH, ruleset};

    fn facts(firewall: FirewallFacts, at: &[(&str, u16)]) -> Facts {
        let listener = |(address, port): &(&str, u16)| Listener {
            transport: Transport::Tcp,
            address: address.parse().unwrap(),
            port: *port,
            interface: None,
            v6_only: false,
            process: Some(Process {
                pid: 7,
                name: "sshd".to_owned(),
            }),
        };
        Facts {
            firewall: Known::Value(firewall),
            sockets: Known::Value(Sockets {
                listeners: at.iter().map(listener).collect(),
                processes_hidden: false,
            }),
            ..Facts::default()
        }
    }

    fn plan(ports: &[(&str, &[&str])]) -> Plan {
        let mut plan = Plan::default();
        plan.service.intrusion.firewall.allowed_ports = ports
            .iter()
            .map(|(port, from)| AllowedPort {
                port: port.parse().unwrap(),
                from: from.iter().map(|net| net.parse().unwrap()).collect(),
                purpose: String::new(),
            })
            .collect();
        plan
    }

    pub(crate) fn examples() -> Examples {
        let host = || {
            facts(
                ruleset("inet", "drop", &[ESTABLISHED, SSH]),
                &[("0.0.0.0", 22), ("0.0.0.0", 5432)],
            )
        };
        Examples {
            passing: (host(), plan(&[("tcp/22", &[])])),
            failing: (host(), plan(&[("tcp/443", &[])])),
        }
    }

    fn judged(
        firewall: FirewallFacts,
        at: &[(&str, u16)],
        plan: &Plan,
    ) -> Vec<(String, Status, &'static str)> {
        verdicts(&CHECK, &facts(firewall, at), plan)
    }

    #[test]
    fn what_is_reachable_must_be_allowed_from_where_it_is() {
        let subject = "tcp/0.0.0.0:22".to_owned();
        let open = || ruleset("inet", "drop", &[ESTABLISHED, SSH]);
        let at = &[("0.0.0.0", 22)];
        for (allowed, status, key) in [
            (plan(&[]), Status::Fail, "firewall-reachable-not-allowed"),
            (
                plan(&[("tcp/22", &["10.0.0.0/8"])]),
                Status::Fail,
                "firewall-reachable-from-more",
            ),
            (
                plan(&[("tcp/22", &["0.0.0.0/1", "128.0.0.0/1"])]),
                Status::Pass,
                "firewall-reachable-allowed",
            ),
            (
                plan(&[("tcp/20-30", &[])]),
                Status::Pass,
                "firewall-reachable-allowed",
            ),
            (
                plan(&[("udp/22", &[])]),
                Status::Fail,
                "firewall-reachable-not-allowed",
            ),
        ] {
            assert_eq!(judged(open(), at, &allowed), [(subject.clone(), status, key)]);
        }
        let near = r#"{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": {"prefix": {"addr": "10.1.0.0", "len": 16}}}}, {"accept": null}"#;
        let allowed = plan(&[("tcp/22", &["10.0.0.0/8"])]);
        let firewall = ruleset("inet", "drop", &[ESTABLISHED, near]);
        assert_eq!(
            judged(firewall, at, &allowed),
            [(subject, Status::Pass, "firewall-reachable-allowed")]
        );
    }

    #[test]
    fn what_cannot_be_told_is_an_error_unless_the_plan_lets_it_anyway() {
        let opaque = r#"{"xt": {"type": "match", "name": "nothing-known"}}, {"accept": null}"#;
        let firewall = || ruleset("inet", "drop", &[ESTABLISHED, opaque]);
        let at = &[("::", 22)];
        let seen = judged(firewall(), at, &plan(&[]));
        assert_eq!(
            seen,
            [(
                "tcp/[::]:22".to_owned(),
                Status::Error,
                "firewall-reachable-unknown"
            )]
        );
        assert_eq!(
            judged(firewall(), at, &plan(&[("tcp/22", &[])]))[0].1,
            Status::Pass
        );
    }

    #[test]
    fn what_docker_publishes_past_the_input_rules_is_named() {
        let dump = r#"{"nftables": [{"table": {"family": "ip", "name": "nat", "handle": 1}},
            {"chain": {"family": "ip", "table": "nat", "name": "PREROUTING", "handle": 1, "type": "nat",
            "hook": "prerouting", "prio": -100, "policy": "accept"}},
            {"chain": {"family": "ip", "table": "nat", "name": "DOCKER", "handle": 2}},
            {"rule": {"family": "ip", "table": "nat", "chain": "PREROUTING", "handle": 3, "expr": [{"jump": {"target": "DOCKER"}}]}},
            {"rule": {"family": "ip", "table": "nat", "chain": "DOCKER", "handle": 4, "expr": [
            {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 8081}},
            {"dnat": {"addr": "172.17.0.2", "port": 80}}]}}]}"#;
        let address = |name: &str, index, net: &str| Interface {
            name: name.to_owned(),
            index,
            addresses: vec![net.parse().unwrap()],
            ..Interface::default()
        };
        let firewall = FirewallFacts {
            ruleset: json::parse(dump.as_bytes()).unwrap(),
            surroundings: Surroundings {
                interfaces: Some(vec![
                    address("eth0", 2, "192.0.2.1/24"),
                    address("docker0", 3, "172.17.0.1/16"),
                ]),
                forwarding: [Some(true), Some(false)],
                ..Surroundings::default()
            },
            ..FirewallFacts::default()
        };
        let seen = judged(firewall, &[], &plan(&[]));
        assert_eq!(
            seen,
            [(
                "tcp/0.0.0.0:8081".to_owned(),
                Status::Fail,
                "firewall-reachable-translated"
            )]
        );
    }

    #[test]
    fn a_host_that_nothing_reaches_passes_once() {
        let at = &[("127.0.0.1", 22), ("::1", 22), ("0.0.0.0", 80)];
        let seen = judged(ruleset("inet", "drop", &[ESTABLISHED]), at, &plan(&[]));
        assert_eq!(
            seen,
            [("host".to_owned(), Status::Pass, "firewall-reachable-none")]
        );
    }
}
