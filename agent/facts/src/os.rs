//! The operating system and the host's name.
//!
//! Sources: os-release(5), `/proc/sys/kernel/{hostname,osrelease}` (proc_sys_kernel(5)), uname(2).

use plumbline_config::wire::Os;
use serde::Serialize;

use crate::ask::Ask;
use crate::facts::Facts;
use crate::host::{Host, ReadError};
use crate::known::Known;
use crate::probe::{Probe, ProbeId};

/// Largest os-release taken, in bytes.
const LARGEST_OS_RELEASE: u64 = 64 * 1024;

/// What [`OsProbe`] reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OsFacts {
    /// Host name.
    pub host_name: String,
    /// Operating system.
    pub os: Os,
    /// `ID_LIKE` of os-release, such as `debian` on Ubuntu.
    pub like: Vec<String>,
    /// `VERSION_CODENAME` of os-release, such as `bookworm`.
    pub codename: String,
}

/// Reads os-release and the kernel's names.
pub struct OsProbe;

impl Probe for OsProbe {
    type Fact = OsFacts;
    const ID: ProbeId = ProbeId::Os;

    fn gather(host: &Host, _ask: &Ask, _facts: &mut Facts) -> Known<OsFacts> {
        match read(host) {
            Ok(facts) => Known::Value(facts),
            Err(error) => error.into_known(),
        }
    }

    fn slot(facts: &mut Facts) -> &mut Known<OsFacts> {
        &mut facts.os
    }
}

/// Reads the facts; an os-release that is missing leaves its fields empty.
pub fn read(host: &Host) -> Result<OsFacts, ReadError> {
    let release = match host.read_text("/etc/os-release", LARGEST_OS_RELEASE) {
        Err(ReadError::NotFound(_)) => host.read_text("/usr/lib/os-release", LARGEST_OS_RELEASE),
        other => other,
    };
    let release = match release {
        Ok(text) => text,
        Err(ReadError::NotFound(_)) => String::new(),
        Err(error) => return Err(error),
    };
    let first_line = |path: &str| {
        let text = host.read_text(path, 4096).unwrap_or_default();
        text.lines().next().unwrap_or_default().trim().to_owned()
    };
    let mut host_name = first_line("/proc/sys/kernel/hostname");
    if host_name.is_empty() {
        host_name = first_line("/etc/hostname");
    }
    let field = |name: &str| os_release_field(&release, name);
    Ok(OsFacts {
        host_name,
        os: Os {
            id: field("ID"),
            version: field("VERSION_ID"),
            name: field("PRETTY_NAME"),
            kernel: first_line("/proc/sys/kernel/osrelease"),
            architecture: std::env::consts::ARCH.to_owned(),
        },
        like: field("ID_LIKE").split_whitespace().map(str::to_owned).collect(),
        codename: field("VERSION_CODENAME"),
    })
}

/// The value of `name` in an os-release file: shell assignments, quoted or not.
fn os_release_field(text: &str, name: &str) -> String {
    let value = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='));
    let value = value.unwrap_or_default().trim();
    let unquoted = ['"', '\'']
        .iter()
        .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    unquoted.unwrap_or(value).replace("\\\"", "\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_debian_and_ubuntu_release_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("etc")).unwrap();
        std::fs::write(
            dir.path().join("etc/os-release"),
            "PRETTY_NAME=\"Ubuntu 24.04.1 LTS\"\nVERSION_ID=\"24.04\"\nID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n",
        )
        .unwrap();
        std::fs::write(dir.path().join("etc/hostname"), "web1\n").unwrap();
        let facts = read(&Host::at(dir.path()).unwrap()).unwrap();
        assert_eq!(
            (facts.os.id.as_str(), facts.os.version.as_str()),
            ("ubuntu", "24.04")
        );
        assert_eq!(
            (facts.host_name.as_str(), facts.codename.as_str()),
            ("web1", "noble")
        );
        assert_eq!(facts.like, ["debian"]);
    }
}
