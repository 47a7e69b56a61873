//! The report as JSON: all of it, written while it is read.

use std::cell::Cell;
use std::io::Write;

use jiff::civil::Date;
use serde::ser::{Error, SerializeSeq};
use serde::{Serialize, Serializer};

use super::WriteError;
use super::fleet::{Fleet, Walk, attention};
use super::model::{LedgerHead, Report};
use crate::checklist::Checklist;
use crate::store::StoreError;

#[derive(Serialize)]
struct Document<'r> {
    company: &'r str,
    first: Date,
    last: Date,
    checklist: &'r Checklist,
    ledger: Option<&'r LedgerHead>,
    attention: Attention<'r>,
    hosts: Hosts<'r>,
}

/// Writes the report.
pub(super) fn write(report: &Report, fleet: &dyn Fleet, out: &mut dyn Write) -> Result<(), WriteError> {
    let reading = Reading {
        report,
        fleet,
        failed: Cell::new(None),
    };
    let document = Document {
        company: &report.company,
        first: report.first,
        last: report.last,
        checklist: &report.checklist,
        ledger: report.ledger.as_ref(),
        attention: Attention(&reading),
        hosts: Hosts(&reading),
    };
    let written = serde_json::to_writer_pretty(out, &document);
    match reading.failed.take() {
        Some(error) => Err(error.into()),
        // An error of the output comes out as it went in.
        None => written.map_err(|error| WriteError::Output(error.into())),
    }
}

/// What is read on the way.
struct Reading<'r> {
    report: &'r Report,
    fleet: &'r dyn Fleet,
    /// Why it ended, if the store failed: a serializer's error holds no more than words.
    failed: Cell<Option<StoreError>>,
}

impl Reading<'_> {
    fn sequence<S: Serializer, T: Serialize>(
        &self,
        items: impl Iterator<Item = Result<T, StoreError>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(None)?;
        for item in items {
            let item = item.map_err(|error| {
                self.failed.set(Some(error));
                S::Error::custom("the store failed")
            })?;
            sequence.serialize_element(&item)?;
        }
        sequence.end()
    }
}

struct Attention<'r>(&'r Reading<'r>);

impl Serialize for Attention<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Reading { report, fleet, .. } = self.0;
        self.0.sequence(attention(*fleet, report.cutoff), serializer)
    }
}

struct Hosts<'r>(&'r Reading<'r>);

impl Serialize for Hosts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hosts = Walk::new(self.0.fleet, self.0.report.cutoff).map(|host| {
            let mut host = host?;
            host.sort();
            Ok(host)
        });
        self.0.sequence(hosts, serializer)
    }
}
