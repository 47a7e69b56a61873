//! From what needs attention to the list of hosts.

use askama::Template;
use jiff::Timestamp;
use plumbline_config::catalogue::AttestationKind;
use plumbline_config::ident::Role;
use plumbline_config::message::Message;

use super::words::{Words, grouped, host_counts};
use crate::checklist::{HostCounts, LineStatus};
use crate::report::model::Report;
use crate::report::overview::{Counts, FEW_HOSTS, Overview};

#[derive(Template)]
#[template(path = "report-body.html")]
pub(super) struct Body<'a> {
    pub(super) report: &'a Report,
    pub(super) overview: &'a Overview,
    pub(super) w: &'a Words<'a>,
}

impl Body<'_> {
    /// How many findings are left out of the list of what needs attention, and where they are.
    fn attention_cut(&self) -> Option<String> {
        let (shown, total) = (self.overview.attention.len(), self.overview.attention_total);
        let rest = if self.overview.has_annex() {
            "report-attention-rest-annex"
        } else {
            "report-attention-rest-json"
        };
        let said = Message::new("report-attention-cut")
            .arg("shown", grouped(shown))
            .arg("total", grouped(total))
            .arg("rest", self.w.t(rest));
        (shown < total).then(|| said.render_in(self.w.lang))
    }

    /// What has to be known of a list of many hosts.
    fn hosts_said(&self) -> Vec<String> {
        let (shown, total) = (self.overview.hosts.len(), self.overview.hosts_total);
        let mut said = Vec::new();
        if !self.overview.has_annex() {
            said.push(Message::new("report-hosts-by-worst").arg("few", grouped(FEW_HOSTS)));
        }
        if shown < total {
            let cut = Message::new("report-hosts-cut")
                .arg("shown", grouped(shown))
                .arg("total", grouped(total))
                .arg("left", grouped(total - shown));
            said.push(cut);
        }
        said.into_iter().map(|said| said.render_in(self.w.lang)).collect()
    }

    /// Where the findings of each host are, when they are not in the annex.
    fn annex_elsewhere(&self) -> String {
        let period = self.report.checklist.period.replace('/', "%2F");
        Message::new("report-annex-elsewhere")
            .arg("total", grouped(self.overview.hosts_total))
            .arg("json", format!("/api/v1/reports/{period}?format=json"))
            .arg("command", "plumbline-collector report --format json")
            .arg("host", "/api/v1/hosts/ID")
            .arg("findings", "/api/v1/findings")
            .render_in(self.w.lang)
    }

    fn finding_counts(&self, counts: &Counts) -> String {
        let said = counts.each().iter().map(|(status, count)| {
            Message::new("report-findings-count")
                .arg("status", self.w.t(status.key()))
                .arg("count", grouped(*count))
                .render_in(self.w.lang)
        });
        self.w.list(&said.collect::<Vec<_>>())
    }

    fn heard(&self, at: &Option<Timestamp>) -> String {
        at.as_ref().map(|at| self.w.time(at)).unwrap_or_default()
    }

    const fn mark(&self, checked: &Option<bool>) -> &'static str {
        match checked {
            Some(true) => "■ ",
            Some(false) => "□ ",
            None => "",
        }
    }

    const fn box_of(&self, status: &LineStatus) -> &'static str {
        match status {
            LineStatus::Conforming => "■",
            LineStatus::Partly => "◧",
            LineStatus::Nonconforming => "□",
            LineStatus::NotApplicable => "－",
        }
    }

    fn host_counts(&self, counts: &HostCounts) -> String {
        host_counts(counts, self.w.lang)
    }

    fn no_attestation(&self, kind: &AttestationKind) -> String {
        Message::new("report-no-attestation")
            .arg("kind", self.w.t(kind.key()))
            .render_in(self.w.lang)
    }

    fn reason(&self, reason: &str) -> String {
        Message::new("report-reason")
            .arg("reason", reason)
            .render_in(self.w.lang)
    }

    fn role(&self, role: &Role) -> String {
        match role {
            Role::Service => self.w.t("role-service"),
            Role::Office => self.w.t("role-office"),
        }
    }
}
