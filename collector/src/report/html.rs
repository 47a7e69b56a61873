//! The report as one HTML file: no scripts, no outside resources, laid out for the screen, the phone and A4 paper.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumbline_config::catalogue::AttestationKind;
use plumbline_config::ident::Role;
use plumbline_config::lang::{Bilingual, Lang};
use plumbline_config::message::{Message, text};

use super::model::Report;
use crate::checklist::{HostCounts, LineStatus};

/// The style sheet, kept apart so that the content security policy can name its hash.
pub const STYLE: &str = include_str!("../../templates/report.css");

/// Renders the report.
pub fn render(report: &Report, lang: Lang) -> Result<String, askama::Error> {
    Page {
        report,
        lang,
        company: &report.company,
        style: STYLE,
    }
    .render()
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    lang: Lang,
    company: &'a str,
    style: &'static str,
}

impl Page<'_> {
    fn t(&self, key: &'static str) -> String {
        text(self.lang, key)
    }

    fn words<'t>(&self, text: &'t Bilingual) -> &'t str {
        text.get(self.lang)
    }

    fn zone(&self) -> &TimeZone {
        &self.report.zone
    }

    fn time(&self, at: &Timestamp) -> String {
        at.to_zoned(self.zone().clone())
            .strftime("%Y-%m-%d %H:%M:%S %:z")
            .to_string()
    }

    fn heard(&self, at: &Option<Timestamp>) -> String {
        at.as_ref().map(|at| self.time(at)).unwrap_or_default()
    }

    fn days(&self) -> String {
        let days = Message::new("report-days")
            .arg("first", self.report.first)
            .arg("last", self.report.last);
        days.render_in(self.lang)
    }

    fn plan_version(&self, version: &str) -> String {
        Message::new("report-plan-version")
            .arg("version", version)
            .render_in(self.lang)
    }

    /// Items and lines by status, best first.
    fn totals(&self) -> Vec<(LineStatus, usize, usize)> {
        let items = &self.report.checklist.items;
        let count = |status: LineStatus| {
            let lines = items
                .iter()
                .flat_map(|item| &item.lines)
                .filter(|line| line.status == status)
                .count();
            (
                status,
                items.iter().filter(|item| item.status == status).count(),
                lines,
            )
        };
        LineStatus::ALL.map(count).into()
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

    fn hosts(&self, counts: &HostCounts) -> String {
        host_counts(counts, self.lang)
    }

    fn no_attestation(&self, kind: &AttestationKind) -> String {
        Message::new("report-no-attestation")
            .arg("kind", self.t(kind.key()))
            .render_in(self.lang)
    }

    fn reason(&self, reason: &str) -> String {
        Message::new("report-reason")
            .arg("reason", reason)
            .render_in(self.lang)
    }

    fn role(&self, role: &Role) -> String {
        match role {
            Role::Service => self.t("role-service"),
            Role::Office => self.t("role-office"),
        }
    }
}

/// Hosts by what they show, in words; what none of them shows is left out.
pub(crate) fn host_counts(counts: &HostCounts, lang: Lang) -> String {
    let said = [
        ("hosts-pass", counts.pass),
        ("hosts-fail", counts.fail),
        ("hosts-stale", counts.stale),
        ("hosts-error", counts.error),
        ("hosts-waived", counts.waived),
        ("hosts-manual", counts.manual),
        ("hosts-not-applicable", counts.not_applicable),
    ];
    let said = said.into_iter().filter(|(_, count)| *count > 0);
    let said: Vec<String> = said
        .map(|(key, count)| Message::new(key).arg("count", count).render_in(lang))
        .collect();
    said.join(match lang {
        Lang::ZhTw => "、",
        Lang::En => ", ",
    })
}
