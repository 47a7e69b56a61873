//! What is on the page, and what the page says of what is not.

use plumbline_config::finding::{Severity, Status};
use plumbline_config::lang::Lang;

use super::memory::{Memory, head};
use super::{mixed, written};
use crate::report::fleet::Nobody;
use crate::report::overview::{FEW_HOSTS, MOST_ATTENTION, MOST_HOSTS};
use crate::report::{ReportFormat, write_from};

const FAILS: (Status, Severity) = (Status::Fail, Severity::Medium);
const PASSES: (Status, Severity) = (Status::Pass, Severity::Medium);

fn page(fleet: &Memory, lang: Lang) -> String {
    String::from_utf8(written(fleet, ReportFormat::Html, lang).unwrap()).unwrap()
}

/// Where a text begins.
fn place(page: &str, text: &str) -> usize {
    page.find(text)
        .unwrap_or_else(|| panic!("the page does not say {text}"))
}

fn hosts(number: usize, findings: &[(Status, Severity)]) -> Memory {
    let mut fleet = Memory::default();
    for number in 0..number {
        fleet.add(&format!("h-{number:05}"), findings);
    }
    fleet
}

#[test]
fn few_hosts_are_all_on_the_page_by_id() {
    for lang in Lang::ALL {
        let fleet = mixed(FEW_HOSTS);
        let page = page(&fleet, lang);
        assert!(page.ends_with("</html>") && !page.contains("report-"), "{lang}");
        let in_annex = page.matches("2026-10-01 09:19:00 +08:00").count();
        assert_eq!(in_annex, fleet.findings.len(), "each has a row with its time");
        let places: Vec<usize> = fleet
            .hosts
            .iter()
            .map(|host| place(&page, &format!("<span class=\"soft\">{}</span>", host.id)))
            .collect();
        assert!(places.is_sorted(), "{lang}");
        assert!(!page.contains("/api/v1/"), "nothing is left out");
    }
}

#[test]
fn many_hosts_are_one_row_each_those_that_fail_first() {
    for (lang, counts, elsewhere) in [
        (Lang::En, "fail 2, pass 1", "The findings of 201 hosts"),
        (Lang::ZhTw, "不符合 2、符合 1", "201 台主機之檢查結果過多"),
    ] {
        let mut fleet = hosts(FEW_HOSTS, &[PASSES]);
        fleet.add("h-99999", &[FAILS, PASSES, FAILS]);
        let page = page(&fleet, lang);
        assert!(page.contains(&format!("<td>{counts}</td></tr>")), "{lang}");
        assert!(place(&page, "name-of-h-99999</td>") < place(&page, "name-of-h-00000<"));
        assert!(place(&page, "name-of-h-00000<") < place(&page, "name-of-h-00001<"));
        assert!(page.contains(elsewhere), "{lang}");
        assert!(page.contains("/api/v1/reports/2026Q4?format=json"));
        assert!(
            !page.contains("2026-10-01 09:19:00 +08:00"),
            "no finding has its row"
        );
        assert!(page.ends_with("</html>") && !page.contains("report-"), "{lang}");
    }
}

#[test]
fn a_revoked_host_is_last_and_wants_no_attention() {
    let mut fleet = hosts(FEW_HOSTS, &[]);
    fleet.add("h-90000", &[FAILS]);
    fleet.revoke();
    fleet.add("h-90001", &[FAILS]);
    fleet.silence();
    let page = page(&fleet, Lang::En);
    assert!(place(&page, "<td>name-of-h-90001<br>") < place(&page, "<td>name-of-h-00000<br>"));
    assert!(place(&page, "<td>name-of-h-00199<br>") < place(&page, "<td>name-of-h-90000<br>"));
    assert!(page.contains("<td>name-of-h-90001</td>") && !page.contains("<td>name-of-h-90000</td>"));
}

#[test]
fn more_hosts_than_fit_are_counted() {
    for (lang, said) in [
        (Lang::En, "5,000 of 5,003 hosts are listed here; 3 that need less"),
        (
            Lang::ZhTw,
            "共 5,003 台主機，此處列出 5,000 台；較不須處理之 3 台未列出",
        ),
    ] {
        let mut fleet = hosts(MOST_HOSTS + 2, &[PASSES]);
        fleet.add("h-99999", &[FAILS]);
        let page = page(&fleet, lang);
        assert!(page.contains(said), "{lang}");
        assert_eq!(page.matches("<br><span class=\"soft\">h-").count(), MOST_HOSTS);
        assert!(
            page.contains("<span class=\"soft\">h-99999</span>"),
            "the worst is there"
        );
        assert!(!page.contains("<span class=\"soft\">h-05001</span>"));
    }
}

#[test]
fn what_needs_attention_is_the_worst_of_all_hosts() {
    let worst = (Status::Fail, Severity::Critical);
    for (hosts_there, lang, said) in [
        (
            30,
            Lang::En,
            "The worst 500 of 1,201 findings are listed here. The others are in the annex",
        ),
        (
            300,
            Lang::En,
            "The worst 500 of 12,001 findings are listed here. The others are in this report as JSON",
        ),
        (
            30,
            Lang::ZhTw,
            "共 1,201 項，此處僅列出最嚴重之 500 項。其餘各項見附件",
        ),
        (
            300,
            Lang::ZhTw,
            "共 12,001 項，此處僅列出最嚴重之 500 項。其餘各項見本報告之 JSON 格式",
        ),
    ] {
        let mut fleet = hosts(hosts_there, &[FAILS; 40]);
        fleet.add("h-99999", &[PASSES, worst]);
        let page = page(&fleet, lang);
        assert!(page.contains(said), "{lang}: {hosts_there} hosts");
        assert_eq!(
            page.matches("<br>summary<br>").count() + page.matches("<br>摘要<br>").count(),
            MOST_ATTENTION
        );
        let (first, second) = (
            place(&page, "<td>name-of-h-99999</td>"),
            place(&page, "<td>name-of-h-00000</td>"),
        );
        assert!(first < second, "{lang}");
    }
    let all = hosts(10, &[FAILS; MOST_ATTENTION / 10]);
    assert!(!page(&all, Lang::En).contains("The worst"), "none is left out");
}

#[test]
fn a_report_of_a_period_that_is_over_says_why_no_host_is_listed() {
    let mut past = head();
    past.is_past = true;
    for (lang, said, not_said) in [
        (Lang::En, "This period is over.", "No finding fails"),
        (Lang::ZhTw, "本期間已結束。", "沒有不符合的發現"),
    ] {
        let mut out = Vec::new();
        write_from(&past, &Nobody, ReportFormat::Html, lang, &mut out).unwrap();
        let page = String::from_utf8(out).unwrap();
        assert_eq!(page.matches(said).count(), 3, "findings, hosts and annex");
        assert!(!page.contains(not_said) && !page.contains("report-"), "{lang}");
        assert!(page.ends_with("</html>"));
    }
}
