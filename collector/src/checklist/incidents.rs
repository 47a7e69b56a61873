//! What incidents make of the lines of Section 5.

use jiff::Timestamp;
use plumbline_config::catalogue::{self, Duty};

use super::Input;
use super::model::{LineIncident, LineStatus};
use crate::records::Incident;
use crate::records::incident::{ClockState, Done};

/// Every case that had not ended at `from`, as it stood at the moment that is shown.
fn since<'i>(from: Timestamp, input: &'i Input<'_>) -> impl Iterator<Item = (&'i String, Incident)> {
    let all = input.people.incidents.iter();
    // Told from the end alone: what cases were takes longer to find out, and most have long ended.
    let lasted = all.filter(move |(_, incident)| incident.end.as_ref().is_none_or(|end| end.at >= from));
    lasted.filter_map(|(id, incident)| Some((id, incident.as_of(input.as_of)?)))
}

/// The open cases of which what a line asks for is still to be done.
pub(super) fn owed(line: &catalogue::Line, input: &Input<'_>) -> Vec<LineIncident> {
    let Some(duty) = line.duty else {
        return Vec::new();
    };
    let is_owed = |incident: &Incident| incident.is_open() && incident.done(duty) == Done::Owed;
    let open = since(input.as_of, input).filter(|(_, incident)| is_owed(incident));
    let mut owed: Vec<_> = open
        .map(|(id, incident)| {
            let clock = incident.clock(input.as_of);
            let owed = LineIncident {
                id: id.clone(),
                state: incident.state(),
                duty,
                clock: (duty == Duty::NotifyAuthority).then_some(clock),
            };
            (clock.urgency(), owed)
        })
        .collect();
    owed.sort_by_key(|(urgency, _)| *urgency);
    owed.into_iter().map(|(_, owed)| owed).collect()
}

/// What a line may be at best: it is not met while an authority waits longer than 72 hours for its notice, and only in
/// part in a period in which one came too late. A written procedure alone does not tell anybody.
pub(super) fn limited(line: &catalogue::Line, status: LineStatus, input: &Input<'_>) -> LineStatus {
    if line.duty != Some(Duty::NotifyAuthority) {
        return status;
    }
    let begin = input.period.start(input.zone);
    let mut limited = status;
    for (_, incident) in since(begin, input) {
        let clock = incident.clock(input.as_of);
        let at_best = match clock.state {
            ClockState::Overdue => LineStatus::Nonconforming,
            ClockState::Late if clock.deadline_at >= begin => LineStatus::Partly,
            _ => continue,
        };
        limited = limited.max(at_best);
    }
    limited
}
