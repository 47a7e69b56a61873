//! Incidents, as the report shows them.

use jiff::Timestamp;
use plumbline_config::lang::Lang;
use plumbline_config::message::{Message, text};

use super::model::Report;
use super::words::Words;
use crate::checklist::LineIncident;
use crate::records::incident::ClockState;
use crate::records::{Incident, day_of};
use crate::view::{IncidentView, RecordView};

/// An incident in a list of incidents.
pub(super) struct IncidentRow {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) host: String,
    pub(super) state: String,
    pub(super) clock: String,
    /// The authority was not told in time.
    pub(super) is_late: bool,
    pub(super) steps: Vec<String>,
}

/// What an incident asks of a line, in words.
pub(crate) fn line_incident(
    incident: &LineIncident,
    lang: Lang,
    time: &dyn Fn(Timestamp) -> String,
) -> String {
    let message = match incident.clock {
        Some(clock) => Message::new("line-incident-until").arg("clock", clock.said(lang, time)),
        None => Message::new("line-incident").arg("duty", text(lang, incident.duty.key())),
    };
    message
        .arg("id", &incident.id)
        .arg("state", text(lang, incident.state.key()))
        .render_in(lang)
}

impl Words<'_> {
    /// The incidents of the period.
    pub(super) fn incidents(&self, report: &Report) -> Vec<IncidentRow> {
        incidents_of(report)
            .iter()
            .map(|view| self.incident(view))
            .collect()
    }

    /// An incident, in words.
    pub(super) fn incident(&self, view: &RecordView<IncidentView>) -> IncidentRow {
        let IncidentView {
            state,
            clock,
            incident,
        } = &view.record;
        let steps = incident.history.iter().flat_map(|taken| {
            let said = taken.step.said(self.lang, &|at| self.time(&at));
            let step = self.step(&taken.at, taken.step.key(), &taken.by, said);
            let files = taken.step.files().iter().map(|file| self.evidence(file));
            std::iter::once(step).chain(files)
        });
        let host = incident.opened.host.as_ref();
        IncidentRow {
            id: view.id.clone(),
            kind: self.t(incident.opened.kind.key()),
            host: host.map(|host| host.name.clone()).unwrap_or_default(),
            state: self.t(state.key()),
            clock: clock.said(self.lang, &|at| self.time(&at)),
            is_late: matches!(clock.state, ClockState::Overdue | ClockState::Late),
            steps: steps.collect(),
        }
    }
}

/// The incidents that were open in the period, the oldest first, as they stood at its end.
pub(super) fn incidents_of(report: &Report) -> Vec<RecordView<IncidentView>> {
    let as_of = report.checklist.as_of;
    let was_open = |incident: &Incident| {
        let ended = incident.end.as_ref();
        ended.is_none_or(|ended| day_of(ended.at, &report.zone) >= report.first)
    };
    let mut found = views(report, as_of, was_open);
    found.sort_by_key(|view| view.record.incident.at);
    found
}

/// The incidents that are open, the most pressing first.
pub(super) fn open_incidents(report: &Report) -> Vec<RecordView<IncidentView>> {
    let mut found = views(report, report.checklist.as_of, Incident::is_open);
    found.sort_by_key(|view| view.record.clock.urgency());
    found
}

fn views(
    report: &Report,
    as_of: Timestamp,
    wanted: impl Fn(&Incident) -> bool,
) -> Vec<RecordView<IncidentView>> {
    let all = report.people.incidents.iter();
    let then = all.filter_map(|(id, incident)| Some((id, incident.as_of(as_of)?)));
    then.filter(|(_, incident)| wanted(incident))
        .map(|(id, incident)| RecordView {
            id: id.clone(),
            record: IncidentView::at(as_of, incident),
        })
        .collect()
}
