//! Section 5: what happens when personal data is stolen, leaked, altered or lost.

use serde::{Deserialize, Serialize};

use crate::interval::{Interval, Unit};

/// 5、事故之預防、通報及應變機制.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Incident {
    /// 5（1）3 事故應變流程圖: file name of the drawing.
    pub flow_chart: String,
    /// 5（2）1: the authority is told within this time of the company knowing (72小時內).
    pub report_within: Interval,
    /// 若事故已由媒體報導，建議於24小時內通報.
    pub report_within_if_in_media: Interval,
    /// 5（2）3 通報對象.
    pub authority: Authority,
    /// 5（3）4 通知當事人之方式.
    pub subject_channels: Vec<String>,
    /// 5（3）3 供當事人查詢之電話專線或其他適當管道.
    pub enquiry_channel: String,
    /// 5（4） 通知客戶.
    pub customer: CustomerNotice,
    /// 5（5）1 應變措施，包括降低、控制當事人損害之方式.
    pub containment: Vec<String>,
    /// 5（5）2 調查事件成因及入侵方式.
    pub investigation: Vec<String>,
    /// 5（5）3 研議其矯正預防措施之機制.
    pub prevention: Vec<String>,
    /// 5（6）1 定期演練一次.
    pub drill_interval: Interval,
    /// 5（6）2 演練內容 besides the form's two (monitoring of access, and reporting and answering it).
    pub further_drills: Vec<String>,
}

impl Default for Incident {
    fn default() -> Self {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Self {
            flow_chart: String::new(),
            report_within: Interval::new(72, Unit::Hour),
            report_within_if_in_media: Interval::new(24, Unit::Hour),
            authority: Authority::default(),
            subject_channels: texts(&["簡訊", "電子郵件"]),
            enquiry_channel: String::new(),
            customer: CustomerNotice::default(),
            containment: texts(&["尋找惡意程式", "停止損害措施", "伺服器暫停營運"]),
            investigation: texts(&["調取log", "尋找漏洞", "判斷是否有其他可能成因"]),
            prevention: texts(&[
                "改善資安措施",
                "改變個資蒐集處理利用方式",
                "重新評估與客戶間資安責任",
            ]),
            drill_interval: Interval::months(12),
            further_drills: Vec::new(),
        }
    }
}

/// 5（2）3 通報對象.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Authority {
    /// Name.
    pub name: String,
    /// 電話.
    pub phone: String,
    /// 信箱.
    pub mailbox: String,
    /// Where its report form (附表二) is.
    pub form_url: String,
}

impl Default for Authority {
    fn default() -> Self {
        Self {
            name: "數位發展部".to_owned(),
            phone: "02-23808390".to_owned(),
            mailbox: "www-mailbox.adi.gov.tw".to_owned(),
            form_url: "https://law.moda.gov.tw/Download.ashx?FileID=751".to_owned(),
        }
    }
}

/// 5（4） 通知客戶.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CustomerNotice {
    /// Why there are no such customers (公司有提供代管伺服器、代維運系統、提供SaaS服務者 … 應訂定通知客戶之流程).
    pub not_applicable: Option<String>,
    /// 5（4）4 通知方式.
    pub channels: Vec<String>,
}

impl Default for CustomerNotice {
    fn default() -> Self {
        Self {
            not_applicable: None,
            channels: vec!["簡訊".to_owned(), "電子郵件".to_owned()],
        }
    }
}
