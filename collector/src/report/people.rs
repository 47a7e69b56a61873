//! What people put on record, as the report shows it: on the lines, the waivers, and the corrective actions.

use jiff::Timestamp;
use plumbline_config::message::Message;

use super::incidents::line_incident;
use super::model::Report;
use super::words::{Words, grouped};
use crate::checklist::{Line, LineAction, LineAttestation, LineIncident};
use crate::records::{Action, EvidenceFile, Waiver, day_of};

/// A waiver in the list of waivers.
pub(super) struct WaiverRow {
    pub(super) id: String,
    pub(super) check: String,
    pub(super) subject: Option<String>,
    pub(super) hosts: String,
    pub(super) reason: String,
    pub(super) compensating: String,
    pub(super) days: String,
    pub(super) state: String,
    pub(super) said: Vec<String>,
}

/// A corrective action in the list of actions.
pub(super) struct ActionRow {
    pub(super) id: String,
    pub(super) line: String,
    pub(super) stage: String,
    pub(super) owner: String,
    pub(super) steps: Vec<String>,
}

impl Words<'_> {
    /// What people say of a line, in sentences.
    pub(super) fn said_of(&self, line: &Line) -> Vec<String> {
        let mut said = Vec::new();
        if let Some(attestation) = &line.attestation {
            said.extend(self.attested(attestation));
        }
        said.extend(
            line.corrective_action
                .as_ref()
                .map(|action| self.action_on(action)),
        );
        said.extend(line.incidents.iter().map(|incident| self.incident_on(incident)));
        if !line.waivers.is_empty() {
            let waivers = Message::new("report-line-waivers").arg("ids", self.list(&line.waivers));
            said.push(waivers.render_in(self.lang));
        }
        said
    }

    fn attested(&self, attestation: &LineAttestation) -> Vec<String> {
        let given = Message::new("report-attested")
            .arg("effective_on", attestation.effective_on)
            .arg("performed_by", &attestation.performed_by)
            .arg("given_by", &attestation.given_by)
            .arg("id", &attestation.id)
            .arg("statement", &attestation.statement);
        let until = if attestation.in_force {
            "report-attested-until"
        } else {
            "report-attested-over"
        };
        let until = Message::new(until).arg("due_at", self.time(&attestation.expires_at));
        let mut said = vec![given.render_in(self.lang), until.render_in(self.lang)];
        said.extend(attestation.files.iter().map(|file| self.evidence(file)));
        said
    }

    pub(super) fn evidence(&self, file: &EvidenceFile) -> String {
        Message::new("report-evidence")
            .arg("name", &file.name)
            .arg("size", grouped(usize::try_from(file.size).unwrap_or(usize::MAX)))
            .arg("sha256", &file.sha256)
            .render_in(self.lang)
    }

    fn action_on(&self, action: &LineAction) -> String {
        let said = match (&action.owner, action.due_on) {
            (Some(owner), Some(due_on)) => Message::new("report-line-action-assigned")
                .arg("owner", owner)
                .arg("due_on", due_on),
            _ => Message::new("report-line-action"),
        };
        said.arg("id", &action.id)
            .arg("stage", self.t(action.stage.key()))
            .render_in(self.lang)
    }

    fn incident_on(&self, incident: &LineIncident) -> String {
        line_incident(incident, self.lang, &|at| self.time(&at))
    }

    /// The waivers that were in force in the period.
    pub(super) fn waivers(&self, report: &Report) -> Vec<WaiverRow> {
        let today = day_of(report.checklist.as_of, &report.zone).min(report.last);
        let found = waivers_of(report).into_iter();
        found
            .map(|(id, waiver)| WaiverRow {
                id: id.to_owned(),
                state: self.t(waiver.state(today).key()),
                said: self.said_on(&waiver),
                hosts: waiver.requested.hosts.to_string(),
                compensating: Message::new("report-waiver-compensating")
                    .arg("text", &waiver.requested.compensating)
                    .render_in(self.lang),
                days: Message::new("report-waiver-days")
                    .arg("from", waiver.requested.from)
                    .arg("until", waiver.requested.until)
                    .render_in(self.lang),
                check: waiver.requested.check,
                subject: waiver.requested.subject,
                reason: waiver.requested.reason,
            })
            .collect()
    }

    /// Who asked for a waiver, who approved it, and how it ended.
    fn said_on(&self, waiver: &Waiver) -> Vec<String> {
        let approved = waiver.decision.as_ref().map(|decision| {
            Message::new("report-waiver-said")
                .arg("who", &decision.by)
                .arg("note", &decision.note)
        });
        let ended = waiver.ended.as_ref().map(|ended| {
            Message::new("report-waiver-ended")
                .arg("at", self.time(&ended.at))
                .arg("who", &ended.by)
                .arg("note", &ended.note)
        });
        let said = approved.into_iter().chain(ended);
        let said = said.map(|said| said.render_in(self.lang));
        std::iter::once(waiver.by.clone()).chain(said).collect()
    }

    pub(super) fn step(&self, at: &Timestamp, step: &'static str, who: &str, said: String) -> String {
        Message::new("report-action-step")
            .arg("at", self.time(at))
            .arg("step", self.t(step))
            .arg("who", who)
            .arg("said", said)
            .render_in(self.lang)
    }

    /// The corrective actions that were open in the period.
    pub(super) fn actions(&self, report: &Report) -> Vec<ActionRow> {
        let lang = self.lang;
        let step = |at: &Timestamp, step, who: &str, said: String| self.step(at, step, who, said);
        let found = actions_of(report).into_iter();
        found
            .map(|(id, action)| {
                let opened = step(&action.at, "action-step-open", &action.by, action.text.clone());
                let taken = action.history.iter().flat_map(|taken| {
                    let said = step(&taken.at, taken.step.key(), &taken.by, taken.step.said(lang));
                    let files = taken.step.files().iter().map(|file| self.evidence(file));
                    std::iter::once(said).chain(files)
                });
                let owner = action.owner.into_iter();
                let owner = owner.chain(action.due_on.map(|day| day.to_string()));
                ActionRow {
                    id: id.to_owned(),
                    stage: self.t(action.stage.key()),
                    owner: self.list(&owner.collect::<Vec<_>>()),
                    steps: std::iter::once(opened).chain(taken).collect(),
                    line: action.line,
                }
            })
            .collect()
    }
}

/// The waivers that were in force in the period, the first to begin first, as they stood at its end.
fn waivers_of(report: &Report) -> Vec<(&str, Waiver)> {
    let as_of = report.checklist.as_of;
    let day = |at| day_of(at, &report.zone);
    let was_in_force = |waiver: &Waiver| {
        let approved = waiver.decision.as_ref().is_some_and(|decision| decision.approved);
        let until = waiver.requested.until;
        let end = waiver
            .ended
            .as_ref()
            .map_or(until, |ended| day(ended.at).min(until));
        approved
            && end >= report.first
            && waiver.requested.from <= end
            && waiver.requested.from <= report.last.min(day(as_of))
    };
    let all = report.people.waivers.iter();
    let then = all.filter_map(|(id, waiver)| Some((id.as_str(), waiver.as_of(as_of)?)));
    let mut found: Vec<_> = then.filter(|(_, waiver)| was_in_force(waiver)).collect();
    found.sort_by_key(|(_, waiver)| waiver.requested.from);
    found
}

/// The corrective actions that were open in the period, the oldest first, as they stood at its end.
fn actions_of(report: &Report) -> Vec<(&str, Action)> {
    let was_open = |action: &Action| {
        let closed = action.closed_at();
        closed.is_none_or(|closed| day_of(closed, &report.zone) >= report.first)
    };
    let all = report.people.actions.iter();
    let then = all.filter_map(|(id, action)| Some((id.as_str(), action.as_of(report.checklist.as_of)?)));
    let mut found: Vec<_> = then.filter(|(_, action)| was_open(action)).collect();
    found.sort_by_key(|(_, action)| action.at);
    found
}
