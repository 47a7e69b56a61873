//! Words, times and numbers in the reader's language.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumbline_config::catalogue::AttestationKind;
use plumbline_config::ident::Role;
use plumbline_config::lang::{Bilingual, Lang};
use plumbline_config::message::{Message, text};

use super::model::{LedgerHead, Report};
use super::overview::{Counts, FEW_HOSTS, Overview};
use crate::checklist::{HostCounts, LineStatus};

/// How a report speaks.
pub(super) struct Words<'a> {
    pub(super) lang: Lang,
    /// The zone that times are printed in.
    pub(super) zone: &'a TimeZone,
}

impl Words<'_> {
    /// The text under a key.
    pub(super) fn t(&self, key: &'static str) -> String {
        text(self.lang, key)
    }

    pub(super) fn words<'t>(&self, text: &'t Bilingual) -> &'t str {
        text.get(self.lang)
    }

    /// That a check was not measured, in words.
    pub(super) fn not_measured(&self, check: &Bilingual) -> String {
        Message::new("report-check-not-measured")
            .arg("check", self.words(check))
            .render_in(self.lang)
    }

    pub(super) fn time(&self, at: &Timestamp) -> String {
        at.to_zoned(self.zone.clone())
            .strftime("%Y-%m-%d %H:%M:%S %:z")
            .to_string()
    }

    pub(super) fn heard(&self, at: &Option<Timestamp>) -> String {
        at.as_ref().map(|at| self.time(at)).unwrap_or_default()
    }

    pub(super) fn days(&self, report: &Report) -> String {
        Message::new("report-days")
            .arg("first", report.first)
            .arg("last", report.last)
            .render_in(self.lang)
    }

    pub(super) fn plan_version(&self, version: &str) -> String {
        Message::new("report-plan-version")
            .arg("version", version)
            .render_in(self.lang)
    }

    pub(super) fn ledger(&self, ledger: &LedgerHead) -> String {
        Message::new("report-ledger-size")
            .arg(
                "size",
                grouped(usize::try_from(ledger.size).unwrap_or(usize::MAX)),
            )
            .arg("at", self.time(&ledger.signed_at))
            .render_in(self.lang)
    }

    pub(super) fn role(&self, role: &Role) -> String {
        match role {
            Role::Service => self.t("role-service"),
            Role::Office => self.t("role-office"),
        }
    }

    /// The box of an answer, and a space: empty where it is no box.
    #[expect(clippy::unused_self, reason = "templates call it beside the others")]
    pub(super) const fn mark(&self, checked: &Option<bool>) -> &'static str {
        match checked {
            Some(true) => "■ ",
            Some(false) => "□ ",
            None => "",
        }
    }

    #[expect(clippy::unused_self, reason = "templates call it beside the others")]
    pub(super) const fn box_of(&self, status: &LineStatus) -> &'static str {
        match status {
            LineStatus::Conforming => "■",
            LineStatus::Partly => "◧",
            LineStatus::Nonconforming => "□",
            LineStatus::NotApplicable => "－",
        }
    }

    pub(super) fn host_counts(&self, counts: &HostCounts) -> String {
        host_counts(counts, self.lang)
    }

    pub(super) fn finding_counts(&self, counts: &Counts) -> String {
        let said = counts.each().iter().map(|(status, count)| {
            Message::new("report-findings-count")
                .arg("status", self.t(status.key()))
                .arg("count", grouped(*count))
                .render_in(self.lang)
        });
        self.list(&said.collect::<Vec<_>>())
    }

    pub(super) fn no_attestation(&self, kind: &AttestationKind) -> String {
        Message::new("report-no-attestation")
            .arg("kind", self.t(kind.key()))
            .render_in(self.lang)
    }

    pub(super) fn reason(&self, reason: &str) -> String {
        Message::new("report-reason")
            .arg("reason", reason)
            .render_in(self.lang)
    }

    /// How many findings are left out of the list of what needs attention, and where they are.
    pub(super) fn attention_cut(&self, overview: &Overview) -> Option<String> {
        let (shown, total) = (overview.attention.len(), overview.attention_total);
        let rest = if overview.has_annex() {
            "report-attention-rest-annex"
        } else {
            "report-attention-rest-json"
        };
        let said = Message::new("report-attention-cut")
            .arg("shown", grouped(shown))
            .arg("total", grouped(total))
            .arg("rest", self.t(rest));
        (shown < total).then(|| said.render_in(self.lang))
    }

    /// What has to be known of a list of many hosts.
    pub(super) fn hosts_said(&self, overview: &Overview) -> Vec<String> {
        let (shown, total) = (overview.hosts.len(), overview.hosts_total);
        let mut said = Vec::new();
        if !overview.has_annex() {
            said.push(Message::new("report-hosts-by-worst").arg("few", grouped(FEW_HOSTS)));
        }
        if shown < total {
            let cut = Message::new("report-hosts-cut")
                .arg("shown", grouped(shown))
                .arg("total", grouped(total))
                .arg("left", grouped(total - shown));
            said.push(cut);
        }
        said.into_iter().map(|said| said.render_in(self.lang)).collect()
    }

    /// Where the findings of each of so many hosts are.
    pub(super) fn annex_elsewhere(&self, hosts: usize, period: &str) -> String {
        let period = period.replace('/', "%2F");
        Message::new("report-annex-elsewhere")
            .arg("total", grouped(hosts))
            .arg("json", format!("/api/v1/reports/{period}?format=json"))
            .arg("command", "plumbline-collector report --format json")
            .arg("host", "/api/v1/hosts/ID")
            .arg("findings", "/api/v1/findings")
            .render_in(self.lang)
    }

    /// Joins what is listed in one sentence.
    pub(super) fn list(&self, said: &[String]) -> String {
        said.join(separator(self.lang))
    }
}

const fn separator(lang: Lang) -> &'static str {
    match lang {
        Lang::ZhTw => "、",
        Lang::En => ", ",
    }
}

/// A number with its thousands apart: `12,345` in both languages.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
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
    said.join(separator(lang))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let said = [0, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(said, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }
}
