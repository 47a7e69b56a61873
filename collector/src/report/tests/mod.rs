//! What a report says, and how it reads the store.

mod memory;
mod office;
mod page;
mod people;
mod quarter;
mod reading;

use std::cmp::Reverse;

use jiff::civil::Date;
use plumbline_config::finding::{Severity, Status};
use plumbline_config::lang::Lang;
use serde::Serialize;

use super::fleet::wants_attention;
use super::model::{ReportHost, ShownFinding};
use super::{CoursePoint, LedgerHead, ReportFormat, WriteError, write_from};
use crate::checklist::Checklist;
use crate::freshness::HostState;
use memory::{Memory, cutoff, head};

/// Writes the report on a fleet.
fn written(fleet: &Memory, format: ReportFormat, lang: Lang) -> Result<Vec<u8>, WriteError> {
    fleet.out.bytes.borrow_mut().clear();
    fleet.asked.borrow_mut().clear();
    write_from(&head(), fleet, format, lang, &mut fleet.out.clone())?;
    Ok(fleet.out.bytes.borrow().clone())
}

/// Hosts of every kind: with and without findings, silent and revoked.
fn mixed(hosts: usize) -> Memory {
    let mut fleet = Memory::default();
    for number in 0..hosts {
        let findings: Vec<(Status, Severity)> = (0..number % 8)
            .map(|f| {
                let status = [
                    Status::Pass,
                    Status::Fail,
                    Status::NotApplicable,
                    Status::Error,
                    Status::Manual,
                ][(f * 3 + number) % 5];
                (status, Severity::ALL[(f + number) % 4])
            })
            .collect();
        fleet.add(&format!("h-{number:05}"), &findings);
        match number % 7 {
            3 => fleet.silence(),
            5 => fleet.revoke(),
            _ => {}
        }
    }
    fleet
}

/// The report as it was when all of it was in memory: what JSON is read by programs has to stay.
#[derive(Serialize)]
struct Model {
    company: String,
    first: Date,
    last: Date,
    checklist: Checklist,
    incidents: Vec<()>,
    ledger: Option<LedgerHead>,
    course: Vec<CoursePoint>,
    attention: Vec<ShownFinding>,
    hosts: Vec<ReportHost>,
}

impl Model {
    fn of(fleet: &Memory) -> Self {
        let worst_first = |found: &ShownFinding| Reverse((found.shown.concern(), found.finding.severity));
        let (mut attention, mut hosts) = (Vec::new(), Vec::new());
        for host in &fleet.hosts {
            let state = cutoff().host(host.heard_at, host.revoked_at.is_some());
            let of_host = fleet.findings.iter().filter(|found| found.host == host.id);
            let mut findings: Vec<ShownFinding> = of_host
                .map(|found| ShownFinding {
                    host_name: host.name.clone(),
                    shown: cutoff().shown(found.finding.status, found.looked_at, found.host_revoked),
                    waived_by: None,
                    finding: found.finding.clone(),
                })
                .collect();
            findings.sort_by_key(worst_first);
            if state != HostState::Revoked {
                let wanting = findings.iter().filter(|found| wants_attention(found.shown));
                attention.extend(wanting.cloned());
            }
            hosts.push(ReportHost {
                id: host.id.to_string(),
                name: host.name.clone(),
                role: host.role,
                system: host.os.name.clone(),
                state,
                last_heard: Some(host.heard_at),
                findings,
            });
        }
        attention.sort_by_key(worst_first);
        let head = head();
        Self {
            company: head.company,
            first: head.first,
            last: head.last,
            checklist: head.checklist,
            incidents: Vec::new(),
            ledger: head.ledger,
            course: head.course,
            attention,
            hosts,
        }
    }
}

#[test]
fn the_json_is_that_of_a_model_in_memory() {
    for hosts in [0, 1, 9, 450] {
        let fleet = mixed(hosts);
        let model = Model::of(&fleet);
        assert!(hosts < 9 || model.attention.len() > hosts / 2);
        let json = written(&fleet, ReportFormat::Json, Lang::En).unwrap();
        let same = String::from_utf8(json).unwrap() == serde_json::to_string_pretty(&model).unwrap();
        assert!(same, "{hosts} hosts");
    }
}
