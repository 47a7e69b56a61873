//! Installed packages, and the updates that the package lists on the host have for them.
//!
//! Sources: dpkg's status file, apt's sources, lists and preferences. The answer is that of `apt list --upgradable`,
//! with one difference: an update counts as security where some version in a security archive is newer than the
//! installed one, even if the newest version of all stands elsewhere.

mod apt;
mod candidate;
pub mod control;
mod first_seen;
mod glob;
pub mod lists;
pub mod pins;
mod reboot;
pub mod release;
pub mod sources;
pub mod status;
pub mod version;

use jiff::Timestamp;
use serde::Serialize;

use crate::ask::Ask;
use crate::facts::Facts;
use crate::host::{Host, ReadError};
use crate::known::Known;
use crate::probe::{Probe, ProbeId};

pub use apt::{Archive, List};
pub use first_seen::PackageMemory;
pub use reboot::Reboot;

use candidate::Versions;
use pins::Pins;

/// What [`PackagesProbe`] reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackageFacts {
    /// Package manager: `dpkg`.
    pub manager: String,
    /// When the oldest security archive was published, as the lists on the host have it; of the newest archive where
    /// none is a security archive.
    pub lists_date: Option<Timestamp>,
    /// Packages on the system.
    pub installed: usize,
    /// What apt would upgrade, by name.
    pub upgradable: Vec<Upgrade>,
    /// Packages with a newer version in a security archive, by name; also those that apt would not upgrade to it.
    pub security: Vec<SecurityUpdate>,
    /// Archives that apt is told to use.
    pub archives: Vec<Archive>,
    /// What of apt's settings could not be read or evaluated.
    pub unevaluated: Vec<String>,
    /// Stanzas of the status file that could not be understood.
    pub broken: usize,
    /// Whether the system waits for a restart.
    pub reboot_required: Reboot,
}

/// A package that apt would upgrade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Upgrade {
    /// Binary package.
    pub name: String,
    /// Architecture of the installed version, as apt names the package.
    pub architecture: String,
    /// Source package.
    pub source: String,
    /// Version installed.
    pub installed: String,
    /// Version apt would install.
    pub candidate: String,
    /// Whether some version in a security archive is newer than the one installed.
    pub security: bool,
    /// Whether the package is held back.
    pub held: bool,
    /// Share of hosts that Ubuntu offers it to so far. Security archives do not phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phased_percentage: Option<u8>,
}

/// A package that lacks a security update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecurityUpdate {
    /// Binary package.
    pub name: String,
    /// Architecture of the installed version.
    pub architecture: String,
    /// Source package.
    pub source: String,
    /// Version installed.
    pub installed: String,
    /// Newest version in a security archive.
    pub fixed: String,
    /// Whether the package is held back.
    pub held: bool,
    /// Since when the package has been seen to lack an update; `None` where it already did at the first look, or in a
    /// run that remembers nothing.
    pub first_seen: Option<Timestamp>,
}

/// Reads packages and pending updates.
pub struct PackagesProbe;

impl Probe for PackagesProbe {
    type Fact = PackageFacts;
    const ID: ProbeId = ProbeId::Packages;
    const WATCHES: &'static [&'static str] = &[
        "/var/lib/dpkg/status",
        "/var/lib/apt/lists",
        "/etc/apt/sources.list",
        "/etc/apt/sources.list.d",
        "/etc/apt/preferences",
        "/etc/apt/preferences.d",
        "/run/reboot-required",
    ];

    fn gather(host: &Host, ask: &Ask, facts: &mut Facts) -> Known<PackageFacts> {
        read(host, ask.now, &mut facts.memory.packages)
    }

    fn slot(facts: &mut Facts) -> &mut Known<PackageFacts> {
        &mut facts.packages
    }
}

/// Files by which other package managers are known.
const OTHER_MANAGERS: [(&str, &str); 5] = [
    ("/usr/lib/sysimage/rpm", "rpm"),
    ("/var/lib/rpm", "rpm"),
    ("/lib/apk/db/installed", "apk"),
    ("/usr/lib/apk/db/installed", "apk"),
    ("/var/lib/pacman/local", "pacman"),
];

/// Reads packages and pending updates at the time `now`, and brings `memory` up to date.
pub fn read(host: &Host, now: Timestamp, memory: &mut PackageMemory) -> Known<PackageFacts> {
    let status = match status::read(host) {
        Ok(status) => status,
        Err(ReadError::NotFound(_)) => {
            let other = OTHER_MANAGERS.iter().find(|(path, _)| host.exists(path));
            return match other {
                Some((_, manager)) => {
                    Known::failed("packages", format!("{manager} is not read by this version"))
                }
                None => Known::failed("packages", "no package manager that is known"),
            };
        }
        Err(error) => return error.into_known(),
    };
    let installed = &status.packages;
    let (native, system) = apt::architectures(host, installed);
    let sources = sources::read(host, &native);
    let pins = Pins::read(host);
    let mut versions = Versions::new(installed, &native, &pins);
    let archives = match apt::read(host, &sources, &system, &pins, now, &mut versions) {
        Ok(archives) => archives,
        Err(error) => return error.into_known(),
    };
    let mut unevaluated = [sources.faults, pins.faults.clone()].concat();
    if versions.left_out() > 0 {
        unevaluated.push(format!(
            "{} versions: too many of one package",
            versions.left_out()
        ));
    }
    let (upgradable, mut security) = versions.judge();
    let security_read = archives
        .iter()
        .any(|archive| archive.security && archive.read_lists().next().is_some());
    memory.update(&mut security, installed, security_read, now);
    Known::Value(PackageFacts {
        manager: "dpkg".to_owned(),
        lists_date: lists_date(&archives),
        installed: installed.len(),
        upgradable,
        security,
        archives,
        unevaluated,
        broken: status.broken,
        reboot_required: reboot::read(host, installed),
    })
}

fn lists_date(archives: &[Archive]) -> Option<Timestamp> {
    let dates = |security: bool| {
        let archives = archives
            .iter()
            .filter(move |archive| archive.security || !security);
        archives.filter_map(|archive| archive.release.as_ref()?.date)
    };
    dates(true).min().or_else(|| dates(false).max())
}
