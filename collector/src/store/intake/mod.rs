//! What becomes of a batch of reports: one set of rules for every engine.
//!
//! An engine reads what the rules need ([`Ground`]), inside the transaction and with the hosts' rows locked; [`judge`]
//! decides, without touching the database; and the engine writes what came of it ([`Writes`]). So a batch costs an
//! engine a handful of statements whatever its size, and engines can't differ in what they accept.

mod chain;
mod findings;
mod host;
mod writes;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use plumbline_config::ident::HostId;

use super::totals::Totals;
use super::{Incoming, Keep, StoreError};
use chain::{Place, place};

pub(super) use findings::{FindingKey, Known, Wanted};
pub(crate) use host::looked_at;
pub(super) use host::{HostRow, Pulse};
pub(super) use writes::{FindingRow, Gap, Writes};

/// What the rules have to know of what is kept.
pub(super) trait Ground {
    /// The hosts with these ids that there are, locked until the transaction ends.
    fn hosts(&mut self, ids: &BTreeSet<&HostId>) -> Result<HashMap<HostId, HostRow>, StoreError>;
    /// SHA-256 of the body kept under a sequence.
    fn kept_sha256(&mut self, incoming: &Incoming) -> Result<Option<String>, StoreError>;
    /// The findings that stand now, of those wanted.
    fn findings(
        &mut self,
        wanted: &Wanted,
    ) -> Result<HashMap<HostId, BTreeMap<FindingKey, Known>>, StoreError>;
}

/// Decides on every report of a batch, in order, and says what is to be written.
pub(super) fn judge<'r>(
    ground: &mut impl Ground,
    reports: &'r [Incoming],
) -> Result<(Vec<Keep>, Writes<'r>), StoreError> {
    let ids: BTreeSet<&HostId> = reports.iter().map(|incoming| &incoming.host).collect();
    let mut hosts = ground.hosts(&ids)?;
    let before = hosts.clone();
    let mut writes = Writes::default();
    let mut places = Vec::with_capacity(reports.len());
    let mut wanted = Wanted::default();
    for incoming in reports {
        let place = match hosts.get_mut(&incoming.host) {
            Some(host) => place(ground, host, incoming, &mut writes)?,
            None => Place::Refused(Keep::Superseded),
        };
        if let (Place::Next, Some(assessment)) = (&place, &incoming.report.assessment) {
            wanted.add(&incoming.host, assessment);
        }
        places.push(place);
    }
    let mut known = ground.findings(&wanted)?;
    let mut outcomes = Vec::with_capacity(reports.len());
    for (incoming, place) in reports.iter().zip(places) {
        outcomes.push(match (place, hosts.get_mut(&incoming.host)) {
            (Place::Refused(keep), _) => keep,
            (Place::Next, None) => Keep::Superseded,
            (Place::Next, Some(host)) => {
                let known = known.entry(incoming.host.clone()).or_default();
                let transitions = findings::apply(host, known, incoming, &mut writes);
                let resync = host.sync(incoming);
                Keep::Kept {
                    sequence: incoming.report.sequence,
                    role: host.role,
                    transitions,
                    resync,
                    state: host.digest(),
                }
            }
        });
    }
    for (id, host) in hosts {
        if let Some(before) = before.get(&id).filter(|before| **before != host) {
            shift(&mut writes.totals, before, &host);
            if before.tally != host.tally {
                writes.tallied.insert(host.id.clone());
            }
            writes.hosts.push(host);
        }
    }
    Ok((outcomes, writes))
}

/// Takes a host's old contribution out and puts the new one in.
pub(super) fn shift(totals: &mut Totals, before: &HostRow, after: &HostRow) {
    if before.standing() != after.standing() {
        before.as_counted().contribute(totals, -1);
        after.as_counted().contribute(totals, 1);
    } else if before.tally != after.tally {
        let checks = before.tally.differing(&after.tally);
        before.as_counted().replace(&after.as_counted(), &checks, totals);
    }
}
