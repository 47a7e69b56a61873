//! What can be put on record of a case.

use std::collections::BTreeSet;

use jiff::Timestamp;
use plumbline_config::catalogue::IncidentKind;
use plumbline_config::finding::Severity;
use plumbline_config::ident::{HostId, Role};
use plumbline_config::lang::{Bilingual, Lang};
use plumbline_config::message::{Message, text};
use serde::{Deserialize, Serialize};

use crate::records::EvidenceFile;
use crate::records::action::Entry;
use crate::records::steps::Step;
use crate::store::Family;

/// What a case begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// What is suspected.
    pub kind: IncidentKind,
    /// The host that it was seen on.
    pub host: Option<CaseHost>,
    /// What it is about: the subject of the finding, such as `source:203.0.113.7`.
    pub culprit: Option<String>,
    /// What was seen.
    pub text: String,
    /// When the company knew of it. The clock runs from here.
    pub known_at: Timestamp,
    /// When it happened, as far as is known.
    pub happened_at: Option<Timestamp>,
    /// What was measured.
    pub finding: Option<Seen>,
    /// The authority is to be told within so long of knowing, as the plan said then.
    pub report_within_seconds: i64,
    /// And within so long once it is in the media.
    pub report_within_if_in_media_seconds: i64,
}

/// The host of a case, as it was called then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseHost {
    /// Id.
    pub id: HostId,
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
}

/// The finding that a case began with. The rest of it is in the report that the host signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Check.
    pub check: String,
    /// Kind of anomaly, as the finding's evidence names it.
    pub anomaly: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// What it said.
    pub summary: Bilingual,
    /// When it was measured, by the host's clock.
    pub observed_at: Timestamp,
    /// When it came here, or last changed.
    pub received_at: Timestamp,
    /// When what it tells of was last seen, by the host's clock.
    pub last_at: Option<Timestamp>,
}

/// What can happen to personal data, 5（3）2 and the law's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Harm {
    /// 竊取.
    Theft,
    /// 洩漏.
    Leak,
    /// 竄改.
    Alteration,
    /// 毀損.
    Damage,
    /// 滅失.
    Loss,
    /// 其他侵害.
    Other,
}

impl Harm {
    /// Every harm, in the form's order.
    pub const ALL: [Self; 6] = [
        Self::Theft,
        Self::Leak,
        Self::Alteration,
        Self::Damage,
        Self::Loss,
        Self::Other,
    ];

    /// The name used in JSON and on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Theft => "theft",
            Self::Leak => "leak",
            Self::Alteration => "alteration",
            Self::Damage => "damage",
            Self::Loss => "loss",
            Self::Other => "other",
        }
    }

    /// The key of the word for it in the message files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Theft => "incident-harm-theft",
            Self::Leak => "incident-harm-leak",
            Self::Alteration => "incident-harm-alteration",
            Self::Damage => "incident-harm-damage",
            Self::Loss => "incident-harm-loss",
            Self::Other => "incident-harm-other",
        }
    }
}

/// What a case was found to be. A later one takes the place of an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assessed {
    /// Whether it is an incident of personal data.
    pub personal_data: bool,
    /// Whether it endangers the company's business or the rights of many people, 5（2）2: then the authority is told.
    /// Where it is not said, it does.
    #[serde(default = "yes")]
    pub grave: bool,
    /// Whether data of customers is concerned: then they are told, 5（4）.
    #[serde(default)]
    pub customers: bool,
    /// What happened to the data.
    #[serde(default)]
    pub harms: BTreeSet<Harm>,
    /// Kinds of personal data.
    #[serde(default)]
    pub categories: Vec<String>,
    /// About how many people.
    #[serde(default)]
    pub people: Option<u64>,
    /// About how many records.
    #[serde(default)]
    pub records: Option<u64>,
    /// How many of these are of the special kinds of the law's article 6.
    #[serde(default)]
    pub special_records: Option<u64>,
    /// Cause and course.
    pub text: String,
    /// What harm came of it.
    #[serde(default)]
    pub damage: String,
    /// What may come of it.
    #[serde(default)]
    pub consequences: String,
    /// The evidence.
    #[serde(default)]
    pub files: Vec<EvidenceFile>,
}

/// What nobody answered must not keep the authority from being told.
const fn yes() -> bool {
    true
}

/// Who has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whom {
    /// 主管機關, 5（2）.
    Authority,
    /// 當事人, 5（3）.
    Subjects,
    /// 客戶, 5（4）.
    Customers,
}

impl Whom {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Authority, Self::Subjects, Self::Customers];

    /// The name used in JSON and on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::Subjects => "subjects",
            Self::Customers => "customers",
        }
    }

    /// The key of the word for them in the message files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Authority => "incident-whom-authority",
            Self::Subjects => "incident-whom-subjects",
            Self::Customers => "incident-whom-customers",
        }
    }
}

/// A step of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum IncidentStep {
    /// It began.
    Open(Opened),
    /// What it was found to be.
    Assess(Assessed),
    /// Something was done against it, 5（5）1.
    Contain(Entry),
    /// Somebody was told.
    Notify {
        /// Who.
        whom: Whom,
        /// When.
        told_at: Timestamp,
        /// By what: a form, a mail, a call.
        channel: String,
        /// What was said.
        #[serde(flatten)]
        entry: Entry,
    },
    /// The media reported on it.
    Media {
        /// When.
        reported_at: Timestamp,
        /// Where, and what.
        #[serde(flatten)]
        entry: Entry,
    },
    /// A fact was wrong.
    Correct {
        /// The company knew earlier.
        #[serde(default)]
        known_at: Option<Timestamp>,
        /// It happened at another time.
        #[serde(default)]
        happened_at: Option<Timestamp>,
        /// What was wrong, and how that was found.
        #[serde(flatten)]
        entry: Entry,
    },
    /// All was done.
    Close {
        /// What came of it.
        text: String,
        /// The corrective action that follows, 5（5）3.
        action: String,
        /// The evidence.
        #[serde(default)]
        files: Vec<EvidenceFile>,
    },
    /// It was no incident of personal data.
    Dismiss {
        /// Why.
        reason: String,
    },
}

impl Step for IncidentStep {
    const FAMILY: Family = Family::Incident;

    fn verb(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::Assess(_) => "assess",
            Self::Contain(_) => "contain",
            Self::Notify { .. } => "notify",
            Self::Media { .. } => "media",
            Self::Correct { .. } => "correct",
            Self::Close { .. } => "close",
            Self::Dismiss { .. } => "dismiss",
        }
    }
}

impl IncidentStep {
    /// The key of the word for it in the message files.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Open(_) => "incident-step-open",
            Self::Assess(_) => "incident-step-assess",
            Self::Contain(_) => "incident-step-contain",
            Self::Notify { .. } => "incident-step-notify",
            Self::Media { .. } => "incident-step-media",
            Self::Correct { .. } => "incident-step-correct",
            Self::Close { .. } => "incident-step-close",
            Self::Dismiss { .. } => "incident-step-dismiss",
        }
    }

    /// The evidence that comes with it.
    #[must_use]
    pub fn files(&self) -> &[EvidenceFile] {
        match self {
            Self::Open(_) | Self::Dismiss { .. } => &[],
            Self::Assess(Assessed { files, .. })
            | Self::Close { files, .. }
            | Self::Contain(Entry { files, .. })
            | Self::Notify {
                entry: Entry { files, .. },
                ..
            }
            | Self::Media {
                entry: Entry { files, .. },
                ..
            }
            | Self::Correct {
                entry: Entry { files, .. },
                ..
            } => files,
        }
    }

    /// What it says, in words; `time` says moments as people count them.
    #[must_use]
    pub fn said(&self, lang: Lang, time: &dyn Fn(Timestamp) -> String) -> String {
        let moment = |at: &Option<Timestamp>| at.map_or_else(|| "—".to_owned(), time);
        let message = match self {
            Self::Open(opened) => Message::new("incident-said-open")
                .arg("kind", text(lang, opened.kind.key()))
                .arg("known_at", time(opened.known_at))
                .arg("text", &opened.text),
            Self::Assess(assessed) => return assessed.said(lang),
            Self::Contain(entry) => return entry.text.clone(),
            Self::Notify {
                whom,
                told_at,
                channel,
                entry,
            } => Message::new("incident-said-notify")
                .arg("whom", text(lang, whom.key()))
                .arg("at", time(*told_at))
                .arg("channel", channel)
                .arg("text", &entry.text),
            Self::Media { reported_at, entry } => Message::new("incident-said-media")
                .arg("at", time(*reported_at))
                .arg("text", &entry.text),
            Self::Correct {
                known_at,
                happened_at,
                entry,
            } => Message::new("incident-said-correct")
                .arg("known_at", moment(known_at))
                .arg("happened_at", moment(happened_at))
                .arg("text", &entry.text),
            Self::Close { text, action, .. } => Message::new("incident-said-close")
                .arg("action", action)
                .arg("text", text),
            Self::Dismiss { reason } => return reason.clone(),
        };
        message.render_in(lang)
    }
}

impl Assessed {
    /// What it says, in words.
    #[must_use]
    pub fn said(&self, lang: Lang) -> String {
        if !self.personal_data {
            return Message::new("incident-said-unfounded")
                .arg("text", &self.text)
                .render_in(lang);
        }
        let number = |number: Option<u64>| number.map_or_else(|| "—".to_owned(), |number| number.to_string());
        let harms: Vec<String> = self.harms.iter().map(|harm| text(lang, harm.key())).collect();
        let gravity = if self.grave {
            "incident-grave"
        } else {
            "incident-not-grave"
        };
        Message::new("incident-said-confirmed")
            .arg(
                "harms",
                harms.join(text(lang, "incident-list-separator").as_str()),
            )
            .arg("people", number(self.people))
            .arg("records", number(self.records))
            .arg("gravity", text(lang, gravity))
            .arg("text", &self.text)
            .render_in(lang)
    }
}
