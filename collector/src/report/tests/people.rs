//! What the report shows of what people put on record, and of which time.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use calamine::{Reader, Xlsx, open_workbook_from_rs};
use jiff::Timestamp;
use plumbline_config::lang::Lang;
use serde_json::{Value, json};

use super::memory::{Memory, head};
use crate::records::action::{ActionStep, Entry, Stage, Taken};
use crate::records::waiver::{Decision, Ended, Hosts, Requested};
use crate::records::{Action, Incident, People, Waiver, incident};
use crate::report::{Report, ReportFormat, write_from};
use crate::store::Record;

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn waiver(
    reason: &str,
    from: &str,
    until: &str,
    approved_at: Option<&str>,
    ended_at: Option<&str>,
) -> Waiver {
    Waiver {
        at: moment("2026-06-01T00:00:00Z"),
        by: "user:alice".to_owned(),
        requested: Requested {
            check: "tls.protocol-versions".to_owned(),
            subject: None,
            hosts: Hosts {
                labels: [("site".to_owned(), "taipei".to_owned())].into(),
                ..Hosts::default()
            },
            reason: reason.to_owned(),
            compensating: "僅限內部網段。".to_owned(),
            from: from.parse().unwrap(),
            until: until.parse().unwrap(),
        },
        decision: approved_at.map(|at| Decision {
            approved: true,
            at: moment(at),
            by: "user:bob".to_owned(),
            note: "同意。".to_owned(),
        }),
        ended: ended_at.map(|at| Ended {
            at: moment(at),
            by: "user:alice".to_owned(),
            note: "已更換。".to_owned(),
        }),
        steps: 1,
    }
}

fn action(text: &str, opened_at: &str, closed_at: Option<&str>) -> Action {
    let closed = closed_at.map(|at| Taken {
        at: moment(at),
        by: "user:bob".to_owned(),
        step: ActionStep::Review {
            effective: true,
            entry: Entry {
                text: "已複查。".to_owned(),
                files: Vec::new(),
            },
        },
    });
    Action {
        at: moment(opened_at),
        by: "collector".to_owned(),
        line: "7.1.3".to_owned(),
        text: text.to_owned(),
        stage: if closed.is_some() {
            Stage::Closed
        } else {
            Stage::Open
        },
        owner: None,
        due_on: None,
        history: closed.into_iter().collect(),
        steps: 1,
    }
}

/// A case on this line of time: opened, and perhaps dismissed.
fn incident(text: &str, opened_at: &str, ended_at: Option<&str>) -> Vec<Record> {
    let open = json!({
        "step": "open", "kind": "exposure", "host": null, "culprit": null, "text": text, "known_at": opened_at,
        "happened_at": null, "finding": null, "report_within_seconds": 259_200,
        "report_within_if_in_media_seconds": 86_400,
    });
    let end = ended_at.map(|at| (at, json!({"step": "dismiss", "reason": "已核定。"})));
    let steps = std::iter::once((opened_at, open)).chain(end);
    let record = |(version, (at, step)): (u32, (&str, Value))| Record {
        act: 0,
        at: moment(at),
        who: "user:alice".to_owned(),
        subject: format!("i-{text}"),
        version,
        body: step.to_string(),
    };
    (1..).zip(steps).map(record).collect()
}

fn incidents() -> BTreeMap<String, Incident> {
    let mut all = BTreeMap::new();
    let records = [
        incident("case-since-june", "2026-06-01T00:00:00Z", None),
        incident(
            "case-ended-later",
            "2026-06-01T00:00:00Z",
            Some("2026-11-01T00:00:00Z"),
        ),
        incident(
            "case-ended-before",
            "2026-06-01T00:00:00Z",
            Some("2026-09-30T15:59:59Z"),
        ),
        incident("case-opened-later", "2026-11-01T00:00:00Z", None),
    ];
    for record in records.iter().flatten() {
        incident::fold(&mut all, record).unwrap();
    }
    all
}

/// The report of the fourth quarter of 2026 as it stood in its first hours.
fn report() -> Report {
    let june = Some("2026-06-02T00:00:00Z");
    let waivers = [
        waiver("covers-now", "2026-06-01", "2026-12-31", june, None),
        waiver(
            "ended-in-the-quarter",
            "2026-06-01",
            "2026-12-31",
            june,
            Some("2026-10-01T00:10:00Z"),
        ),
        waiver(
            "ended-later",
            "2026-06-01",
            "2026-12-31",
            june,
            Some("2026-11-01T00:00:00Z"),
        ),
        waiver(
            "ended-before",
            "2026-06-01",
            "2026-12-31",
            june,
            Some("2026-09-30T15:59:59Z"),
        ),
        waiver("over-before", "2026-06-01", "2026-09-30", june, None),
        waiver("not-begun", "2026-11-01", "2026-12-31", june, None),
        waiver("nobody-approved", "2026-06-01", "2026-12-31", None, None),
        waiver(
            "approved-later",
            "2026-06-01",
            "2026-12-31",
            Some("2026-11-01T00:00:00Z"),
            None,
        ),
    ];
    let actions = [
        action("open-since-june", "2026-06-01T00:00:00Z", None),
        action(
            "closed-in-the-quarter",
            "2026-06-01T00:00:00Z",
            Some("2026-10-01T00:10:00Z"),
        ),
        action(
            "closed-later",
            "2026-06-01T00:00:00Z",
            Some("2026-11-01T00:00:00Z"),
        ),
        action(
            "closed-before",
            "2026-06-01T00:00:00Z",
            Some("2026-09-30T15:59:59Z"),
        ),
        action("opened-later", "2026-11-01T00:00:00Z", None),
    ];
    let waivers = waivers.into_iter().enumerate();
    let actions = actions.into_iter().enumerate();
    let people = People {
        waivers: waivers
            .map(|(number, waiver)| (format!("w-{number}"), waiver))
            .collect(),
        actions: actions
            .map(|(number, action)| (format!("c-{number}"), action))
            .collect(),
        incidents: incidents(),
        ..People::default()
    };
    Report {
        people: Arc::new(people),
        ..head()
    }
}

fn written(format: ReportFormat, lang: Lang) -> Vec<u8> {
    let mut out = Memory::default().out;
    write_from(&report(), &Memory::default(), format, lang, &mut out).unwrap();
    out.bytes.take()
}

#[test]
fn waivers_and_actions_are_those_of_the_period_as_they_stood_at_its_end() {
    for lang in Lang::ALL {
        let page = String::from_utf8(written(ReportFormat::Html, lang)).unwrap();
        for shown in [
            "covers-now",
            "ended-in-the-quarter",
            "ended-later",
            "open-since-june",
            "closed-in-the-quarter",
            "closed-later",
            "case-since-june",
            "case-ended-later",
            "site=taipei",
            "user:alice<br>user:bob",
        ] {
            assert!(page.contains(shown), "{lang}: {shown}");
        }
        for left_out in [
            "ended-before",
            "over-before",
            "not-begun",
            "nobody-approved",
            "approved-later",
            "closed-before",
            "opened-later",
            "case-ended-before",
        ] {
            assert!(!page.contains(left_out), "{lang}: {left_out}");
        }
        assert_eq!(
            page.matches("已更換。").count(),
            1,
            "what came later was not known"
        );
        assert_eq!(page.matches("已複查。").count(), 1);
        assert_eq!(page.matches("已核定。").count(), 0);
        assert!(
            !page.contains("report-")
                && !page.contains("waiver-")
                && !page.contains("action-")
                && !page.contains("incident-")
        );
    }
}

#[test]
fn the_workbook_has_a_sheet_of_each() {
    let bytes = written(ReportFormat::Xlsx, Lang::ZhTw);
    let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(bytes)).unwrap();
    assert_eq!(book.worksheet_range("豁免").unwrap().height(), 1 + 3);
    assert_eq!(book.worksheet_range("矯正措施").unwrap().height(), 1 + 3);
    assert_eq!(book.worksheet_range("個資事故").unwrap().height(), 1 + 2);
}
