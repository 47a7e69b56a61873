//! Hosts that are made up, and what they find: for each, a function of its number and of how many reports it gave, so
//! that a fleet needs little memory and a kept home directory can be gone on with.

use jiff::Timestamp;
use plumbline_config::catalogue::{self, CheckEntry};
use plumbline_config::finding::{Finding, Status};
use plumbline_config::ident::{HostId, Role};
use plumbline_config::plan::LoadedPlan;
use plumbline_config::seal::sha256_hex;
use plumbline_config::state::{FindingHash, StateSum};
use plumbline_config::wire::{Assessment, FIRST_PREVIOUS, Heartbeat, HostInfo, Os, PlanRef, Report, Scope};
use serde_json::json;

/// Findings of one host: one for each of so many checks of the catalogue.
pub(crate) const FINDINGS: usize = 45;

/// Most hosts of one company.
pub(crate) const MOST_HOSTS: u32 = 1 << 17;

/// Every so many findings one fails.
const FAILS: u64 = 12;

/// What all hosts of a company share.
#[derive(Debug)]
pub(crate) struct Company {
    pub(crate) plan: PlanRef,
    checks: Vec<&'static CheckEntry>,
    os: Os,
}

impl Company {
    pub(crate) fn new() -> Self {
        let plan = LoadedPlan::example()
            .expect("the example plan is sound")
            .reference;
        let checks: Vec<_> = catalogue::checks().iter().cycle().take(FINDINGS).collect();
        let os = Os {
            id: "debian".to_owned(),
            version: "12".to_owned(),
            name: "Debian GNU/Linux 12 (bookworm)".to_owned(),
            kernel: "6.1.0-41-amd64".to_owned(),
            architecture: "x86_64".to_owned(),
        };
        Self { plan, checks, os }
    }

    /// Role of a host: nine of ten serve customers.
    pub(crate) const fn role(number: u32) -> Role {
        if number % 10 == 9 {
            Role::Office
        } else {
            Role::Service
        }
    }

    pub(crate) fn id(number: u32) -> HostId {
        // Spread like random ids are, so that the database's pages are met at random as well.
        format!("h-{:016x}{number:08x}", mix(u64::from(number)))
            .parse()
            .expect("an id")
    }

    pub(crate) fn name(number: u32) -> String {
        format!("host-{number:06}.bench.example")
    }

    pub(crate) fn os(&self) -> &Os {
        &self.os
    }

    /// What a host says on a place as of a revision.
    fn finding(&self, host: u32, place: usize, revision: u64) -> Finding {
        let check = self.checks[place];
        let role = Company::role(host);
        let draw = mix(u64::from(host) << 32 | (place as u64) << 16 | revision);
        let status = match draw % FAILS {
            0 => Status::Fail,
            1 => Status::NotApplicable,
            _ => Status::Pass,
        };
        Finding {
            check: check.id.clone(),
            clause: check.clause(role).unwrap_or("7.1").to_owned(),
            status,
            severity: check.severity,
            subject: if place < catalogue::checks().len() {
                "host".to_owned()
            } else {
                format!("/srv/{place}")
            },
            summary: check.judged.clone(),
            expected: json!({"interval_days": 90, "minimum": "1.2"}),
            actual: json!({"revision": revision, "days": draw % 400}),
            remediation: check.remedy.clone(),
            evidence: json!({
                "files": [
                    {"path": "/etc/ssh/sshd_config", "sha256": sha256_hex(&draw.to_le_bytes())},
                    {"path": format!("/var/lib/app-{}/state.db", draw % 100), "mode": "0600", "owner": "root"},
                ],
                "units": ["cron.service", "clamav-daemon.service", "nginx.service"],
            }),
            observed_at: Timestamp::now(),
        }
    }
}

/// One simulated host.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) number: u32,
    pub(crate) id: HostId,
    /// Number of the last report that the collector confirmed.
    pub(crate) sequence: u64,
    /// SHA-256 of its body.
    previous: String,
    /// Which revision of each finding stands.
    revisions: Box<[u64]>,
    sum: StateSum,
    /// The report that is to be delivered, as exact bytes.
    pending: Option<Vec<u8>>,
}

impl Host {
    /// A host that reported nothing yet.
    pub(crate) fn new(number: u32) -> Self {
        Self {
            number,
            id: Company::id(number),
            sequence: 0,
            previous: FIRST_PREVIOUS.to_owned(),
            revisions: vec![0; FINDINGS].into(),
            sum: StateSum::default(),
            pending: None,
        }
    }

    /// A host after so many reports, the last with this hash.
    pub(crate) fn after(number: u32, company: &Company, sequence: u64, previous: String) -> Self {
        let mut host = Self::new(number);
        for at in 2..=sequence {
            for place in host.changing(at) {
                host.revisions[place] = at;
            }
        }
        host.sequence = sequence;
        host.previous = previous;
        if sequence > 0 {
            host.sum = (0..FINDINGS)
                .map(|place| company.finding(number, place, host.revisions[place]))
                .fold(StateSum::default(), |mut sum, finding| {
                    sum.add(&FindingHash::of(&finding));
                    sum
                });
        }
        host
    }

    /// The places that change with a report: one to three.
    fn changing(&self, sequence: u64) -> Vec<usize> {
        let draw = mix(u64::from(self.number) ^ sequence.rotate_left(40));
        let first = (draw >> 8) as usize % FINDINGS;
        (0..=(draw % 3) as usize)
            .map(|next| (first + next * 7) % FINDINGS)
            .collect()
    }

    /// Digest of the state as of the last report that was sealed.
    pub(crate) fn digest(&self, company: &Company) -> String {
        self.sum
            .digest(&company.plan, &Company::name(self.number), company.os())
    }

    /// Seals the next report, if none waits: everything at first, then what changed.
    pub(crate) fn seal(&mut self, company: &Company) -> &[u8] {
        if self.pending.is_none() {
            let body = self.report(company);
            self.pending = Some(body);
        }
        self.pending.as_deref().unwrap_or_default()
    }

    fn report(&mut self, company: &Company) -> Vec<u8> {
        let sequence = self.sequence + 1;
        let all = sequence == 1;
        let places = if all {
            (0..FINDINGS).collect()
        } else {
            self.changing(sequence)
        };
        let mut findings = Vec::with_capacity(places.len());
        for place in places {
            if !all {
                let was = company.finding(self.number, place, self.revisions[place]);
                self.sum.remove(&FindingHash::of(&was));
                self.revisions[place] = sequence;
            }
            let finding = company.finding(self.number, place, self.revisions[place]);
            self.sum.add(&FindingHash::of(&finding));
            findings.push(finding);
        }
        let mut checks: Vec<String> = findings.iter().map(|finding| finding.check.clone()).collect();
        checks.sort_unstable();
        checks.dedup();
        let now = Timestamp::now();
        let report = Report {
            incarnation: 1,
            sequence,
            previous: self.previous.clone(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            sealed_at: now,
            assessment: Some(Assessment {
                host: HostInfo {
                    id: Some(self.id.clone()),
                    name: Company::name(self.number),
                    role: Company::role(self.number),
                    os: company.os().clone(),
                },
                plan: company.plan.clone(),
                started_at: now,
                finished_at: now,
                checks,
                findings,
                scope: if all { Scope::Checks } else { Scope::Changes },
                gone: Vec::new(),
                known_checks: None,
            }),
            state: Some(self.digest(company)),
            looked_age_seconds: Some(30),
            dropped_reports: 0,
        };
        serde_json::to_vec(&report).expect("a report can be written")
    }

    /// The collector has the report that waited.
    pub(crate) fn confirmed(&mut self) {
        if let Some(body) = self.pending.take() {
            self.sequence += 1;
            self.previous = sha256_hex(&body);
        }
    }

    pub(crate) fn waits(&self) -> bool {
        self.pending.is_some()
    }

    pub(crate) fn heartbeat(&self, company: &Company) -> Heartbeat {
        Heartbeat {
            incarnation: 1,
            sequence: self.sequence,
            state: self.digest(company),
            looked_age_seconds: Some(30),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            sent_at: Timestamp::now(),
        }
    }
}

/// SplitMix64: draws that are the same in every run.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
