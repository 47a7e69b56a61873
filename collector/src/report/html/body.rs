//! From what needs attention to the list of hosts.

use askama::Template;

use crate::report::model::Report;
use crate::report::overview::Overview;
use crate::report::words::Words;

#[derive(Template)]
#[template(path = "report-body.html")]
pub(super) struct Body<'a> {
    pub(super) report: &'a Report,
    pub(super) overview: &'a Overview,
    pub(super) w: &'a Words<'a>,
}

impl Body<'_> {
    /// Where the findings of each host are, when they are not in the annex.
    fn annex_elsewhere(&self) -> String {
        self.w
            .annex_elsewhere(self.overview.hosts_total, &self.report.checklist.period)
    }
}
