//! What dpkg has on the system: `/var/lib/dpkg/status`, dpkg-query(1).

use serde::Serialize;

use crate::host::{Host, ReadError};

use super::control::{Fields, Stanzas, token};

/// The file.
pub const PATH: &str = "/var/lib/dpkg/status";

/// Largest status file taken, in bytes; Debian's largest desktops have some 10 MB.
const LARGEST_STATUS: u64 = 256 * 1024 * 1024;

/// A package on the system, in whatever state of its installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Installed {
    /// Binary package, such as `libssl3`.
    pub name: String,
    /// Architecture, such as `amd64` or `all`.
    pub architecture: String,
    /// Version.
    pub version: String,
    /// Source package, such as `openssl`.
    pub source: String,
    /// Whether it is held back (`dpkg --set-selections`).
    pub held: bool,
    /// Whether it is wholly installed: unpacked, configured and with no trigger waiting.
    pub complete: bool,
}

/// What the status file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Packages on the system, in the order of the file.
    pub packages: Vec<Installed>,
    /// Stanzas that could not be understood.
    pub broken: usize,
}

/// Reads the status file.
pub fn read(host: &Host) -> Result<Status, ReadError> {
    let file = host.open_file(PATH)?;
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    if length > LARGEST_STATUS {
        let (path, limit) = (PATH.into(), LARGEST_STATUS);
        return Err(ReadError::TooLarge { path, limit });
    }
    let mut stanzas = Stanzas::new(file);
    let mut status = Status::default();
    loop {
        let stanza = stanzas.next().map_err(|source| ReadError::Io {
            path: PATH.into(),
            source,
        })?;
        let Some(stanza) = stanza else { break };
        match installed(stanza) {
            Some(Some(package)) => status.packages.push(package),
            Some(None) => {}
            None => status.broken += 1,
        }
    }
    status.broken += stanzas.too_large();
    Ok(status)
}

/// The package of a stanza; `Some(None)` for one that is known but not on the system, `None` for a broken stanza.
fn installed(stanza: &[u8]) -> Option<Option<Installed>> {
    let (mut name, mut architecture, mut version, mut source, mut status) = (None, None, None, None, None);
    for (field, value) in Fields::of(stanza) {
        let value = value.trim_ascii();
        if field.eq_ignore_ascii_case(b"Package") {
            name = Some(value);
        } else if field.eq_ignore_ascii_case(b"Status") {
            status = Some(value);
        } else if field.eq_ignore_ascii_case(b"Architecture") {
            architecture = Some(value);
        } else if field.eq_ignore_ascii_case(b"Version") {
            version = Some(value);
        } else if field.eq_ignore_ascii_case(b"Source") {
            source = Some(value);
        }
    }
    // `want error state`, such as `install ok installed`; dpkg(1) PACKAGE STATES and PACKAGE SELECTION STATES.
    let status = std::str::from_utf8(status?).ok()?;
    let mut status_words = status.split_ascii_whitespace();
    let (want, _error, state) = (status_words.next()?, status_words.next()?, status_words.next()?);
    if matches!(state, "not-installed" | "config-files") {
        return Some(None);
    }
    let name = token(name?)?.to_owned();
    // `Source: openssl (3.0.15-1)` where its version differs from the binary's.
    let source_name = source.and_then(|value| token(value.split(|b| *b == b' ').next()?));
    Some(Some(Installed {
        architecture: token(architecture?)?.to_owned(),
        version: token(version?)?.to_owned(),
        source: source_name.unwrap_or(&name).to_owned(),
        held: want == "hold",
        complete: state == "installed",
        name,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_what_is_on_the_system_and_counts_what_is_broken() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("var/lib/dpkg")).unwrap();
        let text = "\
Package: libssl3
Status: hold ok installed
Architecture: amd64
Multi-Arch: same
Source: openssl (3.0.15-1)
Version: 3.0.15-1~deb12u1
Description: Secure Sockets Layer toolkit
 Status: deinstall ok config-files

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: half
Status: install ok half-configured
Version: 2
Architecture: all

Package: broken
Status: install ok installed

nonsense
";
        std::fs::write(dir.path().join("var/lib/dpkg/status"), text).unwrap();
        let status = read(&Host::at(dir.path()).unwrap()).unwrap();
        assert_eq!(status.broken, 2);
        let [ssl, half] = &status.packages[..] else {
            panic!("{:?}", status.packages);
        };
        assert_eq!(
            (ssl.source.as_str(), ssl.version.as_str(), ssl.held, ssl.complete),
            ("openssl", "3.0.15-1~deb12u1", true, true)
        );
        assert_eq!((half.source.as_str(), half.complete), ("half", false));
    }

    proptest! {
        #[test]
        fn no_stanza_is_too_strange(stanza in "((Package|Status|Version|Source|Architecture): [ -~]{0,20}\n){0,6}\\PC{0,30}") {
            installed(stanza.as_bytes());
        }
    }
}
