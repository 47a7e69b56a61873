//! At the end of each day what stands on the checklist is kept for good; and a line that fell opens a corrective action.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plumbline_config::interval::Interval;
use plumbline_config::lang::Lang;
use plumbline_config::message::{Message, text};

use super::COLLECTOR;
use crate::checklist::{Checklist, LineStatus};
use crate::ledger::entry::Entry;
use crate::records::action::ActionStep;
use crate::records::falls::{Fall, Falls};
use crate::records::{Kept, Remembered, day, day_of, keep};
use crate::report::{self, BuildError, Source};
use crate::store::{Store, StoreError};

/// Most days that are caught up with at a time: more than a year that the collector was down.
const MOST_DAYS: usize = 400;

/// Leaves of the ledger among which the last report is looked for.
const LATEST_LEAVES: u64 = 1_000;

/// What is known from one time to the next.
#[derive(Debug, Default)]
pub(crate) struct Days(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The last day that needs no recording.
    recorded: Option<Date>,
    falls: Option<Falls>,
}

impl Days {
    /// Keeps what stood at the end of each day since the last one that was kept. To be done before anything new is taken
    /// in: only then is what is kept of hosts what stood when those days ended.
    pub(crate) fn record(
        &self,
        store: &dyn Store,
        people: &Remembered,
        stale_after: Interval,
        now: Timestamp,
    ) -> Result<(), BuildError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let source = Source {
            store,
            people,
            stale_after,
            now,
        };
        let zone = report::zone(store)?;
        let today = day_of(now, &zone);
        let mut last = match known.recorded {
            Some(last) => last,
            None => {
                let known_from = before(last_report(store, &zone)?.unwrap_or(today));
                let kept = day::last_before(store, today)?.map(|end| end.day);
                kept.map_or(known_from, |kept| kept.max(known_from))
            }
        };
        for _ in 0..MOST_DAYS {
            let Some(next) = last.tomorrow().ok().filter(|next| *next < today) else {
                break;
            };
            let end = report::day_end(&source, next, &zone)?;
            day::keep(store, &end, now)?;
            last = next;
        }
        known.recorded = Some(last);
        Ok(())
    }

    /// Opens a corrective action on each line that fell.
    pub(crate) fn watch(
        &self,
        store: &dyn Store,
        people: &Remembered,
        stale_after: Interval,
        now: Timestamp,
    ) -> Result<(), BuildError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let source = Source {
            store,
            people,
            stale_after,
            now,
        };
        let zone = report::zone(store)?;
        let today = day_of(now, &zone);
        let checklist = report::checklist(&source, None)?;
        let falls = match known.falls.take() {
            Some(falls) => falls,
            None => Falls::since(day::last_before(store, today)?.map_or_else(BTreeMap::new, |end| end.lines)),
        };
        let falls = known.falls.insert(falls);
        let titles = titles(&checklist);
        for fall in falls.look(now, statuses(&checklist)) {
            if people.people(store)?.open_action(&fall.line).is_none() {
                open(store, &fall, &titles, now, &zone)?;
            }
        }
        Ok(())
    }
}

/// The day of the last report: what hosts showed when an earlier day ended is no longer known.
fn last_report(store: &dyn Store, zone: &TimeZone) -> Result<Option<Date>, StoreError> {
    let size = store.ledger_frontier()?.size();
    let leaves = store.ledger_leaves(size.saturating_sub(LATEST_LEAVES), usize::MAX)?;
    let received = leaves.iter().rev().find_map(|leaf| match &leaf.entry {
        Some(Entry::Report(report)) => Some(report.received_at),
        _ => None,
    });
    // Where all of them are acts the last report came before the first of those.
    let or_before = || match leaves.first().map(|leaf| &leaf.entry) {
        Some(Some(Entry::Act(act))) => Some(act.at),
        _ => None,
    };
    let at = received.or_else(or_before);
    let at = at.and_then(|at| Timestamp::from_microsecond(at).ok());
    Ok(at.map(|at| day_of(at, zone)))
}

fn before(day: Date) -> Date {
    day.yesterday().unwrap_or(day)
}

fn statuses(checklist: &Checklist) -> impl Iterator<Item = (String, LineStatus)> {
    let lines = checklist.items.iter().flat_map(|item| &item.lines);
    lines.map(|line| (line.id.clone(), line.status))
}

/// The words of each line.
fn titles(checklist: &Checklist) -> BTreeMap<String, String> {
    let lines = checklist.items.iter().flat_map(|item| &item.lines);
    lines
        .map(|line| (line.id.clone(), line.title.get(Lang::default()).to_owned()))
        .collect()
}

/// One action for a line and a day, so that of two collectors that see it one opens it.
fn open(
    store: &dyn Store,
    fall: &Fall,
    titles: &BTreeMap<String, String>,
    now: Timestamp,
    zone: &TimeZone,
) -> Result<(), StoreError> {
    let lang = Lang::default();
    let said = Message::new("action-fallen")
        .arg("line", &fall.line)
        .arg("title", titles.get(&fall.line).cloned().unwrap_or_default())
        .arg("before", text(lang, fall.before.key()))
        .arg("now", text(lang, fall.now.key()));
    let step = ActionStep::Open {
        line: fall.line.clone(),
        before: Some(fall.before),
        now: fall.now,
        text: said.render_in(lang),
    };
    let subject = format!("c-{}-{}", fall.line, day_of(now, zone));
    match keep(store, &subject, 0, &step, COLLECTOR, now) {
        Ok(()) | Err(Kept::Refused(_)) => Ok(()),
        Err(Kept::Store(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests;
