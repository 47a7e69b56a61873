//! What the commands on attestations, waivers, corrective actions and incidents have in common.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use plumbline_config::message::Message;
use plumbline_console::{Failure, Format, Outcome, Output};
use serde::Serialize;

use super::{in_zone, whoever};
use crate::cli::Place;
use crate::desk::Desk;
use crate::records::Remembered;
use crate::report::{self, Source};
use crate::store::Store;
use crate::view::RecordView;

/// Works at the desk as whoever runs the command; `writes`: something is to be kept.
pub(super) fn at_desk<T>(
    place: &Place,
    writes: bool,
    work: impl FnOnce(&Desk<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let settings = place.settings()?;
    let store: Arc<dyn Store> = if writes {
        place.store_to_write()?.1
    } else {
        place.store_to_read()?.1
    };
    let source = Source {
        store: store.as_ref(),
        people: &Remembered::default(),
        stale_after: settings.stale_after,
        now: Timestamp::now(),
    };
    work(&Desk {
        source: &source,
        who: &whoever(),
        // Files that the command line names were taken in just before.
        require: &|_| Ok(()),
    })
}

/// Prints what is on record now: as JSON, or a sentence that it is.
pub(super) fn said<T: Serialize>(
    view: &RecordView<T>,
    sentence: &'static str,
    output: &Output,
) -> Result<Outcome, Failure> {
    if output.format == Format::Json {
        output.json(view)?;
    } else {
        let sentence = Message::new(sentence).arg("id", &view.id);
        output.line(&sentence.render_in(output.lang))?;
    }
    Ok(Outcome::Clean)
}

/// What `list` shows of one kind of record.
pub(super) struct Listing<const COLUMNS: usize> {
    /// What they are, as the member of the JSON that it prints.
    pub(super) name: &'static str,
    /// Keys of the table's headings.
    pub(super) headings: [&'static str; COLUMNS],
}

impl<const COLUMNS: usize> Listing<COLUMNS> {
    /// Prints those that are wanted, newest first: as JSON as `view` shows them, or in a row each.
    pub(super) fn print<T, V: Serialize>(
        &self,
        all: &BTreeMap<String, T>,
        at: impl Fn(&T) -> Timestamp,
        wanted: impl Fn(&T) -> bool,
        view: impl Fn(&T) -> V,
        row: impl Fn(RecordView<V>) -> [String; COLUMNS],
        output: &Output,
    ) -> Result<Outcome, Failure> {
        let mut found: Vec<(&String, &T)> = all.iter().filter(|(_, record)| wanted(record)).collect();
        found.sort_by_key(|(_, record)| Reverse(at(record)));
        let views = found.into_iter().map(|(id, record)| RecordView {
            id: id.clone(),
            record: view(record),
        });
        if output.format == Format::Json {
            output.json(&BTreeMap::from([(self.name, views.collect::<Vec<_>>())]))?;
        } else {
            output.table_under(self.headings, views.map(row))?;
        }
        Ok(Outcome::Clean)
    }
}

/// Prints every step that was taken: when, by whom, which, and what was said.
pub(super) fn history(
    steps: impl Iterator<Item = (Timestamp, String, &'static str, String)>,
    desk: &Desk<'_>,
    output: &Output,
) -> Result<Outcome, Failure> {
    let zone = report::zone(desk.source.store)?;
    output.table_under(
        [
            "people-heading-at",
            "people-heading-who",
            "records-heading-step",
            "records-heading-said",
        ],
        steps.map(|(at, by, step, said)| [in_zone(at, &zone), by, output.text(step), said]),
    )?;
    Ok(Outcome::Clean)
}
