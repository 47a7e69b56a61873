//! Versions of SSL and TLS, as the plan names the lowest one taken.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A version of SSL or TLS, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TlsVersion {
    /// SSL 2.0.
    #[serde(rename = "SSLv2")]
    Ssl2,
    /// SSL 3.0, RFC 6101.
    #[serde(rename = "SSLv3")]
    Ssl3,
    /// TLS 1.0, RFC 2246.
    #[serde(rename = "TLSv1.0", alias = "1.0")]
    V1_0,
    /// TLS 1.1, RFC 4346.
    #[serde(rename = "TLSv1.1", alias = "1.1")]
    V1_1,
    /// TLS 1.2, RFC 5246.
    #[serde(rename = "TLSv1.2", alias = "1.2")]
    V1_2,
    /// TLS 1.3, RFC 8446.
    #[serde(rename = "TLSv1.3", alias = "1.3")]
    V1_3,
}

impl TlsVersion {
    /// Every version, oldest first.
    pub const ALL: [Self; 6] = [
        Self::Ssl2,
        Self::Ssl3,
        Self::V1_0,
        Self::V1_1,
        Self::V1_2,
        Self::V1_3,
    ];

    /// The name used in JSON, such as `TLSv1.2`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ssl2 => "SSLv2",
            Self::Ssl3 => "SSLv3",
            Self::V1_0 => "TLSv1.0",
            Self::V1_1 => "TLSv1.1",
            Self::V1_2 => "TLSv1.2",
            Self::V1_3 => "TLSv1.3",
        }
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_and_named_as_serde_writes_them() {
        assert!(TlsVersion::ALL.is_sorted());
        for version in TlsVersion::ALL {
            assert_eq!(serde_json::to_value(version).unwrap(), version.name());
        }
    }
}
