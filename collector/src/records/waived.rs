//! What waivers change of what all hosts together show: a finding that fails is counted as waived.
//!
//! Totals are kept by what was measured, and waivers come and go by the calendar. So what they change is worked out when
//! it is asked for, from the findings that they are for: few, where waivers are for few.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use plumbline_config::finding::{Severity, Status};
use plumbline_config::ident::HostId;

use super::{People, Waiver};
use crate::freshness::Cutoff;
use crate::store::{FindingPage, FindingQuery, LatestFinding, Store, StoreError, Totals, Waived};

/// Findings read at once.
const PAGE: usize = 500;

/// Hosts whose totals are worked out at once.
const HOSTS: usize = 500;

/// What the waivers in force on a day make different in the totals.
pub fn difference(
    store: &dyn Store,
    people: &People,
    cutoff: Cutoff,
    day: Date,
) -> Result<Totals, StoreError> {
    let mut found = Found::new(store);
    for (_, waiver) in people.waivers_on(day) {
        found.add(waiver, cutoff)?;
    }
    let mut difference = Totals::default();
    let by_host: Vec<(HostId, Vec<Waived>)> = found.waived().into_iter().collect();
    for some in by_host.chunks(HOSTS) {
        difference.add(&store.waived(some)?);
    }
    Ok(difference)
}

/// The waivers that are in force on a day, for marking findings.
#[derive(Clone, Debug, Default)]
pub struct InForce(Vec<(String, Waiver)>);

impl InForce {
    /// Those in force on a day.
    #[must_use]
    pub fn on(people: &People, day: Date) -> Self {
        let waivers = people.waivers_on(day);
        Self(
            waivers
                .map(|(id, waiver)| (id.to_owned(), waiver.clone()))
                .collect(),
        )
    }

    /// A page of findings as [`Store::findings`] gives it, each with the waiver that covers it. Asked for those that fail
    /// it leaves out those that are waived, and may give fewer than the limit though there are more.
    pub fn findings(&self, store: &dyn Store, query: &FindingQuery) -> Result<FindingPage, StoreError> {
        let measured = FindingQuery {
            status: query.status.map(|status| match status {
                Status::Waived => Status::Fail,
                status => status,
            }),
            ..query.clone()
        };
        let mut page = store.findings(&measured)?;
        self.mark(store, &mut page.findings)?;
        if let Some(status) = query.status {
            page.findings.retain(|found| found.shown(query.cutoff) == status);
        }
        Ok(page)
    }

    /// Says of each finding by which waiver it is covered.
    pub fn mark(&self, store: &dyn Store, findings: &mut [LatestFinding]) -> Result<(), StoreError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut labels = Labels::new(store);
        for found in findings {
            for (id, waiver) in &self.0 {
                if covers(waiver, found, labels.of(waiver, &found.host)?) {
                    found.waived_by = Some(id.clone());
                    break;
                }
            }
        }
        Ok(())
    }
}

fn covers(waiver: &Waiver, found: &LatestFinding, labels: &BTreeMap<String, String>) -> bool {
    waiver.is_for(&found.finding) && waiver.requested.hosts.hold(&found.host, found.role, labels)
}

/// Labels of hosts, as far as waivers ask for them.
struct Labels<'s> {
    store: &'s dyn Store,
    known: BTreeMap<HostId, BTreeMap<String, String>>,
}

impl<'s> Labels<'s> {
    const fn new(store: &'s dyn Store) -> Self {
        Self {
            store,
            known: BTreeMap::new(),
        }
    }

    /// Labels of a host; none where the waiver asks for none.
    fn of(&mut self, waiver: &Waiver, host: &HostId) -> Result<&BTreeMap<String, String>, StoreError> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        if !waiver.requested.hosts.labels.is_empty() && !self.known.contains_key(host) {
            let known = self.store.host(host)?;
            let labels = known.map(|host| host.labels).unwrap_or_default();
            self.known.insert(host.clone(), labels);
        }
        Ok(self.known.get(host).unwrap_or(&NONE))
    }
}

/// Findings that waivers cover, each once.
struct Found<'s> {
    store: &'s dyn Store,
    labels: Labels<'s>,
    findings: BTreeSet<(HostId, String, String, Severity)>,
}

impl<'s> Found<'s> {
    const fn new(store: &'s dyn Store) -> Self {
        Self {
            store,
            labels: Labels::new(store),
            findings: BTreeSet::new(),
        }
    }

    /// Adds what a waiver covers.
    fn add(&mut self, waiver: &Waiver, cutoff: Cutoff) -> Result<(), StoreError> {
        let hosts = &waiver.requested.hosts;
        let query = FindingQuery {
            check: Some(waiver.requested.check.clone()),
            status: Some(Status::Fail),
            role: hosts.role,
            ..FindingQuery::all(cutoff, PAGE)
        };
        if hosts.ids.is_empty() {
            return self.add_all(waiver, query);
        }
        for host in &hosts.ids {
            let of_host = FindingQuery {
                host: Some(host.clone()),
                ..query.clone()
            };
            self.add_all(waiver, of_host)?;
        }
        Ok(())
    }

    fn add_all(&mut self, waiver: &Waiver, mut query: FindingQuery) -> Result<(), StoreError> {
        loop {
            let page = self.store.findings(&query)?;
            for found in page.findings.iter().filter(|found| !found.host_revoked) {
                if covers(waiver, found, self.labels.of(waiver, &found.host)?) {
                    let finding = &found.finding;
                    self.findings.insert((
                        found.host.clone(),
                        finding.check.clone(),
                        finding.subject.clone(),
                        finding.severity,
                    ));
                }
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// How many findings of each check and severity are waived, host by host.
    fn waived(self) -> BTreeMap<HostId, Vec<Waived>> {
        let mut numbers: BTreeMap<(HostId, String, Severity), u32> = BTreeMap::new();
        for (host, check, _, severity) in self.findings {
            *numbers.entry((host, check, severity)).or_default() += 1;
        }
        let mut by_host: BTreeMap<HostId, Vec<Waived>> = BTreeMap::new();
        for ((host, check, severity), number) in numbers {
            by_host.entry(host).or_default().push(Waived {
                check,
                severity,
                number,
            });
        }
        by_host
    }
}
