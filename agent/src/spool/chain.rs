//! Where the chain stands.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use plumbline_config::ident::{HostId, Role};
use plumbline_config::wire::{FIRST_PREVIOUS, Report};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::identity::Identity;
use crate::spool::{Sealed, SpoolError};

/// However often the collector disagrees, a resync is tried again after this: it may have been mended.
const LONGEST_SPACING: SignedDuration = SignedDuration::from_hours(1);

/// The enrolment that reports are numbered within.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// The host.
    pub host_id: HostId,
    /// Number of the enrolment.
    pub incarnation: u32,
    /// Role that the host is judged by.
    pub role: Role,
}

impl From<&Identity> for Enrolment {
    fn from(identity: &Identity) -> Self {
        Self {
            host_id: identity.host_id().clone(),
            incarnation: identity.incarnation(),
            role: identity.role(),
        }
    }
}

/// Why the collector has to be sent everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The enrolment is new: the collector has nothing of this host, or what an earlier installation left.
    Enrolled,
    /// It asked.
    CollectorAsked,
    /// It confirmed more before than it holds now: it was restored from a backup.
    CollectorBehind,
    /// Its chain had left ours.
    Renumbered,
    /// It refused a report for good.
    Refused,
    /// Reports were thinned from a full spool.
    Thinned,
    /// The spool could not be read and was started over.
    StartedOver,
    /// This version of the program has other checks than the one before.
    ChecksChanged,
}

impl Why {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Enrolled,
        Self::CollectorAsked,
        Self::CollectorBehind,
        Self::Renumbered,
        Self::Refused,
        Self::Thinned,
        Self::StartedOver,
        Self::ChecksChanged,
    ];

    /// As it is written in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enrolled => "enrolled",
            Self::CollectorAsked => "collector-asked",
            Self::CollectorBehind => "collector-behind",
            Self::Renumbered => "renumbered",
            Self::Refused => "refused",
            Self::Thinned => "thinned",
            Self::StartedOver => "started-over",
            Self::ChecksChanged => "checks-changed",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A resync: when it was queued, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resync {
    /// Host clock.
    pub at: Timestamp,
    /// Why.
    pub why: Why,
}

/// Where the chain stands: the last report that the collector confirmed, and what the next has to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Chain {
    pub(super) enrolment: Option<Enrolment>,
    /// Number of the last confirmed report.
    pub(super) sequence: u64,
    /// Hash of the last confirmed report.
    pub(super) previous: String,
    /// When it was confirmed.
    pub(super) confirmed_at: Option<Timestamp>,
    /// Reports dropped that no sealed report tells of.
    pub(super) dropped_reports: u64,
    /// Reports ever refused for good.
    pub(super) refused_reports: u64,
    /// What waits does not bring the collector to the host's state, and why; everything has to follow.
    pub(super) resync: Option<Why>,
    /// Resyncs ever queued.
    pub(super) resyncs: u64,
    /// The last of them.
    pub(super) last_resync: Option<Resync>,
    /// How many resyncs in a row the collector did not agree after.
    pub(super) in_vain: u32,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            enrolment: None,
            sequence: 0,
            previous: FIRST_PREVIOUS.to_owned(),
            confirmed_at: None,
            dropped_reports: 0,
            refused_reports: 0,
            // Also of a spool that an agent left that kept no state.
            resync: Some(Why::Enrolled),
            resyncs: 0,
            last_resync: None,
            in_vain: 0,
        }
    }
}

impl Chain {
    /// Starts the chain of a new enrolment.
    pub(super) fn enrol(&mut self, enrolment: &Enrolment) {
        *self = Self {
            enrolment: Some(enrolment.clone()),
            dropped_reports: self.dropped_reports,
            refused_reports: self.refused_reports,
            resyncs: self.resyncs,
            ..Self::default()
        };
    }

    pub(super) fn wants_resync(&mut self, why: Why) {
        self.resync.get_or_insert(why);
    }

    /// Whether the resync that is due may begin: not sooner than `spacing` after the last one began, and twice as late
    /// for each that the collector did not agree after, so that two that can't agree do not load each other.
    pub(super) fn may_resync(&self, now: Timestamp, spacing: SignedDuration) -> Option<Why> {
        let factor = 2_i32.saturating_pow(self.in_vain.saturating_sub(1));
        let longest = LONGEST_SPACING.max(spacing);
        let spacing = spacing
            .checked_mul(factor)
            .map_or(longest, |spacing| spacing.min(longest));
        let held = self.last_resync.is_some_and(|last| {
            let since = last.at.duration_until(now);
            // A clock that was set back holds nothing.
            !since.is_negative() && since < spacing
        });
        self.resync.filter(|_| !held)
    }

    pub(super) fn resync_begins(&mut self, resync: Resync) {
        self.resync = None;
        self.resyncs = self.resyncs.saturating_add(1);
        self.last_resync = Some(resync);
        self.in_vain = self.in_vain.saturating_add(1);
    }

    /// Whether the collector confirmed no report for as long as `silence`. Before the first one there is no state that
    /// could stand.
    pub(super) fn silent_for(&self, silence: SignedDuration, now: Timestamp) -> bool {
        self.confirmed_at.map_or(silence.is_zero(), |at| {
            let since = at.duration_until(now);
            since.is_negative() || since >= silence
        })
    }
}

/// The report that the sealed bytes say.
pub(super) fn report_of(sealed: &Sealed) -> Result<Report, SpoolError> {
    Ok(serde_json::from_slice(&sealed.body)?)
}

/// What is to be known of a sealed body without reading it whole.
#[derive(Deserialize)]
pub(super) struct Glance {
    /// The enrolment that it is numbered within.
    pub(super) incarnation: u32,
    /// Reports that it tells were dropped.
    pub(super) dropped_reports: u64,
    assessment: Option<IgnoredAny>,
    state: Option<IgnoredAny>,
}

impl Glance {
    pub(super) fn at(body: &[u8]) -> Result<Self, SpoolError> {
        Ok(serde_json::from_slice(body)?)
    }

    /// Whether it says more than that the state stands.
    pub(super) const fn bears_assessment(&self) -> bool {
        self.assessment.is_some()
    }

    /// Whether it tells the state after it, so that the collector compares.
    pub(super) const fn tells_state(&self) -> bool {
        self.state.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resyncs_are_spaced_and_ever_further_while_the_collector_disagrees() {
        let minute = SignedDuration::from_mins(1);
        let begin = Timestamp::UNIX_EPOCH;
        let mut chain = Chain::default();
        let resync = |at| Resync {
            at,
            why: Why::CollectorAsked,
        };
        assert_eq!(
            chain.may_resync(begin, minute),
            Some(Why::Enrolled),
            "the first at once"
        );
        chain.resync_begins(resync(begin));
        assert_eq!(chain.may_resync(begin + minute, minute), None, "none is due");
        for (vain, minutes) in [(1, 1), (2, 2), (3, 4), (12, 60), (1_000, 60)] {
            chain.in_vain = vain;
            chain.wants_resync(Why::CollectorAsked);
            let due = begin + minute * minutes;
            assert_eq!(chain.may_resync(due - SignedDuration::from_secs(1), minute), None);
            assert_eq!(chain.may_resync(due, minute), Some(Why::CollectorAsked), "{vain}");
        }
        assert!(
            chain.may_resync(begin - minute, minute).is_some(),
            "a clock set back"
        );
    }

    #[test]
    fn every_reason_is_written_as_it_is_named() {
        for why in Why::ALL {
            assert_eq!(serde_json::to_value(why).unwrap(), why.name());
        }
    }
}
