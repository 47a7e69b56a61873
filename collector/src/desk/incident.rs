//! What people do about incidents.

use jiff::Timestamp;
use plumbline_config::catalogue::{self, IncidentKind};
use plumbline_config::ident::HostId;
use plumbline_config::lang::Lang;
use plumbline_config::message::Message;
use plumbline_config::plan::Plan;
use serde::Deserialize;

use super::{ACTION, Desk, DeskError};
use crate::records::action::ActionStep;
use crate::records::incident::{CaseHost, IncidentStep, Opened};
use crate::records::{EvidenceFile, Incident, Refusal, attestation, kept_moment};
use crate::report;
use crate::store::Store;
use crate::view::{IncidentView, RecordView, unknown};

/// The line on which a corrective action is opened where no check says which: 5（5）3 研議其矯正預防措施.
const PREVENTION: &str = "5.5.3";

const INCIDENT: &str = "incident";

/// What somebody suspects.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Suspicion {
    /// Of what kind it is.
    pub(crate) kind: IncidentKind,
    /// The host that it was seen on.
    #[serde(default)]
    pub(crate) host: Option<HostId>,
    /// Who or what is behind it, or what it is about.
    #[serde(default)]
    pub(crate) culprit: Option<String>,
    /// What was seen.
    pub(crate) text: String,
    /// When the company knew; now where it is not said.
    #[serde(default)]
    pub(crate) known_at: Option<Timestamp>,
    /// When it happened.
    #[serde(default)]
    pub(crate) happened_at: Option<Timestamp>,
}

/// What came of a case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Closing {
    /// What came of it.
    pub(crate) text: String,
    /// The corrective action that follows, if there is one.
    #[serde(default)]
    pub(crate) action: Option<String>,
    /// Otherwise the line on which one is open, or is to be opened.
    #[serde(default)]
    pub(crate) line: Option<String>,
    /// The evidence.
    #[serde(default)]
    pub(crate) files: Vec<EvidenceFile>,
}

/// Within how many seconds the authority is to be told, and within how many once it is in the media. A plan that this
/// version can't read must not keep a case from being opened: then it is what the form says.
pub(crate) fn report_within(store: &dyn Store) -> (i64, i64) {
    let usual = Plan::default().incident;
    let plan = report::published_plan(store).ok().flatten();
    let incident = plan.as_ref().map_or(&usual, |plan| &plan.plan.incident);
    (
        incident.report_within.nominal_seconds(),
        incident.report_within_if_in_media.nominal_seconds(),
    )
}

impl Desk<'_> {
    /// An incident, as it stands now.
    pub(crate) fn incident(&self, id: &str) -> Result<RecordView<IncidentView>, DeskError> {
        let people = self.people()?;
        let show = |incident| self.incident_view(incident);
        Ok(RecordView::find(&people.incidents, INCIDENT, id, show)?)
    }

    /// An incident, as it stands now.
    pub(crate) fn incident_view(&self, incident: Incident) -> IncidentView {
        IncidentView::at(self.source.now, incident)
    }

    /// Opens a case; gives its id.
    pub(crate) fn open_incident(&self, suspicion: Suspicion) -> Result<String, DeskError> {
        let now = self.source.now;
        let host = match &suspicion.host {
            Some(id) => Some(self.case_host(id)?),
            None => None,
        };
        let (report_within_seconds, report_within_if_in_media_seconds) = report_within(self.source.store);
        let opened = Opened {
            kind: suspicion.kind,
            host,
            culprit: suspicion.culprit,
            text: suspicion.text,
            known_at: kept_moment(suspicion.known_at.unwrap_or(now)),
            happened_at: suspicion.happened_at,
            finding: None,
            report_within_seconds,
            report_within_if_in_media_seconds,
        };
        opened.check(now)?;
        if let (Some(host), Some(culprit)) = (&opened.host, &opened.culprit)
            && let Some(id) = self.people()?.open_incident(&host.id, opened.kind, culprit)
        {
            return Err(Refusal::CaseOpen(id.to_owned()).into());
        }
        self.begin('i', &IncidentStep::Open(opened))
    }

    fn case_host(&self, id: &HostId) -> Result<CaseHost, DeskError> {
        let host = self.source.store.host(id)?;
        let host = host.ok_or_else(|| unknown("host", id.as_str()))?;
        Ok(CaseHost {
            id: host.id,
            name: host.name,
            role: host.role,
        })
    }

    /// Takes the next step of a case.
    pub(crate) fn incident_step(&self, id: &str, step: &IncidentStep) -> Result<(), DeskError> {
        let people = self.people()?;
        let incident = people.incidents.get(id).ok_or_else(|| unknown(INCIDENT, id))?;
        incident.check_step(id, step, self.who, self.source.now)?;
        (self.require)(step.files())?;
        self.keep(id, incident.steps, step)
    }

    /// Closes a case. What is to be put right goes on as a corrective action: one that is named, the one that is open on
    /// the line, or a new one.
    pub(crate) fn close_incident(&self, id: &str, closing: Closing) -> Result<(), DeskError> {
        let people = self.people()?;
        let incident = people.incidents.get(id).ok_or_else(|| unknown(INCIDENT, id))?;
        let mut new_on = None;
        let action = match closing.action {
            Some(action) if people.actions.contains_key(&action) => action,
            Some(action) => return Err(unknown(ACTION, &action).into()),
            None => {
                let line = match closing.line {
                    Some(line) => attestation::line(&line)?.id.as_str(),
                    None => line_of(incident),
                };
                if let Some((open, _)) = people.open_action(line) {
                    open.to_owned()
                } else {
                    new_on = Some(line);
                    // Named by the case: of two who close it at once only one opens an action.
                    format!("c-{}", id.trim_start_matches("i-"))
                }
            }
        };
        let step = IncidentStep::Close {
            text: closing.text,
            action: action.clone(),
            files: closing.files,
        };
        incident.check_step(id, &step, self.who, self.source.now)?;
        (self.require)(step.files())?;
        if let Some(line) = new_on {
            let open = ActionStep::Open {
                line: line.to_owned(),
                before: None,
                now: self.status_of(line)?,
                text: Message::new("incident-action")
                    .arg("id", id)
                    .arg("text", &incident.opened.text)
                    .render_in(Lang::default()),
            };
            match self.keep(&action, 0, &open) {
                Ok(()) | Err(DeskError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.keep(id, incident.steps, &step)
    }
}

/// The line that the finding of a case is judged on.
fn line_of(incident: &Incident) -> &'static str {
    let of_check = || {
        let check = &incident.opened.finding.as_ref()?.check;
        let role = incident.opened.host.as_ref()?.role;
        let lines = catalogue::items().iter().flat_map(|item| &item.lines);
        let mut lines = lines.filter(|line| line.scope.covers(role));
        Some(lines.find(|line| line.checks.contains(check))?.id.as_str())
    };
    of_check().unwrap_or(PREVENTION)
}
