//! Freshness: how old what we know is, and when that makes it stale.
//!
//! The collector's own clock decides; the host's may be wrong or lying. What is kept of a host stands as of its latest
//! look that the collector knows of: a report or a heartbeat whose digest is the digest of what is kept, less the age
//! that the host gives its oldest look. It is stale once that is as old as the settings' `stale_after`, or the host is
//! revoked. Stale covers every status: what nobody looked at
//! lately is neither green nor red, it is unknown.

use jiff::{SignedDuration, Timestamp};
use plumbline_config::finding::Status;
use plumbline_config::interval::Interval;
use serde::{Deserialize, Serialize};

/// Hosts that passed the line are counted as stale by a job that runs every few seconds. Where it has not run for this
/// long, readers count for themselves.
const KEEPING_UP: SignedDuration = SignedDuration::from_secs(60);

/// Whether a host is heard from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostState {
    /// Heard from lately.
    Fresh,
    /// Silent for too long.
    Stale,
    /// Revoked by an operator.
    Revoked,
}

impl HostState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Fresh, Self::Stale, Self::Revoked];

    /// The name used in JSON and as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Revoked => "revoked",
        }
    }

    /// The key of the word for it in the message files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Fresh => "collector-state-fresh",
            Self::Stale => "collector-state-stale",
            Self::Revoked => "collector-state-revoked",
        }
    }
}

/// The line between fresh and stale at one moment: what was received at or before it is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cutoff(Timestamp);

impl Cutoff {
    /// The line at `now`, where things go stale after `stale_after`.
    #[must_use]
    pub fn new(now: Timestamp, stale_after: Interval) -> Self {
        Self(
            now.saturating_sub(stale_after.nominal())
                .unwrap_or(Timestamp::MIN),
        )
    }

    /// The moment itself.
    #[must_use]
    pub const fn at(self) -> Timestamp {
        self.0
    }

    /// Whether something received then is stale.
    #[must_use]
    pub fn is_stale(self, received_at: Timestamp) -> bool {
        received_at <= self.0
    }

    /// Whether `earlier`, another such line, lies so far back that nobody has kept up with it.
    #[must_use]
    pub fn is_long_past(self, earlier: Timestamp) -> bool {
        self.0.duration_since(earlier) > KEEPING_UP
    }

    /// The state of a host last heard from at `heard_at`.
    #[must_use]
    pub fn host(self, heard_at: Timestamp, revoked: bool) -> HostState {
        if revoked {
            HostState::Revoked
        } else if self.is_stale(heard_at) {
            HostState::Stale
        } else {
            HostState::Fresh
        }
    }

    /// The status shown for a finding measured as `status` that was last known to stand at `looked_at`.
    #[must_use]
    pub fn shown(self, status: Status, looked_at: Option<Timestamp>, revoked: bool) -> Status {
        if revoked || looked_at.is_none_or(|at| self.is_stale(at)) {
            Status::Stale
        } else {
            status
        }
    }
}

#[cfg(test)]
mod tests {
    use plumbline_config::interval::Unit;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn nothing_old_and_nothing_of_a_revoked_host_is_ever_green() {
        let cutoff = Cutoff::new(at("2026-10-01T12:00:00Z"), Interval::new(3, Unit::Hour));
        let (old, young) = (at("2026-10-01T09:00:00Z"), at("2026-10-01T09:00:01Z"));
        for status in Status::ALL {
            assert_eq!(cutoff.shown(status, Some(old), false), Status::Stale);
            assert_eq!(cutoff.shown(status, None, false), Status::Stale);
            assert_eq!(cutoff.shown(status, Some(young), true), Status::Stale);
            assert_eq!(cutoff.shown(status, Some(young), false), status);
        }
    }

    #[test]
    fn a_host_is_fresh_stale_or_revoked() {
        let cutoff = Cutoff::new(at("2026-10-01T12:00:00Z"), Interval::new(3, Unit::Hour));
        assert_eq!(cutoff.host(at("2026-10-01T11:00:00Z"), false), HostState::Fresh);
        assert_eq!(cutoff.host(at("2026-10-01T08:59:59Z"), false), HostState::Stale);
        assert_eq!(cutoff.host(at("2026-10-01T11:00:00Z"), true), HostState::Revoked);
    }

    #[test]
    fn a_length_beyond_the_calendar_makes_nothing_stale() {
        let cutoff = Cutoff::new(Timestamp::MIN, Interval::days(1));
        assert!(!cutoff.is_stale(at("1970-01-01T00:00:00Z")));
    }
}
