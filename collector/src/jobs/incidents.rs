//! Cases that open by themselves: when a host tells of something grave.
//!
//! A report that tells of it is noticed when it is committed, and its host is looked at within seconds. What was missed,
//! as by a collector that ended in between, is found by looking through what all hosts show now and then. A case is
//! named by its host, kind and culprit and by how many there were before, so that of two collectors one opens it.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use plumbline_config::catalogue::{self, CheckEntry, Grave, IncidentKind};
use plumbline_config::finding::{Finding, Severity, Status};
use plumbline_config::ident::{HostId, Role};
use plumbline_config::interval::{Interval, Unit};
use plumbline_config::lang::{Bilingual, Lang};
use plumbline_config::message::{Message, text};

use super::COLLECTOR;
use crate::desk::report_within;
use crate::freshness::Cutoff;
use crate::records::incident::{CaseHost, IncidentStep, Opened, Seen};
use crate::records::{Kept, People, Remembered, keep, kept_moment, text::tamed};
use crate::secret::derived_record_id;
use crate::store::{Counted, FindingQuery, Incoming, Keep, LatestFinding, Store, StoreError, Totals};

/// How long what all hosts show may go without being looked through.
const LOOK_THROUGH: Duration = Duration::from_secs(600);

/// Findings read at once.
const PAGE: usize = 500;

/// Most cases that are open on a host by themselves; whatever else it tells of is one more case for each kind. A host
/// that an intruder owns can tell of anything.
const MOST_OPEN: usize = 20;

/// The culprit of the case that stands for those beyond [`MOST_OPEN`].
const OTHERS: &str = "others";

/// Most characters of what a host says that stand in a case.
const LONGEST_SAID: usize = 500;

/// Hosts that told of something grave, until somebody has looked.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    hosts: Mutex<BTreeSet<HostId>>,
    looked_through: Mutex<Option<Instant>>,
}

impl Alarms {
    /// Takes note of a report that was committed.
    pub(crate) fn committed(&self, incoming: &Incoming, keep: &Keep) {
        let (Keep::Kept { .. }, Some(assessment)) = (keep, &incoming.report.assessment) else {
            return;
        };
        let is_grave = |finding: &Finding| {
            catalogue::check(&finding.check).is_some_and(|entry| entry.grave(finding).is_some())
        };
        if assessment.findings.iter().any(is_grave) {
            self.raise([incoming.host.clone()]);
        }
    }

    fn raise(&self, hosts: impl IntoIterator<Item = HostId>) {
        let mut raised = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        raised.extend(hosts);
    }

    /// Opens the cases of hosts that told of something since.
    pub(crate) fn answer(
        &self,
        store: &dyn Store,
        people: &Remembered,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let hosts = mem::take(&mut *self.hosts.lock().unwrap_or_else(PoisonError::into_inner));
        if hosts.is_empty() {
            return Ok(());
        }
        let opened = || {
            let mut cases = Cases::of(&*people.people(store)?);
            for host in &hosts {
                cases.look_at(store.latest_findings(host)?, store, now)?;
            }
            Ok(())
        };
        opened().inspect_err(|_| self.raise(hosts.iter().cloned()))
    }

    /// Looks through what all hosts show, unless that was done lately.
    pub(crate) fn look_through(
        &self,
        store: &dyn Store,
        people: &Remembered,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut looked = self.looked_through.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.is_some_and(|looked| looked.elapsed() < LOOK_THROUGH) {
            return Ok(());
        }
        let mut cases = Cases::of(&*people.people(store)?);
        // A host that fell silent after it told of something is no less grave.
        let ever = Cutoff::new(now, Interval::new(100, Unit::Year));
        // Counts tell at once what there is nothing of; to read all findings takes as long as there are hosts.
        let totals = store.totals(ever)?;
        let with_rules = catalogue::checks()
            .iter()
            .filter(|entry| !entry.incidents.is_empty());
        for entry in with_rules {
            for severity in severities(entry).filter(|severity| may_fail(&totals, entry, *severity)) {
                let mut query = FindingQuery {
                    check: Some(entry.id.clone()),
                    status: Some(Status::Fail),
                    severity: Some(severity),
                    ..FindingQuery::all(ever, PAGE)
                };
                loop {
                    let page = store.findings(&query)?;
                    cases.look_at(page.findings, store, now)?;
                    query.after = page.next;
                    if query.after.is_none() {
                        break;
                    }
                }
            }
        }
        *looked = Some(Instant::now());
        Ok(())
    }
}

/// Whether some host fails a check with this severity, or did before it fell silent.
fn may_fail(totals: &Totals, entry: &'static CheckEntry, severity: Severity) -> bool {
    let number = |(role, status)| totals.get(Counted::Findings(&entry.id, role, status, severity));
    let statuses = [Status::Fail, Status::Stale];
    let each = Role::ALL
        .into_iter()
        .flat_map(|role| statuses.map(|status| (role, status)));
    each.map(number).sum::<i64>() > 0
}

/// The severities that a check's rules ask for.
fn severities(entry: &CheckEntry) -> impl Iterator<Item = Severity> {
    let least = entry.incidents.iter().map(|rule| rule.severity).min();
    Severity::ALL
        .into_iter()
        .filter(move |severity| least.is_some_and(|least| *severity >= least))
}

/// What a case is about.
type About = (HostId, IncidentKind, String);

/// What there is on something already.
#[derive(Clone, Copy, Debug, Default)]
struct Earlier {
    number: usize,
    is_open: bool,
    ended_at: Option<Timestamp>,
    /// When it was last seen, as the latest case was told.
    last_at: Option<Timestamp>,
}

impl Earlier {
    /// Whether a grave finding is another occurrence: the first, or one that came after the last case ended.
    fn is_new(&self, grave: &Grave, latest: &LatestFinding) -> bool {
        let Some(ended) = self.ended_at else {
            return self.number == 0;
        };
        let again = match grave.last_at {
            // A host's clock may be wrong: how long ago it was is told by that clock alone, and when by ours.
            Some(last) => {
                let ago = latest.finding.observed_at.duration_since(last);
                let here = latest.received_at.saturating_sub(ago.max(SignedDuration::ZERO));
                Some(last) > self.last_at && here.is_ok_and(|here| here > ended)
            }
            None => latest.since > ended,
        };
        !self.is_open && again
    }
}

/// The cases that there are, by what they are about.
struct Cases {
    about: BTreeMap<About, Earlier>,
    open_on: BTreeMap<HostId, usize>,
}

impl Cases {
    fn of(people: &People) -> Self {
        let mut cases = Self {
            about: BTreeMap::new(),
            open_on: BTreeMap::new(),
        };
        for incident in people.incidents.values() {
            let opened = &incident.opened;
            let (Some(host), Some(culprit)) = (&opened.host, &opened.culprit) else {
                continue;
            };
            let about = (host.id.clone(), opened.kind, culprit.clone());
            let earlier = cases.about.entry(about).or_default();
            earlier.number += 1;
            earlier.is_open |= incident.is_open();
            earlier.ended_at = earlier.ended_at.max(incident.end.as_ref().map(|end| end.at));
            let seen = opened.finding.as_ref();
            earlier.last_at = earlier.last_at.max(seen.and_then(|seen| seen.last_at));
            if incident.is_open() && incident.by == COLLECTOR {
                *cases.open_on.entry(host.id.clone()).or_default() += 1;
            }
        }
        cases
    }

    fn look_at(
        &mut self,
        findings: Vec<LatestFinding>,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for latest in findings.iter().filter(|latest| !latest.host_revoked) {
            let entry = catalogue::check(&latest.finding.check);
            if let Some((entry, grave)) = entry.and_then(|entry| Some((entry, entry.grave(&latest.finding)?)))
            {
                self.see(entry, &grave, latest, store, now)?;
            }
        }
        Ok(())
    }

    /// Opens the case of a grave finding, unless there is one.
    fn see(
        &mut self,
        entry: &CheckEntry,
        grave: &Grave,
        latest: &LatestFinding,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let of = |culprit: String| (latest.host.clone(), grave.kind, culprit);
        let earlier = |cases: &Self, about: &About| cases.about.get(about).copied().unwrap_or_default();
        let mut about = of(tamed(&latest.finding.subject, LONGEST_SAID));
        let mut before = earlier(self, &about);
        if before.is_open || !before.is_new(grave, latest) {
            return Ok(());
        }
        let open = self.open_on.get(&latest.host).copied().unwrap_or_default();
        if open >= MOST_OPEN {
            about = of(OTHERS.to_owned());
            before = earlier(self, &about);
            if before.is_open || !before.is_new(grave, latest) {
                return Ok(());
            }
        }
        let opened = opened(entry, grave, latest, &about.2, store, now);
        let id = id(&about, before.number);
        match keep(store, &id, 0, &IncidentStep::Open(opened), COLLECTOR, now) {
            // Where it is refused another collector was quicker.
            Ok(()) | Err(Kept::Refused(_)) => {}
            Err(Kept::Store(error)) => return Err(error),
        }
        let now_open = Earlier {
            number: before.number + 1,
            is_open: true,
            ..before
        };
        *self.open_on.entry(latest.host.clone()).or_default() += 1;
        self.about.insert(about, now_open);
        Ok(())
    }
}

fn id((host, kind, culprit): &About, before: usize) -> String {
    derived_record_id('i', &[host.as_str(), kind.name(), culprit, &before.to_string()])
}

fn opened(
    entry: &CheckEntry,
    grave: &Grave,
    latest: &LatestFinding,
    culprit: &str,
    store: &dyn Store,
    now: Timestamp,
) -> Opened {
    let finding = &latest.finding;
    let (report_within_seconds, report_within_if_in_media_seconds) = report_within(store);
    let name = tamed(&latest.host_name, LONGEST_SAID);
    let lang = Lang::default();
    let said = Message::new("incident-opened")
        .arg("host", &name)
        .arg("kind", text(lang, grave.kind.key()))
        .arg("check", entry.title.get(lang))
        .arg("culprit", culprit);
    Opened {
        kind: grave.kind,
        host: Some(CaseHost {
            id: latest.host.clone(),
            name,
            role: latest.role,
        }),
        culprit: Some(culprit.to_owned()),
        text: said.render_in(lang),
        known_at: kept_moment(now),
        happened_at: Some(grave.first_at.unwrap_or(finding.observed_at)),
        finding: Some(Seen {
            check: finding.check.clone(),
            anomaly: grave.anomaly.clone(),
            severity: finding.severity,
            summary: Bilingual {
                zh_tw: tamed(&finding.summary.zh_tw, LONGEST_SAID),
                en: tamed(&finding.summary.en, LONGEST_SAID),
            },
            observed_at: finding.observed_at,
            received_at: latest.received_at,
            last_at: grave.last_at,
        }),
        report_within_seconds,
        report_within_if_in_media_seconds,
    }
}

#[cfg(test)]
mod tests;
