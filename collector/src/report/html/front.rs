//! The first page after signing in: what the totals say, so that it costs as much for ten hosts as for a hundred thousand.

use std::cmp::Reverse;

use askama::Template;
use plumbline_config::catalogue::{self, CheckEntry};
use plumbline_config::ident::Role;
use plumbline_config::lang::Lang;
use plumbline_config::message::Message;

use super::STYLE;
use crate::checklist::{self, Due, DueState, HostCounts, LineStatus, hosts_on_check};
use crate::freshness::HostState;
use crate::report::Report;
use crate::report::incidents::{IncidentRow, open_incidents};
use crate::report::words::{Words, grouped, host_counts};
use crate::store::{Counted, Totals};

/// Most attestations in the list of those that are due.
const MOST_DUE: usize = 20;

/// Most incidents in the list of those that are open.
const MOST_INCIDENTS: usize = 20;

/// The page.
#[derive(Template)]
#[template(path = "front.html")]
pub(crate) struct Front<'a> {
    report: &'a Report,
    totals: &'a Totals,
    /// Who reads it may see the report too.
    may_report: bool,
    w: Words<'a>,
    style: &'static str,
}

impl<'a> Front<'a> {
    /// The page of a report, and of the totals that it is made of.
    pub(crate) const fn new(report: &'a Report, totals: &'a Totals, may_report: bool, lang: Lang) -> Self {
        Self {
            report,
            totals,
            may_report,
            w: Words {
                lang,
                zone: &report.zone,
            },
            style: STYLE,
        }
    }

    fn by_status(&self) -> Vec<(LineStatus, usize, usize)> {
        self.report.totals()
    }

    /// Hosts by state, one number for each role.
    fn hosts(&self) -> Vec<(HostState, [String; 2])> {
        let number = |state, role| {
            let hosts = self.totals.get(Counted::Hosts(role, state)).max(0);
            grouped(usize::try_from(hosts).unwrap_or(usize::MAX))
        };
        let of_state = |state| (state, Role::ALL.map(|role| number(state, role)));
        HostState::ALL.map(of_state).into()
    }

    /// Checks that some host does not pass, the gravest first.
    fn checks(&self) -> Vec<(&'static CheckEntry, HostCounts)> {
        let mut checks: Vec<_> = catalogue::checks()
            .iter()
            .map(|check| (check, hosts_on_check(self.totals, &check.id)))
            .filter(|(_, hosts)| hosts.fail + hosts.error + hosts.stale > 0)
            .collect();
        checks.sort_by_key(|(check, hosts)| {
            Reverse((
                hosts.fail > 0,
                check.severity,
                hosts.fail,
                hosts.error,
                hosts.stale,
            ))
        });
        checks
    }

    /// Attestations that are overdue or due soon, the most pressing first.
    fn pressing(&self) -> Vec<Due> {
        let due = checklist::due(&self.report.checklist).into_iter();
        due.filter(|due| due.state != DueState::InForce).collect()
    }

    /// The first of them.
    fn due(&self) -> Vec<Due> {
        self.pressing().into_iter().take(MOST_DUE).collect()
    }

    /// How many are left out.
    fn due_cut(&self) -> Option<String> {
        let total = self.pressing().len();
        let said = Message::new("front-due-cut")
            .arg("shown", MOST_DUE)
            .arg("total", total);
        (total > MOST_DUE).then(|| said.render_in(self.w.lang))
    }

    /// The open incidents on which something is to be done soonest.
    fn incidents(&self) -> Vec<IncidentRow> {
        let open = open_incidents(self.report);
        let first = open.iter().take(MOST_INCIDENTS);
        first.map(|view| self.w.incident(view)).collect()
    }

    /// How many are left out.
    fn incidents_cut(&self) -> Option<String> {
        let total = open_incidents(self.report).len();
        let said = Message::new("front-incidents-cut")
            .arg("shown", MOST_INCIDENTS)
            .arg("total", total);
        (total > MOST_INCIDENTS).then(|| said.render_in(self.w.lang))
    }

    fn open_actions(&self) -> String {
        let actions = self.report.people.actions.values();
        let open = actions.filter(|action| action.is_open()).count();
        Message::new("front-actions")
            .number("count", open)
            .render_in(self.w.lang)
    }

    fn host_counts(&self, hosts: &HostCounts) -> String {
        host_counts(hosts, self.w.lang)
    }

    fn role(&self, role: &Role) -> String {
        match role {
            Role::Service => self.w.t("role-service"),
            Role::Office => self.w.t("role-office"),
        }
    }
}
