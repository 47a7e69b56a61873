//! Programs that watch the logs for abnormal logins: whether they are installed, run, and watch logins at all.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::antivirus::processes::{self, Running};
use crate::ask::Ask;
use crate::facts::Facts;
use crate::host::Host;
use crate::known::Known;
use crate::probe::{Probe, ProbeId};

/// Largest settings file taken, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Most files of one settings directory read.
const MOST_FILES: usize = 256;

/// The program that writes the journal.
const JOURNALD: &str = "systemd-journald";

/// What [`MonitorsProbe`] reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MonitorFacts {
    /// Every program that is installed or runs, by name.
    pub monitors: Vec<Monitor>,
    /// Whether systemd-journald runs: who else would write the journal?
    pub journald: bool,
    /// Files whose change this very agent would notice at once; `None` where this run is not the daemon's.
    pub watching: Option<BTreeSet<String>>,
}

/// One program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Monitor {
    /// Which it is.
    pub product: Product,
    /// Its processes; none: it does not run.
    pub processes: Vec<u32>,
    /// What of logins it is set to watch: jails of fail2ban, log files of CrowdSec. `None`: its settings don't say,
    /// or could not be read.
    pub watches: Option<Vec<String>>,
}

/// A program that watches for abnormal logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Product {
    /// This agent, run as a daemon.
    Plumbline,
    /// fail2ban.
    Fail2ban,
    /// CrowdSec.
    Crowdsec,
    /// sshguard.
    Sshguard,
    /// Wazuh's agent.
    Wazuh,
    /// OSSEC's agent.
    Ossec,
}

impl Product {
    const ALL: [Self; 6] = [
        Self::Plumbline,
        Self::Fail2ban,
        Self::Crowdsec,
        Self::Sshguard,
        Self::Wazuh,
        Self::Ossec,
    ];

    /// The name that people know it by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plumbline => "plumbline-agent",
            Self::Fail2ban => "fail2ban",
            Self::Crowdsec => "CrowdSec",
            Self::Sshguard => "sshguard",
            Self::Wazuh => "Wazuh",
            Self::Ossec => "OSSEC",
        }
    }

    /// The program that reads logs.
    const fn program(self) -> &'static str {
        match self {
            Self::Plumbline => "plumbline-agent",
            Self::Fail2ban => "fail2ban-server",
            Self::Crowdsec => "crowdsec",
            Self::Sshguard => "sshg-parser",
            Self::Wazuh => "wazuh-logcollector",
            Self::Ossec => "ossec-logcollector",
        }
    }

    /// Where that stands when it is installed.
    const fn paths(self) -> &'static [&'static str] {
        match self {
            // One run of it watches nothing; only a daemon is told of.
            Self::Plumbline => &[],
            Self::Fail2ban => &["/usr/bin/fail2ban-server", "/usr/local/bin/fail2ban-server"],
            Self::Crowdsec => &["/usr/bin/crowdsec", "/usr/local/bin/crowdsec"],
            Self::Sshguard => &["/usr/sbin/sshguard", "/usr/local/sbin/sshguard"],
            Self::Wazuh => &["/var/ossec/bin/wazuh-logcollector"],
            Self::Ossec => &["/var/ossec/bin/ossec-logcollector"],
        }
    }

    fn is(self, process: &Running) -> bool {
        match self {
            // A script: the program is the interpreter, and the process calls itself by the script's name.
            Self::Fail2ban => {
                let interpreter = process.executable.as_ref().is_none_or(|path| {
                    path.rsplit('/')
                        .next()
                        .is_some_and(|name| name.starts_with("python"))
                });
                interpreter && process.name == "fail2ban-server"
            }
            _ => process.is(self.program()),
        }
    }

    /// Whether a process of it is the one that watches.
    fn watches(self, process: &Running) -> bool {
        match self {
            Self::Plumbline => process.arguments.iter().skip(1).any(|argument| argument == "run"),
            _ => true,
        }
    }
}

/// Looks at processes and settings.
pub struct MonitorsProbe;

impl Probe for MonitorsProbe {
    type Fact = MonitorFacts;
    const ID: ProbeId = ProbeId::Monitors;
    const WATCHES: &'static [&'static str] = &[
        "/etc/fail2ban",
        "/etc/fail2ban/jail.d",
        "/run/fail2ban",
        "/etc/crowdsec/acquis.yaml",
    ];

    fn gather(host: &Host, ask: &Ask, _facts: &mut Facts) -> Known<MonitorFacts> {
        let wanted = |process: &Running| {
            process.is(JOURNALD) || Product::ALL.iter().any(|product| product.is(process))
        };
        match processes::read_those(host, &wanted) {
            Ok(running) => Known::Value(MonitorFacts {
                watching: ask.watching.clone(),
                ..read(host, &running)
            }),
            Err(unknown) => unknown.into(),
        }
    }

    fn slot(facts: &mut Facts) -> &mut Known<MonitorFacts> {
        &mut facts.monitors
    }
}

fn read(host: &Host, running: &[Running]) -> MonitorFacts {
    let monitor = |product: Product| {
        let processes: Vec<u32> = running
            .iter()
            .filter(|process| product.is(process) && product.watches(process))
            .map(|process| process.pid)
            .collect();
        let installed = product.paths().iter().any(|path| host.exists(path));
        (installed || !processes.is_empty()).then(|| Monitor {
            product,
            processes,
            watches: match product {
                Product::Fail2ban => jails(host),
                Product::Crowdsec => acquired(host),
                _ => None,
            },
        })
    };
    MonitorFacts {
        monitors: Product::ALL.into_iter().filter_map(monitor).collect(),
        journald: running.iter().any(|process| process.is(JOURNALD)),
        watching: None,
    }
}

/// Jails of fail2ban that are enabled: jail.conf, jail.d/*.conf, jail.local and jail.d/*.local, the later over the
/// earlier (jail.conf(5)).
fn jails(host: &Host) -> Option<Vec<String>> {
    const BASE: &str = "/etc/fail2ban";
    let mut files = vec![format!("{BASE}/jail.conf")];
    let directory = format!("{BASE}/jail.d");
    let names = host.list(&directory).unwrap_or_default();
    let of = |end: &'static str| {
        let names: Vec<String> = names
            .iter()
            .filter(|name| name.ends_with(end))
            .take(MOST_FILES)
            .map(|name| format!("{directory}/{name}"))
            .collect();
        names
    };
    files.extend(of(".conf"));
    files.push(format!("{BASE}/jail.local"));
    files.extend(of(".local"));
    let mut enabled: BTreeMap<String, bool> = BTreeMap::new();
    let mut read_any = false;
    for path in files {
        let Ok(text) = host.read(&path, LARGEST) else {
            continue;
        };
        read_any = true;
        let mut section = String::new();
        for line in String::from_utf8_lossy(&text).lines() {
            let line = line.trim();
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                name.trim().clone_into(&mut section);
            } else if let Some((key, value)) = line.split_once('=')
                && key.trim() == "enabled"
            {
                let on = matches!(
                    value.trim().to_ascii_lowercase().as_str(),
                    "true" | "yes" | "on" | "1"
                );
                enabled.insert(section.clone(), on);
            }
        }
    }
    let default = enabled.remove("DEFAULT").unwrap_or(false);
    // With all enabled by default, the sshd jail that jail.conf has is too.
    if default {
        enabled.entry("sshd".to_owned()).or_insert(true);
    }
    let jails = enabled.into_iter().filter(|(_, on)| *on).map(|(name, _)| name);
    read_any.then(|| jails.collect())
}

/// What of CrowdSec's acquisition tells of logins: files and journal matches.
fn acquired(host: &Host) -> Option<Vec<String>> {
    let mut files = vec!["/etc/crowdsec/acquis.yaml".to_owned()];
    let directory = "/etc/crowdsec/acquis.d";
    let names = host.list(directory).unwrap_or_default();
    files.extend(
        names
            .iter()
            .take(MOST_FILES)
            .map(|name| format!("{directory}/{name}")),
    );
    let mut found = Vec::new();
    let mut read_any = false;
    for path in files {
        let Ok(text) = host.read(&path, LARGEST) else {
            continue;
        };
        read_any = true;
        for line in String::from_utf8_lossy(&text).lines() {
            let item = line
                .trim()
                .trim_start_matches(['-', ' '])
                .trim_matches(['"', '\'']);
            let of_logins = [
                "/auth.log",
                "/secure",
                "_SYSTEMD_UNIT=ssh",
                "SYSLOG_IDENTIFIER=sshd",
            ];
            if !item.starts_with('#') && of_logins.iter().any(|part| item.contains(part)) {
                found.push(item.chars().take(128).collect());
            }
        }
    }
    read_any.then_some(found)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn running(name: &str, executable: &str, arguments: &[&str]) -> Running {
        Running {
            pid: 7,
            name: name.to_owned(),
            executable: Some(executable.to_owned()),
            arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    #[test]
    fn what_runs_is_told_from_what_is_only_installed() {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("usr/bin/fail2ban-server", ""),
            ("usr/bin/crowdsec", ""),
            (
                "etc/fail2ban/jail.conf",
                "[DEFAULT]\nenabled = false\n[sshd]\nport = ssh\n",
            ),
            (
                "etc/fail2ban/jail.d/defaults-debian.conf",
                "[sshd]\nenabled = true\n[x]\nenabled = false\n",
            ),
            (
                "etc/crowdsec/acquis.yaml",
                "filenames:\n  - /var/log/nginx/*.log\n  - /var/log/auth.log\n",
            ),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let host = Host::at(root.path()).unwrap();
        let processes = [
            running(
                "fail2ban-server",
                "/usr/bin/python3.11",
                &["python3", "/usr/bin/fail2ban-server"],
            ),
            running(
                "plumbline-agent",
                "/usr/bin/plumbline-agent",
                &["plumbline-agent", "check"],
            ),
        ];
        let facts = read(&host, &processes);
        let told: Vec<_> = facts
            .monitors
            .iter()
            .map(|monitor| {
                let watches = monitor.watches.clone().unwrap_or_default().join(",");
                (monitor.product.name(), monitor.processes.len(), watches)
            })
            .collect();
        assert_eq!(
            told,
            [
                ("fail2ban", 1, "sshd".to_owned()),
                ("CrowdSec", 0, "/var/log/auth.log".to_owned()),
            ]
        );
        let daemon = running(
            "plumbline-agent",
            "/usr/bin/plumbline-agent",
            &["plumbline-agent", "run"],
        );
        assert_eq!(read(&host, &[daemon]).monitors[0].product, Product::Plumbline);
    }

    #[test]
    fn a_process_that_only_calls_itself_a_monitor_is_none() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::at(root.path()).unwrap();
        let impostor = running("fail2ban-server", "/tmp/miner", &["fail2ban-server"]);
        assert!(read(&host, &[impostor]).monitors.is_empty());
    }
}
