//! Whether what will be loaded at the next start is what is loaded now, as far as files and rules can be compared:
//! chains that a file names, their policies, and for files of one rule a line the number of rules.
//!
//! Source: nft(8), iptables-save(8), ufw-framework(8).

use std::collections::BTreeMap;

use super::ruleset::{Family, Ruleset, Table};
use crate::host::Host;

/// Largest file taken, in bytes.
const LARGEST_FILE: u64 = 4 * 1024 * 1024;
/// Most differences told.
const MOST_TOLD: usize = 8;

/// What a file says that the loaded rules do not.
pub(super) fn differences(host: &Host, ruleset: &Ruleset) -> Vec<String> {
    let text = |path: &str| host.read_text(path, LARGEST_FILE).ok();
    let mut found = Vec::new();
    for path in ["/etc/nftables.conf", "/etc/sysconfig/nftables.conf"] {
        if let Some(text) = text(path) {
            found.extend(nft(path, &text, ruleset));
        }
    }
    let ufw = text("/etc/ufw/ufw.conf").unwrap_or_default();
    if ufw
        .lines()
        .any(|line| line.trim().eq_ignore_ascii_case("ENABLED=yes"))
    {
        for (path, family) in [
            ("/etc/ufw/user.rules", Family::Ip),
            ("/etc/ufw/user6.rules", Family::Ip6),
        ] {
            if let Some(text) = text(path) {
                found.extend(saved(path, &text, family, ruleset));
            }
        }
    }
    for (path, family) in [
        ("/etc/iptables/rules.v4", Family::Ip),
        ("/etc/sysconfig/iptables", Family::Ip),
        ("/etc/iptables/rules.v6", Family::Ip6),
        ("/etc/sysconfig/ip6tables", Family::Ip6),
    ] {
        if let Some(text) = text(path) {
            found.extend(saved(path, &text, family, ruleset));
        }
    }
    found.truncate(MOST_TOLD);
    found
}

/// A chain of a file of nft(8).
#[derive(Debug, PartialEq, Eq)]
struct Declared {
    family: Family,
    table: String,
    chain: String,
    drops: Option<bool>,
}

/// A file of nft(8): its chains are loaded, with the policies it gives them.
fn nft(path: &str, text: &str, ruleset: &Ruleset) -> Vec<String> {
    let chains = declared(text);
    let missing = |chain: &Declared| {
        let table = ruleset
            .tables
            .iter()
            .find(|table| table.family == chain.family && table.name == chain.table);
        let Some(loaded) = table.and_then(|table| table.chains.get(&chain.chain)) else {
            return Some(format!(
                "{path}: chain {} {} {} is not loaded",
                chain.family, chain.table, chain.chain
            ));
        };
        let base = loaded.base.as_ref()?;
        (chain.drops? != base.drops).then(|| {
            format!(
                "{path}: the policy of chain {} {} {} is another",
                chain.family, chain.table, chain.chain
            )
        })
    };
    chains.iter().filter_map(missing).collect()
}

/// The chains that a file declares in blocks; variables and includes are not followed.
fn declared(text: &str) -> Vec<Declared> {
    let mut found: Vec<Declared> = Vec::new();
    let mut blocks: Vec<Option<usize>> = Vec::new();
    let mut table: Option<(usize, Family, String)> = None;
    let mut words: Vec<&str> = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        for word in line
            .split_inclusive(['{', '}', ';'])
            .flat_map(str::split_ascii_whitespace)
        {
            let (word, end) = match word.strip_suffix(['{', '}', ';']) {
                Some(rest) => (rest, word.chars().last()),
                None => (word, None),
            };
            if !word.is_empty() {
                words.push(word);
            }
            match end {
                Some('{') => {
                    let mut chain = None;
                    match (words.as_slice(), &table) {
                        ([.., "table", family, name], _) => {
                            table = Family::from_name(family)
                                .map(|family| (blocks.len(), family, (*name).to_owned()));
                        }
                        (["table", name], _) => table = Some((blocks.len(), Family::Ip, (*name).to_owned())),
                        (["chain", name], Some((_, family, table))) if !name.starts_with('$') => {
                            chain = Some(found.len());
                            found.push(Declared {
                                family: *family,
                                table: table.clone(),
                                chain: (*name).to_owned(),
                                drops: None,
                            });
                        }
                        _ => {}
                    }
                    blocks.push(chain);
                    words.clear();
                }
                Some('}') => {
                    blocks.pop();
                    if table.as_ref().is_some_and(|(depth, ..)| *depth >= blocks.len()) {
                        table = None;
                    }
                    words.clear();
                }
                Some(_) => {
                    let chain = blocks.last().copied().flatten();
                    if let (["policy", policy], Some(chain)) =
                        (words.as_slice(), chain.and_then(|at| found.get_mut(at)))
                    {
                        chain.drops = Some(*policy == "drop");
                    }
                    words.clear();
                }
                None => {}
            }
        }
        words.clear();
    }
    found
}

/// A file of iptables-save(8): its chains are loaded, by either engine, with its policies and as many rules.
fn saved(path: &str, text: &str, family: Family, ruleset: &Ruleset) -> Vec<String> {
    let mut table = "";
    let mut policies: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('*') {
            table = name;
        } else if let Some(chain) = line.strip_prefix(':') {
            let mut words = chain.split_ascii_whitespace();
            if let (Some(name), Some(policy)) = (words.next(), words.next()) {
                policies.insert((table, name), policy);
                counts.entry((table, name)).or_default();
            }
        } else if let Some(rest) = line.strip_prefix("-A ") {
            let name = rest.split_ascii_whitespace().next().unwrap_or_default();
            *counts.entry((table, name)).or_default() += 1;
        }
    }
    let mut found = Vec::new();
    for ((table, name), count) in counts {
        let of = |loaded: &&Table| {
            loaded.family == family && (loaded.name == table || loaded.name == format!("legacy {table}"))
        };
        let mut loaded = ruleset
            .tables
            .iter()
            .filter(of)
            .filter_map(|table| table.chains.get(name));
        let policy = policies.get(&(table, name)).copied().unwrap_or("-");
        match loaded.next() {
            // Chains of the kernel's own that let all pass need not be loaded to be what they are.
            None if count == 0 && policy == "ACCEPT" => {}
            None => found.push(format!("{path}: chain {table} {name} is not loaded")),
            Some(chain) => {
                let drops = chain.base.as_ref().map(|base| base.drops);
                if drops.is_some_and(|drops| policy != "-" && drops != (policy == "DROP")) {
                    found.push(format!("{path}: the policy of chain {table} {name} is another"));
                } else if chain.rules.len() < count {
                    found.push(format!("{path}: chain {table} {name} has fewer rules loaded"));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firewall::json;

    const DUMP: &str = r#"{"nftables": [{"table": {"family": "inet", "name": "filter", "handle": 1}},
        {"chain": {"family": "inet", "table": "filter", "name": "input", "handle": 1, "type": "filter", "hook": "input",
        "prio": 0, "policy": "accept"}},
        {"chain": {"family": "ip", "table": "filter", "name": "INPUT", "handle": 1, "type": "filter", "hook": "input",
        "prio": 0, "policy": "drop"}}]}"#;

    #[test]
    fn a_file_that_says_something_else_than_is_loaded_is_told() {
        let ruleset = json::parse(DUMP.as_bytes()).unwrap();
        let file = "flush ruleset\ntable inet filter {\n set s { type ipv4_addr; elements = { 192.0.2.1 }; }\n chain input {\n  type filter hook input priority 0; policy POLICY;\n  tcp dport { 22, 80 } accept\n }\n}\n";
        let said = |policy| nft("f", &file.replace("POLICY", policy), &ruleset);
        assert!(said("accept").is_empty());
        assert_eq!(
            said("drop"),
            ["f: the policy of chain inet filter input is another"]
        );
        let other = nft("f", "table inet other { chain a { accept; }; }", &ruleset);
        assert_eq!(other, ["f: chain inet other a is not loaded"]);
    }

    #[test]
    fn saved_rules_are_counted() {
        let ruleset = json::parse(DUMP.as_bytes()).unwrap();
        let said = |text: &str| saved("f", text, Family::Ip, &ruleset);
        assert!(said("*filter\n:INPUT DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n").is_empty());
        assert_eq!(
            said("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"),
            ["f: the policy of chain filter INPUT is another"]
        );
        assert_eq!(
            said("*filter\n:INPUT DROP [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n"),
            ["f: chain filter INPUT has fewer rules loaded"]
        );
    }
}
