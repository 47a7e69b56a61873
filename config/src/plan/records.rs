//! Section 11: records of use, trails, and evidence that the plan is lived by.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ByRole;
use crate::interval::{Interval, Unit};

/// The shortest retention that the form takes (至少5年).
pub const SHORTEST_RETENTION: Interval = Interval::new(5, Unit::Year);

/// 11、使用紀錄、軌跡資料及證據保存.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Records {
    /// 11（1） 個資之蒐集、處理或利用紀錄.
    pub usage: ByRole<Keeping>,
    /// 11（2） 自動化機器設備之軌跡資料.
    pub trails: ByRole<Keeping>,
    /// 11（3） 落實執行個人資料檔案安全維護計畫之證據.
    pub evidence: Keeping,
}

/// How records are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keeping {
    /// 保存方法.
    pub method: String,
    /// 保存地點.
    pub place: String,
    /// 保存期限 (at least [`SHORTEST_RETENTION`]).
    pub retention: Interval,
    /// Directories on the host where older records are kept.
    pub paths: Vec<PathBuf>,
    /// Hosts that records are forwarded to, which keep them instead.
    pub forwarded_to: Vec<String>,
}

impl Default for Keeping {
    fn default() -> Self {
        Self {
            method: String::new(),
            place: String::new(),
            retention: SHORTEST_RETENTION,
            paths: Vec::new(),
            forwarded_to: Vec::new(),
        }
    }
}
