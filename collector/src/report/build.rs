//! From what is kept to the report's model.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumbline_config::file::FileError;
use plumbline_config::interval::Interval;
use plumbline_config::plan::{LoadedPlan, Plan};

use super::model::{LedgerHead, Report};
use crate::checklist::{self, Checklist, Input, Period};
use crate::freshness::Cutoff;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::note::Note;
use crate::store::{KeptCheckpoint, Store, StoreError, Totals};

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
    /// The newest checkpoint is not one that this collector signed so.
    #[error(
        "the newest checkpoint of the ledger can't be read; run `plumbline-collector verify` to see what was changed"
    )]
    Checkpoint,
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

/// The report of `period`, or of the quarter that now lies in: all but the hosts, which [`super::write()`] reads.
pub fn report(source: &Source<'_>, period: Option<&Period>) -> Result<Report, BuildError> {
    let gathered = gather(source)?;
    let period = shown_period(period, source.now, &gathered.zone)?;
    let checklist = checklist_of(source, &gathered, &period);
    Ok(Report {
        company: gathered
            .plan
            .map(|plan| plan.plan.company.clone())
            .unwrap_or_default(),
        first: period.first,
        last: period.last,
        checklist,
        zone: gathered.zone,
        cutoff: Cutoff::new(source.now, source.stale_after),
        ledger: source.store.latest_checkpoint()?.map(ledger_head).transpose()?,
    })
}

/// What a report says of the ledger. Whether the signature is good is for whoever verifies: the paper only holds the
/// collector to what it says.
fn ledger_head(kept: KeptCheckpoint) -> Result<LedgerHead, BuildError> {
    let note = Note::parse(kept.note.as_bytes()).map_err(|_| BuildError::Checkpoint)?;
    let checkpoint: Checkpoint = note
        .unverified_text()
        .parse()
        .map_err(|_| BuildError::Checkpoint)?;
    Ok(LedgerHead {
        origin: checkpoint.origin,
        size: checkpoint.size,
        root: checkpoint.root,
        signed_at: kept.signed_at,
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
