//! The report as OSCAL 1.1 assessment results (<https://pages.nist.gov/OSCAL>): hosts are inventory items, findings of
//! hosts are observations, what has to be mended is a risk, and each requirement line is a finding.

mod build;
mod lines;
mod types;

use std::io::Write;

use super::WriteError;
use super::fleet::Fleet;
use super::model::Report;
use super::reading::Reading;
use super::words::Words;
use build::Builder;

/// Writes the report.
pub(super) fn write(
    report: &Report,
    fleet: &dyn Fleet,
    words: &Words<'_>,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    let reading = Reading::default();
    let builder = Builder::new(report, words);
    let document = builder.document(fleet, &reading);
    reading.write(&document, out)
}
