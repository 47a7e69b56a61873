//! Where what people say is judged by what stands, and kept: the same for the API and the command line.

mod incident;

use std::sync::Arc;

use jiff::civil::Date;
use plumbline_document::DocumentError;

use crate::checklist::LineStatus;
use crate::evidence::EvidenceError;
use crate::records::action::ActionStep;
use crate::records::attestation::{self, AttestationStep, Given};
use crate::records::waiver::{Requested, WaiverStep};
use crate::records::{Action, Attestation, EvidenceFile, Kept, People, Refusal, Step, day_of, keep, text};
use crate::report::{self, BuildError, Source};
use crate::secret::{NoRandom, new_record_id};
use crate::store::StoreError;
use crate::view::{RecordView, WaiverView, unknown};

pub(crate) use incident::{Closing, Suspicion, report_within};

/// Somebody who says something now.
pub(crate) struct Desk<'a> {
    /// What stands.
    pub(crate) source: &'a Source<'a>,
    /// Who says it, as acts have it.
    pub(crate) who: &'a str,
    /// Whether every one of these evidence files is kept.
    pub(crate) require: &'a dyn Fn(&[EvidenceFile]) -> Result<(), DeskError>,
}

/// Why something was not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeskError {
    /// It may not be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What stands on the checklist, or which day it is, could not be told.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Where evidence is kept could not be asked.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// A document could not be made.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// It could not be given a name.
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

impl From<Kept> for DeskError {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Refused(refusal) => Self::Refused(refusal),
            Kept::Store(error) => Self::Store(error),
        }
    }
}

const ATTESTATION: &str = "attestation";
const WAIVER: &str = "waiver";
const ACTION: &str = "corrective action";

impl Desk<'_> {
    /// An attestation, as it stands.
    pub(crate) fn attestation(&self, id: &str) -> Result<RecordView<Attestation>, DeskError> {
        let people = self.people()?;
        Ok(RecordView::find(
            &people.attestations,
            ATTESTATION,
            id,
            |given| given,
        )?)
    }

    /// A waiver, as it stands today.
    pub(crate) fn waiver(&self, id: &str) -> Result<RecordView<WaiverView>, DeskError> {
        let (people, today) = (self.people()?, self.today()?);
        let show = |waiver| WaiverView::on(today, waiver);
        Ok(RecordView::find(&people.waivers, WAIVER, id, show)?)
    }

    /// A corrective action, as it stands.
    pub(crate) fn action(&self, id: &str) -> Result<RecordView<Action>, DeskError> {
        let people = self.people()?;
        Ok(RecordView::find(&people.actions, ACTION, id, |action| action)?)
    }

    /// The day that it is, where the plan counts days.
    pub(crate) fn today(&self) -> Result<Date, DeskError> {
        Ok(day_of(self.source.now, &report::zone(self.source.store)?))
    }

    /// What people have said.
    pub(crate) fn people(&self) -> Result<Arc<People>, DeskError> {
        Ok(self.source.people.people(self.source.store)?)
    }

    /// Gives an attestation; gives its id.
    pub(crate) fn attest(&self, given: Given) -> Result<String, DeskError> {
        given.check(self.today()?, &self.people()?.attestations)?;
        (self.require)(&given.files)?;
        self.begin('a', &AttestationStep::Give(given))
    }

    /// Takes an attestation back.
    pub(crate) fn withdraw(&self, id: &str, reason: String) -> Result<(), DeskError> {
        let people = self.people()?;
        let attestation = people.attestations.get(id);
        let attestation = attestation.ok_or_else(|| unknown(ATTESTATION, id))?;
        attestation.check_withdrawal(id, &reason)?;
        self.keep(id, attestation.steps, &AttestationStep::Withdraw { reason })
    }

    /// Asks for a waiver; gives its id.
    pub(crate) fn ask_for_waiver(&self, requested: Requested) -> Result<String, DeskError> {
        requested.check(self.today()?)?;
        self.begin('w', &WaiverStep::Request(requested))
    }

    /// Decides on a waiver, or ends it.
    pub(crate) fn waiver_step(&self, id: &str, step: &WaiverStep) -> Result<(), DeskError> {
        let people = self.people()?;
        let waiver = people.waivers.get(id).ok_or_else(|| unknown(WAIVER, id))?;
        waiver.check_step(id, step, self.who, self.today()?)?;
        self.keep(id, waiver.steps, step)
    }

    /// Opens a corrective action on a line; gives its id.
    pub(crate) fn open_action(&self, line: &str, text: String) -> Result<String, DeskError> {
        let line = attestation::line(line)?.id.as_str();
        text::prose("text", &text)?;
        if let Some((id, _)) = self.people()?.open_action(line) {
            return Err(DeskError::Refused(Refusal::AlreadyOpen {
                line: line.to_owned(),
                id: id.to_owned(),
            }));
        }
        let step = ActionStep::Open {
            line: line.to_owned(),
            before: None,
            now: self.status_of(line)?,
            text,
        };
        self.begin('c', &step)
    }

    /// Takes the next step of a corrective action.
    pub(crate) fn action_step(&self, id: &str, step: &ActionStep) -> Result<(), DeskError> {
        let people = self.people()?;
        let action = people.actions.get(id);
        let action = action.ok_or_else(|| unknown(ACTION, id))?;
        action.check_step(id, step, self.today()?)?;
        (self.require)(step.files())?;
        self.keep(id, action.steps, step)
    }

    fn status_of(&self, line: &str) -> Result<LineStatus, DeskError> {
        let checklist = report::checklist(self.source, None)?;
        let mut lines = checklist.items.iter().flat_map(|item| &item.lines);
        let found = lines.find(|on_list| on_list.id == line);
        Ok(found.map_or(LineStatus::Nonconforming, |found| found.status))
    }

    fn begin(&self, letter: char, step: &impl Step) -> Result<String, DeskError> {
        let id = new_record_id(letter)?;
        self.keep(&id, 0, step)?;
        Ok(id)
    }

    fn keep(&self, id: &str, before: u32, step: &impl Step) -> Result<(), DeskError> {
        let Source { store, now, .. } = *self.source;
        Ok(keep(store, id, before, step, self.who, now)?)
    }
}
