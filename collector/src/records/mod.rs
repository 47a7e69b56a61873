//! What people say: attestations, waivers, corrective actions and incidents, and what follows of them on a day.
//!
//! Everything here is kept as records ([`crate::store::Family`]), which only ever are added to. [`People`] is what they
//! come to: a fold over all of them in their order, without a clock. What is new is judged before it is kept, by rules
//! that see what stands ([`attestation::Given::check`] and its like); where two people act on one subject at once, the
//! store keeps the first and the second is told.

pub mod action;
pub mod attestation;
pub mod day;
pub mod falls;
pub(crate) mod file;
pub mod incident;
mod refusal;
mod steps;
pub(crate) mod text;
pub mod waived;
pub mod waiver;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plumbline_config::catalogue::IncidentKind;
use plumbline_config::ident::HostId;

use crate::store::{Family, Store, StoreError};
pub use action::Action;
pub use attestation::Attestation;
pub use file::EvidenceFile;
pub use incident::Incident;
pub use refusal::Refusal;
pub use steps::{Kept, Step, keep};
pub use waiver::Waiver;

/// Records read at once.
const PAGE: usize = 500;

/// What all records come to, by the ids of their subjects.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// Attestations.
    pub attestations: BTreeMap<String, Attestation>,
    /// Waivers.
    pub waivers: BTreeMap<String, Waiver>,
    /// Corrective actions.
    pub actions: BTreeMap<String, Action>,
    /// Incidents.
    pub incidents: BTreeMap<String, Incident>,
}

/// Attestations by the line that they answer, each with its id.
pub type Attested<'p> = BTreeMap<&'p str, Vec<(&'p str, &'p Attestation)>>;

/// How many records there are of each family that [`People`] is made of.
type Numbers = [u64; FAMILIES.len()];

const FAMILIES: [Family; 4] = [
    Family::Attestation,
    Family::Waiver,
    Family::Action,
    Family::Incident,
];

/// What records came to, remembered until there are more.
#[derive(Debug, Default)]
pub struct Remembered(Mutex<Option<(Numbers, Arc<People>)>>);

impl People {
    /// What all records that are kept come to.
    pub fn read(store: &dyn Store) -> Result<Self, StoreError> {
        let mut people = Self::default();
        for family in FAMILIES {
            let mut after = 0;
            loop {
                let page = store.records(family, after, PAGE)?;
                for record in &page {
                    after = record.act;
                    match family {
                        Family::Attestation => attestation::fold(&mut people.attestations, record)?,
                        Family::Waiver => waiver::fold(&mut people.waivers, record)?,
                        Family::Incident => incident::fold(&mut people.incidents, record)?,
                        _ => action::fold(&mut people.actions, record)?,
                    }
                }
                if page.len() < PAGE {
                    break;
                }
            }
        }
        attestation::supersede(&mut people.attestations);
        Ok(people)
    }

    /// The attestations that answer each line, the one with the latest day first; those that were taken back are left
    /// out.
    #[must_use]
    pub fn attested(&self) -> Attested<'_> {
        let mut by_line = Attested::new();
        let standing = self.attestations.iter().filter(|(_, found)| found.stands());
        for (id, attestation) in standing {
            // A line that is named twice is answered once.
            let lines: BTreeSet<&str> = attestation.given.lines.iter().map(String::as_str).collect();
            for line in lines {
                by_line.entry(line).or_default().push((id.as_str(), attestation));
            }
        }
        for answers in by_line.values_mut() {
            answers.sort_by_key(|(_, attestation)| {
                std::cmp::Reverse((attestation.given.effective_on, attestation.at))
            });
        }
        by_line
    }

    /// The file of evidence with this SHA-256, if a record names one: also one that was taken back, which stays on record.
    #[must_use]
    pub fn file(&self, sha256: &str) -> Option<&EvidenceFile> {
        let attested = self
            .attestations
            .values()
            .flat_map(|attestation| &attestation.given.files);
        let steps = self.actions.values().flat_map(|action| &action.history);
        let acted = steps.flat_map(|taken| taken.step.files());
        let steps = self.incidents.values().flat_map(|incident| &incident.history);
        let reported = steps.flat_map(|taken| taken.step.files());
        let mut all = attested.chain(acted).chain(reported);
        all.find(|file| file.sha256 == sha256)
    }

    /// The corrective action that is open on a line.
    pub fn open_action(&self, line: &str) -> Option<(&str, &Action)> {
        let mut actions = self.actions.iter().map(|(id, action)| (id.as_str(), action));
        actions.find(|(_, action)| action.line == line && action.is_open())
    }

    /// The case that is open about something on a host.
    pub fn open_incident(&self, host: &HostId, kind: IncidentKind, culprit: &str) -> Option<&str> {
        let is_it = |incident: &Incident| {
            let opened = &incident.opened;
            let on_host = opened.host.as_ref().is_some_and(|on| on.id == *host);
            on_host && opened.kind == kind && opened.culprit.as_deref() == Some(culprit)
        };
        let mut open = self.incidents.iter().filter(|(_, incident)| incident.is_open());
        open.find(|(_, incident)| is_it(incident))
            .map(|(id, _)| id.as_str())
    }

    /// The waivers that are in force on a day.
    pub fn waivers_on(&self, day: Date) -> impl Iterator<Item = (&str, &Waiver)> {
        let waivers = self.waivers.iter().map(|(id, waiver)| (id.as_str(), waiver));
        waivers.filter(move |(_, waiver)| waiver.is_in_force(day))
    }
}

impl Remembered {
    /// What all records that are kept come to.
    pub fn people(&self, store: &dyn Store) -> Result<Arc<People>, StoreError> {
        let mut numbers = Numbers::default();
        for (number, family) in numbers.iter_mut().zip(FAMILIES) {
            *number = store.number_of_records(family)?;
        }
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, people)) = known.filter(|(known, _)| *known == numbers) {
            return Ok(people);
        }
        // What comes while it is read makes the numbers differ the next time.
        let people = Arc::new(People::read(store)?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((numbers, Arc::clone(&people)));
        Ok(people)
    }
}

/// A moment as acts keep it: to the microsecond.
#[must_use]
pub(crate) fn kept_moment(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// The day that a moment lies in.
#[must_use]
pub fn day_of(at: Timestamp, zone: &TimeZone) -> Date {
    at.to_zoned(zone.clone()).date()
}

#[cfg(test)]
mod tests;
