//! A ruleset recorded from a kernel, both as netlink messages and as a dump of nft 1.0.6.

use std::net::IpAddr;

use plumbline_config::plan::Transport;
use proptest::prelude::*;

use super::*;
use crate::firewall::decode::recorded;
use crate::firewall::json;
use crate::firewall::ruleset::Ruleset;

const NETLINK: &[u8] = include_bytes!("../../fixtures/firewall/ruleset.netlink");
const DUMP: &[u8] = include_bytes!("../../fixtures/firewall/ruleset.json");

fn facts(ruleset: Ruleset) -> FirewallFacts {
    FirewallFacts {
        ruleset,
        ..FirewallFacts::default()
    }
}

fn listeners() -> Vec<Listener> {
    let ports = [22, 25, 53, 80, 123, 443, 2505, 5000, 6005, 8000, 9000, 9999];
    let every = ports.iter().flat_map(|port| {
        [Transport::Tcp, Transport::Udp].map(|transport| Listener {
            transport,
            address: "::".parse().unwrap(),
            port: *port,
            interface: None,
            v6_only: false,
            process: None,
        })
    });
    every.collect()
}

/// Family, transport, port, sources, interfaces of what is reachable, as text.
fn reachable(found: &Reachability) -> Vec<String> {
    let mut lines: Vec<_> = found
        .reachable
        .iter()
        .map(|reach| {
            let from: Vec<_> = reach.from.iter().map(ToString::to_string).collect();
            let (family, via) = (reach.family, reach.via);
            format!(
                "{family:?} {} {} {} {from:?} {:?} {via:?}",
                reach.transport,
                reach.port,
                reach.source_ports.join(","),
                reach.interfaces
            )
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn both_ways_of_reading_the_rules_lead_to_the_same() {
    let by_netlink = reachability(&facts(recorded(NETLINK)), &listeners());
    let by_dump = reachability(&facts(json::parse(DUMP).unwrap()), &listeners());
    assert_eq!(by_netlink, by_dump);
    let lines = reachable(&by_netlink);
    for line in [
        r#"Ip tcp 22  ["192.0.2.0/24", "198.51.100.7/32"] ["*"] Input"#,
        r#"Ip tcp 80  ["0.0.0.0/0"] ["*"] Input"#,
        r#"Ip6 tcp 5000  ["2001:db8::/32"] ["*"] Input"#,
        r#"Ip udp 53  ["0.0.0.0/0"] ["eth*"] Input"#,
        r#"Ip udp 123 123 ["0.0.0.0/0"] ["*"] Input"#,
        r#"Ip tcp 8000  ["192.0.2.0/24"] ["*"] Input"#,
        r#"Ip6 tcp 9000  ["::/0"] ["*"] Input"#,
    ] {
        assert!(
            lines.iter().any(|found| found == line),
            "{line} is not among {lines:#?}"
        );
    }
    assert!(!lines.iter().any(|line| line.contains(" 9999 ")), "{lines:#?}");
    // Refused directly; through the redirection from 8080 the rule for translated connections comes too late as well.
    assert!(!lines.iter().any(|line| line.contains("tcp 25 ")), "{lines:#?}");
    // Whose address 192.0.2.9 is can't be told from rules alone.
    assert!(
        by_netlink
            .unknown
            .iter()
            .any(|reach| reach.port == 8081 && reach.via == Via::Dnat)
    );
    assert_eq!(by_netlink.default_input.ip, Fate::Drop);
}

#[test]
fn without_rules_all_is_reachable_but_what_is_bound_to_loopback() {
    let listener = |address: &str| Listener {
        transport: Transport::Tcp,
        address: address.parse().unwrap(),
        port: 80,
        interface: None,
        v6_only: true,
        process: None,
    };
    let listeners = ["0.0.0.0", "::", "192.0.2.1", "127.0.0.1", "::1"].map(listener);
    let found = reachability(&FirewallFacts::default(), &listeners);
    let open: Vec<IpAddr> = found.reachable.iter().map(|reach| reach.address).collect();
    assert_eq!(
        open,
        [listeners[0].address, listeners[1].address, listeners[2].address]
    );
    assert!(
        found
            .reachable
            .iter()
            .all(|reach| reach.confidence == Confidence::Exact)
    );
    assert_eq!((found.unreachable.len(), found.unknown.len()), (2, 0));
    assert_eq!(found.default_input.ip, Fate::Accept);
}

#[test]
fn rules_of_the_older_engine_leave_open_ways_unknown() {
    let mut facts = facts(recorded(NETLINK));
    facts.surroundings.legacy = [vec!["filter".to_owned()], Vec::new()];
    let found = reachability(&facts, &listeners());
    assert!(
        found.reachable.iter().all(|reach| reach.family == IpFamily::Ip6),
        "{:?}",
        found.reachable
    );
    // What nftables stops is stopped, whatever else is loaded.
    let stopped = |reach: &Reach| reach.family == IpFamily::Ip && reach.port == 9999;
    assert!(found.unreachable.iter().any(stopped));
}

fn ask(ruleset: Ruleset) -> Reply {
    let question = Question {
        id: serde_json::Value::Null,
        from: Some("192.0.2.7".parse().unwrap()),
        from_port: None,
        interface: None,
        to: "198.51.100.1".parse().unwrap(),
        port: 22,
        transport: Transport::Tcp,
    };
    answer(&facts(ruleset), None, &question)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Spoilt messages and dumps are read to an end and answered from.
    #[test]
    fn spoilt_rules_are_answered_from(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)
    ) {
        let (mut messages, mut dump) = (NETLINK.to_vec(), DUMP.to_vec());
        for (place, byte) in changes {
            messages[place.index(NETLINK.len())] = byte;
            dump[place.index(DUMP.len())] = byte;
        }
        ask(recorded(&messages));
        if let Ok(ruleset) = json::parse(&dump) {
            ask(ruleset);
        }
    }
}
