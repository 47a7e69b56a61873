//! What an archive says of itself: `InRelease` and `Release` files, as apt keeps them beside the lists.
//!
//! Format: <https://wiki.debian.org/DebianRepository/Format>. The signature is not verified here: apt did so before it
//! kept the file, and only root can have changed it since.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::Serialize;

use super::control::{Fields, token, words};

/// Largest release file taken, in bytes; Ubuntu's largest has some 300 KB.
pub const LARGEST_RELEASE: u64 = 16 * 1024 * 1024;

/// What an archive says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Release {
    /// `Origin`, such as `Debian`.
    pub origin: String,
    /// `Label`, such as `Debian-Security`.
    pub label: String,
    /// `Suite`, such as `oldstable-security`.
    pub suite: String,
    /// `Codename`, such as `bookworm-security`.
    pub codename: String,
    /// `Version`, such as `12`.
    pub version: String,
    /// When the archive was published.
    pub date: Option<Timestamp>,
    /// Until when the archive vouches for it.
    pub valid_until: Option<Timestamp>,
    /// `NotAutomatic: yes`, as experimental and backports have it.
    pub not_automatic: bool,
    /// `ButAutomaticUpgrades: yes`, as backports have it.
    pub but_automatic_upgrades: bool,
    /// Whether packages for all architectures have lists of their own, and are not repeated in each architecture's.
    #[serde(skip)]
    pub lists_all: bool,
    /// Size of each uncompressed package list, by its path below the release file.
    #[serde(skip)]
    pub sizes: HashMap<String, u64>,
}

impl Release {
    /// Reads the text of a release file; what is missing or malformed stays empty.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        // Inside a cleartext signature the text begins after the first empty line and ends at the signature.
        let signed = text
            .strip_prefix("-----BEGIN PGP SIGNED MESSAGE-----")
            .and_then(|rest| rest.split_once("\n\n"))
            .map_or(text, |(_, body)| body);
        let body = signed
            .split("\n-----BEGIN PGP SIGNATURE-----")
            .next()
            .unwrap_or_default();
        let mut release = Self::default();
        let (mut has_all, mut repeated) = (false, false);
        for (name, value) in Fields::of(body.as_bytes()) {
            let text = || {
                String::from_utf8_lossy(value.trim_ascii())
                    .chars()
                    .take(200)
                    .collect::<String>()
            };
            match name.to_ascii_lowercase().as_slice() {
                b"origin" => release.origin = text(),
                b"label" => release.label = text(),
                b"suite" => release.suite = text(),
                b"codename" => release.codename = text(),
                b"version" => release.version = text(),
                b"date" => release.date = date(&text()),
                b"valid-until" => release.valid_until = date(&text()),
                b"notautomatic" => release.not_automatic = is_yes(&text()),
                b"butautomaticupgrades" => release.but_automatic_upgrades = is_yes(&text()),
                b"architectures" => has_all = words(value).contains(&"all".to_owned()),
                b"no-support-for-architecture-all" => {
                    repeated = words(value).contains(&"Packages".to_owned());
                }
                b"sha256" | b"sha512" => release.sizes.extend(sizes(value)),
                _ => {}
            }
        }
        release.lists_all = has_all && !repeated;
        release
    }

    /// Whether this is an archive of security updates: Debian's by its label, and any whose suite is named `-security`
    /// (Ubuntu's, with ESM's `-infra-security` and `-apps-security`).
    #[must_use]
    pub fn is_security(&self) -> bool {
        self.label.eq_ignore_ascii_case("Debian-Security")
            || is_security_suite(&self.suite)
            || is_security_suite(&self.codename)
    }
}

/// Whether a suite's name is that of security updates; `buster/updates` is how Debian named them before 11.
#[must_use]
pub fn is_security_suite(suite: &str) -> bool {
    suite.trim_end_matches('/').ends_with("-security") || suite.ends_with("/updates")
}

fn is_yes(text: &str) -> bool {
    text.eq_ignore_ascii_case("yes")
}

/// `Wed, 20 May 2026 16:28:12 UTC`: RFC 2822 but for the zone's name.
fn date(text: &str) -> Option<Timestamp> {
    let numeric = text.strip_suffix("UTC").map(|start| format!("{start}+0000"));
    rfc2822::DateTimeParser::new()
        .relaxed_weekday(true)
        .parse_timestamp(numeric.as_deref().unwrap_or(text))
        .ok()
}

/// Lines of `hash size path`, for package lists alone.
fn sizes(value: &[u8]) -> impl Iterator<Item = (String, u64)> {
    value.split(|b| *b == b'\n').filter_map(|line| {
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let (_hash, size, path) = (words.next()?, words.next()?, token(words.next()?)?);
        let size = std::str::from_utf8(size).ok()?.parse().ok()?;
        (path == "Packages" || path.ends_with("/Packages")).then(|| (path.to_owned(), size))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEBIAN: &str = "\
-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

Origin: Debian
Label: Debian-Security
Suite: oldstable-security
Version: 12
Codename: bookworm-security
Date: Wed, 20 May 2026 16:28:12 UTC
Valid-Until: Wed, 27 May 2026 16:28:12 UTC
Acquire-By-Hash: yes
SHA256:
 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855        0 contrib/Contents-amd64
 f61f27bd17de546264aa58f40f3aafaac7021e0ef69c17f6b1b4cd7664a037ec  1234567 main/binary-amd64/Packages
-----BEGIN PGP SIGNATURE-----

Origin: forged
-----END PGP SIGNATURE-----
";

    #[test]
    fn reads_debian_security() {
        let release = Release::parse(DEBIAN);
        assert_eq!(release.origin, "Debian");
        assert_eq!(release.date.unwrap().to_string(), "2026-05-20T16:28:12Z");
        assert_eq!(release.valid_until.unwrap().to_string(), "2026-05-27T16:28:12Z");
        assert!(release.is_security() && !release.not_automatic);
        assert_eq!(release.sizes["main/binary-amd64/Packages"], 1_234_567);
        assert_eq!(release.sizes.len(), 1);
    }

    #[test]
    fn knows_the_security_archives_and_no_others() {
        for (label, suite, security) in [
            ("Ubuntu", "noble-security", true),
            ("UbuntuESM", "jammy-infra-security", true),
            ("Debian-Security", "oldoldstable", true),
            ("Ubuntu", "noble-updates", false),
            ("Debian", "stable", false),
            ("Security tools", "stable", false),
        ] {
            let release = Release::parse(&format!("Label: {label}\nSuite: {suite}\n"));
            assert_eq!(release.is_security(), security, "{label} {suite}");
        }
        assert!(is_security_suite("buster/updates") && !is_security_suite("buster-updates"));
        assert!(!is_security_suite("./updates/"));
    }

    #[test]
    fn dates_with_the_wrong_weekday_or_a_numeric_zone_are_read_and_others_are_not() {
        assert!(date("Thu, 20 May 2026 16:28:12 UTC").is_some());
        assert!(date("Wed, 20 May 2026 16:28:12 +0000").is_some());
        assert!(date("yesterday UTC").is_none() && date("UTC").is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(Date|SHA256|Suite|-----BEGIN PGP SIGNATURE-----)?[:\n ]{0,3}\\PC{0,60}") {
            let _ = Release::parse(&text);
        }
    }
}
