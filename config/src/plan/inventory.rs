//! Sections 3 and 4: what personal data there is, and what could befall it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::interval::Interval;

/// 3、清查（盤點）及界定個人資料之範圍.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Inventory {
    /// 3（1） 清查（盤點）及界定頻率.
    pub interval: Interval,
    /// 3（2） 蒐集、處理或利用個資之屬性.
    pub subjects: Vec<Subject>,
    /// 3（3） 個資盤點方式, in words.
    pub method: String,
    /// 3（3）: the table of files.
    pub files: Vec<PersonalDataFile>,
}

impl Default for Inventory {
    fn default() -> Self {
        Self {
            interval: Interval::months(12),
            subjects: Vec::new(),
            method: String::new(),
            files: Vec::new(),
        }
    }
}

impl Inventory {
    /// Records in all files together.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.files
            .iter()
            .fold(0, |sum, file| sum.saturating_add(file.records))
    }
}

/// Whose data it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// □所屬人員（含員工、業務、兼職、派遣、顧問、股東等人員）.
    Personnel,
    /// □消費者（含代管或暫存）.
    Consumer,
    /// □廠商客戶聯繫窗口.
    CustomerContact,
    /// □供應商、承包商聯繫窗口.
    SupplierContact,
}

/// A row of the inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PersonalDataFile {
    /// 業務流程/個資檔案名稱.
    pub name: String,
    /// 特定目的.
    pub purpose: String,
    /// 個人資料類別及內容.
    pub categories: Vec<String>,
    /// 預計處理或利用方式.
    pub usage: String,
    /// 法律依據.
    pub legal_basis: String,
    /// 處理或利用地區.
    pub region: String,
    /// 處理或利用期間.
    pub period: String,
    /// 資料筆數.
    pub records: u64,
    /// 處理及利用軌跡紀錄存放地點.
    pub trail_location: String,
    /// Files and directories on hosts where it lies.
    pub paths: Vec<PathBuf>,
    /// Why it is kept though its purpose is gone or its time over (6（1）6(2)).
    pub kept_because: Option<String>,
}

/// 4、個人資料之風險評估及管理機制.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Risk {
    /// 4（1） 評估頻率.
    pub interval: Interval,
    /// 4（2） 風險評估表.
    pub assessments: Vec<RiskAssessment>,
    /// 4（3） 可能風險類型及預訂風險對策.
    pub scenarios: Vec<RiskScenario>,
}

impl Default for Risk {
    fn default() -> Self {
        Self {
            interval: Interval::months(12),
            assessments: Vec::new(),
            scenarios: Vec::new(),
        }
    }
}

/// A row of 4（2）.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskAssessment {
    /// 業務流程/個資檔案名稱: the name of a file of the inventory.
    pub file: String,
    /// A 個資類別.
    pub category: RiskCategory,
    /// B 個資屬性.
    pub subject: RiskSubject,
    /// C 個資筆數.
    pub records: RiskRecords,
    /// 作業情境及內容.
    pub activity: String,
    /// 可能風險類型.
    pub risk: String,
    /// 風險處理對策.
    pub treatment: String,
}

impl RiskAssessment {
    /// 個資檔案價值(A+B+C，數值越高越優先): 3 to 9.
    #[must_use]
    pub const fn value(&self) -> u8 {
        self.category.grade() + self.subject.grade() + self.records.grade()
    }
}

/// A 個資類別.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RiskCategory {
    /// 1. 一般.
    General,
    /// 2. 敏感(財務、商業秘密).
    Sensitive,
    /// 3. 特種: Article 6 of the Personal Data Protection Act.
    Special,
}

impl RiskCategory {
    /// Its number in the form.
    #[must_use]
    pub const fn grade(self) -> u8 {
        match self {
            Self::General => 1,
            Self::Sensitive => 2,
            Self::Special => 3,
        }
    }
}

/// B 個資屬性.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RiskSubject {
    /// 1. 客戶、供應商.
    CustomerOrSupplier,
    /// 2. 所屬人員.
    Personnel,
    /// 3. 消費者.
    Consumer,
}

impl RiskSubject {
    /// Its number in the form.
    #[must_use]
    pub const fn grade(self) -> u8 {
        match self {
            Self::CustomerOrSupplier => 1,
            Self::Personnel => 2,
            Self::Consumer => 3,
        }
    }
}

/// C 個資筆數.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RiskRecords {
    /// 1. 100筆以下.
    #[serde(rename = "up-to-100")]
    UpTo100,
    /// 2. 100~5000筆.
    #[serde(rename = "100-to-5000")]
    From100To5000,
    /// 3. 5000筆以上.
    #[serde(rename = "over-5000")]
    Over5000,
}

impl RiskRecords {
    /// Its number in the form.
    #[must_use]
    pub const fn grade(self) -> u8 {
        match self {
            Self::UpTo100 => 1,
            Self::From100To5000 => 2,
            Self::Over5000 => 3,
        }
    }
}

/// A row of 4（3）.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskScenario {
    /// 作業情境.
    pub scenario: Scenario,
    /// 作業內容.
    pub activity: String,
    /// 可能風險類型.
    pub risk: String,
    /// 預計風險處理對策.
    pub treatment: String,
}

/// The five 作業情境.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// 加工.
    Processing,
    /// 內部傳輸.
    InternalTransfer,
    /// 外部傳輸.
    ExternalTransfer,
    /// 保管.
    Custody,
    /// 廢棄.
    Disposal,
}

impl Scenario {
    /// The five, in the form's order.
    pub const ALL: [Self; 5] = [
        Self::Processing,
        Self::InternalTransfer,
        Self::ExternalTransfer,
        Self::Custody,
        Self::Disposal,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_file_is_the_sum_of_its_three_grades() {
        let row = RiskAssessment {
            file: String::new(),
            category: RiskCategory::Sensitive,
            subject: RiskSubject::Consumer,
            records: RiskRecords::Over5000,
            activity: String::new(),
            risk: String::new(),
            treatment: String::new(),
        };
        assert_eq!(row.value(), 8);
    }
}
