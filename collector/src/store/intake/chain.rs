//! A report's place in its host's chain.

use plumbline_config::wire::FIRST_PREVIOUS;

use super::{Gap, Ground, HostRow, Writes};
use crate::store::{Fork, Incoming, Keep, StoreError};

/// What a report is to the chain.
pub(super) enum Place {
    /// The next one.
    Next,
    /// Not to be kept.
    Refused(Keep),
}

/// Finds the place of a report, and takes note in `host` where it is the next.
pub(super) fn place<'r>(
    ground: &mut impl Ground,
    host: &mut HostRow,
    incoming: &'r Incoming,
    writes: &mut Writes<'r>,
) -> Result<Place, StoreError> {
    // Revoked, or enrolled again, since its certificate was judged.
    if host.revoked || host.incarnation != incoming.incarnation {
        return Ok(Place::Refused(Keep::Superseded));
    }
    let sequence = incoming.report.sequence;
    let last = host.last_sequence;
    if sequence <= last {
        let kept = match host.taken.get(&sequence) {
            Some(sha256) => Some(sha256.clone()),
            None if sequence == last => host.last_sha256.clone(),
            None => ground.kept_sha256(incoming)?,
        };
        if kept.as_ref() == Some(&incoming.body.sha256) {
            return Ok(Place::Refused(Keep::Duplicate {
                sequence: last,
                state: host.digest(),
            }));
        }
        return Ok(fork(host, incoming, writes, Fork::Body));
    }
    let previous = host.last_sha256.as_deref().unwrap_or(FIRST_PREVIOUS);
    let chained = sequence == last + 1 && incoming.report.previous == previous;
    let missing = (sequence - last - 1).max(incoming.report.dropped_reports);
    if missing > incoming.report.dropped_reports {
        return Ok(Place::Refused(Keep::Gap { last }));
    }
    if missing > 0 {
        // The host says itself that reports are missing. Then the chain may begin anew, on record: so a host gets on
        // with a collector that was restored from a backup.
        writes.gaps.push(Gap {
            incoming,
            missing,
            chained,
        });
    } else if !chained {
        return Ok(fork(host, incoming, writes, Fork::Previous));
    }
    host.advance(incoming, missing);
    writes.reports.push(incoming);
    Ok(Place::Next)
}

fn fork<'r>(host: &mut HostRow, incoming: &'r Incoming, writes: &mut Writes<'r>, fork: Fork) -> Place {
    host.forks += 1;
    writes.forks.push(incoming);
    Place::Refused(Keep::Fork {
        fork,
        last: host.last_sequence,
    })
}
