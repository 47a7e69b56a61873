//! Item 13: measures of the company's own, in words and as rules that a host can be held to.
//!
//! A rule describes a state. None runs a command.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Ports;
use crate::finding::Severity;

/// 13. 其他資料安全措施.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Custom {
    /// Measures in words.
    pub measures: Vec<String>,
    /// Rules on the contents of files.
    pub files: Vec<FileRule>,
    /// Rules on who may use files.
    pub permissions: Vec<PermissionRule>,
    /// Rules on packages.
    pub packages: Vec<PackageRule>,
    /// Rules on systemd units.
    pub units: Vec<UnitRule>,
    /// Rules on kernel parameters.
    pub sysctls: Vec<SysctlRule>,
    /// Rules on listening ports.
    pub ports: Vec<PortRule>,
}

impl Custom {
    /// Whether nothing is declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A file holds a line, or does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRule {
    /// Name of the rule, kebab-case; the subject of its findings.
    pub id: String,
    /// What the rule is for.
    #[serde(default)]
    pub purpose: String,
    /// How much a failure matters.
    #[serde(default = "medium")]
    pub severity: Severity,
    /// The file.
    pub path: PathBuf,
    /// A line it must hold, spaces at both ends aside.
    #[serde(default)]
    pub line: Option<String>,
    /// A text it must not hold.
    #[serde(default)]
    pub without: Option<String>,
}

/// A file or directory is open to no more than said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermissionRule {
    /// Name of the rule.
    pub id: String,
    /// What the rule is for.
    #[serde(default)]
    pub purpose: String,
    /// How much a failure matters.
    #[serde(default = "medium")]
    pub severity: Severity,
    /// The file or directory.
    pub path: PathBuf,
    /// Permission bits it may have at most, such as `0640`.
    pub mode: Mode,
    /// User it must belong to.
    #[serde(default)]
    pub owner: Option<String>,
    /// Group it must belong to.
    #[serde(default)]
    pub group: Option<String>,
}

/// A package is installed, or is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageRule {
    /// Name of the rule.
    pub id: String,
    /// What the rule is for.
    #[serde(default)]
    pub purpose: String,
    /// How much a failure matters.
    #[serde(default = "medium")]
    pub severity: Severity,
    /// Name of the package.
    pub package: String,
    /// Whether it must be there or must not.
    pub state: PackageState,
}

/// Whether a package is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageState {
    /// It is not.
    Absent,
    /// It is.
    Installed,
}

/// A systemd unit runs, or does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitRule {
    /// Name of the rule.
    pub id: String,
    /// What the rule is for.
    #[serde(default)]
    pub purpose: String,
    /// How much a failure matters.
    #[serde(default = "medium")]
    pub severity: Severity,
    /// Name of the unit, such as `nginx.service`.
    pub unit: String,
    /// Whether it must run or must not.
    pub state: UnitState,
}

/// Whether a unit runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitState {
    /// It runs.
    Active,
    /// It does not.
    Inactive,
}

/// A kernel parameter has a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SysctlRule {
    /// Name of the rule.
    pub id: String,
    /// What the rule is for.
    #[serde(default)]
    pub purpose: String,
    /// How much a failure matters.
    #[serde(default = "medium")]
    pub severity: Severity,
    /// Name of the parameter as sysctl(8) writes it, such as `kernel.kptr_restrict`.
    pub key: String,
    /// The value, as the kernel prints it.
    pub value: String,
}

/// A port is listened on, or is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortRule {
    /// Name of the rule.
    pub id: String,
    /// What the rule is for.
    #[serde(default)]
    pub purpose: String,
    /// How much a failure matters.
    #[serde(default = "medium")]
    pub severity: Severity,
    /// The port or range.
    pub port: Ports,
    /// Whether something must listen there or must not.
    pub state: PortState,
}

/// Whether a port is listened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortState {
    /// It is not.
    Closed,
    /// It is.
    Listening,
}

const fn medium() -> Severity {
    Severity::Medium
}

/// Permission bits of a file, written in octal as chmod(1) does: `0640`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mode(u16);

impl Mode {
    /// The twelve bits.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }
}

/// A text that is not permission bits.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a file mode; write three or four octal digits, such as \"0640\"")]
pub struct InvalidMode(String);

impl FromStr for Mode {
    type Err = InvalidMode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let octal = (3..=4).contains(&text.len()) && text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
        octal
            .then(|| u16::from_str_radix(text, 8).ok())
            .flatten()
            .map(Self)
            .ok_or_else(|| InvalidMode(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for Mode {
    type Error = InvalidMode;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        mode.to_string()
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_octal() {
        assert_eq!("640".parse::<Mode>().unwrap().to_string(), "0640");
        assert_eq!("0640".parse::<Mode>().unwrap().bits(), 0o640);
        for bad in ["", "64", "0888", "rw-r--", "00640", "+640"] {
            assert!(bad.parse::<Mode>().is_err(), "{bad}");
        }
    }
}
