//! Until when the authority is to be told, 5（2）1.

use jiff::{SignedDuration, Timestamp};
use plumbline_config::lang::Lang;
use plumbline_config::message::Message;
use serde::Serialize;

use super::{Incident, IncidentState, Whom};

/// Until when the authority is to be told, and how that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Clock {
    /// The last moment in time.
    pub deadline_at: Timestamp,
    /// How it stands.
    #[serde(rename = "clock")]
    pub state: ClockState,
    /// What is left; negative once it is overdue. `None`: nobody has to be told any more.
    pub left_seconds: Option<i64>,
}

/// How it stands with telling the authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockState {
    /// There is time left.
    Running,
    /// It was not told, and the time is over.
    Overdue,
    /// It was told in time.
    Met,
    /// It was told, and too late.
    Late,
    /// It need not be told.
    NotOwed,
}

impl ClockState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Running, Self::Overdue, Self::Met, Self::Late, Self::NotOwed];

    /// The name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Overdue => "overdue",
            Self::Met => "met",
            Self::Late => "late",
            Self::NotOwed => "not-owed",
        }
    }

    /// The key of the word for it in the message files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Running => "incident-clock-running",
            Self::Overdue => "incident-clock-overdue",
            Self::Met => "incident-clock-met",
            Self::Late => "incident-clock-late",
            Self::NotOwed => "incident-clock-not-owed",
        }
    }

    const fn said_key(self) -> &'static str {
        match self {
            Self::Running => "incident-until-running",
            Self::Overdue => "incident-until-overdue",
            Self::Met => "incident-until-met",
            Self::Late => "incident-until-late",
            Self::NotOwed => "incident-until-not-owed",
        }
    }
}

impl Clock {
    /// How it stands, in words; `time` says moments as people count them.
    #[must_use]
    pub fn said(&self, lang: Lang, time: &dyn Fn(Timestamp) -> String) -> String {
        let minutes = self.left_seconds.unwrap_or_default().unsigned_abs() / 60;
        Message::new(self.state.said_key())
            .arg("deadline", time(self.deadline_at))
            .arg("hours", minutes / 60)
            .arg("minutes", minutes % 60)
            .render_in(lang)
    }

    /// What orders cases by how soon something is to be done: those whose time runs, the least left first.
    #[must_use]
    pub fn urgency(&self) -> (bool, Timestamp) {
        (self.left_seconds.is_none(), self.deadline_at)
    }
}

fn after(at: Timestamp, seconds: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}

impl Incident {
    /// Until when the authority is to be told: within the plan's time of the company knowing; and once the media
    /// reported, within the shorter one of that, or of knowing where the media came first.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        let known = self.opened.known_at;
        let usual = after(known, self.opened.report_within_seconds);
        let in_media = self
            .in_media_at
            .map(|reported| after(known.max(reported), self.opened.report_within_if_in_media_seconds));
        in_media.map_or(usual, |in_media| usual.min(in_media))
    }

    /// Whether the authority is to be told, as far as is known: 5（2）2. It need not be once the case was dismissed, or
    /// was found to endanger neither the company's business nor many people; a finding that it is no incident at all
    /// counts only when somebody else has dismissed it.
    pub(super) fn owes_authority(&self) -> bool {
        let small = |case: &Self| case.assessed().is_some_and(|assessed| !assessed.grave);
        match self.state() {
            IncidentState::Suspected | IncidentState::Unfounded => true,
            IncidentState::Confirmed | IncidentState::Closed => !small(self),
            IncidentState::Dismissed => false,
        }
    }

    /// How it stands with telling the authority.
    #[must_use]
    pub fn clock(&self, now: Timestamp) -> Clock {
        let deadline_at = self.deadline();
        let state = match self.told(Whom::Authority) {
            Some(told) if told <= deadline_at => ClockState::Met,
            Some(_) => ClockState::Late,
            None if !self.owes_authority() => ClockState::NotOwed,
            None if now <= deadline_at => ClockState::Running,
            None => ClockState::Overdue,
        };
        let runs = matches!(state, ClockState::Running | ClockState::Overdue);
        Clock {
            deadline_at,
            state,
            left_seconds: runs.then(|| deadline_at.duration_since(now).as_secs()),
        }
    }
}
