//! Requirement lines: what all hosts together show of each, what is not met, and the findings.

use std::iter;

use super::build::{Builder, markup, property};
use super::types::*;
use crate::checklist::{Line, LineCheck, LineStatus};

impl<'r> Builder<'r> {
    /// What all hosts together show of each check of each line.
    pub(super) fn checks(&'r self) -> impl Iterator<Item = Observation> + use<'r> {
        self.lines().flat_map(move |line| {
            let checks = line.checks.iter().map(move |check| self.check(line, check));
            checks.chain((line.status == LineStatus::NotApplicable).then(|| self.not_applicable(line)))
        })
    }

    fn check(&self, line: &Line, check: &LineCheck) -> Observation {
        Observation {
            uuid: self.check_uuid(line, check),
            title: self.words.words(&check.title).to_owned(),
            description: if check.measured {
                self.words.host_counts(&check.hosts)
            } else {
                self.words.not_measured(&check.title)
            },
            props: [("check", &check.check), ("line", &line.id)]
                .into_iter()
                .filter_map(|(name, value)| property(name, value))
                .collect(),
            methods: ["TEST"],
            types: ["control-objective"],
            subjects: Vec::new(),
            relevant_evidence: Vec::new(),
            collected: self.report.checklist.as_of,
        }
    }

    /// A line that the plan takes out: neither satisfied nor not, so it is no finding.
    fn not_applicable(&self, line: &Line) -> Observation {
        let status = self.words.t(line.status.key());
        Observation {
            uuid: self
                .ids
                .of(&["line", &self.report.checklist.period, &line.id, "not-applicable"]),
            title: self.words.words(&line.title).to_owned(),
            description: line
                .reason
                .as_ref()
                .map_or(status, |reason| markup(&self.words.reason(reason))),
            props: property("line", &line.id).into_iter().collect(),
            methods: ["EXAMINE"],
            types: ["control-objective"],
            subjects: Vec::new(),
            relevant_evidence: Vec::new(),
            collected: self.report.checklist.as_of,
        }
    }

    fn check_uuid(&self, line: &Line, check: &LineCheck) -> String {
        self.ids
            .of(&["check", &self.report.checklist.period, &line.id, &check.check])
    }

    /// Lines that are not met.
    pub(super) fn line_risks(&'r self) -> impl Iterator<Item = Risk> + use<'r> {
        self.lines().filter(|line| is_unmet(line)).map(|line| Risk {
            uuid: self.line_risk(line),
            title: self.words.words(&line.title).to_owned(),
            description: self.said(line),
            statement: self.words.t(line.status.key()),
            props: property("line", &line.id).into_iter().collect(),
            status: "open",
            remediations: Vec::new(),
            related_observations: self.observations_of(line),
        })
    }

    fn line_risk(&self, line: &Line) -> String {
        self.ids
            .of(&["line-risk", &self.report.checklist.period, &line.id])
    }

    fn observations_of(&self, line: &Line) -> Vec<ObservationRef> {
        let checks = line.checks.iter().map(|check| ObservationRef {
            observation_uuid: self.check_uuid(line, check),
        });
        checks.collect()
    }

    pub(super) fn finding(&self, line: &Line) -> Option<Finding> {
        let (state, reason) = match line.status {
            LineStatus::Conforming => ("satisfied", "pass"),
            LineStatus::Partly => ("not-satisfied", "other"),
            LineStatus::Nonconforming => ("not-satisfied", "fail"),
            LineStatus::NotApplicable => return None,
        };
        let title = self.words.words(&line.title);
        Some(Finding {
            uuid: self.ids.of(&["line", &self.report.checklist.period, &line.id]),
            title: title.to_owned(),
            description: self.said(line),
            props: [
                ("line", line.id.as_str()),
                ("clause", &line.clause),
                ("status", line.status.name()),
            ]
            .into_iter()
            .filter_map(|(name, value)| property(name, value))
            .collect(),
            target: Target {
                kind: "objective-id",
                target_id: line_id(line),
                title: title.to_owned(),
                status: TargetStatus {
                    state,
                    reason,
                    remarks: self.words.t(line.status.key()),
                },
            },
            related_observations: self.observations_of(line),
            related_risks: iter::once(line)
                .filter(|line| is_unmet(line))
                .map(|line| RiskRef {
                    risk_uuid: self.line_risk(line),
                })
                .collect(),
        })
    }

    /// What the status rests on, in a sentence.
    fn said(&self, line: &Line) -> String {
        let mut said = vec![self.words.t(line.basis.key())];
        if line.hosts.total() > 0 {
            said.push(self.words.host_counts(&line.hosts));
        }
        if let (Some(kind), None) = (&line.attestation_kind, &line.attestation) {
            said.push(self.words.no_attestation(kind));
        }
        self.words.list(&said)
    }
}

const fn is_unmet(line: &Line) -> bool {
    matches!(line.status, LineStatus::Partly | LineStatus::Nonconforming)
}

/// The id of a line as OSCAL writes ids: they begin with a letter.
pub(super) fn line_id(line: &Line) -> String {
    format!("line-{}", line.id)
}
