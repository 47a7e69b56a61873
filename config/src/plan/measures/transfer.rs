//! Item 3: data on its way.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::TlsVersion;
use crate::interval::Interval;

/// 3. 傳輸安全.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Transfer {
    /// Why this item does not apply.
    pub not_applicable: Option<String>,
    /// 透過＿進行資料傳輸時: ways that data is sent, in words, such as API.
    pub used_for: Vec<String>,
    /// 並通過＿相關檢測: tests that the transfer has passed, in words; service only.
    pub verified_by: Vec<String>,
    /// Lowest protocol version that may be accepted (TLS 1.2以上).
    pub minimum_tls: TlsVersion,
    /// How long before its end a certificate is to be renewed.
    pub certificate_notice: Interval,
    /// Certificate files that are to be in order besides those that listening sockets present.
    pub certificate_paths: Vec<PathBuf>,
    /// Files with the authorities, in PEM, that certificates have to come from; those that the host trusts where none is
    /// named.
    pub authority_paths: Vec<PathBuf>,
    /// Endpoints of other hosts that are to be tested from this one, `HOST:PORT`.
    pub endpoints: Vec<String>,
}

impl Default for Transfer {
    fn default() -> Self {
        Self {
            not_applicable: None,
            used_for: Vec::new(),
            verified_by: Vec::new(),
            minimum_tls: TlsVersion::V1_2,
            certificate_notice: Interval::days(30),
            certificate_paths: Vec::new(),
            authority_paths: Vec::new(),
            endpoints: Vec::new(),
        }
    }
}
