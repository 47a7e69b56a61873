//! Items 9 to 12: tests, changes, reviews and masking.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::interval::Interval;

/// 9. 避免利用真實個資測試.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TestData {
    /// Why this item does not apply, such as no test systems.
    pub not_applicable: Option<String>,
    /// Host names of the test systems; `*` stands for any characters.
    pub hosts: Vec<String>,
    /// Files and directories of test data on them.
    pub paths: Vec<PathBuf>,
    /// 使用真實個資者，應訂定使用規範: the rules of use; empty: real data is never used.
    pub real_data_rules: String,
}

/// 10. 資訊系統變更.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Change {
    /// Why this item does not apply.
    pub not_applicable: Option<String>,
    /// How a change is asked for, tested and approved, in words.
    pub procedure: String,
    /// Files and directories watched for change besides the system's own settings.
    pub paths: Vec<PathBuf>,
}

/// 11. 定期檢查.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Review {
    /// Why this item does not apply.
    pub not_applicable: Option<String>,
    /// ＿一次定期檢視處理個資之資通系統.
    pub interval: Interval,
    /// An account without a login for this long is dormant.
    pub dormant_after: Interval,
}

impl Default for Review {
    fn default() -> Self {
        Self {
            not_applicable: None,
            interval: Interval::months(6),
            dormant_after: Interval::days(90),
        }
    }
}

/// 12. 個資隱碼.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Masking {
    /// Why this item does not apply.
    pub not_applicable: Option<String>,
    /// 針對系統或伺服器之＿之個資使用情境, in words, such as 網站前台訂單查詢.
    pub used_for: Vec<String>,
    /// 採行＿個資之隱碼機制, in words.
    pub measures: Vec<String>,
    /// Log files and directories that are to hold no unmasked personal data.
    pub paths: Vec<PathBuf>,
    /// Addresses whose answers are to hold none.
    pub urls: Vec<String>,
}
