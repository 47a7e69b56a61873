//! What belongs to a kind of attestation, so that it can be judged and added up.

use plumbline_config::catalogue::AttestationKind;
use serde::{Deserialize, Serialize};

use super::super::{Refusal, text};

/// Most people of a training, and most findings of a scan: more is a slip of the finger.
const MOST: u32 = 1_000_000;

/// Most assets of one assessment.
const MOST_ASSETS: usize = 5_000;

/// Longest line that names something, in characters.
const LONGEST: usize = 500;

/// What belongs to a kind of attestation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Details {
    /// A drill (5（6）, 7.1.5).
    Drill {
        /// What was exercised.
        scenario: String,
        /// What came of it.
        outcome: String,
    },
    /// An assessment of risk (4（2）).
    RiskAssessment {
        /// Each file of personal data.
        assets: Vec<Asset>,
    },
    /// A scan for vulnerabilities or malware, or of source code (7.1.6, 7.1.7).
    Scan {
        /// What it was made with.
        tool: String,
        /// What was looked at.
        target: String,
        /// Findings of high risk that are still open; of malware, whatever was found and not removed.
        high: u32,
        /// Findings of medium risk that are still open.
        medium: u32,
        /// Findings of low risk that are still open.
        low: u32,
    },
    /// Supervision of a processor (13（2）).
    Supervision {
        /// The processor.
        processor: String,
        /// The contract, and for how long it runs.
        contract: String,
        /// What was looked at, and how.
        method: String,
        /// Whether all was as agreed.
        satisfactory: bool,
    },
    /// A training (10).
    Training {
        /// What was taught.
        topic: String,
        /// How many should have come.
        invited: u32,
        /// How many came.
        attended: u32,
        /// What is kept of it.
        records: Vec<TrainingRecord>,
    },
}

/// A record of a training, as 10.4 asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainingRecord {
    /// 簽到簽退.
    SignIn,
    /// 會議紀錄.
    Minutes,
    /// 課後評量.
    Test,
}

/// A file of personal data, as Section 4 rates it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// 業務流程/個資檔案名稱.
    pub name: String,
    /// A 個資類別: 1 to 3.
    pub category: u8,
    /// B 個資屬性: 1 to 3.
    pub attribute: u8,
    /// C 個資筆數: 1 to 3.
    pub volume: u8,
    /// 作業情境及內容.
    pub situation: String,
    /// 可能風險類型.
    pub risk: String,
    /// 風險處理對策.
    pub measure: String,
}

impl Asset {
    /// 個資檔案價值, A+B+C: 3 to 9, higher comes first.
    #[must_use]
    pub const fn value(&self) -> u8 {
        self.category
            .saturating_add(self.attribute)
            .saturating_add(self.volume)
    }
}

impl Details {
    /// Whether nothing that the form wants mended is left open: no finding of high or medium risk, no contract broken.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        match self {
            Self::Scan { high, medium, .. } => *high == 0 && *medium == 0,
            Self::Supervision { satisfactory, .. } => *satisfactory,
            Self::Drill { .. } | Self::RiskAssessment { .. } | Self::Training { .. } => true,
        }
    }

    /// Whether they are of this kind, and can be right.
    pub(super) fn check(&self, kind: AttestationKind) -> Result<(), Refusal> {
        use AttestationKind as Kind;
        let belongs = match self {
            Self::Drill { .. } => kind == Kind::Drill,
            Self::RiskAssessment { .. } => kind == Kind::RiskAssessment,
            Self::Scan { .. } => matches!(
                kind,
                Kind::MalwareScan | Kind::SourceCodeScan | Kind::VulnerabilityScan
            ),
            Self::Supervision { .. } => matches!(kind, Kind::Supervision | Kind::Contract),
            Self::Training { .. } => kind == Kind::Training,
        };
        if !belongs {
            return Err(Refusal::Details {
                kind: kind.key().trim_start_matches("attestation-").to_owned(),
            });
        }
        match self {
            Self::Drill { scenario, outcome } => {
                text::prose("scenario", scenario)?;
                text::prose("outcome", outcome)
            }
            Self::RiskAssessment { assets } => check_assets(assets),
            Self::Scan {
                tool,
                target,
                high,
                medium,
                low,
            } => {
                text::line("tool", tool, LONGEST)?;
                text::line("target", target, LONGEST)?;
                within(&[*high, *medium, *low], "a scan does not find a million things")
            }
            Self::Supervision {
                processor,
                contract,
                method,
                ..
            } => {
                text::line("processor", processor, LONGEST)?;
                text::line("contract", contract, LONGEST)?;
                text::prose("method", method)
            }
            Self::Training {
                topic,
                invited,
                attended,
                ..
            } => {
                text::line("topic", topic, LONGEST)?;
                within(&[*invited, *attended], "a training is not of a million people")?;
                if *attended == 0 {
                    return Err(Refusal::Numbers("nobody came to the training"));
                }
                Ok(())
            }
        }
    }
}

fn check_assets(assets: &[Asset]) -> Result<(), Refusal> {
    if assets.is_empty() {
        return Err(Refusal::Numbers(
            "an assessment rates at least one file of personal data",
        ));
    }
    if assets.len() > MOST_ASSETS {
        return Err(Refusal::TooMany {
            what: "files of personal data",
            most: MOST_ASSETS,
        });
    }
    for asset in assets {
        text::line("name of a file of personal data", &asset.name, LONGEST)?;
        text::prose("situation", &asset.situation)?;
        text::prose("risk", &asset.risk)?;
        text::prose("measure", &asset.measure)?;
        let levels = [asset.category, asset.attribute, asset.volume];
        if levels.iter().any(|level| !(1..=3).contains(level)) {
            return Err(Refusal::Numbers("A, B and C are each 1, 2 or 3"));
        }
    }
    Ok(())
}

fn within(numbers: &[u32], why: &'static str) -> Result<(), Refusal> {
    if numbers.iter().any(|number| *number >= MOST) {
        return Err(Refusal::Numbers(why));
    }
    Ok(())
}
