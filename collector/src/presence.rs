//! Which hosts live, by their heartbeats.
//!
//! A heartbeat costs a look into memory: the digest it carries is compared with the one that was kept last, and that
//! the host lives is written later, many hosts in one transaction. What is lost when the collector is killed is a few
//! seconds of heartbeats, and the next ones bring the same again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use plumbline_config::ident::HostId;
use plumbline_config::wire::Heartbeat;
use tracing::error;

use crate::freshness::Cutoff;
use crate::store::{Beat, CertificateRecord, Presence, Store, StoreError, looked_at};

/// Most hosts written in one transaction, so that reports need not wait long for it.
const BATCH: usize = 2_000;

/// Most hosts whose state is held in memory; beyond, the database is asked.
const MOST_KNOWN: usize = 1_000_000;

/// What a heartbeat came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compared {
    /// Highest sequence kept.
    pub(crate) sequence: u64,
    /// The host's state is another than what is kept.
    pub(crate) resync: bool,
}

/// The hosts that live.
#[derive(Debug, Default)]
pub(crate) struct Pulses {
    known: Mutex<HashMap<HostId, Presence>>,
    beats: Mutex<HashMap<HostId, Beat>>,
}

impl Pulses {
    /// Takes note of what is kept of a host now.
    pub(crate) fn kept(&self, host: &HostId, presence: Presence) {
        let mut known = lock(&self.known);
        if known.len() < MOST_KNOWN || known.contains_key(host) {
            known.insert(host.clone(), presence);
        }
    }

    /// Takes a heartbeat in.
    pub(crate) fn beat(
        &self,
        store: &dyn Store,
        certificate: &CertificateRecord,
        heartbeat: &Heartbeat,
        received_at: Timestamp,
    ) -> Result<Compared, StoreError> {
        let host = &certificate.host;
        let is_same = |presence: &Presence| {
            presence.incarnation == certificate.incarnation
                && presence.sequence == heartbeat.sequence
                && presence.state == heartbeat.state
        };
        let known = lock(&self.known).get(host).cloned();
        let presence = match known.filter(is_same) {
            Some(presence) => Some(presence),
            // Another collector may have taken the host's latest report.
            None => store.presence(host)?,
        };
        let Some(presence) = presence else {
            return Ok(Compared {
                sequence: 0,
                resync: true,
            });
        };
        let same = is_same(&presence);
        let age = heartbeat.looked_age_seconds.filter(|_| same);
        let beat = Beat {
            host: host.clone(),
            heard_at: received_at,
            looked_at: age.map(|age| looked_at(received_at, age)),
        };
        lock(&self.beats).insert(host.clone(), beat);
        let sequence = presence.sequence;
        self.kept(host, presence);
        Ok(Compared {
            sequence,
            resync: !same,
        })
    }

    /// Writes what came since the last time. What can't be written waits for the next.
    ///
    /// A look that is stale itself makes nothing fresh: written, it would count as fresh until hosts are next aged.
    pub(crate) fn write(&self, store: &dyn Store, cutoff: Cutoff) {
        let mut beats: Vec<Beat> = std::mem::take(&mut *lock(&self.beats)).into_values().collect();
        for beat in &mut beats {
            beat.looked_at = beat.looked_at.filter(|at| !cutoff.is_stale(*at));
        }
        for batch in beats.chunks(BATCH) {
            if let Err(error) = store.beat(batch) {
                error!(%error, hosts = batch.len(), "heartbeats were not written");
                let mut waiting = lock(&self.beats);
                for beat in batch {
                    waiting.entry(beat.host.clone()).or_insert_with(|| beat.clone());
                }
            }
        }
    }
}

/// A map that a thread left half-way is off by one entry at most.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
