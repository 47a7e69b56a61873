//! Pending updates of this machine against apt's own answer.
#![expect(clippy::disallowed_methods, reason = "apt is the oracle")]
#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
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
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
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

/// A system laid out beneath a directory, with archives that try every rule apt has for choosing a version.
fn lay_out(root: &Path) {
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let mut status = String::new();
    for (name, architecture, version, source, state) in [
        ("dpkg", "amd64", "1.0", "dpkg", "install ok installed"),
        ("plain", "amd64", "1.0-1", "plain", "install ok installed"),
        ("held", "amd64", "1.0-1", "held", "hold ok installed"),
        ("half", "amd64", "1.0-1", "half", "install ok half-configured"),
        (
            "removed",
            "amd64",
            "1.0-1",
            "removed",
            "deinstall ok config-files",
        ),
        ("both", "amd64", "1.0-1", "both", "install ok installed"),
        ("both", "i386", "1.0-1", "both", "install ok installed"),
        ("data", "all", "1.0-1", "data", "install ok installed"),
        (
            "becomes-all",
            "amd64",
            "1.0-1",
            "becomes-all",
            "install ok installed",
        ),
        ("epoch", "amd64", "1:1.0-1", "epoch", "install ok installed"),
        ("tilde", "amd64", "2.0~rc1-1", "tilde", "install ok installed"),
        (
            "backported",
            "amd64",
            "2.0-1~bpo1",
            "backported",
            "install ok installed",
        ),
        (
            "stable-only",
            "amd64",
            "1.0-1",
            "stable-only",
            "install ok installed",
        ),
        ("never", "amd64", "1.0-1", "never", "install ok installed"),
        ("negative", "amd64", "1.0-1", "negative", "install ok installed"),
        ("forced", "amd64", "3.0-1", "forced", "install ok installed"),
        ("versioned", "amd64", "1.0-1", "versioned", "install ok installed"),
        (
            "from-vendor",
            "amd64",
            "1.0-1",
            "from-vendor",
            "install ok installed",
        ),
        (
            "by-source",
            "amd64",
            "1.0-1",
            "the-source",
            "install ok installed",
        ),
        ("glob-one", "amd64", "1.0-1", "glob", "install ok installed"),
        ("glob-two", "i386", "1.0-1", "glob", "install ok installed"),
        ("flat", "amd64", "1.0-1", "flat", "install ok installed"),
        ("disabled", "amd64", "1.0-1", "disabled", "install ok installed"),
        ("absorbed", "amd64", "1.0-1", "absorbed", "install ok installed"),
        ("phased", "amd64", "1.0-1", "phased", "install ok installed"),
    ] {
        writeln!(
            status,
            "Package: {name}\nStatus: {state}\nMulti-Arch: same\nMaintainer: x\nArchitecture: {architecture}\n\
             Source: {source}\nVersion: {version}\nDescription: x\n"
        )
        .unwrap();
    }
    write("var/lib/dpkg/status", &status);
    write("var/lib/dpkg/arch", "amd64\ni386\n");
    write(
        "etc/apt/sources.list",
        "deb http://a.example/debian stable main extra\n\
         deb [arch=amd64] http://a.example/debian stable-backports main\n\
         deb http://security.example/debian stable-security main\n\
         deb [ trusted=yes ] http://v_endor.example:8080/x ./\n",
    );
    write(
        "etc/apt/sources.list.d/more.sources",
        "Types: deb deb-src\nURIs: http://vendor.example/repo/\nSuites: any\nComponents: main\n\n\
         Types: deb\nEnabled: no\nURIs: http://off.example/repo/\nSuites: any\nComponents: main\n",
    );
    write(
        "etc/apt/preferences",
        "Package: *\nPin: release o=Nobody\nPin-Priority: never\n\n\
         Package: never\nPin: release *\nPin-Priority: -1\n\n\
         # note\nPackage: negative\nPin: release a=stable\nPin-Priority: -5\n\n\
         Package: forced\nPin: release o=Stable\nPin-Priority: 1001\n",
    );
    write(
        "etc/apt/preferences.d/more.pref",
        "Package: versioned\nPin: version 1.1*\nPin-Priority: 990\n\n\
         Package: from-vendor\nPin: origin \"vendor.example\"\nPin-Priority: 600\n\n\
         Package: src:the-source\nPin: release a=stable-backports\nPin-Priority: 700\n\n\
         Package: glob-*\nPin: release l=*Security\nPin-Priority: -1\n\n\
         Package: *\nPin: release a=any, c=main\nPin-Priority: 450\n",
    );
    let lists = "var/lib/apt/lists";
    let release = |base: &str, text: &str| {
        let dated = format!("{text}Date: Sat, 21 Nov 2026 00:00:00 UTC\nArchitectures: amd64 i386\n");
        write(&format!("{lists}/{base}_InRelease"), &dated);
    };
    release(
        "a.example_debian_dists_stable",
        "Origin: Stable\nLabel: Stable\nSuite: stable\nCodename: twelve\n",
    );
    release(
        "a.example_debian_dists_stable-backports",
        "Origin: Stable\nSuite: stable-backports\nNotAutomatic: yes\nButAutomaticUpgrades: yes\n",
    );
    release(
        "security.example_debian_dists_stable-security",
        "Label: Debian-Security\nSuite: stable-security\n",
    );
    release("vendor.example_repo_dists_any", "Origin: Vendor\nSuite: any\n");
    release("off.example_repo_dists_any", "Origin: Off\nSuite: any\n");
    let list = |name: &str, packages: &[(&str, &str, &str)]| {
        let mut text = String::new();
        for (name, architecture, version) in packages {
            let source = if *name == "by-source" { "the-source" } else { name };
            let phased = if *name == "phased" {
                "Phased-Update-Percentage: 0\n"
            } else {
                ""
            };
            writeln!(
                text,
                "Package: {name}\nArchitecture: {architecture}\nVersion: {version}\nMulti-Arch: same\n\
                 Maintainer: x\nSource: {source}\n{phased}Filename: x/{name}_{version}.deb\nSize: 1\n\
                 SHA256: {:064}\nDescription: x\n",
                text.len()
            )
            .unwrap();
        }
        write(&format!("{lists}/{name}_Packages"), &text);
    };
    list(
        "a.example_debian_dists_stable_main_binary-amd64",
        &[
            ("plain", "amd64", "1.0-2"),
            ("plain", "amd64", "1.0-1"),
            ("held", "amd64", "1.0-2"),
            ("half", "amd64", "1.0-2"),
            ("removed", "amd64", "1.0-2"),
            ("both", "amd64", "1.0-2"),
            ("data", "all", "1.0-2"),
            ("becomes-all", "all", "1.0-2"),
            ("epoch", "amd64", "2.0-1"),
            ("tilde", "amd64", "2.0-1"),
            ("backported", "amd64", "1.0-1"),
            ("stable-only", "amd64", "1.0-2"),
            ("never", "amd64", "1.0-2"),
            ("negative", "amd64", "1.0-2"),
            ("forced", "amd64", "2.0-1"),
            ("versioned", "amd64", "1.1-1"),
            ("versioned", "amd64", "1.2-1"),
            ("from-vendor", "amd64", "2.0-1"),
            ("by-source", "amd64", "1.0-1"),
            ("flat", "amd64", "1.0-2"),
            ("absorbed", "amd64", "1.3-1"),
            ("phased", "amd64", "1.1-1"),
        ],
    );
    list(
        "a.example_debian_dists_stable_main_binary-i386",
        &[("both", "i386", "1.0-1"), ("glob-two", "i386", "1.1-1")],
    );
    list(
        "a.example_debian_dists_stable_extra_binary-amd64",
        &[("plain", "amd64", "1.0-3")],
    );
    list(
        "a.example_debian_dists_stable-backports_main_binary-amd64",
        &[
            ("backported", "amd64", "2.0-1~bpo2"),
            ("stable-only", "amd64", "2.0-1~bpo1"),
            ("by-source", "amd64", "2.0-1~bpo1"),
        ],
    );
    list(
        "a.example_debian_dists_stable-backports_main_binary-i386",
        &[("both", "i386", "9.0-1")],
    );
    list(
        "security.example_debian_dists_stable-security_main_binary-amd64",
        &[
            ("absorbed", "amd64", "1.1-1"),
            ("glob-one", "amd64", "1.1-1"),
            ("negative", "amd64", "1.0-2+s1"),
        ],
    );
    list(
        "security.example_debian_dists_stable-security_main_binary-i386",
        &[("glob-two", "i386", "1.2-1")],
    );
    list(
        "vendor.example_repo_dists_any_main_binary-amd64",
        &[("from-vendor", "amd64", "1.5-1"), ("plain", "amd64", "9.0-1")],
    );
    list(
        "off.example_repo_dists_any_main_binary-amd64",
        &[("disabled", "amd64", "9.0-1")],
    );
    list("v%5fendor.example:8080_x_._", &[("flat", "amd64", "1.0-9")]);
    std::fs::rename(
        root.join(lists).join("v%5fendor.example:8080_x_.__Packages"),
        root.join(lists).join("v%5fendor.example:8080_x_._Packages"),
    )
    .unwrap();
}

#[test]
fn every_rule_for_choosing_a_version_is_apts() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    lay_out(root);
    let settings = [
        format!("Dir={}", root.display()),
        format!("Dir::State::status={}/var/lib/dpkg/status", root.display()),
        "Dir::Cache::pkgcache=".to_owned(),
        "Dir::Cache::srcpkgcache=".to_owned(),
        "APT::Architecture=amd64".to_owned(),
        "APT::Architectures::=amd64".to_owned(),
        "APT::Architectures::=i386".to_owned(),
    ];
    let mut arguments: Vec<&str> = settings
        .iter()
        .flat_map(|setting| ["-o", setting.as_str()])
        .collect();
    arguments.extend(["list", "--upgradable"]);
    let Some(listed) = printed("apt", &arguments) else {
        eprintln!("SKIPPED: apt is not installed; the choice of versions was not compared with it");
        return;
    };
    let host = Host::at(root).unwrap();
    let now = "2026-11-22T00:00:00Z".parse().unwrap();
    let Known::Value(facts) = packages::read(&host, now, &mut PackageMemory::default()) else {
        panic!("packages were not read");
    };
    assert!(facts.unevaluated.is_empty(), "{:?}", facts.unevaluated);
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
    assert_eq!(found, upgradable(&listed));
    assert!(found.len() > 12, "{found:?}");
    let security: Vec<_> = facts
        .security
        .iter()
        .map(|update| (update.name.as_str(), update.fixed.as_str()))
        .collect();
    assert_eq!(
        security,
        [
            ("absorbed", "1.1-1"),
            ("glob-one", "1.1-1"),
            ("glob-two", "1.2-1"),
            ("negative", "1.0-2+s1")
        ]
    );
}
