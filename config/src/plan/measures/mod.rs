//! Section 7, 資料安全管理: thirteen measures, declared once for the systems run for customers (7（1）) and once for
//! office equipment (7（3）).
//!
//! Every item can be switched off with `not_applicable`, which holds the reason; a report shows it as 不適用.

mod authentication;
mod custom;
mod intrusion;
mod monitoring;
mod outside_proof;
mod ports;
mod storage;
mod systems;
mod tls_version;
mod transfer;
mod vulnerability;
mod work_hours;

use serde::{Deserialize, Serialize};

pub use authentication::*;
pub use custom::*;
pub use intrusion::*;
pub use monitoring::*;
pub use outside_proof::*;
pub use ports::*;
pub use storage::*;
pub use systems::*;
pub use tls_version::*;
pub use transfer::*;
pub use vulnerability::*;
pub use work_hours::*;

/// The thirteen measures of 7（1） or 7（3）, in the form's order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Measures {
    /// Why the whole of this scope does not apply (【註：不適用者，本項目可不填寫】).
    pub not_applicable: Option<String>,
    /// 本公司提供之＿系統服務; service only.
    pub systems: Vec<String>,
    /// 提供 □代管伺服器 □代維運系統 □SaaS服務; service only.
    pub kinds: Vec<ServiceKind>,
    /// （存於＿雲端伺服器）: clouds that the systems run in; service only.
    pub clouds: Vec<String>,
    /// 1. 加密.
    pub encryption: Encryption,
    /// 2. 備份.
    pub backup: Backup,
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
    /// 8. 密碼及認證機制.
    pub authentication: Authentication,
    /// 9. 避免利用真實個資測試.
    pub test_data: TestData,
    /// 10. 資訊系統變更.
    pub change: Change,
    /// 11. 定期檢查.
    pub review: Review,
    /// 12. 個資隱碼.
    pub masking: Masking,
    /// 13. 其他資料安全措施.
    pub custom: Custom,
}

/// What a company does for its customers with the systems of 7（1）.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceKind {
    /// 代管伺服器.
    HostedServers,
    /// 代維運系統.
    OperatedSystems,
    /// SaaS服務.
    Saas,
}
