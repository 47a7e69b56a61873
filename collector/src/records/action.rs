//! Corrective actions (Section 15): from a line that fell, over its cause and what was done, to whether that helped.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use plumbline_config::lang::Lang;
use plumbline_config::message::Message;
use serde::{Deserialize, Serialize};

use super::steps::{self, Step};
use super::{EvidenceFile, Refusal, file, text};
use crate::checklist::LineStatus;
use crate::store::{Family, Record, StoreError};

/// Longest name of an owner, in characters.
const LONGEST_NAME: usize = 200;

/// What is written down at a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What is said.
    pub text: String,
    /// The evidence.
    #[serde(default)]
    pub files: Vec<EvidenceFile>,
}

/// A step of a corrective action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum ActionStep {
    /// A line fell, or a person saw a fault.
    Open {
        /// The line.
        line: String,
        /// What stood there before; `None`: a person opened it.
        before: Option<LineStatus>,
        /// What stands there now.
        now: LineStatus,
        /// What was seen.
        text: String,
    },
    /// Somebody is to see to it.
    Assign {
        /// Who.
        owner: String,
        /// Until when.
        due_on: Date,
    },
    /// 15（1）1: the cause, and whether the like may be elsewhere.
    Cause(Entry),
    /// 15（1）2: what was done.
    Measure(Entry),
    /// 15（1）5: what came of it.
    Result(Entry),
    /// 15（1）3: whether it helped. Where it did not, another measure is to follow.
    Review {
        /// Whether it did.
        effective: bool,
        /// What is said.
        #[serde(flatten)]
        entry: Entry,
    },
}

/// Where a corrective action is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The cause is to be found.
    Open,
    /// The cause is known; a measure is to be taken.
    CauseKnown,
    /// A measure was taken; its result is to be seen.
    MeasureTaken,
    /// The result is there; whether it helped is to be reviewed.
    ResultKnown,
    /// It helped.
    Closed,
}

impl ActionStep {
    /// The key of the word for it in the message files.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Open { .. } => "action-step-open",
            Self::Assign { .. } => "action-step-assign",
            Self::Cause(_) => "action-step-cause",
            Self::Measure(_) => "action-step-measure",
            Self::Result(_) => "action-step-result",
            Self::Review { .. } => "action-step-review",
        }
    }

    /// What was written down at it.
    #[must_use]
    pub const fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Open { .. } | Self::Assign { .. } => None,
            Self::Cause(entry) | Self::Measure(entry) | Self::Result(entry) | Self::Review { entry, .. } => {
                Some(entry)
            }
        }
    }

    /// The evidence that comes with it.
    #[must_use]
    pub fn files(&self) -> &[EvidenceFile] {
        self.entry().map_or(&[], |entry| &entry.files)
    }

    /// What it says, in words.
    #[must_use]
    pub fn said(&self, lang: Lang) -> String {
        match self {
            Self::Open { text, .. } => text.clone(),
            Self::Assign { owner, due_on } => Message::new("action-assigned")
                .arg("owner", owner)
                .arg("due_on", due_on)
                .render_in(lang),
            Self::Cause(entry) | Self::Measure(entry) | Self::Result(entry) => entry.text.clone(),
            Self::Review { effective, entry } => {
                let found = if *effective {
                    "action-was-effective"
                } else {
                    "action-was-not-effective"
                };
                Message::new(found).arg("text", &entry.text).render_in(lang)
            }
        }
    }
}

impl Stage {
    /// Every stage, in their order.
    pub const ALL: [Self; 5] = [
        Self::Open,
        Self::CauseKnown,
        Self::MeasureTaken,
        Self::ResultKnown,
        Self::Closed,
    ];

    /// The name used in JSON and as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::CauseKnown => "cause-known",
            Self::MeasureTaken => "measure-taken",
            Self::ResultKnown => "result-known",
            Self::Closed => "closed",
        }
    }

    /// The key of the word for it in the message files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Open => "action-stage-open",
            Self::CauseKnown => "action-stage-cause-known",
            Self::MeasureTaken => "action-stage-measure-taken",
            Self::ResultKnown => "action-stage-result-known",
            Self::Closed => "action-stage-closed",
        }
    }
}

/// A corrective action as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Action {
    /// When it was opened.
    pub at: Timestamp,
    /// Who opened it.
    pub by: String,
    /// The line.
    pub line: String,
    /// What was seen.
    pub text: String,
    /// Where it is.
    pub stage: Stage,
    /// Who sees to it.
    pub owner: Option<String>,
    /// Until when.
    pub due_on: Option<Date>,
    /// Every step since, oldest first.
    pub history: Vec<Taken>,
    /// Steps there are of it.
    #[serde(skip)]
    pub steps: u32,
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The step.
    #[serde(flatten)]
    pub step: ActionStep,
}

impl Step for ActionStep {
    const FAMILY: Family = Family::Action;

    fn verb(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Assign { .. } => "assign",
            Self::Cause(_) => "cause",
            Self::Measure(_) => "measure",
            Self::Result(_) => "result",
            Self::Review { .. } => "review",
        }
    }
}

impl Action {
    /// When it was closed.
    #[must_use]
    pub fn closed_at(&self) -> Option<Timestamp> {
        let last = self.history.last()?;
        (!self.is_open()).then_some(last.at)
    }

    /// What it was at a moment; `None`: it was not opened yet.
    #[must_use]
    pub fn as_of(&self, at: Timestamp) -> Option<Self> {
        if self.at > at {
            return None;
        }
        let mut then = Self {
            stage: Stage::Open,
            owner: None,
            due_on: None,
            history: Vec::new(),
            ..self.clone()
        };
        let taken = self.history.iter().filter(|taken| taken.at <= at);
        taken.for_each(|taken| then.take(taken.clone()));
        Some(then)
    }

    fn take(&mut self, taken: Taken) {
        match &taken.step {
            ActionStep::Open { .. } => {}
            ActionStep::Assign { owner, due_on } => {
                self.owner = Some(owner.clone());
                self.due_on = Some(*due_on);
            }
            ActionStep::Cause(_) => self.stage = self.stage.max(Stage::CauseKnown),
            ActionStep::Measure(_) => self.stage = Stage::MeasureTaken,
            ActionStep::Result(_) => self.stage = self.stage.max(Stage::ResultKnown),
            ActionStep::Review { effective: true, .. } => self.stage = Stage::Closed,
            ActionStep::Review { effective: false, .. } => self.stage = Stage::CauseKnown,
        }
        self.history.push(taken);
    }

    /// Whether something is still to be done.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.stage < Stage::Closed
    }

    /// Whether this step may be taken now. A cause may be corrected later, and a measure follow another.
    pub fn check_step(&self, id: &str, step: &ActionStep, today: Date) -> Result<(), Refusal> {
        if !self.is_open() {
            return Err(Refusal::Closed(id.to_owned()));
        }
        let (entry, needs, first) = match step {
            ActionStep::Open { .. } => return Err(Refusal::Conflict(id.to_owned())),
            ActionStep::Assign { owner, due_on } => {
                text::line("owner", owner, LONGEST_NAME)?;
                return if *due_on < today {
                    Err(Refusal::Ended {
                        until: *due_on,
                        from: today,
                    })
                } else {
                    Ok(())
                };
            }
            ActionStep::Cause(entry) => (entry, Stage::Open, ""),
            ActionStep::Measure(entry) => (entry, Stage::CauseKnown, "the cause"),
            ActionStep::Result(entry) => (entry, Stage::MeasureTaken, "a measure"),
            ActionStep::Review { entry, .. } => (entry, Stage::ResultKnown, "the result"),
        };
        if self.stage < needs {
            return Err(Refusal::Order { first });
        }
        text::prose("text", &entry.text)?;
        file::check(&entry.files)
    }
}

/// Adds a record to what stands.
pub(super) fn fold(all: &mut BTreeMap<String, Action>, record: &Record) -> Result<(), StoreError> {
    let step: ActionStep = steps::read(record)?;
    if let ActionStep::Open { line, text, .. } = &step {
        let action = Action {
            at: record.at,
            by: record.who.clone(),
            line: line.clone(),
            text: text.clone(),
            stage: Stage::Open,
            owner: None,
            due_on: None,
            history: Vec::new(),
            steps: record.version,
        };
        all.insert(record.subject.clone(), action);
        return Ok(());
    }
    let Some(action) = all.get_mut(&record.subject) else {
        return Ok(());
    };
    action.steps = record.version;
    action.take(Taken {
        at: record.at,
        by: record.who.clone(),
        step,
    });
    Ok(())
}
