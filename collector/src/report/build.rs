//! From what is kept to the report's model.

use std::cmp::Reverse;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumbline_config::file::FileError;
use plumbline_config::finding::Status;
use plumbline_config::interval::Interval;
use plumbline_config::plan::{LoadedPlan, Plan};

use super::model::{Report, ReportHost, ShownFinding};
use crate::checklist::{self, Checklist, Input, Period};
use crate::freshness::{Cutoff, HostState};
use crate::store::{Host, HostQuery, Store, StoreError, Totals};

/// Hosts read from the store at a time.
const HOSTS_A_PAGE: usize = 500;

/// Where a report comes from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// What is kept.
    pub store: &'a dyn Store,
    /// When things go stale.
    pub stale_after: Interval,
    /// Now.
    pub now: Timestamp,
}

/// Why a report could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The plan that is kept can't be read by this version.
    #[error("the published plan can't be read by this version: {0}; publish it again")]
    Plan(#[from] FileError),
    /// The period has not begun.
    #[error("the period {0} has not begun; ask for one that has")]
    Future(String),
    /// The period is over, and what stood at its end is not what stands now.
    #[error(
        "the period {0} is over, and this version can only show what stands now; ask for the current period, or keep \
         the report of each period when it ends"
    )]
    Past(String),
}

/// What a report is made of before it is laid out.
struct Gathered {
    plan: Option<Arc<LoadedPlan>>,
    zone: TimeZone,
    totals: Totals,
}

/// The checklist of `period`, or of the quarter that now lies in.
pub fn checklist(source: &Source<'_>, period: Option<&Period>) -> Result<Checklist, BuildError> {
    let gathered = gather(source)?;
    let period = shown_period(period, source.now, &gathered.zone)?;
    Ok(checklist_of(source, &gathered, &period))
}

/// The checklist of the quarter that now lies in, and the totals that it is made of.
pub fn current(source: &Source<'_>) -> Result<(Checklist, Totals), BuildError> {
    let gathered = gather(source)?;
    let period = Period::current(source.now, &gathered.zone);
    Ok((checklist_of(source, &gathered, &period), gathered.totals))
}

/// The report of `period`, or of the quarter that now lies in.
pub fn report(source: &Source<'_>, period: Option<&Period>) -> Result<Report, BuildError> {
    let gathered = gather(source)?;
    let period = shown_period(period, source.now, &gathered.zone)?;
    let checklist = checklist_of(source, &gathered, &period);
    let worst_first = |f: &ShownFinding| Reverse((f.shown.concern(), f.finding.severity));
    let cutoff = Cutoff::new(source.now, source.stale_after);
    let mut hosts = Vec::new();
    let mut attention = Vec::new();
    for host in all_hosts(source.store)? {
        let state = cutoff.host(host.heard_at, host.revoked_at.is_some());
        let mut findings = findings_of(source.store, &host, cutoff)?;
        // A stable sort: what is alike stays in the order of check and subject, so the same inputs give the same bytes.
        findings.sort_by_key(worst_first);
        let wants = |f: &&ShownFinding| matches!(f.shown, Status::Fail | Status::Error | Status::Stale);
        if state != HostState::Revoked {
            attention.extend(findings.iter().filter(wants).cloned());
        }
        hosts.push(ReportHost {
            id: host.id.to_string(),
            name: host.name,
            role: host.role,
            system: host.os.name,
            state,
            last_heard: Some(host.heard_at),
            findings,
        });
    }
    attention.sort_by_key(worst_first);
    Ok(Report {
        company: gathered
            .plan
            .map(|plan| plan.plan.company.clone())
            .unwrap_or_default(),
        first: period.first,
        last: period.last,
        checklist,
        attention,
        hosts,
        zone: gathered.zone,
    })
}

/// The period asked for, if what stands now is what it shows.
fn shown_period(period: Option<&Period>, now: Timestamp, zone: &TimeZone) -> Result<Period, BuildError> {
    let Some(period) = period else {
        return Ok(Period::current(now, zone));
    };
    if period.start(zone) > now {
        Err(BuildError::Future(period.to_string()))
    } else if period.end(zone) <= now {
        Err(BuildError::Past(period.to_string()))
    } else {
        Ok(period.clone())
    }
}

fn checklist_of(source: &Source<'_>, gathered: &Gathered, period: &Period) -> Checklist {
    checklist::build(&Input {
        period,
        as_of: source.now,
        now: source.now,
        plan: gathered.plan.as_deref(),
        totals: &gathered.totals,
    })
}

fn gather(source: &Source<'_>) -> Result<Gathered, BuildError> {
    let plan = plan(source.store)?;
    let zone = plan
        .as_ref()
        .map_or_else(|| Plan::default().zone(), |plan| plan.plan.zone());
    let cutoff = Cutoff::new(source.now, source.stale_after);
    let totals = source.store.totals(cutoff)?;
    Ok(Gathered { plan, zone, totals })
}

/// The published plan. To read its text takes longer than all else that a page asks for, so the latest is remembered
/// by its hash.
fn plan(store: &dyn Store) -> Result<Option<Arc<LoadedPlan>>, BuildError> {
    static READ: Mutex<Option<Arc<LoadedPlan>>> = Mutex::new(None);
    let Some(current) = store.plan_summary()? else {
        return Ok(None);
    };
    let read = READ.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(plan) = read.filter(|plan| plan.reference.sha256 == current.sha256) {
        return Ok(Some(plan));
    }
    let Some(signed) = store.plan()? else {
        return Ok(None);
    };
    let plan = Arc::new(LoadedPlan::from_text(signed.toml, Path::new("published plan"))?);
    *READ.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&plan));
    Ok(Some(plan))
}

fn all_hosts(store: &dyn Store) -> Result<Vec<Host>, StoreError> {
    let mut hosts = Vec::new();
    let mut query = HostQuery {
        limit: HOSTS_A_PAGE,
        ..HostQuery::all()
    };
    loop {
        let page = store.hosts(&query)?;
        query.after = page.last().map(|host| host.id.clone());
        let full = page.len() == HOSTS_A_PAGE;
        hosts.extend(page);
        if !full {
            return Ok(hosts);
        }
    }
}

fn findings_of(store: &dyn Store, host: &Host, cutoff: Cutoff) -> Result<Vec<ShownFinding>, StoreError> {
    let findings = store.latest_findings(&host.id)?.into_iter();
    let shown = findings.map(|latest| ShownFinding {
        host_name: host.name.clone(),
        shown: cutoff.shown(latest.finding.status, latest.looked_at, latest.host_revoked),
        finding: latest.finding,
    });
    Ok(shown.collect())
}
