//! Random histories of a host and its collector.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// What check and subject say now; no status: the subject is no more.
    Keep(u8, Vec<(u8, Option<bool>)>),
    Thin(u64),
    Move(u8),
    Send,
    SendAndLoseTheAnswer,
    Refuse,
    Beat,
    Restore,
    Reopen,
    Enrol,
}

const CHECKS: [&str; 3] = ["a", "b", "c"];

/// The host, and everything between it and the collector.
struct World {
    dir: tempfile::TempDir,
    spool: Option<Spool>,
    enrolment: Enrolment,
    said: BTreeMap<(u8, u8), bool>,
    host_name: String,
    collector: Collector,
    backup: Option<Collector>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut world = Self {
            spool: None,
            dir,
            enrolment: enrolment(1),
            said: BTreeMap::new(),
            host_name: "web1".to_owned(),
            collector: Collector::default(),
            backup: None,
        };
        world.reopen();
        world
    }

    fn spool(&self) -> &Spool {
        self.spool.as_ref().unwrap()
    }

    fn reopen(&mut self) {
        self.spool = None;
        self.spool = Some(Spool::open(self.dir.path(), &self.enrolment, CHECKS).unwrap());
    }

    /// The checks `which` run.
    fn look(&self, which: &[u8], limit: u64) {
        let name = |check: u8| CHECKS[usize::from(check)];
        let checks: Vec<&str> = which.iter().map(|check| name(*check)).collect();
        let findings = self.said.iter().filter(|((check, _), _)| which.contains(check));
        let findings = findings.map(|((check, subject), fails)| Finding {
            subject: subject.to_string(),
            ..finding(name(*check), if *fails { Status::Fail } else { Status::Pass })
        });
        let mut assessment = assessment(&checks, findings.collect());
        assessment.host.name.clone_from(&self.host_name);
        self.spool().keep(assessment, &Memory::default(), limit).unwrap();
    }

    fn send(&mut self, answered: bool) -> bool {
        let Some(sealed) = self.spool().next(SEAL).unwrap() else {
            return false;
        };
        let report = read(&sealed);
        if report.sequence > self.collector.sequence + 1 || report.previous != self.collector.hash {
            let duplicate = sha256_hex(&sealed.body) == self.collector.hash;
            if !duplicate && report.dropped_reports == 0 {
                self.spool().renumber(self.collector.sequence).unwrap();
                return true;
            }
            if !duplicate {
                // A gap that is named is a new beginning.
                (self.collector.sequence, self.collector.hash) = (report.sequence - 1, report.previous);
            }
        }
        let asks = self.collector.take(&sealed);
        if answered {
            self.spool()
                .confirm(sealed.sequence, asks, Timestamp::UNIX_EPOCH)
                .unwrap();
        }
        true
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Keep(check, says) => {
                for (subject, fails) in says {
                    match fails {
                        Some(fails) => self.said.insert((check, subject), fails),
                        None => self.said.remove(&(check, subject)),
                    };
                }
                self.look(&[check], AMPLE);
            }
            Step::Thin(limit) => self.look(&[0, 1, 2], limit),
            Step::Move(name) => {
                self.host_name = format!("web{name}");
                self.look(&[0], AMPLE);
            }
            Step::Send => {
                self.send(true);
            }
            Step::SendAndLoseTheAnswer => {
                self.send(false);
            }
            Step::Refuse => {
                if let Some(sealed) = self.spool().next(SEAL).unwrap()
                    && self.collector.hash != sha256_hex(&sealed.body)
                {
                    refuse(self.spool(), &sealed);
                }
            }
            Step::Beat => {
                if let Some(beat) = self.spool().heartbeat(SEAL).unwrap() {
                    let same =
                        self.collector.plan_and_host.is_some() && beat.state == self.collector.digest();
                    self.collector.astray &= !same;
                    let reply = HeartbeatReply {
                        sequence: self.collector.sequence,
                        resync: !same,
                        plan_sha256: None,
                    };
                    self.spool().heard(beat.incarnation, &reply).unwrap();
                }
            }
            Step::Restore => {
                let now = self.collector.clone();
                if let Some(backup) = self.backup.replace(now) {
                    self.collector = backup;
                    self.collector.astray = true;
                }
            }
            Step::Reopen => self.reopen(),
            Step::Enrol => {
                self.enrolment.incarnation += 1;
                // The chain begins anew; what the collector had of the host stays until it is told otherwise.
                (self.collector.sequence, self.collector.hash) =
                    (0, plumbline_config::wire::FIRST_PREVIOUS.to_owned());
                self.collector.astray = true;
                self.backup = None;
                self.reopen();
            }
        }
    }

    /// All checks run, nothing fails any more, and heartbeats find what differs.
    fn settle(&mut self) {
        self.reopen();
        for _ in 0..4 {
            self.look(&[0, 1, 2], AMPLE);
            let mut sent = 0;
            while self.send(true) {
                sent += 1;
                assert!(sent < 1_000, "it goes on without end");
            }
            self.take(Step::Beat);
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let says = || proptest::collection::vec((0_u8..4, any::<Option<bool>>()), 0..4);
    let step = prop_oneof![
        4 => (0_u8..3, says()).prop_map(|(check, says)| Step::Keep(check, says)),
        1 => (0_u64..3_000).prop_map(Step::Thin),
        1 => (0_u8..3).prop_map(Step::Move),
        4 => Just(Step::Send),
        1 => Just(Step::SendAndLoseTheAnswer),
        1 => Just(Step::Refuse),
        1 => Just(Step::Beat),
        1 => Just(Step::Restore),
        1 => Just(Step::Reopen),
        1 => Just(Step::Enrol),
    ];
    proptest::collection::vec(step, 1..50)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever happens, the collector sees 1, 2, 3 … each chained to the one before or a gap that is named, a digest
    /// that it is told is that of the state it rebuilt (but where it lost its own), and in the end both hold what the
    /// host says.
    #[test]
    fn the_states_meet_whatever_happens(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.settle();
        prop_assert!(!world.collector.astray);
        let held: Vec<((String, String), Status)> = world
            .collector
            .findings
            .iter()
            .map(|(key, finding)| (key.clone(), finding.status))
            .collect();
        let said: Vec<((String, String), Status)> = world
            .said
            .iter()
            .map(|((check, subject), fails)| {
                let key = (CHECKS[usize::from(*check)].to_owned(), subject.to_string());
                (key, if *fails { Status::Fail } else { Status::Pass })
            })
            .collect();
        prop_assert_eq!(held, said);
        let beat = world.spool().heartbeat(SEAL).unwrap().unwrap();
        prop_assert_eq!(beat.state, world.collector.digest());
    }
}
