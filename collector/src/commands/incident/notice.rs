//! Drafts of the notices of a case.

use std::path::Path;

use plumbline_config::lang::Lang;
use plumbline_config::plan::Plan;
use plumbline_console::{Failure, Outcome};

use crate::cli::Place;
use crate::commands::deliver::deliver_document;
use crate::commands::records::at_desk;
use crate::document_format::DocumentFormat;
use crate::incident_notice::Notice;
use crate::report;

/// Writes the drafts of the notices. `format` is the name given by `--format`.
pub(crate) fn notice(
    id: &str,
    output: &Path,
    format: Option<&str>,
    lang: Lang,
    place: &Place,
) -> Result<Outcome, Failure> {
    let format = DocumentFormat::of(format, output)?;
    at_desk(place, false, |desk| {
        let case = desk.incident(id)?;
        let usual = Plan::default();
        let plan = report::published_plan(desk.source.store)?;
        let notice = Notice {
            id: &case.id,
            incident: &case.record.incident,
            plan: plan.as_ref().map_or(&usual, |plan| &plan.plan),
            now: desk.source.now,
            lang,
        };
        deliver_document(output, |out| notice.make(format, out))?;
        Ok(Outcome::Clean)
    })
}
