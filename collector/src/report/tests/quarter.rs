//! The last quarter of a company of forty hosts: what agents said day by day, and what people attested, waived and forgot,
//! gives the checklist that was written down beforehand, line by line.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use plumbline_config::finding::{Finding, Status};
use plumbline_config::ident::{HostId, Role};
use plumbline_config::interval::Interval;
use plumbline_config::lang::Lang;
use plumbline_config::wire::FIRST_PREVIOUS;

use crate::checklist::{Checklist, Line, LineStatus, Period};
use crate::jobs::Days;
use crate::records::attestation::{AttestationStep, Details, Given};
use crate::records::waiver::{Hosts, Requested, WaiverStep};
use crate::records::{Remembered, keep};
use crate::report::{self, ReportFormat, Source};
use crate::store::{Beat, Enrolment, EnrolmentToken, PackedBody, SqliteStore, Store, suite};

/// What an agent really said; the scenario decides with which status.
const FINDINGS: &str = include_str!("quarter/findings.json");

/// The checklist as it must be on the last day: line, status, basis, and hosts that pass, fail, are stale, in error, waived
/// and out of scope.
const EXPECTED: &str = include_str!("quarter/expected.txt");

const FIRST: Date = date(2026, 10, 1);
const LAST: Date = date(2026, 12, 31);

/// Hosts of each role.
const SERVICE: usize = 24;
const OFFICE: usize = 16;

/// What is not as declared, on which host, from its first day to its last.
const TROUBLES: [(&str, &str, Status, Date, Date); 5] = [
    (
        "s-05",
        "tls.protocol-versions",
        Status::Fail,
        date(2026, 10, 12),
        date(2026, 10, 20),
    ),
    (
        "s-07",
        "patch.security-updates",
        Status::Fail,
        date(2026, 12, 20),
        LAST,
    ),
    (
        "s-09",
        "firewall.reachable-ports",
        Status::Fail,
        date(2026, 11, 1),
        date(2027, 1, 9),
    ),
    (
        "o-08",
        "antivirus.running",
        Status::Error,
        date(2026, 12, 30),
        LAST,
    ),
    (
        "o-02",
        "encryption.volumes",
        Status::Fail,
        date(2026, 12, 31),
        LAST,
    ),
];

/// The host that falls silent, and its last day.
const SILENT: (&str, Date) = ("o-03", date(2026, 12, 28));

struct Company {
    store: SqliteStore,
    people: Remembered,
    days: Days,
    zone: TimeZone,
    hosts: Vec<Machine>,
    _dir: tempfile::TempDir,
}

struct Machine {
    name: String,
    id: HostId,
    sequence: u64,
    previous: String,
    said: Vec<Finding>,
}

fn name(role: Role, number: usize) -> String {
    let letter = match role {
        Role::Service => 's',
        Role::Office => 'o',
    };
    format!("{letter}-{number:02}")
}

/// What a host says on a day.
fn findings(host: &str, day: Date) -> Vec<Finding> {
    let mut findings: Vec<Finding> = serde_json::from_str(FINDINGS).unwrap();
    for finding in &mut findings {
        let trouble = TROUBLES.iter().find(|(name, check, _, first, last)| {
            *name == host && *check == finding.check && (*first..=*last).contains(&day)
        });
        finding.status = match (trouble, finding.status) {
            (Some((_, _, status, _, _)), _) => *status,
            (None, Status::NotApplicable) => Status::NotApplicable,
            (None, _) => Status::Pass,
        };
    }
    findings
}

impl Company {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("db")).unwrap();
        let zone = TimeZone::get("Asia/Taipei").unwrap();
        let begun = noon(FIRST, &zone) - SignedDuration::from_hours(4);
        let mut hosts = Vec::new();
        for (role, number) in [(Role::Service, SERVICE), (Role::Office, OFFICE)] {
            let token = EnrolmentToken {
                id: role.name().to_owned(),
                sha256: role.name().to_owned(),
                role,
                labels: Default::default(),
                uses: 99,
                used: 0,
                created_at: begun,
                expires_at: begun + SignedDuration::from_hours(24),
            };
            store
                .add_enrolment_token(&token, &suite::act("token.create", 0))
                .unwrap();
            for number in 1..=number {
                let name = name(role, number);
                let enrolled = store
                    .enrol(&Enrolment {
                        name: name.clone(),
                        token_sha256: role.name().to_owned(),
                        fresh_id: format!("h-{name}").parse().unwrap(),
                        serial: name.clone(),
                        at: begun,
                        ..suite::enrolment("", "", u8::try_from(hosts.len()).unwrap(), 0)
                    })
                    .unwrap()
                    .unwrap();
                hosts.push(Machine {
                    name,
                    id: enrolled.host,
                    sequence: 0,
                    previous: FIRST_PREVIOUS.to_owned(),
                    said: Vec::new(),
                });
            }
        }
        Self {
            store,
            people: Remembered::default(),
            days: Days::default(),
            zone,
            hosts,
            _dir: dir,
        }
    }

    /// A day: each host says what changed, and looks at everything again at noon and before midnight.
    fn live(&mut self, day: Date) {
        let noon = noon(day, &self.zone);
        for host in &mut self.hosts {
            if host.name == SILENT.0 && day > SILENT.1 {
                continue;
            }
            let said = findings(&host.name, day);
            if said != host.said {
                host.sequence += 1;
                let checks: BTreeSet<&str> = said.iter().map(|found| found.check.as_str()).collect();
                let checks: Vec<&str> = checks.into_iter().collect();
                let assessment = suite::assessment(&host.id, &checks, said.clone());
                let mut incoming =
                    suite::report(&host.id, host.sequence, &host.previous, 0, Some(assessment));
                incoming.received_at = noon;
                incoming.report.sealed_at = noon;
                incoming.body = PackedBody::pack(&serde_json::to_vec(&incoming.report).unwrap()).unwrap();
                let kept = suite::keep(&self.store, &incoming);
                assert!(suite::is_kept(&kept), "{}: {kept:?}", host.name);
                host.previous.clone_from(&incoming.body.sha256);
                host.said = said;
            }
            let late = noon + SignedDuration::from_hours(11);
            let beat = Beat {
                host: host.id.clone(),
                heard_at: late,
                looked_at: Some(late),
            };
            self.store.beat(&[beat]).unwrap();
        }
        let midnight = noon + SignedDuration::from_hours(12) + SignedDuration::from_secs(5);
        self.days
            .record(&self.store, &self.people, STALE_AFTER, midnight)
            .unwrap();
    }

    fn attest(
        &self,
        id: &str,
        lines: &[&str],
        effective_on: Date,
        details: Option<Details>,
        recorded_on: Date,
    ) {
        let given = Given {
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            effective_on,
            performed_by: "個資小組".to_owned(),
            statement: "已依計畫辦理。".to_owned(),
            details,
            files: Vec::new(),
            corrects: None,
        };
        given
            .check(
                recorded_on,
                &self.people.people(&self.store).unwrap().attestations,
            )
            .unwrap();
        let at = noon(recorded_on, &self.zone);
        keep(
            &self.store,
            id,
            0,
            &AttestationStep::Give(given),
            "user:officer",
            at,
        )
        .unwrap();
    }

    fn source(&self, now: Timestamp) -> Source<'_> {
        Source {
            store: &self.store,
            people: &self.people,
            stale_after: STALE_AFTER,
            now,
        }
    }

    fn checklist_on(&self, day: Date, asked_on: Date) -> Checklist {
        let period = Period {
            first: FIRST,
            last: day,
        };
        report::checklist(&self.source(noon(asked_on, &self.zone)), Some(&period)).unwrap()
    }
}

/// A host that was not looked at for so long is stale.
const STALE_AFTER: Interval = Interval::days(2);

fn noon(day: Date, zone: &TimeZone) -> Timestamp {
    day.at(12, 0, 0, 0).to_zoned(zone.clone()).unwrap().timestamp()
}

fn line<'c>(checklist: &'c Checklist, id: &str) -> &'c Line {
    let mut lines = checklist.items.iter().flat_map(|item| &item.lines);
    lines.find(|line| line.id == id).unwrap()
}

fn written(checklist: &Checklist) -> String {
    let mut text = String::new();
    for item in &checklist.items {
        writeln!(text, "{} {}", item.number, item.status.name()).unwrap();
        for line in &item.lines {
            let hosts = line.hosts;
            write!(text, "  {} {} {:?}", line.id, line.status.name(), line.basis).unwrap();
            if hosts.total() > 0 {
                let counts = [
                    hosts.pass,
                    hosts.fail,
                    hosts.stale,
                    hosts.error,
                    hosts.waived,
                    hosts.not_applicable,
                ];
                write!(text, " {counts:?}").unwrap();
            }
            writeln!(text).unwrap();
        }
    }
    text
}

/// The company lives through its quarter.
fn quarter() -> Company {
    let mut company = Company::new();
    let scan = |high| Details::Scan {
        tool: "源碼掃描".to_owned(),
        target: "開店平台".to_owned(),
        high,
        medium: 0,
        low: 2,
    };
    // From before the collector was there.
    company.attest("a-group", &["10.2"], date(2025, 12, 20), None, FIRST);
    company.attest("a-it", &["10.3"], date(2025, 12, 10), None, FIRST);
    let mut day = FIRST;
    while day <= date(2027, 1, 4) {
        match (day.month(), day.day()) {
            (10, 16) => company.attest("a-all", &["10.1"], date(2026, 10, 15), None, day),
            (11, 2) => company.attest("a-scan", &["7.1.6.source"], date(2026, 11, 2), Some(scan(1)), day),
            (11, 4) => {
                let request = Requested {
                    check: "firewall.reachable-ports".to_owned(),
                    subject: None,
                    hosts: Hosts {
                        ids: BTreeSet::from(["h-s-09".parse().unwrap()]),
                        ..Hosts::default()
                    },
                    reason: "設備汰換中".to_owned(),
                    compensating: "僅限管理網段".to_owned(),
                    from: date(2026, 11, 5),
                    until: LAST,
                };
                request.check(day).unwrap();
                let at = noon(day, &company.zone);
                let ask = WaiverStep::Request(request);
                keep(&company.store, "w-1", 0, &ask, "user:operator", at).unwrap();
                let approve = WaiverStep::Approve {
                    note: "同意".to_owned(),
                };
                keep(&company.store, "w-1", 1, &approve, "user:admin", at).unwrap();
            }
            (11, 10) => company.attest("a-gone", &["8.1"], date(2026, 11, 9), None, day),
            (11, 20) => {
                let withdraw = AttestationStep::Withdraw {
                    reason: "尚未完成".to_owned(),
                };
                let at = noon(day, &company.zone);
                keep(&company.store, "a-gone", 1, &withdraw, "user:officer", at).unwrap();
            }
            (12, 28) => company.attest("a-it-late", &["10.3"], date(2026, 12, 28), None, day),
            // About a day of the quarter, written down after it.
            (1, 3) => company.attest("a-written-late", &["10.4"], date(2026, 12, 30), None, day),
            _ => {}
        }
        company.live(day);
        day = day.checked_add(1.day()).unwrap();
    }
    company
}

#[test]
fn the_quarter_of_a_company_gives_the_checklist_that_was_written_down() {
    let company = quarter();
    let after = date(2027, 1, 5);
    let checklist = company.checklist_on(LAST, after);
    assert_eq!(checklist.period, "2026Q4");
    let written = written(&checklist);
    assert!(written == EXPECTED, "{written}");

    // What stood on the line on days that are past.
    let on = |line_id: &str, day| line(&company.checklist_on(day, after), line_id).clone();
    let status = |line_id: &str, day| on(line_id, day).status;
    assert_eq!(on("7.1.3", date(2026, 10, 11)).hosts.fail, 0);
    assert_eq!(on("7.1.3", date(2026, 10, 12)).hosts.fail, 1);
    assert_eq!(on("7.1.3", date(2026, 10, 20)).hosts.fail, 1);
    assert_eq!(on("7.1.3", date(2026, 10, 21)).hosts.fail, 0);
    assert_eq!(status("10.1", date(2026, 10, 14)), LineStatus::Nonconforming);
    assert_eq!(status("10.1", date(2026, 10, 15)), LineStatus::Conforming);
    assert_eq!(status("10.3", date(2026, 12, 9)), LineStatus::Conforming);
    assert_eq!(
        status("10.3", date(2026, 12, 15)),
        LineStatus::Nonconforming,
        "late"
    );
    assert_eq!(status("10.3", date(2026, 12, 28)), LineStatus::Conforming);
    let ports = |day| {
        let hosts = on("7.1.4.firewall", day).hosts;
        (hosts.fail, hosts.waived)
    };
    assert_eq!(ports(date(2026, 11, 4)), (1, 0));
    assert_eq!(ports(date(2026, 11, 5)), (0, 1));
    assert_eq!(ports(LAST), (0, 1));
    assert_eq!(ports(date(2027, 1, 1)), (1, 0), "the waiver is over");
}

#[test]
fn the_report_of_a_quarter_that_is_over_is_the_same_bytes_again() {
    let company = quarter();
    let source = company.source(noon(date(2027, 1, 5), &company.zone));
    let period: Period = "2026Q4".parse().unwrap();
    let report = report::report(&source, Some(&period)).unwrap();
    for format in ReportFormat::ALL {
        for lang in Lang::ALL {
            let bytes = || {
                let mut out = Vec::new();
                report::write(&report, &company.store, format, lang, &mut out).unwrap();
                out
            };
            let first = bytes();
            // Events are of single hosts, which a period that is over has none of.
            assert_eq!(first.is_empty(), format == ReportFormat::Ocsf, "{format}");
            assert!(first == bytes(), "{format} {lang}");
        }
    }
}
