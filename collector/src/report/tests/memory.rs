//! A fleet in memory that counts how it is read.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use plumbline_config::finding::{Finding, Severity, Status};
use plumbline_config::ident::Role;
use plumbline_config::interval::Interval;
use plumbline_config::lang::Bilingual;
use plumbline_config::plan::Plan;
use plumbline_config::wire::Os;
use serde_json::json;

use crate::checklist::{self, Input, Period};
use crate::freshness::Cutoff;
use crate::ledger::tree::Hash;
use crate::records::People;
use crate::report::fleet::Fleet;
use crate::report::{CoursePoint, LedgerHead, Report};
use crate::store::{Cursor, FindingPage, FindingQuery, Host, HostQuery, LatestFinding, StoreError, Totals};

/// One page that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Of hosts; otherwise of findings.
    pub(super) hosts: bool,
    pub(super) limit: usize,
    pub(super) rows: usize,
    /// What had been written by then, in bytes.
    pub(super) written: usize,
}

/// Hosts by id, and findings by host, check and subject.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) hosts: Vec<Host>,
    pub(super) findings: Vec<LatestFinding>,
    pub(super) asked: RefCell<Vec<Asked>>,
    /// Pages after which the store fails.
    pub(super) fails_after: Option<usize>,
    pub(super) out: Out,
}

/// What is written; refuses after so many flushes, as a reader does that has gone.
#[derive(Clone, Default)]
pub(super) struct Out {
    pub(super) bytes: Rc<RefCell<Vec<u8>>>,
    pub(super) flushes: Rc<Cell<usize>>,
    pub(super) gone_after: Option<usize>,
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushes.set(self.flushes.get() + 1);
        match self.gone_after {
            Some(flushes) if self.flushes.get() > flushes => Err(io::ErrorKind::BrokenPipe.into()),
            _ => Ok(()),
        }
    }
}

pub(super) fn at(minutes: i64) -> Timestamp {
    "2026-10-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

/// Half past one; what is older than an hour is stale.
pub(super) fn cutoff() -> Cutoff {
    Cutoff::new(at(90), Interval::minutes(60))
}

/// All but the hosts.
pub(super) fn head() -> Report {
    let period: Period = "2026Q4".parse().unwrap();
    let checklist = checklist::build(&Input {
        people: &People::default(),
        zone: &TimeZone::UTC,
        period: &period,
        as_of: at(90),
        now: at(90),
        plan: None,
        totals: &Totals::default(),
    });
    Report {
        company: "準繩 & Co.".to_owned(),
        first: period.first,
        last: period.last,
        checklist,
        is_past: false,
        people: Arc::default(),
        zone: Plan::default().zone(),
        cutoff: cutoff(),
        ledger: Some(LedgerHead {
            origin: "plumbline-ca-1a2b3c4d".to_owned(),
            size: 12_345,
            root: Hash::of(b"leaf"),
            signed_at: at(85),
        }),
        course: [[130, 4, 3, 1], [98, 10, 29, 1], [131, 2, 4, 1]]
            .into_iter()
            .zip(period.first.series(7.days()))
            .map(|(lines, day)| CoursePoint { day, lines })
            .collect(),
    }
}

impl Memory {
    /// Adds a host that was heard from a moment ago; ids must come in order.
    pub(super) fn add(&mut self, id: &str, findings: &[(Status, Severity)]) -> &mut Host {
        for (number, (status, severity)) in findings.iter().enumerate() {
            self.findings.push(LatestFinding {
                waived_by: None,
                host: id.parse().unwrap(),
                host_name: format!("name-of-{id}"),
                role: Role::Service,
                host_revoked: false,
                finding: finding(number, *status, *severity),
                received_at: at(80),
                since: at(1),
                looked_at: Some(at(80)),
            });
        }
        self.hosts.push(Host {
            id: id.parse().unwrap(),
            name: format!("name-of-{id}"),
            role: Role::Service,
            labels: BTreeMap::new(),
            os: Os::default(),
            agent_version: "1".to_owned(),
            incarnation: 1,
            enrolled_at: at(0),
            heard_at: at(80),
            looked_at: Some(at(80)),
            plan: None,
            clock_skew_ms: None,
            revoked_at: None,
            conflict_at: None,
            last_sequence: 1,
            reports: 1,
            missing_reports: 0,
            forks: 0,
            certificate_not_after: None,
        });
        self.hosts.last_mut().unwrap()
    }

    /// The latest host has been silent for too long.
    pub(super) fn silence(&mut self) {
        let host = self.hosts.last_mut().unwrap();
        (host.heard_at, host.looked_at) = (at(10), Some(at(10)));
        let findings = self.findings.iter_mut().filter(|found| found.host == host.id);
        findings.for_each(|found| found.looked_at = Some(at(10)));
    }

    /// The latest host was revoked.
    pub(super) fn revoke(&mut self) {
        let host = self.hosts.last_mut().unwrap();
        host.revoked_at = Some(at(85));
        let findings = self.findings.iter_mut().filter(|found| found.host == host.id);
        findings.for_each(|found| found.host_revoked = true);
    }

    fn turned(&self, hosts: bool, limit: usize, rows: usize) -> Result<(), StoreError> {
        let mut asked = self.asked.borrow_mut();
        asked.push(Asked {
            hosts,
            limit,
            rows,
            written: self.out.bytes.borrow().len(),
        });
        match self.fails_after {
            Some(pages) if asked.len() > pages => Err(StoreError::Poisoned),
            _ => Ok(()),
        }
    }
}

/// A finding that comes after those with lower numbers.
fn finding(number: usize, status: Status, severity: Severity) -> Finding {
    Finding {
        check: "tls.protocol-versions".to_owned(),
        clause: "7.1.3".to_owned(),
        status,
        severity,
        subject: format!("subject-{number:05}"),
        summary: Bilingual {
            zh_tw: "摘要".to_owned(),
            en: "summary".to_owned(),
        },
        expected: json!({"at_least": "1.2"}),
        actual: json!([1, 2.5]),
        remediation: Bilingual::default(),
        evidence: json!(null),
        observed_at: at(79),
    }
}

impl Fleet for Memory {
    fn hosts(&self, query: &HostQuery) -> Result<Vec<Host>, StoreError> {
        let later = |host: &&Host| query.after.as_ref().is_none_or(|after| host.id > *after);
        let page: Vec<Host> = self
            .hosts
            .iter()
            .filter(later)
            .take(query.limit)
            .cloned()
            .collect();
        self.turned(true, query.limit, page.len())?;
        Ok(page)
    }

    fn findings(&self, query: &FindingQuery) -> Result<FindingPage, StoreError> {
        let asked = |found: &&LatestFinding| {
            let shown = query
                .cutoff
                .shown(found.finding.status, found.looked_at, found.host_revoked);
            query.status.is_none_or(|status| status == shown)
                && query
                    .severity
                    .is_none_or(|severity| severity == found.finding.severity)
        };
        let place = |cursor: &Cursor| (cursor.host.clone(), cursor.check.clone(), cursor.subject.clone());
        let begin = query.after.as_ref().map_or(0, |after| {
            self.findings
                .partition_point(|found| place(&Cursor::of(found)) <= place(after))
        });
        let mut rest = self.findings[begin..].iter().filter(asked).cloned();
        let findings: Vec<LatestFinding> = rest.by_ref().take(query.limit).collect();
        let next = rest.next().and(findings.last()).map(Cursor::of);
        self.turned(false, query.limit, findings.len())?;
        Ok(FindingPage { findings, next })
    }
}
