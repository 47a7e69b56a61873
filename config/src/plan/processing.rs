//! Section 6: collecting, processing and using personal data, and the rights of those whose it is.

use serde::{Deserialize, Serialize};

use crate::interval::Interval;

/// 6、個人資料蒐集、處理及利用之內部管理程序.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Processing {
    /// 6（1） 個資同意書、隱私權政策等: the documents that hold what subjects are told and agree to.
    pub documents: Vec<String>,
    /// 6（1）5 國際／境外傳輸之限制、告知.
    pub international: InternationalTransfer,
    /// 6（1）6 定期利用個資盤點表檢視個人資料蒐集之特定目的是否已消失，或期限是否已屆滿.
    pub purpose_review_interval: Interval,
    /// 6（1）7(1) 委外對象.
    pub processors: Vec<String>,
    /// 6（1）7(2) 傳輸第三方對象.
    pub recipients: Vec<String>,
    /// 6（2） 受理當事人請求權利之程序.
    pub requests: Requests,
}

impl Default for Processing {
    fn default() -> Self {
        Self {
            documents: Vec::new(),
            international: InternationalTransfer::default(),
            purpose_review_interval: Interval::months(12),
            processors: Vec::new(),
            recipients: Vec::new(),
            requests: Requests::default(),
        }
    }
}

/// 6（1）5 國際／境外傳輸. No regions: □未進行個人資料國際傳輸.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InternationalTransfer {
    /// 國際傳輸於＿等地區: countries or regions; data in a cloud abroad counts.
    pub regions: Vec<String>,
    /// 基於＿等業務行為.
    pub activities: Vec<String>,
    /// 透過＿等方式告知當事人.
    pub told_by: Vec<String>,
}

/// 6（2） 受理當事人請求權利之程序.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Requests {
    /// 6（2）2 拒絕行銷受理方式: how subjects refuse marketing, free of charge.
    pub refuse_marketing_by: Vec<String>,
    /// 6（2）3 當事人行使個資法第3條權利受理方式.
    pub exercise_rights_by: Vec<String>,
    /// 6（2）3: how the company sees that a person is who they say.
    pub identified_by: Vec<String>,
    /// 6（2）3 收費標準: what a copy costs.
    pub fees: String,
    /// 6（2）4 個資更正受理方式.
    pub correct_by: Vec<String>,
    /// 6（2）5 受理程序流程圖: file name of the drawing.
    pub flow_chart: String,
}
