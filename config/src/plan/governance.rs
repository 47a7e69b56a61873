//! Sections 1 and 2: who protects personal data, with what means, by what policy.

use serde::{Deserialize, Serialize};

use crate::interval::Interval;

/// 1、配置管理人員及相當資源.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Governance {
    /// How often people and budget are looked at again (建議每年更新一次).
    pub update_interval: Interval,
    /// 1（1） 配置管理人員（成立個資小組）.
    pub members: Vec<Member>,
    /// 1（2） 配置相當資源.
    pub budget: Budget,
}

impl Default for Governance {
    fn default() -> Self {
        Self {
            update_interval: Interval::months(12),
            members: Vec::new(),
            budget: Budget::default(),
        }
    }
}

/// A member of the group that protects personal data (個資小組).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Place in the group.
    pub role: MemberRole,
    /// 職稱.
    pub title: String,
    /// 姓名.
    pub name: String,
    /// Department of a delegate.
    #[serde(default)]
    pub department: String,
    /// 工作職掌.
    #[serde(default)]
    pub duties: Vec<String>,
}

/// A place in the group, as the form's chart has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberRole {
    /// 個資保護總負責人（召集人）: the representative of the company or a person so empowered.
    Convener,
    /// 個資管理專職／責人員.
    Manager,
    /// 資訊安全主管.
    SecurityLead,
    /// 單位個資管理專員.
    UnitDelegate,
}

/// 1（2） 預算：＿年新臺幣＿元.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Year, of the common era; printed as 民國.
    pub year: Option<i16>,
    /// New Taiwan dollars.
    pub amount_twd: Option<u64>,
    /// What it is made of: pay, systems and equipment, outside audits.
    pub items: Vec<BudgetItem>,
}

/// A part of the budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetItem {
    /// What for.
    pub purpose: String,
    /// New Taiwan dollars.
    pub amount_twd: u64,
}

/// 2、個人資料保護管理政策.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// How the policy is made known inside the company (對內公開周知).
    pub announced_by: String,
    /// Policies besides the form's own.
    pub further: Vec<String>,
    /// 個資當事人行使其個資相關權利或提出相關申訴與諮詢聯絡窗口.
    pub rights_contact: Contact,
    /// 事故通報個資聯絡窗口.
    pub incident_contact: Contact,
}

/// A person to turn to (專責人員職稱、姓名及聯絡方式).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contact {
    /// 職稱.
    pub title: String,
    /// 姓名.
    pub name: String,
    /// Telephone number.
    pub phone: String,
    /// Mail address.
    pub email: String,
}
