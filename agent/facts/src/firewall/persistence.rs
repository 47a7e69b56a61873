//! What loads firewall rules at boot.
//!
//! Source: systemd.unit(5) on enabled units, ufw(8), firewalld(1), netfilter-persistent(8), OpenRC runlevels.

use crate::host::Host;

/// Largest settings file taken, in bytes.
const LARGEST_SETTINGS: u64 = 4 * 1024 * 1024;

/// What loads firewall rules at boot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Persistence {
    /// Each service that is switched on and has rules to load: `nftables.service with /etc/nftables.conf`.
    pub loaders: Vec<String>,
    /// What stands ready and is not switched on, or is switched on and has nothing to load.
    pub idle: Vec<String>,
    /// What the files say that the loaded rules do not.
    pub differences: Vec<String>,
}

/// A service, and the files it loads rules from. Without any, it makes its rules itself.
const LOADERS: &[(&str, &[&str])] = &[
    (
        "nftables",
        &[
            "/etc/nftables.conf",
            "/etc/sysconfig/nftables.conf",
            "/etc/nftables.nft",
        ],
    ),
    ("ufw", &["/etc/ufw/ufw.conf"]),
    ("firewalld", &[]),
    (
        "netfilter-persistent",
        &["/etc/iptables/rules.v4", "/etc/iptables/rules.v6"],
    ),
    (
        "iptables",
        &["/etc/sysconfig/iptables", "/etc/iptables/iptables.rules"],
    ),
    (
        "ip6tables",
        &["/etc/sysconfig/ip6tables", "/etc/iptables/ip6tables.rules"],
    ),
    ("shorewall", &["/etc/shorewall/rules"]),
    ("ferm", &["/etc/ferm/ferm.conf"]),
];

impl Persistence {
    /// Reads which loaders are switched on, and whether they have something to load.
    #[must_use]
    pub fn read(host: &Host) -> Self {
        let mut found = Self::default();
        for (service, files) in LOADERS {
            let enabled = is_enabled(host, service);
            let file = files.iter().find(|file| has_rules(host, file));
            match (enabled, file, files.is_empty()) {
                (true, Some(file), _) => found.loaders.push(format!("{service} with {file}")),
                (true, None, true) => found.loaders.push((*service).to_owned()),
                (true, None, false) => found.idle.push(format!("{service} is enabled without rules")),
                (false, Some(file), _) => found
                    .idle
                    .push(format!("{file} is there, {service} is not enabled")),
                (false, None, _) => {}
            }
        }
        found
    }
}

/// Whether the service starts at boot: wanted by a target of systemd, in a runlevel of OpenRC or of SysV init.
fn is_enabled(host: &Host, service: &str) -> bool {
    let unit = format!("{service}.service");
    let listed = |directory: &str| host.list(directory).unwrap_or_default();
    let wanted = listed("/etc/systemd/system")
        .into_iter()
        .filter(|name| name.ends_with(".wants") || name.ends_with(".requires"))
        .any(|name| listed(&format!("/etc/systemd/system/{name}")).contains(&unit));
    let in_runlevel = ["boot", "default", "sysinit"].iter().any(|level| {
        listed(&format!("/etc/runlevels/{level}"))
            .iter()
            .any(|name| name == service)
    });
    // A unit of its own masks the init script of the same name.
    let has_unit = [
        "/etc/systemd/system",
        "/lib/systemd/system",
        "/usr/lib/systemd/system",
    ]
    .iter()
    .any(|directory| host.exists(format!("{directory}/{unit}")));
    let scripted = !has_unit
        && ["/etc/rc2.d", "/etc/rc3.d", "/etc/rcS.d"]
            .iter()
            .any(|directory| {
                listed(directory)
                    .iter()
                    .any(|name| name.starts_with('S') && name.get(3..) == Some(service))
            });
    wanted || in_runlevel || scripted
}

/// Whether a settings file has rules in it, and not only comments or an empty skeleton.
fn has_rules(host: &Host, file: &str) -> bool {
    let Ok(text) = host.read_text(file, LARGEST_SETTINGS) else {
        return false;
    };
    let mut lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    match file {
        "/etc/ufw/ufw.conf" => lines.any(|line| line.eq_ignore_ascii_case("ENABLED=yes")),
        _ if file.contains("nftables") => lines
            .any(|line| line.contains("hook ") && !line.ends_with("hook ") || line.starts_with("include ")),
        _ => lines.any(|line| !line.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn host(build: impl Fn(&std::path::Path)) -> Persistence {
        let dir = tempfile::tempdir().unwrap();
        for path in [
            "etc/systemd/system/sysinit.target.wants",
            "etc/ufw",
            "etc/iptables",
        ] {
            std::fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        build(dir.path());
        Persistence::read(&Host::at(dir.path()).unwrap())
    }

    fn enable(root: &std::path::Path, unit: &str) {
        let link = root.join("etc/systemd/system/sysinit.target.wants").join(unit);
        symlink(format!("/lib/systemd/system/{unit}"), link).unwrap();
    }

    #[test]
    fn rules_survive_a_reboot_only_where_a_service_is_on_and_has_some() {
        let conf = "#!/usr/sbin/nft -f\nflush ruleset\ntable inet filter {\n chain input {\n  type filter hook input priority 0; policy drop;\n }\n}\n";
        let both = host(|root| {
            std::fs::write(root.join("etc/nftables.conf"), conf).unwrap();
            enable(root, "nftables.service");
        });
        assert_eq!(both.loaders, ["nftables with /etc/nftables.conf"]);

        let off = host(|root| std::fs::write(root.join("etc/nftables.conf"), conf).unwrap());
        assert!(off.loaders.is_empty());
        assert_eq!(off.idle, ["/etc/nftables.conf is there, nftables is not enabled"]);

        let empty = host(|root| {
            std::fs::write(root.join("etc/nftables.conf"), "flush ruleset\n# hook input\n").unwrap();
            enable(root, "nftables.service");
        });
        assert!(empty.loaders.is_empty());

        let ufw = host(|root| {
            std::fs::write(root.join("etc/ufw/ufw.conf"), "ENABLED=yes\nLOGLEVEL=low\n").unwrap();
            enable(root, "ufw.service");
        });
        assert_eq!(ufw.loaders, ["ufw with /etc/ufw/ufw.conf"]);
    }
}
