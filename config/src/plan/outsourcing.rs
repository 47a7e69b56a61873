//! Sections 13, 14 and 15: those who work for the company, the end of a business, and getting better.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::records::SHORTEST_RETENTION;
use crate::interval::Interval;

/// 13、委外監督.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outsourcing {
    /// Why it does not apply: nobody outside handles personal data.
    pub not_applicable: Option<String>,
    /// 13（1）2 契約中其他指定事項.
    pub further_terms: Vec<String>,
    /// 13（2）1 一次定期確認委外廠商個資安全維護措施執行之狀況.
    pub interval: Interval,
    /// 13（2）2 監督方式.
    pub vendors: Vec<Vendor>,
}

impl Default for Outsourcing {
    fn default() -> Self {
        Self {
            not_applicable: None,
            further_terms: Vec::new(),
            interval: Interval::months(12),
            vendors: Vec::new(),
        }
    }
}

/// A row of 13（2）2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vendor {
    /// 委外業者名稱.
    pub name: String,
    /// 合約期間: its first day.
    #[serde(with = "super::date")]
    pub contract_from: Date,
    /// 合約期間: its last day.
    #[serde(with = "super::date")]
    pub contract_until: Date,
    /// 委外內容.
    pub work: String,
    /// 稽核方式.
    pub audited_by: String,
}

/// 14、業務終止後個人資料處理方法.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Termination {
    /// 14（2）1(1) 銷毀之方法.
    pub destruction: String,
    /// 14（2）1(2) 銷毀及刪除時間、地點，證明銷毀及刪除之記錄方式.
    pub destruction_record: String,
    /// 14（2）4 銷毀、移轉或刪除等紀錄，應保留至少＿年.
    pub retention: Interval,
}

impl Default for Termination {
    fn default() -> Self {
        Self {
            destruction: String::new(),
            destruction_record: String::new(),
            retention: SHORTEST_RETENTION,
        }
    }
}

/// 15、個人資料安全維護之整體持續改善.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Improvement {
    /// 15（2） 定期檢視及修正本計畫一次.
    pub review_interval: Interval,
}

impl Default for Improvement {
    fn default() -> Self {
        Self {
            review_interval: Interval::months(12),
        }
    }
}
