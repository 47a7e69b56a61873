//! What the types alone can't rule out: values that are well formed and impossible.

mod outside_proof;
mod sections;
mod service;
mod written;

use std::path::Path;

use super::{LoadedPlan, Plan};
#[cfg(test)]
pub(super) use written::INTERVAL_KEYS;

use crate::file::{FileError, Places, without_mark};

/// Refuses a plan that could not be meant, with the line of each fault and its mend.
pub(super) fn validate(plan: &Plan, text: &str, path: &Path) -> Result<(), FileError> {
    // The text was read into a plan before, so it has places.
    let Some(places) = Places::of(without_mark(text)) else {
        return Ok(());
    };
    let mut faults = Faults {
        places: &places,
        found: Vec::new(),
    };
    written::check(&mut faults);
    sections::check(plan, &mut faults);
    service::check("service", &plan.service, &mut faults);
    service::check("office", &plan.office, &mut faults);
    faults.into_result(path)
}

/// The tables of the plan that a key belongs to: `service.transfer` for `minimum_tls`.
pub(super) fn owners(key: &str) -> Vec<String> {
    let text = LoadedPlan::every_key();
    let Some(places) = Places::of(&text) else {
        return Vec::new();
    };
    let mut owners: Vec<_> = places
        .keys()
        .into_iter()
        .filter(|(_, known)| known == key)
        .map(|(table, _)| table)
        .collect();
    owners.dedup();
    owners
}

/// Most faults told at once.
const MOST_FAULTS: usize = 50;

/// Faults found so far.
struct Faults<'p> {
    places: &'p Places<'p>,
    found: Vec<(usize, String)>,
}

impl Faults<'_> {
    /// A fault in the value of the key `path`, such as `outsourcing.vendors.0.name`.
    fn add(&mut self, path: &str, fault: String) {
        if self.is_full() {
            return;
        }
        self.found.push((self.places.line(path), fault));
    }

    /// Adds `fault` about `path` if `wrong`.
    fn add_if(&mut self, wrong: bool, path: &str, fault: &str) {
        if wrong {
            self.add(path, format!("`{path}` {fault}"));
        }
    }

    /// Whether there are enough faults to keep a person busy.
    fn is_full(&self) -> bool {
        self.found.len() > MOST_FAULTS
    }

    fn into_result(mut self, path: &Path) -> Result<(), FileError> {
        self.found.sort();
        self.found.truncate(MOST_FAULTS);
        let mut errors: Vec<_> = self
            .found
            .into_iter()
            .map(|(line, fault)| FileError::At {
                path: path.to_owned(),
                line,
                fault,
            })
            .collect();
        match (errors.pop(), errors.is_empty()) {
            (None, _) => Ok(()),
            (Some(only), true) => Err(only),
            (Some(last), false) => {
                errors.push(last);
                Err(FileError::Several(errors))
            }
        }
    }
}

#[cfg(test)]
mod tests;
