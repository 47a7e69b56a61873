//! What is read of the store while JSON is written.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::iter::Peekable;

use serde::ser::{Error, SerializeSeq};
use serde::{Serialize, Serializer};

use super::WriteError;
use crate::store::StoreError;

/// Why reading ended, if the store failed: a serializer's error holds no more than words.
#[derive(Default)]
pub(super) struct Reading {
    failed: Cell<Option<StoreError>>,
}

impl Reading {
    /// Items that are read when they are written.
    pub(super) fn list<'r, T>(
        &'r self,
        items: impl Iterator<Item = Result<T, StoreError>> + 'r,
    ) -> List<'r, T> {
        let items: Items<'r, T> = Box::new(items);
        List {
            reading: self,
            items: RefCell::new(items.peekable()),
        }
    }

    /// Serializes `value`; an error of the store comes out as it was.
    pub(super) fn write<T: Serialize>(&self, value: &T, out: &mut dyn Write) -> Result<(), WriteError> {
        let written = serde_json::to_writer_pretty(out, value);
        match self.failed.take() {
            Some(error) => Err(error.into()),
            // An error of the output comes out as it went in.
            None => written.map_err(|error| WriteError::Output(io::Error::from(error))),
        }
    }
}

type Items<'r, T> = Box<dyn Iterator<Item = Result<T, StoreError>> + 'r>;

/// A list that is written once, an item as it is read.
pub(super) struct List<'r, T> {
    reading: &'r Reading,
    items: RefCell<Peekable<Items<'r, T>>>,
}

impl<T> List<'_, T> {
    /// Whether there is nothing in it. Reads as far as the first item.
    pub(super) fn is_empty(&self) -> bool {
        self.items.borrow_mut().peek().is_none()
    }
}

impl<T: Serialize> Serialize for List<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(None)?;
        for item in self.items.borrow_mut().by_ref() {
            let item = item.map_err(|error| {
                self.reading.failed.set(Some(error));
                S::Error::custom("the store failed")
            })?;
            sequence.serialize_element(&item)?;
        }
        sequence.end()
    }
}
