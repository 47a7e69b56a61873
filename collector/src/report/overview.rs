//! What the page says of single hosts, from one walk over all of them: the worst findings, and a row for each host.

use std::cmp::Reverse;
use std::io;

use jiff::Timestamp;
use plumbline_config::finding::{Severity, Status};
use plumbline_config::ident::Role;
use plumbline_config::lang::Lang;

use super::WriteError;
use super::fleet::{Fleet, Walk, wants_attention};
use super::model::{ReportHost, ShownFinding};
use super::worst::Worst;
use crate::freshness::{Cutoff, HostState};
use crate::store::rank;

/// Most findings in the list of what needs attention: more than anybody mends before asking for the next report.
pub(super) const MOST_ATTENTION: usize = 500;

/// Most hosts whose findings are all on the page: beyond, a browser is slow and a printer out of paper.
pub(super) const FEW_HOSTS: usize = 200;

/// Most hosts in the list of hosts.
pub(super) const MOST_HOSTS: usize = 5_000;

/// What one walk over all hosts gave.
pub(super) struct Overview {
    /// The worst findings, worst first.
    pub(super) attention: Vec<AttentionRow>,
    /// All findings that need attention.
    pub(super) attention_total: usize,
    /// The hosts: all by id where there are few, otherwise the worst, worst first.
    pub(super) hosts: Vec<HostRow>,
    /// All hosts.
    pub(super) hosts_total: usize,
}

/// A finding in the list of what needs attention, as far as the page shows it.
pub(super) struct AttentionRow {
    pub(super) shown: Status,
    pub(super) severity: Severity,
    pub(super) host_name: String,
    pub(super) clause: String,
    pub(super) check: String,
    pub(super) subject: String,
    pub(super) summary: String,
    pub(super) remedy: String,
}

/// A host in the list of hosts.
pub(super) struct HostRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) system: String,
    pub(super) state: HostState,
    pub(super) last_heard: Option<Timestamp>,
    pub(super) counts: Counts,
}

/// Findings of a host by what is shown of them, worst first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts(Vec<(Status, usize)>);

impl Overview {
    /// Walks over all hosts; after each, `go_on` says whether anybody still waits for the result.
    pub(super) fn read(
        fleet: &dyn Fleet,
        cutoff: Cutoff,
        lang: Lang,
        mut go_on: impl FnMut() -> io::Result<()>,
    ) -> Result<Self, WriteError> {
        let mut attention = Worst::new(MOST_ATTENTION);
        let mut hosts = Worst::new(MOST_HOSTS);
        for host in Walk::new(fleet, cutoff) {
            let host = host?;
            let is_ours = host.state != HostState::Revoked;
            let wanting = host.findings.iter().filter(|found| wants_attention(found.shown));
            for found in wanting.filter(|_| is_ours) {
                attention.offer(found.badness(), || AttentionRow::new(found, lang));
            }
            let counts = Counts::of(&host.findings);
            // Nobody has to do anything about a revoked host.
            let badness = is_ours.then(|| counts.badness());
            hosts.offer(badness, || HostRow::new(host, counts));
            go_on().map_err(WriteError::Output)?;
        }
        let (attention_total, hosts_total) = (attention.offered(), hosts.offered());
        let mut hosts = hosts.into_sorted();
        if hosts_total <= FEW_HOSTS {
            hosts.sort_by(|one, other| one.id.cmp(&other.id));
        }
        Ok(Self {
            attention: attention.into_sorted(),
            attention_total,
            hosts,
            hosts_total,
        })
    }

    /// Whether each host's findings are on the page.
    pub(super) const fn has_annex(&self) -> bool {
        self.hosts_total <= FEW_HOSTS
    }
}

impl AttentionRow {
    fn new(found: &ShownFinding, lang: Lang) -> Self {
        let finding = &found.finding;
        Self {
            shown: found.shown,
            severity: finding.severity,
            host_name: found.host_name.clone(),
            clause: finding.clause.clone(),
            check: finding.check.clone(),
            subject: finding.subject.clone(),
            summary: finding.summary.get(lang).to_owned(),
            remedy: finding.remediation.get(lang).to_owned(),
        }
    }
}

impl HostRow {
    fn new(host: ReportHost, counts: Counts) -> Self {
        Self {
            id: host.id,
            name: host.name,
            role: host.role,
            system: host.system,
            state: host.state,
            last_heard: host.last_heard,
            counts,
        }
    }
}

impl Counts {
    pub(super) fn of(findings: &[ShownFinding]) -> Self {
        let count = |status| findings.iter().filter(|found| found.shown == status).count();
        let mut counts: Vec<(Status, usize)> = Status::ALL
            .into_iter()
            .map(|status| (status, count(status)))
            .filter(|(_, count)| *count > 0)
            .collect();
        counts.sort_by_key(|(status, _)| Reverse(rank(*status)));
        Self(counts)
    }

    /// The worst that the host shows; `None`: it has no findings.
    pub(super) fn worst(&self) -> Option<Status> {
        self.0.first().map(|(status, _)| *status)
    }

    /// Each status that is shown, worst first, with the number of findings.
    pub(super) fn each(&self) -> &[(Status, usize)] {
        &self.0
    }

    /// By the worst first, then by how often, and on to the next: worse is greater.
    fn badness(&self) -> Vec<(u8, usize)> {
        self.0
            .iter()
            .map(|(status, count)| (rank(*status), *count))
            .collect()
    }
}
