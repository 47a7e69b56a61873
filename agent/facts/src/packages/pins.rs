//! Priorities: which version apt prefers, apt_preferences(5).

use crate::host::{Host, ReadError};

use super::control::{Fields, Stanzas, token, words};
use super::glob::glob;
use super::release::Release;
use super::sources::is_part;

/// Largest preferences or apt.conf file taken, in bytes.
const LARGEST_FILE: u64 = 1024 * 1024;

/// Most pins taken.
const MOST_PINS: usize = 10_000;

/// Priority of a version that is never to be chosen (`Pin-Priority: never`).
pub const NEVER: i32 = i32::MIN;

/// Priority of the installed version.
const INSTALLED: i32 = 100;

/// Where a version is to be had, as pins see it.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// What the archive says of itself.
    pub release: Release,
    /// Component, such as `main`.
    pub component: String,
    /// Host it is fetched from; empty for a local archive.
    pub site: String,
    /// Whether it is an archive of security updates.
    pub security: bool,
    /// Whether this is dpkg's status file, which pins call `now`.
    pub status: bool,
}

/// What is pinned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    /// `Package: *`, and `APT::Default-Release`.
    general: Vec<Pin>,
    /// Named packages, in the order of the files.
    specific: Vec<(Packages, Pin)>,
    /// Pins that can't be evaluated, and files that can't be read: where, and why.
    pub faults: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pin {
    matches: Match,
    priority: i32,
}

/// Packages that a pin is for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Packages {
    /// A glob.
    name: String,
    /// `None`: the system's own.
    architecture: Option<String>,
    /// Whether the name is a source package's.
    source: bool,
}

/// Versions that a pin is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Match {
    /// `Pin: release a=stable, n=…`: key and glob.
    Release(Vec<(u8, String)>),
    /// `Pin: origin "host"`: a glob.
    Origin(String),
    /// `Pin: version 1.2*`: a glob.
    Version(String),
}

/// A version that a pin may be for.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Binary package.
    pub name: &'a str,
    /// Its architecture, that of the system for `all`.
    pub architecture: &'a str,
    /// Whether that is the system's own.
    pub native: bool,
    /// Source package.
    pub source: &'a str,
    /// Version.
    pub version: &'a str,
}

impl Pins {
    /// Reads the preferences, and `APT::Default-Release` of apt.conf(5).
    #[must_use]
    pub fn read(host: &Host) -> Self {
        let mut pins = Self::default();
        let settings = parts(host, "/etc/apt/apt.conf.d", &["", "conf"], &mut pins.faults);
        for path in settings.into_iter().chain(["/etc/apt/apt.conf".to_owned()]) {
            match host.read_text(&path, LARGEST_FILE) {
                Ok(text) => pins.general.extend(default_release(&text)),
                Err(ReadError::NotFound(_)) => {}
                Err(error) => pins.faults.push(error.to_string()),
            }
        }
        // The last setting holds.
        pins.general = pins.general.pop().into_iter().collect();
        let preferences = parts(host, "/etc/apt/preferences.d", &["", "pref"], &mut pins.faults);
        for path in ["/etc/apt/preferences".to_owned()].into_iter().chain(preferences) {
            match host.read_text(&path, LARGEST_FILE) {
                Ok(text) => pins.add(&text, &path),
                Err(ReadError::NotFound(_)) => {}
                Err(error) => pins.faults.push(error.to_string()),
            }
        }
        pins
    }

    /// Takes the pins of a preferences file.
    pub fn add(&mut self, text: &str, path: &str) {
        let mut stanzas = Stanzas::new(text.as_bytes());
        let mut number = 0;
        while let Ok(Some(stanza)) = stanzas.next() {
            number += 1;
            if let Err(why) = self.add_stanza(stanza) {
                self.faults.push(format!("{path}: stanza {number}: {why}"));
            }
        }
    }

    fn add_stanza(&mut self, stanza: &[u8]) -> Result<(), &'static str> {
        let value = |name: &str| {
            let mut fields = Fields::of(stanza);
            let (_, value) = fields.find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))?;
            Some(words(value))
        };
        if Fields::of(stanza).next().is_none() {
            return Ok(());
        }
        let (Some(packages), Some(pin)) = (value("Package"), value("Pin")) else {
            return Err("no package or no pin");
        };
        let priority = value("Pin-Priority").unwrap_or_default().join(" ");
        let priority = match priority.as_str() {
            "never" => NEVER,
            number => number.parse::<i16>().map_err(|_| "no priority")?.into(),
        };
        let (kind, data) = pin.split_first().ok_or("an empty pin")?;
        let data = data.join(" ");
        if data
            .split(',')
            .any(|term| is_expression(term.split_once('=').map_or(term, |(_, value)| value)))
        {
            return Err("regular expressions are not evaluated");
        }
        let matches = match kind.to_ascii_lowercase().as_str() {
            "release" => Match::release(&data),
            "origin" => Match::Origin(data.trim_matches('"').to_ascii_lowercase()),
            "version" => Match::Version(data.to_ascii_lowercase()),
            _ => return Err("a kind of pin that is not evaluated"),
        };
        let pin = Pin { matches, priority };
        if self.general.len() + self.specific.len() + packages.len() > MOST_PINS {
            return Err("too many pins");
        }
        if packages == ["*"] {
            self.general.push(pin);
            return Ok(());
        }
        for package in packages {
            if is_expression(package.trim_start_matches("src:")) {
                return Err("regular expressions are not evaluated");
            }
            self.specific.push((Packages::of(&package), pin.clone()));
        }
        Ok(())
    }

    /// Priority of all versions in one place, unless a pin names the package.
    #[must_use]
    pub fn of_place(&self, place: &Place) -> i32 {
        let usual = match &place.release {
            _ if place.status => INSTALLED,
            release if release.not_automatic && release.but_automatic_upgrades => 100,
            release if release.not_automatic => 1,
            _ => 500,
        };
        let mut fitting = self.general.iter().filter(|pin| pin.matches.place(place));
        let first = fitting.next().map_or(usual, |pin| pin.priority);
        // `never` holds wherever it stands.
        if fitting.any(|pin| pin.priority == NEVER) {
            NEVER
        } else {
            first
        }
    }

    /// The first pin that is for this version in this place, by its number: one with a lower number wins, in
    /// whichever place it fits.
    #[must_use]
    pub fn of_version(&self, version: &Candidate<'_>, place: &Place) -> Option<usize> {
        self.specific.iter().position(|(packages, pin)| {
            packages.contain(version)
                && match &pin.matches {
                    Match::Version(pattern) => glob(pattern, version.version),
                    other => other.place(place),
                }
        })
    }

    /// Priority of the pin with this number.
    #[must_use]
    pub fn priority(&self, number: usize) -> Option<i32> {
        self.specific.get(number).map(|(_, pin)| pin.priority)
    }
}

impl Packages {
    fn of(text: &str) -> Self {
        let (source, text) = text
            .strip_prefix("src:")
            .map_or((false, text), |name| (true, name));
        let (name, architecture) = match text.rsplit_once(':') {
            Some((name, architecture)) => (name, Some(architecture.to_owned())),
            None => (text, None),
        };
        Self {
            name: name.to_ascii_lowercase(),
            architecture: architecture.filter(|architecture| architecture != "native"),
            source,
        }
    }

    fn contain(&self, version: &Candidate<'_>) -> bool {
        let name = if self.source { version.source } else { version.name };
        let architecture = match self.architecture.as_deref() {
            None => version.native,
            Some("any") => true,
            Some(architecture) => architecture == version.architecture,
        };
        architecture && glob(&self.name, name)
    }
}

impl Match {
    /// `a=stable, l=Debian`, or a bare suite, codename or version.
    fn release(data: &str) -> Self {
        let terms = data.split(',').map(str::trim).filter(|term| !term.is_empty());
        Self::Release(
            terms
                .map(|term| match term.as_bytes() {
                    [key, b'=', ..] => (*key, term.get(2..).unwrap_or_default().to_ascii_lowercase()),
                    [first, ..] if first.is_ascii_digit() => (b'v', term.to_ascii_lowercase()),
                    _ => (b'*', term.to_ascii_lowercase()),
                })
                .collect(),
        )
    }

    fn place(&self, place: &Place) -> bool {
        match self {
            Self::Version(_) => false,
            Self::Origin(pattern) => !(place.status && pattern.is_empty()) && glob(pattern, &place.site),
            Self::Release(terms) => terms.iter().all(|(key, pattern)| {
                let release = &place.release;
                let suite = if place.status { "now" } else { &release.suite };
                match key {
                    b'*' => glob(pattern, suite) || glob(pattern, &release.codename),
                    b'a' => glob(pattern, suite),
                    b'n' => glob(pattern, &release.codename),
                    b'o' => glob(pattern, &release.origin),
                    b'l' => glob(pattern, &release.label),
                    b'c' => glob(pattern, &place.component),
                    b'v' => glob(pattern, &release.version),
                    // `b=`, an architecture: no list of ours is of another than the version's own.
                    _ => false,
                }
            }),
        }
    }
}

/// Whether apt takes the text for a POSIX regular expression.
fn is_expression(text: &str) -> bool {
    let text = text.trim().trim_matches('"');
    text.len() > 1 && text.starts_with('/') && text.ends_with('/')
}

/// The files apt reads in a directory of parts.
fn parts(host: &Host, directory: &str, extensions: &[&str], faults: &mut Vec<String>) -> Vec<String> {
    let names = match host.list(directory) {
        Ok(names) => names,
        Err(ReadError::NotFound(_)) => Vec::new(),
        Err(error) => {
            faults.push(error.to_string());
            Vec::new()
        }
    };
    let wanted = names.into_iter().filter(|name| is_part(name, extensions));
    wanted.map(|name| format!("{directory}/{name}")).collect()
}

/// `APT::Default-Release "stable";`, alone or inside `APT { … }`.
fn default_release(text: &str) -> Option<Pin> {
    let uncommented = text.lines().filter(|line| {
        let line = line.trim_start();
        !line.starts_with('#') && !line.starts_with("//")
    });
    let mut values = uncommented.filter_map(|line| {
        let lower = line.to_ascii_lowercase();
        let after = line.get(lower.find("default-release")? + "default-release".len()..)?;
        let value = after
            .trim_start()
            .trim_start_matches('"')
            .split(['"', ';'])
            .next()?
            .trim();
        token(value.as_bytes()).map(str::to_owned)
    });
    // The last setting holds.
    values.next_back().map(|release| Pin {
        matches: Match::release(&release),
        priority: 990,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pins(text: &str) -> Pins {
        let mut pins = Pins::default();
        pins.add(text, "preferences");
        pins
    }

    fn place(release: &str, site: &str) -> Place {
        Place {
            release: Release::parse(release),
            site: site.to_owned(),
            ..Place::default()
        }
    }

    #[test]
    fn a_place_has_its_usual_priority_unless_pinned() {
        let backports = place(
            "Suite: stable-backports\nNotAutomatic: yes\nButAutomaticUpgrades: yes\n",
            "a",
        );
        let experimental = place("Suite: experimental\nNotAutomatic: yes\n", "a");
        let stable = place(
            "Suite: stable\nCodename: trixie\nOrigin: Debian\n",
            "deb.debian.org",
        );
        let status = Place {
            status: true,
            ..Place::default()
        };
        let none = Pins::default();
        assert_eq!(
            [&backports, &experimental, &stable, &status].map(|p| none.of_place(p)),
            [100, 1, 500, 100]
        );
        let some = pins(
            "Package: *\nPin: release a=stable-*\nPin-Priority: 600\n\n\
                         Package: *\nPin: origin \"deb.debian.org\"\nPin-Priority: -1\n\n\
                         Package: *\nPin: release n=trixie\nPin-Priority: 900\n",
        );
        assert_eq!(
            [&backports, &experimental, &stable, &status].map(|p| some.of_place(p)),
            [600, 1, -1, 100]
        );
        assert!(some.faults.is_empty());
    }

    #[test]
    fn a_pin_names_packages_by_glob_architecture_source_and_version() {
        let pins =
            pins("# all\nPackage: nginx* libc6:any\n src:openssl\nPin: version 1.2*\nPin-Priority: 1001\n");
        let fits = |name, source, native, version| {
            let candidate = Candidate {
                name,
                architecture: "amd64",
                native,
                source,
                version,
            };
            pins.of_version(&candidate, &Place::default())
                .and_then(|number| pins.priority(number))
        };
        assert_eq!(fits("nginx-core", "nginx", true, "1.24"), Some(1001));
        assert_eq!(fits("nginx-core", "nginx", false, "1.24"), None);
        assert_eq!(fits("libc6", "glibc", false, "1.2"), Some(1001));
        assert_eq!(fits("libssl3", "openssl", true, "1.2.3"), Some(1001));
        assert_eq!(fits("libssl3", "openssl", true, "1.3"), None);
    }

    #[test]
    fn what_can_not_be_evaluated_is_named() {
        let pins = pins(
            "Package: /^linux-/\nPin: release a=x\nPin-Priority: -1\n\n\
                         Package: a\nPin: release a=/x|y/\nPin-Priority: -1\n\n\
                         Package: a\nPin: source-version 1\nPin-Priority: -1\n\n\
                         Package: a\nPin: version 1\nPin-Priority: high\n",
        );
        assert_eq!(pins.faults.len(), 4);
        assert!(pins.specific.is_empty());
    }

    #[test]
    fn the_default_release_counts_as_a_pin_of_990() {
        let pin =
            default_release("// APT::Default-Release \"no\";\nAPT { Default-Release \"bookworm\"; };\n")
                .unwrap();
        assert!(pin.matches.place(&place("Codename: bookworm", "")));
        assert_eq!(pin.priority, 990);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(Package: \\PC{0,10}\nPin: (release|origin|version) \\PC{0,10}\nPin-Priority: [0-9a-z-]{0,6})?\\PC{0,20}") {
            pins(&text);
            let _ = default_release(&text);
        }
    }
}
