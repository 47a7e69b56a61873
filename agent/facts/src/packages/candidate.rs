//! Which version apt would install, and whether a security archive has a newer one.
//!
//! The rule is that of apt_preferences(5), "How APT Interprets Priorities".

use std::collections::HashMap;

use super::control::{Fields, field, token};
use super::pins::{Candidate, NEVER, Pins, Place};
use super::status::Installed;
use super::{SecurityUpdate, Upgrade, version};

/// Most versions kept of one package.
const MOST_VERSIONS: usize = 2_000;

/// The versions to be had of each installed package.
#[derive(Debug)]
pub(super) struct Versions<'a> {
    installed: &'a [Installed],
    by_name: HashMap<&'a [u8], Vec<usize>>,
    native: &'a str,
    pins: &'a Pins,
    seen: Vec<Vec<Seen>>,
    left_out: usize,
}

#[derive(Debug)]
struct Seen {
    version: String,
    /// Highest of the places it is in.
    priority: i32,
    /// Number of the pin that names it.
    pin: Option<usize>,
    security: bool,
    phased_percentage: Option<u8>,
}

/// What a stanza of a list turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// A package, installed or not.
    Understood,
    /// No package at all.
    Broken,
}

impl<'a> Versions<'a> {
    /// The installed packages, with their installed version alone.
    #[must_use]
    pub(super) fn new(installed: &'a [Installed], native: &'a str, pins: &'a Pins) -> Self {
        let mut by_name: HashMap<&[u8], Vec<usize>> = HashMap::with_capacity(installed.len());
        for (number, package) in installed.iter().enumerate() {
            by_name.entry(package.name.as_bytes()).or_default().push(number);
        }
        let status = Place {
            status: true,
            ..Place::default()
        };
        let mut versions = Self {
            installed,
            by_name,
            native,
            pins,
            seen: installed.iter().map(|_| Vec::new()).collect(),
            left_out: 0,
        };
        let priority = pins.of_place(&status);
        for (number, package) in installed.iter().enumerate() {
            let (architecture, version) = (&package.architecture, &package.version);
            versions.add(
                number,
                architecture,
                version,
                &package.source,
                &status,
                priority,
                None,
            );
        }
        versions
    }

    /// Takes a stanza of a list in `place`, whose versions have `priority`.
    pub(super) fn offer(&mut self, stanza: &[u8], place: &Place, priority: i32) -> Offer {
        // Nearly every stanza begins with its name, and nearly none is of an installed package.
        let name = match stanza.strip_prefix(b"Package:") {
            Some(rest) => rest
                .split(|b| *b == b'\n')
                .next()
                .unwrap_or_default()
                .trim_ascii(),
            None => match field(stanza, "Package") {
                Some(name) => name,
                None => return Offer::Broken,
            },
        };
        let Some(numbers) = self.by_name.get(name) else {
            return Offer::Understood;
        };
        let (mut architecture, mut version, mut source, mut phased) = (None, None, None, None);
        for (field, value) in Fields::of(stanza) {
            let value = value.trim_ascii();
            match field {
                b"Architecture" => architecture = token(value),
                b"Version" => version = token(value),
                b"Source" => source = value.split(|b| *b == b' ').next().and_then(token),
                b"Phased-Update-Percentage" => phased = token(value).and_then(|value| value.parse().ok()),
                _ => {}
            }
        }
        let (Some(architecture), Some(version)) = (architecture, version) else {
            return Offer::Broken;
        };
        let own = self.own(architecture);
        let fits = |number: &usize| {
            self.installed
                .get(*number)
                .is_some_and(|p| self.own(&p.architecture) == own)
        };
        if let Some(number) = numbers.iter().copied().find(fits) {
            let name = self
                .installed
                .get(number)
                .map_or("", |package| package.name.as_str());
            self.add(
                number,
                architecture,
                version,
                source.unwrap_or(name),
                place,
                priority,
                phased,
            );
        }
        Offer::Understood
    }

    /// Versions left out because a package had too many.
    #[must_use]
    pub(super) const fn left_out(&self) -> usize {
        self.left_out
    }

    /// A package for all architectures stands beside those of the system's own.
    fn own<'b>(&self, architecture: &'b str) -> &'b str
    where
        'a: 'b,
    {
        if architecture == "all" {
            self.native
        } else {
            architecture
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one version in one place")]
    fn add(
        &mut self,
        number: usize,
        architecture: &str,
        version: &str,
        source: &str,
        place: &Place,
        priority: i32,
        phased_percentage: Option<u8>,
    ) {
        let (Some(package), Some(seen)) = (self.installed.get(number), self.seen.get_mut(number)) else {
            return;
        };
        let own = if architecture == "all" {
            self.native
        } else {
            architecture
        };
        let candidate = Candidate {
            name: &package.name,
            architecture: own,
            native: own == self.native,
            source,
            version,
        };
        let pin = self.pins.of_version(&candidate, place);
        let security = place.security;
        if let Some(known) = seen.iter_mut().find(|known| known.version == version) {
            known.priority = known.priority.max(priority);
            known.pin = [known.pin, pin].into_iter().flatten().min();
            known.security |= security;
            known.phased_percentage = known.phased_percentage.or(phased_percentage);
            return;
        }
        if seen.len() == MOST_VERSIONS {
            self.left_out += 1;
            return;
        }
        seen.push(Seen {
            version: version.to_owned(),
            priority,
            pin,
            security,
            phased_percentage,
        });
    }

    /// What apt would upgrade, and the pending security updates.
    #[must_use]
    pub(super) fn judge(mut self) -> (Vec<Upgrade>, Vec<SecurityUpdate>) {
        let (mut upgrades, mut updates) = (Vec::new(), Vec::new());
        for (package, seen) in self.installed.iter().zip(&mut self.seen) {
            seen.sort_by(|a, b| version::compare(&b.version, &a.version));
            let newer = |other: &&Seen| version::is_newer(&other.version, &package.version);
            let fixed = seen.iter().filter(newer).find(|seen| seen.security);
            let candidate = candidate(seen, &package.version, self.pins);
            if let Some(fixed) = fixed {
                updates.push(SecurityUpdate {
                    name: package.name.clone(),
                    architecture: package.architecture.clone(),
                    source: package.source.clone(),
                    installed: package.version.clone(),
                    fixed: fixed.version.clone(),
                    held: package.held,
                    first_seen: None,
                });
            }
            if let Some(candidate) = candidate.filter(newer) {
                upgrades.push(Upgrade {
                    name: package.name.clone(),
                    architecture: package.architecture.clone(),
                    source: package.source.clone(),
                    installed: package.version.clone(),
                    candidate: candidate.version.clone(),
                    security: fixed.is_some(),
                    held: package.held,
                    phased_percentage: candidate.phased_percentage,
                });
            }
        }
        let by_name = |a: &str, b: &str, c: &str, d: &str| (a, b).cmp(&(c, d));
        upgrades.sort_by(|a, b| by_name(&a.name, &a.architecture, &b.name, &b.architecture));
        updates.sort_by(|a, b| by_name(&a.name, &a.architecture, &b.name, &b.architecture));
        (upgrades, updates)
    }
}

/// The version of the highest priority, of those the newest; no older one than that installed unless its priority is
/// at least 1000. `seen` is ordered newest first.
fn candidate<'s>(seen: &'s [Seen], installed: &str, pins: &Pins) -> Option<&'s Seen> {
    let mut best: Option<(i32, &Seen)> = None;
    for version in seen {
        let priority = priority(version, pins);
        let downgrade = priority < 1000 && version::is_newer(installed, &version.version);
        let better = best.is_none_or(|(highest, _)| priority > highest);
        if priority > 0 && better && !downgrade {
            best = Some((priority, version));
        }
    }
    best.map(|(_, version)| version)
}

fn priority(seen: &Seen, pins: &Pins) -> i32 {
    match seen.pin.and_then(|number| pins.priority(number)) {
        // A place that is never to be used stays so, whatever is said of the version.
        Some(_) if seen.priority == NEVER => NEVER,
        Some(priority) => priority,
        None => seen.priority,
    }
}

#[cfg(test)]
mod tests {
    use super::super::release::Release;
    use super::*;

    fn package(name: &str, version: &str) -> Installed {
        Installed {
            name: name.to_owned(),
            architecture: "amd64".to_owned(),
            version: version.to_owned(),
            source: name.to_owned(),
            held: false,
            complete: true,
        }
    }

    fn place(release: &str) -> Place {
        let release = Release::parse(release);
        Place {
            security: release.is_security(),
            release,
            ..Place::default()
        }
    }

    fn stanza(name: &str, version: &str, architecture: &str) -> Vec<u8> {
        format!("Package: {name}\nVersion: {version}\nArchitecture: {architecture}\n").into_bytes()
    }

    /// Candidate and security update of `a`, installed as 1.0, where the places hold these versions.
    fn judged(offers: &[(&str, &str)], pins: &Pins) -> (Option<String>, Option<String>) {
        let installed = [package("a", "1.0")];
        let mut versions = Versions::new(&installed, "amd64", pins);
        for (release, version) in offers {
            let place = place(release);
            let priority = pins.of_place(&place);
            assert_eq!(
                versions.offer(&stanza("a", version, "amd64"), &place, priority),
                Offer::Understood
            );
        }
        let (upgrades, updates) = versions.judge();
        (
            upgrades.first().map(|u| u.candidate.clone()),
            updates.first().map(|u| u.fixed.clone()),
        )
    }

    const STABLE: &str = "Suite: stable\n";
    const SECURITY: &str = "Suite: stable-security\nLabel: Debian-Security\n";
    const BACKPORTS: &str = "Suite: stable-backports\nNotAutomatic: yes\nButAutomaticUpgrades: yes\n";

    #[test]
    fn a_point_release_that_took_in_the_security_version_still_counts_as_security() {
        let (candidate, fixed) = judged(&[(SECURITY, "1.1"), (STABLE, "1.2")], &Pins::default());
        assert_eq!(
            (candidate.as_deref(), fixed.as_deref()),
            (Some("1.2"), Some("1.1"))
        );
        let (candidate, fixed) = judged(&[(SECURITY, "0.9"), (STABLE, "1.2")], &Pins::default());
        assert_eq!((candidate.as_deref(), fixed), (Some("1.2"), None));
        assert_eq!(
            judged(&[(SECURITY, "1.0"), (STABLE, "1.0")], &Pins::default()),
            (None, None)
        );
    }

    #[test]
    fn backports_are_no_candidate_for_a_package_from_stable() {
        let (candidate, _) = judged(&[(BACKPORTS, "2.0~bpo12+1"), (STABLE, "1.1")], &Pins::default());
        assert_eq!(candidate.as_deref(), Some("1.1"));
        // The installed version has the priority of backports: where stable has nothing, the newest wins.
        let (candidate, _) = judged(&[(BACKPORTS, "2.0~bpo12+1")], &Pins::default());
        assert_eq!(candidate.as_deref(), Some("2.0~bpo12+1"));
    }

    #[test]
    fn a_pin_hides_the_candidate_and_not_the_security_update() {
        let mut pins = Pins::default();
        pins.add("Package: a\nPin: release *\nPin-Priority: -1\n", "preferences");
        let (candidate, fixed) = judged(&[(SECURITY, "1.1")], &pins);
        assert_eq!((candidate, fixed.as_deref()), (None, Some("1.1")));
    }

    #[test]
    fn a_pin_on_one_place_holds_for_the_version_in_every_place() {
        let mut pins = Pins::default();
        pins.add(
            "Package: a\nPin: release a=testing\nPin-Priority: 50\n",
            "preferences",
        );
        let (candidate, _) = judged(&[(STABLE, "1.1"), ("Suite: testing\n", "1.1")], &pins);
        assert_eq!(candidate, None);
    }

    #[test]
    fn architectures_are_kept_apart_and_all_is_the_systems_own() {
        let mut foreign = package("a", "1.0");
        foreign.architecture = "i386".to_owned();
        let installed = [package("a", "1.0"), foreign];
        let pins = Pins::default();
        let mut versions = Versions::new(&installed, "amd64", &pins);
        versions.offer(&stanza("a", "1.1", "all"), &place(STABLE), 500);
        versions.offer(&stanza("a", "1.2", "arm64"), &place(STABLE), 500);
        versions.offer(&stanza("b", "1.2", "amd64"), &place(STABLE), 500);
        assert_eq!(
            versions.offer(b"Version: 1\n", &place(STABLE), 500),
            Offer::Broken
        );
        let (upgrades, _) = versions.judge();
        let found: Vec<_> = upgrades
            .iter()
            .map(|u| (u.architecture.as_str(), u.candidate.as_str()))
            .collect();
        assert_eq!(found, [("amd64", "1.1")], "the architecture that is installed");
    }
}
