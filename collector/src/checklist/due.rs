//! When each line's next attestation is due.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use plumbline_config::catalogue::AttestationKind;
use plumbline_config::lang::Bilingual;
use serde::Serialize;

use super::model::{Checklist, Line};

/// How long before its end an attestation is due soon.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A line that asks for attestations.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Due {
    /// The line.
    pub line: String,
    /// Clause of the plan.
    pub clause: String,
    /// The requirement in the form's words.
    pub title: Bilingual,
    /// The kind of attestation that it asks for.
    pub kind: AttestationKind,
    /// Whether one is due.
    pub state: DueState,
    /// When the next one is due; `None`: there was never one, and it is due now.
    pub due_at: Option<Timestamp>,
    /// The latest attestation.
    pub attestation: Option<String>,
    /// The day on which that took effect.
    pub effective_on: Option<Date>,
    /// Who did what it speaks of.
    pub performed_by: Option<String>,
}

/// Whether an attestation is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DueState {
    /// The latest one counts no more.
    Overdue,
    /// There was never one.
    Never,
    /// The latest one counts for 30 days at most.
    DueSoon,
    /// The latest one counts for longer.
    InForce,
}

impl DueState {
    /// Every state, the most pressing first.
    pub const ALL: [Self; 4] = [Self::Overdue, Self::Never, Self::DueSoon, Self::InForce];

    /// The name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overdue => "overdue",
            Self::Never => "never",
            Self::DueSoon => "due-soon",
            Self::InForce => "in-force",
        }
    }

    /// The key of the word for it in the message files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Overdue => "due-overdue",
            Self::Never => "due-never",
            Self::DueSoon => "due-soon",
            Self::InForce => "due-in-force",
        }
    }
}

/// Each line that asks for attestations and applies: those that are overdue first, the longest so before the others, then
/// those that were never attested, then the others, the soonest first.
#[must_use]
pub fn due(checklist: &Checklist) -> Vec<Due> {
    let lines = checklist.items.iter().flat_map(|item| &item.lines);
    let mut due: Vec<Due> = lines
        .filter(|line| line.reason.is_none())
        .filter_map(|line| Some(due_of(line, line.attestation_kind?, checklist.as_of)))
        .collect();
    due.sort_by_key(|due| (due.state.min(DueState::DueSoon), due.due_at));
    due
}

fn due_of(line: &Line, kind: AttestationKind, as_of: Timestamp) -> Due {
    let latest = line.attestation.as_ref();
    let state = match latest {
        None => DueState::Never,
        Some(latest) if !latest.in_force => DueState::Overdue,
        Some(latest) if latest.expires_at.duration_since(as_of) <= SOON => DueState::DueSoon,
        Some(_) => DueState::InForce,
    };
    Due {
        line: line.id.clone(),
        clause: line.clause.clone(),
        title: line.title.clone(),
        kind,
        state,
        due_at: line.due_at,
        attestation: latest.map(|latest| latest.id.clone()),
        effective_on: latest.map(|latest| latest.effective_on),
        performed_by: latest.map(|latest| latest.performed_by.clone()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::super::{Input, Period, build};
    use super::*;
    use crate::records::{Attestation, People};
    use crate::store::Totals;

    /// Lines and their states, where these lines were attested on these days.
    fn states(attested: &[(&str, &str)], now: &str) -> Vec<(String, DueState)> {
        let mut people = People::default();
        for (line, day) in attested {
            let given = serde_json::from_value(serde_json::json!({
                "lines": [line], "effective_on": day, "performed_by": "王小明", "statement": "已完成。",
            }));
            let attestation = Attestation {
                at: "2024-01-01T00:00:00Z".parse().unwrap(),
                by: "user:alice".to_owned(),
                given: given.unwrap(),
                withdrawn: None,
                corrected_by: None,
                steps: 1,
            };
            people.attestations.insert(format!("a-{line}"), attestation);
        }
        let now = now.parse().unwrap();
        let checklist = build(&Input {
            period: &"2026".parse::<Period>().unwrap(),
            as_of: now,
            now,
            plan: None,
            totals: &Totals::default(),
            people: &people,
            zone: &TimeZone::get("Asia/Taipei").unwrap(),
        });
        due(&checklist)
            .into_iter()
            .map(|due| (due.line, due.state))
            .collect()
    }

    #[test]
    fn what_is_overdue_stands_first_and_what_is_due_last_stands_last() {
        // The usual plan asks for both each year.
        let states = states(
            &[
                ("10.1", "2026-03-01"),
                ("10.2", "2025-03-10"),
                ("5.6.1", "2025-03-01"),
            ],
            "2026-03-12T00:00:00Z",
        );
        let place = |id: &str| states.iter().position(|(line, _)| line == id).unwrap();
        assert_eq!(states[0], ("5.6.1".to_owned(), DueState::Overdue));
        assert_eq!(states[1], ("10.2".to_owned(), DueState::Overdue));
        assert_eq!(states[2].1, DueState::Never);
        assert_eq!(place("10.1"), states.len() - 1);
        assert_eq!(states[place("10.1")].1, DueState::InForce);
    }

    #[test]
    fn an_attestation_is_due_soon_for_thirty_days() {
        let state = |now| {
            let states = states(&[("10.1", "2026-03-01")], now);
            states.into_iter().find(|(line, _)| line == "10.1").unwrap().1
        };
        assert_eq!(state("2027-01-29T15:59:59Z"), DueState::InForce);
        assert_eq!(state("2027-01-29T16:00:00Z"), DueState::DueSoon);
        assert_eq!(state("2027-02-28T16:00:00Z"), DueState::DueSoon);
        assert_eq!(state("2027-02-28T16:00:01Z"), DueState::Overdue);
    }
}
