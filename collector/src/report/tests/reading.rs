//! How the store is read while a report is written.

use plumbline_config::finding::{Severity, Status};
use plumbline_config::lang::Lang;

use super::memory::{Asked, Memory};
use super::{mixed, written};
use crate::report::fleet::{FINDINGS_A_PAGE, HOSTS_A_PAGE};
use crate::report::{ReportFormat, WriteError};

fn asked(fleet: &Memory, hosts: bool) -> Vec<Asked> {
    let asked = fleet.asked.borrow();
    asked.iter().filter(|page| page.hosts == hosts).copied().collect()
}

#[test]
fn the_store_is_read_page_by_page_and_what_was_read_is_written() {
    let fleet = mixed(5 * HOSTS_A_PAGE);
    for format in [ReportFormat::Html, ReportFormat::Json] {
        written(&fleet, format, Lang::En).unwrap();
        let (hosts, findings) = (asked(&fleet, true), asked(&fleet, false));
        for page in hosts.iter().chain(&findings) {
            let most = if page.hosts { HOSTS_A_PAGE } else { FINDINGS_A_PAGE };
            assert!(page.limit == most && page.rows <= most, "{page:?}");
        }
        // A full page may be the last, which only the next one tells.
        assert_eq!(hosts.len(), 6, "once over the hosts: {format}");
        let pages = fleet.findings.len().div_ceil(FINDINGS_A_PAGE);
        match format {
            ReportFormat::Html => assert_eq!(findings.len(), pages, "once over the findings"),
            _ => assert!(
                findings.len() <= 2 * pages + 12,
                "and once for each of twelve kinds"
            ),
        }
    }
    // JSON was the last: a page of hosts is written before the next is read.
    let written: Vec<usize> = asked(&fleet, true).iter().map(|page| page.written).collect();
    assert!(
        written.is_sorted_by(|before, after| before < after),
        "{written:?}"
    );
}

#[test]
fn what_the_totals_say_can_be_read_before_any_host_is() {
    let fleet = mixed(3);
    let page = written(&fleet, ReportFormat::Html, Lang::En).unwrap();
    let first = fleet.asked.borrow()[0].written;
    assert!(page[..first].ends_with(b"</table>\n</section>") && fleet.out.flushes.get() > 0);
    written(&fleet, ReportFormat::Csv, Lang::En).unwrap();
    assert!(
        fleet.asked.borrow().is_empty(),
        "the checklist as a table wants no host"
    );
}

#[test]
fn a_store_that_fails_on_the_way_leaves_no_whole_report() {
    let mut fleet = mixed(2 * HOSTS_A_PAGE);
    for (format, pages) in [(ReportFormat::Html, 3), (ReportFormat::Json, 20)] {
        fleet.fails_after = Some(pages);
        let failed = written(&fleet, format, Lang::En);
        assert!(matches!(failed, Err(WriteError::Store(_))), "{format}");
        assert_eq!(
            fleet.asked.borrow().len(),
            pages + 1,
            "nothing is asked after that"
        );
        let text = String::from_utf8(fleet.out.bytes.borrow().clone()).unwrap();
        assert!(!text.contains("</html>"));
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_err());
    }
}

#[test]
fn a_document_of_which_the_rest_is_missing_is_not_written_at_all() {
    let mut fleet = mixed(3 * HOSTS_A_PAGE);
    fleet.fails_after = Some(4);
    for format in [ReportFormat::Docx, ReportFormat::Xlsx] {
        let failed = written(&fleet, format, Lang::En);
        assert!(matches!(failed, Err(WriteError::Store(_))), "{format}");
        assert!(fleet.out.bytes.borrow().is_empty(), "{format}");
    }
    for format in [ReportFormat::Oscal, ReportFormat::Ocsf] {
        assert!(
            matches!(written(&fleet, format, Lang::En), Err(WriteError::Store(_))),
            "{format}"
        );
    }
}

#[test]
fn who_has_gone_is_not_read_for() {
    let mut fleet = mixed(5 * HOSTS_A_PAGE);
    fleet.out.gone_after = Some(10);
    for format in [ReportFormat::Html, ReportFormat::Docx, ReportFormat::Xlsx] {
        fleet.out.flushes.set(0);
        let failed = written(&fleet, format, Lang::En).unwrap_err();
        assert!(failed.is_unread(), "{failed}");
        assert!(asked(&fleet, true).len() <= 1, "{format}");
    }
}

#[test]
fn findings_of_a_host_that_came_meanwhile_do_not_go_to_another() {
    let mut fleet = Memory::default();
    for id in ["h-1", "h-2", "h-3"] {
        fleet.add(id, &[(Status::Pass, Severity::High)]);
    }
    fleet.hosts.remove(1);
    let json = written(&fleet, ReportFormat::Json, Lang::En).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&json).unwrap();
    for (host, name) in [(0, "name-of-h-1"), (1, "name-of-h-3")] {
        let findings = report["hosts"][host]["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0]["host"], name);
    }
}
