//! Item 4: what keeps intruders out.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{OutsideProof, Ports};
use crate::interval::Interval;

/// 4. 外部網路入侵對策.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Intrusion {
    /// □建置防火牆.
    pub firewall: Firewall,
    /// □建置應用程式防火牆.
    pub waf: Waf,
    /// □電子郵件過濾機制; office only.
    pub mail_filter: MailFilter,
    /// □端點防護; office only.
    pub endpoint: Endpoint,
    /// □其他入侵偵測設備.
    pub ids: Ids,
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
    /// Connections made to see that the rules do what they say.
    pub outside_proof: OutsideProof,
}

impl Default for Firewall {
    fn default() -> Self {
        Self {
            not_applicable: None,
            allowed_ports: Vec::new(),
            update_interval: Interval::months(6),
            outside_proof: OutsideProof::default(),
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

/// □建置應用程式防火牆：監測、過濾、阻斷可疑的流量.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Waf {
    /// Why this item does not apply, such as no web site on these hosts.
    pub not_applicable: Option<String>,
    /// The product, in words; empty: any that is known.
    pub product: String,
    /// Whether suspicious requests are to be stopped (阻斷), not only seen.
    pub blocking: bool,
    /// How often the rules are updated (定期更新一次).
    pub update_interval: Interval,
}

impl Default for Waf {
    fn default() -> Self {
        Self {
            not_applicable: None,
            product: String::new(),
            blocking: true,
            update_interval: Interval::months(6),
        }
    }
}

/// □電子郵件過濾機制.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailFilter {
    /// Why this item does not apply, such as mail hosted and filtered by a provider.
    pub not_applicable: Option<String>,
    /// The product, in words; empty: any that is known.
    pub product: String,
    /// How often the rules are updated (定期更新一次).
    pub update_interval: Interval,
}

impl Default for MailFilter {
    fn default() -> Self {
        Self {
            not_applicable: None,
            product: String::new(),
            update_interval: Interval::months(6),
        }
    }
}

/// □端點防護.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Endpoint {
    /// Why this item does not apply.
    pub not_applicable: Option<String>,
    /// The product, in words; empty: any that is known.
    pub product: String,
    /// How often it is updated (定期更新一次).
    pub update_interval: Interval,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self {
            not_applicable: None,
            product: String::new(),
            update_interval: Interval::months(6),
        }
    }
}

/// □其他入侵偵測設備.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ids {
    /// Why this item does not apply.
    pub not_applicable: Option<String>,
    /// □其他入侵偵測設備：＿, such as Suricata or AIDE; empty: any that is known.
    pub products: Vec<String>,
    /// How often rules or database are updated (定期更新一次).
    pub update_interval: Interval,
}

impl Default for Ids {
    fn default() -> Self {
        Self {
            not_applicable: None,
            products: Vec::new(),
            update_interval: Interval::months(6),
        }
    }
}
