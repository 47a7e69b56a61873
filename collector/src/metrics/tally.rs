//! How many findings there are of each kind, kept up to date report by report.
//!
//! Counting all findings of all hosts on every scrape would cost more with every host. Instead each report takes its
//! host's old counts out and puts the new ones in, and what goes stale is found at the front of a queue ordered by
//! age. A scrape costs the number of kinds, plus what went stale since the last.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use plumbline_config::catalogue;
use plumbline_config::finding::{Severity, Status};
use plumbline_config::ident::{HostId, Role};

use crate::freshness::{Cutoff, HostState};
use crate::store::{CheckTally, HostQuery, Store, StoreError};

/// The label of checks that the catalogue does not know: a newer agent's, or invented.
const UNKNOWN_CHECK: &str = "unknown";

/// A kind of finding, as metrics label it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) check: &'static str,
    pub(super) role: Role,
    pub(super) status: Status,
    pub(super) severity: Severity,
}

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    hosts: HashMap<HostId, HostTally>,
    host_counts: BTreeMap<(Role, HostState), i64>,
    finding_counts: BTreeMap<Kind, i64>,
    /// Hosts still fresh, oldest first.
    aging_hosts: BTreeSet<(Timestamp, HostId)>,
    /// Checks still fresh, oldest first.
    aging_checks: BTreeSet<(Timestamp, HostId, String)>,
    /// The store's host epoch that `hosts` is of.
    epoch: Option<i64>,
}

#[derive(Debug)]
struct HostTally {
    role: Role,
    heard_at: Timestamp,
    state: HostState,
    checks: HashMap<String, CheckCounts>,
}

#[derive(Debug)]
struct CheckCounts {
    received_at: Timestamp,
    /// Counted as stale.
    stale: bool,
    counts: Vec<(Status, Severity, u64)>,
}

impl Tally {
    /// Counts what the store holds.
    pub(super) fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let mut tally = Self::default();
        tally.follow_hosts(store)?;
        for (host, check) in store.tallies()? {
            tally.put_check(&host, &check);
        }
        Ok(tally)
    }

    /// Follows enrolments and revocations, also those that a command made beside the server.
    pub(super) fn follow_hosts(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let epoch = store.host_epoch()?;
        if self.epoch == Some(epoch) {
            return Ok(());
        }
        for host in store.hosts(&HostQuery::all())? {
            self.put_host(&host.id, host.role, host.heard_at, host.revoked_at.is_some());
        }
        self.epoch = Some(epoch);
        Ok(())
    }

    /// Takes note of a report.
    pub(super) fn report(&mut self, id: &HostId, role: Role, at: Timestamp, checks: &[CheckTally]) {
        // A revocation that came between the commit and this stands.
        let revoked = self
            .hosts
            .get(id)
            .is_some_and(|host| host.state == HostState::Revoked);
        self.put_host(id, role, at, revoked);
        for check in checks {
            self.put_check(id, check);
        }
    }

    /// Lets go stale what is older than the line.
    pub(super) fn age(&mut self, cutoff: Cutoff) {
        while let Some((at, id)) = self.aging_hosts.pop_first() {
            if !cutoff.is_stale(at) {
                self.aging_hosts.insert((at, id));
                break;
            }
            if let Some(host) = self.hosts.get_mut(&id) {
                shift(&mut self.host_counts, (host.role, host.state), -1);
                host.state = HostState::Stale;
                shift(&mut self.host_counts, (host.role, host.state), 1);
            }
        }
        while let Some((at, id, check)) = self.aging_checks.pop_first() {
            if !cutoff.is_stale(at) {
                self.aging_checks.insert((at, id, check));
                break;
            }
            self.set_stale(&id, &check);
        }
    }

    /// How many hosts of a role are in a state.
    pub(super) fn hosts(&self, role: Role, state: HostState) -> i64 {
        self.host_counts.get(&(role, state)).copied().unwrap_or(0)
    }

    /// How many findings there are of each kind; none with zero.
    pub(super) fn findings(&self) -> impl Iterator<Item = (&Kind, i64)> {
        self.finding_counts.iter().map(|(kind, number)| (kind, *number))
    }

    fn put_host(&mut self, id: &HostId, role: Role, heard_at: Timestamp, revoked: bool) {
        let mut checks = HashMap::new();
        if let Some(before) = self.hosts.remove(id) {
            shift(&mut self.host_counts, (before.role, before.state), -1);
            self.aging_hosts.remove(&(before.heard_at, id.clone()));
            checks = before.checks;
            if before.role != role {
                // What was judged by the other role's clauses is gone from the store too.
                self.drop_checks(id, before.role, &mut checks);
            }
        }
        let state = if revoked {
            HostState::Revoked
        } else {
            HostState::Fresh
        };
        shift(&mut self.host_counts, (role, state), 1);
        if state == HostState::Fresh {
            self.aging_hosts.insert((heard_at, id.clone()));
        }
        let names: Vec<String> = checks.keys().cloned().collect();
        let host = HostTally {
            role,
            heard_at,
            state,
            checks,
        };
        self.hosts.insert(id.clone(), host);
        if revoked {
            names.iter().for_each(|check| self.set_stale(id, check));
        }
    }

    fn put_check(&mut self, id: &HostId, check: &CheckTally) {
        let Some(host) = self.hosts.get_mut(id) else {
            return;
        };
        let role = host.role;
        let stale = host.state == HostState::Revoked;
        let counts = CheckCounts {
            received_at: check.received_at,
            stale,
            counts: check.counts.clone(),
        };
        count(&mut self.finding_counts, role, &check.check, &counts, 1);
        if let Some(before) = host.checks.insert(check.check.clone(), counts) {
            count(&mut self.finding_counts, role, &check.check, &before, -1);
            self.aging_checks
                .remove(&(before.received_at, id.clone(), check.check.clone()));
        }
        if !stale {
            self.aging_checks
                .insert((check.received_at, id.clone(), check.check.clone()));
        }
    }

    fn drop_checks(&mut self, id: &HostId, role: Role, checks: &mut HashMap<String, CheckCounts>) {
        for (check, counts) in checks.drain() {
            count(&mut self.finding_counts, role, &check, &counts, -1);
            self.aging_checks.remove(&(counts.received_at, id.clone(), check));
        }
    }

    fn set_stale(&mut self, id: &HostId, check: &str) {
        let Some(host) = self.hosts.get_mut(id) else {
            return;
        };
        let Some(counts) = host.checks.get_mut(check).filter(|counts| !counts.stale) else {
            return;
        };
        count(&mut self.finding_counts, host.role, check, counts, -1);
        counts.stale = true;
        count(&mut self.finding_counts, host.role, check, counts, 1);
        self.aging_checks
            .remove(&(counts.received_at, id.clone(), check.to_owned()));
    }
}

/// Adds (`sign` 1) or takes away (`sign` -1) one check's counts.
fn count(totals: &mut BTreeMap<Kind, i64>, role: Role, check: &str, counts: &CheckCounts, sign: i64) {
    let check = catalogue::check(check).map_or(UNKNOWN_CHECK, |entry| entry.id.as_str());
    for (status, severity, number) in &counts.counts {
        let kind = Kind {
            check,
            role,
            status: if counts.stale { Status::Stale } else { *status },
            severity: *severity,
        };
        shift(totals, kind, sign * i64::try_from(*number).unwrap_or(i64::MAX));
    }
}

fn shift<K: Ord>(totals: &mut BTreeMap<K, i64>, key: K, by: i64) {
    let total = totals.entry(key).or_insert(0);
    *total += by;
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use plumbline_config::interval::Interval;
    use proptest::prelude::*;

    use super::*;

    const CHECKS: [&str; 2] = ["tls.protocol-versions", "not.in-the-catalogue"];

    #[derive(Clone, Debug)]
    enum Event {
        Report {
            host: u8,
            check: usize,
            fails: u64,
            passes: u64,
        },
        Enrol {
            host: u8,
            office: bool,
        },
        Revoke {
            host: u8,
        },
        Wait {
            minutes: i64,
        },
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0..4_u8, 0..2_usize, 0..3_u64, 0..3_u64).prop_map(|(host, check, fails, passes)| {
                Event::Report {
                    host,
                    check,
                    fails,
                    passes,
                }
            }),
            (0..4_u8, any::<bool>()).prop_map(|(host, office)| Event::Enrol { host, office }),
            (0..4_u8).prop_map(|host| Event::Revoke { host }),
            (1..120_i64).prop_map(|minutes| Event::Wait { minutes }),
        ]
    }

    /// A host as a plain recount sees it.
    struct Plain {
        role: Role,
        heard_at: Timestamp,
        revoked: bool,
        checks: BTreeMap<usize, CheckTally>,
    }

    proptest! {
        #[test]
        fn counts_kept_step_by_step_equal_a_recount(events in proptest::collection::vec(event(), 0..60)) {
            let mut now: Timestamp = "2026-10-01T00:00:00Z".parse().unwrap();
            let mut tally = Tally::default();
            let mut plain: BTreeMap<u8, Plain> = BTreeMap::new();
            let id = |host: u8| format!("h-{host}").parse::<HostId>().unwrap();
            for event in events {
                match event {
                    Event::Report { host, check, fails, passes } => {
                        let Some(known) = plain.get_mut(&host).filter(|known| !known.revoked) else { continue };
                        let counts = vec![(Status::Fail, Severity::High, fails), (Status::Pass, Severity::High, passes)];
                        let new = CheckTally { check: CHECKS[check].to_owned(), received_at: now, counts };
                        known.heard_at = now;
                        tally.report(&id(host), known.role, now, std::slice::from_ref(&new));
                        known.checks.insert(check, new);
                    }
                    Event::Enrol { host, office } => {
                        let role = if office { Role::Office } else { Role::Service };
                        let known = plain.entry(host).or_insert(Plain { role, heard_at: now, revoked: false, checks: BTreeMap::new() });
                        if known.revoked { continue }
                        if known.role != role { known.checks.clear() }
                        (known.role, known.heard_at) = (role, now);
                        tally.put_host(&id(host), role, now, false);
                    }
                    Event::Revoke { host } => {
                        let Some(known) = plain.get_mut(&host) else { continue };
                        known.revoked = true;
                        tally.put_host(&id(host), known.role, known.heard_at, true);
                    }
                    Event::Wait { minutes } => now += SignedDuration::from_mins(minutes),
                }
                let cutoff = Cutoff::new(now, Interval::minutes(180));
                tally.age(cutoff);
                let mut findings: BTreeMap<Kind, i64> = BTreeMap::new();
                let mut hosts: BTreeMap<(Role, HostState), i64> = BTreeMap::new();
                for known in plain.values() {
                    *hosts.entry((known.role, cutoff.host(known.heard_at, known.revoked))).or_default() += 1;
                    for check in known.checks.values() {
                        let stale = cutoff.shown(Status::Pass, check.received_at, known.revoked) == Status::Stale;
                        let counts = CheckCounts { received_at: check.received_at, stale, counts: check.counts.clone() };
                        count(&mut findings, known.role, &check.check, &counts, 1);
                    }
                }
                findings.retain(|_, number| *number != 0);
                let kept: BTreeMap<Kind, i64> =
                    tally.findings().filter(|(_, number)| *number != 0).map(|(kind, number)| (*kind, number)).collect();
                prop_assert_eq!(kept, findings);
                for role in Role::ALL {
                    for state in HostState::ALL {
                        prop_assert_eq!(tally.hosts(role, state), hosts.get(&(role, state)).copied().unwrap_or(0));
                    }
                }
            }
        }
    }
}
