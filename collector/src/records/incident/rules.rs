//! Which step of a case may be taken, and by whom.

use jiff::Timestamp;

use super::{Assessed, Done, Incident, IncidentState, IncidentStep, Opened, Whom};
use crate::records::action::Entry;
use crate::records::{Refusal, file, text};
use plumbline_config::catalogue::Duty;

/// Longest subject of a finding, and longest way of telling somebody, in characters.
const LONGEST_LINE: usize = 512;

/// Most kinds of personal data.
const MOST_CATEGORIES: usize = 50;

/// More people or records than there can be.
const BEYOND: u64 = 100_000_000_000;

fn past(what: &'static str, at: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    if at > now {
        return Err(Refusal::Later { what, at, now });
    }
    Ok(())
}

impl Opened {
    /// Whether a person may open a case with it.
    pub fn check(&self, now: Timestamp) -> Result<(), Refusal> {
        text::prose("text", &self.text)?;
        if let Some(culprit) = &self.culprit {
            text::line("culprit", culprit, LONGEST_LINE)?;
        }
        past("the moment of knowing", self.known_at, now)?;
        match self.happened_at {
            Some(at) => past("the moment it happened", at, now),
            None => Ok(()),
        }
    }
}

impl Assessed {
    fn check(&self) -> Result<(), Refusal> {
        text::prose("text", &self.text)?;
        for (what, said) in [("damage", &self.damage), ("consequences", &self.consequences)] {
            if !said.is_empty() {
                text::prose(what, said)?;
            }
        }
        if self.categories.len() > MOST_CATEGORIES {
            return Err(Refusal::TooMany {
                what: "kinds of personal data",
                most: MOST_CATEGORIES,
            });
        }
        for category in &self.categories {
            text::line("kind of personal data", category, LONGEST_LINE)?;
        }
        if self.personal_data && self.harms.is_empty() {
            return Err(Refusal::Empty("harm to the data"));
        }
        let numbers = [self.people, self.records, self.special_records];
        if numbers.into_iter().flatten().any(|number| number > BEYOND) {
            return Err(Refusal::Numbers("there are not so many people or records"));
        }
        if self.special_records > self.records && self.records.is_some() {
            return Err(Refusal::Numbers(
                "more records are special than there are records",
            ));
        }
        file::check(&self.files)
    }
}

fn entry(entry: &Entry) -> Result<(), Refusal> {
    text::prose("text", &entry.text)?;
    file::check(&entry.files)
}

impl Incident {
    /// Whether `who` may take this step now.
    pub fn check_step(
        &self,
        id: &str,
        step: &IncidentStep,
        who: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if !self.is_open() {
            return Err(Refusal::CaseEnded(id.to_owned()));
        }
        match step {
            IncidentStep::Open(_) => Err(Refusal::Conflict(id.to_owned())),
            IncidentStep::Assess(assessed) => assessed.check(),
            IncidentStep::Contain(said) => entry(said),
            IncidentStep::Notify {
                whom,
                told_at,
                channel,
                entry: said,
            } => {
                past("the moment of telling", *told_at, now)?;
                text::line("channel", channel, LONGEST_LINE)?;
                entry(said)?;
                if *told_at < self.opened.known_at {
                    return Err(Refusal::Numbers(
                        "nobody is told before the company knows; correct the moment of knowing first",
                    ));
                }
                // The authority may be told of a mere suspicion; people are told what was found.
                let found = self.state() == IncidentState::Confirmed;
                if found || *whom == Whom::Authority {
                    Ok(())
                } else {
                    Err(Refusal::Order {
                        first: "the assessment that personal data is concerned",
                    })
                }
            }
            IncidentStep::Media {
                reported_at,
                entry: said,
            } => {
                past("the moment of the media's report", *reported_at, now)?;
                entry(said)
            }
            IncidentStep::Correct {
                known_at,
                happened_at,
                entry: said,
            } => {
                entry(said)?;
                if let Some(at) = happened_at {
                    past("the moment it happened", *at, now)?;
                }
                // The clock may be found to have begun earlier. It is never set back.
                match known_at {
                    Some(at) if *at > self.opened.known_at => Err(Refusal::Numbers(
                        "the moment of knowing can only be corrected to an earlier one",
                    )),
                    _ => Ok(()),
                }
            }
            IncidentStep::Close {
                text: said, files, ..
            } => {
                text::prose("text", said)?;
                file::check(files)?;
                self.check_close(who)
            }
            IncidentStep::Dismiss { reason } => {
                text::prose("reason", reason)?;
                if self.state() != IncidentState::Unfounded {
                    return Err(Refusal::Order {
                        first: "the assessment that no personal data is concerned",
                    });
                }
                self.check_other(who)
            }
        }
    }

    /// 5（1）1: a case is closed only after all that had to be done was done.
    fn check_close(&self, who: &str) -> Result<(), Refusal> {
        if self.state() != IncidentState::Confirmed {
            return Err(Refusal::Order {
                first: "the assessment that personal data is concerned",
            });
        }
        let before = [
            (Duty::Contain, "what was done against it"),
            (Duty::NotifyAuthority, "telling the authority"),
            (Duty::NotifySubjects, "telling the people concerned"),
            (Duty::NotifyCustomers, "telling the customers"),
        ];
        for (duty, first) in before {
            if self.done(duty) == Done::Owed {
                return Err(Refusal::Order { first });
            }
        }
        if self.told(Whom::Authority).is_none() {
            return self.check_other(who);
        }
        Ok(())
    }

    /// Whether somebody else than who assessed it agrees that nobody has to be told.
    fn check_other(&self, who: &str) -> Result<(), Refusal> {
        match &self.assessment {
            Some(assessment) if assessment.by == who => Err(Refusal::OwnAssessment(who.to_owned())),
            _ => Ok(()),
        }
    }
}
