//! Anti-virus: ClamAV, its daemons, settings, signatures and schedules; and other products, as far as they can be seen.

pub mod config;
pub mod daemon;
pub mod processes;
pub mod products;
pub mod schedule;
pub mod signatures;

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use serde::Serialize;

use crate::ask::Ask;
use crate::facts::Facts;
use crate::host::{Host, ReadError};
use crate::known::{Known, Unknown};
use crate::packages::status;
use crate::probe::{Probe, ProbeId};

use config::Config;
use daemon::Socket;
use processes::Running;
use products::Product;
use schedule::Scheduled;
use signatures::Databases;

/// Largest settings file taken, in bytes.
const LARGEST_CONFIG: u64 = 1024 * 1024;

/// Where ClamAV's programs lie.
const PROGRAMS: [&str; 6] = [
    "/usr/sbin/clamd",
    "/usr/bin/clamd",
    "/usr/bin/clamscan",
    "/usr/local/sbin/clamd",
    "/usr/local/bin/clamscan",
    "/opt/clamav",
];

/// Settings of clamd, on Debian, Red Hat and from source.
const DAEMON_CONFIGS: [&str; 3] = [
    "/etc/clamav/clamd.conf",
    "/etc/clamd.conf",
    "/usr/local/etc/clamd.conf",
];

/// Settings of freshclam.
const UPDATER_CONFIGS: [&str; 3] = [
    "/etc/clamav/freshclam.conf",
    "/etc/freshclam.conf",
    "/usr/local/etc/freshclam.conf",
];

/// Where signatures lie unless the settings say otherwise.
const DATABASE_DIRECTORY: &str = "/var/lib/clamav";

/// What [`AntivirusProbe`] reads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AntivirusFacts {
    /// ClamAV, where any of it is on the host.
    pub clamav: Option<ClamAv>,
    /// Other products found.
    pub products: Vec<Product>,
    /// Whether processes could be seen; where not, nothing is known of what runs.
    #[serde(serialize_with = "is_value")]
    pub processes_seen: Known<()>,
}

/// ClamAV on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClamAv {
    /// Programs of it that are there.
    pub programs: Vec<String>,
    /// Processes of the scanning daemon.
    pub clamd: Vec<Running>,
    /// Processes of the updater.
    pub freshclam: Vec<Running>,
    /// Processes of the on-access scanner.
    pub clamonacc: Vec<Running>,
    /// Settings of clamd.
    pub daemon_configs: Vec<Config>,
    /// Settings of freshclam.
    pub updater_configs: Vec<Config>,
    /// Sockets of clamd, with what came of asking.
    pub sockets: Vec<Socket>,
    /// Directories of signatures.
    pub databases: Vec<Databases>,
    /// What runs freshclam.
    pub updates: Vec<Scheduled>,
    /// What runs a scan.
    pub scans: Vec<Scheduled>,
    /// Settings that could not be read.
    pub faults: Vec<String>,
}

impl ClamAv {
    /// Whether signatures are fetched without anyone's doing.
    #[must_use]
    pub fn updates_itself(&self) -> bool {
        !self.freshclam.is_empty() || !self.updates.is_empty()
    }
}

fn is_value<S: serde::Serializer>(known: &Known<()>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(matches!(known, Known::Value(())))
}

/// Reads anti-virus.
pub struct AntivirusProbe;

impl Probe for AntivirusProbe {
    type Fact = AntivirusFacts;
    const ID: ProbeId = ProbeId::Antivirus;
    const WATCHES: &'static [&'static str] = &[
        "/etc/clamav",
        "/etc/clamd.conf",
        "/etc/clamd.d",
        "/etc/cron.d",
        "/etc/freshclam.conf",
        "/etc/systemd/system/multi-user.target.wants",
        "/etc/systemd/system/timers.target.wants",
        "/run/clamav",
        "/var/lib/clamav",
        "/var/spool/cron/crontabs",
    ];

    fn gather(host: &Host, ask: &Ask, _facts: &mut Facts) -> Known<AntivirusFacts> {
        Known::Value(read(host, ask.now))
    }

    fn slot(facts: &mut Facts) -> &mut Known<AntivirusFacts> {
        &mut facts.antivirus
    }
}

/// Reads anti-virus at the time `now`.
#[must_use]
pub fn read(host: &Host, now: Timestamp) -> AntivirusFacts {
    let names: Vec<&str> = products::entries()
        .iter()
        .flat_map(|entry| entry.processes.iter().map(String::as_str))
        .chain(["clamd", "freshclam", "clamonacc"])
        .collect();
    let (running, processes_seen) = match processes::read(host, &names) {
        Ok(running) => (running, Known::Value(())),
        Err(Unknown::Denied(denial)) => (Vec::new(), Known::Denied(denial)),
        Err(Unknown::Failed { what, why }) => (Vec::new(), Known::Failed { what, why }),
        Err(Unknown::Absent(what) | Unknown::NotAsked(what)) => (Vec::new(), Known::Absent(what)),
    };
    // Without a status file the packages say nothing, and paths and processes still do.
    let status = status::read(host).unwrap_or_default();
    let installed: HashSet<&str> = status
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    AntivirusFacts {
        clamav: clamav(host, &running, now),
        products: products::find(host, &installed, &running),
        processes_seen,
    }
}

fn clamav(host: &Host, running: &[Running], now: Timestamp) -> Option<ClamAv> {
    let of = |name: &str| {
        running
            .iter()
            .filter(|process| process.is(name))
            .cloned()
            .collect::<Vec<_>>()
    };
    let programs = PROGRAMS
        .iter()
        .filter(|path| host.exists(path))
        .map(|&path| path.to_owned());
    let mut clamav = ClamAv {
        programs: programs.collect(),
        clamd: of("clamd"),
        freshclam: of("freshclam"),
        clamonacc: of("clamonacc"),
        ..ClamAv::default()
    };
    if clamav.programs.is_empty() && clamav.clamd.is_empty() {
        return None;
    }
    let instances = host.list("/etc/clamd.d").unwrap_or_default();
    let instances = instances.iter().filter(|name| name.ends_with(".conf"));
    let daemon_paths = named_configs(&clamav.clamd)
        .chain(DAEMON_CONFIGS.iter().map(|&path| path.to_owned()))
        .chain(instances.map(|name| format!("/etc/clamd.d/{name}")));
    clamav.daemon_configs = configs(host, daemon_paths, &mut clamav.faults);
    let updater_paths =
        named_configs(&clamav.freshclam).chain(UPDATER_CONFIGS.iter().map(|&path| path.to_owned()));
    clamav.updater_configs = configs(host, updater_paths, &mut clamav.faults);
    clamav.sockets = clamav
        .daemon_configs
        .iter()
        .flat_map(|config| daemon::ask(config, host.is_live()))
        .collect();
    let mut directories: BTreeSet<&str> = clamav
        .daemon_configs
        .iter()
        .chain(&clamav.updater_configs)
        .filter_map(|config| config.database_directory.as_deref())
        .collect();
    if directories.is_empty() {
        directories.insert(DATABASE_DIRECTORY);
    }
    clamav.databases = directories
        .into_iter()
        .map(|directory| Databases::read(host, directory, now))
        .collect();
    clamav.updates = schedule::find(host, &["freshclam"]);
    clamav.scans = schedule::find(host, &["clamscan", "clamdscan"]);
    Some(clamav)
}

/// Settings files that processes were started with: `-c FILE`, `--config-file=FILE`.
fn named_configs(processes: &[Running]) -> impl Iterator<Item = String> {
    processes.iter().flat_map(|process| {
        let arguments = &process.arguments;
        let next = arguments.iter().skip(1).chain([const { &String::new() }]);
        arguments.iter().zip(next).filter_map(|(argument, next)| {
            let path = match argument.as_str() {
                "-c" | "--config-file" => next,
                argument => argument.strip_prefix("--config-file=")?,
            };
            path.starts_with('/').then(|| path.to_owned())
        })
    })
}

/// Settings files that exist, each once; those of running processes come first.
fn configs(host: &Host, paths: impl Iterator<Item = String>, faults: &mut Vec<String>) -> Vec<Config> {
    let mut found: Vec<Config> = Vec::new();
    for path in paths {
        if found.iter().any(|config| config.path == path) {
            continue;
        }
        match host.read_text(&path, LARGEST_CONFIG) {
            Ok(text) => found.push(Config::parse(&path, &text)),
            Err(ReadError::NotFound(_)) => {}
            Err(error) => faults.push(error.to_string()),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_anti_virus_has_none() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("proc/1")).unwrap();
        let facts = read(&Host::at(dir.path()).unwrap(), Timestamp::now());
        assert_eq!((facts.clamav, facts.products.len()), (None, 0));
        assert_eq!(facts.processes_seen, Known::Value(()));
    }

    #[test]
    fn settings_are_those_the_process_was_started_with() {
        let process = |arguments: &[&str]| Running {
            pid: 1,
            name: "clamd".to_owned(),
            executable: None,
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        };
        let all = [
            process(&["clamd", "--config-file=/a"]),
            process(&["clamd", "-c", "/b", "--foreground"]),
            process(&["clamd", "-c"]),
            process(&["clamd", "-c", "relative"]),
        ];
        assert_eq!(named_configs(&all).collect::<Vec<_>>(), ["/a", "/b"]);
    }
}
