//! From what is kept to the report's model.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plumbline_config::file::FileError;
use plumbline_config::interval::Interval;
use plumbline_config::plan::{LoadedPlan, Plan};

use super::course;
use super::model::{LedgerHead, Report};
use crate::checklist::{self, Checklist, Input, Period};
use crate::freshness::Cutoff;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::note::Note;
use crate::records::day::{self, DayEnd};
use crate::records::{People, Remembered, day_of, waived};
use crate::store::{KeptCheckpoint, Store, StoreError, Totals};

/// Where a report comes from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// What is kept.
    pub store: &'a dyn Store,
    /// What people say, remembered.
    pub people: &'a Remembered,
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
    /// What stood at the end of the period was not recorded.
    #[error(
        "what stood on {day}, at the end of the period {period}, is not on record: a collector records each day that \
         ends while it runs, and those that ended while it was down when it starts; ask for a period that ends later"
    )]
    NotRecorded {
        /// The period.
        period: String,
        /// Its last day.
        day: Date,
    },
    /// The newest checkpoint is not one that this collector signed so.
    #[error(
        "the newest checkpoint of the ledger can't be read; run `plumbline-collector verify` to see what was changed"
    )]
    Checkpoint,
}

/// What a report is made of before it is laid out.
struct Gathered {
    period: Period,
    as_of: Timestamp,
    plan: Option<Arc<LoadedPlan>>,
    zone: TimeZone,
    totals: Totals,
    people: Arc<People>,
}

/// The checklist of `period`, or of the quarter that now lies in.
pub fn checklist(source: &Source<'_>, period: Option<&Period>) -> Result<Checklist, BuildError> {
    Ok(checklist_of(source, &gather(source, period)?))
}

/// The report of `period`, or of the quarter that now lies in: all but the hosts, which [`super::write()`] reads.
pub fn report(source: &Source<'_>, period: Option<&Period>) -> Result<Report, BuildError> {
    let gathered = gather(source, period)?;
    let mut report = report_of(source, &gathered)?;
    let today = (!report.is_past).then(|| (day_of(source.now, &gathered.zone), &report.checklist));
    report.course = course::read(source.store, &gathered.period, today)?;
    Ok(report)
}

/// The report of the quarter that now lies in, without its course, and the totals that it is made of.
pub fn current_report(source: &Source<'_>) -> Result<(Report, Totals), BuildError> {
    let gathered = gather(source, None)?;
    Ok((report_of(source, &gathered)?, gathered.totals))
}

/// What stands at the end of a day that is over, to be kept for good.
pub fn day_end(source: &Source<'_>, day: Date, zone: &TimeZone) -> Result<DayEnd, BuildError> {
    let period = Period {
        first: day,
        last: day,
    };
    let as_of = period.end(zone);
    let plan = plan_at(source.store, as_of)?;
    let people = source.people.people(source.store)?;
    let totals = totals_at(source, &people, as_of, day)?;
    let checklist = checklist::build(&Input {
        period: &period,
        as_of,
        now: source.now,
        plan: plan.as_deref(),
        totals: &totals,
        people: &people,
        zone,
    });
    let lines = checklist.items.into_iter().flat_map(|item| item.lines);
    let numbers = totals.numbers().into_iter();
    Ok(DayEnd {
        day,
        plan: checklist.plan,
        numbers: numbers
            .map(|(counted, number)| (counted.to_string(), number))
            .collect(),
        lines: lines.map(|line| (line.id, line.status)).collect(),
    })
}

/// The zone that the current plan counts days in.
pub fn zone(store: &dyn Store) -> Result<TimeZone, BuildError> {
    Ok(zone_of(published_plan(store)?.as_deref()))
}

fn zone_of(plan: Option<&LoadedPlan>) -> TimeZone {
    plan.map_or_else(|| Plan::default().zone(), |plan| plan.plan.zone())
}

fn report_of(source: &Source<'_>, gathered: &Gathered) -> Result<Report, BuildError> {
    let company = gathered.plan.as_ref().map(|plan| plan.plan.company.clone());
    Ok(Report {
        company: company.unwrap_or_default(),
        first: gathered.period.first,
        last: gathered.period.last,
        checklist: checklist_of(source, gathered),
        is_past: gathered.as_of < source.now,
        people: Arc::clone(&gathered.people),
        zone: gathered.zone.clone(),
        cutoff: Cutoff::new(gathered.as_of, source.stale_after),
        ledger: checkpoint(source, gathered)?.map(ledger_head).transpose()?,
        course: Vec::new(),
    })
}

/// The checkpoint that a report holds the collector to: the newest one, and of a period that is over the first one that
/// covers all of it, so that its report stays the same.
fn checkpoint(source: &Source<'_>, gathered: &Gathered) -> Result<Option<KeptCheckpoint>, StoreError> {
    if gathered.as_of < source.now
        && let Some(first) = source.store.checkpoint_from(gathered.as_of)?
    {
        return Ok(Some(first));
    }
    source.store.latest_checkpoint()
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

fn checklist_of(source: &Source<'_>, gathered: &Gathered) -> Checklist {
    checklist::build(&Input {
        period: &gathered.period,
        as_of: gathered.as_of,
        now: source.now,
        plan: gathered.plan.as_deref(),
        totals: &gathered.totals,
        people: &gathered.people,
        zone: &gathered.zone,
    })
}

/// What stands now, or stood at the end of a period that is over.
fn gather(source: &Source<'_>, period: Option<&Period>) -> Result<Gathered, BuildError> {
    let store = source.store;
    let plan = published_plan(store)?;
    let zone = zone_of(plan.as_deref());
    let people = source.people.people(store)?;
    let period = period
        .cloned()
        .unwrap_or_else(|| Period::current(source.now, &zone));
    if period.start(&zone) > source.now {
        return Err(BuildError::Future(period.to_string()));
    }
    let end = period.end(&zone);
    if end > source.now {
        let day = day_of(source.now, &zone);
        return Ok(Gathered {
            totals: totals_at(source, &people, source.now, day)?,
            as_of: source.now,
            period,
            plan,
            zone,
            people,
        });
    }
    let Some(recorded) = day::read(store, period.last)? else {
        return Err(BuildError::NotRecorded {
            period: period.to_string(),
            day: period.last,
        });
    };
    Ok(Gathered {
        totals: recorded.totals(),
        as_of: end,
        plan: plan_at(store, end)?,
        period,
        zone,
        people,
    })
}

/// What hosts show now, where things go stale by `as_of`, with what is waived on `day`.
fn totals_at(
    source: &Source<'_>,
    people: &People,
    as_of: Timestamp,
    day: Date,
) -> Result<Totals, BuildError> {
    let cutoff = Cutoff::new(as_of, source.stale_after);
    let mut totals = source.store.totals(cutoff)?;
    totals.add(&waived::difference(source.store, people, cutoff, day)?);
    Ok(totals)
}

/// The plan that was current at a moment.
fn plan_at(store: &dyn Store, at: Timestamp) -> Result<Option<Arc<LoadedPlan>>, BuildError> {
    let Some(signed) = store.plan_at(at)? else {
        return Ok(None);
    };
    let plan = LoadedPlan::from_text(signed.toml, Path::new("published plan"))?;
    Ok(Some(Arc::new(plan)))
}

/// The published plan. To read its text takes longer than all else that a page asks for, so the latest is remembered
/// by its hash.
pub(crate) fn published_plan(store: &dyn Store) -> Result<Option<Arc<LoadedPlan>>, BuildError> {
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
