//! What no file tells of: asked every few seconds, cheaply, whether it is still as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use plumbline_checks::Check;
use plumbline_facts::{Host, PROBES, ProbeEntry, ProbeId, with_foundations};
use tokio::time::Instant;

/// How often it is asked.
pub(super) const PERIOD: Duration = Duration::from_secs(10);
/// The wall clock ran ahead of the running clock by more than this: the host slept, or its clock was set.
const SLEPT: Duration = Duration::from_secs(60);

/// What was last seen of each probe that has a pulse.
#[derive(Debug)]
pub(super) struct Pulse {
    host: Arc<Host>,
    checks: Vec<&'static Check>,
    seen: BTreeMap<ProbeId, Option<u64>>,
    clocks: (Timestamp, Instant),
}

/// What a look came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Beat {
    /// Checks that rest on something that changed.
    pub(super) checks: BTreeSet<&'static str>,
    /// The host slept, so that all it was last seen to be is old.
    pub(super) slept: bool,
}

impl Pulse {
    pub(super) fn new(host: Arc<Host>, checks: Vec<&'static Check>) -> Self {
        Self {
            host,
            checks,
            seen: BTreeMap::new(),
            clocks: (Timestamp::now(), Instant::now()),
        }
    }

    /// Looks once. A first look sees no change.
    pub(super) async fn look(&mut self) -> Beat {
        let mut beat = Beat {
            slept: self.slept(Timestamp::now(), Instant::now()),
            ..Beat::default()
        };
        let asked: Vec<&'static ProbeEntry> = PROBES.iter().filter(|probe| probe.pulse.is_some()).collect();
        if asked.is_empty() {
            return beat;
        }
        let host = Arc::clone(&self.host);
        let read = move || -> Vec<(ProbeId, Option<u64>)> {
            asked
                .into_iter()
                .filter_map(|probe| Some((probe.id, probe.pulse?(&host))))
                .collect()
        };
        let Ok(values) = tokio::task::spawn_blocking(read).await else {
            return beat;
        };
        for (probe, value) in values {
            let before = self.seen.insert(probe, value);
            if before.is_some_and(|before| before != value) {
                beat.checks.extend(self.resting_on(probe));
            }
        }
        beat
    }

    fn resting_on(&self, probe: ProbeId) -> impl Iterator<Item = &'static str> {
        self.checks
            .iter()
            .filter(move |check| with_foundations(&check.needs.iter().copied().collect()).contains(&probe))
            .map(|check| check.id)
    }

    fn slept(&mut self, wall: Timestamp, running: Instant) -> bool {
        let (wall_before, running_before) = std::mem::replace(&mut self.clocks, (wall, running));
        let by_wall = wall_before.duration_until(wall);
        let by_running = running.saturating_duration_since(running_before);
        // The running clock stands still while the host sleeps (CLOCK_MONOTONIC, clock_gettime(2)).
        Duration::try_from(by_wall).is_ok_and(|by_wall| by_wall > by_running + SLEPT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sleep_is_told_from_waiting() {
        let mut pulse = Pulse::new(Arc::new(Host::live().unwrap()), Vec::new());
        let (wall, running) = pulse.clocks;
        let later = |seconds| wall + jiff::SignedDuration::from_secs(seconds);
        assert!(!pulse.slept(later(10), running + PERIOD));
        assert!(pulse.slept(later(3_600), running + 2 * PERIOD));
        assert!(!pulse.slept(later(3_610), running + 3 * PERIOD));
        assert!(
            !pulse.slept(later(10), running + 4 * PERIOD),
            "a clock set back is no sleep"
        );
    }
}
