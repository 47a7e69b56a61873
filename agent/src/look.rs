//! One look at the host: gather what the checks need, once, and judge it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use plumbline_checks::{Check, Context, assess};
use plumbline_config::ident::{HostId, Role};
use plumbline_config::plan::LoadedPlan;
use plumbline_config::wire::{Assessment, HostInfo, Scope};
use plumbline_facts::outside::OutsideFacts;
use plumbline_facts::{Ask, Host, Memory, ProbeId, gather_watched, with_foundations};

/// What to look at, and what to judge by.
#[derive(Clone, Debug)]
pub struct Look<'a> {
    /// The host.
    pub host: &'a Host,
    /// Its id, where it is enrolled.
    pub host_id: Option<&'a HostId>,
    /// The plan.
    pub plan: &'a LoadedPlan,
    /// The role that the host is judged by.
    pub role: Role,
    /// The checks to run.
    pub checks: &'a [&'static Check],
    /// Files whose change would be noticed at once; `None` where nothing is watched.
    pub watching: Option<BTreeSet<String>>,
    /// What came of proofs from outside; the daemon's looks alone know.
    pub outside: Option<&'a OutsideFacts>,
    /// What earlier looks left.
    pub memory: &'a Memory,
}

/// What a look came to.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The findings.
    pub assessment: Assessment,
    /// What the probes want remembered, once the findings are safe.
    pub memory: Memory,
    /// How long each check took: its judging, and the reading of all that it needs.
    pub durations: BTreeMap<&'static str, Duration>,
}

/// Looks, telling `begin` of each probe as it starts.
#[must_use]
pub fn look(look: &Look<'_>, begin: &dyn Fn(ProbeId)) -> Seen {
    let started_at = Timestamp::now();
    let needs = look.checks.iter().flat_map(|check| check.needs).copied();
    let measures = look.plan.plan.measures(look.role);
    let reported_for = measures.monitoring.logins.report_for;
    let ask = Ask {
        probes: needs.chain([ProbeId::Os]).collect(),
        now: started_at,
        declared_paths: measures.encryption.paths.clone(),
        access_paths: measures.access_paths().to_vec(),
        certificate_paths: measures.transfer.certificate_paths.clone(),
        authority_paths: measures.transfer.authority_paths.clone(),
        endpoints: measures.transfer.endpoints.clone(),
        logins_kept_for: reported_for
            .nominal()
            .saturating_add(SignedDuration::from_hours(24)),
        login_patterns: measures.monitoring.logins.patterns.clone(),
        geoip_file: measures.monitoring.logins.geoip_file.clone(),
        watching: look.watching.clone(),
        outside: look.outside.cloned(),
        memory: look.memory.clone(),
    };
    let reading = Stopwatch::default();
    let facts = gather_watched(look.host, &ask, &|probe| {
        reading.start(probe);
        begin(probe);
    });
    let reading = reading.stop();

    let context = Context {
        plan: &look.plan.plan,
        role: look.role,
        now: started_at,
    };
    let mut findings = Vec::new();
    let mut durations = BTreeMap::new();
    for check in look.checks {
        let begun = Instant::now();
        findings.extend(assess([*check], &facts, &context));
        let read = with_foundations(&BTreeSet::from_iter(check.needs.iter().copied()));
        let read: Duration = read.iter().filter_map(|probe| reading.get(probe)).sum();
        durations.insert(check.id, read + begun.elapsed());
    }
    let os = facts.os.value().ok();
    let assessment = Assessment {
        host: HostInfo {
            id: look.host_id.cloned(),
            name: name(os.map_or("", |os| &os.host_name), look.host_id),
            role: look.role,
            os: os.map(|os| os.os.clone()).unwrap_or_default(),
        },
        plan: look.plan.reference.clone(),
        started_at,
        finished_at: Timestamp::now(),
        checks: look.checks.iter().map(|check| check.id.to_owned()).collect(),
        findings,
        scope: Scope::Checks,
        gone: Vec::new(),
        known_checks: None,
    };
    Seen {
        assessment,
        memory: facts.memory,
        durations,
    }
}

/// The host's name as others may read it: never empty, no control characters.
fn name(of_host: &str, id: Option<&HostId>) -> String {
    let name: String = of_host.chars().filter(|c| !c.is_control()).collect();
    if name.is_empty() {
        id.map_or("localhost", HostId::as_str).to_owned()
    } else {
        name
    }
}

/// Times one probe after the other.
#[derive(Default)]
struct Stopwatch {
    running: RefCell<Option<(ProbeId, Instant)>>,
    done: RefCell<BTreeMap<ProbeId, Duration>>,
}

impl Stopwatch {
    fn start(&self, probe: ProbeId) {
        let before = self.running.replace(Some((probe, Instant::now())));
        if let Some((probe, begun)) = before {
            self.done.borrow_mut().insert(probe, begun.elapsed());
        }
    }

    fn stop(self) -> BTreeMap<ProbeId, Duration> {
        let mut done = self.done.into_inner();
        if let Some((probe, begun)) = self.running.into_inner() {
            done.insert(probe, begun.elapsed());
        }
        done
    }
}
