//! The host's whole state as the collector is to know it, and what of a run is new to it.

use std::collections::{BTreeMap, BTreeSet};

use plumbline_config::finding::Finding;
use plumbline_config::state::{FindingHash, StateSum};
use plumbline_config::wire::{Assessment, FindingRef, HostInfo, Os, PlanRef, Scope};
use serde::{Deserialize, Serialize};

use crate::spool::parts::{Parts, by_check};
use crate::spool::tables::{Place, Tables};
use crate::spool::{LARGEST_PART, SpoolError};

/// What there is of the state beside the findings, which have a table of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HostState {
    /// Sum over the findings.
    sum: [u8; 32],
    /// The plan that they were judged by.
    pub(super) plan: PlanRef,
    /// What the host says of itself; `None` until something was kept.
    pub(super) about: Option<HostInfo>,
    /// The checks that said something, if only that they found nothing.
    pub(super) checks: BTreeSet<String>,
    /// Checks whose say the collector refused for good, and the sum of it in hexadecimal: as long as they say the same
    /// they count as silent.
    pub(super) withheld: BTreeMap<String, String>,
}

impl Default for HostState {
    fn default() -> Self {
        Self {
            sum: [0; 32],
            plan: PlanRef {
                version: String::new(),
                sha256: String::new(),
            },
            about: None,
            checks: BTreeSet::new(),
            withheld: BTreeMap::new(),
        }
    }
}

impl HostState {
    /// The digest of the whole state.
    pub(super) fn digest(&self) -> String {
        let nothing = Os::default();
        let about = self.about.as_ref();
        let (name, os) = about.map_or(("", &nothing), |about| (about.name.as_str(), &about.os));
        StateSum::from(self.sum).digest(&self.plan, name, os)
    }

    /// Says from now on this of the host and the plan. Whether that is new.
    fn tell(&mut self, plan: &PlanRef, about: &HostInfo) -> bool {
        let same = self.plan == *plan
            && self
                .about
                .as_ref()
                .is_some_and(|before| before.name == about.name && before.os == about.os);
        if !same {
            self.plan = plan.clone();
            self.about = Some(about.clone());
        }
        !same
    }

    fn add(&mut self, hash: &FindingHash) {
        let mut sum = StateSum::from(self.sum);
        sum.add(hash);
        self.sum = *sum.bytes();
    }

    fn remove(&mut self, hash: &FindingHash) {
        let mut sum = StateSum::from(self.sum);
        sum.remove(hash);
        self.sum = *sum.bytes();
    }

    /// Whether the collector refused just this of `check`.
    fn withholds(&mut self, check: &str, findings: &[Finding]) -> bool {
        let Some(refused) = self.withheld.get(check) else {
            return false;
        };
        let same = *refused == hex::encode(StateSum::of(findings).bytes());
        if !same {
            self.withheld.remove(check);
        }
        same
    }
}

/// What a check says that differs from what it said before.
struct Change {
    /// New or different, each with its hash.
    said: Vec<(Finding, FindingHash)>,
    /// Said before and now not at all, or otherwise.
    unsaid: Vec<FindingHash>,
    /// Said before and now not at all.
    gone: Vec<FindingRef>,
}

impl Change {
    fn between(mut before: BTreeMap<String, FindingHash>, check: &str, now: Vec<Finding>) -> Self {
        let (mut said, mut unsaid) = (Vec::new(), Vec::new());
        for finding in now {
            let hash = FindingHash::of(&finding);
            let old = before.remove(&finding.subject);
            if old != Some(hash) {
                unsaid.extend(old);
                said.push((finding, hash));
            }
        }
        unsaid.extend(before.values());
        let gone = before.into_keys().map(|subject| FindingRef {
            check: check.to_owned(),
            subject,
        });
        Self {
            said,
            unsaid,
            gone: gone.collect(),
        }
    }

    const fn is_empty(&self) -> bool {
        self.said.is_empty() && self.gone.is_empty()
    }

    fn apply(&self, tables: &mut Tables<'_>, host: &mut HostState) -> Result<(), SpoolError> {
        for hash in &self.unsaid {
            host.remove(hash);
        }
        for gone in &self.gone {
            tables.remove_finding(&gone.check, &gone.subject)?;
        }
        for (finding, hash) in &self.said {
            host.add(hash);
            tables.set_finding(finding, hash)?;
        }
        Ok(())
    }
}

/// Takes what the checks that ran say now (one finding for each subject) into the state, and queues what of it is new.
/// Whether something was queued.
pub(super) fn take_in(tables: &mut Tables<'_>, assessment: Assessment) -> Result<bool, SpoolError> {
    let resync_due = tables.chain()?.resync.is_some();
    let mut host = tables.host()?;
    let mut news = host.tell(&assessment.plan, &assessment.host);
    let (head, checks, findings) = Parts::take_apart(assessment, Scope::Changes);
    let mut findings = by_check(findings);
    let mut parts = Parts::new(head, LARGEST_PART);
    let mut queued = false;
    for check in checks {
        let now = findings.remove(&check).unwrap_or_default();
        if host.withholds(&check, &now) {
            continue;
        }
        let first = host.checks.insert(check.clone());
        let change = Change::between(tables.hashes(&check)?, &check, now);
        if change.is_empty() {
            continue;
        }
        // The first that a check says goes with the resync, where one is to come.
        if !(first && resync_due) {
            news = true;
            let said = change.said.iter().map(|(finding, _)| finding.clone()).collect();
            if let Some(full) = parts.add(check, said, change.gone.clone()) {
                tables.push(&full, &Place::change(host.digest()))?;
                queued = true;
            }
        }
        change.apply(tables, &mut host)?;
    }
    let last = parts.finish();
    // A resync tells of the plan and the host too.
    if news && !(resync_due && last.checks.is_empty()) {
        tables.push(&last, &Place::change(host.digest()))?;
        queued = true;
    }
    tables.set_host(&host)?;
    Ok(queued)
}

/// The collector refused what a check says for good: where it still says so, it counts as having said nothing.
pub(super) fn withhold(tables: &mut Tables<'_>, check: &str, refused: &[Finding]) -> Result<(), SpoolError> {
    let held = tables.hashes(check)?;
    let mut sum = StateSum::default();
    held.values().for_each(|hash| sum.add(hash));
    if held.is_empty() || sum != StateSum::of(refused) {
        return Ok(());
    }
    let mut host = tables.host()?;
    forget(tables, &mut host, check)?;
    host.withheld.insert(check.to_owned(), hex::encode(sum.bytes()));
    tables.set_host(&host)
}

/// What the collector refused is tried again where a check still says it: by now it may be taken.
pub(super) fn try_withheld(tables: &mut Tables<'_>) -> Result<(), SpoolError> {
    let mut host = tables.host()?;
    host.withheld.clear();
    tables.set_host(&host)
}

/// Checks that this version of the program does not have say nothing any more. Whether it has others than the one
/// before, which the collector is to be told.
pub(super) fn keep_only(tables: &mut Tables<'_>, known: &[String]) -> Result<bool, SpoolError> {
    let mut host = tables.host()?;
    let gone: Vec<String> = host
        .checks
        .iter()
        .filter(|check| !known.contains(check))
        .cloned()
        .collect();
    for check in &gone {
        forget(tables, &mut host, check)?;
        host.checks.remove(check);
    }
    // What was refused before may be taken now: by a collector that was mended, or from an agent that was.
    host.withheld.clear();
    tables.set_host(&host)?;
    let come = !host.checks.is_empty() && known.iter().any(|check| !host.checks.contains(check));
    Ok(come || !gone.is_empty())
}

fn forget(tables: &mut Tables<'_>, host: &mut HostState, check: &str) -> Result<(), SpoolError> {
    for (subject, hash) in tables.hashes(check)? {
        host.remove(&hash);
        tables.remove_finding(check, &subject)?;
    }
    Ok(())
}
