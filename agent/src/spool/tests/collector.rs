//! A collector as the spool sees one.

use super::*;

/// A collector that checks the chain, rebuilds the state from what it is sent and compares the digests.
#[derive(Clone, Debug)]
pub(super) struct Collector {
    pub(super) sequence: u64,
    pub(super) hash: String,
    pub(super) findings: BTreeMap<(String, String), Finding>,
    pub(super) plan_and_host: Option<(plumbline_config::wire::PlanRef, plumbline_config::wire::HostInfo)>,
    /// The state is not the host's, so that the digests may differ.
    pub(super) astray: bool,
    pub(super) reports: Vec<Report>,
}

impl Default for Collector {
    fn default() -> Self {
        Self {
            sequence: 0,
            hash: plumbline_config::wire::FIRST_PREVIOUS.to_owned(),
            findings: BTreeMap::new(),
            plan_and_host: None,
            astray: false,
            reports: Vec::new(),
        }
    }
}

impl Collector {
    pub(super) fn digest(&self) -> String {
        let (plan, host) = self.plan_and_host.clone().unwrap();
        StateSum::of(self.findings.values()).digest(&plan, &host.name, &host.os)
    }

    /// Keeps a report; whether it asks for everything.
    pub(super) fn take(&mut self, sealed: &Sealed) -> bool {
        let report = read(sealed);
        if report.sequence == self.sequence {
            assert_eq!(
                self.hash,
                sha256_hex(&sealed.body),
                "a number stands for two reports"
            );
        } else {
            assert_eq!(
                (report.sequence, &report.previous),
                (self.sequence + 1, &self.hash)
            );
            (self.sequence, self.hash) = (report.sequence, sha256_hex(&sealed.body));
            if let Some(assessment) = &report.assessment {
                self.apply(assessment);
            }
            self.reports.push(report.clone());
        }
        self.compare(report.state.as_ref())
    }

    fn apply(&mut self, assessment: &Assessment) {
        if let Some(known) = &assessment.known_checks {
            self.findings.retain(|(check, _), _| known.contains(check));
        }
        if assessment.scope == Scope::Checks {
            self.findings
                .retain(|(check, _), _| !assessment.checks.contains(check));
        }
        for gone in &assessment.gone {
            assert!(assessment.checks.contains(&gone.check));
            self.findings.remove(&(gone.check.clone(), gone.subject.clone()));
        }
        for finding in distinct(&assessment.findings).into_values() {
            assert!(assessment.checks.contains(&finding.check));
            let key = (finding.check.clone(), finding.subject.clone());
            self.findings.insert(key, finding.clone());
        }
        self.plan_and_host = Some((assessment.plan.clone(), assessment.host.clone()));
    }

    fn compare(&mut self, told: Option<&String>) -> bool {
        let Some(told) = told else {
            return false;
        };
        let same = *told == self.digest();
        assert!(same || self.astray, "the states differ");
        self.astray &= !same;
        !same
    }

    /// Takes all that waits; returns the reports.
    pub(super) fn drain(&mut self, spool: &Spool) -> Vec<Report> {
        let before = self.reports.len();
        while let Some(sealed) = spool.next(SEAL).unwrap() {
            assert_eq!(
                spool.next(SEAL).unwrap().unwrap(),
                sealed,
                "a re-post is the same bytes"
            );
            let asks = self.take(&sealed);
            spool
                .confirm(sealed.sequence, asks, Timestamp::UNIX_EPOCH)
                .unwrap();
        }
        self.reports[before..].to_vec()
    }

    /// Says what a heartbeat's answer would.
    pub(super) fn hear(&mut self, spool: &Spool) -> Agreement {
        let beat = spool.heartbeat(SEAL).unwrap().unwrap();
        let reply = HeartbeatReply {
            sequence: self.sequence,
            resync: beat.state != self.digest(),
            plan_sha256: None,
        };
        spool.heard(1, &reply).unwrap()
    }
}
