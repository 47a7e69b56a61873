//! What all hosts together show, kept up to date with every change, so that nobody ever counts all hosts on a request.
//!
//! Each host contributes to the totals by its role, by whether it is heard from and looked at, and by its [`Tally`]:
//! one host to `hosts`, its findings to `findings`, one host to each check and each line of the checklist under the
//! worst it shows there. Whatever changes about a host takes its old contribution out and puts the new one in, in the
//! transaction that makes the change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::LazyLock;

use plumbline_config::catalogue;
use plumbline_config::finding::{Severity, Status};
use plumbline_config::ident::Role;
use serde::de::DeserializeOwned;
use serde::de::value::{Error as NameError, StrDeserializer};

use super::tally::{Tally, rank};
use crate::freshness::HostState;

/// The name for checks that the catalogue does not know: a newer agent's, or invented.
pub(crate) const UNKNOWN_CHECK: &str = "unknown";

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counted {
    /// Hosts by role and state.
    Hosts(Role, HostState),
    /// Findings by check, role, status as shown, and severity.
    Findings(&'static str, Role, Status, Severity),
    /// Hosts by what they show on a check.
    Check(&'static str, Role, Status),
    /// Hosts by the worst they show on the checks of a checklist line.
    Line(&'static str, Role, Status),
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hosts(role, state) => write!(f, "hosts/{}/{}", role.name(), state.name()),
            Self::Findings(check, role, status, severity) => {
                write!(f, "findings/{check}/{}/{status}/{severity}", role.name())
            }
            Self::Check(check, role, status) => write!(f, "check/{check}/{}/{status}", role.name()),
            Self::Line(line, role, status) => write!(f, "line/{line}/{}/{status}", role.name()),
        }
    }
}

impl Counted {
    /// From what [`fmt::Display`] wrote. `None`: a catalogue with other names wrote it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('/')?;
        if kind == "hosts" {
            let (role, state) = rest.split_once('/')?;
            return Some(Self::Hosts(named(role)?, named(state)?));
        }
        // No id holds a slash; severities and statuses stand at the end.
        let mut parts = rest.split('/');
        let (of, role, status) = (parts.next()?, named(parts.next()?)?, named(parts.next()?)?);
        match (kind, parts.next()) {
            ("findings", Some(severity)) => {
                Some(Self::Findings(check_label(of), role, status, named(severity)?))
            }
            ("check", None) => Some(Self::Check(known_check(of)?, role, status)),
            ("line", None) => Some(Self::Line(known_line(of)?, role, status)),
            _ => None,
        }
    }
}

fn named<T: DeserializeOwned>(name: &str) -> Option<T> {
    T::deserialize(StrDeserializer::<NameError>::new(name)).ok()
}

fn known_check(id: &str) -> Option<&'static str> {
    catalogue::check(id).map(|entry| entry.id.as_str())
}

fn known_line(id: &str) -> Option<&'static str> {
    MEASURED_LINES
        .iter()
        .map(|line| line.id.as_str())
        .find(|line| *line == id)
}

fn check_label(id: &str) -> &'static str {
    known_check(id).unwrap_or(UNKNOWN_CHECK)
}

/// The lines of the checklist that checks measure.
static MEASURED_LINES: LazyLock<Vec<&'static catalogue::Line>> = LazyLock::new(|| {
    catalogue::lines()
        .map(|(_, line)| line)
        .filter(|line| !line.checks.is_empty())
        .collect()
});

/// Numbers of what is counted, or differences of such numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals(HashMap<Counted, i64>);

impl Totals {
    /// Adds to one number.
    pub fn shift(&mut self, counted: Counted, by: i64) {
        *self.0.entry(counted).or_insert(0) += by;
    }

    /// Adds every number of others, such as differences.
    pub fn add(&mut self, others: &Self) {
        for (counted, number) in &others.0 {
            self.shift(*counted, *number);
        }
    }

    /// The number of one thing.
    #[must_use]
    pub fn get(&self, counted: Counted) -> i64 {
        self.0.get(&counted).copied().unwrap_or(0)
    }

    /// Each number that is not zero, in a fixed order.
    #[must_use]
    pub fn numbers(&self) -> BTreeMap<Counted, i64> {
        let numbers = self.0.iter().map(|(counted, number)| (*counted, *number));
        numbers.filter(|(_, number)| *number != 0).collect()
    }
}

/// What a count anew came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recount {
    /// Hosts that were counted.
    pub hosts: usize,
    /// Numbers that were wrong, and are right now.
    pub corrected: usize,
}

/// What of a host its contribution comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing<'t> {
    pub(crate) role: Role,
    pub(crate) revoked: bool,
    /// Nothing was heard from it for too long.
    pub(crate) silent: bool,
    /// Its findings were not looked at again for too long.
    pub(crate) overdue: bool,
    pub(crate) tally: &'t Tally,
}

impl Standing<'_> {
    /// Puts the host's contribution in (`sign` 1) or takes it out (`sign` -1).
    pub(crate) fn contribute(&self, totals: &mut Totals, sign: i64) {
        self.contribute_of(totals, sign, |_| true);
    }

    /// The same for another standing of the same host, where these checks are all that differs: most changes are of
    /// one check, and need not touch what the others count for.
    pub(crate) fn replace(&self, after: &Self, checks: &BTreeSet<&str>, totals: &mut Totals) {
        self.contribute_of(totals, -1, |check| checks.contains(check));
        after.contribute_of(totals, 1, |check| checks.contains(check));
    }

    fn contribute_of(&self, totals: &mut Totals, sign: i64, counts_for: impl Fn(&str) -> bool) {
        let state = match (self.revoked, self.silent) {
            (true, _) => HostState::Revoked,
            (false, true) => HostState::Stale,
            (false, false) => HostState::Fresh,
        };
        totals.shift(Counted::Hosts(self.role, state), sign);
        for count in self.tally.counts().filter(|count| counts_for(count.check())) {
            let label = check_label(count.check());
            let counted = Counted::Findings(label, self.role, self.shown(count.status), count.severity);
            totals.shift(counted, sign * i64::from(count.number));
        }
        if self.revoked {
            // It counts on no line: it is no longer one of the company's machines.
            return;
        }
        for check in catalogue::checks().iter().filter(|check| counts_for(&check.id)) {
            if let Some(status) = self.tally.worst(&check.id) {
                totals.shift(Counted::Check(&check.id, self.role, self.shown(status)), sign);
            }
        }
        let touched = |line: &&&catalogue::Line| {
            line.scope.covers(self.role) && line.checks.iter().any(|check| counts_for(check))
        };
        for line in MEASURED_LINES.iter().filter(touched) {
            let shown = line.checks.iter().filter_map(|check| self.tally.worst(check));
            if let Some(status) = shown.max_by_key(|status| rank(*status)) {
                totals.shift(Counted::Line(&line.id, self.role, self.shown(status)), sign);
            }
        }
    }

    fn shown(&self, status: Status) -> Status {
        if self.revoked || self.overdue {
            Status::Stale
        } else {
            status
        }
    }
}

/// Findings of a host that fail and are waived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waived {
    /// The check.
    pub check: String,
    /// Their severity.
    pub severity: Severity,
    /// How many.
    pub number: u32,
}

/// What it makes different in the totals that some findings of a host are waived.
pub(crate) fn waive(standing: &Standing<'_>, waived: &[Waived], totals: &mut Totals) {
    let mut tally = standing.tally.clone();
    for some in waived {
        tally.waive(&some.check, some.severity, some.number);
    }
    let after = Standing {
        tally: &tally,
        ..*standing
    };
    let checks = waived.iter().map(|some| some.check.as_str()).collect();
    standing.replace(&after, &checks, totals);
}

/// Names what totals were counted by: with another catalogue they have to be counted anew.
pub(crate) fn catalogue_digest() -> &'static str {
    static DIGEST: LazyLock<String> = LazyLock::new(|| {
        let mut text = String::new();
        for check in catalogue::checks() {
            text.push_str(&check.id);
            text.push('\n');
        }
        for line in MEASURED_LINES.iter() {
            let roles = Role::ALL
                .into_iter()
                .filter(|role| line.scope.covers(*role))
                .map(Role::name);
            text.push_str(&format!(
                "{} {:?} {}\n",
                line.id,
                roles.collect::<Vec<_>>(),
                line.checks.join(" ")
            ));
        }
        plumbline_config::seal::sha256_hex(text.as_bytes())
    });
    &DIGEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_as_it_was_written() {
        let mut totals = Totals::default();
        let mut tally = Tally::default();
        for check in catalogue::checks() {
            for status in [Status::Pass, Status::Fail, Status::NotApplicable] {
                tally.add(&check.id, status, Severity::High);
            }
        }
        tally.add("not.in-the-catalogue", Status::Pass, Severity::Low);
        for role in Role::ALL {
            for (revoked, silent, overdue) in
                [(false, false, false), (false, true, true), (true, false, false)]
            {
                let standing = Standing {
                    role,
                    revoked,
                    silent,
                    overdue,
                    tally: &tally,
                };
                standing.contribute(&mut totals, 1);
            }
        }
        assert!(totals.numbers().len() > 200, "{}", totals.numbers().len());
        for counted in totals.numbers().keys() {
            assert_eq!(Counted::parse(&counted.to_string()), Some(*counted), "{counted}");
        }
        for bad in [
            "",
            "hosts",
            "hosts/x/fresh",
            "line/none/service/pass",
            "check/tls.protocol-versions/service",
        ] {
            assert_eq!(Counted::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_nobody_looked_at_lately_is_stale_on_every_count_and_a_revoked_host_is_on_no_line() {
        let mut tally = Tally::default();
        tally.add("tls.protocol-versions", Status::Pass, Severity::High);
        let standing = Standing {
            role: Role::Service,
            revoked: false,
            silent: false,
            overdue: true,
            tally: &tally,
        };
        let mut totals = Totals::default();
        standing.contribute(&mut totals, 1);
        for (counted, _) in totals.numbers() {
            match counted {
                Counted::Hosts(_, state) => assert_eq!(state, HostState::Fresh),
                Counted::Findings(_, _, status, _)
                | Counted::Check(_, _, status)
                | Counted::Line(_, _, status) => {
                    assert_eq!(status, Status::Stale);
                }
            }
        }
        let mut totals = Totals::default();
        Standing {
            revoked: true,
            ..standing
        }
        .contribute(&mut totals, 1);
        assert!(
            totals
                .numbers()
                .keys()
                .all(|c| !matches!(c, Counted::Line(..) | Counted::Check(..)))
        );
        Standing {
            revoked: true,
            ..standing
        }
        .contribute(&mut totals, -1);
        assert!(totals.numbers().is_empty());
    }
}
