//! Hosts and findings as a report reads them: page by page, whatever their number.
//!
//! Each page is a transaction of its own, so what is read is not of one moment: a host that reports while the report is
//! made may show what it said before in one place and what it said after in another. One long transaction would show one
//! moment, but as long as a slow reader takes, SQLite could not shorten its log and PostgreSQL could not clean up behind
//! every heartbeat.

use std::cmp::Reverse;
use std::iter::Peekable;
use std::vec;

use plumbline_config::finding::{Severity, Status};

use super::model::{ReportHost, ShownFinding};
use crate::freshness::Cutoff;
use crate::records::waived::InForce;
use crate::store::{FindingPage, FindingQuery, Host, HostQuery, LatestFinding, Store, StoreError};

/// Hosts read at a time.
pub(super) const HOSTS_A_PAGE: usize = 200;

/// Findings read at a time: half a megabyte as they usually are.
pub(super) const FINDINGS_A_PAGE: usize = 200;

/// What a report reads of the store.
pub(super) trait Fleet {
    /// A page of hosts in the order of their ids.
    fn hosts(&self, query: &HostQuery) -> Result<Vec<Host>, StoreError>;
    /// A page of findings in the order host, check, subject.
    fn findings(&self, query: &FindingQuery) -> Result<FindingPage, StoreError>;
}

/// The hosts of a store, as they stand under the waivers of a day.
pub(super) struct Waivered<'s> {
    pub(super) store: &'s dyn Store,
    pub(super) waivers: InForce,
}

impl Fleet for Waivered<'_> {
    fn hosts(&self, query: &HostQuery) -> Result<Vec<Host>, StoreError> {
        self.store.hosts(query)
    }

    fn findings(&self, query: &FindingQuery) -> Result<FindingPage, StoreError> {
        self.waivers.findings(self.store, query)
    }
}

/// No hosts: what they showed when a period ended is kept in numbers alone.
pub(super) struct Nobody;

impl Fleet for Nobody {
    fn hosts(&self, _query: &HostQuery) -> Result<Vec<Host>, StoreError> {
        Ok(Vec::new())
    }

    fn findings(&self, _query: &FindingQuery) -> Result<FindingPage, StoreError> {
        Ok(FindingPage {
            findings: Vec::new(),
            next: None,
        })
    }
}

/// Every host in the order of ids, each with its findings by check and subject. One host's findings are in memory at a
/// time.
pub(super) struct Walk<'f> {
    cutoff: Cutoff,
    hosts: Pages<'f, Host>,
    findings: Peekable<Pages<'f, LatestFinding>>,
}

impl<'f> Walk<'f> {
    /// From the first host on, as things stand at `cutoff`.
    pub(super) fn new(fleet: &'f dyn Fleet, cutoff: Cutoff) -> Self {
        Self {
            cutoff,
            hosts: hosts(fleet),
            findings: findings(fleet, FindingQuery::all(cutoff, FINDINGS_A_PAGE)).peekable(),
        }
    }

    fn with_findings(&mut self, host: Host) -> Result<ReportHost, StoreError> {
        let mut findings = Vec::new();
        // Both run in the order of ids. Findings of a host before this one are of one that was not there yet when its
        // page of hosts was read.
        let up_to_here = |next: &Result<LatestFinding, _>| next.as_ref().map_or(true, |f| f.host <= host.id);
        while let Some(found) = self.findings.next_if(up_to_here) {
            let found = found?;
            if found.host == host.id {
                findings.push(shown(found, self.cutoff));
            }
        }
        Ok(ReportHost {
            state: self.cutoff.host(host.heard_at, host.revoked_at.is_some()),
            id: host.id.into(),
            name: host.name,
            role: host.role,
            system: host.os.name,
            last_heard: Some(host.heard_at),
            findings,
        })
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<ReportHost, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let host = self.hosts.next()?;
        Some(host.and_then(|host| self.with_findings(host)))
    }
}

/// Every finding that needs attention, worst first; those that are alike by host, check and subject.
///
/// The store is read once for each kind, since to sort them all would take as much memory as there are of them.
pub(super) fn attention(
    fleet: &dyn Fleet,
    cutoff: Cutoff,
) -> impl Iterator<Item = Result<ShownFinding, StoreError>> {
    let found = kinds().into_iter().flat_map(move |(status, severity)| {
        let query = FindingQuery {
            status: Some(status),
            severity: Some(severity),
            ..FindingQuery::all(cutoff, FINDINGS_A_PAGE)
        };
        findings(fleet, query)
    });
    found
        .filter(|found| found.as_ref().map_or(true, |found| !found.host_revoked))
        .map(move |found| found.map(|found| shown(found, cutoff)))
}

/// The kinds of findings that need attention, worst first.
fn kinds() -> Vec<(Status, Severity)> {
    let of = |status: Status| Severity::ALL.map(|severity| (status, severity));
    let attention = Status::ALL.into_iter().filter(|status| wants_attention(*status));
    let mut kinds: Vec<(Status, Severity)> = attention.flat_map(of).collect();
    kinds.sort_by_key(|(status, severity)| Reverse((status.concern(), *severity)));
    kinds
}

/// Whether somebody has to do something about what is shown so.
pub(super) const fn wants_attention(shown: Status) -> bool {
    matches!(shown, Status::Fail | Status::Error | Status::Stale)
}

fn shown(latest: LatestFinding, cutoff: Cutoff) -> ShownFinding {
    ShownFinding {
        shown: latest.shown(cutoff),
        host_name: latest.host_name,
        waived_by: latest.waived_by,
        finding: latest.finding,
    }
}

/// Reads the next page, and says whether there are more.
type Turn<'f, T> = Box<dyn FnMut() -> Result<(Vec<T>, bool), StoreError> + 'f>;

/// What is read page by page. Ends after an error.
struct Pages<'f, T> {
    page: vec::IntoIter<T>,
    /// `None`: there are no more.
    turn: Option<Turn<'f, T>>,
}

impl<'f, T> Pages<'f, T> {
    fn new(turn: impl FnMut() -> Result<(Vec<T>, bool), StoreError> + 'f) -> Self {
        Self {
            page: Vec::new().into_iter(),
            turn: Some(Box::new(turn)),
        }
    }
}

impl<T> Iterator for Pages<'_, T> {
    type Item = Result<T, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.page.next() {
                return Some(Ok(item));
            }
            match self.turn.as_mut()?() {
                Ok((page, more)) => {
                    self.page = page.into_iter();
                    if !more {
                        self.turn = None;
                    }
                }
                Err(error) => {
                    self.turn = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// Every host in the order of ids.
fn hosts(fleet: &dyn Fleet) -> Pages<'_, Host> {
    let mut query = HostQuery {
        limit: HOSTS_A_PAGE,
        ..HostQuery::all()
    };
    Pages::new(move || {
        let page = fleet.hosts(&query)?;
        query.after = page.last().map(|host| host.id.clone());
        let more = page.len() == HOSTS_A_PAGE;
        Ok((page, more))
    })
}

/// Every finding that is asked for, in the order host, check, subject.
fn findings(fleet: &dyn Fleet, mut query: FindingQuery) -> Pages<'_, LatestFinding> {
    query.limit = FINDINGS_A_PAGE;
    Pages::new(move || {
        let page = fleet.findings(&query)?;
        let more = page.next.is_some();
        query.after = page.next;
        Ok((page.findings, more))
    })
}
