//! Section 12: the self-audit.

use serde::{Deserialize, Serialize};

use crate::interval::Interval;

/// Capital, in New Taiwan dollars, from which measures are carried out every twelve months (資本額1000萬元以上).
pub const LARGE_CAPITAL_TWD: u64 = 10_000_000;

/// Records of personal data from which they are (保有個資5000筆以上).
pub const LARGE_RECORDS: u64 = 5_000;

/// 12、個資安全稽核.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// 12（1） 定期檢查或稽核一次.
    pub interval: Interval,
    /// 12（1): how it is done.
    pub methods: Vec<AuditMethod>,
    /// 12（1） 第三方外部稽核（例如□ISO 27701、□ISO 29100、□BS 10012、□TPIPAS、□其他）: the standards.
    pub standards: Vec<String>,
    /// 12（1） 第三方外部稽核之稽核範圍.
    pub external_scope: String,
    /// 12（2） 檢查或稽核人員身分.
    pub auditors: Vec<Auditor>,
    /// 12（2） □其他.
    pub further_auditors: String,
    /// 12（4） 資本額, in New Taiwan dollars.
    pub capital_twd: Option<u64>,
    /// 12（4） 保有個資筆數; unset: those of the inventory.
    pub personal_records: Option<u64>,
    /// 12（4） 定期執行安全維護措施: every 12 months at the latest for a large company.
    pub execution_interval: Interval,
    /// 12（5） 稽核範圍.
    pub scope: AuditScope,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            interval: Interval::months(12),
            methods: vec![AuditMethod::SelfCheck],
            standards: Vec::new(),
            external_scope: String::new(),
            auditors: Vec::new(),
            further_auditors: String::new(),
            capital_twd: None,
            personal_records: None,
            execution_interval: Interval::months(12),
            scope: AuditScope::default(),
        }
    }
}

/// 12（1）: how the audit is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditMethod {
    /// □自我檢查.
    SelfCheck,
    /// □內部稽核（由具有個資或資安稽核證照資格的同仁進行稽核）.
    Internal,
    /// □第三方外部稽核.
    External,
}

/// 12（2） 檢查或稽核人員身分.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Auditor {
    /// □具個資稽核證照之人員.
    Certified,
    /// □管理人員.
    Management,
    /// □法制人員.
    Legal,
    /// □資訊安全人員.
    InformationSecurity,
}

/// 12（5） 稽核範圍.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditScope {
    /// □本公司全辦公室範圍（含機房）.
    pub offices: bool,
    /// □本公司代管系統服務（含SaaS服務）.
    pub managed_services: Vec<String>,
    /// □本公司產品服務.
    pub products: Vec<String>,
    /// □其他.
    pub further: Vec<String>,
}

impl Default for AuditScope {
    fn default() -> Self {
        Self {
            offices: true,
            managed_services: Vec::new(),
            products: Vec::new(),
            further: Vec::new(),
        }
    }
}
