//! Evidence of drills: a host announced that it would log synthetic failed logins, and then found them.
//!
//! The time in between is measured by the collector's own clock, so a host that had not said beforehand what it would do
//! has no evidence of it. What a host says of a drill names no anomaly, so it is in no count of attacks and
//! opens no case.

use std::collections::BTreeSet;
use std::mem;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use plumbline_config::finding::{Finding, Status};
use plumbline_config::ident::{HostId, Role};
use plumbline_config::lang::Lang;
use plumbline_config::message::Message;
use plumbline_config::plan::Plan;
use serde_json::Value;

use super::COLLECTOR;
use crate::records::attestation::{AttestationStep, Details, Given};
use crate::records::{Kept, day_of, keep, kept_moment, text::tamed};
use crate::report;
use crate::secret::derived_record_id;
use crate::store::{Incoming, Keep, LatestFinding, Store, StoreError, Transition};

/// The check that tells of drills of failed logins.
const CHECK: &str = "logins.abnormal";

/// What the subject of such a finding begins with.
const SUBJECT: &str = "drill:";

/// Longest time from the announcement to the finding that shows anything.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);

/// How many of a host's latest changes are looked through for the announcement.
const MOST_HISTORY: usize = 1_000;

/// Most characters of a host's name that stand in a record.
const LONGEST_NAME: usize = 100;

/// Hosts that told of a drill, until somebody has looked.
#[derive(Debug, Default)]
pub(crate) struct Drills {
    hosts: Mutex<BTreeSet<HostId>>,
}

impl Drills {
    /// Takes note of a report that was committed.
    pub(crate) fn committed(&self, incoming: &Incoming, keep: &Keep) {
        let (Keep::Kept { .. }, Some(assessment)) = (keep, &incoming.report.assessment) else {
            return;
        };
        if assessment
            .findings
            .iter()
            .any(|finding| detected(finding).is_some())
        {
            self.note([incoming.host.clone()]);
        }
    }

    fn note(&self, hosts: impl IntoIterator<Item = HostId>) {
        let mut noted = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        noted.extend(hosts);
    }

    /// Keeps the evidence of hosts that told of a drill since.
    pub(crate) fn answer(&self, store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
        let hosts = mem::take(&mut *self.hosts.lock().unwrap_or_else(PoisonError::into_inner));
        let kept = || {
            for host in &hosts {
                for latest in store.latest_findings(host)? {
                    evidence(&latest, store, now)?;
                }
            }
            Ok(())
        };
        kept().inspect_err(|_| self.note(hosts.iter().cloned()))
    }
}

/// The number of attempts that a finding says were found of a drill.
fn detected(finding: &Finding) -> Option<u64> {
    if finding.check != CHECK || finding.status != Status::Pass || !finding.subject.starts_with(SUBJECT) {
        return None;
    }
    let drill = finding.evidence.get("drill")?;
    (drill.get("state").and_then(Value::as_str) == Some("detected")).then_some(())?;
    drill.get("detected")?.as_u64()
}

/// Keeps the evidence of one drill, one a host and a day, unless it was not announced.
fn evidence(latest: &LatestFinding, store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
    let Some(attempts) = detected(&latest.finding).filter(|_| !latest.host_revoked) else {
        return Ok(());
    };
    let subject = &latest.finding.subject;
    // It was open from its announcement on, and passes since it was found.
    let history = store.history(&latest.host, MOST_HISTORY)?;
    let told = |change: &&Transition| change.check == CHECK && change.subject == *subject;
    let opened = |change: &&Transition| change.before.is_none() && change.after == Some(Status::Manual);
    let Some(announced) = history.iter().filter(told).find(opened) else {
        return Ok(());
    };
    let took = latest.since.duration_since(announced.at);
    if took <= SignedDuration::ZERO || took > LONGEST {
        return Ok(());
    }
    let line = match latest.role {
        Role::Service => "7.1.5.drill",
        Role::Office => "7.3.5.drill",
    };
    let lang = Lang::default();
    // A plan that can't be read is told elsewhere; the day is then that of the form's usual zone.
    let zone = report::zone(store).unwrap_or_else(|_| Plan::default().zone());
    let day = day_of(latest.since, &zone);
    let host = tamed(&latest.host_name, LONGEST_NAME);
    let said = |key| {
        Message::new(key)
            .arg("host", &host)
            .arg(
                "drill",
                tamed(latest.finding.subject.trim_start_matches(SUBJECT), LONGEST_NAME),
            )
            .number("count", usize::try_from(attempts).unwrap_or(usize::MAX))
            .arg("seconds", format!("{:.1}", took.as_secs_f64()))
            .render_in(lang)
    };
    let given = Given {
        lines: vec![line.to_owned()],
        effective_on: day,
        performed_by: said("drill-performed-by"),
        statement: said("drill-statement"),
        details: Some(Details::Drill {
            scenario: said("drill-scenario"),
            outcome: said("drill-outcome"),
        }),
        files: Vec::new(),
        corrects: None,
    };
    let id = derived_record_id('a', &["drill", latest.host.as_str(), &day.to_string()]);
    match keep(
        store,
        &id,
        0,
        &AttestationStep::Give(given),
        COLLECTOR,
        kept_moment(now),
    ) {
        // Where it is refused it was kept before, here or by another collector.
        Ok(()) | Err(Kept::Refused(_)) => Ok(()),
        Err(Kept::Store(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests;
