//! What a report changes about its host's findings.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use plumbline_config::finding::{Finding, Severity, Status};
use plumbline_config::ident::HostId;
use plumbline_config::state::{FindingHash, distinct_places};
use plumbline_config::wire::{Assessment, FindingRef, Scope};

use super::{FindingRow, HostRow, Writes};
use crate::store::{Change, Incoming, Transition};

/// Which finding of a host.
pub(in crate::store) type FindingKey = FindingRef;

/// A finding that stands, as far as a report changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Known {
    pub(in crate::store) status: Status,
    pub(in crate::store) severity: Severity,
    /// When the first report with this status was received.
    pub(in crate::store) since: Timestamp,
    pub(in crate::store) hash: FindingHash,
}

/// Which findings have to be known.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Wanted {
    /// All of these hosts.
    pub(in crate::store) hosts: BTreeSet<HostId>,
    /// And these.
    pub(in crate::store) findings: BTreeSet<(HostId, FindingKey)>,
}

impl Wanted {
    pub(in crate::store) fn add(&mut self, host: &HostId, assessment: &Assessment) {
        if assessment.scope == Scope::Checks || assessment.known_checks.is_some() {
            self.hosts.insert(host.clone());
            return;
        }
        let changed = assessment.findings.iter().map(key);
        for key in changed.chain(assessment.gone.iter().cloned()) {
            self.findings.insert((host.clone(), key));
        }
    }
}

fn key(finding: &Finding) -> FindingKey {
    FindingKey {
        check: finding.check.clone(),
        subject: finding.subject.clone(),
    }
}

/// Puts a report's findings in the place of those that it is about.
pub(super) fn apply<'r>(
    host: &mut HostRow,
    known: &mut BTreeMap<FindingKey, Known>,
    incoming: &'r Incoming,
    writes: &mut Writes<'r>,
) -> Vec<Transition> {
    let Some(assessment) = &incoming.report.assessment else {
        return Vec::new();
    };
    let mut work = Work {
        host,
        known,
        incoming,
        writes,
        transitions: Vec::new(),
    };
    let places = distinct_places(&assessment.findings);
    let ended = ended(assessment, &places, work.known);
    for place in places.into_values() {
        if let Some(finding) = assessment.findings.get(place) {
            work.put(finding, incoming.hash(place, finding));
        }
    }
    for key in ended {
        work.close(key);
    }
    let transitions = work.transitions;
    let of_host = transitions.iter().cloned();
    writes
        .history
        .extend(of_host.map(|transition| (incoming.host.clone(), transition)));
    transitions
}

/// The findings that are no more.
fn ended(
    assessment: &Assessment,
    said: &BTreeMap<(&str, &str), usize>,
    known: &BTreeMap<FindingKey, Known>,
) -> Vec<FindingKey> {
    let is_said = |key: &FindingKey| said.contains_key(&(key.check.as_str(), key.subject.as_str()));
    let mut ended: BTreeSet<FindingKey> = BTreeSet::new();
    match assessment.scope {
        Scope::Changes => ended.extend(assessment.gone.iter().filter(|key| !is_said(key)).cloned()),
        Scope::Checks => {
            let ran: BTreeSet<&str> = assessment.checks.iter().map(String::as_str).collect();
            let of_these = known
                .keys()
                .filter(|key| ran.contains(key.check.as_str()) && !is_said(key));
            ended.extend(of_these.cloned());
        }
    }
    if let Some(checks) = &assessment.known_checks {
        let there: BTreeSet<&str> = checks.iter().map(String::as_str).collect();
        let of_others = known
            .keys()
            .filter(|key| !there.contains(key.check.as_str()) && !is_said(key));
        ended.extend(of_others.cloned());
    }
    ended.into_iter().collect()
}

struct Work<'w, 'r> {
    host: &'w mut HostRow,
    known: &'w mut BTreeMap<FindingKey, Known>,
    incoming: &'r Incoming,
    writes: &'w mut Writes<'r>,
    transitions: Vec<Transition>,
}

impl<'r> Work<'_, 'r> {
    fn close(&mut self, key: FindingKey) {
        // A host may tell of an end that was told before.
        let Some(was) = self.known.remove(&key) else {
            return;
        };
        self.host.sum.remove(&was.hash);
        self.host.tally.remove(&key.check, was.status, was.severity);
        self.note(&key, Change::Closed, Some(was.status), None, was.severity);
        self.writes
            .findings
            .insert((self.incoming.host.clone(), key), None);
    }

    fn put(&mut self, finding: &'r Finding, hash: FindingHash) {
        let key = key(finding);
        let was = self.known.get(&key).copied();
        let received_at = self.incoming.received_at;
        if let Some(was) = was {
            self.host.sum.remove(&was.hash);
        }
        self.host.sum.add(&hash);
        let same_kind =
            was.is_some_and(|was| (was.status, was.severity) == (finding.status, finding.severity));
        if !same_kind {
            if let Some(was) = was {
                self.host.tally.remove(&key.check, was.status, was.severity);
            }
            self.host.tally.add(&key.check, finding.status, finding.severity);
            let change = if was.is_some() {
                Change::Changed
            } else {
                Change::Opened
            };
            self.note(
                &key,
                change,
                was.map(|was| was.status),
                Some(finding.status),
                finding.severity,
            );
        }
        let same_status = was.filter(|was| was.status == finding.status);
        let since = same_status.map_or(received_at, |was| was.since);
        let now = Known {
            status: finding.status,
            severity: finding.severity,
            since,
            hash,
        };
        self.known.insert(key.clone(), now);
        let row = FindingRow {
            finding,
            received_at,
            known: now,
        };
        self.writes
            .findings
            .insert((self.incoming.host.clone(), key), Some(row));
    }

    fn note(
        &mut self,
        key: &FindingKey,
        change: Change,
        before: Option<Status>,
        after: Option<Status>,
        severity: Severity,
    ) {
        self.transitions.push(Transition {
            check: key.check.clone(),
            subject: key.subject.clone(),
            change,
            before,
            after,
            severity,
            at: self.incoming.received_at,
            sequence: self.incoming.report.sequence,
        });
    }
}
