use plumbline_config::finding::{Finding, Severity, Status};
use plumbline_config::lang::Bilingual;
use serde_json::Value;

use super::*;

fn shown(check: &str, status: Status) -> ShownFinding {
    let finding = Finding {
        check: check.to_owned(),
        clause: "7.1.3".to_owned(),
        status,
        severity: Severity::High,
        subject: "host".to_owned(),
        summary: Bilingual::default(),
        expected: Value::Null,
        actual: Value::Null,
        remediation: Bilingual::default(),
        evidence: Value::Null,
        observed_at: Timestamp::UNIX_EPOCH,
    };
    ShownFinding {
        host_name: "web".to_owned(),
        finding,
        shown: status,
    }
}

fn host(id: &str, role: Role, findings: Vec<ShownFinding>) -> HostView {
    HostView {
        id: id.to_owned(),
        name: id.to_owned(),
        role,
        findings,
    }
}

fn checklist(hosts: &[HostView], plan: Option<&LoadedPlan>) -> Checklist {
    let now: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
    let period = "2026Q4".parse().unwrap();
    build(&Input {
        period: &period,
        as_of: now,
        now,
        plan,
        hosts,
    })
}

fn line<'c>(checklist: &'c Checklist, id: &str) -> &'c Line {
    checklist
        .items
        .iter()
        .flat_map(|item| &item.lines)
        .find(|line| line.id == id)
        .unwrap()
}

#[test]
fn all_twelve_items_stand_there_with_every_line_though_nothing_is_known() {
    let checklist = checklist(&[], None);
    let numbers: Vec<u8> = checklist.items.iter().map(|item| item.number).collect();
    assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
    assert_eq!(checklist.particulars.len(), 5);
    for line in checklist.items.iter().flat_map(|item| &item.lines) {
        assert_eq!(
            (line.status, line.basis),
            (LineStatus::Nonconforming, Basis::None),
            "{}",
            line.id
        );
        assert!(line.checks.iter().all(|check| !check.measured), "{}", line.id);
    }
}

#[test]
fn a_finding_counts_on_the_line_of_its_host_s_role_alone() {
    let hosts = [host(
        "a",
        Role::Service,
        vec![shown("tls.protocol-versions", Status::Pass)],
    )];
    let checklist = checklist(&hosts, None);
    assert_eq!(
        line(&checklist, "7.1.3").hosts,
        HostCounts {
            pass: 1,
            ..HostCounts::default()
        }
    );
    assert_eq!(
        line(&checklist, "7.1.3").status,
        LineStatus::Partly,
        "the other checks are not yet measured"
    );
    assert_eq!(line(&checklist, "7.3.3").hosts, HostCounts::default());
}

#[test]
fn a_host_counts_once_by_the_worst_it_shows() {
    let findings = vec![
        shown("firewall.active", Status::Pass),
        shown("firewall.active", Status::Fail),
        shown("firewall.reachable-ports", Status::Pass),
    ];
    let checklist = checklist(&[host("a", Role::Service, findings)], None);
    let line = line(&checklist, "7.1.4.firewall");
    assert_eq!(
        line.hosts,
        HostCounts {
            fail: 1,
            ..HostCounts::default()
        }
    );
    assert_eq!(line.status, LineStatus::Nonconforming);
    assert_eq!(
        line.checks[1].hosts,
        HostCounts {
            pass: 1,
            ..HostCounts::default()
        }
    );
}

#[test]
fn what_the_plan_switches_off_does_not_apply_and_says_why() {
    let text = "version = \"1\"\n[service.transfer]\nnot_applicable = \"賣斷\"\n";
    let plan = LoadedPlan::from_text(text.to_owned(), std::path::Path::new("plan.toml")).unwrap();
    let checklist = checklist(&[], Some(&plan));
    let line = line(&checklist, "7.1.3");
    assert_eq!(
        (line.status, line.reason.as_deref()),
        (LineStatus::NotApplicable, Some("賣斷"))
    );
}
