//! How a step of a subject is kept.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Refusal;
use crate::store::{Family, NewRecord, Record, Store, StoreError};

/// A step that can be kept as a record.
pub trait Step: Serialize + DeserializeOwned {
    /// The family of its subject.
    const FAMILY: Family;

    /// What is done, as acts name it.
    fn verb(&self) -> &'static str;
}

/// Why a step was not kept.
#[derive(Debug, thiserror::Error)]
pub enum Kept {
    /// It may not be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps the step that follows the `before` steps that there are of a subject.
pub fn keep<S: Step>(
    store: &dyn Store,
    subject: &str,
    before: u32,
    step: &S,
    who: &str,
    at: Timestamp,
) -> Result<(), Kept> {
    let body = serde_json::to_string(step).map_err(|error| StoreError::damaged("record", error))?;
    let record = NewRecord {
        family: S::FAMILY,
        subject: subject.to_owned(),
        version: before.saturating_add(1),
        verb: step.verb(),
        body,
        at,
        who: who.to_owned(),
    };
    if store.add_record(&record)? {
        Ok(())
    } else {
        Err(Refusal::Conflict(subject.to_owned()).into())
    }
}

/// The step that a record holds.
pub(super) fn read<S: Step>(record: &Record) -> Result<S, StoreError> {
    serde_json::from_str(&record.body).map_err(|error| StoreError::damaged("record", error))
}
