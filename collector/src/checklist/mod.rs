//! The Section 12 checklist: the twelve items of 12（6） and the particulars 12（1）–（5）, as a pure function of what
//! the hosts show, the plan and the time.

mod due;
mod evaluate;
mod incidents;
mod model;
mod particulars;
mod people;
mod period;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumbline_config::catalogue;
use plumbline_config::ident::Role;
use plumbline_config::plan::LoadedPlan;

use crate::records::{Attested, People};
use crate::store::Totals;
use evaluate::{Evidence, item_status, line_status, on_check, on_line};

pub use due::{Due, DueState, due};
pub use model::{
    Answer, Basis, Checklist, HostCounts, Item, Line, LineAction, LineAttestation, LineCheck, LineIncident,
    LineStatus, Particular,
};
pub use period::{InvalidPeriod, Period};

/// What a checklist is made from.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The period it is for.
    pub period: &'a Period,
    /// The moment whose state it shows.
    pub as_of: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// The published plan; without one no line is switched off and nothing is declared.
    pub plan: Option<&'a LoadedPlan>,
    /// What the hosts show.
    pub totals: &'a Totals,
    /// What people say.
    pub people: &'a People,
    /// The zone that days are counted in.
    pub zone: &'a TimeZone,
}

/// Makes the checklist.
#[must_use]
pub fn build(input: &Input<'_>) -> Checklist {
    let attested = input.people.attested();
    let items = catalogue::items().iter().map(|item| {
        let lines = item.lines.iter().map(|line| line_of(line, input, &attested));
        let lines: Vec<Line> = lines.collect();
        Item {
            number: item.number,
            title: item.title.clone(),
            status: item_status(lines.iter().map(|line| line.status)),
            lines,
        }
    });
    Checklist {
        period: input.period.to_string(),
        as_of: input.as_of,
        generated_at: input.now,
        plan: input.plan.map(|plan| plan.reference.clone()),
        particulars: particulars::answer(input.plan),
        items: items.collect(),
    }
}

/// Hosts of both roles by what they show on a check.
#[must_use]
pub fn hosts_on_check(totals: &Totals, check: &'static str) -> HostCounts {
    on_check(totals, check, &Role::ALL)
}

fn line_of(line: &'static catalogue::Line, input: &Input<'_>, attested: &Attested<'_>) -> Line {
    let roles: Vec<Role> = Role::ALL
        .into_iter()
        .filter(|role| line.scope.covers(*role))
        .collect();
    let checks: Vec<LineCheck> = line
        .checks
        .iter()
        .map(|check| line_check(check, input.totals, &roles))
        .collect();
    let hosts = on_line(input.totals, &line.id, &roles);
    let answer = people::answer(line, input, attested);
    let evidence = Evidence {
        asked: line.basis,
        hosts,
        checks: checks.len(),
        measured_checks: checks.iter().filter(|check| check.measured).count(),
        attested: answer.status,
    };
    let reason = input.plan.and_then(|plan| line.not_applicable(&plan.plan));
    let (status, basis) = match reason {
        Some(_) => (LineStatus::NotApplicable, Basis::None),
        None => {
            let (status, basis) = line_status(&evidence);
            (incidents::limited(line, status, input), basis)
        }
    };
    Line {
        id: line.id.clone(),
        clause: line.clause.clone(),
        title: line.title.clone(),
        status,
        basis,
        hosts,
        checks,
        attestation: answer.attestation,
        attestation_kind: line.attestation,
        due_at: answer.due_at,
        corrective_action: people::action(&line.id, input),
        incidents: incidents::owed(line, input),
        waivers: people::waivers(line, input),
        reason: reason.map(str::to_owned),
    }
}

fn line_check(check: &'static str, totals: &Totals, roles: &[Role]) -> LineCheck {
    let hosts = on_check(totals, check, roles);
    LineCheck {
        check: check.to_owned(),
        title: catalogue::check(check)
            .map(|entry| entry.title.clone())
            .unwrap_or_default(),
        measured: hosts.total() > 0,
        hosts,
    }
}

#[cfg(test)]
mod tests;
