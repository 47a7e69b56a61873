//! Section 7, 資料安全管理: thirteen measures, declared once for the systems run for customers (7（1）) and once for
//! office equipment (7（3）).

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::interval::Interval;

/// The thirteen measures of 7（1） or 7（3）, in the form's order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Measures {
    /// Why the whole of this scope does not apply (【註：不適用者，本項目可不填寫】).
    pub not_applicable: Option<String>,
    /// 1. 加密.
    pub encryption: Encryption,
    /// 3. 傳輸安全.
    pub transfer: Transfer,
    /// 4. 外部網路入侵對策.
    pub intrusion: Intrusion,
    /// 5. 異常行為之監控及因應演練.
    pub monitoring: Monitoring,
    /// 6. 檢測系統漏洞及修補.
    pub vulnerability: Vulnerability,
    /// 7. 防毒軟體及惡意程式檢測.
    pub antivirus: Antivirus,
}

/// 1. 加密.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Encryption {
    /// Why this item does not apply.
    pub not_applicable: Option<String>,
    /// Directories that hold personal data. Empty: every writable local file system but /boot and the ESP.
    pub paths: Vec<PathBuf>,
    /// Least key strength of the cipher, in bits (AES256以上).
    pub minimum_key_bits: u32,
}

impl Default for Encryption {
    fn default() -> Self {
        Self {
            not_applicable: None,
            paths: Vec::new(),
            minimum_key_bits: 256,
        }
    }
}

/// 3. 傳輸安全.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Transfer {
    /// Why this item does not apply.
    pub not_applicable: Option<String>,
    /// Lowest protocol version that may be accepted (TLS 1.2以上).
    pub minimum_tls: TlsVersion,
    /// How long before its end a certificate is to be renewed.
    pub certificate_notice: Interval,
}

impl Default for Transfer {
    fn default() -> Self {
        Self {
            not_applicable: None,
            minimum_tls: TlsVersion::V1_2,
            certificate_notice: Interval::days(30),
        }
    }
}

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

/// 4. 外部網路入侵對策.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Intrusion {
    /// □建置防火牆.
    pub firewall: Firewall,
}

/// □建置防火牆：只開放必要的通訊埠對外連線.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Firewall {
    /// Why this item does not apply (若未向客戶提供主機（代）管理服務者，本項目可不填寫).
    pub not_applicable: Option<String>,
    /// Ports that other hosts may reach (必要的通訊埠).
    pub allowed_ports: Vec<AllowedPort>,
    /// How often the rules are reviewed or updated (定期更新一次).
    pub update_interval: Interval,
}

impl Default for Firewall {
    fn default() -> Self {
        Self {
            not_applicable: None,
            allowed_ports: Vec::new(),
            update_interval: Interval::months(6),
        }
    }
}

/// A port that the plan lets other hosts reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowedPort {
    /// `tcp/443`, `udp/33434-33534`.
    pub port: Ports,
    /// Networks that may reach it; empty: any.
    #[serde(default)]
    pub from: Vec<IpNet>,
    /// What it is needed for.
    #[serde(default)]
    pub purpose: String,
}

/// Transport protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// `tcp` or `udp`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One port or a range of one transport: `tcp/443`, `udp/6000-6010`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ports {
    /// TCP or UDP.
    pub transport: Transport,
    /// Lowest port.
    pub first: u16,
    /// Highest port, itself included.
    pub last: u16,
}

impl Ports {
    /// Whether `port` of `transport` is one of these.
    #[must_use]
    pub fn contains(self, transport: Transport, port: u16) -> bool {
        self.transport == transport && (self.first..=self.last).contains(&port)
    }
}

/// A text that is not a port or a range of ports.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a port; write \"tcp/443\", \"udp/53\" or a range such as \"tcp/8000-8010\"")]
pub struct InvalidPorts(String);

impl FromStr for Ports {
    type Err = InvalidPorts;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (transport, range) = text.split_once('/')?;
            let transport = [Transport::Tcp, Transport::Udp]
                .into_iter()
                .find(|t| t.name() == transport)?;
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
            (0 < first && first <= last).then_some(Self {
                transport,
                first,
                last,
            })
        };
        parse().ok_or_else(|| InvalidPorts(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for Ports {
    type Error = InvalidPorts;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Ports> for String {
    fn from(ports: Ports) -> Self {
        ports.to_string()
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.transport, self.first)?;
        if self.last == self.first {
            Ok(())
        } else {
            write!(f, "-{}", self.last)
        }
    }
}

/// 5. 異常行為之監控及因應演練.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Monitoring {
    /// Why this item does not apply.
    pub not_applicable: Option<String>,
    /// What counts as an abnormal login.
    pub logins: LoginRules,
    /// 異常行為因應演練: how often it is drilled.
    pub drill_interval: Interval,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self {
            not_applicable: None,
            logins: LoginRules::default(),
            drill_interval: Interval::months(6),
        }
    }
}

/// What counts as an abnormal login.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginRules {
    /// Failures from one source (an address, or an IPv6 /64) that make a brute force …
    pub brute_force_failures: u32,
    /// … within this time.
    pub brute_force_within: Interval,
    /// Users tried from one source that make a password spraying …
    pub spraying_users: u32,
    /// … within this time.
    pub spraying_within: Interval,
    /// Failures before a success from the same source that make the success suspicious …
    pub success_after_failures: u32,
    /// … within this time.
    pub success_after_failures_within: Interval,
    /// How root may log in.
    pub root_login: RootLogin,
    /// An anomaly is reported until this long after it was last seen.
    pub report_for: Interval,
}

impl Default for LoginRules {
    fn default() -> Self {
        Self {
            brute_force_failures: 5,
            brute_force_within: Interval::minutes(10),
            spraying_users: 8,
            spraying_within: Interval::minutes(60),
            success_after_failures: 5,
            success_after_failures_within: Interval::minutes(60),
            root_login: RootLogin::KeyOnly,
            report_for: Interval::days(1),
        }
    }
}

/// How root may log in over the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootLogin {
    /// Not at all.
    Forbidden,
    /// With a key or certificate, never with a password.
    KeyOnly,
    /// Any way.
    Allowed,
}

/// 6. 檢測系統漏洞及修補.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vulnerability {
    /// Why this item does not apply.
    pub not_applicable: Option<String>,
    /// A pending security update is to be installed within this time of being first seen.
    pub patch_within: Interval,
    /// Package lists older than this can't show that nothing is pending.
    pub lists_maximum_age: Interval,
    /// How often systems are scanned (定期一次).
    pub scan_interval: Interval,
}

impl Default for Vulnerability {
    fn default() -> Self {
        Self {
            not_applicable: None,
            patch_within: Interval::days(14),
            lists_maximum_age: Interval::days(7),
            scan_interval: Interval::months(6),
        }
    }
}

/// 7. 防毒軟體及惡意程式檢測.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Antivirus {
    /// Why this item does not apply.
    pub not_applicable: Option<String>,
    /// Whether files are to be scanned as they are opened.
    pub on_access: bool,
    /// Signature databases are to be younger than this (隨時更新).
    pub signatures_maximum_age: Interval,
    /// 定期執行惡意程式檢測一次.
    pub scan_interval: Interval,
}

impl Default for Antivirus {
    fn default() -> Self {
        Self {
            not_applicable: None,
            on_access: false,
            signatures_maximum_age: Interval::days(7),
            scan_interval: Interval::months(6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_read_what_they_write_and_refuse_the_impossible() {
        for text in ["tcp/443", "udp/6000-6010"] {
            assert_eq!(text.parse::<Ports>().unwrap().to_string(), text);
        }
        for text in [
            "443",
            "tcp/0",
            "tcp/70000",
            "tcp/20-10",
            "sctp/1",
            "tcp/",
            "tcp/1-2-3",
        ] {
            assert!(text.parse::<Ports>().is_err(), "{text}");
        }
    }

    #[test]
    fn versions_are_ordered_and_named_as_serde_writes_them() {
        assert!(TlsVersion::ALL.is_sorted());
        for version in TlsVersion::ALL {
            assert_eq!(serde_json::to_value(version).unwrap(), version.name());
        }
    }
}
