//! What people's records say of a line on a day.

use jiff::Timestamp;
use jiff::civil::Date;
use plumbline_config::catalogue;
use plumbline_config::plan::Plan;

use super::Input;
use super::model::{LineAction, LineAttestation, LineStatus};
use crate::records::{Attestation, Attested, Waiver};

/// How a line is answered by people.
pub(super) struct Answer {
    /// What the attestation alone says: conforming, partly where it leaves something open, nonconforming without one.
    pub(super) status: LineStatus,
    /// The latest attestation, in force or not.
    pub(super) attestation: Option<LineAttestation>,
    /// When the next one is due; `None`: none is asked for, or there was never one, so it is due now.
    pub(super) due_at: Option<Timestamp>,
}

/// The day whose state is shown.
fn day(input: &Input<'_>) -> Date {
    // The end of a period is the midnight after its last day.
    let moment = Timestamp::from_nanosecond(input.as_of.as_nanosecond() - 1).unwrap_or(input.as_of);
    crate::records::day_of(moment, input.zone)
}

/// What people say of a line.
pub(super) fn answer(line: &catalogue::Line, input: &Input<'_>, attested: &Attested<'_>) -> Answer {
    let nothing = Answer {
        status: LineStatus::Nonconforming,
        attestation: None,
        due_at: None,
    };
    if line.attestation.is_none() {
        return nothing;
    }
    let usual = Plan::default();
    let plan = input.plan.map_or(&usual, |plan| &plan.plan);
    let Some(interval) = line.interval(plan) else {
        return nothing;
    };
    let today = day(input);
    let attested = attested.get(line.id.as_str()).map_or(&[][..], Vec::as_slice);
    let effective = |(_, attestation): &&(&str, &Attestation)| attestation.given.effective_on <= today;
    let Some((id, attestation)) = attested.iter().find(effective) else {
        return nothing;
    };
    let expires = attestation.given.expires(interval, input.zone);
    let in_force = expires >= input.as_of;
    let status = match (in_force, attestation.given.is_clean()) {
        (true, true) => LineStatus::Conforming,
        (true, false) => LineStatus::Partly,
        (false, _) => LineStatus::Nonconforming,
    };
    Answer {
        status,
        attestation: Some(LineAttestation {
            id: (*id).to_owned(),
            effective_on: attestation.given.effective_on,
            expires_at: expires,
            in_force,
            is_clean: attestation.given.is_clean(),
            performed_by: attestation.given.performed_by.clone(),
            statement: attestation.given.statement.clone(),
            given_at: attestation.at,
            given_by: attestation.by.clone(),
            files: attestation.given.files.clone(),
        }),
        due_at: Some(expires),
    }
}

/// The corrective action that is open on a line at that moment.
pub(super) fn action(line: &str, input: &Input<'_>) -> Option<LineAction> {
    let on_line = input
        .people
        .actions
        .iter()
        .filter(|(_, action)| action.line == line);
    let mut then = on_line.filter_map(|(id, action)| Some((id, action.as_of(input.as_of)?)));
    let (id, action) = then.find(|(_, action)| action.is_open())?;
    Some(LineAction {
        id: id.clone(),
        stage: action.stage,
        opened_at: action.at,
        owner: action.owner,
        due_on: action.due_on,
    })
}

/// The waivers that are in force on a line's checks.
pub(super) fn waivers(line: &catalogue::Line, input: &Input<'_>) -> Vec<String> {
    let today = day(input);
    let then = |waiver: &Waiver| waiver.as_of(input.as_of);
    input
        .people
        .waivers
        .iter()
        .filter(|(_, waiver)| line.checks.contains(&waiver.requested.check))
        .filter(|(_, waiver)| then(waiver).is_some_and(|then| then.is_in_force(today)))
        .map(|(id, _)| id.clone())
        .collect()
}
