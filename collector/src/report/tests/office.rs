//! What Word and spreadsheets are given.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx, open_workbook_from_rs};
use plumbline_config::finding::{Severity, Status};
use plumbline_config::lang::Lang;

use super::memory::Memory;
use super::{mixed, written};
use crate::report::ReportFormat;

/// What a host may say of itself to hurt who reads it.
const HOSTILE: [&str; 6] = [
    "=cmd|' /C calc'!A0",
    "+1+1\u{0}\u{1b}[31m",
    "../../x",
    "<w:p>&amp;</w:p>]]>",
    "_x0041_",
    "\u{fffe}@SUM(A1)\ttab\r\nline",
];

fn hostile() -> Memory {
    let mut fleet = Memory::default();
    let findings = [(Status::Fail, Severity::High); HOSTILE.len() + 1];
    fleet.add("h-1", &findings);
    for (found, subject) in fleet.findings.iter_mut().zip(HOSTILE) {
        found.finding.subject = subject.to_owned();
    }
    fleet.findings.last_mut().unwrap().finding.subject = "字".repeat(32_768);
    fleet.hosts[0].name = HOSTILE[0].to_owned();
    fleet
}

fn workbook(fleet: &Memory, lang: Lang) -> Xlsx<Cursor<Vec<u8>>> {
    let bytes = written(fleet, ReportFormat::Xlsx, lang).unwrap();
    open_workbook_from_rs(Cursor::new(bytes)).unwrap()
}

#[test]
fn the_same_report_is_the_same_bytes_in_every_format() {
    let fleet = mixed(40);
    for format in ReportFormat::ALL {
        for lang in Lang::ALL {
            let once = written(&fleet, format, lang).unwrap();
            assert!(!once.is_empty());
            assert!(once == written(&fleet, format, lang).unwrap(), "{format} {lang}");
        }
    }
}

#[test]
fn a_file_name_tells_the_format() {
    for format in ReportFormat::ALL {
        assert_eq!(
            ReportFormat::of_file(&format!("2026Q4.{}", format.extension())),
            Some(format)
        );
        assert_eq!(format.name().parse::<ReportFormat>().unwrap(), format);
    }
    assert_eq!(ReportFormat::of_file("report.txt"), None);
    let refused = "pptx".parse::<ReportFormat>().unwrap_err().to_string();
    assert_eq!(
        refused,
        "unknown report format `pptx`; use one of html, pdf, docx, xlsx, csv, json, oscal, ocsf"
    );
}

#[test]
fn every_finding_is_in_the_workbook() {
    let fleet = mixed(450);
    let mut book = workbook(&fleet, Lang::En);
    let names = [
        "Report",
        "Checklist",
        "Course",
        "Particulars",
        "Waivers",
        "Corrective actions",
        "Incidents",
        "What needs attention",
        "Hosts",
        "Findings",
    ];
    assert_eq!(book.sheet_names(), names);
    let findings = book.worksheet_range("Findings").unwrap();
    assert_eq!(findings.height() - 1, fleet.findings.len());
    let hosts = book.worksheet_range("Hosts").unwrap();
    assert_eq!(hosts.height() - 1, fleet.hosts.len());
    assert_eq!(hosts.get_value((1, 0)).unwrap(), "h-00000");
    let observed = findings.rows().nth(1).unwrap().last().unwrap();
    let Data::DateTime(time) = observed else {
        panic!("a time is a date: {observed:?}");
    };
    assert_eq!(
        time.to_ymd_hms_milli(),
        (2026, 10, 1, 9, 19, 0, 0),
        "in the plan's zone"
    );
    let course = book.worksheet_range("Course").unwrap();
    assert_eq!(course.height(), 4);
    assert_eq!(course.get_value((2, 3)).unwrap(), &Data::Float(29.0));
    let lines = book.worksheet_range("Checklist").unwrap();
    assert!(lines.height() > 100);
    assert_eq!(lines.get_value((1, 0)).unwrap(), &Data::Float(1.0), "a number");
}

#[test]
fn what_looks_like_a_formula_is_words() {
    let mut book = workbook(&hostile(), Lang::ZhTw);
    assert_eq!(
        book.worksheet_formula("檢查結果").unwrap().used_cells().count(),
        0
    );
    let findings = book.worksheet_range("檢查結果").unwrap();
    let subjects: Vec<String> = findings.rows().skip(1).map(|row| row[7].to_string()).collect();
    for words in [HOSTILE[0], HOSTILE[2], HOSTILE[3], HOSTILE[4]] {
        assert!(
            subjects.iter().any(|subject| subject == words),
            "{words}: {subjects:?}"
        );
    }
    assert!(subjects.contains(&"+1+1\u{fffd}\u{fffd}[31m".to_owned()));
    assert!(
        subjects
            .iter()
            .any(|subject| subject.ends_with("字…") && subject.chars().count() == 32_767)
    );
}

#[test]
#[ignore = "tests/report-formats runs it, and has other programs read what it writes"]
fn reports_for_other_readers() {
    let folder = std::path::PathBuf::from(std::env::var_os("PLUMBLINE_REPORTS").unwrap());
    for (name, fleet) in [
        ("none", Memory::default()),
        ("mixed", mixed(30)),
        ("hostile", hostile()),
    ] {
        for (format, lang) in ReportFormat::ALL
            .into_iter()
            .flat_map(|format| Lang::ALL.map(|lang| (format, lang)))
        {
            let file = folder.join(format!("{name}.{lang}.{}", format.extension()));
            std::fs::write(file, written(&fleet, format, lang).unwrap()).unwrap();
        }
    }
}
