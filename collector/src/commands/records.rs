//! What the commands on attestations, waivers and corrective actions have in common.

use std::sync::Arc;

use jiff::Timestamp;
use plumbline_config::message::Message;
use plumbline_console::{Failure, Format, Outcome, Output};
use serde::Serialize;

use super::whoever;
use crate::cli::Place;
use crate::desk::Desk;
use crate::records::Remembered;
use crate::report::Source;
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
