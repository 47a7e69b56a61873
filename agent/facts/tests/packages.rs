//! Pending updates of this machine against apt's own answer.
#![expect(clippy::disallowed_methods, reason = "apt is the oracle")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use jiff::Timestamp;
use plumbline_facts::packages::{self, PackageMemory};
use plumbline_facts::{Host, Known};

/// What a command prints, without translation; `None` where there is no such command.
fn printed(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Name and architecture → candidate, of `name/suite version architecture [upgradable from: version]`.
fn upgradable(text: &str) -> BTreeMap<(String, String), String> {
    text.lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once('/')?;
            let mut words = rest.split(' ');
            let (_suite, version, architecture) = (words.next()?, words.next()?, words.next()?);
            Some(((name.to_owned(), architecture.to_owned()), version.to_owned()))
        })
        .collect()
}

/// Packages with a version from a security archive newer than the installed one: versions stand newest first in
/// `apt-cache policy`, the installed one behind `***`, each above the places it is in.
fn security(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (mut package, mut newer) = (String::new(), false);
    for line in text.lines() {
        if !line.starts_with(' ') {
            (package, newer) = (line.trim_end_matches(':').to_owned(), false);
        } else if line.starts_with("  Version table") {
            newer = true;
        } else if line.starts_with(" ***") {
            newer = false;
        } else if newer && line.contains("-security/") {
            found.insert(package.clone());
        }
    }
    found
}

#[test]
fn updates_are_those_that_apt_names() {
    let Some(listed) = printed("apt", &["list", "--upgradable"]) else {
        eprintln!("SKIPPED: apt is not installed; pending updates were not compared with it");
        return;
    };
    let Known::Value(facts) = packages::read(
        &Host::live().unwrap(),
        Timestamp::now(),
        &mut PackageMemory::default(),
    ) else {
        panic!("packages were not read");
    };
    for list in facts.archives.iter().flat_map(|archive| &archive.lists) {
        assert_eq!(list.failure, None, "{}", list.path);
    }
    let expected = upgradable(&listed);
    let found: BTreeMap<_, _> = facts
        .upgradable
        .iter()
        .map(|upgrade| {
            (
                (upgrade.name.clone(), upgrade.architecture.clone()),
                upgrade.candidate.clone(),
            )
        })
        .collect();
    assert_eq!(found, expected);
    if expected.is_empty() {
        eprintln!("apt has nothing to upgrade here; the security subset was not compared");
        return;
    }
    let names: Vec<_> = facts
        .upgradable
        .iter()
        .map(|upgrade| upgrade.name.as_str())
        .collect();
    let policy = printed("apt-cache", &[&["policy"], names.as_slice()].concat()).unwrap();
    let found: BTreeSet<_> = facts
        .upgradable
        .iter()
        .filter(|u| u.security)
        .map(|u| u.name.clone())
        .collect();
    assert_eq!(found, security(&policy));
    eprintln!("{} upgradable, {} of them security", expected.len(), found.len());
}
