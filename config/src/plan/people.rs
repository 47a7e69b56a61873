//! Sections 8, 9 and 10: people, equipment, training.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ByRole;
use crate::interval::Interval;

/// 8、人員安全管理.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Personnel {
    /// 8.1 保密義務約定方式.
    pub confidentiality: String,
    /// 8.2 識別業務內容涉及個資蒐集、處理或利用之人員之方式.
    pub identification: String,
    /// 8.3 人員存取權限之控制 … 並定期檢視適當性及必要性.
    pub access_review_interval: Interval,
    /// 8.3 □實體空間人員進出管制措施.
    pub entry_control: String,
    /// 8.3 □系統共用文件區存取管制措施.
    pub shared_files_control: String,
    /// 8.3: shared directories on hosts; empty: those of the inventory and of Samba and NFS.
    pub shared_paths: Vec<PathBuf>,
    /// 8.3 □其他.
    pub further_control: String,
    /// 8.4 人員離職時之資料返還程序.
    pub on_leaving: String,
    /// 8.5 其他.
    pub further: String,
}

impl Default for Personnel {
    fn default() -> Self {
        Self {
            confidentiality: String::new(),
            identification: String::new(),
            access_review_interval: Interval::months(12),
            entry_control: String::new(),
            shared_files_control: String::new(),
            shared_paths: Vec::new(),
            further_control: String::new(),
            on_leaving: String::new(),
            further: String::new(),
        }
    }
}

/// 9、設備安全管理.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Equipment {
    /// 9.1 □設備維護安全管理措施.
    pub maintenance: String,
    /// 9.1 □儲放環境安全管理措施.
    pub environment: String,
    /// 9.1 □其他.
    pub further_media: String,
    /// 9.1: whether removable storage may be used on hosts of each role.
    pub removable_media: ByRole<RemovableMedia>,
    /// 9.2 人員保管規範.
    pub custody: String,
    /// 9.2: when office screens lock.
    pub screen_lock: ScreenLock,
    /// 9.3 人員進出管制規範.
    pub entry_control: String,
    /// 9.4 過期資料及設備處理措施.
    pub disposal: String,
    /// 9.5 其他.
    pub further: String,
}

/// Whether removable storage may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemovableMedia {
    /// Any.
    Allowed,
    /// Devices that USBGuard or the like has on its list.
    ApprovedOnly,
    /// None.
    #[default]
    Forbidden,
}

/// When screens lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScreenLock {
    /// Why screens need not lock.
    pub not_applicable: Option<String>,
    /// Longest time without input before the lock.
    pub within: Interval,
}

impl Default for ScreenLock {
    fn default() -> Self {
        Self {
            not_applicable: None,
            within: Interval::minutes(15),
        }
    }
}

/// 10、個資保護認知宣導及教育訓練.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Training {
    /// 10.1 定期舉辦全體員工一般訓練.
    pub general_interval: Interval,
    /// 10.1: what it is about.
    pub topics: Vec<TrainingTopic>,
    /// 10.1 □其他.
    pub further_topics: Vec<String>,
    /// 10.2 定期舉辦個資小組人員（代表人、負責人及管理人員）特殊訓練.
    pub group_interval: Interval,
    /// 10.3 資訊人員定期參加特殊訓練.
    pub it_interval: Interval,
    /// 10.4 留存教育訓練實施紀錄.
    pub records: Vec<TrainingRecord>,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            general_interval: Interval::months(12),
            topics: TrainingTopic::ALL.to_vec(),
            further_topics: Vec::new(),
            group_interval: Interval::months(12),
            it_interval: Interval::months(12),
            records: TrainingRecord::ALL.to_vec(),
        }
    }
}

/// What general training is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainingTopic {
    /// □個人資料保護相關法令之規定.
    Law,
    /// □所屬人員之責任範圍.
    Responsibilities,
    /// □本計畫各項管理程序、機制及措施之要求.
    Plan,
    /// □個資保護及資安意識.
    Awareness,
    /// □社交工程演練或辨識社交工程之教學.
    SocialEngineering,
}

impl TrainingTopic {
    /// Every topic, in the form's order.
    pub const ALL: [Self; 5] = [
        Self::Law,
        Self::Responsibilities,
        Self::Plan,
        Self::Awareness,
        Self::SocialEngineering,
    ];
}

/// What is kept of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainingRecord {
    /// 簽到簽退.
    SignIn,
    /// 製作會議紀錄.
    Minutes,
    /// 課後評量機制.
    Assessment,
}

impl TrainingRecord {
    /// Every kind, in the form's order.
    pub const ALL: [Self; 3] = [Self::SignIn, Self::Minutes, Self::Assessment];
}
