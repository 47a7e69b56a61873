//! 7（2） and the appendix: how products are developed and installed.

use serde::{Deserialize, Serialize};

/// 7（2） 本公司產品開發政策.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Development {
    /// Why it does not apply (不適用者（例如賣斷系統產品），建請改至附錄填寫).
    pub not_applicable: Option<String>,
    /// 本公司提供之＿系統服務.
    pub systems: Vec<String>,
    /// 產品開發政策 (建議公司參考SSDLC訂定).
    pub policies: Vec<String>,
}

/// 附錄：本公司產品開發政策及系統安裝政策（資安維護部分）, for systems that are sold outright.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Appendix {
    /// Why it does not apply.
    pub not_applicable: Option<String>,
    /// 產品開發政策（資安部分）.
    pub development: Vec<String>,
    /// 系統安裝政策.
    pub installation: Vec<String>,
}
