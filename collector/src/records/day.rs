//! What stood on the checklist at the end of a day, kept for good: what hosts showed is nowhere else once they have said
//! something new.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use plumbline_config::wire::PlanRef;
use serde::{Deserialize, Serialize};

use super::steps::{self, Step};
use crate::checklist::LineStatus;
use crate::store::{Counted, Family, Store, StoreError, Totals};

/// How many days back a recorded day is looked for.
const LOOK_BACK: i32 = 2_000;

/// What stood at the end of a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename = "end")]
pub struct DayEnd {
    /// The day.
    pub day: Date,
    /// The plan that was current.
    pub plan: Option<PlanRef>,
    /// What hosts showed, waivers counted in, by the names of what is counted.
    pub numbers: BTreeMap<String, i64>,
    /// What stood on each line, as it was known then.
    pub lines: BTreeMap<String, LineStatus>,
}

impl Step for DayEnd {
    const FAMILY: Family = Family::Day;

    fn verb(&self) -> &'static str {
        "end"
    }
}

impl DayEnd {
    /// What hosts showed. What this version's catalogue does not know is left out.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for (name, number) in &self.numbers {
            if let Some(counted) = Counted::parse(name) {
                totals.shift(counted, *number);
            }
        }
        totals
    }
}

/// The name that a day is kept under.
#[must_use]
pub fn subject(day: Date) -> String {
    format!("day/{day}")
}

/// What stood at the end of a day; `None`: it was not recorded.
pub fn read(store: &dyn Store, day: Date) -> Result<Option<DayEnd>, StoreError> {
    let records = store.records_of(&subject(day))?;
    records.first().map(steps::read).transpose()
}

/// The last day before this one that was recorded.
pub fn last_before(store: &dyn Store, day: Date) -> Result<Option<DayEnd>, StoreError> {
    if store.number_of_records(Family::Day)? == 0 {
        return Ok(None);
    }
    for back in 1..=LOOK_BACK {
        let Ok(earlier) = day.checked_sub(back.days()) else {
            break;
        };
        if let Some(found) = read(store, earlier)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Keeps what stood at the end of a day; false where that was kept before.
pub fn keep(store: &dyn Store, end: &DayEnd, at: Timestamp) -> Result<bool, StoreError> {
    match steps::keep(store, &subject(end.day), 0, end, "collector", at) {
        Ok(()) => Ok(true),
        Err(steps::Kept::Refused(_)) => Ok(false),
        Err(steps::Kept::Store(error)) => Err(error),
    }
}
