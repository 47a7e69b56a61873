//! What runs by itself: systemd units that are enabled, and cron jobs, that speak of given programs.

use jiff::Timestamp;
use serde::Serialize;

use crate::host::Host;

/// Most cron files read.
const MOST_FILES: usize = 1_000;

/// Largest cron file taken, in bytes.
const LARGEST_FILE: u64 = 1024 * 1024;

/// Where links to enabled units lie, systemd.unit(5).
const WANTS: [&str; 6] = [
    "/etc/systemd/system/multi-user.target.wants",
    "/etc/systemd/system/default.target.wants",
    "/etc/systemd/system/timers.target.wants",
    "/usr/lib/systemd/system/multi-user.target.wants",
    "/usr/lib/systemd/system/timers.target.wants",
    "/run/systemd/generator.late/multi-user.target.wants",
];

/// Where cron looks, cron(8).
const CRON: [&str; 6] = [
    "/etc/cron.d",
    "/etc/cron.hourly",
    "/etc/cron.daily",
    "/etc/cron.weekly",
    "/etc/cron.monthly",
    "/var/spool/cron/crontabs",
];

/// Where systemd keeps when a timer last fired.
const STAMPS: &str = "/var/lib/systemd/timers";

/// Something that runs by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scheduled {
    /// The unit's link or the cron file.
    pub by: String,
    /// When a timer that remembers (`Persistent=`) last fired.
    pub last_fired: Option<Timestamp>,
}

/// Enabled units whose name holds one of `words`, and cron files that run something whose name does.
#[must_use]
pub fn find(host: &Host, words: &[&str]) -> Vec<Scheduled> {
    let mentions = |text: &str| words.iter().any(|word| text.contains(word));
    let mut found = Vec::new();
    for directory in WANTS {
        let names = host.list(directory).unwrap_or_default();
        found.extend(
            names
                .into_iter()
                .filter(|name| mentions(name))
                .map(|name| Scheduled {
                    last_fired: last_fired(host, &name),
                    by: format!("{directory}/{name}"),
                }),
        );
    }
    let in_directory = |directory: &str| {
        let names = host.list(directory).unwrap_or_default();
        names
            .into_iter()
            .map(move |name| format!("{directory}/{name}"))
            .collect::<Vec<_>>()
    };
    let files = CRON.iter().flat_map(|directory| in_directory(directory));
    let files = ["/etc/crontab".to_owned(), "/etc/anacrontab".to_owned()]
        .into_iter()
        .chain(files);
    for path in files.take(MOST_FILES) {
        let text = host.read_text(&path, LARGEST_FILE).unwrap_or_default();
        let mut jobs = text
            .lines()
            .map(str::trim_start)
            .filter(|line| !line.starts_with('#'));
        if jobs.any(mentions) {
            found.push(Scheduled {
                by: path,
                last_fired: None,
            });
        }
    }
    found
}

fn last_fired(host: &Host, unit: &str) -> Option<Timestamp> {
    let stamp = host.metadata(format!("{STAMPS}/stamp-{unit}")).ok()?;
    stamp.modified().ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_units_timers_and_cron_jobs_and_no_comments() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "etc/systemd/system/multi-user.target.wants/clamav-freshclam.service",
            "",
        );
        write("etc/systemd/system/timers.target.wants/clamscan.timer", "");
        write("var/lib/systemd/timers/stamp-clamscan.timer", "");
        write(
            "etc/cron.d/clamav",
            "SHELL=/bin/sh\n0 3 * * * root /usr/bin/clamscan -r /home\n",
        );
        write("etc/cron.daily/off", "#!/bin/sh\n# clamscan -r /\n");
        let host = Host::at(dir.path()).unwrap();
        let updates = find(&host, &["freshclam"]);
        assert_eq!(updates.len(), 1, "{updates:?}");
        let scans = find(&host, &["clamscan", "clamdscan"]);
        let by: Vec<_> = scans
            .iter()
            .map(|s| (s.by.as_str(), s.last_fired.is_some()))
            .collect();
        assert_eq!(
            by,
            [
                ("/etc/systemd/system/timers.target.wants/clamscan.timer", true),
                ("/etc/cron.d/clamav", false)
            ]
        );
    }
}
