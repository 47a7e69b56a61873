//! What the rules are said to let through, against what really comes through: two network namespaces joined by veth
//! pairs, real rules, real sockets, real connections.
//!
//! Needs root, nft(8) and ip(8); without them it says so and does nothing.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "nft(8) and ip(8) set up what is measured, the sockets answer what they are sent, and helpers of tests \
              may panic and say what they skip"
)]

mod bad_input;
mod cases;
mod engines;
mod expressions;
mod extensions;
mod net;

use std::net::IpAddr;

use plumbline_config::plan::Transport;
use plumbline_facts::firewall::{self, FirewallFacts, json, recording};
use plumbline_facts::reachability::{
    Answerer, Confidence, Fate, IpFamily, Question, Reach, Reachability, Reply, Verdict, Via, answer,
    reachability,
};
use plumbline_facts::{Host, Known};

use cases::Case;
use net::{Client, Container, Probe, clean_up, nft, open_more, open_namespace, probes, shell};
use plumbline_facts::sockets::{self, Listener};

/// What was said about the probes of one ruleset.
#[derive(Default)]
struct Score {
    right: usize,
    unknown: usize,
    wrong: Vec<String>,
}

impl Score {
    fn add(&mut self, name: &str, probe: &Probe, said: &Reply, open: bool) {
        match (said.verdict, open) {
            (Verdict::Unknown, _) => {
                self.unknown += 1;
                if std::env::var_os("FIREWALL_CASE").is_some() && !name.ends_with("(json)") {
                    eprintln!("{name}: unknown {probe:?} is open: {open}: {:?}", said.because);
                }
            }
            (Verdict::Reachable, true) | (Verdict::Blocked, false) => self.right += 1,
            _ => self
                .wrong
                .push(format!("{name}: {probe:?} is open: {open}, said {said:?}")),
        }
    }
}

fn question(probe: &Probe) -> Question {
    Question {
        id: serde_json::Value::Null,
        from: Some(probe.from),
        from_port: probe.from_port,
        interface: Some(probe.interface.to_owned()),
        to: probe.to,
        port: probe.port,
        transport: probe.transport,
    }
}

fn live() -> FirewallFacts {
    match firewall::read(&Host::live().unwrap(), jiff::Timestamp::now()) {
        Known::Value(facts) => facts,
        other => panic!("{other:?}"),
    }
}

/// This host as it is recorded and read again.
fn recorded() -> (FirewallFacts, Vec<Listener>) {
    let dir = tempfile::tempdir().unwrap();
    let now = jiff::Timestamp::now();
    for (name, bytes) in recording::record(&Host::live().unwrap(), now).unwrap() {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    let (facts, listeners) = recording::read(&Host::at(dir.path()).unwrap()).unwrap();
    (facts, listeners.unwrap())
}

/// Whether the listing of sockets says of a probe what the single question says.
fn listed(found: &Reachability, probe: &Probe) -> Verdict {
    let of = |reaches: &[Reach], any_port: bool| {
        reaches
            .iter()
            .filter(|reach| !any_port || reach.source_ports.is_empty())
            .any(|reach| {
                let address = reach.address.is_unspecified() || reach.address == probe.to;
                let interface = reach
                    .interfaces
                    .iter()
                    .any(|name| name == "*" || name == probe.interface);
                reach.transport == probe.transport
                    && (reach.family == IpFamily::Ip6) == probe.to.is_ipv6()
                    && (reach.port..=reach.last_port.unwrap_or(reach.port)).contains(&probe.port)
                    && reach.from.iter().any(|net| net.contains(&probe.from))
                    && address
                    && interface
            })
    };
    if of(&found.reachable, true) {
        Verdict::Reachable
    } else if of(&found.reachable, false) || of(&found.unknown, false) {
        Verdict::Unknown
    } else {
        Verdict::Blocked
    }
}

#[test]
fn no_verdict_is_wrong_on_common_rules() {
    no_verdict_is_wrong(cases::CASES);
}

#[test]
fn no_verdict_is_wrong_on_rules_of_other_programs() {
    no_verdict_is_wrong(engines::CASES);
}

#[test]
fn no_verdict_is_wrong_on_rarer_expressions() {
    no_verdict_is_wrong(expressions::CASES);
}

#[test]
fn no_verdict_is_wrong_on_extensions() {
    no_verdict_is_wrong(extensions::CASES);
}

/// Loads each case, tries every connection, and compares with what is said of it.
fn no_verdict_is_wrong(cases: &[Case]) {
    if open_namespace().is_none() {
        eprintln!("SKIPPED: needs root, nft and ip, and the right to make network namespaces");
        return;
    }
    let client = Client::start();
    let _container = Container::start();
    open_more();
    let listeners = sockets::read(&Host::live().unwrap()).unwrap().listeners;
    let only = std::env::var("FIREWALL_CASE").unwrap_or_default();
    let mut tried = 0;
    let (mut by_netlink, mut by_json) = (Score::default(), Score::default());
    for case in cases.iter().filter(|case| case.name.contains(&only)) {
        clean_up();
        if let Some(missing) = case.needs.iter().find(|program| !net::has(program)) {
            eprintln!("SKIPPED: {}: there is no {missing}", case.name);
            continue;
        }
        if case.rules.starts_with('*') && !net::has_iptables() {
            eprintln!("SKIPPED: {}: there is no iptables-nft-restore", case.name);
            continue;
        }
        nft(case.rules);
        if !case.script.is_empty() {
            shell(case.script);
        }
        let facts = live();
        assert!(
            facts.ruleset.gaps.is_empty(),
            "{}: {:?}",
            case.name,
            facts.ruleset.gaps
        );
        let dump = net::output("nft", &["-j", "list", "ruleset"]);
        let from_json = FirewallFacts {
            ruleset: json::parse(dump.as_bytes()).unwrap(),
            surroundings: facts.surroundings.clone(),
            ..FirewallFacts::default()
        };
        let probes = probes(case);
        let (recorded, recorded_sockets) = recorded();
        let listing = reachability(&facts, &listeners);
        let open = client.try_all(&probes, 1);
        let unknown_before = by_netlink.unknown;
        tried += probes.len();
        // Asked many questions, it says what it says when asked each alone.
        let together = Answerer::new(&facts, Some(&listeners));
        let elsewhere_together = Answerer::new(&recorded, Some(&recorded_sockets));
        for (probe, open) in probes.iter().zip(open) {
            let said = together.answer(&question(probe));
            let alone = answer(&facts, Some(&listeners), &question(probe));
            assert_eq!(said, alone, "{}: {probe:?}", case.name);
            // A busy machine may be slow to answer: what should be open is given a second and longer chance.
            let open = open
                || said.verdict == Verdict::Reachable && client.try_all(std::slice::from_ref(probe), 8)[0];
            by_netlink.add(case.name, probe, &said, open);
            let elsewhere = elsewhere_together.answer(&question(probe));
            if elsewhere.verdict != said.verdict {
                let wrong = format!("{}: {probe:?}: recorded {elsewhere:?}, said {said:?}", case.name);
                by_netlink.wrong.push(wrong);
            }
            if !facts
                .ruleset
                .tables
                .iter()
                .any(firewall::ruleset::Table::is_legacy)
            {
                let said_json = answer(&from_json, Some(&listeners), &question(probe));
                by_json.add(&format!("{} (json)", case.name), probe, &said_json, open);
            }
            let single = !probe.to.is_multicast() && facts.surroundings.is_local(probe.to) == Some(true);
            if single && probe.from_port.is_none() && said.verdict != Verdict::Unknown {
                let listed = listed(&listing, probe);
                // The listing does not ask whether there is a route back: a source may forge, and routes change.
                let unrouted = said.because.iter().any(|reason| reason.contains("route back"));
                let agrees = listed == said.verdict || listed == Verdict::Unknown || unrouted;
                if !agrees {
                    let wrong = format!("{}: {probe:?}: listed {listed:?}, said {said:?}", case.name);
                    by_netlink.wrong.push(wrong);
                }
            }
        }
        let unknown = by_netlink.unknown - unknown_before;
        if unknown > case.unknown {
            by_netlink
                .wrong
                .push(format!("{}: {unknown} of {} unknown", case.name, probes.len()));
        }
    }
    for (name, score) in [("netlink", &by_netlink), ("json", &by_json)] {
        eprintln!(
            "{name}: {} right, {} unknown, {} wrong",
            score.right,
            score.unknown,
            score.wrong.len()
        );
    }
    clean_up();
    assert!(
        by_netlink.unknown * 100 <= tried,
        "{} of {tried} unknown",
        by_netlink.unknown
    );
    let wrong: Vec<_> = by_netlink.wrong.iter().chain(&by_json.wrong).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_listing_says_from_where_and_by_which_way() {
    let Some(listeners) = open_namespace() else {
        eprintln!("SKIPPED: needs root, nft and ip, and the right to make network namespaces");
        return;
    };
    let _client = Client::start();
    nft(
        "table inet f { chain i { type filter hook input priority 0; policy drop; iif lo accept; ct state established accept; \
         tcp dport 22 ip saddr 192.0.2.0/24 accept; tcp dport 80 accept; tcp dport 443 tcp sport 53 accept; \
         tcp dport 5432 limit rate 5/second accept; iifname \"eth1\" udp dport 53 accept; }; }; \
         table ip n { chain p { type nat hook prerouting priority dstnat; tcp dport { 8000-8010, 9000 } redirect to :80; }; };",
    );
    let found = reachability(&live(), &listeners);
    let one = |family, transport, port, via| {
        let mut hits = found.reachable.iter().filter(|reach| {
            (reach.family, reach.transport, reach.port, reach.via) == (family, transport, port, via)
        });
        let hit = hits.next();
        assert!(hits.next().is_none(), "{port} stands twice in {found:#?}");
        hit
    };
    let text = |nets: &[ipnet::IpNet]| nets.iter().map(ToString::to_string).collect::<Vec<_>>();

    let ssh = one(IpFamily::Ip, Transport::Tcp, 22, Via::Input).unwrap();
    assert_eq!(
        (text(&ssh.from), ssh.interfaces.as_slice()),
        (vec!["192.0.2.0/24".to_owned()], &["*".to_owned()][..])
    );
    assert!(one(IpFamily::Ip6, Transport::Tcp, 22, Via::Input).is_none());
    let web = one(IpFamily::Ip6, Transport::Tcp, 80, Via::Input).unwrap();
    assert_eq!(
        (text(&web.from), web.confidence),
        (vec!["::/0".to_owned()], Confidence::Exact)
    );
    let hole = one(IpFamily::Ip, Transport::Tcp, 443, Via::Input).unwrap();
    assert_eq!(hole.source_ports, ["53"]);
    let limited = one(IpFamily::Ip, Transport::Tcp, 5432, Via::Input).unwrap();
    assert_eq!(limited.confidence, Confidence::Assumed);
    let dns = one(IpFamily::Ip, Transport::Udp, 53, Via::Input).unwrap();
    assert_eq!(dns.interfaces, ["eth1"]);
    let range = one(IpFamily::Ip, Transport::Tcp, 8000, Via::Dnat).unwrap();
    assert_eq!(
        (range.last_port, range.targets.as_slice()),
        (Some(8010), &["*:80".to_owned()][..])
    );
    assert!(one(IpFamily::Ip, Transport::Tcp, 9000, Via::Dnat).is_some());
    assert!(
        found
            .unreachable
            .iter()
            .any(|reach| reach.port == 8080 && reach.family == IpFamily::Ip)
    );
    assert_eq!(found.default_input.ip, Fate::Drop);
    let from: IpAddr = "198.51.100.7".parse().unwrap();
    assert!(!ssh.from.iter().any(|net| net.contains(&from)));
}

#[test]
fn a_large_set_is_asked_only_about_what_is_looked_up() {
    if open_namespace().is_none() {
        eprintln!("SKIPPED: needs root, nft and ip, and the right to make network namespaces");
        return;
    }
    let networks: Vec<_> = (0..20_000u32)
        .map(|number| format!("11.{}.{}.0/25", number / 256, number % 256))
        .collect();
    let hosts: Vec<_> = (0..20_000u32)
        .map(|number| format!("12.0.{}.{} : accept", number / 256, number % 256))
        .collect();
    nft(&format!(
        "table inet f {{ set s {{ type ipv4_addr; flags interval; elements = {{ {} }}; }};
         map m {{ type ipv4_addr : verdict; elements = {{ {}, * : drop }}; }};
         chain i {{ type filter hook input priority 0; policy accept; ip saddr @s drop; tcp dport 80 ip saddr vmap @m; }}; }}",
        networks.join(", "),
        hosts.join(", ")
    ));
    let ask = |from: &str, port| Question {
        id: serde_json::Value::Null,
        from: Some(from.parse().unwrap()),
        from_port: None,
        interface: Some("eth0".to_owned()),
        to: "192.0.2.1".parse().unwrap(),
        port,
        transport: Transport::Tcp,
    };
    let host = Host::live().unwrap();
    let now = jiff::Timestamp::now();
    let questions = [
        (ask("11.3.7.9", 22), Verdict::Blocked),
        (ask("11.3.7.200", 22), Verdict::Reachable),
        (ask("12.0.9.9", 80), Verdict::Reachable),
        (ask("12.200.9.9", 80), Verdict::Blocked),
    ];
    let keys = questions
        .iter()
        .flat_map(|(question, _)| question.keys())
        .collect();
    let (some, all) = (
        firewall::read_loaded_for(&host, now, &keys),
        firewall::read_loaded(&host, now),
    );
    // There are no routes here: what the rules say is what is asked.
    let without_routes = |known: &Known<FirewallFacts>| {
        let mut facts = known.value().unwrap().clone();
        facts.surroundings.routes = None;
        facts.surroundings.interfaces = None;
        facts
    };
    let (some, all) = (without_routes(&some), without_routes(&all));
    for (question, expected) in &questions {
        let (partly, wholly) = (answer(&some, None, question), answer(&all, None, question));
        assert_eq!(
            (partly.verdict, wholly.verdict),
            (*expected, *expected),
            "{question:?}: {partly:?}"
        );
    }
    let other = ask("11.9.9.9", 22);
    assert!(answer(&some, None, &other).needs_whole_sets());
    assert_eq!(answer(&all, None, &other).verdict, Verdict::Blocked);
}
