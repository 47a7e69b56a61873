//! Rules that are too many, run in circles, are cut off, change while they are read, or can't be read: what is said of
//! them is exact or unknown, and never that something open is blocked.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use plumbline_config::plan::Transport;
use plumbline_facts::firewall::ruleset::Ruleset;
use plumbline_facts::firewall::{self, FirewallFacts, json, recording};
use plumbline_facts::reachability::{Question, Verdict, answer, reachability};
use plumbline_facts::sockets::Listener;
use plumbline_facts::{Host, Known};

use crate::net::{nft, open_namespace};

/// Set in the process that may not read the rules.
const UNPRIVILEGED: &str = "PLUMBLINE_TEST_UNPRIVILEGED";

fn base(policy: &str) -> String {
    format!(
        r#"{{"nftables": [{{"table": {{"family": "inet", "name": "f", "handle": 1}}}},
        {{"chain": {{"family": "inet", "table": "f", "name": "i", "handle": 1, "type": "filter", "hook": "input",
        "prio": 0, "policy": "{policy}"}}}}"#
    )
}

fn rule(text: &mut String, chain: &str, handle: usize, expressions: &str) {
    write!(
        text,
        r#",{{"rule": {{"family": "inet", "table": "f", "chain": "{chain}", "handle": {handle}, "expr": [{expressions}]}}}}"#
    )
    .unwrap();
}

fn chain(text: &mut String, name: &str, handle: usize) {
    write!(
        text,
        r#",{{"chain": {{"family": "inet", "table": "f", "name": "{name}", "handle": {handle}}}}}"#
    )
    .unwrap();
}

fn parsed(mut text: String) -> Ruleset {
    text.push_str("]}");
    json::parse(text.as_bytes()).unwrap()
}

const ESTABLISHED: &str = r#"{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}, {"accept": null}"#;

fn port(port: usize, verdict: &str) -> String {
    format!(
        r#"{{"match": {{"op": "==", "left": {{"payload": {{"protocol": "tcp", "field": "dport"}}}}, "right": {port}}}}}, {{"{verdict}": null}}"#
    )
}

fn source(address: &str, verdict: &str) -> String {
    format!(
        r#"{{"match": {{"op": "==", "left": {{"payload": {{"protocol": "ip", "field": "saddr"}}}}, "right": {address}}}}}, {{"{verdict}": null}}"#
    )
}

fn facts(ruleset: Ruleset) -> FirewallFacts {
    FirewallFacts {
        ruleset,
        ..FirewallFacts::default()
    }
}

fn ask(facts: &FirewallFacts, from: &str, port: u16) -> Verdict {
    let question = Question {
        id: serde_json::Value::Null,
        from: Some(from.parse().unwrap()),
        from_port: None,
        interface: Some("eth0".to_owned()),
        to: "192.0.2.10".parse().unwrap(),
        port,
        transport: Transport::Tcp,
    };
    answer(facts, None, &question).verdict
}

fn listener(port: u16) -> Listener {
    Listener {
        transport: Transport::Tcp,
        address: "0.0.0.0".parse().unwrap(),
        port,
        interface: None,
        v6_only: false,
        process: None,
    }
}

#[test]
fn fifty_thousand_rules_are_evaluated_exactly() {
    let mut text = base("drop");
    rule(&mut text, "i", 2, ESTABLISHED);
    for number in 0..50_000 {
        let address = format!("\"10.{}.{}.{}\"", number >> 16, number >> 8 & 255, number & 255);
        rule(&mut text, "i", 3 + number, &source(&address, "drop"));
    }
    rule(&mut text, "i", 60_000, &port(22, "accept"));
    let facts = facts(parsed(text));
    assert_eq!(ask(&facts, "10.0.0.0", 22), Verdict::Blocked);
    assert_eq!(
        ask(&facts, "10.0.195.79", 22),
        Verdict::Blocked,
        "the last of them"
    );
    assert_eq!(ask(&facts, "10.0.195.80", 22), Verdict::Reachable);
    assert_eq!(ask(&facts, "192.0.2.7", 22), Verdict::Reachable);
    assert_eq!(ask(&facts, "192.0.2.7", 23), Verdict::Blocked);
}

#[test]
fn a_listing_over_many_rules_ends_and_calls_nothing_open_blocked() {
    let mut text = base("drop");
    rule(&mut text, "i", 2, ESTABLISHED);
    for number in 0..2_000 {
        rule(&mut text, "i", 3 + number, &port(1_024 + number, "accept"));
    }
    let facts = facts(parsed(text));
    let found = reachability(&facts, &[listener(22), listener(2_000), listener(3_023)]);
    let ports = |reaches: &[plumbline_facts::reachability::Reach]| -> BTreeSet<u16> {
        reaches.iter().map(|reach| reach.port).collect()
    };
    assert!(!ports(&found.unreachable).contains(&2_000));
    assert!(!ports(&found.unreachable).contains(&3_023));
    assert!(!ports(&found.reachable).contains(&22));
}

#[test]
fn chains_that_jump_in_circles_end_and_are_unknown() {
    for (verb, others) in [("jump", 1), ("goto", 1), ("jump", 40), ("goto", 40)] {
        let mut text = base("drop");
        rule(&mut text, "i", 2, ESTABLISHED);
        rule(&mut text, "i", 3, &port(80, "accept"));
        rule(&mut text, "i", 4, &format!(r#"{{"{verb}": {{"target": "c0"}}}}"#));
        rule(&mut text, "i", 5, &port(22, "accept"));
        for number in 0..others {
            chain(&mut text, &format!("c{number}"), 10 + number);
        }
        for number in 0..others {
            let next = (number + 1) % others;
            rule(
                &mut text,
                &format!("c{number}"),
                100 + number,
                &format!(r#"{{"{verb}": {{"target": "c{next}"}}}}"#),
            );
        }
        let facts = facts(parsed(text));
        // What is decided before the circle is exact.
        assert_eq!(
            ask(&facts, "192.0.2.7", 80),
            Verdict::Reachable,
            "{verb} {others}"
        );
        assert_eq!(ask(&facts, "192.0.2.7", 22), Verdict::Unknown, "{verb} {others}");
        let found = reachability(&facts, &[listener(22)]);
        assert!(found.unreachable.is_empty(), "{verb} {others}");
    }
}

#[test]
fn circles_that_branch_end() {
    // Each chain jumps to both others: followed blindly, twice as many ways with each step.
    let mut text = base("drop");
    rule(&mut text, "i", 2, r#"{"jump": {"target": "c0"}}"#);
    for number in 0..3 {
        chain(&mut text, &format!("c{number}"), 10 + number);
    }
    for number in 0..3 {
        for step in 1..3 {
            let next = (number + step) % 3;
            let handle = 100 + number * 10 + step;
            rule(
                &mut text,
                &format!("c{number}"),
                handle,
                &format!(r#"{{"jump": {{"target": "c{next}"}}}}"#),
            );
        }
    }
    assert_eq!(ask(&facts(parsed(text)), "192.0.2.7", 22), Verdict::Unknown);
}

#[test]
fn a_set_of_a_hundred_thousand_elements_in_a_dump_is_looked_up_exactly() {
    let mut text = base("drop");
    rule(&mut text, "i", 2, ESTABLISHED);
    text.push_str(
        r#",{"set": {"family": "inet", "name": "s", "table": "f", "type": "ipv4_addr", "handle": 7, "flags": ["interval"], "elem": ["#,
    );
    for number in 0..100_000u32 {
        let comma = if number == 0 { "" } else { "," };
        let (a, b, c) = (11 + (number >> 16), number >> 8 & 255, number & 255);
        write!(
            text,
            r#"{comma}{{"prefix": {{"addr": "{a}.{b}.{c}.0", "len": 25}}}}"#
        )
        .unwrap();
    }
    text.push_str("]}}");
    rule(&mut text, "i", 8, &source(r#""@s""#, "accept"));
    let facts = facts(parsed(text));
    for (from, verdict) in [
        ("11.0.0.1", Verdict::Reachable),
        ("11.0.0.200", Verdict::Blocked),
        ("12.134.159.127", Verdict::Reachable),
        ("12.134.159.128", Verdict::Blocked),
        ("12.134.160.1", Verdict::Blocked),
    ] {
        assert_eq!(ask(&facts, from, 22), verdict, "{from}");
    }
}

#[test]
fn what_an_unknown_expression_decides_is_unknown_and_nothing_else_is() {
    for opaque in [
        r#"{"xt": {"type": "match", "name": "nothing-known"}}"#,
        r#"{"expression-of-tomorrow": {"key": 1}}"#,
        r#"{"match": {"op": "==", "left": {"osf": {"key": "name"}}, "right": "Linux"}}"#,
    ] {
        let with = |verdict: &str| {
            let mut text = base("drop");
            rule(&mut text, "i", 2, ESTABLISHED);
            rule(&mut text, "i", 3, &port(80, "accept"));
            rule(&mut text, "i", 4, &format!(r#"{opaque}, {{"{verdict}": null}}"#));
            rule(&mut text, "i", 5, &port(22, "accept"));
            facts(parsed(text))
        };
        let (accepts, drops) = (with("accept"), with("drop"));
        for facts in [&accepts, &drops] {
            assert_eq!(ask(facts, "192.0.2.7", 80), Verdict::Reachable, "{opaque}");
        }
        assert_eq!(
            ask(&accepts, "192.0.2.7", 22),
            Verdict::Reachable,
            "both ways lead there: {opaque}"
        );
        assert_eq!(ask(&accepts, "192.0.2.7", 25), Verdict::Unknown, "{opaque}");
        assert_eq!(ask(&drops, "192.0.2.7", 22), Verdict::Unknown, "{opaque}");
        assert_eq!(
            ask(&drops, "192.0.2.7", 25),
            Verdict::Blocked,
            "both ways lead there: {opaque}"
        );
    }
}

#[test]
fn a_recording_that_is_cut_within_a_message_is_refused_wherever_that_is() {
    const NETLINK: &[u8] = include_bytes!("../../fixtures/firewall/ruleset.netlink");
    let mut boundaries = BTreeSet::from([0]);
    let mut at = 0;
    while let Some(length) = NETLINK.get(at..at + 4) {
        at += (u32::from_ne_bytes(length.try_into().unwrap()) as usize).next_multiple_of(4);
        boundaries.insert(at);
    }
    assert_eq!(at, NETLINK.len());
    let dir = tempfile::tempdir().unwrap();
    let host = Host::at(dir.path()).unwrap();
    for cut in (1..NETLINK.len())
        .step_by(7)
        .filter(|cut| !boundaries.contains(cut))
    {
        std::fs::write(dir.path().join("nft.netlink"), &NETLINK[..cut]).unwrap();
        assert!(recording::read(&host).is_err(), "cut at {cut}");
    }
}

#[test]
fn rules_that_change_while_they_are_read_are_those_of_one_moment_or_not_known() {
    if open_namespace().is_none() {
        eprintln!("SKIPPED: needs root, nft and ip, and the right to make network namespaces");
        return;
    }
    // Whichever of the two is loaded, one of the ports is open and the other is not.
    let many: String = (1..400)
        .map(|number| format!("ip saddr 10.1.{}.{} drop;", number / 256, number % 256))
        .collect();
    let rules = |open: u16| {
        format!(
            "flush ruleset; table inet f {{ chain i {{ type filter hook input priority 0; policy drop;
             ct state established accept; {many} tcp dport {open} accept; }}; }}"
        )
    };
    let (one, other) = (rules(22), rules(80));
    nft(&one);
    let done = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&done);
    let here = std::fs::File::open("/proc/thread-self/ns/net").unwrap();
    let changing = std::thread::spawn(move || {
        nix::sched::setns(here, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
        let mut loaded = 0u32;
        while !stop.load(Ordering::Relaxed) {
            nft(if loaded.is_multiple_of(2) { &other } else { &one });
            loaded += 1;
        }
        loaded
    });
    let host = Host::live().unwrap();
    let mut known = 0;
    for _ in 0..200 {
        let Known::Value(mut facts) = firewall::read_loaded(&host, jiff::Timestamp::now()) else {
            continue;
        };
        known += 1;
        // There are no routes here: what the rules say is what is asked.
        facts.surroundings.routes = None;
        facts.surroundings.interfaces = None;
        let verdicts = [22, 80].map(|port| ask(&facts, "192.0.2.7", port));
        assert!(
            verdicts == [Verdict::Reachable, Verdict::Blocked]
                || verdicts == [Verdict::Blocked, Verdict::Reachable],
            "{verdicts:?}"
        );
    }
    done.store(true, Ordering::Relaxed);
    assert!(changing.join().unwrap() > 1, "nothing changed meanwhile");
    assert!(known > 0, "none of them could be read");
}

#[test]
fn each_network_namespace_has_its_own_rules() {
    let read = |rules: &'static str| {
        let apart = std::thread::spawn(move || {
            open_namespace()?;
            nft(rules);
            let mut facts = crate::live();
            facts.surroundings.routes = None;
            facts.surroundings.interfaces = None;
            Some([22, 80].map(|port| ask(&facts, "192.0.2.7", port)))
        });
        apart.join().unwrap()
    };
    let shut = read("table inet f { chain i { type filter hook input priority 0; policy drop; }; }");
    let Some(shut) = shut else {
        eprintln!("SKIPPED: needs root, nft and ip, and the right to make network namespaces");
        return;
    };
    assert_eq!(shut, [Verdict::Blocked, Verdict::Blocked]);
    let open = read(
        "table inet f { chain i { type filter hook input priority 0; policy drop; ct state established accept; tcp dport 22 accept; }; }",
    );
    assert_eq!(open.unwrap(), [Verdict::Reachable, Verdict::Blocked]);
}

#[test]
fn who_may_not_read_the_rules_is_told_so() {
    const NAME: &str = "bad_input::who_may_not_read_the_rules_is_told_so";
    if std::env::var_os(UNPRIVILEGED).is_some() {
        let read = firewall::read_loaded(&Host::live().unwrap(), jiff::Timestamp::now());
        let Known::Denied(denial) = read else {
            panic!("{read:?}")
        };
        assert_eq!(denial.needs, "CAP_NET_ADMIN");
        return;
    }
    // In a user namespace of its own a process has no rights over the network of another.
    let mut inside = Command::new("unshare");
    inside.arg("--user").arg(std::env::current_exe().unwrap());
    inside
        .args(["--exact", NAME, "--nocapture"])
        .env(UNPRIVILEGED, "1");
    if !Command::new("unshare")
        .args(["--user", "true"])
        .status()
        .is_ok_and(|status| status.success())
    {
        eprintln!("SKIPPED: no user namespace can be made here");
        return;
    }
    assert!(inside.status().unwrap().success());
}
