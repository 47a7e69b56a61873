use plumbline_config::finding::{Severity, Status};

use super::*;
use crate::store::{Standing, Tally};

type Host = (Role, Vec<(&'static str, Status)>);

fn host(role: Role, findings: Vec<(&'static str, Status)>) -> Host {
    (role, findings)
}

fn checklist(hosts: &[Host], plan: Option<&LoadedPlan>) -> Checklist {
    let now: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
    let period = "2026Q4".parse().unwrap();
    let mut totals = Totals::default();
    for (role, findings) in hosts {
        let mut tally = Tally::default();
        for (check, status) in findings {
            tally.add(check, *status, Severity::High);
        }
        let standing = Standing {
            role: *role,
            revoked: false,
            silent: false,
            overdue: false,
            tally: &tally,
        };
        standing.contribute(&mut totals, 1);
    }
    build(&Input {
        period: &period,
        as_of: now,
        now,
        plan,
        totals: &totals,
        people: &People::default(),
        zone: &TimeZone::get("Asia/Taipei").unwrap(),
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
    let hosts = [host(Role::Service, vec![("tls.protocol-versions", Status::Pass)])];
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
        ("firewall.active", Status::Pass),
        ("firewall.active", Status::Fail),
        ("firewall.reachable-ports", Status::Pass),
    ];
    let checklist = checklist(&[host(Role::Service, findings)], None);
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
